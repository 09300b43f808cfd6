//! Link layers: from a captured frame to the IP packet in it.
//!
//! In: a [`Frame`]. Out: the octets of its IP packet, borrowed, with any padding still behind them; or
//! what it carries instead, which may be a PDU that Wireshark exported. It refuses to know IP itself. It keeps nothing, so it needs no limits.
//!
//! A link type is one line of the registry below and one function, in the file of its family.

mod cooked;
mod ethernet;
mod exported;
mod null;
mod pppoe;
mod raw;

use std::borrow::Cow;

use crate::frame::{Frame, LinkType};
use crate::tally::SetAside;

pub use exported::{Pdu, Place, exported};

/// What a link-layer frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPayload<'a> {
    /// An IP packet, perhaps followed by padding.
    Ip(&'a [u8]),
    /// A PDU that Wireshark exported, for [`exported()`].
    Exported(&'a [u8]),
    /// Something else.
    Other {
        /// Its EtherType; below 1536 an IEEE 802.3 length; on BSD loopback the address family.
        ethertype: u16,
    },
}

/// How a link type is called and read.
struct Link {
    link: LinkType,
    name: &'static str,
    decode: fn(&[u8]) -> Result<LinkPayload<'_>, SetAside>,
}

/// Every link type that is decoded, the frequent ones first: frames are dispatched by a search from the top.
const REGISTRY: &[Link] = &[
    Link { link: LinkType::ETHERNET, name: "ethernet", decode: ethernet::decode },
    Link { link: LinkType::LINUX_SLL, name: "linux-sll", decode: cooked::decode_v1 },
    Link { link: LinkType::LINUX_SLL2, name: "linux-sll2", decode: cooked::decode_v2 },
    Link { link: LinkType::RAW, name: "raw", decode: raw::decode },
    Link { link: LinkType::NULL, name: "null", decode: null::decode_null },
    Link { link: LinkType::LOOP, name: "loop", decode: null::decode_loop },
    Link { link: LinkType::IPV4, name: "ipv4", decode: raw::decode },
    Link { link: LinkType::IPV6, name: "ipv6", decode: raw::decode },
    Link {
        link: LinkType::WIRESHARK_UPPER_PDU,
        name: "wireshark-upper-pdu",
        decode: |pdu| Ok(LinkPayload::Exported(pdu)),
    },
    Link { link: LinkType::RAW_BSD, name: "raw", decode: raw::decode },
    Link { link: LinkType::RAW_OPENBSD, name: "raw", decode: raw::decode },
];

/// Finds what a frame carries.
///
/// Errors: [`SetAside::UnknownLink`] for a link type that is not in the registry, [`SetAside::CutShort`]
/// for a frame that ends inside its link header.
pub fn decode<'a>(frame: &Frame<'a>) -> Result<LinkPayload<'a>, SetAside> {
    match REGISTRY.iter().find(|entry| entry.link == frame.link) {
        Some(entry) => (entry.decode)(frame.bytes),
        None => Err(SetAside::UnknownLink(frame.link)),
    }
}

/// The name of a link type, as reports show it; `linktype-147` for one that is not decoded.
pub fn name(link: LinkType) -> Cow<'static, str> {
    match REGISTRY.iter().find(|entry| entry.link == link) {
        Some(entry) => Cow::Borrowed(entry.name),
        None => match UNDECODED.iter().find(|(known, _)| *known == link.0) {
            Some((_, name)) => Cow::Borrowed(name),
            None => Cow::Owned(format!("linktype-{}", link.0)),
        },
    }
}

/// Link types that are only named.
///
/// Source: the registry of link-layer header types of tcpdump.org.
const UNDECODED: &[(u16, &str)] = &[
    (9, "ppp"),
    (50, "ppp-hdlc"),
    (104, "c-hdlc"),
    (105, "ieee-802.11"),
    (107, "frame-relay"),
    (119, "ieee-802.11-prism"),
    (127, "ieee-802.11-radiotap"),
    (163, "ieee-802.11-avs"),
    (189, "usb-linux"),
    (192, "ppi"),
    (195, "ieee-802.15.4"),
    (201, "bluetooth-h4"),
    (220, "usb-linux-mmapped"),
    (239, "nflog"),
    (249, "usbpcap"),
];

/// The names of all link types that are decoded, each once, in the registry's order.
pub fn names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().enumerate().filter_map(|(index, entry)| {
        let met = REGISTRY.iter().take(index).any(|earlier| earlier.name == entry.name);
        (!met).then_some(entry.name)
    })
}

/// The big-endian 16-bit number at `at`, or [`SetAside::CutShort`].
fn u16_at(bytes: &[u8], at: usize) -> Result<u16, SetAside> {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(octets) => Ok(u16::from_be_bytes(*octets)),
        None => Err(SetAside::CutShort),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, Timestamp};

    fn frame(link: u16, bytes: &[u8]) -> Frame<'_> {
        let at = FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) };
        Frame { at, link: LinkType(link), wire_len: bytes.len() as u32, bytes }
    }

    #[test]
    fn link_types_have_names() {
        let rows = [
            (1, "ethernet"),
            (113, "linux-sll"),
            (276, "linux-sll2"),
            (0, "null"),
            (108, "loop"),
            (12, "raw"),
            (14, "raw"),
            (101, "raw"),
            (228, "ipv4"),
            (229, "ipv6"),
            (252, "wireshark-upper-pdu"),
            (147, "linktype-147"),
        ];
        for (link, expected) in rows {
            assert_eq!(name(LinkType(link)), expected, "{link}");
        }
        assert_eq!(names().filter(|name| *name == "raw").count(), 1);
    }

    #[test]
    fn an_unknown_link_type_is_set_aside_by_its_number() {
        let refused = decode(&frame(147, &[0x45; 40]));
        assert_eq!(refused, Err(SetAside::UnknownLink(LinkType(147))));
    }

    #[test]
    fn every_cut_of_every_link_is_refused_or_decoded() {
        for entry in REGISTRY {
            for octet in [0, 0x08, 0x45, 0x60, 0x81, 0xaa, 0xff] {
                let bytes = [octet; 64];
                for length in 0..bytes.len() {
                    let _ = decode(&frame(entry.link.0, &bytes[..length]));
                }
            }
        }
    }
}
