//! Connections that were not made.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::flow::Flow;
use crate::frame::FrameRef;
use crate::report::model::Citation;

/// Attempts to connect to one port of one host, which came to nothing in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialed {
    /// Who dials: the first few, if they are many.
    pub clients: BTreeSet<IpAddr>,
    /// Whether there are more.
    pub more_clients: bool,
    /// Whom.
    pub server: SocketAddr,
    /// A RST said no; else nothing answered.
    pub refused: bool,
    /// Attempts, each from a port of its own.
    pub attempts: u64,
    /// SYNs in them.
    pub syns: u64,
    /// The first frame of the first one.
    pub first: FrameRef,
    /// The first few of them.
    pub flows: Vec<Flow>,
    /// Frames that show them, the first few, in order.
    pub frames: Vec<FrameRef>,
}

impl Dialed {
    /// Frames that show them.
    pub fn citations(&self) -> impl Iterator<Item = Citation> {
        self.frames.iter().map(|at| Citation { input: at.input, frame: at.number })
    }

    /// Who dials, in words.
    pub fn dialer(&self) -> String {
        match (self.clients.first(), self.clients.len(), self.more_clients) {
            (Some(one), 1, false) => one.to_string(),
            (_, hosts, false) => format!("{hosts} hosts"),
            (_, hosts, true) => format!("more than {hosts} hosts"),
        }
    }
}
