//! Lost, repeated and disordered segments inside TLS and compression: what is lost is never called a fault.

use std::collections::BTreeSet;

use lyncpush::capture;
use lyncpush::flow::Side;
use lyncpush::ladder::profile::Profile;
use lyncpush::pipeline::Keys;
use lyncpush::pipeline::reading::{Reading, Seen};
use lyncpush::report::model::{Report, StepStatus, Unreadable};
use lyncpush::simulate::{self, Choice, Mischief, Options};
use lyncpush::sipcomp::LAYOUTS;
use lyncpush::unreadable::UnreadableReason;

use crate::analysis::analyze_with;
use crate::faults::faults;
use crate::fixture;
use crate::pair::{Pair, suites};
use crate::pcap::{Frame, Pcap};
use crate::pcapng;

/// Where an Ethernet frame with IPv4 and TCP has its flags.
const TCP_FLAGS: usize = 47;
/// Captures of each kind of mischief.
const SEEDS: u64 = 2;
/// The report on a simulated capture, with the keys it was written with.
fn analyzed(scenario: &str, options: &Options, path: &std::path::Path) -> Report {
    let (mut capture, mut keylog) = (Vec::new(), Vec::new());
    simulate::write_with_keys(scenario, options, &mut capture, &mut keylog).expect("a capture");
    std::fs::write(path, &capture).expect("a file");
    let mut keys = Keys::default();
    keys.push_keylog(&keylog);
    analyze_with(path, false, keys).expect("a report").0
}

/// No octet that its record does not prove comes out: of a damaged capture nothing is read that was not in the whole one.
#[test]
fn a_damaged_capture_gives_nothing_new() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in ["1.0:TLS_RSA_WITH_AES_128_CBC_SHA", "1.2:TLS_RSA_WITH_RC4_128_SHA", "1.3:TLS_AES_128_GCM_SHA256"] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("happy", &options, &mut capture, &mut keylog).expect("a capture");
        let messages = |capture: &[u8]| {
            std::fs::write(&path, capture).expect("a file");
            let mut keys = Keys::default();
            keys.push_keylog(&keylog);
            let mut source = capture::open(path.to_str().expect("UTF-8"), 0, &capture::Options::default()).ok()?;
            let mut reading = Reading::of(&Profile::built_in().expect("a profile"), keys);
            let mut messages = BTreeSet::new();
            let mut take = |seen: Seen<'_>| {
                if let Seen::Message { raw, .. } = seen {
                    messages.insert(raw.to_vec());
                }
            };
            while source.advance() {
                let Some(frame) = source.frame() else { break };
                reading.push(&frame, &mut take);
            }
            reading.finish(&mut take);
            Some(messages)
        };
        let whole = messages(&capture).expect("a capture");
        assert!(whole.len() > 30, "{suite}: {}", whole.len());
        let mut less = 0;
        for at in (500..capture.len()).step_by(397) {
            let mut flipped = capture.clone();
            flipped[at] ^= 1 << (at % 8);
            let Some(read) = messages(&flipped) else { continue };
            // A message that is cut by what is lost is the beginning of a whole one.
            let is_known = |raw: &&Vec<u8>| whole.iter().any(|known| known.starts_with(raw.as_slice()));
            let new: Vec<_> =
                read.iter().filter(|raw| !is_known(raw)).map(|raw| String::from_utf8_lossy(raw)).collect();
            assert!(new.is_empty(), "{suite} at {at}: {new:?}");
            less += u32::from(read.len() < whole.len());
        }
        assert!(less > 20, "{suite}: {less}");
    }
}

fn choice(named: &str) -> Option<Choice> {
    Some(simulate::protection(named).expect("a version and a suite"))
}

/// Changes the last octet.
fn flip(frame: &mut Frame) {
    *frame.octets.last_mut().expect("an octet") ^= 1;
}

/// Where the first packets behind NEGOTIATE are lost on both sides, with or without the answer to it, nobody can tell how
/// packets are laid out: that is damage, and no layout that is not known.
#[test]
fn lost_first_packets_are_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for layout in LAYOUTS {
        let options = Options { compress: Some(layout), ..Options::default() };
        let mut capture = Vec::new();
        simulate::write("happy", &options, &mut capture).expect("a capture");
        let whole = Pcap::of(&capture);
        let asks = whole.frames.iter().enumerate().filter(|(_, frame)| frame.payload().starts_with(b"NEGOTIATE "));
        let asks: Vec<usize> = asks.map(|(at, _)| at).collect();
        assert!(asks.len() > 3, "{}", layout.name);
        let mut damaged = 0;
        for ask in asks {
            let from = whole.frames[ask].ends();
            let back = [from[1], from[0]];
            let behind = |ends, skipped| {
                let frames = whole.frames.iter().enumerate().skip(ask + 1);
                let mut own = frames.filter(|(_, frame)| frame.ends() == ends && !frame.payload().is_empty());
                own.nth(skipped).map(|(at, _)| at)
            };
            let (answer, client, server) = (behind(back, 0), behind(from, 0), behind(back, 1));
            assert!(whole.frames[answer.expect("an answer")].payload().starts_with(b"SIP/2.0 200"));
            for lost in [&[client, server][..], &[answer, client, server]] {
                let without = whole.only(|number, _| !lost.contains(&Some(number as usize - 1)));
                std::fs::write(&path, without.octets()).expect("a file");
                let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
                for unread in &report.coverage.unreadable {
                    assert_eq!(unread.reason, UnreadableReason::Damaged, "{} {lost:?}: {unread:?}", layout.name);
                    assert!(
                        unread.detail.starts_with("compressed after NEGOTIATE, and the first packets"),
                        "{unread:?}"
                    );
                    damaged += 1;
                }
                assert_eq!(faults(&report), BTreeSet::new(), "{} {lost:?}", layout.name);
            }
        }
        assert!(damaged > 4, "{}: {damaged}", layout.name);
    }
}

#[test]
fn no_frame_that_is_lost_or_damaged_is_a_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let mut wrong = Vec::new();
    for (suite, compress) in [
        ("1.2:TLS_RSA_WITH_RC4_128_SHA", None),
        ("1.2:TLS_RSA_WITH_RC4_128_SHA", Some(&LAYOUTS[0])),
        ("1.0:TLS_RSA_WITH_AES_128_CBC_SHA", None),
        ("1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", None),
        ("1.3:TLS_AES_128_GCM_SHA256", None),
    ] {
        let vantage = vec![simulate::Vantage::Frontend];
        let options = Options { tls: choice(suite), compress, vantage, ..Options::default() };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("happy", &options, &mut capture, &mut keylog).expect("a capture");
        let found = |capture: &Pcap| {
            std::fs::write(&path, capture.octets()).expect("a file");
            let mut keys = Keys::default();
            keys.push_keylog(&keylog);
            analyze_with(&path, false, keys).expect("a report").0
        };
        let whole = Pcap::of(&capture);
        assert_eq!(found(&whole).summary.complete, 1, "{suite}");
        let count = whole.frames.len();
        assert!(count > 40, "{suite}: {count}");
        for number in 0..count {
            let without = whole.only(|other, _| other != number as u64 + 1);
            let mut damaged = whole.clone();
            flip(&mut damaged.frames[number]);
            for (what, capture) in [("without", without), ("damaged in", damaged)] {
                let report = found(&capture);
                // All handshakes are in the capture, whole or not.
                for unread in &report.coverage.unreadable {
                    assert_ne!(unread.reason, UnreadableReason::TlsNoHandshake, "{suite} {what} {}", number + 1);
                }
                wrong.extend(faults(&report).iter().map(|fault| format!("{suite} {what} {}: {fault}", number + 1)));
            }
        }
        // All that was said damaged: it is told that it could not be read.
        let mut damaged = whole.clone();
        damaged.frames.iter_mut().filter(|frame| frame.payload().first() == Some(&23)).for_each(flip);
        let report = found(&damaged);
        let told: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert!(told.contains(&"LP901"), "{suite}: {told:?} {:?}", report.coverage);
        assert!(!report.coverage.unreadable.is_empty(), "{suite}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn frames_cut_short_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in ["1.2:TLS_RSA_WITH_AES_256_CBC_SHA256", "1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let mut capture = Vec::new();
        simulate::write("happy", &options, &mut capture).expect("a capture");
        for most in [60, 68, 80, 96, 112] {
            let mut cut = Pcap::of(&capture);
            cut.frames.iter_mut().for_each(|frame| frame.octets.truncate(most));
            std::fs::write(&path, cut.octets()).expect("a file");
            let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
            assert!(report.findings.iter().any(|finding| finding.code == "LP901"), "{suite} {most}: {report:?}");
        }
    }
}

/// However much of each frame is cut off: a connection that the capture shows from its SYN on was not made before it.
#[test]
fn a_handshake_cut_short_is_damage() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in [
        "1.0:TLS_RSA_WITH_AES_128_CBC_SHA",
        "1.2:TLS_RSA_WITH_AES_256_CBC_SHA256",
        "1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "1.3:TLS_AES_128_GCM_SHA256",
    ] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let mut capture = Vec::new();
        simulate::write("happy", &options, &mut capture).expect("a capture");
        let whole = Pcap::of(&capture);
        let is_hello = |frame: &&Frame| matches!(frame.payload(), [22, _, _, _, _, 1, ..]);
        let hello = whole.frames.iter().filter(is_hello).map(|frame| frame.octets.len()).min().expect("a hello");
        assert!((100..400).contains(&hello), "{suite}: {hello}");
        for most in 60..=400 {
            let mut cut = whole.clone();
            cut.frames.iter_mut().for_each(|frame| frame.octets.truncate(most));
            std::fs::write(&path, cut.octets()).expect("a file");
            let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
            let reasons: BTreeSet<_> = report.coverage.unreadable.iter().map(|unread| unread.reason).collect();
            assert!(!reasons.is_empty(), "{suite} {most}");
            assert!(!reasons.contains(&UnreadableReason::TlsNoHandshake), "{suite} {most}: {reasons:?}");
            if most < hello {
                assert_eq!(reasons, BTreeSet::from([UnreadableReason::Damaged]), "{suite} {most}");
            }
        }
    }
}

#[test]
fn what_is_lost_inside_is_no_fault() {
    use Mischief::{Drop, Mirror, Reorder, Repeat, Split};
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let protections = [
        (choice("1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"), None),
        (choice("1.3:TLS_AES_128_GCM_SHA256"), Some(&LAYOUTS[1])),
        (choice("1.0:TLS_RSA_WITH_AES_128_CBC_SHA"), None),
        (choice("1.2:TLS_RSA_WITH_RC4_128_SHA"), None),
        (None, Some(&LAYOUTS[0])),
        (None, Some(&LAYOUTS[2])),
    ];
    let harmless: [&[Mischief]; 3] = [&[Split], &[Repeat, Mirror], &[Split, Reorder]];
    let lossy: [&[Mischief]; 3] = [&[Drop], &[Split, Drop], &[Drop, Reorder, Repeat, Mirror]];
    let (mut wrong, mut gaps) = (Vec::new(), 0);
    for (number, scenario) in simulate::scenarios().iter().enumerate() {
        for seed in 1..=SEEDS {
            // Each scenario meets each protection with one of its seeds or the next scenario does.
            let (tls, compress) = protections[(number * SEEDS as usize + seed as usize) % protections.len()];
            let found = |mischief: &[Mischief]| {
                let mischief = mischief.to_vec();
                let options = Options { ladders: 2, seed, mischief, tls, compress, ..Options::default() };
                analyzed(scenario.name, &options, &path)
            };
            let whole = found(&[]);
            for mischief in harmless.iter().chain(&lossy) {
                let what = format!("{} {mischief:?} seed {seed} {tls:?} {compress:?}", scenario.name);
                let report = found(mischief);
                gaps += report.coverage.gaps;
                let new: Vec<String> = faults(&report).difference(&faults(&whole)).cloned().collect();
                wrong.extend(new.iter().map(|fault| format!("{what}: {fault}")));
                if harmless.contains(mischief) {
                    let [now, then] = [&report, &whole].map(|report| {
                        let coverage = &report.coverage;
                        (
                            coverage.sip_messages,
                            coverage.gaps,
                            coverage.streams.tls_decrypted,
                            coverage.unreadable.len(),
                        )
                    });
                    assert_eq!(now, then, "{what}: {:?}", report.coverage.unreadable);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(gaps > 500, "{gaps} gaps");
}

/// A connection that the capture joins later than it began, at any segment, with or without a loss just after: it was made
/// before the capture, and what is lost of it is not of its handshake. With a part of that in the capture it is damaged.
#[test]
fn a_connection_joined_in_the_middle_of_a_record_was_made_before_the_capture() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let reason = |capture: &Pcap, keylog: &str| {
        std::fs::write(&path, capture.octets()).expect("a file");
        let mut keys = Keys::default();
        keys.push_keylog(keylog.as_bytes());
        let report = analyze_with(&path, false, keys).expect("a report").0;
        report.coverage.unreadable.first().map(|unread| unread.reason)
    };
    let (mut joined, mut lost) = (0, 0);
    for name in ["tls12-rsa-gcm256-ems", "tls10-rsa-aes128-sha", "tls13-gcm128"] {
        let fixture = fixture::session(name);
        for size in [100, 300] {
            let whole = Pcap::of(&pcapng::capture(&fixture.connections[..1], size));
            let count = whole.frames.len() as u64;
            let is_text = |frame: &Frame| matches!(frame.payload(), [23, _, _, high, ..] if *high > 0);
            let text = whole.frames.iter().position(is_text).expect("text") as u64;
            // Close to the end nothing may be left but the last octets of a record.
            for first in text..count - 4 {
                for missing in [None, Some(1), Some(2), Some(3), Some(4)] {
                    let cut = whole.only(|number, _| number > first && Some(number - first) != missing);
                    let found = reason(&cut, &fixture.keylog);
                    assert!(
                        [None, Some(UnreadableReason::TlsNoHandshake)].contains(&found),
                        "{name} {size} {first} {missing:?}: {found:?}"
                    );
                    joined += u32::from(found.is_some());
                }
            }
            // An ACK comes first, and of the handshake that follows the client's hello is lost, or its end, or the answer.
            let mut acknowledged = whole.clone();
            acknowledged.frames[1].octets[TCP_FLAGS] = 0x10;
            let is_answer = |frame: &Frame| frame.ends()[0].1 == 5061;
            let answer = 3 + whole.frames[2..].iter().position(is_answer).expect("an answer") as u64;
            for missing in [3..answer, answer - 1..answer, answer..answer + 1] {
                let cut = acknowledged.only(|number, _| number > 1 && !missing.contains(&number));
                assert_eq!(reason(&cut, &fixture.keylog), Some(UnreadableReason::Damaged), "{name} {size} {missing:?}");
                lost += 1;
            }
        }
    }
    assert!(joined > 200 && lost > 10, "{joined} {lost}");
}

/// A connection from before the capture that only closes, with an alert that its keys protect, hides nothing: an alert
/// carries no SIP. In TLS 1.3 it looks like data that is as short.
#[test]
fn a_connection_that_only_closes_hides_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let mut simulated = Vec::new();
    simulate::write("push-unanswered", &Options::default(), &mut simulated).expect("a capture");
    let whole = Pcap::of(&simulated);
    // From the first alert on: that alone, or all that follows.
    let closing = |kind: u8, octets: u8, times: usize| {
        let alert = |octet| [&[kind, 3, 3, 0, octets][..], &vec![octet; octets.into()]].concat().repeat(times);
        let connection = fixture::Connection { sent: vec![(Side::Client, alert(0x5a)), (Side::Server, alert(0xa5))] };
        Pcap::of(&pcapng::capture(&[connection], 1_000)).frames.split_off(2)
    };
    let hosts = [([198, 51, 100, 9], [203, 0, 113, 10]), ([192, 0, 2, 7], [192, 0, 2, 9])];
    let cases = hosts.into_iter().chain([([192, 0, 2, 60], [192, 0, 2, 7])]);
    let cases = cases.flat_map(|hosts| [(hosts, closing(21, 26, 1)), (hosts, closing(23, 19, 1))]);
    for ((client, server), closing) in cases {
        for (seconds, count) in [(6, 1), (6, closing.len()), (18, 1), (30, 1), (30, closing.len())] {
            let mut capture = whole.clone();
            for (number, frame) in (0..).zip(&closing[..count]) {
                let [client, server] = [(client.into(), 51_999), (server.into(), 5061)];
                let is_forth = frame.ends()[1].1 == 5061;
                let mut frame = frame.between(if is_forth { [client, server] } else { [server, client] });
                frame.at = whole.frames[0].at + seconds * 1_000_000 + number * 1_000;
                capture.frames.push(frame);
            }
            capture.frames.sort_by_key(|frame| frame.at);
            std::fs::write(&path, capture.octets()).expect("a file");
            let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
            let what = format!("{client:?} {seconds} {count}");
            assert_eq!(report.coverage.streams.tls, 1, "{what}");
            assert_eq!(report.coverage.unreadable.len(), 0, "{what}: {:?}", report.coverage.unreadable);
            assert_eq!(report.ladders[0].steps[7].status, StepStatus::Missing, "{what}");
            let cause = report.ladders[0].diagnosis.as_ref().expect("a diagnosis").cause.as_str();
            assert_eq!(cause, "clearing-house-silent", "{what}");
            let codes: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
            assert!(codes.contains(&"LP208") && !codes.contains(&"LP908"), "{what}: {codes:?}");
        }
    }
    // What is longer, or comes again, may be a message, or the rest of one.
    for closing in [closing(23, 20, 1), closing(23, 19, 2)] {
        let mut capture = whole.clone();
        for (number, frame) in (0..).zip(&closing) {
            let [client, server] = [([198, 51, 100, 9].into(), 51_999), ([203, 0, 113, 10].into(), 5061)];
            let is_forth = frame.ends()[1].1 == 5061;
            let mut frame = frame.between(if is_forth { [client, server] } else { [server, client] });
            frame.at = whole.frames[0].at + 6_000_000 + number * 1_000;
            capture.frames.push(frame);
        }
        capture.frames.sort_by_key(|frame| frame.at);
        std::fs::write(&path, capture.octets()).expect("a file");
        let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
        assert_eq!(report.coverage.unreadable[0].reason, UnreadableReason::TlsNoHandshake);
        assert_eq!(report.ladders[0].steps[7].status, StepStatus::Unreadable);
    }
}

/// What stays closed on ports of which nobody told is listed where nothing else could be read, and beside SIP of its hosts.
#[test]
fn streams_on_unknown_ports_are_listed_where_they_may_be_sip() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for (suite, nothing_read) in [(None, false), (Some("1.2:TLS_RSA_WITH_AES_256_CBC_SHA256"), true)] {
        let options = Options { tls: suite.and_then(choice), ..Options::default() };
        let (mut capture, mut closed) = (Vec::new(), Vec::new());
        simulate::write("happy", &options, &mut capture).expect("a capture");
        let tls = Options { tls: choice("1.3:TLS_AES_128_GCM_SHA256"), seed: 2, ..Options::default() };
        simulate::write("happy", &tls, &mut closed).expect("a capture");
        let mut both = Pcap::of(&capture);
        both.frames.extend(Pcap::of(&closed).frames);
        // The ports stand behind the heads of Ethernet and IPv4.
        let ports_of = if suite.is_some() { 0 } else { Pcap::of(&capture).frames.len() };
        for frame in both.frames.iter_mut().skip(ports_of) {
            for port in [34, 36] {
                let number = u16::from_be_bytes([frame.octets[port], frame.octets[port + 1]]);
                if matches!(number, 5061 | 5087) {
                    frame.octets[port..port + 2].copy_from_slice(&(number + 10_000).to_be_bytes());
                }
            }
        }
        std::fs::write(&path, both.octets()).expect("a file");
        let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
        let unreadable = &report.coverage.unreadable;
        assert!(unreadable.len() > 5, "{unreadable:?}");
        let of_speakers = |unread: &Unreadable| unread.detail.contains("one of its hosts is known for SIP");
        for unread in unreadable {
            assert!(unread.detail.contains("[ports]") && of_speakers(unread) != nothing_read, "{unread:?}");
        }
        let is_error = report.findings.iter().any(|finding| finding.code == "LP901");
        assert_eq!(is_error, nothing_read, "{:?}", report.findings);
    }
}

/// Also where it is the only record under its keys, and whether the capture shows how the connection ends or not.
#[test]
fn a_record_lost_at_the_end_of_a_connection_is_a_gap() {
    const REQUEST: &[u8] = b"OPTIONS sip:pool.example.test SIP/2.0\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    const ANSWER: &[u8] = b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in suites() {
        let mut pair = Pair::new(suite);
        let handshake = pair.sent.len();
        pair.write(Side::Client, REQUEST);
        pair.write(Side::Server, ANSWER);
        let sent: Vec<_> = pair.sent[handshake..].iter().map(|(side, bytes)| (*side, bytes.len() as u64)).collect();
        let ends: [pcapng::Ends<'_>; 3] = [
            &[(Side::Client, "FA"), (Side::Server, "FA")],
            &[(Side::Client, "RA")],
            // What the last frames acknowledge is all that shows it.
            &[(Side::Server, ""), (Side::Client, "")],
        ];
        for ends in ends {
            let connection = fixture::Connection { sent: pair.sent.clone() };
            let whole = Pcap::of(&pcapng::capture_ended(&[connection], 60_000, ends));
            for (place, (side, octets)) in sent.iter().enumerate() {
                let number = 2 + handshake as u64 + place as u64 + 1;
                std::fs::write(&path, whole.only(|other, _| other != number).octets()).expect("a file");
                let mut keys = Keys::default();
                keys.push_keylog(pair.keylog().as_bytes());
                let coverage = analyze_with(&path, false, keys).expect("a report").0.coverage;
                let what = format!("{suite:?} {ends:?} without what the {side:?} said: {coverage:#?}");
                assert_eq!((coverage.gaps, coverage.gap_bytes), (1, *octets), "{what}");
                assert_eq!(coverage.sip_messages, 1, "{what}");
            }
        }
    }
}

/// A connection that was opened, and of which then everything is lost, is as closed as one without its secret.
#[test]
fn a_leg_of_which_all_is_lost_is_unreadable() {
    const EDGE: [u16; 2] = [50_101, 50_301];
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.3:TLS_AES_128_GCM_SHA256"] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("push-unanswered", &options, &mut capture, &mut keylog).expect("a capture");
        // What ends a handshake stands behind what begins it, in the same frames.
        let lossy = Pcap::of(&capture).only(|_, frame| {
            let is_data = frame.payload().first() == Some(&23);
            let is_of_edge = frame.ends().iter().any(|(_, port)| EDGE.contains(port));
            !is_of_edge || !is_data
        });
        std::fs::write(&path, lossy.octets()).expect("a file");
        let mut keys = Keys::default();
        keys.push_keylog(&keylog);
        let report = analyze_with(&path, false, keys).expect("a report").0;
        let [step] = [4].map(|at| &report.ladders[0].steps[at]);
        assert_eq!(step.status.name(), "unreadable", "{suite}: {step:?}");
        assert_eq!(report.coverage.unreadable.len(), 2, "{suite}");
    }
}
