//! What is taken for SIP, wherever it stands, and what a defect of it does: frames in, messages and anomalies out.

mod analysis;

use std::fs;

use analysis::analyze;
use lyncpush::frame::{Frame, FrameRef, LinkType, Timestamp};
use lyncpush::pipeline::Profile;
use lyncpush::pipeline::reading::{Reading, Seen};

const CLIENT: [u8; 4] = [192, 0, 2, 20];
const SERVER: [u8; 4] = [192, 0, 2, 7];
const REST: &str = "Via: SIP/2.0/TCP h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCSeq: 1 BYE\r\n\
                    Call-ID: i\r\nContent-Length: 0\r\n\r\n";
const TCP: u8 = 6;
const UDP: u8 = 17;
/// The length of a TCP header without options, in its upper half.
const OFFSET: u8 = 5 << 4;
const ACK: u8 = 16;

/// One way from a client to a server, frame by frame.
struct Wire {
    reading: Reading,
    ports: [u16; 2],
    sequence: u32,
    frames: u64,
    /// The frames that completed messages.
    messages: Vec<u64>,
    /// All of it as a pcap file.
    file: Vec<u8>,
}

impl Wire {
    fn new(ports: [u16; 2]) -> Self {
        let reading = Reading::new(&Profile::built_in().expect("a profile").ports);
        let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, LinkType::RAW.0.into()];
        let file = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        Self { reading, ports, sequence: 100, frames: 0, messages: Vec::new(), file }
    }

    fn tcp(&mut self, payload: &str) {
        let sequence = self.sequence.to_be_bytes();
        self.sequence += payload.len() as u32;
        // Its checksum is wrong, as in captures of a sender whose network card computes it.
        let header = [&sequence[..], &[0, 0, 0, 1, OFFSET, ACK, 0xff, 0xff, 0xba, 0xad, 0, 0]].concat();
        self.push(TCP, 0, &header, payload);
    }

    /// A datagram; `identification` is that of its packet.
    fn udp(&mut self, identification: u16, payload: &str) {
        let length = (8 + payload.len() as u16).to_be_bytes();
        self.push(UDP, identification, &[length, [0xba, 0xad]].concat(), payload);
    }

    fn push(&mut self, protocol: u8, identification: u16, header: &[u8], payload: &str) {
        let ports = self.ports.map(u16::to_be_bytes).concat();
        let length = ((20 + ports.len() + header.len() + payload.len()) as u16).to_be_bytes();
        let [high, low] = identification.to_be_bytes();
        let ip = [0x45, 0, length[0], length[1], high, low, 0, 0, 64, protocol, 0xba, 0xad];
        let bytes = [&ip, &CLIENT[..], &SERVER, &ports, header, payload.as_bytes()].concat();
        self.frames += 1;
        let at = FrameRef { input: 0, number: self.frames, time: Timestamp::new(self.frames as i64 * 1_000_000, 6) };
        let messages = &mut self.messages;
        let frame = Frame { at, link: LinkType::RAW, wire_len: bytes.len() as u32, bytes: &bytes };
        self.reading.push(&frame, &mut |seen| note(messages, &seen));
        let octets = bytes.len() as u32;
        self.file.extend([self.frames as u32, 0, octets, octets].iter().flat_map(|word| word.to_le_bytes()));
        self.file.extend(bytes);
    }

    /// Which frames completed messages, and which frames had which defects.
    #[track_caller]
    fn check(mut self, messages: &[u64], anomalies: &[(&str, u64)]) {
        let found = &mut self.messages;
        self.reading.finish(&mut |seen| note(found, &seen));
        let account = self.reading.account(0);
        let defects = account.anomalies.iter().flat_map(|(kind, count)| count.first.iter().map(move |one| (kind, one)));
        let defects: Vec<_> = defects.map(|(kind, one)| (kind.name(), one.frame.number)).collect();
        assert_eq!((self.messages.as_slice(), defects.as_slice()), (messages, anomalies));
    }
}

fn note(messages: &mut Vec<u64>, seen: &Seen<'_>) {
    if let Seen::Message { at, .. } = seen {
        messages.push(at.number);
    }
}

fn bye() -> String {
    format!("BYE sip:c@d SIP/2.0\r\n{REST}")
}

#[test]
fn sip_over_tcp_is_known_by_its_content_on_any_port() {
    for ports in [[50_000, 5061], [50_000, 443], [1, 2], [5061, 50_000]] {
        let mut wire = Wire::new(ports);
        wire.tcp(&bye());
        wire.tcp(&format!("\r\n\r\n{}", &bye()[..30]));
        wire.tcp(&bye()[30..]);
        wire.check(&[1, 3], &[]);
    }
}

#[test]
fn sip_behind_something_else_is_found_on_any_port() {
    let mut wire = Wire::new([50_000, 8080]);
    wire.tcp("CONNECT fe01.example.com:5061 HTTP/1.1\r\nHost: fe01.example.com\r\n\r\n");
    wire.tcp(&bye());
    wire.check(&[2], &[]);
}

#[test]
fn what_is_no_sip_has_no_defects() {
    let mut wire = Wire::new([50_000, 80]);
    wire.tcp("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    wire.tcp("POST /x HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
    wire.check(&[], &[]);
}

#[test]
fn sip_over_udp_is_known_by_its_content_on_any_port() {
    for ports in [[5060, 5060], [50_000, 1], [1, 50_000]] {
        let mut wire = Wire::new(ports);
        wire.udp(1, &bye());
        wire.udp(2, "\r\n\r\n");
        wire.udp(3, "no SIP");
        wire.udp(4, &bye());
        wire.check(&[1, 4], &[]);
    }
}

#[test]
fn a_datagram_mirrored_counts_once_and_one_sent_again_twice() {
    let mut wire = Wire::new([5060, 5060]);
    for identification in [7, 7, 8, 7, 8] {
        wire.udp(identification, &bye());
    }
    wire.check(&[1, 3], &[]);
}

#[test]
fn a_malformed_message_is_cited_and_the_next_one_read() {
    for transport in [Wire::tcp, |wire: &mut Wire, text: &str| wire.udp(0, text)] {
        let mut wire = Wire::new([50_000, 5060]);
        transport(&mut wire, &bye());
        transport(&mut wire, &bye().replace("Call-ID: i\r\n", ""));
        transport(&mut wire, &bye().replace("From: <", "From: \"Ann <"));
        // Not the first one again: without an identification that would be its copy.
        transport(&mut wire, &bye().replace("Call-ID: i", "Call-ID: j"));
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("malformed.pcap");
        fs::write(&path, &wire.file).expect("a file");
        let coverage = analyze(&path, false).expect("a report").0.coverage;
        assert_eq!((coverage.sip_messages, coverage.sip_malformed), (4, 2));
        let cited = coverage.anomalies.iter().flat_map(|one| one.first.iter().map(|at| (&*one.kind, at.frame)));
        assert_eq!(cited.collect::<Vec<_>>(), [("malformed-message", 2), ("malformed-message", 3)]);
        assert_eq!(wire.messages, [1, 2, 3, 4]);
    }
}

#[test]
fn a_message_that_cannot_be_read_is_cited_and_the_next_one_read() {
    let mut wire = Wire::new([50_000, 5060]);
    wire.tcp(&bye());
    wire.tcp("\u{1}\u{2}\u{3} what is this?\r\n");
    wire.tcp(&bye());
    wire.check(&[1, 3], &[("junk-between-messages", 2)]);
}
