//! Captures from outside: the same ladders from any container, from several files and from skewed clocks;
//! every scenario in every machine-readable format; and captures of which nothing can be read.

mod command;
mod pcap;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use command::{report, report_on, run, run_on, simulated};
use pcap::{Frame, Pcap};
use serde_json::Value;

const FRONT_END: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);
const EDGE_INSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const EDGE_OUTSIDE: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);

/// Captures in a directory of their own.
struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, octets: &[u8]) -> String {
        fs::write(self.path(name), octets).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }
}

fn sample(name: &str) -> Pcap {
    Pcap::of(&fs::read(Path::new(command::ROOT).join("samples").join(name)).unwrap())
}

/// Verdict and statuses of every ladder.
fn judged(report: &Value) -> Vec<(String, Vec<String>)> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let ladders = report["ladders"].as_array().unwrap().iter();
    let steps = |ladder: &Value| ladder["steps"].as_array().unwrap().iter().map(|step| word(&step["status"])).collect();
    ladders.map(|ladder| (word(&ladder["verdict"]), steps(ladder))).collect()
}

/// Milliseconds added to the clock of an input.
fn offset(report: &Value, input: usize) -> f64 {
    report["inputs"][input]["clock_offset_ms"].as_f64().unwrap()
}

#[test]
fn any_container_gives_the_same_ladders() {
    let files = Files::new();
    let of = |container: &str| {
        let path = files.path(&format!("capture-{container}"));
        let path = path.to_str().unwrap();
        run(["simulate", "two-devices", "-q", "--container", container, "-o", path]).with_code(0);
        report([path])
    };
    let plain = of("pcap");
    for container in ["pcap-be", "pcap.gz", "pcap.zst", "pcap-be.gz"] {
        let other = of(container);
        assert_eq!(other["ladders"], plain["ladders"], "{container}");
        assert_eq!(other["coverage"], plain["coverage"], "{container}");
    }
    let fine = of("pcap-ns");
    assert_eq!(judged(&fine), judged(&plain));
    for container in ["pcapng", "pcapng.gz", "pcapng.zst", "pcap-ns.zst"] {
        assert_eq!(of(container)["ladders"], fine["ladders"], "{container}: to the nanosecond");
    }
}

#[test]
fn the_same_packets_in_two_files_count_once() {
    let files = Files::new();
    for name in ["happy.pcap", "domain-not-allowed.pcap", "two-devices.pcap"] {
        let whole = sample(name);
        let one = files.write("one.pcap", &whole.octets());
        let (alone, twice) = (report([&one]), report([&one, &files.write("two.pcap", &whole.octets())]));
        // All but what sentences call the frames of the first of two files.
        let ladders = twice["ladders"].to_string().replace("frame 1:", "frame ");
        assert_eq!(ladders, alone["ladders"].to_string(), "{name}");
        assert_eq!(twice["coverage"]["sip_messages"], alone["coverage"]["sip_messages"], "{name}");
        assert_eq!(offset(&twice, 1), 0.0);
        // Overlapping parts, as rotating captures and two taps give them.
        let first = files.write("first.pcap", &whole.only(|number, _| number <= 90).octets());
        let second = files.write("second.pcap", &whole.only(|number, _| number >= 60).octets());
        assert_eq!(judged(&report([&first, &second])), judged(&alone), "{name} in two overlapping parts");
        let second = files.write("second.pcap", &whole.only(|number, _| number > 90).octets());
        assert_eq!(judged(&report([&second, &first])), judged(&alone), "{name} in two parts, the later one first");
    }
}

/// What passes the Front End, and what passes the Edge by its own clock: the leg between them is in both.
fn at_two_servers(whole: &Pcap, edge_ahead: i64) -> [Pcap; 2] {
    let meets = |frame: &Frame, host| {
        frame.is_between((host, 0), (EDGE_INSIDE, 0)) || frame.octets[26..34].chunks(4).any(|one| one == host.octets())
    };
    [
        whole.only(|_, frame| meets(frame, FRONT_END)),
        whole.only(|_, frame| meets(frame, EDGE_INSIDE) || meets(frame, EDGE_OUTSIDE)).ahead(edge_ahead),
    ]
}

#[test]
fn clocks_that_disagree_are_measured_and_change_no_verdict() {
    let files = Files::new();
    for name in ["happy.pcap", "clearing-house-rejects.pcap", "device-never-wakes.pcap", "two-devices.pcap"] {
        let whole = sample(name);
        let alone = report_on(&whole.octets(), &[]);
        for ahead in [0, 3_000_000, -3_000_000, 700, 86_400_000_000] {
            let [front_end, edge] = at_two_servers(&whole, ahead).map(|capture| capture.octets());
            let (front_end, edge) = (files.write("fe.pcap", &front_end), files.write("edge.pcap", &edge));
            let expected = ahead as f64 / 1000.0;
            let both = report([&front_end, &edge]);
            assert_eq!(judged(&both), judged(&alone), "{name} with the Edge {expected} ms ahead");
            assert_eq!(offset(&both, 0), 0.0, "the first input's clock is the measure");
            assert!((offset(&both, 1) + expected).abs() < 1.0, "{name}: {} for {expected}", offset(&both, 1));
            let turned = report([&edge, &front_end]);
            assert_eq!(judged(&turned), judged(&alone), "{name} with the Edge first, {expected} ms ahead");
            assert!((offset(&turned, 1) - expected).abs() < 1.0, "{name}: {} for {expected}", offset(&turned, 1));
        }
    }
}

/// No packet is in both, but messages are that a server took in on one hop and passed on at the other.
#[test]
fn clocks_are_measured_by_messages_passed_on_between_the_files() {
    let files = Files::new();
    for name in ["happy.pcap", "clearing-house-rejects.pcap", "device-never-wakes.pcap"] {
        let whole = sample(name);
        let alone = report_on(&whole.octets(), &[]);
        for ahead in [0, 20_000, -500_000, 3_000_000, -3_000_000] {
            let [_, edge] = at_two_servers(&whole, ahead);
            let [_, of_edge] = at_two_servers(&whole, 0);
            let inside = whole.only(|_, frame| !of_edge.frames.contains(frame));
            let inside = files.write("inside.pcap", &inside.octets());
            let both = report([&inside, &files.write("edge.pcap", &edge.octets())]);
            assert_eq!(judged(&both), judged(&alone), "{name} with the Edge {ahead} us ahead");
            // Half of what the messages take to pass is the doubt.
            let error = offset(&both, 1) + ahead as f64 / 1000.0;
            assert!(error.abs() < 5.0, "{name}: {error} ms wrong");
        }
    }
}

#[test]
fn a_simulated_set_is_one_analysis() {
    let files = Files::new();
    let directory = files.path("set");
    run(["simulate", "skewed-files", "-q", "--set", directory.to_str().unwrap()]).with_code(0);
    let of = |place: &str| directory.join(format!("skewed-files-{place}.pcap")).to_str().unwrap().to_owned();
    let together = report([of("frontend"), of("edge"), of("caller")]);
    assert_eq!(judged(&together), judged(&report_on(&simulated("happy", &[]), &[])));
    for (input, expected) in [(0, 0.0), (1, -1873.0), (2, 642.0)] {
        assert!((offset(&together, input) - expected).abs() < 1.0, "{}", together["inputs"][input]);
    }
}

/// Frames that `text` names by a number alone.
fn frames_without_file(text: &str) -> Vec<String> {
    // What was read and used of all is about no single one.
    let words = text.lines().filter(|line| !line.contains(" used")).flat_map(str::split_whitespace);
    let mut after_frame = false;
    let named = words.filter(|word| {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        let is_bare = after_frame && is_number && !word.contains(':');
        let last = word.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let goes_on = after_frame && is_number && word.ends_with(',');
        after_frame = goes_on || matches!(last.to_ascii_lowercase().as_str(), "frame" | "frames");
        is_bare
    });
    named.map(str::to_owned).collect()
}

/// Each capture has a frame of the same number: which is meant is said wherever one is named.
#[test]
fn a_frame_of_several_captures_is_named_with_its_file() {
    let files = Files::new();
    for (scenario, tls, said) in [
        ("clearing-house-silent", "", "The push left the Edge (frame 2:"),
        ("firewall", "", "in vain (frames 2:"),
        ("edge-down", "", "in vain (frames 1:"),
        ("push-disabled", "", ""),
        ("certificate-refused", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256", "failed (frame 2:"),
    ] {
        if !tls.is_empty() && cfg!(not(feature = "tls")) {
            continue;
        }
        let mut arguments = vec!["analyze".to_owned(), "--width=200".to_owned(), "-v".to_owned()];
        for vantage in ["frontend", "edge-external"] {
            let path = files.path(&format!("{scenario}-{vantage}.pcap")).to_str().unwrap().to_owned();
            let protected: &[&str] = if tls.is_empty() { &[] } else { &["--tls", tls] };
            run([&["simulate", scenario, "-q", "-o", &path, "--vantage", vantage], protected].concat()).with_code(0);
            if !tls.is_empty() {
                arguments.push(format!("--keylog={path}.keys.log"));
            }
            arguments.push(path);
        }
        for format in ["table", "text", "html", "mermaid", "json", "ndjson"] {
            let ran = run(arguments.iter().cloned().chain([format!("--format={format}")])).with_code(1);
            // Mermaid and HTML may escape what stands before a number, never the number.
            let text = ran.text().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(said) || format == "mermaid", "{scenario} in {format}: {text}");
            assert_eq!(frames_without_file(ran.text()), [""; 0], "{scenario} in {format}: {}", ran.text());
        }
    }
}

/// Two captures without a packet in common: nobody knows the difference of their clocks, so a limit or an
/// order between them proves nothing.
#[test]
fn clocks_that_cannot_be_compared_prove_nothing() {
    let files = Files::new();
    let whole = sample("happy.pcap");
    let caller = whole.only(|_, frame| frame.is_between((FRONT_END, 5061), (Ipv4Addr::new(192, 0, 2, 20), 0)));
    let outside = whole.only(|_, frame| frame.is_between((EDGE_OUTSIDE, 0), (Ipv4Addr::new(203, 0, 113, 10), 0)));
    let caller = files.write("caller.pcap", &caller.octets());
    for ahead in [0, 500_000, -500_000] {
        let outside = files.write("outside.pcap", &outside.clone().ahead(ahead).octets());
        let report = report([&caller, &outside]);
        for ladder in report["ladders"].as_array().unwrap() {
            assert_ne!(ladder["verdict"], "broken", "{ahead}: {ladder:#}");
        }
    }
}

#[test]
fn every_scenario_in_ndjson_says_what_json_says() {
    let scenarios = command::scenarios();
    assert!(scenarios.len() >= 45, "{scenarios:?}");
    for scenario in scenarios {
        for vantage in [&[][..], &["--vantage", "frontend"], &["--vantage", "edge-internal"]] {
            let capture = simulated(&scenario, vantage);
            let whole = report_on(&capture, vantage);
            let ran = run_on(&capture, [&["analyze", "--format", "ndjson", "-"], vantage].concat());
            let mut lines = command::ndjson(&ran);
            let last = lines.pop().unwrap();
            for part in ["inputs", "coverage", "summary"] {
                assert_eq!(last[part], whole[part], "{scenario}");
            }
            lines.sort_by_key(|ladder| (ladder["started_at"].to_string(), ladder["id"].to_string()));
            let mut ladders = whole["ladders"].as_array().unwrap().clone();
            for ladder in &mut ladders {
                let found = ladder["findings"].as_array().unwrap().iter();
                ladder["findings"] = found.map(|at| whole["findings"][at.as_u64().unwrap() as usize].clone()).collect();
            }
            ladders.sort_by_key(|ladder| (ladder["started_at"].to_string(), ladder["id"].to_string()));
            assert_eq!(lines, ladders, "{scenario}");
        }
    }
}

/// The payload of every segment replaced by a TLS record of encrypted data, on the ports that `hidden` names.
fn encrypted(mut capture: Pcap, hidden: impl Fn(&Frame) -> bool) -> Vec<u8> {
    for frame in capture.frames.iter_mut().filter(|frame| hidden(frame)) {
        let start = 34 + usize::from(frame.octets[46] >> 4) * 4;
        let end = 14 + usize::from(u16::from_be_bytes([frame.octets[16], frame.octets[17]]));
        let Some(payload) = frame.octets.get_mut(start..end).filter(|payload| payload.len() > 5) else { continue };
        let length = u16::try_from(payload.len() - 5).unwrap().to_be_bytes();
        for (at, octet) in payload.iter_mut().enumerate() {
            *octet = match at {
                0 => 0x17,
                1 | 2 => 3,
                3 | 4 => length[at - 3],
                _ => (at * 167 + 13) as u8,
            };
        }
    }
    capture.octets()
}

#[test]
fn a_capture_of_which_nothing_can_be_read_is_an_error_that_says_so() {
    let ran = run_on(&encrypted(sample("happy.pcap"), |_| true), ["analyze", "--format", "json", "-"]).with_code(1);
    let report = command::json(&ran);
    assert_eq!(report["summary"]["ladders"], 0);
    assert_eq!(report["findings"][0]["code"], "LP901");
    assert_eq!(report["findings"][0]["severity"], "error");
    let unreadable = report["coverage"]["unreadable"].as_array().unwrap();
    assert!(
        !unreadable.is_empty() && unreadable.iter().all(|one| one["reason"] == "tls-no-handshake"),
        "{unreadable:#?}"
    );
    assert_eq!(report["coverage"]["streams"]["tls"], 8);
}

#[test]
fn steps_on_an_encrypted_leg_are_unreadable_and_not_missing() {
    // Caller and mobility service in the clear, the way out encrypted.
    let whole = sample("push-disabled.pcap");
    let hidden = |frame: &Frame| !frame.is_between((FRONT_END, 5061), (Ipv4Addr::new(192, 0, 2, 20), 0));
    let report = report_on(&encrypted(whole, hidden), &[]);
    let (_, steps) = judged(&report).remove(0);
    for number in [4, 5, 8] {
        assert_eq!(steps[number - 1], "unreadable", "step {number} of {steps:?}");
    }
}

/// The Front End's network card and its loopback share no hop: the copies of the call behind one another tell how far
/// their clocks are apart.
#[test]
fn clocks_of_captures_without_a_common_hop_are_measured_by_copies_of_messages() {
    let files = Files::new();
    let card = files.write("card.pcap", &simulated("happy", &["--vantage", "frontend"]));
    for ahead in ["-60000", "-7000", "2000", "60000"] {
        let skewed = simulated("happy", &["--vantage", "frontend-loopback", "--clock-offset-ms", ahead]);
        let report = report([&card, &files.write("loopback.pcap", &skewed)]);
        let ladders = report["ladders"].as_array().unwrap();
        assert_eq!(ladders.len(), 1, "{ahead}");
        assert_eq!(ladders[0]["verdict"], "complete", "{ahead}: {:#}", ladders[0]);
        assert_eq!(report["inputs"][1]["clock_compared"], true);
        let applied = report["inputs"][1]["clock_offset_ms"].as_f64().unwrap();
        assert!((applied + ahead.parse::<f64>().unwrap()).abs() < 50.0, "{ahead}: {applied}");
    }
}

/// Captures put one behind the other, not merged: nothing in them is called missing.
#[test]
fn a_capture_that_goes_back_in_time_is_said_to() {
    let mut capture = Pcap::of(&simulated("firewall", &["--vantage", "frontend"]));
    let half = capture.frames.len() / 2;
    capture.frames.rotate_left(half);
    let report = report_on(&capture.octets(), &[]);
    let codes: Vec<&str> = report["findings"].as_array().unwrap().iter().filter_map(|f| f["code"].as_str()).collect();
    assert!(codes.contains(&"LP905"), "{codes:?}");
    for step in report["ladders"].as_array().unwrap().iter().flat_map(|ladder| ladder["steps"].as_array().unwrap()) {
        assert_ne!(step["status"], "missing", "{step:#}");
    }
}

/// A capture of which `cut` frames hold the first 68 octets only, as `tcpdump -s 68` writes it.
fn cut(mut capture: Pcap, cut: impl Fn(u64, &Frame) -> bool) -> Vec<u8> {
    for (number, frame) in (1..).zip(&mut capture.frames) {
        if cut(number, frame) {
            frame.octets.truncate(68);
        }
    }
    capture.octets()
}

/// What is cut off was captured, and no frame is lost: another snapshot length helps, and nothing else.
#[test]
fn frames_that_were_cut_by_the_snapshot_length_are_said_to_be() {
    let whole = sample("firewall.pcap");
    let longer = whole.frames.iter().filter(|frame| frame.payload().len() > 14).count();
    let report_of = |octets: &[u8]| (report_on(octets, &[]), run_on(octets, ["analyze", "-", "--width", "200"]).out);
    let finding = |report: &Value, code: &str| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.filter(|finding| finding["code"] == code).map(|one| one["detail"].to_string()).collect::<String>()
    };
    let defects = |report: &Value| {
        let anomalies = report["coverage"]["anomalies"].as_array().unwrap().iter();
        let cut = anomalies.filter(|anomaly| anomaly["kind"] == "cut-frame");
        cut.map(|anomaly| anomaly["count"].as_u64().unwrap()).sum::<u64>()
    };
    // All of them: nothing is left to read.
    let (report, page) = report_of(&cut(whole.clone(), |_, _| true));
    assert_eq!(defects(&report), longer as u64, "{:#}", report["coverage"]);
    let advice =
        format!("{longer} frames were cut by the capture's snapshot length: capture whole frames (tcpdump -s 0");
    assert!(finding(&report, "LP901").contains(&advice), "{:#}", report["findings"]);
    let unreadable = report["coverage"]["unreadable"].as_array().unwrap();
    assert_eq!(unreadable.len(), 7);
    for stream in unreadable {
        let detail = stream["detail"].as_str().unwrap();
        assert!(
            detail.contains("cut by the capture's snapshot length") && !detail.contains("without loss"),
            "{detail}"
        );
    }
    let page = String::from_utf8(page).unwrap();
    for fact in ["frames were cut by the capture's snapshot length", "tcpdump -s 0", "cut-frame, first in frame"] {
        assert!(page.contains(fact), "{fact}: {page}");
    }
    // A few of them: the rest is read, and what is missing of them is no loss of the capture's.
    let is_answer = |_: u64, frame: &Frame| frame.payload().starts_with(b"SIP/2.0 101 ");
    let (report, _) = report_of(&cut(whole.clone(), is_answer));
    let few = defects(&report);
    assert!(few > 0 && few == report["coverage"]["gaps"].as_u64().unwrap(), "{:#}", report["coverage"]);
    assert!(finding(&report, "LP903").contains("cut by the capture's snapshot length"), "{:#}", report["findings"]);
    // Frames that are not there at all were not cut; nor were those of others.
    let elsewhere = |_: u64, frame: &Frame| frame.ends().iter().all(|(_, port)| ![5061, 5087].contains(port));
    for capture in [whole.only(|number, frame| !is_answer(number, frame)).octets(), cut(whole, elsewhere)] {
        let (report, _) = report_of(&capture);
        assert_eq!(defects(&report), 0);
        assert!(!report.to_string().contains("snapshot length"), "{report:#}");
    }
}
