//! One direction of a connection: sequence numbers become offsets, holes become gaps.
//!
//! In: what segments of this direction carry, and what the other side acknowledged and allowed.
//! Out: [`Event`]s in stream order. It refuses to know ports, roles and the other direction.
//!
//! A hole is lost when there is proof *and* the octets had time to come late after all:
//! - the other side acknowledged them, or sent acknowledgments that its window makes impossible otherwise,
//!   or the capture itself says it cut them; and [`LATE_SEGMENTS`] or [`LATE_TIME`] have gone by since;
//! - no acknowledgment of the other side is in the capture at all, and much lies beyond the hole
//!   ([`BEYOND_SEGMENTS`], [`BEYOND_OCTETS`]) or has waited there for [`WAIT_ALONE`];
//! - acknowledgments are there but none came past the hole for [`WAIT_ANSWERED`]: the peer is dead;
//! - a buffer limit is reached, or the stream ends.

use crate::anomaly::{Anomaly, AnomalyKind};
use crate::frame::{FrameRef, Timestamp};
use crate::stream::Event;

use super::assembler::Assembler;
use super::recent::{Newest, Recent};
use super::{Counters, Scene};

/// Nanoseconds of capture time an acknowledged octet may still come late: taps and several capture queues
/// put an acknowledgment before its data by far less.
const LATE_TIME: i64 = 200_000_000;

/// Further segments of the connection after which an acknowledged octet comes no more.
const LATE_SEGMENTS: u64 = 16;

/// Nanoseconds data waits behind a hole when the other direction is not in the capture: the first three
/// retransmissions of RFC 6298 fall into it.
pub(super) const WAIT_ALONE: i64 = 3_000_000_000;

/// Nanoseconds data waits behind a hole that the other side did not acknowledge: senders have given up by then.
const WAIT_ANSWERED: i64 = 60_000_000_000;

/// Waiting segments that prove a hole when the other direction is not in the capture.
const BEYOND_SEGMENTS: usize = 64;

/// Waiting octets that prove a hole when the other direction is not in the capture.
const BEYOND_OCTETS: usize = 256 << 10;

/// How far from the expected place a segment may be: far more than any window, and less than the 2^31 at
/// which sequence numbers lose their order. What is farther belongs to another connection on these ports.
const REACH: u64 = 64 << 20;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Nothing is known.
    Unknown,
    /// Told by a segment without payload or by an acknowledgment; a keep-alive may have told it one too low.
    Told,
    /// Data came first: it is kept for a moment, in case earlier data comes just after it.
    Held { time: Timestamp, count: u64 },
    /// Fixed.
    Fixed,
}

/// At `time`, with `count` segments seen on the connection, everything before `upto` was known to be sent
/// and not to be sent again.
#[derive(Clone, Copy, Debug)]
struct Proof {
    upto: u64,
    time: Timestamp,
    count: u64,
}

/// Where the events of one direction go.
pub(super) type Emit<'a> = dyn FnMut(Event<'_>) + 'a;

/// What one segment carries in its direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// Sequence number of the first octet of payload.
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
    /// Octets that follow the payload on the wire and were cut off by the capture.
    pub(super) missing: u32,
    pub(super) at: FrameRef,
    /// How many segments the connection had with this one.
    pub(super) count: u64,
}

impl Arrival<'_> {
    fn length(&self) -> u64 {
        self.payload.len() as u64 + u64::from(self.missing)
    }
}

/// What was passed on of a stream.
#[derive(Debug)]
struct Passed {
    /// Internal offset of the stream's first octet.
    origin: u64,
    octets: u64,
    lost: u64,
    last: Option<FrameRef>,
    newest: Newest,
}

impl Passed {
    fn bytes(
        &mut self,
        recent: &mut Recent,
        counters: &mut Counters,
        (at, bytes, frame): (u64, &[u8], FrameRef),
        emit: &mut Emit<'_>,
    ) {
        recent.remember(&mut self.newest, at, bytes);
        self.octets += bytes.len() as u64;
        counters.delivered += bytes.len() as u64;
        self.last = Some(frame);
        emit(Event::Bytes { offset: at.saturating_sub(self.origin), bytes, frame });
    }

    fn gap(&mut self, counters: &mut Counters, at: u64, length: u64, now: FrameRef, emit: &mut Emit<'_>) {
        self.lost += length;
        counters.gaps += 1;
        counters.gap_octets += length;
        emit(Event::Gap { offset: at.saturating_sub(self.origin), length, after: self.last, frame: now });
    }
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
    /// Everything before came to the receiver, or was cut off by the capture.
    proven: u64,
    proof: Option<Proof>,
    acknowledged: bool,
    /// The largest window the receiver advertised, in octets.
    room: Option<u64>,
    /// The sequence number of the SYN.
    initial: Option<u32>,
    /// Where the FIN stands, and when it was seen.
    fin: Option<(u64, Timestamp)>,
    done: bool,
    first_input: Option<u16>,
    more_inputs: Vec<u16>,
    strays: u8,
}

impl Half {
    pub(super) fn new() -> Self {
        Self {
            assembler: Assembler::new(ANCHOR),
            start: Start::Unknown,
            anchor: 0,
            passed: Passed { origin: ANCHOR, octets: 0, lost: 0, last: None, newest: Newest::default() },
            sent: ANCHOR,
            claimed: 0,
            proven: 0,
            proof: None,
            acknowledged: false,
            room: None,
            initial: None,
            fin: None,
            done: false,
            first_input: None,
            more_inputs: Vec::new(),
            strays: 0,
        }
    }

    /// Whether nothing more will come out.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Whether something waits here that time alone could bring out.
    pub(super) fn is_waiting(&self) -> bool {
        !self.assembler.is_clear() || (self.fin.is_some() && !self.done)
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
        (self.start != Start::Unknown).then(|| self.sequence(self.end()))
    }

    /// Whether payload was seen.
    pub(super) fn has_data(&self) -> bool {
        self.passed.octets + self.passed.lost > 0 || !self.assembler.is_clear()
    }

    /// Octets known to have been sent, from the first the capture could have shown.
    pub(super) fn length(&self) -> u64 {
        match self.start {
            Start::Unknown => 0,
            Start::Held { .. } => self.sent - self.assembler.first().map_or(self.sent, |(start, _)| start),
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
        self.start == Start::Unknown || self.within_reach(self.offset(sequence))
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
            (None, Start::Held { .. }) => {
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
            Start::Held { .. } => self.release(Some(self.offset(first)), scene, emit),
            Start::Told | Start::Fixed => self.start = Start::Fixed,
        }
    }

    /// The other side acknowledged everything before `sequence`.
    pub(super) fn acknowledge(&mut self, sequence: u32, now: FrameRef, count: u64) {
        self.acknowledged = true;
        if self.start == Start::Unknown {
            return self.anchor_at(sequence, Start::Told);
        }
        let upto = self.offset(sequence);
        if upto > self.proven && self.within_reach(upto) && !self.done {
            self.claim(upto);
            self.prove(upto, now, count);
        }
    }

    /// The other side can take `octets` at once.
    pub(super) fn allow(&mut self, octets: u64) {
        if self.room.is_none_or(|room| octets > room) {
            self.room = Some(octets);
        }
    }

    fn claim(&mut self, upto: u64) {
        if self.start == Start::Told && upto == self.assembler.next() + 1 && self.assembler.is_clear() {
            self.move_start(upto);
        }
        self.claimed = self.claimed.max(upto);
    }

    fn prove(&mut self, upto: u64, now: FrameRef, count: u64) {
        self.proven = self.proven.max(upto);
        let next = self.assembler.next();
        let runs = self.proof.is_some_and(|proof| proof.upto > next);
        if !runs && self.proven > next && !matches!(self.start, Start::Held { .. }) {
            self.proof = Some(Proof { upto: self.proven, time: now.time, count });
        }
    }

    /// Whether the running proof has stood long enough.
    fn proof_stands(&self, now: FrameRef, count: u64) -> Option<u64> {
        let proof = self.proof?;
        let stands = now.time.since(proof.time) >= LATE_TIME || count.saturating_sub(proof.count) >= LATE_SEGMENTS;
        stands.then_some(proof.upto)
    }

    /// Takes what a segment carries. `false` when it cannot belong to this connection.
    pub(super) fn receive(&mut self, arrival: &Arrival<'_>, scene: &mut Scene<'_>, emit: &mut Emit<'_>) -> bool {
        let length = arrival.length();
        if self.start == Start::Unknown {
            self.meet(arrival);
        }
        let offset = self.offset(arrival.sequence);
        if !self.within_reach(offset) {
            return self.stray(length, scene);
        }
        if length == 0 || self.is_probe(offset, arrival) {
            if length == 0 && offset > self.assembler.next() && !self.done {
                self.claim(offset);
            }
            return true;
        }
        self.strays = 0;
        if self.done {
            scene.counters.repeated += 1;
            return true;
        }
        self.witness(arrival.at, emit);
        if self.start == Start::Told {
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
                self.anchor_at(arrival.sequence, Start::Held { time: arrival.at.time, count: arrival.count });
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
            && !matches!(self.start, Start::Held { .. })
            && end == self.sent.max(self.claimed).max(self.assembler.next())
            && (self.assembler.next() >= end
                || self.proof_stands(arrival.at, arrival.count).is_some_and(|upto| upto >= end))
    }

    fn witness(&mut self, at: FrameRef, emit: &mut Emit<'_>) {
        match self.first_input {
            None => self.first_input = Some(at.input),
            Some(first) if first == at.input => (),
            Some(_) if self.more_inputs.contains(&at.input) => (),
            Some(_) => {
                self.more_inputs.push(at.input);
                emit(Event::Witness { frame: at });
            }
        }
    }

    fn take(&mut self, offset: u64, arrival: &Arrival<'_>, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        let fin = self.fin.map_or(u64::MAX, |(fin, _)| fin);
        let room = usize::try_from(fin.saturating_sub(offset)).unwrap_or(usize::MAX);
        let payload = arrival.payload.get(..room).unwrap_or(arrival.payload);
        let seen = offset + payload.len() as u64;
        let next = self.assembler.next();
        if offset != next || !self.assembler.is_clear() {
            self.compare(offset, payload, arrival.at, scene);
            if let Some(room) = self.room
                && seen > next + room
            {
                self.prove(seen - room, arrival.at, arrival.count);
            }
        }
        if !payload.is_empty() {
            let passed = &mut self.passed;
            let fresh = self.assembler.push(offset, payload, arrival.at, &mut |at, bytes, frame| {
                passed.bytes(scene.recent, scene.counters, (at, bytes, frame), emit);
            });
            scene.counters.repeated += u64::from(fresh == 0);
        }
        let end = seen.saturating_add(arrival.missing.into()).min(fin);
        self.sent = self.sent.max(end);
        if arrival.missing > 0 && end > self.assembler.next() {
            self.prove(end, arrival.at, arrival.count);
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
        if self.start == Start::Unknown {
            self.anchor_at(sequence, Start::Fixed);
        }
        let end = self.offset(sequence);
        if self.fin.is_none() && self.within_reach(end) && end >= self.sent.max(self.assembler.next()) {
            self.fin = Some((end, now.time));
            self.sent = end;
            self.claimed = end;
        }
    }

    /// Brings out what can come out now: a start held long enough, holes proven lost, the end.
    pub(super) fn settle(&mut self, now: FrameRef, count: u64, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        if let Start::Held { time, count: then } = self.start {
            let over = count.saturating_sub(then) >= START_SEGMENTS || now.time.since(time) >= START_TIME;
            if !over && self.assembler.cost() <= scene.limits.stream_buffer {
                return;
            }
            self.release(None, scene, emit);
        }
        loop {
            self.prove(self.proven, now, count);
            let Some(end) = self.hole_end() else { break };
            if self.is_lost(end, now, count) {
                self.give_up(end, now, scene, emit);
            } else if self.assembler.cost() > scene.limits.stream_buffer {
                self.limit_reached(now, scene, emit);
            } else {
                break;
            }
        }
        if self.fin.is_some_and(|(fin, _)| fin <= self.assembler.next()) {
            self.done = true;
        }
    }

    /// Gives up the first hole, or the wait for an earlier start, because of a buffer limit.
    pub(super) fn limit_reached(&mut self, now: FrameRef, scene: &mut Scene<'_>, emit: &mut Emit<'_>) {
        if matches!(self.start, Start::Held { .. }) {
            return self.release(None, scene, emit);
        }
        let Some(end) = self.hole_end() else { return };
        let detail = "a TCP buffer limit was reached; a hole in a stream was given up as lost";
        scene.anomalies.push(Anomaly { kind: AnomalyKind::TcpBufferLimit, frame: now, detail });
        scene.counters.limit_reached += 1;
        self.give_up(end, now, scene, emit);
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

    /// Where the first hole ends that something lies behind.
    fn hole_end(&self) -> Option<u64> {
        let fin = self.fin.map(|(fin, _)| fin).filter(|&fin| fin > self.assembler.next());
        self.assembler.first().map(|(start, _)| start).or(fin)
    }

    fn is_lost(&mut self, end: u64, now: FrameRef, count: u64) -> bool {
        if let Some(upto) = self.proof_stands(now, count) {
            if end <= upto {
                return true;
            }
            if self.proven > upto {
                // More was proven since the proof began: that needs its own time.
                self.proof = Some(Proof { upto: self.proven, time: now.time, count });
            }
        }
        let since = self.assembler.first().map(|(_, frame)| frame.time).or(self.fin.map(|(_, time)| time));
        let age = since.map_or(0, |since| now.time.since(since));
        if self.acknowledged {
            return age >= WAIT_ANSWERED;
        }
        age >= WAIT_ALONE || self.assembler.pieces() >= BEYOND_SEGMENTS || self.assembler.octets() >= BEYOND_OCTETS
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
        if matches!(self.start, Start::Held { .. }) {
            self.release(None, scene, emit);
        }
        if self.start == Start::Unknown || self.done {
            self.done = true;
            return;
        }
        while let Some(end) = self.hole_end() {
            self.give_up(end, now, scene, emit);
        }
        let end = self.end();
        if end > self.assembler.next() {
            self.give_up(end, now, scene, emit);
        }
        self.done = true;
    }
}
