//! SIP is what looks like SIP, whatever the port, the transport and the checksums; and what a defect of it does.

use std::fs;

use crate::analysis::analyze;
use crate::wire::{ACK, BYE, Wire};

/// A message in which nothing is missing.
const WHOLE: &str = "BYE sip:c@d SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n\
                     CSeq: 1 BYE\r\nCall-ID: i\r\nContent-Length: 0\r\n\r\n";

#[test]
fn sip_is_known_by_its_content_on_any_port_of_either_transport() {
    for port in [5061, 8080, 22, 443, 60_000] {
        let mut wire = Wire::new(port);
        wire.push(1, true, ACK, [101, 501], BYE);
        wire.datagram(2, 1, BYE);
        wire.datagram(3, 2, "GET / HTTP/1.1\r\n\r\n");
        wire.check_whole(&["BYE 4", "BYE 5"], &[]);
    }
}

#[test]
fn sip_over_tcp_is_known_where_the_capture_begins_in_the_middle() {
    for ports in [[50_000, 5061], [50_000, 443], [1, 2], [5061, 50_000]] {
        let mut wire = Wire::between(ports);
        wire.say(WHOLE);
        wire.say(&format!("\r\n\r\n{}", &WHOLE[..30]));
        wire.say(&WHOLE[30..]);
        wire.check_whole(&["BYE 1", "BYE 3"], &[]);
    }
}

#[test]
fn sip_behind_something_else_is_found_on_any_port() {
    let mut wire = Wire::between([50_000, 8080]);
    wire.say("CONNECT fe01.example.com:5061 HTTP/1.1\r\nHost: fe01.example.com\r\n\r\n");
    wire.say(WHOLE);
    wire.check_whole(&["BYE 2"], &[]);
}

#[test]
fn what_is_no_sip_has_no_defects() {
    let mut wire = Wire::between([50_000, 80]);
    wire.say("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.say("POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    wire.check_whole(&[], &[]);
}

#[test]
fn datagrams_that_are_no_sip_have_no_defects_on_any_port() {
    for ports in [[5060, 5060], [50_000, 1], [1, 50_000]] {
        let mut wire = Wire::between(ports);
        for (at, text) in [(1, WHOLE), (2, "\r\n\r\n"), (3, "no SIP"), (4, WHOLE)] {
            wire.datagram(at, at as u16, text);
        }
        wire.check_whole(&["BYE 1", "BYE 4"], &[]);
    }
}

#[test]
fn a_mirrored_datagram_counts_once_and_one_sent_again_twice() {
    for sent in [[(1, 7), (2, 7), (3, 8), (4, 7), (5, 8)], [(1, 7), (1, 7), (501, 8), (501, 8), (502, 7)]] {
        let mut wire = Wire::between([5060, 5060]);
        for (at, identification) in sent {
            wire.datagram(at, identification, BYE);
        }
        wire.check_whole(&["BYE 1", "BYE 3"], &[]);
    }
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

#[test]
fn a_malformed_message_is_cited_and_the_next_one_read() {
    let datagram = |wire: &mut Wire, text: &str| wire.datagram(wire.seen.len() as i64 + 1, 0, text);
    for transport in [Wire::say, datagram] {
        let mut wire = Wire::between([50_000, 5060]);
        transport(&mut wire, WHOLE);
        transport(&mut wire, &WHOLE.replace("Call-ID: i\r\n", ""));
        transport(&mut wire, &WHOLE.replace("From: <", "From: \"Ann <"));
        // Not the first one again: without an identification that would be its copy.
        transport(&mut wire, &WHOLE.replace("Call-ID: i", "Call-ID: j"));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("malformed.pcap");
        fs::write(&path, &wire.file).expect("a file");
        let coverage = analyze(&path).expect("a report").0.coverage;
        assert_eq!((coverage.sip_messages, coverage.sip_malformed), (4, 2));
        let cited = coverage.anomalies.iter().flat_map(|one| one.first.iter().map(|at| (&*one.kind, at.frame)));
        assert_eq!(cited.collect::<Vec<_>>(), [("malformed-message", 2), ("malformed-message", 3)]);
        wire.check(&["BYE 1", "BYE 2", "BYE 3", "BYE 4"]);
    }
}

#[test]
fn a_message_that_cannot_be_read_is_cited_and_the_next_one_read() {
    let mut wire = Wire::between([50_000, 5060]);
    wire.say(WHOLE);
    wire.say("\u{1}\u{2}\u{3} what is this?\r\n");
    wire.say(WHOLE);
    // What stood there might have been a message that somebody waits for.
    wire.check_whole(&["BYE 1", "lost 2-2", "BYE 3"], &[("junk-between-messages", 2)]);
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
