//! Tickets while an interface is watched: sent as ladders close, once for each fault, over restarts too.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::endpoint::{Endpoint, Reply, Request, nobody};
use crate::wire::{PATIENCE, Watching, Wire, frames};

/// A wire whose namespace has loopback, and a ticket system in it that answers like this.
fn with_system(replies: &[Reply]) -> Option<(Wire, Endpoint)> {
    let wire = Wire::new(1)?;
    wire.ip(&["link", "set", "lo", "up"]);
    // What it starts stays in the namespace it was started in.
    let system = wire.enter(|| Endpoint::start(replies));
    Some((wire, system))
}

fn watch(wire: &Wire, url: &str, options: &[&str]) -> Watching {
    let spool = wire.place("spool");
    let fixed = ["-i", "b0", "--post", url, "--spool", spool.to_str().unwrap()];
    wire.watch(&[&fixed, options].concat())
}

/// Waits for so many requests, and gives them.
#[track_caller]
fn requests(system: &Endpoint, count: usize) -> Vec<Request> {
    let until = Instant::now() + PATIENCE;
    while system.requests().len() < count {
        assert!(Instant::now() < until, "{} of {count} requests came", system.requests().len());
        thread::sleep(Duration::from_millis(10));
    }
    system.requests()
}

/// Documents that wait anywhere in a folder.
fn waiting(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path());
    let of = |path: PathBuf| match path.is_dir() {
        true => waiting(&path),
        false => vec![path].into_iter().filter(|path| path.extension().is_some_and(|e| e == "ticket")).collect(),
    };
    entries.flat_map(of).collect()
}

fn cause(request: &Request) -> String {
    request.json()["cause"].as_str().unwrap().to_owned()
}

#[test]
fn each_new_fault_is_one_ticket_while_the_wire_goes_on_and_none_after_a_restart() {
    let Some((wire, system)) = with_system(&[Reply::Status(201)]) else { return };
    let mut watching = watch(&wire, &system.url("/in"), &[]);
    // Three users meet the same fault, then somebody meets another.
    wire.send("a0", &frames("domain-not-allowed", &["--ladders", "3"]));
    let ladders: Vec<_> = (0..3).map(|_| watching.line()).collect();
    let first = requests(&system, 1);
    assert_eq!(cause(&first[0]), "domain-not-allowed");
    let ticket = first[0].json();
    assert_eq!(ticket["captures"], serde_json::json!(["b0"]));
    assert_eq!(ticket["fingerprint"], ladders[0]["diagnosis"]["fingerprint"]);
    let (id, key) = (ladders[0]["id"].as_str().unwrap(), first[0].header("idempotency-key"));
    assert_eq!(key, format!("{}-{id}", ticket["fingerprint"].as_str().unwrap()));
    wire.send("a0", &frames("dns-missing", &["--seed", "7"]));
    assert_eq!(watching.line()["diagnosis"]["cause"], "dns-missing");
    // It still watches when the ticket is there already.
    let both = requests(&system, 2);
    assert_eq!(cause(&both[1]), "dns-missing");
    let (_, said) = watching.stop(1);
    assert!(said.iter().any(|line| line.contains("2 tickets sent") && line.contains("2 not sent")), "{said:#?}");
    assert!(waiting(&wire.place("spool")).is_empty());
    // The same spool, another process: both faults have their tickets.
    let mut watching = watch(&wire, &system.url("/in"), &[]);
    for (scenario, options) in [("domain-not-allowed", &["--seed", "8"][..]), ("dns-missing", &["--seed", "9"])] {
        wire.send("a0", &frames(scenario, options));
        assert_eq!(watching.line()["verdict"], "broken");
    }
    let (_, said) = watching.stop(1);
    assert!(said.iter().any(|line| line.contains("0 tickets sent") && line.contains("2 not sent")), "{said:#?}");
    assert_eq!(system.requests().len(), 2);
}

/// What is wrong with the watching itself is told when it arises, not in months, and once.
#[test]
fn a_loss_is_a_ticket_while_the_watching_goes_on() {
    let Some((wire, system)) = with_system(&[Reply::Status(201)]) else { return };
    let mut watching = watch(&wire, &system.url("/in"), &["--post-severity", "note"]);
    for _ in 0..2 {
        wire.ip(&["link", "set", "b0", "down"]);
        watching.wait_for("b0 went down");
        wire.ip(&["link", "set", "b0", "up"]);
        watching.wait_for("b0 is up again");
        let ticket = &requests(&system, 1)[0].json();
        assert_eq!((&ticket["code"], &ticket["ladder"]), (&"LP907".into(), &serde_json::Value::Null));
        let detail = ticket["finding"]["detail"].as_str().unwrap();
        assert!(detail.contains("down or away 1 time."), "{detail}");
    }
    let (_, said) = watching.stop(0);
    assert!(said.iter().any(|line| line.contains("1 ticket sent") && line.contains("there was one")), "{said:#?}");
    assert_eq!(system.requests().len(), 1);
}

/// A process that is killed while its ticket system is away leaves the ticket to the next one, which sends it as soon
/// as it starts.
#[test]
fn what_could_not_be_delivered_survives_a_kill_and_is_delivered() {
    let Some((wire, system)) = with_system(&[Reply::Status(503), Reply::Status(200)]) else { return };
    // One attempt, and none again for hours.
    let mut watching = watch(&wire, &system.url("/"), &["--post-attempts", "1", "--post-rest", "1h"]);
    wire.send("a0", &frames("firewall", &[]));
    let ladder = watching.line();
    requests(&system, 1);
    watching.signal(nix::sys::signal::Signal::SIGKILL);
    let (status, ..) = watching.end();
    assert_eq!(status.code(), None, "it was killed");
    assert_eq!(waiting(&wire.place("spool")).len(), 1);
    let watching = watch(&wire, &system.url("/"), &[]);
    let all = requests(&system, 2);
    assert_eq!(all[1].header("idempotency-key"), all[0].header("idempotency-key"));
    assert_eq!(all[1].json()["fingerprint"], ladder["diagnosis"]["fingerprint"]);
    let (_, said) = watching.stop(0);
    assert!(said.iter().any(|line| line.contains("1 ticket sent")), "{said:#?}");
    assert!(waiting(&wire.place("spool")).is_empty());
    assert_eq!(system.requests().len(), 2);
}

/// Ladders go on while nobody takes tickets, and the end says so.
#[test]
fn a_ticket_system_that_is_away_holds_nothing_up() {
    let Some((wire, _)) = with_system(&[Reply::Status(200)]) else { return };
    let url = wire.enter(nobody);
    let mut watching = watch(&wire, &url, &["--post-attempts", "2", "--post-pause", "1ms"]);
    wire.send("a0", &frames("firewall", &[]));
    assert_eq!(watching.line()["verdict"], "broken");
    wire.send("a0", &frames("happy", &["--seed", "7"]));
    assert_eq!(watching.line()["verdict"], "complete");
    let (_, said) = watching.stop(2);
    assert!(said.iter().any(|line| line.contains("1 ticket not delivered")), "{said:#?}");
    assert_eq!(waiting(&wire.place("spool")).len(), 1);
}

/// Files with credentials belong to root, and the program is another user when it posts.
#[test]
fn credentials_are_read_before_root_is_given_up() {
    let Some((wire, system)) = with_system(&[Reply::Status(200)]) else { return };
    let headers = wire.place("headers");
    fs::write(&headers, "Authorization: Bearer canary-credential\n").unwrap();
    fs::set_permissions(&headers, fs::Permissions::from_mode(0o600)).unwrap();
    let mut watching = watch(&wire, &system.url("/"), &["--post-header-file", headers.to_str().unwrap()]);
    wire.send("a0", &frames("firewall", &[]));
    let ladder = watching.line();
    let request = &requests(&system, 1)[0];
    assert_eq!(request.header("authorization"), "Bearer canary-credential");
    let (left, said) = watching.stop(1);
    let all = format!("{ladder} {left:?} {said:?} {}", request.body);
    assert!(!all.contains("canary-credential"), "{all}");
}
