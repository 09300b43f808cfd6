//! Handshake messages: put together over record borders, and what reading along needs of each.

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u24};
use nom::{IResult, Parser, combinator::map, multi::length_data};

/// The most octets a message may have; certificate chains are the longest.
const MAX_MESSAGE: usize = 256 << 10;

/// Kinds of message. Source: RFC 8446 §4; RFC 5246 §7.4; RFC 6066 §8.
pub(crate) mod kind {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const SERVER_KEY_EXCHANGE: u8 = 12;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const SERVER_HELLO_DONE: u8 = 14;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const CLIENT_KEY_EXCHANGE: u8 = 16;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const CERTIFICATE_STATUS: u8 = 22;
    pub(crate) const KEY_UPDATE: u8 = 24;
}

/// The most octets of a ticket that is kept: tickets are some hundred octets.
const MAX_TICKET: usize = 4096;
/// The most octets of an encrypted premaster secret: as many as the longest RSA key gives.
const MAX_EXCHANGE: usize = 2048;
/// The most octets of a host's name. Source: RFC 1035 §2.3.4.
const MAX_HOST: usize = 255;

/// Puts the messages of one side together.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The beginning of a message that is not whole.
    partial: Vec<u8>,
    /// Messages cannot be told apart any more: octets were lost, or one was too long.
    lost: bool,
}

impl Messages {
    /// Takes the octets of one record and gives each message that is now whole, header included.
    pub(crate) fn push(&mut self, octets: &[u8], mut out: impl FnMut(&[u8])) {
        if self.lost {
            return;
        }
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(octets);
        let mut taken = 0;
        while let Some(rest) = joined.get(taken..)
            && let Some([_, high, middle, low]) = rest.first_chunk()
        {
            let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
            if length > MAX_MESSAGE {
                self.lost = true;
                return;
            }
            let Some(message) = rest.get(..4 + length) else { break };
            out(message);
            taken += 4 + length;
        }
        if taken < joined.len() {
            joined.drain(..taken);
            self.partial = joined;
        }
    }

    /// Whether the message that is not whole is a ClientHello.
    pub(crate) fn is_opening(&self) -> bool {
        !self.partial.is_empty() && may_be_client_hello(&self.partial)
    }

    /// Octets of the message that is not whole.
    pub(crate) fn held(&self) -> usize {
        self.partial.len()
    }

    /// Octets were lost: what was begun stays unknown, and the next record begins a message.
    pub(crate) fn lose(&mut self) {
        self.partial = Vec::new();
    }

    /// Another set of keys begins, and with it a new message.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }
}

/// Whether a ClientHello may begin with these octets, however few: its kind, a length below 64 KiB, the version 3.
pub(crate) fn may_be_client_hello(octets: &[u8]) -> bool {
    let wanted = [Some(kind::CLIENT_HELLO), Some(0), None, None, Some(3)];
    octets.iter().zip(wanted).all(|(octet, wanted)| wanted.is_none_or(|wanted| wanted == *octet))
}

/// Whether these octets, however few, may begin a message that no keys protect: a kind that comes before the change of
/// cipher, a length below 64 KiB. What is protected looks so once in thousands of records. A HelloRequest does not count:
/// it is of no handshake, and the numbers that records begin with look like it.
pub(crate) fn may_be_plain(octets: &[u8]) -> bool {
    let is_known = octets.first().is_none_or(|kind| match *kind {
        kind::CLIENT_HELLO | kind::SERVER_HELLO | kind::NEW_SESSION_TICKET | kind::CERTIFICATE_STATUS => true,
        kind => (kind::CERTIFICATE..=kind::CLIENT_KEY_EXCHANGE).contains(&kind),
    });
    is_known && octets.get(1).is_none_or(|high| *high == 0)
}

/// Extension numbers. Source: IANA "TLS ExtensionType Values".
pub(crate) mod extension {
    pub(crate) const SERVER_NAME: u16 = 0;
    pub(crate) const SUPPORTED_GROUPS: u16 = 10;
    pub(crate) const EC_POINT_FORMATS: u16 = 11;
    pub(crate) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(crate) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(crate) const EXTENDED_MASTER_SECRET: u16 = 23;
    pub(crate) const SESSION_TICKET: u16 = 35;
    pub(crate) const EARLY_DATA: u16 = 42;
    pub(crate) const SUPPORTED_VERSIONS: u16 = 43;
    pub(crate) const KEY_SHARE: u16 = 51;
    pub(crate) const RENEGOTIATION_INFO: u16 = 0xff01;
}

/// What a ClientHello offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientHello {
    /// The version in its own field: the first two octets of an RSA premaster secret.
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: Vec<u8>,
    pub(crate) server_name: Option<String>,
    /// A ticket of an earlier session, empty if there is none.
    pub(crate) ticket: Vec<u8>,
    pub(crate) extended_master_secret: bool,
    pub(crate) encrypt_then_mac: bool,
    pub(crate) early_data: bool,
}

/// What a ServerHello settles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerHello {
    /// The version that is spoken from now on.
    pub(crate) version: u16,
    pub(crate) random: [u8; 32],
    pub(crate) session_id: Vec<u8>,
    pub(crate) suite: u16,
    /// How records are compressed: 0 for not at all.
    pub(crate) compression: u8,
    pub(crate) extended_master_secret: bool,
    pub(crate) encrypt_then_mac: bool,
}

impl ServerHello {
    /// Whether it asks for another ClientHello instead. Source: RFC 8446 §4.1.3.
    pub(crate) fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// SHA-256 of `HelloRetryRequest`.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

fn random(input: &[u8]) -> IResult<&[u8], [u8; 32]> {
    map(take(32usize), |octets: &[u8]| octets.first_chunk().copied().unwrap_or_default()).parse(input)
}

/// The extensions at the end of a hello; none at all if they are missing or broken.
fn extensions(input: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let whole: IResult<&[u8], &[u8]> = length_data(be_u16).parse(input);
    let mut rest = whole.map_or(&[][..], |(_, extensions)| extensions);
    std::iter::from_fn(move || {
        let one: IResult<&[u8], (u16, &[u8])> = (be_u16, length_data(be_u16)).parse(rest);
        let (behind, found) = one.ok()?;
        rest = behind;
        Some(found)
    })
}

/// Reads the body of a ClientHello. Source: RFC 8446 §4.1.2.
pub(crate) fn client_hello(body: &[u8]) -> Option<ClientHello> {
    let fixed: IResult<&[u8], _> =
        (be_u16, random, length_data(be_u8), length_data(be_u16), length_data(be_u8)).parse(body);
    let (rest, (version, random, session_id, _, _)) = fixed.ok()?;
    let mut hello = ClientHello { version, random, session_id: session_id.to_vec(), ..ClientHello::default() };
    for (number, data) in extensions(rest) {
        match number {
            extension::SERVER_NAME => hello.server_name = server_name(data),
            extension::SESSION_TICKET => {
                hello.ticket = Some(data).filter(|ticket| ticket.len() <= MAX_TICKET).unwrap_or_default().to_vec()
            }
            extension::EXTENDED_MASTER_SECRET => hello.extended_master_secret = true,
            extension::ENCRYPT_THEN_MAC => hello.encrypt_then_mac = true,
            extension::EARLY_DATA => hello.early_data = true,
            _ => {}
        }
    }
    Some(hello)
}

/// Reads a ClientHello in the format of SSL 2.0, from its type on. Source: RFC 5246 §E.2.
pub(crate) fn old_client_hello(message: &[u8]) -> Option<ClientHello> {
    let fixed: IResult<&[u8], _> = (be_u8, be_u16, be_u16, be_u16, be_u16).parse(message);
    let (rest, (_, version, ciphers, session, challenge)) = fixed.ok()?;
    let parts: IResult<&[u8], [&[u8]; 3]> =
        map((take(ciphers), take(session), take(challenge)), |(a, b, c)| [a, b, c]).parse(rest);
    let (_, [_, session_id, challenge]) = parts.ok()?;
    let mut random = [0; 32];
    // The challenge stands at the end, zeros before it; of a longer one only the end counts.
    random.iter_mut().rev().zip(challenge.iter().rev()).for_each(|(to, from)| *to = *from);
    Some(ClientHello { version, random, session_id: session_id.to_vec(), ..ClientHello::default() })
}

/// Reads the body of a ServerHello, also of one that is a HelloRetryRequest. Source: RFC 8446 §4.1.3.
pub(crate) fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let fixed: IResult<&[u8], _> = (be_u16, random, length_data(be_u8), be_u16, be_u8).parse(body);
    let (rest, (version, random, session_id, suite, compression)) = fixed.ok()?;
    let mut hello =
        ServerHello { version, random, session_id: session_id.to_vec(), suite, compression, ..ServerHello::default() };
    for (number, data) in extensions(rest) {
        match (number, data) {
            (extension::SUPPORTED_VERSIONS, [high, low]) => hello.version = u16::from_be_bytes([*high, *low]),
            (extension::EXTENDED_MASTER_SECRET, _) => hello.extended_master_secret = true,
            (extension::ENCRYPT_THEN_MAC, _) => hello.encrypt_then_mac = true,
            _ => {}
        }
    }
    Some(hello)
}

/// The host name of a server name list. Source: RFC 6066 §3.
fn server_name(data: &[u8]) -> Option<String> {
    let list: IResult<&[u8], (u16, u8, &[u8])> = (be_u16, be_u8, length_data(be_u16)).parse(data);
    let (_, (_, kind, name)) = list.ok()?;
    let is_length = (1..=MAX_HOST).contains(&name.len());
    let plain = kind == 0 && is_length && name.iter().all(u8::is_ascii_graphic);
    plain.then(|| String::from_utf8_lossy(name).into_owned())
}

/// The certificates of a Certificate message, DER: the sender's own, then those that are to vouch for it, as far as
/// the message makes sense. Source: RFC 5246 §7.4.2; RFC 8446 §4.4.2.
pub(crate) fn certificates(body: &[u8], tls13: bool) -> impl Iterator<Item = &[u8]> {
    let body = if tls13 { context(body).unwrap_or_default() } else { body };
    let counted: IResult<&[u8], u32> = be_u24(body);
    let mut rest = counted.map_or(&[][..], |(list, octets)| list.get(..octets as usize).unwrap_or(list));
    std::iter::from_fn(move || {
        let one: IResult<&[u8], &[u8]> = length_data(be_u24).parse(rest);
        let (behind, certificate) = one.ok()?;
        let extensions: IResult<&[u8], &[u8]> = length_data(be_u16).parse(behind);
        rest = if tls13 { extensions.map_or(&[], |(behind, _)| behind) } else { behind };
        Some(certificate)
    })
}

/// What follows the context of a TLS 1.3 Certificate.
fn context(body: &[u8]) -> Option<&[u8]> {
    let context: IResult<&[u8], &[u8]> = length_data(be_u8).parse(body);
    context.ok().map(|(rest, _)| rest)
}

/// The encrypted premaster secret of an RSA ClientKeyExchange. Source: RFC 5246 §7.4.7.1.
pub(crate) fn encrypted_premaster(body: &[u8]) -> Option<&[u8]> {
    let secret: IResult<&[u8], &[u8]> = length_data(be_u16).parse(body);
    secret.ok().map(|(_, secret)| secret).filter(|secret| secret.len() <= MAX_EXCHANGE)
}

/// The ticket of a NewSessionTicket of TLS 1.2 and before. Source: RFC 5077 §3.3.
pub(crate) fn new_ticket(body: &[u8]) -> Option<&[u8]> {
    let ticket: IResult<&[u8], (&[u8], &[u8])> = (take(4usize), length_data(be_u16)).parse(body);
    ticket.ok().map(|(_, (_, ticket))| ticket).filter(|ticket| ticket.len() <= MAX_TICKET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_come_out_whole_whatever_records_carry_them() {
        let stream = [&[1, 0, 0, 2, 7, 8][..], &[14, 0, 0, 0], &[20, 0, 0, 1, 9]].concat();
        for size in 1..=stream.len() {
            let (mut messages, mut out) = (Messages::default(), Vec::new());
            stream.chunks(size).for_each(|piece| messages.push(piece, |message| out.push(message.to_vec())));
            assert_eq!(out, [stream[..6].to_vec(), stream[6..10].to_vec(), stream[10..].to_vec()], "{size}");
            assert_eq!(messages.partial.capacity(), 0);
        }
    }

    #[test]
    fn a_message_that_is_too_long_ends_the_reading_of_messages() {
        let mut messages = Messages::default();
        messages.push(&[11, 255, 255, 255], |_| panic!("not whole"));
        messages.push(&[14, 0, 0, 0], |_| panic!("not to be told apart"));
        messages.begin();
        let mut count = 0;
        messages.push(&[14, 0, 0, 0], |_| count += 1);
        assert_eq!(count, 1);
    }

    #[test]
    fn the_challenge_of_an_old_hello_is_the_end_of_the_random() {
        let mut message = vec![1, 3, 1, 0, 3, 0, 2, 0, 16, 0, 0, 0x2f, 5, 6];
        message.extend(100..116);
        let hello = old_client_hello(&message).unwrap();
        assert_eq!((hello.version, &hello.session_id[..]), (0x0301, &[5, 6][..]));
        assert_eq!(hello.random[..16], [0; 16]);
        assert_eq!(hello.random[16..], (100..116).collect::<Vec<u8>>());
        assert_eq!(old_client_hello(&message[..20]), None);
    }

    #[test]
    fn a_retry_is_told_by_its_random() {
        use sha2::Digest;
        assert_eq!(RETRY[..], sha2::Sha256::digest(b"HelloRetryRequest")[..]);
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            client_hello(&body);
            old_client_hello(&body);
            server_hello(&body);
            certificates(&body, true).count();
            certificates(&body, false).count();
            encrypted_premaster(&body);
            new_ticket(&body);
            let mut messages = Messages::default();
            body.chunks(7).for_each(|piece| messages.push(piece, |_| {}));
        }
    }
}
