//! Ranges and holes: the octets of one stream put in order.
//!
//! In: octets with their 64-bit offsets, in any order, repeated and overlapping. Out: the same octets
//! once each, in order; of octets given twice the first copy counts. It refuses to know TCP: what an
//! offset means, when a hole is lost and how much may wait is its owner's affair ([`Assembler::cost`]
//! says how much waits). Octets in order are passed on as they are; only what waits is copied.

use std::collections::BTreeMap;

use crate::frame::FrameRef;

/// Octets of memory a waiting piece costs besides its payload: counted, so that a great many tiny pieces
/// meet the limit too.
const PIECE_COST: usize = 96;

/// Octets that wait for a hole before them to be filled.
#[derive(Debug)]
struct Piece {
    bytes: Box<[u8]>,
    frame: FrameRef,
}

/// One stream being put in order.
#[derive(Debug)]
pub(super) struct Assembler {
    /// Everything below was passed on or given up.
    next: u64,
    /// What waits, by offset: not empty, not overlapping, all of it after `next`.
    pieces: BTreeMap<u64, Piece>,
    octets: usize,
}

impl Assembler {
    /// A stream whose first octet has offset `next`.
    pub(super) fn new(next: u64) -> Self {
        Self { next, pieces: BTreeMap::new(), octets: 0 }
    }

    /// Offset of the first octet neither passed on nor given up.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether nothing waits.
    pub(super) fn is_clear(&self) -> bool {
        self.pieces.is_empty()
    }

    /// How many pieces wait.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// How many octets of payload wait.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Octets of memory that what waits costs.
    pub(super) fn cost(&self) -> usize {
        self.octets + self.pieces.len() * PIECE_COST
    }

    /// Where the first hole ends, and the frame of the piece behind it.
    pub(super) fn first(&self) -> Option<(u64, FrameRef)> {
        self.pieces.first_key_value().map(|(&start, piece)| (start, piece.frame))
    }

    /// Whether a waiting octet differs from the octet of `bytes` (first octet at `offset`) in its place.
    pub(super) fn differs(&self, offset: u64, bytes: &[u8]) -> bool {
        let end = offset.saturating_add(bytes.len() as u64);
        let before = self.pieces.range(..offset).next_back();
        before.into_iter().chain(self.pieces.range(offset..end)).any(|(&start, piece)| {
            let (theirs, ours) = overlap((start, &piece.bytes), (offset, bytes));
            theirs != ours
        })
    }

    /// Takes `bytes`, the first of them at `offset`. Passes on what is now in order, keeps a copy of what is
    /// not. Returns how many octets were not known before.
    pub(super) fn push(
        &mut self,
        offset: u64,
        bytes: &[u8],
        frame: FrameRef,
        deliver: &mut impl FnMut(u64, &[u8], FrameRef),
    ) -> usize {
        if offset == self.next && self.pieces.is_empty() {
            self.next += bytes.len() as u64;
            deliver(offset, bytes, frame);
            return bytes.len();
        }
        let end = offset.saturating_add(bytes.len() as u64);
        let mut at = offset.max(self.next);
        let mut fresh = 0;
        while at < end {
            if let Some(known) = self.piece_end(at) {
                at = known;
                continue;
            }
            let stop = self.pieces.range(at..end).next().map_or(end, |(&start, _)| start);
            let part = slice(bytes, offset, at, stop);
            fresh += part.len();
            if at == self.next {
                self.next = stop;
                deliver(at, part, frame);
                self.drain(deliver);
            } else {
                self.octets += part.len();
                self.pieces.insert(at, Piece { bytes: part.into(), frame });
            }
            at = stop.max(self.next);
        }
        fresh
    }

    /// Gives up everything before `to` that is not there, and passes on what follows in order. Only up to the
    /// first waiting piece: never over octets that are there.
    pub(super) fn skip(&mut self, to: u64, deliver: &mut impl FnMut(u64, &[u8], FrameRef)) {
        let first = self.first().map_or(to, |(start, _)| start.min(to));
        self.next = self.next.max(first);
        self.drain(deliver);
    }

    /// Lets the stream begin at `next` instead; for a stream that passed nothing on yet. What waits before
    /// it is dropped or cut, so callers choose a `next` at or before the first piece.
    pub(super) fn restart(&mut self, next: u64, deliver: &mut impl FnMut(u64, &[u8], FrameRef)) {
        self.next = self.first().map_or(next, |(start, _)| start.min(next));
        self.drain(deliver);
    }

    /// Where the waiting piece that holds the octet at `at` ends.
    fn piece_end(&self, at: u64) -> Option<u64> {
        let (start, piece) = self.pieces.range(..=at).next_back()?;
        let end = start.saturating_add(piece.bytes.len() as u64);
        (end > at).then_some(end)
    }

    fn drain(&mut self, deliver: &mut impl FnMut(u64, &[u8], FrameRef)) {
        while let Some(entry) = self.pieces.first_entry() {
            if *entry.key() != self.next {
                return;
            }
            let (start, piece) = entry.remove_entry();
            self.octets -= piece.bytes.len();
            self.next = start.saturating_add(piece.bytes.len() as u64);
            deliver(start, &piece.bytes, piece.frame);
        }
    }
}

/// The octets of `bytes` (first at `offset`) from offset `from` up to `to`; empty where there are none.
fn slice(bytes: &[u8], offset: u64, from: u64, to: u64) -> &[u8] {
    let index = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(index(from)..index(to)).unwrap_or_default()
}

/// The parts of two runs of octets, each with the offset of its first, that lie in the same places.
pub(super) fn overlap<'a>((a_at, a): (u64, &'a [u8]), (b_at, b): (u64, &'a [u8])) -> (&'a [u8], &'a [u8]) {
    let from = a_at.max(b_at);
    let to = a_at.saturating_add(a.len() as u64).min(b_at.saturating_add(b.len() as u64));
    (slice(a, a_at, from, to), slice(b, b_at, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    fn frame(number: u64) -> FrameRef {
        FrameRef { input: 0, number, time: Timestamp::new(0, 6) }
    }

    /// `steps` are pictures: octets stand in the column that is their offset, `>` in a column gives up
    /// everything before it. `passed` is what came out, runs parted by `|`; `waits` is a picture of what waits.
    fn check(steps: &[&str], passed: &str, waits: &str) {
        let mut assembler = Assembler::new(0);
        let mut out = Vec::new();
        let mut deliver =
            |at: u64, bytes: &[u8], _: FrameRef| out.push((at, String::from_utf8_lossy(bytes).into_owned()));
        for (number, step) in steps.iter().enumerate() {
            let text = step.trim_start();
            let at = (step.len() - text.len()) as u64;
            match text {
                ">" => assembler.skip(at, &mut deliver),
                _ => {
                    assembler.push(at, text.as_bytes(), frame(number as u64), &mut deliver);
                }
            }
        }
        let texts: Vec<_> = out.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts.join("|"), passed, "passed on after {steps:?}");
        let mut picture = String::new();
        for (&start, piece) in &assembler.pieces {
            picture.extend(std::iter::repeat_n(' ', (start as usize).saturating_sub(picture.len())));
            picture.push_str(&String::from_utf8_lossy(&piece.bytes));
        }
        assert_eq!(picture, waits, "waiting after {steps:?}");
        assert_eq!(assembler.octets, picture.chars().filter(|&c| c != ' ').count(), "counted after {steps:?}");
        let mut end = 0;
        for (at, text) in out {
            assert!(at >= end, "offsets go back after {steps:?}");
            end = at + text.len() as u64;
        }
        assert!(assembler.next() >= end);
    }

    #[test]
    fn pictures() {
        // In order.
        check(&["abc", "   def"], "abc|def", "");
        // One late, two late, in reverse.
        check(&["   def", "abc"], "abc|def", "");
        check(&["   def", "      ghi", "abc"], "abc|def|ghi", "");
        check(&["      ghi", "   def", "abc"], "abc|def|ghi", "");
        check(&["      ghi", "   def"], "", "   defghi");
        // Repeated, whole and in part.
        check(&["abc", "abc"], "abc", "");
        check(&["abc", "abcdef"], "abc|def", "");
        check(&["abcdef", "  cd"], "abcdef", "");
        check(&["   def", "   def"], "", "   def");
        check(&["   def", "    ef"], "", "   def");
        // Around, across and between what waits: the first copy counts.
        check(&["   def", "  CDEFG"], "", "  CdefG");
        check(&["   def", "ABCDEFG"], "ABC|def|G", "");
        check(&["  c   g", "ABCDEFGH"], "AB|c   g|H", "");
        check(&["  c", "    e", "ABCDEF"], "AB|c|D|e|F", "");
        check(&["  cd", "   DE", "AB"], "AB|cd|E", "");
        check(&["    ef", "   DE"], "", "   Def");
        // A segment that begins before what was passed on and ends behind a hole's other bank.
        check(&["ab", "    ef", " BCDEFG"], "ab|CD|ef|G", "");
        // Given up: alone, with something behind, never over something that is there.
        check(&["ab", "    >"], "ab", "");
        check(&["ab", "    ef", "    >"], "ab|ef", "");
        check(&["ab", "    ef", "      >"], "ab|ef", "");
        check(&["ab", "    ef", "   >"], "ab", "    ef");
        check(&["ab", "    ef", "        ij", "    >"], "ab|ef", "        ij");
        check(&["ab", "    >", "  cd", "    ef"], "ab|ef", "");
        check(&["ab", "    >", "  cdef"], "ab|ef", "");
        check(&["ab", ">"], "ab", "");
    }

    #[test]
    fn differences_are_seen_where_octets_wait() {
        for (picture, differs) in [
            ("   def", false),
            ("   dXf", true),
            ("abcd", false),
            ("abcX", true),
            ("     fgh", false),
            ("      XX", false),
        ] {
            let mut assembler = Assembler::new(0);
            assembler.push(3, b"def", frame(1), &mut |_, _, _| ());
            let text = picture.trim_start();
            assert_eq!(assembler.differs((picture.len() - text.len()) as u64, text.as_bytes()), differs, "{picture:?}");
        }
    }

    #[test]
    fn each_run_keeps_the_frame_that_carried_it() {
        let mut assembler = Assembler::new(0);
        let mut seen = Vec::new();
        let mut deliver = |at: u64, _: &[u8], frame: FrameRef| seen.push((at, frame.number));
        assembler.push(2, b"cd", frame(1), &mut deliver);
        assembler.push(0, b"abcdef", frame(2), &mut deliver);
        assert_eq!(seen, [(0, 2), (2, 1), (4, 2)]);
    }
}
