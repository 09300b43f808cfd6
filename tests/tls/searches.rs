//! Numbers that are searched behind a loss, where several secrets contradict each other.

use lyncpush::flow::Side;
use lyncpush::tls::{Choice, Handshake, State, Version};

use crate::replay::{Step, play};
use crate::rivals::{with, wrong};
use crate::written::begin;

/// A loss behind which the record takes long to try: wrong secrets leave enough for the right one.
#[test]
fn wrong_secrets_leave_the_right_one_its_part_of_the_search() {
    for choice in Choice::of(Version::Tls13).filter(|choice| choice.suite().contains("GCM")) {
        for (wrongs, lost, is_finished_lost) in
            [(0, 300, true), (1, 300, false), (1, 300, true), (7, 300, false), (7, 300, true)]
        {
            let (mut writer, Handshake { flights, keylog }) = begin(choice, false);
            let mut steps: Vec<Step> = flights.into_iter().map(|(side, bytes)| Step::Bytes(side, bytes)).collect();
            if is_finished_lost {
                let is_of_client = |step: &Step| matches!(step, Step::Bytes(Side::Client, _));
                let finished = steps.iter().rposition(is_of_client).unwrap();
                let Step::Bytes(_, bytes) = &steps[finished] else { panic!("{choice:?}") };
                steps[finished] = Step::Gap(Side::Client, bytes.len() as u64);
            }
            let gone: usize = (0..lost).map(|_| writer.seal(Side::Client, &[b'-'; 300]).unwrap().len()).sum();
            steps.push(Step::Gap(Side::Client, gone as u64));
            let text: Vec<u8> = (0..40_000).map(|place: usize| (place * 7 / 5) as u8).collect();
            steps.push(Step::Bytes(Side::Client, writer.seal(Side::Client, &text).unwrap()));
            let keylogs: Vec<String> = (1..=wrongs).map(|number| wrong(&keylog, number)).collect();
            let mut secrets = with(&std::iter::once(&keylog).chain(&keylogs).map(String::as_str).collect::<Vec<_>>());
            secrets.seal();
            let read = play(&steps, &mut secrets);
            let what = format!("{} {wrongs} {is_finished_lost}: {:?}", choice.suite(), read.facts);
            assert!(read.plain[0] == text, "{what}");
            assert_eq!(read.facts.state, State::Reading, "{what}");
        }
    }
}
