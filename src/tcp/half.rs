//! One direction of a connection: sequence numbers become offsets, holes become gaps.
//!
//! In: what segments of this direction carry, and what the other side acknowledged and allowed.
//! Out: [`Event`]s in stream order. It refuses to know ports, roles and the other direction.

use crate::anomaly::{Anomaly, AnomalyKind};
use crate::frame::{FrameRef, Timestamp};
use crate::stream::Event;

use super::Scene;
use super::arrival::Arrival;
use super::assembler::Assembler;
use super::passed::{Emit, Passed};
use super::proof::{Evidence, Hole, Moment, WAIT_ALONE};
use super::witnesses::Witnesses;

/// How far from the expected place a segment may be: far more than any window, and less than the 2^31 at
/// which sequence numbers lose their order. What is farther belongs to another connection on these ports.
const REACH: u64 = 64 << 20;

/// How far beyond everything else known an acknowledgment or a bare segment is believed: a window of the usual
/// size. Broken and forged ones would otherwise pass for the loss of megabytes.
const CLAIM_REACH: u64 = 256 << 10;

/// How far before the first segment seen the start of a stream may be put back: one large window.
const START_REACH: u64 = 1 << 20;

/// Further segments of the connection during which an earlier one may still come before the first one seen.
const START_SEGMENTS: u64 = 3;

/// Nanoseconds of capture time during which an earlier segment may still come before the first one seen.
const START_TIME: i64 = 50_000_000;

/// Internal offset of the first sequence number seen: room before it, so that no offset is negative.
const ANCHOR: u64 = 1 << 40;

/// Segments in a row out of reach after which a new connection is believed in.
const STRAYS: u8 = 3;

/// How sure the start of the stream is.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// Nothing is known.
    Unknown,
    /// Told by a segment without payload or by an acknowledgment; a keep-alive may have told it one too low.
    Told,
    /// Data came first: it is kept for a moment, in case earlier data comes just after it.
    Held(Moment),
    /// Fixed.
    Fixed,
}

/// One direction of a connection. Offsets in it are internal: [`ANCHOR`] plus the distance from the first
/// sequence number seen.
#[derive(Debug)]
pub(super) struct Half {
    assembler: Assembler,
    start: Start,
    /// Sequence number of the octet at `ANCHOR`.
    anchor: u32,
    passed: Passed,
    /// End of what was seen or cut off.
    sent: u64,
    /// End of what acknowledgments and bare segments say was sent; a FIN not seen makes it one too high.
    claimed: u64,
    evidence: Evidence,
    /// The sequence number of the SYN.
    initial: Option<u32>,
    /// Where the FIN stands, and when it was seen.
    fin: Option<(u64, Timestamp)>,
    done: bool,
    witnesses: Witnesses,
    strays: u8,
}

impl Half {
    /// A direction of the connection whose first frame is `begin`.
    pub(super) fn new(begin: FrameRef) -> Self {
        Self {
            assembler: Assembler::new(ANCHOR),
            start: Start::Unknown,
            anchor: 0,
            passed: Passed::new(ANCHOR, begin),
            sent: ANCHOR,
            claimed: 0,
            evidence: Evidence::default(),
            initial: None,
            fin: None,
            done: false,
            witnesses: Witnesses::default(),
            strays: 0,
        }
    }

    fn is_known(&self) -> bool {
        !matches!(self.start, Start::Unknown)
    }

    fn is_told(&self) -> bool {
        matches!(self.start, Start::Told)
    }

    fn is_held(&self) -> bool {
        matches!(self.start, Start::Held(_))
    }

    /// Whether its FIN was seen.
    pub(super) fn is_finished(&self) -> bool {
        self.fin.is_some()
    }

    /// Whether nothing more will come out.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether something waits here that time alone could bring out.
    pub(super) fn is_waiting(&self) -> bool {
        !self.assembler.is_clear() || (self.fin.is_some() && !self.done) || self.tail().is_some()
    }

    /// Octets of memory that wait here.
    pub(super) fn cost(&self) -> usize {
        self.assembler.cost()
    }

    /// The sequence number of the SYN, when it was seen.
    pub(super) fn initial(&self) -> Option<u32> {
        self.initial
    }

    /// The sequence number after everything known of this direction.
    pub(super) fn end_sequence(&self) -> Option<u32> {
        self.is_known().then(|| self.sequence(self.end()))
    }

    /// Whether payload was seen.
    pub(super) fn has_data(&self) -> bool {
        self.passed.octets + self.passed.lost > 0 || !self.assembler.is_clear()
    }

    /// Octets known to have been sent, from the first the capture could have shown.
    pub(super) fn length(&self) -> u64 {
        match self.start {
            Start::Unknown => 0,
            Start::Held(_) => self.sent - self.assembler.first().map_or(self.sent, |(start, _)| start),
            Start::Told | Start::Fixed => self.end().saturating_sub(self.passed.origin),
        }
    }

    /// Octets of [`Half::length`] neither passed on nor given up as lost.
    pub(super) fn left_over(&self) -> u64 {
        self.length().saturating_sub(self.passed.octets + self.passed.lost)
    }

    /// The end of what is known to have been sent. A claim of a single octet more is a FIN that was not seen.
    fn end(&self) -> u64 {
        let seen = self.sent.max(self.assembler.next());
        match self.fin {
            Some((fin, _)) => fin,
            None if self.claimed > seen + 1 => self.claimed,
            None => seen,
        }
    }

    fn offset(&self, sequence: u32) -> u64 {
        let next = self.assembler.next();
        // The distance as a signed number keeps the order of sequence numbers across their wrap.
        let distance = sequence.wrapping_sub(self.sequence(next)).cast_signed();
        next.saturating_add_signed(i64::from(distance))
    }

    fn sequence(&self, offset: u64) -> u32 {
        // Sequence numbers are the low 32 bits of the distance from the anchor.
        self.anchor.wrapping_add(offset.wrapping_sub(ANCHOR) as u32)
    }

    fn within_reach(&self, offset: u64) -> bool {
        offset.abs_diff(self.assembler.next()) <= REACH
    }

    /// Whether `sequence` may be a segment of this direction.
    pub(super) fn is_near(&self, sequence: u32) -> bool {
        !self.is_known() || self.within_reach(self.offset(sequence))
    }

    fn anchor_at(&mut self, sequence: u32, start: Start) {
        self.anchor = sequence;
        self.start = start;
    }

    /// Moves the start of a stream that passed nothing on.
    fn move_start(&mut self, to: u64) {
        self.assembler.restart(to, &mut |_, _, _| ());
        self.passed.origin = self.assembler.next();
        self.sent = self.sent.max(self.passed.origin);
    }

    /// Whether a SYN with this sequence number can be the one that began this direction as it is known.
    pub(super) fn began_with(&self, sequence: u32) -> bool {
        let first = sequence.wrapping_add(1);
        match (self.initial, self.start) {
            (Some(initial), _) => initial == sequence,
            (None, Start::Unknown) => true,
            (None, Start::Held(_)) => {
                let kept = self.assembler.first().map_or(ANCHOR, |(start, _)| start);
                kept.checked_sub(self.offset(first)).is_some_and(|before| before < START_REACH)
            }
            (None, Start::Told | Start::Fixed) => self.sequence(self.passed.origin) == first,
        }
    }

    /// A SYN with this sequence number, for which [`Half::began_with`] holds.
    pub(super) fn begin(&mut self, sequence: u32, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        let first = sequence.wrapping_add(1);
        self.initial = Some(sequence);
        match self.start {
            Start::Unknown => self.anchor_at(first, Start::Fixed),
            Start::Held(_) => self.release(Some(self.offset(first)), scene, emit),
            Start::Told | Start::Fixed => self.start = Start::Fixed,
        }
    }

    /// The other side acknowledged everything before `sequence`.
    pub(super) fn acknowledge(&mut self, sequence: u32, moment: Moment) {
        self.evidence.answer();
        if !self.is_known() {
            return self.anchor_at(sequence, Start::Told);
        }
        let upto = self.offset(sequence);
        if upto > self.assembler.next() && self.claim(upto) {
            self.prove(upto, moment);
        }
    }

    /// The other side can take `octets` at once.
    pub(super) fn allow(&mut self, octets: u64) {
        self.evidence.allow(octets);
    }

    /// Somebody says that everything before `upto` was sent. Returns whether that can be.
    fn claim(&mut self, upto: u64) -> bool {
        let known = self.sent.max(self.claimed).max(self.assembler.next());
        if self.done || upto > known.saturating_add(CLAIM_REACH) {
            return false;
        }
        if self.is_told() && upto == self.assembler.next() + 1 && self.assembler.is_clear() {
            self.move_start(upto);
        }
        self.claimed = self.claimed.max(upto);
        true
    }

    fn prove(&mut self, upto: u64, moment: Moment) {
        // While the start is held, what is waited for has no place yet.
        let next = if self.is_held() { u64::MAX } else { self.assembler.next() };
        self.evidence.prove(upto, next, moment);
    }

    /// Takes what a segment carries. `false` when it cannot belong to this connection.
    pub(super) fn receive(&mut self, arrival: &Arrival<'_>, scene: &mut Scene<'_>, emit: &mut Emit<'_>) -> bool {
        let length = arrival.length();
        if !self.is_known() {
            self.meet(arrival);
        }
        let offset = self.offset(arrival.sequence);
        if !self.within_reach(offset) {
            return self.stray(length, scene);
        }
        if length == 0 || self.is_probe(offset, arrival) {
            if length == 0 && offset > self.assembler.next() {
                self.claim(offset);
            }
            return true;
        }
        self.strays = 0;
        if self.done {
            scene.counters.repeated += 1;
            return true;
        }
        if self.witnesses.is_further(arrival.moment.at.input) {
            emit(Event::Witness { frame: arrival.moment.at });
        }
        if self.is_told() {
            let next = self.assembler.next();
            if offset == next + 1 || (offset < next && next - offset <= START_REACH) {
                self.move_start(offset);
            }
            self.start = Start::Fixed;
        }
        self.take(offset, arrival, scene, emit);
        true
    }

    /// The first segment of a direction of which nothing is known.
    fn meet(&mut self, arrival: &Arrival<'_>) {
        match (arrival.length(), arrival.payload.is_empty()) {
            (0, _) => self.anchor_at(arrival.sequence, Start::Told),
            // A lone octet first is taken for a keep-alive probe, which repeats the octet before the next one.
            (1, _) => self.anchor_at(arrival.sequence.wrapping_add(1), Start::Told),
            (_, true) => self.anchor_at(arrival.sequence, Start::Fixed),
            (_, false) => {
                self.anchor_at(arrival.sequence, Start::Held(arrival.moment));
                // Nothing is in order while the stream seems to begin far before: so everything waits.
                self.assembler = Assembler::new(ANCHOR - START_REACH);
            }
        }
    }

    fn stray(&mut self, length: u64, scene: &mut Scene<'_>) -> bool {
        if length == 0 {
            return true;
        }
        scene.counters.strays += 1;
        self.strays = self.strays.saturating_add(1);
        self.strays < STRAYS
    }

    /// Whether the segment is a keep-alive probe: one octet, without meaning, in the place of the last one sent.
    ///
    /// Source: RFC 9293 §3.8.4.
    fn is_probe(&self, offset: u64, arrival: &Arrival<'_>) -> bool {
        let end = offset + 1;
        arrival.length() == 1
            && !self.is_held()
            && end == self.sent.max(self.claimed).max(self.assembler.next())
            && (self.assembler.next() >= end || self.evidence.stands(arrival.moment).is_some_and(|upto| upto >= end))
    }

    fn take(&mut self, offset: u64, arrival: &Arrival<'_>, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        let fin = self.fin.map_or(u64::MAX, |(fin, _)| fin);
        let room = usize::try_from(fin.saturating_sub(offset)).unwrap_or(usize::MAX);
        let payload = arrival.payload.get(..room).unwrap_or(arrival.payload);
        let seen = offset + payload.len() as u64;
        let next = self.assembler.next();
        if offset != next || !self.assembler.is_clear() {
            self.compare(offset, payload, arrival.moment.at, scene);
            if !self.is_held() {
                self.evidence.prove_by_window(seen, next, arrival.moment);
            }
        }
        if !payload.is_empty() {
            let passed = &mut self.passed;
            let fresh = self.assembler.push(offset, payload, arrival.moment.at, &mut |at, bytes, frame| {
                passed.bytes(scene.recent, scene.counters, (at, bytes, frame), emit);
            });
            scene.counters.repeated += u64::from(fresh == 0);
        }
        let end = seen.saturating_add(arrival.missing.into()).min(fin);
        self.sent = self.sent.max(end);
        if arrival.missing > 0 && end > self.assembler.next() {
            self.prove(end, arrival.moment);
        }
    }

    /// Compares octets known already with their new copy.
    fn compare(&self, offset: u64, payload: &[u8], at: FrameRef, scene: &mut Scene<'_>) {
        let differs = self.assembler.differs(offset, payload)
            || (offset < self.assembler.next() && scene.recent.differs(self.passed.newest, offset, payload));
        if differs {
            scene.counters.conflicts += 1;
            let detail = "two copies of the same TCP octets differ; the first was kept";
            scene.anomalies.push(Anomaly { kind: AnomalyKind::ConflictingOverlap, frame: at, detail });
        }
    }

    /// A FIN stands at `sequence`. One that contradicts data beyond it is not believed.
    pub(super) fn finish_at(&mut self, sequence: u32, now: FrameRef) {
        if !self.is_known() {
            self.anchor_at(sequence, Start::Fixed);
        }
        let end = self.offset(sequence);
        if self.fin.is_none() && self.within_reach(end) && end >= self.sent.max(self.assembler.next()) {
            self.fin = Some((end, now.time));
            self.sent = end;
            self.claimed = end;
        }
    }

    /// A RST stands at `sequence`: what was sent before it and not seen is not sent again, but may come late.
    pub(super) fn reset_at(&mut self, sequence: u32, moment: Moment) {
        let (known, end) = (self.sent.max(self.claimed).max(self.assembler.next()), self.offset(sequence));
        // One octet more is a FIN that was not seen.
        if self.is_known() && (known + 2..=known + CLAIM_REACH).contains(&end) {
            self.finish_at(sequence, moment.at);
            self.prove(end, moment);
        }
    }

    /// Whether octets are known to have been sent behind all that were seen.
    pub(super) fn is_short(&self) -> bool {
        !self.done && (self.fin.is_some() || self.tail().is_some())
    }

    /// Brings out what can come out now: a start held long enough, holes proven lost, the end.
    pub(super) fn settle(&mut self, moment: Moment, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        if let Start::Held(first) = self.start {
            let segments = moment.count.saturating_sub(first.count);
            let over = segments >= START_SEGMENTS || moment.at.time.since(first.at.time) >= START_TIME;
            if !over && self.assembler.cost() <= scene.limits.stream_buffer {
                return;
            }
            self.release(None, scene, emit);
        }
        loop {
            self.evidence.watch(self.assembler.next(), moment);
            let Some(hole) = self.hole() else { break };
            if self.evidence.is_lost(hole, moment) {
                self.give_up(hole.end, moment.at, scene, emit);
            } else if self.assembler.cost() > scene.limits.stream_buffer {
                self.limit_reached(moment.at, scene, emit);
            } else {
                break;
            }
        }
        if let Some((end, since)) = self.tail().filter(|_| self.hole().is_none())
            && moment.at.time.since(since) >= WAIT_ALONE
        {
            self.give_up(end, moment.at, scene, emit);
        }
        if self.fin.is_some_and(|(fin, _)| fin <= self.assembler.next()) {
            self.done = true;
        }
    }

    /// Gives up the first hole, or the wait for an earlier start, because of a buffer limit.
    pub(super) fn limit_reached(&mut self, now: FrameRef, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        if self.is_held() {
            return self.release(None, scene, emit);
        }
        let Some(hole) = self.hole() else { return };
        let detail = "a TCP buffer limit was reached; a hole in a stream was given up as lost";
        scene.anomalies.push(Anomaly { kind: AnomalyKind::TcpBufferLimit, frame: now, detail });
        scene.counters.limit_reached += 1;
        self.give_up(hole.end, now, scene, emit);
    }

    /// Ends the start's grace: the stream begins at `at`, or with the first octet there is.
    fn release(&mut self, at: Option<u64>, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        let first = self.assembler.first().map_or(ANCHOR, |(start, _)| start);
        let at = at.map_or(first, |at| at.min(first));
        self.start = Start::Fixed;
        self.passed.origin = at;
        let passed = &mut self.passed;
        self.assembler.restart(at, &mut |at, bytes, frame| {
            passed.bytes(scene.recent, scene.counters, (at, bytes, frame), emit);
        });
    }

    /// The first hole that something lies behind: data, or the FIN.
    fn hole(&self) -> Option<Hole> {
        let data = self.assembler.first().map(|(start, frame)| (start, frame.time));
        let (end, since) = data.or(self.fin).filter(|(end, _)| *end > self.assembler.next())?;
        let (segments, octets) = (self.assembler.pieces(), self.assembler.octets());
        Some(Hole { end, since, segments, octets })
    }

    /// Octets at the end that are proven to have been sent although nothing lies behind them yet: where they
    /// end, and since when that is known. They are waited for longer than a hole, since a whole direction may
    /// come late from its tap; but not until something follows, which may be never.
    fn tail(&self) -> Option<(u64, Timestamp)> {
        if self.is_held() || self.done {
            return None;
        }
        let (upto, since) = self.evidence.proof()?;
        // A claim of one octet more than was seen is a FIN.
        let end = upto.min(self.end());
        (end > self.assembler.next()).then_some((end, since))
    }

    fn give_up(&mut self, end: u64, now: FrameRef, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        let next = self.assembler.next();
        self.passed.gap(scene.counters, next, end.saturating_sub(next), now, emit);
        let passed = &mut self.passed;
        self.assembler.skip(end, &mut |at, bytes, frame| {
            passed.bytes(scene.recent, scene.counters, (at, bytes, frame), emit);
        });
    }

    /// Nothing more will come: everything waiting comes out and what is known to be missing is a gap.
    pub(super) fn close(&mut self, now: FrameRef, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        if self.is_held() {
            self.release(None, scene, emit);
        }
        if !self.is_known() || self.done {
            self.done = true;
            return;
        }
        while let Some(hole) = self.hole() {
            self.give_up(hole.end, now, scene, emit);
        }
        let end = self.end();
        if end > self.assembler.next() {
            self.give_up(end, now, scene, emit);
        }
        self.done = true;
    }
}
