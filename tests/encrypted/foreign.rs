//! TLS that nobody can read on a port that the profile does not name: of a host that speaks SIP it may be a leg, so that
//! what would be in there is not missing; of others, and on ports that are known for something else, it hides nothing.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use lyncpush::simulate::{self, Options, Vantage};
use serde_json::Value;

use crate::command::report;
use crate::pcap::{Frame, Pcap};

const SUITES: [&str; 3] =
    ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.2:TLS_RSA_WITH_AES_128_CBC_SHA", "1.3:TLS_AES_128_GCM_SHA256"];
const FRONT_END: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const EDGE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const OTHERS: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 31), Ipv4Addr::new(192, 0, 2, 32)];
/// From where to where a frame runs.
type Ends = [(Ipv4Addr, u16); 2];

/// Where a TLS record with a ClientHello holds the random value that key logs name a connection by.
const RANDOM: std::ops::Range<usize> = 11..43;

/// A ladder as the Front End's network card shows it, inside TLS, with the key log of all but the Edge's connections.
struct Closed {
    capture: Pcap,
    directory: tempfile::TempDir,
}

impl Closed {
    fn new(scenario: &str, suite: &str) -> Self {
        let options = Options {
            tls: Some(simulate::protection(suite).unwrap()),
            vantage: vec![Vantage::Frontend],
            ..Options::default()
        };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys(scenario, &options, &mut capture, &mut keylog).unwrap();
        let capture = Pcap::of(&capture);
        let hellos = capture.frames.iter().filter(|frame| is_of_edge(frame) && frame.payload().starts_with(&[22, 3]));
        let randoms: Vec<String> = hellos
            .filter_map(|frame| frame.payload().get(RANDOM))
            .map(|random| random.iter().map(|octet| format!("{octet:02x}")).collect())
            .collect();
        let keylog = String::from_utf8(keylog).unwrap();
        let lines = keylog.lines();
        let others = lines.clone().filter(|line| !randoms.iter().any(|random| line.contains(random.as_str())));
        let others: Vec<&str> = others.collect();
        assert!(!others.is_empty() && others.len() < lines.count(), "{keylog}");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("keys.log"), others.join("\n")).unwrap();
        std::fs::write(directory.path().join("all.log"), &keylog).unwrap();
        Self { capture, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What is said of `frames`, with what else the command says.
    fn report(&self, frames: Pcap, options: &[&str]) -> Value {
        let (file, keys) = (self.path("closed.pcap"), self.path("keys.log"));
        std::fs::write(&file, frames.octets()).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (file, keys) = (text(&file), text(&keys));
        report([&[file.as_str(), "--keylog", &keys, "--vantage", "frontend"], options].concat())
    }

    /// The frames, those of the Edge's connections between other ends, if at all.
    fn with_edge(&self, ends: impl Fn(Ends) -> Option<Ends>) -> Pcap {
        let mut capture = self.capture.only(|_, frame| !is_of_edge(frame) || ends(frame.ends()).is_some());
        for frame in capture.frames.iter_mut().filter(|frame| is_of_edge(frame)) {
            *frame = frame.between(ends(frame.ends()).unwrap());
        }
        capture
    }
}

fn is_of_edge(frame: &Frame) -> bool {
    frame.is_between((FRONT_END, 0), (EDGE, 5061))
}

/// The same ends with another port of the server, between two hosts.
fn at([front_end, edge]: [Ipv4Addr; 2], port: u16) -> impl Fn(Ends) -> Option<Ends> {
    move |ends| Some(ends.map(|(host, known)| if host == EDGE { (edge, port) } else { (front_end, known) }))
}

/// The status of every step.
fn steps(report: &Value) -> Vec<String> {
    let ladders = report["ladders"].as_array().unwrap().iter();
    let steps = ladders.flat_map(|ladder| ladder["steps"].as_array().unwrap());
    steps.map(|step| step["status"].as_str().unwrap().to_owned()).collect()
}

/// The streams listed on a port.
fn listed(report: &Value, port: u16) -> Vec<&Value> {
    let all = report["coverage"]["unreadable"].as_array().unwrap().iter();
    all.filter(|stream| stream["stream"].as_str().unwrap().ends_with(&format!(":{port}"))).collect()
}

#[test]
fn what_may_be_in_tls_on_an_unknown_port_is_not_missing() {
    for suite in SUITES {
        let closed = Closed::new("device-never-wakes", suite);
        // What is true of a capture in which nothing goes to the Edge.
        let without = closed.report(closed.with_edge(|_| None), &[]);
        let missing = steps(&without);
        assert!(missing.contains(&"missing".to_owned()), "{suite}: {missing:?}");
        // As on the port that is known.
        let known = closed.report(closed.capture.clone(), &[]);
        let expected = steps(&known);
        assert!(!expected.contains(&"missing".to_owned()), "{suite}: {expected:?}");
        let foreign = closed.report(closed.with_edge(at([FRONT_END, EDGE], 5099)), &[]);
        assert_eq!(steps(&foreign), expected, "{suite}");
        let streams = listed(&foreign, 5099);
        assert_eq!(streams.len(), listed(&known, 5061).len(), "{suite}");
        for stream in streams {
            let detail = stream["detail"].as_str().unwrap();
            assert!(detail.contains("port 5099 belongs into [ports]") && detail.contains("--keylog"), "{stream}");
            assert_eq!(stream["reason"], "tls-no-secret", "{stream}");
            assert!(stream["tls"]["suite"].is_string() && stream["tls"]["server_name"].is_string(), "{stream}");
        }
        // What is opened hides nothing.
        let all = closed.path("all.log");
        let edge =
            |port| closed.report(closed.with_edge(at([FRONT_END, EDGE], port)), &["--keylog", all.to_str().unwrap()]);
        let (opened, clear) = (edge(5099), edge(5061));
        assert_eq!((steps(&opened), listed(&opened, 5099).len()), (steps(&clear), 0), "{suite}");
        assert_eq!(steps(&clear)[4], "ok", "{suite}");
        let codes = |report: &Value| report["findings"].to_string().matches("LP908").count();
        assert_eq!((codes(&foreign), codes(&without)), (1, 0), "{suite}");
    }
}

#[test]
fn tls_that_is_known_for_something_else_or_of_other_hosts_hides_nothing() {
    let closed = Closed::new("device-never-wakes", SUITES[0]);
    let without = closed.report(closed.with_edge(|_| None), &[]);
    for port in [443, 444, 636, 3389, 4443, 8057, 8061] {
        let beside = closed.report(closed.with_edge(at([FRONT_END, EDGE], port)), &[]);
        assert_eq!(steps(&beside), steps(&without), "{port}");
        // Of 443 nobody knows: remote users speak SIP there.
        assert_eq!(listed(&beside, port).is_empty(), port != 443, "{port}");
    }
    let others = closed.report(closed.with_edge(at(OTHERS, 5099)), &[]);
    assert_eq!(steps(&others), steps(&without));
    assert_eq!(listed(&others, 5099), Vec::<&Value>::new());
}

#[test]
fn the_profile_says_which_ports_are_something_else() {
    let closed = Closed::new("device-never-wakes", SUITES[0]);
    let profile = closed.path("profile.toml");
    let with = |ports: &str, port| {
        std::fs::write(&profile, format!("[ports]\n{ports}\n")).unwrap();
        let frames = closed.with_edge(at([FRONT_END, EDGE], port));
        let found = closed.report(frames, &["--profile", profile.to_str().unwrap()]);
        let count = |status: &str| steps(&found).iter().filter(|step| *step == status).count();
        (count("missing") > 0, count("unreadable") > 0, listed(&found, port).len())
    };
    let (hides, is_known) = ((false, true), (true, false));
    for (ports, port, (missing, unreadable), is_listed) in [
        ("", 5099, hides, true),
        ("other = [5099]", 5099, is_known, false),
        ("sip = [5060, 5061, 5099]\nother = [5099]", 5099, hides, true),
        ("other = [5099]", 8061, hides, true),
        ("remote = []", 443, is_known, false),
        ("remote = []\nother = []", 443, hides, true),
    ] {
        let found = with(ports, port);
        assert_eq!((found.0, found.1, found.2 > 0), (missing, unreadable, is_listed), "{ports} {port}");
    }
}

/// Whether a host speaks SIP may show only when the ladder is over: that counts for a report on files.
#[test]
fn a_host_may_be_known_for_sip_afterwards() {
    let closed = Closed::new("device-never-wakes", SUITES[0]);
    let frames = closed.with_edge(at(OTHERS, 5099));
    let mut plain = Vec::new();
    simulate::write("happy", &Options { vantage: vec![Vantage::Caller], seed: 7, ..Options::default() }, &mut plain)
        .unwrap();
    let behind = frames.frames.last().unwrap().at + 600_000_000;
    let with = |server: Ipv4Addr| {
        let mut later = Pcap::of(&plain);
        let by = behind - later.frames[0].at;
        for frame in &mut later.frames {
            *frame =
                frame.between(frame.ends().map(|(host, port)| (if host == FRONT_END { server } else { host }, port)));
            frame.at += by;
        }
        let mut all = frames.clone();
        all.frames.extend(later.frames);
        closed.report(all, &[])
    };
    let of_first = |report: &Value| {
        let first = report["ladders"].as_array().unwrap().iter().min_by_key(|one| one["started_at"].to_string());
        first.unwrap()["steps"][4]["status"].as_str().unwrap().to_owned()
    };
    let (known, unknown) = (with(OTHERS[0]), with(FRONT_END));
    assert_eq!((of_first(&known), of_first(&unknown)), ("unreadable".to_owned(), "missing".to_owned()));
    assert!(!listed(&known, 5099).is_empty() && listed(&unknown, 5099).is_empty());
}

/// Where a phone answers itself it is said that no push was due only if none can have been.
#[test]
fn an_answered_call_may_have_had_its_push_in_there() {
    let closed = Closed::new("happy", SUITES[0]);
    let without = steps(&closed.report(closed.with_edge(|_| None), &[]));
    let foreign = steps(&closed.report(closed.with_edge(at([FRONT_END, EDGE], 5099)), &[]));
    assert_eq!((without[4].as_str(), foreign[4].as_str()), ("not-applicable", "unreadable"));
}

/// A stream that was over before its host said anything that could be read is listed; it hides no other time than its own.
#[test]
fn what_comes_before_its_host_is_known_is_listed_too() {
    let closed = Closed::new("device-never-wakes", SUITES[0]);
    let mut frames = closed.with_edge(at([FRONT_END, EDGE], 5099));
    let (edge, rest): (Vec<Frame>, Vec<Frame>) =
        frames.frames.into_iter().partition(|frame| frame.is_between((FRONT_END, 0), (EDGE, 5099)));
    let (first, last) = (rest[0].at, edge.last().unwrap().at);
    let early = |mut frame: Frame, by: i64| {
        frame.at -= by;
        frame
    };
    // Over an hour before: the ladder is far behind it.
    let by = last - first + 3_600_000_000;
    frames.frames = edge.into_iter().map(|frame| early(frame, by)).chain(rest).collect();
    let found = closed.report(frames, &[]);
    assert!(!listed(&found, 5099).is_empty());
    assert!(steps(&found).contains(&"missing".to_owned()), "{:?}", steps(&found));
}

/// Its beginning may lie before the capture.
#[test]
fn streams_joined_in_the_middle_hide_what_they_hide() {
    let closed = Closed::new("device-never-wakes", SUITES[0]);
    let frames = closed.with_edge(at([FRONT_END, EDGE], 5099));
    let is_edge = |frame: &Frame| frame.is_between((FRONT_END, 0), (EDGE, 5099));
    // Handshakes are over when the first application data comes.
    let mut begun = false;
    let frames = frames.only(|_, frame| {
        begun |= is_edge(frame) && frame.payload().first() == Some(&23);
        begun || !is_edge(frame)
    });
    let found = closed.report(frames, &[]);
    assert!(!steps(&found).contains(&"missing".to_owned()), "{:?}", steps(&found));
    assert!(listed(&found, 5099).iter().any(|stream| stream["reason"] == "tls-no-handshake"));
}
