//! Who stands where: the hosts, their addresses and the hops between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::options::Vantage;

/// The Front End's name.
pub(super) const FRONT_END: &str = "fe01.example.com";
/// The Edge's name.
pub(super) const EDGE: &str = "edge01.example.com";
/// The clearing house's proxy.
pub(super) const CLEARING_HOUSE: &str = "sipfed.online.lync.com";
/// An ordinary federated partner, for traffic that is no push.
pub(super) const PARTNER: &str = "sip.partner.example";

/// One TCP connection of the deployment, or rather the place where it runs: a broken one is made again.
///
/// Servers keep up to four connections side by side to each other; `u8` says which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Hop {
    /// A calling desktop to the Front End, by the user's number.
    Caller(u64),
    /// A called user's desktop to the Front End, by the user's number.
    Callee(u64),
    /// The Front End to the Mobility Service.
    Mcx(u8),
    /// The Front End to UCWA.
    Ucwa(u8),
    /// The mobility service back to the Front End, with a push.
    PushInternal(u8),
    /// The Front End to the Edge.
    EdgeInternal(u8),
    /// The Edge to the clearing house.
    EdgeExternal(u8),
    /// The Edge to the ordinary partner.
    Partner,
}

impl Hop {
    /// Whether its packets pass where the capture is taken.
    pub(super) const fn is_seen_from(self, vantage: Vantage) -> bool {
        matches!(
            (self, vantage),
            (Self::Caller(_), Vantage::Caller | Vantage::Frontend)
                | (Self::Callee(_), Vantage::Frontend)
                | (Self::Mcx(_) | Self::Ucwa(_) | Self::PushInternal(_), Vantage::FrontendLoopback)
                | (Self::EdgeInternal(_), Vantage::Frontend | Vantage::EdgeInternal)
                | (Self::EdgeExternal(_) | Self::Partner, Vantage::EdgeExternal)
        )
    }

    /// The names of the host that opens its connections, if that is a server, and of the one that listens.
    #[cfg(feature = "tls")]
    pub(super) const fn names(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Caller(_) | Self::Callee(_) => (None, FRONT_END),
            Self::Mcx(_) | Self::Ucwa(_) | Self::PushInternal(_) => (Some(FRONT_END), FRONT_END),
            Self::EdgeInternal(_) => (Some(FRONT_END), EDGE),
            Self::EdgeExternal(_) => (Some(EDGE), CLEARING_HOUSE),
            Self::Partner => (Some(EDGE), PARTNER),
        }
    }

    /// Whether it belongs to one user, and is closed when the user's story is over.
    pub(super) const fn is_of_user(self) -> bool {
        matches!(self, Self::Caller(_) | Self::Callee(_))
    }
}

/// The addresses of all hosts, as IPv4 or as IPv6.
#[derive(Clone, Copy, Debug)]
pub(super) struct Topology {
    /// Whether the hosts speak IPv6.
    pub(super) ipv6: bool,
}

impl Topology {
    /// The Front End, and the mobility services on it.
    pub(super) fn front_end(self) -> IpAddr {
        self.address(192, 7)
    }

    /// The Edge's inner side.
    pub(super) fn edge_inside(self) -> IpAddr {
        self.address(192, 9)
    }

    /// The Edge's outer side.
    pub(super) fn edge_outside(self) -> IpAddr {
        self.address(198, 9)
    }

    /// The two ends of a hop's connection: who opens it, and who listens.
    ///
    /// `turn` counts connections made on this hop before; each has a client port of its own.
    pub(super) fn ends(self, hop: Hop, turn: u16) -> (SocketAddr, SocketAddr) {
        let (client, port, server, listening) = match hop {
            Hop::Caller(user) => {
                let (address, port) = self.caller(user);
                (address, port, self.front_end(), 5061)
            }
            Hop::Callee(user) => {
                let (address, port) = self.callee(user);
                (address, port, self.front_end(), 5061)
            }
            Hop::Mcx(lane) => (self.front_end(), 49_901 + u16::from(lane), self.front_end(), 5087),
            Hop::Ucwa(lane) => (self.front_end(), 49_951 + u16::from(lane), self.front_end(), 5088),
            Hop::PushInternal(lane) => (self.front_end(), 51_877 + u16::from(lane), self.front_end(), 5061),
            Hop::EdgeInternal(lane) => (self.front_end(), 50_101 + u16::from(lane), self.edge_inside(), 5061),
            Hop::EdgeExternal(lane) => (self.edge_outside(), 50_301 + u16::from(lane), self.address(203, 10), 5061),
            Hop::Partner => (self.edge_outside(), 50_401, self.address(203, 20), 5061),
        };
        // Server ports lie within 100 of each other, so steps of 512 keep all turns of all hops apart.
        let port = if hop.is_of_user() { port } else { port.wrapping_add((turn % 16) * 512) };
        (SocketAddr::new(client, port), SocketAddr::new(server, listening))
    }

    /// Callers sit at 192.0.2.20 to 56 and 120 to 250, each address with many ports.
    fn caller(self, user: u64) -> (IpAddr, u16) {
        const FIRST: u64 = 37;
        const ALL: u64 = FIRST + 131;
        let place = user % ALL;
        let host = if place < FIRST { 20 + place } else { 120 + place - FIRST };
        (self.address(192, host as u8), 51_000 + (user / ALL % 14_000) as u16)
    }

    /// Called users' desktops sit at 192.0.2.57 to 119.
    fn callee(self, user: u64) -> (IpAddr, u16) {
        const ALL: u64 = 63;
        (self.address(192, (57 + user % ALL) as u8), 3_232 + (user / ALL % 45_000) as u16)
    }

    /// The `host`th address of one of the documentation networks: 192.0.2.0, 198.51.100.0 or 203.0.113.0,
    /// or a part of 2001:db8::/32.
    fn address(self, network: u8, host: u8) -> IpAddr {
        if self.ipv6 {
            return IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, u16::from(network), 0, 0, 0, 0, u16::from(host)));
        }
        IpAddr::V4(match network {
            192 => Ipv4Addr::new(192, 0, 2, host),
            198 => Ipv4Addr::new(198, 51, 100, host),
            _ => Ipv4Addr::new(203, 0, 113, host),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn connections_do_not_share_ends() {
        let topology = Topology { ipv6: false };
        let hops = (0..20_000).flat_map(|n| [Hop::Caller(n), Hop::Callee(n)]).chain((0..4).flat_map(|lane| {
            [Hop::Mcx(lane), Hop::Ucwa(lane), Hop::PushInternal(lane), Hop::EdgeInternal(lane), Hop::EdgeExternal(lane)]
        }));
        let ends: Vec<_> = hops.map(|hop| topology.ends(hop, 0)).collect();
        assert_eq!(ends.iter().collect::<BTreeSet<_>>().len(), ends.len());
    }

    #[test]
    fn well_known_places() {
        let check = |hop, turn, expected: &str| {
            let (client, server) = Topology { ipv6: false }.ends(hop, turn);
            assert_eq!(format!("{client} {server}"), expected);
        };
        check(Hop::Caller(0), 0, "192.0.2.20:51000 192.0.2.7:5061");
        check(Hop::Callee(0), 0, "192.0.2.57:3232 192.0.2.7:5061");
        check(Hop::Mcx(0), 0, "192.0.2.7:49901 192.0.2.7:5087");
        check(Hop::EdgeExternal(0), 1, "198.51.100.9:50813 203.0.113.10:5061");
        let (client, _) = Topology { ipv6: true }.ends(Hop::Caller(1), 0);
        assert_eq!(client.to_string(), "[2001:db8:c0::15]:51000");
    }
}
