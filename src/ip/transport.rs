//! TCP and UDP headers.

use std::net::SocketAddr;

use etherparse::{TcpOptionElement, TcpSlice, UdpHeaderSlice};

use super::Packet;
use crate::segment::{Datagram, Segment, TcpSegment};
use crate::tally::SetAside;

/// Octets of a UDP header.
const UDP_HEADER: usize = 8;
/// The largest window scale there is. Source: RFC 7323 §2.3.
const MAX_WINDOW_SHIFT: u8 = 14;

/// Reads the transport header of a packet.
#[inline]
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
#[inline]
fn tcp<'a>(packet: &'a Packet<'_>) -> Result<TcpSegment<'a>, SetAside> {
    let bytes: &[u8] = &packet.payload;
    let header = TcpSlice::from_slice(bytes).map_err(|error| match error {
        etherparse::err::tcp::HeaderSliceError::Len(_) => too_short(packet),
        etherparse::err::tcp::HeaderSliceError::Content(_) => SetAside::Malformed,
    })?;
    let syn = header.syn();
    Ok(TcpSegment {
        at: packet.at,
        source: SocketAddr::new(packet.source, header.source_port()),
        destination: SocketAddr::new(packet.destination, header.destination_port()),
        sequence: header.sequence_number(),
        acknowledgment: header.ack().then(|| header.acknowledgment_number()),
        syn,
        fin: header.fin(),
        rst: header.rst(),
        window: header.window_size(),
        window_shift: if syn { window_shift(&header) } else { None },
        payload: bytes.get(header.header_slice().len()..).unwrap_or_default(),
        missing: u32::try_from(packet.missing).unwrap_or(u32::MAX),
    })
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
