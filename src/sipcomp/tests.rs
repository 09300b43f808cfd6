//! Whole connections: what is packed comes out again, whatever happens on the way.

use super::*;
use crate::anomaly::AnomalyKind;
use crate::frame::Timestamp;
use crate::stream::UNKNOWN_LENGTH;

fn at(number: u64) -> FrameRef {
    FrameRef { input: 0, number, time: Timestamp::new(number as i64, 6) }
}

/// The `number`th message of a dialog.
fn message(number: usize) -> String {
    format!(
        "OPTIONS sip:host{number}.contoso.com SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.2:{}\r\nCall-ID: {:08x}\r\n\
         CSeq: {number} OPTIONS\r\nContent-Length: 0\r\n\r\n",
        2000 + number,
        number * 99_991
    )
}

/// Both sides of a connection, told what happens.
struct Wire {
    decompressor: Decompressor,
    anomalies: AnomalyLog,
    offsets: [u64; 2],
    frames: u64,
    /// What came out of each side: text, `~n~` for a gap of `n` octets, `~~` for one of unknown length, `.` at the end.
    said: [String; 2],
    bytes: Vec<(Side, u64, u64, usize)>,
}

impl Wire {
    fn new() -> Self {
        Self {
            decompressor: Decompressor::new([100, 200]),
            anomalies: AnomalyLog::default(),
            offsets: [100, 200],
            frames: 0,
            said: Default::default(),
            bytes: Vec::new(),
        }
    }

    fn push(&mut self, side: Side, event: Event<'_>) {
        let (said, bytes) = (&mut self.said, &mut self.bytes);
        self.decompressor.push(side, event, &mut self.anomalies, &mut |side, event| {
            let own = &mut said[side.index()];
            match event {
                Event::Bytes { offset, bytes: text, frame } => {
                    own.push_str(std::str::from_utf8(text).unwrap());
                    bytes.push((side, offset, frame.number, text.len()));
                }
                Event::Gap { length: UNKNOWN_LENGTH, .. } => own.push_str("~~"),
                Event::Gap { length, .. } => own.push_str(&format!("~{length}~")),
                Event::Witness { .. } => own.push('!'),
                Event::End { .. } => own.push('.'),
            }
        });
    }

    fn send(&mut self, side: Side, octets: &[u8]) {
        self.frames += 1;
        let offset = self.offsets[side.index()];
        self.offsets[side.index()] += octets.len() as u64;
        self.push(side, Event::Bytes { offset, bytes: octets, frame: at(self.frames) });
    }

    fn lose(&mut self, side: Side, length: usize) {
        self.frames += 1;
        let offset = self.offsets[side.index()];
        self.offsets[side.index()] += length as u64;
        self.push(side, Event::Gap { offset, length: length as u64, after: None, frame: at(self.frames) });
    }

    fn end(&mut self) -> [&str; 2] {
        self.frames += 1;
        for side in [Side::Client, Side::Server] {
            self.push(side, Event::End { frame: at(self.frames), over: true });
        }
        [&self.said[0], &self.said[1]]
    }

    fn complaints(&self) -> u64 {
        self.anomalies.count(AnomalyKind::BadCompression)
    }
}

fn layout(name: &str) -> &'static Layout {
    LAYOUTS.iter().find(|layout| layout.name == name).expect("a layout")
}

/// The packets of each text.
fn packets(layout: &'static Layout, texts: &[String]) -> Vec<Vec<u8>> {
    let mut compressor = Compressor::new(layout);
    let pack = |text: &String| {
        let mut out = Vec::new();
        compressor.push(text.as_bytes(), &mut out);
        out
    };
    texts.iter().map(pack).collect()
}

#[test]
fn both_sides_in_every_layout_and_every_split() {
    let texts: Vec<String> = (0..60).map(message).collect();
    for layout in LAYOUTS {
        let octets = packets(layout, &texts).concat();
        for size in [1, 5, 6, 7, 100, 1460, octets.len()] {
            let mut wire = Wire::new();
            for piece in octets.chunks(size) {
                wire.send(Side::Client, piece);
                wire.send(Side::Server, piece);
            }
            let expected = texts.concat() + ".";
            assert!(wire.end() == [&expected, &expected], "{} {size}", layout.name);
            assert!(wire.decompressor.status().is_reading());
            assert_eq!(wire.complaints(), 0);
        }
    }
}

#[test]
fn octets_before_the_switch_are_not_packets() {
    let octets = packets(&LAYOUTS[0], &[message(1)]).concat();
    let mut wire = Wire::new();
    wire.offsets = [60, 200];
    wire.send(Side::Client, &[b'x'; 30]);
    wire.send(Side::Client, &[b"NEGOTIATE.", &octets[..]].concat());
    assert_eq!(wire.end(), [&(message(1) + "."), "."]);
}

#[test]
fn text_names_its_place_and_the_frame_that_completed_it() {
    let packed = packets(&LAYOUTS[0], &[message(1), message(2), message(3)]);
    let mut wire = Wire::new();
    let (first, second) = packed[1].split_at(10);
    wire.send(Side::Server, &[&packed[0][..], first].concat());
    wire.send(Side::Server, &[second, &packed[2]].concat());
    let lengths = [1, 2, 3].map(|number| message(number).len());
    let expected = [
        (Side::Server, 0, 1, lengths[0]),
        (Side::Server, lengths[0] as u64, 2, lengths[1]),
        (Side::Server, (lengths[0] + lengths[1]) as u64, 2, lengths[2]),
    ];
    assert_eq!(wire.bytes, expected);
}

#[test]
fn keep_alives_outside_packets_are_dropped() {
    let packed = packets(&LAYOUTS[1], &[message(1), message(2)]);
    let mut wire = Wire::new();
    for piece in [&b"\r\n\r\n"[..], &packed[0], b"\r", b"\n\r\n", &packed[1], b"\r\n\r"] {
        wire.send(Side::Client, piece);
    }
    assert_eq!(wire.end()[0], message(1) + &message(2) + ".");
    assert_eq!(wire.complaints(), 0);
}

#[test]
fn flushed_and_compressed_is_read_and_noted() {
    let layout = &LAYOUTS[0];
    let packed = packets(layout, &[message(1), message(2)]);
    let mut second = packets(layout, &[message(2)]).concat();
    second[0] |= 0x80;
    let mut wire = Wire::new();
    wire.send(Side::Client, &[&packed[0][..], &second].concat());
    assert_eq!(wire.end()[0], message(1) + &message(2) + ".");
    assert_eq!(wire.complaints(), 1);
}

#[test]
fn text_of_any_octets_is_sent_flushed() {
    let all: String = ('\u{80}'..'\u{8ff}').collect();
    let texts = [message(1), all, message(2)];
    for layout in LAYOUTS {
        let packed = packets(layout, &texts);
        assert_eq!(packed[1][0] >> 4, 0x8, "{}", layout.name);
        let mut wire = Wire::new();
        wire.send(Side::Client, &packed.concat());
        assert_eq!(wire.end()[0], texts.concat() + ".", "{}", layout.name);
    }
}

#[test]
fn what_fits_no_layout_is_unrecognised() {
    let check = |first: &[u8], rest: &[u8], shown: &str| {
        let mut wire = Wire::new();
        wire.send(Side::Client, first);
        wire.send(Side::Server, b"\x60\0");
        wire.send(Side::Client, rest);
        assert_eq!(wire.end(), [".", "."], "{shown}");
        assert!(matches!(wire.decompressor.status(), Status::Unrecognised), "{shown}");
        assert_eq!(wire.decompressor.first_octets(), shown);
    };
    check(b"\x60\0\0\0\0\x05hello", b" there, world", "60 00 00 00 00 05 68 65 6c 6c 6f 20 74 68 65 72");
    check(b"\x60", b"", "60");
    check(b"\xff\xff", b"\xff", "ff ff ff");
    check(message(1).as_bytes(), b"", "4f 50 54 49 4f 4e 53 20 73 69 70 3a 68 6f 73 74");
    // A header of more octets than those known: what looks like a first packet leads to nothing.
    let packed = packets(&LAYOUTS[0], &[message(1)]).concat();
    let mut wire = Wire::new();
    wire.send(Side::Client, &packed);
    wire.send(Side::Client, b"SIP/2.0 200 OK\r\n\r\n");
    assert_eq!(wire.end(), [&(message(1) + "~~."), "."]);
    assert!(matches!(wire.decompressor.status(), Status::Unrecognised));
}

#[test]
fn one_side_shows_the_other_how_to_read() {
    let packed = packets(&LAYOUTS[2], &[message(1), message(2)]);
    let mut wire = Wire::new();
    // The client's first packet is damaged, and no layout could be told from it.
    wire.send(Side::Client, &packed[0][..20]);
    wire.lose(Side::Client, packed[0].len() - 20);
    wire.send(Side::Client, &packed[1]);
    assert!(matches!(wire.decompressor.status(), Status::Undecided));
    wire.send(Side::Server, &packed[0]);
    assert!(wire.decompressor.status().is_reading());
    let said = wire.end();
    assert_eq!(said[1], message(1) + ".");
    assert!(said[0].starts_with("~~") && !said[0].contains("OPTIONS"), "{}", said[0]);
}

#[test]
fn packets_whose_first_ones_are_lost_are_damaged_and_no_unknown_layout() {
    let packed = packets(&LAYOUTS[0], &[message(1), message(2), message(3)]);
    let lost = |wire: &mut Wire, side| {
        wire.lose(side, packed[0].len());
        wire.send(side, &packed[1..].concat());
    };
    let mut wire = Wire::new();
    lost(&mut wire, Side::Client);
    lost(&mut wire, Side::Server);
    assert!(matches!(wire.decompressor.status(), Status::Undecided), "the end may be far");
    assert!(wire.end().iter().all(|said| !said.contains("OPTIONS")));
    assert!(matches!(wire.decompressor.status(), Status::Damaged));
    // A side that is whole and silent tells as little.
    let mut wire = Wire::new();
    lost(&mut wire, Side::Server);
    wire.end();
    assert!(matches!(wire.decompressor.status(), Status::Damaged));
    // One that is whole and strange tells.
    let mut wire = Wire::new();
    lost(&mut wire, Side::Server);
    wire.send(Side::Client, b"\xff\xff\xff");
    wire.end();
    assert!(matches!(wire.decompressor.status(), Status::Unrecognised));
}

#[test]
fn where_packets_begin_may_be_a_guess() {
    for layout in LAYOUTS {
        let packed = packets(layout, &[message(1), message(2), message(3)]).concat();
        for skipped in [0, 1, 9, 40] {
            for is_first in [true, false] {
                let mut wire = Wire::new();
                wire.decompressor.doubt(Side::Server);
                let what = format!("{} {skipped} {is_first}", layout.name);
                if is_first {
                    wire.send(Side::Server, &packed[skipped..]);
                    assert_eq!(wire.decompressor.status().is_reading(), skipped == 0, "{what}");
                }
                wire.send(Side::Client, &packed);
                assert!(wire.decompressor.status().is_reading(), "{what}");
                if !is_first {
                    wire.send(Side::Server, &packed[skipped..]);
                }
                let said = wire.end();
                let whole = [message(1), message(2), message(3)].concat() + ".";
                assert_eq!(said[0], whole, "{what}");
                match skipped {
                    0 => assert_eq!(said[1], whole, "{what}"),
                    _ => assert!(said[1].starts_with("~~") && !said[1].contains("OPTIONS"), "{what} {}", said[1]),
                }
            }
        }
        let mut wire = Wire::new();
        wire.decompressor.doubt(Side::Server);
        wire.send(Side::Server, &packed[9..]);
        wire.end();
        assert!(matches!(wire.decompressor.status(), Status::Damaged));
    }
}

#[test]
fn an_idle_connection_is_not_unrecognised() {
    let mut wire = Wire::new();
    wire.push(Side::Client, Event::Witness { frame: at(1) });
    assert_eq!(wire.end(), ["!.", "."]);
    assert!(matches!(wire.decompressor.status(), Status::Undecided));
}

/// Texts that have nothing in common, so that none is copied from another.
fn unlike(number: usize) -> String {
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').collect::<Vec<_>>();
    let text: String = (0..30).map(|at| letters[(number * 7 + at * (number * 2 + 1)) % letters.len()]).collect();
    format!("OPTIONS sip:{text}\n")
}

#[test]
fn a_loss_inside_one_packet_that_states_its_text() {
    let texts = [message(1), message(2), unlike(3)];
    let packed = packets(layout("text16-length16"), &texts);
    let mut wire = Wire::new();
    wire.send(Side::Client, &packed[0]);
    wire.send(Side::Client, &packed[1][..8]);
    wire.lose(Side::Client, 10);
    wire.send(Side::Client, &[&packed[1][18..], &packed[2]].concat());
    // The third packet copies `OPTIONS sip:` from the first one or the second one: only the first one is certain.
    let said = wire.end()[0].to_owned();
    let lost = format!("~{}~", texts[1].len());
    let third = [texts[2].clone(), format!("~{}~", texts[2].len())];
    assert!(third.iter().any(|third| said == format!("{}{lost}{third}.", texts[0])), "{said}");
}

#[test]
fn after_a_loss_nothing_doubtful_is_given() {
    let texts: Vec<String> = (0..400).map(message).collect();
    for layout in LAYOUTS {
        let packed = packets(layout, &texts);
        let octets = packed.concat();
        let fronts = packed.iter().filter(|packet| packet[0] >> 4 == 0x6).count();
        assert!(fronts > 3, "{fronts} packets at the front");
        for (from, length) in [(900, 1), (900, 100), (900, 1460), (5000, 4000)] {
            for size in [100, 1460] {
                let mut wire = Wire::new();
                wire.send(Side::Client, &octets[..from]);
                wire.lose(Side::Client, length);
                octets[from + length..].chunks(size).for_each(|piece| wire.send(Side::Client, piece));
                let said = wire.end()[0].trim_end_matches('.').to_owned();
                assert!(said.contains('~'), "{} {from} {length}", layout.name);
                let mut messages = said.split('~').flat_map(|text| text.split_inclusive("\r\n\r\n"));
                assert!(
                    messages
                        .all(|text| text.is_empty() || text.parse::<u64>().is_ok() || texts.iter().any(|t| t == text)),
                    "{} {from} {length} {size}",
                    layout.name
                );
            }
        }
    }
}

#[test]
fn a_flush_makes_text_certain_again() {
    for layout in LAYOUTS {
        let all: String = ('\u{80}'..'\u{8ff}').collect();
        let texts = [message(1), message(2), message(3), message(4), all.clone(), message(5), message(6)];
        let packed = packets(layout, &texts);
        let mut wire = Wire::new();
        wire.send(Side::Client, &packed[0]);
        // Two packets are lost, and the beginning of a third one.
        wire.lose(Side::Client, packed[1].len() + packed[2].len() + 3);
        wire.send(Side::Client, &packed[3][3..]);
        packed[4..].iter().for_each(|packet| wire.send(Side::Client, packet));
        let said = wire.end()[0];
        let tail = all + &message(5) + &message(6) + ".";
        assert!(said.starts_with(&message(1)) && said.ends_with(&tail), "{} {said}", layout.name);
        assert!(!said.contains("host4"), "{}", layout.name);
    }
}

#[test]
fn one_packet_alone_is_no_chain() {
    let layout = &LAYOUTS[0];
    let packed = packets(layout, &[message(1), message(2)]);
    let flushed = [&[0x80, 0, 0, 0, 0, 9][..], b"BYE sip:x"].concat();
    let mut wire = Wire::new();
    packed.iter().for_each(|packet| wire.send(Side::Client, packet));
    wire.lose(Side::Client, 50);
    // Octet by octet, what may be a packet ends with the octets that came so far sooner or later.
    for octet in [&b"\xff\xff"[..], &flushed, b"\xff\xff"].concat() {
        wire.send(Side::Client, &[octet]);
    }
    assert!(!wire.said[0].contains("BYE"), "{}", wire.said[0]);
    [&flushed[..], &flushed].concat().iter().for_each(|octet| wire.send(Side::Client, &[*octet]));
    assert!(wire.said[0].ends_with("BYE sip:xBYE sip:x"), "{}", wire.said[0]);
}

#[test]
fn a_defective_payload_is_one_loss_not_the_end() {
    let texts: Vec<String> = (0..10).map(message).collect();
    for layout in LAYOUTS {
        let mut packed = packets(layout, &texts);
        // Ones are no length.
        let length = packed[5].len();
        packed[5][8..length].fill(0xff);
        let mut wire = Wire::new();
        packed.iter().for_each(|packet| wire.send(Side::Client, packet));
        let said = wire.end()[0];
        assert!(said.starts_with(&(texts[..5].concat() + "~~")) && !said.contains("host6"), "{} {said}", layout.name);
        assert_eq!(wire.complaints(), 1);
    }
}

#[test]
fn a_packet_cut_by_the_end_is_noted() {
    let packed = packets(&LAYOUTS[0], &[message(1), message(2)]).concat();
    let mut wire = Wire::new();
    wire.send(Side::Client, &packed[..packed.len() - 1]);
    assert_eq!(wire.end()[0], message(1) + "~~.");
    assert_eq!(wire.complaints(), 1);
}

#[test]
fn nothing_is_held_without_a_bound() {
    // Packets of nothing but empty lines never decide, and neither does a side that begins with a loss.
    let lines = packets(&LAYOUTS[0], &vec!["\r\n".to_owned(); 100_000]).concat();
    let mut wire = Wire::new();
    lines.chunks(1460).for_each(|piece| wire.send(Side::Client, piece));
    assert!(matches!(wire.decompressor.status(), Status::Unrecognised));
    let mut wire = Wire::new();
    wire.lose(Side::Client, 1);
    lines.chunks(1460).for_each(|piece| wire.send(Side::Client, piece));
    assert!(matches!(wire.decompressor.status(), Status::Damaged));
}
