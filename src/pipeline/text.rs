//! What the text of a connection is, recognised by content: SIP, or something else.
//!
//! In: the events of both sides, out of TCP, TLS or SIP compression. Out: messages cut out, and what was lost.
//! Limits: [`SCAN_LIMIT`].

use memchr::memmem;

use super::ledger::{Ledger, Loss, Speaker};
use super::reading::{Notice, Seen};
use crate::flow::Side;
use crate::frame::{FrameRef, Timestamp};
use crate::sip::framer::{self, Framed, Framer};
use crate::sip::grammar;
use crate::sip::header::HeaderName;
use crate::sip::method::Method;

/// Octets searched for a SIP message before a stream is taken for something else. On a port of the profile the
/// search never ends.
const SCAN_LIMIT: u64 = 64 * 1024;

/// What the text of a connection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nobody knows yet.
    Unknown,
    /// SIP.
    Sip,
    /// Something else.
    Other,
}

/// What a message says of the compression of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It asks for compression.
    Ask,
    /// It agrees: what follows is compressed, on both sides.
    Agree,
    /// It refuses, or agrees on nothing that is known.
    Refuse,
}

/// Both sides of a connection's text.
pub struct Text {
    content: Content,
    framers: [Framer; 2],
    scanned: u64,
    /// Losses met before it was known what the text is.
    loss: Option<Loss>,
    /// Since when octets of each side are passed over that may have been messages.
    astray: [Option<Timestamp>; 2],
    /// Whether each side has sent a message.
    spoken: [bool; 2],
    /// Whether each side owes an answer to NEGOTIATE.
    owes: [bool; 2],
}

impl Text {
    /// Nothing of it known yet.
    pub fn new(limits: framer::Limits) -> Self {
        let framer = || Framer::new(limits);
        Self {
            content: Content::Unknown,
            framers: [framer(), framer()],
            scanned: 0,
            loss: None,
            astray: [None; 2],
            spoken: [false; 2],
            owes: [false; 2],
        }
    }

    /// What it is.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Whether more than [`SCAN_LIMIT`] octets were searched for a message, and there was none.
    pub fn is_searched(&self) -> bool {
        self.content == Content::Unknown && self.scanned > SCAN_LIMIT
    }

    /// Octets held back of a message of `side` that is not whole.
    pub fn held(&self, side: Side) -> usize {
        self.framers.get(side.index()).map_or(0, Framer::buffered)
    }

    /// Whether bytes are missing and nothing else is known.
    pub fn is_damaged(&self) -> bool {
        self.content == Content::Unknown && self.loss.is_some()
    }

    /// Whether octets of `side` are passed over because they begin no message.
    pub fn is_astray(&self, side: Side) -> bool {
        self.framers.get(side.index()).is_some_and(Framer::is_astray)
    }

    /// Takes all of `bytes` in; words on compression count for nothing.
    pub fn all(
        &mut self,
        speaker: Speaker<'_>,
        mut bytes: &[u8],
        frame: FrameRef,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        while let Some((rest, _)) = self.bytes(speaker, bytes, frame, ledger, out) {
            bytes = rest;
        }
    }

    /// Takes octets of one side in, at most up to the end of a message with a word on compression: then gives the
    /// octets behind it, and the word.
    pub fn bytes<'b>(
        &mut self,
        speaker: Speaker<'_>,
        bytes: &'b [u8],
        frame: FrameRef,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) -> Option<(&'b [u8], Word)> {
        match self.content {
            Content::Other => return None,
            Content::Unknown => self.scanned += bytes.len() as u64,
            Content::Sip => {}
        }
        let framer = speaker.side.of(&mut self.framers);
        let passed_over = framer.is_astray() && !framer.resumes_with(bytes);
        let found = self.cut(speaker, bytes, frame, ledger, out);
        self.wander(speaker, frame, passed_over, ledger, out);
        if self.content == Content::Unknown && self.scanned > SCAN_LIMIT && !ledger.is_expected(speaker.connection) {
            self.content = Content::Other;
            self.framers.iter_mut().for_each(|framer| *framer = Framer::new(framer::Limits::default()));
        }
        found
    }

    /// Cuts messages out, up to the first with a word on compression.
    fn cut<'b>(
        &mut self,
        speaker: Speaker<'_>,
        bytes: &'b [u8],
        frame: FrameRef,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) -> Option<(&'b [u8], Word)> {
        let Self { content, framers, loss, spoken, owes, .. } = self;
        let framer = speaker.side.of(framers);
        framer.resume(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut word = None;
            rest = framer.step(rest, frame, &mut |framed| {
                if let Framed::Message { raw, .. } = framed {
                    if *content == Content::Unknown {
                        *content = Content::Sip;
                        if let Some(loss) = loss.take() {
                            ledger.lost(speaker.connection, Loss { to: loss.to.max(frame.time), ..loss }, out);
                        }
                    }
                    word = first_word(speaker.side, spoken, owes, raw);
                }
                // What a stream that is no SIP has between its lines is nobody's defect.
                if *content == Content::Sip {
                    ledger.framed(speaker, framed, out);
                }
            });
            if let Some(word) = word {
                return Some((rest, word));
            }
        }
        None
    }

    /// Tells of octets that are passed over because nobody knows where the next message begins.
    fn wander(
        &mut self,
        speaker: Speaker<'_>,
        frame: FrameRef,
        passed_over: bool,
        ledger: &Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let is_astray = self.is_astray(speaker.side);
        let astray = speaker.side.of(&mut self.astray);
        if passed_over || is_astray {
            let from = *astray.get_or_insert(frame.time);
            if self.content == Content::Sip || ledger.is_expected(speaker.connection) {
                out(Seen::Notice(speaker.connection, Notice::Lost { from, to: frame.time }));
            }
        }
        if !is_astray {
            *astray = None;
        }
    }

    /// Learns that `length` octets of one side are lost; `frame` proved it.
    pub fn gap(
        &mut self,
        speaker: Speaker<'_>,
        length: u64,
        loss: Loss,
        frame: FrameRef,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let framer = speaker.side.of(&mut self.framers);
        match self.content {
            Content::Sip => {
                ledger.lost(speaker.connection, loss, out);
                framer.gap(length, frame, &mut |framed| ledger.framed(speaker, framed, out));
            }
            Content::Unknown => {
                self.loss = Some(self.loss.map_or(loss, |known| known.and(loss)));
                if ledger.is_expected(speaker.connection) {
                    out(Seen::Notice(speaker.connection, loss.notice()));
                }
                framer.gap(length, frame, &mut |_| {});
            }
            Content::Other => {}
        }
    }

    /// Learns that one side is over; `frame` is its last one.
    pub fn end(&mut self, speaker: Speaker<'_>, frame: FrameRef, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        if self.content == Content::Sip {
            speaker.side.of(&mut self.framers).end(frame, &mut |framed| ledger.framed(speaker, framed, out));
        }
    }
}

/// The word that a message is, if it comes where words on compression come: as the first of its side, or where its side
/// owes an answer. For all other messages this look is all it costs.
fn first_word(side: Side, spoken: &mut [bool; 2], owes: &mut [bool; 2], raw: &[u8]) -> Option<Word> {
    let is_first = !std::mem::replace(side.of(spoken), true);
    if !is_first && !*side.of(owes) && !raw.starts_with(b"NEGOTIATE ") {
        return None;
    }
    let word = word(raw);
    match word {
        Some(Word::Ask) => *side.other().of(owes) = true,
        Some(Word::Agree | Word::Refuse) => *side.of(owes) = false,
        None => {}
    }
    word
}

/// What a message says of compression, if it is about that.
///
/// Source: \[MS-SIPCOMP\] §3.1, NEGOTIATE and the response to it.
fn word(raw: &[u8]) -> Option<Word> {
    memmem::find(raw, b"NEGOTIATE")?;
    let message = grammar::parse(raw).ok()?;
    if message.cseq()?.method != Method::Negotiate {
        return None;
    }
    let is_known =
        message.header(HeaderName::Compression).is_some_and(|value| value.to_ascii_uppercase().starts_with(b"LZ77"));
    match message.status().map(|status| status.0) {
        None => is_known.then_some(Word::Ask),
        Some(..200) => None,
        Some(200..300) if is_known => Some(Word::Agree),
        Some(_) => Some(Word::Refuse),
    }
}
