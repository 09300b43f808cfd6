//! Ciphers that prove what they hide: AES-GCM, AES-CCM and ChaCha20-Poly1305.

use std::ops::Range;

use aes::{Aes128, Aes256};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use ccm::Ccm;
use ccm::aead::consts::{U8, U12, U16};
use ccm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use chacha20poly1305::ChaCha20Poly1305;
use zeroize::Zeroize;

use super::{Cipher, Keys, Opened, Refused, front_of, pseudo_header};
use crate::tls::version::Version;

/// The cipher of a direction, keyed.
enum Keyed {
    Aes128Gcm(Box<Aes128Gcm>),
    Aes256Gcm(Box<Aes256Gcm>),
    Aes128Ccm(Box<Ccm<Aes128, U16, U12>>),
    Aes256Ccm(Box<Ccm<Aes256, U16, U12>>),
    Aes128Ccm8(Box<Ccm<Aes128, U8, U12>>),
    Aes256Ccm8(Box<Ccm<Aes256, U8, U12>>),
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
}

impl Keyed {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        fn keyed<C: KeyInit>(key: &[u8]) -> Option<Box<C>> {
            C::new_from_slice(key).ok().map(Box::new)
        }
        Some(match cipher {
            Cipher::Aes128Gcm => Self::Aes128Gcm(keyed(key)?),
            Cipher::Aes256Gcm => Self::Aes256Gcm(keyed(key)?),
            Cipher::Aes128Ccm => Self::Aes128Ccm(keyed(key)?),
            Cipher::Aes256Ccm => Self::Aes256Ccm(keyed(key)?),
            Cipher::Aes128Ccm8 => Self::Aes128Ccm8(keyed(key)?),
            Cipher::Aes256Ccm8 => Self::Aes256Ccm8(keyed(key)?),
            Cipher::ChaCha20Poly1305 => Self::ChaCha20Poly1305(keyed(key)?),
            Cipher::Null | Cipher::Rc4 | Cipher::TripleDes | Cipher::Aes128 | Cipher::Aes256 => return None,
        })
    }

    /// Octets of a tag.
    const fn tag_length(&self) -> usize {
        match self {
            Self::Aes128Ccm8(_) | Self::Aes256Ccm8(_) => 8,
            _ => 16,
        }
    }

    /// Opens `text` in place; false if the tag is not its.
    fn open(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        fn opened<C: AeadInOut>(cipher: &C, nonce: &[u8], associated: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
            let (Ok(nonce), Ok(tag)) = (Nonce::<C>::try_from(nonce), Tag::<C>::try_from(tag)) else { return false };
            cipher.decrypt_inout_detached(&nonce, associated, text.into(), &tag).is_ok()
        }
        match self {
            Self::Aes128Gcm(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::Aes256Gcm(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::Aes128Ccm(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::Aes256Ccm(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::Aes128Ccm8(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::Aes256Ccm8(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
            Self::ChaCha20Poly1305(cipher) => opened(cipher.as_ref(), nonce, associated, text, tag),
        }
    }

    /// Whether octets are left changed when the tag does not fit: CCM decrypts before it proves.
    fn changes_refused(&self) -> bool {
        matches!(self, Self::Aes128Ccm(_) | Self::Aes256Ccm(_) | Self::Aes128Ccm8(_) | Self::Aes256Ccm8(_))
    }

    /// Seals `text` in place and gives the tag.
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8]) -> Option<Vec<u8>> {
        fn sealed<C: AeadInOut>(cipher: &C, nonce: &[u8], associated: &[u8], text: &mut [u8]) -> Option<Vec<u8>> {
            let nonce = Nonce::<C>::try_from(nonce).ok()?;
            cipher.encrypt_inout_detached(&nonce, associated, text.into()).ok().map(|tag| tag.to_vec())
        }
        match self {
            Self::Aes128Gcm(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::Aes256Gcm(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::Aes128Ccm(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::Aes256Ccm(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::Aes128Ccm8(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::Aes256Ccm8(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
            Self::ChaCha20Poly1305(cipher) => sealed(cipher.as_ref(), nonce, associated, text),
        }
    }
}

/// How the nonce of a record is made.
#[derive(Clone, Copy)]
enum Nonces {
    /// Four octets of the key block, then eight that stand in the record: GCM and CCM in TLS 1.2.
    InRecord([u8; 4]),
    /// Twelve octets of the key block, exclusive-or the number: ChaCha20 and TLS 1.3.
    Counted([u8; 12]),
}

/// Opens records of a cipher with associated data, or seals them.
///
/// Source: RFC 5288 §3; RFC 6655 §3; RFC 7905 §2; RFC 8446 §5.2, §5.3.
pub(crate) struct Aead {
    cipher: Keyed,
    nonces: Nonces,
    version: Version,
    /// The record as it came, for a second try.
    copy: Vec<u8>,
}

impl Aead {
    pub(super) fn new(cipher: Cipher, version: Version, keys: Keys<'_>) -> Option<Self> {
        let nonces = match (cipher, version) {
            (Cipher::ChaCha20Poly1305, _) | (_, Version::Tls13) => Nonces::Counted(keys.iv.try_into().ok()?),
            _ => Nonces::InRecord(keys.iv.try_into().ok()?),
        };
        Some(Self { cipher: Keyed::new(cipher, keys.key)?, nonces, version, copy: Vec::new() })
    }

    pub(super) fn open(
        &mut self,
        sequences: Range<u64>,
        header: [u8; 5],
        record: &mut [u8],
    ) -> Result<Opened, Refused> {
        let start = match self.nonces {
            Nonces::InRecord(_) => 8,
            Nonces::Counted(_) => 0,
        };
        let end = record.len().checked_sub(self.cipher.tag_length()).ok_or(Refused)?;
        // It is tried again under other numbers, or other keys.
        let changes = self.cipher.changes_refused();
        if changes {
            self.copy.clear();
            self.copy.extend_from_slice(record);
        }
        for sequence in sequences {
            let (front, tag) = record.split_at_mut_checked(end).ok_or(Refused)?;
            let (explicit, text) = front.split_at_mut_checked(start).ok_or(Refused)?;
            let nonce = self.nonces.nonce(sequence, explicit);
            let pseudo;
            let associated: &[u8] = match self.version {
                Version::Tls13 => &header,
                _ => {
                    pseudo = pseudo_header(sequence, front_of(header), text.len());
                    &pseudo
                }
            };
            if self.cipher.open(&nonce, associated, text, tag) {
                return Ok(Opened { sequence, text: start..end });
            }
            if changes {
                record.copy_from_slice(&self.copy);
            }
        }
        Err(Refused)
    }

    /// Protects `text` in a record of kind and version `front`; gives what stands behind the header. What of a nonce
    /// stands in the record is its number, as Windows does it.
    pub(super) fn seal(&mut self, sequence: u64, front: [u8; 3], text: &[u8]) -> Option<Vec<u8>> {
        let number = sequence.to_be_bytes();
        let explicit: &[u8] = match self.nonces {
            Nonces::InRecord(_) => &number,
            Nonces::Counted(_) => &[],
        };
        let nonce = self.nonces.nonce(sequence, explicit);
        let mut body = [explicit, text].concat();
        let pseudo = pseudo_header(sequence, front, text.len());
        let [kind, major, minor] = front;
        // A record has no more than 2^16 octets.
        let [high, low] = ((body.len() + self.cipher.tag_length()) as u16).to_be_bytes();
        let header = [kind, major, minor, high, low];
        let associated: &[u8] = if self.version == Version::Tls13 { &header } else { &pseudo };
        let tag = self.cipher.seal(&nonce, associated, body.get_mut(explicit.len()..)?)?;
        body.extend(tag);
        Some(body)
    }
}

impl Nonces {
    fn nonce(self, sequence: u64, explicit: &[u8]) -> [u8; 12] {
        match self {
            Self::InRecord(fixed) => {
                let mut nonce = [0; 12];
                nonce.iter_mut().zip(fixed.iter().chain(explicit)).for_each(|(to, from)| *to = *from);
                nonce
            }
            Self::Counted(mut nonce) => {
                let (_, low) = nonce.split_at_mut(4);
                low.iter_mut().zip(sequence.to_be_bytes()).for_each(|(to, from)| *to ^= from);
                nonce
            }
        }
    }
}

impl Drop for Aead {
    fn drop(&mut self) {
        match &mut self.nonces {
            Nonces::InRecord(fixed) => fixed.zeroize(),
            Nonces::Counted(fixed) => fixed.zeroize(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::specimen::hex;

    /// The client's record of application data of RFC 8448 §3.
    #[test]
    fn the_published_record_opens_and_no_other() {
        let (key, iv) = (hex("17422dda596ed5d9acd890e3c63f5051"), hex("5b78923dee08579033e523d9"));
        let record =
            hex("a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a
            6292a2977014bd1e3deae63aeebb21694915e4");
        let header = [23, 3, 3, 0, 0x43];
        let keys = Keys { mac: &[], key: &key, iv: &iv };
        let mut aead = Aead::new(Cipher::Aes128Gcm, Version::Tls13, keys).unwrap();
        let mut text = record.clone();
        let opened = aead.open(0..1, header, &mut text).unwrap();
        assert_eq!(opened, Opened { sequence: 0, text: 0..51 });
        assert_eq!(text[..50], (0..50).collect::<Vec<u8>>());
        assert_eq!(text[50], 23);

        // Searched for among several numbers, found where it is and nowhere else.
        assert_eq!(aead.open(0..9, header, &mut record.clone()).unwrap().sequence, 0);
        assert_eq!(aead.open(1..9, header, &mut record.clone()), Err(Refused));
        assert_eq!(aead.open(0..1, [23, 3, 3, 0, 0x44], &mut record.clone()), Err(Refused));
        for place in 0..record.len() {
            let mut changed = record.clone();
            changed[place] ^= 0x80;
            assert_eq!(aead.open(0..2, header, &mut changed), Err(Refused), "{place}");
        }
        for length in 0..record.len() {
            assert_eq!(aead.open(0..1, header, &mut record[..length].to_vec()), Err(Refused), "{length}");
        }
    }
}
