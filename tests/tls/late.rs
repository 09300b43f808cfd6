//! Secrets that come when part of what they open is given up already: the rest is read, from the very next record on.

use lyncpush::flow::Side;
use lyncpush::stream::Event;
use lyncpush::tls::{Choice, Handshake, Secrets, Session, State, Version};
use lyncpush::unreadable::UnreadableReason;

use crate::fixture::{self, Fixture};
use crate::losses::{only_text, without};
use crate::replay::{Read, Step, at, steps};
use crate::written::begin;

/// A connection whose records wait, as they are given one by one.
struct Late {
    session: Session,
    read: Read,
    secrets: Secrets,
    offsets: [u64; 2],
    /// The number of the last frame, which is its time, too.
    now: u64,
}

impl Late {
    fn new() -> Self {
        let (session, read) = (Session::default(), Read::default());
        Self { session, read, secrets: Secrets::default(), offsets: [0; 2], now: 0 }
    }

    fn push(&mut self, side: Side, bytes: &[u8]) {
        self.now += 1;
        let offset = self.offsets[side.index()];
        self.offsets[side.index()] += bytes.len() as u64;
        let event = Event::Bytes { offset, bytes, frame: at(self.now) };
        self.session.event(side, event, &mut self.secrets, &mut |side, event| self.read.take(side, event));
    }

    /// Octets of the stream are not in the capture.
    fn lose(&mut self, side: Side, octets: usize) {
        self.now += 1;
        let offset = self.offsets[side.index()];
        self.offsets[side.index()] += octets as u64;
        let event = Event::Gap { offset, length: octets as u64, after: None, frame: at(self.now) };
        self.session.event(side, event, &mut self.secrets, &mut |side, event| self.read.take(side, event));
    }

    /// Gives up what came before the frame with number `before`; the last frame of it.
    fn give_up(&mut self, before: u64) -> Option<u64> {
        let (session, read) = (&mut self.session, &mut self.read);
        let last = session.give_up(at(before).time, &mut self.secrets, &mut |side, event| read.take(side, event));
        last.map(|frame| frame.number)
    }

    fn learn(&mut self, keylog: &str) {
        self.secrets.push_keylog(keylog.as_bytes());
        let (session, read) = (&mut self.session, &mut self.read);
        session.retry(&mut self.secrets, &mut |side, event| read.take(side, event));
        assert!(!session.is_waiting());
    }
}

/// What the message with that number says, and who says it.
fn message(number: u64) -> (Side, Vec<u8>) {
    let side = if number % 3 == 1 { Side::Server } else { Side::Client };
    (side, format!("message {number} {}\n", "x".repeat(number as usize % 40)).into_bytes())
}

/// What `side` says from one message on.
fn said(side: Side, numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.map(message).filter(|(of, _)| *of == side).flat_map(|(_, text)| text).collect()
}

#[test]
fn what_came_since_and_what_follows_is_read_in_every_suite() {
    for choice in Choice::all() {
        for is_mutual in [false, true] {
            // Given up at once, bit by bit, with something left that waits, and with nothing left.
            for (rounds, kept) in [(1, 7), (9, 7), (1, 0), (9, 0)] {
                let what = format!("{:?} {} {is_mutual} {rounds} {kept}", choice.version(), choice.suite());
                let (mut writer, Handshake { flights, keylog }) = begin(choice, is_mutual);
                let mut late = Late::new();
                flights.iter().for_each(|(side, bytes)| late.push(*side, bytes));
                let begun = late.now;
                for number in 0..20 {
                    let (side, text) = message(number);
                    late.push(side, &writer.seal(side, &text).unwrap());
                }
                let until = late.now + 1 - kept;
                for round in 1..=rounds {
                    late.give_up(begun + (until - begun) * round / rounds);
                }
                assert_eq!(late.session.waiting_since(), (kept > 0).then(|| at(until).time), "{what}");
                assert_eq!(late.read.plain, [const { Vec::<u8>::new() }; 2], "{what}");
                late.learn(&keylog);
                for number in 20..40 {
                    let (side, text) = message(number);
                    late.push(side, &writer.seal(side, &text).unwrap());
                }
                let facts = late.session.facts();
                for side in [Side::Client, Side::Server] {
                    let plain = &late.read.plain[side.index()];
                    assert_eq!(*plain, said(side, 20 - kept..40), "{what}: {facts:?}");
                    let begin = late.read.pieces[side.index()][0].get(..2);
                    assert_eq!(begin, Some(&b"me"[..]), "{what}: a message behind a gap comes in one piece");
                    assert_eq!(late.read.gaps[side.index()].len(), 1, "{what}: what was given up is a gap");
                }
                let State::Unreadable { reason: UnreadableReason::TlsNoSecret, detail } = facts.state else {
                    panic!("{what}: {:?}", facts.state);
                };
                let lost: u64 = facts.lost_octets.iter().sum();
                assert_eq!(detail, format!("its secret came too late for {lost} octets of it"), "{what}");
            }
        }
    }
}

/// One suite of each way to protect records.
fn kinds() -> impl Iterator<Item = Choice> {
    const NAMES: [(Version, &str); 6] = [
        (Version::Tls10, "_RC4_128_SHA"),
        (Version::Tls10, "_AES_128_CBC_SHA"),
        (Version::Tls12, "_AES_256_CBC_SHA384"),
        (Version::Tls12, "_AES_128_GCM_SHA256"),
        (Version::Tls12, "_CHACHA20_POLY1305_SHA256"),
        (Version::Tls13, "_AES_128_GCM_SHA256"),
    ];
    NAMES.into_iter().map(|(version, name)| {
        Choice::of(version).find(|choice| choice.suite().ends_with(name)).expect("a suite of that name")
    })
}

#[test]
fn reading_goes_on_behind_any_number_of_records_that_were_given_up() {
    for choice in kinds() {
        let (mut writer, Handshake { flights, keylog }) = begin(choice, true);
        let mut late = Late::new();
        flights.iter().for_each(|(side, bytes)| late.push(*side, bytes));
        for number in 0..20_000 {
            let (side, text) = message(number);
            late.push(side, &writer.seal(side, &text).unwrap());
            if number % 100 == 99 {
                assert_eq!(late.give_up(late.now - 10), Some(late.now - 11));
            }
        }
        late.learn(&keylog);
        let what = format!("{:?} {}: {:?}", choice.version(), choice.suite(), late.session.facts());
        for side in [Side::Client, Side::Server] {
            assert_eq!(late.read.plain[side.index()], said(side, 20_000 - 11..20_000), "{what}");
        }
    }
}

/// What waits is bounded; what there is no room for is counted, and what follows it is read.
#[test]
fn reading_goes_on_behind_any_number_of_records_for_which_there_is_no_room() {
    for choice in kinds() {
        let (mut writer, Handshake { flights, keylog }) = begin(choice, true);
        let mut late = Late::new();
        flights.iter().for_each(|(side, bytes)| late.push(*side, bytes));
        let mut push = |late: &mut Late, number| {
            let (side, text) = message(number);
            late.push(side, &writer.seal(side, &text).unwrap());
        };
        (0..20_000).for_each(|number| push(&mut late, number));
        late.learn(&keylog);
        let kept = late.read.plain.clone();
        let what = format!("{:?} {}: {:?}", choice.version(), choice.suite(), late.session.facts());
        (20_000..20_020).for_each(|number| push(&mut late, number));
        for side in [Side::Client, Side::Server] {
            let (begin, plain) = (&kept[side.index()], &late.read.plain[side.index()]);
            // At the bound a short one may find room where a longer one did not.
            let whole = &begin[..begin.len() - 300];
            assert!(whole.len() > 5_000 && said(side, 0..20_000).starts_with(whole), "{what}");
            assert!(plain[begin.len()..] == said(side, 20_000..20_020), "{what}");
        }
    }
}

/// What waits for the word of the other side, and not for a secret, is not given up.
#[test]
fn what_waits_for_the_other_side_goes_on_waiting() {
    for choice in kinds() {
        let (mut writer, Handshake { flights, keylog }) = begin(choice, false);
        let mut late = Late::new();
        late.learn(&keylog);
        let of = |side: Side| flights.iter().filter(move |(of, _)| *of == side);
        of(Side::Client).for_each(|(side, bytes)| late.push(*side, bytes));
        late.push(Side::Client, &writer.seal(Side::Client, b"early").unwrap());
        if !late.session.is_waiting() {
            continue;
        }
        assert_eq!(late.give_up(late.now + 10), None);
        of(Side::Server).for_each(|(side, bytes)| late.push(*side, bytes));
        assert_eq!(late.read.plain[0], b"early", "{:?} {}", choice.version(), choice.suite());
    }
}

/// With the code around the record nothing vouches for the end of one that was given up, from which TLS 1.0 goes on.
#[test]
fn what_was_changed_in_a_record_that_was_given_up_changes_nothing_behind_it() {
    let name = "tls10-rsa-aes256-sha-etm";
    let Fixture { keylog, connections } = fixture::session(name);
    let records = without(&steps(&connections[0], usize::MAX), &[]);
    let mut read_on = 0;
    for place in 0..records.len() {
        let mut late = Late::new();
        for (number, step) in records.iter().enumerate() {
            let Step::Bytes(side, bytes) = step else { panic!("nothing is lost") };
            let mut bytes = bytes.clone();
            if number == place && bytes[0] == 23 {
                // The last block, before a code of SHA-1.
                let block = bytes.len() - 20 - 16;
                bytes[block] ^= 0x80;
            }
            late.push(*side, &bytes);
            if number == place {
                late.give_up(late.now + 1);
                late.learn(&keylog);
            }
        }
        only_text(name, &late.read);
        let plain = late.read.plain.iter().map(Vec::len).sum::<usize>();
        read_on += usize::from(records[place..].len() > 8 && plain > 100);
    }
    assert!(read_on > 5, "{read_on}");
}

#[test]
fn losses_that_wait_as_one_are_as_old_as_the_first_and_as_young_as_the_last() {
    for is_retried in [false, true] {
        let (mut writer, Handshake { flights, .. }) = begin(kinds().last().unwrap(), false);
        let mut late = Late::new();
        flights.iter().for_each(|(side, bytes)| late.push(*side, bytes));
        let begun = late.now;
        late.push(Side::Client, &writer.seal(Side::Client, b"text").unwrap());
        late.lose(Side::Client, 100);
        late.push(Side::Server, &writer.seal(Side::Server, b"text").unwrap());
        (0..10).for_each(|_| late.lose(Side::Client, 100));
        late.push(Side::Server, &writer.seal(Side::Server, b"text").unwrap());
        if is_retried {
            let (session, read) = (&mut late.session, &mut late.read);
            session.retry(&mut late.secrets, &mut |side, event| read.take(side, event));
        }
        assert_eq!(late.give_up(begun + 4), Some(begun + 13), "{is_retried}");
        assert_eq!(late.session.waiting_since(), Some(at(begun + 14).time), "{is_retried}");
    }
}

/// Frames that are lost among those that are given up: what is read was said, and reading goes on.
#[test]
fn what_is_lost_among_what_is_given_up_does_not_mislead() {
    for (choice, seed) in
        kinds().filter(|choice| !choice.suite().contains("RC4")).flat_map(|kind| (0..40).map(move |seed| (kind, seed)))
    {
        let mut state: u64 = seed * 2 + 1;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut writer, Handshake { flights, keylog }) = begin(choice, seed % 2 == 0);
        let mut late = Late::new();
        flights.iter().for_each(|(side, bytes)| late.push(*side, bytes));
        let (lose_one_in, learn_at) = (2 + draw(30), 20 + draw(100));
        for number in 0..160 {
            let (side, text) = message(number);
            let bytes = writer.seal(side, &text).unwrap();
            match number < 130 && draw(lose_one_in) == 0 {
                true => late.lose(side, bytes.len()),
                false => late.push(side, &bytes),
            }
            if draw(5) == 0 {
                late.give_up(late.now.saturating_sub(draw(30)));
            }
            if number == learn_at {
                late.learn(&keylog);
            }
        }
        for side in [Side::Client, Side::Server] {
            let plain = String::from_utf8(late.read.plain[side.index()].clone()).unwrap();
            let said = String::from_utf8(said(side, 0..160)).unwrap();
            // TLS 1.0 may lose the first octet of a text.
            let lines = plain.lines().filter(|line| choice.version() != Version::Tls10 || line.starts_with("message"));
            let mut rest = said.lines();
            let what = format!("{:?} {} {seed}: {plain}", choice.version(), choice.suite());
            for line in lines {
                assert!(rest.any(|one| one == line), "{what}: {line}");
            }
            assert!(rest.next().is_none(), "{what}: the last one was read");
        }
    }
}
