//! Whole captures, checked from outside: the file is taken apart again, octet by octet.

use std::collections::{BTreeMap, BTreeSet};

use super::packet::{fold, sum};
use super::*;
use crate::anomaly::AnomalyLog;
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::sipcomp::{Decompressor, LAYOUTS};
use crate::stream::Event;

/// One frame of a raw-IP capture of IPv4, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    time: u64,
    /// Source and destination, each address and port.
    ends: [(u8, u16); 2],
    sequence: u32,
    flags: u8,
    payload: Vec<u8>,
    whole: Vec<u8>,
}

impl Taken {
    fn ports(&self) -> (u16, u16) {
        (self.ends[0].1, self.ends[1].1)
    }
}

pub(super) fn raw() -> Options {
    Options { link: Link::Raw, container: Container::PcapNs, ..Options::default() }
}

fn capture(scenario: &str, options: &Options) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let summary = write(scenario, options, &mut out).unwrap();
    (out, summary)
}

/// Takes a raw-IP capture apart and finds every checksum right.
pub(super) fn taken(scenario: &str, options: &Options) -> (Vec<Taken>, Summary) {
    let (file, summary) = capture(scenario, options);
    (taken_apart(&file, &summary), summary)
}

/// The same of a capture with a key log.
#[cfg(feature = "tls")]
pub(super) fn taken_with_keys(scenario: &str, options: &Options) -> (Vec<Taken>, Summary, Vec<u8>) {
    let (mut file, mut keys) = (Vec::new(), Vec::new());
    let summary = write_with_keys(scenario, options, &mut file, &mut keys).unwrap();
    (taken_apart(&file, &summary), summary, keys)
}

fn taken_apart(file: &[u8], summary: &Summary) -> Vec<Taken> {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut frames) = (24, Vec::new());
    while at < file.len() {
        let length = word(at + 8) as usize;
        let time = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4));
        frames.push(take(time, &file[at + 16..at + 16 + length]));
        at += 16 + length;
    }
    assert_eq!(frames.len() as u64, summary.frames);
    assert_eq!(frames.iter().map(|frame| frame.whole.len() as u64).sum::<u64>(), summary.bytes);
    frames
}

fn take(time: u64, frame: &[u8]) -> Taken {
    assert_eq!(frame[0], 0x45);
    assert_eq!(fold(sum(&frame[..20])), 0, "checksum of IP");
    assert_eq!(fold(sum(&frame[12..]) + 6 + (frame.len() as u64 - 20)), 0, "checksum of TCP");
    let short = |at: usize| u16::from_be_bytes(frame[at..at + 2].try_into().unwrap());
    assert_eq!(usize::from(short(2)), frame.len());
    let data = 20 + usize::from(frame[32] >> 4) * 4;
    Taken {
        time,
        ends: [(frame[15], short(20)), (frame[19], short(22))],
        sequence: u32::from_be_bytes(frame[24..28].try_into().unwrap()),
        flags: frame[33],
        payload: frame[data..].to_vec(),
        whole: frame.to_vec(),
    }
}

/// The streams of a capture without mischief: sequence numbers follow each other.
pub(super) fn streams(frames: &[Taken]) -> BTreeMap<[(u8, u16); 2], Vec<u8>> {
    let mut expected: BTreeMap<[(u8, u16); 2], u32> = BTreeMap::new();
    let mut streams: BTreeMap<[(u8, u16); 2], Vec<u8>> = BTreeMap::new();
    for frame in frames {
        let is_begin = frame.flags & 0x02 != 0;
        if frame.flags & 0x04 != 0 {
            continue;
        }
        let next = expected.entry(frame.ends).or_insert(frame.sequence);
        if is_begin {
            *next = frame.sequence;
        }
        assert_eq!(*next, frame.sequence, "{:?}", frame.ends);
        *next = next.wrapping_add(frame.payload.len() as u32 + u32::from(frame.flags & 0x03 != 0));
        streams.entry(frame.ends).or_default().extend_from_slice(&frame.payload);
    }
    streams
}

/// Cuts a stream into messages by their stated lengths.
fn messages(stream: &[u8]) -> Vec<String> {
    let mut rest = stream;
    let mut messages = Vec::new();
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        if rest.is_empty() {
            return messages;
        }
        let head = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole header") + 4;
        let text = String::from_utf8_lossy(&rest[..head]).into_owned();
        let length = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length") || *name == "l")
            .map(|(_, value)| value.parse::<usize>().unwrap())
            .expect("a stated length");
        messages.push(String::from_utf8_lossy(&rest[..head + length]).into_owned());
        rest = &rest[head + length..];
    }
}

fn count_vias(message: &str) -> usize {
    message.lines().filter(|line| line.to_ascii_lowercase().starts_with("via: ")).count()
}

#[test]
fn names_are_unique_and_of_kebab_case() {
    let names: BTreeSet<&str> = scenarios().iter().map(|scenario| scenario.name).collect();
    assert_eq!(names.len(), scenarios().len());
    assert!(names.iter().all(|name| name.bytes().all(|c| c.is_ascii_lowercase() || c == b'-')));
    let mut out = Vec::new();
    list(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), names.len());
    assert!(text.lines().all(|line| line.len() <= 130), "a line a scenario");
}

#[test]
fn every_scenario_is_sound_on_the_wire() {
    for scenario in scenarios() {
        let (frames, summary) = taken(scenario.name, &raw());
        assert!(frames.windows(2).all(|pair| pair[0].time <= pair[1].time), "{}", scenario.name);
        let streams = streams(&frames);
        if scenario.span == Span::Whole {
            let count: usize = streams.values().map(|stream| messages(stream).len()).sum();
            assert_eq!(count as u64, summary.messages, "{}", scenario.name);
            let span = frames.last().unwrap().time - frames[0].time;
            assert!(span > 205_000_000_000, "{} runs on", scenario.name);
        }
    }
}

#[test]
fn the_same_is_written_every_time_and_another_seed_is_another_capture() {
    for scenario in scenarios() {
        assert_eq!(capture(scenario.name, &raw()).0, capture(scenario.name, &raw()).0);
    }
    let other = Options { seed: 2, ..raw() };
    assert_ne!(capture("happy", &raw()).0, capture("happy", &other).0);
}

#[test]
fn every_leg_shows_the_push_with_its_hops() {
    for (variant, method) in [(PushVariant::V1, "MESSAGE"), (PushVariant::V2, "SERVICE"), (PushVariant::V3, "INFO")] {
        let options = Options { push_variant: variant, push_method: method.to_owned(), ..raw() };
        let (frames, _) = taken("happy", &options);
        let mut vias = BTreeMap::new();
        for (ends, stream) in streams(&frames) {
            for message in messages(&stream) {
                if message.starts_with(&format!("{method} sip:push@push.lync.com")) {
                    vias.insert((ends[0].0, ends[1].0), count_vias(&message));
                }
            }
        }
        assert_eq!(vias, BTreeMap::from([((7, 7), 1), ((7, 9), 2), ((9, 10), 3)]), "{variant}");
    }
}

#[test]
fn a_vantage_shows_its_legs_and_no_other() {
    let check = |vantage: Vantage, expected: &[u16]| {
        let options = Options { vantage: vec![vantage], ..raw() };
        let (frames, _) = taken("happy", &options);
        let clients: BTreeSet<u16> = frames.iter().map(Taken::ports).map(|(from, to)| from.max(to)).collect();
        let clients: Vec<u16> = clients.into_iter().filter(|port| *port >= 10_000).collect();
        assert_eq!(clients, expected, "{vantage}");
    };
    check(Vantage::Caller, &[51_000]);
    check(Vantage::FrontendLoopback, &[49_901, 51_877]);
    check(Vantage::Frontend, &[50_101, 51_000]);
    check(Vantage::EdgeInternal, &[50_101]);
    check(Vantage::EdgeExternal, &[50_301, 50_401]);
    let all = taken("happy", &raw()).1.frames;
    let parts = [Vantage::Frontend, Vantage::FrontendLoopback, Vantage::EdgeExternal];
    let sum: u64 = parts.map(|v| taken("happy", &Options { vantage: vec![v], ..raw() }).1.frames).iter().sum();
    assert_eq!(sum, all, "three places see everything once");
}

#[test]
fn a_set_of_captures_shares_its_packets_but_not_its_clock() {
    let directory = tempfile::tempdir().unwrap();
    let set = write_set("skewed-files", &raw(), directory.path(), "skewed", &mut std::io::sink()).unwrap();
    let names: Vec<_> = set.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["skewed-frontend.pcap", "skewed-edge.pcap", "skewed-caller.pcap"]);
    let at = |vantage, clock_offset_ms| {
        let options = Options { vantage: vec![vantage], clock_offset_ms, ..raw() };
        taken("skewed-files", &options).0
    };
    let (frontend, edge) = (at(Vantage::Frontend, 0), at(Vantage::EdgeInternal, 1_873));
    let shared: Vec<_> = frontend.iter().filter(|frame| frame.ends.iter().any(|end| end.0 == 9)).collect();
    assert!(shared.len() > 20);
    assert_eq!(shared.len(), edge.len());
    for (one, other) in shared.iter().zip(&edge) {
        assert_eq!(one.whole, other.whole);
        assert_eq!(other.time - one.time, 1_873_000_000);
    }
}

#[test]
fn ladders_are_told_apart_and_cost_no_more_each() {
    let (frames, summary) = taken("happy", &Options { ladders: 40, ..raw() });
    assert_eq!(summary.ladders, 40);
    let invites: BTreeSet<String> = streams(&frames)
        .values()
        .flat_map(|stream| messages(stream))
        .filter(|message| message.starts_with("INVITE sip:bob"))
        .collect();
    let distinct = |header: &str| {
        let lines = invites.iter().flat_map(|message| message.lines()).filter(|line| line.starts_with(header));
        lines.collect::<BTreeSet<_>>().len()
    };
    assert_eq!((distinct("INVITE "), distinct("Call-ID: "), distinct("From: ")), (40, 40, 40));
    let each = summary.bytes / 40;
    assert!((9_000..14_000).contains(&each), "{each} octets a ladder");
}

#[test]
fn mischief_changes_packets_but_not_what_is_said() {
    let with = |mischief| taken("happy", &Options { mischief: vec![mischief], ..raw() });
    let (plain, summary) = taken("happy", &raw());
    let sorted = |frames: &[Taken]| {
        let mut wholes: Vec<_> = frames.iter().map(|frame| frame.whole.clone()).collect();
        wholes.sort();
        wholes
    };
    let (split, _) = with(Mischief::Split);
    assert_eq!(streams(&split), streams(&plain));
    assert!(split.len() > plain.len() * 2);
    let (reordered, _) = with(Mischief::Reorder);
    assert_eq!(sorted(&reordered), sorted(&plain));
    assert!(reordered.iter().map(|f| &f.whole).ne(plain.iter().map(|f| &f.whole)));
    let (repeated, more) = with(Mischief::Repeat);
    assert!(more.frames > summary.frames + 2);
    assert_eq!(sorted(&repeated).into_iter().collect::<BTreeSet<_>>(), sorted(&plain).into_iter().collect());
    let (_, fewer) = with(Mischief::Drop);
    assert!((summary.frames * 3 / 4..summary.frames - 2).contains(&fewer.frames));
    let (mirrored, _) = with(Mischief::Mirror);
    assert!(mirrored.chunks(2).all(|pair| pair[0].whole == pair[1].whole));
    assert_eq!(mirrored.len() as u64, summary.frames * 2);
}

/// The text of both sides of a connection that is compressed behind the first message of each.
pub(super) fn unpacked(client: &[u8], server: &[u8]) -> [Vec<u8>; 2] {
    let (mut texts, mut anomalies) = ([Vec::new(), Vec::new()], AnomalyLog::default());
    let mut begins = [0, 0];
    for (begin, (stream, first)) in begins.iter_mut().zip([(client, "NEGOTIATE sip:"), (server, "SIP/2.0 200 OK")]) {
        let end = stream.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole header") + 4;
        let head = String::from_utf8_lossy(&stream[..end]);
        assert!(head.starts_with(first) && head.contains("\r\nCompression: LZ77-8K\r\n"), "{head}");
        assert_eq!(messages(&stream[..end]).len(), 1);
        *begin = end as u64;
    }
    let mut decompressor = Decompressor::new(begins);
    let frame = FrameRef { input: 0, number: 1, time: Options::START };
    for (side, stream) in [(Side::Client, client), (Side::Server, server)] {
        for event in [Event::Bytes { offset: 0, bytes: stream, frame }, Event::End { frame, over: true }] {
            decompressor.push(side, event, &mut anomalies, &mut |side, event| match event {
                Event::Bytes { bytes, .. } => texts[side.index()].extend_from_slice(bytes),
                Event::Gap { .. } => panic!("nothing is lost"),
                Event::Witness { .. } | Event::End { .. } => {}
            });
        }
    }
    assert_eq!(anomalies.iter().count(), 0);
    texts
}

#[test]
fn the_messages_told_of_are_those_in_the_file() {
    for scenario in scenarios().iter().filter(|scenario| scenario.span == Span::Whole) {
        let everything = taken(scenario.name, &raw()).1.messages;
        for vantage in Vantage::ALL {
            let (frames, summary) = taken(scenario.name, &Options { vantage: vec![*vantage], ..raw() });
            let count: usize = streams(&frames).values().map(|stream| messages(stream).len()).sum();
            assert_eq!(summary.messages, count as u64, "{} from {vantage:?}", scenario.name);
            assert!(summary.messages < everything, "{} from {vantage:?}", scenario.name);
        }
    }
    // Both are the same story, and one is cut short.
    assert!(taken("ends-in-push", &raw()).1.messages < taken("ends-early", &raw()).1.messages);
}

#[test]
fn compression_changes_octets_but_not_what_is_said() {
    for scenario in ["happy", "two-devices", "connection-refused"] {
        let (plain, summary) = taken(scenario, &raw());
        let plain = streams(&plain);
        for (row, layout) in LAYOUTS.iter().enumerate() {
            // Each layout with one of the ways to cut messages up.
            let mischief = if row == 0 { vec![Mischief::Split] } else { Vec::new() };
            let options = Options { compress: Some(layout), mischief, ..raw() };
            let (frames, with) = taken(scenario, &options);
            let packed = streams(&frames);
            let mut connections = 0;
            for (ends, client) in packed.iter().filter(|(_, stream)| stream.starts_with(b"NEGOTIATE ")) {
                let back = [ends[1], ends[0]];
                let texts = unpacked(client, &packed[&back]);
                assert!(texts == [plain[ends].clone(), plain[&back].clone()], "{scenario} {} {ends:?}", layout.name);
                connections += 1;
            }
            assert_eq!(with.messages, summary.messages + 2 * connections, "{scenario}");
            assert!(connections > 4 && with.bytes < summary.bytes, "{scenario} {}", layout.name);
        }
    }
}

#[test]
fn a_scenario_about_one_phone_chooses_it() {
    for (scenario, token, pushes) in [("android", "AndroidLync/", 0), ("ios-ucwa", "UCWA/", 0), ("wp-ucwa", "UCWA/", 3)]
    {
        let all: Vec<String> = streams(&taken(scenario, &raw()).0).values().flat_map(|s| messages(s)).collect();
        assert!(all.iter().any(|message| message.starts_with("SIP/2.0 180") && message.contains(token)), "{scenario}");
        assert_eq!(all.iter().filter(|message| message.starts_with("MESSAGE sip:push@")).count(), pushes, "{scenario}");
    }
}

#[test]
fn refused_pushes_end_where_they_should() {
    let check = |scenario: &str, status: &str, hops: usize, mark: &str| {
        let all: Vec<String> = streams(&taken(scenario, &raw()).0).values().flat_map(|s| messages(s)).collect();
        let answers: Vec<_> =
            all.iter().filter(|m| m.starts_with(status) && m.contains("<sip:push@push.lync.com>;tag=")).collect();
        assert_eq!(answers.len(), hops, "{scenario}");
        assert!(answers.iter().any(|message| message.contains(mark)), "{scenario}");
    };
    check("im-filter", "SIP/2.0 606", 1, "Warning: 309");
    check("not-federated", "SIP/2.0 403", 1, "ms-diagnostics: 1002;");
    check("edge-down", "SIP/2.0 504", 1, "ms-diagnostics: 1038;");
    check("domain-not-allowed", "SIP/2.0 504", 2, "ms-source-type=EdgeProxyGenerated");
    check("firewall", "SIP/2.0 504", 2, "ms-diagnostics: 1046;");
    check("certificate", "SIP/2.0 504", 2, "ms-diagnostics: 1010;");
    check("clearing-house-rejects", "SIP/2.0 403", 3, "ms-source-type=AuthorizedServer");
    check("clearing-house-silent", "SIP/2.0 408", 2, "ms-source-type=EdgeProxyGenerated");
    check("connection-refused", "SIP/2.0 504", 2, "ms-diagnostics: 1046;");
}

#[test]
fn an_unanswered_push_is_never_answered() {
    let all: Vec<String> = streams(&taken("push-unanswered", &raw()).0).values().flat_map(|s| messages(s)).collect();
    assert_eq!(all.iter().filter(|m| m.starts_with("MESSAGE sip:push@")).count(), 3);
    assert!(!all.iter().any(|m| m.starts_with("SIP/2.0") && m.contains("<sip:push@push.lync.com>")));
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let check = |scenario: &str, options: Options, expected: &str| {
        let text = write(scenario, &options, &mut Vec::new()).unwrap_err().to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{text}");
    };
    check("hapy", raw(), "did you mean \"happy\"?");
    check("nothing of the kind", raw(), "Known: happy, push-disabled");
    check("happy", Options { push_method: "MESSAGE x\r\n".to_owned(), ..raw() }, "cannot be a SIP method");
    check("happy", Options { push_method: String::new(), ..raw() }, "cannot be a SIP method");
    check("happy", Options { ladders: u64::MAX, ..raw() }, "between 1970 and 2106");
    check("happy", Options { start: crate::frame::Timestamp::new(-1, 9), ..raw() }, "between 1970 and 2106");
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for container in [Container::Pcap, Container::PcapGz, Container::PcapngZst] {
        let error = write("happy", &Options { container, ..raw() }, &mut Full).unwrap_err();
        assert!(error.to_string().starts_with("cannot write the capture: "), "{error}");
    }
}
