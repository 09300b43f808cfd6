//! Calls that end in other ways than an answer on the phone, and several at once.

use lyncpush::ladder::leg::{Leg, LegSet};

use crate::stage::{CALL, Call, DESKTOP, Stage, Text, another_ladder, everything, push};
use crate::{codes, statuses};

const T: i64 = 300_000;
const HOUR: i64 = 3_600_000;

fn begun(view: LegSet) -> Stage {
    let mut stage = Stage::new(view);
    another_ladder(&mut stage, 1_000);
    stage
}

/// Verdict and statuses of the ladders of calls, in time order.
fn judged(stage: Stage) -> Vec<String> {
    let ladders = stage.end(HOUR);
    let calls = ladders.iter().filter(|(ladder, _)| ladder.call_id.is_some());
    calls
        .map(|(ladder, judged)| {
            format!("{} {}: {} {:?}", ladder.trigger.name(), judged.verdict.name(), statuses(judged), codes(judged))
        })
        .collect()
}

/// A whole call with its push up to the answer.
fn ringing(stage: &mut Stage) {
    CALL.begin(stage, T);
    push("p1").goes(stage, T + 110);
    push("p1").answered(stage, T + 200, "200 OK");
}

/// Another endpoint of bob's answers at the caller.
fn desktop(stage: &mut Stage, ms: i64, status: &str) {
    let to = "<sip:bob@example.com>;tag=desktop;epid=46c4b2d3ac";
    stage.say(ms, Leg::Caller, false, &CALL.response(status, "INVITE", to, 1, 1).with("User-Agent", DESKTOP));
}

#[test]
fn the_caller_gives_up() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    CALL.cancel(&mut stage, T + 20_000, Leg::Caller);
    CALL.cancel(&mut stage, T + 20_005, Leg::Mcx);
    CALL.answer(&mut stage, T + 20_010, "487 Request Terminated");
    assert_eq!(judged(stage), [r#"invite complete: ok ok ok ok ok ~ ~ ok ok na ["LP503"]"#]);
}

#[test]
fn a_cancelled_call_whose_push_failed_stays_broken() {
    let mut stage = begun(everything());
    CALL.begin(&mut stage, T);
    push("p1").made(&mut stage, T + 110);
    push("p1").answered_inside(&mut stage, T + 200, "403 Forbidden", None);
    CALL.cancel(&mut stage, T + 20_000, Leg::Caller);
    CALL.answer(&mut stage, T + 20_010, "487 Request Terminated");
    assert_eq!(judged(stage), [r#"invite broken: ok ok ok ok failed - - - ok na ["LP105", "LP503"]"#]);
}

#[test]
fn another_endpoint_answers() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    desktop(&mut stage, T + 4_000, "200 OK");
    CALL.cancel(&mut stage, T + 4_005, Leg::Mcx);
    let text = CALL.response("487 Request Terminated", "INVITE", "<sip:bob@example.com>;tag=bc1", 1, 2);
    stage.say(T + 4_010, Leg::Mcx, false, &text);
    assert_eq!(judged(stage), [r#"invite complete: ok ok ok ok ok ~ ~ ok ok na ["LP502"]"#]);
}

#[test]
fn seen_from_the_mobility_service_alone_a_cancelled_branch_has_no_known_cause() {
    let mut stage = begun(LegSet::of(&[Leg::Mcx, Leg::PushInternal]));
    ringing(&mut stage);
    CALL.cancel(&mut stage, T + 4_005, Leg::Mcx);
    CALL.answer(&mut stage, T + 4_010, "487 Request Terminated");
    assert_eq!(judged(stage), [r#"invite complete: implied ok ok ok implied ~ ~ ok ok na ["LP504"]"#]);
}

#[test]
fn a_decline_is_a_failed_answer() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    CALL.answer(&mut stage, T + 5_000, "603 Decline");
    assert_eq!(judged(stage), [r#"invite broken: ok ok ok ok ok ~ ~ ok failed - ["LP109"]"#]);
}

#[test]
fn a_challenge_is_no_answer() {
    let mut stage = begun(everything());
    CALL.invite(&mut stage, T - 50);
    CALL.refuse(&mut stage, T - 40, "401 Unauthorized");
    let again = Call { cseq: 2, ..CALL };
    again.begin(&mut stage, T);
    push("p1").goes(&mut stage, T + 110);
    push("p1").answered(&mut stage, T + 200, "200 OK");
    again.answer(&mut stage, T + 8_000, "200 OK");
    again.ack(&mut stage, T + 8_050);
    assert_eq!(judged(stage), ["invite complete: ok ok ok ok ok ~ ~ ok ok ok []"]);
}

#[test]
fn a_call_to_no_phone_is_no_ladder() {
    let mut stage = begun(everything());
    CALL.invite(&mut stage, T);
    desktop(&mut stage, T + 50, "180 Ringing");
    desktop(&mut stage, T + 4_000, "200 OK");
    assert!(judged(stage).is_empty());
}

#[test]
fn a_repeated_invite_in_the_session_changes_nothing() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    CALL.answer(&mut stage, T + 8_000, "200 OK");
    CALL.ack(&mut stage, T + 8_050);
    let to = "<sip:bob@example.com>;tag=bc1;epid=B3F0BF3156";
    let text = CALL.request("INVITE", "sip:bob@example.com", to, 2, 1);
    stage.say(T + 8_500, Leg::Caller, true, &text);
    stage.say(T + 8_600, Leg::Caller, false, &CALL.response("488 Not Acceptable Here", "INVITE", to, 2, 1));
    assert_eq!(judged(stage), ["invite complete: ok ok ok ok ok ~ ~ ok ok ok []"]);
}

#[test]
fn a_further_message_that_wakes_the_phone_is_a_ladder_of_its_own() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    CALL.answer(&mut stage, T + 8_000, "200 OK");
    CALL.ack(&mut stage, T + 8_050);
    // An ordinary message is evidence of the session, no more.
    CALL.message(&mut stage, T + 9_000, 2);
    CALL.message_answered(&mut stage, T + 9_100, 2, "200 OK");
    CALL.message(&mut stage, T + 600_000, 3);
    push("p2").goes(&mut stage, T + 600_200);
    push("p2").answered(&mut stage, T + 600_300, "200 OK");
    CALL.message_answered(&mut stage, T + 601_000, 3, "200 OK");
    assert_eq!(
        judged(stage),
        ["invite complete: ok ok ok ok ok ~ ~ ok ok ok []", "message complete: ok ok na ok ok ~ ~ ok ok na []"]
    );
}

#[test]
fn a_call_that_was_established_before_the_capture_has_a_ladder_only_for_its_push() {
    let mut stage = Stage::new(everything());
    CALL.message(&mut stage, 10_000, 5);
    push("p2").goes(&mut stage, 10_200);
    push("p2").answered(&mut stage, 10_300, "200 OK");
    CALL.message_answered(&mut stage, 11_000, 5, "200 OK");
    let ladders = stage.end(HOUR);
    let triggers: Vec<&str> = ladders.iter().map(|(ladder, _)| ladder.trigger.name()).collect();
    assert_eq!(triggers, ["message"]);
    assert_eq!(statuses(&ladders[0].1), "ok ok na ok ok ~ ~ ok ok na");
}

#[test]
fn a_message_back_to_the_phone_that_opened_the_session_may_wake_it() {
    let mut stage = begun(everything());
    let (bob, alice) = ("<sip:bob@example.com>;tag=m;epid=B3F0BF3156", "<sip:alice@example.com>;tag=n;epid=9d5c2a38ba");
    let text = |start: &str, from: &str, to: &str, cseq: &str, via: usize| {
        let via = (0..via).fold(Text::new(start), |text, _| text.with("Via", "SIP/2.0/TLS 192.0.2.7:5061"));
        via.with("From", from).with("To", to).with("Call-ID", "m1").with("CSeq", cseq)
    };
    let open = "<sip:alice@example.com>";
    let request = |method: &str, to: &str, cseq: &str| {
        text(&format!("{method} sip:alice@example.com SIP/2.0"), bob, to, cseq, 2).with("User-Agent", crate::stage::WP)
    };
    stage.say(T, Leg::Caller, false, &request("INVITE", open, "1 INVITE"));
    stage.say(T + 500, Leg::Caller, true, &text("SIP/2.0 200 OK", bob, alice, "1 INVITE", 2));
    stage.say(T + 510, Leg::Caller, false, &request("ACK", alice, "1 ACK"));
    // Ten minutes later alice writes back, and the phone has gone to sleep.
    stage.say(T + 600_000, Leg::Caller, true, &text("MESSAGE sip:bob@example.com SIP/2.0", alice, bob, "1 MESSAGE", 1));
    stage.say(T + 600_010, Leg::Mcx, true, &text("MESSAGE sip:bob@example.com SIP/2.0", alice, bob, "1 MESSAGE", 2));
    push("p1").goes(&mut stage, T + 600_100);
    push("p1").answered(&mut stage, T + 600_200, "200 OK");
    stage.say(T + 601_000, Leg::Mcx, false, &text("SIP/2.0 200 OK", alice, bob, "1 MESSAGE", 2));
    stage.say(T + 601_005, Leg::Caller, false, &text("SIP/2.0 200 OK", alice, bob, "1 MESSAGE", 1));
    let ladders = stage.end(HOUR);
    let (ladder, _) = ladders.iter().find(|(ladder, _)| ladder.call_id.is_some()).expect("a ladder");
    assert_eq!(ladder.caller.as_deref(), Some("sip:alice@example.com"));
    assert_eq!(ladder.callee.as_deref(), Some("sip:bob@example.com"));
    assert_eq!(ladder.phones[0].client.as_ref().unwrap().client.as_deref(), Some("WPLync"));
    let calls: Vec<_> = ladders.iter().filter(|(ladder, _)| ladder.call_id.is_some()).collect();
    let [(ladder, judgement)] = calls.as_slice() else { panic!("{} ladders", calls.len()) };
    assert_eq!((ladder.trigger.name(), judgement.verdict.name()), ("message", "complete"));
    assert_eq!(statuses(judgement), "ok ok na ok ok ~ ~ ok ok na");
}

#[test]
fn two_phones_two_pushes_and_the_one_that_got_none() {
    const OTHER: Call = Call { epid: "0DE491BF79", ..CALL };
    let second = |status: Option<&str>| {
        let mut stage = begun(everything());
        CALL.begin(&mut stage, T);
        OTHER.copy(&mut stage, T + 40);
        let to = "<sip:bob@example.com>;tag=other;epid=0DE491BF79";
        let ring = OTHER.response("180 Ringing", "INVITE", to, 1, 2).with("Server", OTHER.client);
        stage.say(T + 105, Leg::Mcx, false, &ring);
        push("p1").goes(&mut stage, T + 110);
        push("p1").answered(&mut stage, T + 200, "200 OK");
        if let Some(status) = status {
            let push = crate::stage::Push { from: "<sip:bob@example.com>;epid=0DE491BF79".into(), ..push("p2") };
            push.goes(&mut stage, T + 120);
            push.answered(&mut stage, T + 220, status);
        }
        CALL.answer(&mut stage, T + 8_000, "200 OK");
        CALL.ack(&mut stage, T + 8_050);
        judged(stage)
    };
    assert_eq!(second(Some("200 OK")), ["invite complete: ok ok ok ok ok ~ ~ ok ok ok []"]);
    assert_eq!(second(Some("403 Forbidden")), [r#"invite broken: ok ok ok ok ok ~ ~ failed ok ok ["LP108"]"#]);
    assert_eq!(second(None), [r#"invite broken: ok ok ok missing - - - - ok ok ["LP204", "LP511"]"#]);
}

#[test]
fn copies_of_a_message_on_other_hops_are_no_retransmissions() {
    let mut stage = begun(everything());
    ringing(&mut stage);
    CALL.answer(&mut stage, T + 8_000, "200 OK");
    CALL.ack(&mut stage, T + 8_050);
    let ladders = stage.end(HOUR);
    let (ladder, _) = ladders.iter().find(|(ladder, _)| ladder.call_id.is_some()).unwrap();
    let legs = |rungs: &[lyncpush::ladder::rung::Rung]| rungs.iter().filter_map(|rung| rung.leg).collect::<Vec<_>>();
    assert_eq!(legs(&ladder.invite), [Leg::Caller]);
    assert_eq!(legs(&ladder.lookup), [Leg::Caller, Leg::Mcx]);
    assert_eq!(legs(&ladder.ringing), [Leg::Mcx, Leg::Caller]);
    let push: Vec<Leg> = ladder.pushes[0].requests.iter().filter_map(|(rung, _)| rung.leg).collect();
    assert_eq!(push, [Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal]);
}
