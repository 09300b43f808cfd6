//! Which connections there are: found by their endpoints, dropped when idle longest, remembered when over.
//!
//! In: endpoint pairs. Out: the number of a connection's place. It refuses to know what a connection does.
//! Limits: [`Limits::connections`](super::Limits::connections) places and
//! [`Limits::remembered`](super::Limits::remembered) connections that are over.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};

use crate::frame::Timestamp;
use crate::segment::TcpSegment;

use super::conversation::Conversation;

/// A pair of endpoints without direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    low: u128,
    high: u128,
    /// The ports of `low` and `high`, and whether the addresses are IPv6.
    rest: u64,
}

impl Pair {
    /// The endpoints of a segment.
    pub(super) fn of(segment: &TcpSegment<'_>) -> Self {
        Self::new(segment.source, segment.destination)
    }

    fn new(a: SocketAddr, b: SocketAddr) -> Self {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let (a, b) = ((bits(a.ip()), a.port(), a.is_ipv6()), (bits(b.ip()), b.port(), b.is_ipv6()));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let family = u64::from(low.2) << 1 | u64::from(high.2);
        Self { low: low.0, high: high.0, rest: family << 32 | u64::from(low.1) << 16 | u64::from(high.1) }
    }
}

impl std::hash::Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One word after the other: the hasher below folds words, and most high halves are 0.
        for word in [self.low, self.high] {
            state.write_u64(word as u64);
            state.write_u64((word >> 64) as u64);
        }
        state.write_u64(self.rest);
    }
}

/// Hashes endpoint pairs in a few nanoseconds, with a secret seed so that nobody can choose colliding ones.
#[derive(Clone, Debug)]
struct Folding {
    seed: u64,
}

impl Folding {
    fn new() -> Self {
        // Only places in the table depend on the seed, never what comes out or its order.
        Self { seed: RandomState::new().hash_one(0_u8) | 1 }
    }
}

impl BuildHasher for Folding {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold { state: self.seed, seed: self.seed }
    }
}

struct Fold {
    state: u64,
    seed: u64,
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The product of two 64-bit words, its halves folded together: every bit depends on all.
        let product = u128::from(self.state ^ word) * u128::from(self.seed ^ 0x9e37_79b9_7f4a_7c15);
        self.state = (product as u64) ^ ((product >> 64) as u64) ^ self.seed.rotate_left(17);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

/// A connection in its place.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) conversation: Conversation,
    pair: Pair,
    /// The moment (in segments pushed) of its last segment.
    used: u64,
    /// The moment under which it stands in the idle order: at or before `used`.
    idle_at: u64,
    /// The moment under which it stands in the order of those that wait.
    waits_at: Option<u64>,
    /// When it was put into that order.
    waits_since: Timestamp,
}

/// The connections there are.
#[derive(Debug)]
pub(super) struct Table {
    places: HashMap<Pair, usize, Folding>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    /// The pair looked for last: segments come in runs.
    newest: Option<(Pair, usize)>,
    /// By moment. Entries used since stand too early and are put right only when they come up.
    idle: BTreeMap<u64, usize>,
    waiting: BTreeMap<u64, usize>,
    moment: u64,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            places: HashMap::with_hasher(Folding::new()),
            entries: Vec::new(),
            free: Vec::new(),
            newest: None,
            idle: BTreeMap::new(),
            waiting: BTreeMap::new(),
            moment: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place of the connection between `pair`.
    pub(super) fn find(&mut self, pair: Pair) -> Option<usize> {
        if let Some((newest, place)) = self.newest
            && newest == pair
        {
            return Some(place);
        }
        let place = *self.places.get(&pair)?;
        self.newest = Some((pair, place));
        Some(place)
    }

    pub(super) fn get(&mut self, place: usize) -> Option<&mut Entry> {
        self.entries.get_mut(place)?.as_mut()
    }

    /// The connection at `place`, noted as used now.
    pub(super) fn visit(&mut self, place: usize) -> Option<&mut Entry> {
        self.moment += 1;
        let entry = self.entries.get_mut(place)?.as_mut()?;
        entry.used = self.moment;
        Some(entry)
    }

    /// Puts a new connection in; returns its place.
    pub(super) fn insert(&mut self, pair: Pair, conversation: Conversation) -> usize {
        self.moment += 1;
        let (used, idle_at, waits_since) = (self.moment, self.moment, conversation.last().time);
        let entry = Entry { conversation, pair, used, idle_at, waits_at: None, waits_since };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.entries.push(None);
                self.entries.len() - 1
            }
        };
        if let Some(slot) = self.entries.get_mut(place) {
            *slot = Some(entry);
        }
        self.idle.insert(self.moment, place);
        self.places.insert(pair, place);
        self.newest = Some((pair, place));
        place
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, place: usize) -> Option<(Pair, Conversation)> {
        let entry = self.entries.get_mut(place)?.take()?;
        self.free.push(place);
        self.newest = None;
        self.places.remove(&entry.pair);
        self.idle.remove(&entry.idle_at);
        if let Some(moment) = entry.waits_at {
            self.waiting.remove(&moment);
        }
        Some((entry.pair, entry.conversation))
    }

    /// The place of the connection that was used longest ago.
    pub(super) fn longest_idle(&mut self) -> Option<usize> {
        loop {
            let (moment, place) = self.idle.pop_first()?;
            let Some(entry) = self.entries.get_mut(place).and_then(Option::as_mut) else { continue };
            let used = entry.used;
            entry.idle_at = used;
            self.idle.insert(used, place);
            if used == moment {
                return Some(place);
            }
        }
    }

    /// Notes whether something waits in the connection at `place`.
    pub(super) fn note_waiting(&mut self, place: usize, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(place).and_then(Option::as_mut) else { return };
        match (entry.conversation.is_waiting(), entry.waits_at) {
            (true, None) => {
                self.moment += 1;
                entry.waits_at = Some(self.moment);
                entry.waits_since = now;
                self.waiting.insert(self.moment, place);
            }
            (false, Some(moment)) => {
                entry.waits_at = None;
                self.waiting.remove(&moment);
            }
            _ => (),
        }
    }

    /// Moves the connection at `place` to the end of the order of those that wait.
    pub(super) fn wait_again(&mut self, place: usize, now: Timestamp) {
        if let Some(entry) = self.entries.get_mut(place).and_then(Option::as_mut)
            && let Some(moment) = entry.waits_at.take()
        {
            self.waiting.remove(&moment);
        }
        self.note_waiting(place, now);
    }

    /// The place of the connection that stands first in the order of those that wait, and since when.
    pub(super) fn longest_waiting(&self) -> Option<(usize, Timestamp)> {
        let (_, &place) = self.waiting.first_key_value()?;
        Some((place, self.entries.get(place)?.as_ref()?.waits_since))
    }

    /// All connections.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.entries.iter().flatten().map(|entry| &entry.conversation)
    }

    /// All places in use, by the number of their connection.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut places: Vec<_> =
            self.entries.iter().enumerate().filter_map(|(place, entry)| Some((entry.as_ref()?, place))).collect();
        places.sort_by_key(|(entry, _)| entry.conversation.id().0);
        places.into_iter().map(|(_, place)| place).collect()
    }
}

/// Nanoseconds after its end during which data still under way belongs to the old connection.
const UNDER_WAY_TIME: i64 = 2_000_000_000;

/// Octets beyond its end that may have been under way when a connection ended.
const UNDER_WAY_OCTETS: u32 = 64 << 10;

/// Octets before its end that a late repeat may come from.
const REPEAT_REACH: u32 = 64 << 20;

/// What is left of a connection that is over.
#[derive(Clone, Copy, Debug)]
struct Trace {
    marks: [(SocketAddr, Option<u32>, Option<u32>); 2],
    over: Timestamp,
    number: u64,
}

/// Connections that are over, so that late repeats of theirs do not look like new ones.
#[derive(Debug)]
pub(super) struct Past {
    traces: HashMap<Pair, Trace, Folding>,
    order: VecDeque<(Pair, u64)>,
    count: u64,
}

impl Past {
    pub(super) fn new() -> Self {
        Self { traces: HashMap::with_hasher(Folding::new()), order: VecDeque::new(), count: 0 }
    }

    /// Remembers a connection; forgets the oldest when there are more than `limit`.
    pub(super) fn remember(&mut self, pair: Pair, conversation: &Conversation, over: Timestamp, limit: usize) {
        self.count += 1;
        self.traces.insert(pair, Trace { marks: conversation.marks(), over, number: self.count });
        self.order.push_back((pair, self.count));
        while self.order.len() > limit {
            let Some((pair, number)) = self.order.pop_front() else { return };
            if self.traces.get(&pair).is_some_and(|trace| trace.number == number) {
                self.traces.remove(&pair);
            }
        }
    }

    /// Whether a segment for which there is no connection is a late one of a connection that is over.
    pub(super) fn explains(&self, pair: Pair, segment: &TcpSegment<'_>) -> bool {
        if self.traces.is_empty() {
            return false;
        }
        let Some(trace) = self.traces.get(&pair) else { return false };
        let of_source = trace.marks.iter().find(|(endpoint, ..)| *endpoint == segment.source);
        let Some(&(_, initial, end)) = of_source else { return false };
        if segment.syn {
            return initial == Some(segment.sequence);
        }
        if segment.payload.is_empty() && segment.missing == 0 {
            return true;
        }
        let Some(end) = end else { return false };
        // The distances are small numbers when the segment is near, whatever side of the wrap it is on.
        let (before, beyond) = (end.wrapping_sub(segment.sequence), segment.sequence.wrapping_sub(end));
        let recent = segment.at.time.since(trace.over) <= UNDER_WAY_TIME;
        before != 0 && before <= REPEAT_REACH || recent && beyond <= UNDER_WAY_OCTETS
    }
}
