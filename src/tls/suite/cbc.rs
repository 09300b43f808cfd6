//! Block ciphers in CBC mode with a code inside or around: AES and 3DES.

use std::ops::Range;

use aes::{Aes128, Aes256};
use cbc::cipher::{Array, Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt};
use cbc::cipher::{BlockSizeUser, InnerIvInit, KeyInit};
use cbc::{Decryptor, Encryptor};
use des::TdesEde3;

use super::keyed::Keyed;
use super::{Cipher, Keys, Opened, Refused, Suite, front_of, pseudo_header};
use crate::tls::version::Version;

/// What opens records, or seals them, whatever the block cipher is.
pub(crate) trait Blocks: Send {
    fn open(&mut self, sequences: Range<u64>, header: [u8; 5], record: &mut [u8]) -> Result<Opened, Refused>;
    /// Seals with the code inside, also where the two sides could have agreed to have it outside.
    fn seal(&mut self, sequence: u64, front: [u8; 3], text: &[u8], initial: &[u8; 16]) -> Option<Vec<u8>>;
    /// Whether the block before the next record is not known.
    fn is_blind(&self) -> bool;
    /// Records up to that with number `next` were passed over, and the last ends in `tail`. The next one goes on from that
    /// only if the code inside it proves that it was right to.
    fn pass(&mut self, next: u64, tail: &[u8]);
    fn lose(&mut self);
}

pub(super) fn new(suite: &Suite, version: Version, keys: Keys<'_>, encrypt_then_mac: bool) -> Option<Box<dyn Blocks>> {
    let mac = Keyed::new(suite.mac, keys)?;
    Some(match suite.cipher {
        Cipher::TripleDes => Box::new(Cbc::<TdesEde3>::new(version, keys, mac, encrypt_then_mac)?),
        Cipher::Aes128 => Box::new(Cbc::<Aes128>::new(version, keys, mac, encrypt_then_mac)?),
        Cipher::Aes256 => Box::new(Cbc::<Aes256>::new(version, keys, mac, encrypt_then_mac)?),
        _ => return None,
    })
}

/// Where the block before the first one comes from.
enum Initial<B: cbc::cipher::array::ArraySize> {
    /// It is the last block of the record before, or of the key block: TLS 1.0. Unknown after a gap.
    Chained {
        last: Option<Array<u8, B>>,
        /// The number of the record that goes on from it. A code around the record says nothing about the block
        /// before, so that has to be the right one.
        next: u64,
    },
    /// It stands in front of the record: TLS 1.1 and 1.2.
    InRecord,
}

/// Opens records of a block cipher, or seals them.
///
/// Source: RFC 2246 §6.2.3.2; RFC 5246 §6.2.3.2; RFC 7366.
struct Cbc<C: BlockSizeUser> {
    cipher: C,
    initial: Initial<C::BlockSize>,
    mac: Keyed,
    encrypt_then_mac: bool,
}

impl<C: BlockSizeUser + KeyInit> Cbc<C> {
    fn new(version: Version, keys: Keys<'_>, mac: Keyed, encrypt_then_mac: bool) -> Option<Self> {
        let cipher = C::new_from_slice(keys.key).ok()?;
        let initial = match version {
            Version::Tls10 => Initial::Chained { last: Some(Array::try_from(keys.iv).ok()?), next: 0 },
            _ => Initial::InRecord,
        };
        Some(Self { cipher, initial, mac, encrypt_then_mac })
    }
}

impl<C: BlockSizeUser> Cbc<C> {
    /// The record with this number comes next; if that is not the one after the last, the block before it is unknown.
    fn follow(&mut self, sequence: u64) {
        if let Initial::Chained { last, next } = &mut self.initial {
            if *next != sequence {
                *last = None;
            }
            *next = sequence.saturating_add(1);
        }
    }

    /// Takes the block before the first one. What follows it, and from where on it is to be decrypted, is the rest.
    fn take_initial<'a>(&mut self, hidden: &'a mut [u8]) -> Option<(Block<C>, &'a mut [u8])> {
        let (blocks, rest) = Array::<u8, C::BlockSize>::slice_as_chunks(hidden);
        if !rest.is_empty() {
            return None;
        }
        match &mut self.initial {
            Initial::InRecord => {
                let initial = blocks.first()?.clone();
                Some((initial, hidden.get_mut(C::block_size()..)?))
            }
            Initial::Chained { last, .. } => {
                let initial = last.replace(blocks.last()?.clone());
                Some((initial?, hidden))
            }
        }
    }
}

impl<C: BlockSizeUser + BlockCipherDecrypt + BlockCipherEncrypt + Clone + Send> Blocks for Cbc<C>
where
    Array<u8, C::BlockSize>: Send,
{
    fn open(&mut self, sequences: Range<u64>, header: [u8; 5], record: &mut [u8]) -> Result<Opened, Refused> {
        let proved = match self.encrypt_then_mac {
            true => record.len().checked_sub(self.mac.length()).ok_or(Refused)?,
            false => record.len(),
        };
        let (hidden, code) = record.split_at_mut_checked(proved).ok_or(Refused)?;
        let outer = match self.encrypt_then_mac {
            true => {
                let fits =
                    |number: &u64| self.mac.verify(&pseudo_header(*number, front_of(header), proved), hidden, code);
                let found = sequences.clone().find(fits).ok_or(Refused)?;
                self.follow(found);
                Some(found)
            }
            false => None,
        };
        let (initial, hidden) = self.take_initial(hidden).ok_or(Refused)?;
        let start = proved - hidden.len();
        let (blocks, _) = Array::slice_as_chunks_mut(hidden);
        Decryptor::inner_iv_init(self.cipher.clone(), &initial).decrypt_blocks(blocks);
        let content = without_padding(hidden).ok_or(Refused)?;
        if let Some(sequence) = outer {
            return Ok(Opened { sequence, text: start..start + content });
        }
        let length = content.checked_sub(self.mac.length()).ok_or(Refused)?;
        let (text, code) = hidden.get(..content).and_then(|all| all.split_at_checked(length)).ok_or(Refused)?;
        let fits = |number: &u64| self.mac.verify(&pseudo_header(*number, front_of(header), length), text, code);
        let sequence = { sequences }.find(fits).ok_or(Refused)?;
        Ok(Opened { sequence, text: start..start + length })
    }

    fn seal(&mut self, sequence: u64, front: [u8; 3], text: &[u8], initial: &[u8; 16]) -> Option<Vec<u8>> {
        let size = C::block_size();
        let (mut body, initial) = match &mut self.initial {
            Initial::Chained { last, .. } => (Vec::new(), last.take()?),
            Initial::InRecord => {
                let initial = initial.get(..size)?;
                (initial.to_vec(), Array::try_from(initial).ok()?)
            }
        };
        let start = body.len();
        body.extend_from_slice(text);
        body.extend(self.mac.code(&pseudo_header(sequence, front, text.len()), text));
        // As little as fills the last block: every octet of it, its own length among them, has the same value.
        let padding = size - 1 - (body.len() - start) % size;
        body.extend(std::iter::repeat_n(padding as u8, padding + 1));
        let (blocks, _) = Array::slice_as_chunks_mut(body.get_mut(start..)?);
        Encryptor::inner_iv_init(self.cipher.clone(), &initial).encrypt_blocks(blocks);
        if let Initial::Chained { last, .. } = &mut self.initial {
            *last = blocks.last().cloned();
        }
        Some(body)
    }

    fn is_blind(&self) -> bool {
        matches!(self.initial, Initial::Chained { last: None, .. })
    }

    fn pass(&mut self, number: u64, tail: &[u8]) {
        if let Initial::Chained { last, next } = &mut self.initial {
            // A code around the next record proves nothing of the block before it, and nobody has proved this one.
            let block = tail.get(tail.len().saturating_sub(C::block_size())..).filter(|_| !self.encrypt_then_mac);
            *last = block.and_then(|block| Array::try_from(block).ok());
            *next = number;
        }
    }

    fn lose(&mut self) {
        if let Initial::Chained { last, .. } = &mut self.initial {
            *last = None;
        }
    }
}

/// How many octets are left when the padding at the end is taken off; `None` if it is not as it has to be.
///
/// Nobody can ask this code questions, so it need not take the same time for every answer.
fn without_padding(octets: &[u8]) -> Option<usize> {
    let padding = *octets.last()?;
    let content = octets.len().checked_sub(usize::from(padding) + 1)?;
    octets.get(content..)?.iter().all(|octet| *octet == padding).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_taken_off_only_if_all_of_it_is_right() {
        assert_eq!(without_padding(&[9, 9, 0]), Some(2));
        assert_eq!(without_padding(&[9, 2, 2, 2]), Some(1));
        assert_eq!(without_padding(&[1, 1]), Some(0));
        for bad in [&[][..], &[1], &[9, 0, 2, 2], &[5, 5]] {
            assert_eq!(without_padding(bad), None, "{bad:?}");
        }
    }
}
