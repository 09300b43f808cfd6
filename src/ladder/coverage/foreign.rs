//! Streams inside TLS that cannot be read, on ports of which nothing is known.
//!
//! In: that one was in use, and which hosts are known for SIP. Out: those of hosts that are, one by one, and what is known of
//! further ones. Those of strangers have a room of their own, so that they take nobody's place; once a host of theirs is
//! known they count like the rest.
//! Limits: those of `closed`, twice; [`MAX_STRANGERS`]. Beyond them it is only known that there were some.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use super::Span;
use super::closed::{APART, Closed, MAX_APART, Unread};
use super::hosts::{Change, Hosts};
use super::spans::Spans;
use crate::flow::ConnectionId;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};

/// Strangers of whose streams it is remembered when they were, where the streams themselves are not.
const MAX_STRANGERS: usize = 16_384;

/// What may be in streams that are not remembered, and when they were.
#[derive(Clone, Debug)]
struct Beyond {
    legs: LegSet,
    /// Whether one of the hosts of each is not known for SIP.
    with_stranger: bool,
    spans: Spans,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Foreign {
    /// Of hosts of which one is known for SIP.
    known: Closed,
    /// Of hosts of which none is.
    strangers: Closed,
    /// The hosts of those.
    hosts: HashSet<IpAddr>,
    beyond: Vec<Beyond>,
    /// Hosts of streams that are not remembered and that are not known for SIP: when those were, and what they may hold.
    quiet: HashMap<IpAddr, (LegSet, Spans)>,
    /// The same of further ones.
    unnamed: Option<(LegSet, Span)>,
}

impl Foreign {
    /// One was in use; it holds nothing but what it `may` hold. Says whether that is new.
    pub(super) fn push(&mut self, unread: Unread, may: LegSet, hosts: &Hosts) -> bool {
        let ends = unread.hop.hosts();
        let pushed = if ends.into_iter().any(|host| hosts.may_speak(host)) {
            self.known.push(unread)
        } else {
            let pushed = self.strangers.push(unread);
            if pushed.is_ok() {
                self.hosts.extend(ends);
            }
            pushed
        };
        pushed.unwrap_or_else(|unread| self.overflow(&unread, may, hosts))
    }

    /// There is no room for one: what it may hide is kept.
    fn overflow(&mut self, unread: &Unread, may: LegSet, hosts: &Hosts) -> bool {
        let strangers: Vec<IpAddr> = unread.hop.hosts().into_iter().filter(|host| !hosts.may_speak(*host)).collect();
        let mut is_new = false;
        if strangers.len() < 2 {
            is_new |= self.hide(may, !strangers.is_empty(), unread.span);
        }
        for host in strangers {
            if self.quiet.len() < MAX_STRANGERS || self.quiet.contains_key(&host) {
                let (legs, spans) = self.quiet.entry(host).or_default();
                *legs = legs.union(may);
                is_new |= spans.push(unread.span, APART, MAX_APART);
            } else {
                let (legs, span) = self.unnamed.unwrap_or((may, unread.span));
                self.unnamed = Some((legs.union(may), span.joined(&unread.span)));
                is_new = true;
            }
        }
        is_new
    }

    fn hide(&mut self, legs: LegSet, with_stranger: bool, span: Span) -> bool {
        let alike = |beyond: &&mut Beyond| beyond.legs == legs && beyond.with_stranger == with_stranger;
        match self.beyond.iter_mut().find(alike) {
            Some(beyond) => beyond.spans.push(span, APART, MAX_APART),
            None => {
                self.beyond.push(Beyond { legs, with_stranger, spans: Spans::all(vec![span]) });
                true
            }
        }
    }

    /// Something is new of the hosts; `may` says what the streams of an input may hold.
    pub(super) fn changed(&mut self, change: Change, may: impl Fn(u16) -> LegSet, hosts: &Hosts) {
        let is_it = |host: &IpAddr| match change {
            Change::Known(known) => *host == known,
            Change::First => host.is_loopback(),
            Change::Crowded => true,
            Change::Role => false,
        };
        let is_among = match change {
            Change::Known(host) => self.hosts.contains(&host),
            Change::First | Change::Crowded => true,
            Change::Role => return,
        };
        if is_among {
            let risen = self.strangers.take(|hop| hop.hosts().iter().any(is_it));
            self.hosts = self.strangers.iter().flat_map(|(hop, ..)| hop.hosts()).collect();
            for unread in risen {
                self.push(unread, may(unread.input), hosts);
            }
        }
        // Who was at the other end is not remembered: it may be known as well.
        let heard: Vec<(LegSet, Spans)> = match change {
            Change::Known(host) => self.quiet.remove(&host).into_iter().collect(),
            _ => {
                let risen: Vec<IpAddr> = self.quiet.keys().filter(|host| is_it(host)).copied().collect();
                risen.iter().filter_map(|host| self.quiet.remove(host)).collect()
            }
        };
        for (legs, spans) in heard {
            spans.iter().for_each(|span| {
                self.hide(legs, false, span);
            });
        }
        if let Some((legs, span)) = self.unnamed.take() {
            self.hide(legs, false, span);
        }
    }

    /// Nothing of a connection waits for a secret any more; what it hid before `since` stays hidden.
    pub(super) fn settled(
        &mut self,
        connection: ConnectionId,
        since: Timestamp,
        may: impl Fn(u16) -> LegSet,
        hosts: &Hosts,
    ) {
        let mut over = self.known.settled(connection, since);
        over.append(&mut self.strangers.settled(connection, since));
        for unread in over {
            self.overflow(&unread, may(unread.input), hosts);
        }
    }

    /// Those of hosts of which one is known for SIP, with the input that shows each and when it was.
    pub(super) fn known(&self) -> impl Iterator<Item = (&Hop, u16, Span)> {
        self.known.iter()
    }

    /// The hops of those during `window`.
    pub(super) fn during(&self, window: Span) -> impl Iterator<Item = &Hop> {
        self.known.during(window)
    }

    /// When there were any of strangers only.
    pub(super) fn of_strangers(&self) -> impl Iterator<Item = Span> {
        let quiet = self.quiet.values().flat_map(|(_, spans)| spans.iter());
        let unnamed = self.unnamed.iter().map(|(_, span)| *span);
        self.strangers.iter().map(|(_, _, span)| span).chain(quiet).chain(unnamed)
    }

    /// What may be in those that are not remembered: the legs, whether one of the hosts of each is not known for SIP, and when.
    pub(super) fn beyond(&self) -> impl Iterator<Item = (LegSet, bool, Span)> {
        self.beyond.iter().flat_map(|beyond| beyond.spans.iter().map(|span| (beyond.legs, beyond.with_stranger, span)))
    }

    /// Forgets what was over before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.known.forget(before);
        self.strangers.forget(before);
        self.hosts = self.strangers.iter().flat_map(|(hop, ..)| hop.hosts()).collect();
        self.quiet.retain(|_, (_, spans)| {
            spans.forget(before);
            !spans.is_empty()
        });
        self.beyond.retain_mut(|beyond| {
            beyond.spans.forget(before);
            !beyond.spans.is_empty()
        });
        self.unnamed = self.unnamed.filter(|(_, span)| span.to >= before);
    }
}

/// What a stream may hold whose input shows the `told` legs; all where nothing was told.
pub(super) fn may_hold(told: LegSet) -> LegSet {
    if told.is_empty() { LegSet::of(&Leg::ALL) } else { told }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::flow::Flow;
    use crate::ladder::coverage::Coverage;
    use crate::ladder::coverage::closed::MAX_HOPS;
    use crate::ladder::coverage::tests::{span, time};
    use crate::ladder::profile::Profile;

    const FRONT_END: u32 = 0xc000_0207;
    const EDGE: u32 = 0xc000_0209;

    fn flow(one: u32, other: u32) -> Flow {
        let end = |host: u32, port| (IpAddr::from(Ipv4Addr::from(host)), port).into();
        Flow { client: end(one, 50_000), server: end(other, 5_099) }
    }

    fn close(coverage: &mut Coverage, [one, other]: [u32; 2], second: i64) {
        coverage.unreadable_elsewhere(Hop::of(&flow(one, other)), 0, span(second, second + 1), None);
    }

    fn hides(coverage: &Coverage, second: i64) -> LegSet {
        let profile = Profile::built_in().unwrap();
        let hides = |leg: &Leg| coverage.encrypted(LegSet::of(&[*leg]), LegSet::EMPTY, span(second, second), &profile);
        LegSet::of(&Leg::ALL.into_iter().filter(hides).collect::<Vec<_>>())
    }

    const MOST: u32 = MAX_HOPS as u32;
    /// Beyond these everything is over.
    const LAST: i64 = MAX_HOPS as i64 * 10;

    #[test]
    fn strangers_take_nobody_s_place_and_hide_nothing_until_they_are_known() {
        let mut coverage = Coverage::new(vec![LegSet::of(&[Leg::EdgeInternal, Leg::Mcx])]);
        let stranger = |number: u32| 0x0a00_0000 + number;
        let server = stranger(0xff_ffff);
        for number in 0..=MOST {
            close(&mut coverage, [stranger(number), server], i64::from(number) * 10);
        }
        close(&mut coverage, [stranger(7), stranger(8)], LAST + 100);
        coverage.heard(&flow(FRONT_END, EDGE), time(0));
        close(&mut coverage, [FRONT_END, EDGE], LAST + 200);
        let all = LegSet::of(&[Leg::EdgeInternal, Leg::Mcx]);
        assert!(hides(&coverage, 0).is_empty() && hides(&coverage, LAST).is_empty());
        assert_eq!(hides(&coverage, LAST + 200), all, "as far as --vantage tells");
        // What was remembered of one is there once it is known, and of one that was not its time.
        coverage.heard(&flow(stranger(3), FRONT_END), time(0));
        assert_eq!((hides(&coverage, 30), hides(&coverage, 40)), (all, LegSet::EMPTY));
        coverage.heard(&flow(stranger(8), FRONT_END), time(0));
        assert_eq!((hides(&coverage, LAST + 100), hides(&coverage, LAST)), (all, LegSet::EMPTY));
        coverage.heard(&flow(stranger(MOST), FRONT_END), time(0));
        assert_eq!(hides(&coverage, LAST), all);
        coverage.forget(time(LAST + 150));
        assert_eq!((hides(&coverage, LAST), hides(&coverage, LAST + 200)), (LegSet::EMPTY, all));
    }

    #[test]
    fn of_hosts_that_are_known_more_streams_hide_what_they_could() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        coverage.heard(&flow(FRONT_END, EDGE), time(0));
        coverage.sip(Hop::of(&flow(FRONT_END, EDGE)), 0, Some(Leg::EdgeInternal));
        let agent = |number: u32| 0x0a00_0000 + number;
        for number in 0..=MOST {
            close(&mut coverage, [agent(number), FRONT_END], i64::from(number) * 10);
        }
        let all = LegSet::of(&Leg::ALL);
        let others = all.without(LegSet::of(&[Leg::EdgeInternal]));
        assert_eq!((hides(&coverage, LAST), hides(&coverage, LAST + 5)), (others, LegSet::EMPTY));
        // Its agent is no stranger after all.
        coverage.heard(&flow(agent(MOST), FRONT_END), time(0));
        assert_eq!((hides(&coverage, LAST), hides(&coverage, 10)), (all, others));
    }

    #[test]
    fn strangers_beyond_the_limit_may_be_whoever_is_known_next() {
        let mut foreign = Foreign::default();
        let mut hosts = Hosts::default();
        let unread = |number: u32| Unread {
            hop: Hop::of(&flow(0x0a00_0000 + 2 * number, 0x0a00_0001 + 2 * number)),
            input: 0,
            span: span(i64::from(number), i64::from(number)),
            waiting: None,
        };
        let may = LegSet::of(&[Leg::Mcx]);
        let most = MOST + u32::try_from(MAX_STRANGERS).unwrap();
        (0..most).for_each(|number| {
            foreign.push(unread(number), may, &hosts);
        });
        assert!(foreign.quiet.len() == MAX_STRANGERS && foreign.unnamed.is_some());
        hosts.heard(&flow(FRONT_END, EDGE), time(0));
        for change in hosts.changes() {
            foreign.changed(change, |_| may, &hosts);
        }
        let beyond: Vec<_> = foreign.beyond().collect();
        assert_eq!(beyond.len(), 1);
        assert!(beyond[0].0 == may && beyond[0].2.to == time(i64::from(most) - 1) && foreign.unnamed.is_none());
    }
}
