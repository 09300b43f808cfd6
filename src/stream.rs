//! The ordered bytes of one side of a connection, as events.
//!
//! TCP gives these events, TLS and SIP compression take and give them, the SIP framer takes them:
//! every stage between has the same type in and out, so a stage can be put in or left out.

use crate::frame::FrameRef;

/// The length of a gap in decompressed text of which only the packed octets could be counted.
///
/// It is longer than any message, so that no reader counts across such a gap. Offsets after it do not contain it.
pub const UNKNOWN_LENGTH: u64 = u64::MAX;

/// What happens on one side of a connection, in stream order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The next bytes of the stream. `offset` counts octets from the first octet of the stream that
    /// the capture could have shown, bytes and gaps alike.
    Bytes {
        /// 0-based stream offset of the first octet.
        offset: u64,
        /// The octets; never empty.
        bytes: &'a [u8],
        /// The frame that carried them.
        frame: FrameRef,
    },
    /// Octets that were sent but are not in the capture. What follows continues after them.
    Gap {
        /// 0-based stream offset of the first lost octet.
        offset: u64,
        /// How many octets were lost; at least 1. [`UNKNOWN_LENGTH`] when nobody can know.
        length: u64,
        /// The frame after which they are missing: the last that carried bytes of the stream, before that the
        /// connection's first; none where nothing is known.
        after: Option<FrameRef>,
        /// The frame that proved the loss.
        frame: FrameRef,
    },
    /// A further input (capture file) also shows this side of the connection. Given at most once
    /// for each side and input after the first.
    Witness {
        /// The frame of that input which repeated what was already known.
        frame: FrameRef,
    },
    /// No more bytes will come: FIN, RST, a new connection on the same ports, or the capture's end.
    End {
        /// The last frame known of the connection.
        frame: FrameRef,
        /// Whether the capture shows it end, by FIN or RST.
        over: bool,
    },
}
