//! Key logs that disagree or lack lines, and sessions that no key opens, as a person meets them.

use std::fs;

use serde_json::{Value, json};

use crate::command::{lyncpush, report, report_on};
use crate::fixture::{DATA, session};
use crate::pcapng;
use crate::secrets::statuses;
use crate::stories::{keylog, simulate};

/// The same lines with other secrets.
fn wrong(keylog: &str) -> String {
    let line = |line: &str| {
        let (front, secret) = line.rsplit_once(' ').unwrap();
        format!("{front} {}\n", "3c".repeat(secret.len() / 2))
    };
    keylog.lines().map(line).collect()
}

fn unreadable(report: &Value) -> &Vec<Value> {
    report["coverage"]["unreadable"].as_array().unwrap()
}

#[test]
fn two_key_logs_that_disagree_are_both_tried_wherever_they_stand() {
    let directory = tempfile::tempdir().unwrap();
    for suite in
        ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.0:TLS_RSA_WITH_AES_128_CBC_SHA", "1.3:TLS_AES_128_GCM_SHA256"]
    {
        let path = directory.path().join("happy.pcapng");
        simulate("happy", &["--tls", suite], &path);
        let right = keylog(&path);
        let path = path.to_str().unwrap();
        let expected = report([path, "--keylog", &right]);
        assert_eq!(unreadable(&expected).len(), 0);
        let text = fs::read_to_string(&right).unwrap();
        let other = directory.path().join("other.log");
        fs::write(&other, wrong(&text)).unwrap();
        let other = other.to_str().unwrap();
        for order in [[&right, other], [other, &right]] {
            let found = report([path, "--keylog", order[0], "--keylog", order[1]]);
            assert_eq!(found["ladders"], expected["ladders"], "{suite}");
            assert_eq!(unreadable(&found).len(), 0, "{suite}");
        }
        // One in the capture, behind the last frame, and one beside it; of a file and on a pipe.
        let file = fs::read(path).unwrap();
        let embedded = directory.path().join("embedded.pcapng");
        for (inside, beside) in [(text.clone(), other), (wrong(&text), right.as_str())] {
            let with = pcapng::with(&file, file.len(), &pcapng::secrets(&inside));
            fs::write(&embedded, &with).unwrap();
            let found = report([embedded.to_str().unwrap(), "--keylog", beside]);
            assert_eq!(found["ladders"], expected["ladders"], "{suite}");
            assert_eq!(unreadable(&found).len(), 0, "{suite}");
            let piped = report_on(&with, &["--keylog", beside]);
            assert_eq!(statuses(&piped), statuses(&expected), "{suite}");
            assert_eq!(unreadable(&piped).len(), 0, "{suite}");
        }
        // The wrong one alone opens nothing, and is named.
        let found = report([path, "--keylog", other]);
        assert_eq!(found["coverage"]["sip_messages"], 0, "{suite}");
        for unread in unreadable(&found) {
            assert_eq!(unread["reason"], "tls-bad-mac", "{suite}: {unread}");
        }
    }
}

#[test]
fn a_wrong_key_log_does_not_hide_the_rsa_key_that_opens_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("a.pcap"), directory.path().join("a.log"));
    let fixture = session("tls12-rsa-gcm256-ems");
    fs::write(&path, pcapng::capture(&fixture.connections, 700)).unwrap();
    fs::write(&log, wrong(&fixture.keylog)).unwrap();
    let (path, log) = (path.to_str().unwrap(), log.to_str().unwrap());
    let found = report([path, "--keylog", log, "--rsa-key", &format!("{DATA}/server.key")]);
    assert_eq!((&found["coverage"]["sip_messages"], unreadable(&found).len()), (&json!(24), 0));
    // Nor what is said of one that does not.
    let found = report([path, "--keylog", log, "--rsa-key", &format!("{DATA}/client.key")]);
    let unread = &unreadable(&found)[0];
    assert_eq!(unread["reason"], "tls-key-mismatch", "{unread}");
    assert_eq!(unread["tls"]["secrets_tried"], json!(["CLIENT_RANDOM of the key log"]), "{unread}");
}

#[test]
fn a_key_log_of_one_direction_says_which_line_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("a.pcap"), directory.path().join("a.log"));
    let fixture = session("tls13-gcm128");
    fs::write(&path, pcapng::capture(&fixture.connections, 700)).unwrap();
    for absent in ["CLIENT", "SERVER"] {
        let lines = fixture.keylog.lines().filter(|line| !line.starts_with(&format!("{absent}_TRAFFIC_SECRET_0")));
        fs::write(&log, lines.map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        let found = report([path.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
        // The other side says twelve.
        assert_eq!(found["coverage"]["sip_messages"], 12, "{absent}");
        let [unread] = &unreadable(&found)[..] else { panic!("{found:#}") };
        assert_eq!(unread["reason"], "tls-no-secret");
        let detail = unread["detail"].as_str().unwrap();
        let who = absent.to_lowercase();
        let says = format!(
            "the key log has lines of it, but no {absent}_TRAFFIC_SECRET_0, without which what the {who} says cannot be read; give the whole key log"
        );
        assert!(detail.starts_with(&says), "{detail}");
        assert!(!detail.contains("no given secret"), "{detail}");
    }
}

#[test]
fn a_resumed_session_without_its_beginning_asks_for_no_key_that_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.pcap");
    for name in ["tls12-resumed-by-id", "tls12-resumed-by-ticket"] {
        let connections = session(name).connections;
        fs::write(&path, pcapng::capture(&connections[1..], 700)).unwrap();
        let path = path.to_str().unwrap();
        let key = format!("{DATA}/server.key");
        let found = report([path, "--rsa-key", &key]);
        let [unread] = &unreadable(&found)[..] else { panic!("{found:#}") };
        assert_eq!(unread["reason"], "tls-no-secret");
        let detail = unread["detail"].as_str().unwrap();
        for says in ["it resumes a session whose full handshake is not in the capture", "an RSA key opens no resumed"] {
            assert!(detail.contains(says), "{detail}");
        }
        for helps in ["begin the capture before that handshake", "restart the service", "key log"] {
            assert!(detail.contains(helps), "{detail}");
        }
        assert!(!detail.contains("--rsa-key"), "{detail}");
        let table = lyncpush().args(["analyze", path, "--rsa-key", &key]).output().unwrap().stdout;
        let table = String::from_utf8(table).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(table.contains("begin the capture before that handshake"), "{table}");
        // Where no key was given, it is said when one would help.
        let found = report([path]);
        let detail = unreadable(&found)[0]["detail"].as_str().unwrap();
        assert!(detail.contains("only where the full handshake that it goes back to is in the capture"), "{detail}");
    }
}
