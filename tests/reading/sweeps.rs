//! Damage of every kind: what is left is read, reported in every format, and never judged wrongly.

use std::fs;
use std::path::{Path, PathBuf};

use lyncpush::report::model::{Report, Verdict};
use lyncpush::simulate::{self, Container, Mischief, Options, Vantage};

use crate::analysis::analyze;
use crate::faults::faults;
use crate::others::{captures, index};

/// Octets before the first record of a pcap, and before the octets of a frame.
const PCAP_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Captures of each kind of mischief.
const SEEDS: u64 = 4;

fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn samples() -> Vec<PathBuf> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).expect("the samples");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|end| end == "pcap")).collect();
    paths.sort();
    paths
}

/// A file that is written again and again.
struct Scratch {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Scratch {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { path: directory.path().join("capture"), _directory: directory }
    }

    fn analyze(&self, octets: &[u8]) -> lyncpush::error::Result<Report> {
        fs::write(&self.path, octets).expect("a file");
        analyze(&self.path).map(|(report, _)| report)
    }
}

/// Where the records of a pcap begin, and its end.
fn records(pcap: &[u8]) -> Vec<usize> {
    let mut at = PCAP_HEADER;
    let mut edges = vec![at];
    while let Some(length) = pcap.get(at + 8..).and_then(|rest| rest.first_chunk()) {
        at += RECORD_HEADER + u32::from_le_bytes(*length) as usize;
        edges.push(at);
    }
    assert_eq!(edges.last(), Some(&pcap.len()));
    edges
}

#[test]
fn a_sample_cut_anywhere_is_reported_as_far_as_it_goes() {
    let scratch = Scratch::new();
    for path in samples() {
        let octets = fs::read(&path).expect("a sample");
        let edges = records(&octets);
        // Every length of the beginning and of the end, and in between a prime step that meets every kind of place.
        let lengths = (4..200).chain((200..octets.len() - 100).step_by(499)).chain(octets.len() - 100..=octets.len());
        for length in lengths {
            let report = scratch.analyze(&octets[..length]).unwrap_or_else(|error| panic!("{length}: {error}"));
            let input = &report.inputs[0];
            let whole = edges.iter().filter(|edge| **edge <= length).count().saturating_sub(1);
            assert_eq!(input.frames, whole as u64, "{} at {length}", path.display());
            let ended = if edges.contains(&length) { "complete" } else { "truncated" };
            let said = serde_json::to_value(input).expect("an input")["ended"].clone();
            assert_eq!(said, ended, "{} at {length}", path.display());
        }
    }
}

/// Small captures of a push, one in each kind of container, with their names.
fn small() -> Vec<(Container, Vec<u8>)> {
    let vantage = vec![Vantage::EdgeExternal];
    let capture = |container: &Container| {
        let options = Options { container: *container, vantage: vantage.clone(), ..Options::default() };
        let mut octets = Vec::new();
        simulate::write("happy", &options, &mut octets).expect("a capture");
        (*container, octets)
    };
    let kinds = [Container::Pcap, Container::PcapBe, Container::Pcapng, Container::PcapNsGz, Container::PcapngZst];
    kinds.iter().map(capture).collect()
}

#[test]
fn every_length_of_every_container_is_reported() {
    let scratch = Scratch::new();
    for (container, octets) in small() {
        let compressed = matches!(container, Container::PcapNsGz | Container::PcapngZst);
        let mut before = 0;
        // Compressed files give whole blocks or nothing: not every length is another case.
        let step = if compressed { 7 } else { 1 };
        for length in (0..octets.len()).step_by(step).chain([octets.len()]) {
            let report = match scratch.analyze(&octets[..length]) {
                Ok(report) => report,
                // So little that it could be anything, or that not one octet comes out of it.
                Err(_) if length < 4 || before == 0 && compressed => continue,
                Err(error) => panic!("{container} at {length}: {error}"),
            };
            let frames = report.coverage.frames.read;
            assert!(frames >= before, "{container} at {length}: {frames} frames after {before}");
            before = frames;
        }
        assert!(before > 5, "{container}: {before}");
    }
}

#[test]
fn flipped_bits_are_survived() {
    let scratch = Scratch::new();
    let mut read = 0;
    let small = small().into_iter().map(|(_, octets)| (octets, 5));
    let samples = samples().into_iter().map(|path| (fs::read(path).expect("a sample"), 499));
    for (octets, step) in small.chain(samples) {
        for at in (0..octets.len()).step_by(step) {
            let mut flipped = octets.clone();
            // Another bit at each place, the same ones in each run.
            flipped[at] ^= 1 << (at.wrapping_mul(0x9e37_79b9) >> 7 & 7);
            // Refused or read: what holds for a report is asserted where it is made.
            read += u32::from(scratch.analyze(&flipped).is_ok());
        }
    }
    assert!(read > 3_000, "{read}");
}

/// Octets that are no single bit: lengths and numbers at their ends.
#[test]
fn extreme_octets_are_survived() {
    let scratch = Scratch::new();
    for (_, octets) in small().into_iter().take(3) {
        // A prime step meets every kind of place.
        for at in (0..octets.len()).step_by(13) {
            for extreme in [[0_u8; 4], [0xff; 4]] {
                let mut changed = octets.clone();
                let end = octets.len().min(at + 4);
                changed[at..end].copy_from_slice(&extreme[..end - at]);
                let _ = scratch.analyze(&changed);
            }
        }
    }
}

/// What a capture does not hold is no fault of the exchange.
#[test]
fn a_whole_call_is_never_called_broken_for_what_the_capture_lacks() {
    let scratch = Scratch::new();
    for name in ["happy.pcap", "two-devices.pcap", "answered-on-desktop.pcap"] {
        let octets = sample(name);
        let edges = records(&octets);
        let check = |octets: &[u8], how: &str, frame: usize| {
            let report = scratch.analyze(octets).expect("a report");
            let broken: Vec<_> = report.ladders.iter().filter(|ladder| ladder.verdict == Verdict::Broken).collect();
            assert!(broken.is_empty(), "{name} {how} frame {frame}: {:#?}", broken[0].steps);
        };
        for (frame, edge) in edges.windows(2).enumerate() {
            check(&octets[..edge[0]], "ends before", frame + 1);
            check(&[&octets[..PCAP_HEADER], &octets[edge[0]..]].concat(), "begins at", frame + 1);
            check(&[&octets[..edge[0]], &octets[edge[1]..]].concat(), "without", frame + 1);
        }
    }
}

/// The same where many segments are lost, and more of them the smaller they are: nothing goes wrong in any scenario
/// that did not go wrong when nothing was lost.
#[test]
fn loss_makes_no_fault() {
    use Mischief::{Drop, Mirror, Reorder, Repeat, Split};
    let scratch = Scratch::new();
    let mischiefs: [&[Mischief]; 4] = [&[Drop], &[Split, Drop], &[Split, Drop, Reorder], &[Drop, Repeat, Mirror]];
    let mut wrong = Vec::new();
    for (scenario, seed) in
        simulate::scenarios().iter().flat_map(|scenario| (1..=SEEDS).map(move |seed| (scenario, seed)))
    {
        let found = |mischief: &[Mischief]| {
            let options = Options { ladders: 3, seed, mischief: mischief.to_vec(), ..Options::default() };
            let mut octets = Vec::new();
            simulate::write(scenario.name, &options, &mut octets).expect("a capture");
            faults(&scratch.analyze(&octets).expect("a report"))
        };
        let whole = found(&[]);
        for mischief in mischiefs {
            let new = found(mischief).difference(&whole).cloned().collect::<Vec<_>>();
            wrong.extend(new.iter().map(|fault| format!("{} {mischief:?} seed {seed}: {fault}", scenario.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whatever_others_made_to_break_readers_is_reported_the_same_twice() {
    let Some(root) = captures("whatever_others_made_to_break_readers_is_reported_the_same_twice") else { return };
    let (mut read, mut refused) = (0, 0);
    for row in index(&root) {
        let path = root.join(&row["file"]);
        match analyze(&path) {
            Ok((_, first)) => {
                let (_, second) = analyze(&path).expect("what was read once is read twice");
                assert!(first == second, "{}", path.display());
                read += 1;
            }
            Err(error) => {
                let line = error.to_string();
                assert!(!line.contains('\n') && line.contains("capture"), "{}: {line}", path.display());
                refused += 1;
            }
        }
    }
    assert!(read > 400 && refused > 50, "{read} read, {refused} refused");
}
