//! Every step status, by the rule that gives it.

use lyncpush::ladder::leg::{Leg, LegSet};

use crate::stage::{CALL, Call, PHONE, Stage, Text, UNKNOWN, another_ladder, everything, push};
use crate::{codes, statuses};

/// When the call of these tests begins: long after the capture.
const T: i64 = 300_000;
const HOUR: i64 = 3_600_000;

/// The whole happy ladder.
fn happy(stage: &mut Stage) {
    CALL.begin(stage, T);
    push("p1").goes(stage, T + 110);
    push("p1").answered(stage, T + 200, "200 OK");
    CALL.answer(stage, T + 8_000, "200 OK");
    CALL.ack(stage, T + 8_050);
}

/// Plays a script with every leg known to be in view, and gives verdict, broken step and statuses of
/// the ladder of the call.
fn play(view: LegSet, script: impl FnOnce(&mut Stage)) -> (String, Vec<&'static str>) {
    play_with(view, "", script)
}

fn play_with(view: LegSet, overrides: &str, script: impl FnOnce(&mut Stage)) -> (String, Vec<&'static str>) {
    let mut stage = Stage::with(view, overrides, LegSet::EMPTY);
    another_ladder(&mut stage, 1_000);
    script(&mut stage);
    let ladders = stage.end(HOUR);
    let (_, judgement) =
        ladders.iter().find(|(ladder, _)| ladder.call_id.as_deref() == Some("c1")).expect("the call's ladder");
    let broken = judgement.broken_at.map(|step| format!(" at {step}")).unwrap_or_default();
    (format!("{}{broken}: {}", judgement.verdict.name(), statuses(judgement)), codes(judgement))
}

#[track_caller]
fn check(expected: &str, expected_codes: &[&str], script: impl FnOnce(&mut Stage)) {
    let (found, codes) = play(everything(), script);
    assert_eq!(found, expected);
    assert_eq!(codes, expected_codes);
}

#[track_caller]
fn check_in_view(legs: &[Leg], expected: &str, script: impl FnOnce(&mut Stage)) {
    assert_eq!(play(LegSet::of(legs), script).0, expected, "{legs:?}");
}

#[test]
fn all_is_well() {
    check("complete: ok ok ok ok ok ~ ~ ok ok ok", &[], happy);
}

#[test]
fn what_each_vantage_shows_of_a_whole_ladder() {
    use Leg::{Caller, EdgeExternal, EdgeInternal, Mcx, PushInternal};
    check_in_view(&[Caller], "inconclusive: ok ok ok ? ? ~ ~ ? ok ok", happy);
    check_in_view(&[Caller, EdgeInternal], "complete: ok ok ok implied ok ~ ~ ok ok ok", happy);
    check_in_view(&[Mcx, PushInternal], "complete: implied ok ok ok implied ~ ~ ok ok ok", happy);
    check_in_view(&[Caller, Mcx, PushInternal], "complete: ok ok ok ok implied ~ ~ ok ok ok", happy);
    check_in_view(&[Caller, EdgeExternal], "complete: ok ok ok implied ok ~ ~ ok ok ok", happy);
}

#[test]
fn a_push_alone_at_the_edge() {
    let mut stage = Stage::new(LegSet::of(&[Leg::EdgeInternal, Leg::EdgeExternal]));
    happy(&mut stage);
    let ladders = stage.end(HOUR);
    let [(ladder, judgement)] = ladders.as_slice() else { panic!("{} ladders", ladders.len()) };
    assert_eq!(ladder.trigger.name(), "push-only");
    assert_eq!(ladder.callee.as_deref(), Some("sip:bob@example.com"));
    assert!(ladder.caller.is_none() && ladder.call_id.is_none());
    assert_eq!(statuses(judgement), "? ? ? implied ok ~ ~ ok ? ?");
    assert_eq!(judgement.verdict.name(), "complete");
}

#[test]
fn a_push_alone_where_callers_are_in_view_belongs_to_no_call() {
    let mut stage = Stage::new(everything());
    another_ladder(&mut stage, 1_000);
    let ladders = stage.end(HOUR);
    assert_eq!(statuses(&ladders[0].1), "na na na ok ok ~ ~ ok na na");
}

#[test]
fn missing_steps() {
    // Nothing after the INVITE but a phone's copy and, at last, a timeout.
    check("broken at 3: ok ok missing - - - - - failed -", &["LP203", "LP109"], |stage| {
        CALL.invite(stage, T);
        CALL.copy(stage, T + 30);
        CALL.refuse(stage, T + 60_000, "480 Temporarily Unavailable");
    });
    check("broken at 4: ok ok ok missing - - - - failed -", &["LP204", "LP109"], |stage| {
        CALL.begin(stage, T);
        CALL.refuse(stage, T + 60_000, "408 Request Timeout");
    });
    check("broken at 5: ok ok ok ok missing - - - failed -", &["LP205", "LP109"], |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        CALL.refuse(stage, T + 60_000, "408 Request Timeout");
    });
    check("broken at 8: ok ok ok ok ok ~ ~ missing failed -", &["LP208", "LP109"], |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        CALL.refuse(stage, T + 60_000, "408 Request Timeout");
    });
    check("broken at 9: ok ok ok ok ok ~ ~ ok missing -", &["LP209"], |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        push("p1").answered(stage, T + 200, "200 OK");
    });
    check("broken at 10: ok ok ok ok ok ~ ~ ok ok missing", &["LP210"], |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        push("p1").answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
    });
}

#[test]
fn a_step_is_missing_only_where_its_leg_is_in_view() {
    use Leg::{Caller, EdgeInternal, Mcx, PushInternal};
    let no_push = |stage: &mut Stage| {
        CALL.begin(stage, T);
        CALL.refuse(stage, T + 60_000, "408 Request Timeout");
    };
    check_in_view(&[Caller], "broken at 9: ok ok ok ? ? ~ ~ ? failed -", no_push);
    check_in_view(&[Caller, Mcx], "broken at 9: ok ok ok ? ? ~ ~ ? failed -", no_push);
    check_in_view(&[Mcx, PushInternal], "broken at 4: implied ok ok missing - - - - missing -", no_push);
    // What does not leave through the Edge did not happen, wherever it stopped before.
    check_in_view(&[Caller, EdgeInternal], "broken at 5: ok ok ok ? missing - - - failed -", no_push);
}

#[test]
fn late_steps() {
    let late = |stage: &mut Stage, ring: i64, made: i64, left: i64, accepted: i64, answer: i64, ack: i64| {
        CALL.invite(stage, T);
        CALL.progress(stage, T + 20);
        CALL.copy(stage, T + 30);
        CALL.ring(stage, T + ring);
        push("p1").made(stage, T + ring + made);
        push("p1").left(stage, T + ring + made + left);
        push("p1").answered(stage, T + ring + made + left + accepted, "200 OK");
        CALL.answer(stage, T + ring + made + left + accepted + answer, "200 OK");
        CALL.ack(stage, T + ring + made + left + accepted + answer + ack);
    };
    for (script, expected, code) in [
        ([2_500, 10, 5, 90, 5_000, 50], "ok ok late ok ok ~ ~ ok ok ok", "LP303"),
        ([100, 2_600, 5, 90, 5_000, 50], "ok ok ok late ok ~ ~ ok ok ok", "LP304"),
        ([100, 10, 1_500, 90, 5_000, 50], "ok ok ok ok late ~ ~ ok ok ok", "LP305"),
        ([100, 10, 5, 33_000, 5_000, 50], "ok ok ok ok ok ~ ~ late ok ok", "LP308"),
        ([100, 10, 5, 90, 61_000, 50], "ok ok ok ok ok ~ ~ ok late ok", "LP309"),
        ([100, 10, 5, 90, 5_000, 2_100], "ok ok ok ok ok ~ ~ ok ok late", "LP310"),
    ] {
        check(&format!("degraded: {expected}"), &[code], |stage| {
            let [ring, made, left, accepted, answer, ack] = script;
            late(stage, ring, made, left, accepted, answer, ack);
        });
    }
    check("degraded: ok late ok ok ok ~ ~ ok ok ok", &["LP302"], |stage| {
        CALL.invite(stage, T);
        CALL.progress(stage, T + 1_200);
        CALL.copy(stage, T + 1_210);
        CALL.ring(stage, T + 1_300);
        push("p1").goes(stage, T + 1_310);
        push("p1").answered(stage, T + 1_400, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
}

#[test]
fn an_answer_past_its_limit_is_late_even_when_nothing_else_keeps_the_ladder_open() {
    let mut stage = Stage::new(LegSet::of(&[Leg::EdgeExternal]));
    stage.tick(T);
    push("p1").out(&mut stage, T);
    push("p1").answered(&mut stage, T + 40_000, "200 OK");
    let ladders = stage.end(HOUR);
    assert_eq!(ladders.len(), 1);
    assert_eq!(statuses(&ladders[0].1), "? ? ? implied ok ~ ~ late ? ?");
    assert_eq!(ladders[0].1.verdict.name(), "degraded");
}

#[test]
fn steps_out_of_order() {
    check("degraded: ok ok ok order ok ~ ~ ok ok ok", &["LP404"], |stage| {
        CALL.invite(stage, T);
        CALL.progress(stage, T + 20);
        CALL.copy(stage, T + 30);
        push("p1").goes(stage, T + 100);
        CALL.ring(stage, T + 360);
        push("p1").answered(stage, T + 400, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
    // 250 milliseconds between 3 and 4 are no disorder.
    check("complete: ok ok ok ok ok ~ ~ ok ok ok", &[], |stage| {
        CALL.invite(stage, T);
        CALL.progress(stage, T + 20);
        CALL.copy(stage, T + 30);
        push("p1").goes(stage, T + 100);
        CALL.ring(stage, T + 350);
        push("p1").answered(stage, T + 400, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
    // One displaced step is marked, not those that follow it in order.
    check("degraded: ok ok ok ok order ~ ~ ok ok ok", &["LP405"], |stage| {
        CALL.begin(stage, T);
        push("p1").left(stage, T + 110);
        push("p1").made(stage, T + 115);
        push("p1").answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
    check("degraded: ok ok order ok ok ~ ~ ok ok ok", &["LP403"], |stage| {
        CALL.invite(stage, T);
        CALL.ring(stage, T + 10);
        CALL.copy(stage, T + 30);
        push("p1").goes(stage, T + 110);
        push("p1").answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
}

#[test]
fn the_call_may_be_answered_before_the_push() {
    check("degraded: ok ok ok ok ok ~ ~ ok ok ok", &["LP501"], |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        CALL.answer(stage, T + 2_000, "200 OK");
        CALL.ack(stage, T + 2_050);
        push("p1").answered(stage, T + 3_000, "200 OK");
    });
}

#[test]
fn who_refused_the_push_decides_the_step() {
    use Leg::{Caller, EdgeInternal, PushInternal};
    let refused = |trust: Option<&'static str>, leaves: bool| {
        move |stage: &mut Stage| {
            CALL.begin(stage, T);
            push("p1").made(stage, T + 110);
            push("p1").left(stage, T + 112);
            if leaves {
                push("p1").out(stage, T + 114);
            }
            push("p1").answered_inside(stage, T + 500, "504 Server time-out", trust);
            CALL.refuse(stage, T + 60_000, "408 Request Timeout");
        }
    };
    let edge = Some("ms-source-type=EdgeProxyGenerated;ms-ep-fqdn=edge01.example.com");
    let outside = Some("ms-source-type=AuthorizedServer;ms-ep-fqdn=edge01.example.com;ms-remote-fqdn=sipfed");
    let inside_failed = "broken at 5: ok ok ok ok failed - - - failed -";
    let outside_failed = "broken at 8: ok ok ok ok ok ~ ~ failed failed -";
    check(inside_failed, &["LP105", "LP109"], refused(edge, false));
    check(inside_failed, &["LP105", "LP109"], refused(None, false));
    check(outside_failed, &["LP108", "LP109"], refused(outside, false));
    // Seen leaving on a covered outside leg: whoever made the answer up, it is step 8 that failed.
    check(outside_failed, &["LP108", "LP109"], refused(edge, true));
    // The same from inside, where it cannot be seen leaving.
    let view = [Caller, PushInternal, EdgeInternal];
    check_in_view(&view, inside_failed, refused(edge, true));
    check_in_view(&view, outside_failed, refused(outside, true));
}

#[test]
fn a_push_alone_that_is_refused_inside() {
    let mut stage = Stage::new(LegSet::of(&[Leg::PushInternal]));
    push("p1").made(&mut stage, T);
    push("p1").answered_inside(&mut stage, T + 500, "403 Forbidden", None);
    let ladders = stage.end(HOUR);
    assert_eq!(statuses(&ladders[0].1), "? ? ? ok failed - - - ? ?");
    assert_eq!((ladders[0].1.verdict.name(), ladders[0].1.broken_at), ("broken", Some(5)));
}

#[test]
fn a_call_may_be_answered_although_its_push_failed() {
    check("broken at 5: ok ok ok ok failed - - - ok ok", &["LP105"], |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        push("p1").answered_inside(stage, T + 300, "606 Not Acceptable", None);
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
}

#[test]
fn a_capture_that_begins_or_ends_inside_truncates() {
    // Ends before the push is due to be answered.
    let mut stage = Stage::new(everything());
    another_ladder(&mut stage, 1_000);
    CALL.begin(&mut stage, T);
    push("p1").goes(&mut stage, T + 110);
    let ladders = stage.end(T + 5_000);
    let (_, judgement) = ladders.iter().find(|(ladder, _)| ladder.call_id.is_some()).unwrap();
    assert_eq!(statuses(judgement), "ok ok ok ok ok ~ ~ truncated truncated truncated");
    assert_eq!(judgement.verdict.name(), "inconclusive");
    // Begins after the INVITE.
    let mut stage = Stage::new(everything());
    CALL.ring(&mut stage, 10);
    push("p1").goes(&mut stage, 20);
    push("p1").answered(&mut stage, 100, "200 OK");
    CALL.answer(&mut stage, 8_000, "200 OK");
    CALL.ack(&mut stage, 8_050);
    let ladders = stage.end(HOUR);
    let [(ladder, judgement)] = ladders.as_slice() else { panic!("{} ladders", ladders.len()) };
    assert_eq!(ladder.trigger.name(), "invite");
    assert_eq!(statuses(judgement), "truncated truncated ok ok ok ~ ~ ok ok ok");
    assert_eq!(judgement.verdict.name(), "inconclusive");
}

#[test]
fn lost_bytes_are_never_a_missing_step() {
    check("inconclusive: ok ok ok unreadable ok ~ ~ ok ok ok", &[], |stage| {
        CALL.begin(stage, T);
        stage.losing = LegSet::of(&[Leg::PushInternal]);
        push("p1").goes(stage, T + 110);
        stage.losing = LegSet::EMPTY;
        push("p1").answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
    check("inconclusive: ok ok ok ok ok ~ ~ unreadable ok ok", &[], |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        stage.losing = LegSet::of(&[Leg::PushInternal, Leg::EdgeInternal]);
        push("p1").answered_inside(stage, T + 200, "200 OK", None);
        stage.losing = LegSet::EMPTY;
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
}

/// An answer past its limit is late, and so one that may have come late in lost bytes is not missing.
#[test]
fn lost_bytes_behind_a_limit_may_hold_a_late_step() {
    let script = |stage: &mut Stage, lost: i64| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        push("p1").answered(stage, T + 200, "200 OK");
        stage.losing = LegSet::of(&[Leg::Caller, Leg::Mcx]);
        CALL.answer(stage, T + lost, "487 Request Terminated");
        stage.losing = LegSet::EMPTY;
    };
    check("inconclusive: ok ok ok ok ok ~ ~ ok unreadable unreadable", &[], |stage| script(stage, 75_000));
    check("broken at 9: ok ok ok ok ok ~ ~ ok missing -", &["LP209"], |stage| script(stage, 100_000));
}

/// Where nobody knows whether a push was made, its answer is not missing, although what lies between is out of view.
#[test]
fn what_is_not_known_goes_on_behind_a_leg_that_is_out_of_view() {
    let view = [Leg::Mcx, Leg::PushInternal];
    check_in_view(&view, "broken at 9: ? ok unreadable unreadable ? ~ ~ unreadable failed -", |stage| {
        let registration = Text::new("REGISTER sip:example.com SIP/2.0")
            .with("Via", "SIP/2.0/TLS 192.0.2.7:49100;branch=z9hG4bKr")
            .with("From", format!("<sip:bob@example.com>;tag=r;epid={PHONE}"))
            .with("To", "<sip:bob@example.com>")
            .with("Call-ID", "r1")
            .with("CSeq", "1 REGISTER")
            .with("User-Agent", CALL.client);
        stage.say(T - 1_000, Leg::PushInternal, true, &registration);
        CALL.invite(stage, T);
        CALL.copy(stage, T + 30);
        stage.losing = LegSet::of(&[Leg::Mcx]);
        CALL.ring(stage, T + 100);
        stage.losing = LegSet::EMPTY;
        CALL.answer(stage, T + 60_000, "408 Request Timeout");
    });
}

/// A push without a call may belong to one in a stream that cannot be read.
#[test]
fn a_push_alone_beside_a_stream_that_is_not_read_may_belong_to_a_call() {
    for (unread, expected) in [
        (None, "complete: ? ? ? ok ok ~ ~ ok ? ?"),
        (Some(T - 20_000), "inconclusive: unreadable unreadable unreadable ok ok ~ ~ ok unreadable unreadable"),
        (Some(T + 20_000), "inconclusive: unreadable unreadable unreadable ok ok ~ ~ ok unreadable unreadable"),
    ] {
        let mut stage = Stage::new(LegSet::of(&[Leg::PushInternal, Leg::EdgeInternal]));
        if let Some(from) = unread {
            stage.unreadable(Leg::Mcx, from, from + 1_000);
        }
        push("p1").goes(&mut stage, T);
        push("p1").answered(&mut stage, T + 100, "200 OK");
        let ladders = stage.end(HOUR);
        let [(_, judgement)] = ladders.as_slice() else { panic!("{} ladders", ladders.len()) };
        assert_eq!(format!("{}: {}", judgement.verdict.name(), statuses(judgement)), expected, "{unread:?}");
    }
}

#[test]
fn clients_without_a_push() {
    const ANDROID: Call = Call { client: "RTCC/4.0.0.0 McxService/4.0.0.0 AndroidLync/4.0.1", ..CALL };
    check("no-push-expected: ok ok ok na na na na na ok ok", &["LP506"], |stage| {
        ANDROID.begin(stage, T);
        ANDROID.answer(stage, T + 8_000, "200 OK");
        ANDROID.ack(stage, T + 8_050);
    });
    check("broken at 9: ok ok ok na na na na na failed -", &["LP109", "LP506"], |stage| {
        ANDROID.begin(stage, T);
        ANDROID.refuse(stage, T + 8_000, "480 Temporarily Unavailable");
    });
    // Who could get a push and answers without one had the app in the foreground, known family or not.
    for client in [CALL, Call { client: UNKNOWN, ..CALL }] {
        check("no-push-expected: ok ok ok na na na na na ok ok", &["LP505"], |stage| {
            client.begin(stage, T);
            client.answer(stage, T + 8_000, "200 OK");
            client.ack(stage, T + 8_050);
        });
    }
    let (found, _) = play(everything(), |stage| {
        let call = Call { client: UNKNOWN, ..CALL };
        call.begin(stage, T);
        call.cancel(stage, T + 20_000, Leg::Caller);
        call.refuse(stage, T + 20_010, "487 Request Terminated");
    });
    assert_eq!(found, "inconclusive: ok ok ok na na na na na ok na", "nobody knows whether a push was due");
}

#[test]
fn the_profile_decides_who_gets_a_push() {
    let overrides = "[mobile.families.iPhoneLync.push]\n6 = 'yes'";
    let (found, codes) = play_with(everything(), overrides, |stage| {
        let call = Call { client: UNKNOWN, ..CALL };
        call.begin(stage, T);
        call.refuse(stage, T + 60_000, "408 Request Timeout");
    });
    assert_eq!(found, "broken at 4: ok ok ok missing - - - - failed -");
    assert_eq!(codes, ["LP204", "LP109"]);
}

#[test]
fn a_push_to_an_address_nobody_told_of_is_not_missing() {
    let elsewhere = || crate::stage::Push { uri: "sip:notify@push.lab.example.net", ..push("p1") };
    check("broken at 9: ok ok ok ? ? ~ ~ ? failed -", &["LP109", "LP512"], |stage| {
        CALL.begin(stage, T);
        elsewhere().goes(stage, T + 110);
        elsewhere().answered(stage, T + 200, "200 OK");
        CALL.refuse(stage, T + 60_000, "408 Request Timeout");
    });
    let overrides = "[push]\nuris = ['sip:notify@push.lab.example.net']";
    let (found, codes) = play_with(everything(), overrides, |stage| {
        CALL.begin(stage, T);
        elsewhere().goes(stage, T + 110);
        elsewhere().answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 8_000, "200 OK");
        CALL.ack(stage, T + 8_050);
    });
    assert_eq!((found.as_str(), codes.as_slice()), ("complete: ok ok ok ok ok ~ ~ ok ok ok", &[][..]));
}
