//! Connections that are over, so that late segments of theirs do not look like new connections.
//!
//! In: connections when they end. Out: whether a segment without a connection is a late one. It keeps
//! [`Limits::remembered`](super::Limits::remembered) of them; the oldest is forgotten silently, for its late
//! segments have come long ago.

use std::collections::VecDeque;
use std::net::SocketAddr;

use foldhash::HashMap;

use crate::frame::Timestamp;
use crate::segment::TcpSegment;

use super::conversation::Conversation;
use super::pair::Pair;

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
    traces: HashMap<Pair, Trace>,
    order: VecDeque<(Pair, u64)>,
    count: u64,
}

impl Past {
    pub(super) fn new() -> Self {
        Self { traces: HashMap::default(), order: VecDeque::new(), count: 0 }
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
