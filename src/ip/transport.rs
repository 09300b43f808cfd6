//! TCP and UDP headers.

use std::net::SocketAddr;

use etherparse::err::tcp::HeaderSliceError;
use etherparse::{TcpOptionElement, TcpSlice, UdpHeaderSlice};

use super::Packet;
use crate::segment::{Datagram, Segment, TcpSegment};
use crate::tally::SetAside;

/// Octets of a TCP header without options.
const TCP_HEADER: usize = 20;
/// Octets of a UDP header.
const UDP_HEADER: usize = 8;
/// The largest window scale there is. Source: RFC 7323 §2.3.
const MAX_WINDOW_SHIFT: u8 = 14;

/// Reads the transport header of a packet.
#[inline(always)]
pub(super) fn decode<'a>(packet: &'a Packet<'_>) -> Result<Segment<'a>, SetAside> {
    match packet.protocol {
        6 => tcp(packet).map(Segment::Tcp),
        17 => udp(packet).map(Segment::Udp),
        other => Err(SetAside::OtherProtocol(other)),
    }
}

/// What a header that does not fit into its packet is called.
#[cold]
fn too_short(packet: &Packet<'_>) -> SetAside {
    if packet.missing > 0 { SetAside::CutShort } else { SetAside::Malformed }
}

/// Source: RFC 9293 §3.1.
#[inline(always)]
fn tcp<'a>(packet: &'a Packet<'_>) -> Result<TcpSegment<'a>, SetAside> {
    let bytes: &[u8] = &packet.payload;
    match TcpSlice::from_slice(bytes) {
        Ok(header) => Ok(segment(packet, &header, bytes.get(header.header_slice().len()..).unwrap_or_default())),
        Err(HeaderSliceError::Len(error)) => tcp_cut(packet, error.required_len),
        Err(HeaderSliceError::Content(_)) => Err(SetAside::Malformed),
    }
}

/// A segment whose options the capture cut off, as a snap length of 68 octets does: what is left of the header
/// still says which octets of the stream were sent.
#[cold]
fn tcp_cut<'a>(packet: &'a Packet<'_>, header_len: usize) -> Result<TcpSegment<'a>, SetAside> {
    let lost = header_len.saturating_sub(packet.payload.len());
    let (true, Some(fixed)) = (packet.missing >= lost, packet.payload.first_chunk::<TCP_HEADER>()) else {
        return Err(too_short(packet));
    };
    let mut fixed = *fixed;
    // As if there were no options.
    fixed[12] = 5 << 4;
    let header = TcpSlice::from_slice(&fixed).map_err(|_| SetAside::CutShort)?;
    let segment = segment(packet, &header, &[]);
    Ok(TcpSegment { missing: segment.missing.saturating_sub(u32::try_from(lost).unwrap_or(u32::MAX)), ..segment })
}

#[inline(always)]
fn segment<'a>(packet: &'a Packet<'_>, header: &TcpSlice<'_>, payload: &'a [u8]) -> TcpSegment<'a> {
    let syn = header.syn();
    TcpSegment {
        at: packet.at,
        source: SocketAddr::new(packet.source, header.source_port()),
        destination: SocketAddr::new(packet.destination, header.destination_port()),
        sequence: header.sequence_number(),
        acknowledgment: header.ack().then(|| header.acknowledgment_number()),
        syn,
        fin: header.fin(),
        rst: header.rst(),
        window: header.window_size(),
        window_shift: if syn { window_shift(header) } else { None },
        payload,
        missing: u32::try_from(packet.missing).unwrap_or(u32::MAX),
    }
}

/// The window-scale option. Source: RFC 7323 §2.2.
fn window_shift(header: &TcpSlice<'_>) -> Option<u8> {
    header.options_iterator().flatten().find_map(|option| match option {
        TcpOptionElement::WindowScale(shift) => Some(shift.min(MAX_WINDOW_SHIFT)),
        _ => None,
    })
}

/// Source: RFC 768.
#[inline]
fn udp<'a>(packet: &'a Packet<'_>) -> Result<Datagram<'a>, SetAside> {
    let bytes: &[u8] = &packet.payload;
    let header = UdpHeaderSlice::from_slice(bytes).map_err(|_| too_short(packet))?;
    let captured = bytes.get(UDP_HEADER..).unwrap_or_default();
    let (payload, missing) = match usize::from(header.length()) {
        // Too large for the field, or not filled in yet: the packet's own length holds.
        0 => (captured, packet.missing),
        length => {
            let promised = length.checked_sub(UDP_HEADER).ok_or(SetAside::Malformed)?;
            let payload = captured.get(..promised).unwrap_or(captured);
            // What not even the packet has room for was never on the wire.
            (payload, packet.missing.min(promised - payload.len()))
        }
    };
    Ok(Datagram {
        at: packet.at,
        source: SocketAddr::new(packet.source, header.source_port()),
        destination: SocketAddr::new(packet.destination, header.destination_port()),
        identification: packet.identification,
        payload,
        missing: u32::try_from(missing).unwrap_or(u32::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, Timestamp};
    use std::borrow::Cow;
    use std::net::IpAddr;

    fn packet(protocol: u8, payload: &[u8], missing: usize) -> Packet<'_> {
        let at = FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) };
        let (source, destination) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let payload = Cow::Borrowed(payload);
        let earlier = Vec::new();
        Packet { at, source, destination, identification: 7, protocol, payload, missing, waited: 0, earlier }
    }

    /// A TCP header with flags and options, then `data`.
    fn tcp_bytes(flags: u8, options: &[u8], data: &[u8]) -> Vec<u8> {
        let words = (20 + options.len() as u8) / 4;
        let fixed = [0x13, 0xc4, 0x13, 0xc5, 0, 0, 0, 9, 0, 0, 0, 8, words << 4, flags, 1, 2, 0, 0, 0, 0];
        [&fixed[..], options, data].concat()
    }

    fn tcp_of(bytes: &[u8], missing: usize) -> TcpSegment<'static> {
        let packet = packet(6, bytes, missing);
        match packet.segment() {
            Ok(Segment::Tcp(segment)) => TcpSegment { payload: Vec::leak(segment.payload.to_vec()), ..segment },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tcp_headers() {
        let data = tcp_of(&tcp_bytes(0x18, &[1, 1, 1, 1], b"data"), 5);
        assert_eq!((data.source.port(), data.destination.port()), (5060, 5061));
        assert_eq!((data.sequence, data.acknowledgment, data.window), (9, Some(8), 0x0102));
        assert_eq!((data.syn, data.fin, data.rst), (false, false, false));
        assert_eq!((data.payload, data.missing, data.window_shift), (&b"data"[..], 5, None));
        let syn = tcp_of(&tcp_bytes(0x02, &[2, 4, 5, 180, 1, 3, 3, 8], b""), 0);
        assert_eq!((syn.syn, syn.acknowledgment, syn.window_shift), (true, None, Some(8)));
        assert_eq!(tcp_of(&tcp_bytes(0x02, &[3, 3, 99, 0], b""), 0).window_shift, Some(14));
        assert_eq!(tcp_of(&tcp_bytes(0x02, &[2, 4, 5, 180], b""), 0).window_shift, None);
        // Options that are broken before the window scale, and one that is not on a SYN.
        assert_eq!(tcp_of(&tcp_bytes(0x02, &[2, 0, 3, 3, 8, 0, 0, 0], b""), 0).window_shift, None);
        assert_eq!(tcp_of(&tcp_bytes(0x10, &[3, 3, 8, 0], b""), 0).window_shift, None);
        // Of 8 octets of options 3 were captured, and of the 10 octets behind them none.
        let cut = tcp_of(&tcp_bytes(0x02, &[3, 3, 8, 0, 0, 0, 0, 0], b"")[..23], 15);
        assert_eq!((cut.sequence, cut.syn, cut.window_shift, cut.payload, cut.missing), (9, true, None, &b""[..], 10));
        assert!(tcp_of(&tcp_bytes(0x11, &[], b""), 0).fin);
        assert!(tcp_of(&tcp_bytes(0x04, &[], b""), 0).rst);
    }

    #[test]
    fn udp_lengths() {
        type Row<'a> = (u16, usize, Result<(&'a [u8], u32), SetAside>);
        let rows: [Row<'_>; 7] = [
            (12, 0, Ok((b"data", 0))),
            (10, 0, Ok((b"da", 0))),
            (14, 2, Ok((b"data", 2))),
            (14, 0, Ok((b"data", 0))),
            (0, 3, Ok((b"data", 3))),
            (7, 0, Err(SetAside::Malformed)),
            (8, 0, Ok((b"", 0))),
        ];
        for (length, missing, expected) in rows {
            let bytes = [&[0x13, 0xc4, 0x13, 0xc5][..], &length.to_be_bytes(), &[0, 0], b"data"].concat();
            let packet = packet(17, &bytes, missing);
            let found = match packet.segment() {
                Ok(Segment::Udp(datagram)) => {
                    assert_eq!((datagram.identification, datagram.source.port()), (7, 5060));
                    Ok((datagram.payload, datagram.missing))
                }
                Ok(other) => panic!("{other:?}"),
                Err(reason) => Err(reason),
            };
            assert_eq!(found, expected, "{length} {missing}");
        }
    }

    #[test]
    fn headers_that_do_not_fit() {
        let whole = tcp_bytes(0x10, &[1; 8], b"");
        let short = tcp_bytes(0x10, &[], b"");
        let mut small = short.clone();
        small[12] = 0x40;
        let rows: [(u8, &[u8], usize, SetAside); 8] = [
            (6, &whole[..24], 3, SetAside::CutShort),
            (6, &whole[..24], 0, SetAside::Malformed),
            (6, &whole[..3], 40, SetAside::CutShort),
            (6, &small, 0, SetAside::Malformed),
            (17, &[1; 7], 1, SetAside::CutShort),
            (17, &[1; 7], 0, SetAside::Malformed),
            (1, &whole, 0, SetAside::OtherProtocol(1)),
            (132, b"", 0, SetAside::OtherProtocol(132)),
        ];
        for (protocol, bytes, missing, expected) in rows {
            assert_eq!(packet(protocol, bytes, missing).segment().unwrap_err(), expected, "{bytes:?}");
        }
    }
}
