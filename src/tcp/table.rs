//! Which connections there are: found by their endpoints, in the order they were idle, in the order they wait.
//!
//! In: endpoint pairs. Out: the number of a connection's place. It refuses to know what a connection does.
//! Its owner keeps the limit, [`Limits::connections`](super::Limits::connections).

use std::collections::BTreeMap;

use foldhash::HashMap;

use crate::frame::Timestamp;

use super::conversation::Conversation;
use super::pair::Pair;

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
    places: HashMap<Pair, usize>,
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
            places: HashMap::default(),
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
