//! A busy server's traffic for a minute: nothing is lost without a word, and memory does not grow.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use lyncpush::simulate::{self, Options};
use nix::sys::signal::Signal;

use crate::bounds::memory;
use crate::wire::{Wire, read};

/// Messages to send in each slice of time, at least.
const MESSAGES: u64 = 10_000;
/// Ladders in it, of 19 messages each.
const LADDERS: u64 = 530;
/// Slices of a second: a minute.
const SLICES: u64 = 60;
/// Ladders in each of the slices before, and how many slices there are.
const MANY: u64 = 2_000;
const WARMING: u64 = 30;
/// KiB that it may differ after that: what an allocator gives back and takes again.
const DIFFERENCE: usize = 16 << 10;

/// The frames of `ladders` that no other slice has, and how many messages are in them.
fn slice(wire: &Wire, number: u64, ladders: u64) -> (Vec<Vec<u8>>, u64) {
    let options = Options { ladders, seed: 1_000 + number, spacing_ms: 20, ..Options::default() };
    let path = wire.place("slice.pcap");
    let mut file = io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let summary = simulate::write("happy", &options, &mut file).unwrap();
    drop(file);
    (read(&path), summary.messages)
}

#[test]
fn ten_thousand_messages_a_second_for_a_minute() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0"]);
    let mut handle = wire.open("a0");
    let (mut frames, mut messages, mut ladders, mut memories) = (0, 0, 0, Vec::new());
    let mut next = Instant::now();
    for number in 0..WARMING + SLICES {
        // The tables are filled first: what grows after that would grow for ever.
        let is_warm = number >= WARMING;
        let (slice, carries) = slice(&wire, number, if is_warm { LADDERS } else { MANY });
        assert!(carries >= MESSAGES);
        // A slice takes its second; on a machine that is too slow for that, longer.
        for part in slice.chunks(slice.len() / 50 + 1) {
            thread::sleep(next.saturating_duration_since(Instant::now()));
            next = (next + Duration::from_millis(20)).max(Instant::now());
            part.iter().for_each(|frame| handle.sendpacket(&frame[..]).unwrap());
        }
        frames += slice.len() as u64;
        messages += carries;
        ladders += if is_warm { LADDERS } else { MANY };
        if is_warm {
            memories.push(memory(&watching));
        }
        watching.pass_over_lines();
    }
    watching.signal(Signal::SIGUSR1);
    let counters = watching.wait_for(" SIP message");
    eprintln!("{messages} messages in {frames} frames; {counters}; memory {memories:?} KiB");
    let (left, said) = watching.stop(0);
    let last = left.last().unwrap();
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let input = &last["inputs"][0];
    let dropped = number(&input["drops"]["kernel"]) + number(&input["drops"]["interface"]);
    assert_eq!(number(&input["frames"]) + dropped, frames, "{last} {said:#?}");
    if dropped == 0 {
        assert_eq!(last["coverage"]["sip_messages"], messages);
        assert_eq!(last["summary"]["complete"], ladders);
        assert_eq!(last["coverage"]["gaps"], 0);
    } else {
        let told = last["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "LP907");
        assert!(told, "{last}");
        assert_eq!(last["summary"]["broken"], 0, "what was dropped is never called missing");
    }
    let middle = |slices: &[usize]| {
        let mut slices = slices.to_vec();
        slices.sort_unstable();
        slices[slices.len() / 2]
    };
    let (warm, later) = memories.split_at(memories.len() / 2);
    assert!(middle(later) <= middle(warm) + DIFFERENCE, "{memories:?} KiB");
}
