//! What of the legs in view may have been missed all the same.
//!
//! In: every gap, every stream that cannot be read, every stretch in which whole frames are lost. Out: answers to "may it
//! have been there unseen?". Which legs a hop is, it asks of what was seen.
//! Limits: [`MAX_LOSSES`], [`MAX_UNREADABLE`], [`MAX_BLIND`].

use std::collections::BTreeMap;

use super::{Coverage, Span};
use crate::flow::ConnectionId;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::Profile;

/// Losses remembered; older ones are merged into their neighbour.
const MAX_LOSSES: usize = 4_096;
/// Unreadable streams remembered for judging; further ones widen the last. As many that wait for a secret are remembered
/// one by one; further ones as if nothing would ever open them.
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
    /// Those that a secret may yet open, by connection and input.
    waiting: BTreeMap<(ConnectionId, u16), Unreadable>,
    blind: Vec<Blind>,
}

impl Hidden {
    /// Whether a stream that waits can be remembered by itself.
    fn has_place(&self, key: &(ConnectionId, u16)) -> bool {
        self.waiting.len() < MAX_UNREADABLE || self.waiting.contains_key(key)
    }

    /// The streams that could not be read during `window`.
    fn unreadable_in(&self, window: Span) -> impl Iterator<Item = &Unreadable> {
        self.unreadable.iter().chain(self.waiting.values()).filter(move |entry| entry.span.meets(&window))
    }
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

    /// A stream on this hop may hold SIP but cannot be read; `waiting` is its connection if a secret may yet open it.
    pub fn unreadable(&mut self, hop: Hop, input: u16, span: Span, waiting: Option<ConnectionId>) {
        let key = waiting.map(|connection| (connection, input));
        if let Some(key) = key.filter(|key| self.hidden.has_place(key)) {
            let entry = self.hidden.waiting.entry(key).or_insert(Unreadable { hop, input, span });
            entry.span = entry.span.joined(&span);
            return;
        }
        let same = |entry: &&mut Unreadable| entry.hop == hop && entry.input == input;
        if let Some(entry) = self.hidden.unreadable.iter_mut().find(same) {
            entry.span = entry.span.joined(&span);
        } else if self.hidden.unreadable.len() < MAX_UNREADABLE {
            self.hidden.unreadable.push(Unreadable { hop, input, span });
        } else if let Some(last) = self.hidden.unreadable.last_mut() {
            last.span = last.span.joined(&span);
        }
    }

    /// Nothing of a connection waits for a secret any more: what was unreadable while it did is open, or was told again.
    /// Before `since` it hides what it did: ladders were given without it.
    pub fn settled(&mut self, connection: ConnectionId, since: Timestamp) {
        let own = (connection, u16::MIN)..=(connection, u16::MAX);
        let settled: Vec<u16> = self.hidden.waiting.range(own).map(|((_, input), _)| *input).collect();
        for input in settled {
            if let Some(Unreadable { hop, span, .. }) = self.hidden.waiting.remove(&(connection, input))
                && span.from < since
            {
                self.unreadable(hop, input, Span { to: span.to.min(since), ..span }, None);
            }
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
        self.hidden.waiting.retain(|_, entry| entry.span.to >= before);
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
        self.hidden.unreadable_in(window).any(|entry| {
            let told = self.told(entry.input);
            let possible = self.possible(&entry.hop, profile);
            let possible = if told.is_empty() { possible } else { possible.intersection(told) };
            possible.meets(legs)
        })
    }

    /// The hops with a stream that could not be read during `window`.
    pub fn unreadable_in(&self, window: Span) -> impl Iterator<Item = Hop> {
        self.hidden.unreadable_in(window).map(|entry| entry.hop)
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
        coverage.unreadable(hop(5087), 0, span(0, 100), None);
        assert!(hidden(&coverage, Leg::Mcx, span(50, 51)));
        assert!(!hidden(&coverage, Leg::EdgeExternal, span(50, 51)));
    }

    #[test]
    fn what_one_connection_shows_late_does_not_show_what_another_on_its_hop_hides() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let hidden =
            |coverage: &Coverage, window| coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), window, &profile);
        let [one, other] = [1, 2].map(|number| Some(ConnectionId(number)));
        coverage.unreadable(hop(5061), 0, span(0, 20), one);
        coverage.unreadable(hop(5061), 0, span(20, 30), one);
        coverage.unreadable(hop(5061), 0, span(10, 25), other);
        coverage.settled(ConnectionId(1), time(0));
        assert!(hidden(&coverage, span(10, 25)));
        assert!(!hidden(&coverage, span(0, 9)) && !hidden(&coverage, span(26, 30)));
        // The other one stays closed.
        coverage.unreadable(hop(5061), 0, span(10, 27), None);
        coverage.settled(ConnectionId(2), time(0));
        assert!(hidden(&coverage, span(26, 30)) && !hidden(&coverage, span(28, 30)));
        // What is seen too late for ladders that were given was hidden from them.
        coverage.unreadable(hop(5061), 0, span(40, 60), one);
        coverage.settled(ConnectionId(1), time(50));
        assert!(hidden(&coverage, span(45, 45)) && !hidden(&coverage, span(51, 60)));
        coverage.unreadable(hop(5061), 0, span(70, 80), other);
        coverage.forget(time(90));
        assert!(!hidden(&coverage, span(0, 90)));
    }

    #[test]
    fn connections_that_wait_are_bounded_and_none_is_forgotten() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let most = u64::try_from(MAX_UNREADABLE).unwrap();
        for number in 0..=most {
            let second = i64::try_from(number).unwrap() * 10;
            coverage.unreadable(hop(5061), 0, span(second, second + 1), Some(ConnectionId(number)));
        }
        assert_eq!((coverage.hidden.waiting.len(), coverage.hidden.unreadable.len()), (MAX_UNREADABLE, 1));
        (0..=most).for_each(|number| coverage.settled(ConnectionId(number), time(0)));
        assert!(coverage.hidden.waiting.is_empty());
        let last = span(i64::try_from(most).unwrap() * 10, i64::MAX / 1_000_000_000);
        assert!(coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), last, &profile), "it may stay closed");
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
