//! Attempts to connect that come to nothing: SYNs that nobody answers, and those that a RST refuses.
//!
//! In: segments. Out: an [`Attempt`] each time one gets worse, and once more when it succeeds after all. It refuses to
//! know who the two hosts are. Limits: `MAX_OPEN`, [`MAX_FRAMES`].
//!
//! Source: RFC 9293 §3.5 and §3.10.7.3; RFC 6298 §2 for the time after which a SYN is sent again.

use std::collections::VecDeque;

use foldhash::HashMap;

use super::pair::Pair;
use crate::flow::Flow;
use crate::frame::FrameRef;
use crate::segment::TcpSegment;

/// Attempts of one SYN known at a time, about 200 octets each; beyond it the oldest is forgotten, which costs evidence
/// only.
const MAX_OPEN: usize = 4_096;
/// Those that were told of; beyond it the oldest is forgotten, and that it succeeds is not told any more.
const MAX_TOLD: usize = 4_096;
/// Frames kept of one attempt.
pub const MAX_FRAMES: usize = 5;
/// The least time after which a host sends a SYN again, nanoseconds: what comes sooner is the same frame seen twice.
const AGAIN: i64 = 200_000_000;

/// How an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// The SYN was sent again, and no answer is in the capture.
    Unanswered,
    /// A RST answered it.
    Refused,
    /// It was answered after all: what was said of it before is void.
    Answered,
}

/// An attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Who dials whom.
    pub flow: Flow,
    /// How it stands.
    pub outcome: Outcome,
    /// The frame of its first SYN.
    pub first: FrameRef,
    /// The latest frame of it.
    pub last: FrameRef,
    /// SYNs seen.
    pub times: u32,
    /// Frames that show it, at most [`MAX_FRAMES`].
    pub frames: Vec<FrameRef>,
}

#[derive(Debug)]
struct Dial {
    attempt: Attempt,
    sequence: u32,
    /// Whether anybody was told of it.
    told: bool,
    number: u64,
}

/// Attempts whose end is not known yet.
#[derive(Debug, Default)]
pub struct Dialing {
    open: HashMap<Pair, Dial>,
    /// In the order of their first SYN, those that were told of left out one by one.
    order: VecDeque<(Pair, u64)>,
    /// Those that were told of, in the order of that.
    told: VecDeque<(Pair, u64)>,
    count: u64,
}

impl Dialing {
    /// Takes a segment in. Gives the attempt it is of, where that gets worse or succeeds after all.
    #[inline]
    pub fn push(&mut self, segment: &TcpSegment<'_>) -> Option<&Attempt> {
        let dials = segment.syn && segment.acknowledgment.is_none() && !segment.rst;
        if !dials && self.open.is_empty() { None } else { self.take(segment, dials) }
    }

    fn take(&mut self, segment: &TcpSegment<'_>, dials: bool) -> Option<&Attempt> {
        let pair = Pair::of(segment);
        let step = match self.open.get(&pair) {
            Some(dial) => dial.step(segment, dials),
            None if dials => Step::Begins,
            None => Step::Nothing,
        };
        match step {
            Step::Nothing => None,
            Step::Begins => {
                self.begin(pair, segment);
                None
            }
            Step::Met => {
                self.open.remove(&pair);
                None
            }
            Step::Tells(outcome) => {
                self.make_room_for_told();
                let dial = self.open.get_mut(&pair)?;
                if !dial.told {
                    self.told.push_back((pair, dial.number));
                }
                // Once told to be answered it is forgotten with the next segment.
                dial.told = outcome != Outcome::Answered;
                let attempt = &mut dial.attempt;
                attempt.outcome = outcome;
                attempt.times += u32::from(outcome == Outcome::Unanswered);
                attempt.last = segment.at;
                if attempt.frames.len() < MAX_FRAMES {
                    attempt.frames.push(segment.at);
                }
                Some(attempt)
            }
        }
    }

    fn begin(&mut self, pair: Pair, segment: &TcpSegment<'_>) {
        self.count += 1;
        let attempt = Attempt {
            flow: Flow { client: segment.source, server: segment.destination },
            outcome: Outcome::Unanswered,
            first: segment.at,
            last: segment.at,
            times: 1,
            frames: vec![segment.at],
        };
        self.open.insert(pair, Dial { attempt, sequence: segment.sequence, told: false, number: self.count });
        self.order.push_back((pair, self.count));
        while self.order.len() > MAX_OPEN {
            let Some((pair, number)) = self.order.pop_front() else { return };
            if self.open.get(&pair).is_some_and(|dial| dial.number == number && !dial.told) {
                self.open.remove(&pair);
            }
        }
    }

    fn make_room_for_told(&mut self) {
        while self.told.len() >= MAX_TOLD {
            let Some((pair, number)) = self.told.pop_front() else { return };
            if self.open.get(&pair).is_some_and(|dial| dial.number == number) {
                self.open.remove(&pair);
            }
        }
    }
}

/// What a segment does to an attempt.
enum Step {
    Nothing,
    /// A first SYN.
    Begins,
    /// The two have met, and nobody was told anything else.
    Met,
    Tells(Outcome),
}

impl Dial {
    fn step(&self, segment: &TcpSegment<'_>, dials: bool) -> Step {
        let attempt = &self.attempt;
        let is_own = segment.source == attempt.flow.client && segment.sequence == self.sequence;
        let is_again = segment.at.input == attempt.first.input && segment.at.time.since(attempt.last.time) >= AGAIN;
        let refuses =
            segment.source == attempt.flow.server && segment.acknowledgment == Some(self.sequence.wrapping_add(1));
        match (dials, segment.rst) {
            (true, _) if !is_own => Step::Begins,
            (true, _) if is_again => Step::Tells(Outcome::Unanswered),
            (false, true) if refuses => Step::Tells(Outcome::Refused),
            (true, _) | (false, true) => Step::Nothing,
            // Whatever else passes between them is an answer, or follows one.
            (false, false) if self.told => Step::Tells(Outcome::Answered),
            (false, false) => Step::Met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    const CLIENT: &str = "192.0.2.9:40000";
    const SERVER: &str = "203.0.113.10:5061";

    /// Segments as milliseconds, input, flags (`S`, `A`, `R`, `.`) and sender; gives what is told.
    fn told(script: &[(i64, u16, &str, &str)]) -> Vec<(Outcome, u32, usize)> {
        let mut dialing = Dialing::default();
        let mut told = Vec::new();
        for (number, (at, input, flags, sender)) in (1..).zip(script) {
            let client = *sender == CLIENT;
            let segment = TcpSegment {
                at: FrameRef { input: *input, number, time: Timestamp::new(at * 1_000_000, 6) },
                source: sender.parse().unwrap(),
                destination: if client { SERVER } else { CLIENT }.parse().unwrap(),
                sequence: if client { 100 + u32::from(flags.contains('2')) } else { 900 },
                acknowledgment: flags.contains('A').then_some(if client { 901 } else { 101 }),
                syn: flags.contains('S'),
                fin: false,
                rst: flags.contains('R'),
                window: 0,
                window_shift: None,
                payload: b"",
                missing: 0,
            };
            if let Some(attempt) = dialing.push(&segment) {
                assert_eq!(attempt.flow.to_string(), format!("{CLIENT} > {SERVER}"));
                told.push((attempt.outcome, attempt.times, attempt.frames.len()));
            }
        }
        told
    }

    #[test]
    fn what_is_answered_is_not_told() {
        assert_eq!(told(&[(0, 0, "S", CLIENT), (1, 0, "SA", SERVER), (2, 0, "A", CLIENT)]), []);
        // Captured one way only: what follows shows that it was answered.
        assert_eq!(told(&[(0, 0, "S", CLIENT), (2, 0, "A", CLIENT), (9_000, 0, "A", CLIENT)]), []);
        // The same frame, mirrored or in another file.
        assert_eq!(told(&[(0, 0, "S", CLIENT), (1, 0, "S", CLIENT), (3_000, 1, "S", CLIENT)]), []);
        // Ports used again, and a client that thinks better of it.
        assert_eq!(told(&[(0, 0, "S", CLIENT), (9_000, 0, "S2", CLIENT), (9_001, 0, "R", CLIENT)]), []);
        // A reset of something older.
        assert_eq!(told(&[(0, 0, "S2", CLIENT), (1, 0, "RA", SERVER)]), []);
    }

    #[test]
    fn what_is_not_answered_is_told_each_time() {
        use Outcome::{Answered, Refused, Unanswered};
        let silent = [(0, 0, "S", CLIENT), (3_000, 0, "S", CLIENT), (9_000, 0, "S", CLIENT)];
        assert_eq!(told(&silent), [(Unanswered, 2, 2), (Unanswered, 3, 3)]);
        let late =
            [&silent[..], &[(9_001, 0, "SA", SERVER), (9_002, 0, "A", CLIENT), (9_003, 0, "A", CLIENT)]].concat();
        assert_eq!(told(&late), [(Unanswered, 2, 2), (Unanswered, 3, 3), (Answered, 3, 4)]);
        // As Windows tries again after a refusal.
        let refused = [(0, 0, "S", CLIENT), (1, 0, "RA", SERVER), (500, 0, "S", CLIENT), (501, 0, "RA", SERVER)];
        assert_eq!(told(&refused), [(Refused, 1, 2), (Unanswered, 2, 3), (Refused, 2, 4)]);
        let many: Vec<_> = (0..20).map(|at| (at * 1_000, 0, "S", CLIENT)).collect();
        assert_eq!(told(&many).last(), Some(&(Unanswered, 20, MAX_FRAMES)));
    }

    /// A SYN at `at` nanoseconds; each number is another end.
    fn syn(at: i64, number: usize) -> TcpSegment<'static> {
        TcpSegment {
            at: FrameRef { input: 0, number: 1, time: Timestamp::new(at, 6) },
            source: format!("192.0.2.{}:{}", number / 60_000, 1 + number % 60_000).parse().unwrap(),
            destination: SERVER.parse().unwrap(),
            sequence: 1,
            acknowledgment: None,
            syn: true,
            fin: false,
            rst: false,
            window: 0,
            window_shift: None,
            payload: b"",
            missing: 0,
        }
    }

    #[test]
    fn attempts_are_bounded() {
        let mut dialing = Dialing::default();
        (0..3 * MAX_OPEN).for_each(|number| assert_eq!(dialing.push(&syn(0, number)), None));
        assert_eq!((dialing.open.len(), dialing.order.len()), (MAX_OPEN, MAX_OPEN));
    }

    #[test]
    fn what_was_told_outlives_a_flood() {
        let mut dialing = Dialing::default();
        assert!(dialing.push(&syn(0, 0)).is_none() && dialing.push(&syn(AGAIN, 0)).is_some());
        (1..2 * MAX_OPEN).for_each(|port| assert!(dialing.push(&syn(AGAIN, port)).is_none()));
        let answer = TcpSegment { source: SERVER.parse().unwrap(), destination: syn(0, 0).source, ..syn(AGAIN, 0) };
        let answer = TcpSegment { acknowledgment: Some(2), ..answer };
        assert_eq!(dialing.push(&answer).map(|attempt| attempt.outcome), Some(Outcome::Answered));
        // And is bounded as well.
        for port in 0..2 * MAX_TOLD {
            dialing.push(&syn(2 * AGAIN, port));
            assert!(dialing.push(&syn(3 * AGAIN, port)).is_some());
        }
        assert!(dialing.open.len() <= MAX_OPEN + MAX_TOLD && dialing.told.len() <= MAX_TOLD);
    }
}
