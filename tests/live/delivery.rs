//! Tickets by TLS from a program that gave up its rights, and a spool it has no right to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::command::{ROOT, finish};
use crate::endpoint::{Endpoint, Reply};
use crate::wire::{PATIENCE, Wire, frames};

#[test]
fn a_ticket_goes_out_by_tls_after_rights_were_given_up() {
    let Some(wire) = Wire::new(1) else { return };
    wire.ip(&["link", "set", "lo", "up"]);
    let data = |name: &str| Path::new(ROOT).join("tests/tickets/data").join(name).display().to_string();
    let system = wire.enter(|| Endpoint::start_tls(&[Reply::Status(201)], &data("server.pem"), &data("server.key")));
    // Whoever the program goes on as can read it there.
    let (ca, spool) = (wire.place("ca.pem"), wire.place("spool"));
    fs::copy(data("ca.pem"), &ca).unwrap();
    let (ca, spool) = (ca.to_str().unwrap(), spool.to_str().unwrap());
    let mut watching = wire.watch(&["-i", "b0", "--post", &system.url("/in"), "--post-ca", ca, "--spool", spool]);
    wire.send("a0", &frames("domain-not-allowed", &[]));
    assert_eq!(watching.line()["verdict"], "broken");
    let until = Instant::now() + PATIENCE;
    while system.requests().is_empty() {
        assert!(Instant::now() < until, "no ticket came");
        thread::sleep(Duration::from_millis(20));
    }
    let (_, said) = watching.stop(1);
    assert!(said.iter().any(|line| line.contains("1 ticket sent to https://127.0.0.1:")), "{said:#?}");
}

#[test]
fn a_spool_that_cannot_be_written_is_one_line_before_anything_is_watched() {
    let Some(wire) = Wire::new(1) else { return };
    let closed = wire.place("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let spool = closed.join("spool").display().to_string();
    let ran = finish(&mut wire.live(&["-i", "b0", "--post", "http://127.0.0.1:9/", "--spool", &spool]));
    assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{}", ran.err);
    assert!(ran.err.contains(&spool) && ran.err.contains("user \"nobody\", see --run-as"), "{}", ran.err);
}
