//! `--pseudonyms`: no name of a capture is in anything that is written about it.

mod command;
#[cfg(feature = "post")]
mod endpoint;
mod pcap;

use std::collections::BTreeSet;

use command::{run, simulated};
use lyncpush::report::format::FORMATS;
use pcap::Pcap;
use serde_json::Value;

/// Networks of the simulated hosts, which are those of documentation, and others in their place: as long in text.
const NETWORKS: &[([u8; 3], [u8; 3])] =
    &[([192, 0, 2], [10, 77, 2]), ([198, 51, 100], [10, 177, 100]), ([203, 0, 113], [10, 77, 113])];
/// Names of simulated hosts.
const HOSTS: &[&str] = &["fe01", "edge01", "example.com", "partner.example", "10.77.2.7", "10.77.2.9"];
/// Names that everybody knows.
const KNOWN: &[&str] = &["push@push.lync.com", "push.lync.com", "sipfed.online.lync.com"];

/// A simulated capture whose addresses are of no documentation.
fn capture(scenario: &str) -> Vec<u8> {
    let mut capture = Pcap::of(&simulated(scenario, &["--ladders", "2"]));
    for frame in &mut capture.frames {
        for at in [26, 30] {
            let network = NETWORKS.iter().find(|(old, _)| frame.octets[at..at + 3] == *old);
            let (_, new) = network.expect("a known network");
            frame.octets[at..at + 3].copy_from_slice(new);
        }
        for (old, new) in NETWORKS {
            let text = |network: &[u8; 3]| network.map(|octet| octet.to_string()).join(".") + ".";
            while frame.replace(&text(old), &text(new)) {}
        }
    }
    capture.octets()
}

/// Every real name in a report.
fn names(report: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut add = |name: &str| {
        let address = name.trim_start_matches("sip:");
        if name.is_empty() || KNOWN.contains(&address) {
            return;
        }
        found.insert(address.to_owned());
        if let Some((user, domain)) = address.split_once('@') {
            found.extend([user.to_owned(), domain.to_owned()]);
        }
        // A host, and the domain it is in.
        if let Some((host, domain)) = address.split_once('.').filter(|(host, _)| host.starts_with(char::is_alphabetic))
        {
            found.extend([host.to_owned(), domain.to_owned()]);
        }
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for ladder in report["ladders"].as_array().unwrap() {
        for field in ["caller", "callee", "callee_name", "call_id", "conversation_id"] {
            add(&text(&ladder[field]));
        }
        add(&text(&ladder["mobile"]["epid"]));
        ladder["push_call_ids"].as_array().unwrap().iter().for_each(|id| add(&text(id)));
        for evidence in ladder["steps"].as_array().unwrap().iter().flat_map(|s| s["evidence"].as_array().unwrap()) {
            for end in ["from", "to"] {
                add(text(&evidence[end]).rsplit_once(':').unwrap().0);
            }
        }
    }
    for finding in report["findings"].as_array().unwrap() {
        add(&text(&finding["diagnostics"]["reported_by"]));
    }
    // What they are as words of other sentences is no name.
    found.into_iter().filter(|name| name.len() > 2 && name != "com" && name != "example").collect()
}

/// Everything that is written about a capture with pseudonyms, by the name of what writes it.
fn written(capture: &str) -> Vec<(&'static str, String)> {
    let mut written: Vec<(&str, String)> = Vec::new();
    for format in FORMATS {
        // Wide, so that few names are broken over two lines.
        let options = ["-v", "--width", "200", "--pseudonyms", "--fail-on", "never", "--format", format.name];
        let ran = run([&["analyze", capture], &options[..]].concat());
        written.push((format.name, ran.with_code(0).text().to_owned()));
    }
    #[cfg(feature = "post")]
    {
        let endpoint = endpoint::Endpoint::start(&[endpoint::Reply::Status(200)]);
        let spool = tempfile::tempdir().unwrap();
        let spool = spool.path().to_str().unwrap();
        let url = endpoint.url("/");
        let posted = ["--post", &url, "--spool", spool, "--post-severity", "note", "--fail-on", "never"];
        run([&["analyze", capture, "--pseudonyms"], &posted[..]].concat()).with_code(0);
        written.extend(endpoint.requests().into_iter().map(|request| ("ticket", request.body)));
    }
    written
}

#[test]
fn no_name_is_in_any_format_or_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret-customer.pcap.gz.pcap");
    let path = path.to_str().unwrap();
    for scenario in command::scenarios() {
        std::fs::write(path, capture(&scenario)).unwrap();
        let report = command::report(["--fail-on", "never", path]);
        let mut names = names(&report);
        // Those that stand in sentences alone.
        names.extend(
            HOSTS.iter().chain(&["secret-customer", directory.path().to_str().unwrap()]).map(|&s| s.to_owned()),
        );
        for (what, text) in written(path) {
            for name in &names {
                let leaks = text.match_indices(name.as_str()).find(|(at, _)| {
                    // Part of another word is no name.
                    let before = text[..*at].chars().next_back();
                    let after = text[at + name.len()..].chars().next();
                    ![before, after].into_iter().flatten().any(char::is_alphanumeric)
                });
                if let Some((at, _)) = leaks {
                    let around: String = text[at.saturating_sub(80)..].chars().take(200).collect();
                    panic!("{scenario}: {name} is in {what}: {around}");
                }
            }
        }
    }
}

#[test]
fn the_same_name_has_one_stand_in_in_a_report() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    std::fs::write(&path, capture("domain-not-allowed")).unwrap();
    let path = path.to_str().unwrap();
    let real = command::report([path]);
    let report = command::report(["--pseudonyms", path]);
    assert_eq!(report["inputs"][0]["path"], "capture1.pcap");
    for (at, ladder) in report["ladders"].as_array().unwrap().iter().enumerate() {
        let before = &real["ladders"][at];
        for field in ["id", "started_at", "duration_ms", "verdict", "broken_at"] {
            assert_eq!(ladder[field], before[field], "{field}");
        }
        assert_eq!(ladder["diagnosis"]["fingerprint"], before["diagnosis"]["fingerprint"]);
        for (step, before) in ladder["steps"].as_array().unwrap().iter().zip(before["steps"].as_array().unwrap()) {
            assert_eq!((&step["at"], &step["status"]), (&before["at"], &before["status"]));
            let frames = |step: &Value| -> Vec<Value> {
                step["evidence"].as_array().unwrap().iter().map(|evidence| evidence["frame"].clone()).collect()
            };
            assert_eq!(frames(step), frames(before));
        }
    }
    let one = &report["ladders"][0];
    let host = report["findings"][0]["diagnostics"]["reported_by"].as_str().unwrap();
    assert!(host.starts_with("host") && host.ends_with(".domain1.example"), "{host}");
    assert!(one["caller"].as_str().unwrap().ends_with("@domain1.example"));
    let commands = one["diagnosis"]["remedy"].to_string();
    assert!(commands.contains(host) && commands.contains("push.lync.com"), "{commands}");
    let twice = command::report(["--pseudonyms", path]);
    assert_eq!(report, twice);
    let refused = run(["analyze", "--pseudonyms", "--show-text", path]).with_code(2);
    assert!(refused.err.contains("cannot be used with"), "{}", refused.err);
}
