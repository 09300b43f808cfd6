//! The framer: where each message of a stream begins and ends.
//!
//! In: the ordered octets of one side of a connection, with the gaps the capture left. Out: whole
//! messages, borrowed from the slice they came in where they lie inside one, and the stream's defects.
//! It refuses to know what a message says beyond its first line, Content-Length and Content-Type.
//!
//! While lengths can be trusted nothing but Content-Length decides where a message ends, so a body that quotes a
//! message is never mistaken for one. After lost octets or junk the next start line at the beginning of a line is taken.
//! Limits: [`Limits`]; a framer never holds more than one head and one body.
//! Source: RFC 3261 §7.5 and §18.3.

mod datagram;
mod head;

use memchr::memchr;

use self::head::{HeadScan, Length, Scan};
use super::grammar::{Probe, looks_like_start};
use super::method::Method;
use super::view::text;
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::frame::FrameRef;

pub use self::datagram::datagram;

/// How much one framer buffers and believes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest head, in octets, its empty line included: authentication headers reach several thousand octets each.
    pub head: usize,
    /// Longest body kept, in octets: servers accept 20 MB at most. A longer one is counted, not kept.
    pub body: usize,
    /// Largest Content-Length believed, in octets: a larger one would hide the rest of the stream.
    pub believed: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: 64 * 1024, body: 20 * 1024 * 1024, believed: 1024 * 1024 * 1024 }
    }
}

/// Buffer capacity kept between messages, in octets: most messages fit, and idle connections stay cheap.
const KEPT_CAPACITY: usize = 4 * 1024;

/// What a framer hands out.
#[derive(Debug)]
pub enum Framed<'f> {
    /// A message, for [`parse`](super::grammar::parse). Its head is whole; its body is cut when an anomaly right behind it says so.
    Message {
        /// Its octets, head and body.
        raw: &'f [u8],
        /// The frame that carried its first octet.
        first: FrameRef,
        /// The latest frame that carried an octet of it.
        last: FrameRef,
    },
    /// A defect of the stream.
    Anomaly(Anomaly),
}

/// The frames a message that is not complete yet has come in.
#[derive(Clone, Copy, Debug)]
struct Frames {
    first: FrameRef,
    last: FrameRef,
}

impl Frames {
    const fn new(frame: FrameRef) -> Self {
        Self { first: frame, last: frame }
    }

    fn and(self, frame: FrameRef) -> Self {
        Self { first: self.first, last: self.last.later(frame) }
    }

    fn message(self, raw: &[u8]) -> Framed<'_> {
        Framed::Message { raw, first: self.first, last: self.last }
    }
}

/// What the next octet is.
#[derive(Clone, Copy, Debug)]
enum State {
    /// White space or the first octet of a message.
    Between,
    /// Part of a head, the beginning of which is in the buffer.
    Head {
        scan: HeadScan,
        /// Whether the head began where one was due; if not, it is a guess until its first line is whole.
        due: bool,
        frames: Frames,
    },
    /// Part of a body; head and beginning are in the buffer, which is to become `total` octets long.
    Body { total: usize, frames: Frames },
    /// Part of a body that is not kept, of which so many octets are to come.
    Skip(u64),
    /// Unknown: the next start line is looked for.
    Lost {
        /// Whether the next octet may begin a line.
        line_start: bool,
    },
}

/// Cuts one side of a connection into messages.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
    buffer: Vec<u8>,
    /// Whether octets were lost since the last message, so that a segment may begin one anywhere.
    behind_gap: bool,
}

impl Framer {
    /// A framer at the start of a stream.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Between, buffer: Vec::new(), behind_gap: false }
    }

    /// Octets held back at the moment, waiting for the rest of their message.
    pub const fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Whether octets are passed over because nobody knows where the next message begins: what lies among them may
    /// have been one.
    pub const fn is_astray(&self) -> bool {
        matches!(self.state, State::Lost { .. } | State::Head { due: false, .. })
    }

    /// Whether a stream that is astray goes on with a message at the very beginning of `segment`. Behind a gap that is
    /// where messages begin, although no line may have ended before; then the method must not be the end of another word.
    pub fn resumes_with(&self, segment: &[u8]) -> bool {
        let State::Lost { line_start } = self.state else { return false };
        let word = segment.split(|octet| *octet == b' ').next().unwrap_or_default();
        let is_known = || segment.starts_with(b"SIP/") || !matches!(Method::new(word), Method::Other(_));
        (line_start || self.behind_gap && is_known()) && looks_like_start(segment) != Probe::No
    }

    /// Takes the next octets of the stream, which `frame` carried. Gives messages and anomalies in stream order.
    pub fn bytes(&mut self, bytes: &[u8], frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        self.resume(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest, frame, out);
        }
    }

    /// Prepares for octets that came in one piece, which [`step`](Self::step) is to take bit by bit: a stream that is
    /// astray goes on where they begin, if a message begins there.
    pub fn resume(&mut self, bytes: &[u8]) {
        if self.resumes_with(bytes) {
            self.state = State::Lost { line_start: true };
        }
    }

    /// Takes some of `rest`, at most to the end of one message, and gives what is left: for those who must know where
    /// in the stream a message ends.
    pub fn step<'b>(&mut self, rest: &'b [u8], frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) -> &'b [u8] {
        match self.state {
            State::Between => self.between(rest, frame),
            State::Head { scan, due, frames } => self.head(scan, due, frames, rest, frame, out),
            State::Body { total, frames } => self.body(total, frames, rest, frame, out),
            State::Skip(left) => self.skip(left, rest),
            State::Lost { line_start } => self.search(line_start, rest, frame),
        }
    }

    /// Learns that `length` octets of the stream are not in the capture; `frame` proved it.
    ///
    /// A message whose body they cut is given with what there is of it, and the next message is found by counting
    /// when they lie inside that body.
    pub fn gap(&mut self, length: u64, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        let left = self.cut(frame, out);
        self.state = match left.and_then(|left| left.checked_sub(length)) {
            Some(0) => State::Between,
            Some(left) => State::Skip(left),
            None => State::Lost { line_start: false },
        };
        self.behind_gap = true;
    }

    /// Learns that the stream is over; `frame` is its last one. A message that is not whole is given as far as
    /// it goes when its head is. The framer is as new afterwards.
    pub fn end(&mut self, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        self.cut(frame, out);
        self.state = State::Between;
        self.behind_gap = false;
    }

    /// Gives up what is being read. Gives how many octets of its body were still to come, when that is known.
    fn cut(&mut self, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) -> Option<u64> {
        let left = match self.state {
            State::Head { scan, due, .. } => {
                if due || scan.is_message() {
                    out(anomaly(AnomalyKind::IncompleteMessage, frame, "the head of a message is cut"));
                }
                None
            }
            State::Body { total, frames } => {
                out(frames.message(&self.buffer));
                out(anomaly(AnomalyKind::IncompleteMessage, frame, "the body of a message is cut"));
                u64::try_from(total.saturating_sub(self.buffer.len())).ok()
            }
            State::Skip(left) => Some(left),
            State::Between | State::Lost { .. } => None,
        };
        self.release();
        left
    }

    /// Empties the buffer.
    fn release(&mut self) {
        if self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }

    /// Skips white space; the first other octet begins a message.
    fn between<'b>(&mut self, bytes: &'b [u8], frame: FrameRef) -> &'b [u8] {
        let rest = text::trim_start(bytes);
        if !rest.is_empty() {
            self.state = State::Head { scan: HeadScan::new(), due: true, frames: Frames::new(frame) };
        }
        rest
    }

    /// Looks for the end of the head; a message that is whole already goes out without being copied.
    fn head<'b>(
        &mut self,
        mut scan: HeadScan,
        due: bool,
        frames: Frames,
        bytes: &'b [u8],
        frame: FrameRef,
        out: &mut impl FnMut(Framed<'_>),
    ) -> &'b [u8] {
        let before = frames;
        let frames = frames.and(frame);
        let held = self.buffer.len();
        let known = if held == 0 {
            bytes
        } else {
            let room = self.limits.head.saturating_sub(held).saturating_add(1);
            self.buffer.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            &self.buffer
        };
        match scan.run(known, &self.limits) {
            Scan::More => {
                if held == 0 {
                    self.buffer.extend_from_slice(bytes);
                }
                self.state = State::Head { scan, due, frames };
                b""
            }
            Scan::NotStart => {
                if due {
                    out(anomaly(AnomalyKind::JunkBetweenMessages, frame, "octets that begin no message"));
                }
                self.lose(false);
                bytes
            }
            Scan::TooLong => {
                if due || scan.is_message() {
                    out(anomaly(AnomalyKind::OversizedMessage, frame, "a head longer than the limit"));
                }
                self.lose(false);
                bytes.get(self.limits.head.saturating_sub(held)..).unwrap_or_default()
            }
            Scan::Restart(at) => {
                out(anomaly(AnomalyKind::IncompleteMessage, frame, "a head that breaks off in another start line"));
                self.restart(at, held, Frames::new(before.last));
                bytes.get(at.saturating_sub(held)..).unwrap_or_default()
            }
            Scan::End { at, length } => {
                self.behind_gap = false;
                // What was held had no end of head in it, so the head ends inside `bytes`.
                let (own, rest) = bytes.split_at_checked(at.saturating_sub(held)).unwrap_or((bytes, b""));
                if held > 0 {
                    self.buffer.truncate(at);
                }
                match self.body_length(length) {
                    Ok(length) if held == 0 => self.whole(own.len().saturating_add(length), frames, bytes, out),
                    Ok(length) => self.body(at.saturating_add(length), frames, rest, frame, out),
                    Err(problem) => {
                        out(frames.message(if held == 0 { own } else { &self.buffer }));
                        self.distrust(problem, frame, out);
                        rest
                    }
                }
            }
        }
    }

    /// Begins anew with the start line at offset `at`, of which the buffer may hold the beginning; of the buffer only
    /// the first `held` octets count.
    fn restart(&mut self, at: usize, held: usize, frames: Frames) {
        self.buffer.truncate(held);
        if at < held {
            self.buffer.drain(..at);
            self.state = State::Head { scan: HeadScan::new(), due: true, frames };
        } else {
            self.release();
            self.state = State::Between;
        }
    }

    /// The body's length in octets, when it is known and not over the limit.
    fn body_length(&self, length: Length) -> Result<usize, Length> {
        match length {
            Length::Absent => Ok(0),
            Length::Known(octets) => {
                usize::try_from(octets).ok().filter(|octets| *octets <= self.limits.body).ok_or(length)
            }
            Length::AbsentButTyped | Length::Bad => Err(length),
        }
    }

    /// Goes on behind a head whose body is not to be read.
    fn distrust(&mut self, length: Length, frame: FrameRef, out: &mut impl FnMut(Framed<'_>)) {
        let (kind, detail) = match length {
            Length::Known(_) => (AnomalyKind::OversizedMessage, "a body longer than the limit"),
            Length::Bad => (AnomalyKind::MalformedMessage, "Content-Length is no single believable number"),
            Length::Absent | Length::AbsentButTyped => {
                (AnomalyKind::MalformedMessage, "Content-Type without Content-Length in a stream")
            }
        };
        out(anomaly(kind, frame, detail));
        match length {
            Length::Known(octets) => {
                self.release();
                self.state = State::Skip(octets);
            }
            _ => self.lose(true),
        }
    }

    /// A message whose head lies whole in `bytes`: handed out as it stands, or kept until `total` octets are there.
    fn whole<'b>(
        &mut self,
        total: usize,
        frames: Frames,
        bytes: &'b [u8],
        out: &mut impl FnMut(Framed<'_>),
    ) -> &'b [u8] {
        match bytes.split_at_checked(total) {
            Some((raw, rest)) => {
                out(frames.message(raw));
                self.state = State::Between;
                rest
            }
            None => {
                self.buffer.extend_from_slice(bytes);
                self.state = State::Body { total, frames };
                b""
            }
        }
    }

    /// Fills the buffer up to `total` octets, then hands it out.
    fn body<'b>(
        &mut self,
        total: usize,
        frames: Frames,
        bytes: &'b [u8],
        frame: FrameRef,
        out: &mut impl FnMut(Framed<'_>),
    ) -> &'b [u8] {
        let needed = total.saturating_sub(self.buffer.len());
        let frames = if needed > 0 && !bytes.is_empty() { frames.and(frame) } else { frames };
        match bytes.split_at_checked(needed) {
            Some((own, rest)) => {
                self.buffer.extend_from_slice(own);
                out(frames.message(&self.buffer));
                self.release();
                self.state = State::Between;
                rest
            }
            None => {
                self.buffer.extend_from_slice(bytes);
                self.state = State::Body { total, frames };
                b""
            }
        }
    }

    /// Counts octets of a body that is not kept.
    fn skip<'b>(&mut self, left: u64, bytes: &'b [u8]) -> &'b [u8] {
        match usize::try_from(left).ok().and_then(|left| bytes.split_at_checked(left)) {
            Some((_, rest)) => {
                self.state = State::Between;
                rest
            }
            None => {
                self.state = State::Skip(left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(left)));
                b""
            }
        }
    }

    /// Drops what is held; the next start line is looked for.
    fn lose(&mut self, line_start: bool) {
        self.release();
        self.state = State::Lost { line_start };
    }

    /// Looks for a start line at the beginning of a line.
    fn search<'b>(&mut self, mut line_start: bool, bytes: &'b [u8], frame: FrameRef) -> &'b [u8] {
        let mut rest = bytes;
        loop {
            if line_start {
                rest = text::trim_start(rest);
                if !rest.is_empty() && looks_like_start(rest) != Probe::No {
                    self.state = State::Head { scan: HeadScan::new(), due: false, frames: Frames::new(frame) };
                    return rest;
                }
            }
            match memchr(b'\n', rest).and_then(|end| rest.get(end + 1..)) {
                Some(next) => (rest, line_start) = (next, true),
                None => {
                    self.state = State::Lost { line_start: line_start && rest.is_empty() };
                    return b"";
                }
            }
        }
    }
}

const fn anomaly(kind: AnomalyKind, frame: FrameRef, detail: &'static str) -> Framed<'static> {
    Framed::Anomaly(Anomaly { kind, frame, detail })
}

#[cfg(test)]
mod tests;
