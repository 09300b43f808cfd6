//! The functions that make keys out of secrets, one for each generation of TLS, and the running hash of a handshake.
//!
//! The primitives are RustCrypto's; what is put into them in which order is here.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384};
use zeroize::{Zeroize, Zeroizing};

/// Which hash the key schedule of a connection uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prf {
    /// TLS 1.0 and 1.1: MD5 and SHA-1 together.
    Md5Sha1,
    /// TLS 1.2 and 1.3 with SHA-256.
    Sha256,
    /// TLS 1.2 and 1.3 with SHA-384.
    Sha384,
}

impl Prf {
    /// Octets of a hash, and so of a TLS 1.3 secret.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Md5Sha1 => 36,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// Fills `out` with the pseudo-random function of TLS 1.0 to 1.2; the seed is the parts one after the other.
    ///
    /// Source: RFC 2246 §5; RFC 5246 §5.
    pub(crate) fn fill(self, secret: &[u8], label: &[u8], seed: [&[u8]; 2], out: &mut [u8]) {
        let [first, second] = seed;
        let seed = [label, first, second];
        match self {
            Self::Md5Sha1 => {
                // The halves share the octet in the middle when there is one.
                let half = secret.len().div_ceil(2);
                let left = secret.get(..half).unwrap_or_default();
                let right = secret.get(secret.len() - half..).unwrap_or_default();
                out.fill(0);
                mix::<Hmac<Md5>>(left, seed, out);
                mix::<Hmac<Sha1>>(right, seed, out);
            }
            Self::Sha256 => {
                out.fill(0);
                mix::<Hmac<Sha256>>(secret, seed, out);
            }
            Self::Sha384 => {
                out.fill(0);
                mix::<Hmac<Sha384>>(secret, seed, out);
            }
        }
    }

    /// Fills `out` (at most one hash) with HKDF-Expand-Label of an empty context; `label` comes without `tls13 `.
    ///
    /// Source: RFC 8446 §7.1; RFC 5869 §2.3.
    pub(crate) fn expand_label(self, secret: &[u8], label: &[u8], out: &mut [u8]) {
        // Both lengths are small: labels are written in this room, and no key is longer than a hash.
        let [high, low] = (out.len() as u16).to_be_bytes();
        let label_length = (b"tls13 ".len() + label.len()) as u8;
        let info: [&[u8]; 4] = [&[high, low, label_length], b"tls13 ", label, &[0, 1]];
        match self {
            Self::Md5Sha1 => {} // No such TLS 1.3.
            Self::Sha256 => once::<Hmac<Sha256>>(secret, info, out),
            Self::Sha384 => once::<Hmac<Sha384>>(secret, info, out),
        }
    }

    /// The code of a TLS 1.3 Finished over the hash of the handshake so far.
    ///
    /// Source: RFC 8446 §4.4.4.
    pub(crate) fn finished(self, secret: &[u8], hash: &[u8]) -> Vec<u8> {
        let mut key = Zeroizing::new(vec![0; self.length()]);
        self.expand_label(secret, b"finished", &mut key);
        let mut code = vec![0; self.length()];
        match self {
            Self::Md5Sha1 => {} // No such TLS 1.3.
            Self::Sha256 => once::<Hmac<Sha256>>(&key, [hash, &[], &[], &[]], &mut code),
            Self::Sha384 => once::<Hmac<Sha384>>(&key, [hash, &[], &[], &[]], &mut code),
        }
        code
    }
}

/// P_hash, mixed into `out` by exclusive or.
///
/// Source: RFC 5246 §5.
fn mix<M: Mac + KeyInit + Clone>(secret: &[u8], seed: [&[u8]; 3], out: &mut [u8]) {
    let Ok(keyed) = <M as KeyInit>::new_from_slice(secret) else { return };
    let seeded = |mut mac: M| {
        seed.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut a = seeded(keyed.clone());
    let mut chunks = out.chunks_mut(a.len()).peekable();
    while let Some(chunk) = chunks.next() {
        let mut mac = keyed.clone();
        mac.update(&a);
        let mut next = chunks.peek().map(|_| mac.clone().finalize().into_bytes());
        let mut made = seeded(mac);
        chunk.iter_mut().zip(made.iter()).for_each(|(out, made)| *out ^= made);
        made.zeroize();
        if let Some(next) = next.as_mut() {
            std::mem::swap(&mut a, next);
            next.zeroize();
        }
    }
    a.zeroize();
}

/// A code over the parts one after the other: the first block of HKDF-Expand, for one. No TLS 1.3 key is longer.
fn once<M: Mac + KeyInit>(secret: &[u8], parts: [&[u8]; 4], out: &mut [u8]) {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return };
    parts.iter().for_each(|part| mac.update(part));
    let mut made = mac.finalize().into_bytes();
    out.iter_mut().zip(made.iter()).for_each(|(out, made)| *out = *made);
    made.zeroize();
}

/// The handshake messages so far, hashed as the suite asks for.
#[derive(Clone)]
pub(crate) enum Transcript {
    /// TLS 1.0 and 1.1: both, one behind the other.
    Md5Sha1(Md5, Sha1),
    /// TLS 1.2.
    Sha256(Sha256),
    /// TLS 1.2, suites that name it.
    Sha384(Sha384),
}

impl Transcript {
    /// Nothing yet, for suites of `prf`.
    pub(crate) fn new(prf: Prf) -> Self {
        match prf {
            Prf::Md5Sha1 => Self::Md5Sha1(Md5::new(), Sha1::new()),
            Prf::Sha256 => Self::Sha256(Sha256::new()),
            Prf::Sha384 => Self::Sha384(Sha384::new()),
        }
    }

    /// Adds octets of handshake messages, with their headers.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        match self {
            Self::Md5Sha1(md5, sha1) => {
                Digest::update(md5, octets);
                Digest::update(sha1, octets);
            }
            Self::Sha256(hash) => Digest::update(hash, octets),
            Self::Sha384(hash) => Digest::update(hash, octets),
        }
    }

    /// The hash of everything so far.
    pub(crate) fn hash(self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Md5Sha1(md5, sha1) => [&md5.finalize()[..], &sha1.finalize()[..]].concat(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha384(hash) => hash.finalize().to_vec(),
        })
    }
}

impl std::fmt::Debug for Transcript {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transcript")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::specimen::hex;

    fn filled(prf: Prf, secret: &[u8], label: &[u8], seed: &[u8], length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        // Where the seed is divided makes no difference.
        let (first, second) = seed.split_at(seed.len() / 3);
        prf.fill(secret, label, [first, second], &mut out);
        out
    }

    /// Peter Gutmann's vector; `openssl kdf … TLS1-PRF` gives the same.
    #[test]
    fn tls_1_0_gives_the_published_octets() {
        let expected =
            hex("d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754443bcf9a296519bc289abcbc1187e4eb
            d31e602353776c408aafb74cbc85eff69255f9788faa184cbb957a9819d84a5d7eb006eb459d3ae8de9810454b8b2d8f
            1afbc655a8c9a013");
        assert_eq!(filled(Prf::Md5Sha1, &[0xab; 48], b"PRF Testvector", &[0xcd; 64], 104), expected);
    }

    /// The vectors posted to the TLS working group with RFC 5246; `openssl kdf … TLS1-PRF` gives the same.
    #[test]
    fn tls_1_2_gives_the_published_octets() {
        let (secret, seed) = (hex("9bbe436ba940f017b17652849a71db35"), hex("a0ba9f936cda311827a6f796ffd5198c"));
        let expected =
            hex("e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
            0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701
            87347b66");
        assert_eq!(filled(Prf::Sha256, &secret, b"test label", &seed, 100), expected);
        let (secret, seed) = (hex("b80b733d6ceefcdc71566ea48e5567df"), hex("cd665cf6a8447dd6ff8b27555edb7465"));
        let expected =
            hex("7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0
            e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425
            9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e099070
            3d73e56f");
        assert_eq!(filled(Prf::Sha384, &secret, b"test label", &seed, 148), expected);
    }

    /// The server's handshake keys of RFC 8448 §3, and the secret after a key update by its formula there.
    #[test]
    fn tls_1_3_gives_the_published_keys() {
        let secret = hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let (mut key, mut iv, mut finished) = ([0; 16], [0; 12], [0; 32]);
        Prf::Sha256.expand_label(&secret, b"key", &mut key);
        Prf::Sha256.expand_label(&secret, b"iv", &mut iv);
        Prf::Sha256.expand_label(&secret, b"finished", &mut finished);
        assert_eq!(key.to_vec(), hex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(iv.to_vec(), hex("5d313eb2671276ee13000b30"));
        assert_eq!(finished.to_vec(), hex("008d3b66f816ea559f96b537e885c31fc068bf492c652f01f288a1d8cdc19fc8"));
    }

    /// Made with Python's `hmac`: HMAC of the hash, keyed with HKDF-Expand-Label of the secret.
    #[test]
    fn a_finished_of_tls_1_3_is_the_code_of_the_hash() {
        let made = |prf: Prf| prf.finished(&vec![1; prf.length()], &vec![2; prf.length()]);
        assert_eq!(made(Prf::Sha256), hex("32bc81bf50488b6cad8b5df664937654b9584ecc6f16a101e677b7c5bf06f878"));
        let expected =
            hex("99b797675346c0d713842ace07ccf0399aab5bd224e2b980c0551489d3dd19d318cb229e6af0ad2d3519d04536425e14");
        assert_eq!(made(Prf::Sha384), expected);
    }

    #[test]
    fn a_transcript_hashes_what_was_pushed_in_any_pieces() {
        let hash = |prf| {
            let mut transcript = Transcript::new(prf);
            transcript.push(b"a");
            transcript.push(b"bc");
            transcript.hash()
        };
        let md5_sha1 = hex("900150983cd24fb0d6963f7d28e17f72 a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(*hash(Prf::Md5Sha1), md5_sha1);
        assert_eq!(hash(Prf::Sha256)[..4], hex("ba7816bf"));
        assert_eq!(hash(Prf::Sha384)[..4], hex("cb00753f"));
    }
}
