//! TLS that cannot be read on ports of which nothing is known: whose it is decides what may be in there.

use lyncpush::ladder::leg::{Leg, LegSet};

use crate::stage::{CALL, DESKTOP, Stage, Text, another_ladder, everything};
use crate::statuses;

/// When the call begins.
const T: i64 = 300_000;
const ALICE: &str = "192.0.2.20:52000";
const FRONT_END: &str = "192.0.2.7:52000";
const EDGE: &str = "192.0.2.9:5099";
const WEB: &str = "192.0.2.40:5099";
const STRANGER: &str = "192.0.2.41:52000";

/// No push is made while `neighbours` is open; Alice has registered if `registered`.
fn judged(neighbours: [&str; 2], registered: bool, told: LegSet) -> String {
    judged_with(everything(), neighbours, registered, told)
}

/// The same where only the legs in `view` are recorded.
fn judged_with(view: LegSet, neighbours: [&str; 2], registered: bool, told: LegSet) -> String {
    let mut stage = Stage::with(view, "", told);
    // It begins before anybody is known.
    stage.unreadable_elsewhere(neighbours, 0, T + 60_000);
    another_ladder(&mut stage, 1_000);
    if registered {
        let register = Text::new("REGISTER sip:example.com SIP/2.0")
            .with("Via", "SIP/2.0/TLS 192.0.2.20:51000")
            .with("From", "<sip:alice@example.com>;tag=r;epid=aa11")
            .with("To", "<sip:alice@example.com>")
            .with("Call-ID", "r1")
            .with("CSeq", "1 REGISTER")
            .with("User-Agent", DESKTOP);
        stage.say(T - 1_000, Leg::Caller, true, &register);
    }
    CALL.begin(&mut stage, T);
    CALL.answer(&mut stage, T + 75_000, "480 Temporarily Unavailable");
    let ladders = stage.end(3_600_000);
    let own = ladders.iter().find(|(ladder, _)| ladder.call_id.as_deref() == Some("c1"));
    statuses(&own.expect("the call's ladder").1)
}

#[test]
fn who_speaks_sip_may_do_so_on_another_port() {
    let (missing, unreadable) =
        ("ok ok ok missing - - - - failed -", "ok ok ok unreadable unreadable ~ ~ unreadable failed -");
    for (neighbours, registered, expected) in [
        ([STRANGER, WEB], false, missing),
        // With agents nobody speaks on legs whose hop is known.
        ([FRONT_END, WEB], false, missing),
        ([STRANGER, "192.0.2.7:5099"], false, missing),
        ([FRONT_END, EDGE], false, unreadable),
        ([FRONT_END, "192.0.2.7:5099"], false, unreadable),
        // What is not known for a client's may be a server's.
        ([ALICE, EDGE], false, unreadable),
        ([ALICE, EDGE], true, missing),
        ([FRONT_END, "192.0.2.20:5099"], true, missing),
    ] {
        let found = judged(neighbours, registered, LegSet::EMPTY);
        assert_eq!(found, expected, "{neighbours:?} {registered}");
    }
}

#[test]
fn where_the_capture_was_taken_bounds_what_may_be_in_there() {
    let outside = judged([FRONT_END, EDGE], false, LegSet::EMPTY.with(Leg::EdgeExternal));
    assert!(outside.starts_with("ok ok ok missing"), "{outside}");
    let inside = judged([FRONT_END, EDGE], false, LegSet::EMPTY.with(Leg::PushInternal));
    assert!(inside.starts_with("ok ok ok unreadable"), "{inside}");
}

#[test]
fn who_is_not_known_for_sip_may_be_the_other_end_of_a_leg_that_the_capture_does_not_show() {
    let within = everything().without(LegSet::of(&[Leg::PushInternal]));
    let told = LegSet::of(&[Leg::PushInternal]);
    let agent = judged_with(within, [FRONT_END, WEB], false, told);
    assert!(agent.starts_with("ok ok ok unreadable"), "{agent}");
    let strangers = judged_with(within, [STRANGER, WEB], false, told);
    assert!(strangers.starts_with("ok ok ok missing"), "{strangers}");
}

#[test]
fn that_a_leg_has_a_hop_of_its_own_may_be_known_afterwards() {
    for (later, expected) in [(false, "ok ok ok unreadable"), (true, "ok ok ok missing")] {
        let mut stage = Stage::with(everything(), "", everything());
        stage.unreadable_elsewhere([FRONT_END, WEB], 0, T + 60_000);
        CALL.begin(&mut stage, T);
        CALL.answer(&mut stage, T + 75_000, "480 Temporarily Unavailable");
        if later {
            another_ladder(&mut stage, T + 600_000);
        }
        let ladders = stage.end(3_600_000);
        let own = ladders.iter().find(|(ladder, _)| ladder.call_id.as_deref() == Some("c1"));
        let found = statuses(&own.expect("the call's ladder").1);
        assert!(found.starts_with(expected), "{later}: {found}");
    }
}
