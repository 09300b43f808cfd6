//! BSD loopback: four octets of address family, then the packet.

use super::LinkPayload;
use crate::tally::SetAside;

/// Numbers of the two IP families on the systems that write such captures: IPv4 everywhere; IPv6 on
/// Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS.
const IP_FAMILIES: [u32; 6] = [2, 10, 23, 24, 28, 30];

/// Reads a frame whose family is in the byte order of the capturing host, which the file need not share.
///
/// Source: LINKTYPE_NULL, <https://www.tcpdump.org/linktypes.html>.
pub(super) fn decode_null(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    let (family, rest) = split(bytes)?;
    // Some drivers put an EtherType into the last two octets instead. It is larger than any family.
    if matches!(family & 0xffff, 0x0800 | 0x86dd) {
        return Ok(LinkPayload::Ip(rest));
    }
    // No family number is also one with its octets swapped, so both orders can be tried.
    Ok(payload(if family > 0xffff { family.swap_bytes() } else { family }, rest))
}

/// Reads a frame whose family is in network byte order.
///
/// Source: LINKTYPE_LOOP, <https://www.tcpdump.org/linktypes.html>.
pub(super) fn decode_loop(bytes: &[u8]) -> Result<LinkPayload<'_>, SetAside> {
    let (family, rest) = split(bytes)?;
    Ok(payload(family, rest))
}

fn split(bytes: &[u8]) -> Result<(u32, &[u8]), SetAside> {
    let (family, rest) = bytes.split_first_chunk().ok_or(SetAside::CutShort)?;
    Ok((u32::from_be_bytes(*family), rest))
}

fn payload(family: u32, rest: &[u8]) -> LinkPayload<'_> {
    if IP_FAMILIES.contains(&family) {
        LinkPayload::Ip(rest)
    } else {
        LinkPayload::Other { ethertype: u16::try_from(family).unwrap_or(u16::MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_in_either_order() {
        for family in IP_FAMILIES.map(|family| family as u8) {
            let (little, big) = ([family, 0, 0, 0, 0x45], [0, 0, 0, family, 0x45]);
            assert_eq!(decode_null(&little), Ok(LinkPayload::Ip(&[0x45])), "{family}");
            assert_eq!(decode_null(&big), Ok(LinkPayload::Ip(&[0x45])), "{family}");
            assert_eq!(decode_loop(&big), Ok(LinkPayload::Ip(&[0x45])), "{family}");
            assert_eq!(decode_loop(&little), Ok(LinkPayload::Other { ethertype: u16::MAX }), "{family}");
        }
    }

    #[test]
    fn other_families_and_short_frames() {
        assert_eq!(decode_null(&[0, 0, 0, 7, 1]), Ok(LinkPayload::Other { ethertype: 7 }));
        assert_eq!(decode_null(&[7, 0, 0, 0, 1]), Ok(LinkPayload::Other { ethertype: 7 }));
        assert_eq!(decode_null(&[0x0f, 0, 8, 0, 0x45]), Ok(LinkPayload::Ip(&[0x45])));
        assert_eq!(decode_null(&[2, 0, 0]), Err(SetAside::CutShort));
        assert_eq!(decode_loop(&[]), Err(SetAside::CutShort));
    }
}
