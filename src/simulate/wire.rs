//! TCP as the simulated hosts speak it: acts become segments with right numbers.
//!
//! In: acts in order of time. Out: segments, handed to the [`Recorder`]. Nothing here depends on where the
//! capture is taken, so two captures of the same story show the same packets.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;

use super::agenda::{Act, Agenda, Dial};
use super::negotiation::Negotiation;
use super::options::{Mischief, Options};
use super::packet::{Segment, flag};
use super::protection::{Handshake, Protection};
use super::random::Random;
use super::record::Recorder;
use super::topology::{Hop, Topology};
use crate::error::{Error, Result};
use crate::flow::Side;
use crate::sipcomp::Compressor;

/// Octets of data a segment holds on Ethernet.
const SEGMENT: usize = 1_460;
/// Between two frames of one host's burst, nanoseconds.
const BURST_GAP: i64 = 12_000;
/// Between a packet and the other host's immediate answer to it, nanoseconds.
const TURN_ROUND: i64 = 160_000;
/// How long an acknowledgement waits for data to ride on, nanoseconds: as long as Windows lets it.
const DELAYED_ACK: i64 = 200_000_000;

/// One side of a connection.
#[derive(Clone, Debug)]
struct Half {
    address: SocketAddr,
    next: u32,
    owes: bool,
    timer: bool,
}

/// One TCP connection.
struct Connection {
    halves: [Half; 2],
    /// For odd places to cut at; its own, so that other connections do not matter.
    random: Random,
    /// What packs each side's text, once that is agreed.
    compressors: Option<[Compressor; 2]>,
    /// What protects it, once both sides agreed.
    protection: Option<Protection>,
}

/// All hosts and their connections.
pub(super) struct Network<'a> {
    topology: Topology,
    options: &'a Options,
    split: bool,
    /// The key log.
    keys: &'a mut dyn Write,
    /// Messages said where and while the capture is taken.
    pub(super) messages: u64,
    recorder: Recorder<'a>,
    connections: BTreeMap<Hop, Connection>,
    /// How often a server connection was made; those of users are made once.
    turns: BTreeMap<Hop, u16>,
    /// IP packets sent so far; one count for all hosts is as good as one for each.
    packets: u16,
    clock: i64,
}

impl<'a> Network<'a> {
    /// A network without connections. With the mischief `split`, hosts send their messages in small odd pieces.
    /// The keys of protected connections go to `keys`.
    pub(super) fn new(options: &'a Options, recorder: Recorder<'a>, keys: &'a mut dyn Write) -> Self {
        Self {
            topology: Topology { ipv6: options.ipv6 },
            options,
            split: options.mischief.contains(&Mischief::Split),
            keys,
            messages: 0,
            recorder,
            connections: BTreeMap::new(),
            turns: BTreeMap::new(),
            packets: 0,
            clock: i64::MIN,
        }
    }

    /// Lets `act` happen at `at`, or right after what is still under way then.
    pub(super) fn perform(&mut self, at: i64, act: Act, agenda: &mut Agenda) -> Result<()> {
        self.clock = self.clock.max(at);
        match act {
            Act::Say { hop, side, octets, messages } => self.say(hop, side, &octets, messages, agenda),
            Act::AcknowledgeLate { hop, side } => self.acknowledge_late(hop, side),
            Act::Close(hop) => self.close(hop, agenda),
            Act::Drop(hop) => self.drop_connection(hop),
            Act::DialInVain { hop, how, port, sequence } => self.dial_in_vain(hop, how, port, sequence),
        }
    }

    /// Every hop that has a connection now.
    pub(super) fn open_hops(&self) -> Vec<Hop> {
        self.connections.keys().copied().collect()
    }

    /// The recorder, once nothing more will happen.
    pub(super) fn into_recorder(self) -> Recorder<'a> {
        self.recorder
    }

    fn say(&mut self, hop: Hop, side: Side, octets: &[u8], messages: u64, agenda: &mut Agenda) -> Result<()> {
        if !self.connections.contains_key(&hop) {
            let turn = self.open(hop)?;
            self.protect(hop, turn, agenda)?;
            self.negotiate(hop, agenda)?;
        }
        self.count(hop, messages);
        let connection = self.connections.get_mut(&hop);
        let compressors = connection.and_then(|connection| connection.compressors.as_mut());
        match compressors.and_then(|compressors| compressors.get_mut(side.index())) {
            Some(compressor) => {
                let mut packets = Vec::new();
                compressor.push(octets, &mut packets);
                self.send_text(hop, side, &packets, agenda)
            }
            None => self.send_text(hop, side, octets, agenda),
        }
    }

    /// Counts messages that are about to be said, if the capture shows them.
    fn count(&mut self, hop: Hop, messages: u64) {
        if self.recorder.shows(self.clock, hop) {
            self.messages += messages;
        }
    }

    /// Lets the ends of a new connection agree on TLS, where they are to.
    fn protect(&mut self, hop: Hop, turn: u16, agenda: &mut Agenda) -> Result<()> {
        let (Some(choice), Some(client)) = (self.options.tls, self.half(hop, Side::Client)) else { return Ok(()) };
        let path = [hop_number(hop), u64::from(client.address.port()), u64::from(turn)];
        let (protection, handshake) = Protection::begin(choice, self.options, hop, &path)?;
        self.log(&handshake)?;
        for (side, octets) in handshake.flights {
            self.transmit(hop, side, &octets, agenda)?;
            self.clock = self.clock.saturating_add(TURN_ROUND);
        }
        if let Some(connection) = self.connections.get_mut(&hop) {
            connection.protection = Some(protection);
        }
        Ok(())
    }

    /// Writes the keys of a handshake down.
    fn log(&mut self, handshake: &Handshake) -> Result<()> {
        let written = self.keys.write_all(handshake.keylog.as_bytes());
        written.map_err(|error| Error::new(format!("cannot write the key log: {error}")))
    }

    /// Lets the ends of a new connection agree on compression, where they are to.
    fn negotiate(&mut self, hop: Hop, agenda: &mut Agenda) -> Result<()> {
        let (Some(layout), Some(connection)) = (self.options.compress, self.connections.get_mut(&hop)) else {
            return Ok(());
        };
        let [client, server] = connection.halves.each_ref().map(|half| half.address);
        let seed = self.options.seed;
        let mut random = Random::of(&[seed, hop_number(hop), u64::from(client.port()), 0x6e65_676f]);
        let Negotiation { request, response, compressors } = Negotiation::new(layout, client, server, &mut random);
        connection.compressors = Some(compressors);
        for (side, octets) in [(Side::Client, request), (Side::Server, response)] {
            self.count(hop, 1);
            self.send_text(hop, side, &octets, agenda)?;
            self.clock = self.clock.saturating_add(TURN_ROUND);
        }
        Ok(())
    }

    /// Sends octets as the connection's protection wants them.
    fn send_text(&mut self, hop: Hop, side: Side, octets: &[u8], agenda: &mut Agenda) -> Result<()> {
        match self.protection(hop).map(|protection| protection.seal(side, octets)) {
            Some(records) => self.transmit(hop, side, &records?, agenda),
            None => self.transmit(hop, side, octets, agenda),
        }
    }

    /// Sends octets as segments.
    fn transmit(&mut self, hop: Hop, side: Side, octets: &[u8], agenda: &mut Agenda) -> Result<()> {
        let mut rest = octets;
        while !rest.is_empty() {
            let limit = self.segment_length(hop);
            let (piece, after) = rest.split_at(limit.min(rest.len()));
            let flags = if after.is_empty() { flag::ACK | flag::PSH } else { flag::ACK };
            self.send(hop, side, flags, piece)?;
            if let Some(half) = self.half(hop, side) {
                half.owes = false;
            }
            self.receive(hop, side.other(), agenda)?;
            rest = after;
        }
        Ok(())
    }

    fn segment_length(&mut self, hop: Hop) -> usize {
        match self.connections.get_mut(&hop) {
            Some(connection) if self.split => 1 + connection.random.below(230) as usize,
            _ => SEGMENT,
        }
    }

    /// Every second data segment is acknowledged at once, a single one when nothing else is sent in time.
    ///
    /// Source: RFC 9293 §3.8.6.3.
    fn receive(&mut self, hop: Hop, side: Side, agenda: &mut Agenda) -> Result<()> {
        let due = self.clock.saturating_add(DELAYED_ACK);
        let Some(half) = self.half(hop, side) else { return Ok(()) };
        if half.owes {
            half.owes = false;
            return self.send(hop, side, flag::ACK, &[]);
        }
        half.owes = true;
        if !half.timer {
            half.timer = true;
            agenda.push(due, Act::AcknowledgeLate { hop, side });
        }
        Ok(())
    }

    fn acknowledge_late(&mut self, hop: Hop, side: Side) -> Result<()> {
        let Some(half) = self.half(hop, side) else { return Ok(()) };
        half.timer = false;
        if !half.owes {
            return Ok(());
        }
        half.owes = false;
        self.send(hop, side, flag::ACK, &[])
    }

    /// Makes a connection; gives how many there were on this hop before.
    fn open(&mut self, hop: Hop) -> Result<u16> {
        let turn = self.turns.get(&hop).copied().unwrap_or(0);
        if !hop.is_of_user() {
            self.turns.insert(hop, turn.wrapping_add(1));
        }
        let (client, server) = self.topology.ends(hop, turn);
        let mut random = Random::of(&[self.options.seed, u64::from(client.port()), u64::from(turn), hop_number(hop)]);
        // The push connection's numbers wrap early: real ones do some day.
        let first = if hop == Hop::PushInternal(0) { 0xffff_fc00 } else { random.next() as u32 };
        let half = |address, next| Half { address, next, owes: false, timer: false };
        let halves = [half(client, first), half(server, random.next() as u32)];
        self.connections.insert(hop, Connection { halves, random, compressors: None, protection: None });
        self.send(hop, Side::Client, flag::SYN, &[])?;
        self.clock = self.clock.saturating_add(TURN_ROUND);
        self.send(hop, Side::Server, flag::SYN | flag::ACK, &[])?;
        self.clock = self.clock.saturating_add(TURN_ROUND);
        self.send(hop, Side::Client, flag::ACK, &[])?;
        Ok(turn)
    }

    fn close(&mut self, hop: Hop, agenda: &mut Agenda) -> Result<()> {
        if !self.connections.contains_key(&hop) {
            return Ok(());
        }
        for side in [Side::Client, Side::Server] {
            if let Some(record) = self.protection(hop).map(|protection| protection.close(side)) {
                self.transmit(hop, side, &record?, agenda)?;
            }
            self.send(hop, side, flag::FIN | flag::ACK, &[])?;
            self.clock = self.clock.saturating_add(TURN_ROUND);
        }
        self.send(hop, Side::Client, flag::ACK, &[])?;
        self.connections.remove(&hop);
        Ok(())
    }

    fn drop_connection(&mut self, hop: Hop) -> Result<()> {
        if self.connections.contains_key(&hop) {
            self.send(hop, Side::Server, flag::RST | flag::ACK, &[])?;
            self.connections.remove(&hop);
        }
        Ok(())
    }

    fn dial_in_vain(&mut self, hop: Hop, how: Dial, port: u16, sequence: u32) -> Result<()> {
        let (mut client, server) = self.topology.ends(hop, 0);
        client.set_port(port);
        let next = sequence.wrapping_add(1);
        let answer = sequence.rotate_left(16);
        self.emit(hop, client, server, sequence, 0, flag::SYN, &[])?;
        self.clock = self.clock.saturating_add(TURN_ROUND);
        match how {
            Dial::Silence => Ok(()),
            Dial::Refused => self.emit(hop, server, client, 0, next, flag::RST | flag::ACK, &[]),
            Dial::Reset(side) => {
                self.emit(hop, server, client, answer, next, flag::SYN | flag::ACK, &[])?;
                self.emit(hop, client, server, next, answer.wrapping_add(1), flag::ACK, &[])?;
                self.clock = self.clock.saturating_add(TURN_ROUND);
                let numbers = [next, answer.wrapping_add(1)];
                let [next, answer] = self.refuse(hop, side, [client, server], numbers)?;
                match side {
                    Side::Client => self.emit(hop, client, server, next, answer, flag::RST | flag::ACK, &[]),
                    Side::Server => self.emit(hop, server, client, answer, next, flag::RST | flag::ACK, &[]),
                }
            }
        }
    }

    /// Lets a side of a connection that comes to nothing refuse the other one's certificate, where there is TLS; gives
    /// the next numbers of both.
    fn refuse(&mut self, hop: Hop, side: Side, ends: [SocketAddr; 2], mut numbers: [u32; 2]) -> Result<[u32; 2]> {
        let Some(choice) = self.options.tls else { return Ok(numbers) };
        let ([client, server], [first, _]) = (ends, numbers);
        let path = [hop_number(hop), u64::from(client.port()), u64::from(first), 0x7661_696e];
        let (mut protection, handshake) = Protection::begin(choice, self.options, hop, &path)?;
        self.log(&handshake)?;
        let (said, record) = protection.refuse(side)?;
        let refusal = (side, record);
        for (side, octets) in handshake.flights.iter().take(said).chain([&refusal]) {
            for piece in octets.chunks(SEGMENT) {
                let [mine, theirs] = &mut numbers;
                let (from, to, mine, theirs) = match side {
                    Side::Client => (client, server, mine, theirs),
                    Side::Server => (server, client, theirs, mine),
                };
                let (sequence, acknowledged) = (*mine, *theirs);
                *mine = sequence.wrapping_add(piece.len() as u32);
                self.emit(hop, from, to, sequence, acknowledged, flag::ACK | flag::PSH, piece)?;
            }
            self.clock = self.clock.saturating_add(TURN_ROUND);
        }
        Ok(numbers)
    }

    /// Sends one segment of an open connection and moves its sender's number on.
    fn send(&mut self, hop: Hop, side: Side, flags: u8, payload: &[u8]) -> Result<()> {
        let Some(connection) = self.connections.get_mut(&hop) else { return Ok(()) };
        let [client, server] = &mut connection.halves;
        let (mine, theirs) = if side == Side::Client { (client, server) } else { (server, client) };
        let (from, to, sequence) = (mine.address, theirs.address, mine.next);
        let counted = payload.len() as u32 + u32::from(flags & (flag::SYN | flag::FIN) != 0);
        mine.next = sequence.wrapping_add(counted);
        let acknowledged = if flags & flag::ACK == 0 { 0 } else { theirs.next };
        self.emit(hop, from, to, sequence, acknowledged, flags, payload)
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of a segment, named at the call below")]
    fn emit(
        &mut self,
        hop: Hop,
        from: SocketAddr,
        to: SocketAddr,
        sequence: u32,
        acknowledged: u32,
        flags: u8,
        payload: &[u8],
    ) -> Result<()> {
        self.packets = self.packets.wrapping_add(1);
        let identification = self.packets;
        let segment = Segment { from, to, sequence, acknowledged, flags, identification, payload };
        let time = self.clock;
        self.clock = time.saturating_add(BURST_GAP);
        self.recorder.push(time, hop, &segment)
    }

    fn protection(&mut self, hop: Hop) -> Option<&mut Protection> {
        self.connections.get_mut(&hop).and_then(|connection| connection.protection.as_mut())
    }

    fn half(&mut self, hop: Hop, side: Side) -> Option<&mut Half> {
        self.connections.get_mut(&hop).and_then(|connection| connection.halves.get_mut(side.index()))
    }
}

/// A number of its own for every hop, so that no two connections draw the same.
fn hop_number(hop: Hop) -> u64 {
    match hop {
        Hop::Caller(user) => user.wrapping_mul(8),
        Hop::Callee(user) => user.wrapping_mul(8) + 1,
        Hop::Mcx(lane) => u64::from(lane) * 8 + 2,
        Hop::Ucwa(lane) => u64::from(lane) * 8 + 3,
        Hop::PushInternal(lane) => u64::from(lane) * 8 + 4,
        Hop::EdgeInternal(lane) => u64::from(lane) * 8 + 5,
        Hop::EdgeExternal(lane) => u64::from(lane) * 8 + 6,
        Hop::Partner => 7,
    }
}
