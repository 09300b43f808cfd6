//! Captures that others made, and damaged ones: each opens or is refused, never panics, and every frame
//! is accounted for from the file up to its transport header.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use lyncpush::anomaly::AnomalyLog;
use lyncpush::capture::{self, Ended, Options, Source};
use lyncpush::error::Result;
use lyncpush::ip::Ip;
use lyncpush::link::{self, LinkPayload};
use lyncpush::segment::Segment;
use lyncpush::tally::{FrameTally, SetAside};

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures");

/// The captures of others, or nothing and a line that says so.
fn captures(test: &str) -> Option<&'static Path> {
    let path = Path::new(CAPTURES);
    if path.join("index.tsv").is_file() {
        return Some(path);
    }
    println!("skipped: {test}: the shared captures are not here");
    None
}

/// What reading a capture down to its transport headers gave.
#[derive(Debug, PartialEq)]
struct Reading {
    frames: u64,
    ended: Ended,
    tally: FrameTally,
    /// TCP segments and UDP datagrams, and the octets in them.
    segments: u64,
    octets: u64,
    anomalies: Vec<(&'static str, u64)>,
}

fn read(path: &Path) -> Result<Reading> {
    let source = capture::open(path.to_str().unwrap(), 0, &Options::default())?;
    Ok(read_source(source))
}

fn read_source(mut source: Box<dyn Source>) -> Reading {
    let (mut ip, mut log, mut tally) = (Ip::default(), AnomalyLog::default(), FrameTally::default());
    let (mut segments, mut octets) = (0, 0);
    while source.advance() {
        let frame = source.frame().unwrap();
        let packet = match link::decode(&frame) {
            Ok(LinkPayload::Ip(bytes)) => ip.push(&frame, bytes, &mut log),
            Ok(LinkPayload::Other { .. }) => Err(SetAside::NotIp),
            Err(reason) => Err(reason),
        };
        let packet = match packet {
            Ok(packet) => packet,
            Err(reason) => {
                tally.push_set_aside(reason, frame.at, 0, &mut log);
                continue;
            }
        };
        match packet.segment() {
            Ok(segment) => {
                tally.push_used(packet.waited);
                segments += 1;
                octets += match segment {
                    Segment::Tcp(segment) => segment.payload.len(),
                    Segment::Udp(datagram) => datagram.payload.len(),
                } as u64;
            }
            Err(reason) => tally.push_set_aside(reason, frame.at, packet.waited, &mut log),
        }
    }
    ip.finish(&mut log);
    let summary = source.summary();
    tally.push_filtered(summary.filtered);
    assert_eq!(tally.read(), summary.frames, "{}", summary.path);
    let anomalies = log.iter().map(|(kind, count)| (kind.name(), count.count)).collect();
    Reading { frames: summary.frames, ended: summary.ended.clone(), tally, segments, octets, anomalies }
}

/// A row of the index, by column name.
fn index(root: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(root.join("index.tsv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let row = |line: &str| names.iter().zip(line.split('\t')).map(|(n, v)| (n.to_string(), v.to_owned())).collect();
    lines.map(row).collect()
}

/// Files that lyncpush reads otherwise than the index says, each with what it gives (`None`: refused) and why.
const EXCEPTIONS: &[(&str, Option<u64>, &str)] = &[];

#[test]
fn captures_of_others_give_the_frames_the_index_says() {
    let Some(root) = captures("captures_of_others_give_the_frames_the_index_says") else { return };
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for row in index(root) {
        let file = &row["file"];
        if row["role"] != "data" || !(file.starts_with("containers/") || file.starts_with("fuzz/")) {
            continue;
        }
        let found = read(&root.join(file)).map(|reading| reading.frames);
        let exception = EXCEPTIONS.iter().find(|(name, _, _)| file.ends_with(name));
        let expected = match exception {
            Some((_, expected, _)) => *expected,
            None => row["packets"].parse().ok(),
        };
        checked += 1;
        if found.as_ref().ok() != expected.as_ref() {
            wrong.push(format!("{file}: {expected:?} expected, {found:?}"));
        }
    }
    assert!(checked > 300, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
