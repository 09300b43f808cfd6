//! The bodies of handshake messages. What a real side would compute with its key, or prove, is drawn by lot.

use super::Draw;
use super::identity::Key;
use crate::tls::choice::Choice;
use crate::tls::handshake::extension;
use crate::tls::suite::Exchange;
use crate::tls::version::Version;

/// Curves a client offers: X25519, secp256r1, secp384r1.
const CURVES: [u8; 6] = [0, 29, 0, 23, 0, 24];
/// The curve that is taken up to TLS 1.2, secp256r1, and how long its points are.
const CURVE: [u8; 3] = [3, 0, 23];
/// Signatures that are accepted: RSA-PSS, RSA, ECDSA and DSA with SHA-256, RSA with SHA-1.
const SIGNATURES: [u8; 10] = [8, 4, 4, 1, 4, 3, 4, 2, 2, 1];
/// Octets of a Diffie-Hellman group, and of an RSA key.
const GROUP: usize = 256;

fn sized8(octets: &[u8]) -> Vec<u8> {
    [&[octets.len() as u8], octets].concat()
}

fn sized16(octets: &[u8]) -> Vec<u8> {
    [&(octets.len() as u16).to_be_bytes(), octets].concat()
}

fn sized24(octets: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (octets.len() as u32).to_be_bytes();
    [&length, octets].concat()
}

fn extension(number: u16, data: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], &sized16(data)].concat()
}

/// A message with its header.
pub(super) fn whole(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], sized24(body).as_slice()].concat()
}

/// A client's hello that offers one suite. `share` is its half of the key exchange of TLS 1.3.
///
/// Source: RFC 5246 §7.4.1.2; RFC 8446 §4.1.2.
pub(super) fn client_hello(
    choice: Choice,
    random: &[u8; 32],
    session: &[u8],
    name: &str,
    share: Option<&[u8; 32]>,
) -> Vec<u8> {
    let Choice { version, suite } = choice;
    let host = [&[0], sized16(name.as_bytes()).as_slice()].concat();
    let mut extensions = extension(extension::SERVER_NAME, &sized16(&host));
    if matches!(suite.exchange, Exchange::Ecdhe | Exchange::Tls13) {
        extensions.extend(extension(extension::SUPPORTED_GROUPS, &sized16(&CURVES)));
    }
    if suite.exchange == Exchange::Ecdhe {
        extensions.extend(extension(extension::EC_POINT_FORMATS, &[1, 0]));
    }
    if version >= Version::Tls12 {
        extensions.extend(extension(extension::SIGNATURE_ALGORITHMS, &sized16(&SIGNATURES)));
    }
    match share {
        Some(share) => {
            let versions = sized8(&version.number().to_be_bytes());
            extensions.extend(extension(extension::SUPPORTED_VERSIONS, &versions));
            extensions.extend(extension(extension::KEY_SHARE, &sized16(&key_share(share))));
        }
        None => extensions.extend(extension(extension::RENEGOTIATION_INFO, &[0])),
    }
    hello(version, random, session, &[&sized16(&suite.code.to_be_bytes())[..], &[1, 0]].concat(), &extensions)
}

/// A server's hello that takes the one suite. Source: RFC 5246 §7.4.1.3; RFC 8446 §4.1.3.
pub(super) fn server_hello(choice: Choice, random: &[u8; 32], session: &[u8], share: Option<&[u8; 32]>) -> Vec<u8> {
    let Choice { version, suite } = choice;
    let extensions = match share {
        Some(share) => [
            extension(extension::SUPPORTED_VERSIONS, &version.number().to_be_bytes()),
            extension(extension::KEY_SHARE, &key_share(share)),
        ]
        .concat(),
        None => extension(extension::RENEGOTIATION_INFO, &[0]),
    };
    hello(version, random, session, &[&suite.code.to_be_bytes()[..], &[0]].concat(), &extensions)
}

fn hello(version: Version, random: &[u8; 32], session: &[u8], offer: &[u8], extensions: &[u8]) -> Vec<u8> {
    [&version.in_records().to_be_bytes(), &random[..], &sized8(session), offer, &sized16(extensions)].concat()
}

/// One half of a key exchange over X25519.
fn key_share(share: &[u8; 32]) -> Vec<u8> {
    [&[0, 29], sized16(share).as_slice()].concat()
}

/// A chain of certificates, DER. Source: RFC 5246 §7.4.2; RFC 8446 §4.4.2.
pub(super) fn certificate(version: Version, chain: &[Vec<u8>]) -> Vec<u8> {
    let one = |der: &Vec<u8>| match version {
        Version::Tls13 => [&sized24(der)[..], &[0, 0]].concat(),
        _ => sized24(der),
    };
    let list = sized24(&chain.iter().flat_map(one).collect::<Vec<u8>>());
    match version {
        Version::Tls13 => [&[0], list.as_slice()].concat(),
        _ => list,
    }
}

/// The wish for a client's certificate, of any issuer. Source: RFC 5246 §7.4.4; RFC 8446 §4.3.2.
pub(super) fn certificate_request(version: Version) -> Vec<u8> {
    // Keys of RSA, DSA and elliptic curves.
    let kinds: &[u8] = &[3, 1, 2, 64];
    match version {
        Version::Tls10 | Version::Tls11 => [kinds, &[0, 0]].concat(),
        Version::Tls12 => [kinds, &sized16(&SIGNATURES), &[0, 0]].concat(),
        Version::Tls13 => {
            let extensions = extension(extension::SIGNATURE_ALGORITHMS, &sized16(&SIGNATURES));
            [&[0], sized16(&extensions).as_slice()].concat()
        }
    }
}

/// The server's half of a Diffie-Hellman exchange, signed if it has a key. Source: RFC 5246 §7.4.3; RFC 8422 §5.4.
pub(super) fn server_parameters(choice: Choice, draw: &mut Draw) -> Vec<u8> {
    let mut parameters = match choice.suite.exchange {
        Exchange::Dhe => [sized16(&number(draw)), sized16(&[2]), sized16(&number(draw))].concat(),
        _ => [&CURVE[..], &sized8(&point(draw))].concat(),
    };
    if let Some(key) = Key::of(choice) {
        parameters.extend(key.signature(choice.version, draw));
    }
    parameters
}

/// The client's half of the exchange. Source: RFC 5246 §7.4.7; RFC 8422 §5.7.
pub(super) fn client_exchange(exchange: Exchange, draw: &mut Draw) -> Vec<u8> {
    match exchange {
        Exchange::Rsa | Exchange::Dhe => sized16(&number(draw)),
        Exchange::Ecdhe | Exchange::Tls13 => sized8(&point(draw)),
    }
}

/// An odd number as long as a group.
pub(super) fn number(draw: &mut Draw) -> Vec<u8> {
    let mut octets = vec![0; GROUP];
    draw(&mut octets);
    if let [first, .., last] = octets.as_mut_slice() {
        (*first, *last) = (*first | 0x80, *last | 1);
    }
    octets
}

/// What has the form of a point on secp256r1.
pub(super) fn point(draw: &mut Draw) -> Vec<u8> {
    let mut octets = vec![4; 65];
    if let [_, coordinates @ ..] = octets.as_mut_slice() {
        draw(coordinates);
    }
    octets
}

/// What has the form of a signature, with its algorithm where that is stated.
///
/// Source: RFC 5246 §4.7; RFC 8446 §4.2.3.
pub(super) fn signature(algorithm: Option<[u8; 2]>, octets: &[u8]) -> Vec<u8> {
    [algorithm.as_ref().map_or(&[][..], |algorithm| algorithm), &sized16(octets)].concat()
}
