//! Wireshark's exported PDUs: what an upper layer carried, with tags that say who sent it.
//!
//! The payload is what a dissector was given, so it may be a whole message, a piece of a decrypted stream, or a piece
//! that Wireshark gave again once it had more of it.

use std::net::{IpAddr, SocketAddr};

use super::u16_at;
use crate::flow::Transport;
use crate::tally::SetAside;

/// One exported PDU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pdu<'a> {
    /// The name of the dissector or heuristic that got the payload, such as `sip`; empty when a port decided.
    pub protocol: &'a [u8],
    /// Who sent it.
    pub source: SocketAddr,
    /// Who was to receive it.
    pub destination: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// The number of the frame it was in, before the export.
    pub original: Option<u32>,
    /// Where it stood in its TCP stream, when it was exported from right above TCP.
    pub place: Option<Place>,
    /// The payload.
    pub payload: &'a [u8],
}

/// Where a payload stood in its TCP stream. Numbers may count from the connection's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sequence number after its last octet.
    pub next_sequence: u32,
    /// The next octet its sender expected from the other side.
    pub acknowledged: u32,
}

mod tag {
    pub(super) const END: u16 = 0;
    pub(super) const DISSECTOR: u16 = 12;
    pub(super) const HEURISTIC: u16 = 13;
    pub(super) const IPV4_SOURCE: u16 = 20;
    pub(super) const IPV4_DESTINATION: u16 = 21;
    pub(super) const IPV6_SOURCE: u16 = 22;
    pub(super) const IPV6_DESTINATION: u16 = 23;
    pub(super) const PORT_TYPE: u16 = 24;
    pub(super) const SOURCE_PORT: u16 = 25;
    pub(super) const DESTINATION_PORT: u16 = 26;
    pub(super) const ORIGINAL_FRAME: u16 = 30;
    pub(super) const TCP: u16 = 34;
}

/// What the tags say, as far as they were read.
#[derive(Default)]
struct Tags<'a> {
    protocol: &'a [u8],
    addresses: [Option<IpAddr>; 2],
    ports: [u16; 2],
    port_type: u32,
    original: Option<u32>,
    place: Option<Place>,
}

impl<'a> Tags<'a> {
    /// Takes one tag; one whose value has another size than it should says nothing.
    fn take(&mut self, tag: u16, value: &'a [u8]) {
        let number = value.try_into().map(u32::from_be_bytes).ok();
        let port = number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
        let [source, destination] = &mut self.addresses;
        let [source_port, destination_port] = &mut self.ports;
        let v4 = || number.map(|number| IpAddr::V4(number.into()));
        let v6 = || <[u8; 16]>::try_from(value).ok().map(|octets| IpAddr::V6(octets.into()));
        match tag {
            tag::DISSECTOR | tag::HEURISTIC => self.protocol = name(value),
            tag::IPV4_SOURCE => *source = v4().or(*source),
            tag::IPV4_DESTINATION => *destination = v4().or(*destination),
            tag::IPV6_SOURCE => *source = v6().or(*source),
            tag::IPV6_DESTINATION => *destination = v6().or(*destination),
            tag::PORT_TYPE => self.port_type = number.unwrap_or(0),
            tag::SOURCE_PORT => *source_port = port,
            tag::DESTINATION_PORT => *destination_port = port,
            tag::ORIGINAL_FRAME => self.original = number,
            tag::TCP => self.place = place(value),
            _ => {}
        }
    }
}

/// A string without the zero octets it ends in, of which there may be any number.
fn name(value: &[u8]) -> &[u8] {
    value.split(|octet| *octet == 0).next().unwrap_or_default()
}

/// Version, sequence number, next sequence number, acknowledgement, and more that is not needed.
fn place(value: &[u8]) -> Option<Place> {
    let number = |at: usize| value.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets));
    (u16_at(value, 0) == Ok(1)).then_some(())?;
    Some(Place { next_sequence: number(6)?, acknowledged: number(10)? })
}

/// Takes an exported PDU apart.
///
/// Errors: [`SetAside::CutShort`] when the frame ends inside the tags, [`SetAside::NotIp`] when they name no
/// IP addresses, [`SetAside::OtherProtocol`] (with 0) when neither TCP nor UDP carried it.
/// Source: Wireshark, `wsutil/exported_pdu_tlvs.h`; LINKTYPE_WIRESHARK_UPPER_PDU.
pub fn exported(bytes: &[u8]) -> Result<Pdu<'_>, SetAside> {
    let mut tags = Tags::default();
    let mut rest = bytes;
    let payload = loop {
        let (tag, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..).unwrap_or_default();
        let (value, after) = value.split_at_checked(length).ok_or(SetAside::CutShort)?;
        if tag == tag::END {
            break after;
        }
        tags.take(tag, value);
        rest = after;
    };
    let [Some(source), Some(destination)] = tags.addresses else { return Err(SetAside::NotIp) };
    let transport = match tags.port_type {
        2 => Transport::Tcp,
        3 => Transport::Udp,
        _ => return Err(SetAside::OtherProtocol(0)),
    };
    let [source_port, destination_port] = tags.ports;
    Ok(Pdu {
        protocol: tags.protocol,
        source: SocketAddr::new(source, source_port),
        destination: SocketAddr::new(destination, destination_port),
        transport,
        original: tags.original,
        place: tags.place.filter(|_| transport == Transport::Tcp),
        payload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
        [&tag.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    fn pdu(port_type: u8, more: &[Vec<u8>], payload: &[u8]) -> Vec<u8> {
        let tags = [
            tlv(12, b"sip\0"),
            tlv(20, &[192, 0, 2, 20]),
            tlv(21, &[192, 0, 2, 7]),
            tlv(24, &[0, 0, 0, port_type]),
            tlv(25, &[0, 0, 0xc7, 0x38]),
            tlv(26, &[0, 0, 0x13, 0xc5]),
            tlv(30, &[0, 0, 0, 9]),
        ];
        [&tags.concat()[..], &more.concat(), &tlv(0, b""), payload].concat()
    }

    #[test]
    fn tags_are_read() {
        let bytes = pdu(2, &[tlv(33, b"SIP"), tlv(99, b"?")], b"BYE");
        let expected = Pdu {
            protocol: b"sip",
            source: "192.0.2.20:51000".parse().unwrap(),
            destination: "192.0.2.7:5061".parse().unwrap(),
            transport: Transport::Tcp,
            original: Some(9),
            place: None,
            payload: b"BYE",
        };
        assert_eq!(exported(&bytes), Ok(expected));
        for length in 0..bytes.len() - 3 {
            assert_eq!(exported(&bytes[..length]), Err(SetAside::CutShort), "{length}");
        }
    }

    #[test]
    fn names_end_in_any_number_of_zeros() {
        for name in [&b"sip_tcp"[..], b"sip_tcp\0", b"sip_tcp\0\0\0\0"] {
            let bytes = pdu(2, &[tlv(13, name)], b"");
            assert_eq!(exported(&bytes).unwrap().protocol, b"sip_tcp");
        }
    }

    #[test]
    fn ipv6_and_udp() {
        let (source, destination) = ([0x20; 16], [0x30; 16]);
        let bytes = pdu(3, &[tlv(22, &source), tlv(23, &destination)], b"");
        let pdu = exported(&bytes).unwrap();
        assert_eq!((pdu.source.ip(), pdu.destination.ip()), (IpAddr::from(source), IpAddr::from(destination)));
        assert_eq!(pdu.transport, Transport::Udp);
    }

    #[test]
    fn the_place_in_a_stream() {
        let numbers = |version: u8| {
            let head = [0, version, 0, 0, 2, 0x28, 0, 0, 4, 0x28, 0, 0, 0, 7];
            tlv(34, &[&head[..], &[0, 0, 0x18, 0, 0]].concat())
        };
        let place = Some(Place { next_sequence: 0x428, acknowledged: 7 });
        assert_eq!(exported(&pdu(2, &[numbers(1)], b"")).unwrap().place, place);
        assert_eq!(
            exported(&pdu(2, &[numbers(2)], b"")).unwrap().place,
            None,
            "another version may mean another thing"
        );
        assert_eq!(exported(&pdu(3, &[numbers(1)], b"")).unwrap().place, None);
        assert_eq!(exported(&pdu(2, &[tlv(34, &[0, 1, 0])], b"")).unwrap().place, None);
    }

    #[test]
    fn what_cannot_be_placed_is_set_aside() {
        assert_eq!(exported(&pdu(1, &[], b"")), Err(SetAside::OtherProtocol(0)));
        let without = [tlv(12, b"sip"), tlv(24, &[0, 0, 0, 2]), tlv(0, b"")].concat();
        assert_eq!(exported(&without), Err(SetAside::NotIp));
        let short = [tlv(20, &[1, 2, 3]), tlv(21, &[1]), tlv(24, &[0, 0, 0, 2]), tlv(0, b"")].concat();
        assert_eq!(exported(&short), Err(SetAside::NotIp));
    }
}
