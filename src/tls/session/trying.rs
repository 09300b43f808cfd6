//! Keys that are tried: the first record of a side under new keys tells which secret is the right one.
//!
//! Mostly there is one, and it is. Where several contradict each other, each is tried on the record as it came. While
//! more secrets may come, one that none of them opens waits for those.

use std::ops::Range;

use super::{Outcome, Session};
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::tls::half::{Guard, Half, Passed, Sought};
use crate::tls::negotiation::{Direction, Negotiation, Stage, Unread, updated};
use crate::tls::record::HEADER;
use crate::tls::secrets::Secrets;
use crate::tls::suite::Opened;
use crate::tls::version::Version;
use crate::unreadable::UnreadableReason;

/// Times that a record behind a loss, which no secret found opens, waits for another one. 8: it may as well be the record
/// that makes no sense, and then the next ones do.
const MAX_DOUBTS: u8 = 8;

/// A record that one set of keys after the other is tried on.
struct Trial<'a> {
    half: &'a mut Half,
    record: Record<'a>,
    /// The record as it came, once keys were tried: what fails to open it may leave it changed.
    original: Option<Vec<u8>>,
    /// What keys are tried together.
    sought: Sought,
    /// The numbers it may have under each of them.
    numbers: Range<u64>,
    /// Octets that may be tried under other numbers than the next, in all connections.
    budget: u64,
    refused: Vec<Direction>,
    opened: Option<(Direction, Opened)>,
    /// Whether keys could not have opened it, the right ones or not.
    is_blind: bool,
}

impl<'a> Trial<'a> {
    /// Of keys under which the record has one of the next numbers: so many `rivals`, and whether they protect
    /// [a handshake](Negotiation::is_flight) alone.
    fn new(half: &'a mut Half, record: Record<'a>, (rivals, is_flight): (usize, bool), secrets: &Secrets) -> Self {
        let (budget, sought) = (secrets.searchable.0, Sought { octets: record.body.len(), rivals, is_flight });
        let numbers = half.numbers(sought, budget);
        let (refused, opened) = (Vec::new(), None);
        Self { half, record, original: None, sought, numbers, budget, refused, opened, is_blind: false }
    }

    /// Goes on to so many other keys, which came into use behind those of `behind`, among what was lost or passed over; if
    /// that is none, those that have the next numbers.
    fn turn(&mut self, rivals: usize, behind: Option<Stage>) {
        self.sought = Sought { rivals, is_flight: false, ..self.sought };
        self.numbers = match behind {
            Some(stage) => self.half.search.next_numbers(stage, self.sought, self.budget),
            None => self.half.numbers(self.sought, self.budget),
        };
    }

    /// Tries new keys: what was lost or passed over may be of their records, too.
    fn begin(&mut self, mut direction: Direction) -> bool {
        self.half.ready(&mut direction, self.sought.rivals, &mut self.budget);
        self.is_blind |= direction.opener.is_blind();
        self.attempt(direction)
    }

    /// Tries keys that are ready.
    fn attempt(&mut self, mut direction: Direction) -> bool {
        let Record { header, body } = &mut self.record;
        let original = self.original.get_or_insert_with(|| body.to_vec());
        self.half.search.charge(&self.numbers, body.len(), &mut self.budget);
        match direction.opener.open(self.numbers.clone(), *header, body) {
            Ok(opened) => {
                self.opened = Some((direction, opened));
                true
            }
            Err(_) => {
                body.copy_from_slice(original);
                self.refused.push(direction);
                false
            }
        }
    }

    /// What came of it.
    fn end(self, secrets: &mut Secrets) -> Tried {
        secrets.searchable.0 = self.budget;
        Tried { refused: self.refused, opened: self.opened, is_blind: self.is_blind }
    }
}

/// What came of a trial, as its fields have it.
struct Tried {
    refused: Vec<Direction>,
    opened: Option<(Direction, Opened)>,
    is_blind: bool,
}

/// A protected record.
pub(super) struct Record<'a> {
    pub(super) header: [u8; HEADER],
    pub(super) body: &'a mut [u8],
}

impl Record<'_> {
    fn reborrow(&mut self) -> Record<'_> {
        Record { header: self.header, body: self.body }
    }

    pub(super) fn octets(&self) -> u64 {
        (HEADER + self.body.len()) as u64
    }
}

impl Session {
    /// Opens the first record behind a change of keys, if any secret does.
    pub(super) fn unlock(
        &mut self,
        side: Side,
        stage: Stage,
        mut record: Record<'_>,
        frame: FrameRef,
        secrets: &mut Secrets,
    ) -> Outcome {
        let role = self.role(side);
        let is_handshake13 = self.negotiation.is_flight(stage);
        let has_early_data = is_handshake13
            && role == Side::Client
            && self.negotiation.client.as_ref().is_some_and(|hello| hello.early_data);
        let Self { halves, negotiation, .. } = self;
        let half = side.of(halves);
        let (searched, has_passed) = (half.search.searched, half.search.has_passed());
        let has_holes = half.search.is_lossy() || has_passed;
        // Without holes there is one number, and they need not be counted.
        let rivals = |negotiation: &mut Negotiation, stage| match has_holes {
            true => negotiation.rivals(role, stage, secrets),
            false => 1,
        };
        let keys = (rivals(negotiation, stage), is_handshake13);
        let mut trial = Trial::new(half, record.reborrow(), keys, secrets);
        let mut found = negotiation.each(role, stage, secrets, &mut |direction| trial.begin(direction));
        let mut skim = has_early_data;
        // Without the keys of the handshake, what follows it can be read all the same.
        let is_without_keys = match found {
            Ok(is_open) => !is_open && secrets.is_sealed() && !has_holes && !skim,
            Err(_) => true,
        };
        let mut wrong = 0;
        if is_handshake13 && is_without_keys {
            let refused = std::mem::take(&mut trial.refused);
            // Of what was passed over, some was the handshake's.
            trial.turn(rivals(negotiation, Stage::Traffic), has_passed.then_some(Stage::Handshake));
            match negotiation.each(role, Stage::Traffic, secrets, &mut |direction| trial.begin(direction)) {
                Ok(is_open) => (found, skim, wrong) = (Ok(is_open), true, refused.len()),
                Err(_) => trial.refused = refused,
            }
        }
        let Tried { refused, opened, is_blind } = trial.end(secrets);
        if let Some((direction, opened)) = opened {
            self.half(side).skim = skim;
            return self.opened(side, direction, opened, &record, secrets);
        }
        if let Err(unread) = found {
            let hopeless = unread.reason == UnreadableReason::TlsUnsupportedSuite;
            self.unread = Some(unread);
            if secrets.is_sealed() || hopeless {
                // It may come after all, for those that follow.
                self.half(side).pass(Passed::of(record.body), frame);
            } else {
                self.wait(side, record, frame, secrets);
            }
            return Outcome::Shut;
        }
        self.half(side).skim = skim;
        if self.half(side).may_have_changed()
            && let Some(outcome) = self.open_with_next(side, &refused, &mut record, secrets)
        {
            return outcome;
        }
        // A secret that is there may be another run's, and the right one is still to come.
        let may_wait = !secrets.is_sealed() && !skim && !is_blind && !self.negotiation.is_settled();
        let half = self.half(side);
        if may_wait && half.search.doubts < MAX_DOUBTS {
            half.search.doubts += u8::from(has_holes);
            // For that one it is searched as far.
            half.search.searched = searched;
            self.unread = Some(self.negotiation.unverified(refused.len()));
            self.wait(side, record, frame, secrets);
            return Outcome::Shut;
        }
        if wrong > 0 {
            self.unread = Some(self.negotiation.unverified(wrong));
        }
        let half = self.half(side);
        half.misled = wrong > 0;
        half.hold(Guard::Tried(refused));
        self.refused(side, record.octets(), frame);
        Outcome::Shut
    }

    /// Opens a record behind one that none of the keys found opened.
    pub(super) fn open_with_any(
        &mut self,
        side: Side,
        tried: Vec<Direction>,
        mut record: Record<'_>,
        frame: FrameRef,
        secrets: &mut Secrets,
    ) -> Outcome {
        let is_flight = tried.first().is_some_and(|direction| self.negotiation.is_flight(direction.stage));
        let mut trial = Trial::new(self.half(side), record.reborrow(), (tried.len(), is_flight), secrets);
        let mut tried = tried.into_iter();
        let _is_open = tried.any(|direction| trial.attempt(direction));
        let Tried { refused, opened, .. } = trial.end(secrets);
        if let Some((direction, opened)) = opened {
            return self.opened(side, direction, opened, &record, secrets);
        }
        if self.half(side).may_have_changed()
            && let Some(outcome) = self.open_with_next(side, &refused, &mut record, secrets)
        {
            return outcome;
        }
        self.half(side).guard = Guard::Tried(refused);
        self.refused(side, record.octets(), frame);
        Outcome::Shut
    }

    /// Tries the keys that come next in TLS 1.3: those behind the handshake, or behind a key update.
    pub(super) fn open_with_next(
        &mut self,
        side: Side,
        current: &[Direction],
        record: &mut Record<'_>,
        secrets: &mut Secrets,
    ) -> Option<Outcome> {
        let (role, agreed) = (self.role(side), self.negotiation.agreed().ok()?);
        if agreed.version != Version::Tls13 {
            return None;
        }
        let Self { halves, negotiation, .. } = self;
        let mut trial = Trial::new(side.of(halves), record.reborrow(), (1, false), secrets);
        // All of them are of one stage.
        let stage = current.first()?.stage;
        let rivals = match stage {
            Stage::Handshake => negotiation.rivals(role, Stage::Traffic, secrets),
            Stage::Traffic => current.len(),
        };
        trial.turn(rivals, Some(stage));
        let _is_open = match stage {
            Stage::Handshake => {
                negotiation.each(role, Stage::Traffic, secrets, &mut |direction| trial.attempt(direction))
            }
            Stage::Traffic => Ok(current.iter().any(|direction| {
                let updated = direction.secret.as_ref().and_then(|secret| updated(agreed, secret));
                updated.is_some_and(|direction| trial.attempt(direction))
            })),
        };
        let (direction, opened) = trial.end(secrets).opened?;
        Some(self.opened(side, direction, opened, record, secrets))
    }

    /// A record was opened: its keys are the right ones.
    fn opened(
        &mut self,
        side: Side,
        mut direction: Direction,
        opened: Opened,
        record: &Record<'_>,
        secrets: &mut Secrets,
    ) -> Outcome {
        self.negotiation.settle_on(&mut direction);
        let half = self.half(side);
        let first = !half.proven;
        half.hold(Guard::Keyed(direction));
        half.opened(opened.sequence);
        if first {
            self.prove(secrets);
            // Of the other side it is known now which keys it has.
            self.renewed |= self.negotiation.is_settled() && self.halves.iter().any(|half| half.waiting);
        }
        self.inner(record.header, record.body, opened.text)
    }

    /// A record did not open.
    pub(super) fn refused(&mut self, side: Side, octets: u64, frame: FrameRef) {
        let half = self.half(side);
        let hopeless = !half.proven && !half.search.is_lossy() && !half.search.has_passed();
        let again = half.failed();
        if half.skim && !half.proven && again {
            return;
        }
        half.miss(octets, frame);
        if again && !hopeless {
            return;
        }
        let tried = match std::mem::replace(&mut half.guard, Guard::Dead) {
            Guard::Tried(tried) => tried.len(),
            _ => 1,
        };
        self.unread = Some(match hopeless {
            true => self.negotiation.unverified(tried),
            false => Unread::new(UnreadableReason::TlsBadMac, "too many records in a row cannot be verified"),
        });
    }
}
