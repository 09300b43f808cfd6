//! Sessions that rustls makes while the test runs: many records both ways, keys that change, segments of odd sizes,
//! and losses in the middle.

use lyncpush::flow::Side;
use lyncpush::tls::State;

use crate::pair::{Pair, suites};
use crate::replay::{Step, play};
use crate::rivals::with;

/// A text in which every place looks different.
fn text(side: Side, length: usize) -> Vec<u8> {
    (0..length).map(|place| (place.wrapping_mul(2_654_435_761) >> 11) as u8 ^ side.index() as u8).collect()
}

#[test]
fn long_sessions_are_read_whole_in_segments_of_odd_sizes() {
    let suites = suites();
    assert_eq!(suites.len(), 6, "three of TLS 1.3, three of TLS 1.2");
    for suite in suites {
        let mut pair = Pair::new(suite);
        let texts = [text(Side::Client, 200_000), text(Side::Server, 150_000)];
        for (number, piece) in texts[0].chunks(7_001).enumerate() {
            pair.write(Side::Client, piece);
            if number % 9 == 4 && suite.tls13().is_some() {
                pair.client.refresh_traffic_keys().unwrap();
                pair.server.refresh_traffic_keys().unwrap();
            }
            for piece in texts[1].chunks(2_900).skip(number * 2).take(2) {
                pair.write(Side::Server, piece);
            }
        }
        pair.client.send_close_notify();
        pair.carry();
        let mut size = 1;
        let steps: Vec<Step> = pair
            .sent
            .iter()
            .flat_map(|(side, bytes)| {
                size = size * 7 % 1_461 + 1;
                bytes.chunks(size).map(|piece| Step::Bytes(*side, piece.to_vec())).collect::<Vec<_>>()
            })
            .collect();
        let read = play(&steps, &mut pair.secrets());
        let sent: usize = texts[1].chunks(2_900).take(29 * 2).map(<[u8]>::len).sum();
        assert!(read.plain[0] == texts[0] && read.plain[1] == texts[1][..sent], "{suite:?}");
        assert_eq!((&read.facts.state, read.facts.lost_octets), (&State::Reading, [0, 0]), "{suite:?}");
        assert_eq!(read.facts.server_name.as_deref(), Some("pool.example.test"));
        assert_eq!(read.facts.alert, None, "a goodbye is no alert to tell of");
    }
}

#[test]
fn reading_goes_on_after_many_lost_records() {
    for suite in suites() {
        for (lost, cut) in [(1, 0), (40, 3), (300, 17)] {
            let mut pair = Pair::new(suite);
            let before = pair.sent.len();
            let whole = text(Side::Client, 400 * 100);
            whole.chunks(100).for_each(|piece| pair.write(Side::Client, piece));
            let mut steps: Vec<Step> =
                pair.sent.iter().map(|(side, bytes)| Step::Bytes(*side, bytes.clone())).collect();
            // From the middle of one record to the beginning of another.
            let (first, last) = (before + 50, before + 50 + lost);
            let mut octets = 0;
            for step in steps.drain(first..last) {
                let Step::Bytes(Side::Client, bytes) = step else { panic!("only the client writes") };
                octets += bytes.len() as u64;
            }
            if let Step::Bytes(_, bytes) = &mut steps[first - 1] {
                octets += cut as u64;
                bytes.truncate(bytes.len() - cut);
            }
            steps.insert(first, Step::Gap(Side::Client, octets));
            let read = play(&steps, &mut pair.secrets());
            let cut_record = usize::from(cut > 0);
            let expected = [&whole[..(50 - cut_record) * 100], &whole[(50 + lost) * 100..]].concat();
            assert!(read.plain[0] == expected, "{suite:?} {lost}: {:?}", read.facts);
            assert_eq!(read.gaps[0].len(), 1);
            assert_eq!(read.facts.state, State::Reading);
        }
    }
}

#[test]
fn a_lost_change_of_keys_is_found_out() {
    for suite in suites().into_iter().filter(|suite| suite.tls13().is_some()) {
        let mut pair = Pair::new(suite);
        let whole = text(Side::Client, 1_000);
        let mut update = 0;
        for (number, piece) in whole.chunks(100).enumerate() {
            if number == 5 {
                update = pair.sent.len();
                pair.client.refresh_traffic_keys().unwrap();
            }
            pair.write(Side::Client, piece);
        }
        // The update and the text behind it went out together.
        let mut steps: Vec<Step> = pair.sent.iter().map(|(side, bytes)| Step::Bytes(*side, bytes.clone())).collect();
        let Step::Bytes(side, bytes) = steps[update].clone() else { panic!() };
        steps[update] = Step::Gap(side, bytes.len() as u64);
        let expected = [&whole[..500], &whole[600..]].concat();
        let keylog = pair.keylog();
        let is_of_traffic = |line: &&str| line.contains("TRAFFIC_SECRET_0");
        let traffic: String = keylog.lines().filter(is_of_traffic).map(|line| format!("{line}\n")).collect();
        for keylog in [keylog, traffic] {
            let read = play(&steps, &mut with(&[&keylog]));
            assert!(read.plain[0] == expected, "{suite:?}: {:?}", read.facts);
            let mut sealed = with(&[&keylog]);
            sealed.seal();
            assert!(play(&steps, &mut sealed).plain[0] == expected, "{suite:?}");
        }
    }
}
