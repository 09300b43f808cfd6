//! When a hole is lost.
//!
//! In: what the other side acknowledged and allowed, and what lies behind a hole. Out: whether to wait for it
//! any longer. It refuses to know sequence numbers and bytes.
//!
//! A hole is lost when there is proof *and* its octets had time to come late after all:
//! - the other side acknowledged them, or let more be sent than its window allows if it had not them, or the
//!   capture itself says that it cut them off; and [`LATE_SEGMENTS`] or [`LATE_TIME`] have gone by since;
//! - no acknowledgment of the other side is in the capture at all, and much lies beyond the hole
//!   ([`BEYOND_SEGMENTS`], [`BEYOND_OCTETS`]) or has waited there for [`WAIT_ALONE`];
//! - nothing lies behind it yet, and for [`WAIT_ALONE`] the other side has said that it got it;
//! - acknowledgments are there but for [`WAIT_ANSWERED`] none came past the hole: the other side is dead.

use crate::frame::{FrameRef, Timestamp};

/// Nanoseconds of capture time an acknowledged octet may still come late: taps and several capture queues
/// put an acknowledgment before its data by far less.
const LATE_TIME: i64 = 200_000_000;

/// Further segments of the connection after which an acknowledged octet comes no more.
const LATE_SEGMENTS: u64 = 16;

/// Nanoseconds data waits behind a hole when the other direction is not in the capture: the first
/// retransmissions of a sender come within.
///
/// Source: RFC 6298 §2.
pub(super) const WAIT_ALONE: i64 = 3_000_000_000;

/// Nanoseconds data waits behind a hole that the other side did not acknowledge: nobody waits longer for SIP.
const WAIT_ANSWERED: i64 = 60_000_000_000;

/// Waiting segments that prove a hole when the other direction is not in the capture.
const BEYOND_SEGMENTS: usize = 64;

/// Waiting octets that prove a hole when the other direction is not in the capture.
const BEYOND_OCTETS: usize = 256 << 10;

/// A moment in a connection's life: the frame seen, and how many segments the connection had with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: FrameRef,
    pub(super) count: u64,
}

/// From `time` on, with `count` segments seen on the connection, everything before `upto` was known to be
/// sent and not to be sent again.
#[derive(Clone, Copy, Debug)]
struct Proof {
    upto: u64,
    time: Timestamp,
    count: u64,
}

/// A hole and what lies behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) end: u64,
    /// When what lies just behind it came.
    pub(super) since: Timestamp,
    /// How many segments wait behind it.
    pub(super) segments: usize,
    /// How many octets wait behind it.
    pub(super) octets: usize,
}

/// What is known about the receiver of a stream.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Everything before came to the receiver, or was cut off by the capture.
    proven: u64,
    proof: Option<Proof>,
    /// Whether any acknowledgment was seen.
    answered: bool,
    /// The largest window the receiver advertised, in octets.
    room: Option<u64>,
}

impl Evidence {
    /// An acknowledgment was seen.
    pub(super) fn answer(&mut self) {
        self.answered = true;
    }

    /// The receiver can take `octets` at once.
    pub(super) fn allow(&mut self, octets: u64) {
        if self.room.is_none_or(|room| octets > room) {
            self.room = Some(octets);
        }
    }

    /// Everything before `upto` was sent and will not be sent again; `next` is what is waited for.
    pub(super) fn prove(&mut self, upto: u64, next: u64, moment: Moment) {
        self.proven = self.proven.max(upto);
        let running = self.proof.is_some_and(|proof| proof.upto > next);
        if !running && self.proven > next {
            self.proof = Some(Proof { upto: self.proven, time: moment.at.time, count: moment.count });
        }
    }

    /// Octets up to `seen` were sent although `next` is still waited for here: what the receiver's window
    /// would not have let the sender send without having come is proven.
    pub(super) fn prove_by_window(&mut self, seen: u64, next: u64, moment: Moment) {
        if let Some(upto) = self.room.and_then(|room| seen.checked_sub(room))
            && upto > next
        {
            self.prove(upto, next, moment);
        }
    }

    /// What is proven although the wait for `next` has not begun yet: begins it.
    pub(super) fn watch(&mut self, next: u64, moment: Moment) {
        self.prove(self.proven, next, moment);
    }

    /// Up to where and since when the octets waited for are known to have been sent.
    pub(super) fn proof(&self) -> Option<(u64, Timestamp)> {
        self.proof.map(|proof| (proof.upto, proof.time))
    }

    /// Up to where a proof has stood long enough.
    pub(super) fn stands(&self, moment: Moment) -> Option<u64> {
        let proof = self.proof?;
        let long = moment.at.time.since(proof.time) >= LATE_TIME;
        (long || moment.count.saturating_sub(proof.count) >= LATE_SEGMENTS).then_some(proof.upto)
    }

    /// Whether `hole` is lost.
    pub(super) fn is_lost(&mut self, hole: Hole, moment: Moment) -> bool {
        if let Some(upto) = self.stands(moment) {
            if hole.end <= upto {
                return true;
            }
            if self.proven > upto {
                // More was proven since that proof began: it needs its own time.
                self.proof = Some(Proof { upto: self.proven, time: moment.at.time, count: moment.count });
            }
        }
        let age = moment.at.time.since(hole.since);
        if self.answered {
            return age >= WAIT_ANSWERED;
        }
        age >= WAIT_ALONE || hole.segments >= BEYOND_SEGMENTS || hole.octets >= BEYOND_OCTETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(milliseconds: i64, count: u64) -> Moment {
        Moment { at: FrameRef { input: 0, number: count, time: Timestamp::new(milliseconds * 1_000_000, 6) }, count }
    }

    const HOLE: Hole = Hole { end: 20, since: Timestamp::new(0, 6), segments: 1, octets: 5 };

    #[test]
    fn a_proof_needs_time_or_segments() {
        for (upto, milliseconds, count, lost) in [
            (20, 199, 15, false),
            (20, 200, 1, true),
            (20, 0, 16, true),
            (19, 900, 90, false),
            (30, 200, 1, true),
            (10, 900, 90, false),
        ] {
            let mut evidence = Evidence::default();
            evidence.answer();
            evidence.prove(upto, 10, moment(0, 0));
            let found = evidence.is_lost(HOLE, moment(milliseconds, count));
            assert_eq!(found, lost, "proven up to {upto}, {milliseconds} ms and {count} segments ago");
        }
    }

    #[test]
    fn a_later_proof_needs_its_own_time() {
        let mut evidence = Evidence::default();
        evidence.answer();
        evidence.prove(15, 10, moment(0, 0));
        evidence.prove(20, 10, moment(190, 1));
        assert!(!evidence.is_lost(HOLE, moment(200, 2)), "only up to 15 yet");
        assert!(!evidence.is_lost(HOLE, moment(399, 3)));
        assert!(evidence.is_lost(HOLE, moment(400, 4)));
    }

    #[test]
    fn without_answers_amount_and_time_decide() {
        for (answered, segments, octets, milliseconds, lost) in [
            (false, 1, 5, 2_999, false),
            (false, 1, 5, 3_000, true),
            (false, 63, BEYOND_OCTETS - 1, 0, false),
            (false, 64, 64, 0, true),
            (false, 5, BEYOND_OCTETS, 0, true),
            (true, 64, BEYOND_OCTETS, 59_999, false),
            (true, 1, 5, 60_000, true),
        ] {
            let mut evidence = Evidence::default();
            if answered {
                evidence.answer();
            }
            let hole = Hole { segments, octets, ..HOLE };
            let found = evidence.is_lost(hole, moment(milliseconds, 1));
            assert_eq!(found, lost, "{answered} {segments} {octets} {milliseconds}");
        }
    }
}
