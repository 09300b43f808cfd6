//! What of the legs in view may have been missed all the same.
//!
//! In: every gap, every stream that cannot be read, every stretch in which whole frames are lost. Out: answers to "may it
//! have been there unseen?". Which legs a hop is, it asks of what was seen.
//! Limits: [`MAX_LOSSES`], [`MAX_BLIND`], and those of `closed` and `foreign`.

use std::sync::OnceLock;

use super::closed::{Closed, Unread};
use super::foreign::{Foreign, may_hold};
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
    pub(super) expected: Closed,
    /// When there were some of these on hops that are not remembered.
    pub(super) beyond: Option<Span>,
    /// The same, inside TLS on ports of which nothing is known.
    pub(super) foreign: Foreign,
    blind: Vec<Blind>,
}

impl Hidden {
    /// There is no room for a stream where SIP is expected.
    fn overflow(&mut self, unread: &Unread) -> bool {
        let before = self.beyond;
        self.beyond = Some(before.map_or(unread.span, |known| known.joined(&unread.span)));
        self.beyond != before
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
        let pushed = self.hidden.expected.push(Unread { hop, input, span, waiting });
        if pushed.unwrap_or_else(|unread| self.hidden.overflow(&unread)) {
            self.index = OnceLock::new();
        }
    }

    /// The same of a stream on a port of which nothing is known: it hides a leg if one of its hosts is known for SIP, also if
    /// only afterwards.
    pub fn unreadable_elsewhere(&mut self, hop: Hop, input: u16, span: Span, waiting: Option<ConnectionId>) {
        let (unread, may) = (Unread { hop, input, span, waiting }, may_hold(self.told(input)));
        if self.hidden.foreign.push(unread, may, &self.hosts) {
            self.index = OnceLock::new();
        }
    }

    /// Something may be new of the hosts.
    pub(super) fn hosts_changed(&mut self) {
        for change in self.hosts.changes() {
            let Self { hidden, hosts, inputs, .. } = self;
            let may = |input| may_hold(super::told(inputs, input));
            hidden.foreign.changed(change, may, hosts);
            self.index = OnceLock::new();
        }
    }

    /// Nothing of a connection waits for a secret any more: what was unreadable while it did is open, or was told again.
    /// Before `since` it hides what it did: ladders were given without it.
    pub fn settled(&mut self, connection: ConnectionId, since: Timestamp) {
        let Self { hidden, hosts, inputs, .. } = self;
        for unread in hidden.expected.settled(connection, since) {
            hidden.overflow(&unread);
        }
        hidden.foreign.settled(connection, since, |input| may_hold(super::told(inputs, input)), hosts);
        self.index = OnceLock::new();
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
        self.hidden.beyond = self.hidden.beyond.filter(|beyond| beyond.to >= before);
        self.hidden.foreign.forget(before);
        self.hidden.blind.retain(|blind| blind.span.to >= before);
        self.hosts.forget(before);
        self.index = OnceLock::new();
    }

    /// Whether bytes that any of `legs` may have carried during `window` are lost or unreadable; `own` are the legs on which
    /// the ladder was seen that is asked for.
    pub fn hidden(&self, legs: LegSet, own: LegSet, window: Span, profile: &Profile) -> bool {
        let lost = self
            .hidden
            .losses
            .iter()
            .any(|loss| loss.span.meets(&window) && self.possible(&loss.hop, profile).meets(legs));
        lost || self.missed(legs, window) || self.encrypted(legs, own, window, profile)
    }

    /// Whether whole frames of any of `legs` may be missing in `window`.
    fn missed(&self, legs: LegSet, window: Span) -> bool {
        self.hidden.blind.iter().any(|blind| {
            let shown = |input: u16| self.inputs.get(usize::from(input)).is_some_and(|input| input.legs().meets(legs));
            blind.span.meets(&window) && blind.input.is_none_or(shown)
        })
    }

    /// Whether a stream that any of `legs` may have been could not be read during `window`. With somebody who is not known
    /// for SIP nobody speaks on a leg of which the capture shows another hop: callers are many, so of theirs the ladder's
    /// `own` counts. All questions are to be asked with one profile.
    pub fn encrypted(&self, legs: LegSet, own: LegSet, window: Span, profile: &Profile) -> bool {
        self.index.get_or_init(|| self.make_index(profile)).hides(legs, own, window)
    }

    /// The hops with a stream that could not be read during `window`, those first where SIP is expected.
    pub fn unreadable_in(&self, window: Span) -> impl Iterator<Item = Hop> {
        let may_be_sip = |hop: &&Hop| !self.hosts.legs_between(hop).is_empty();
        let foreign = self.hidden.foreign.during(window).filter(may_be_sip);
        self.hidden.expected.during(window).chain(foreign).copied()
    }

    /// Whether a stream that could not be read during `window` is of hosts of which it is not known of both yet that they
    /// speak SIP.
    pub fn is_of_strangers(&self, window: Span, profile: &Profile) -> bool {
        self.index.get_or_init(|| self.make_index(profile)).is_of_strangers(window)
    }

    /// The legs a hop may be: those seen on it, else those its port allows, else those its hosts do.
    pub(super) fn possible(&self, hop: &Hop, profile: &Profile) -> LegSet {
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
        let hidden =
            |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), LegSet::EMPTY, window, &profile);
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
        let hides =
            |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), LegSet::EMPTY, window, &profile);
        coverage.unreadable_elsewhere(hop(5099), 0, span(0, 10), None);
        coverage.unreadable_elsewhere(hop(5099), 1, span(20, 30), Some(ConnectionId(1)));
        coverage.unreadable_elsewhere(hop(5443), 0, span(40, 50), None);
        let all = [Leg::Caller, Leg::Mcx, Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal];
        assert!(!all.iter().any(|leg| hides(&coverage, *leg, span(0, 50))), "none of its hosts speaks SIP");
        assert_eq!(coverage.unreadable_in(span(0, 50)).count(), 0);
        assert!(coverage.is_of_strangers(span(10, 15), &profile) && !coverage.is_of_strangers(span(11, 15), &profile));
        // That one does is known afterwards.
        let [client, server] = ["192.0.2.7:50000", "192.0.2.9:5061"].map(|address| address.parse().unwrap());
        coverage.heard(&Flow { client, server }, time(0));
        assert!(all.iter().all(|leg| hides(&coverage, *leg, span(5, 6))));
        assert!(coverage.is_of_strangers(span(0, 30), &profile), "one of them is not known");
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
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        for number in 0..=u16::try_from(MAX_HOPS).unwrap() {
            let second = i64::from(number) * 10;
            coverage.unreadable(hop(10_000 + number), 0, span(second, second + 1), None);
        }
        let last = i64::try_from(MAX_HOPS).unwrap() * 10;
        let hidden = |coverage: &Coverage, window| {
            coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), LegSet::EMPTY, window, &profile)
        };
        assert!(!hidden(&coverage, span(0, last - 5)) && hidden(&coverage, span(last, last)));
        coverage.forget(time(last + 5));
        assert!(!hidden(&coverage, span(0, last)));
    }

    /// What a stream between these two on port 5099 hides that was there from second 0 to 10.
    fn hides(coverage: &mut Coverage, ends: [&str; 2]) -> LegSet {
        let profile = Profile::built_in().unwrap();
        let [client, server] = ends.map(|host| (host.parse::<std::net::IpAddr>().unwrap(), 5_099).into());
        coverage.unreadable_elsewhere(Hop::of(&Flow { client, server }), 0, span(0, 10), None);
        hidden_at(coverage, LegSet::EMPTY, span(5, 5), &profile)
    }

    fn hidden_at(coverage: &Coverage, own: LegSet, window: Span, profile: &Profile) -> LegSet {
        let is_hidden = |leg: &Leg| coverage.encrypted(LegSet::of(&[*leg]), own, window, profile);
        LegSet::of(&Leg::ALL.into_iter().filter(is_hidden).collect::<Vec<_>>())
    }

    const FRONT_END: &str = "192.0.2.7";
    const EDGE: &str = "192.0.2.9";
    const AGENT: &str = "192.0.2.50";

    /// A Front End that talks to its Edge, of which it is known what it says.
    fn seen() -> Coverage {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let [client, server] = ["192.0.2.7:50000", "192.0.2.9:5061"].map(|address| address.parse().unwrap());
        let flow = Flow { client, server };
        coverage.heard(&flow, time(0));
        coverage.sip(Hop::of(&flow), 0, Some(Leg::EdgeInternal));
        coverage
    }

    #[test]
    fn with_strangers_nobody_speaks_on_legs_whose_hop_is_known() {
        let profile = Profile::built_in().unwrap();
        let others = LegSet::of(&[Leg::Caller, Leg::Mcx, Leg::PushInternal, Leg::EdgeExternal]);
        assert_eq!(hides(&mut seen(), [FRONT_END, AGENT]), others);
        assert_eq!(hides(&mut seen(), [AGENT, FRONT_END]), others);
        assert_eq!(hides(&mut seen(), [FRONT_END, EDGE]), LegSet::of(&Leg::ALL), "both speak SIP");
        // One that is suspected counts like one that was read, and so does its hop where it can be one leg only.
        let [agent, mobility, pushes] = [(AGENT, 5_061), (FRONT_END, 5_087), (FRONT_END, 5_061)].map(|(host, port)| {
            let [client, server] =
                [FRONT_END, host].map(|host| (host.parse::<std::net::IpAddr>().unwrap(), port).into());
            Hop::of(&Flow { client, server })
        });
        let mut coverage = seen();
        coverage.suspect(&mobility, true, time(0));
        coverage.suspect(&pushes, false, time(0));
        assert_eq!(hides(&mut coverage, [FRONT_END, AGENT]), LegSet::of(&[Leg::Caller, Leg::EdgeExternal]));
        // Another caller may be there, unless the ladder's own is.
        coverage.sip(hop(5061), 0, Some(Leg::Caller));
        assert!(hidden_at(&coverage, LegSet::EMPTY, span(5, 5), &profile).contains(Leg::Caller));
        let own = LegSet::of(&[Leg::Caller]);
        assert_eq!(hidden_at(&coverage, own, span(5, 5), &profile), LegSet::of(&[Leg::EdgeExternal]));
        coverage.suspect(&agent, false, time(0));
        assert_eq!(hidden_at(&coverage, own, span(5, 5), &profile), LegSet::of(&Leg::ALL));
        // What was opened on the very hop tells what it is.
        let mut coverage = seen();
        let [client, server] = [FRONT_END, AGENT].map(|host| (host.parse::<std::net::IpAddr>().unwrap(), 5_099).into());
        coverage.sip(Hop::of(&Flow { client, server }), 0, Some(Leg::EdgeInternal));
        assert_eq!(hides(&mut coverage, [FRONT_END, AGENT]), LegSet::of(&[Leg::EdgeInternal]));
    }

    #[test]
    fn a_hop_hides_nothing_in_the_hours_between() {
        let profile = Profile::built_in().unwrap();
        let own = LegSet::EMPTY;
        for (port, push) in
            [(5_061, Coverage::unreadable as fn(&mut Coverage, _, _, _, _)), (5_099, Coverage::unreadable_elsewhere)]
        {
            let mut coverage = seen();
            push(&mut coverage, hop(port), 0, span(0, 10), None);
            push(&mut coverage, hop(port), 0, span(20_000, 20_010), None);
            push(&mut coverage, hop(port), 0, span(21_000, 21_010), None);
            for (second, expected) in [(5, true), (9_000, false), (20_005, true), (20_500, true), (22_000, false)] {
                let found = hidden_at(&coverage, own, span(second, second), &profile);
                assert_eq!(!found.is_empty(), expected, "{port} {second}");
            }
        }
    }

    #[test]
    fn what_one_connection_shows_late_does_not_show_what_another_on_its_hop_hides() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let hidden = |coverage: &Coverage, window| {
            coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), LegSet::EMPTY, window, &profile)
        };
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
        assert!(
            coverage.encrypted(LegSet::of(&[Leg::EdgeInternal]), LegSet::EMPTY, last, &profile),
            "it may stay closed"
        );
    }

    #[test]
    fn missing_frames_hide_every_leg_or_those_of_their_input() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY; 2]);
        coverage.sip(hop(5087), 1, Some(Leg::Mcx));
        coverage.blind(Some(1), span(10, 11));
        coverage.blind(None, span(20, 21));
        let hidden =
            |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), LegSet::EMPTY, window, &profile);
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
