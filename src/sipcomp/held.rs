//! Octets that wait for the rest of their packet, and the frames they came in.

use std::collections::VecDeque;

use crate::frame::FrameRef;

/// Frames told apart; the octets of further ones count as the last one's, so that tiny segments cost no memory.
const MAX_FRAMES: usize = 256;

/// A queue of octets.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    octets: Vec<u8>,
    /// Octets at the beginning of `octets` that were dropped already.
    dropped: usize,
    /// Octets ever dropped.
    begin: u64,
    /// Where each frame's octets end, counted as `begin` is.
    ends: VecDeque<(u64, FrameRef)>,
}

impl Held {
    /// What waits.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(self.dropped..).unwrap_or_default()
    }

    /// Appends what `frame` carried.
    pub(super) fn push(&mut self, octets: &[u8], frame: FrameRef) {
        self.octets.drain(..self.dropped);
        self.dropped = 0;
        self.octets.extend_from_slice(octets);
        let end = self.begin + self.octets.len() as u64;
        let is_full = self.ends.len() >= MAX_FRAMES;
        match self.ends.back_mut().filter(|_| is_full) {
            Some(last) => *last = (end, last.1.later(frame)),
            None => self.ends.push_back((end, frame)),
        }
    }

    /// Drops the first `count` octets.
    pub(super) fn drop(&mut self, count: usize) {
        let count = count.min(self.octets().len());
        self.dropped += count;
        self.begin += count as u64;
        while self.ends.front().is_some_and(|(end, _)| *end <= self.begin) {
            self.ends.pop_front();
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.drop(usize::MAX);
        self.octets = Vec::new();
        self.dropped = 0;
    }

    /// The latest frame that carried one of the first `count` octets.
    pub(super) fn frame(&self, count: usize) -> Option<FrameRef> {
        let end = self.begin.saturating_add(count as u64);
        let last = self.ends.partition_point(|(other, _)| *other < end);
        self.ends.range(..=last.min(self.ends.len().checked_sub(1)?)).map(|(_, frame)| *frame).reduce(FrameRef::later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    fn at(number: u64) -> FrameRef {
        FrameRef { input: 0, number, time: Timestamp::new(number as i64, 6) }
    }

    #[test]
    fn octets_keep_their_frames() {
        let mut held = Held::default();
        held.push(b"abc", at(1));
        held.push(b"de", at(2));
        held.drop(2);
        assert_eq!(held.octets(), b"cde");
        let frames: Vec<_> = (1..=3).map(|count| held.frame(count).map(|frame| frame.number)).collect();
        assert_eq!(frames, [Some(1), Some(2), Some(2)]);
        held.push(b"f", at(3));
        assert_eq!((held.octets(), held.frame(4)), (&b"cdef"[..], Some(at(3))));
        held.drop(4);
        assert_eq!((held.octets(), held.frame(1)), (&b""[..], None));
        held.push(b"g", at(4));
        assert_eq!(held.frame(1), Some(at(4)));
    }

    #[test]
    fn many_frames_become_one() {
        let mut held = Held::default();
        for number in 1..=10_000 {
            held.push(b"x", at(number));
        }
        assert_eq!(held.ends.len(), MAX_FRAMES);
        assert_eq!((held.frame(3), held.frame(9_000)), (Some(at(3)), Some(at(10_000))));
    }
}
