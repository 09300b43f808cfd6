//! RC4, and no cipher at all: each with a code at the end of the record.

use std::ops::Range;

use rc4::{KeyInit, Rc4, StreamCipher};
use zeroize::Zeroizing;

use super::keyed::Keyed;
use super::{Cipher, Keys, Opened, Refused, Suite, front_of, pseudo_header};

/// The most octets of key stream that are passed over for records that were. 256 MiB: a second of work.
pub(crate) const MAX_KEY_STREAM: u64 = 256 << 20;

/// Opens records of a stream cipher, or seals them.
///
/// Source: RFC 5246 §6.2.3.1.
pub(crate) struct Stream {
    /// `None` when nothing is hidden.
    cipher: Option<Rc4>,
    mac: Keyed,
    /// The place in the key stream is not known any more.
    lost: bool,
}

impl Stream {
    pub(super) fn new(suite: &Suite, keys: Keys<'_>) -> Option<Self> {
        let cipher = match suite.cipher {
            Cipher::Rc4 => Some(Rc4::new_from_slice(keys.key).ok()?),
            _ => None,
        };
        Some(Self { cipher, mac: Keyed::new(suite.mac, keys)?, lost: false })
    }

    pub(super) fn open(
        &mut self,
        sequences: Range<u64>,
        header: [u8; 5],
        record: &mut [u8],
    ) -> Result<Opened, Refused> {
        if self.lost {
            return Err(Refused);
        }
        if let Some(cipher) = &mut self.cipher {
            cipher.try_apply_keystream(record).map_err(|_| Refused)?;
        }
        let length = record.len().checked_sub(self.mac.length()).ok_or(Refused)?;
        let (text, code) = record.split_at_checked(length).ok_or(Refused)?;
        let fits = |sequence: &u64| self.mac.verify(&pseudo_header(*sequence, front_of(header), length), text, code);
        let sequence = { sequences }.find(fits).ok_or(Refused)?;
        Ok(Opened { sequence, text: 0..length })
    }

    /// Protects `text` in a record of kind and version `front`; gives what stands behind the header.
    pub(super) fn seal(&mut self, sequence: u64, front: [u8; 3], text: &[u8]) -> Option<Vec<u8>> {
        let code = self.mac.code(&pseudo_header(sequence, front, text.len()), text);
        let mut body = [text, &code].concat();
        if let Some(cipher) = &mut self.cipher {
            cipher.try_apply_keystream(&mut body).ok()?;
        }
        Some(body)
    }

    /// Whether the place in the key stream is not known.
    pub(super) const fn is_blind(&self) -> bool {
        self.lost
    }

    /// How much key stream it takes to pass over so many octets.
    pub(super) fn cost(&self, octets: u64) -> u64 {
        if self.cipher.is_some() && !self.lost { octets } else { 0 }
    }

    /// Records with so many octets were passed over.
    pub(super) fn pass(&mut self, octets: u64) {
        let Some(cipher) = self.cipher.as_mut().filter(|_| !self.lost) else { return };
        if octets > MAX_KEY_STREAM {
            self.lost = true;
            return;
        }
        // It is no more than that.
        let mut left = octets as usize;
        let mut scratch = Zeroizing::new([0; 4096]);
        while let Some(piece) = scratch.get_mut(..left.min(4096)).filter(|piece| !piece.is_empty()) {
            if cipher.try_apply_keystream(piece).is_err() {
                self.lost = true;
                return;
            }
            left -= piece.len();
        }
    }

    /// How many octets of key stream the lost records took depends on how many they were, which is not known.
    pub(super) fn lose(&mut self) {
        self.lost = self.cipher.is_some();
    }
}
