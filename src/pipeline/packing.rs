//! The text of a connection with or without Microsoft's SIP compression around it.
//!
//! In: the events of both sides, out of TCP or TLS. Out: what [`Text`] gives. A connection is compressed from the octet
//! behind the NEGOTIATE request on one side, and from the octet behind its answer on the other; what comes behind the one
//! before the other has come is held back. Limits: [`MAX_HELD`]; those of `openings`.

mod held;
mod openings;

use std::borrow::Cow;

use super::hidden::{Doubt, Hidden, Patience};
use super::ledger::{Ledger, Loss, Speaker};
use super::reading::Seen;
use super::text::{Content, Text, Word};
use crate::anomaly::AnomalyLog;
use memchr::memmem;

use crate::flow::{Connection, Side, Transport};
use crate::frame::FrameRef;
use crate::sip::framer;
use crate::sip::grammar::{Probe, looks_like_start};
use crate::sipcomp::{self, Decompressor, Status};
use crate::stream::{Event, UNKNOWN_LENGTH};
use crate::unreadable::UnreadableReason;
use held::Halfway;
use openings::{OPENING, Openings, is_text};

/// Octets of one side held back until the word of the other has come. 64 KiB: it should send none.
const MAX_HELD: usize = 64 * 1024;
/// Octets held back in all connections together. 32 MiB: it should be none.
const MAX_HELD_IN_ALL: usize = 32 << 20;

const NO_NEGOTIATE: &str = "compressed, and the capture does not show the NEGOTIATE with which that began";
const REFUSED: &str = "the answer to NEGOTIATE agreed to no compression that is known, and what follows looks compressed all the same; it begins";
/// An export gives a packet again in front of the next ones when Wireshark asks for more, and none when it gives up: what
/// is new cannot be told from what is repeated.
const EXPORTED: &str = "compressed after NEGOTIATE, and what Wireshark exports of that repeats packets and leaves others out: analyse the capture itself, with its key log";

/// How far compression has been agreed on.
enum State {
    /// Nobody has spoken of it.
    Plain,
    /// One side has said its word on it.
    Halfway(Box<Halfway>),
    /// The connection is compressed.
    Agreed(Box<Decompressor>),
    /// The connection is compressed and cannot be unpacked: why, and in words.
    Closed(UnreadableReason, Cow<'static, str>),
}

/// A connection's text, packed or not.
pub struct Packing {
    text: Text,
    state: State,
    /// Stream offset behind the last event of each side.
    passed: [u64; 2],
    openings: Option<Box<Openings>>,
    /// Whether the last word on compression was that there is none.
    refused: bool,
    hidden: Hidden,
    /// With octets that nobody can read yet.
    patience: Patience,
}

impl Packing {
    /// Nothing of it known yet.
    pub fn new(limits: framer::Limits) -> Self {
        Self {
            text: Text::new(limits),
            state: State::Plain,
            passed: [0; 2],
            openings: None,
            refused: false,
            hidden: Hidden::default(),
            patience: Patience::default(),
        }
    }

    /// What the text turned out to be.
    pub fn content(&self) -> Content {
        self.text.content()
    }

    /// Whether nothing of it is compressed, as far as it is known.
    pub fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// Whether anything of the connection was taken in.
    pub fn has_passed(&self) -> bool {
        self.passed != [0; 2]
    }

    /// Whether so much text was searched for SIP in vain that elsewhere than on a port of the profile it would be
    /// taken for something else.
    pub fn is_searched(&self) -> bool {
        self.text.is_searched()
    }

    /// Whether SIP was found in the connection, or may be in what cannot be read of it.
    pub fn may_be_sip(&self, connection: &Connection, ledger: &Ledger) -> bool {
        self.content() == Content::Sip || ledger.is_expected(connection)
    }

    /// Whether it is not known what the connection carries, nor what its port is for: inside TLS it may be SIP.
    fn is_foreign(&self, connection: &Connection, ledger: &Ledger) -> bool {
        self.content() == Content::Unknown && !self.is_searched() && ledger.is_foreign(connection)
    }

    /// Why it may be SIP if it is inside TLS and cannot be read; nothing where it is something else.
    pub fn doubt(&self, connection: &Connection, ledger: &Ledger) -> Option<Doubt> {
        match (self.may_be_sip(connection, ledger), self.is_foreign(connection, ledger)) {
            (true, _) => Some(Doubt::Expected),
            (_, true) => Some(Doubt::Foreign),
            _ => None,
        }
    }

    /// Learns that octets are lost of what the text is to be made of: tells of it before it comes out as an event.
    pub fn warn(
        &self,
        connection: &Connection,
        length: u64,
        after: Option<FrameRef>,
        frame: FrameRef,
        ledger: &Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        if self.may_be_sip(connection, ledger) {
            out(Seen::Notice(connection, Loss::new(length, after, frame).notice()));
        }
    }

    /// Octets held back of a message of `side` that is not whole.
    pub fn held(&self, side: Side) -> usize {
        self.text.held(side)
    }

    /// Why it was not read, or not all of it, and in words; nothing where it was.
    pub fn unread(&self) -> Option<(UnreadableReason, String)> {
        match &self.state {
            State::Agreed(decompressor) => match decompressor.status() {
                Status::Reading(_) => None,
                Status::Undecided if decompressor.first_octets().is_empty() => None,
                Status::Damaged => Some((
                    UnreadableReason::Damaged,
                    "compressed after NEGOTIATE, and the first packets are not in the capture: frames were lost or cut short"
                        .to_owned(),
                )),
                Status::Undecided | Status::Unrecognised => Some((
                    UnreadableReason::CompressedUnrecognised,
                    format!(
                        "compressed after NEGOTIATE, in packets whose layout is not known; they begin {}",
                        decompressor.first_octets()
                    ),
                )),
            },
            State::Closed(reason, detail) => Some((*reason, detail.to_string())),
            State::Plain | State::Halfway(_) if self.text.is_damaged() => Some((
                UnreadableReason::Damaged,
                "bytes are missing, and no SIP message was found in the rest".to_owned(),
            )),
            State::Plain | State::Halfway(_) => None,
        }
    }

    /// Takes an event of one side in.
    pub fn event(
        &mut self,
        speaker: Speaker<'_>,
        event: Event<'_>,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        match event {
            Event::Bytes { offset, bytes, .. } => {
                *speaker.side.of(&mut self.passed) = offset.saturating_add(bytes.len() as u64);
            }
            Event::Gap { offset, length, .. } if length != UNKNOWN_LENGTH => {
                *speaker.side.of(&mut self.passed) = offset.saturating_add(length);
            }
            _ => {}
        }
        match &mut self.state {
            State::Plain => self.plain(speaker, event, ledger, out),
            State::Halfway(_) => self.halfway(speaker, event, ledger, out),
            State::Agreed(_) => self.packed(speaker, event, ledger, out),
            State::Closed(..) => self.hide(speaker.connection, event, out),
        }
    }

    /// An event of text that is not compressed, or not yet.
    fn plain(&mut self, speaker: Speaker<'_>, event: Event<'_>, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        match event {
            Event::Bytes { offset, bytes, frame } => {
                let Some((rest, word)) = self.text.bytes(speaker, bytes, frame, ledger, out) else {
                    if self.is_unnegotiated(speaker, bytes, ledger) {
                        let openings = self.openings.take();
                        let begin = openings.filter(|_| self.refused).map(|openings| openings.first(speaker.side));
                        self.state = match begin {
                            None => State::Closed(UnreadableReason::CompressedNoNegotiate, NO_NEGOTIATE.into()),
                            Some(begin) => {
                                let detail = format!("{REFUSED} {begin}");
                                State::Closed(UnreadableReason::CompressedUnrecognised, detail.into())
                            }
                        };
                        ledger.account.compressed += 1;
                        self.hide(speaker.connection, event, out);
                    }
                    return;
                };
                let behind = offset.saturating_add((bytes.len() - rest.len()) as u64);
                self.refused = word == Word::Refuse;
                match (word, &self.state) {
                    (Word::Refuse, State::Halfway(_)) => self.refuse(speaker.connection, ledger, out),
                    (Word::Ask, State::Plain) => self.half(speaker.side, word, behind),
                    (Word::Agree, State::Plain) if self.may_be_asking(speaker.side.other()) => {
                        self.half(speaker.side, word, behind);
                    }
                    (Word::Agree, State::Plain) => self.agree(speaker, (behind, false), ledger, out),
                    // Both may ask; one has to agree.
                    (_, State::Halfway(half)) if half.word != word => {
                        self.agree(speaker, (behind, false), ledger, out);
                    }
                    _ => {}
                }
                if !rest.is_empty() {
                    self.event(speaker, Event::Bytes { offset: behind, bytes: rest, frame }, ledger, out);
                }
            }
            Event::Gap { length, after, frame, .. } => {
                self.text.gap(speaker, length, Loss::new(length, after, frame), frame, ledger, out);
            }
            Event::End { frame, .. } => self.text.end(speaker, frame, ledger, out),
            Event::Witness { .. } => {}
        }
    }

    /// One side has said its word; that of the other is waited for.
    fn half(&mut self, side: Side, word: Word, begin: u64) {
        self.state = State::Halfway(Box::new(Halfway::new(side, word, begin)));
    }

    /// Whether `side` may not have come to the end of its request yet.
    fn may_be_asking(&self, side: Side) -> bool {
        self.text.held(side) > 0 || self.passed.get(side.index()) == Some(&0)
    }

    /// An event while the word of one side is waited for.
    fn halfway(&mut self, speaker: Speaker<'_>, event: Event<'_>, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        let State::Halfway(half) = &mut self.state else { return };
        let other = Speaker { side: half.side.other(), ..speaker };
        if let (Event::Bytes { offset, bytes, .. }, Word::Agree) = (event, half.word)
            && speaker.side == other.side
            && self.text.held(other.side) == 0
            && looks_like_start(bytes) == Probe::No
        {
            // What was agreed to was asked for before the capture began.
            self.agree(other, (offset, true), ledger, out);
            return self.event(speaker, event, ledger, out);
        }
        if self.is_plain_now(speaker.side, event) {
            // What comes behind the words is compressed if they agreed.
            self.refuse(speaker.connection, ledger, out);
            return self.event(speaker, event, ledger, out);
        }
        let State::Halfway(half) = &mut self.state else { return };
        if let (Event::Bytes { offset, bytes, .. }, true) = (event, half.is_lost) {
            // The word was among what was lost, or the beginning of it: its rest is text.
            if !is_text(bytes) {
                let behind = if speaker.side == other.side { offset } else { self.passed[other.side.index()] };
                self.agree(other, (behind, true), ledger, out);
                return self.event(speaker, event, ledger, out);
            }
            if speaker.side == other.side {
                let behind = memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
                return self.rest_of_word(speaker, event, behind, ledger, out);
            }
        }
        if half.side == speaker.side {
            ledger.held += half.hold(event);
            if let Event::Bytes { frame, .. } = event
                && self.patience.wait(frame.time)
            {
                self.hidden.tell(speaker.connection, Doubt::Expected, self.patience.since(frame.time), frame, out);
            }
            if half.octets() > MAX_HELD || ledger.held > MAX_HELD_IN_ALL {
                self.give_up(speaker.connection, ledger, out);
            }
            return;
        }
        match event {
            Event::Gap { .. } => {
                half.is_lost = true;
                self.plain(speaker, event, ledger, out);
            }
            Event::End { .. } => {
                self.give_up(speaker.connection, ledger, out);
                self.event(speaker, event, ledger, out);
            }
            _ => self.plain(speaker, event, ledger, out),
        }
    }

    /// Whether a side goes on in plain text although one has asked for compression: behind its own request, or with a
    /// new message where the answer was lost.
    fn is_plain_now(&self, side: Side, event: Event<'_>) -> bool {
        let (State::Halfway(half), Event::Bytes { bytes, .. }) = (&self.state, event) else { return false };
        let is_held = half.side == side && half.is_empty();
        (is_held || half.is_lost) && looks_like_start(bytes) == Probe::Yes
    }

    /// Takes the rest of a word whose beginning is lost, up to `behind`; what is behind it is told from it.
    fn rest_of_word(
        &mut self,
        speaker: Speaker<'_>,
        event: Event<'_>,
        behind: usize,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let Event::Bytes { offset, bytes, frame } = event else { return };
        let (word, rest) = bytes.split_at_checked(behind).unwrap_or((bytes, b""));
        self.text.all(speaker, word, frame, ledger, out);
        if !rest.is_empty() {
            let offset = offset.saturating_add(word.len() as u64);
            self.event(speaker, Event::Bytes { offset, bytes: rest, frame }, ledger, out);
        }
    }

    /// The other word will not come: what is held tells what it would have been.
    fn give_up(&mut self, connection: &Connection, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        let State::Halfway(half) = &self.state else { return };
        if half.word == Word::Agree || sipcomp::recognise(&half.opening(OPENING)) {
            let (other, is_lost) = (half.side.other(), half.is_lost);
            let behind = self.passed[other.index()];
            self.agree(Speaker { connection, side: other }, (behind, is_lost), ledger, out);
        } else {
            self.refuse(connection, ledger, out);
        }
    }

    /// The connection is compressed: on this side, which said the second word, from offset `behind` on; `is_guess` where
    /// that word was not seen, and packets may begin elsewhere.
    fn agree(
        &mut self,
        speaker: Speaker<'_>,
        (behind, is_guess): (u64, bool),
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.patience.end();
        let first = speaker.side.other();
        let half = match std::mem::replace(&mut self.state, State::Plain) {
            State::Halfway(half) => half,
            // The request was lost: its side has sent nothing since.
            _ => Box::new(Halfway::new(first, Word::Ask, self.passed[first.index()])),
        };
        ledger.held = ledger.held.saturating_sub(half.octets());
        self.state = if speaker.connection.transport == Transport::Export {
            State::Closed(UnreadableReason::CompressedUnrecognised, EXPORTED.into())
        } else {
            let mut begins = [behind; 2];
            *first.of(&mut begins) = half.begin;
            let mut decompressor = Decompressor::new(begins);
            if is_guess {
                decompressor.doubt(speaker.side);
            }
            State::Agreed(Box::new(decompressor))
        };
        ledger.account.compressed += 1;
        for event in half.events() {
            self.event(Speaker { side: first, ..speaker }, event, ledger, out);
        }
    }

    /// The connection is not compressed.
    fn refuse(&mut self, connection: &Connection, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        let State::Halfway(half) = std::mem::replace(&mut self.state, State::Plain) else { return };
        ledger.held = ledger.held.saturating_sub(half.octets());
        self.patience.end();
        for event in half.events() {
            self.event(Speaker { connection, side: half.side }, event, ledger, out);
        }
    }

    /// An event of a compressed connection.
    fn packed(&mut self, speaker: Speaker<'_>, event: Event<'_>, ledger: &mut Ledger, out: &mut impl FnMut(Seen<'_>)) {
        let Self { text, state: State::Agreed(decompressor), hidden, patience, .. } = self else { return };
        let connection = speaker.connection;
        let (frame, is_end) = match event {
            Event::Bytes { frame, .. } => (frame, false),
            Event::Gap { length, after, frame, .. } => {
                // Counted here, in octets of the stream; the text's own gaps may come later and are told only.
                ledger.lost(connection, Loss::new(length, after, frame), out);
                (frame, false)
            }
            Event::End { frame, .. } => (frame, true),
            Event::Witness { .. } => return,
        };
        let mut anomalies = AnomalyLog::default();
        decompressor.push(speaker.side, event, &mut anomalies, &mut |side, event| {
            let speaker = Speaker { side, ..speaker };
            match event {
                Event::Bytes { bytes, frame, .. } => text.all(speaker, bytes, frame, ledger, out),
                Event::Gap { length, after, frame, .. } => {
                    text.gap(speaker, length, Loss::new(length, after, frame).counted(), frame, ledger, out);
                }
                Event::End { frame, .. } => text.end(speaker, frame, ledger, out),
                Event::Witness { .. } => {}
            }
        });
        ledger.anomalies(&anomalies);
        match decompressor.status() {
            Status::Reading(_) => patience.end(),
            Status::Undecided if decompressor.first_octets().is_empty() => {}
            status => {
                let is_over = patience.wait(frame.time);
                if !matches!(status, Status::Undecided) || is_over || is_end {
                    hidden.tell(connection, Doubt::Expected, patience.since(frame.time), frame, out);
                }
            }
        }
        if is_end {
            hidden.end(connection, frame, out);
        }
    }

    /// An event of a connection that cannot be unpacked.
    fn hide(&mut self, connection: &Connection, event: Event<'_>, out: &mut impl FnMut(Seen<'_>)) {
        match event {
            Event::Bytes { frame, .. } | Event::Gap { frame, .. } => {
                self.hidden.tell(connection, Doubt::Expected, frame.time, frame, out);
            }
            Event::End { frame, .. } => self.hidden.end(connection, frame, out),
            Event::Witness { .. } => {}
        }
    }

    /// Whether octets that begin no message are compressed ones, where SIP is expected.
    fn is_unnegotiated(&mut self, speaker: Speaker<'_>, bytes: &[u8], ledger: &Ledger) -> bool {
        let is_strange = self.text.content() == Content::Unknown || self.text.is_astray(speaker.side);
        is_strange
            && ledger.is_expected(speaker.connection)
            && self.openings.get_or_insert_default().is_compressed(speaker.side, bytes)
    }
}
