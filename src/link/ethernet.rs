//! Ethernet II and IEEE 802.3, with any nesting of VLAN tags.

use super::{LinkPayload, pppoe, u16_at};
use crate::tally::SetAside;

/// Two addresses stand before the type field.
const TYPE_AT: usize = 12;
/// A VLAN tag: two octets of tag control, then the next type field.
const TAG_OCTETS: usize = 4;
/// LLC and SNAP headers before an EtherType: DSAP, SSAP, control, three octets of organisation.
const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];

/// Reads an Ethernet frame that begins with its destination address.
///
/// Source: IEEE 802.3 §3.2, IEEE 802.1Q §9.
pub(super) fn decode(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    decode_typed(bytes, TYPE_AT)
}

/// Reads what follows a type field at `at`: tags, and then the packet. Cooked links share it.
pub(super) fn decode_typed(bytes: &[u8], mut at: usize) -> Result<LinkPayload<'_>, SetAside> {
    loop {
        let ethertype = u16_at(bytes, at)?;
        let rest = bytes.get(at + 2..).unwrap_or_default();
        match ethertype {
            0x0800 | 0x86dd => return Ok(LinkPayload::Ip(rest)),
            // 802.1Q, 802.1ad, and the number some switches used before 802.1ad had one.
            0x8100 | 0x88a8 | 0x9100 => at += TAG_OCTETS,
            pppoe::SESSION => return pppoe::decode(rest),
            // A length, not a type: IEEE 802.3. IP may still stand behind a SNAP header (RFC 1042).
            0..=1500 if rest.starts_with(&SNAP) => at += 2 + SNAP.len(),
            _ => return Ok(LinkPayload::Other { ethertype }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(types: &[u8], expected: Result<LinkPayload<'_>, SetAside>) {
        let frame = [&[2; TYPE_AT], types].concat();
        assert_eq!(decode(&frame), expected, "{types:02x?}");
    }

    #[test]
    fn types_and_tags_lead_to_ip() {
        let ip = Ok(LinkPayload::Ip(&[0x45, 9]));
        check(&[8, 0, 0x45, 9], ip);
        check(&[0x86, 0xdd, 0x45, 9], ip);
        check(&[0x81, 0, 0, 7, 8, 0, 0x45, 9], ip);
        check(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0, 0x45, 9], ip);
        check(&[0x91, 0, 0, 7, 0x91, 0, 0, 8, 0x88, 0xa8, 0, 9, 0x81, 0, 0, 8, 8, 0, 0x45, 9], ip);
        check(&[0, 10, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45, 9], ip);
        check(&[0x81, 0, 0, 7, 0x88, 0x64, 0x11, 0, 0, 1, 0, 4, 0, 0x21, 0x45, 9], ip);
        check(&[8, 0], Ok(LinkPayload::Ip(&[])));
    }

    #[test]
    fn other_contents_are_named_by_their_type() {
        check(&[8, 6, 0, 1], Ok(LinkPayload::Other { ethertype: 0x0806 }));
        check(&[0x81, 0, 0, 7, 0x88, 0x63, 1], Ok(LinkPayload::Other { ethertype: 0x8863 }));
        check(&[0, 38, 0x42, 0x42, 3], Ok(LinkPayload::Other { ethertype: 38 }));
    }

    #[test]
    fn a_frame_cut_in_its_header_is_too_short() {
        check(&[], Err(SetAside::CutShort));
        check(&[8], Err(SetAside::CutShort));
        check(&[0x81, 0, 0, 7, 8], Err(SetAside::CutShort));
    }
}
