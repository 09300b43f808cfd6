//! Hosts that speak SIP, as far as the reading half knows it.
//!
//! In: between whom SIP was found, or may be on a port of servers. Limits: [`MAX_HOSTS`], twice; those that were not heard of
//! for longest go.

use std::collections::HashSet;
use std::net::IpAddr;

use crate::flow::Flow;

/// Hosts remembered until those before them are let go.
const MAX_HOSTS: usize = 32_768;

/// All of them.
#[derive(Default)]
pub struct Speakers {
    recent: HashSet<IpAddr>,
    before: HashSet<IpAddr>,
    /// Between whom it was last.
    last: Option<Flow>,
}

impl Speakers {
    /// These two speak SIP.
    pub fn heard(&mut self, flow: &Flow) {
        if self.last.as_ref() == Some(flow) {
            return;
        }
        self.last = Some(*flow);
        for host in [flow.client.ip(), flow.server.ip()] {
            if self.recent.len() >= MAX_HOSTS && !self.recent.contains(&host) {
                self.before = std::mem::take(&mut self.recent);
            }
            self.recent.insert(host);
        }
    }

    /// Whether one of these two may: what a host says to itself on a loopback address is that of one that has another
    /// address as well.
    pub fn is_one_of(&self, flow: &Flow) -> bool {
        [flow.client.ip(), flow.server.ip()].iter().any(|host| {
            let is_known = self.recent.contains(host) || self.before.contains(host);
            is_known || host.is_loopback() && !self.recent.is_empty()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_are_heard_of_stay_and_their_number_is_bounded() {
        let mut speakers = Speakers::default();
        let flow = |one: u32, other: u32| {
            let end = |host: u32| (IpAddr::from(std::net::Ipv4Addr::from(host)), 5_061).into();
            Flow { client: end(one), server: end(other) }
        };
        let own = flow(0x7f00_0001, 0x7f00_0001);
        assert!(!speakers.is_one_of(&own));
        for number in 0..3 * u32::try_from(MAX_HOSTS).unwrap() {
            speakers.heard(&flow(0x0a00_0000 + number, 0xc000_0207));
            assert!(speakers.recent.len() <= MAX_HOSTS && speakers.before.len() <= MAX_HOSTS);
        }
        assert!(speakers.is_one_of(&flow(1, 0xc000_0207)) && speakers.is_one_of(&own));
        assert!(!speakers.is_one_of(&flow(1, 2)) && !speakers.is_one_of(&flow(1, 0x0a00_0000)));
    }
}
