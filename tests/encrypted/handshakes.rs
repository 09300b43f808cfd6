//! TLS handshakes that come to nothing: by themselves, and as what stopped the push of a ladder.

use std::fs;

use serde_json::Value;

use crate::command::{report, run, simulated};
#[cfg(feature = "post")]
use crate::endpoint::{Endpoint, Reply};
use crate::pcap::{Frame, Pcap};
use crate::stories::{keylog, simulate};

/// The clearing house's proxy.
const PROXY: [u8; 4] = [203, 0, 113, 10];
/// The simulated chain, without the server's own certificate.
const CHAIN: [(&str, &str); 2] =
    [("CN=Example Issuing CA", "CN=Example Root CA"), ("CN=Example Root CA", "CN=Example Root CA")];

fn coded<'a>(report: &'a Value, code: &str) -> Vec<&'a Value> {
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == code).collect()
}

fn frames(finding: &Value) -> Vec<u64> {
    finding["evidence"].as_array().unwrap().iter().map(|cited| cited["frame"].as_u64().unwrap()).collect()
}

/// Who does not take whose certificate is told without any key, with what the certificates say and what to do.
#[test]
fn a_refused_handshake_is_a_finding_with_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcapng");
    for (scenario, tls, cause, remedy) in [
        (
            "certificate",
            "1.0:TLS_RSA_WITH_RC4_128_SHA",
            "certificate-not-trusted",
            "Change, on 198.51.100.9:\n  Import-Certificate",
        ),
        (
            "certificate",
            "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
            "certificate-not-trusted",
            "Check, on 198.51.100.9:",
        ),
        (
            "certificate-refused",
            "1.2:TLS_RSA_WITH_AES_128_CBC_SHA",
            "certificate-refused",
            "Set-CsCertificate -Type AccessEdgeExternal",
        ),
    ] {
        simulate(scenario, &["--tls", tls], &path);
        let found = report([path.to_str().unwrap(), "--vantage", "edge-external"]);
        let what = format!("{scenario} {tls}");
        let refused: Vec<&Value> =
            found["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "LP601").collect();
        assert_eq!(refused.len(), 1, "{what}: {:#}", found["findings"]);
        assert_eq!((&refused[0]["severity"], &refused[0]["cause"]), (&"error".into(), &cause.into()), "{what}");
        assert!(refused[0]["remedy"].as_str().unwrap().contains(remedy), "{what}: {}", refused[0]["remedy"]);
        let detail = refused[0]["detail"].as_str().unwrap();
        for fact in ["unknown_ca", "CN=sipfed.online.lync.com", "2014-11-15T08:00:00Z"] {
            assert!(detail.contains(fact), "{what}: {detail}");
        }
        assert_eq!(refused[0]["evidence"].as_array().unwrap().len(), 1, "{what}");
        assert_eq!(refused[0]["fingerprint"].as_str().unwrap().len(), 32, "{what}");
    }
}

/// On a port of which nothing is known, too, as long as its names show whose it is.
#[test]
fn a_refused_handshake_with_the_clearing_house_is_told_on_any_port() {
    let directory = tempfile::tempdir().unwrap();
    let (path, profile) = (directory.path().join("refused.pcap"), directory.path().join("profile.toml"));
    simulate("certificate", &["--tls", "1.2:TLS_RSA_WITH_AES_128_CBC_SHA"], &path);
    let mut capture = Pcap::of(&fs::read(&path).unwrap());
    let with_proxy = |frame: &&mut Frame| frame.ends().contains(&(PROXY.into(), 5061));
    for frame in capture.frames.iter_mut().filter(with_proxy) {
        *frame = frame.between(frame.ends().map(|(host, port)| (host, if port == 5061 { 7443 } else { port })));
    }
    fs::write(&path, capture.octets()).unwrap();
    fs::write(&profile, "[push]\npeer_hosts = [\"elsewhere.example.com\"]\n").unwrap();
    let path = path.to_str().unwrap();
    let found = report([path]);
    let [refused] = coded(&found, "LP601")[..] else { panic!("{:#}", found["findings"]) };
    assert_eq!((&refused["severity"], &refused["cause"]), (&"error".into(), &"certificate-not-trusted".into()));
    assert!(refused["detail"].as_str().unwrap().contains("203.0.113.10:7443"), "{refused}");
    let other = report([path, "--profile", profile.to_str().unwrap()]);
    assert!(coded(&other, "LP601").is_empty(), "it may be anything: {:#}", other["findings"]);
}

/// A ladder whose push waited for the handshake shows it as its own evidence, and the handshake is no second fault.
#[test]
fn a_ladder_cites_the_handshake_that_its_push_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcap");
    let capture = path.to_str().unwrap();
    for (scenario, cause, by) in [
        ("certificate", "certificate-not-trusted", "198.51.100.9"),
        ("certificate-refused", "certificate-refused", "203.0.113.10:5061"),
    ] {
        // In TLS 1.3 the alert is protected: it takes the key log to see it.
        for tls in ["1.0:TLS_RSA_WITH_RC4_128_SHA", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256", "1.3:TLS_AES_128_GCM_SHA256"]
        {
            let what = format!("{scenario} {tls}");
            simulate(scenario, &["--tls", tls], &path);
            let log = keylog(&path);
            let found = report([capture, "--keylog", &log]);
            let diagnosis = &found["ladders"][0]["diagnosis"];
            assert_eq!((&diagnosis["cause"], &diagnosis["certainty"]), (&cause.into(), &"certain".into()), "{what}");
            assert!(diagnosis["remedy"]["capture_next"].is_null(), "{what}: another capture shows nothing more");
            let (primary, alone) = (coded(&found, "LP105")[0], coded(&found, "LP601")[0]);
            assert_eq!(primary["tls"], alone["tls"], "{what}");
            assert_eq!(frames(primary).iter().filter(|frame| frames(alone).contains(frame)).count(), 1, "{what}");
            assert_eq!((&alone["symptom_of"], &alone["cause"]), (&"LP105".into(), &cause.into()), "{what}");
            let evidence = diagnosis["evidence"].as_str().unwrap();
            assert!(evidence.contains("ms-diagnostics 10"), "{what}: {evidence}");
            assert!(evidence.contains(by) && evidence.contains("refused it with unknown_ca"), "{what}: {evidence}");
            let own = &primary["tls"]["certificate"];
            assert_eq!((&own["subject"], &own["issuer"]), (&"CN=sipfed.online.lync.com".into(), &CHAIN[0].0.into()));
            let chain: Vec<(&str, &str)> = own["chain"]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| (one["subject"].as_str().unwrap(), one["issuer"].as_str().unwrap()))
                .collect();
            assert_eq!(chain, CHAIN, "{what}");
            assert_eq!(own["chain"][1]["not_after"], "2014-11-15T08:00:00Z");
            for format in ["table", "html", "text"] {
                let page =
                    run(["analyze", capture, "--keylog", &log, "--format", format, "--width", "200"]).with_code(1);
                let page = page.text().split_whitespace().collect::<Vec<_>>().join(" ");
                for fact in ["sent with it CN=Example Root CA, self-signed, valid until 2014-11-15", "unknown_ca"] {
                    assert!(page.contains(fact), "{what} in {format}: {page}");
                }
            }
        }
    }
}

/// One fault is one ticket, though its handshake is a finding too; and it says what the handshake shows.
#[cfg(feature = "post")]
#[test]
fn a_handshake_and_its_ladder_are_one_ticket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcap");
    simulate("certificate", &["--tls", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256"], &path);
    let system = Endpoint::start(&[Reply::Status(201)]);
    let (log, spool, url) = (keylog(&path), directory.path().join("spool"), system.url("/"));
    let arguments = ["analyze", path.to_str().unwrap(), "--keylog", &log, "--post", &url, "--spool"];
    run([&arguments[..], &[spool.to_str().unwrap()]].concat()).with_code(1);
    let requests = system.requests();
    assert_eq!(requests.len(), 1, "{requests:#?}");
    let ticket = requests[0].json();
    let description = ticket["description"].as_str().unwrap();
    for line in [
        "TLS: server's certificate CN=sipfed.online.lync.com, issued by CN=Example Issuing CA, valid until 2014-11-15",
        "TLS: sent with it CN=Example Root CA, self-signed, valid until 2014-11-15",
    ] {
        assert!(description.lines().any(|known| known == line), "{description}");
    }
    assert_eq!(ticket["finding"]["tls"]["alert"], "fatal unknown_ca from the client");
}

/// A capture of a scenario in the clear with the way out in TLS: `change` is done to the frames of both.
fn mixed(scenario: &str, change: impl Fn(&mut Pcap, &mut Pcap)) -> Value {
    let ours = |frame: &Frame| frame.octets[26..30] == PROXY || frame.octets[30..34] == PROXY;
    let mut clear = Pcap::of(&simulated(scenario, &[])).only(|_, frame| !ours(frame));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tls.pcap");
    simulate(scenario, &["--tls", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256"], &path);
    let mut outside = Pcap::of(&fs::read(&path).unwrap()).only(|_, frame| ours(frame));
    change(&mut clear, &mut outside);
    clear.frames.append(&mut outside.frames);
    clear.frames.sort_by_key(|frame| frame.at);
    fs::write(&path, clear.octets()).unwrap();
    report([path.to_str().unwrap()])
}

/// The server has a name that nobody knows, as long as its own; checksums are not looked at.
fn elsewhere(outside: &mut Pcap) {
    for frame in &mut outside.frames {
        while frame.replace("sipfed.online.lync.com", "sipfed.another.example") {}
    }
}

/// Without `--vantage`, SIP in the same capture tells which handshakes were on the Edge's legs. Where nothing does, the
/// finding says so.
#[test]
fn what_sip_shows_of_the_edge_makes_a_handshake_with_it_an_error() {
    let to_edge = |outside: &mut Pcap| {
        for frame in &mut outside.frames {
            let ends = frame.ends().map(|(host, port)| match host.octets() == PROXY {
                true => ([192, 0, 2, 9].into(), port),
                false => ([192, 0, 2, 8].into(), port),
            });
            *frame = frame.between(ends);
        }
    };
    let route = |clear: &mut Pcap| {
        for frame in &mut clear.frames {
            let (old, new) =
                ("<sip:edge01.example.com:5061;transport=tls;", "<sip:sipfed.another.example;transport=tls; ");
            frame.replace(old, new);
        }
    };
    let nothing = |_: &mut Pcap| {};
    type Change<'a> = &'a dyn Fn(&mut Pcap);
    let cases: [(&str, &str, Change<'_>, Change<'_>); 4] = [
        ("warning", "certificate", &nothing, &nothing),
        // Another Front End and the host that SIP shows to be the Edge.
        ("error", "certificate", &nothing, &to_edge),
        // The client's certificate has the name that the Edge gives itself in SIP.
        ("error", "certificate-refused", &nothing, &nothing),
        // The server has the name to which SIP is routed through the Edge.
        ("error", "certificate", &route, &nothing),
    ];
    for (index, (severity, scenario, inside, outside_change)) in cases.into_iter().enumerate() {
        let found = mixed(scenario, |clear, outside| {
            inside(clear);
            elsewhere(outside);
            outside_change(outside);
        });
        let alone = coded(&found, "LP601");
        let what = format!("case {index}: {alone:#?}");
        assert_eq!((alone.len(), &alone[0]["symptom_of"]), (1, &Value::Null), "{what}");
        assert_eq!(alone[0]["severity"], severity, "{what}");
        let detail = alone[0]["detail"].as_str().unwrap();
        assert_eq!(detail.contains("Nothing here shows which leg that is"), severity == "warning", "{what}");
    }
}

#[test]
fn a_handshake_of_another_time_or_with_another_server_is_not_the_ladder_s() {
    let found = mixed("certificate", |_, _| {});
    assert_eq!(coded(&found, "LP601")[0]["symptom_of"], "LP105");
    assert!(!coded(&found, "LP105")[0]["tls"].is_null());
    let apart: [&dyn Fn(&mut Pcap); 3] = [
        &|outside| outside.frames.iter_mut().for_each(|frame| frame.at -= 5_000_000),
        &|outside| outside.frames.iter_mut().for_each(|frame| frame.at += 90_000_000),
        &elsewhere,
    ];
    for change in apart {
        let found = mixed("certificate", |_, outside| change(outside));
        let alone = coded(&found, "LP601");
        assert_eq!((alone.len(), &alone[0]["symptom_of"]), (1, &Value::Null), "{found:#}");
        assert_eq!(found["ladders"][0]["diagnosis"]["cause"], "certificate-not-trusted");
        assert!(coded(&found, "LP105")[0]["tls"].is_null());
        assert!(!found["ladders"][0]["diagnosis"]["evidence"].as_str().unwrap().contains("handshake"));
    }
}

/// Which hosts there are in a chain stays in the house; who signs for the public does too.
#[test]
fn a_chain_has_stand_ins() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("refused.pcap");
    simulate("certificate-refused", &["--tls", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256"], &path);
    let (log, capture) = (keylog(&path), path.to_str().unwrap().to_owned());
    for format in ["json", "table", "html", "text", "ndjson", "mermaid"] {
        let ran = run(["analyze", &capture, "--keylog", &log, "--pseudonyms", "--format", format, "--width", "200"]);
        let page = ran.with_code(1).text().to_owned();
        for name in ["Example Issuing", "Example Root", "edge01", "198.51.100.9"] {
            assert!(!page.contains(name), "{name} in {format}: {page}");
        }
    }
}
