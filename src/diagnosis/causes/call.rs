//! How a call ends although nothing is shown to be wrong with its push.

use super::mobility::{FOREGROUND, NO_PUSH};
use super::{Cause, Evidence, SHELL, Stage, evidence, on, reporter};
use crate::diagnosis::Certainty::{Certain, Likely, Possible};
use crate::diagnosis::case::Case;
use crate::judge::push::Reach;
use crate::judge::status::Status;
use crate::knowledge::diagnostics;
use crate::knowledge::sources::{HOLDS, MOBILITY, RFC_3261};
use crate::ladder::profile::StepKey;

pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "declined",
        title: "The user declined",
        stage: Stage::Phone,
        meaning: "The phone rang and its user said no: everything on the way worked.",
        wire: "603 Decline to the INVITE, or 486 Busy Here.",
        numbers: &[],
        statuses: &[603, 486],
        codes: &["LP109"],
        applies: declined,
        advice: "Nothing needs doing.",
        check: &[],
        change: &[],
        next: "",
        example: ("declined", &[]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "device-never-woke",
        title: "The clearing house took the push, and the phone did not answer",
        stage: Stage::Phone,
        meaning: "The push was accepted, and nobody answered on the phone in time. Between the two lie the clearing house, Apple or Microsoft, the carrier, the phone and its user; none of that is on your network, and a 2xx means that the clearing house took the push, not that the phone showed it.",
        wire: "2xx to the push request; later 408, 480, 487 or nothing to the INVITE.",
        numbers: &[],
        statuses: &[408, 480, 487],
        codes: &["LP109", "LP209"],
        applies: never_woke,
        advice: "Nothing on your servers is shown to be wrong. Look at the phone: notifications allowed for the app, network, battery saver; let the user sign in again.",
        check: &[on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'")],
        change: &[],
        next: "on the reverse proxy, port 443: HTTPS from the phone right after the push hints that it woke. What lies between, no capture of yours shows.",
        example: ("device-never-wakes", &[]),
        sources: &[HOLDS, MOBILITY],
    },
    Cause {
        name: "call-unanswered",
        title: "Nobody answered the call; what became of its push is out of view",
        stage: Stage::Phone,
        meaning: "The call ended without an answer. Whether the phone was pushed, or whether the push was accepted, this capture does not show: the phone, its user, and every fault of the push would look the same from here.",
        wire: "408, 480, 487, 504 or nothing to the INVITE; no answer to a push on the legs in view.",
        numbers: &[],
        statuses: &[408, 480, 487, 504],
        codes: &["LP109", "LP209"],
        applies: unanswered,
        advice: "Capture where the push passes before changing anything.",
        check: &[on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'")],
        change: &[],
        next: "on the Front End, its network card and its loopback at once: that shows whether a push is made and whether it leaves.",
        example: ("device-never-wakes", &["--vantage", "caller"]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "call-refused",
        title: "The call was refused for a reason of its own",
        stage: Stage::Phone,
        meaning: "The final response of the INVITE is neither a time-out nor the user's no. Nothing says that the push has to do with it.",
        wire: "A 4xx, 5xx or 6xx to the INVITE other than 408, 480, 486, 487, 504 and 603.",
        numbers: &[],
        statuses: &[403, 404, 488, 500, 503, 606],
        codes: &["LP109"],
        applies: call_refused,
        advice: "Follow the status code and the ms-diagnostics number of the response: lyncpush explain tells what they mean.",
        check: &[],
        change: &[],
        next: "on the Front End, its network card and its loopback at once: that shows who refuses the call.",
        example: ("call-refused", &[]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "answered-elsewhere",
        title: "The callee answered on another device",
        stage: Stage::Call,
        meaning: "All endpoints ring at once, and the first to answer has the call.",
        wire: "A 2xx whose To tag is not the phone's; CANCEL and 487 on the phone's branch.",
        numbers: &[],
        statuses: &[200, 487],
        codes: &["LP502"],
        applies: |case| {
            let why = "Another endpoint of the callee answered with 2xx.";
            if case.has("LP502") { evidence(Certain, why.into()) } else { None }
        },
        advice: "Nothing needs doing.",
        check: &[],
        change: &[],
        next: "",
        example: ("answered-on-desktop", &[]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "caller-gave-up",
        title: "The caller hung up before anybody answered",
        stage: Stage::Call,
        meaning: "The caller cancelled the call. If it rang for long, the phone may have been slow; if it did not, the caller was.",
        wire: "CANCEL on the caller's leg, 200 to it, 487 to the INVITE, ACK.",
        numbers: &[],
        statuses: &[487],
        codes: &["LP503"],
        applies: |case| {
            let why = "The caller sent CANCEL before any final response.";
            if case.has("LP503") { evidence(Certain, why.into()) } else { None }
        },
        advice: "Nothing needs doing.",
        check: &[],
        change: &[],
        next: "",
        example: ("caller-gives-up", &[]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "branch-cancelled",
        title: "The phone's branch was cancelled, and who ended the call is out of view",
        stage: Stage::Unseen,
        meaning: "The Front End took the call back from the phone. The caller may have given up, another endpoint may have answered, or nobody answered in time, the phone neither: only the caller's leg tells which.",
        wire: "CANCEL and 487 between Front End and mobility service; the caller's leg is not in view.",
        numbers: &[],
        statuses: &[487],
        codes: &["LP504"],
        applies: |case| {
            let why = "The Front End cancelled the phone's branch; the caller's leg is not in view.";
            if case.has("LP504") { evidence(Possible, why.into()) } else { None }
        },
        advice: "If the phone should have rung and did not, capture the caller's leg too before anything is changed.",
        check: &[],
        change: &[],
        next: "on the Front End's network card as well: the caller's leg shows how the call ended.",
        example: ("device-never-wakes", &["--vantage", "frontend-loopback"]),
        sources: &[RFC_3261],
    },
    Cause {
        name: "push-out-of-view",
        title: "What became of the push is out of view",
        stage: Stage::Unseen,
        meaning: "The phone was found and should get a push. Whether one was made, left and was accepted passes on legs that this capture does not show.",
        wire: "A mobile 180 on the caller's leg or the mobility service's, and nothing of the push's legs.",
        numbers: &[],
        statuses: &[],
        codes: &["LP515"],
        applies: |case| {
            let why = "The phone was found, and no leg of the push is in view.";
            if case.has("LP515") { evidence(Possible, why.into()) } else { None }
        },
        advice: "Nothing is shown to be wrong. To know of the push, capture where it passes.",
        check: &[],
        change: &[],
        next: "on the Front End, its network card and its loopback at once: that shows whether a push is made and whether it leaves.",
        example: ("happy", &["--vantage", "caller"]),
        sources: &[RFC_3261],
    },
    FOREGROUND,
    NO_PUSH,
];

fn declined(case: &Case<'_>) -> Option<Evidence> {
    match case.call_refused()? {
        603 => evidence(Certain, "The INVITE was answered 603: the user said no.".into()),
        486 => evidence(Likely, "The INVITE was answered 486: the user is busy or said no.".into()),
        _ => None,
    }
}

fn never_woke(case: &Case<'_>) -> Option<Evidence> {
    let accepted = case.judgement.reach == Reach::Accepted;
    if !accepted || !case.nobody_answered() {
        return None;
    }
    let end = case.call_refused().map_or_else(
        || "no final response to the call was seen".to_owned(),
        |status| format!("the call ended with {status}"),
    );
    evidence(Possible, format!("The clearing house accepted the push; {end}. The part between is not observable here."))
}

fn unanswered(case: &Case<'_>) -> Option<Evidence> {
    if case.judgement.reach == Reach::Accepted || !case.nobody_answered() {
        return None;
    }
    let what = match case.status(StepKey::PushAccepted) {
        Status::NotApplicable => "No push was due",
        _ if case.push().is_some() => "A push was seen, and its answer is not in view",
        _ => "No push, and no answer to one, is in view",
    };
    let end = case
        .call_refused()
        .map_or_else(|| "the call has no final response".to_owned(), |status| format!("the call ended with {status}"));
    evidence(Possible, format!("{what}; {end}."))
}

fn call_refused(case: &Case<'_>) -> Option<Evidence> {
    let status = case.call_refused()?;
    let told = case.ladder.answers.iter().flat_map(|answer| &answer.diagnostics).next();
    let mut why = format!("The call was refused with {status}");
    if let Some(told) = told {
        let meaning = diagnostics::meaning(told.id).unwrap_or("not known");
        why.push_str(&format!("; {} says ms-diagnostics {}: {meaning}", reporter(told.source.as_deref()), told.id));
    }
    why.push('.');
    evidence(Likely, why)
}
