//! What IP carries for us: TCP segments and UDP datagrams.

use std::net::SocketAddr;

use crate::frame::FrameRef;

/// One TCP segment as one frame shows it, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    /// Which frame, and when.
    pub at: FrameRef,
    /// Who sent it.
    pub source: SocketAddr,
    /// Who shall have it.
    pub destination: SocketAddr,
    /// The sequence number field.
    pub sequence: u32,
    /// The acknowledgment number, when the ACK flag is set.
    pub acknowledgment: Option<u32>,
    /// The SYN flag.
    pub syn: bool,
    /// The FIN flag.
    pub fin: bool,
    /// The RST flag.
    pub rst: bool,
    /// The window field, not scaled.
    pub window: u16,
    /// The window-scale option, on SYN segments only.
    pub window_shift: Option<u8>,
    /// The captured octets of payload.
    pub payload: &'a [u8],
    /// Octets of payload the capture cut off.
    pub missing: u32,
}

/// One UDP datagram as one frame shows it, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Which frame, and when.
    pub at: FrameRef,
    /// Who sent it.
    pub source: SocketAddr,
    /// Who shall have it.
    pub destination: SocketAddr,
    /// The identification field of its IP packet.
    pub identification: u32,
    /// The captured octets of payload.
    pub payload: &'a [u8],
    /// Octets of payload the capture cut off.
    pub missing: u32,
}
