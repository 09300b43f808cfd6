//! Keys that are tried: the first record of a side under new keys tells which secret is the right one.
//!
//! Mostly there is one, and it is. Where several contradict each other, each is tried on the record as it came. While
//! more secrets may come, one that none of them opens waits for those.

use std::ops::Range;

use super::{Outcome, Session};
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::tls::half::{Guard, Half, Passed};
use crate::tls::negotiation::{Direction, Stage, Unread, updated};
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
    header: [u8; HEADER],
    body: &'a mut [u8],
    /// The record as it came: what fails to open it may leave it changed.
    original: &'a [u8],
    /// Octets that may be tried under other numbers than the next.
    budget: &'a mut u64,
    refused: Vec<Direction>,
    opened: Option<(Direction, Opened)>,
    /// Whether keys could not have opened it, the right ones or not.
    is_blind: bool,
}

impl<'a> Trial<'a> {
    fn new(half: &'a mut Half, record: Record<'a>, original: &'a [u8], secrets: &'a mut u64) -> Self {
        let Record { header, body } = record;
        Self { half, header, body, original, budget: secrets, refused: Vec::new(), opened: None, is_blind: false }
    }

    /// Tries new keys: what was lost or passed over may be of their records, too.
    fn begin(&mut self, mut direction: Direction) -> bool {
        self.half.ready(&mut direction);
        self.is_blind |= direction.opener.is_blind();
        self.go_on(direction)
    }

    /// Tries keys that came into use behind those of `stage`, among what was lost or passed over.
    fn begin_behind(&mut self, stage: Stage, direction: Direction) -> bool {
        let numbers = self.half.next_candidates(stage, self.body.len(), self.budget);
        self.attempt(direction, numbers)
    }

    /// Tries keys that were tried on the records before.
    fn go_on(&mut self, direction: Direction) -> bool {
        let numbers = self.half.candidates(self.body.len(), self.budget);
        self.attempt(direction, numbers)
    }

    fn attempt(&mut self, mut direction: Direction, numbers: Range<u64>) -> bool {
        match direction.opener.open(numbers, self.header, self.body) {
            Ok(opened) => {
                self.opened = Some((direction, opened));
                true
            }
            Err(_) => {
                self.body.copy_from_slice(self.original);
                self.refused.push(direction);
                false
            }
        }
    }
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
        let is_handshake13 =
            stage == Stage::Handshake && self.negotiation.agreed().is_ok_and(|agreed| agreed.version == Version::Tls13);
        let has_early_data = is_handshake13
            && role == Side::Client
            && self.negotiation.client.as_ref().is_some_and(|hello| hello.early_data);
        let original = record.body.to_vec();
        let mut budget = secrets.searchable.0;
        let Self { halves, negotiation, .. } = self;
        let half = side.of(halves);
        let (searched, is_lossy, has_passed) = (half.searched, half.is_lossy(), half.has_passed());
        let has_holes = is_lossy || has_passed;
        let mut trial = Trial::new(half, record.reborrow(), &original, &mut budget);
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
            let mut attempt = |direction: Direction| match has_passed {
                // Of what was passed over, some was the handshake's.
                true => trial.begin_behind(Stage::Handshake, direction),
                false => trial.begin(direction),
            };
            match negotiation.each(role, Stage::Traffic, secrets, &mut attempt) {
                Ok(is_open) => (found, skim, wrong) = (Ok(is_open), true, refused.len()),
                Err(_) => trial.refused = refused,
            }
        }
        let Trial { refused, opened, is_blind, .. } = trial;
        secrets.searchable.0 = budget;
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
                self.wait(side, record.header, record.body, frame, secrets);
            }
            return Outcome::Shut;
        }
        if (is_lossy && !skim || has_passed)
            && let Some(outcome) = self.open_with_next(side, &refused, &mut record, secrets)
        {
            return outcome;
        }
        // A secret that is there may be another run's, and the right one is still to come.
        let may_wait = !secrets.is_sealed() && !skim && !is_blind && !self.negotiation.is_settled();
        let half = self.half(side);
        if may_wait && half.doubts < MAX_DOUBTS {
            half.doubts += u8::from(has_holes);
            // For that one it is searched as far.
            half.searched = searched;
            self.unread = Some(self.negotiation.unverified(refused.len()));
            self.wait(side, record.header, record.body, frame, secrets);
            return Outcome::Shut;
        }
        if wrong > 0 {
            self.unread = Some(self.negotiation.unverified(wrong));
        }
        let half = self.half(side);
        half.skim = skim;
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
        let original = record.body.to_vec();
        let half = self.half(side);
        let mut trial = Trial::new(half, record.reborrow(), &original, &mut secrets.searchable.0);
        let mut tried = tried.into_iter();
        let _is_open = tried.any(|direction| trial.go_on(direction));
        let Trial { refused, opened, .. } = trial;
        if let Some((direction, opened)) = opened {
            return self.opened(side, direction, opened, &record, secrets);
        }
        let half = self.half(side);
        if half.is_lossy() && !half.skim || half.has_passed() {
            // A change of keys may be among what was lost or passed over.
            if let Some(outcome) = self.open_with_next(side, &refused, &mut record, secrets) {
                return outcome;
            }
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
        // The ciphers of TLS 1.3 leave the record as it was, or put it back.
        let original = record.body.to_vec();
        let mut budget = secrets.searchable.0;
        let Self { halves, negotiation, .. } = self;
        let mut trial = Trial::new(side.of(halves), record.reborrow(), &original, &mut budget);
        let of = |stage: Stage| current.iter().filter(move |direction| direction.stage == stage);
        let mut behind = |stage: Stage, direction: Direction| trial.begin_behind(stage, direction);
        let mut behind_handshake = |direction: Direction| behind(Stage::Handshake, direction);
        let _is_open = of(Stage::Handshake).next().is_some()
            && negotiation.each(role, Stage::Traffic, secrets, &mut behind_handshake).unwrap_or(false)
            || of(Stage::Traffic).any(|direction| {
                let updated = direction.secret.as_ref().and_then(|secret| updated(agreed, secret));
                updated.is_some_and(|direction| behind(Stage::Traffic, direction))
            });
        let opened = trial.opened;
        secrets.searchable.0 = budget;
        let (direction, opened) = opened?;
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
        let hopeless = !half.proven && !half.is_lossy() && !half.has_passed();
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
