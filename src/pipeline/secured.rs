//! A connection inside TLS: its plain text where there is a secret, and what it shows of itself where there is none.

use super::hidden::{Hidden, Patience};
use super::keys::Keys;
use super::ledger::{Ledger, Speaker};
use super::packing::Packing;
use super::reading::Seen;
use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::report::model::{Certificate, Issuer, Tls};
use crate::report::time::rfc3339_seconds;
use crate::report::view::Refused;
use crate::stream::Event;
use crate::tls::{Alert, CertificateFacts, Facts, PlainText, Session, State};
use crate::unreadable::{Hurdle, UnreadableReason};

/// What a session is to do.
#[derive(Clone, Copy)]
enum Step<'a> {
    /// Take what happened on a side.
    Event(Side, Event<'a>),
    /// Try again what waits; the frame is the last one known.
    Retry(FrameRef),
    /// Give up what has waited since before that time; the frame likewise.
    GiveUp(FrameRef, Timestamp),
}

impl Step<'_> {
    fn frame(&self) -> FrameRef {
        match *self {
            Self::Event(_, Event::Bytes { frame, .. } | Event::Gap { frame, .. })
            | Self::Event(_, Event::End { frame, .. } | Event::Witness { frame })
            | Self::Retry(frame)
            | Self::GiveUp(frame, _) => frame,
        }
    }
}

/// One connection.
#[derive(Default)]
pub struct Secured {
    session: Session,
    hidden: Hidden,
    first: Option<Timestamp>,
    /// The frame of the alert that counts.
    alerted: Option<(Alert, FrameRef)>,
    /// The side that ended first by itself, as the capture shows, before the handshake was through.
    broken_off: Option<(Side, FrameRef)>,
    /// Whether it was told that the handshake came to nothing.
    told_refused: bool,
}

impl Secured {
    /// Nothing of it read yet; `has_spoken` if octets came before that were taken for no TLS.
    pub fn new(connection: &Connection, has_spoken: bool) -> Self {
        let mut session = Session::new(connection.is_joined);
        if has_spoken {
            session.has_spoken();
        }
        Self { session, ..Self::default() }
    }

    /// Takes an event of TCP in.
    pub fn event(
        &mut self,
        speaker: Speaker<'_>,
        event: Event<'_>,
        packing: &mut Packing,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let Speaker { connection, side } = speaker;
        match event {
            // It comes out of the session, and is counted, only before the next text; until then it is known.
            Event::Gap { length, after, frame, .. } => packing.warn(connection, length, after, frame, ledger, out),
            Event::End { frame, over: true } if self.session.is_handshaking() => {
                self.broken_off.get_or_insert((side, frame));
            }
            Event::Bytes { .. } | Event::End { .. } => {}
            Event::Witness { .. } => return,
        }
        self.advance(connection, Step::Event(side, event), packing, keys, ledger, out);
        if let Event::End { frame, .. } = event {
            self.hidden.end(connection, frame, out);
        }
    }

    /// Tries again to read what waits: there are more secrets.
    pub fn retry(
        &mut self,
        connection: &Connection,
        frame: FrameRef,
        packing: &mut Packing,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.advance(connection, Step::Retry(frame), packing, keys, ledger, out);
    }

    /// Gives up what has waited for a secret since before `before`.
    pub fn give_up(
        &mut self,
        connection: &Connection,
        (frame, before): (FrameRef, Timestamp),
        packing: &mut Packing,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        self.advance(connection, Step::GiveUp(frame, before), packing, keys, ledger, out);
    }

    /// Lets the session take a step, and tells what comes of it.
    fn advance(
        &mut self,
        connection: &Connection,
        step: Step<'_>,
        packing: &mut Packing,
        keys: &mut Keys,
        ledger: &mut Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let frame = step.frame();
        let first = *self.first.get_or_insert(frame.time);
        let lost_before = self.session.lost_octets();
        let mut give = |side, event: Event<'_>| packing.event(Speaker { connection, side }, event, ledger, out);
        let mut given_up = None;
        match step {
            Step::Event(side, event) => self.session.event(side, event, &mut keys.secrets, &mut give),
            Step::Retry(_) => self.session.retry(&mut keys.secrets, &mut give),
            Step::GiveUp(_, before) => {
                let from = self.since(frame.time);
                let last = self.session.give_up(before, &mut keys.secrets, &mut give);
                given_up = last.map(|last| (from, last));
            }
        }
        let since = (!matches!(step, Step::Event(..))).then_some(FrameRef { time: first, ..frame });
        // Records that are there and do not open are lost like those that are not. Where none opens, that is told below.
        // An answer in plain text is no loss.
        let lost = self.session.lost_octets().saturating_sub(lost_before);
        if lost > 0
            && !matches!(step, Step::Event(_, Event::Gap { .. }))
            && !self.session.is_unreadable()
            && self.session.plain_answer().is_none()
        {
            packing.warn(connection, lost, since, frame, ledger, out);
        }
        if let Some(alert) = self.session.alert()
            && self.alerted.is_none_or(|(known, _)| known != alert)
        {
            self.alerted = Some((alert, frame));
        }
        // What waits may yet tell more.
        if !self.told_refused
            && !self.session.is_waiting()
            && let Some(refused) = self.refused(connection)
        {
            self.told_refused = true;
            out(Seen::Refused(Box::new(refused)));
        }
        if let (Some(given_up), Some(goes_on)) = (given_up, self.session.waiting_since())
            && let Some(doubt) = packing.doubt(connection, ledger)
        {
            self.hidden.give_up(connection, doubt, given_up, goes_on, out);
        }
        self.tell(connection, frame, packing, keys, ledger, out);
    }

    /// Tells that it is not read, where it may be SIP.
    fn tell(
        &mut self,
        connection: &Connection,
        frame: FrameRef,
        packing: &Packing,
        keys: &Keys,
        ledger: &Ledger,
        out: &mut impl FnMut(Seen<'_>),
    ) {
        let waits = self.session.is_waiting();
        let mut patience = Patience::since_when(self.session.waiting_since());
        // A secret that is looked for in a moment may open it.
        let may_open = waits && keys.is_unsearched();
        // While the server has protected nothing, nothing was said that could be read.
        let mut is_hidden = self.session.is_unreadable() && !self.session.is_handshaking();
        is_hidden |= waits && patience.wait(frame.time);
        is_hidden &= !may_open;
        let doubt = if is_hidden { packing.doubt(connection, ledger) } else { None };
        if !waits {
            self.hidden.settle(connection, doubt, frame, out);
        }
        let Some(doubt) = doubt else { return };
        let from = self.since(frame.time);
        match waits {
            true => self.hidden.wait(connection, doubt, from, frame, out),
            false => self.hidden.tell(connection, doubt, from, frame, out),
        }
    }

    /// Since when it is not read, at `now`: of a connection of which text was read, the rest is not.
    fn since(&self, now: Timestamp) -> Timestamp {
        let nothing_read = self.session.plain_octets() == 0;
        self.first.filter(|_| nothing_read).or(self.session.waiting_since()).unwrap_or(now)
    }

    /// Whether trying again may open something.
    pub fn may_open(&self, keys: &Keys) -> bool {
        keys.is_sealed() || self.session.may_open(&keys.secrets)
    }

    /// Gives back the room of what waits: it will not be asked for any more.
    pub fn abandon(&mut self, keys: &mut Keys) {
        self.session.abandon(&mut keys.secrets);
    }

    /// Octets held of what is not whole.
    pub fn held(&self) -> usize {
        self.session.held()
    }

    /// Gives up what is held.
    pub fn shed(&mut self, frame: FrameRef) {
        self.session.shed(frame);
    }

    /// Whether anything waits for a secret.
    pub fn is_waiting(&self) -> bool {
        self.session.is_waiting()
    }

    /// Since when something waits for a secret.
    pub fn waiting_since(&self) -> Option<Timestamp> {
        self.session.waiting_since()
    }

    /// The connection is over: why it was not read, or not all of it, and in words.
    pub fn close(&self, ledger: &mut Ledger) -> Option<(UnreadableReason, String)> {
        if self.session.is_handshaking() {
            return None;
        }
        let facts = self.session.facts();
        if self.session.plain_octets() > 0 || facts.state == State::Reading {
            ledger.account.decrypted += 1;
        }
        match facts.state {
            State::Unreadable { reason, detail } => Some((reason, detail)),
            State::Handshake | State::Reading => None,
        }
    }

    /// What stands in the way of reading it, where that changes what would help.
    pub fn hurdle(&self) -> Option<Hurdle> {
        self.session.facts().hurdle
    }

    /// What it shows of itself.
    pub fn shown(&self) -> Option<Tls> {
        Some(tls(self.session.facts()))
    }

    /// The handshake was refused or broken off, if it was.
    pub fn refused(&self, connection: &Connection) -> Option<Refused> {
        if self.session.plain_octets() > 0 {
            return None;
        }
        if let Some((text, at)) = self.session.plain_answer() {
            return Some(self.answered(connection, text, at));
        }
        let (how, frame) = match (self.alerted, self.broken_off) {
            (Some((alert, frame)), _) if alert.fatal => {
                let sender = connection.flow.sender(alert.side);
                (format!("{sender} refused it with {}", spelled(alert)), frame)
            }
            (_, Some((side, frame))) if self.session.is_broken_off() => {
                let sender = connection.flow.sender(side);
                (format!("{sender} ended the connection before it was through{}", self.hidden_reason()), frame)
            }
            _ => return None,
        };
        let cause = match self.alerted.filter(|(alert, _)| alert.fatal) {
            Some((alert, _)) => spelled(alert),
            None => "broken off".to_owned(),
        };
        let distrusting =
            self.alerted.map(|(alert, _)| alert).filter(|alert| alert.fatal && alert.is_about_certificate());
        let distrusting = distrusting.map(|alert| alert.side);
        let tls = tls(self.session.facts());
        Some(Refused { flow: connection.flow, at: frame, cause, how, distrusting, plainly: None, tls })
    }

    /// The client's hello was answered in plain text: whatever alert came of that tells less.
    fn answered(&self, connection: &Connection, text: PlainText, at: FrameRef) -> Refused {
        let (plainly, status) = match text {
            PlainText::Http(status) => ("HTTP", status.map_or_else(String::new, |status| format!(" status {status}"))),
            PlainText::Unknown => ("plain text", String::new()),
        };
        let server = connection.flow.sender(self.session.client().other());
        let how = match text {
            PlainText::Http(_) => format!("{server} answered the client's hello in plain text, with {plainly}{status}"),
            PlainText::Unknown => format!("{server} answered the client's hello in {plainly}"),
        };
        let (flow, cause, tls) = (connection.flow, format!("answered in {plainly}"), tls(self.session.facts()));
        Refused { flow, at, cause, how, distrusting: None, plainly: Some(plainly), tls }
    }

    /// What is not known of why a handshake was broken off, because it is protected and was not opened.
    fn hidden_reason(&self) -> &'static str {
        match (self.session.is_hiding() && self.session.is_unreadable(), self.session.has_client_protected()) {
            (false, _) => "",
            (true, false) => "; if it was told why, TLS 1.3 hides that",
            (true, true) => {
                "; the client's last word is as short as an alert, and TLS 1.3 hides what it says: a key log of this connection shows it"
            }
        }
    }
}

fn spelled(alert: Alert) -> String {
    match alert.name() {
        "unknown" => format!("alert {}", alert.number),
        name => name.to_owned(),
    }
}

fn tls(facts: Facts) -> Tls {
    let side = |side| if side == Side::Client { "client" } else { "server" };
    Tls {
        version: facts.version.map(str::to_owned),
        suite: facts.suite,
        server_name: facts.server_name,
        certificate: facts.certificate.map(|own| certificate(own, facts.issuers)),
        client_certificate: facts.client_certificate.map(|own| certificate(own, facts.client_issuers)),
        alert: facts.alert.map(|alert| {
            let level = if alert.fatal { "fatal" } else { "warning" };
            format!("{level} {} from the {}", spelled(alert), side(alert.side))
        }),
        resumed: facts.resumed,
        secrets_tried: facts.secrets_tried.into_iter().map(str::to_owned).collect(),
    }
}

fn certificate(facts: CertificateFacts, issuers: Vec<CertificateFacts>) -> Certificate {
    let issuer = |facts: CertificateFacts| Issuer {
        subject: facts.subject,
        issuer: facts.issuer,
        not_after: rfc3339_seconds(facts.not_after),
    };
    Certificate {
        subject: facts.subject,
        issuer: facts.issuer,
        not_after: rfc3339_seconds(facts.not_after),
        names: facts.alternative_names,
        chain: issuers.into_iter().map(issuer).collect(),
    }
}
