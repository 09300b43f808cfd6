//! Which hosts speak SIP, and as what.
//!
//! In: the flow of every SIP message, what its hop turned out to be, and what cannot be read on ports of SIP. Out: the legs that something between two hosts may
//! be of which nothing else is known. Limits: [`MAX_HOSTS`]; beyond it every further host may be one.

use std::net::IpAddr;

use foldhash::HashMap;

use crate::flow::Flow;
use crate::ladder::hop::Hop;
use crate::ladder::leg::{Leg, LegSet};

/// Hosts remembered, about 40 octets each.
const MAX_HOSTS: usize = 65_536;

/// What is known of one.
#[derive(Clone, Copy, Debug, Default)]
struct Host {
    /// The legs it was seen on.
    legs: LegSet,
    /// Whether it listens for SIP.
    serves: bool,
    /// Whether it registers a user that is on no phone.
    registers: bool,
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

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    known: HashMap<IpAddr, Host>,
    /// Between whom SIP was read last.
    last: Option<Flow>,
    /// Whether some are not remembered.
    is_crowded: bool,
}

impl Hosts {
    /// SIP was read between these two.
    pub(super) fn heard(&mut self, flow: &Flow) {
        if self.last.as_ref() == Some(flow) {
            return;
        }
        self.last = Some(*flow);
        self.change(flow.client.ip(), |_| {});
        self.change(flow.server.ip(), |host| host.serves = true);
    }

    /// Something between these two cannot be read and should be SIP by its port.
    pub(super) fn suspect(&mut self, hop: &Hop) {
        hop.hosts().into_iter().for_each(|host| self.change(host, |_| {}));
    }

    /// A host registered a user by itself, who is on no phone.
    pub(super) fn registers(&mut self, host: IpAddr) {
        self.change(host, |host| host.registers = true);
    }

    /// A hop was seen to be these legs.
    pub(super) fn on(&mut self, hop: &Hop, legs: LegSet) {
        for host in hop.hosts() {
            self.change(host, |host| host.legs = host.legs.union(legs));
        }
    }

    fn change(&mut self, host: IpAddr, change: impl FnOnce(&mut Host)) {
        if self.known.len() < MAX_HOSTS || self.known.contains_key(&host) {
            change(self.known.entry(host).or_default());
        } else {
            self.is_crowded = true;
        }
    }

    /// Whether a host is known for SIP, or may be one of those that are not remembered.
    pub(super) fn speaks(&self, host: IpAddr) -> bool {
        self.is_crowded || self.known.contains_key(&host)
    }

    /// The legs a hop may be of which nothing but its two hosts is known: none where neither is known for SIP. What a host says
    /// to itself on a loopback address is that of one that has another address as well.
    pub(super) fn legs_between(&self, hop: &Hop) -> LegSet {
        let is_suspect = |host: &IpAddr| self.speaks(*host) || host.is_loopback() && !self.known.is_empty();
        if !hop.hosts().iter().any(is_suspect) {
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
        hosts.heard(&flow(ALICE, FRONT_END, 5_061));
        assert_eq!(legs(&hosts, FRONT_END, EDGE), LegSet::of(&Leg::ALL));
        assert_eq!(legs(&hosts, EDGE, FRONT_END), LegSet::of(&Leg::ALL));
        assert!(legs(&hosts, "192.0.2.30", EDGE).is_empty());
        let itself = LegSet::of(&[Leg::Mcx, Leg::PushInternal]);
        for one in [FRONT_END, "127.0.0.1", "::1"] {
            assert_eq!(legs(&hosts, one, one), itself, "{one}");
        }
        assert!(legs(&hosts, EDGE, EDGE).is_empty());
        hosts.suspect(&Hop::of(&flow(FRONT_END, EDGE, 5_061)));
        assert_eq!(legs(&hosts, EDGE, EDGE), itself);
    }

    #[test]
    fn a_host_keeps_to_its_role_as_far_as_it_is_known() {
        let mut hosts = Hosts::default();
        let registered = flow(ALICE, FRONT_END, 5_061);
        hosts.heard(&registered);
        hosts.registers(registered.client.ip());
        hosts.on(&Hop::of(&registered), LegSet::EMPTY.with(Leg::Caller));
        let caller = LegSet::EMPTY.with(Leg::Caller);
        assert_eq!((legs(&hosts, ALICE, EDGE), legs(&hosts, FRONT_END, ALICE)), (caller, caller));
        assert_eq!(legs(&hosts, FRONT_END, EDGE), LegSet::of(&Leg::ALL), "who is registered with serves");
        // One that others dial, or that is on another leg, is more than a client.
        hosts.heard(&flow(FRONT_END, ALICE, 5_061));
        assert_eq!(legs(&hosts, ALICE, EDGE), LegSet::of(&Leg::ALL));
        let outside = flow("198.51.100.9", "203.0.113.10", 5_061);
        hosts.heard(&outside);
        hosts.on(&Hop::of(&outside), LegSet::EMPTY.with(Leg::EdgeExternal));
        let found = legs(&hosts, "198.51.100.9", "203.0.113.11");
        assert!(found.contains(Leg::EdgeExternal) && !found.meets(LegSet::of(&[Leg::Mcx, Leg::PushInternal])));
    }

    #[test]
    fn hosts_beyond_the_limit_may_speak_sip() {
        let mut hosts = Hosts::default();
        let most = u32::try_from(MAX_HOSTS).unwrap();
        for number in 0..=most {
            hosts.registers(std::net::Ipv4Addr::from(0x0a00_0000 + number).into());
        }
        assert_eq!(hosts.known.len(), MAX_HOSTS);
        assert_eq!(legs(&hosts, "192.0.2.1", "192.0.2.2"), LegSet::of(&Leg::ALL));
    }
}
