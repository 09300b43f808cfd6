//! Exports that a real Wireshark makes of the samples say the same as the samples themselves.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What tshark answers, or nothing and a line that says the test is skipped.
fn tshark(test: &str, arguments: &[&str]) -> Option<String> {
    match Command::new("tshark").args(arguments).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("tshark: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            println!("skipped: {test}: tshark cannot be run: {error}");
            None
        }
    }
}

fn report(path: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_lyncpush"))
        .args(["analyze", "--format", "json", "--fail-on", "never"])
        .arg(path)
        .output()
        .expect("lyncpush runs");
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// Verdict and steps of each ladder, with the endpoints of their evidence. Frame numbers differ by nature.
fn ladders(report: &Value) -> Vec<Value> {
    let evidence = |evidence: &Value| ["from", "to", "leg", "summary"].map(|field| evidence[field].clone());
    let step = |step: &Value| -> Value {
        let all: Vec<_> = step["evidence"].as_array().expect("evidence").iter().map(evidence).collect();
        // The export may state more digits than the sample.
        let at = step["at"].as_str().map(|at| at.trim_end_matches('Z').trim_end_matches('0'));
        serde_json::json!([step["status"], at, all])
    };
    let ladder = |ladder: &Value| -> Value {
        let steps: Vec<_> = ladder["steps"].as_array().expect("steps").iter().map(step).collect();
        serde_json::json!([ladder["verdict"], ladder["call_id"], steps])
    };
    report["ladders"].as_array().expect("ladders").iter().map(ladder).collect()
}

fn messages(report: &Value) -> u64 {
    report["coverage"]["sip_messages"].as_u64().expect("a number")
}

#[test]
fn exports_of_the_samples_tell_the_same_ladders() {
    let directory = tempfile::tempdir().expect("a directory");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut compared = 0;
    for name in ["happy", "two-devices", "clearing-house-rejects", "starts-late"] {
        let sample = samples.join(name).with_extension("pcap");
        let (original, path) = (report(&sample), sample.to_str().expect("a path"));
        for (layer, container) in [("OSI layer 4", "pcapng"), ("OSI layer 7", "pcapng"), ("OSI layer 7", "pcap")] {
            let file = directory.path().join(format!("{name}.{container}"));
            let written = ["-U", layer, "-r", path, "-F", container, "-w", file.to_str().expect("a path")];
            let Some(_) = tshark("exports of the samples", &written) else { return };
            let exported = report(&file);
            assert_eq!(exported["inputs"][0]["link_types"], serde_json::json!(["wireshark-upper-pdu"]));
            assert_eq!(ladders(&exported), ladders(&original), "{name} {layer} {container}");
            // Of the upper layer only those messages are exported that tshark knows.
            let expected = match layer {
                "OSI layer 4" => messages(&original),
                _ => tshark_messages(path),
            };
            assert_eq!(messages(&exported), expected, "{name} {layer} {container}");
            compared += 1;
        }
    }
    assert_eq!(compared, 12);
}

/// How many SIP messages tshark counts.
fn tshark_messages(path: &str) -> u64 {
    let text = tshark("SIP statistics", &["-r", path, "-q", "-z", "sip,stat"]).expect("tshark ran before");
    let line = text.lines().find_map(|line| line.strip_prefix("Number of SIP messages: ")).expect("a count");
    line.trim().parse().expect("a number")
}
