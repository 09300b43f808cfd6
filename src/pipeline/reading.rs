//! The reading half joined: frames in, SIP messages out.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;

#[cfg(feature = "live")]
use super::carrier::Fate;
use super::carrier::{Carrier, Ends, Told};
use super::exported::Exported;
use super::keys::Keys;
use super::streams::Streams;
use crate::anomaly::AnomalyLog;
use crate::capture::KeylogText;
#[cfg(feature = "live")]
use crate::flow::ConnectionId;
use crate::flow::{Connection, ConnectionIds, Flow, Side, Transport};
use crate::frame::{Frame, FrameRef, Timestamp};
use crate::ip::Ip;
use crate::ladder::coverage::Span;
use crate::ladder::profile::{Ports, Profile};
use crate::link::{self, LinkPayload, Pdu, Place};
use crate::report::view::{Account, Refused};
use crate::segment::{Datagram, Segment, TcpSegment};
use crate::sip::framer::{self, datagram};
use crate::sip::grammar::{Probe, looks_like_start};
use crate::tally::{FrameTally, SetAside};
use crate::tcp::dialing::{Attempt, Dialing};
use crate::tcp::{self, SERVER_PORTS, Tcp};

/// UDP conversations known at a time; the table is emptied when it is full, which only renumbers them.
const MAX_UDP_FLOWS: usize = 65_536;
/// The least time after which a sender repeats a datagram, nanoseconds, with room to spare.
///
/// Source: RFC 3261 §17.1.1.1 (T1, 500 ms).
const RETRANSMISSION: i64 = 250_000_000;
/// How long ladders wait for the secret of what is encrypted, nanoseconds, and while interfaces are watched that itself:
/// key logs are written while connections are made, and what hooks a process writes in bursts.
pub(super) const KEY_WAIT: i64 = 60_000_000_000;
/// Datagrams remembered so that a mirrored frame, or the same one in another input, counts once.
const MAX_RECENT: usize = 4_096;

/// What the reading half has to say.
pub enum Seen<'a> {
    /// A SIP message, cut out and not yet parsed.
    Message {
        /// The connection that carried it.
        connection: &'a Connection,
        /// Who sent it.
        side: Side,
        /// The frame that completed it.
        at: FrameRef,
        /// Its octets.
        raw: &'a [u8],
    },
    /// Something about what can be seen of a connection.
    Notice(&'a Connection, Notice),
    /// A TLS handshake came to nothing.
    Refused(Box<Refused>),
    /// An attempt to connect came to nothing so far, or succeeded after all.
    Dialed(Box<Attempt>),
}

/// What can be seen of a connection, and what not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Bytes of a SIP stream are missing from the capture; they were sent within this time.
    Lost {
        /// When the stream was last whole.
        from: Timestamp,
        /// When the loss was proved.
        to: Timestamp,
    },
    /// A further input shows the connection.
    Witness {
        /// That input.
        input: u16,
    },
    /// A stream that may be SIP cannot be read; it was in use within this time.
    Unreadable {
        /// The input that shows it.
        input: u16,
        /// Its first frame.
        from: Timestamp,
        /// Its last frame so far.
        to: Timestamp,
        /// Whether a secret may yet open it.
        waits: bool,
        /// Whether it is not known to be SIP, and its port is one of which nothing is known.
        foreign: bool,
    },
    /// Nothing of the connection waits for a secret any more: what was unreadable while it did is open, or was told again
    /// as what stays so.
    Settled,
}

/// Frames to messages, with everything counted.
pub struct Reading {
    ip: Ip,
    tcp: Tcp,
    dialing: Dialing,
    udp: Udp,
    exported: Exported,
    streams: Streams,
    tally: FrameTally,
    anomalies: AnomalyLog,
    carrier: Carrier,
    /// Numbers of the frames before the latest that carried the same packet.
    earlier: Vec<u64>,
}

impl Reading {
    /// Nothing read yet, and no secrets. `ports` tells where an encrypted stream may be SIP.
    pub fn new(ports: &Ports) -> Self {
        let mut keys = Keys::default();
        keys.seal();
        Self::with(ports, framer::Limits::default(), keys)
    }

    /// Nothing read yet; ports and limits are the profile's, `keys` open TLS.
    pub fn of(profile: &Profile, keys: Keys) -> Self {
        let limits =
            framer::Limits { head: profile.sip.max_head, body: profile.sip.max_body, ..framer::Limits::default() };
        Self::with(&profile.ports, limits, keys)
    }

    /// The same within a budget.
    #[cfg(feature = "live")]
    pub fn within(budget: super::Budget, profile: &Profile, keys: Keys) -> Self {
        let mut reading = Self::of(profile, keys);
        reading.ip = Ip::new(budget.fragments());
        reading.tcp = Tcp::with_ids(budget.tcp(), reading.udp.ids.clone());
        reading.streams.hold_at_most(budget.messages());
        reading
    }

    fn with(ports: &Ports, limits: framer::Limits, keys: Keys) -> Self {
        let ids = ConnectionIds::default();
        Self {
            ip: Ip::default(),
            tcp: Tcp::with_ids(tcp::Limits::default(), ids.clone()),
            dialing: Dialing::default(),
            udp: Udp::new(ids.clone(), limits),
            exported: Exported::new(ids),
            streams: Streams::new(ports, limits, keys),
            tally: FrameTally::default(),
            anomalies: AnomalyLog::default(),
            carrier: Carrier::None,
            earlier: Vec::new(),
        }
    }

    /// Takes one frame in.
    pub fn push(&mut self, frame: &Frame<'_>, out: &mut impl FnMut(Seen<'_>)) {
        self.frame(frame, out);
        if self.streams.keys.wants_search() {
            self.streams.keys.search();
            self.streams.retry(out);
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let decoded = link::decode(frame).and_then(|payload| match payload {
            LinkPayload::Ip(ip) => self.ip.push(frame, ip, &mut self.anomalies).map(Some),
            LinkPayload::Exported(bytes) => {
                let pdu = link::exported(bytes)?;
                self.exported(frame, &pdu, out);
                Ok(None)
            }
            LinkPayload::Other { .. } => Err(SetAside::NotIp),
        });
        self.carrier = if matches!(decoded, Err(SetAside::Fragment)) { Carrier::Fragment } else { Carrier::None };
        let packet = match decoded {
            Ok(Some(packet)) => packet,
            Ok(None) => return self.tally.push_used(0),
            Err(reason) => return self.tally.push_set_aside(reason, frame.at, 0, &mut self.anomalies),
        };
        self.earlier.clear();
        self.earlier.extend(&packet.earlier);
        match packet.segment() {
            Ok(Segment::Tcp(segment)) => {
                self.tally.push_used(packet.waited);
                let streams = &mut self.streams;
                // Whoever dials a port of no interest is of none.
                if (!segment.syn || streams.is_expected([segment.source.port(), segment.destination.port()]))
                    && let Some(attempt) = self.dialing.push(&segment)
                {
                    out(Seen::Dialed(Box::new(attempt.clone())));
                }
                let id = self.tcp.push(&segment, &mut self.anomalies, &mut |connection, side, event| {
                    streams.event(connection, side, event, out);
                });
                if segment.missing > 0 && is_cut(frame) {
                    self.streams.cut(id, [segment.source.port(), segment.destination.port()], frame.at);
                }
                self.carrier = Carrier::Stream(Ends::new(segment.source, segment.destination), id);
            }
            Ok(Segment::Udp(datagram)) => {
                self.tally.push_used(packet.waited);
                let told = self.udp.push(&datagram, &mut self.streams, out);
                if datagram.missing > 0 && is_cut(frame) {
                    self.streams.cut(None, [datagram.source.port(), datagram.destination.port()], frame.at);
                }
                self.carrier = Carrier::Datagram(Ends::new(datagram.source, datagram.destination), told);
            }
            Err(reason) => self.tally.push_set_aside(reason, frame.at, packet.waited, &mut self.anomalies),
        }
    }

    /// Takes a PDU in that Wireshark exported: from above TCP as a segment, from elsewhere as a piece of a stream.
    fn exported(&mut self, frame: &Frame<'_>, pdu: &Pdu<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let (at, source, destination, payload) = (frame.at, pdu.source, pdu.destination, pdu.payload);
        let missing = frame.wire_len.saturating_sub(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX));
        let streams = &mut self.streams;
        if missing > 0 {
            streams.cut(None, [source.port(), destination.port()], at);
        }
        match (pdu.transport, pdu.place) {
            (Transport::Udp, _) => {
                let identification = pdu.original.unwrap_or(0);
                let datagram = Datagram { at, source, destination, identification, payload, missing };
                self.udp.push(&datagram, streams, out);
            }
            (_, Some(Place { next_sequence, acknowledged })) => {
                let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).saturating_add(missing);
                let segment = TcpSegment {
                    at,
                    source,
                    destination,
                    sequence: next_sequence.wrapping_sub(length),
                    acknowledgment: Some(acknowledged),
                    syn: false,
                    fin: false,
                    rst: false,
                    window: u16::MAX,
                    window_shift: None,
                    payload,
                    missing,
                };
                self.tcp.push(&segment, &mut self.anomalies, &mut |connection, side, event| {
                    streams.event(connection, side, event, out);
                });
            }
            (_, None) => self.exported.push(at, pdu, u64::from(missing), streams, out),
        }
    }

    /// No frame came up to `now`: what waited too long for bytes that did not come is given up. Its `number` is that of
    /// the last frame.
    pub fn pass(&mut self, now: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        let streams = &mut self.streams;
        self.tcp.pass(now, &mut self.anomalies, &mut |connection, side, event| {
            streams.event(connection, side, event, out);
        });
    }

    /// The capture is over: what waits comes out.
    pub fn finish(&mut self, out: &mut impl FnMut(Seen<'_>)) {
        let streams = &mut self.streams;
        self.tcp
            .finish(&mut self.anomalies, &mut |connection, side, event| streams.event(connection, side, event, out));
        self.exported.finish(streams, out);
        streams.finish(out);
        self.ip.finish(&mut self.anomalies);
    }

    /// Takes the key log texts in that standard input has given so far, and reads what waited for them.
    pub fn learn(&mut self, texts: &[KeylogText], out: &mut impl FnMut(Seen<'_>)) {
        if self.streams.keys.follow(texts) {
            self.streams.retry(out);
        }
    }

    /// Whether secrets may come at any time.
    #[cfg(feature = "live")]
    pub fn is_followed(&self) -> bool {
        self.streams.keys.is_followed()
    }

    /// Takes the secrets in that were written since the last time and reads what waited for them; what has waited too
    /// long at `now` is given up. Gives what is in the way of reading more, said once.
    #[cfg(feature = "live")]
    pub fn follow(&mut self, now: Timestamp, out: &mut impl FnMut(Seen<'_>)) -> Vec<String> {
        if self.streams.keys.read_on() {
            self.streams.retry(out);
        }
        self.streams.give_up(now.shifted(-KEY_WAIT), out);
        self.streams.keys.take_troubles()
    }

    /// From when to when records came that wait for a secret, and at `now` have not waited too long for ladders to wait
    /// with them; of what may be SIP.
    pub fn waits(&self, now: Timestamp) -> Option<Span> {
        if self.streams.keys.is_waiting() { self.streams.waits(now.shifted(-KEY_WAIT)) } else { None }
    }

    /// Remembers of connections that are over what they were, for [`fate`](Self::fate).
    #[cfg(feature = "live")]
    pub fn remember_fates(&mut self) {
        self.streams.remember_fates();
    }

    /// What carried the latest frame.
    #[cfg(feature = "live")]
    pub fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// Numbers of the frames before the latest, of its input, that carried fragments of the same packet.
    #[cfg(feature = "live")]
    pub fn earlier(&self) -> &[u64] {
        &self.earlier
    }

    /// Whether what `carrier` carried is SIP, as far as it is known by now.
    ///
    /// Where SIP is expected everything is, until it has shown itself for something else: what is encrypted there may
    /// be opened one day.
    #[cfg(feature = "live")]
    pub fn fate(&self, carrier: &Carrier) -> Fate {
        let is_expected = |ends: &Ends| self.streams.is_expected(ends.ports());
        match carrier {
            Carrier::None => Fate::Drop,
            Carrier::Fragment => Fate::Wait,
            Carrier::Stream(ends, None) => {
                if is_expected(ends) {
                    Fate::Keep
                } else {
                    Fate::Drop
                }
            }
            Carrier::Stream(ends, Some(id)) => match self.streams.fate(*id) {
                Fate::Wait if is_expected(ends) => Fate::Keep,
                fate => fate,
            },
            Carrier::Datagram(_, Told::Sip) => Fate::Keep,
            Carrier::Datagram(ends, Told::Little) if is_expected(ends) => Fate::Keep,
            Carrier::Datagram(..) => Fate::Drop,
        }
    }

    /// Whether what a connection says can be read from the middle on: nothing is around the text. None where nothing is
    /// known of it any more.
    #[cfg(feature = "live")]
    pub fn is_bare(&self, id: ConnectionId) -> Option<bool> {
        self.streams.is_bare(id)
    }

    /// Gives back what opens TLS, with what it has learned of sessions that may be resumed.
    pub fn into_keys(self) -> Keys {
        self.streams.keys
    }

    /// What became of every frame, stream and message. `filtered` frames never came this far.
    pub fn account(&self, filtered: u64) -> Account {
        let mut tally = self.tally.clone();
        tally.push_filtered(filtered);
        let streams = self.streams.account();
        let mut anomalies = self.anomalies.clone();
        anomalies.append(&streams.anomalies);
        let tcp = self.tcp.counters().connections + self.exported.connections;
        Account { tally, anomalies, tcp, ..streams }
    }
}

/// Whether the capture holds less of a frame than was on the wire.
fn is_cut(frame: &Frame<'_>) -> bool {
    (frame.bytes.len() as u64) < u64::from(frame.wire_len)
}

/// UDP: each datagram is a message of its own.
struct Udp {
    ids: ConnectionIds,
    limits: framer::Limits,
    flows: HashMap<(SocketAddr, SocketAddr), (Connection, BTreeSet<u16>)>,
    recent: HashMap<u64, Timestamp>,
    recent_order: VecDeque<u64>,
}

impl Udp {
    fn new(ids: ConnectionIds, limits: framer::Limits) -> Self {
        Self { ids, limits, flows: HashMap::new(), recent: HashMap::new(), recent_order: VecDeque::new() }
    }

    fn push(&mut self, segment: &Datagram<'_>, streams: &mut Streams, out: &mut impl FnMut(Seen<'_>)) -> Told {
        match looks_like_start(segment.payload) {
            Probe::Yes => {}
            Probe::NeedMore => return Told::Little,
            Probe::No => return Told::Other,
        }
        let repeated = self.is_repeated(segment);
        let ends = (segment.source.min(segment.destination), segment.source.max(segment.destination));
        if self.flows.len() >= MAX_UDP_FLOWS && !self.flows.contains_key(&ends) {
            self.flows.clear();
        }
        let (connection, inputs) = self.flows.entry(ends).or_insert_with(|| {
            let flow = flow_of(segment.source, segment.destination);
            let connection = Connection { id: self.ids.next_id(), flow, transport: Transport::Udp, is_joined: true };
            (connection, BTreeSet::new())
        });
        if inputs.insert(segment.at.input) && inputs.len() > 1 {
            out(Seen::Notice(connection, Notice::Witness { input: segment.at.input }));
        }
        if repeated {
            return Told::Sip;
        }
        let side = if segment.source == connection.flow.client { Side::Client } else { Side::Server };
        let connection = *connection;
        datagram(segment.payload, segment.at, self.limits, &mut |framed| {
            streams.framed(&connection, side, framed, out);
        });
        Told::Sip
    }

    /// Whether the very same datagram was seen before: mirrored, or in another input. A retransmission
    /// has an IP identification of its own; where packets have none, as in IPv6, only time tells.
    fn is_repeated(&mut self, segment: &Datagram<'_>) -> bool {
        let mut hash = DefaultHasher::new();
        (segment.source, segment.destination, segment.identification, segment.payload).hash(&mut hash);
        let hash = hash.finish();
        let known = self.recent.insert(hash, segment.at.time);
        if let Some(before) = known {
            return segment.identification != 0 || segment.at.time.since(before).abs() < RETRANSMISSION;
        }
        self.recent_order.push_back(hash);
        if self.recent_order.len() > MAX_RECENT
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        false
    }
}

/// Who is the server of two that were met without a handshake: the one on a server's port, else the receiver.
pub fn flow_of(source: SocketAddr, destination: SocketAddr) -> Flow {
    let is_server = |end: SocketAddr| SERVER_PORTS.contains(&end.port());
    if is_server(destination) || !is_server(source) {
        Flow { client: source, server: destination }
    } else {
        Flow { client: destination, server: source }
    }
}
