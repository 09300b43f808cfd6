//! What each connection carries, recognised by content: SIP, TLS, compressed SIP, or something else.
//!
//! In: stream events and framed messages. Out: messages, losses, and streams that cannot be read. Whatever is around the
//! text takes and gives the same events, so each connection has its own stack of it:
//!
//! ```text
//! Event ─→ probe ─┬───── Secured (TLS) ─────┬─→ Packing (SIP compression) ─→ Text ─→ Seen
//!                 └─────────────────────────┘
//! ```
//!
//! Limits: [`MAX_KEPT`]; [`MAX_HELD`], less while interfaces are watched; connections come and go with TCP's own table.

mod stream;

use std::collections::VecDeque;

use foldhash::HashMap;

use super::carrier::Fate;
use super::keys::Keys;
use super::ledger::{Ledger, Speaker};
use super::reading::{Notice, Seen};
use super::text::Content;
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::flow::{Connection, ConnectionId, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::coverage::Span;
use crate::ladder::profile::Ports;
use crate::report::view::Account;
use crate::sip::framer::{self, Framed};
use crate::stream::Event;
use stream::Stream;

/// Connections that are over and are kept because they wait for a secret. 4,096: what they hold is bounded by itself.
const MAX_KEPT: usize = 4_096;

/// Connections that are over of which it is remembered what they were: frames of them wait for seconds at most.
const MAX_FATES: usize = 65_536;
/// The most octets that are held, over all connections, of messages, records and handshakes that are not whole. 256 MiB:
/// many bodies as long as they may be.
const MAX_HELD: usize = 256 << 20;

/// What connections were that are over.
#[derive(Default)]
struct Fates {
    /// Whether each was SIP, and whether nothing was around its text.
    known: HashMap<ConnectionId, (Fate, bool)>,
    order: VecDeque<ConnectionId>,
}

impl Fates {
    fn remember(&mut self, id: ConnectionId, stream: &Stream, ledger: &Ledger) {
        self.known.insert(id, (stream.fate(ledger), stream.is_bare()));
        self.order.push_back(id);
        if self.order.len() > MAX_FATES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Every connection that has carried data and has not ended.
pub struct Streams {
    open: HashMap<ConnectionId, Stream>,
    /// Connections that are over and wait for a secret.
    kept: Vec<Stream>,
    ledger: Ledger,
    limits: framer::Limits,
    /// Octets held of what is not whole.
    held: usize,
    /// The most of them.
    most_held: usize,
    /// What connections were that are over, if that is remembered.
    fates: Option<Fates>,
    /// What opens TLS.
    pub keys: Keys,
}

impl Streams {
    /// No connection yet.
    pub fn new(ports: &Ports, limits: framer::Limits, keys: Keys) -> Self {
        Self {
            open: HashMap::default(),
            kept: Vec::new(),
            ledger: Ledger::new(ports),
            limits,
            held: 0,
            most_held: MAX_HELD,
            fates: None,
            keys,
        }
    }

    /// Holds at most so many octets of what is not whole; beyond it the largest are given up.
    pub fn hold_at_most(&mut self, octets: usize) {
        self.most_held = octets;
    }

    /// Gives up what the connections that hold most of it hold, until there is some room again.
    fn make_room(&mut self, frame: FrameRef, out: &mut impl FnMut(Seen<'_>)) {
        let Self { open, ledger, .. } = self;
        let mut largest: Vec<(usize, ConnectionId)> = open.iter().map(|(id, stream)| (stream.held(), *id)).collect();
        largest.sort_unstable_by_key(|(held, id)| (std::cmp::Reverse(*held), *id));
        // So much at once that it is not done again for every segment.
        let enough = self.most_held / 8 * 7;
        for (held, id) in largest {
            if self.held <= enough || held == 0 {
                break;
            }
            let Some(stream) = open.get_mut(&id) else { continue };
            let detail = "too many octets of messages that are not whole; the largest was given up";
            ledger.anomaly(Anomaly { kind: AnomalyKind::TableLimit, frame, detail });
            stream.shed(frame, ledger, out);
            self.held = self.held.saturating_sub(held.saturating_sub(stream.held()));
        }
    }

    /// The counts so far.
    pub fn account(&self) -> Account {
        Account { keys: self.keys.count(), ..self.ledger.account.clone() }
    }

    /// Octets held back of a message of `side` that is not whole.
    pub fn held(&self, id: ConnectionId, side: Side) -> usize {
        self.open.get(&id).map_or(0, |stream| stream.packing.held(side))
    }

    /// Remembers of connections that are over what they were.
    pub fn remember_fates(&mut self) {
        self.fates = Some(Fates::default());
    }

    /// Whether a connection is SIP.
    pub fn fate(&self, id: ConnectionId) -> Fate {
        let past = || self.fates.as_ref().and_then(|fates| fates.known.get(&id)).map(|(fate, _)| *fate);
        self.open.get(&id).map(|stream| stream.fate(&self.ledger)).or_else(past).unwrap_or(Fate::Wait)
    }

    /// Whether nothing is around the text of a connection.
    pub fn is_bare(&self, id: ConnectionId) -> Option<bool> {
        let past = || self.fates.as_ref().and_then(|fates| fates.known.get(&id)).map(|(_, is_bare)| *is_bare);
        self.open.get(&id).map(Stream::is_bare).or_else(past)
    }

    /// Whether one of these ports is one on which SIP is expected.
    pub fn is_expected(&self, ports: [u16; 2]) -> bool {
        ports.into_iter().any(|port| self.ledger.is_sip_port(port))
    }

    /// Takes one event of a TCP stream in.
    pub fn event(&mut self, connection: &Connection, side: Side, event: Event<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let Self { open, kept, ledger, limits, keys, held, most_held, fates } = self;
        if let Event::Witness { frame } = event {
            return out(Seen::Notice(connection, Notice::Witness { input: frame.input }));
        }
        let stream = open.entry(connection.id).or_insert_with(|| Stream::new(*connection, *limits));
        if let Event::Bytes { frame, .. } = event {
            stream.touch(frame);
        }
        let before = stream.held();
        stream.event(side, event, keys, ledger, out);
        *held = (*held + stream.held()).saturating_sub(before);
        if let Event::End { .. } = event {
            stream.ended += 1;
            if !stream.is_open()
                && let Some(mut stream) = open.remove(&connection.id)
            {
                *held = held.saturating_sub(stream.held());
                if let Some(fates) = fates {
                    fates.remember(connection.id, &stream, ledger);
                }
                match stream.is_waiting() && kept.len() < MAX_KEPT {
                    true => kept.push(stream),
                    false => {
                        ledger.account.evicted += u64::from(stream.is_waiting());
                        stream.abandon(keys);
                        stream.close(ledger);
                    }
                }
            }
        }
        if *held > *most_held
            && let Event::Bytes { frame, .. } = event
        {
            self.make_room(frame, out);
        }
    }

    /// The capture cut the frame `at` between these ports; it is of this connection, if that is known.
    pub fn cut(&mut self, id: Option<ConnectionId>, ports: [u16; 2], at: FrameRef) {
        let stream = id.and_then(|id| self.open.get_mut(&id));
        let is_sip = stream.as_ref().is_some_and(|stream| stream.packing.content() == Content::Sip);
        if let Some(stream) = stream {
            stream.is_cut = true;
        }
        if is_sip || self.is_expected(ports) {
            let detail = "the capture's snapshot length cut the frame, and part of what it carries is missing";
            self.ledger.anomaly(Anomaly { kind: AnomalyKind::CutFrame, frame: at, detail });
        }
    }

    /// Takes a framed message or defect in: what a datagram gives comes here directly.
    pub fn framed(&mut self, connection: &Connection, side: Side, framed: Framed<'_>, out: &mut impl FnMut(Seen<'_>)) {
        self.ledger.framed(Speaker { connection, side }, framed, out);
    }

    /// Tries to read what waits once more: there are secrets that were not there before. What comes out of several
    /// connections comes in the order of time.
    pub fn retry(&mut self, out: &mut impl FnMut(Seen<'_>)) {
        self.retry_if(Stream::may_open, None, out);
    }

    /// From when to when records came that wait for a secret and may be SIP; of those that came since `since`.
    pub fn waits(&self, since: Timestamp) -> Option<Span> {
        let streams = self.open.values().chain(&self.kept);
        let spans = streams.filter_map(|stream| {
            let (from, last) = (stream.waiting_since()?, stream.last?.time);
            (last >= since && stream.may_be_sip(&self.ledger))
                .then_some(Span { from: from.max(since), to: last.max(from) })
        });
        spans.reduce(|a, b| a.joined(&b))
    }

    /// Gives up what has waited for a secret since before `before`; what came later goes on waiting.
    pub fn give_up(&mut self, before: Timestamp, out: &mut impl FnMut(Seen<'_>)) {
        let is_old = |stream: &Stream, _: &Keys| stream.waiting_since().is_some_and(|since| since < before);
        self.retry_if(is_old, Some(before), out);
    }

    /// Tries to read what waits in some streams, or gives it up that waits since before `before`.
    fn retry_if(
        &mut self,
        wanted: impl Fn(&Stream, &Keys) -> bool,
        before: Option<Timestamp>,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let Self { open, kept, ledger, keys, held, .. } = self;
        let mut waiting: Vec<&mut Stream> = open
            .values_mut()
            .chain(kept.iter_mut())
            .filter(|stream| stream.is_waiting() && wanted(stream, keys))
            .collect();
        waiting.sort_by_key(|stream| stream.connection.id);
        let mut messages: Vec<(FrameRef, Connection, Side, Vec<u8>)> = Vec::new();
        let mut settled: Vec<Connection> = Vec::new();
        for stream in waiting {
            let before_it = stream.held();
            stream.retry(before, keys, ledger, &mut |seen| match seen {
                Seen::Message { connection, side, at, raw } => messages.push((at, *connection, side, raw.to_vec())),
                Seen::Notice(connection, Notice::Settled) => settled.push(*connection),
                other => out(other),
            });
            // What those that are over hold is not counted.
            if stream.is_open() {
                *held = (*held + stream.held()).saturating_sub(before_it);
            }
        }
        messages.sort_by_key(|(at, ..)| at.time);
        for (at, connection, side, raw) in &messages {
            out(Seen::Message { connection, side: *side, at: *at, raw });
        }
        // What may not have been seen is, once the messages are.
        settled.iter().for_each(|connection| out(Seen::Notice(connection, Notice::Settled)));
        let (waiting, done) = std::mem::take(kept).into_iter().partition(Stream::is_waiting);
        *kept = waiting;
        done.iter().for_each(|stream: &Stream| stream.close(ledger));
    }

    /// No more secrets will come, and every connection is over.
    pub fn finish(&mut self, out: &mut impl FnMut(Seen<'_>)) {
        self.keys.seal();
        self.retry(out);
    }
}

#[cfg(test)]
mod late;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Flow, Transport};
    use crate::ladder::profile::Profile;

    const FRAME: FrameRef = FrameRef { input: 0, number: 1, time: Timestamp::new(1, 9) };
    const TLS: [u8; 9] = [23, 3, 3, 0, 4, 1, 2, 3, 4];

    /// Connection `number` between two hosts says something.
    fn say(streams: &mut Streams, number: u64, hosts: [u8; 2], port: u16, bytes: &[u8]) -> Fate {
        let [client, server] = hosts.map(|host| [192, 0, 2, host]);
        let flow = Flow { client: (client, 50_000).into(), server: (server, port).into() };
        let id = ConnectionId(number);
        let connection = Connection { id, flow, transport: Transport::Tcp, is_joined: true };
        streams.event(&connection, Side::Client, Event::Bytes { offset: 0, bytes, frame: FRAME }, &mut |_| {});
        streams.fate(id)
    }

    #[test]
    fn what_may_be_sip_of_hosts_that_speak_it_and_cannot_be_read_is_kept() {
        let profile = Profile::built_in().unwrap();
        let mut streams = Streams::new(&profile.ports, framer::Limits::default(), Keys::default());
        let other = *b"\x00\x01\x02\x03 nothing";
        for (number, (port, bytes)) in (0..).zip([(5_099, &TLS[..]), (8_061, &TLS), (5_099, &other)]) {
            assert_eq!(say(&mut streams, number, [7, 8], port, bytes), Fate::Wait, "{port} of strangers");
        }
        let options = b"OPTIONS sip:a SIP/2.0\r\nVia: a\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(say(&mut streams, 3, [7, 9], 15_060, options), Fate::Keep);
        let fates = [0, 1, 2].map(|number| streams.fate(ConnectionId(number)));
        assert_eq!(fates, [Fate::Keep, Fate::Wait, Fate::Wait]);
        // On a port of servers it may be SIP from the beginning.
        assert_eq!(say(&mut streams, 4, [20, 21], 5_099, &TLS), Fate::Wait);
        say(&mut streams, 5, [21, 22], 5_061, &TLS);
        assert_eq!(streams.fate(ConnectionId(4)), Fate::Keep);
    }

    #[test]
    fn handshakes_that_never_end_are_held_within_a_bound() {
        const MOST: usize = 64 << 10;
        let profile = Profile::built_in().unwrap();
        let mut streams = Streams::new(&profile.ports, framer::Limits::default(), Keys::default());
        streams.hold_at_most(MOST);
        // The first record of a certificate that would take many.
        let mut record = vec![22, 3, 3, 0x20, 0, 11, 0, 0xff, 0xff];
        record.resize(5 + 0x2000, 0);
        let mut frame = FrameRef { input: 0, number: 0, time: Timestamp::new(1, 9) };
        for number in 1..=40 {
            let [client, server] = ["192.0.2.1:40000", "192.0.2.2:5061"].map(|address| address.parse().unwrap());
            let flow = Flow { client, server };
            let connection = Connection { id: ConnectionId(number), flow, transport: Transport::Tcp, is_joined: false };
            frame.number += 1;
            streams.event(&connection, Side::Server, Event::Bytes { offset: 0, bytes: &record, frame }, &mut |_| {});
            assert!(streams.held <= MOST, "{} octets after {number}", streams.held);
        }
        let all: usize = streams.open.values().map(Stream::held).sum();
        assert!(all == streams.held && all > MOST / 2, "{all} octets");
        assert!(streams.account().anomalies.count(AnomalyKind::TableLimit) > 30);
    }
}
