//! What of the legs in view may have been missed all the same.
//!
//! In: every gap, every stream that cannot be read, every stretch in which whole frames are lost. Out: answers to "may it
//! have been there unseen?". Which legs a hop is, it asks of what was seen.
//! Limits: [`MAX_LOSSES`], [`MAX_BLIND`], and those of `closed`.

use super::closed::Closed;
use super::{Coverage, Span};
use crate::flow::ConnectionId;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::Profile;

/// Losses remembered; older ones are merged into their neighbour.
const MAX_LOSSES: usize = 4_096;
/// Stretches remembered in which whole frames may be missing; further ones widen the last.
const MAX_BLIND: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Loss {
    hop: Hop,
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
    /// Streams that cannot be read where SIP is expected, or was found.
    expected: Closed,
    /// The same, inside TLS on ports of which nothing is known.
    foreign: Closed,
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

    /// A stream on this hop may hold SIP but cannot be read; `waiting` is its connection if a secret may yet open it.
    pub fn unreadable(&mut self, hop: Hop, input: u16, span: Span, waiting: Option<ConnectionId>) {
        self.hidden.expected.push(hop, input, span, waiting);
    }

    /// The same of a stream on a port of which nothing is known: it hides a leg if one of its hosts is known for SIP, also if
    /// only afterwards.
    pub fn unreadable_elsewhere(&mut self, hop: Hop, input: u16, span: Span, waiting: Option<ConnectionId>) {
        self.hidden.foreign.push(hop, input, span, waiting);
    }

    /// Nothing of a connection waits for a secret any more: what was unreadable while it did is open, or was told again.
    /// Before `since` it hides what it did: ladders were given without it.
    pub fn settled(&mut self, connection: ConnectionId, since: Timestamp) {
        self.hidden.expected.settled(connection, since);
        self.hidden.foreign.settled(connection, since);
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
        self.hidden.expected.forget(before);
        self.hidden.foreign.forget(before);
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
        let Hidden { expected, foreign, .. } = &self.hidden;
        expected.is_beyond(window)
            || foreign.is_beyond(window)
            || expected.during(window).chain(foreign.during(window)).any(|(hop, input)| {
                let possible = self.possible(hop, profile);
                match self.legs_of(hop).is_empty() {
                    true => possible.intersection(self.shown(input)).meets(legs),
                    // What was seen on it holds, whatever was told.
                    false => possible.meets(legs),
                }
            })
    }

    /// The hops with a stream that could not be read during `window`, those first where SIP is expected.
    pub fn unreadable_in(&self, window: Span) -> impl Iterator<Item = Hop> {
        let may_be_sip = |(hop, _): &(&Hop, u16)| !self.hosts.legs_between(hop).is_empty();
        let foreign = self.hidden.foreign.during(window).filter(may_be_sip);
        self.hidden.expected.during(window).chain(foreign).map(|(hop, _)| *hop)
    }

    /// Whether a stream that could not be read during `window` is of hosts of which it is not known yet that they speak SIP.
    pub fn is_of_strangers(&self, window: Span) -> bool {
        self.hidden.foreign.during(window).any(|(hop, _)| self.hosts.legs_between(hop).is_empty())
    }

    /// The legs a hop may be: those seen on it, else those its port allows, else those its hosts do.
    fn possible(&self, hop: &Hop, profile: &Profile) -> LegSet {
        let (ports, port) = (&profile.ports, hop.port());
        let seen = self.legs_of(hop);
        if !seen.is_empty() {
            seen
        } else if ports.mobility.contains(&port) {
            LegSet::EMPTY.with(Leg::Mcx)
        } else if ports.sip.contains(&port) {
            LegSet::of(&[Leg::Caller, Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal])
        } else if ports.is_foreign(port) {
            self.hosts.legs_between(hop)
        } else {
            LegSet::EMPTY
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;
    use crate::ladder::coverage::closed::MAX_HOPS;
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
    fn a_stream_on_a_port_of_which_nothing_is_known_hides_what_its_hosts_may_say() {
        let profile = Profile::with_overrides("[ports]\nother = [5443]").unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY, LegSet::of(&[Leg::EdgeInternal])]);
        let hides = |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), window, &profile);
        coverage.unreadable_elsewhere(hop(5099), 0, span(0, 10), None);
        coverage.unreadable_elsewhere(hop(5099), 1, span(20, 30), Some(ConnectionId(1)));
        coverage.unreadable_elsewhere(hop(5443), 0, span(40, 50), None);
        let all = [Leg::Caller, Leg::Mcx, Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal];
        assert!(!all.iter().any(|leg| hides(&coverage, *leg, span(0, 50))), "none of its hosts speaks SIP");
        assert_eq!(coverage.unreadable_in(span(0, 50)).count(), 0);
        assert!(coverage.is_of_strangers(span(10, 15)) && !coverage.is_of_strangers(span(11, 15)));
        // That one does is known afterwards.
        let [client, server] = ["192.0.2.7:50000", "192.0.2.9:5061"].map(|address| address.parse().unwrap());
        coverage.heard(&Flow { client, server });
        assert!(all.iter().all(|leg| hides(&coverage, *leg, span(5, 6))));
        assert!(!coverage.is_of_strangers(span(0, 30)));
        assert!(hides(&coverage, Leg::EdgeInternal, span(25, 26)), "as far as --vantage tells");
        assert!(!hides(&coverage, Leg::Caller, span(25, 26)));
        assert!(!hides(&coverage, Leg::EdgeInternal, span(11, 19)));
        assert!(!hides(&coverage, Leg::EdgeInternal, span(40, 50)), "its port is known for something else");
        assert_eq!(coverage.unreadable_in(span(0, 30)).collect::<Vec<_>>(), [hop(5099); 2]);
        coverage.settled(ConnectionId(1), time(0));
        assert!(!hides(&coverage, Leg::EdgeInternal, span(20, 30)), "it was opened");
        // Bytes lost of SIP on such a port are those of any leg as well.
        coverage.lost(hop(5098), span(60, 61));
        assert!(hides(&coverage, Leg::PushInternal, span(60, 60)));
    }

    #[test]
    fn hops_with_streams_that_cannot_be_read_are_bounded_and_none_is_forgotten() {
        let profile = Profile::built_in().unwrap();
        for push in [Coverage::unreadable, Coverage::unreadable_elsewhere] {
            let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
            for number in 0..=u16::try_from(MAX_HOPS).unwrap() {
                let second = i64::from(number) * 10;
                push(&mut coverage, hop(10_000 + number), 0, span(second, second + 1), None);
            }
            let last = i64::try_from(MAX_HOPS).unwrap() * 10;
            let hidden =
                |coverage: &Coverage, window| coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), window, &profile);
            assert!(!hidden(&coverage, span(0, last - 5)) && hidden(&coverage, span(last, last)));
            coverage.forget(time(last + 5));
            assert!(!hidden(&coverage, span(0, last)));
        }
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
        let most = u64::try_from(MAX_HOPS).unwrap();
        for number in 0..=most {
            let second = i64::try_from(number).unwrap() * 10;
            coverage.unreadable(hop(5061), 0, span(second, second + 1), Some(ConnectionId(number)));
        }
        assert_eq!(coverage.hidden.expected.len(), (1, MAX_HOPS));
        (0..=most).for_each(|number| coverage.settled(ConnectionId(number), time(0)));
        assert_eq!(coverage.hidden.expected.len().1, 0);
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
