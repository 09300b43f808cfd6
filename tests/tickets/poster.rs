//! The poster by itself, as a program that runs for days uses it.

use std::path::Path;
use std::time::{Duration, Instant};

use lyncpush::post::{Endpoint, Headers, Outcome, Patience, Poster, Settings};
use lyncpush::report::model::{Report, Severity};

use crate::analysis::analyze;
use crate::endpoint::{Endpoint as System, Reply};
use crate::{BROKEN, Place};

fn start(place: &Place, system: &System, patience: Patience) -> Poster {
    Poster::start(Settings {
        endpoint: Endpoint::parse(&system.url("/")).unwrap(),
        headers: Headers::default(),
        template: None,
        ca: None,
        spool: place.path("spool").into(),
        window: Duration::from_secs(3600),
        lowest: Severity::Error,
        captures: vec!["eth0".to_owned()],
        patience,
    })
    .unwrap()
}

fn report(sample: &str) -> Report {
    analyze(Path::new(sample), false).unwrap().0
}

fn offer(poster: &mut Poster, report: &Report) {
    poster.offer(&report.ladders[0], &report.findings).unwrap();
}

/// Waits for what must come, however slow the machine is.
fn until(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn documents_are_sent_as_they_come_and_not_in_the_end() {
    let (place, system) = (Place::empty(), System::start(&[Reply::Status(503), Reply::Status(200)]));
    let patience = Patience { first_pause: Duration::from_millis(300), ..Patience::default() };
    let mut poster = start(&place, &system, patience);
    let (one, other) = (report(BROKEN), report("samples/firewall.pcap"));
    offer(&mut poster, &one);
    until(|| !system.requests().is_empty());
    // While it pauses.
    offer(&mut poster, &other);
    offer(&mut poster, &one);
    until(|| system.requests().len() == 3 && place.waiting().is_empty());
    offer(&mut poster, &report("samples/clearing-house-rejects.pcap"));
    until(|| system.requests().len() == 4 && place.waiting().is_empty());
    let outcome = poster.finish(Instant::now() + Duration::from_secs(60));
    assert_eq!(outcome, Outcome { sent: 3, known: 1, left: 0, why: None, elsewhere: Vec::new() });
}

#[test]
fn the_end_waits_no_longer_than_it_is_told() {
    let (place, system) = (Place::empty(), System::start(&[Reply::Stall]));
    let patience = Patience { timeout: Duration::from_secs(3600), ..Patience::default() };
    let mut poster = start(&place, &system, patience);
    offer(&mut poster, &report(BROKEN));
    until(|| !system.requests().is_empty());
    let outcome = poster.finish(Instant::now());
    assert_eq!((outcome.sent, outcome.left, outcome.why.as_deref()), (0, 1, Some("no answer in time")));
}

/// An endpoint that is gone does not hold up who offers, and is asked again after a while.
#[test]
fn an_endpoint_that_comes_back_gets_everything() {
    const FEW: Duration = Duration::from_millis(2);
    let failing = [Reply::Status(500); 2];
    let (place, system) = (Place::empty(), System::start(&[&failing[..], &[Reply::Status(200)]].concat()));
    let patience = Patience { attempts: 2, first_pause: FEW, rest: FEW, ..Patience::default() };
    let mut poster = start(&place, &system, patience);
    offer(&mut poster, &report(BROKEN));
    until(|| system.requests().len() >= 3 && place.waiting().is_empty());
    assert_eq!(poster.finish(Instant::now() + Duration::from_secs(60)).sent, 1);
}
