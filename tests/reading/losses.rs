//! What the capture lost, told in time to whoever would otherwise call a message missing.

use lyncpush::frame::{Frame, FrameRef, LinkType, Timestamp};
use lyncpush::pipeline::Profile;
use lyncpush::pipeline::reading::{Reading, Seen};

const SYN: u8 = 2;
const ACK: u8 = 16;
const CLIENT: [u8; 4] = [192, 0, 2, 20];
const SERVER: [u8; 4] = [192, 0, 2, 7];

const BYE: &str = "BYE sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

/// A TCP connection from port 51000 to `port`, frame by frame.
struct Wire {
    port: u16,
    reading: Reading,
    frames: u64,
    /// `BYE 3`: a message and its frame. `lost 2-5`: octets lost between those milliseconds.
    seen: Vec<String>,
}

impl Wire {
    fn new(port: u16) -> Self {
        let reading = Reading::new(&Profile::built_in().expect("a profile").ports);
        let mut wire = Self { port, reading, frames: 0, seen: Vec::new() };
        wire.push(0, true, SYN, [100, 0], "");
        wire.push(0, false, SYN | ACK, [500, 101], "");
        wire.push(0, true, ACK, [101, 501], "");
        wire
    }

    /// A frame from the client or the server, `at` milliseconds; its sequence number and what it acknowledges.
    fn push(&mut self, at: i64, is_client: bool, flags: u8, [sequence, acknowledged]: [u32; 2], payload: &str) {
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

    fn give(&mut self, at: i64, bytes: &[u8]) {
        self.frames += 1;
        let at = FrameRef { input: 0, number: self.frames, time: Timestamp::new(at * 1_000_000, 6) };
        let seen = &mut self.seen;
        let wire_len = bytes.len() as u32;
        self.reading.push(&Frame { at, link: LinkType::RAW, wire_len, bytes }, &mut |event| note(seen, event));
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
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
        Seen::Lost { from, to, .. } => format!("lost {}-{}", milliseconds(from), milliseconds(to)),
        Seen::Witness { .. } | Seen::Unreadable { .. } => "?".to_owned(),
    });
}

#[test]
fn an_answer_that_is_only_acknowledged_is_told_while_somebody_waits_for_it() {
    let mut wire = Wire::new(5061);
    wire.push(10, true, ACK, [101, 501], BYE);
    wire.push(20, true, ACK, [143, 801], "");
    wire.check(&["BYE 4"]);
    // Another connection shows that time goes by.
    wire.port = 5062;
    wire.push(3_030, true, SYN, [100, 0], "");
    wire.check(&["BYE 4", "lost 0-3030"]);
}

#[test]
fn a_stream_of_which_no_message_is_left_is_told_where_sip_is_expected() {
    for (port, told) in [(5061, &["lost 0-3020"][..]), (8080, &[])] {
        let mut wire = Wire::new(port);
        wire.push(20, false, ACK, [501, 143], "");
        wire.push(3_020, false, ACK, [501, 143], "");
        wire.check(told);
    }
}

#[test]
fn octets_passed_over_behind_a_loss_are_lost() {
    let mut wire = Wire::new(5061);
    wire.push(10, true, ACK, [101, 501], BYE);
    // 100 octets are lost; then the end of a body, and behind it in the same segment a message that nobody can find.
    wire.push(20, true, ACK, [243, 501], "tail");
    wire.push(30, false, ACK, [501, 247], "");
    wire.push(240, false, ACK, [501, 247], "");
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20"]);
    wire.push(5_000, true, ACK, [247, 501], &format!("more of it{BYE}"));
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20", "lost 20-5000"]);
    // A segment that begins with a message is found, and from then on nothing is in doubt.
    wire.push(9_000, true, ACK, [299, 501], BYE);
    wire.push(9_001, true, ACK, [341, 501], BYE);
    wire.check(&["BYE 4", "lost 10-240", "lost 20-20", "lost 20-5000", "BYE 9", "BYE 10"]);
}

#[test]
fn the_beginning_of_a_capture_is_no_loss() {
    let mut wire = Wire::new(5061);
    wire.port = 5062;
    wire.push(10, true, ACK, [7_000, 9_000], "the end of a message\r\n\r\n");
    wire.push(80, true, ACK, [7_024, 9_000], BYE);
    wire.push(90, true, ACK, [7_066, 9_000], BYE);
    // What was read of it before its port was known to carry SIP may have been the end of a message, no more.
    wire.check(&["BYE 5", "BYE 6"]);
}
