//! What carried a frame's octets, and whether that is SIP: what decides which frames are kept.

use std::net::SocketAddr;

use crate::flow::ConnectionId;

/// Two endpoints without direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ends {
    low: SocketAddr,
    high: SocketAddr,
}

impl Ends {
    /// The ends of what `one` and `other` send each other.
    pub fn new(one: SocketAddr, other: SocketAddr) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// The addresses of both.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        [self.low, self.high]
    }

    /// The ports of both.
    pub fn ports(&self) -> [u16; 2] {
        [self.low.port(), self.high.port()]
    }
}

/// What the latest frame was part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// No stream and no datagram.
    #[default]
    None,
    /// A fragment of a packet that is not whole yet.
    Fragment,
    /// A segment of a TCP connection; without a number when that is over, or was never met.
    Stream(Ends, Option<ConnectionId>),
    /// A datagram of its own.
    Datagram(Ends, Told),
}

/// What a datagram tells of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is a SIP message.
    Sip,
    /// It is blank, as what keeps a path open, or a beginning.
    Little,
    /// It is something else.
    Other,
}

/// Whether frames are those of SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are, or nobody can tell on a port where SIP is expected.
    Keep,
    /// Nobody knows yet.
    Wait,
    /// They are not.
    Drop,
}
