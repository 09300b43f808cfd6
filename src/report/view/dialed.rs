//! Connections that were not made.

use std::net::{IpAddr, SocketAddr};

use crate::flow::Flow;
use crate::frame::FrameRef;
use crate::report::model::Citation;

/// Attempts of one host to connect to one port of another, which came to nothing in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialed {
    /// Who dials.
    pub client: IpAddr,
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
}
