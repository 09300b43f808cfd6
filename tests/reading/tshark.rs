//! Agreement with tshark, where it is installed, on which frame completes which message.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use lyncpush::simulate::{self, Link, Mischief, Options};

use crate::messages::{Row, read};
use crate::others::{captures, index, skipped};

/// What a frame completes: methods, status codes and Call-IDs, each sorted.
type Frame = (u64, Vec<String>, Vec<String>, Vec<String>);

/// Ports the samples use for SIP without TLS, where tshark does not expect it.
const PORTS: [u16; 3] = [5061, 5086, 5087];

/// Whether there is a tshark; a line that says that `test` was skipped when there is none.
fn is_installed(test: &str) -> bool {
    let found = Command::new("tshark").arg("--version").output().is_ok();
    if !found {
        skipped(test, "tshark is not installed");
    }
    found
}

/// What tshark says of a capture. With `patience` it puts segments in order, and waits for lost ones for ever.
fn tshark(path: &Path, patience: bool) -> Vec<Frame> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-T", "fields", "-E", "aggregator=|"]);
    command.args(["-e", "frame.number", "-e", "sip.Method", "-e", "sip.Status-Code", "-e", "sip.Call-ID"]);
    // What an ICMP error quotes is not sent again.
    command.args(["-Y", "sip && !icmp", "-o"]).arg(format!("tcp.reassemble_out_of_order:{patience}"));
    for port in PORTS {
        command.arg("-d").arg(format!("tcp.port=={port},sip"));
    }
    let output = command.arg("-r").arg(path).output().expect("tshark runs");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    let frame = |line: &str| {
        let mut fields = line.split('\t');
        let number = fields.next().and_then(|number| number.parse().ok()).expect("a frame number");
        let mut sorted = || {
            let values = fields.next().unwrap_or_default().split('|').filter(|value| !value.is_empty());
            let mut values: Vec<String> = values.map(str::to_owned).collect();
            values.sort();
            values
        };
        (number, sorted(), sorted(), sorted())
    };
    // Frames with keep-alives, and with parts of messages it could not join, have neither.
    let is_message = |(_, methods, codes, _): &Frame| !methods.is_empty() || !codes.is_empty();
    String::from_utf8_lossy(&output.stdout).lines().map(frame).filter(is_message).collect()
}

/// What lyncpush says of it.
fn lyncpush(path: &Path) -> Vec<Frame> {
    let (mut rows, _) = read(path.to_str().expect("a path in UTF-8")).expect("a capture");
    rows.sort();
    let frame = |rows: &[Row]| {
        let (requests, responses): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.is_request());
        let what = |rows: Vec<&Row>| rows.into_iter().map(|row| row.what.clone()).collect();
        let mut ids: Vec<String> = rows.iter().map(|row| row.call_id.clone()).filter(|id| !id.is_empty()).collect();
        ids.sort();
        (rows[0].frame, what(requests), what(responses), ids)
    };
    rows.chunk_by(|a, b| a.frame == b.frame).map(frame).collect()
}

/// Compares them; gives how many frames complete a message.
fn check(path: &Path, patience: bool) -> usize {
    let (ours, theirs) = (lyncpush(path), tshark(path, patience));
    let without = |frames: &[Frame], others: &[Frame]| -> Vec<Frame> {
        frames.iter().filter(|frame| !others.contains(frame)).cloned().collect()
    };
    let differences = (without(&ours, &theirs), without(&theirs, &ours));
    assert_eq!(differences, (vec![], vec![]), "{}: only lyncpush, only tshark", path.display());
    ours.len()
}

#[test]
fn tshark_agrees_on_every_sample() {
    if !is_installed("tshark_agrees_on_every_sample") {
        return;
    }
    let mut checked = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).expect("the samples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "pcap") {
            assert!(check(&path, false) > 30, "{}", path.display());
            checked += 1;
        }
    }
    assert!(checked >= 12, "{checked}");
}

#[test]
fn tshark_agrees_on_captures_of_others() {
    const TEST: &str = "tshark_agrees_on_captures_of_others";
    let (true, Some(root)) = (is_installed(TEST), captures(TEST)) else { return };
    let sip = index(&root).into_iter().filter(|row| row["category"] == "sip");
    let frames: usize = sip.map(|row| check(&root.join(&row["file"]), false)).sum();
    assert_eq!(frames, 181);
}

#[test]
fn tshark_agrees_whatever_happened_to_the_packets() {
    use Mischief::{Drop, Mirror, Reorder, Repeat, Split};
    if !is_installed("tshark_agrees_whatever_happened_to_the_packets") {
        return;
    }
    // What tshark gets wrong is left out. Split and dropped: where a head is lost, it takes the end of its body and the
    // message behind it for one first line. Dropped and mirrored: it reads some copies a second time.
    let rows: [(&[Mischief], bool); 9] = [
        (&[], false),
        (&[Split], false),
        (&[Repeat], false),
        (&[Mirror], false),
        (&[Drop], false),
        (&[Drop, Repeat], false),
        (&[Reorder], true),
        (&[Split, Reorder, Repeat], true),
        (&[Split, Mirror, Reorder], true),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("simulated.pcap");
    for (mischief, patience) in rows {
        for seed in [1, 2] {
            let options = Options { ladders: 20, seed, mischief: mischief.to_vec(), ..Options::default() };
            let mut file = File::create(&path).expect("a file");
            let written = simulate::write("happy", &options, &mut file).expect("a capture");
            let frames = check(&path, patience);
            let lost = mischief.contains(&Drop);
            assert!(frames > 300 && (frames == 421) != lost, "{mischief:?} {frames} of {written:?}");
        }
    }
}

#[test]
fn tshark_agrees_whatever_the_link() {
    if !is_installed("tshark_agrees_whatever_the_link") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("simulated.pcap");
    for link in Link::ALL {
        let options = Options { link: *link, ipv6: *link != Link::Ethernet, ..Options::default() };
        simulate::write("happy", &options, &mut File::create(&path).expect("a file")).expect("a capture");
        assert_eq!(check(&path, false), 74, "{link}");
    }
}
