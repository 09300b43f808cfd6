//! SIP of somebody else's making: SIPp talks over TCP from one namespace to another, and what it counts is counted.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::wire::{PATIENCE, Wire};

/// Calls to make.
const CALLS: u64 = 500;
/// The answering side.
const SERVER: &str = "10.9.0.2";
/// The calling side.
const CLIENT: &str = "10.9.0.1";

/// One side of the talk, in its namespace; counts go to a file in `directory`.
fn sipp(wire: &Wire, directory: &Path, arguments: &[&str]) -> Child {
    fs::create_dir_all(directory).unwrap();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", wire.name(), "sipp"]).args(arguments);
    command.args(["-nostdin", "-max_socket", "2000"]).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits until something is so.
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: never");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The messages that a side sent and received, as it counted them at the end.
fn counted(directory: &Path) -> u64 {
    let mut files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let counts = files.find(|path| path.to_string_lossy().ends_with("_counts.csv")).expect("counts");
    let text = fs::read_to_string(counts).unwrap();
    let (head, last) = (text.lines().next().unwrap(), text.lines().last().unwrap());
    let columns = head.split(';').zip(last.split(';'));
    let is_message = |name: &str| name.ends_with("_Sent") || name.ends_with("_Recv") || name.ends_with("_Retrans");
    columns.filter(|(name, _)| is_message(name)).map(|(_, count)| count.parse::<u64>().unwrap()).sum()
}

#[test]
fn every_message_that_sipp_counts_is_counted() {
    let (Some(wire), Some(far)) = (Wire::new(1), Wire::new(0)) else { return };
    if Command::new("sipp").arg("-v").output().is_err() {
        eprintln!("SKIPPED: SIPp is not installed (Debian: sip-tester)");
        return;
    }
    wire.ip(&["link", "set", "a0", "netns", far.name()]);
    far.ip(&["addr", "add", &format!("{CLIENT}/24"), "dev", "a0"]);
    far.ip(&["link", "set", "a0", "up"]);
    wire.ip(&["addr", "add", &format!("{SERVER}/24"), "dev", "b0"]);
    // One connection for all calls, and one for each.
    for transport in ["t1", "tn"] {
        let [server, client] = ["server", "client"].map(|side| wire.place(&format!("{side}-{transport}")));
        let watching = wire.watch(&["-i", "b0"]);
        let mut answering = sipp(&wire, &server, &["-sn", "uas", "-t", transport, "-i", SERVER, "-p", "5060"]);
        // It answers once it listens.
        let listens = || {
            let sockets = Command::new("ip").args(["netns", "exec", wire.name(), "ss", "-Htln"]).output().unwrap();
            String::from_utf8_lossy(&sockets.stdout).contains(":5060")
        };
        wait_for("SIPp listens", listens);
        let to = format!("{SERVER}:5060");
        let calls = CALLS.to_string();
        let client_does =
            ["-sn", "uac", "-t", transport, "-i", CLIENT, "-r", "100", "-m", &calls, "-trace_counts", &to];
        let mut calling = sipp(&far, &client, &client_does);
        wait_for("the calls are over", || calling.try_wait().unwrap().is_some());
        assert!(calling.wait().unwrap().success(), "every call went well");
        answering.kill().unwrap();
        answering.wait().unwrap();
        let (left, said) = watching.stop(0);
        let expected = counted(&client);
        assert!(expected >= 6 * CALLS, "{expected} messages");
        let coverage = &left.last().unwrap()["coverage"];
        assert_eq!(coverage["sip_messages"], expected, "{transport}: {coverage} {said:#?}");
        assert_eq!((&coverage["sip_malformed"], &coverage["gaps"]), (&0.into(), &0.into()), "{transport}: {coverage}");
    }
}
