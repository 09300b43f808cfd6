//! Every simulated story, inside TLS and compressed, reads as it does in the clear.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{report, run, scenarios, simulated};
use crate::pcap::Pcap;

/// What protects the connections of a story: a suite of each way to protect records, and compression inside.
const PROTECTIONS: &[&[&str]] = &[
    &["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"],
    &["--tls", "1.3:TLS_AES_128_GCM_SHA256"],
    &["--tls", "1.0:TLS_RSA_WITH_AES_128_CBC_SHA", "--compress=count12-length32"],
    &["--compress=length32"],
];

/// Simulates into `path`; the key log stands beside it.
pub fn simulate(scenario: &str, options: &[&str], path: &Path) {
    let arguments = [&["simulate", scenario, "--quiet", "-o", path.to_str().unwrap()], options].concat();
    run(arguments).with_code(0);
}

/// What a report says of its ladders, without frames and times: those of a protected connection are others.
fn told(report: &Value) -> Vec<String> {
    let ladders = report["ladders"].as_array().unwrap().iter();
    let told = ladders.map(|ladder| {
        let steps = ladder["steps"].as_array().unwrap().iter();
        let steps: Vec<String> = steps
            .map(|step| {
                let evidence = step["evidence"].as_array().unwrap().iter();
                let evidence: Vec<String> = evidence.map(|one| format!("{} {}", one["leg"], one["summary"])).collect();
                format!("{} {} {}", step["number"], step["status"], evidence.join(", "))
            })
            .collect();
        let findings = ladder["findings"].as_array().unwrap().iter();
        let findings: Vec<String> = findings
            .map(|at| {
                let finding = &report["findings"][at.as_u64().unwrap() as usize];
                format!("{} {} {}", finding["code"], finding["severity"], finding["fingerprint"])
            })
            .collect();
        format!("{} {} {steps:#?} {findings:?}", ladder["verdict"], ladder["broken_at"])
    });
    told.collect()
}

/// Where the key log of a simulated capture stands.
pub fn keylog(path: &Path) -> String {
    format!("{}.keys.log", path.display())
}

/// Whether a handshake of the scenario ends before its client has finished: in TLS 1.3 that is before the server has seen
/// the client's certificate.
fn comes_to_nothing(scenario: &str, tls: &str) -> bool {
    scenario == "certificate" || scenario == "certificate-refused" && !tls.starts_with("1.3")
}

#[test]
fn what_is_opened_reads_as_in_the_clear() {
    let directory = tempfile::tempdir().unwrap();
    // Of `starts-late` most handshakes are not in the capture: nothing opens those connections.
    for scenario in scenarios().iter().filter(|scenario| *scenario != "starts-late") {
        let plain = directory.path().join("plain.pcapng");
        simulate(scenario, &[], &plain);
        let expected = report([plain.to_str().unwrap()]);
        for protection in PROTECTIONS {
            let path = directory.path().join("protected.pcapng");
            simulate(scenario, protection, &path);
            let log = keylog(&path);
            let is_tls = protection.contains(&"--tls");
            let mut arguments = vec![path.to_str().unwrap()];
            if is_tls {
                arguments.extend(["--keylog", &log]);
            }
            let found = report(&arguments);
            let what = format!("{scenario} {protection:?}");
            assert_eq!(told(&found), told(&expected), "{what}");
            let [coverage, clear] = [&found, &expected].map(|report| &report["coverage"]);
            assert_eq!(coverage["legs"], clear["legs"], "{what}");
            assert_eq!(coverage["unreadable"], Value::Array(vec![]), "{what}");
            let streams = &coverage["streams"];
            if is_tls {
                let opened = streams["tls_decrypted"].as_u64().unwrap();
                let refused = u64::from(comes_to_nothing(scenario, protection[1]));
                assert_eq!(streams["tls"].as_u64().unwrap(), opened + refused, "{what}");
                assert!(opened > 3, "{what}: {streams}");
            }
            if protection.iter().any(|option| option.starts_with("--compress")) {
                assert!(streams["compressed"].as_u64().unwrap() > 0, "{what}: {streams}");
                // Each compressed connection has its NEGOTIATE and the answer to that.
                let more = 2 * streams["compressed"].as_u64().unwrap();
                let messages = |coverage: &Value| coverage["sip_messages"].as_u64().unwrap();
                assert_eq!(messages(coverage), messages(clear) + more, "{what}");
            } else {
                assert_eq!(coverage["sip_messages"], clear["sip_messages"], "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_opened_is_never_missing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("closed.pcapng");
    for scenario in scenarios() {
        for (tls, reason) in [
            ("1.2:TLS_RSA_WITH_AES_128_CBC_SHA", "tls-no-secret"),
            ("1.2:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "tls-no-secret"),
            ("1.3:TLS_AES_256_GCM_SHA384", "tls-no-secret"),
        ] {
            simulate(&scenario, &["--tls", tls], &path);
            let what = format!("{scenario} {tls}");
            let ran = run(["analyze", "--format", "json", path.to_str().unwrap()]);
            let found = crate::command::json(&ran);
            assert_eq!(ran.code, 1, "{what}");
            assert_eq!(found["ladders"], Value::Array(vec![]), "{what}");
            let coverage = &found["coverage"];
            let unreadable = coverage["unreadable"].as_array().unwrap();
            let refused = usize::from(comes_to_nothing(&scenario, tls));
            assert_eq!(coverage["streams"]["tls_decrypted"], 0, "{what}");
            if scenario == "starts-late" {
                // The capture begins after most handshakes; of one connection it shows the closing alerts alone.
                assert!(unreadable.len() > 5 && unreadable[0]["reason"] == "tls-no-handshake", "{what}");
                continue;
            }
            assert_eq!(coverage["streams"]["tls"], unreadable.len() + refused, "{what}");
            for stream in unreadable {
                assert_eq!(stream["reason"], reason, "{what}: {stream}");
                assert!(stream["detail"].as_str().unwrap().contains("--keylog"), "{what}: {stream}");
                let facts = &stream["tls"];
                let (version, suite) = tls.split_once(':').unwrap();
                assert_eq!((&facts["version"], &facts["suite"]), (&format!("TLS {version}").into(), &suite.into()));
                assert!(facts["server_name"].is_string(), "{what}: {facts}");
                assert_eq!(facts["certificate"].is_object(), version != "1.3", "{what}: {facts}");
            }
            let codes: BTreeSet<&str> =
                found["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
            assert!(codes.contains("LP901"), "{what}: {codes:?}");
            assert!(!codes.iter().any(|code| code.starts_with("LP1") || code.starts_with("LP2")), "{what}: {codes:?}");
        }
    }
}

/// With one connection closed, what it would have shown may be unreadable or follow from the rest; it is never missing.
#[test]
fn one_closed_connection_hides_its_leg_and_breaks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("partly.pcapng");
    let log = directory.path().join("partly.log");
    let mut hidden = 0;
    for scenario in ["happy", "clearing-house-rejects", "answered-on-desktop", "two-devices", "wp-ucwa"] {
        simulate(scenario, &["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"], &path);
        let whole = std::fs::read_to_string(keylog(&path)).unwrap();
        let said = |text: &str| {
            std::fs::write(&log, text).unwrap();
            let report = report([path.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
            let steps =
                report["ladders"].as_array().unwrap().iter().flat_map(|ladder| ladder["steps"].as_array().unwrap());
            steps.map(|step| step["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let count = |steps: &[String], status: &str| steps.iter().filter(|step| *step == status).count();
        let all = said(&whole);
        let lines: Vec<&str> = whole.lines().collect();
        assert!(lines.len() > 5, "{whole}");
        for left_out in 0..lines.len() {
            let some: Vec<&str> =
                lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line).collect();
            let steps = said(&some.join("\n"));
            let what = format!("{scenario} without {left_out}: {steps:?} of {all:?}");
            assert!(count(&steps, "missing") <= count(&all, "missing"), "{what}");
            assert!(count(&steps, "failed") <= count(&all, "failed"), "{what}");
            hidden += count(&steps, "unreadable");
        }
    }
    assert!(hidden > 3, "{hidden} steps in all were unreadable");
}

/// Both sides go on as if it had been agreed to: that is no NEGOTIATE that was not captured.
#[test]
fn what_looks_compressed_although_that_was_refused_is_called_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcap");
    let mut capture = Pcap::of(&simulated("happy", &["--compress=length32"]));
    for frame in &mut capture.frames {
        if frame.payload().starts_with(b"SIP/2.0 200 ") {
            frame.replace("Compression: LZ77-8K", "Compression: None   ");
        }
    }
    fs::write(&path, capture.octets()).unwrap();
    let report = report([&path]);
    let unreadable = report["coverage"]["unreadable"].as_array().unwrap();
    assert!(unreadable.len() > 4, "{unreadable:#?}");
    for stream in unreadable {
        assert_eq!(stream["reason"], "compressed-unrecognised", "{stream:#}");
        let detail = stream["detail"].as_str().unwrap();
        let (_, shown) = detail.split_once("looks compressed all the same; it begins ").expect(detail);
        let octets: Vec<&str> = shown.split(';').next().unwrap().split(' ').collect();
        let is_hex = |octet: &&str| octet.len() == 2 && u8::from_str_radix(octet, 16).is_ok();
        assert!(octets.len() == 16 && octets.iter().all(is_hex), "{detail}");
    }
    assert_eq!(report["coverage"]["streams"]["compressed"], unreadable.len());
    // Where the answer says nothing of it, because it is not there, nobody knows.
    let without = capture.only(|_, frame| {
        let is_of = |word: &[u8]| frame.payload().windows(word.len()).any(|found| found == word);
        !is_of(b"NEGOTIATE")
    });
    fs::write(&path, without.octets()).unwrap();
    let report = crate::command::report([&path]);
    let unreadable = report["coverage"]["unreadable"].as_array().unwrap();
    assert!(unreadable.iter().any(|stream| stream["reason"] == "compressed-no-negotiate"), "{unreadable:#?}");
}
