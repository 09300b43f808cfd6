//! What transport headers say: TCP segments and UDP datagrams, borrowed from the packet that held them.
//!
//! In: nothing. Out: the words between `ip`, which decodes them, and `tcp` and the SIP framer, which use them.
//! It refuses to know how the packet reached the capture, and whether checksums were right.

use std::net::SocketAddr;

use crate::frame::FrameRef;

/// A transport unit, by its protocol.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'a> {
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// A UDP datagram.
    Udp(Datagram<'a>),
}

/// One TCP segment.
///
/// Source: RFC 9293 §3.1.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'a> {
    /// The frame that carried it; of a fragmented packet, the frame that completed it.
    pub at: FrameRef,
    /// Who sent it.
    pub source: SocketAddr,
    /// Who was to receive it.
    pub destination: SocketAddr,
    /// Sequence number of the first octet, or of the SYN.
    pub sequence: u32,
    /// The next octet the sender expects; `None` without the ACK flag.
    pub acknowledgment: Option<u32>,
    /// The connection is being opened.
    pub syn: bool,
    /// The sender has no more to send.
    pub fin: bool,
    /// The connection is being torn down.
    pub rst: bool,
    /// The window as it stands in the header, not yet scaled.
    pub window: u16,
    /// Window-scale option, 0 to 14; only on a SYN. Source: RFC 7323 §2.2.
    pub window_shift: Option<u8>,
    /// The captured octets.
    pub payload: &'a [u8],
    /// Octets that followed `payload` on the wire but were cut off by the capture.
    pub missing: u32,
}

/// One UDP datagram.
///
/// Source: RFC 768.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The frame that carried it; of a fragmented packet, the frame that completed it.
    pub at: FrameRef,
    /// Who sent it.
    pub source: SocketAddr,
    /// Who was to receive it.
    pub destination: SocketAddr,
    /// The IP packet's identification, 0 where it has none: tells a mirrored copy from a repetition.
    pub identification: u32,
    /// The captured octets.
    pub payload: &'a [u8],
    /// Octets that followed `payload` on the wire but were cut off by the capture.
    pub missing: u32,
}
