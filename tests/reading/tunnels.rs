//! A capture taken behind a mirror or in the middle of a tunnel tells the same story.

use std::fs;

use crate::analysis::analyze;

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;

/// An IPv4 header for `length` octets of another protocol, between two switches.
fn outer(protocol: u8, length: usize) -> Vec<u8> {
    let [high, low] = (20 + length as u16).to_be_bytes();
    vec![0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0xba, 0xad, 198, 51, 100, 1, 198, 51, 100, 2]
}

/// A frame around one of the sample.
type Tunnel = fn(&[u8]) -> Vec<u8>;

/// The packet of `frame` in another, behind `header`.
fn packet_in(frame: &[u8], protocol: u8, header: &[u8]) -> Vec<u8> {
    let (link, packet) = frame.split_at(ETHERNET);
    [link, &outer(protocol, header.len() + packet.len()), header, packet].concat()
}

/// All of `frame` in a packet, behind `header`.
fn frame_in(frame: &[u8], header: &[u8]) -> Vec<u8> {
    [&frame[..ETHERNET], &outer(47, header.len() + frame.len()), header, frame].concat()
}

const TUNNELS: [(&str, Tunnel); 5] = [
    ("IP in IP", |frame| packet_in(frame, 4, &[])),
    ("GRE with a key", |frame| packet_in(frame, 47, &[0x20, 0, 8, 0, 0, 0, 0, 7])),
    ("Ethernet in GRE", |frame| frame_in(frame, &[0, 0, 0x65, 0x58])),
    ("ERSPAN I", |frame| frame_in(frame, &[0, 0, 0x88, 0xbe])),
    ("ERSPAN II", |frame| frame_in(frame, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 7, 0, 1, 0, 0, 0, 2])),
];

#[test]
fn a_sample_inside_a_tunnel_is_judged_as_outside() {
    for sample in ["happy", "firewall"] {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/{}.pcap"), sample);
        let (plain, _) = analyze(path.as_ref()).expect("a report");
        let octets = fs::read(path).expect("a sample");
        for (name, tunnel) in TUNNELS {
            let (header, mut rest) = octets.split_at(24);
            let mut file = header.to_vec();
            while let Some((record, behind)) = rest.split_at_checked(16) {
                let length = u32::from_le_bytes(*record[8..].first_chunk().expect("four octets")) as usize;
                let (frame, behind) = behind.split_at(length);
                let frame = tunnel(frame);
                let length = (frame.len() as u32).to_le_bytes();
                file.extend([&record[..8], &length, &length, &frame].concat());
                rest = behind;
            }
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("tunnel.pcap");
            fs::write(&path, file).expect("a file");
            let (report, _) = analyze(&path).expect("a report");
            assert!(!plain.ladders.is_empty());
            assert_eq!((report.coverage, report.ladders), (plain.coverage.clone(), plain.ladders.clone()), "{name}");
        }
    }
}
