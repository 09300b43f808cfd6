//! Links without a header: the frame is the packet.

use super::LinkPayload;
use crate::tally::SetAside;

/// Reads a frame that is an IP packet; its first nibble says which version.
///
/// Source: LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6, <https://www.tcpdump.org/linktypes.html>.
pub(super) fn decode(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    if bytes.is_empty() { Err(SetAside::CutShort) } else { Ok(LinkPayload::Ip(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_the_packet() {
        assert_eq!(decode(&[0x45, 0]), Ok(LinkPayload::Ip(&[0x45, 0])));
        assert_eq!(decode(&[]), Err(SetAside::CutShort));
    }
}
