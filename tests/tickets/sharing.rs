//! Several processes with one spool.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::lyncpush;
use crate::endpoint::{Endpoint, Reply};
use crate::{BROKEN, COMPLETE, Place, QUICK};

fn start(place: &Place, url: &str, sample: &str) -> Child {
    let mut command: Command = lyncpush();
    command.args(["analyze", sample, "--post", url, "--spool", &place.path("spool"), "-q"]).args(QUICK);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn faults_are_told_once_whoever_finds_them() {
    const FAULTS: [&str; 3] = ["domain-not-allowed", "firewall", "clearing-house-rejects"];
    // Every second connection fails: some documents are sent by another process than the one that made them.
    let (failed, taken) = (Reply::Status(503), Reply::Status(200));
    let replies = [failed, taken, failed, taken, failed, taken];
    let (place, endpoint) = (Place::empty(), Endpoint::start(&replies));
    let url = endpoint.url("/");
    let samples = FAULTS.iter().cycle().take(9).map(|fault| format!("samples/{fault}.pcap"));
    let children: Vec<Child> = samples.map(|sample| start(&place, &url, &sample)).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        // A process may find another one's document still waiting when it ends.
        assert!(matches!(output.status.code(), Some(1 | 2)), "{output:?}");
    }
    place.post(COMPLETE, &url, &[]).with_code(0);
    assert!(place.waiting().is_empty());
    let requests = endpoint.requests();
    let mut keys: Vec<&str> = requests.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 6, "three were taken, after three failures: {keys:?}");
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), FAULTS.len());
}

/// Killed while the endpoint lets it wait: the document is there, and no lock.
#[test]
fn a_process_that_is_killed_leaves_everything_to_the_next() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Stall, Reply::Status(200)]));
    let url = endpoint.url("/");
    let mut child = start(&place, &url, BROKEN);
    while endpoint.requests().is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it waits for an answer");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.waiting().len(), 1);
    place.post(COMPLETE, &url, &[]).with_code(0);
    let requests = endpoint.requests();
    assert_eq!((requests.len(), place.waiting().len()), (2, 0));
    assert_eq!(requests[0].header("idempotency-key"), requests[1].header("idempotency-key"));
}
