//! Which call a push belongs to.

use lyncpush::ladder::Ladder;
use lyncpush::ladder::leg::LegSet;
use lyncpush::sip::epid::gruu_opaque;

use crate::stage::{CALL, Call, PHONE, Push, Stage, everything, push};

const T: i64 = 300_000;
const HOUR: i64 = 3_600_000;

fn ladders(stage: Stage) -> Vec<Ladder> {
    stage.end(HOUR).into_iter().map(|(ladder, _)| ladder).collect()
}

/// The join evidence and rivals of the push `p1` after a call to bob at `T`, or `None` when it is alone.
fn join_of(push: &Push, after_ring: i64) -> Option<(Vec<&'static str>, f64)> {
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    push.goes(&mut stage, T + 100 + after_ring);
    push.answered(&mut stage, T + 200 + after_ring, "200 OK");
    CALL.answer(&mut stage, T + 60_000, "200 OK");
    CALL.ack(&mut stage, T + 60_050);
    let found = ladders(stage);
    let joined = found.iter().find(|ladder| ladder.call_id.is_some()).expect("the call").join.clone()?;
    assert_eq!(found.len(), 1, "a push that is joined has no ladder of its own");
    Some((joined.evidence, joined.confidence))
}

fn from(header: &str) -> Push {
    Push { from: header.to_owned(), ..push("p1") }
}

#[test]
fn each_kind_of_evidence() {
    for (push, expected) in [
        (push("p1"), vec!["epid", "aor", "time"]),
        (from("<sip:bob@example.com>"), vec!["aor", "time"]),
        (from("<SIP:Bob@EXAMPLE.com>"), vec!["aor", "time"]),
        (from("<sip:alice@example.com>"), vec!["caller", "time", "only"]),
        (Push { body: "to c1 now", ..from("<sip:mcx@fe01.example.net>") }, vec!["identifier", "time"]),
        (Push { body: "for bob@example.com", ..from("<sip:mcx@fe01.example.net>") }, vec!["name", "time", "only"]),
        (from("<sip:mcx@fe01.example.net>"), vec!["time", "only"]),
    ] {
        let (evidence, confidence) = join_of(&push, 10).unwrap_or_else(|| panic!("{:?} joins nothing", push.from));
        assert_eq!(evidence, expected, "{:?}", push.from);
        assert!((0.5..1.0).contains(&confidence), "{confidence}");
    }
}

#[test]
fn a_gruu_is_as_good_as_its_epid() {
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    let contact = format!("<sip:bob@example.com;opaque={};gruu>", gruu_opaque(PHONE.as_bytes()));
    let text = from("<sip:bob@example.com>").request(1).with("Contact", contact);
    stage.say(T + 110, lyncpush::ladder::leg::Leg::PushInternal, true, &text);
    let found = ladders(stage);
    assert_eq!(found[0].join.as_ref().unwrap().evidence, ["epid", "aor", "time"]);
}

#[test]
fn another_users_push_is_another_ladder() {
    for header in
        ["<sip:carol@example.com>;epid=CCCCCCCCCC", "<sip:carol@example.com>", "<sip:x@example.net>;epid=DDDDDDDDDD"]
    {
        assert_eq!(join_of_two(&from(header)), ["invite", "push-only"], "{header}");
    }
}

fn join_of_two(push: &Push) -> Vec<&'static str> {
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    push.goes(&mut stage, T + 110);
    push.answered(&mut stage, T + 200, "200 OK");
    CALL.answer(&mut stage, T + 60_000, "200 OK");
    ladders(stage).iter().map(|ladder| ladder.trigger.name()).collect()
}

#[test]
fn a_push_belongs_to_a_call_only_from_its_invite_on() {
    let mut stage = Stage::new(everything());
    push("p1").goes(&mut stage, T - 5);
    push("p1").answered(&mut stage, T + 90, "200 OK");
    CALL.begin(&mut stage, T);
    let triggers: Vec<&str> = ladders(stage).iter().map(|ladder| ladder.trigger.name()).collect();
    assert_eq!(triggers, ["push-only", "invite"]);
}

#[test]
fn a_push_after_the_answer_belongs_to_no_call() {
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    CALL.answer(&mut stage, T + 3_000, "200 OK");
    CALL.ack(&mut stage, T + 3_050);
    push("p1").goes(&mut stage, T + 3_500);
    push("p1").answered(&mut stage, T + 3_600, "200 OK");
    let triggers: Vec<&str> = ladders(stage).iter().map(|ladder| ladder.trigger.name()).collect();
    assert_eq!(triggers, ["invite", "push-only"]);
}

#[test]
fn two_calls_to_one_phone_seconds_apart_each_get_their_own_push() {
    const SECOND: Call = Call { id: "c2", ..CALL };
    for gap in [40, 1_000, 3_000] {
        let mut stage = Stage::new(everything());
        // Their messages alternate where they are close.
        CALL.begin(&mut stage, T);
        if gap >= 1_000 {
            push("p1").goes(&mut stage, T + 110);
            push("p1").answered(&mut stage, T + 200, "200 OK");
        }
        SECOND.begin(&mut stage, T + 100 + gap);
        if gap < 1_000 {
            push("p1").goes(&mut stage, T + 100 + gap + 101);
            push("p1").answered(&mut stage, T + 100 + gap + 250, "200 OK");
        }
        push("p2").goes(&mut stage, T + 100 + gap + 300);
        push("p2").answered(&mut stage, T + 100 + gap + 400, "200 OK");
        let found = ladders(stage);
        let mut pushes: Vec<(String, Vec<String>)> = found
            .iter()
            .map(|ladder| {
                let own = ladder.pushes.iter().map(|push| push.call_id.to_string()).collect();
                (ladder.call_id.as_deref().unwrap_or("none").to_owned(), own)
            })
            .collect();
        pushes.sort();
        let each: Vec<usize> = pushes.iter().map(|(_, own)| own.len()).collect();
        assert_eq!(each, [1, 1], "{gap}: {pushes:?}");
        assert!(found.iter().any(|ladder| !ladder.join.as_ref().unwrap().rivals.is_empty()), "{gap}: rivals are named");
    }
}

#[test]
fn a_repeated_push_belongs_to_the_same_call() {
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    push("p1").made(&mut stage, T + 110);
    push("p1").answered_inside(&mut stage, T + 300, "504 Server time-out", None);
    push("p2").goes(&mut stage, T + 2_000);
    push("p2").answered(&mut stage, T + 2_100, "200 OK");
    let found = ladders(stage);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pushes.len(), 2);
}

#[test]
fn a_health_check_is_no_push() {
    let check = Push {
        uri: "sip:Options_User@push.lync.com",
        method: "OPTIONS",
        from: "<sip:fe01.example.com>".into(),
        ..push("p1")
    };
    let mut stage = Stage::new(everything());
    CALL.begin(&mut stage, T);
    check.left(&mut stage, T + 110);
    check.out(&mut stage, T + 112);
    check.answered(&mut stage, T + 200, "200 OK");
    let found = ladders(stage);
    let triggers: Vec<&str> = found.iter().map(|ladder| ladder.trigger.name()).collect();
    assert_eq!(triggers, ["invite", "test"]);
    assert!(found[0].pushes.is_empty());
}

#[test]
fn the_profile_may_accept_its_own_methods_only() {
    let overrides = "[push]\naccept_other_methods = false";
    for (method, expected) in [("MESSAGE", 1), ("SERVICE", 0)] {
        let mut stage = Stage::with(everything(), overrides, LegSet::EMPTY);
        let push = Push { method, ..push("p1") };
        push.goes(&mut stage, T);
        push.answered(&mut stage, T + 100, "200 OK");
        assert_eq!(ladders(stage).len(), expected, "{method}");
    }
}

#[test]
fn any_method_to_the_target_is_a_push() {
    for method in ["MESSAGE", "SERVICE", "NOTIFY", "INVITE", "INFO", "X-PUSH"] {
        let push = Push { method, ..push("p1") };
        assert_eq!(join_of(&push, 10).expect(method).0, ["epid", "aor", "time"], "{method}");
    }
}
