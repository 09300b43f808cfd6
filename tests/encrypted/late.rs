//! On a pipe secrets may stand behind the frames they open: ladders wait a minute for them, and are those of the file.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::command::{report, report_on};
use crate::pcapng;
use crate::secrets::statuses;
use crate::stories::{keylog, simulate};

const SUITES: &[&str] = &["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.3:TLS_AES_128_GCM_SHA256"];

/// A simulated capture of protected connections.
struct Late {
    file: Vec<u8>,
    /// Where each frame begins, and seconds behind the first.
    frames: Vec<(usize, f64)>,
    keylog: String,
    /// What its file is reported as with all its secrets.
    expected: Value,
    directory: tempfile::TempDir,
}

impl Late {
    fn new(scenario: &str, suite: &str, options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("late.pcapng");
        simulate(scenario, &[&["--tls", suite], options].concat(), &path);
        let log = keylog(&path);
        let expected = report([path.to_str().unwrap(), "--keylog", &log]);
        let file = fs::read(&path).unwrap();
        let number = |at: usize| u64::from(u32::from_le_bytes(file[at..at + 4].try_into().unwrap()));
        // In nanoseconds.
        let time = |at: usize| number(at + 12) << 32 | number(at + 16);
        let blocks = pcapng::blocks(&file).into_iter().filter(|(_, kind)| *kind == 6);
        let frames: Vec<(usize, u64)> = blocks.map(|(at, _)| (at, time(at))).collect();
        let first = frames[0].1;
        let frames = frames.iter().map(|(at, time)| (*at, (time - first) as f64 / 1e9)).collect();
        Self { frames, keylog: fs::read_to_string(log).unwrap(), file, expected, directory }
    }

    /// The same with the Front End's connections to the Edge on another port; with their secrets, and those of all others.
    fn with_edge_at(mut self, port: u16) -> (Self, String, String) {
        let mut randoms = Vec::new();
        // The frame stands behind the head of its block, hosts and ports behind those of Ethernet and IPv4.
        for frame in self.frames.iter().map(|(block, _)| block + 28) {
            let hosts = [self.file[frame + 29], self.file[frame + 33]];
            for at in [frame + 34, frame + 36] {
                if matches!(hosts, [7, 9] | [9, 7]) && self.file[at..at + 2] == 5061_u16.to_be_bytes() {
                    self.file[at..at + 2].copy_from_slice(&port.to_be_bytes());
                    let hello = &self.file[frame + 34 + usize::from(self.file[frame + 46] >> 4) * 4..];
                    if hello.starts_with(&[22, 3]) && hello[5] == 1 {
                        randoms.push(hello[11..43].iter().map(|octet| format!("{octet:02x}")).collect::<String>());
                    }
                }
            }
        }
        let [file, log] = ["moved.pcapng", "whole.log"].map(|name| self.directory.path().join(name));
        fs::write(&file, &self.file).unwrap();
        fs::write(&log, &self.keylog).unwrap();
        self.expected = report([file.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
        let is_own = |line: &&str| randoms.iter().any(|random| line.contains(random.as_str()));
        let (own, others): (Vec<&str>, Vec<&str>) = self.keylog.lines().partition(is_own);
        let [own, others] = [own, others].map(|lines| lines.join("\n") + "\n");
        (self, own, others)
    }

    /// Where the first frame stands that comes so late, or the end.
    fn place(&self, seconds: f64) -> usize {
        self.frames.iter().find(|(_, time)| *time >= seconds).map_or(self.file.len(), |(at, _)| *at)
    }

    /// When the last frame came.
    fn length(&self) -> f64 {
        self.frames.last().unwrap().1
    }

    /// The report of a pipe with `secrets` at `place`, and `given` in a key log beside it.
    fn piped(&self, place: usize, secrets: &str, given: &str) -> Value {
        let log = self.directory.path().join("part.log");
        fs::write(&log, given).unwrap();
        report_on(&pcapng::with(&self.file, place, &pcapng::secrets(secrets)), &["--keylog", log.to_str().unwrap()])
    }

    /// The secrets of each connection, and those of all others.
    fn each(&self) -> Vec<(String, String)> {
        let random = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
        let randoms: BTreeSet<String> = self.keylog.lines().map(random).collect();
        let some = |one: &String, is_own: bool| {
            let lines = self.keylog.lines().filter(|line| (random(line) == *one) == is_own);
            lines.flat_map(|line| [line, "\n"]).collect::<String>()
        };
        randoms.iter().map(|one| (some(one, true), some(one, false))).collect()
    }
}

/// How its ladders are judged, in any order. What comes late all comes at once, so that one may take in more of its call.
fn judged(report: &Value) -> Vec<String> {
    let ladders = report["ladders"].as_array().unwrap().iter().zip(statuses(report));
    let mut judged: Vec<String> = ladders
        .map(|(ladder, statuses)| {
            let findings = ladder["findings"].as_array().unwrap().iter();
            let findings: Vec<&Value> = findings.map(|at| &report["findings"][at.as_u64().unwrap() as usize]).collect();
            let findings: Vec<String> =
                findings.iter().map(|finding| format!("{} {}", finding["code"], finding["severity"])).collect();
            let (begin, broken_at) = (&ladder["started_at"], &ladder["broken_at"]);
            format!("{begin} {statuses} {broken_at} {} {findings:?}", ladder["diagnosis"]["cause"])
        })
        .collect();
    judged.sort();
    judged
}

/// A ladder is judged by what is seen once its secrets came: what could not be read until then hides nothing any more.
#[test]
fn the_ladders_of_a_pipe_are_those_of_the_file_wherever_in_a_minute_the_secrets_stand() {
    for scenario in ["happy", "push-unanswered", "push-disabled", "foreground", "domain-not-allowed"] {
        for suite in SUITES {
            let late = Late::new(scenario, suite, &["--ladders", "4"]);
            let within = [0.0, 5.0, 15.0, 30.0, 55.0, 60.0].into_iter().filter(|after| *after < late.length());
            let end = (late.length() < 60.0).then_some(late.file.len());
            for place in within.map(|after| late.place(after)).chain(end) {
                let found = late.piped(place, &late.keylog, "");
                assert_eq!(
                    judged(&found),
                    judged(&late.expected),
                    "{scenario} {suite}, {place} of {}",
                    late.file.len()
                );
                assert_eq!(found["coverage"]["unreadable"], Value::Array(vec![]), "{scenario} {suite}");
            }
        }
    }
}

/// A ladder of which a part can be read at once waits for the rest of it, and is one.
#[test]
fn on_a_pipe_a_ladder_waits_for_secrets_that_stand_behind_a_part_of_it() {
    let late = Late::new("happy", SUITES[1], &["--ladders", "4"]);
    for (own, others) in late.each() {
        for after in [15.0, 30.0, 45.0] {
            let found = late.piped(late.place(after), &own, &others);
            assert_eq!(statuses(&found), statuses(&late.expected), "{after} s late");
            assert_eq!(found["coverage"]["unreadable"], Value::Array(vec![]));
        }
    }
}

/// Of a connection that is older the last minute is waited for.
#[test]
fn on_a_pipe_a_ladder_waits_a_minute_for_the_secret_of_an_old_connection() {
    let late = Late::new("happy", SUITES[1], &["--ladders", "8", "--spacing-ms", "15000"]);
    // Ladders begin every 15 seconds: the fourth 50 seconds before the secrets.
    let since = late.expected["ladders"][3]["started_at"].to_string();
    let of_last_minute = |report: &Value| -> Vec<String> {
        judged(report).into_iter().filter(|ladder| ladder.as_str() >= since.as_str()).collect()
    };
    let expected = of_last_minute(&late.expected);
    assert_eq!(expected.len(), 5);
    for (own, others) in late.each() {
        assert_eq!(of_last_minute(&late.piped(late.place(100.0), &own, &others)), expected);
    }
}

/// Also for what may be SIP on a port of which nothing is known.
#[test]
fn on_a_pipe_a_ladder_waits_for_the_secrets_of_connections_on_unknown_ports() {
    for scenario in ["happy", "clearing-house-rejects"] {
        let late = Late::new(scenario, SUITES[1], &["--ladders", "4", "--vantage", "frontend"]);
        let (late, own, others) = late.with_edge_at(5099);
        assert!(late.expected["ladders"][0]["steps"][7]["evidence"].to_string().contains(":5099"), "{scenario}");
        for after in [15.0, 30.0, 45.0] {
            let found = late.piped(late.place(after), &own, &others);
            assert_eq!(judged(&found), judged(&late.expected), "{scenario}, {after} s late");
            assert_eq!(found["coverage"]["unreadable"], Value::Array(vec![]));
        }
    }
}

/// Who is said to miss a step, or to need no push.
fn accused(report: &Value) -> BTreeSet<String> {
    let ladders = report["ladders"].as_array().unwrap().iter();
    let accused = ladders.flat_map(|ladder| {
        let steps = ladder["steps"].as_array().unwrap().iter().filter(|step| step["status"] == "missing");
        let missing = steps.map(|step| format!("{} misses {}", ladder["callee"], step["key"]));
        let needless = (ladder["verdict"] == "no-push-expected").then(|| format!("{} needs none", ladder["callee"]));
        missing.chain(needless).collect::<Vec<_>>()
    });
    accused.collect()
}

/// Of secrets that stand later still a call may be two ladders. Neither says that what the other has did not happen.
#[test]
fn on_a_pipe_nothing_is_missing_because_its_secret_came_too_late() {
    let mut parted = 0;
    for (scenario, suite) in [("happy", SUITES[0]), ("happy", SUITES[1]), ("domain-not-allowed", SUITES[1])] {
        let late = Late::new(scenario, suite, &["--ladders", "8", "--spacing-ms", "15000"]);
        let expected = accused(&late.expected);
        for (own, others) in late.each() {
            for after in [75.0, 100.0, 115.0] {
                let found = late.piped(late.place(after), &own, &others);
                let ladders = found["ladders"].as_array().unwrap();
                parted += ladders.len().saturating_sub(8);
                let accused = accused(&found);
                assert!(accused.is_subset(&expected), "{scenario} {suite} after {after} s: {accused:#?}");
            }
        }
    }
    assert!(parted > 10, "{parted} ladders in all were met late");
}
