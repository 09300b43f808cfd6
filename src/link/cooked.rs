//! Linux cooked captures, as `-i any` gives them: no addresses, but a protocol field with an EtherType.

use super::{LinkPayload, ethernet, pppoe, u16_at};
use crate::tally::SetAside;

/// Where version 1 keeps the protocol, behind packet type, device type and address.
const V1_PROTOCOL_AT: usize = 14;
/// How long the header of version 2 is; its protocol stands in front.
const V2_OCTETS: usize = 20;

/// Reads a frame of version 1.
///
/// Source: LINKTYPE_LINUX_SLL, <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html>.
pub(super) fn decode_v1(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    ethernet::decode_typed(bytes, V1_PROTOCOL_AT)
}

/// Reads a frame of version 2.
///
/// Source: LINKTYPE_LINUX_SLL2, <https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html>.
pub(super) fn decode_v2(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    let ethertype = u16_at(bytes, 0)?;
    let rest = bytes.get(V2_OCTETS..).ok_or(SetAside::CutShort)?;
    match ethertype {
        0x0800 | 0x86dd => Ok(LinkPayload::Ip(rest)),
        // The tag control field comes first, the next type behind it.
        0x8100 | 0x88a8 | 0x9100 => ethernet::decode_typed(rest, 2),
        pppoe::SESSION => pppoe::decode(rest),
        _ => Ok(LinkPayload::Other { ethertype }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1() {
        let rows: [(&[u8], _); 5] = [
            (&[8, 0, 0x45], Ok(LinkPayload::Ip(&[0x45]))),
            (&[0x86, 0xdd, 0x60], Ok(LinkPayload::Ip(&[0x60]))),
            (&[0x81, 0, 0, 5, 8, 0, 0x45], Ok(LinkPayload::Ip(&[0x45]))),
            (&[0, 4, 1], Ok(LinkPayload::Other { ethertype: 4 })),
            (&[8], Err(SetAside::CutShort)),
        ];
        for (tail, expected) in rows {
            assert_eq!(decode_v1(&[&[0; V1_PROTOCOL_AT], tail].concat()), expected, "{tail:02x?}");
        }
    }

    #[test]
    fn version_2() {
        let rows: [([u8; 2], &[u8], _); 5] = [
            ([8, 0], &[0x45], Ok(LinkPayload::Ip(&[0x45]))),
            ([0x86, 0xdd], &[0x60], Ok(LinkPayload::Ip(&[0x60]))),
            ([0x81, 0], &[0, 5, 8, 0, 0x45], Ok(LinkPayload::Ip(&[0x45]))),
            ([0x88, 0x64], &[0x11, 0, 0, 1, 0, 3, 0, 0x57, 0x60], Ok(LinkPayload::Ip(&[0x60]))),
            ([8, 6], &[0, 1], Ok(LinkPayload::Other { ethertype: 0x0806 })),
        ];
        for (protocol, tail, expected) in rows {
            assert_eq!(decode_v2(&[&protocol[..], &[0; 18], tail].concat()), expected, "{tail:02x?}");
        }
        assert_eq!(decode_v2(&[8, 0, 0, 0, 0]), Err(SetAside::CutShort));
    }
}
