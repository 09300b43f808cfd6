//! A connection written frame by frame, and what the reading half makes of it.

use lyncpush::frame::{Frame, FrameRef, LinkType, Timestamp};
use lyncpush::pipeline::Profile;
use lyncpush::pipeline::reading::{Notice, Reading, Seen};

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
const CLIENT: [u8; 4] = [192, 0, 2, 20];
const SERVER: [u8; 4] = [192, 0, 2, 7];

pub const BYE: &str = "BYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

/// A TCP connection between two ports, and datagrams between the same, frame by frame. No checksum is right, as in
/// captures of a sender whose network card computes them.
pub struct Wire {
    pub ports: [u16; 2],
    reading: Reading,
    frames: u64,
    /// The sequence number that [`say`](Self::say) goes on at.
    next: u32,
    /// `BYE 3`: a message and its frame. `lost 2-5`: octets lost between those milliseconds.
    pub seen: Vec<String>,
    /// All of it as a pcap file.
    pub file: Vec<u8>,
}

impl Wire {
    /// The connection from port 51000 to `port` after its handshake: the client goes on at 101, the server at 501.
    pub fn new(port: u16) -> Self {
        let mut wire = Self::between([51_000, port]);
        wire.push(0, true, SYN, [100, 0], "");
        wire.push(0, false, SYN | ACK, [500, 101], "");
        wire.push(0, true, ACK, [101, 501], "");
        wire
    }

    /// The connection from the first port to the second, of which the capture has no beginning.
    pub fn between(ports: [u16; 2]) -> Self {
        let reading = Reading::new(&Profile::built_in().expect("a profile").ports);
        let words = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, LinkType::RAW.0.into()];
        let file = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        Self { ports, reading, frames: 0, next: 101, seen: Vec::new(), file }
    }

    /// The client goes on, a millisecond after the frame before.
    pub fn say(&mut self, payload: &str) {
        self.push(self.frames as i64 + 1, true, ACK, [self.next, 501], payload);
        self.next += payload.len() as u32;
    }

    /// A frame from the client or the server, `at` milliseconds; its sequence number and what it acknowledges.
    pub fn push(&mut self, at: i64, is_client: bool, flags: u8, [sequence, acknowledged]: [u32; 2], payload: &str) {
        let (mut hosts, mut ports) = ([CLIENT, SERVER], self.ports);
        if !is_client {
            hosts.reverse();
            ports.reverse();
        }
        let length = (40 + payload.len() as u16).to_be_bytes();
        let frame = [
            &[0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0xba, 0xad][..],
            &hosts.concat(),
            &ports.map(u16::to_be_bytes).concat(),
            &[sequence, acknowledged].map(u32::to_be_bytes).concat(),
            &[5 << 4, flags, 0xff, 0xff, 0xba, 0xad, 0, 0],
            payload.as_bytes(),
        ];
        self.give(at, &frame.concat());
    }

    /// A UDP datagram from the client, in an IP packet with this identification.
    pub fn datagram(&mut self, at: i64, identification: u16, payload: &str) {
        let lengths = [28, 8].map(|header: u16| (header + payload.len() as u16).to_be_bytes());
        let id = identification.to_be_bytes();
        let frame = [
            &[0x45, 0, lengths[0][0], lengths[0][1], id[0], id[1], 0, 0, 64, 17, 0xba, 0xad][..],
            &[CLIENT, SERVER].concat(),
            &self.ports.map(u16::to_be_bytes).concat(),
            &[lengths[1][0], lengths[1][1], 0xba, 0xad],
            payload.as_bytes(),
        ];
        self.give(at, &frame.concat());
    }

    fn give(&mut self, at: i64, bytes: &[u8]) {
        self.frames += 1;
        let time = Timestamp::new(at * 1_000_000, 6);
        let seen = &mut self.seen;
        let octets = bytes.len() as u32;
        let frame = Frame {
            at: FrameRef { input: 0, number: self.frames, time },
            link: LinkType::RAW,
            wire_len: octets,
            bytes,
        };
        self.reading.push(&frame, &mut |event| note(seen, event));
        let record = [(at / 1000) as u32, (at % 1000) as u32 * 1000, octets, octets];
        self.file.extend(record.iter().flat_map(|word| word.to_le_bytes()));
        self.file.extend(bytes);
    }

    /// What is to be seen when the capture ends here, and which frames have which defects.
    #[track_caller]
    pub fn check_whole(mut self, expected: &[&str], defects: &[(&str, u64)]) {
        let seen = &mut self.seen;
        self.reading.finish(&mut |event| note(seen, event));
        let account = self.reading.account(0);
        let found = account.anomalies.iter().flat_map(|(kind, count)| count.first.iter().map(move |one| (kind, one)));
        let found: Vec<_> = found.map(|(kind, one)| (kind.name(), one.frame.number)).collect();
        self.check(expected);
        assert_eq!(found, defects);
    }

    #[track_caller]
    pub fn check(&self, expected: &[&str]) {
        assert_eq!(self.seen, expected);
    }
}

fn note(seen: &mut Vec<String>, event: Seen<'_>) {
    let milliseconds = |time: Timestamp| time.nanos() / 1_000_000;
    seen.push(match event {
        Seen::Message { raw, at, .. } => {
            let word = raw.split(|octet| *octet == b' ').next().unwrap_or_default();
            format!("{} {}", String::from_utf8_lossy(word), at.number)
        }
        Seen::Notice(_, Notice::Lost { from, to }) => format!("lost {}-{}", milliseconds(from), milliseconds(to)),
        Seen::Notice(..) | Seen::Refused(_) | Seen::Dialed(_) => "?".to_owned(),
    });
}
