//! A TCP connection written frame by frame, and what the reading half makes of it.

use lyncpush::frame::{Frame, FrameRef, LinkType, Timestamp};
use lyncpush::pipeline::Profile;
use lyncpush::pipeline::reading::{Notice, Reading, Seen};

pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
const CLIENT: [u8; 4] = [192, 0, 2, 20];
const SERVER: [u8; 4] = [192, 0, 2, 7];

pub const BYE: &str = "BYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

/// A TCP connection from port 51000 to `port`, frame by frame.
pub struct Wire {
    pub port: u16,
    reading: Reading,
    frames: u64,
    /// `BYE 3`: a message and its frame. `lost 2-5`: octets lost between those milliseconds.
    pub seen: Vec<String>,
}

impl Wire {
    /// The connection after its handshake: the client goes on at 101, the server at 501.
    pub fn new(port: u16) -> Self {
        let reading = Reading::new(&Profile::built_in().expect("a profile").ports);
        let mut wire = Self { port, reading, frames: 0, seen: Vec::new() };
        wire.push(0, true, SYN, [100, 0], "");
        wire.push(0, false, SYN | ACK, [500, 101], "");
        wire.push(0, true, ACK, [101, 501], "");
        wire
    }

    /// A frame from the client or the server, `at` milliseconds; its sequence number and what it acknowledges.
    pub fn push(&mut self, at: i64, is_client: bool, flags: u8, [sequence, acknowledged]: [u32; 2], payload: &str) {
        let (mut hosts, mut ports) = ([CLIENT, SERVER], [51_000, self.port]);
        if !is_client {
            hosts.reverse();
            ports.reverse();
        }
        let length = (40 + payload.len() as u16).to_be_bytes();
        let frame = [
            &[0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 6, 0, 0][..],
            &hosts.concat(),
            &ports.map(u16::to_be_bytes).concat(),
            &[sequence, acknowledged].map(u32::to_be_bytes).concat(),
            &[5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0],
            payload.as_bytes(),
        ];
        self.give(at, &frame.concat());
    }

    /// A UDP datagram from the client, in an IP packet with this identification.
    pub fn datagram(&mut self, at: i64, identification: u16, payload: &str) {
        let lengths = [28, 8].map(|header: u16| (header + payload.len() as u16).to_be_bytes());
        let id = identification.to_be_bytes();
        let frame = [
            &[0x45, 0, lengths[0][0], lengths[0][1], id[0], id[1], 0, 0, 64, 17, 0, 0][..],
            &[CLIENT, SERVER].concat(),
            &[51_000, self.port].map(u16::to_be_bytes).concat(),
            &[lengths[1][0], lengths[1][1], 0, 0],
            payload.as_bytes(),
        ];
        self.give(at, &frame.concat());
    }

    fn give(&mut self, at: i64, bytes: &[u8]) {
        self.frames += 1;
        let at = FrameRef { input: 0, number: self.frames, time: Timestamp::new(at * 1_000_000, 6) };
        let seen = &mut self.seen;
        let wire_len = bytes.len() as u32;
        self.reading.push(&Frame { at, link: LinkType::RAW, wire_len, bytes }, &mut |event| note(seen, event));
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
        Seen::Notice(..) => "?".to_owned(),
    });
}
