//! What one segment brings to its direction of a connection.
//!
//! In: the parts of a segment that belong to the sender's stream. Out: their length. It refuses to know flags,
//! acknowledgments and places in the stream.

use super::proof::Moment;

/// What one segment carries in its direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// Sequence number of the first octet of payload.
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
    /// Octets that follow the payload on the wire and were cut off by the capture.
    pub(super) missing: u32,
    pub(super) moment: Moment,
}

impl Arrival<'_> {
    /// Octets on the wire.
    pub(super) fn length(&self) -> u64 {
        self.payload.len() as u64 + u64::from(self.missing)
    }
}
