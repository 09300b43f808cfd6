//! The sending end: greedy matching over chains of places that share three octets.

use super::bits::{BitsOut, Token};
use super::{HISTORY, MASK};

/// Shortest copy there is.
const SHORTEST: usize = 3;
/// Chains begin in so many slots, by the hash of three octets.
const SLOTS: usize = 4096;
/// Places of a chain that are looked at before the best one is taken.
const TRIES: usize = 24;
/// No place: the history has fewer.
const NOWHERE: u16 = u16::MAX;

/// One packet's payload, and what the other end has to do first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed {
    /// Compressed text.
    Compressed {
        /// The text goes to the front of the history.
        at_front: bool,
        /// The payload.
        payload: Vec<u8>,
    },
    /// The text as it is, because compression would make it longer; both ends empty their histories.
    Flushed,
}

/// The sending end of one direction.
#[derive(Clone, Debug)]
pub struct Encoder {
    history: Box<[u8; HISTORY]>,
    /// Where the next octet goes; [`HISTORY`] at the beginning and after a flush, so that the next packet is at the front.
    place: usize,
    /// The latest place of each hash, and for each place the one before it.
    latest: Box<[u16; SLOTS]>,
    before: Box<[u16; HISTORY]>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            history: Box::new([0; HISTORY]),
            place: HISTORY,
            latest: Box::new([NOWHERE; SLOTS]),
            before: Box::new([NOWHERE; HISTORY]),
        }
    }
}

impl Encoder {
    /// The most octets of text one packet takes: the history must be larger.
    pub const LIMIT: usize = HISTORY - 1;

    /// Packs `text`, of which only the first [`Self::LIMIT`] octets count.
    pub fn encode(&mut self, text: &[u8]) -> Packed {
        let text = text.get(..Self::LIMIT).unwrap_or(text);
        let at_front = self.place + text.len() > HISTORY;
        if at_front {
            self.place = 0;
        }
        let mut out = BitsOut::default();
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            match self.longest(rest) {
                Some((offset, length)) => {
                    out.push(Token::Copy { offset, length });
                    for at in 0..length {
                        self.remember(rest.get(at..).unwrap_or_default());
                    }
                    rest = rest.get(length..).unwrap_or_default();
                }
                None => {
                    out.push(Token::Literal(*first));
                    self.remember(rest);
                    rest = after;
                }
            }
        }
        let payload = out.into_octets();
        if payload.len() > text.len() {
            *self = Self::default();
            return Packed::Flushed;
        }
        Packed::Compressed { at_front, payload }
    }

    /// Writes the first octet of `text` into the history; its first three find it again.
    fn remember(&mut self, text: &[u8]) {
        if let (Some(cell), Some(octet)) = (self.history.get_mut(self.place), text.first()) {
            *cell = *octet;
        }
        let slot = slot(text).and_then(|slot| self.latest.get_mut(slot));
        if let (Some(latest), Some(before)) = (slot, self.before.get_mut(self.place)) {
            *before = std::mem::replace(latest, self.place as u16);
        }
        self.place += 1;
    }

    /// The longest copy that `text` can begin with, as offset and length.
    fn longest(&self, text: &[u8]) -> Option<(usize, usize)> {
        let mut best = None;
        let mut next = self.latest.get(slot(text)?).copied()?;
        for _ in 0..TRIES {
            let from = usize::from(next);
            let Some(before) = self.before.get(from) else { break };
            let offset = (self.place + HISTORY - from) & MASK;
            // A place may have been written again since: only comparing tells what stands there.
            let length = self.common(from, text);
            if offset != 0 && length >= SHORTEST && best.is_none_or(|(_, longest)| length > longest) {
                best = Some((offset, length));
            }
            next = *before;
        }
        best
    }

    /// How many octets a copy from `from` has in common with `text`, given that it may run into itself.
    fn common(&self, from: usize, text: &[u8]) -> usize {
        let same = |(at, octet): &(usize, &u8)| {
            let place = (from + at) & MASK;
            let own = place.checked_sub(self.place).filter(|own| own < at);
            let copied = own.map_or_else(|| self.history.get(place), |own| text.get(own));
            copied == Some(octet)
        };
        text.iter().enumerate().take_while(same).count()
    }
}

/// Where the chain of the first three octets begins.
fn slot(text: &[u8]) -> Option<usize> {
    let [a, b, c] = text.first_chunk()?.map(u32::from);
    Some(((a << 16 | b << 8 | c).wrapping_mul(0x9e37_79b1) >> 20) as usize)
}

#[cfg(test)]
mod tests {
    use super::super::{Decoded, Decoder};
    use super::*;

    fn check(texts: &[&[u8]]) -> Vec<Packed> {
        let (mut encoder, mut decoder) = (Encoder::default(), Decoder::default());
        let mut all = Vec::new();
        for text in texts {
            let packed = encoder.encode(text);
            match &packed {
                Packed::Compressed { at_front, payload } => {
                    if *at_front {
                        decoder.to_front();
                    }
                    assert_eq!(decoder.decode(payload), Ok(Decoded::Text(text)));
                }
                Packed::Flushed => decoder.flush(),
            }
            all.push(packed);
        }
        all
    }

    fn is_at_front(packed: &Packed) -> bool {
        matches!(packed, Packed::Compressed { at_front: true, .. })
    }

    #[test]
    fn repetition_is_short() {
        let packed = check(&[&[b'A'; 8191], b"B", b"C"]);
        let Some(Packed::Compressed { payload, .. }) = packed.first() else { panic!("{packed:?}") };
        assert_eq!(payload.len(), 6);
        let fronts: Vec<_> = packed.iter().map(is_at_front).collect();
        assert_eq!(fronts, [true, false, true], "the history has room for 8192 octets");
    }

    #[test]
    fn what_would_grow_is_sent_as_it_is() {
        let all: Vec<u8> = (128..=255).collect();
        let packed = check(&[b"text", &all, b"text", b"text"]);
        assert_eq!(packed[1], Packed::Flushed);
        assert!(is_at_front(&packed[2]) && !is_at_front(&packed[3]));
    }

    #[test]
    fn copies_reach_around_the_front() {
        let line: Vec<u8> = (0..2000_u32).map(|n| b'a' + (n.wrapping_mul(n) % 23) as u8).collect();
        let packed = check(&[&line, &line, &line, &line, &line, &line]);
        let lengths: Vec<_> = packed
            .iter()
            .map(|packed| match packed {
                Packed::Compressed { payload, .. } => payload.len(),
                Packed::Flushed => usize::MAX,
            })
            .collect();
        assert!(is_at_front(&packed[4]));
        assert!(lengths[1..].iter().all(|length| *length < 40), "{lengths:?}");
    }
}
