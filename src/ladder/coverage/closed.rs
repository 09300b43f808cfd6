//! Streams that cannot be read, by their hops.
//!
//! In: that one was in use within a time, and whether a secret may yet open it. Out: the hops with one in a window.
//! Limits: [`MAX_HOPS`], and as many connections that wait; [`MAX_APART`]. What finds no room is given back.

use std::collections::BTreeMap;

use super::Span;
use super::spans::Spans;
use crate::flow::ConnectionId;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;

/// Hops remembered, and connections that wait for a secret one by one; further ones of these are remembered as if nothing
/// would ever open them.
pub(super) const MAX_HOPS: usize = 4_096;
/// Stretches of time of one hop that are kept apart; those that lie closest become one.
pub(super) const MAX_APART: usize = 16;
/// Two stretches of one hop are kept apart when more lies between them, nanoseconds: no ladder lasts so long.
pub(super) const APART: i64 = 3_600_000_000_000;

/// One that was in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread {
    /// Between whom.
    pub(super) hop: Hop,
    /// The input that shows it.
    pub(super) input: u16,
    /// When.
    pub(super) span: Span,
    /// Its connection if a secret may yet open it.
    pub(super) waiting: Option<ConnectionId>,
}

/// Streams that cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    /// By hop and input.
    hops: BTreeMap<(Hop, u16), Spans>,
    /// Those that a secret may yet open, by connection and input.
    waiting: BTreeMap<(ConnectionId, u16), (Hop, Span)>,
}

impl Closed {
    /// One was in use. Says whether there was room for it, and whether it is new.
    pub(super) fn push(&mut self, unread: Unread) -> Result<bool, Unread> {
        let Unread { hop, input, span, waiting } = unread;
        let key = waiting.map(|connection| (connection, input));
        if let Some(key) = key.filter(|key| self.waiting.len() < MAX_HOPS || self.waiting.contains_key(key)) {
            let mut is_new = false;
            let (_, known) = self.waiting.entry(key).or_insert_with(|| {
                is_new = true;
                (hop, span)
            });
            let joined = known.joined(&span);
            is_new |= joined != *known;
            *known = joined;
            Ok(is_new)
        } else if self.hops.len() < MAX_HOPS || self.hops.contains_key(&(hop, input)) {
            Ok(self.hops.entry((hop, input)).or_default().push(span, APART, MAX_APART))
        } else {
            Err(unread)
        }
    }

    /// A connection does not wait any more. What it hid before `since` stays hidden: gives what found no room for that.
    pub(super) fn settled(&mut self, connection: ConnectionId, since: Timestamp) -> Vec<Unread> {
        let own = (connection, u16::MIN)..=(connection, u16::MAX);
        let settled: Vec<u16> = self.waiting.range(own).map(|((_, input), _)| *input).collect();
        let mut over = Vec::new();
        for input in settled {
            if let Some((hop, span)) = self.waiting.remove(&(connection, input))
                && span.from < since
            {
                let span = Span { to: span.to.min(since), ..span };
                over.extend(self.push(Unread { hop, input, span, waiting: None }).err());
            }
        }
        over
    }

    /// Takes out what is of hops that are `wanted`.
    pub(super) fn take(&mut self, wanted: impl Fn(&Hop) -> bool) -> Vec<Unread> {
        let mut taken: Vec<Unread> = Vec::new();
        self.hops.retain(|(hop, input), spans| {
            let (is_wanted, hop, input) = (wanted(hop), *hop, *input);
            if is_wanted {
                taken.extend(spans.iter().map(|span| Unread { hop, input, span, waiting: None }));
            }
            !is_wanted
        });
        self.waiting.retain(|(connection, input), (hop, span)| {
            let is_wanted = wanted(hop);
            if is_wanted {
                taken.push(Unread { hop: *hop, input: *input, span: *span, waiting: Some(*connection) });
            }
            !is_wanted
        });
        taken
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Hop, u16, Span)> {
        let hops = self.hops.iter().flat_map(|((hop, input), spans)| spans.iter().map(move |span| (hop, *input, span)));
        hops.chain(self.waiting.iter().map(|((_, input), (hop, span))| (hop, *input, *span)))
    }

    /// The hops with one during `window`.
    pub(super) fn during(&self, window: Span) -> impl Iterator<Item = &Hop> {
        let hops = self.hops.iter().filter(move |(_, spans)| spans.meet(window)).map(|((hop, _), _)| hop);
        let waiting = self.waiting.values().filter(move |(_, span)| span.meets(&window)).map(|(hop, _)| hop);
        hops.chain(waiting)
    }

    /// Forgets what was over before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.hops.retain(|_, spans| {
            spans.forget(before);
            !spans.is_empty()
        });
        self.waiting.retain(|_, (_, span)| span.to >= before);
    }

    /// How many hops, and how many connections that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.hops.len(), self.waiting.len())
    }
}
