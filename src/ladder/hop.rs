//! Hops: between which two hosts SIP passes, whoever opened the connection.

use std::net::{IpAddr, SocketAddr};

use crate::flow::Flow;

/// Two hosts and the port one of them listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hop {
    low: IpAddr,
    high: IpAddr,
    port: u16,
}

impl Hop {
    /// The hop of a flow, whichever host opened it.
    pub fn of(flow: &Flow) -> Self {
        let (client, server) = (flow.client.ip(), flow.server.ip());
        Self { low: client.min(server), high: client.max(server), port: flow.server.port() }
    }

    /// Whether a connection between these two is on it, whichever of them opened it.
    pub fn is_between(&self, [one, other]: [SocketAddr; 2]) -> bool {
        (self.low, self.high) == (one.ip().min(other.ip()), one.ip().max(other.ip()))
            && [one.port(), other.port()].contains(&self.port)
    }

    /// Its two hosts.
    pub fn hosts(&self) -> [IpAddr; 2] {
        [self.low, self.high]
    }

    /// Whether a host talks to itself.
    pub fn is_one_host(&self) -> bool {
        self.low == self.high
    }

    /// The listening port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
