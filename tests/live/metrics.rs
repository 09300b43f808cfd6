//! Counters that a scraper reads.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::wire::{Wire, frames};

/// What is answered at an address inside.
pub fn get(wire: &Wire, address: &str, path: &str) -> String {
    wire.enter(|| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
}

#[test]
fn counters_are_served_on_loopback() {
    let Some(wire) = Wire::new(1) else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let mut watching = wire.watch(&["-i", "b0", "--metrics", "0"]);
    let address = watching.heard("metrics at http://").trim_end_matches("/metrics").to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let sent = frames("happy", &[]);
    wire.send("a0", &sent);
    watching.line();
    let ask = |path: &str| get(&wire, &address, path);
    // A client that says nothing holds nobody up for long.
    let silent = wire.enter(|| TcpStream::connect(&address).unwrap());
    let answer = ask("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in [
        format!("lyncpush_frames_total {}", sent.len()),
        "lyncpush_ladders_total{verdict=\"complete\"} 1".to_owned(),
        "lyncpush_step_seconds_count{step=\"8\"} 1".to_owned(),
    ] {
        assert!(answer.lines().any(|one| one == line), "{line}: {answer}");
    }
    assert!(ask("/else").starts_with("HTTP/1.1 404 "));
    drop(silent);
    watching.stop(0);
}
