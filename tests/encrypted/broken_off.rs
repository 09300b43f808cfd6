//! Handshakes that are broken off: told without any key, also where TLS 1.3 hides why, and never of one that was through.

use std::fs;

use lyncpush::flow::Side::{self, Client, Server};
use rustls::SupportedCipherSuite;
use serde_json::Value;

use crate::command::{report, report_on};
use crate::fixture::{Connection, names, session};
use crate::pair::{Meeting, Pair, suites};
use crate::pcap::{Frame, Pcap};
use crate::pcapng::{Ends, capture_ended, secrets as secrets_block, with};
use crate::stories::{keylog, simulate};

/// Every way in which TCP ends.
const ENDS: [Ends<'_>; 6] = [
    &[(Client, "FA"), (Server, "FA")],
    &[(Server, "FA"), (Client, "FA")],
    &[(Client, "RA")],
    &[(Server, "RA")],
    &[(Client, "R")],
    &[(Client, "FA"), (Server, "RA")],
];

fn suites13() -> impl Iterator<Item = SupportedCipherSuite> {
    suites().into_iter().filter(|suite| suite.tls13().is_some())
}

/// What is found in a capture, taken outside of an Edge, and what of it is about handshakes.
fn found(file: &[u8], keylog: Option<&str>) -> (Value, Vec<Value>) {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("a.pcap"), directory.path().join("a.log"));
    fs::write(&path, file).unwrap();
    let mut arguments = vec![path.to_str().unwrap(), "--vantage", "edge-external"];
    if let Some(keylog) = keylog {
        fs::write(&log, keylog).unwrap();
        arguments.extend(["--keylog", log.to_str().unwrap()]);
    }
    let report = report(arguments);
    let of_handshakes = report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "LP601");
    let of_handshakes = of_handshakes.cloned().collect();
    (report, of_handshakes)
}

fn pcap(sent: &[(Side, Vec<u8>)], ends: Ends<'_>) -> Vec<u8> {
    capture_ended(&[Connection { sent: sent.to_vec() }], 1_400, ends)
}

#[test]
fn a_certificate_that_is_not_taken_in_tls13_is_told_without_a_key_as_far_as_it_shows() {
    for suite in suites13() {
        let pair = Pair::meet(suite, Meeting { distrusted: true, mutual: false });
        assert!(pair.failed && pair.sent.last().unwrap().0 == Client);
        for ends in ENDS {
            let file = pcap(&pair.sent, ends);
            let (report, alone) = found(&file, None);
            let what = format!("{suite:?} {ends:?}: {:#} {:#}", report["findings"], report["coverage"]);
            assert_eq!((alone.len(), &alone[0]["severity"]), (1, &"error".into()), "{what}");
            let detail = alone[0]["detail"].as_str().unwrap();
            let ender = if ends[0].0 == Client { "192.0.2.20:50000" } else { "192.0.2.7:5061" };
            let told =
                format!("{ender} ended the connection before it was through; the client's last word is as short");
            for fact in [
                &told,
                "TLS 1.3 hides",
                "pool.example.test",
                &format!("suite {:?}", suite.suite()).replace("TLS13", "TLS"),
            ] {
                assert!(detail.contains(fact), "{fact}: {what}");
            }
            assert!(alone[0]["tls"]["certificate"].is_null() && alone[0]["tls"]["alert"].is_null(), "{what}");
            // Nothing was said in it that could have been read.
            assert_eq!(report["coverage"]["unreadable"], Value::Array(vec![]), "{what}");
            // The key log shows what was hidden.
            let (_, alone) = found(&file, Some(&pair.keylog()));
            let detail = alone[0]["detail"].as_str().unwrap();
            assert!(
                detail.contains("192.0.2.20:50000 refused it with unknown_ca") && !detail.contains("hides"),
                "{detail}"
            );
        }
    }
}

/// Out of a pipe, too, where the secrets stand behind everything: an alert that they open is told, and nothing before.
#[test]
fn an_alert_that_late_secrets_open_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcapng");
    simulate("certificate", &["--tls", "1.3:TLS_AES_128_GCM_SHA256"], &path);
    let (file, keylog) = (fs::read(&path).unwrap(), fs::read_to_string(keylog(&path)).unwrap());
    for (secrets, expected) in [("", "TLS 1.3 hides"), (keylog.as_str(), "refused it with unknown_ca")] {
        let report = report_on(&with(&file, file.len(), &secrets_block(secrets)), &[]);
        let alone: Vec<&Value> =
            report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "LP601").collect();
        assert_eq!(alone.len(), 1, "{report:#}");
        assert!(alone[0]["detail"].as_str().unwrap().contains(expected), "{:#}", alone[0]);
        assert_eq!(alone[0]["symptom_of"] == "LP105", !secrets.is_empty(), "{report:#}");
    }
}

#[test]
fn a_client_that_says_nothing_to_the_server_s_flight_is_told() {
    for suite in suites() {
        let pair = Pair::new(suite);
        let flights = &pair.sent[..2];
        assert_eq!(flights.iter().map(|(side, _)| *side).collect::<Vec<_>>(), [Client, Server]);
        for ends in ENDS {
            let (report, alone) = found(&pcap(flights, ends), None);
            let what = format!("{suite:?} {ends:?}: {report:#}");
            assert_eq!((alone.len(), &report["coverage"]["unreadable"]), (1, &Value::Array(vec![])), "{what}");
            let detail = alone[0]["detail"].as_str().unwrap();
            let ender = if ends[0].0 == Client { "192.0.2.20:50000" } else { "192.0.2.7:5061" };
            assert!(detail.contains(&format!("{ender} ended the connection before it was through")), "{what}");
            assert_eq!(detail.contains("; if it was told why, TLS 1.3 hides that"), suite.tls13().is_some(), "{what}");
        }
        // Nor does a server's hello have to come for the client's name of it to be told.
        let (_, alone) = found(&pcap(&pair.sent[..1], ENDS[0]), None);
        let detail = alone[0]["detail"].as_str().unwrap();
        assert!(detail.contains("before it was through. Server name pool.example.test."), "{detail}");
        // Without an end in the capture, nobody knows.
        let (report, alone) = found(&pcap(flights, &[]), None);
        assert_eq!(alone, [] as [Value; 0], "{report:#}");
    }
}

/// A service that speaks something else, or a proxy in between: what it says comes in pieces of any size, and whatever alert
/// the client makes of it tells less.
#[test]
fn an_answer_in_plain_text_is_told_for_what_it_is() {
    let http = b"HTTP/1.1 400 Bad Request\r\nServer: canary\r\n\r\n<html>The plain HTTP request was sent to HTTPS port";
    for suite in suites() {
        let pair = Pair::new(suite);
        let alert = [21, 3, 1, 0, 2, 2, 70].to_vec();
        for (text, told, speaks) in [
            (&http[..], "in plain text, with HTTP status 400.", "speaks HTTP and no TLS"),
            (b"220 canary ESMTP\r\n", "in plain text.", "speaks plain text and no TLS"),
            (b"error\r\n", "in plain text.", "speaks plain text and no TLS"),
        ] {
            for (size, ends) in [1, 5, 1_400].into_iter().flat_map(|size| ENDS.map(|ends| (size, ends))) {
                let sent = [pair.sent[0].clone(), (Server, text.to_vec()), (Client, alert.clone())];
                let sent = &sent[..if size == 5 { 2 } else { 3 }];
                let file = capture_ended(&[Connection { sent: sent.to_vec() }], size, ends);
                let (report, alone) = found(&file, None);
                let what = format!("{suite:?} {size} {ends:?}: {alone:#?} {:#}", report["coverage"]);
                assert_eq!((alone.len(), &report["coverage"]["unreadable"]), (1, &Value::Array(vec![])), "{what}");
                let detail = alone[0]["detail"].as_str().unwrap();
                assert!(
                    detail.contains(&format!("192.0.2.7:5061 answered the client's hello {told}"))
                        && detail.contains("pool.example.test"),
                    "{what}"
                );
                let remedy = alone[0]["remedy"].as_str().unwrap();
                assert!(remedy.contains(speaks) && remedy.contains("proxy"), "{what}");
                assert!(!report.to_string().contains("canary"), "{what}");
                let is_answer = |frame: &Frame| frame.ends()[0].1 == 5061 && !frame.payload().is_empty();
                let answer = Pcap::of(&file).frames.iter().position(is_answer).unwrap();
                assert_eq!(alone[0]["evidence"][0]["frame"], answer + 1, "{what}");
            }
        }
    }
}

/// What two parties say to each other, from nothing at all to a little; with goodbyes or without.
fn talks(suite: SupportedCipherSuite) -> Vec<(String, Pair)> {
    let mut all = Vec::new();
    for mutual in [false, true] {
        for said in [&[][..], &[Client], &[Server], &[Client, Server]] {
            for goodbye in [&[][..], &[Client], &[Server], &[Client, Server]] {
                let mut pair = Pair::meet(suite, Meeting { distrusted: false, mutual });
                said.iter().for_each(|side| pair.write(*side, b"\r\n"));
                for side in goodbye {
                    match side {
                        Client => pair.client.send_close_notify(),
                        Server => pair.server.send_close_notify(),
                    }
                    pair.carry();
                }
                assert!(!pair.failed);
                all.push((format!("{suite:?} mutual {mutual}, {said:?} spoke, {goodbye:?} took leave"), pair));
            }
        }
    }
    all
}

#[test]
fn a_handshake_that_was_through_is_never_said_to_be_broken_off() {
    for suite in suites13() {
        for (what, pair) in talks(suite) {
            for ends in ENDS {
                let (report, alone) = found(&pcap(&pair.sent, ends), None);
                assert_eq!(alone, [] as [Value; 0], "{what}, {ends:?}");
                let unreadable = report["coverage"]["unreadable"].as_array().unwrap();
                assert_eq!((unreadable.len(), &unreadable[0]["reason"]), (1, &"tls-no-secret".into()), "{what}");
            }
        }
    }
    for name in names().iter().filter(|name| name.starts_with("tls13")) {
        let fixture = session(name);
        for ends in ENDS {
            assert_eq!(found(&capture_ended(&fixture.connections, 700, ends), None).1, [] as [Value; 0], "{name}");
        }
    }
}

/// Whatever frame the capture does not hold, cuts short, or ends with.
#[test]
fn lost_frames_break_no_handshake_off() {
    let suite = suites13().next().unwrap();
    for (what, pair) in talks(suite).into_iter().step_by(3) {
        for ends in ENDS {
            let whole = Pcap::of(&pcap(&pair.sent, ends));
            for lost in 1..=whole.frames.len() as u64 {
                let without = whole.only(|number, _| number != lost);
                let before = whole.only(|number, _| number < lost);
                let mut short = whole.clone();
                let octets = &mut short.frames[lost as usize - 1].octets;
                octets.truncate(octets.len().min(60));
                for (how, changed) in [("without", without), ("before", before), ("cut short at", short)] {
                    if changed.frames.is_empty() {
                        continue;
                    }
                    let (report, alone) = found(&changed.octets(), None);
                    assert_eq!(alone, [] as [Value; 0], "{what}, {ends:?}, {how} {lost}: {report:#}");
                }
            }
        }
    }
}
