//! Which hosts speak SIP, and as what.
//!
//! In: the flow of every SIP message, what its hop turned out to be, and what cannot be read on ports of SIP. Out: the legs
//! that something between two hosts may be of which nothing else is known.
//! Limits: [`MAX_HOSTS`]; beyond it every further host may be one, and it is counted.

use std::net::IpAddr;

use foldhash::HashMap;

use crate::flow::Flow;
use crate::frame::Timestamp;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};

/// Hosts remembered, about 64 octets each.
const MAX_HOSTS: usize = 65_536;
/// Beyond so many those are let go that are heard of no more.
const MANY: usize = MAX_HOSTS / 2;
/// How exactly it is known when a host was heard of last, nanoseconds.
const FRESH: i64 = 60_000_000_000;

/// What is known of one.
#[derive(Clone, Copy, Debug)]
struct Host {
    /// The legs it was seen on.
    legs: LegSet,
    /// Whether it listens for SIP.
    serves: bool,
    /// Whether it registers a user that is on no phone.
    registers: bool,
    /// When it was heard of last.
    last: Timestamp,
}

impl Host {
    /// The legs it may take part in. A client has its own only, and what is outside the Edge is part of no pool.
    fn legs(self) -> LegSet {
        let only = |leg| self.legs.intersection(LegSet::EMPTY.with(leg)) == self.legs;
        if self.registers && !self.serves && only(Leg::Caller) {
            LegSet::EMPTY.with(Leg::Caller)
        } else if !self.legs.is_empty() && only(Leg::EdgeExternal) {
            LegSet::of(&[Leg::Caller, Leg::EdgeInternal, Leg::EdgeExternal])
        } else {
            LegSet::of(&Leg::ALL)
        }
    }
}

/// What is new of the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// This one is known for SIP from now on.
    Known(IpAddr),
    /// The first one is.
    First,
    /// Every host may be from now on.
    Crowded,
    /// Something else of one that is.
    Role,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    known: HashMap<IpAddr, Host>,
    /// Between whom SIP was read last, and when it was told.
    last: Option<(Flow, Timestamp)>,
    /// When some were not remembered last, if any.
    crowded: Option<Timestamp>,
    /// How often one was not remembered.
    pub(super) dropped: u64,
    /// What is new and was not taken yet.
    changes: Vec<Change>,
    /// Legs of which a stream that cannot be read may be the hop, and nothing else by its port and its hosts.
    suspected: LegSet,
}

impl Hosts {
    /// SIP was read between these two.
    pub(super) fn heard(&mut self, flow: &Flow, now: Timestamp) {
        if self.last.is_some_and(|(last, at)| last == *flow && now.since(at) < FRESH) {
            return;
        }
        self.last = Some((*flow, now));
        self.change(flow.client.ip(), now, |_| {});
        self.change(flow.server.ip(), now, |host| host.serves = true);
    }

    /// Something between these two cannot be read and should be SIP by its port, of one of these `legs`.
    pub(super) fn suspect(&mut self, hop: &Hop, legs: LegSet, now: Timestamp) {
        hop.hosts().into_iter().for_each(|host| self.change(host, now, |_| {}));
        if legs.only().is_some() && self.suspected.union(legs) != self.suspected {
            self.suspected = self.suspected.union(legs);
            self.changes.push(Change::Role);
        }
    }

    /// Legs that have a hop which is suspected, and can be nothing else.
    pub(super) fn suspected(&self) -> LegSet {
        self.suspected
    }

    /// A host registered a user by itself, who is on no phone.
    pub(super) fn registers(&mut self, host: IpAddr) {
        self.change(host, self.now(), |host| host.registers = true);
    }

    /// A hop was seen to be these legs.
    pub(super) fn on(&mut self, hop: &Hop, legs: LegSet) {
        let now = self.now();
        for host in hop.hosts() {
            self.change(host, now, |host| host.legs = host.legs.union(legs));
        }
    }

    fn now(&self) -> Timestamp {
        self.last.map_or(Timestamp::new(0, 0), |(_, at)| at)
    }

    fn change(&mut self, address: IpAddr, now: Timestamp, change: impl FnOnce(&mut Host)) {
        let fresh = Host { legs: LegSet::EMPTY, serves: false, registers: false, last: now };
        let is_known = self.known.contains_key(&address);
        if !is_known && self.known.len() >= MAX_HOSTS {
            self.dropped += 1;
            if self.crowded.replace(now).is_none() {
                self.changes.push(Change::Crowded);
            }
            return;
        }
        if self.known.is_empty() {
            self.changes.push(Change::First);
        }
        let host = self.known.entry(address).or_insert(fresh);
        let before = (host.legs, host.serves, host.registers);
        change(host);
        host.last = host.last.max(now);
        if !is_known {
            self.changes.push(Change::Known(address));
        } else if before != (host.legs, host.serves, host.registers) {
            self.changes.push(Change::Role);
        }
    }

    /// What is new since this was asked last.
    pub(super) fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Lets go of those that were not heard of since `before`, where there are many. Says whether there were any.
    pub(super) fn forget(&mut self, before: Timestamp) -> bool {
        let (count, was_crowded) = (self.known.len(), self.crowded.is_some());
        if count > MANY {
            self.known.retain(|_, host| host.last.shifted(FRESH) >= before);
        }
        self.crowded = self.crowded.filter(|crowded| *crowded >= before);
        (count, was_crowded) != (self.known.len(), self.crowded.is_some())
    }

    /// Whether a host is known for SIP, or may be one of those that are not remembered.
    pub(super) fn speaks(&self, host: IpAddr) -> bool {
        self.crowded.is_some() || self.known.contains_key(&host)
    }

    /// Whether a host may be one that is known for SIP: what one says to itself on a loopback address is that of one that has
    /// another address as well.
    pub(super) fn may_speak(&self, host: IpAddr) -> bool {
        self.speaks(host) || host.is_loopback() && !self.known.is_empty()
    }

    /// Whether one of a hop's hosts is not known for SIP.
    pub(super) fn is_with_stranger(&self, hop: &Hop) -> bool {
        !hop.hosts().into_iter().all(|host| self.may_speak(host))
    }

    /// The legs a hop may be of which nothing but its two hosts is known: none where neither is known for SIP.
    pub(super) fn legs_between(&self, hop: &Hop) -> LegSet {
        if !hop.hosts().into_iter().any(|host| self.may_speak(host)) {
            return LegSet::EMPTY;
        }
        if hop.is_one_host() {
            // A Front End talks to itself only through its mobility service.
            return LegSet::of(&[Leg::Mcx, Leg::PushInternal]);
        }
        let known = hop.hosts().into_iter().filter_map(|host| self.known.get(&host));
        known.fold(LegSet::of(&Leg::ALL), |legs, host| legs.intersection(host.legs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::coverage::tests::time;

    fn flow(client: &str, server: &str, port: u16) -> Flow {
        Flow {
            client: (client.parse::<IpAddr>().unwrap(), 50_000).into(),
            server: (server.parse::<IpAddr>().unwrap(), port).into(),
        }
    }

    fn legs(hosts: &Hosts, one: &str, other: &str) -> LegSet {
        hosts.legs_between(&Hop::of(&flow(one, other, 5_099)))
    }

    const ALICE: &str = "192.0.2.20";
    const FRONT_END: &str = "192.0.2.7";
    const EDGE: &str = "192.0.2.9";

    #[test]
    fn only_hosts_that_speak_sip_may_do_so_elsewhere() {
        let mut hosts = Hosts::default();
        assert!(legs(&hosts, FRONT_END, EDGE).is_empty() && legs(&hosts, "127.0.0.1", "127.0.0.1").is_empty());
        hosts.heard(&flow(ALICE, FRONT_END, 5_061), time(0));
        assert_eq!(legs(&hosts, FRONT_END, EDGE), LegSet::of(&Leg::ALL));
        assert_eq!(legs(&hosts, EDGE, FRONT_END), LegSet::of(&Leg::ALL));
        assert!(legs(&hosts, "192.0.2.30", EDGE).is_empty());
        let itself = LegSet::of(&[Leg::Mcx, Leg::PushInternal]);
        for one in [FRONT_END, "127.0.0.1", "::1"] {
            assert_eq!(legs(&hosts, one, one), itself, "{one}");
        }
        assert!(legs(&hosts, EDGE, EDGE).is_empty());
        hosts.suspect(&Hop::of(&flow(FRONT_END, EDGE, 5_061)), LegSet::EMPTY, time(0));
        assert_eq!(legs(&hosts, EDGE, EDGE), itself);
    }

    #[test]
    fn a_host_keeps_to_its_role_as_far_as_it_is_known() {
        let mut hosts = Hosts::default();
        let registered = flow(ALICE, FRONT_END, 5_061);
        hosts.heard(&registered, time(0));
        hosts.registers(registered.client.ip());
        hosts.on(&Hop::of(&registered), LegSet::EMPTY.with(Leg::Caller));
        let caller = LegSet::EMPTY.with(Leg::Caller);
        assert_eq!((legs(&hosts, ALICE, EDGE), legs(&hosts, FRONT_END, ALICE)), (caller, caller));
        assert_eq!(legs(&hosts, FRONT_END, EDGE), LegSet::of(&Leg::ALL), "who is registered with serves");
        // One that others dial, or that is on another leg, is more than a client.
        hosts.heard(&flow(FRONT_END, ALICE, 5_061), time(0));
        assert_eq!(legs(&hosts, ALICE, EDGE), LegSet::of(&Leg::ALL));
        let outside = flow("198.51.100.9", "203.0.113.10", 5_061);
        hosts.heard(&outside, time(0));
        hosts.on(&Hop::of(&outside), LegSet::EMPTY.with(Leg::EdgeExternal));
        let found = legs(&hosts, "198.51.100.9", "203.0.113.11");
        assert!(found.contains(Leg::EdgeExternal) && !found.meets(LegSet::of(&[Leg::Mcx, Leg::PushInternal])));
    }

    #[test]
    fn hosts_beyond_the_limit_may_speak_sip_until_there_is_room_again() {
        let mut hosts = Hosts::default();
        let most = u32::try_from(MAX_HOSTS).unwrap();
        let host = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number));
        (0..most).for_each(|number| hosts.change(host(number), time(i64::from(number % 2) * 1_000), |_| {}));
        assert!(legs(&hosts, "192.0.2.1", "192.0.2.2").is_empty() && hosts.dropped == 0);
        hosts.change(host(most), time(2_000), |_| {});
        assert_eq!((hosts.known.len(), hosts.dropped), (MAX_HOSTS, 1));
        assert_eq!(legs(&hosts, "192.0.2.1", "192.0.2.2"), LegSet::of(&Leg::ALL));
        assert_eq!(hosts.changes().last(), Some(&Change::Crowded));
        // Those that were heard of since stay; who was not remembered may have been anybody until that is long over.
        assert!(hosts.forget(time(500)) && hosts.known.len() == MAX_HOSTS / 2 && hosts.speaks(host(1)));
        assert_eq!(legs(&hosts, "192.0.2.1", "192.0.2.2"), LegSet::of(&Leg::ALL));
        assert!(hosts.forget(time(3_000)));
        assert!(legs(&hosts, "192.0.2.1", "192.0.2.2").is_empty());
        assert!(hosts.speaks(host(1)), "of few none is let go");
    }

    #[test]
    fn a_host_that_says_the_same_again_is_heard_of_again() {
        let mut hosts = Hosts::default();
        let known = flow(ALICE, FRONT_END, 5_061);
        (0..10).for_each(|minute| hosts.heard(&known, time(minute * 100)));
        assert!(hosts.known.values().all(|host| host.last == time(900)));
    }
}
