//! Segments that are lost and octets that are changed: what is not proved never comes out, and reading goes on.

use lyncpush::flow::Side;
use lyncpush::stream::Event;
use lyncpush::tls::{Secrets, Session, State, read_rsa_keys};
use lyncpush::unreadable::UnreadableReason;

use crate::fixture::{self, text};
use crate::replay::{Read, Step, at, is_whole, play, play_into, steps};

/// The connection of a session that carries the text, its secrets, and where the text begins.
fn data_of(name: &str) -> (Vec<Step>, Secrets, usize) {
    let fixture = fixture::session(name);
    let mut secrets = Secrets::default();
    secrets.push_keylog(fixture.keylog.as_bytes());
    let connection = fixture.connections.last().unwrap().clone();
    let steps = steps(&connection, usize::MAX);
    // The last three things a client sends are the two pieces of text and its goodbye.
    let client = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Bytes(Side::Client, _)));
    let data = client.map(|(place, _)| place).rev().nth(2).unwrap();
    (steps, secrets, data)
}

fn kinds() -> Vec<String> {
    let once = |name: &String| !name.contains("resumed") && !name.contains("renegotiated") && !name.contains("update");
    fixture::names().into_iter().filter(once).collect()
}

/// Every piece that came out is a part of the text, where it has to be.
pub fn only_text(name: &str, read: &Read) {
    let text = text();
    let wanted: Vec<u8> = text.iter().copied().filter(|octet| *octet != b'\r').collect();
    for pieces in &read.pieces {
        for piece in pieces {
            let piece: Vec<u8> = piece.iter().copied().filter(|octet| *octet != b'\r').collect();
            assert!(wanted.windows(piece.len()).any(|window| window == piece), "{name}");
        }
    }
}

#[test]
fn after_a_lost_record_the_next_ones_are_read_and_the_gap_is_told() {
    for name in kinds() {
        let (mut steps, mut secrets, data) = data_of(&name);
        let Step::Bytes(side, lost) = steps[data].clone() else { panic!("{name}") };
        steps[data] = Step::Gap(side, lost.len() as u64);
        let read = play(&steps, &mut secrets);
        only_text(&name, &read);
        assert_eq!(read.ended, [true, true], "{name}");
        // The place in the key stream of RC4 is lost for good; TLS 1.0 needs the record before.
        let (stream, chained) = (name.contains("rc4"), name.starts_with("tls10"));
        let whole = text();
        if stream {
            assert!(read.plain[0].is_empty(), "{name}");
            continue;
        }
        let rest = &read.plain[0];
        // Keys opened the end of the handshake: what is lost behind it is told, even if nothing follows.
        assert_eq!(read.gaps[0].len(), 1, "{name}");
        if chained {
            assert!(whole.ends_with(rest), "{name}");
        } else {
            assert!(whole.ends_with(rest) && !rest.is_empty() && rest.len() < whole.len(), "{name} {}", rest.len());
            assert_eq!(read.facts.state, State::Reading, "{name}");
        }
    }
}

#[test]
fn part_of_a_record_may_be_lost_and_records_may_be_many() {
    for name in kinds() {
        if name.contains("rc4") {
            continue;
        }
        let (steps, mut secrets, data) = data_of(&name);
        // The first piece of text in many small segments, of which one in the middle is lost.
        let Step::Bytes(side, bytes) = steps[data].clone() else { panic!("{name}") };
        let half = bytes.len() / 2;
        let broken: Vec<Step> = steps[..data]
            .iter()
            .cloned()
            .chain([Step::Bytes(side, bytes[..half].to_vec()), Step::Gap(side, 9)])
            .chain([Step::Bytes(side, bytes[half + 9..].to_vec())])
            .chain(steps[data + 1..].iter().cloned())
            .collect();
        let read = play(&broken, &mut secrets);
        only_text(&name, &read);
        assert!(!read.plain[0].is_empty() || name.starts_with("tls10"), "{name}");
        assert!(read.plain[0].len() < text().len(), "{name}");
        assert!(!read.gaps[0].is_empty() || read.plain[0].is_empty(), "{name}");
    }
}

#[test]
fn no_octet_that_was_changed_comes_out() {
    for name in kinds() {
        let (steps, _, data) = data_of(&name);
        let Step::Bytes(side, bytes) = steps[data].clone() else { panic!("{name}") };
        for place in (0..bytes.len()).step_by(7) {
            let (_, mut secrets, _) = data_of(&name);
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            let mut steps = steps.clone();
            steps[data] = Step::Bytes(side, changed);
            let read = play(&steps, &mut secrets);
            only_text(&name, &read);
            assert!(read.plain[0].len() < text().len(), "{name}: octet {place} counts");
        }
    }
}

/// Plays a connection that the capture joins later than it began.
fn joined(steps: &[Step]) -> (Session, Read) {
    let (mut session, mut read) = (Session::new(true), Read::default());
    play_into(&mut session, &mut read, steps, &mut Secrets::default());
    read.facts = session.facts();
    (session, read)
}

fn reason(read: &Read) -> Option<UnreadableReason> {
    match &read.facts.state {
        State::Unreadable { reason, .. } => Some(*reason),
        State::Handshake | State::Reading => None,
    }
}

/// Of a stream whose beginning the capture could have shown, and of a side that it does not show at all.
#[test]
fn a_handshake_that_is_lost_is_damage_and_one_before_the_capture_is_not() {
    for name in kinds() {
        let (steps, _, data) = data_of(&name);
        let is_of = |of: Side| move |step: &&Step| matches!(step, Step::Bytes(side, _) if *side == of);
        let gap = |of: Side, steps: &[Step]| {
            let octets = steps
                .iter()
                .filter(is_of(of))
                .map(|step| if let Step::Bytes(_, bytes) = step { bytes.len() } else { 0 });
            Step::Gap(of, octets.sum::<usize>() as u64)
        };
        let gaps = [Side::Client, Side::Server].map(|side| gap(side, &steps[..data]));
        let lost = [&gaps[..], &steps[data..]].concat();
        let only_client: Vec<Step> = steps.iter().filter(is_of(Side::Client)).cloned().collect();
        let client_and_gap = [&only_client[..], &[gap(Side::Server, &steps)]].concat();
        for (what, steps, expected) in [
            ("lost", lost, UnreadableReason::Damaged),
            ("one side", only_client, UnreadableReason::Damaged),
            ("one side, told late", client_and_gap, UnreadableReason::Damaged),
            ("before", steps[data..].to_vec(), UnreadableReason::TlsNoHandshake),
        ] {
            let (_, mut secrets, _) = data_of(&name);
            assert_eq!(reason(&play(&steps, &mut secrets)), Some(expected), "{name} {what}");
        }
    }
}

/// What is lost of a connection from before the capture was data, whatever else is seen; its goodbyes alone are no loss.
#[test]
fn a_connection_from_before_the_capture_that_only_closes_has_lost_nothing() {
    use Side::{Client, Server};
    let alert = |side| Step::Bytes(side, [&[21, 3, 3, 0, 26][..], &[0x5a; 26]].concat());
    // In TLS 1.3 an alert looks like data that is as short.
    let data = |side, octets: u8| Step::Bytes(side, [&[23, 3, 3, 0, octets][..], &vec![0x5a; octets.into()]].concat());
    let (goodbyes, gap) = ([alert(Client), alert(Server)], Step::Gap(Server, 40));
    // The last octets of a record, then one that is whole.
    let middle = Step::Bytes(Client, [&[0x5a; 40][..], &[21, 3, 3, 0, 26], &[0x5a; 26]].concat());
    let lost = Some(UnreadableReason::TlsNoHandshake);
    for (steps, expected) in [
        (&goodbyes[..1], None),
        (&goodbyes, None),
        (&[gap.clone(), alert(Server)], lost),
        (&[alert(Client), gap.clone()], lost),
        (&[middle], lost),
        (&[data(Client, 19)], None),
        (&[data(Server, 19), data(Client, 19)], None),
        (&[alert(Server), data(Client, 17)], None),
        (&[data(Client, 20)], lost),
        (&[data(Client, 19), data(Client, 19)], lost),
        (&[data(Client, 19), gap.clone()], lost),
        (&[gap.clone(), data(Server, 19)], lost),
    ] {
        let (session, read) = joined(steps);
        assert_eq!((reason(&read), session.is_unreadable()), (expected, expected.is_some()), "{steps:?}");
        assert_eq!(read.facts.lost_octets == [0; 2], expected.is_none(), "{steps:?}");
    }
}

/// What is given up for want of room is lost as if it had not been captured: keys that depend on it are not made of the
/// rest.
#[test]
fn a_handshake_that_is_given_up_for_want_of_room_is_damage() {
    let mut damaged = 0;
    for name in ["tls12-rsa-gcm256-ems", "tls10-rsa-3des-sha-ems"] {
        let connection = fixture::session(name).connections.remove(0);
        // The server's certificate in many records, and every record for itself: none is cut.
        let mut divided = Vec::new();
        for step in without(&steps(&connection, usize::MAX), &[]) {
            match step {
                Step::Bytes(Side::Server, bytes) if bytes[0] == 22 && bytes[5] == 11 => {
                    let record = |part: &[u8]| [&bytes[..3], &(part.len() as u16).to_be_bytes(), part].concat();
                    divided.extend(bytes[5..].chunks(100).map(|part| Step::Bytes(Side::Server, record(part))));
                }
                step => divided.push(step),
            }
        }
        let cut = steps(&connection, 100);
        assert!(divided.len() > 15, "{name}: {}", divided.len());
        for (steps, given_up) in
            [cut, divided].iter().flat_map(|steps| (0..steps.len()).map(move |given_up| (steps, given_up)))
        {
            let mut secrets = Secrets::default();
            let keys = read_rsa_keys(name, &fixture::file("server.key"), None).unwrap();
            keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
            let (mut session, mut read) = (Session::default(), Read::default());
            let mut offsets = [0; 2];
            for (number, step) in steps.iter().enumerate() {
                let Step::Bytes(side, bytes) = step else { panic!("nothing is lost") };
                let event = Event::Bytes { offset: offsets[side.index()], bytes, frame: at(number as u64) };
                session.event(*side, event, &mut secrets, &mut |side, event| read.take(side, event));
                offsets[side.index()] += bytes.len() as u64;
                if number == given_up {
                    session.shed(at(number as u64));
                }
            }
            read.facts = session.facts();
            only_text(name, &read);
            let found = reason(&read);
            assert!([None, Some(UnreadableReason::Damaged)].contains(&found), "{name} {given_up}: {:?}", read.facts);
            damaged += usize::from(found.is_some());
        }
    }
    assert!(damaged > 20, "{damaged}");
}

/// A handshake that renews an older one is protected: of that of a connection from before the capture it shows nothing.
#[test]
fn a_protected_handshake_is_none_that_the_capture_shows() {
    let connection = fixture::session("tls12-renegotiated").connections.remove(0);
    let records = without(&steps(&connection, usize::MAX), &[]);
    let parts: Vec<(Side, &[u8])> = records
        .iter()
        .map(|step| if let Step::Bytes(side, bytes) = step { (*side, &bytes[..]) } else { panic!("nothing is lost") })
        .collect();
    // A change of cipher that is itself protected is longer.
    let last = parts.iter().rposition(|(_, bytes)| bytes[0] == 20 && bytes.len() == 6).expect("a change of cipher");
    let renewed = parts[last + 1..].iter().filter(|(_, bytes)| bytes[0] == 22).count();
    assert!(renewed > 4, "{renewed}");
    let data = parts.iter().rposition(|(_, bytes)| bytes[0] == 23).expect("data");
    for first in 1..=data {
        let (side, bytes) = parts[first];
        let whole = [&[Step::Gap(side, 50)], &records[first..]].concat();
        // Of its first record the rest is lost as well, and of the other side what was before.
        let begun = Step::Bytes(side, bytes[..bytes.len() - 1].to_vec());
        let cut = [&[Step::Gap(side.other(), 50), begun, Step::Gap(side, 1)], &records[first + 1..]].concat();
        // One octet is all a change of cipher has.
        for (steps, last) in [(whole, last), (cut, last - 1)] {
            let expected = if first <= last { UnreadableReason::Damaged } else { UnreadableReason::TlsNoHandshake };
            assert_eq!(reason(&joined(&steps).1), Some(expected), "{first} of {last}");
        }
    }
}

/// Of the ClientHello the capture shows the beginning only: a frame was cut short, or a later segment of it lost.
#[test]
fn a_hello_that_is_cut_is_damage() {
    for name in kinds() {
        let (steps, _, _) = data_of(&name);
        let hello = steps.iter().position(|step| matches!(step, Step::Bytes(Side::Client, _))).expect("a hello");
        let Step::Bytes(side, bytes) = steps[hello].clone() else { panic!("{name}") };
        let length = 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        // The same hello in two records.
        let (one, other) = bytes[5..length].split_at(40);
        let mut divided = Vec::new();
        for part in [one, other] {
            divided.extend(&bytes[..3]);
            divided.extend((part.len() as u16).to_be_bytes());
            divided.extend(part);
        }
        let wholes = [&bytes[..length], &divided];
        for (whole, at) in wholes.iter().flat_map(|whole| (1..whole.len()).map(move |at| (whole, at))) {
            let (_, mut secrets, _) = data_of(&name);
            let cut = [Step::Bytes(side, whole[..at].to_vec()), Step::Gap(side, (whole.len() - at) as u64)];
            let steps = [&steps[..hello], &cut, &steps[hello + 1..]].concat();
            // Where the server asks for another hello, nothing depends on the first.
            let expected = Some(UnreadableReason::Damaged).filter(|_| name != "tls13-retry");
            assert_eq!(reason(&play(&steps, &mut secrets)), expected, "{name} {at}");
        }
    }
}

/// The same steps record by record, the unprotected handshake messages lost that `lost` names by side and kind.
pub fn without(steps: &[Step], lost: &[(Side, u8)]) -> Vec<Step> {
    let mut out = Vec::new();
    let mut protected = [false; 2];
    for step in steps {
        let Step::Bytes(side, bytes) = step else { panic!("nothing is lost yet") };
        let mut rest = &bytes[..];
        while let [kind, _, _, high, low, body @ ..] = rest {
            protected[side.index()] |= *kind != 22;
            let length = 5 + usize::from(u16::from_be_bytes([*high, *low]));
            let is_lost = !protected[side.index()] && lost.contains(&(*side, body[0]));
            out.push(match is_lost {
                true => Step::Gap(*side, length as u64),
                false => Step::Bytes(*side, rest[..length].to_vec()),
            });
            rest = &rest[length..];
        }
    }
    out
}

/// Of a handshake parts are missing that an RSA key needs: that it is another's is said only where that was seen.
#[test]
fn an_rsa_key_is_tried_where_the_certificate_is_lost_and_blamed_only_if_it_does_not_fit() {
    use Side::{Client, Server};
    let (certificate, exchange) = ((Server, 11), (Client, 16));
    let mut extended = 0;
    for name in kinds().iter().filter(|name| name.contains("-rsa-")) {
        let (steps, _, _) = data_of(name);
        // The extended master secret, agreed to in the ServerHello.
        let is_extended =
            matches!(&steps[1], Step::Bytes(_, bytes) if bytes[..150].windows(4).any(|four| four == [0, 23, 0, 0]));
        extended += usize::from(is_extended);
        for lost in [
            &[certificate][..],
            &[(Server, 13)],
            &[(Server, 14)],
            &[(Client, 11)],
            &[exchange],
            &[certificate, exchange],
        ] {
            let steps = without(&steps, lost);
            assert_eq!(steps.iter().filter(|step| matches!(step, Step::Gap(..))).count(), lost.len(), "{name}");
            for (key, is_the_servers) in [("several.pem", true), ("client.key", false)] {
                let mut secrets = Secrets::default();
                read_rsa_keys(key, &fixture::file(key), None)
                    .unwrap()
                    .into_iter()
                    .for_each(|key| secrets.push_rsa_key(key));
                let read = play(&steps, &mut secrets);
                // Where the keys depend on all of the handshake, they cannot be made.
                let expected = match (is_the_servers, lost.contains(&exchange), lost.contains(&certificate)) {
                    (_, true, true) | (true, true, _) => Some(UnreadableReason::Damaged),
                    (true, ..) => Some(UnreadableReason::Damaged).filter(|_| is_extended),
                    (false, ..) => Some(UnreadableReason::TlsKeyMismatch),
                };
                assert_eq!(reason(&read), expected, "{name} {lost:?} {key}: {:?}", read.facts.state);
                assert_eq!(read.facts.secrets_tried, ["RSA key"], "{name} {lost:?} {key}");
                assert_eq!(is_whole(&[read]), expected.is_none(), "{name} {lost:?} {key}");
            }
        }
    }
    assert!((2..kinds().len() - 2).contains(&extended), "{extended}");
}

/// What is there and makes no sense is not said to be missing.
#[test]
fn a_key_exchange_that_makes_no_sense_is_not_called_lost() {
    use Side::Client;
    for (name, with_hole, expected) in [
        ("tls12-rsa-gcm256-ems", false, "the client's part of its key exchange makes no sense"),
        (
            "tls12-rsa-gcm256-ems",
            true,
            "the part of its handshake that its keys are made of is not in the capture: frames were lost or cut short",
        ),
    ] {
        let mut steps = without(&data_of(name).0, &[]);
        let is_exchange = |step: &Step| matches!(step, Step::Bytes(Client, bytes) if bytes.starts_with(&[22, 3, 3]) && bytes[5] == 16);
        let exchange = steps.iter().position(is_exchange).expect("a key exchange");
        let Step::Bytes(_, bytes) = &mut steps[exchange] else { panic!("{name}") };
        // The secret says that it is longer than its message.
        bytes[9..11].fill(0xff);
        if with_hole {
            steps.insert(exchange, Step::Gap(Client, 9));
        }
        let mut secrets = Secrets::default();
        let keys = read_rsa_keys(name, &fixture::file("server.key"), None).unwrap();
        keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
        let state = State::Unreadable { reason: UnreadableReason::Damaged, detail: expected.to_owned() };
        assert_eq!(play(&steps, &mut secrets).facts.state, state);
    }
}

/// A certificate whose key is not RSA's, as it looks, is shown, and no key is compared with it.
#[test]
fn a_certificate_that_is_shown_is_not_called_missing() {
    let mut steps = data_of("tls12-rsa-aes256-sha256").0;
    let Step::Bytes(Side::Server, bytes) = &mut steps[1] else { panic!("an answer") };
    // The key: a sequence with a modulus of 257 octets, in a string of bits.
    let key = [0, 0x30, 0x82, 1, 0x0a, 2, 0x82, 1, 1, 0];
    let place = bytes.windows(key.len()).position(|octets| octets == key).expect("an RSA key");
    bytes[place + 1] = 0x31;
    let mut secrets = Secrets::default();
    let keys = read_rsa_keys("a key", &fixture::file("client.key"), None).unwrap();
    keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
    let facts = play(&steps, &mut secrets).facts;
    assert!(facts.certificate.is_some());
    let detail = "no given RSA key opens the client's secret, and which one the server has was not seen".to_owned();
    assert_eq!(facts.state, State::Unreadable { reason: UnreadableReason::TlsKeyMismatch, detail });
}

#[test]
fn a_handshake_with_a_hole_does_not_mislead() {
    let mut damaged = 0;
    for name in kinds() {
        let (steps, _, data) = data_of(&name);
        for hole in 0..data {
            let (_, mut secrets, _) = data_of(&name);
            let mut steps = steps.clone();
            let Step::Bytes(side, bytes) = steps[hole].clone() else { panic!("{name}") };
            steps[hole] = Step::Gap(side, bytes.len() as u64);
            let read = play(&steps, &mut secrets);
            only_text(&name, &read);
            // It is in the capture, so an earlier one would not help.
            let reason = reason(&read);
            assert_ne!(reason, Some(UnreadableReason::TlsNoHandshake), "{name} {hole}");
            damaged += usize::from(reason == Some(UnreadableReason::Damaged));
            let opened = read.facts.plain_octets.iter().sum::<u64>() > 0;
            assert!(
                opened || read.facts.state != State::Reading || name.contains("rc4"),
                "{name} {hole}: {:?}",
                read.facts.state
            );
        }
    }
    assert!(damaged > 20, "{damaged}");
}

#[test]
fn random_octets_between_and_instead_of_records_do_no_harm() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for name in kinds() {
        for _ in 0..40 {
            let (mut steps, mut secrets, _) = data_of(&name);
            for _ in 0..1 + next() % 3 {
                let place = (next() % steps.len() as u64) as usize;
                let Step::Bytes(side, bytes) = &mut steps[place] else { continue };
                match next() % 4 {
                    0 => bytes.iter_mut().for_each(|octet| *octet = next() as u8),
                    1 => bytes.truncate((next() % bytes.len() as u64) as usize + 1),
                    2 => bytes.extend((0..next() % 50).map(|_| next() as u8).collect::<Vec<_>>()),
                    _ => {
                        let side = *side;
                        steps.swap_remove(place);
                        steps.insert(place, Step::Gap(side, 1 + next() % 100_000));
                    }
                }
            }
            only_text(&name, &play(&steps, &mut secrets));
        }
    }
}
