//! The numbers that the next record of a side may have, where some before it were lost or passed over.
//!
//! A number is proved by the record's code or tag: each is tried, and how much is tried in vain is bounded.

use std::ops::Range;

use crate::tls::negotiation::{Direction, Stage};
use crate::tls::record::HEADER;
use crate::tls::suite::MAX_KEY_STREAM;

/// The least octets of a protected record, header included: TLS 1.3 with a tag of eight.
pub(super) const MIN_PROTECTED: u64 = 14;
/// The farthest a sequence number is searched forward after a loss, under all keys that contradict each other together.
/// 4,096 records of SIP are some megabytes: a capture that lost more in one place lost the connection.
const MAX_SEARCH: u64 = 4096;
/// The most octets that are tried after a loss before only the next number is. 64 MiB: every number of the farthest
/// search for the longest record, or of 64 searches for messages of SIP.
const MAX_SEARCHED: u64 = 64 << 20;
/// The most records that a side protects in a handshake of TLS 1.3, where nobody could look: a chain of certificates in
/// small pieces.
const MAX_FLIGHT: u64 = 64;

/// Whole records that came and cannot be opened any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed {
    /// How many.
    pub(crate) records: u64,
    /// Octets behind their headers.
    pub(crate) octets: u64,
    /// The last of them, for ciphers that go on from there; empty where octets behind them are lost.
    pub(crate) tail: Vec<u8>,
}

/// Octets of a record that tell how the next one begins: a block, of the longest cipher.
const TAIL: usize = 16;

impl Passed {
    /// One record.
    pub(crate) fn of(body: &[u8]) -> Self {
        let tail = body.get(body.len().saturating_sub(TAIL)..).unwrap_or(body);
        Self { records: 1, octets: body.len() as u64, tail: tail.to_vec() }
    }

    /// Octets with the headers.
    pub(crate) fn length(&self) -> u64 {
        self.octets.saturating_add(self.records.saturating_mul(HEADER as u64))
    }

    /// Further ones behind these.
    pub(crate) fn add(&mut self, further: Self) {
        self.records = self.records.saturating_add(further.records);
        self.octets = self.octets.saturating_add(further.octets);
        self.tail = further.tail;
    }
}

/// What keys a number is searched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sought {
    /// Octets of the record behind its header.
    pub(crate) octets: usize,
    /// How many sets of keys are tried on it, one of which may be the right one.
    pub(crate) rivals: usize,
    /// Whether they protect the handshake of TLS 1.3 alone: [`MAX_FLIGHT`] records.
    pub(crate) is_flight: bool,
}

/// What stands between the last record that was opened and the next one, and what was tried to get over it.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// Protected octets lost since the last record that was opened.
    missed: u64,
    /// Records that came and were passed over since then. They have their numbers all the same.
    passed: u64,
    /// What was passed over before there were keys.
    unkeyed: Passed,
    /// Octets that were tried under other numbers than the next, since the last record that opened.
    pub(crate) searched: u64,
    /// Times that a record behind a loss was made to wait, since no secret found opens it.
    pub(crate) doubts: u8,
}

impl Search {
    /// New keys begin here.
    pub(super) fn begin(&mut self) {
        *self = Self { searched: self.searched, ..Self::default() };
    }

    /// A record was opened: nothing stands before the next one.
    pub(super) fn end(&mut self) {
        (self.missed, self.passed, self.searched) = (0, 0, 0);
    }

    /// There are keys now.
    pub(super) fn hold(&mut self) {
        self.unkeyed = Passed::default();
    }

    /// Protected octets are missing, or did not open.
    pub(super) fn miss(&mut self, octets: u64) {
        self.missed = self.missed.saturating_add(octets);
        self.unkeyed.tail.clear();
    }

    /// Records are passed over; `is_unkeyed`: before there are keys.
    pub(super) fn pass(&mut self, passed: Passed, is_unkeyed: bool) {
        self.passed = self.passed.saturating_add(passed.records);
        if is_unkeyed {
            self.unkeyed.add(passed);
        }
    }

    /// Whether a record may be missing before the next one.
    pub(crate) fn is_lossy(&self) -> bool {
        self.missed > 0
    }

    /// Whether records before the next one were passed over.
    pub(crate) fn has_passed(&self) -> bool {
        self.passed > 0
    }

    /// The numbers that a record may have, from `next` on. `budget` is how many octets may be tried in all connections.
    pub(super) fn numbers(&self, next: u64, sought: Sought, budget: u64) -> Range<u64> {
        let farthest = match self.missed {
            0 => 1,
            missed => self.afford(missed / MIN_PROTECTED + 2, sought, budget),
        };
        next..next.saturating_add(farthest)
    }

    /// The same under the keys that come behind those of `stage`, where they began somewhere among what was lost or passed
    /// over. Of the records that were passed over behind a handshake, a few at most are the handshake's: [`MAX_FLIGHT`].
    pub(crate) fn next_numbers(&self, stage: Stage, sought: Sought, budget: u64) -> Range<u64> {
        let first = match stage {
            Stage::Handshake => self.passed.saturating_sub(MAX_FLIGHT),
            Stage::Traffic => 0,
        };
        let farthest = self.afford(self.passed - first + self.missed / MIN_PROTECTED + 2, sought, budget);
        first..first.saturating_add(farthest)
    }

    /// How many numbers of `wanted` each of the rivals may try. However many there are, together they try no more than one
    /// alone might, so that the first ones leave the others their part.
    fn afford(&self, wanted: u64, sought: Sought, budget: u64) -> u64 {
        let Sought { octets, rivals, is_flight } = sought;
        let affordable = MAX_SEARCHED.saturating_sub(self.searched).min(budget) / octets.max(1) as u64;
        let each = affordable.min(MAX_SEARCH) / rivals.max(1) as u64;
        wanted.min(each).min(if is_flight { MAX_FLIGHT } else { MAX_SEARCH }).max(1)
    }

    /// A record of `octets` is tried under `numbers`. The first of them costs nothing.
    pub(crate) fn charge(&mut self, numbers: &Range<u64>, octets: usize, budget: &mut u64) {
        let further = numbers.end.saturating_sub(numbers.start).saturating_sub(1);
        let cost = further.saturating_mul(octets as u64);
        self.searched = self.searched.saturating_add(cost);
        *budget = budget.saturating_sub(cost);
    }

    /// Makes keys ready that are for what began before what was lost or passed over; `next` is the number of the next record.
    /// Where the key stream of `rivals` together, or what is left of `budget`, is not enough to go on from there, they
    /// are as after a loss.
    pub(super) fn ready(&self, next: u64, direction: &mut Direction, rivals: usize, budget: &mut u64) {
        if self.is_lossy() {
            direction.opener.lose();
        }
        if self.unkeyed.records == 0 {
            return;
        }
        let cost = direction.opener.cost(&self.unkeyed);
        if cost > (MAX_KEY_STREAM / rivals.max(1) as u64).min(*budget) {
            return direction.opener.lose();
        }
        *budget -= cost;
        direction.opener.pass(next, &self.unkeyed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::suite::{Keys, Opener, Suite};
    use crate::tls::version::Version;

    const LONGEST: usize = 16 << 10;

    fn lossy(missed: u64) -> Search {
        Search { missed, ..Search::default() }
    }

    #[test]
    fn rivals_try_no_more_than_one_alone_and_each_has_the_same_part() {
        for (missed, octets) in [(1 << 20, LONGEST), (1 << 20, 300), (56 << 10, LONGEST), (1 << 40, 1)] {
            let alone = lossy(missed).numbers(7, Sought { octets, rivals: 1, is_flight: false }, u64::MAX);
            let most = (alone.end - alone.start) * octets as u64;
            for rivals in 1..=48 {
                let (mut search, mut budget) = (lossy(missed), u64::MAX);
                let numbers = search.numbers(7, Sought { octets, rivals, is_flight: false }, budget);
                assert!(numbers.end - numbers.start >= MAX_SEARCH / 50, "{missed} {octets} {rivals}");
                (0..rivals).for_each(|_| search.charge(&numbers, octets, &mut budget));
                assert!(u64::MAX - budget <= most && search.searched <= most, "{missed} {octets} {rivals}");
            }
        }
        // Behind a short loss all have every number.
        for rivals in [0, 1, 8, 48] {
            let sought = Sought { octets: LONGEST, rivals, is_flight: false };
            assert_eq!(lossy(1000).numbers(7, sought, u64::MAX), 7..7 + 1000 / 14 + 2);
            assert_eq!(lossy(0).numbers(7, sought, u64::MAX), 7..8);
            assert_eq!(lossy(1000).numbers(7, sought, 0), 7..8);
        }
    }

    #[test]
    fn keys_of_a_handshake_leave_the_search_to_those_behind_it() {
        let (mut search, mut budget) = (lossy(1 << 20), u64::MAX);
        let sought = |is_flight| Sought { octets: LONGEST, rivals: 1, is_flight };
        let numbers = search.numbers(2, sought(true), budget);
        assert_eq!(numbers, 2..2 + MAX_FLIGHT);
        search.charge(&numbers, LONGEST, &mut budget);
        let next = search.next_numbers(Stage::Handshake, sought(false), budget);
        assert!(next.end - next.start > MAX_SEARCH - 2 * MAX_FLIGHT, "{next:?}");
    }

    #[test]
    fn key_stream_that_is_passed_over_is_bounded_and_charged() {
        let suite = Suite::of(0x0005).unwrap();
        let ready = |octets, rivals, mut budget| {
            let keys = Keys { mac: &[1; 20], key: &[2; 16], iv: &[] };
            let opener = Opener::new(suite, Version::Tls12, keys, false).unwrap();
            let mut direction = Direction { opener: Box::new(opener), stage: Stage::Handshake, secret: None };
            let mut search = Search::default();
            search.pass(Passed { records: 3, octets, tail: Vec::new() }, true);
            search.ready(3, &mut direction, rivals, &mut budget);
            (direction.opener.is_blind(), budget)
        };
        assert_eq!(ready(1000, 1, 5000), (false, 4000));
        assert_eq!(ready(1000, 48, 5000), (false, 4000));
        assert_eq!(ready(5001, 1, 5000), (true, 5000));
        assert_eq!(ready(MAX_KEY_STREAM / 8 + 1, 8, u64::MAX), (true, u64::MAX));
    }
}
