//! What the system tells the program while it watches.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::wire::{Wire, frames};

/// A call that is ringing when the end comes is closed as it stands, and the summary is written.
#[test]
fn the_end_closes_what_is_open_and_writes_the_summary() {
    let Some(wire) = Wire::new(1) else { return };
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let watching = wire.watch(&["-i", "b0"]);
        let frames = frames("happy", &[]);
        // Up to the push: its answer is still to come.
        let push =
            frames.iter().position(|frame| String::from_utf8_lossy(frame).contains("MESSAGE sip:push@")).unwrap();
        wire.send("a0", &frames[..push]);
        watching.signal(signal);
        let (status, left, said) = watching.end();
        assert_eq!(status.code(), Some(0), "{said:#?}");
        let [ladder, last] = &left[..] else { panic!("{left:#?}") };
        assert_eq!(last["summary"]["ladders"], 1);
        assert_eq!(last["inputs"][0]["frames"], push);
        assert_eq!(ladder["verdict"], "inconclusive", "{ladder}");
        assert_eq!(ladder["steps"][2]["status"], "ok", "{ladder}");
        assert_eq!(ladder["steps"][8]["status"], "truncated", "{ladder}");
    }
}

#[test]
fn counters_are_printed_when_asked_for() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0"]);
    let frames = frames("happy", &[]);
    wire.send("a0", &frames);
    watching.line();
    watching.signal(Signal::SIGUSR1);
    let line = watching.wait_for(" SIP messages");
    assert!(line.contains(&format!("{} frames, ", frames.len())) && line.contains("1 complete"), "{line}");
    assert!(!line.contains("down or gone"), "{line}");
    wire.ip(&["link", "set", "b0", "down"]);
    watching.wait_for("b0 went down");
    watching.signal(Signal::SIGUSR1);
    let line = watching.wait_for(" SIP messages");
    let end = "open: 0 calls, 0 pushes; lost: 0 frames by the kernel, 0 by interfaces, 1 interruption; \
               0 closed early; down or gone now: b0";
    assert!(line.ends_with(end), "{line}");
    watching.stop(0);
}

#[test]
fn the_output_is_opened_again_after_it_was_moved() {
    let Some(wire) = Wire::new(1) else { return };
    let (path, moved) = (wire.place("ladders.ndjson"), wire.place("ladders.ndjson.1"));
    let read = |path: &std::path::Path| -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let wait = |path: &std::path::Path, lines: usize| {
        let until = std::time::Instant::now() + crate::wire::PATIENCE;
        while read(path).len() < lines {
            assert!(std::time::Instant::now() < until, "{path:?} has no {lines} lines");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    let watching = wire.watch(&["-i", "b0", "-o", path.to_str().unwrap()]);
    wire.send("a0", &frames("happy", &[]));
    wait(&path, 1);
    fs::rename(&path, &moved).unwrap();
    watching.signal(Signal::SIGHUP);
    let until = std::time::Instant::now() + crate::wire::PATIENCE;
    while !path.exists() {
        assert!(std::time::Instant::now() < until, "it was not opened again");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    wire.send("a0", &frames("happy", &["--seed", "2"]));
    wait(&path, 1);
    watching.stop(0);
    assert_eq!((read(&moved).len(), read(&path).len()), (1, 2));
    assert_eq!(read(&path)[1]["summary"]["ladders"], 2);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let Some(wire) = Wire::new(1) else { return };
    let mut watching = wire.watch(&["-i", "b0"]);
    watching.close_output();
    let mut seed = 1;
    let until = std::time::Instant::now() + crate::wire::PATIENCE;
    let id = watching.id();
    // The first line after the end is met may still fit into the pipe.
    while fs::read_to_string(format!("/proc/{id}/status")).is_ok_and(|status| !status.contains("zombie")) {
        assert!(std::time::Instant::now() < until, "it goes on");
        wire.send("a0", &frames("happy", &["--seed", &seed.to_string()]));
        seed += 1;
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let (status, _, said) = watching.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
    assert_eq!(said.len(), 1, "nothing but that it watched: {said:#?}");
}
