//! SIP is what looks like SIP, whatever the port, the transport and the checksums.

use std::fs;

use crate::analysis::analyze;
use crate::wire::{ACK, BYE, Wire};

#[test]
fn any_port_of_either_transport() {
    for port in [5061, 8080, 22, 443, 60_000] {
        let mut wire = Wire::new(port);
        wire.push(1, true, ACK, [101, 501], BYE);
        wire.datagram(2, 1, BYE);
        wire.datagram(3, 2, "GET / HTTP/1.1\r\n\r\n");
        wire.check(&["BYE 4", "BYE 5"]);
    }
}

#[test]
fn a_mirrored_datagram_counts_once_and_one_sent_again_twice() {
    let mut wire = Wire::new(5060);
    for (at, identification) in [(1, 7), (1, 7), (501, 8), (501, 8), (502, 7)] {
        wire.datagram(at, identification, BYE);
    }
    wire.check(&["BYE 4", "BYE 6"]);
}

/// Without an identification, as in IPv6, time tells a copy from what is sent again.
#[test]
fn datagrams_without_an_identification_are_told_apart_by_time() {
    let mut wire = Wire::new(5060);
    for at in [1, 1, 501, 502, 1_500] {
        wire.datagram(at, 0, BYE);
    }
    wire.check(&["BYE 4", "BYE 6", "BYE 8"]);
}

/// A capture on the sender sees checksums that its network card has yet to fill in.
#[test]
fn checksums_never_decide() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/happy.pcap");
    let (whole, _) = analyze(path.as_ref()).expect("a report");
    let mut octets = fs::read(path).expect("a sample");
    let mut at = 24;
    while let Some(length) = octets.get(at + 8..).and_then(|rest| rest.first_chunk()) {
        let length = u32::from_le_bytes(*length) as usize;
        // Behind the record's header: those of IP and of TCP, in Ethernet and without options.
        for place in [at + 16 + 24, at + 16 + 50] {
            octets[place..place + 2].copy_from_slice(&[0xba, 0xad]);
        }
        at += 16 + length;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let changed = directory.path().join("changed.pcap");
    fs::write(&changed, octets).expect("a file");
    let (report, _) = analyze(&changed).expect("a report");
    assert_eq!((report.coverage, report.ladders), (whole.coverage, whole.ladders));
}
