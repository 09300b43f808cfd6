//! Streams that cannot be read, by their hops.
//!
//! In: that one was in use within a time, and whether a secret may yet open it. Out: the hops with one in a window.
//! Limits: [`MAX_HOPS`], and as many connections that wait; beyond them it is only known that there was one.

use std::collections::BTreeMap;

use super::Span;
use crate::flow::ConnectionId;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;

/// Hops remembered, and connections that wait for a secret one by one; further ones of these are remembered as if nothing
/// would ever open them.
pub(super) const MAX_HOPS: usize = 4_096;

/// Streams that cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    /// By hop and input.
    hops: BTreeMap<(Hop, u16), Span>,
    /// Those that a secret may yet open, by connection and input.
    waiting: BTreeMap<(ConnectionId, u16), (Hop, Span)>,
    /// When there were some on hops that are not remembered.
    beyond: Option<Span>,
}

impl Closed {
    /// One was in use; `waiting` is its connection if a secret may yet open it.
    pub(super) fn push(&mut self, hop: Hop, input: u16, span: Span, waiting: Option<ConnectionId>) {
        let key = waiting.map(|connection| (connection, input));
        if let Some(key) = key.filter(|key| self.waiting.len() < MAX_HOPS || self.waiting.contains_key(key)) {
            let (_, known) = self.waiting.entry(key).or_insert((hop, span));
            *known = known.joined(&span);
        } else if self.hops.len() < MAX_HOPS || self.hops.contains_key(&(hop, input)) {
            let known = self.hops.entry((hop, input)).or_insert(span);
            *known = known.joined(&span);
        } else {
            self.beyond = Some(self.beyond.map_or(span, |known| known.joined(&span)));
        }
    }

    /// A connection does not wait any more; what it hid before `since` stays hidden.
    pub(super) fn settled(&mut self, connection: ConnectionId, since: Timestamp) {
        let own = (connection, u16::MIN)..=(connection, u16::MAX);
        let settled: Vec<u16> = self.waiting.range(own).map(|((_, input), _)| *input).collect();
        for input in settled {
            if let Some((hop, span)) = self.waiting.remove(&(connection, input))
                && span.from < since
            {
                self.push(hop, input, Span { to: span.to.min(since), ..span }, None);
            }
        }
    }

    /// The hops with one during `window`, and the inputs that show it.
    pub(super) fn during(&self, window: Span) -> impl Iterator<Item = (&Hop, u16)> {
        let hops = self.hops.iter().map(|((hop, input), span)| (hop, *input, span));
        let waiting = self.waiting.iter().map(|((_, input), (hop, span))| (hop, *input, span));
        hops.chain(waiting).filter(move |(.., span)| span.meets(&window)).map(|(hop, input, _)| (hop, input))
    }

    /// Whether there was one during `window` of which nothing else is known.
    pub(super) fn is_beyond(&self, window: Span) -> bool {
        self.beyond.is_some_and(|beyond| beyond.meets(&window))
    }

    /// Forgets what was over before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.hops.retain(|_, span| span.to >= before);
        self.waiting.retain(|_, (_, span)| span.to >= before);
        self.beyond = self.beyond.filter(|beyond| beyond.to >= before);
    }

    /// How many hops, and how many connections that wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.hops.len(), self.waiting.len())
    }
}
