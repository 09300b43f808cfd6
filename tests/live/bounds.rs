//! Memory stays within its limit whatever is on the wire, and what was given up is said.

use std::fs;
use std::time::Instant;

use crate::kept::writable;
use crate::wire::{PATIENCE, Watching, Wire};

/// The limit given, MiB.
const LIMIT: usize = 128;

/// Frames to send, some thousand at a time.
type Rounds = Box<dyn Iterator<Item = Vec<Vec<u8>>>>;

/// The program's own memory, KiB: the kernel's ring is not in it.
pub fn memory(watching: &Watching) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", watching.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// An Ethernet frame of a packet from `host`: its protocol and payload.
fn packet(host: u32, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    frame.extend([8, 0, 0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    frame.extend((0x0a00_0000 + host).to_be_bytes());
    frame.extend([192, 0, 2, 7]);
    frame.extend(payload);
    frame
}

/// A TCP segment to port 5060.
fn segment(host: u32, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = vec![0xc3, 0x50, 0x13, 0xc4];
    segment.extend(sequence.to_be_bytes());
    segment.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    packet(host, 6, &segment)
}

/// An INVITE in a datagram, with a Call-ID of its own.
fn invite(number: u32) -> Vec<u8> {
    let text = format!(
        "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{number}\r\n\
         From: <sip:alice@example.com>;tag={number}\r\nTo: <sip:bob@example.com>\r\nCall-ID: {number:032x}\r\n\
         CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:alice@10.0.0.1>\r\nContent-Length: 0\r\n\r\n"
    );
    let length = u16::try_from(8 + text.len()).unwrap().to_be_bytes();
    let mut datagram = vec![0x13, 0xc4, 0x13, 0xc4, length[0], length[1], 0, 0];
    datagram.extend(text.as_bytes());
    packet(1, 17, &datagram)
}

/// Sends frames, and waits until the program has read them or counted them as dropped; the most memory seen meanwhile.
fn flood(wire: &Wire, watching: &mut Watching, rounds: impl Iterator<Item = Vec<Vec<u8>>>) -> usize {
    let mut most = 0;
    let mut sent = 0;
    for frames in rounds {
        sent += frames.len() as u64;
        wire.send("a0", &frames);
        let until = Instant::now() + PATIENCE;
        loop {
            most = most.max(memory(watching));
            watching.signal(nix::sys::signal::Signal::SIGUSR1);
            let line = watching.wait_for(" frames, ");
            let number = |before: &str| -> u64 {
                let words = line.split(before).next().unwrap();
                words.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
            };
            if number(" frames, ") + number(" frames by the kernel") >= sent {
                break;
            }
            assert!(Instant::now() < until, "{sent} were sent: {line}");
        }
    }
    most
}

#[test]
fn a_flood_stays_within_the_limit_and_what_was_given_up_is_said() {
    let Some(wire) = Wire::new(1) else { return };
    let floods: [(&str, Rounds); 3] = [
        // Calls that nobody answers.
        ("calls", Box::new((0..10).map(|round| (0..5_000).map(|number| invite(round * 5_000 + number)).collect()))),
        // Connections of which only the first segment comes.
        (
            "half-open",
            Box::new((0..10).map(|round| (0..5_000).map(|host| segment(round * 5_000 + host, 1, 2, b"")).collect())),
        ),
        // Messages that never end, 60 MB of them.
        (
            "endless",
            Box::new((0..20).map(|round| {
                let head = "INVITE sip:bob@example.com SIP/2.0\r\nContent-Length: 20000000\r\n\r\n";
                let one = |host: u32| match round {
                    0 => segment(host, 1, 0x18, head.as_bytes()),
                    _ => segment(host, 1 + head.len() as u32 + (round - 1) * 30_000, 0x18, &[b'a'; 30_000]),
                };
                (0..100).map(one).collect()
            })),
        ),
    ];
    for (what, rounds) in floods {
        let limit = LIMIT.to_string();
        // What is kept has its share of the memory, too.
        let place = writable(&wire, what);
        let place = place.to_str().unwrap();
        let kept = ["--write", place, "--rotate-size", "1", "--keep", "2", "--write-broken", place];
        let mut watching = wire.watch(&[&["-i", "b0", "--memory-limit", &limit], &kept[..]].concat());
        let most = flood(&wire, &mut watching, rounds);
        assert!(most < LIMIT * 1024, "{what}: {most} KiB");
        watching.signal(nix::sys::signal::Signal::SIGTERM);
        let (status, left, said) = watching.end();
        eprintln!("{what}: {most} KiB, {status}");
        assert!(status.code().is_some_and(|code| code < 2), "{said:#?}");
        let last = left.last().unwrap();
        let given_up = last["findings"].as_array().unwrap().iter().any(|one| one["code"] == "LP904")
            || last["coverage"]["anomalies"].as_array().unwrap().iter().any(|one| one["kind"] == "table-limit");
        assert!(given_up, "{what}: {last} {said:#?}");
    }
}
