//! A connection's two sides, from the events of TCP to the events of their plain text.

mod reading;
mod trying;
mod waiting;

use std::sync::Arc;

use super::certificate::CertificateFacts;
use super::facts::{Alert, Facts, State};
use super::half::{Guard, Half, Passed};
use super::negotiation::{Negotiation, Unread, lost};
use super::plain::{Opening, PlainText};
use super::record::{HEADER, Unit};
use super::secrets::Secrets;
use crate::flow::Side;
use crate::frame::{FrameRef, Timestamp};
use crate::stream::Event;
use crate::unreadable::UnreadableReason;
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
    },
    Witness,
    End {
        over: bool,
    },
}

impl Item<'_> {
    fn lost(octets: u64) -> Self {
        Self::Lost { octets, passed: Passed::default() }
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
                let is_doubtful = half.waiting && half.doubts > 0;
                self.renewed |= is_doubtful;
            }
            Event::Gap { offset, length, frame, .. } => {
                self.has_holes = true;
                self.lost_beginning |= offset == 0 || self.half(side).is_opening();
                self.half(side).torn = true;
                let left = self.break_off(side);
                self.take(side, Item::lost(length.saturating_add(left)), frame, secrets, out);
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
                    self.take(side, Item::lost(left), frame, secrets, out);
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
    /// read like all that follows it if the secret comes after all. Gives the last frame of what was given up, if
    /// there was any.
    pub fn give_up(
        &mut self,
        before: Timestamp,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) -> Option<FrameRef> {
        let older = self.waiting.older(before, secrets);
        let last = older.back()?.frame;
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

    /// Whether [`facts`](Self::facts) would say that something is unreadable.
    pub fn is_unreadable(&self) -> bool {
        self.unread.is_some() || self.is_junk() || self.in_vain().is_some() || self.has_lost_only_data()
    }

    /// How many keys of a side were tried up to the end and opened nothing, although the handshake is through.
    fn in_vain(&self) -> Option<usize> {
        if !self.halves.iter().any(|half| half.ended) || self.is_handshaking() {
            return None;
        }
        let is_alone = self.halves.iter().all(|half| !half.proven);
        self.halves.iter().find_map(|half| half.in_vain(is_alone))
    }

    /// Whether octets came, and none of them were a record.
    fn is_junk(&self) -> bool {
        !self.begun && self.halves.iter().any(|half| half.lost_octets > 0)
    }

    /// Whether octets are lost of a connection that was made before the capture, as far as can be told: nothing of a
    /// handshake was seen, and no alert that no keys protect. One that only closes, with an alert that they do or data
    /// that is as short, has lost nothing.
    fn has_lost_only_data(&self) -> bool {
        self.is_joined && !self.has_shown_handshake && self.alert.is_none() && self.lost_octets() > 0
    }

    /// The first alert other than `close_notify`; a fatal one before one that is not.
    pub fn alert(&self) -> Option<Alert> {
        self.alert
    }

    /// Octets that gave no plain text, of both sides.
    pub fn lost_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.lost_octets).fold(0, u64::saturating_add)
    }

    /// Octets of records that came before their secret and were not kept until it did.
    fn late_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.late_octets).fold(0, u64::saturating_add)
    }

    fn unverified(&self) -> u64 {
        self.halves.iter().map(|half| half.unverified).sum()
    }

    /// Whether keys opened something, and all it carried is lost.
    fn is_blank(&self) -> bool {
        self.plain_octets() == 0 && self.lost_octets() > 0 && self.halves.iter().any(|half| half.proven)
    }

    /// Octets of plain text given, of both sides.
    pub fn plain_octets(&self) -> u64 {
        self.halves.iter().map(|half| half.plain_octets).sum()
    }

    /// Whether a handshake has begun that is not through, so that nothing can have been said in it: the server has
    /// protected nothing yet, or, in TLS 1.3, the client cannot have finished. Unknown, and so false, where octets are lost.
    pub fn is_handshaking(&self) -> bool {
        let Some([client, server]) = self.roles() else { return false };
        if self.is_hiding() {
            // A server may speak before its client has finished.
            return client.is_unfinished() && !server.torn && self.plain_octets() == 0;
        }
        // A client that protects something although its server was never heard: the server's frames were not captured.
        let is_one_sided = self.negotiation.server.is_none() && !client.is_plain();
        !is_one_sided && !client.spoke && server.is_plain() && server.lost_octets == 0
    }

    /// Whether the capture shows the end of a handshake that is not through. In TLS 1.3 the client's own end is waited
    /// for: it may say more until then.
    pub fn is_broken_off(&self) -> bool {
        let Some([client, server]) = self.roles() else { return false };
        self.is_handshaking() && (client.over || server.over && !self.is_hiding())
    }

    /// Whether `side` is to answer a ClientHello, and nothing that it said was a record.
    fn is_answering(&mut self, side: Side) -> bool {
        let is_asked = self.negotiation.client.is_some() && self.client == Some(side.other());
        is_asked && self.negotiation.server.is_none() && !self.half(side).records.begun
    }

    /// The side that is the client, by what it says if it said anything.
    pub fn client(&self) -> Side {
        self.client.unwrap_or(Side::Client)
    }

    /// The plain text with which the client's hello was answered, if it was, and where that began.
    pub fn plain_answer(&self) -> Option<(PlainText, FrameRef)> {
        self.answer.plain_text()
    }

    /// Whether the handshake goes on in protected records: TLS 1.3 behind the server's hello.
    pub fn is_hiding(&self) -> bool {
        self.negotiation.server.as_ref().is_some_and(|hello| hello.version == 0x0304 && !hello.is_retry())
    }

    /// Whether the client sent a protected record.
    pub fn has_client_protected(&self) -> bool {
        self.roles().is_some_and(|[client, _]| client.protected_any())
    }

    /// Client and server by what they say, once the client's hello was seen.
    fn roles(&self) -> Option<[&Half; 2]> {
        let [one, other] = &self.halves;
        self.negotiation.client.as_ref()?;
        Some(match self.client? {
            Side::Client => [one, other],
            Side::Server => [other, one],
        })
    }

    /// What is known of the connection so far.
    pub fn facts(&self) -> Facts {
        let [client, server] = &self.halves;
        let hello = self.negotiation.server.as_ref();
        let version = hello.and_then(|hello| match hello.version {
            0x0300 => Some("SSL 3.0"),
            number => super::Version::of(number).map(super::Version::name),
        });
        let suite = hello.map(|hello| match super::suite::Suite::of(hello.suite) {
            Some(suite) => suite.name.to_owned(),
            None => format!("{:#06x}", hello.suite),
        });
        let [(certificate, issuers), (client_certificate, client_issuers)] = match self.client {
            Some(Side::Server) => [Side::Client, Side::Server],
            _ => [Side::Server, Side::Client],
        }
        .map(|side| {
            let mut shown =
                self.certificates.get(side.index()).into_iter().flatten().map(|facts| facts.as_ref().clone());
            (shown.next(), shown.collect())
        });
        let is_keyed = |half: &Half| matches!(half.guard, Guard::Keyed(_) | Guard::Tried(_));
        let unreadable = |Unread { reason, detail, .. }: Unread| State::Unreadable { reason, detail };
        let torn = || unreadable(lost("part of its handshake"));
        let state = match &self.unread {
            // The capture began before the handshake did: an earlier one would not show more of it.
            Some(unread) if unread.reason == UnreadableReason::TlsNoHandshake && self.has_lost_handshake() => torn(),
            Some(unread) => unreadable(unread.clone()),
            None if self.late_octets() > 0 => {
                let detail = format!("its secret came too late for {} octets of it", self.late_octets());
                unreadable(Unread::new(UnreadableReason::TlsNoSecret, detail))
            }
            None if self.is_blank() => unreadable(match self.unverified() {
                0 => lost("what it carried"),
                records => {
                    let detail = format!("{records} records cannot be verified, and none of what it carried can");
                    Unread::new(UnreadableReason::TlsBadMac, detail)
                }
            }),
            None if is_keyed(client) || is_keyed(server) => match self.in_vain() {
                Some(keys) => unreadable(self.negotiation.unverified(keys)),
                None => State::Reading,
            },
            None if self.is_junk() => {
                unreadable(Unread::new(UnreadableReason::Damaged, "there is no TLS record in it that makes sense"))
            }
            None if self.has_lost_only_data() => {
                unreadable(Unread::new(UnreadableReason::TlsNoHandshake, BEGINS_LATER))
            }
            // One that was refused had nothing to say.
            None if self.alert.is_some_and(|alert| alert.fatal) || self.plain_answer().is_some() => State::Handshake,
            None if self.has_holes => torn(),
            None => State::Handshake,
        };
        Facts {
            version,
            suite,
            server_name: self.server_name.clone(),
            certificate,
            issuers,
            client_certificate,
            client_issuers,
            alert: self.alert,
            resumed: self.resumed,
            secrets_tried: self.negotiation.tried().to_vec(),
            plain_octets: [client.plain_octets, server.plain_octets],
            lost_octets: [client.lost_octets, server.lost_octets],
            hurdle: match &state {
                State::Unreadable { reason, .. } => {
                    self.unread.as_ref().filter(|unread| unread.reason == *reason).and_then(|unread| unread.hurdle)
                }
                State::Handshake | State::Reading => None,
            },
            state,
        }
    }

    /// Whether part of a handshake is missing that the capture could have shown, as far as can be told. What is lost of a
    /// connection that was joined later is held to be of its handshake only where another part of that is there: if all
    /// of it was lost, it looks as if it had been before.
    fn has_lost_handshake(&self) -> bool {
        let is_of_handshake = !self.is_joined || self.has_shown_handshake;
        self.negotiation.client.is_some() || self.lost_beginning && is_of_handshake
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
                    self.take(side, Item::lost(octets as u64), frame, secrets, out);
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
            Item::Lost { octets, passed } => self.lose(side, octets, passed, frame),
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
