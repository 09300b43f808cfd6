//! What of the legs in view may have been missed all the same.
//!
//! In: every gap, every stream that cannot be read, every stretch in which whole frames are lost. Out: answers to "may it
//! have been there unseen?". Which legs a hop is, it asks of what was seen.
//! Limits: [`MAX_LOSSES`], [`MAX_UNREADABLE`], [`MAX_BLIND`].

use super::{Coverage, Span};
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::Profile;

/// Losses remembered; older ones are merged into their neighbour.
const MAX_LOSSES: usize = 4_096;
/// Unreadable streams remembered for judging; further ones widen the last.
const MAX_UNREADABLE: usize = 4_096;
/// Stretches remembered in which whole frames may be missing; further ones widen the last.
const MAX_BLIND: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Loss {
    hop: Hop,
    span: Span,
}

#[derive(Clone, Copy, Debug)]
struct Unreadable {
    hop: Hop,
    input: u16,
    span: Span,
}

/// A stretch in which whole frames may be missing.
#[derive(Clone, Copy, Debug)]
struct Blind {
    /// The input that missed them, of which the legs it shows are hidden; none for all legs.
    input: Option<u16>,
    span: Span,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Hidden {
    losses: Vec<Loss>,
    unreadable: Vec<Unreadable>,
    blind: Vec<Blind>,
}

impl Coverage {
    /// Bytes of a SIP stream on this hop are missing from the capture.
    pub fn lost(&mut self, hop: Hop, span: Span) {
        if let Some(loss) =
            self.hidden.losses.iter_mut().rev().take(8).find(|loss| loss.hop == hop && loss.span.meets(&span))
        {
            loss.span = loss.span.joined(&span);
        } else if self.hidden.losses.len() < MAX_LOSSES {
            self.hidden.losses.push(Loss { hop, span });
        } else if let Some(nearest) = self.hidden.losses.iter_mut().rev().find(|loss| loss.hop == hop) {
            nearest.span = nearest.span.joined(&span);
        } else if let Some(last) = self.hidden.losses.last_mut() {
            *last = Loss { hop, span: last.span.joined(&span) };
        }
    }

    /// A stream on this hop may hold SIP but cannot be read.
    pub fn unreadable(&mut self, hop: Hop, input: u16, span: Span) {
        let same = |entry: &&mut Unreadable| entry.hop == hop && entry.input == input;
        if let Some(entry) = self.hidden.unreadable.iter_mut().find(same) {
            entry.span = entry.span.joined(&span);
        } else if self.hidden.unreadable.len() < MAX_UNREADABLE {
            self.hidden.unreadable.push(Unreadable { hop, input, span });
        } else if let Some(last) = self.hidden.unreadable.last_mut() {
            last.span = last.span.joined(&span);
        }
    }

    /// Whole frames may be missing: of the legs that `input` shows, or of all.
    pub fn blind(&mut self, input: Option<u16>, span: Span) {
        let same = |entry: &&mut Blind| entry.input == input && entry.span.meets(&span);
        if let Some(entry) = self.hidden.blind.iter_mut().rev().take(8).find(same) {
            entry.span = entry.span.joined(&span);
        } else if self.hidden.blind.len() < MAX_BLIND {
            self.hidden.blind.push(Blind { input, span });
        } else if let Some(last) = self.hidden.blind.last_mut() {
            *last = Blind { input: None, span: last.span.joined(&span) };
        }
    }

    /// Whether whole frames may be missing in `window`, on any leg.
    pub fn is_blind(&self, window: Span) -> bool {
        self.hidden.blind.iter().any(|blind| blind.span.meets(&window))
    }

    /// Forgets losses that were over before `before`: nothing that is open can lie in them.
    pub fn forget(&mut self, before: Timestamp) {
        self.hidden.losses.retain(|loss| loss.span.to >= before);
        self.hidden.unreadable.retain(|entry| entry.span.to >= before);
        self.hidden.blind.retain(|blind| blind.span.to >= before);
    }

    /// Whether bytes that any of `legs` may have carried during `window` are lost or unreadable.
    pub fn hidden(&self, legs: LegSet, window: Span, profile: &Profile) -> bool {
        let lost = self
            .hidden
            .losses
            .iter()
            .any(|loss| loss.span.meets(&window) && self.possible(&loss.hop, profile).meets(legs));
        lost || self.missed(legs, window) || self.encrypted(legs, window, profile)
    }

    /// Whether whole frames of any of `legs` may be missing in `window`.
    fn missed(&self, legs: LegSet, window: Span) -> bool {
        self.hidden.blind.iter().any(|blind| {
            let shown = |input: u16| self.inputs.get(usize::from(input)).is_some_and(|input| input.legs().meets(legs));
            blind.span.meets(&window) && blind.input.is_none_or(shown)
        })
    }

    /// Whether a stream that any of `legs` may have been could not be read during `window`.
    pub fn encrypted(&self, legs: LegSet, window: Span, profile: &Profile) -> bool {
        self.hidden.unreadable.iter().any(|entry| {
            let told = self.told(entry.input);
            let possible = self.possible(&entry.hop, profile);
            let possible = if told.is_empty() { possible } else { possible.intersection(told) };
            entry.span.meets(&window) && possible.meets(legs)
        })
    }

    /// The hops with a stream that could not be read during `window`.
    pub fn unreadable_in(&self, window: Span) -> impl Iterator<Item = Hop> {
        self.hidden.unreadable.iter().filter(move |entry| entry.span.meets(&window)).map(|entry| entry.hop)
    }

    /// The legs a hop may be: those seen on it, else those its port allows.
    fn possible(&self, hop: &Hop, profile: &Profile) -> LegSet {
        let seen = self.legs_of(hop);
        if !seen.is_empty() {
            seen
        } else if profile.ports.mobility.contains(&hop.port()) {
            LegSet::EMPTY.with(Leg::Mcx)
        } else if profile.ports.sip.contains(&hop.port()) {
            LegSet::of(&[Leg::Caller, Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal])
        } else {
            LegSet::EMPTY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::coverage::tests::{hop, span, time};

    #[test]
    fn losses_and_unreadable_streams_hide_the_legs_they_may_be() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        coverage.sip(hop(5061), 0, None);
        coverage.lost(hop(5061), span(10, 11));
        let hidden = |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), window, &profile);
        assert!(hidden(&coverage, Leg::Caller, span(11, 12)));
        assert!(!hidden(&coverage, Leg::Caller, span(12, 13)));
        assert!(!hidden(&coverage, Leg::Mcx, span(10, 11)));
        coverage.unreadable(hop(5087), 0, span(0, 100));
        assert!(hidden(&coverage, Leg::Mcx, span(50, 51)));
        assert!(!hidden(&coverage, Leg::EdgeExternal, span(50, 51)));
    }

    #[test]
    fn missing_frames_hide_every_leg_or_those_of_their_input() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY; 2]);
        coverage.sip(hop(5087), 1, Some(Leg::Mcx));
        coverage.blind(Some(1), span(10, 11));
        coverage.blind(None, span(20, 21));
        let hidden = |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), window, &profile);
        for (leg, window, expected) in [
            (Leg::Mcx, span(5, 10), true),
            (Leg::Caller, span(5, 10), false),
            (Leg::Caller, span(15, 20), true),
            (Leg::Mcx, span(12, 19), false),
        ] {
            assert_eq!(hidden(&coverage, leg, window), expected, "{leg:?} {window:?}");
        }
        assert!(coverage.is_blind(span(11, 12)) && !coverage.is_blind(span(12, 13)));
        coverage.forget(time(15));
        assert!(!coverage.is_blind(span(0, 19)) && coverage.is_blind(span(19, 20)));
        for second in 0..2 * i64::try_from(MAX_BLIND).unwrap() {
            coverage.blind(Some(1), span(second * 10, second * 10 + 1));
        }
        assert_eq!(coverage.hidden.blind.len(), MAX_BLIND);
    }

    #[test]
    fn losses_are_bounded() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        for second in 0..3 * i64::try_from(MAX_LOSSES).unwrap() {
            coverage.lost(hop(u16::try_from(second % 100).unwrap()), span(second * 10, second * 10 + 1));
        }
        assert_eq!(coverage.hidden.losses.len(), MAX_LOSSES);
    }
}
