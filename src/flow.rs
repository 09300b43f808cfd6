//! Who talks to whom: endpoints, connections and their two sides.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One direction-free conversation between two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flow {
    /// Who opened it, as far as the capture shows.
    pub client: SocketAddr,
    /// Who was listening.
    pub server: SocketAddr,
}

impl Flow {
    /// The endpoint that sends on `side`.
    pub fn sender(&self, side: Side) -> SocketAddr {
        match side {
            Side::Client => self.client,
            Side::Server => self.server,
        }
    }

    /// The endpoint that receives what `side` sends.
    pub fn receiver(&self, side: Side) -> SocketAddr {
        self.sender(side.other())
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.client, self.server)
    }
}

/// One of the two senders of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The endpoint that opened the connection.
    Client,
    /// The endpoint that accepted it.
    Server,
}

impl Side {
    /// The opposite side.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// This side's one of a pair that holds the client's first.
    pub const fn of<T>(self, [client, server]: &mut [T; 2]) -> &mut T {
        match self {
            Self::Client => client,
            Self::Server => server,
        }
    }

    /// 0 for the client, 1 for the server: an index into per-side arrays.
    pub const fn index(self) -> usize {
        match self {
            Self::Client => 0,
            Self::Server => 1,
        }
    }
}

/// What carries a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP, RFC 9293.
    Tcp,
    /// UDP, RFC 768.
    Udp,
    /// What Wireshark exported of TCP, without its sequence numbers: octets may be repeated or left out.
    Export,
}

/// The number of a connection within one analysis, given in the order connections are first seen.
///
/// Ports used again by a new connection get a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Hands out connection numbers from 0 on; clones share one count, so TCP and UDP never give the same number.
#[derive(Clone, Debug, Default)]
pub struct ConnectionIds {
    next: Arc<AtomicU64>,
}

impl ConnectionIds {
    /// A number that was never given before.
    pub fn next_id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// A connection as the stages above TCP see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its number.
    pub id: ConnectionId,
    /// Its endpoints.
    pub flow: Flow,
    /// What carries it.
    pub transport: Transport,
    /// Whether the capture does not show how it began: it joined it later, as far as it is known.
    pub is_joined: bool,
}
