//! Causes: what the evidence makes certain, what it leaves open, and what names do in commands.

use lyncpush::diagnosis::case::Case;
use lyncpush::diagnosis::{Certainty, Diagnosis, diagnose};
use lyncpush::judge::Judgement;
use lyncpush::ladder::leg::{Leg, LegSet};
use lyncpush::ladder::profile::Profile;

use crate::codes;
use crate::stage::{CALL, PHONE, Push, Stage, another_ladder, everything, push};

const T: i64 = 300_000;
const HOUR: i64 = 3_600_000;
/// The Edge's mark on what it makes itself.
const EDGE_MADE: (&str, &str) = (
    "ms-edge-proxy-message-trust",
    "ms-source-type=EdgeProxyGenerated;ms-ep-fqdn=edge01.example.com;ms-source-verified-user=verified",
);

/// Plays a script before `view`, and gives the judgement and the diagnosis of the call's ladder.
fn play(view: LegSet, script: impl FnOnce(&mut Stage)) -> (Judgement, Option<Diagnosis>) {
    let mut stage = Stage::new(view);
    another_ladder(&mut stage, 1_000);
    script(&mut stage);
    let ladders = stage.end(HOUR);
    let (ladder, judgement) =
        ladders.into_iter().find(|(ladder, _)| ladder.call_id.as_deref() == Some("c1")).expect("the call's ladder");
    let profile = Profile::built_in().expect("the profile");
    let case = Case { ladder: &ladder, judgement: &judgement, profile: &profile, waited: None, several: false };
    let diagnosis = diagnose(&case);
    (judgement, diagnosis)
}

/// A push that the Edge or the Front End answers with these headers, and a call that nobody answers.
fn refused(status: &'static str, headers: &[(&str, &str)]) -> (Judgement, Option<Diagnosis>) {
    play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        push("p1").left(stage, T + 112);
        push("p1").answered_with(stage, T + 200, status, headers);
        CALL.answer(stage, T + 40_000, "408 Request Timeout");
    })
}

fn named(diagnosis: &Option<Diagnosis>) -> (&'static str, Certainty) {
    let diagnosis = diagnosis.as_ref().expect("a cause");
    (diagnosis.cause.name, diagnosis.certainty)
}

fn is_ruled_out(diagnosis: &Option<Diagnosis>, name: &str) -> bool {
    diagnosis.as_ref().expect("a cause").ruled_out.iter().any(|one| one.cause.name == name)
}

const UNKNOWN_DOMAIN: (&str, &str) = (
    "ms-diagnostics",
    "1009;reason=\"whatever\";domain=\"push.lync.com\";fqdn1=\"sipfed.online.lync.com:5061\";source=\"edge01.example.com\"",
);

/// The caller's window shows 504, its trace a 408 of the mobility service, and the Edge does not know the domain.
#[test]
fn three_symptoms_of_one_cause_are_one() {
    let (judgement, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        push("p1").left(stage, T + 112);
        push("p1").answered_with(stage, T + 200, "504 Server time-out", &[UNKNOWN_DOMAIN, EDGE_MADE]);
        let told = "24000;reason=\"The client did not respond\";info=\"No push subscription for target device\"";
        let text =
            CALL.response("408 Request Timeout", "INVITE", "<sip:bob@example.com>;tag=bc1;epid=B3F0BF3156", 1, 2);
        stage.say(T + 40_000, Leg::Mcx, false, &text.with("ms-diagnostics", told).with("Server", CALL.client));
        CALL.refuse(stage, T + 40_010, "504 Server time-out");
    });
    assert_eq!(codes(&judgement), ["LP105", "LP109"]);
    assert_eq!(named(&diagnosis), ("domain-not-allowed", Certainty::Likely));
    let diagnosis = diagnosis.unwrap();
    assert_eq!((diagnosis.primary, diagnosis.symptoms), (0, vec![1]));
    let commands: Vec<&str> = diagnosis.remedy.change.iter().map(|one| one.command.as_str()).collect();
    assert_eq!(commands.first(), Some(&"New-CsAllowedDomain -Identity 'push.lync.com'"));
}

/// At the caller alone, the 504 says of whom it is only by its parameters.
#[test]
fn the_caller_s_answer_may_name_the_clearing_house() {
    let at_caller = |headers: &[(&str, &str)]| {
        play(LegSet::of(&[Leg::Caller]), |stage| {
            CALL.begin(stage, T);
            CALL.refuse_with(stage, T + 40_000, "504 Server time-out", headers);
        })
        .1
    };
    assert_eq!(named(&at_caller(&[UNKNOWN_DOMAIN])), ("domain-not-allowed", Certainty::Likely));
    let of_another = ("ms-diagnostics", "1009;domain=\"partner.example\";source=\"edge01.example.com\"");
    assert_eq!(named(&at_caller(&[of_another])), ("call-unanswered", Certainty::Possible));
    assert_eq!(named(&at_caller(&[])), ("call-unanswered", Certainty::Possible));
}

#[test]
fn numbers_decide_and_texts_do_not() {
    let told = |value: &'static str| ("ms-diagnostics", value);
    for (value, expected) in [
        ("1008;reason=\"From URI not authorized\";source=\"edge01\"", "dns-missing"),
        ("1014;source=\"edge01\"", "dns-missing"),
        ("1046;winsock-code=\"11001\"", "dns-missing"),
        ("1046;winsock-code=\"10060\"", "firewall"),
        ("1046", "firewall"),
        ("1046;winsock-code=\"10061\"", "connection-refused"),
        ("1010;HRESULT=\"0x800B0101(CERT_E_EXPIRED)\"", "certificate-not-trusted"),
        ("1047", "certificate-refused"),
        ("1012", "not-federated"),
        ("1013", "clock-skew"),
        ("16001", "im-filter"),
        ("4711;reason=\"Unable to resolve DNS SRV record\"", "push-refused"),
    ] {
        let (_, diagnosis) = refused("504 Server time-out", &[told(value), EDGE_MADE]);
        assert_eq!(named(&diagnosis).0, expected, "{value}");
    }
    let (_, diagnosis) = refused("504 Server time-out", &[EDGE_MADE]);
    assert_eq!(named(&diagnosis), ("push-refused", Certainty::Possible));
}

#[test]
fn every_line_of_a_response_is_read_and_its_host_named() {
    let lines = [
        ("ms-diagnostics", "10003;source=\"gw01.example.com\";reason=\"Proxy returned a SIP failure code\""),
        ("ms-diagnostics", "1008;source=\"edge01.example.com\""),
        ("ms-diagnostics-public", "1014;source=\"edge02.example.com\""),
        EDGE_MADE,
    ];
    let (judgement, diagnosis) = refused("504 Server time-out", &lines);
    let refusal = judgement.findings[0].refusal.as_ref().expect("a refusal");
    let told: Vec<(u32, Option<&str>)> = refusal.reports.iter().map(|one| (one.id, one.by.as_deref())).collect();
    let expected =
        [(10003, Some("gw01.example.com")), (1008, Some("edge01.example.com")), (1014, Some("edge02.example.com"))];
    assert_eq!(told, expected);
    assert_eq!(named(&diagnosis), ("dns-missing", Certainty::Certain));
    assert!(
        diagnosis.unwrap().why.starts_with("edge01.example.com answered the push with 504 and ms-diagnostics 1008")
    );
}

/// An Edge that answers is reachable, whatever number it gives.
#[test]
fn an_edge_that_answers_is_not_unreachable() {
    let told = ("ms-diagnostics", "1038;source=\"edge01.example.com\"");
    let (_, diagnosis) = refused("504 Server time-out", &[told, EDGE_MADE]);
    assert_eq!(named(&diagnosis).0, "push-refused");
    assert!(is_ruled_out(&diagnosis, "edge-unreachable"));
    let (_, diagnosis) = refused("504 Server time-out", &[("ms-diagnostics", "1038;source=\"fe01.example.com\"")]);
    assert_eq!(named(&diagnosis), ("edge-unreachable", Certainty::Likely));
    assert!(!is_ruled_out(&diagnosis, "edge-unreachable"));
}

/// A number rules out what it contradicts, and not what may look the same.
#[test]
fn a_number_rules_out_only_what_it_contradicts() {
    for (value, not_ruled_out, ruled_out) in [
        ("1010;HRESULT=\"0x800B0101\"", "clock-skew", "dns-missing"),
        ("1046", "dns-missing", "certificate-refused"),
        ("1046;winsock-code=\"10061\"", "firewall", "domain-not-allowed"),
        ("1047", "certificate-not-trusted", "firewall"),
        ("1027", "domain-not-allowed", "not-federated"),
        ("1008", "firewall", "certificate-refused"),
        ("1002", "push-refused", "clock-skew"),
    ] {
        let (_, diagnosis) = refused("504 Server time-out", &[("ms-diagnostics", value), EDGE_MADE]);
        assert!(!is_ruled_out(&diagnosis, not_ruled_out), "{value}: {not_ruled_out}");
        assert!(is_ruled_out(&diagnosis, ruled_out), "{value}: {ruled_out}");
        assert!(is_ruled_out(&diagnosis, "clearing-house-rejects"), "{value}");
    }
}

/// What an answer from outside says of itself is nothing about this side.
#[test]
fn a_number_from_outside_is_not_ours() {
    let (_, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        let outside = "ms-source-type=AuthorizedServer;ms-ep-fqdn=edge01.example.com";
        let lines =
            [("ms-diagnostics-public", "1008;source=\"far.example\""), ("ms-edge-proxy-message-trust", outside)];
        push("p1").answered_with(stage, T + 200, "504 Server time-out", &lines);
        CALL.answer(stage, T + 40_000, "480 Temporarily Unavailable");
    });
    assert_eq!(named(&diagnosis), ("clearing-house-rejects", Certainty::Certain));
    for name in ["push-not-made", "im-filter", "not-federated", "edge-unreachable", "dns-missing", "firewall"] {
        assert!(is_ruled_out(&diagnosis, name), "{name}");
    }
}

/// What is not in view rules nothing out.
#[test]
fn could_not_see_stays_could_not_see() {
    let (_, diagnosis) = play(LegSet::of(&[Leg::Caller]), |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        push("p1").answered(stage, T + 200, "200 OK");
        CALL.answer(stage, T + 40_000, "408 Request Timeout");
    });
    assert_eq!(named(&diagnosis), ("call-unanswered", Certainty::Possible));
    for name in ["push-not-made", "im-filter", "firewall", "clearing-house-rejects", "device-never-woke"] {
        assert!(!is_ruled_out(&diagnosis, name), "{name}");
    }
    assert!(diagnosis.unwrap().remedy.capture_next.is_some());
}

/// A push whose answer is lost may have been accepted or not.
#[test]
fn an_answer_that_is_lost_leaves_everything_open() {
    let (_, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").goes(stage, T + 110);
        stage.losing = LegSet::of(&[Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal]);
        push("p1").answered(stage, T + 200, "200 OK");
        stage.losing = LegSet::EMPTY;
        CALL.answer(stage, T + 40_000, "408 Request Timeout");
    });
    assert_eq!(named(&diagnosis), ("call-unanswered", Certainty::Possible));
    assert!(diagnosis.unwrap().why.starts_with("A push was seen, and its answer is not in view"));
}

/// The policy that forbids a push is that of the user it is sent for.
#[test]
fn the_user_in_a_command_is_the_push_s_sender() {
    let (_, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        let by_caller = Push { from: "<sip:alice@example.com>".into(), ..push("p1") };
        by_caller.made(stage, T + 110);
        let told = ("ms-diagnostics", "1002;source=\"fe01.example.com\"");
        by_caller.answered_with(stage, T + 200, "403 Forbidden", &[told]);
        CALL.answer(stage, T + 40_000, "408 Request Timeout");
    });
    assert_eq!(named(&diagnosis), ("not-federated", Certainty::Certain));
    let check = &diagnosis.unwrap().remedy.check[0].command;
    assert_eq!(check, "Get-CsUser -Identity 'sip:alice@example.com' | Format-List SipAddress, ExternalAccessPolicy");
}

/// A user who declined was reached: a failed push is not why.
#[test]
fn a_decline_is_no_symptom_of_a_failed_push() {
    let (judgement, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        push("p1").left(stage, T + 112);
        push("p1").answered_with(stage, T + 200, "504 Server time-out", &[UNKNOWN_DOMAIN, EDGE_MADE]);
        CALL.answer(stage, T + 9_000, "603 Decline");
    });
    assert_eq!(codes(&judgement), ["LP105", "LP109"]);
    assert!(diagnosis.unwrap().symptoms.is_empty());
}

/// What goes wrong after an answer is no symptom of a push that failed before.
#[test]
fn a_session_that_stalls_is_no_symptom_of_a_failed_push() {
    let (judgement, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        push("p1").made(stage, T + 110);
        push("p1").left(stage, T + 112);
        push("p1").answered_with(stage, T + 200, "504 Server time-out", &[UNKNOWN_DOMAIN, EDGE_MADE]);
        CALL.answer(stage, T + 9_000, "200 OK");
    });
    assert_eq!(codes(&judgement), ["LP105", "LP210"]);
    assert!(diagnosis.unwrap().symptoms.is_empty());
}

/// The refusal told of is that of the push that decides, not of another phone's.
#[test]
fn each_phone_s_push_has_its_own_refusal() {
    let second = Push { from: "<sip:bob@example.com>;epid=AAAAAAAAAA".into(), ..push("p2") };
    let other = crate::stage::Call { epid: "AAAAAAAAAA", ..CALL };
    let (judgement, diagnosis) = play(everything(), |stage| {
        CALL.begin(stage, T);
        other.copy(stage, T + 35);
        let text = CALL.response("180 Ringing", "INVITE", "<sip:bob@example.com>;tag=second;epid=AAAAAAAAAA", 1, 2);
        stage.say(T + 104, Leg::Mcx, false, &text.with("Server", CALL.client));
        for (push, ms) in [(&push("p1"), T + 110), (&second, T + 120)] {
            push.made(stage, ms);
            push.left(stage, ms + 2);
        }
        push("p1").answered_with(stage, T + 200, "504 Server time-out", &[UNKNOWN_DOMAIN, EDGE_MADE]);
        // The first phone's is tried again, and accepted.
        push("p3").goes(stage, T + 1_000);
        push("p3").answered(stage, T + 1_080, "200 OK");
        let told = ("ms-diagnostics", "1002;source=\"edge01.example.com\"");
        second.answered_with(stage, T + 1_200, "403 Forbidden", &[told, EDGE_MADE]);
        CALL.answer(stage, T + 40_000, "408 Request Timeout");
    });
    let refusal = judgement.findings[0].refusal.as_ref().expect("a refusal");
    assert_eq!((refusal.status, refusal.ms_diagnostics), (403, Some(1002)));
    assert_eq!(named(&diagnosis).0, "not-federated");
    assert_ne!(PHONE, "AAAAAAAAAA");
}

/// Whoever sends SIP chooses what stands in it; commands are pasted into a shell.
#[test]
fn hostile_names_never_reach_a_command() {
    for name in [
        "a'; Remove-Item C:\\ -Recurse; '",
        "a\u{2019}; calc; \u{2018}",
        "$(calc)",
        "`calc`",
        "-Force",
        "x y",
        "a|calc",
        "\u{202e}moc.elpmaxe",
        "<script>alert(1)</script>",
    ] {
        let value = format!("1009;source=\"{name}\";domain=\"{name}\";fqdn1=\"{name}\"");
        let trust = format!("ms-source-type=EdgeProxyGenerated;ms-ep-fqdn=\"{name}\"");
        let lines = [("ms-diagnostics", value.as_str()), ("ms-edge-proxy-message-trust", trust.as_str())];
        for id in ["1009", "1010", "1046", "1013", "1002", "1038", "4711"] {
            let value = value.replacen("1009", id, 1);
            let lines = [("ms-diagnostics", value.as_str()), lines[1]];
            let (_, diagnosis) = refused("504 Server time-out", &lines);
            let diagnosis = diagnosis.expect("a cause");
            let remedy = &diagnosis.remedy;
            for one in remedy.check.iter().chain(&remedy.change) {
                assert!(!one.command.contains(name) && !one.place.contains(name), "{name}: {one:?}");
            }
            assert!(!diagnosis.why.contains(name) && !remedy.text().contains(name), "{name}: {}", diagnosis.why);
        }
    }
}
