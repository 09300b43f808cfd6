//! PPP over Ethernet, as access lines carry it: six octets of session, then a PPP protocol number and the packet.

use super::{LinkPayload, u16_at};
use crate::tally::SetAside;

/// The EtherType of its session stage. The discovery stage has another and carries no packets.
pub(super) const SESSION: u16 = 0x8864;
/// Version and type, code, session and length stand before the PPP protocol.
const PROTOCOL_AT: usize = 6;

/// Reads what stands behind the EtherType.
///
/// Source: RFC 2516 §4 and §6.
pub(super) fn decode(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    let protocol = u16_at(bytes, PROTOCOL_AT)?;
    match (bytes.first(), protocol) {
        (Some(0x11), 0x0021 | 0x0057) => Ok(LinkPayload::Ip(bytes.get(PROTOCOL_AT + 2..).unwrap_or_default())),
        _ => Ok(LinkPayload::Other { ethertype: SESSION }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions() {
        let rows: [(&[u8], _); 5] = [
            (&[0x11, 0, 0, 9, 0, 3, 0, 0x21, 0x45], Ok(LinkPayload::Ip(&[0x45]))),
            (&[0x11, 0, 0, 9, 0, 3, 0, 0x57, 0x60], Ok(LinkPayload::Ip(&[0x60]))),
            // Link control, another version, a cut frame.
            (&[0x11, 0, 0, 9, 0, 4, 0xc0, 0x21, 1, 1], Ok(LinkPayload::Other { ethertype: SESSION })),
            (&[0x21, 0, 0, 9, 0, 3, 0, 0x21, 0x45], Ok(LinkPayload::Other { ethertype: SESSION })),
            (&[0x11, 0, 0, 9, 0, 3, 0], Err(SetAside::CutShort)),
        ];
        for (bytes, expected) in rows {
            assert_eq!(decode(bytes), expected, "{bytes:02x?}");
        }
    }
}
