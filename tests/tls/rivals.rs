//! Secrets that contradict each other: a wrong one beside the right one takes nothing away, and opens nothing.

use lyncpush::flow::Side;
use lyncpush::tls::{Secrets, Session, State, read_rsa_keys};
use lyncpush::unreadable::{Hurdle, UnreadableReason};
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Encrypt, PrivateKey};

use crate::fixture::{self, Connection, Fixture, hex};
use crate::pair::{Pair, suites};
use crate::replay::{Read, Step, is_whole, play, play_all, play_into, steps};

/// The same lines with other secrets; `number` tells several from each other.
pub fn wrong(keylog: &str, number: u8) -> String {
    let line = |line: &str| {
        let (front, secret) = line.rsplit_once(' ').unwrap();
        format!("{front} {}\n", format!("{number:02x}").repeat(secret.len() / 2))
    };
    keylog.lines().map(line).collect()
}

pub fn with(keylogs: &[&str]) -> Secrets {
    let mut secrets = Secrets::default();
    keylogs.iter().for_each(|text| assert_eq!(secrets.push_keylog(text.as_bytes()).skipped, 0));
    secrets
}

fn give_key(secrets: &mut Secrets, name: &str) {
    let keys = read_rsa_keys(name, &fixture::file(name), None).unwrap();
    keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
}

/// Plays steps while more secrets may come; then gives those, or says that there are none.
fn late(steps: &[Step], secrets: &mut Secrets, give: impl FnOnce(&mut Secrets)) -> Read {
    let (mut session, mut read) = (Session::default(), Read::default());
    play_into(&mut session, &mut read, steps, secrets);
    give(secrets);
    session.retry(secrets, &mut |side, event| read.take(side, event));
    read.facts = session.facts();
    read
}

fn late_all(connections: &[Connection], secrets: &mut Secrets, give: impl Fn(&mut Secrets)) -> Vec<Read> {
    connections.iter().map(|connection| late(&steps(connection, 300), secrets, &give)).collect()
}

fn unreadable(read: &Read) -> (UnreadableReason, &str) {
    match &read.facts.state {
        State::Unreadable { reason, detail } => (*reason, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn wrong_lines_before_or_behind_the_right_ones_take_nothing_away() {
    for name in fixture::names() {
        let Fixture { keylog, connections } = fixture::session(&name);
        let (one, other) = (wrong(&keylog, 1), wrong(&keylog, 2));
        let orders = [[&keylog, &one, &other], [&one, &keylog, &other], [&one, &other, &keylog]];
        for order in orders {
            for sealed in [false, true] {
                let mut secrets = with(&order.map(String::as_str));
                if sealed {
                    secrets.seal();
                }
                let reads = play_all(&connections, 300, &mut secrets);
                assert!(is_whole(&reads), "{name}: {:?}", reads[0].facts);
                assert!(reads.iter().all(|read| read.facts.state == State::Reading), "{name}");
                assert!(!secrets.is_waiting(), "{name}");
            }
        }
    }
}

#[test]
fn each_label_may_be_wrong_alone() {
    for name in ["tls13-gcm128", "tls13-ccm8", "tls13-chacha", "tls13-key-update", "tls13-mutual"] {
        let Fixture { keylog, connections } = fixture::session(name);
        for line in keylog.lines() {
            let mut secrets = with(&[&keylog, &wrong(line, 1)]);
            assert!(is_whole(&play_all(&connections, 300, &mut secrets)), "{name}: {line}");
            // In place of the right one: what does not depend on it is read, what does stays closed.
            let others: String =
                keylog.lines().filter(|other| *other != line).map(|line| format!("{line}\n")).collect();
            let mut secrets = with(&[&others, &wrong(line, 1)]);
            let reads = late_all(&connections, &mut secrets, Secrets::seal);
            if line.contains("HANDSHAKE") {
                // What follows the handshake needs nothing of it.
                assert!(is_whole(&reads), "{name}: {line}: {:?}", reads[0].facts);
                assert!(reads.iter().all(|read| read.facts.state == State::Reading), "{name}: {line}");
            } else if line.contains("TRAFFIC_SECRET_0") {
                let closed = if line.starts_with("CLIENT") { Side::Client } else { Side::Server };
                let read = &reads[0];
                assert!(read.plain[closed.index()].is_empty() && !read.plain[closed.other().index()].is_empty());
                assert_eq!(unreadable(read).0, UnreadableReason::TlsBadMac, "{name}: {line}");
            }
        }
    }
}

#[test]
fn the_right_lines_may_come_after_wrong_ones_and_after_the_last_octet() {
    for name in fixture::names() {
        let Fixture { keylog, connections } = fixture::session(&name);
        let mut secrets = with(&[&wrong(&keylog, 1), &wrong(&keylog, 2)]);
        let reads = late_all(&connections, &mut secrets, |secrets| {
            secrets.push_keylog(keylog.as_bytes());
        });
        assert!(is_whole(&reads), "{name}: {:?}", reads[0].facts);
        assert!(reads.iter().all(|read| read.facts.state == State::Reading && read.ended == [true; 2]), "{name}");
        assert!(!secrets.is_waiting(), "{name}");
    }
}

#[test]
fn where_none_fits_nothing_comes_out_and_it_is_said_what_was_tried() {
    for name in fixture::names() {
        let Fixture { keylog, connections } = fixture::session(&name);
        let connection = &connections[..1];
        for sealed in [false, true] {
            let mut secrets = with(&[&wrong(&keylog, 1), &wrong(&keylog, 2)]);
            if sealed {
                secrets.seal();
            }
            let read = late_all(connection, &mut secrets, Secrets::seal).remove(0);
            assert_eq!(read.facts.plain_octets, [0, 0], "{name}");
            let (reason, detail) = unreadable(&read);
            let source = match name.starts_with("tls13") {
                true => "TRAFFIC_SECRET of the key log",
                false => "CLIENT_RANDOM of the key log",
            };
            assert_eq!(reason, UnreadableReason::TlsBadMac, "{name}: {detail}");
            assert_eq!(detail, format!("no record can be verified with any of 2 secrets: {source}"), "{name}");
            assert_eq!(read.facts.secrets_tried, [source], "{name}");
            assert!(read.ended == [true; 2] && !secrets.is_waiting(), "{name}");
        }
    }
}

/// What the client of an RSA key exchange sent encrypted, its premaster secret, its random and the session's id.
fn exchange_of(connection: &Connection) -> (Vec<u8>, String, String, String) {
    let key = PrivateKey::from_pkcs8_pem(&String::from_utf8(fixture::file("server.key")).unwrap()).unwrap();
    let first = |wanted: Side| &connection.sent.iter().find(|(side, _)| *side == wanted).unwrap().1;
    let (hello, answer) = (first(Side::Client), first(Side::Server));
    // ClientKeyExchange of 256 octets: type, length of the message, length of the secret.
    let marked = |(side, bytes): &(Side, Vec<u8>)| {
        let place = bytes.windows(6).position(|window| window == [16, 0, 1, 2, 1, 0])?;
        (*side == Side::Client).then(|| bytes[place + 6..place + 6 + 256].to_vec())
    };
    let encrypted = connection.sent.iter().find_map(marked).unwrap();
    let premaster = hex(&key.decrypt(Pkcs1v15Encrypt, &encrypted).unwrap());
    let id = hex(&answer[44..44 + usize::from(answer[43])]);
    (encrypted, premaster, hex(&hello[11..43]), id)
}

#[test]
fn a_wrong_line_of_any_kind_hides_no_other_source() {
    let (random_line, session_line) = ("CLIENT_RANDOM of the key log", "RSA Session-ID of the key log");
    let (premaster_line, exchange_line) = ("PMS_CLIENT_RANDOM of the key log", "RSA of the key log");
    for name in ["tls12-rsa-gcm256-ems", "tls12-rsa-aes256-sha256", "tls10-rsa-aes128-sha", "tls10-rsa-rc4-md5"] {
        let Fixture { keylog, connections } = fixture::session(name);
        let (encrypted, premaster, random, id) = exchange_of(&connections[0]);
        let master = keylog.trim_end().rsplit(' ').next().unwrap();
        let mut lines = vec![
            (random_line, format!("CLIENT_RANDOM {random} "), master),
            (session_line, format!("RSA Session-ID:{id} Master-Key:"), master),
            (premaster_line, format!("PMS_CLIENT_RANDOM {random} "), &premaster),
            (exchange_line, format!("RSA {} ", hex(&encrypted[..8])), &premaster),
        ];
        lines.retain(|(source, ..)| *source != session_line || !id.is_empty());
        let is_of_keylog = |source: &str| lines.iter().any(|(known, ..)| *known == source);
        let mut sources: Vec<&str> = lines.iter().map(|(source, ..)| *source).collect();
        sources.push("RSA key");
        for right in &sources {
            // All others are wrong.
            let mut text = String::new();
            for (source, front, secret) in &lines {
                let bad = "1f".repeat(48);
                text += &format!("{front}{bad}\n");
                if source == right {
                    text = format!("{front}{secret}\n{text}");
                }
            }
            let mut secrets = with(&[&text]);
            if !is_of_keylog(right) {
                give_key(&mut secrets, "server.key");
            }
            secrets.seal();
            let reads = play_all(&connections, 300, &mut secrets);
            assert!(is_whole(&reads), "{name} by {right}: {:?}", reads[0].facts);
            let until = sources.iter().position(|source| source == right).unwrap();
            assert_eq!(reads[0].facts.secrets_tried, sources[..=until], "{name} by {right}");
        }
    }
}

#[test]
fn a_wrong_line_does_not_hide_the_session_that_is_resumed() {
    for name in ["tls12-resumed-by-id", "tls12-resumed-by-ticket"] {
        let Fixture { keylog, connections } = fixture::session(name);
        let (_, hello) = connections[1].sent.iter().find(|(side, _)| *side == Side::Client).unwrap();
        let line = format!("CLIENT_RANDOM {} {}\n", hex(&hello[11..43]), "1f".repeat(48));
        let mut secrets = with(&[&wrong(&keylog, 1), &line]);
        give_key(&mut secrets, "server.key");
        let reads = play_all(&connections, 300, &mut secrets);
        assert!(is_whole(&reads), "{name}: {:?}", reads[1].facts);
        let resumed = ["CLIENT_RANDOM of the key log", "the master secret of the resumed session"];
        assert_eq!(reads[1].facts.secrets_tried, resumed, "{name}");
    }
}

#[test]
fn a_wrong_line_beside_a_wrong_rsa_key_is_told_with_it() {
    let Fixture { keylog, connections } = fixture::session("tls12-rsa-gcm256-ems");
    let mut secrets = with(&[&wrong(&keylog, 1)]);
    give_key(&mut secrets, "client.key");
    secrets.seal();
    let read = play_all(&connections, 300, &mut secrets).remove(0);
    let detail = "no given RSA key is that of the server's certificate; no record can be verified with CLIENT_RANDOM of the key log";
    assert_eq!(unreadable(&read), (UnreadableReason::TlsKeyMismatch, detail));
    assert_eq!(read.facts.plain_octets, [0, 0]);
}

#[test]
fn a_secret_of_which_no_keys_can_be_made_is_not_said_to_verify_nothing() {
    let Fixture { keylog, connections } = fixture::session("tls12-rsa-gcm256-ems");
    let (_, premaster, random, _) = exchange_of(&connections[0]);
    let mut steps = steps(&connections[0], usize::MAX);
    // The keys made of the premaster secret depend on this, too.
    steps.insert(1, Step::Gap(Side::Server, 9));
    let mut secrets = with(&[&wrong(&keylog, 1), &format!("PMS_CLIENT_RANDOM {random} {premaster}\n")]);
    secrets.seal();
    let read = play(&steps, &mut secrets);
    let detail = "part of its handshake, on all of which its keys depend, is not in the capture: frames were lost or cut short; no record can be verified with CLIENT_RANDOM of the key log";
    assert_eq!(unreadable(&read), (UnreadableReason::Damaged, detail));
    let found = ["CLIENT_RANDOM of the key log", "PMS_CLIENT_RANDOM of the key log"];
    assert_eq!(read.facts.secrets_tried, found);
}

/// The end of the client's handshake is lost: keys are tried on what comes behind, and in TLS 1.0 only the record after
/// that can tell.
#[test]
fn behind_a_loss_the_right_one_is_found_as_well() {
    let plain = |name: &String| !name.contains("resumed") && !name.contains("renegotiated") && !name.contains("retry");
    let mut read_on = 0;
    for name in fixture::names().into_iter().filter(plain) {
        let Fixture { keylog, connections } = fixture::session(&name);
        let mut steps = steps(&connections[0], usize::MAX);
        let mut of_client = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Bytes(Side::Client, _)));
        let (place, _) = of_client.nth(1).unwrap();
        let Step::Bytes(side, bytes) = steps[place].clone() else { panic!("{name}") };
        steps[place] = Step::Gap(side, bytes.len() as u64);
        let mut right = with(&[&keylog]);
        right.seal();
        let expected = play(&steps, &mut right);
        read_on += usize::from(!expected.plain[0].is_empty());
        for order in [[&keylog, &wrong(&keylog, 1)], [&wrong(&keylog, 1), &keylog]] {
            let order = order.map(String::as_str);
            let mut secrets = with(&order);
            secrets.seal();
            let found = play(&steps, &mut secrets);
            assert_eq!((&found.plain, &found.gaps), (&expected.plain, &expected.gaps), "{name}");
            assert_eq!(found.facts.state, expected.facts.state, "{name}");
            let found = late(&steps, &mut with(&order), Secrets::seal);
            assert_eq!((&found.plain, &found.gaps), (&expected.plain, &expected.gaps), "{name}");
        }
        if !name.starts_with("tls10") && !name.contains("rc4") {
            let found = late(&steps, &mut with(&[&wrong(&keylog, 1)]), |secrets| {
                secrets.push_keylog(keylog.as_bytes());
            });
            assert_eq!((&found.plain, &found.gaps), (&expected.plain, &expected.gaps), "{name}");
        }
    }
    assert!(read_on > 15, "{read_on}");
}

/// What no secret opens behind a loss may be the record's fault: a few records later it is read on with the secrets that
/// are there, although more may come.
#[test]
fn a_record_that_makes_no_sense_behind_a_loss_holds_up_the_next_ones_for_a_while_only() {
    let name = "tls12-ecdhe-chacha";
    let Fixture { keylog, connections } = fixture::session(name);
    let steps = steps(&connections[0], usize::MAX);
    let mut of_client = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Bytes(Side::Client, _)));
    let (lost, _) = of_client.nth(1).unwrap();
    let Step::Bytes(_, bytes) = &steps[lost] else { panic!() };
    let record = [&[23, 3, 3, 0, 64][..], &[0x77; 64]].concat();
    let junk = |count: usize| {
        let mut steps = steps.clone();
        steps[lost] = Step::Gap(Side::Client, bytes.len() as u64);
        steps.splice(lost + 1..lost + 1, (0..count).map(|_| Step::Bytes(Side::Client, record.clone())));
        steps
    };
    for order in [&[&keylog][..], &[&keylog, &wrong(&keylog, 1)]] {
        let order: Vec<&str> = order.iter().map(|text| text.as_str()).collect();
        let mut sealed = with(&order);
        sealed.seal();
        let expected = play(&junk(10), &mut sealed);
        assert!(!expected.plain[0].is_empty());
        let found = play(&junk(10), &mut with(&order));
        assert_eq!((&found.plain, &found.gaps), (&expected.plain, &expected.gaps));
        assert_eq!(found.facts.state, expected.facts.state);
    }
}

#[test]
fn of_more_wrong_lines_than_are_kept_the_latest_are_tried() {
    let Fixture { keylog, connections } = fixture::session("tls12-ecdhe-chacha");
    let many: Vec<String> = (0..100).map(|number| wrong(&keylog, number)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut secrets = with(&[&many[..], &[&keylog], &many[..7]].concat());
    assert!(is_whole(&play_all(&connections, 300, &mut secrets)));
    let mut secrets = with(&[&many[..], &[&keylog], &many[..8]].concat());
    secrets.seal();
    let read = play_all(&connections, 300, &mut secrets).remove(0);
    let detail = "no record can be verified with any of 8 secrets: CLIENT_RANDOM of the key log";
    assert_eq!(unreadable(&read), (UnreadableReason::TlsBadMac, detail));
}

#[test]
fn lines_that_are_missing_are_named_and_the_other_direction_is_read() {
    for name in fixture::names().into_iter().filter(|name| name.starts_with("tls13") && !name.contains("resumed")) {
        let Fixture { keylog, connections } = fixture::session(&name);
        let without = |absent: &[&str]| -> String {
            let is_kept = |line: &&str| !absent.iter().any(|label| line.starts_with(label));
            keylog.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
        };
        let sides = [("CLIENT", "client", Side::Client), ("SERVER", "server", Side::Server)];
        for (label, who, closed) in sides {
            let (handshake, traffic) = (format!("{label}_HANDSHAKE"), format!("{label}_TRAFFIC_SECRET_0"));
            for absent in [&[traffic.as_str()][..], &[&traffic, &handshake]] {
                for sealed in [false, true] {
                    let mut secrets = with(&[&without(absent)]);
                    give_key(&mut secrets, "server.key");
                    if sealed {
                        secrets.seal();
                    }
                    let read = late_all(&connections, &mut secrets, Secrets::seal).remove(0);
                    let detail = format!(
                        "the key log has lines of it, but no {traffic}, without which what the {who} says cannot be read"
                    );
                    assert_eq!(unreadable(&read), (UnreadableReason::TlsNoSecret, detail.as_str()), "{name}");
                    assert_eq!(read.facts.hurdle, Some(Hurdle::LinesMissing), "{name}");
                    assert!(read.plain[closed.index()].is_empty(), "{name}");
                    let mut all = with(&[&keylog]);
                    let whole = play_all(&connections, 300, &mut all).remove(0);
                    assert_eq!(read.plain[closed.other().index()], whole.plain[closed.other().index()], "{name}");
                }
            }
        }
        let mut secrets = with(&[&without(&["CLIENT_TRAFFIC", "SERVER_TRAFFIC"])]);
        secrets.seal();
        let read = play_all(&connections, 300, &mut secrets).remove(0);
        let detail = unreadable(&read).1;
        assert!(detail.contains("neither CLIENT_TRAFFIC_SECRET_0 nor SERVER_TRAFFIC_SECRET_0"), "{name}: {detail}");
    }
}

/// A side that was read does not hide that the other was not.
#[test]
fn where_all_lines_of_one_side_are_wrong_the_other_is_read() {
    for name in ["tls13-gcm128", "tls13-ccm8", "tls13-mutual", "tls13-key-update"] {
        let Fixture { keylog, connections } = fixture::session(name);
        let whole = play_all(&connections, 300, &mut with(&[&keylog])).remove(0);
        for (label, closed) in [("CLIENT", Side::Client), ("SERVER", Side::Server)] {
            let line = |line: &str| match line.starts_with(label) {
                true => wrong(line, 1),
                false => format!("{line}\n"),
            };
            let keylog: String = keylog.lines().map(line).collect();
            let traffic = keylog.lines().filter(|line| line.contains("TRAFFIC_SECRET_0"));
            let traffic: String = traffic.map(|line| format!("{line}\n")).collect();
            // Without those of the handshake, a few records may all be of that.
            for (lines, is_told) in [(&keylog, true), (&traffic, false)] {
                for sealed in [false, true] {
                    let mut secrets = with(&[lines]);
                    if sealed {
                        secrets.seal();
                    }
                    let read = late_all(&connections, &mut secrets, Secrets::seal).remove(0);
                    assert!(read.plain[closed.index()].is_empty(), "{name} {label}");
                    assert_eq!(
                        read.plain[closed.other().index()],
                        whole.plain[closed.other().index()],
                        "{name} {label}"
                    );
                    if is_told {
                        assert_eq!(unreadable(&read).0, UnreadableReason::TlsBadMac, "{name} {label}");
                    }
                }
            }
        }
    }
    for suite in suites().into_iter().filter(|suite| suite.tls13().is_some()) {
        let mut pair = Pair::new(suite);
        (0..10).for_each(|_| [Side::Client, Side::Server].into_iter().for_each(|side| pair.write(side, b"text")));
        let steps: Vec<Step> = pair.sent.iter().map(|(side, bytes)| Step::Bytes(*side, bytes.clone())).collect();
        let keylog = pair.keylog();
        let traffic = keylog.lines().filter(|line| line.contains("TRAFFIC_SECRET_0"));
        let of_client_wrong =
            |line: &str| if line.starts_with("CLIENT") { wrong(line, 1) } else { format!("{line}\n") };
        let mut secrets = with(&[&traffic.map(of_client_wrong).collect::<String>()]);
        secrets.seal();
        let read = play(&steps, &mut secrets);
        assert_eq!(read.plain.each_ref().map(Vec::len), [0, 40], "{suite:?}");
        let detail = "no record can be verified with TRAFFIC_SECRET of the key log";
        assert_eq!(unreadable(&read), (UnreadableReason::TlsBadMac, detail), "{suite:?}");
    }
}

/// A wrong traffic secret without those of the handshake: every record may be of that, so nothing tells before the end.
#[test]
fn wrong_traffic_secrets_alone_are_found_out_at_the_end() {
    let Fixture { keylog, connections } = fixture::session("tls13-gcm128");
    let traffic: String =
        keylog.lines().filter(|line| line.contains("TRAFFIC_SECRET_0")).map(|line| format!("{line}\n")).collect();
    let mut secrets = with(&[&traffic]);
    assert!(is_whole(&play_all(&connections, 300, &mut secrets)));
    let mut secrets = with(&[&wrong(&traffic, 1)]);
    secrets.seal();
    let read = play_all(&connections, 300, &mut secrets).remove(0);
    assert_eq!(unreadable(&read).0, UnreadableReason::TlsBadMac);
}

#[test]
fn a_resumed_session_that_an_rsa_key_cannot_open_says_so() {
    for name in ["tls12-resumed-by-id", "tls12-resumed-by-ticket"] {
        let connections = &fixture::session(name).connections[1..];
        let rows: [(Option<&str>, &str, Hurdle); 2] = [
            (
                Some("server.key"),
                "it resumes a session whose full handshake is not in the capture",
                Hurdle::ResumedDespiteKey,
            ),
            (None, "no secret was given", Hurdle::Resumed),
        ];
        for (key, says, hurdle) in rows {
            let mut secrets = Secrets::default();
            key.into_iter().for_each(|key| give_key(&mut secrets, key));
            secrets.seal();
            let read = play_all(connections, 300, &mut secrets).remove(0);
            let (reason, detail) = unreadable(&read);
            assert_eq!(reason, UnreadableReason::TlsNoSecret, "{name}");
            assert!(detail.starts_with(says), "{name}: {detail}");
            assert_eq!(read.facts.hurdle, Some(hurdle), "{name}");
        }
    }
}
