//! Tunnels: the IP packet that another one carries, bare, in GRE, or in a frame that a switch mirrored into GRE (ERSPAN).
//!
//! In: what stands behind the headers of the outer packet. Out: the octets of the inner packet. Frames inside a
//! tunnel are Ethernet; link layers of captures have a room of their own, which never meets this one.

use crate::tally::SetAside;

/// Tunnels within tunnels that are opened: as many as Linux makes unless told otherwise.
///
/// Source: RFC 2473 §4.1.1, which lets senders limit them.
pub(super) const DEPTH: usize = 4;

/// IPv4 in IP. Source: RFC 2003.
const IPV4: u8 = 4;
/// IPv6 in IP. Source: RFC 4213 §3, RFC 2473.
const IPV6: u8 = 41;
/// Generic Routing Encapsulation. Source: RFC 2784.
const GRE: u8 = 47;

/// The bits of GRE's first two octets that each mean four octets more: checksum, key, sequence number.
///
/// Source: RFC 2784 §2.1, RFC 2890 §2.
const OPTIONS: [u16; 3] = [0x8000, 0x2000, SEQUENCE];
/// The bit of the sequence number.
const SEQUENCE: u16 = 0x1000;
/// The bits of GRE that say it is of another kind: routing (RFC 1701), and a version other than 0 (PPTP).
const OTHER_KIND: u16 = 0x4007;
/// Octets of GRE's header without options.
const GRE_HEADER: usize = 4;
/// Octets of ERSPAN's header of type II, and of type III without its optional part.
///
/// Source: draft-foschiano-erspan-03 §4.2 and §4.3.
const ERSPAN: [usize; 2] = [8, 12];
/// Octets of the optional part of type III.
const ERSPAN_MORE: usize = 8;

/// Whether packets of this IP protocol may carry another packet.
#[inline(always)]
pub(super) const fn may_be(protocol: u8) -> bool {
    matches!(protocol, IPV4 | IPV6 | GRE)
}

/// The octets of the packet inside a packet of this IP protocol; none for what is no tunnel of a kind that is read.
///
/// Errors: [`SetAside::NotIp`] for a mirrored frame that carries something else; [`SetAside::Malformed`] where the
/// tunnel's header does not fit.
pub(super) fn inside(protocol: u8, payload: &[u8]) -> Result<Option<&[u8]>, SetAside> {
    match protocol {
        IPV4 | IPV6 => Ok(Some(payload)),
        GRE => gre(payload),
        _ => Ok(None),
    }
}

fn gre(bytes: &[u8]) -> Result<Option<&[u8]>, SetAside> {
    let (flags, kind) = (u16_at(bytes, 0)?, u16_at(bytes, 2)?);
    if flags & OTHER_KIND != 0 {
        return Ok(None);
    }
    let options = OPTIONS.iter().filter(|bit| flags & **bit != 0).count();
    let rest = behind(bytes, GRE_HEADER + 4 * options)?;
    match kind {
        0x0800 | 0x86dd => Ok(Some(rest)),
        // Transparent Ethernet bridging. Source: RFC 1701.
        0x6558 => ethernet(rest).map(Some),
        // ERSPAN: type I has no header, and by that no sequence number either.
        0x88be if flags & SEQUENCE == 0 => ethernet(rest).map(Some),
        0x88be => ethernet(behind(rest, ERSPAN[0])?).map(Some),
        0x22eb => erspan_iii(rest),
        _ => Ok(None),
    }
}

/// ERSPAN of type III, which also mirrors packets without their frames.
///
/// Source: draft-foschiano-erspan-03 §4.3.
fn erspan_iii(bytes: &[u8]) -> Result<Option<&[u8]>, SetAside> {
    let about = u16_at(bytes, ERSPAN[1] - 2)?;
    let (frame_type, has_more) = ((about >> 10) & 0x1f, about & 1 != 0);
    let rest = behind(bytes, ERSPAN[1] + if has_more { ERSPAN_MORE } else { 0 })?;
    match frame_type {
        0 => ethernet(rest).map(Some),
        2 => Ok(Some(rest)),
        _ => Ok(None),
    }
}

/// The packet in an Ethernet frame, behind any VLAN tags.
fn ethernet(frame: &[u8]) -> Result<&[u8], SetAside> {
    let mut at = 12;
    loop {
        match u16_at(frame, at)? {
            0x0800 | 0x86dd => return behind(frame, at + 2),
            0x8100 | 0x88a8 | 0x9100 => at += 4,
            _ => return Err(SetAside::NotIp),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, SetAside> {
    behind(bytes, at)?.first_chunk().copied().map(u16::from_be_bytes).ok_or(SetAside::Malformed)
}

fn behind(bytes: &[u8], header: usize) -> Result<&[u8], SetAside> {
    bytes.get(header..).ok_or(SetAside::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &[u8] = &[0x45, 9];

    /// A frame with these octets behind its addresses, and a packet.
    fn frame(types: &[u8]) -> Vec<u8> {
        [&[2; 12], types, IP].concat()
    }

    #[test]
    fn packets_are_found_in_every_kind_of_tunnel() {
        let erspan_iii = |frame_type: u8, more: u8| {
            [&[0x20; 10][..], &[frame_type << 2, more], &vec![7; 8 * usize::from(more)]].concat()
        };
        let rows: [(&[u8], Vec<u8>); 13] = [
            (&[0, 0, 8, 0], IP.to_vec()),
            (&[0, 0, 0x86, 0xdd], IP.to_vec()),
            (&[0x80, 0, 8, 0, 1, 1, 0, 0], IP.to_vec()),
            (&[0x20, 0, 8, 0, 0, 0, 0, 7], IP.to_vec()),
            (&[0xb0, 0, 8, 0, 1, 1, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3], IP.to_vec()),
            (&[0, 0, 0x65, 0x58], frame(&[8, 0])),
            (&[0x20, 0, 0x65, 0x58, 0, 0, 0, 7], frame(&[0x81, 0, 0, 7, 0x86, 0xdd])),
            (&[0, 0, 0x88, 0xbe], frame(&[8, 0])),
            (&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], [vec![0x10; 8], frame(&[8, 0])].concat()),
            (
                &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1],
                [vec![0x10; 8], frame(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0])].concat(),
            ),
            (&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], [erspan_iii(0, 0), frame(&[8, 0])].concat()),
            (&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], [erspan_iii(0, 1), frame(&[8, 0])].concat()),
            (&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], [erspan_iii(2, 0), IP.to_vec()].concat()),
        ];
        for (header, rest) in rows {
            let bytes = [header, &rest].concat();
            assert_eq!(inside(GRE, &bytes), Ok(Some(IP)), "{bytes:02x?}");
            for cut in 0..bytes.len() - IP.len() {
                assert_eq!(inside(GRE, &bytes[..cut]), Err(SetAside::Malformed), "{cut} of {bytes:02x?}");
            }
        }
        assert_eq!((inside(IPV4, IP), inside(IPV6, IP)), (Ok(Some(IP)), Ok(Some(IP))));
    }

    #[test]
    fn what_is_no_tunnel_of_packets_is_left_alone() {
        // PPP in the GRE of PPTP, source routes, an unknown protocol, WCCP.
        for header in [[0x30, 0x01, 0x88, 0x0b], [0x40, 0, 8, 0], [0, 0, 0x88, 0x0b], [0, 0, 0x88, 0x3e]] {
            assert_eq!(inside(GRE, &[&header[..], &[0; 40]].concat()), Ok(None), "{header:02x?}");
        }
        let arp = [&[0, 0, 0x88, 0xbe][..], &[2; 12], &[8, 6, 0, 1]].concat();
        assert_eq!(inside(GRE, &arp), Err(SetAside::NotIp));
        assert_eq!(inside(6, IP), Ok(None));
        assert!([1, 6, 17, 50].iter().all(|protocol| !may_be(*protocol)));
    }
}
