//! A connection's two sides, from the events of TCP to the events of their plain text.

mod reading;
mod telling;
mod trying;
mod waiting;

use std::sync::Arc;

use super::certificate::CertificateFacts;
use super::facts::Alert;
use super::half::{Half, Passed};
use super::negotiation::{Negotiation, Unread};
use super::plain::Opening;
use super::record::{HEADER, Unit};
use super::secrets::Secrets;
use crate::flow::Side;
use crate::frame::{FrameRef, Timestamp};
use crate::stream::Event;
use reading::Outcome;
use waiting::Waiting;

/// Reads one connection.
///
/// What it can be relied on for: no octet comes out that its record's code or tag does not prove; offsets of a side
/// count plain octets and gaps without a hole; each side gives at most one [`Event::End`], after which nothing comes.
/// A gap's length is that of the protected octets that gave no plain text, which is a little more than was lost.
#[derive(Debug, Default)]
pub struct Session {
    halves: [Half; 2],
    negotiation: Negotiation,
    waiting: Waiting,
    /// The side that is the client by what it says; TCP may have guessed otherwise.
    client: Option<Side>,
    /// What the other one says first.
    answer: Opening,
    /// Why something is not read, the latest reason.
    unread: Option<Unread>,
    /// Something came that may open what waits, or nothing will come any more that could.
    renewed: bool,
    server_name: Option<String>,
    /// What each side showed: its own certificate first.
    certificates: [Vec<Arc<CertificateFacts>>; 2],
    alert: Option<Alert>,
    resumed: bool,
    /// Whether there was any record.
    begun: bool,
    /// Whether octets of the stream are missing.
    has_holes: bool,
    /// Whether octets are missing with which a side began, or of the ClientHello with which it did.
    lost_beginning: bool,
    /// Whether the capture joined the connection later than it began.
    is_joined: bool,
    /// Whether anything of a handshake was seen that no keys protect, if only its beginning.
    has_shown_handshake: bool,
    /// Times that what waits was tried again before all secrets were there.
    retries: u8,
}

/// Times that what waits is tried again, while secrets may still come, for what the connection itself brings.
const MAX_RETRIES: u8 = 16;

/// What is said of a connection that was made before the capture.
const BEGINS_LATER: &str = "the capture begins after the handshake";

/// One thing that happens on a side, with records whole.
enum Item<'a> {
    Record {
        header: [u8; HEADER],
        body: &'a mut [u8],
    },
    /// Octets are missing, and whole records that came cannot be opened any more.
    Lost {
        octets: u64,
        passed: Passed,
        /// When the first of them was.
        since: Timestamp,
    },
    Witness,
    End {
        over: bool,
    },
}

impl Item<'_> {
    fn lost(octets: u64, frame: FrameRef) -> Self {
        Self::Lost { octets, passed: Passed::default(), since: frame.time }
    }
}

impl Session {
    /// Nothing of it read yet; `is_joined` if the capture does not show how the connection began.
    pub fn new(is_joined: bool) -> Self {
        Self { is_joined, ..Self::default() }
    }

    /// Learns that octets came before, of which nobody knows what they were.
    pub fn has_spoken(&mut self) {
        self.halves.iter_mut().for_each(|half| half.heard = true);
    }

    /// Takes what happened on `side` and gives what follows of it in plain text, through `out`.
    ///
    /// What is protected and cannot be opened waits for [`retry`](Self::retry), within [`MAX_WAITING`] and 256 KiB a
    /// connection; what is beyond is lost, and comes out as a gap if anything after it can be read.
    ///
    /// [`MAX_WAITING`]: super::MAX_WAITING
    pub fn event(
        &mut self,
        side: Side,
        event: Event<'_>,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        match event {
            Event::Bytes { offset, bytes, frame } => {
                if self.is_answering(side) {
                    self.answer.push(offset, bytes, frame);
                }
                self.push(side, bytes, frame, secrets, out);
                let half = self.half(side);
                let is_doubtful = half.waiting && half.search.doubts > 0;
                self.renewed |= is_doubtful;
            }
            Event::Gap { offset, length, frame, .. } => {
                self.has_holes = true;
                self.lost_beginning |= offset == 0 || self.half(side).is_opening();
                self.half(side).torn = true;
                let left = self.break_off(side);
                self.take(side, Item::lost(length.saturating_add(left), frame), frame, secrets, out);
                self.renewed = true;
            }
            Event::Witness { frame } => self.take(side, Item::Witness, frame, secrets, out),
            Event::End { frame, over } => {
                self.half(side).over = over;
                if self.is_answering(side) {
                    self.answer.end();
                }
                let left = self.break_off(side);
                self.half(side).torn |= left > 0;
                if left > 0 {
                    self.take(side, Item::lost(left, frame), frame, secrets, out);
                }
                self.take(side, Item::End { over }, frame, secrets, out);
                self.renewed = true;
            }
        }
        if std::mem::take(&mut self.renewed) && !self.waiting.is_empty() && self.may_go_on(secrets) {
            self.retry(secrets, out);
        }
    }

    /// Tries what waits once more: after secrets were added, or sessions read that this one may resume.
    ///
    /// After [`Secrets::seal`] nothing is left waiting: call it once more on every session then.
    pub fn retry(&mut self, secrets: &mut Secrets, out: &mut impl FnMut(Side, Event<'_>)) {
        let items = self.waiting.drain(secrets);
        self.halves.iter_mut().for_each(|half| half.waiting = false);
        for mut kept in items {
            let (side, frame) = (kept.side, kept.frame);
            self.take(side, kept.item(), frame, secrets, out);
        }
    }

    /// Gives up what has waited since before `before`, as if its secret never came; what came later goes on waiting, and is
    /// read like all that follows it if the secret comes after all. Gives the latest frame of what was given up, if
    /// there was any: losses in a row are one, which may end behind what came after it.
    pub fn give_up(
        &mut self,
        before: Timestamp,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) -> Option<FrameRef> {
        let older = self.waiting.older(before, secrets);
        let last = older.iter().map(|kept| kept.frame).reduce(FrameRef::later)?;
        let lost_before = self.lost_octets();
        let newer = std::mem::take(&mut self.waiting);
        self.halves.iter_mut().for_each(|half| half.waiting = false);
        secrets.as_if_sealed(|secrets| {
            for mut kept in older {
                let (side, frame) = (kept.side, kept.frame);
                self.take(side, kept.item(), frame, secrets, out);
            }
        });
        // What waits for the word of the other side goes on waiting, too.
        for side in [Side::Client, Side::Server] {
            self.half(side).waiting |= newer.has(side);
        }
        self.waiting.append(newer);
        (self.lost_octets() > lost_before).then_some(last)
    }

    /// Whether anything waits for a secret.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Since when the first of it does.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.waiting.since()
    }

    /// Octets of records and handshake messages that are not whole, and of messages that keys depend on. What waits for
    /// a secret is bounded elsewhere.
    pub fn held(&self) -> usize {
        let halves = self.halves.iter().map(|half| half.records.buffer.len() + half.messages.held());
        halves.sum::<usize>() + self.negotiation.held()
    }

    /// Gives up what is held, for want of room: it is lost as if it had not been captured.
    pub fn shed(&mut self, frame: FrameRef) {
        for side in [Side::Client, Side::Server] {
            self.lost_beginning |= self.half(side).is_opening();
            let octets = self.break_off(side);
            let half = self.half(side);
            let is_cut = half.is_plain() && (octets > 0 || half.messages.held() > 0);
            half.torn = true;
            half.lose(octets.max(1), frame);
            if is_cut {
                self.negotiation.lose(self.role(side));
            }
        }
        if self.negotiation.held() > 0 {
            self.negotiation = Negotiation::default();
            self.lost_beginning = true;
        }
    }

    /// Whether `side` is to answer a ClientHello, and nothing that it said was a record.
    fn is_answering(&mut self, side: Side) -> bool {
        let is_asked = self.negotiation.client.is_some() && self.client == Some(side.other());
        is_asked && self.negotiation.server.is_none() && !self.half(side).records.begun
    }

    /// The octets of `side` break off here. Gives how many of an unfinished record are lost with them.
    fn break_off(&mut self, side: Side) -> u64 {
        let half = self.half(side);
        let is_handshake = half.is_plain() && half.records.is_in_handshake();
        let left = half.records.lose() as u64;
        self.has_shown_handshake |= is_handshake;
        left
    }

    fn push(
        &mut self,
        side: Side,
        bytes: &[u8],
        frame: FrameRef,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        // Records leave their side while the rest of it works on what they hold.
        let mut records = std::mem::take(&mut self.half(side).records);
        records.push(bytes);
        while let Some(unit) = records.take() {
            match unit {
                Unit::Record { header, body } => {
                    let Some(body) = records.buffer.get_mut(body) else { continue };
                    self.half(side).came(header[0], body.len());
                    self.take(side, Item::Record { header, body }, frame, secrets, out);
                }
                Unit::OldHello { body } => self.old_hello(side, records.buffer.get(body).unwrap_or_default()),
                Unit::Junk { octets } => {
                    self.half(side).torn = true;
                    self.take(side, Item::lost(octets as u64, frame), frame, secrets, out);
                }
            }
        }
        records.settle();
        records.version = self.half(side).records.version.or(records.version);
        self.half(side).records = records;
    }

    /// Lets an item in, or makes it wait behind others of its side.
    fn take(
        &mut self,
        side: Side,
        item: Item<'_>,
        frame: FrameRef,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        if self.half(side).waiting {
            if !secrets.is_sealed() || self.is_early(side) {
                return self.waiting.push(side, frame, item, secrets);
            }
            self.half(side).waiting = false;
        }
        match item {
            Item::Record { header, body } => self.record(side, header, body, frame, secrets, out),
            Item::Lost { octets, passed, .. } => self.lose(side, octets, passed, frame),
            Item::Witness => out(side, Event::Witness { frame }),
            Item::End { over } => {
                // The records that were lost may be all that the keys of a side protected: then none has proved them.
                let is_read = self.unread.is_none() && self.halves.iter().any(|half| half.opened);
                let half = self.half(side);
                half.records = Default::default();
                half.end(side, frame, (over, is_read), out);
            }
        }
    }

    /// Octets of `side` are missing, and whole records of it cannot be opened any more.
    fn lose(&mut self, side: Side, octets: u64, passed: Passed, frame: FrameRef) {
        let is_plain = self.half(side).is_plain();
        let octets = if is_plain { octets.saturating_add(passed.length()) } else { octets };
        if is_plain {
            self.negotiation.lose(self.role(side));
        } else if passed.records > 0 {
            self.half(side).pass(passed, frame);
        }
        if octets > 0 {
            self.half(side).lose(octets, frame);
        }
    }

    fn half(&mut self, side: Side) -> &mut Half {
        side.of(&mut self.halves)
    }

    /// Whether anything that waits would not wait again. While secrets may still come this is tried a few times only.
    fn may_go_on(&mut self, secrets: &Secrets) -> bool {
        if secrets.is_sealed() {
            let sides = [Side::Client, Side::Server];
            return sides.into_iter().any(|side| self.half(side).waiting && !self.is_early(side));
        }
        self.retries = self.retries.saturating_add(1);
        self.retries <= MAX_RETRIES && self.may_open(secrets)
    }

    /// Whether any secret may be the one of this connection.
    pub fn may_open(&self, secrets: &Secrets) -> bool {
        let random = self.negotiation.client.as_ref().map(|hello| &hello.random);
        secrets.has_others() || random.is_some_and(|random| secrets.of_random(random).is_some())
    }

    /// Forgets what waits: nobody will ask for it.
    pub fn abandon(&mut self, secrets: &mut Secrets) {
        self.waiting.drain(secrets);
    }

    /// Whether what `side` protects is to wait for what the other side has said before it.
    fn is_early(&self, side: Side) -> bool {
        let other = self.halves.get(side.other().index());
        self.negotiation.lacks(self.role(side)) && other.is_some_and(|half| !half.ended && half.lost_octets == 0)
    }

    /// What `side` is by what it says.
    fn role(&self, side: Side) -> Side {
        match self.client {
            Some(Side::Server) => side.other(),
            _ => side,
        }
    }
}
