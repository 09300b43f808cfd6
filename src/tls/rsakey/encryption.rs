//! How keys are encrypted in PKCS#8: the names of all kinds, and the one that is older than PKCS#5 v2 and is read.

use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use des::TdesEde3;
use sha1::{Digest, Sha1};
use x509_cert::der::asn1::{AnyRef, ObjectIdentifier, OctetStringRef};
use x509_cert::der::{Decode, Reader};
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

/// Octets of a block of SHA-1: strings are repeated until they fill such blocks.
const BLOCK: usize = 64;
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const SHA1_3DES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3");

/// Kinds by the names that OpenSSL has for them. Source: RFC 8018 appendix C; RFC 7292 appendix C.
const NAMES: [(ObjectIdentifier, &str); 10] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.1"), "PBE-MD2-DES"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.3"), "PBE-MD5-DES"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.6"), "PBE-MD5-RC2-64"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.10"), "PBE-SHA1-DES"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.11"), "PBE-SHA1-RC2-64"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.1"), "PBE-SHA1-RC4-128"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.2"), "PBE-SHA1-RC4-40"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4"), "PBE-SHA1-2DES"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5"), "PBE-SHA1-RC2-128"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6"), "PBE-SHA1-RC2-40"),
];

/// An encrypted key, whatever it is encrypted with: EncryptedPrivateKeyInfo of RFC 5958 §3.
pub(super) struct Encrypted<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    octets: &'a [u8],
}

impl<'a> Encrypted<'a> {
    /// Nothing if it is something else.
    pub(super) fn from_der(der: &'a [u8]) -> Option<Self> {
        let parts = AnyRef::from_der(der).ok()?.sequence(|reader| {
            let algorithm = AlgorithmIdentifierRef::decode(reader)?;
            Ok::<_, x509_cert::der::Error>((algorithm, <&OctetStringRef>::decode(reader)?))
        });
        let (algorithm, octets) = parts.ok()?;
        Some(Self { algorithm, octets: octets.as_bytes() })
    }

    /// What it is encrypted with.
    pub(super) fn name(&self) -> String {
        let oid = self.algorithm.oid;
        match NAMES.iter().find(|(known, _)| *known == oid) {
            Some((_, name)) => (*name).to_owned(),
            None if oid == PBES2 => "PBES2 with a cipher or hash that is not known".to_owned(),
            None => oid.to_string(),
        }
    }

    /// Whether it is PBES2, whose ciphers and hashes are known elsewhere.
    pub(super) fn is_pbes2(&self) -> bool {
        self.algorithm.oid == PBES2
    }

    /// Whether it is PBE-SHA1-3DES.
    pub(super) fn is_sha1_3des(&self) -> bool {
        self.algorithm.oid == SHA1_3DES
    }

    /// Decrypts PBE-SHA1-3DES; nothing if the password is wrong.
    ///
    /// Source: RFC 7292 appendix C.
    pub(super) fn decrypt(&self, password: &str) -> Option<Zeroizing<Vec<u8>>> {
        let parameters = self.algorithm.parameters?.sequence(|reader| {
            Ok::<_, x509_cert::der::Error>((<&OctetStringRef>::decode(reader)?, reader.decode::<u32>()?))
        });
        let (salt, rounds) = parameters.ok()?;
        // Two octets for each character, and two zeros behind them.
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * password.len() + 2));
        wide.extend(password.encode_utf16().chain([0]).flat_map(u16::to_be_bytes));
        let derive = |purpose, length| derive(purpose, salt.as_bytes(), &wide, rounds, length);
        let (key, initial) = (derive(1, 24), derive(2, 8));
        let mut octets = Zeroizing::new(self.octets.to_vec());
        let cipher = Decryptor::<TdesEde3>::new_from_slices(&key, &initial).ok()?;
        let length = cipher.decrypt_padded::<Pkcs7>(&mut octets).ok()?.len();
        octets.truncate(length);
        Some(octets)
    }
}

/// Derives octets from a password: a key for purpose 1, an initial block for purpose 2.
///
/// Source: RFC 7292 appendix B.2.
fn derive(purpose: u8, salt: &[u8], password: &[u8], rounds: u32, length: usize) -> Zeroizing<Vec<u8>> {
    let room = |text: &[u8]| text.len().next_multiple_of(BLOCK);
    let mut input = Zeroizing::new(Vec::with_capacity(room(salt) + room(password)));
    for text in [salt, password] {
        input.extend(text.iter().cycle().take(room(text)));
    }
    let mut out = Zeroizing::new(Vec::with_capacity(length + BLOCK));
    while out.len() < length {
        let mut hash = Sha1::new().chain_update([purpose; BLOCK]).chain_update(&*input).finalize();
        for _ in 1..rounds {
            hash = Sha1::digest(hash);
        }
        out.extend_from_slice(&hash);
        // Each block of the input, as a number, grows by the hash, filled up, and one.
        for block in input.chunks_mut(BLOCK) {
            let mut carry = 1;
            for (place, octet) in block.iter_mut().enumerate().rev() {
                let added = hash.get(place % hash.len()).copied().unwrap_or_default();
                let sum = u16::from(*octet) + u16::from(added) + carry;
                *octet = sum as u8;
                carry = sum >> 8;
            }
        }
    }
    out.truncate(length);
    out
}
