//! What is sent, when, and what becomes of it when that fails.

use crate::command::{self, finish, lyncpush, run_on, simulated};
use crate::endpoint::{Endpoint, Reply, nobody};
use crate::{BROKEN, COMPLETE, Place};

const FINGERPRINT: &str = "541c6568e05992e05e68d4c2d597a5a4";

#[test]
fn a_fault_is_one_document() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(201)]));
    let ran = place.post(BROKEN, &endpoint.url("/in?a=b"), &[]).with_code(1);
    assert_eq!(ran.err, format!("lyncpush: 1 ticket sent to {}\n", endpoint.url("")));
    assert!(ran.text().starts_with("1 ladder: 1 broken"), "the report is the same");
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(request.line, "POST /in?a=b HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.header("user-agent").starts_with("lyncpush/"));
    let (ticket, report) = (request.json(), command::report([BROKEN]));
    let id = report["ladders"][0]["id"].as_str().unwrap();
    assert_eq!(request.header("idempotency-key"), format!("{FINGERPRINT}-{id}"));
    assert_eq!(ticket["key"], request.header("idempotency-key"));
    assert_eq!(ticket["fingerprint"], FINGERPRINT);
    assert_eq!(ticket["captures"], serde_json::json!([BROKEN]));
    assert_eq!(ticket["finding"], report["findings"][0]);
    assert_eq!(ticket["symptoms"], serde_json::json!([report["findings"][1]]));
    assert_eq!(ticket["ladder"]["steps"], report["ladders"][0]["steps"]);
    let description = ticket["description"].as_str().unwrap();
    for part in ["edge01.example.com", "frames 81, 82, 83", "New-CsAllowedDomain -Identity 'push.lync.com'"] {
        assert!(description.contains(part), "{part} in {description}");
    }
    assert!(place.waiting().is_empty());
}

#[test]
fn a_fault_has_one_ticket_in_a_window() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(200)]));
    let post = |options: &[&str]| place.post("-", &endpoint.url("/"), options);
    let many = simulated("domain-not-allowed", &["--ladders", "5"]);
    let spool = place.path("spool");
    let ran = run_on(&many, ["analyze", "-", "--post", &endpoint.url("/"), "--spool", &spool]).with_code(1);
    assert!(ran.err.contains("1 ticket sent") && ran.err.contains("4 not sent: there was one already"), "{}", ran.err);
    assert_eq!(endpoint.requests().len(), 1);
    // Another day, another capture, another process: the fault is known.
    let again = place.post(BROKEN, &endpoint.url("/"), &[]).with_code(1);
    assert!(
        again.err.contains("0 tickets sent") && again.err.contains("1 not sent: there was one already"),
        "{}",
        again.err
    );
    assert_eq!(place.post(BROKEN, &endpoint.url("/"), &["-q"]).with_code(1).err, "");
    assert_eq!(endpoint.requests().len(), 1);
    // Other faults are not.
    place.post("samples/firewall.pcap", &endpoint.url("/"), &[]).with_code(1);
    assert_eq!(endpoint.requests().len(), 2);
    // No window: every time.
    place.post(BROKEN, &endpoint.url("/"), &["--dedup-window", "0"]).with_code(1);
    assert_eq!(endpoint.requests().len(), 3);
    assert_eq!(post(&[]).with_code(2).text(), "", "an empty capture is an error all the same");
    assert_eq!(endpoint.requests().len(), 3);
}

#[test]
fn nothing_is_sent_unless_it_is_asked_for_and_bad_enough() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(200)]));
    assert_eq!(place.post(COMPLETE, &endpoint.url("/"), &[]).with_code(0).err, "");
    let late = simulated("late-push", &[]);
    let spool = place.path("spool");
    let post = |severity: &str| {
        let url = endpoint.url("/");
        run_on(&late, ["analyze", "-", "--post", &url, "--spool", &spool, "--post-severity", severity]).with_code(0)
    };
    post("error");
    post("never");
    assert_eq!(endpoint.requests().len(), 0);
    post("warning");
    let requests = endpoint.requests();
    assert_eq!((requests.len(), &requests[0].json()["severity"]), (1, &"warning".into()));
}

#[test]
fn what_may_be_taken_later_is_tried_again() {
    let replies = [Reply::Status(500), Reply::With(429, "Retry-After", "0"), Reply::Close, Reply::Status(204)];
    let (place, endpoint) = (Place::empty(), Endpoint::start(&replies));
    place.post(BROKEN, &endpoint.url("/"), &["--post-attempts", "9"]).with_code(1);
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests {
        assert_eq!(request.header("idempotency-key"), requests[0].header("idempotency-key"));
        assert_eq!(request.body, requests[0].body);
    }
    assert!(place.waiting().is_empty());
}

/// Whatever an endpoint does instead of taking a document, it waits, and the next run sends it.
#[test]
fn what_is_left_is_sent_at_the_next_start() {
    for (reply, why) in [
        (Reply::Status(503), "the answer was 503, 2 times"),
        (Reply::Stall, "no answer within 0.3 s, 2 times"),
        (Reply::Close, ", 2 times"),
        (Reply::Half, ", 2 times"),
        (Reply::Garbage, ", 2 times"),
    ] {
        let (place, endpoint) = (Place::empty(), Endpoint::start(&[reply, reply, Reply::Status(201)]));
        let url = endpoint.url("/hook/secret-token");
        let stalls: &[&str] = if matches!(reply, Reply::Stall) { &["--post-timeout", "300ms"] } else { &[] };
        let left = place.post(BROKEN, &url, &[&["--post-attempts", "2"], stalls].concat()).with_code(2);
        assert!(left.text().starts_with("1 ladder: 1 broken"), "{reply:?}: the report is written");
        assert_eq!(left.err.lines().count(), 1, "{reply:?}: {}", left.err);
        assert!(left.err.contains("1 ticket not delivered to http://127.0.0.1:"), "{reply:?}: {}", left.err);
        assert!(left.err.contains(why) && !left.err.contains("secret"), "{reply:?}: {}", left.err);
        assert_eq!(place.waiting().len(), 1, "{reply:?}");
        // A run that finds nothing itself.
        let sent = place.post(COMPLETE, &url, &[]).with_code(0);
        assert!(sent.err.contains("1 ticket sent"), "{reply:?}: {}", sent.err);
        let requests = endpoint.requests();
        assert_eq!(requests.len(), 3, "{reply:?}");
        assert_eq!(requests[2].json()["fingerprint"], FINGERPRINT);
        assert!(place.waiting().is_empty(), "{reply:?}");
    }
}

/// Tickets are made for one system: another one never gets them, and they are not forgotten either.
#[test]
fn what_waits_for_another_address_stays_and_is_told_of() {
    let place = Place::empty();
    let (old, new) =
        (Endpoint::start(&[Reply::Status(503), Reply::Status(200)]), Endpoint::start(&[Reply::Status(200)]));
    place.post(BROKEN, &old.url("/hook/secret-token"), &["--post-attempts", "1"]).with_code(2);
    // The same fault is new to the new system.
    let ran = place.post(BROKEN, &new.url("/"), &[]).with_code(1);
    assert_eq!((new.requests().len(), old.requests().len(), place.waiting().len()), (1, 1, 1));
    assert!(ran.err.contains(&format!("1 ticket for {} still waits in", old.url(""))), "{}", ran.err);
    assert!(!ran.err.contains("secret"), "{}", ran.err);
    assert_eq!(place.post(COMPLETE, &new.url("/"), &["-q"]).with_code(0).err, "");
    // The old one again: it gets its own.
    place.post(COMPLETE, &old.url("/hook/secret-token"), &[]).with_code(0);
    assert_eq!((new.requests().len(), old.requests().len(), place.waiting().len()), (1, 2, 0));
    assert_eq!(place.post(COMPLETE, &new.url("/"), &[]).with_code(0).err, "");
}

#[test]
fn nobody_there_is_told_in_one_line() {
    let place = Place::empty();
    let left = place.post(BROKEN, &nobody(), &["--post-attempts", "2"]).with_code(2);
    assert!(left.err.contains("connection refused, 2 times; it waits in"), "{}", left.err);
    assert_eq!((left.err.lines().count(), place.waiting().len()), (1, 1));
}

/// An endpoint that asks for an hour is not waited for, and not asked again either.
#[test]
fn a_long_wait_is_left_to_the_next_run() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::With(429, "Retry-After", "3600")]));
    let left = place.post(BROKEN, &endpoint.url("/"), &[]).with_code(2);
    assert!(left.err.contains("the answer was 429; it waits in"), "{}", left.err);
    assert_eq!((endpoint.requests().len(), place.waiting().len()), (1, 1));
}

#[test]
fn what_is_wrong_with_a_whole_capture_has_a_ticket() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(200)]));
    let capture = place.path("tls.pcap");
    let unreadable = ["--tls", "1.3:AES_128_GCM_SHA256", "-o", &capture, "-q"];
    command::run([&["simulate", "happy"], &unreadable[..]].concat()).with_code(0);
    place.post(&capture, &endpoint.url("/"), &[]).with_code(1);
    let requests = endpoint.requests();
    let ticket = requests[0].json();
    assert_eq!((requests.len(), &ticket["code"], &ticket["ladder"]), (1, &"LP901".into(), &serde_json::Value::Null));
    assert_eq!(ticket["key"], requests[0].header("idempotency-key"));
}

#[test]
fn tickets_wait_under_the_state_directory_by_default() {
    let place = Place::empty();
    let mut command = lyncpush();
    command.args(["analyze", BROKEN, "--post", &nobody(), "--post-attempts", "1"]);
    finish(command.env("XDG_STATE_HOME", place.path("state"))).with_code(2);
    let waiting = place.waiting();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].starts_with(place.path("state/lyncpush/spool")), "{waiting:?}");
}
