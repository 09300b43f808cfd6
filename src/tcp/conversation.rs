//! One TCP connection: its two halves, how it begins and how it ends.
//!
//! In: the segments of one pair of endpoints. Out: the events of both sides. It refuses to know other
//! connections; whether a segment begins a new connection on the same ports it only says ([`Outcome::Anew`]).

use crate::flow::{Connection, ConnectionId, Flow, Side, Transport};
use crate::frame::FrameRef;
use crate::segment::TcpSegment;
use crate::stream::Event;

use super::Scene;
use super::arrival::Arrival;
use super::half::Half;
use super::passed::Emit;
use super::proof::Moment;
use super::role::source_is_client;

/// The largest window shift.
///
/// Source: RFC 7323 §2.3.
const MAX_SHIFT: u8 = 14;

/// What a segment did to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It goes on.
    Open,
    /// It is over: FIN from both sides, or RST and nothing of what was sent before it is waited for.
    Over,
    /// The segment was not taken: it belongs to a new connection on the same ports.
    Anew,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Conversation {
    connection: Connection,
    halves: [Half; 2],
    /// Window-scale options of the two SYNs: not seen, or what the SYN said.
    options: [Option<Option<u8>>; 2],
    /// By how much the two sides' windows are to be shifted, once both SYNs were seen.
    scale: Option<[u8; 2]>,
    /// Segments seen.
    count: u64,
    last: FrameRef,
    /// Whether anything came out, so that its end is worth telling.
    shown: bool,
    told: [bool; 2],
    /// The side that reset it.
    reset: Option<Side>,
}

impl Conversation {
    /// The connection a first segment begins.
    pub(super) fn new(id: ConnectionId, segment: &TcpSegment<'_>) -> Self {
        let (client, server) = match source_is_client(segment) {
            true => (segment.source, segment.destination),
            false => (segment.destination, segment.source),
        };
        Self {
            connection: Connection {
                id,
                flow: Flow { client, server },
                transport: Transport::Tcp,
                is_joined: !segment.syn,
            },
            halves: [Half::new(segment.at), Half::new(segment.at)],
            options: [None; 2],
            scale: None,
            count: 0,
            last: segment.at,
            shown: false,
            told: [false; 2],
            reset: None,
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.connection.id
    }

    /// Octets of memory that wait in it.
    pub(super) fn cost(&self) -> usize {
        self.halves.iter().map(Half::cost).sum()
    }

    /// Whether something waits in it that time alone could bring out.
    pub(super) fn is_waiting(&self) -> bool {
        self.halves.iter().any(Half::is_waiting)
    }

    /// Whether nothing more will come out.
    pub(super) fn is_over(&self) -> bool {
        self.halves.iter().all(Half::is_done) || self.reset.is_some() && !self.halves.iter().any(Half::is_short)
    }

    /// Octets known to have been sent, both sides.
    pub(super) fn length(&self) -> u64 {
        self.halves.iter().map(Half::length).sum()
    }

    /// Octets of [`Conversation::length`] neither passed on nor given up.
    pub(super) fn left_over(&self) -> u64 {
        self.halves.iter().map(Half::left_over).sum()
    }

    /// Whether payload was seen on either side.
    pub(super) fn has_data(&self) -> bool {
        self.halves.iter().any(Half::has_data)
    }

    /// For each side its endpoint's SYN sequence number and the sequence number after its last octet.
    pub(super) fn marks(&self) -> [(std::net::SocketAddr, Option<u32>, Option<u32>); 2] {
        let Flow { client, server } = self.connection.flow;
        let [ours, theirs] = &self.halves;
        [(client, ours.initial(), ours.end_sequence()), (server, theirs.initial(), theirs.end_sequence())]
    }

    /// Takes a segment.
    pub(super) fn push(
        &mut self,
        segment: &TcpSegment<'_>,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> Outcome {
        let mut side = match segment.source == self.connection.flow.client {
            true => Side::Client,
            false => Side::Server,
        };
        if segment.syn {
            if !self.begins(segment, side) {
                return Outcome::Anew;
            }
            side = self.begin(segment, side, scene, out);
        }
        self.count += 1;
        self.last = segment.at;
        if segment.rst {
            if !self.half(side).is_near(segment.sequence) {
                scene.counters.strays += 1;
                return Outcome::Open;
            }
            self.reset.get_or_insert(side);
            self.answer(segment, side);
            let moment = self.moment(segment.at);
            self.half(side).reset_at(segment.sequence, moment);
            if self.is_waiting() {
                self.settle(segment.at, scene, out);
            }
            return self.outcome();
        }
        self.answer(segment, side);
        if !self.carry(segment, side, scene, out) {
            return Outcome::Anew;
        }
        if self.is_waiting() {
            self.settle(segment.at, scene, out);
        }
        self.outcome()
    }

    fn outcome(&self) -> Outcome {
        match self.is_over() {
            true => Outcome::Over,
            false => Outcome::Open,
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        side.of(&mut self.halves)
    }

    fn moment(&self, at: FrameRef) -> Moment {
        Moment { at, count: self.count }
    }

    /// Calls `act` with one half and with the way out of its events.
    fn with_half<T>(
        &mut self,
        side: Side,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
        act: impl FnOnce(&mut Half, &mut Emit<'_>) -> T,
    ) -> T {
        let half = side.of(&mut self.halves);
        let (connection, shown) = (&self.connection, &mut self.shown);
        act(half, &mut |event| {
            *shown = true;
            out(connection, side, event);
        })
    }

    /// Whether a SYN can be one of this connection's own.
    fn begins(&self, segment: &TcpSegment<'_>, side: Side) -> bool {
        let [client, server] = &self.halves;
        let (half, other) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let unknown = half.end_sequence().is_none();
        if unknown && self.connection.is_joined && other.has_data() {
            // The other side talked before without a SYN: only the answer to that very talk belongs to it.
            return segment.acknowledgment.is_some_and(|at| other.began_with(at.wrapping_sub(1)));
        }
        half.began_with(segment.sequence)
    }

    /// Takes a SYN of this connection; returns the side it is from, which may be another than was guessed.
    fn begin(
        &mut self,
        segment: &TcpSegment<'_>,
        guess: Side,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> Side {
        let mut side = guess;
        let told = if source_is_client(segment) { Side::Client } else { Side::Server };
        if side != told && self.connection.is_joined && !self.shown {
            let Flow { client, server } = self.connection.flow;
            self.connection.flow = Flow { client: server, server: client };
            self.halves.swap(0, 1);
            side = told;
        }
        self.connection.is_joined = false;
        let known = self.half(side).initial().is_some();
        if !known {
            self.with_half(side, out, |half, emit| half.begin(segment.sequence, scene, emit));
            let [ours, theirs] = &mut self.options;
            let option = if side == Side::Client { &mut *ours } else { &mut *theirs };
            *option = Some(segment.window_shift);
            self.scale = match (*ours, *theirs) {
                (Some(Some(a)), Some(Some(b))) => Some([a.min(MAX_SHIFT), b.min(MAX_SHIFT)]),
                (Some(_), Some(_)) => Some([0, 0]),
                _ => None,
            };
        }
        side
    }

    /// What the segment says about the other direction.
    fn answer(&mut self, segment: &TcpSegment<'_>, side: Side) {
        let Some(acknowledgment) = segment.acknowledgment else { return };
        let moment = self.moment(segment.at);
        let scale = self.scale.map(|[client, server]| if side == Side::Client { client } else { server });
        let other = self.half(side.other());
        other.acknowledge(acknowledgment, moment);
        if let Some(shift) = scale
            && !segment.syn
        {
            other.allow(u64::from(segment.window) << shift);
        }
    }

    /// What the segment carries in its own direction. `false` when it cannot belong here.
    fn carry(
        &mut self,
        segment: &TcpSegment<'_>,
        side: Side,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) -> bool {
        // A SYN takes one sequence number, before its payload.
        let sequence = segment.sequence.wrapping_add(u32::from(segment.syn));
        let (payload, missing) = (segment.payload, segment.missing);
        let arrival = Arrival { sequence, payload, missing, moment: self.moment(segment.at) };
        self.with_half(side, out, |half, emit| {
            let taken = half.receive(&arrival, scene, emit);
            if taken && segment.fin {
                // Payload lengths fit 32 bits: IP has no larger packets.
                let length = (payload.len() as u32).wrapping_add(missing);
                half.finish_at(sequence.wrapping_add(length), segment.at);
            }
            taken
        })
    }

    /// Brings out what can come out now.
    pub(super) fn settle(
        &mut self,
        now: FrameRef,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        let moment = self.moment(now);
        for side in [Side::Client, Side::Server] {
            self.with_half(side, out, |half, emit| half.settle(moment, scene, emit));
        }
        self.tell_ends(out);
    }

    /// Gives up the first hole on each side.
    pub(super) fn limit_reached(
        &mut self,
        now: FrameRef,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        for side in [Side::Client, Side::Server] {
            self.with_half(side, out, |half, emit| half.limit_reached(now, scene, emit));
        }
        self.settle(now, scene, out);
    }

    /// Nothing more will come: everything waiting comes out, and both sides end.
    pub(super) fn close(
        &mut self,
        now: FrameRef,
        scene: &mut Scene<'_>,
        out: &mut impl FnMut(&Connection, Side, Event<'_>),
    ) {
        for side in [Side::Client, Side::Server] {
            self.with_half(side, out, |half, emit| half.close(now, scene, emit));
        }
        self.tell_ends(out);
        scene.counters.octets += self.length();
    }

    /// The last frame of the connection.
    pub(super) fn last(&self) -> FrameRef {
        self.last
    }

    fn tell_ends(&mut self, out: &mut impl FnMut(&Connection, Side, Event<'_>)) {
        if !self.shown {
            return;
        }
        // Who reset it ends first.
        let first = self.reset.unwrap_or(Side::Client);
        for side in [first, first.other()] {
            let (half, told) = (&*side.of(&mut self.halves), side.of(&mut self.told));
            if half.is_done() && !*told {
                *told = true;
                let over = self.reset.is_some() || half.is_finished();
                out(&self.connection, side, Event::End { frame: self.last, over });
            }
        }
    }
}
