//! Causes and remedies of known stories, in every format; and fingerprints, by which tickets are told apart.

mod command;
mod pcap;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use command::{json, ndjson, run_on, scenarios, simulated};
use lyncpush::diagnosis::causes;
use pcap::{Frame, Pcap};
use serde_json::Value;

/// Every failure, seen from everywhere: the cause, and what the remedy begins with.
const FAILURES: &[(&str, &str, &str)] = &[
    ("push-disabled", "push-not-made", "Set-CsPushNotificationConfiguration -EnableApplePushNotificationService"),
    ("im-filter", "im-filter", "Set-CsImFilterConfiguration -Identity <identity> -Prefixes @{Remove='http:','https:'}"),
    (
        "not-federated",
        "not-federated",
        "Grant-CsExternalAccessPolicy -Identity 'sip:bob@example.com' -PolicyName <policy>",
    ),
    ("not-federated-edge", "not-federated", "Get-CsUser -Identity 'sip:bob@example.com' | Format-List"),
    ("edge-down", "edge-unreachable", "(New-Object Net.Sockets.TcpClient 'edge01.example.com', 5061).Connected"),
    ("domain-not-allowed", "domain-not-allowed", "New-CsAllowedDomain -Identity 'push.lync.com'"),
    ("answered-anyway", "domain-not-allowed", "New-CsAllowedDomain -Identity 'push.lync.com'"),
    ("no-route", "no-route", "Get-CsSite | Format-List Identity, FederationRoute"),
    ("dns-missing", "dns-missing", "nslookup -type=SRV '_sipfederationtls._tcp.push.lync.com'"),
    ("firewall", "firewall", "(New-Object Net.Sockets.TcpClient 'sipfed.online.lync.com', 5061).Connected"),
    ("connection-refused", "connection-refused", "nslookup 'sipfed.online.lync.com'"),
    ("certificate", "certificate-not-trusted", "Import-Certificate -FilePath <root.cer>"),
    ("certificate-refused", "certificate-refused", "Get-CsCertificate -Type AccessEdgeExternal"),
    ("clock-skew", "clock-skew", "w32tm /query /status"),
    ("push-refused", "push-refused", "Get-WinEvent -LogName 'Lync Server'"),
    ("clearing-house-rejects", "clearing-house-rejects", "Test-CsFederatedPartner -TargetFqdn 'edge01.example.com'"),
    ("clearing-house-silent", "clearing-house-silent", "Test-CsMcxPushNotification -AccessEdgeFqdn"),
    ("push-unanswered", "clearing-house-silent", "Test-CsMcxPushNotification -AccessEdgeFqdn"),
    ("device-never-wakes", "device-never-woke", "Test-CsMcxPushNotification -AccessEdgeFqdn"),
    ("declined", "declined", "Nothing needs doing."),
    ("call-refused", "call-refused", "lyncpush explain tells"),
];

fn texts<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[field].as_str().unwrap()).collect()
}

/// A text as one line, as it was before a page wrapped it and continued its commands.
fn unwrapped(text: &str) -> String {
    text.replace(" `\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Connections that are dialed in vain are evidence: where they stand in the capture, they make a cause sure, and where
/// nothing else does, they tell it.
#[test]
fn connections_that_were_not_made_tell_causes() {
    for (scenario, vantage, cause, certainty, said) in [
        ("firewall", "", "firewall", "likely", "198.51.100.9 dialed 203.0.113.10:5061 in vain (frames 82, 87, 88)"),
        ("firewall", "frontend", "firewall", "likely", "10060"),
        ("connection-refused", "", "connection-refused", "likely", "a RST answered"),
        ("edge-down", "", "edge-unreachable", "certain", "dialed 192.0.2.9:5061 in vain"),
        ("edge-down", "frontend", "edge-unreachable", "likely", "No push went to the Edge. Meanwhile 192.0.2.7 dialed"),
        ("edge-down", "frontend-loopback", "edge-unreachable", "likely", "1038"),
    ] {
        let taken: &[&str] = if vantage.is_empty() { &[] } else { &["--vantage", vantage] };
        let capture = simulated(scenario, taken);
        let report = command::report_on(&capture, &[]);
        let diagnosis = &report["ladders"][0]["diagnosis"];
        assert_eq!((&diagnosis["cause"], &diagnosis["certainty"]), (&cause.into(), &certainty.into()), "{scenario}");
        let evidence = diagnosis["evidence"].as_str().unwrap();
        assert!(evidence.contains(said), "{scenario} {vantage}: {evidence}");
        // Each frame that is named is cited. Where it is known whose it is, no other capture is asked for.
        let is_seen = evidence.contains("in vain");
        let is_sure = is_seen && !evidence.contains("Addresses do not tell");
        assert_eq!(is_sure, scenario == "edge-down" && is_seen, "{scenario} {vantage}");
        assert_eq!(diagnosis["remedy"]["capture_next"].is_null(), is_sure, "{scenario} {vantage}");
        let own = report["findings"].as_array().unwrap().iter().find(|found| found["code"] == "LP602");
        assert_eq!(own.is_some(), is_seen, "{scenario} {vantage}");
        if let Some(own) = own {
            let primary = report["findings"].as_array().unwrap().iter().find(|found| found["cause"] == cause).unwrap();
            assert_eq!(own["symptom_of"], primary["code"]);
            for frame in own["evidence"].as_array().unwrap() {
                assert!(primary["evidence"].as_array().unwrap().contains(frame), "{scenario} {vantage}: {frame}");
            }
        }
    }
    // Without any ladder they are what there is to tell.
    let capture = simulated("firewall", &["--vantage", "edge-external"]);
    let report = command::report_on(&capture, &[]);
    assert_eq!(report["summary"]["ladders"], 0);
    let told = report["findings"].as_array().unwrap().iter().find(|found| found["code"] == "LP602").unwrap();
    assert_eq!(told["severity"], "warning");
    assert!(told["remedy"].as_str().unwrap().contains("lyncpush explain firewall"), "{told}");
    // What is answered is nothing to tell of.
    for scenario in ["happy", "domain-not-allowed", "certificate-refused"] {
        let report = command::report_on(&simulated(scenario, &[]), &[]);
        assert!(report["findings"].as_array().unwrap().iter().all(|found| found["code"] != "LP602"), "{scenario}");
    }
}

/// What others dial in vain is no evidence of a push: gateways that are down, scans, and the Edge dialing inwards.
#[test]
fn what_others_dial_in_vain_makes_nothing_sure() {
    let fe = Ipv4Addr::new(192, 0, 2, 7);
    let edge = Ipv4Addr::new(192, 0, 2, 9);
    let gateway = Ipv4Addr::new(192, 0, 2, 77);
    let scanner = Ipv4Addr::new(185, 1, 1, 1);
    let outside = Ipv4Addr::new(198, 51, 100, 9);
    let silent = Pcap::of(&simulated("firewall", &[]));
    let syns: Vec<Frame> = [82, 87, 88].map(|number: usize| silent.frames[number - 1].clone()).to_vec();
    // The story, what is dialed besides, and what is left of the story's own attempts.
    for (scenario, vantage, ends) in [
        ("firewall", "frontend", [(fe, 40_000), (gateway, 5060)]),
        ("firewall", "frontend", [(fe, 40_000), (gateway, 5061)]),
        ("firewall", "edge-internal", [(scanner, 40_000), (outside, 5060)]),
        ("domain-not-allowed", "frontend", [(fe, 40_000), (gateway, 5061)]),
        ("domain-not-allowed", "frontend-loopback", [(edge, 40_000), (fe, 5061)]),
        ("push-refused", "frontend-loopback", [(fe, 40_000), (gateway, 5060)]),
        ("push-disabled", "frontend", [(edge, 40_000), (fe, 5061)]),
    ] {
        let mut capture = Pcap::of(&simulated(scenario, &["--vantage", vantage]));
        let alone = command::report_on(&capture.octets(), &[]);
        let begin = capture.frames.iter().map(|frame| frame.at).find(|at| *at >= syns[0].at).unwrap_or(syns[0].at);
        for (step, syn) in (0..).zip(&syns) {
            let mut syn = syn.between(ends);
            syn.at = begin + step * 300_000;
            let place = capture.frames.partition_point(|frame| frame.at <= syn.at);
            capture.frames.insert(place, syn);
        }
        let report = command::report_on(&capture.octets(), &[]);
        assert!(report["findings"].as_array().unwrap().iter().any(|found| found["code"] == "LP602"), "{scenario}");
        let told = |report: &Value, field: &str| report["ladders"][0]["diagnosis"][field].clone();
        for field in ["cause", "certainty"] {
            assert_eq!(told(&report, field), told(&alone, field), "{scenario} {vantage} {ends:?}");
        }
        let evidence = told(&report, "evidence").to_string();
        assert!(!evidence.contains("in vain"), "{scenario} {vantage} {ends:?}: {evidence}");
    }
}

#[test]
fn only_of_a_phone_that_should_get_a_push_is_it_said_to_be_out_of_view() {
    let mut capture = Pcap::of(&simulated("happy", &["--vantage", "caller"]));
    let known = command::report_on(&capture.octets(), &[]);
    assert_eq!(known["ladders"][0]["diagnosis"]["cause"], "push-out-of-view");
    assert!(!known["ladders"][0]["diagnosis"]["remedy"]["capture_next"].is_null());
    // A client that nobody knows: whether it should get one is not known.
    let renamed = capture.frames.iter_mut().filter_map(|frame| frame.replace(" WPLync/", " XXLync/").then_some(()));
    assert!(renamed.count() > 0);
    let unknown = command::report_on(&capture.octets(), &[]);
    assert!(unknown["ladders"][0]["mobile"]["push_expected"].is_null());
    assert!(unknown["findings"].as_array().unwrap().iter().all(|found| found["code"] != "LP515"), "{unknown}");
}

#[test]
fn every_failure_has_its_cause_and_its_remedy_in_every_format() {
    for (scenario, cause, remedy) in FAILURES {
        let capture = simulated(scenario, &[]);
        let report = command::report_on(&capture, &[]);
        let ladder = &report["ladders"][0];
        let diagnosis = &ladder["diagnosis"];
        assert_eq!(diagnosis["cause"], *cause, "{scenario}");
        // One finding shows it, the others are its symptoms.
        let shows: Vec<&Value> =
            report["findings"].as_array().unwrap().iter().filter(|f| f["cause"] == *cause).collect();
        let primary: Vec<&&Value> = shows.iter().filter(|finding| finding["symptom_of"].is_null()).collect();
        assert_eq!(primary.len(), 1, "{scenario}: {shows:#?}");
        assert!(primary[0]["remedy"].as_str().unwrap().contains(remedy), "{scenario}: {}", primary[0]["remedy"]);
        assert_eq!(diagnosis["fingerprint"], primary[0]["fingerprint"]);
        let of_ladder = shows.iter().filter(|finding| !finding["ladder"].is_null());
        let codes: Vec<&str> = of_ladder.map(|finding| finding["code"].as_str().unwrap()).collect();
        // What the capture as a whole shows of it stands beside them.
        let explains: Vec<&str> =
            diagnosis["explains"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!(codes, explains, "{scenario}");
        let lines = ndjson(&run_on(&capture, ["analyze", "--format", "ndjson", "-"]));
        assert_eq!(lines[0]["diagnosis"], *diagnosis, "{scenario}");
        assert!(lines[0]["findings"][0]["remedy"].as_str().is_some(), "{scenario}");
        for width in ["60", "80", "120", "200"] {
            let table = run_on(&capture, ["analyze", "--width", width, "-"]);
            let page = unwrapped(table.text());
            let title = unwrapped(diagnosis["title"].as_str().unwrap());
            assert!(page.contains(&title) && page.contains(remedy), "{scenario} in {width}: {page}");
        }
        for format in ["html", "text", "mermaid"] {
            let ran = run_on(&capture, ["analyze", "--format", format, "--width", "200", "-"]);
            // Escaped as each of them does.
            let page = ["&#39;", "&lt;", "&gt;", "\\"].iter().zip(["'", "<", ">", ""]);
            let page =
                unwrapped(&page.fold(ran.text().to_owned(), |page, (escaped, plain)| page.replace(escaped, plain)));
            let title = unwrapped(diagnosis["title"].as_str().unwrap());
            assert!(page.contains(&title) && page.contains(remedy), "{scenario} in {format}: {page}");
            let symptoms = codes.iter().all(|code| page.contains(code));
            assert!(symptoms && page.contains(&format!("explain {cause}")), "{scenario} in {format}: {page}");
        }
    }
}

/// The remedy is an option that wants the address, so that every format names it.
#[test]
fn an_address_that_pushes_go_to_is_named_in_every_format() {
    let capture = simulated("other-push-uri", &[]);
    for format in ["table", "text", "mermaid", "html"] {
        let ran = run_on(&capture, ["analyze", "--format", format, "--width", "200", "-"]).with_code(0);
        let page = unwrapped(&ran.text().replace('\\', ""));
        assert!(page.contains("sip:…@push.lab.example.net"), "{format}: {page}");
        assert!(page.contains("any user part will do"), "{format}: {page}");
        let ran = run_on(&capture, ["analyze", "--format", format, "--width", "200", "--pseudonyms", "-"]);
        assert!(!ran.text().contains("lab.example.net"), "{format}: {}", ran.text());
    }
    let named = command::report_on(&capture, &["--push-uri", "sip:whoever@push.lab.example.net"]);
    assert_eq!(named["ladders"][0]["verdict"], "complete");
}

/// A refused handshake opens no ladder: what is wrong stands with the capture as a whole.
#[cfg(feature = "tls")]
#[test]
fn what_a_closed_capture_shows_is_in_every_format_and_can_be_pasted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("closed.pcap");
    let path = path.to_str().unwrap();
    let suite = "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384";
    let simulate = ["simulate", "certificate", "-q", "--vantage", "edge-external", "--tls", suite, "-o", path];
    command::run(simulate).with_code(0);
    let command = "Get-ChildItem Cert:\\LocalMachine\\Root | Sort-Object Subject | Format-Table Subject, NotAfter";
    let told = ["LP901", "LP601", "tls-no-secret", "198.51.100.9:50401", "explain certificate-not-trusted", command];
    let formats =
        ["table", "text", "mermaid", "html"].iter().flat_map(|format| [40, 50, 80, 200].map(|width| (format, width)));
    for (format, width) in formats {
        let width = width.to_string();
        let ran = command::run(["analyze", "--format", format, "--width", &width, path]).with_code(1);
        let page = unwrapped(&ran.text().replace("\\[", "[").replace("\\|", "|"));
        for needle in told {
            assert!(page.contains(needle), "{needle} as {format} in {width}:\n{page}");
        }
    }
}

#[test]
fn every_broken_ladder_from_everywhere_has_a_cause_that_explains_where_it_broke() {
    let listed: BTreeSet<&str> = FAILURES.iter().map(|(scenario, ..)| *scenario).collect();
    for scenario in scenarios() {
        let report = command::report_on(&simulated(&scenario, &[]), &[]);
        for ladder in report["ladders"].as_array().unwrap() {
            let broken = ladder["verdict"] == "broken";
            assert_eq!(broken, listed.contains(scenario.as_str()), "{scenario}: the table lists every failure");
            let Some(step) = ladder["broken_at"].as_u64() else { continue };
            let first = ladder["diagnosis"]["explains"][0].as_str().unwrap_or_else(|| panic!("{scenario}: no cause"));
            assert!(first.ends_with(&format!("{step:02}")), "{scenario}: {first} at step {step}");
        }
    }
}

/// Each row of the registry names the scenario that shows it.
#[test]
fn every_cause_is_shown_by_its_example() {
    for cause in causes::all() {
        let (scenario, options) = cause.example;
        let report = command::report_on(&simulated(scenario, options), &[]);
        assert_eq!(report["ladders"][0]["diagnosis"]["cause"], cause.name, "{scenario} {options:?}");
    }
}

#[test]
fn what_is_ruled_out_has_a_reason_and_is_never_the_cause() {
    for (scenario, ..) in FAILURES {
        let report = command::report_on(&simulated(scenario, &[]), &[]);
        let diagnosis = &report["ladders"][0]["diagnosis"];
        let names = texts(&diagnosis["ruled_out"], "cause");
        assert!(!names.is_empty(), "{scenario}");
        assert!(!names.contains(&diagnosis["cause"].as_str().unwrap()), "{scenario}");
        assert!(texts(&diagnosis["ruled_out"], "why").iter().all(|why| !why.is_empty()), "{scenario}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{scenario}");
    }
}

/// The fingerprint of each ladder's cause.
fn fingerprints(scenario: &str, options: &[&str]) -> BTreeSet<String> {
    let report = command::report_on(&simulated(scenario, options), &[]);
    let ladders = report["ladders"].as_array().unwrap().iter();
    ladders.map(|ladder| ladder["diagnosis"]["fingerprint"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_fingerprint_is_that_of_the_fault_and_not_of_its_users() {
    let mut of_faults: BTreeMap<String, &str> = BTreeMap::new();
    for (scenario, cause, _) in FAILURES {
        let first = fingerprints(scenario, &[]);
        assert_eq!(first.len(), 1, "{scenario}");
        // Other users, connections, identifiers, times, phones, and another shape of the push.
        for options in [
            &["--ladders", "6", "--spacing-ms", "9000"][..],
            &["--seed", "7", "--start", "2020-02-02T02:02:02Z"],
            &["--push-variant", "v2"],
            &["--link", "sll2", "--mischief", "split"],
        ] {
            assert_eq!(fingerprints(scenario, options), first, "{scenario} {options:?}");
        }
        if let Some(other) = of_faults.insert(first.into_iter().next().unwrap(), scenario) {
            let other = FAILURES.iter().find(|(name, ..)| *name == other).unwrap();
            assert_eq!(other.1, *cause, "{scenario} and {} have one fingerprint", other.0);
        }
    }
}

/// Of a failure with a named reporter, the place of the capture makes no difference.
#[test]
fn a_fingerprint_is_the_same_from_the_front_end_and_from_the_edge() {
    for scenario in ["domain-not-allowed", "firewall", "certificate", "dns-missing"] {
        let everywhere = fingerprints(scenario, &[]);
        for place in ["frontend", "frontend-loopback", "edge-internal"] {
            assert_eq!(fingerprints(scenario, &["--vantage", place]), everywhere, "{scenario} at {place}");
        }
        assert_eq!(fingerprints(scenario, &["--ipv6"]), everywhere, "{scenario}: a host's name is its name");
    }
}

/// Another host with the same fault is another fault.
#[test]
fn a_fingerprint_tells_hosts_apart() {
    let capture = simulated("domain-not-allowed", &[]);
    let print = |octets: &[u8]| command::report_on(octets, &[])["ladders"][0]["diagnosis"]["fingerprint"].clone();
    let mut other = Pcap::of(&capture);
    other.frames.iter_mut().for_each(|frame| while frame.replace("edge01.example.com", "edge02.example.com") {});
    assert_ne!(print(&capture), print(&other.octets()));
}

/// Tickets depend on these values: they hold for every run, machine and version.
#[test]
fn golden_fingerprints() {
    for (scenario, expected) in [
        ("domain-not-allowed", "541c6568e05992e05e68d4c2d597a5a4"),
        ("push-disabled", "fc1eb8b1f7aeae82f2ae760fc27c7976"),
        ("clearing-house-rejects", "9cc7e2c219312ca425ac3ef9cdadd86e"),
        ("device-never-wakes", "d5ec5b77a07d66577a42d2f9ff1340dc"),
        ("caller-gives-up", "edbe72d5cd8aeec43ba52719c9b0f73e"),
    ] {
        let found = fingerprints(scenario, &[]);
        assert_eq!(found.iter().collect::<Vec<_>>(), [expected], "{scenario}");
    }
}

/// A name that is more than a name stays out of commands, and acts neither on a terminal nor in JSON.
#[test]
fn hostile_names_stay_out_of_commands() {
    // As long as the name they take the place of.
    for name in
        ["';calc;'aaaaaaaaaa", "$(calc)aaaaaaaaaaa", "`calc`aaaaaaaaaaaa", "-Force aaaaaaaaaaa", "<script>a</script>"]
    {
        assert_eq!(name.len(), "edge01.example.com".len());
        let mut capture = Pcap::of(&simulated("domain-not-allowed", &[]));
        capture.frames.iter_mut().for_each(|frame| while frame.replace("edge01.example.com", name) {});
        let capture = capture.octets();
        let report = json(&run_on(&capture, ["analyze", "--format", "json", "-"]));
        let diagnosis = &report["ladders"][0]["diagnosis"];
        assert_eq!(diagnosis["cause"], "domain-not-allowed", "{name}");
        let remedy = diagnosis["remedy"].to_string();
        assert!(!remedy.contains("calc") && !remedy.contains("aaa") && !remedy.contains("script"), "{name}: {remedy}");
        assert!(remedy.contains("Test-CsMcxPushNotification -AccessEdgeFqdn <edge>"), "{name}: {remedy}");
        assert!(!diagnosis["evidence"].as_str().unwrap().contains("aaa"), "{name}");
    }
}

/// Captures of hosts whose clocks are minutes apart.
#[test]
fn clocks_that_are_measured_to_be_far_apart_are_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, vantage: &str, ahead: &str| {
        let options = ["simulate", "happy", "-q", "--vantage", vantage, "--clock-offset-ms", ahead, "-o", &place(name)];
        command::run(options).with_code(0);
    };
    for (ahead, told) in [("0", false), ("200000", false), ("400000", true), ("-400000", true)] {
        write("frontend.pcap", "frontend", "0");
        write("edge.pcap", "edge-internal", ahead);
        let report = command::report([place("frontend.pcap"), place("edge.pcap")]);
        let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "LP906");
        assert_eq!(found.is_some(), told, "{ahead}: {:#}", report["inputs"]);
        if let Some(found) = found {
            assert_eq!((&found["cause"], &found["severity"]), (&"clock-skew".into(), &"note".into()));
            assert!(found["remedy"].as_str().unwrap().contains("w32tm /query /status"), "{found:#}");
        }
    }
}

/// What it was not, and why, wherever a person asks for it; scripts have it always.
#[test]
fn what_is_ruled_out_is_listed_in_every_format() {
    let capture = simulated("firewall", &[]);
    for format in ["table", "text", "mermaid", "html"] {
        for (options, is_listed) in [(&["-v"][..], true), (&[], format == "html")] {
            let arguments = [&["analyze", "--format", format, "--width", "200", "-"], options].concat();
            let page = unwrapped(&run_on(&capture, arguments).text().replace('\\', ""));
            let listed = page.contains("certificate-refused: the refusal says 1046, not 1047");
            assert_eq!(listed, is_listed, "{format} {options:?}: {page}");
        }
    }
}
