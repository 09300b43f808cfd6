//! Streams written as rows of events, and what the framer makes of them.

use proptest::prelude::*;

use super::*;
use crate::frame::Timestamp;

/// The frame numbered `number`, captured at that many nanoseconds.
pub fn frame(number: u64) -> FrameRef {
    FrameRef { input: 0, number, time: Timestamp::new(i64::try_from(number).unwrap_or_default(), 9) }
}

/// One line for each thing handed out: `first-last METHOD body octets`, or the anomaly's name.
pub fn show(framed: Framed<'_>) -> String {
    match framed {
        Framed::Message { raw, first, last } => {
            let text = String::from_utf8_lossy(raw);
            let word = text.split(' ').next().unwrap_or_default();
            let head = memchr::memmem::find(raw, b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
            format!("{}-{} {word} body {}", first.number, last.number, raw.len() - head)
        }
        Framed::Anomaly(anomaly) => anomaly.kind.name().to_owned(),
    }
}

/// What happens to a stream, each in a frame of its own.
enum Event<'a> {
    Bytes(&'a str),
    Gap(u64),
}

use Event::{Bytes, Gap};

const SMALL: Limits = Limits { head: 200, body: 50, believed: 1000 };

#[track_caller]
fn check(events: &[Event<'_>], expected: &[&str]) {
    let mut framer = Framer::new(SMALL);
    let mut seen = Vec::new();
    let mut number = 0;
    for event in events {
        number += 1;
        match event {
            Bytes(text) => framer.bytes(text.as_bytes(), frame(number), &mut |framed| seen.push(show(framed))),
            Gap(length) => framer.gap(*length, frame(number), &mut |framed| seen.push(show(framed))),
        }
        assert!(framer.buffered() <= SMALL.head + SMALL.body);
    }
    framer.end(frame(number + 1), &mut |framed| seen.push(show(framed)));
    assert_eq!(framer.buffered(), 0);
    assert_eq!(seen, expected);
}

const BYE: &str = "BYE sip:a@b SIP/2.0\r\n\r\n";
const OK: &str = "SIP/2.0 200 OK\r\nl: 4\r\n\r\nbody";

#[test]
fn one_and_many() {
    check(&[], &[]);
    check(&[Bytes(BYE)], &["1-1 BYE body 0"]);
    check(&[Bytes(&format!("{BYE}{OK}{BYE}"))], &["1-1 BYE body 0", "1-1 SIP/2.0 body 4", "1-1 BYE body 0"]);
    check(&[Bytes(&OK[..5]), Bytes(&OK[5..20]), Bytes(&OK[20..])], &["1-3 SIP/2.0 body 4"]);
    check(&[Bytes(&OK[..26]), Bytes(&format!("{}{BYE}", &OK[26..]))], &["1-2 SIP/2.0 body 4", "2-2 BYE body 0"]);
    check(&[Bytes("SIP/2.0 200 OK\nl:1\n\nx"), Bytes(BYE)], &["1-1 SIP/2.0 body 0", "2-2 BYE body 0"]);
}

#[test]
fn white_space_between_messages() {
    check(
        &[Bytes("\r\n\r\n"), Bytes(&format!(" \t\r\n{BYE}\r\n\r\n\n \t{BYE}\r\n")), Bytes("\r\n")],
        &["2-2 BYE body 0", "2-2 BYE body 0"],
    );
}

#[test]
fn a_body_that_quotes_a_message_is_a_body() {
    let quoting = format!("MESSAGE sip:a@b SIP/2.0\r\nl: {}\r\n\r\n{BYE}", BYE.len());
    check(&[Bytes(&quoting)], &["1-1 MESSAGE body 23"]);
    check(&[Bytes(&quoting[..45]), Bytes(&quoting[45..])], &["1-2 MESSAGE body 23"]);
}

#[test]
fn a_gap_inside_a_body() {
    let head = "MESSAGE sip:a@b SIP/2.0\r\nl: 40\r\n\r\n";
    let start = format!("{head}0123456789");
    let cut = "1-1 MESSAGE body 10";
    // The lost octets lie inside the body: the next message is found by counting, even behind quoted ones.
    check(
        &[Bytes(&start), Gap(7), Bytes(BYE), Bytes(&format!("{BYE}{OK}"))],
        &[cut, "incomplete-message", "4-4 BYE body 0", "4-4 SIP/2.0 body 4"],
    );
    check(&[Bytes(&start), Gap(30), Bytes(BYE)], &[cut, "incomplete-message", "3-3 BYE body 0"]);
    check(
        &[Bytes(&start), Gap(10), Gap(10), Bytes("0123456789"), Bytes(BYE)],
        &[cut, "incomplete-message", "5-5 BYE body 0"],
    );
    // They reach beyond it: the next start line is taken.
    check(
        &[Bytes(&start), Gap(31), Bytes(&format!("l: 0\r\n\r\n{BYE}"))],
        &[cut, "incomplete-message", "3-3 BYE body 0"],
    );
    check(&[Bytes(&start), Gap(u64::MAX), Bytes(BYE)], &[cut, "incomplete-message", "3-3 BYE body 0"]);
    check(&[Bytes(head), Gap(40), Bytes(BYE)], &["1-1 MESSAGE body 0", "incomplete-message", "3-3 BYE body 0"]);
}

#[test]
fn a_message_behind_the_end_of_a_body_whose_head_was_lost() {
    // Without a line end in between it is known by beginning a segment.
    check(&[Gap(9), Bytes("im"), Bytes(BYE)], &["3-3 BYE body 0"]);
    check(&[Gap(9), Bytes("im"), Bytes(OK)], &["3-3 SIP/2.0 body 4"]);
    check(&[Gap(9), Bytes("body"), Gap(3), Bytes("im"), Bytes(BYE)], &["5-5 BYE body 0"]);
    check(&[Gap(9), Bytes("im"), Bytes(&BYE[..9]), Bytes(&BYE[9..])], &["3-4 BYE body 0"]);
    check(&[Gap(9), Bytes(&BYE[..9]), Bytes(&BYE[9..])], &["2-3 BYE body 0"]);
    // Inside a segment it is not, nor by half a word, nor by what may be the end of one.
    check(&[Gap(9), Bytes(&format!("im{BYE}")), Bytes(OK)], &["3-3 SIP/2.0 body 4"]);
    check(&[Gap(9), Bytes("im"), Bytes(&BYE[..2]), Bytes(&BYE[2..])], &[]);
    check(&[Gap(9), Bytes("INFO is"), Bytes(" no message\r\n"), Bytes(BYE)], &["4-4 BYE body 0"]);
    check(&[Gap(9), Bytes("im"), Bytes("SSAGE sip:a@b SIP/2.0\r\n\r\n")], &[]);
    // Nor inside a body whose length is known.
    let quoting = "MESSAGE sip:a@b SIP/2.0\r\nl: 40\r\n\r\n";
    check(&[Bytes(quoting), Gap(7), Bytes(BYE)], &["1-1 MESSAGE body 0", "incomplete-message"]);
}

#[test]
fn astray_until_a_message_is_found() {
    let mut framer = Framer::new(SMALL);
    let mut bytes = |text: &str| {
        framer.bytes(text.as_bytes(), frame(1), &mut |_| ());
        framer.is_astray()
    };
    for (text, expected) in [
        (BYE, false),
        ("\r\n", false),
        ("BYE sip:a", false),
        ("@b SIP/2.0\r\n\r\n", false),
        ("junk\r\n", true),
        ("BYE sip:a", true),
        ("@b SIP/2.0\r\n", true),
        ("\r\n", false),
        ("MESSAGE sip:a@b SIP/2.0\r\nl: x\r\n\r\n", true),
        (BYE, false),
    ] {
        assert_eq!(bytes(text), expected, "{text:?}");
    }
}

#[test]
fn a_gap_elsewhere() {
    check(&[Bytes(&OK[..20]), Gap(3), Bytes("y\r\n"), Bytes(BYE)], &["incomplete-message", "4-4 BYE body 0"]);
    check(
        &[Bytes(BYE), Gap(100), Bytes("tail of something\r\nVia: x\r\n\r\n"), Bytes(BYE)],
        &["1-1 BYE body 0", "4-4 BYE body 0"],
    );
    check(&[Gap(1), Bytes("lf-line\r\nBY"), Bytes(&BYE[2..])], &["2-3 BYE body 0"]);
    // A line that only began like a start line is no anomaly of its own.
    check(&[Gap(1), Bytes("a\r\nBYE nothing"), Gap(1), Bytes(BYE)], &["4-4 BYE body 0"]);
    check(&[Gap(1), Bytes("a\r\nBYE noth"), Bytes("ing\r\n"), Bytes(BYE)], &["4-4 BYE body 0"]);
    check(&[Gap(1), Bytes(&OK[..20]), Gap(1), Bytes(BYE)], &["incomplete-message", "4-4 BYE body 0"]);
    check(&[Bytes("BYE s"), Gap(1), Bytes(BYE)], &["incomplete-message", "3-3 BYE body 0"]);
}

#[test]
fn junk_is_said_once_and_passed_over() {
    let junk = "junk-between-messages";
    check(&[Bytes(&format!("tail of a body\r\na=b\r\n{BYE}"))], &[junk, "1-1 BYE body 0"]);
    check(&[Bytes("tail"), Bytes(" of\r"), Bytes("\nmore"), Bytes(&format!("\r\n{BYE}"))], &[junk, "4-4 BYE body 0"]);
    check(&[Bytes(&format!("{BYE}\0\0{BYE}{BYE}"))], &["1-1 BYE body 0", junk, "1-1 BYE body 0"]);
    check(&[Bytes(&format!("{OK} too long\r\n{BYE}x\r\n"))], &["1-1 SIP/2.0 body 4", junk, "1-1 BYE body 0", junk]);
    check(&[Bytes("GET / HTTP/1.1\r\n\r\n")], &[junk]);
}

#[test]
fn lengths_that_cannot_be_trusted() {
    let bad = "malformed-message";
    for length in ["-1", "abc", "1001", "99999999999999999999999", "4\r\nContent-Length: 5"] {
        let text = format!("INFO sip:a@b SIP/2.0\r\nl: {length}\r\n\r\nbody text\r\n{BYE}");
        check(&[Bytes(&text)], &["1-1 INFO body 0", bad, "1-1 BYE body 0"]);
    }
    let text = format!("INFO sip:a@b SIP/2.0\r\nc: a/b\r\n\r\nbody text\r\n{BYE}");
    check(&[Bytes(&text)], &["1-1 INFO body 0", bad, "1-1 BYE body 0"]);
    check(&[Bytes(&text[..27]), Bytes(&text[27..])], &["1-2 INFO body 0", bad, "2-2 BYE body 0"]);
}

#[test]
fn limits() {
    let big = "oversized-message";
    let body = format!("INFO sip:a@b SIP/2.0\r\nl: {}\r\n\r\n{}{BYE}", 51 + BYE.len(), "x".repeat(51));
    check(&[Bytes(&body), Bytes(BYE)], &["1-1 INFO body 0", big, "2-2 BYE body 0"]);
    check(&[Bytes(&body[..25]), Bytes(&body[25..]), Bytes(BYE)], &["1-2 INFO body 0", big, "3-3 BYE body 0"]);
    check(&[Bytes(&body[..50]), Gap(body.len() as u64 - 50), Bytes(BYE)], &["1-1 INFO body 0", big, "3-3 BYE body 0"]);
    let head = format!("INFO sip:a@b SIP/2.0\r\na: {}\r\n\r\n{BYE}", "x".repeat(200));
    check(&[Bytes(&head)], &[big, "1-1 BYE body 0"]);
    check(&[Bytes(&head[..190]), Bytes(&head[190..])], &[big, "2-2 BYE body 0"]);
    check(&[Bytes(&head[..190]), Bytes(&head[190..205]), Bytes(&head[205..])], &[big, "3-3 BYE body 0"]);
    // The line that crosses the limit goes with the head, however the octets come in.
    let crossing = format!("INFO sip:a@b SIP/2.0\r\na: {}\r\n{BYE}{OK}", "x".repeat(167));
    check(&[Bytes(&crossing)], &[big, "1-1 SIP/2.0 body 4"]);
    check(&[Bytes(&crossing[..201]), Bytes(&crossing[201..])], &[big, "2-2 SIP/2.0 body 4"]);
    let endless = format!("BYE sip:{}", "x".repeat(300));
    check(&[Bytes(&endless), Bytes(&endless), Bytes(&format!("\r\n{BYE}"))], &[big, "3-3 BYE body 0"]);
}

#[test]
fn a_head_that_breaks_off_in_another_message() {
    let cut = "incomplete-message";
    let stream = format!("INFO sip:a@b SIP/2.0\r\na: b\r\n{BYE}");
    check(&[Bytes(&stream)], &[cut, "1-1 BYE body 0"]);
    check(&[Bytes(&stream[..24]), Bytes(&stream[24..])], &[cut, "2-2 BYE body 0"]);
    check(&[Bytes(&stream[..28]), Bytes(&stream[28..])], &[cut, "2-2 BYE body 0"]);
    check(&[Bytes(&stream[..35]), Bytes(&stream[35..40]), Bytes(&stream[40..])], &[cut, "2-3 BYE body 0"]);
    check(&[Bytes(&stream[..28]), Bytes(&stream[28..35]), Bytes(&stream[35..])], &[cut, "2-3 BYE body 0"]);
    // White space in front of a start line belongs to no message, however the octets come in.
    let behind_cr = format!("INFO sip:a@b SIP/2.0\r\n x\n\r{BYE}");
    check(&[Bytes(&behind_cr)], &[cut, "1-1 BYE body 0"]);
    check(&[Bytes(&behind_cr[..26]), Bytes(&behind_cr[26..])], &[cut, "2-2 BYE body 0"]);
    // Nothing but start lines: each is looked at once, none is a message.
    let lines = "BYE sip:a@b SIP/2.0\r\n".repeat(40);
    check(&[Bytes(&lines), Bytes("\r\n")], &[&[cut; 39][..], &["1-2 BYE body 0"]].concat());
}

#[test]
fn the_end_of_the_stream() {
    check(&[Bytes(&OK[..20])], &["incomplete-message"]);
    check(&[Bytes("SIP/2.0 2")], &["incomplete-message"]);
    check(&[Bytes(&OK[..26])], &["1-1 SIP/2.0 body 2", "incomplete-message"]);
    check(&[Gap(5), Bytes("SIP/2.0 2")], &[]);
}

#[test]
fn a_message_inside_one_slice_is_not_copied() {
    let text = format!("{OK}{BYE}");
    let range = text.as_bytes().as_ptr_range();
    let mut borrowed = 0;
    Framer::new(SMALL).bytes(text.as_bytes(), frame(1), &mut |framed| {
        if let Framed::Message { raw, .. } = framed {
            assert!(range.contains(&raw.as_ptr()));
            borrowed += 1;
        }
    });
    assert_eq!(borrowed, 2);
}

#[test]
fn the_latest_frame_is_not_always_the_last_one() {
    let mut framer = Framer::new(SMALL);
    let mut seen = Vec::new();
    for (number, text) in [(3, &OK[..10]), (9, &OK[10..15]), (5, &OK[15..])] {
        framer.bytes(text.as_bytes(), frame(number), &mut |framed| seen.push(show(framed)));
    }
    assert_eq!(seen, ["3-9 SIP/2.0 body 4"]);
}

/// Everything handed out for `slices`, frames left out.
fn messages(slices: &[&[u8]], limits: Limits) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(limits);
    let mut seen = Vec::new();
    let mut push = |framed: Framed<'_>| {
        seen.push(match framed {
            Framed::Message { raw, .. } => raw.to_vec(),
            Framed::Anomaly(anomaly) => anomaly.detail.as_bytes().to_vec(),
        });
    };
    for slice in slices {
        framer.bytes(slice, frame(1), &mut push);
    }
    framer.end(frame(1), &mut push);
    seen
}

/// Pieces of streams, sound and broken, that follow each other in any order.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z <>:\\r\\n]{0,60}".prop_map(|body| format!("INFO sip:a@b SIP/2.0\r\nContent-Length:\r\n {}\r\n\r\n{body}", body.len())),
        4 => Just(BYE.to_owned()),
        3 => Just(OK.to_owned()),
        2 => "[ \\t\\r\\n]{0,6}",
        1 => Just(format!("MESSAGE sip:a@b SIP/2.0\r\nl: {}\r\n\r\n{BYE}", BYE.len())),
        1 => Just("NOTIFY sip:a@b SIP/2.0\r\nl: x\r\n\r\nbody\r\n".to_owned()),
        1 => Just("NOTIFY sip:a@b SIP/2.0\r\nc: a/b\r\n\r\nbody\r\n".to_owned()),
        1 => Just(format!("OPTIONS sip:a@b SIP/2.0\r\nx: {}\r\n\r\n", "y".repeat(250))),
        1 => "[A-Z a-z/:.0-9]{0,30}",
        1 => "[A-Z]{2,5} sip:[a-z]{0,5}[ \\r\\n]{1,3}SIP/2.0\r\n",
        1 => "SIP/[12]\\.0 {1,2}[0-9]{2,4} ?[a-z0-9 ]{0,4}\r\n\r\n",
        1 => "[a-z]{1,80}: [a-z]{0,110}\r\n",
    ]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_messages(pieces in prop::collection::vec(piece(), 0..8), cuts in prop::collection::vec(0..600_usize, 0..12)) {
        let stream = pieces.concat();
        let stream = stream.as_bytes();
        let whole = messages(&[stream], SMALL);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.push(0);
        cuts.push(stream.len());
        cuts.sort_unstable();
        let slices: Vec<_> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&messages(&slices, SMALL), &whole);
        let octets: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(&messages(&octets, SMALL), &whole);
    }

    #[test]
    fn any_octets_with_gaps_never_panic(events in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 0..90_u64), 0..20)) {
        let mut framer = Framer::new(SMALL);
        for (bytes, length) in events {
            framer.bytes(&bytes, frame(1), &mut |_| {});
            if length % 3 == 0 {
                framer.gap(length, frame(2), &mut |_| {});
            }
            prop_assert!(framer.buffered() <= SMALL.head + SMALL.body);
        }
        framer.end(frame(3), &mut |_| {});
    }
}
