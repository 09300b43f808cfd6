//! Cipher suites: what each is made of, and the reading and writing of records it protects.
//!
//! [`table`] holds one entry a suite; a family of ciphers is one file, which opens records and seals them. Every record
//! is verified before any of it is given: nothing here can be asked to skip that.

mod aead;
mod cbc;
mod keyed;
mod sealer;
mod stream;
mod table;

use std::ops::Range;

use super::half::Passed;
use super::prf::Prf;
use super::version::Version;
pub(crate) use sealer::Sealer;
pub(crate) use stream::MAX_KEY_STREAM;

/// How the two sides agree on a premaster secret, as far as it matters for reading along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The client sends it encrypted with the server's RSA key: that key opens it.
    Rsa,
    /// Diffie-Hellman, signed or anonymous: no long-lived key opens it.
    Dhe,
    /// The same over elliptic curves.
    Ecdhe,
    /// TLS 1.3, which leaves it out of the suite; never opened by a long-lived key.
    Tls13,
}

/// What the server proves who it is with. Reading along does not need it, and so the table does not state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authentication {
    Rsa,
    Ecdsa,
    Dss,
    Anonymous,
}

/// What hides the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Null,
    Rc4,
    TripleDes,
    Aes128,
    Aes256,
    Aes128Gcm,
    Aes256Gcm,
    Aes128Ccm,
    Aes256Ccm,
    Aes128Ccm8,
    Aes256Ccm8,
    ChaCha20Poly1305,
}

impl Cipher {
    /// Octets of a key.
    pub(crate) const fn key_length(self) -> usize {
        match self {
            Self::Null => 0,
            Self::Rc4 | Self::Aes128 | Self::Aes128Gcm | Self::Aes128Ccm | Self::Aes128Ccm8 => 16,
            Self::TripleDes => 24,
            Self::Aes256 | Self::Aes256Gcm | Self::Aes256Ccm | Self::Aes256Ccm8 | Self::ChaCha20Poly1305 => 32,
        }
    }

    /// Whether it is a block cipher in CBC mode.
    pub(crate) const fn is_block(self) -> bool {
        matches!(self, Self::TripleDes | Self::Aes128 | Self::Aes256)
    }

    /// Octets of an initialisation vector that come out of the key schedule and not out of the record.
    pub(crate) const fn iv_length(self, version: Version) -> usize {
        match (self, version) {
            (Self::Null | Self::Rc4, _) => 0,
            (Self::TripleDes, Version::Tls10) => 8,
            (Self::Aes128 | Self::Aes256, Version::Tls10) => 16,
            (Self::TripleDes | Self::Aes128 | Self::Aes256, _) => 0,
            (Self::ChaCha20Poly1305, _) | (_, Version::Tls13) => 12,
            _ => 4,
        }
    }
}

/// What proves that the octets are the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mac {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    /// The cipher does it.
    Aead,
}

impl Mac {
    /// Octets of a key, and of a code.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Aead => 0,
        }
    }
}

/// One cipher suite.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    /// The code point.
    pub(crate) code: u16,
    /// The registered name.
    pub(crate) name: &'static str,
    pub(crate) exchange: Exchange,
    pub(crate) cipher: Cipher,
    pub(crate) mac: Mac,
    /// The hash of the key schedule from TLS 1.2 on.
    pub(crate) prf: Prf,
}

impl Suite {
    /// The suite of a code point, if lyncpush reads it.
    pub(crate) fn of(code: u16) -> Option<&'static Self> {
        let place = table::SUITES.binary_search_by_key(&code, |suite| suite.code).ok()?;
        table::SUITES.get(place)
    }

    /// Every suite.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        table::SUITES.iter()
    }

    /// What its name says of how the server proves who it is; suites of TLS 1.3 leave that open.
    pub(crate) fn authentication(&self) -> Authentication {
        let says = |word| self.name.contains(word);
        match () {
            () if says("_anon_") => Authentication::Anonymous,
            () if says("_ECDSA_") => Authentication::Ecdsa,
            () if says("_DSS_") => Authentication::Dss,
            () => Authentication::Rsa,
        }
    }

    /// The function of the key schedule under `version`.
    pub(crate) const fn prf(&self, version: Version) -> Prf {
        match version {
            Version::Tls10 | Version::Tls11 => Prf::Md5Sha1,
            Version::Tls12 | Version::Tls13 => self.prf,
        }
    }

    /// Whether the suite can be used under `version` at all.
    pub(crate) fn fits(&self, version: Version) -> bool {
        match version {
            Version::Tls13 => self.exchange == Exchange::Tls13,
            Version::Tls12 => self.exchange != Exchange::Tls13,
            _ => !matches!(self.mac, Mac::Aead | Mac::Sha256 | Mac::Sha384),
        }
    }
}

/// The keys of one direction, borrowed from the key block.
#[derive(Clone, Copy)]
pub(crate) struct Keys<'a> {
    pub(crate) mac: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) iv: &'a [u8],
}

/// A record that did not prove to be the sender's: nothing of it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// A record that proved to be the sender's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The number it was protected with.
    pub(crate) sequence: u64,
    /// Where its plain text stands now.
    pub(crate) text: Range<usize>,
}

/// Opens the records of one direction under one set of keys.
pub(crate) enum Opener {
    Stream(Box<stream::Stream>),
    Cbc(Box<dyn cbc::Blocks>),
    Aead(aead::Aead),
}

impl Opener {
    /// `encrypt_then_mac` counts for CBC only. `None` if the keys have not the length the suite asks for, which
    /// does not happen with keys made for it.
    pub(crate) fn new(suite: &Suite, version: Version, keys: Keys<'_>, encrypt_then_mac: bool) -> Option<Self> {
        match suite.cipher {
            Cipher::Null | Cipher::Rc4 => stream::Stream::new(suite, keys).map(|opener| Self::Stream(Box::new(opener))),
            Cipher::TripleDes | Cipher::Aes128 | Cipher::Aes256 => {
                cbc::new(suite, version, keys, encrypt_then_mac).map(Self::Cbc)
            }
            _ => aead::Aead::new(suite.cipher, version, keys).map(Self::Aead),
        }
    }

    /// Opens `record`, the octets behind `header`, in place. It is taken to be one of those with a number in
    /// `sequences`, usually one alone; more after a gap.
    pub(crate) fn open(
        &mut self,
        sequences: Range<u64>,
        header: [u8; 5],
        record: &mut [u8],
    ) -> Result<Opened, Refused> {
        match self {
            Self::Stream(opener) => opener.open(sequences, header, record),
            Self::Cbc(opener) => opener.open(sequences, header, record),
            Self::Aead(opener) => opener.open(sequences, header, record),
        }
    }

    /// Protects `text` in a record of kind and version `front`, with number `sequence`; gives what stands behind the
    /// header. `initial` is the block before the first one, where a record shows it.
    ///
    /// A set of keys either opens or seals, since some ciphers build on the records before. `None` if the cipher
    /// refuses, which it does only for a text of many gigabytes.
    fn seal(&mut self, sequence: u64, front: [u8; 3], text: &[u8], initial: &[u8; 16]) -> Option<Vec<u8>> {
        match self {
            Self::Stream(opener) => opener.seal(sequence, front, text),
            Self::Cbc(opener) => opener.seal(sequence, front, text, initial),
            Self::Aead(opener) => opener.seal(sequence, front, text),
        }
    }

    /// Whether the next record cannot be opened, since it builds on one that was lost.
    pub(crate) fn is_blind(&self) -> bool {
        match self {
            Self::Stream(opener) => opener.is_blind(),
            Self::Cbc(opener) => opener.is_blind(),
            Self::Aead(_) => false,
        }
    }

    /// Octets of key stream that it takes to [`pass`](Self::pass) over records.
    pub(crate) fn cost(&self, passed: &Passed) -> u64 {
        match self {
            Self::Stream(opener) => opener.cost(passed.octets),
            Self::Cbc(_) | Self::Aead(_) => 0,
        }
    }

    /// Whole records were passed over: what the next one, with number `next`, builds on stands in them or is as long.
    pub(crate) fn pass(&mut self, next: u64, passed: &Passed) {
        match self {
            Self::Stream(opener) => opener.pass(passed.octets),
            Self::Cbc(opener) => opener.pass(next, &passed.tail),
            Self::Aead(_) => {}
        }
    }

    /// Octets were lost: what the next record builds on may be missing.
    pub(crate) fn lose(&mut self) {
        match self {
            Self::Stream(opener) => opener.lose(),
            Self::Cbc(opener) => opener.lose(),
            Self::Aead(_) => {}
        }
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

/// The octets that stand for a record in its proof: number, type, version, length of what is proved.
///
/// Source: RFC 5246 §6.2.3.1, §6.2.3.3.
fn pseudo_header(sequence: u64, front: [u8; 3], length: usize) -> [u8; 13] {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sequence.to_be_bytes();
    let [kind, major, minor] = front;
    // A record has no more than 2^16 octets.
    let [high, low] = (length as u16).to_be_bytes();
    [s0, s1, s2, s3, s4, s5, s6, s7, kind, major, minor, high, low]
}

/// Kind and version of a header: what is known before the length is.
const fn front_of([kind, major, minor, ..]: [u8; 5]) -> [u8; 3] {
    [kind, major, minor]
}
