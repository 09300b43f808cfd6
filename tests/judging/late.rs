//! Messages that come out when ladders of their time were given already: their secret came late.

use lyncpush::ladder::leg::Leg;

use crate::stage::{CALL, Call, Stage, another_ladder, everything, push};
use crate::{codes, statuses};

const T: i64 = 300_000;
const HOUR: i64 = 3_600_000;
/// A client that gets no push.
const ANDROID: &str = "RTCC/5.0.0.0 McxService/5.0.0.0 AndroidLync/5.4.1102.0 (LGE Nexus 5 5.0)";

/// Verdict and statuses of every ladder but the first, which shows the legs.
fn judged(stage: Stage) -> Vec<String> {
    let ladders = stage.end(HOUR);
    let told = ladders.iter().skip(1).map(|(ladder, judged)| {
        format!("{} {}: {} {:?}", ladder.trigger.name(), judged.verdict.name(), statuses(judged), codes(judged))
    });
    told.collect()
}

fn begun() -> Stage {
    let mut stage = Stage::new(everything());
    another_ladder(&mut stage, 1_000);
    stage
}

fn goes(stage: &mut Stage) {
    push("p1").goes(stage, T + 110);
    push("p1").answered(stage, T + 200, "200 OK");
}

fn calls(call: &Call, stage: &mut Stage) {
    call.begin(stage, T);
    call.answer(stage, T + 8_000, "200 OK");
    call.ack(stage, T + 8_050);
}

/// The push was given as a ladder of its own; that it was not made is not said of its call.
#[test]
fn a_call_that_comes_out_when_its_push_was_given_misses_none() {
    let mut stage = begun();
    goes(&mut stage);
    stage.tick(T + 100_000);
    calls(&CALL, &mut stage);
    let call = "invite inconclusive: ok ok ok unreadable unreadable ~ ~ unreadable ok ok []";
    let alone = "push-only complete: na na na ok ok ~ ~ ok na na []";
    assert_eq!(judged(stage), [call, alone]);
    // In time they are one.
    let mut stage = begun();
    calls(&CALL, &mut stage);
    goes(&mut stage);
    assert_eq!(judged(stage).len(), 1);
}

/// Who says that none was expected knows every phone.
#[test]
fn of_a_call_that_comes_out_late_other_phones_may_have_been_given_before() {
    for (late, expected) in [(100_000, "inconclusive"), (0, "no-push-expected")] {
        let mut stage = begun();
        stage.tick(T + late);
        calls(&Call { client: ANDROID, ..CALL }, &mut stage);
        let found = judged(stage);
        assert!(found[0].starts_with(&format!("invite {expected}: ok ok ok ")), "{found:?}");
    }
}

/// Its call may be in a ladder that was given.
#[test]
fn a_push_that_comes_out_late_is_not_said_to_belong_to_no_call() {
    let mut stage = begun();
    stage.tick(T + 100_000);
    goes(&mut stage);
    assert_eq!(
        judged(stage),
        ["push-only inconclusive: unreadable unreadable unreadable ok ok ~ ~ ok unreadable unreadable []"]
    );
}

/// What begins when nothing was given yet is judged as ever.
#[test]
fn what_lies_behind_the_ladders_that_were_given_is_judged_as_ever() {
    let mut stage = begun();
    stage.tick(T + 100_000);
    CALL.begin(&mut stage, T + 99_000);
    CALL.refuse(&mut stage, T + 159_000, "408 Request Timeout");
    let found = judged(stage);
    assert!(found[0].starts_with("invite broken: ok ok ok missing - - - - "), "{found:?}");
}

/// Its first messages were given up, and it rings once more when the rest is read: a push came long before.
#[test]
fn a_call_of_which_the_beginning_cannot_be_read_misses_no_push() {
    let rings = |stage: &mut Stage| {
        CALL.ring(stage, T + 40_000);
        CALL.answer(stage, T + 48_000, "200 OK");
        CALL.ack(stage, T + 48_050);
    };
    let mut stage = begun();
    stage.unreadable(Leg::Mcx, T - 1_000, T + 30_000);
    goes(&mut stage);
    stage.tick(T + 39_000);
    rings(&mut stage);
    let found = judged(stage);
    assert!(found.iter().all(|ladder| !ladder.contains("missing") && !ladder.contains("late")), "{found:?}");
    assert!(found.iter().any(|ladder| ladder.starts_with("invite inconclusive: ")), "{found:?}");
}
