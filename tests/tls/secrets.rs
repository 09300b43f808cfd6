//! Every source of secrets, and what is said where there is none.

use lyncpush::flow::Side;
use lyncpush::tls::{Secrets, Session, State, read_rsa_keys};
use lyncpush::unreadable::UnreadableReason;
use rsa::pkcs8::DecodePrivateKey;
use rsa::{Pkcs1v15Encrypt, PrivateKey};

use crate::fixture::{self, Fixture, hex};
use crate::replay::{Read, Step, is_whole, play, play_all, play_into, steps};

fn with_key(name: &str) -> Secrets {
    let mut secrets = Secrets::default();
    for key in read_rsa_keys(name, &fixture::file(name), None).unwrap() {
        secrets.push_rsa_key(key);
    }
    secrets
}

fn reason(read: &Read) -> UnreadableReason {
    match &read.facts.state {
        State::Unreadable { reason, detail } => {
            assert!(!detail.is_empty() && !detail.contains('\n'));
            *reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_servers_rsa_key_opens_every_rsa_key_exchange_and_what_resumes_it() {
    let rsa = |name: &String| name.contains("-rsa-") || name.starts_with("tls12-re") || name == "tls12-mutual";
    let names: Vec<String> = fixture::names().into_iter().filter(rsa).collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names {
        let mut secrets = with_key("server.key");
        let reads = play_all(&fixture::session(&name).connections, 300, &mut secrets);
        assert!(is_whole(&reads), "{name}: {:?}", reads[0].facts);
        assert_eq!(reads[0].facts.secrets_tried, ["RSA key"], "{name}");
        if name.starts_with("tls12-resumed") {
            assert_eq!(reads[1].facts.secrets_tried, ["the master secret of the resumed session"], "{name}");
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let first =
        |name: &str, mut secrets: Secrets| play_all(&fixture::session(name).connections, 300, &mut secrets).remove(0);
    use UnreadableReason::*;
    let rows: &[(&str, Option<&str>, UnreadableReason)] = &[
        ("tls12-rsa-gcm256-ems", None, TlsNoSecret),
        ("tls13-gcm128", None, TlsNoSecret),
        ("tls12-rsa-gcm256-ems", Some("client.key"), TlsKeyMismatch),
        ("tls12-dhe-gcm128", Some("server.key"), TlsForwardSecret),
        ("tls12-ecdhe-chacha", Some("server.key"), TlsForwardSecret),
        ("tls13-gcm128", Some("server.key"), TlsForwardSecret),
    ];
    for (name, key, expected) in rows {
        let mut secrets = key.map(with_key).unwrap_or_default();
        for sealed in [false, true] {
            if sealed {
                secrets.seal();
            }
            let read = play_all(&fixture::session(name).connections, 300, &mut secrets).remove(0);
            assert_eq!(reason(&read), *expected, "{name} {key:?}");
            assert_eq!(read.facts.plain_octets, [0, 0]);
            assert_eq!(read.ended, [sealed; 2], "{name}: what waits ends when it no longer waits");
        }
    }
    let mut wrong = Secrets::default();
    let keylog = fixture::session("tls12-dhe-gcm128").keylog;
    let (front, last) = keylog.trim_end().rsplit_once(' ').unwrap();
    wrong.push_keylog(format!("{front} {}", "5a".repeat(last.len() / 2)).as_bytes());
    let read = first("tls12-dhe-gcm128", wrong);
    assert_eq!((reason(&read), read.facts.plain_octets), (TlsBadMac, [0, 0]));
}

#[test]
fn a_connection_joined_after_its_handshake_says_so() {
    for name in ["tls12-rsa-gcm256-ems", "tls13-gcm256", "tls10-rsa-aes128-sha"] {
        let mut fixture = fixture::session(name);
        let mut secrets = Secrets::default();
        secrets.push_keylog(fixture.keylog.as_bytes());
        // The text comes last, in records of its own.
        let sent = &mut fixture.connections[0].sent;
        let is_data = |(_, bytes): &(Side, Vec<u8>)| bytes[0] == 23 && bytes.len() > 250;
        let data = sent.iter().position(is_data).unwrap();
        sent.drain(..data);
        let read = play_all(&fixture.connections, 300, &mut secrets).remove(0);
        assert_eq!((reason(&read), read.facts.plain_octets), (UnreadableReason::TlsNoHandshake, [0, 0]), "{name}");
    }
}

/// Plays everything before the secrets come, gives them, and tries again.
fn late(fixture: &Fixture, give: impl Fn(&mut Secrets)) -> Vec<Read> {
    let mut secrets = Secrets::default();
    let mut open: Vec<(Session, Read)> = Vec::new();
    for connection in &fixture.connections {
        let (mut session, mut read) = (Session::default(), Read::default());
        play_into(&mut session, &mut read, &steps(connection, 100), &mut secrets);
        assert!(read.plain.iter().all(Vec::is_empty));
        open.push((session, read));
    }
    assert!(open.iter().any(|(session, _)| session.is_waiting()));
    give(&mut secrets);
    let retried = |(mut session, mut read): (Session, Read)| {
        session.retry(&mut secrets, &mut |side, event| read.take(side, event));
        assert!(!session.is_waiting());
        read.facts = session.facts();
        read
    };
    open.into_iter().map(retried).collect()
}

#[test]
fn secrets_that_come_after_the_last_octet_open_everything() {
    for name in fixture::names() {
        let fixture = fixture::session(&name);
        let reads = late(&fixture, |secrets| {
            secrets.push_keylog(fixture.keylog.as_bytes());
        });
        assert!(is_whole(&reads), "{name}");
        assert!(reads.iter().all(|read| read.facts.state == State::Reading && read.ended == [true; 2]), "{name}");
    }
}

#[test]
fn premaster_secrets_and_session_ids_of_a_key_log_open_it() {
    let key = PrivateKey::from_pkcs8_pem(&String::from_utf8(fixture::file("server.key")).unwrap()).unwrap();
    for name in ["tls12-rsa-gcm256-ems", "tls12-rsa-aes256-sha256", "tls10-rsa-aes128-sha", "tls10-rsa-3des-sha-ems"] {
        let fixture = fixture::session(name);
        let sent = &fixture.connections[0].sent;
        let (_, hello) = sent.iter().find(|(side, _)| *side == Side::Client).unwrap();
        let random = &hello[11..43];
        // ClientKeyExchange of 256 octets: type, length of the message, length of the secret.
        let marked = |(side, bytes): &(Side, Vec<u8>)| {
            let place = bytes.windows(6).position(|window| window == [16, 0, 1, 2, 1, 0])?;
            (*side == Side::Client).then(|| bytes[place + 6..place + 6 + 256].to_vec())
        };
        let encrypted = sent.iter().find_map(marked).unwrap();
        let premaster = hex(&key.decrypt(Pkcs1v15Encrypt, &encrypted).unwrap());
        let master = fixture.keylog.trim_end().rsplit(' ').next().unwrap();
        let (_, answer) = sent.iter().find(|(side, _)| *side == Side::Server).unwrap();
        let id = &answer[44..44 + usize::from(answer[43])];
        let mut lines = vec![
            (format!("PMS_CLIENT_RANDOM {} {premaster}", hex(random)), "PMS_CLIENT_RANDOM of the key log"),
            (format!("RSA {} {premaster}", hex(&encrypted[..8])), "RSA of the key log"),
        ];
        if !id.is_empty() {
            let line = format!("lb1: RSA Session-ID:{} Master-Key:{master}\r", hex(id));
            lines.push((line, "RSA Session-ID of the key log"));
        }
        for (line, source) in lines {
            let mut secrets = Secrets::default();
            assert_eq!(secrets.push_keylog(line.as_bytes()).secrets, 1, "{line}");
            let reads = play_all(&fixture.connections, 300, &mut secrets);
            assert!(is_whole(&reads), "{name} by {source}");
            assert_eq!(reads[0].facts.secrets_tried, [source]);
            // The keys of these depend on the whole handshake, the master secret of a session does not.
            if name.ends_with("-ems") {
                let mut steps = steps(&fixture.connections[0], usize::MAX);
                steps.insert(1, Step::Gap(Side::Server, 9));
                let read = play(&steps, &mut secrets);
                assert_eq!(
                    is_whole(std::slice::from_ref(&read)),
                    source.starts_with("RSA Session-ID"),
                    "{name} by {source}"
                );
                assert_eq!(read.facts.secrets_tried, [source], "{name}: found, whatever came of it");
            }
        }
    }
}

#[test]
fn nothing_printable_shows_a_secret() {
    for name in ["tls12-rsa-gcm256-ems", "tls13-gcm128", "tls10-rsa-aes128-sha"] {
        let fixture = fixture::session(name);
        let mut secrets = with_key("server.key");
        secrets.push_keylog(fixture.keylog.as_bytes());
        let (mut session, mut read) = (Session::default(), Read::default());
        play_into(&mut session, &mut read, &steps(&fixture.connections[0], 300), &mut secrets);
        let shown = format!("{secrets:?} {secrets:#?} {session:?} {session:#?} {:?}", session.facts());
        // As hexadecimal, and as lists of octets print.
        for line in fixture.keylog.lines() {
            let secret = line.rsplit(' ').next().unwrap();
            let octets = fixture::unhex(secret);
            let list = octets[..6].iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            let lines = octets[..6].iter().map(|octet| format!("{octet},")).collect::<Vec<_>>();
            assert!(!shown.to_lowercase().contains(&secret[..12].to_lowercase()), "{name}");
            assert!(!shown.contains(&list), "{name}");
            let squeezed: String = shown.split_whitespace().collect();
            assert!(!squeezed.contains(&lines.concat()), "{name}");
        }
    }
}
