//! Stretches of time, as this program tells of them in the captures that it writes: since when and until when it was
//! watched, and when frames may have been lost.
//!
//! A custom block that tools which cut or join files must not copy holds one: what it says would not be true of what
//! they write. An interface statistics block would be copied. The number is the one that is for examples.
//!
//! Source: draft-ietf-opsawg-pcapng §4.7, RFC 5612.

use crate::frame::Timestamp;

/// The kind of such a block.
pub(super) const CUSTOM: u32 = 0x4000_0bad;
/// Whose block it is: nobody's number, and then a word of our own.
const NUMBER: u32 = 32_473;
const WORD: &[u8; 8] = b"lyncpush";

/// A stretch of time, and what is true of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stretch {
    /// What the file is about was watched from here to there, whether there was a frame or not.
    Watched(Timestamp, Timestamp),
    /// Frames may be missing from here to there.
    Lossy(Timestamp, Timestamp),
}

impl Stretch {
    /// The body of its block, in this machine's order.
    #[cfg(any(feature = "live", test))]
    pub(super) fn body(self) -> Vec<u8> {
        let (kind, from, to) = match self {
            Self::Watched(from, to) => (1_u32, from, to),
            Self::Lossy(from, to) => (2, from, to),
        };
        let mut body = NUMBER.to_ne_bytes().to_vec();
        body.extend(WORD);
        body.extend(kind.to_ne_bytes());
        body.extend([from, to].into_iter().flat_map(|time| time.nanos().to_ne_bytes()));
        body
    }

    /// Reads the body of a custom block; none where it is another's.
    pub(super) fn parse(body: &[u8], u32_of: impl Fn([u8; 4]) -> u32) -> Option<Self> {
        let (number, rest) = body.split_first_chunk()?;
        let rest = rest.strip_prefix(WORD)?;
        let (kind, rest) = rest.split_first_chunk()?;
        let halves: [u8; 16] = *rest.first_chunk()?;
        // In the order of the file; nanoseconds are eight octets, and orders are known of four.
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = halves;
        let is_big = u32_of([0, 0, 0, 1]) == 1;
        let nanos = |octets: [u8; 8]| if is_big { i64::from_be_bytes(octets) } else { i64::from_le_bytes(octets) };
        let (from, to) = (nanos([a, b, c, d, e, f, g, h]), nanos([i, j, k, l, m, n, o, p]));
        if u32_of(*number) != NUMBER || from > to {
            return None;
        }
        let (from, to) = (Timestamp::new(from, 9), Timestamp::new(to, 9));
        match u32_of(*kind) {
            1 => Some(Self::Watched(from, to)),
            2 => Some(Self::Lossy(from, to)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        let (from, to) = (Timestamp::new(7, 9), Timestamp::new(1 << 60, 9));
        for stretch in [Stretch::Watched(from, to), Stretch::Lossy(from, from)] {
            let body = stretch.body();
            assert_eq!(Stretch::parse(&body, u32::from_ne_bytes), Some(stretch));
            for length in 0..body.len() {
                assert_eq!(Stretch::parse(&body[..length], u32::from_ne_bytes), None, "{length}");
            }
            for at in 0..16 {
                let mut other = body.clone();
                other[at] ^= 0x40;
                assert_eq!(Stretch::parse(&other, u32::from_ne_bytes), None, "{at}");
            }
        }
        assert_eq!(Stretch::parse(&Stretch::Lossy(to, from).body(), u32::from_ne_bytes), None);
    }
}
