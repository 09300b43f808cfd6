//! What is still to happen, in order of time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::topology::Hop;
use crate::flow::Side;

/// How an attempt to connect fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dial {
    /// Nothing comes back.
    Silence,
    /// The port is closed: a reset comes back.
    Refused,
    /// The connection is made and then reset by this side, which does not trust the other one's certificate, before
    /// anything is said.
    Reset(Side),
}

/// One thing that happens on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// One side sends octets; the connection is made first if there is none.
    Say {
        /// Where.
        hop: Hop,
        /// Who.
        side: Side,
        /// The octets: whole SIP messages, or a keep-alive.
        octets: Vec<u8>,
        /// How many messages they are.
        messages: u64,
    },
    /// An acknowledgement is due if nothing was sent meanwhile.
    AcknowledgeLate {
        /// Where.
        hop: Hop,
        /// Who owes it.
        side: Side,
    },
    /// The client ends the connection, if there is one.
    Close(Hop),
    /// The server drops the connection, if there is one.
    Drop(Hop),
    /// The client tries to connect, in vain. Attempts with the same port and number are one attempt repeated.
    DialInVain {
        /// Where.
        hop: Hop,
        /// How it fails.
        how: Dial,
        /// The client's port.
        port: u16,
        /// The client's initial sequence number.
        sequence: u32,
    },
}

#[derive(Debug)]
struct Entry {
    at: i64,
    order: u64,
    act: Act,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A queue of acts by time; acts of the same time keep the order in which they were pushed.
///
/// It holds the acts of the ladders that are under way, so it does not grow with their number.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BinaryHeap<Reverse<Entry>>,
    pushed: u64,
    latest: i64,
}

impl Agenda {
    /// Plans `act` for `at` (nanoseconds since 1970 UTC).
    pub(super) fn push(&mut self, at: i64, act: Act) {
        self.pushed += 1;
        self.latest = self.latest.max(at);
        self.entries.push(Reverse(Entry { at, order: self.pushed, act }));
    }

    /// When the next act is due.
    pub(super) fn next_at(&self) -> Option<i64> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next act and its time.
    pub(super) fn pop(&mut self) -> Option<(i64, Act)> {
        self.entries.pop().map(|Reverse(entry)| (entry.at, entry.act))
    }

    /// The latest time anything was ever planned for.
    pub(super) fn latest(&self) -> i64 {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_come_by_time_and_then_as_pushed() {
        let mut agenda = Agenda::default();
        for (at, hop) in [(5, Hop::Mcx(0)), (3, Hop::Mcx(1)), (5, Hop::Mcx(2)), (3, Hop::Mcx(3))] {
            agenda.push(at, Act::Close(hop));
        }
        assert_eq!(agenda.latest(), 5);
        let order: Vec<_> = std::iter::from_fn(|| agenda.pop()).collect();
        let expected = [(3, 1), (3, 3), (5, 0), (5, 2)].map(|(at, lane)| (at, Act::Close(Hop::Mcx(lane))));
        assert_eq!(order, expected);
    }
}
