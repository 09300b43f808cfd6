//! Frames that are kept in files while they are watched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::command;
use crate::wire::{PATIENCE, Wire, frames, keep_alive, read};

pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub fn writable(wire: &Wire, name: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let place = wire.place(name);
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o777)).unwrap();
    place
}

#[test]
fn what_was_watched_can_be_analysed_again() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "kept");
    let mut watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap()]);
    let sent = frames("domain-not-allowed", &[]);
    wire.send("a0", &sent);
    let live = watching.line();
    wire.send("a0", &[keep_alive()]);
    watching.stop(1);
    let files = files(&place);
    assert_eq!(files.len(), 1, "{files:?}");
    let lines = wire.analyze(&files[0]);
    assert_eq!((lines.len(), &lines[0]), (2, &live));
    assert_eq!(lines[1]["inputs"][0]["frames"], sent.len() + 1);
    assert_eq!(lines[1]["inputs"][0]["ended"], "complete");
}

/// Files of one watching have one clock: together they give the same ladders, joined for the same reasons.
#[test]
fn files_that_were_rotated_give_the_same_ladders_together() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "rotated");
    let mut watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap(), "--rotate-time", "1"]);
    let mut live = Vec::new();
    for seed in ["1", "2", "3", "4"] {
        wire.send("a0", &frames("happy", &["--seed", seed]));
        live.push(watching.line());
        // So that the next one is in another file.
        thread::sleep(Duration::from_secs(1));
    }
    watching.stop(0);
    let files = files(&place);
    assert_eq!(files.len(), live.len(), "{files:?}");
    let mut analyze = command::lyncpush();
    analyze.args(["analyze", "--format", "ndjson", "--profile"]).arg(wire.place("profile.toml")).args(&files);
    let lines = command::ndjson(&command::finish(&mut analyze));
    for ladder in &live {
        let again = lines.iter().find(|line| line["id"] == ladder["id"]).expect("it is in them");
        for what in ["verdict", "join", "findings"] {
            assert_eq!(again[what], ladder[what], "{what}");
        }
        assert!(again["join"]["confidence"].as_f64().is_some(), "{again}");
    }
}

/// An Ethernet frame of an IPv4 packet from `host`; `fragment` is the field that places it in its packet.
fn packet(host: u8, protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    frame.extend([8, 0, 0x45, 0, length[0], length[1], 0, 9]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 10, 0, 0, host, 192, 0, 2, 7]);
    frame.extend(payload);
    frame
}

/// A TCP segment to `port`.
pub fn segment(host: u8, port: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xc3, 0x50];
    segment.extend(port.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    packet(host, 6, 0x4000, &segment)
}

fn datagram(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [&port.to_be_bytes()[..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

pub const OPTIONS: &[u8] = b"OPTIONS sip:fe01.example.com SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKa\r\n\
    From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n\
    Content-Length: 0\r\n\r\n";

/// A record of application data.
const TLS: &[u8] = &[23, 3, 3, 0, 4, 1, 2, 3, 4];

/// Frames, and whether each is one of SIP: told by their streams, whatever their ports, and only in the end.
fn mixed() -> Vec<(Vec<u8>, bool)> {
    let udp = datagram(15_060, OPTIONS);
    let (first, last) = udp.split_at(64);
    let media = vec![0x80; 172];
    let http = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let never = vec![b'x'; 40_000];
    vec![
        // SIP on a port that nobody expects it on, and something else; both begin alike.
        (segment(1, 15_060, 1, 2, b""), true),
        (segment(2, 8_080, 1, 2, b""), false),
        (packet(1, 1, 0, &[8, 0, 0, 0]), false),
        // A fragment whose packet is whole three frames later.
        (packet(1, 17, 0x2000, first), true),
        (packet(3, 17, 0, &datagram(40_000, &media)), false),
        (segment(2, 8_080, 2, 0x18, http), false),
        (segment(1, 15_060, 2, 0x18, &OPTIONS[..20]), true),
        (packet(1, 17, 8, last), true),
        // A port on which SIP is expected, and nobody knows yet; then something that is never SIP.
        (segment(4, 5_061, 1, 2, b""), true),
        (segment(4, 5_061, 2, 0x18, &never), true),
        (segment(4, 5_061, 40_002, 0x18, &never), false),
        (segment(4, 5_061, 80_002, 0x18, &never), false),
        (segment(1, 15_060, 22, 0x18, &OPTIONS[20..]), true),
        (packet(4, 17, 0, &datagram(40_000, OPTIONS)), true),
        // TLS that cannot be read may be SIP, but for where it is known to be something else.
        (segment(6, 5_099, 1, 2, b""), true),
        (segment(6, 5_099, 2, 0x18, TLS), true),
        (segment(7, 8_061, 1, 2, b""), false),
        (segment(7, 8_061, 2, 0x18, TLS), false),
        // A fragment whose packet never becomes whole.
        (packet(5, 17, 0x2000, first), false),
        (segment(1, 15_060, 2 + OPTIONS.len() as u32, 0x11, b""), true),
    ]
}

#[test]
fn frames_of_sip_are_kept_in_their_order_and_no_others() {
    let Some(wire) = Wire::new(1) else { return };
    let mixed = mixed();
    for all in [false, true] {
        let place = writable(&wire, if all { "all" } else { "sip" });
        let mut arguments = vec!["-i", "b0", "--bpf", "ip", "--write", place.to_str().unwrap()];
        arguments.extend(all.then_some("--write-all"));
        let watching = wire.watch(&arguments);
        wire.send("a0", mixed.iter().map(|(frame, _)| frame));
        let (left, said) = watching.stop(0);
        assert_eq!(left[0]["inputs"][0]["frames"], mixed.len(), "{left:#?}");
        let files = files(&place);
        assert_eq!(files.len(), 1, "{files:?} {said:#?}");
        let expected: Vec<&Vec<u8>> = mixed.iter().filter(|(_, sip)| all || *sip).map(|(frame, _)| frame).collect();
        let kept = read(&files[0]);
        assert_eq!(
            kept.iter().map(Vec::len).collect::<Vec<_>>(),
            expected.iter().map(|one| one.len()).collect::<Vec<_>>()
        );
        assert!(kept.iter().eq(expected), "all: {all}");
    }
}

/// A disk that is full ends a file where it is whole; watching goes on.
#[test]
fn a_full_disk_is_told_and_survived() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "small");
    let Some(_disk) = small_disk(&place, "256k") else { return };
    let mut watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap()]);
    let filler = vec![keep_alive(); 8_000];
    wire.send("a0", &filler);
    watching.wait_for("frames cannot be kept");
    wire.send("a0", &frames("happy", &[]));
    assert_eq!(watching.line()["verdict"], "complete");
    let (_, said) = watching.stop(0);
    let files = files(&place);
    assert_eq!(files.len(), 1, "{files:?} {said:#?}");
    let lines = wire.analyze(&files[0]);
    assert_eq!(lines[0]["inputs"][0]["ended"], "complete", "whole blocks only: {lines:#?}");
    assert!(lines[0]["inputs"][0]["frames"].as_u64().unwrap() > 1_000);
}

/// A disk of this size at `place`; none, with a word about it, where it cannot be made.
pub fn small_disk(place: &Path, size: &str) -> Option<Mounted> {
    let options = format!("size={size},mode=777");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(place).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: no small disk can be made here");
        return None;
    }
    Some(Mounted(place.to_owned()))
}

/// A disk, until it goes.
pub struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// The program is killed again and again, at one moment or another while it begins, writes and ends files: what it has
/// ended is whole, what it was writing can be read, and is taken over by the next one.
#[test]
fn a_kill_at_any_moment_leaves_files_that_can_be_read() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "killed");
    let filler: Vec<Vec<u8>> = (0..40).map(|_| segment(9, 5_060, 1, 0x18, &[b'\r'; 30_000])).collect();
    let mut kept = 0;
    for round in 0..KILLS {
        let arguments = ["-i", "b0", "--write", place.to_str().unwrap(), "--rotate-size", "1", "--memory-limit", "128"];
        let mut watching = wire.watch(&arguments);
        let until = Instant::now() + PATIENCE;
        while files(&place).iter().any(|path| path.extension().unwrap() == "part") {
            assert!(Instant::now() < until, "left files are taken over");
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(count(&wire, &place, "complete"), kept, "round {round}: nothing is lost or overwritten");
        // Each round sends a little more before the kill, which so comes at another moment of a file.
        for _ in 0..=round % 5 {
            wire.send("a0", &filler[..8 + round]);
        }
        if round % 2 == 0 {
            watching.wait_until_read();
        }
        watching.signal(nix::sys::signal::Signal::SIGKILL);
        watching.end();
        kept = count(&wire, &place, "");
    }
    assert!(kept > 100, "{kept}");
    // Files of before are counted, and those taken over among them.
    let before = files(&place).len();
    let watching = wire.watch(&["-i", "b0", "--write", place.to_str().unwrap(), "--rotate-size", "1", "--keep", "3"]);
    wire.send("a0", &filler);
    let (_, said) = watching.stop(0);
    assert!(before > 3, "{before} {said:#?}");
    assert_eq!(files(&place).len(), 3, "{:?}", files(&place));
}

/// How many kills: the time of each is what the machine makes of it, and the test holds for all of them.
const KILLS: usize = 24;

/// Frames in all files of a directory; how each ends, if it is whole, is `ended`, unless that is empty.
fn count(wire: &Wire, place: &Path, ended: &str) -> u64 {
    let mut frames = 0;
    for path in files(place) {
        let is_part = path.extension().unwrap() == "part";
        // Killed before the first block was written.
        if is_part && fs::metadata(&path).unwrap().len() == 0 {
            continue;
        }
        let lines = wire.analyze(&path);
        let input = &lines[lines.len() - 1]["inputs"][0];
        frames += input["frames"].as_u64().unwrap();
        let how = input["ended"].as_str().unwrap();
        assert!(how == "complete" || is_part && ended.is_empty() && how == "truncated", "{}: {input}", path.display());
    }
    frames
}
