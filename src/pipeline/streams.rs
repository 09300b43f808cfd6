//! What each connection carries, recognised by content: SIP, TLS, compressed SIP, or something else.
//!
//! In: stream events and framed messages. Out: parsed messages, losses, and streams that cannot be read.
//! Limits: [`SCAN_LIMIT`], [`MAX_LISTED`]; connections come and go with TCP's own table.

use std::collections::{HashMap, VecDeque};

use memchr::memmem;

use super::reading::{Notice, Seen};
use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::flow::{Connection, ConnectionId, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::profile::Ports;
use crate::report::view::{Account, Unread};
use crate::sip::framer::{self, Framed, Framer};
use crate::sip::grammar;
use crate::sip::header::HeaderName;
use crate::sip::method::Method;
use crate::stream::{Event, UNKNOWN_LENGTH};
use crate::unreadable::UnreadableReason;

/// Octets of one side searched for a SIP message before its stream is taken for something else. On a
/// port of the profile the search never ends.
const SCAN_LIMIT: u64 = 64 * 1024;
/// Unreadable streams listed one by one in the report; further ones are counted.
const MAX_LISTED: usize = 1_000;
/// How often an unreadable stream that goes on is told of again, nanoseconds.
const RETELL: i64 = 1_000_000_000;

/// What a connection turned out to carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Unknown,
    Sip,
    Tls { handshake: bool },
    Compressed,
    Other,
}

/// A loss met before it was known what the stream carries.
#[derive(Clone, Copy, Debug)]
struct Loss {
    from: Timestamp,
    to: Timestamp,
    gaps: u64,
    octets: u64,
}

struct Stream {
    content: Content,
    framers: [Framer; 2],
    scanned: u64,
    loss: Option<Loss>,
    /// Since when octets of each side are passed over that may have been messages.
    astray: [Option<Timestamp>; 2],
    first: Option<FrameRef>,
    last: Option<FrameRef>,
    told: Option<Timestamp>,
    frames: u64,
    ended: u8,
}

impl Stream {
    fn new(limits: framer::Limits) -> Self {
        let framer = || Framer::new(limits);
        Self {
            content: Content::Unknown,
            framers: [framer(), framer()],
            scanned: 0,
            loss: None,
            astray: [None; 2],
            first: None,
            last: None,
            told: None,
            frames: 0,
            ended: 0,
        }
    }

    fn touch(&mut self, frame: FrameRef) {
        self.first.get_or_insert(frame);
        if self.last != Some(frame) {
            self.frames += 1;
        }
        self.last = Some(frame);
    }
}

/// Every connection that has carried data and has not ended.
pub struct Streams {
    open: HashMap<ConnectionId, Stream>,
    ledger: Ledger,
    limits: framer::Limits,
}

/// What is counted and listed over all streams.
struct Ledger {
    ports: Vec<u16>,
    anomalies: AnomalyLog,
    totals: Totals,
    unread: VecDeque<Unread>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    malformed: u64,
    gaps: u64,
    gap_octets: u64,
    tls: u64,
    compressed: u64,
    unlisted: u64,
}

impl Streams {
    /// No connection yet.
    pub fn new(ports: &Ports, limits: framer::Limits) -> Self {
        let ports = ports.mobility.iter().chain(&ports.sip).chain(&ports.remote).copied().collect();
        let ledger =
            Ledger { ports, anomalies: AnomalyLog::default(), totals: Totals::default(), unread: VecDeque::new() };
        Self { open: HashMap::new(), ledger, limits }
    }

    /// Defects of SIP streams.
    pub fn anomalies(&self) -> &AnomalyLog {
        &self.ledger.anomalies
    }

    /// The counts so far.
    pub fn account(&self) -> Account {
        Account {
            malformed: self.ledger.totals.malformed,
            gaps: self.ledger.totals.gaps,
            gap_octets: self.ledger.totals.gap_octets,
            tls: self.ledger.totals.tls,
            compressed: self.ledger.totals.compressed,
            unread: self.ledger.unread.iter().cloned().collect(),
            unlisted: self.ledger.totals.unlisted,
            ..Account::default()
        }
    }

    /// Octets held back of a message of `side` that is not whole.
    pub fn held(&self, id: ConnectionId, side: Side) -> usize {
        self.open.get(&id).and_then(|stream| stream.framers.get(side.index())).map_or(0, Framer::buffered)
    }

    /// Takes one event of a TCP stream in.
    pub fn event(&mut self, connection: &Connection, side: Side, event: Event<'_>, out: &mut impl FnMut(Seen<'_>)) {
        let Self { open, ledger, limits } = self;
        let stream = open.entry(connection.id).or_insert_with(|| Stream::new(*limits));
        match event {
            Event::Bytes { bytes, frame, .. } => ledger.bytes(connection, side, stream, bytes, frame, out),
            Event::Gap { length, after, frame, .. } => ledger.gap(connection, side, stream, length, after, frame, out),
            Event::Witness { frame } => out(Seen::Notice(connection, Notice::Witness { input: frame.input })),
            Event::End { frame } => {
                ledger.end(connection, side, stream, frame, out);
                stream.ended += 1;
                if stream.ended >= 2 {
                    ledger.close(connection, stream);
                    open.remove(&connection.id);
                }
            }
        }
    }

    /// Takes a framed message or defect in: what a datagram gives comes here directly.
    pub fn framed(&mut self, connection: &Connection, side: Side, framed: Framed<'_>, out: &mut impl FnMut(Seen<'_>)) {
        self.ledger.framed(connection, side, framed, out);
    }
}

impl Ledger {
    fn framed(&mut self, connection: &Connection, side: Side, framed: Framed<'_>, out: &mut impl FnMut(Seen<'_>)) {
        match framed {
            Framed::Message { raw, last, .. } => {
                self.message(connection, side, raw, last, out);
            }
            Framed::Anomaly(anomaly) => self.anomaly(anomaly),
        }
    }

    fn anomaly(&mut self, anomaly: Anomaly) {
        if anomaly.kind == AnomalyKind::MalformedMessage {
            self.totals.malformed += 1;
        }
        self.anomalies.push(anomaly);
    }

    /// Hands a message on. Whether what follows on its connection is compressed.
    fn message(
        &mut self,
        connection: &Connection,
        side: Side,
        raw: &[u8],
        at: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) -> bool {
        out(Seen::Message { connection, side, at, raw });
        accepts_compression(raw)
    }

    fn bytes(
        &mut self,
        connection: &Connection,
        side: Side,
        stream: &mut Stream,
        bytes: &[u8],
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        stream.touch(frame);
        if stream.content == Content::Unknown {
            if let Some(handshake) = tls_record(bytes) {
                stream.content = Content::Tls { handshake };
                self.totals.tls += 1;
            } else {
                stream.scanned += bytes.len() as u64;
            }
        }
        match stream.content {
            Content::Unknown | Content::Sip => self.sip_bytes(connection, side, stream, bytes, frame, out),
            Content::Tls { .. } | Content::Compressed => self.unreadable(connection, stream, frame, out),
            Content::Other => {}
        }
        if stream.content == Content::Unknown && stream.scanned > SCAN_LIMIT && !self.is_expected(connection) {
            stream.content = Content::Other;
            stream.framers.iter_mut().for_each(|framer| *framer = Framer::new(framer::Limits::default()));
        }
    }

    fn sip_bytes(
        &mut self,
        connection: &Connection,
        side: Side,
        stream: &mut Stream,
        bytes: &[u8],
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let Stream { content, framers, loss, astray, .. } = stream;
        let framer = &mut framers[side.index()];
        let passed_over = framer.is_astray() && !framer.resumes_with(bytes);
        let mut compressed = false;
        framer.bytes(bytes, frame, &mut |framed| match framed {
            Framed::Message { raw, last, .. } if !compressed => {
                if *content == Content::Unknown {
                    *content = Content::Sip;
                    if let Some(loss) = loss.take() {
                        self.lost(connection, Loss { to: loss.to.max(frame.time), ..loss }, out);
                    }
                }
                compressed = self.message(connection, side, raw, last, out);
            }
            // What a stream that is no SIP has between its lines is nobody's defect.
            Framed::Anomaly(anomaly) if *content == Content::Sip && !compressed => self.anomaly(anomaly),
            _ => {}
        });
        let astray = &mut astray[side.index()];
        if passed_over || framer.is_astray() {
            let from = *astray.get_or_insert(frame.time);
            if *content == Content::Sip || self.is_expected(connection) {
                out(Seen::Notice(connection, Notice::Lost { from, to: frame.time }));
            }
        }
        if !framer.is_astray() {
            *astray = None;
        }
        if compressed {
            stream.content = Content::Compressed;
            stream.first = Some(frame);
            stream.frames = 0;
            self.totals.compressed += 1;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one event")]
    fn gap(
        &mut self,
        connection: &Connection,
        side: Side,
        stream: &mut Stream,
        length: u64,
        after: Option<FrameRef>,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let from = after.map_or(frame.time, |after| after.time).min(frame.time);
        let octets = if length == UNKNOWN_LENGTH { 0 } else { length };
        let loss = Loss { from, to: frame.time, gaps: 1, octets };
        match stream.content {
            Content::Sip => {
                self.lost(connection, loss, out);
                let framer = &mut stream.framers[side.index()];
                framer.gap(length, frame, &mut |framed| self.framed(connection, side, framed, out));
            }
            Content::Unknown => {
                let known = stream.loss.get_or_insert(Loss { gaps: 0, octets: 0, ..loss });
                known.from = known.from.min(loss.from);
                known.to = known.to.max(loss.to);
                known.gaps += 1;
                known.octets = known.octets.saturating_add(octets);
                if self.is_expected(connection) {
                    out(Seen::Notice(connection, Notice::Lost { from: loss.from, to: loss.to }));
                }
                stream.framers[side.index()].gap(length, frame, &mut |_| {});
            }
            Content::Tls { .. } | Content::Compressed | Content::Other => {}
        }
    }

    fn lost(&mut self, connection: &Connection, loss: Loss, out: &mut impl FnMut(Seen<'_>)) {
        self.totals.gaps += loss.gaps;
        self.totals.gap_octets = self.totals.gap_octets.saturating_add(loss.octets);
        out(Seen::Notice(connection, Notice::Lost { from: loss.from, to: loss.to }));
    }

    fn end(
        &mut self,
        connection: &Connection,
        side: Side,
        stream: &mut Stream,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        match stream.content {
            Content::Sip => {
                let framer = &mut stream.framers[side.index()];
                framer.end(frame, &mut |framed| self.framed(connection, side, framed, out));
            }
            Content::Tls { .. } | Content::Compressed => {
                stream.told = None;
                self.unreadable(connection, stream, stream.last.unwrap_or(frame), out);
            }
            Content::Unknown | Content::Other => {}
        }
    }

    /// Tells of a stream that cannot be read, where it may have been SIP.
    fn unreadable(
        &mut self,
        connection: &Connection,
        stream: &mut Stream,
        frame: FrameRef,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let fresh = stream.told.is_none_or(|told| frame.time.since(told) >= RETELL);
        if fresh && self.may_be_sip(connection, stream.content) {
            stream.told = Some(frame.time);
            let from = stream.first.map_or(frame.time, |first| first.time).min(frame.time);
            out(Seen::Notice(connection, Notice::Unreadable { input: frame.input, from, to: frame.time }));
        }
    }

    fn may_be_sip(&self, connection: &Connection, content: Content) -> bool {
        content == Content::Compressed || self.is_expected(connection)
    }

    fn is_expected(&self, connection: &Connection) -> bool {
        self.ports.contains(&connection.flow.server.port()) || self.ports.contains(&connection.flow.client.port())
    }

    /// A connection is over: one that could not be read is listed.
    fn close(&mut self, connection: &Connection, stream: &Stream) {
        let (reason, detail) = match stream.content {
            Content::Tls { handshake: true } => (
                UnreadableReason::TlsNoSecret,
                "encrypted; this version reads no TLS: capture where the traffic is in the clear",
            ),
            Content::Tls { handshake: false } => {
                (UnreadableReason::TlsNoHandshake, "encrypted, and the capture began after the handshake")
            }
            Content::Compressed => (
                UnreadableReason::CompressedUnrecognised,
                "compressed after NEGOTIATE; this version does not decode it",
            ),
            Content::Unknown if stream.loss.is_some() && self.is_expected(connection) => {
                (UnreadableReason::Damaged, "bytes are missing and no SIP message was found in the rest")
            }
            _ => return,
        };
        if !self.may_be_sip(connection, stream.content) {
            return;
        }
        if self.unread.len() >= MAX_LISTED {
            self.totals.unlisted += 1;
            return;
        }
        self.unread.push_back(Unread { flow: connection.flow, reason, detail, frames: stream.frames });
    }
}

/// Whether the bytes begin with a TLS record; if so, whether it is the handshake's.
///
/// Source: RFC 8446 §5.1; RFC 5246 appendix E.2 for the SSLv2-format ClientHello.
fn tls_record(bytes: &[u8]) -> Option<bool> {
    match *bytes {
        [kind @ 20..=23, 3, 0..=4, high, ..] if high <= 0x48 => Some(kind == 22),
        [0x80..=0xff, _, 1, 3, 0..=3, ..] => Some(true),
        _ => None,
    }
}

/// Whether this is the answer after which the connection is compressed.
///
/// Source: \[MS-SIPCOMP\] §3.1, the response to NEGOTIATE.
fn accepts_compression(raw: &[u8]) -> bool {
    // Only the first message each way negotiates: for all others this look is all it costs.
    if !raw.starts_with(b"SIP/2.0 2") || memmem::find(raw, b"NEGOTIATE").is_none() {
        return false;
    }
    let Ok(message) = grammar::parse(raw) else { return false };
    message.cseq().is_some_and(|cseq| cseq.method == Method::Negotiate)
        && message.header(HeaderName::Compression).is_some_and(|value| value.to_ascii_uppercase().starts_with(b"LZ77"))
}
