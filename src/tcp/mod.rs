//! TCP: segments become the ordered bytes of each side of each connection.
//!
//! In: [`TcpSegment`]s in the order they were captured. Out: [`Event`]s, per side in stream order. It refuses
//! to know link layers, IP and what the bytes mean. Checksums are never looked at: captures made on the
//! sending host have wrong ones.
//!
//! The part about ranges and holes (`assembler`) knows no TCP; `half` knows sequence numbers and `proof` when
//! a hole is lost; `conversation` knows how connections begin and end; `table` knows which there are, by
//! their endpoints (`pair`), and `past` which there were. [`dialing`] looks at attempts to connect that came to
//! nothing, of which none of this hears.
//!
//! What callers can rely on:
//! - Bytes in order are passed on at once and borrowed; only what waits for a hole is copied.
//! - Of octets captured twice the first copy counts. A copy that differs is an
//!   [`AnomalyKind::ConflictingOverlap`], one for each segment.
//! - The octets of a side known to have been sent are those passed on, plus those in gaps, plus those left
//!   over (waiting); after [`Tcp::finish`] nothing is left over. [`Counters`] has the sums.
//! - When anything comes out of a connection, each of its sides gets exactly one [`Event::End`], after which
//!   nothing comes. A connection without any data, seen or lost, gives no event at all.
//! - A stream joined in the middle begins with the first octet captured; the first segment is held back for
//!   three segments or 50 ms, in case an earlier one was captured just after it.
//!
//! [`AnomalyKind::ConflictingOverlap`]: crate::anomaly::AnomalyKind::ConflictingOverlap
//! [`Event`]: crate::stream::Event
//! [`Event::End`]: crate::stream::Event::End

mod arrival;
mod assembler;
mod conversation;
pub mod dialing;
mod half;
mod pair;
mod passed;
mod past;
mod proof;
mod recent;
mod role;
mod table;
#[cfg(test)]
mod tests;
mod witnesses;

use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::flow::{Connection, ConnectionId, ConnectionIds, Side};
use crate::frame::FrameRef;
use crate::segment::TcpSegment;
use crate::stream::Event;

use conversation::{Conversation, Outcome};
use pair::Pair;
use past::Past;
use proof::WAIT_ALONE;
use recent::Recent;
use table::Table;

pub use role::SERVER_PORTS;

/// How much TCP may remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets that may wait behind the holes of one side. 4 MiB: the largest receive windows of SIP servers
    /// are smaller, so more never waits for a retransmission. Beyond it the hole is given up
    /// ([`AnomalyKind::TcpBufferLimit`]).
    pub stream_buffer: usize,
    /// Octets that may wait in all connections together. 64 MiB: a quarter of the memory an analysis may
    /// take. Beyond it the hole waiting longest is given up ([`AnomalyKind::TcpBufferLimit`]).
    pub total_buffer: usize,
    /// Connections at a time. 65,536 (about 60 MB): one address has no more ports. Beyond it the connection
    /// idle longest is ended ([`AnomalyKind::TableLimit`]).
    pub connections: usize,
    /// Connections that are over and whose late repeats are still recognised. 4,096: repeats come within
    /// seconds. The oldest is forgotten silently.
    pub remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stream_buffer: 4 << 20, total_buffer: 64 << 20, connections: 1 << 16, remembered: 1 << 12 }
    }
}

/// What TCP has seen and done. `delivered + gap_octets + left_over = octets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments taken.
    pub segments: u64,
    /// Connections met, with or without data.
    pub connections: u64,
    /// Segments with payload that brought nothing new: retransmissions, mirrored frames, other inputs.
    pub repeated: u64,
    /// Segments whose payload differs from what was known of the same octets.
    pub conflicts: u64,
    /// Segments that fit no connection's sequence numbers.
    pub strays: u64,
    /// Segments that came after their connection was over, and RSTs of connections never met.
    pub late: u64,
    /// Times a buffer limit was reached.
    pub limit_reached: u64,
    /// Connections ended because there were too many.
    pub evicted: u64,
    /// Octets known to have been sent, from the first one of each stream that the capture could have shown.
    pub octets: u64,
    /// Octets passed on.
    pub delivered: u64,
    /// Gaps passed on.
    pub gaps: u64,
    /// Octets in them.
    pub gap_octets: u64,
    /// Octets neither passed on nor given up yet.
    pub left_over: u64,
}

/// What every part of TCP works with while it takes a segment.
struct Scene<'a> {
    recent: &'a mut Recent,
    counters: &'a mut Counters,
    anomalies: &'a mut AnomalyLog,
    limits: &'a Limits,
}

/// Reassembles TCP.
#[derive(Debug)]
pub struct Tcp {
    limits: Limits,
    ids: ConnectionIds,
    table: Table,
    past: Past,
    recent: Recent,
    counters: Counters,
    /// Octets of memory that wait in all connections.
    waiting: usize,
}

/// A [`Scene`] out of a [`Tcp`]'s own parts, leaving the table free to be borrowed beside it.
macro_rules! scene {
    ($tcp:ident, $anomalies:ident) => {
        Scene { recent: &mut $tcp.recent, counters: &mut $tcp.counters, anomalies: $anomalies, limits: &$tcp.limits }
    };
}

impl Tcp {
    /// Without connections yet, numbering them by itself.
    pub fn new(limits: Limits) -> Self {
        Self::with_ids(limits, ConnectionIds::default())
    }

    /// Without connections yet; their numbers come from `ids`.
    pub fn with_ids(limits: Limits, ids: ConnectionIds) -> Self {
        Self {
            limits,
            ids,
            table: Table::new(),
            past: Past::new(),
            recent: Recent::new(),
            counters: Counters::default(),
            waiting: 0,
        }
    }

    /// Takes one segment and gives the events it makes known, in stream order, through `out`.
    ///
    /// A segment may also bring out events of other connections: holes there that waited too long. Returns the
    /// connection it is part of; none for one that is over, or was never met.
    pub fn push(
        &mut self,
        segment: &TcpSegment<'_>,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> Option<ConnectionId> {
        self.counters.segments += 1;
        let pair = Pair::of(segment);
        // Losses elsewhere are told before what this segment brings: whoever reads on may judge by it.
        let own = self.table.find(pair);
        self.check_waiting(segment.at, own, anomalies, out);
        let place = match own {
            Some(place) => place,
            None if segment.rst || self.past.explains(pair, segment) => {
                self.counters.late += 1;
                return None;
            }
            None => self.admit(pair, segment, anomalies, out),
        };
        let mut id = self.table.get(place).map(|entry| entry.conversation.id());
        if self.feed(place, segment, anomalies, out) == Outcome::Anew {
            self.end(place, segment.at, anomalies, out);
            let place = self.admit(pair, segment, anomalies, out);
            id = self.table.get(place).map(|entry| entry.conversation.id());
            self.feed(place, segment, anomalies, out);
        }
        self.check_waiting(segment.at, None, anomalies, out);
        id
    }

    /// Time passed without a segment, up to `now`: holes that have waited too long are given up.
    pub fn pass(
        &mut self,
        now: FrameRef,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        self.check_waiting(now, None, anomalies, out);
    }

    /// The capture is over: what waits comes out, holes become gaps, everything ends.
    pub fn finish(&mut self, anomalies: &mut AnomalyLog, out: &mut impl FnMut(&Connection, Side, Event<'_>)) {
        for place in self.table.places() {
            let Some(entry) = self.table.get(place) else { continue };
            let last = entry.conversation.last();
            self.end(place, last, anomalies, out);
        }
    }

    /// What was seen and done so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        for conversation in self.table.iter() {
            counters.octets += conversation.length();
            counters.left_over += conversation.left_over();
        }
        counters
    }

    /// Lets the connection at `place` take a segment.
    fn feed(
        &mut self,
        place: usize,
        segment: &TcpSegment<'_>,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> Outcome {
        let Some(entry) = self.table.visit(place) else { return Outcome::Open };
        let conversation = &mut entry.conversation;
        let before = conversation.cost();
        let outcome = conversation.push(segment, &mut scene!(self, anomalies), out);
        let after = conversation.cost();
        self.waiting = (self.waiting + after).saturating_sub(before);
        match outcome {
            Outcome::Over => self.bury(place, segment.at, anomalies, out),
            Outcome::Open => self.table.note_waiting(place, segment.at.time),
            Outcome::Anew => (),
        }
        outcome
    }

    /// Begins a connection, at the cost of the longest idle one when there are too many.
    fn admit(
        &mut self,
        pair: Pair,
        segment: &TcpSegment<'_>,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> usize {
        while self.table.len() >= self.limits.connections.max(1) {
            let Some(idle) = self.table.longest_idle() else { break };
            let detail = "too many TCP connections at a time; the longest idle one was ended";
            anomalies.push(Anomaly { kind: AnomalyKind::TableLimit, frame: segment.at, detail });
            self.counters.evicted += 1;
            self.end(idle, segment.at, anomalies, out);
        }
        self.counters.connections += 1;
        self.table.insert(pair, Conversation::new(self.ids.next_id(), segment))
    }

    /// Ends the connection at `place`.
    fn end(
        &mut self,
        place: usize,
        now: FrameRef,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> Option<(Pair, Conversation)> {
        let (pair, mut conversation) = self.table.remove(place)?;
        self.waiting = self.waiting.saturating_sub(conversation.cost());
        conversation.close(now, &mut scene!(self, anomalies), out);
        Some((pair, conversation))
    }

    /// Ends the connection at `place`, which is over, and remembers it.
    fn bury(
        &mut self,
        place: usize,
        now: FrameRef,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        if let Some((pair, conversation)) = self.end(place, now, anomalies, out)
            && conversation.has_data()
        {
            self.past.remember(pair, &conversation, now.time, self.limits.remembered);
        }
    }

    /// Looks after holes on connections that have no traffic, and keeps the total limit. Stops at the
    /// connection at place `own`, whose traffic has just come and may fill its hole.
    fn check_waiting(
        &mut self,
        now: FrameRef,
        own: Option<usize>,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        while let Some((place, since)) = self.table.longest_waiting() {
            let full = self.waiting > self.limits.total_buffer;
            if own == Some(place) || (!full && now.time.since(since) < WAIT_ALONE) {
                return;
            }
            let Some(entry) = self.table.get(place) else { return };
            let conversation = &mut entry.conversation;
            let before = conversation.cost();
            match full {
                true => conversation.limit_reached(now, &mut scene!(self, anomalies), out),
                false => conversation.settle(now, &mut scene!(self, anomalies), out),
            }
            self.waiting = (self.waiting + conversation.cost()).saturating_sub(before);
            match conversation.is_over() {
                true => self.bury(place, now, anomalies, out),
                false => self.table.wait_again(place, now.time),
            }
        }
    }
}
