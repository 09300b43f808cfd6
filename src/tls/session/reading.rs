//! Records, one after the other: opened where keys protect them, and what stands in them acted upon.

use std::ops::Range;

use super::trying::Record;
use super::{BEGINS_LATER, Session};
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::stream::Event;
use crate::tls::certificate::MAX_ISSUERS;
use crate::tls::facts::Alert;
use crate::tls::half::{Guard, Half, Sought};
use crate::tls::handshake::{self, kind as message};
use crate::tls::negotiation::{Agreed, Negotiation, Stage, Unread, updated};
use crate::tls::record::{HEADER, kind};
use crate::tls::secrets::Secrets;
use crate::tls::version::Version;
use crate::unreadable::UnreadableReason;

/// What became of a protected record.
pub(super) enum Outcome {
    /// It is open: what kind it is, and where its text stands in the body.
    Open(u8, Range<usize>),
    /// It waits, or is lost.
    Shut,
}

impl Session {
    /// Takes a record in its turn.
    pub(super) fn record(
        &mut self,
        side: Side,
        header: [u8; HEADER],
        body: &mut [u8],
        frame: FrameRef,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        self.begun = true;
        let [kind, ..] = header;
        self.half(side).spoke |= kind == kind::APPLICATION_DATA;
        // What TLS 1.3 protects calls itself data, whatever it is.
        let bare13 = kind != kind::APPLICATION_DATA
            && self.negotiation.agreed().is_ok_and(|agreed| agreed.version == Version::Tls13);
        if matches!(self.half(side).guard, Guard::Plain) && !(bare13 && kind == kind::CHANGE_CIPHER_SPEC) {
            if kind != kind::APPLICATION_DATA {
                // Those of a handshake that renews an older one are protected.
                self.has_shown_handshake |= match kind {
                    kind::HANDSHAKE => handshake::may_be_plain(body),
                    kind::CHANGE_CIPHER_SPEC => *body == [1],
                    _ => false,
                };
                return self.content(side, kind, body, frame, secrets, out);
            }
            if self.is_early(side) {
                return self.wait(side, Record { header, body }, frame, secrets);
            }
            if !self.unexpected_data(side, body.len(), frame) {
                return;
            }
        }
        if matches!(self.half(side).guard, Guard::Missing(_)) && self.is_early(side) {
            return self.wait(side, Record { header, body }, frame, secrets);
        }
        match (bare13, kind, body.len()) {
            // Sent for the sake of middle boxes only.
            (true, kind::CHANGE_CIPHER_SPEC, _) => {}
            // A side that has no keys yet sends its alert without.
            (true, kind::ALERT, 2) => self.heed(side, body),
            (true, ..) => {
                self.half(side).miss((HEADER + body.len()) as u64, frame);
            }
            _ => {
                if let Outcome::Open(kind, text) = self.open(side, header, body, frame, secrets) {
                    let text = body.get(text).unwrap_or_default();
                    self.content(side, kind, text, frame, secrets, out);
                }
            }
        }
    }

    /// Makes a record wait, and what comes after it on its side.
    pub(super) fn wait(&mut self, side: Side, record: Record<'_>, frame: FrameRef, secrets: &mut Secrets) {
        let Record { header, body } = record;
        self.half(side).waiting = true;
        self.waiting.push(side, frame, super::Item::Record { header, body }, secrets);
    }

    /// Protected data came before the change of cipher was seen. Says whether it may yet be opened.
    fn unexpected_data(&mut self, side: Side, octets: usize, frame: FrameRef) -> bool {
        if self.is_joined && !self.has_shown_handshake && self.unread.is_none() && self.half(side).takes_leave(octets) {
            return false;
        }
        if self.negotiation.client.is_some() && self.half(side).search.is_lossy() {
            // The change of cipher was lost. The keys are new: numbers begin at 0, and some may be lost, too.
            let half = self.half(side);
            half.guard = Guard::Missing(Stage::Handshake);
            half.sequence = 0;
            half.messages.begin();
            return true;
        }
        let detail = match (&self.negotiation.client, &self.negotiation.server) {
            (Some(_), None) if self.negotiation.client.as_ref().is_some_and(|hello| hello.early_data) => None,
            (None, None) => Some(BEGINS_LATER),
            _ => Some("the capture does not show the whole handshake"),
        };
        if let Some(detail) = detail {
            self.unread = Some(Unread::new(UnreadableReason::TlsNoHandshake, detail));
        }
        self.half(side).skip((HEADER + octets) as u64, frame);
        false
    }

    /// Opens a protected record in place.
    fn open(
        &mut self,
        side: Side,
        header: [u8; HEADER],
        body: &mut [u8],
        frame: FrameRef,
        secrets: &mut Secrets,
    ) -> Outcome {
        let Self { halves, negotiation, .. } = self;
        let half = side.of(halves);
        match &mut half.guard {
            Guard::Missing(stage) => {
                let stage = *stage;
                return self.unlock(side, stage, Record { header, body }, frame, secrets);
            }
            Guard::Tried(tried) => {
                let tried = std::mem::take(tried);
                return self.open_with_any(side, tried, Record { header, body }, frame, secrets);
            }
            Guard::Plain | Guard::Keyed(_) | Guard::Dead => {}
        }
        let Guard::Keyed(direction) = &half.guard else {
            half.skip((HEADER + body.len()) as u64, frame);
            return Outcome::Shut;
        };
        let is_flight = negotiation.is_flight(direction.stage);
        let numbers = half.numbers(Sought { octets: body.len(), rivals: 1, is_flight }, secrets.searchable.0);
        half.search.charge(&numbers, body.len(), &mut secrets.searchable.0);
        let Guard::Keyed(direction) = &mut half.guard else { return Outcome::Shut };
        let Ok(opened) = direction.opener.open(numbers, header, body) else {
            return self.failed(side, Record { header, body }, frame, secrets);
        };
        half.opened(opened.sequence);
        self.inner(header, body, opened.text)
    }

    /// A record does not open with keys that opened others.
    fn failed(&mut self, side: Side, mut record: Record<'_>, frame: FrameRef, secrets: &mut Secrets) -> Outcome {
        let half = self.half(side);
        if half.may_have_changed()
            && let Guard::Keyed(direction) = std::mem::take(&mut half.guard)
        {
            let current = [direction];
            if let Some(outcome) = self.open_with_next(side, &current, &mut record, secrets) {
                return outcome;
            }
            let [direction] = current;
            self.half(side).guard = Guard::Keyed(direction);
        }
        self.refused(side, record.octets(), frame);
        Outcome::Shut
    }

    /// The kind and text of an opened record: in TLS 1.3 the kind stands behind the text, and zeros behind the kind.
    pub(super) fn inner(&self, [kind, ..]: [u8; HEADER], body: &[u8], text: Range<usize>) -> Outcome {
        if !self.negotiation.agreed().is_ok_and(|agreed| agreed.version == Version::Tls13) {
            return Outcome::Open(kind, text);
        }
        let inner = body.get(text.clone()).unwrap_or_default();
        match inner.iter().rposition(|octet| *octet != 0) {
            Some(last) => Outcome::Open(inner.get(last).copied().unwrap_or_default(), text.start..text.start + last),
            None => Outcome::Shut,
        }
    }

    /// Keys opened their first record: they are the right ones.
    pub(super) fn prove(&mut self, secrets: &mut Secrets) {
        let is_closed = |half: &Half| match half.guard {
            Guard::Dead => true,
            Guard::Missing(_) => half.lost_octets > 0,
            Guard::Tried(_) => half.misled,
            Guard::Plain | Guard::Keyed(_) => false,
        };
        if !self.halves.iter().any(|half| half.waiting || is_closed(half)) {
            self.unread = None;
        }
        self.resumed |= self.negotiation.is_resumed()
            && self.negotiation.agreed().is_ok_and(|agreed| agreed.version != Version::Tls13);
        self.negotiation.remember(secrets);
        if self.halves.iter().all(|half| half.proven) {
            self.negotiation.settle();
        }
    }

    /// Acts upon what a record holds, plain or opened.
    fn content(
        &mut self,
        side: Side,
        kind: u8,
        text: &[u8],
        frame: FrameRef,
        secrets: &mut Secrets,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        match kind {
            kind::APPLICATION_DATA => self.half(side).give(side, text, frame, out),
            kind::HANDSHAKE => {
                let mut messages = std::mem::take(&mut self.half(side).messages);
                let mut rekeyed = false;
                messages.push(text, |message| rekeyed |= self.message(side, message, secrets));
                // New keys begin with a new message.
                if !rekeyed {
                    self.half(side).messages = messages;
                }
            }
            kind::ALERT => self.heed(side, text),
            kind::CHANGE_CIPHER_SPEC => {
                self.half(side).rekey(Guard::Missing(Stage::Handshake));
            }
            _ => {}
        }
    }

    fn heed(&mut self, side: Side, text: &[u8]) {
        let [level, number] = *text else { return };
        let alert = Alert { side, fatal: level == 2, number };
        let better = match self.alert {
            None => number != 0,
            Some(before) => alert.fatal && !before.fatal,
        };
        if better && matches!(level, 1 | 2) {
            self.alert = Some(alert);
        }
    }

    /// Acts upon a handshake message; true if its side has other keys from now on.
    fn message(&mut self, side: Side, whole: &[u8], secrets: &mut Secrets) -> bool {
        let (Some(kind), Some(body)) = (whole.first(), whole.get(4..)) else { return false };
        let agreed = self.negotiation.agreed().ok().filter(|_| self.negotiation.client.is_some());
        let tls13 = agreed.filter(|agreed| agreed.version == Version::Tls13);
        match *kind {
            message::CLIENT_HELLO => {
                return handshake::client_hello(body).is_some_and(|hello| self.client_hello(side, hello, whole));
            }
            message::SERVER_HELLO => {
                self.client = Some(side.other());
                self.negotiation.push(Side::Server, whole);
                self.renewed = true;
                return self.server_hello(side);
            }
            message::CERTIFICATE => self.certificate(side, body, tls13.is_some(), secrets),
            message::FINISHED if tls13.is_some() => {
                self.half(side).rekey(Guard::Missing(Stage::Traffic));
                return true;
            }
            message::KEY_UPDATE => return tls13.is_some_and(|agreed| self.key_update(side, agreed)),
            _ => {}
        }
        if tls13.is_none() {
            let before = self.negotiation.turns();
            self.negotiation.push(self.role(side), whole);
            self.renewed |= before != self.negotiation.turns();
        }
        false
    }

    /// Says whether the client's side is protected from now on.
    fn client_hello(&mut self, side: Side, hello: handshake::ClientHello, whole: &[u8]) -> bool {
        self.client = Some(side);
        self.server_name = hello.server_name.clone().or(self.server_name.take());
        if self.negotiation.client.is_none() && self.negotiation.server.is_some() {
            // The server's answer was captured, or put together, before what it answers.
            self.negotiation.complete(hello, whole);
            self.renewed = true;
            if self.negotiation.server.as_ref().is_some_and(|hello| hello.version == 0x0304 && !hello.is_retry()) {
                self.half(side).rekey(Guard::Missing(Stage::Handshake));
                return true;
            }
            return false;
        }
        // Behind a HelloRetryRequest the version is settled, and changes of cipher mean nothing.
        let retry = self.negotiation.server.take().filter(handshake::ServerHello::is_retry);
        self.negotiation = Negotiation::begin(hello, whole);
        self.negotiation.server = retry;
        false
    }

    /// A ClientHello in the format of SSL 2.0.
    pub(super) fn old_hello(&mut self, side: Side, message: &[u8]) {
        self.begun = true;
        if let Some(hello) = handshake::old_client_hello(message) {
            self.has_shown_handshake = true;
            self.client_hello(side, hello, message);
        }
    }

    /// Both hellos are there. In TLS 1.3 everything behind them is protected.
    fn server_hello(&mut self, side: Side) -> bool {
        let Some(hello) = self.negotiation.server.as_ref().filter(|hello| !hello.is_retry()) else { return false };
        let tls13 = hello.version == 0x0304;
        let on_the_wire = if tls13 { 0x0303 } else { hello.version };
        let both = self.negotiation.client.is_some();
        for of in [Side::Client, Side::Server] {
            let half = self.half(of);
            half.records.version = Some(on_the_wire);
            if tls13 && (both || of == side) {
                half.rekey(Guard::Missing(Stage::Handshake));
            }
        }
        tls13
    }

    fn certificate(&mut self, side: Side, body: &[u8], tls13: bool, secrets: &mut Secrets) {
        let mut shown = handshake::certificates(body, tls13);
        let Some(own) = shown.next().and_then(|der| secrets.certificates.facts(der)) else { return };
        if self.role(side) == Side::Server {
            self.negotiation.modulus = own.modulus.clone();
        }
        let issuers = shown.filter_map(|der| secrets.certificates.facts(der)).take(MAX_ISSUERS);
        *side.of(&mut self.certificates) = std::iter::once(own).chain(issuers).collect();
    }

    fn key_update(&mut self, side: Side, agreed: Agreed) -> bool {
        let half = self.half(side);
        let Guard::Keyed(direction) = &half.guard else { return false };
        let Some(next) = direction.secret.as_ref().and_then(|secret| updated(agreed, secret)) else { return false };
        half.rekey(Guard::Keyed(next));
        half.proven = true;
        true
    }
}
