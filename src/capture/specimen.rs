//! Small made-up captures for the tests of this room.

use super::pcap::Order;

fn u16s(order: Order, numbers: &[u16]) -> Vec<u8> {
    let octets = |number: &u16| if order == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() };
    numbers.iter().flat_map(octets).collect()
}

fn u32s(order: Order, numbers: &[u32]) -> Vec<u8> {
    let octets = |number: &u32| if order == Order::Big { number.to_be_bytes() } else { number.to_le_bytes() };
    numbers.iter().flat_map(octets).collect()
}

/// A pcap; frames are seconds, fraction, length on the wire, octets.
pub(super) fn pcap(order: Order, magic: u32, link: u32, frames: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let mut file = [u32s(order, &[magic]), u16s(order, &[2, 4]), u32s(order, &[0, 0, 65_535, link])].concat();
    for (seconds, fraction, wire_len, bytes) in frames {
        file.extend(u32s(order, &[*seconds, *fraction, bytes.len() as u32, *wire_len]));
        file.extend_from_slice(bytes);
    }
    file
}

/// A pcapng block with any body, which is padded.
pub(super) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let total = (12 + body.len() + padding) as u32;
    [&u32s(order, &[kind, total])[..], body, &[0; 3][..padding], &u32s(order, &[total])].concat()
}

/// A section header.
pub(super) fn section(order: Order) -> Vec<u8> {
    let body = [u32s(order, &[0x1a2b_3c4d]), u16s(order, &[1, 0]), u32s(order, &[u32::MAX; 2])].concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface; options are code and value.
pub(super) fn interface(order: Order, link: u16, snap_length: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [u16s(order, &[link, 0]), u32s(order, &[snap_length])].concat();
    for (code, value) in options {
        body.extend(u16s(order, &[*code, value.len() as u16]));
        body.extend_from_slice(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

/// An enhanced packet block.
pub(super) fn enhanced(order: Order, interface: u32, time: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u32;
    let mut body = u32s(order, &[interface, (time >> 32) as u32, time as u32, length, wire_len]);
    body.extend_from_slice(bytes);
    block(order, 6, &body)
}

/// An obsolete packet block.
pub(super) fn obsolete(order: Order, interface: u16, time: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    let times = u32s(order, &[(time >> 32) as u32, time as u32, bytes.len() as u32, wire_len]);
    block(order, 2, &[&u16s(order, &[interface, 0]), &times[..], bytes].concat())
}

/// A simple packet block.
pub(super) fn simple(order: Order, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
    block(order, 3, &[&u32s(order, &[wire_len])[..], bytes].concat())
}

/// A decryption secrets block.
pub(super) fn secrets(order: Order, kind: &[u8; 4], text: &[u8]) -> Vec<u8> {
    let head = u32s(order, &[u32::from_be_bytes(*kind), text.len() as u32]);
    block(order, 10, &[&head[..], text].concat())
}
