//! What was passed on lately, over all connections: so that a repeat can be compared with its first copy.
//!
//! In: octets as they are passed on. Out: whether other octets for the same places differ. The memory is a
//! ring of fixed size shared by all streams: an octet older than [`RING`] octets of traffic is forgotten and
//! a repeat of it is taken as equal. Retransmissions and mirrored frames come long before that.

use super::assembler::overlap;

/// Octets remembered over all connections: fits the cache, and holds a second of 8 Mbit/s.
const RING: usize = 1 << 20;

/// Runs of octets remembered over all connections; a run is what one segment carried.
const RUNS: usize = 1 << 12;

/// How many runs of its stream a repeat is compared with at most, so that a flood of repeats stays cheap.
const LOOK_BACK: usize = 64;

/// The newest remembered run of one stream; the default has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newest(u64);

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Its own number, from 1; 0 in places never used.
    number: u64,
    /// The run of the same stream before it.
    previous: Newest,
    offset: u64,
    /// Its place in the ring, counted without wrapping.
    position: u64,
    length: usize,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Recent {
    octets: Vec<u8>,
    head: u64,
    runs: Vec<Run>,
    count: u64,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { octets: vec![0; RING], head: 0, runs: vec![Run::default(); RUNS], count: 0 }
    }

    /// Remembers `bytes` of the stream whose newest run was `newest`.
    pub(super) fn remember(&mut self, newest: &mut Newest, offset: u64, bytes: &[u8]) {
        let mut place = (self.head % RING as u64) as usize;
        if place + bytes.len() > RING {
            // A run never wraps, so that it can be compared as one slice: the rest of this round stays unused.
            self.head += (RING - place) as u64;
            place = 0;
        }
        let Some(room) = self.octets.get_mut(place..place + bytes.len()) else { return };
        room.copy_from_slice(bytes);
        self.count += 1;
        let run = Run { number: self.count, previous: *newest, offset, position: self.head, length: bytes.len() };
        self.head += bytes.len() as u64;
        if let Some(entry) = self.runs.get_mut((self.count % RUNS as u64) as usize) {
            *entry = run;
            *newest = Newest(self.count);
        }
    }

    /// Whether a remembered octet of the stream differs from the octet of `bytes` in its place.
    pub(super) fn differs(&self, newest: Newest, offset: u64, bytes: &[u8]) -> bool {
        let mut newest = newest;
        for _ in 0..LOOK_BACK {
            let Some((run, octets)) = self.run(newest) else { return false };
            let (theirs, ours) = overlap((run.offset, octets), (offset, bytes));
            if theirs != ours {
                return true;
            }
            if run.offset <= offset {
                return false;
            }
            newest = run.previous;
        }
        false
    }

    /// A run and its octets, when both are still remembered.
    fn run(&self, Newest(number): Newest) -> Option<(Run, &[u8])> {
        let run = *self.runs.get((number % RUNS as u64) as usize)?;
        if number == 0 || run.number != number || self.head - run.position > RING as u64 {
            return None;
        }
        let place = (run.position % RING as u64) as usize;
        Some((run, self.octets.get(place..place + run.length)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_compared_with_the_first_copy() {
        let mut recent = Recent::new();
        let (mut a, mut b) = (Newest::default(), Newest::default());
        recent.remember(&mut a, 0, b"hello ");
        recent.remember(&mut b, 0, b"other stream");
        recent.remember(&mut a, 6, b"world");
        for (offset, bytes, differs) in [
            (0, "hello world", false),
            (0, "hello", false),
            (0, "jello", true),
            (4, "o w", false),
            (4, "o W", true),
            (6, "world and more", false),
            (11, "more", false),
        ] {
            assert_eq!(recent.differs(a, offset, bytes.as_bytes()), differs, "{bytes:?} at {offset}");
        }
        assert!(!recent.differs(Newest::default(), 0, b"never seen"));
    }

    #[test]
    fn what_was_overwritten_is_forgotten() {
        let mut recent = Recent::new();
        let (mut first, mut second) = (Newest::default(), Newest::default());
        recent.remember(&mut first, 0, b"old");
        let block = vec![b'x'; 60_000];
        for round in 0..RING / block.len() {
            recent.remember(&mut second, (round * block.len()) as u64, &block);
            assert!(recent.differs(first, 0, b"new"), "still remembered in round {round}");
        }
        recent.remember(&mut second, 0, &block);
        assert!(!recent.differs(first, 0, b"new"));

        let mut third = Newest::default();
        recent.remember(&mut third, 0, b"old");
        for number in 0..RUNS {
            recent.remember(&mut second, number as u64, b".");
        }
        assert!(!recent.differs(third, 0, b"new"));
    }
}
