//! What may be asked for; and whole captures inside TLS, opened again by the reading half with their key log.

use super::*;
use crate::frame::FrameRef;
use crate::simulate::tests::{raw, streams, taken, taken_with_keys, unpacked};
use crate::simulate::{Mischief, Options, Vantage, write_with_keys};
use crate::sipcomp::LAYOUTS;
use crate::stream::Event;
use crate::tls::{Secrets, Session, State};

/// A suite of every family and version, and who else does something to the packets.
const CHOICES: [(&str, &[Mischief]); 8] = [
    ("1.0:TLS_RSA_WITH_AES_128_CBC_SHA", &[]),
    ("1.0:TLS_RSA_WITH_RC4_128_MD5", &[Mischief::Split]),
    ("1.1:TLS_DHE_RSA_WITH_AES_256_CBC_SHA", &[]),
    ("1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", &[Mischief::Split]),
    ("1.2:TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", &[]),
    ("1.2:TLS_DH_anon_WITH_AES_128_GCM_SHA256", &[]),
    ("1.3:TLS_AES_256_GCM_SHA384", &[]),
    ("1.3:TLS_CHACHA20_POLY1305_SHA256", &[Mischief::Split]),
];

fn options(choice: &str, mischief: &[Mischief]) -> Options {
    Options { tls: Some(protection(choice).unwrap()), mischief: mischief.to_vec(), ..raw() }
}

#[test]
fn every_suite_that_is_listed_can_be_asked_for() {
    let mut count = 0;
    for (name, versions) in suites() {
        for version in versions {
            assert_eq!(protection(&format!("{version}:{name}")).unwrap().suite(), name);
            count += 1;
        }
    }
    assert_eq!(count, Choice::all().count());
}

/// The text of both sides of one connection, and whether the client showed a certificate.
fn opened(client: &[u8], server: &[u8], keys: &[u8]) -> ([Vec<u8>; 2], bool) {
    let (mut session, mut secrets, mut texts) = (Session::default(), Secrets::default(), [Vec::new(), Vec::new()]);
    assert_eq!(secrets.push_keylog(keys).skipped, 0);
    let frame = FrameRef { input: 0, number: 1, time: Options::START };
    for (side, stream) in [(Side::Client, client), (Side::Server, server)] {
        session.event(side, Event::Bytes { offset: 0, bytes: stream, frame }, &mut secrets, &mut |side, event| {
            match event {
                Event::Bytes { bytes, .. } => texts[side.index()].extend_from_slice(bytes),
                other => panic!("{other:?}"),
            }
        });
    }
    // The client's records waited for the server's hello.
    session.retry(&mut secrets, &mut |side, event| match event {
        Event::Bytes { bytes, .. } => texts[side.index()].extend_from_slice(bytes),
        other => panic!("{other:?}"),
    });
    let facts = session.facts();
    assert_eq!((&facts.state, facts.lost_octets, facts.alert), (&State::Reading, [0, 0], None), "{facts:?}");
    (texts, facts.client_certificate.is_some())
}

#[test]
fn tls_changes_octets_but_not_what_is_said() {
    for scenario in ["happy", "two-devices"] {
        let (plain, summary) = taken(scenario, &raw());
        let plain = streams(&plain);
        for (choice, mischief) in CHOICES {
            let (frames, with, keys) = taken_with_keys(scenario, &options(choice, mischief));
            assert_eq!(with.messages, summary.messages);
            let hidden = streams(&frames);
            assert!(hidden.keys().eq(plain.keys()));
            let mut mutual = 0;
            for (ends, client) in hidden.iter().filter(|(ends, _)| ends[1].1 >= 5_061 && ends[1].1 <= 5_088) {
                let back = [ends[1], ends[0]];
                let (texts, is_mutual) = opened(client, &hidden[&back], &keys);
                assert!(texts == [plain[ends].clone(), plain[&back].clone()], "{scenario} {choice} {ends:?}");
                // Users' desktops have addresses of their own.
                let is_server = matches!(ends[0].0, 7 | 9);
                assert_eq!(is_mutual, is_server && !choice.contains("anon"), "{choice} {ends:?}");
                mutual += usize::from(is_server);
            }
            assert!(mutual >= 4, "{mutual}");
        }
    }
}

#[test]
fn compression_is_inside_tls() {
    let plain = streams(&taken("happy", &raw()).0);
    let layout = LAYOUTS.first().unwrap();
    let options = Options { compress: Some(layout), ..options("1.2:TLS_RSA_WITH_AES_256_GCM_SHA384", &[]) };
    let (frames, _, keys) = taken_with_keys("happy", &options);
    let hidden = streams(&frames);
    for (ends, client) in hidden.iter().filter(|(ends, _)| ends[1].1 >= 5_061 && ends[1].1 <= 5_088) {
        let back = [ends[1], ends[0]];
        let ([client, server], _) = opened(client, &hidden[&back], &keys);
        assert!(unpacked(&client, &server) == [plain[ends].clone(), plain[&back].clone()], "{ends:?}");
    }
}

#[test]
fn the_same_is_written_every_time_also_the_keys() {
    for (choice, mischief) in CHOICES {
        let written = |options: &Options| {
            let (mut out, mut keys) = (Vec::new(), Vec::new());
            write_with_keys("certificate", options, &mut out, &mut keys).unwrap();
            (out, keys)
        };
        let first = written(&options(choice, mischief));
        assert!(first == written(&options(choice, mischief)), "{choice}");
        let other = written(&Options { seed: 2, ..options(choice, mischief) });
        assert!(first.0 != other.0 && first.1 != other.1, "{choice}");
        // Where it is seen from makes no difference for the keys, and no two connections have the same.
        let elsewhere = Options { vantage: vec![Vantage::Caller], ..options(choice, &[]) };
        assert!(written(&elsewhere).1 == first.1, "{choice}");
        let keys = String::from_utf8(first.1).unwrap();
        let names: std::collections::BTreeSet<&str> =
            keys.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
        assert_eq!(names.len(), keys.lines().count(), "{choice}");
    }
}

#[test]
fn a_certificate_that_is_not_trusted_is_shown_and_refused() {
    let choices =
        ["1.0:TLS_RSA_WITH_AES_128_CBC_SHA", "1.2:TLS_RSA_WITH_AES_128_GCM_SHA256", "1.3:TLS_AES_128_GCM_SHA256"];
    let scenarios = [("certificate", Side::Client), ("certificate-refused", Side::Server)];
    for (choice, (scenario, by)) in choices.iter().flat_map(|choice| scenarios.map(|scenario| (choice, scenario))) {
        let (frames, _, keys) = taken_with_keys(scenario, &options(choice, &[]));
        let hidden = streams(&frames);
        let refused = hidden.iter().filter(|(ends, _)| ends[1] == (10, 5_061));
        let mut count = 0;
        for (ends, client) in refused {
            let (mut session, mut secrets) = (Session::default(), Secrets::default());
            secrets.push_keylog(&keys);
            let frame = FrameRef { input: 0, number: 1, time: Options::START };
            for (side, bytes) in [(Side::Client, client), (Side::Server, &hidden[&[ends[1], ends[0]]])] {
                let event = Event::Bytes { offset: 0, bytes, frame };
                session.event(side, event, &mut secrets, &mut |_, event| panic!("{event:?}"));
            }
            session.retry(&mut secrets, &mut |_, event| panic!("{event:?}"));
            let facts = session.facts();
            let alert = facts.alert.unwrap();
            assert_eq!((alert.side, alert.fatal, alert.number), (by, true, 48), "{choice}");
            assert_eq!(facts.certificate.unwrap().subject, "CN=sipfed.online.lync.com", "{choice}");
            // A client that says no before its own turn does not show its certificate.
            let shown = facts.client_certificate.map(|certificate| certificate.subject);
            assert_eq!(shown, (by == Side::Server).then(|| "CN=edge01.example.com".to_owned()), "{choice}");
            count += 1;
        }
        assert!(count > 0, "{choice}");
    }
}

#[test]
fn a_choice_is_a_version_and_a_suite_of_it() {
    for (typed, name, suite) in [
        ("1.0:TLS_RSA_WITH_RC4_128_MD5", "TLS 1.0", "TLS_RSA_WITH_RC4_128_MD5"),
        ("1.1:RSA_WITH_AES_128_CBC_SHA", "TLS 1.1", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("1.2:tls_dh_ANON_with_aes_128_cbc_sha", "TLS 1.2", "TLS_DH_anon_WITH_AES_128_CBC_SHA"),
        ("1.3:TLS_AES_128_GCM_SHA256", "TLS 1.3", "TLS_AES_128_GCM_SHA256"),
    ] {
        let choice = protection(typed).unwrap();
        assert_eq!((choice.version().name(), choice.suite()), (name, suite));
    }
    for choice in Choice::all() {
        let number = choice.version().name().trim_start_matches("TLS ");
        assert_eq!(protection(&format!("{number}:{}", choice.suite())).unwrap(), choice);
    }
}

#[test]
fn what_does_not_fit_is_answered_with_what_does() {
    for (typed, expected) in [
        ("", "expected VERSION:SUITE"),
        ("1.2", "expected VERSION:SUITE"),
        ("1.4:TLS_AES_128_GCM_SHA256", "Known: 1.0, 1.1, 1.2, 1.3"),
        ("1.3:TLS_AES_128_GCM_SHA265", "\"TLS_AES_128_GCM_SHA265\", did you mean TLS_AES_128_GCM_SHA256, "),
        ("1.2:TLS_RSA_WITH_AES_128_CBC_SHAH", "did you mean TLS_RSA_WITH_AES_128_CBC_SHA, "),
        // As OpenSSL calls them.
        ("1.2:ECDHE-RSA-AES256-SHA384", "did you mean TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, "),
        ("1.0:aes128-sha", "did you mean TLS_RSA_WITH_AES_128_CBC_SHA, "),
        ("1.3:CHACHA20", "did you mean TLS_CHACHA20_POLY1305_SHA256? "),
        ("1.2:RSA_WITH_CAMELLIA_128_CBC_SHA", "did you mean TLS_RSA_WITH_AES_128_CBC_SHA, "),
        (
            "1.3:TLS_RSA_WITH_AES_128_CBC_SHA",
            "TLS_RSA_WITH_AES_128_CBC_SHA belongs to TLS 1.0, 1.1, 1.2 and not to TLS 1.3; ",
        ),
        ("1.0:RSA_WITH_AES_128_GCM_SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256 belongs to TLS 1.2 and not to TLS 1.0; "),
        ("1.2:unknown", "unknown cipher suite of TLS 1.2 \"unknown\"; "),
        ("1.2:", "unknown cipher suite of TLS 1.2 \"\"; "),
    ] {
        let text = protection(typed).unwrap_err().to_string();
        assert!(text.contains(expected) && !text.contains('\n'), "{text}");
        assert!(text.matches("TLS_").count() <= NEAREST + 1, "{text}");
        let is_of_suites = text.contains("suite") || text.contains("belongs");
        assert_eq!(text.ends_with("`lyncpush simulate --list-suites` shows all"), is_of_suites, "{text}");
    }
    let long = protection(&format!("1.2:{}", "AES_".repeat(1000))).unwrap_err().to_string();
    assert!(!long.contains("did you mean"), "comparing takes time by length");
}
