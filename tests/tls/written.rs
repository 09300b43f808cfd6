//! What [`Writer`] writes opens again: every suite of every version, octet for octet.

use lyncpush::flow::Side;
use lyncpush::tls::{Choice, Draw, Handshake, Identity, Parties, Secrets, State, Version, Writer};

use crate::fixture::Connection;
use crate::replay::{Read, play, steps};

const SERVER: &str = "fe01.example.com";
const CLIENT: &str = "edge01.example.com";
/// 2012-01-01 and 2062-01-01, so that both ways to state a moment are met.
const VALID: [i64; 2] = [1_325_376_000, 2_903_299_200];

/// Octets that differ from draw to draw.
fn draw(mut seed: u64) -> Draw {
    Box::new(move |octets| {
        for octet in octets {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *octet = (seed >> 56) as u8;
        }
    })
}

/// A connection that carries texts of many lengths, and its key log.
struct Written {
    connection: Connection,
    keylog: String,
    plain: [Vec<u8>; 2],
}

/// A connection of which the handshake is through.
pub fn begin(choice: Choice, is_mutual: bool) -> (Writer, Handshake) {
    let identity = |name, seed| Identity::new(name, &[], choice, VALID, draw(seed)).unwrap();
    let (server, client) = (identity(SERVER, 1), identity(CLIENT, 2));
    let parties = Parties { server_name: SERVER, server: &server, client: is_mutual.then_some(&client) };
    Writer::begin(choice, parties, draw(3)).unwrap()
}

fn written(choice: Choice, is_mutual: bool) -> Written {
    let (mut writer, Handshake { flights, keylog }) = begin(choice, is_mutual);
    let mut connection = Connection { sent: flights };
    let mut plain = [Vec::new(), Vec::new()];
    for (number, length) in [1, 2, 15, 16, 17, 700, 16_384, 16_385, 40_000, 0, 33].into_iter().enumerate() {
        let side = if number % 3 == 1 { Side::Server } else { Side::Client };
        let text: Vec<u8> = (0..length).map(|at: usize| (at * 7 + number) as u8).collect();
        connection.sent.push((side, writer.seal(side, &text).unwrap()));
        plain[side.index()].extend(text);
    }
    for side in [Side::Client, Side::Server] {
        connection.sent.push((side, writer.close(side).unwrap()));
    }
    Written { connection, keylog, plain }
}

fn read(written: &Written, size: usize) -> Read {
    let mut secrets = Secrets::default();
    let count = secrets.push_keylog(written.keylog.as_bytes());
    assert!(count.secrets > 0 && count.skipped + count.unused == 0);
    play(&steps(&written.connection, size), &mut secrets)
}

#[test]
fn every_suite_of_every_version_opens_again() {
    let mut count = 0;
    for choice in Choice::all() {
        let (version, suite) = (choice.version(), choice.suite());
        for (is_mutual, size) in [(false, usize::MAX), (true, 977)] {
            let written = written(choice, is_mutual);
            let read = read(&written, size);
            assert!(read.plain == written.plain, "{version:?} {suite}: {:?}", read.facts);
            let facts = read.facts;
            assert_eq!((facts.version, facts.suite.as_deref()), (Some(version.name()), Some(suite)));
            assert_eq!((facts.state, facts.lost_octets, facts.alert), (State::Reading, [0, 0], None), "{suite}");
            assert_eq!(facts.server_name.as_deref(), Some(SERVER));
            let names = [facts.certificate, facts.client_certificate].map(|certificate| {
                certificate.map(|certificate| {
                    assert_eq!((certificate.not_after, &certificate.issuer), (VALID[1], &certificate.subject));
                    assert_eq!(certificate.subject, format!("CN={}", certificate.alternative_names.concat()));
                    certificate.alternative_names.concat()
                })
            });
            let expected = match (suite.contains("_anon_"), is_mutual) {
                (true, _) => [None, None],
                (false, false) => [Some(SERVER), None],
                (false, true) => [Some(SERVER), Some(CLIENT)],
            };
            assert_eq!(names, expected.map(|name| name.map(str::to_owned)), "{version:?} {suite}");
        }
        count += 1;
    }
    assert!(count > 120, "{count}");
    assert!(Version::ALL.iter().all(|version| Choice::of(*version).count() >= 5));
}

#[test]
fn records_are_as_long_as_they_may_be_and_split_where_they_have_to() {
    for choice in Choice::all() {
        let read = read(&written(choice, false), usize::MAX);
        let lengths: Vec<usize> = read.pieces[Side::Client.index()].iter().map(Vec::len).collect();
        let is_split = choice.version() == Version::Tls10 && choice.suite().contains("_CBC_");
        let expected: &[usize] = match is_split {
            true => &[1, 1, 14, 1, 15, 1, 699, 1, 16_383, 1, 16_384, 16_384, 7_231],
            false => &[1, 15, 16, 700, 16_384, 16_384, 16_384, 7_232],
        };
        assert_eq!(lengths, expected, "{:?} {}", choice.version(), choice.suite());
    }
}

#[test]
fn the_same_draws_give_the_same_octets_and_other_keys_open_nothing() {
    let choice = Choice::of(Version::Tls12).find(|choice| choice.suite().contains("GCM")).unwrap();
    let (one, other) = (written(choice, true), written(choice, true));
    assert!(one.connection.sent == other.connection.sent && one.keylog == other.keylog);
    for choice in Choice::all() {
        let mut wrong = written(choice, false);
        // Another secret for the same connection: its last digit but the line's end.
        let digits: Vec<String> = wrong
            .keylog
            .lines()
            .map(|line| {
                let (line, last) = line.split_at(line.len() - 1);
                format!("{line}{}\n", if last == "0" { "1" } else { "0" })
            })
            .collect();
        wrong.keylog = digits.concat();
        let read = read(&wrong, usize::MAX);
        assert!(read.plain == [const { Vec::<u8>::new() }; 2], "{}", choice.suite());
        assert!(matches!(read.facts.state, State::Unreadable { .. }), "{}", choice.suite());
    }
}
