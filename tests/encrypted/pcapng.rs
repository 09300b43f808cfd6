//! Blocks put into a pcapng, and connections put into a pcap.

use etherparse::PacketBuilder;
use lyncpush::flow::Side;

use crate::fixture::Connection;

/// A decryption secrets block with a TLS key log, in little-endian order.
pub fn secrets(keylog: &str) -> Vec<u8> {
    let mut text = keylog.as_bytes().to_vec();
    let length = text.len() as u32;
    text.resize(text.len().next_multiple_of(4), 0);
    let total = text.len() as u32 + 20;
    let head = [10, total, 0x544c_534b, length].map(u32::to_le_bytes).concat();
    [head, text, total.to_le_bytes().to_vec()].concat()
}

/// Where each block of a little-endian pcapng begins, and its type.
pub fn blocks(file: &[u8]) -> Vec<(usize, u32)> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut found = Vec::new();
    let mut at = 0;
    while at < file.len() {
        found.push((at, number(at)));
        at += number(at + 4) as usize;
    }
    found
}

/// `file` with `block` put in at `at`.
pub fn with(file: &[u8], at: usize, block: &[u8]) -> Vec<u8> {
    [&file[..at], block, &file[at..]].concat()
}

/// How TCP ends: who says what, in that order. FIN and ACK, RST and ACK, or RST alone.
pub type Ends<'a> = &'a [(Side, &'a str)];

/// A pcap of connections, one after the other, to port 5061 of one server, in segments of `size` octets at most. The
/// client ends them.
pub fn capture(connections: &[Connection], size: usize) -> Vec<u8> {
    capture_ended(connections, size, &[(Side::Client, "FA"), (Side::Server, "FA")])
}

/// The same with other ends.
pub fn capture_ended(connections: &[Connection], size: usize, ends: Ends<'_>) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x0004_0000, 1].map(u32::to_le_bytes).concat();
    let mut number = 0_u32;
    let mut write = |frame: &[u8]| {
        number += 1;
        let length = frame.len() as u32;
        file.extend(
            [1_400_000_000 + number / 1_000, number % 1_000 * 1_000, length, length].map(u32::to_le_bytes).concat(),
        );
        file.extend_from_slice(frame);
    };
    for (index, connection) in connections.iter().enumerate() {
        let hosts = [[192, 0, 2, 20], [192, 0, 2, 7]];
        let ports = [50_000 + index as u16, 5061];
        let mut sent = [1_000_u32, 2_000];
        let mut frame = |side: Side, flags: &str, payload: &[u8]| {
            let (from, to) = (side.index(), side.other().index());
            let packet = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(hosts[from], hosts[to], 64).tcp(
                ports[from],
                ports[to],
                sent[from],
                65_000,
            );
            let packet = match flags {
                "S" => packet.syn(),
                "SA" => packet.syn().ack(sent[to]),
                "FA" => packet.fin().ack(sent[to]),
                "RA" => packet.rst().ack(sent[to]),
                "R" => packet.rst(),
                _ => packet.ack(sent[to]).psh(),
            };
            let mut octets = Vec::new();
            packet.write(&mut octets, payload).unwrap();
            sent[from] += payload.len() as u32 + u32::from(flags.contains(['S', 'F']));
            write(&octets);
        };
        frame(Side::Client, "S", b"");
        frame(Side::Server, "SA", b"");
        for (side, bytes) in &connection.sent {
            bytes.chunks(size).for_each(|piece| frame(*side, "", piece));
        }
        ends.iter().for_each(|(side, flags)| frame(*side, flags, b""));
    }
    file
}
