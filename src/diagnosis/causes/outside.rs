//! What the clearing house does to a push.

use super::edge::UNEXPLAINED;
use super::{Cause, EDGE, Evidence, SHELL, Stage, evidence, on, reporter};
use crate::diagnosis::Certainty::{Certain, Likely, Possible};
use crate::diagnosis::case::Case;
use crate::judge::push::Reach;
use crate::judge::status::Status;
use crate::knowledge::sources::{BHARGAV, DNS, MS_SIPRE, NETDORK, PUSH_TEST, RFC_3261};
use crate::ladder::profile::StepKey;

/// An answer that the Edge made sooner than this stands for no silence outside, nanoseconds.
const SILENCE: i64 = 10_000_000_000;

pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "clearing-house-rejects",
        title: "The clearing house refused the push",
        stage: Stage::Outside,
        meaning: "The push left, and the clearing house or its proxy said no. Its reasons do not cross federation: the Edge adds ms-diagnostics 1034 in their place.",
        wire: "A final response outside 2xx that came from outside: on the Edge's external leg, or with ms-edge-proxy-message-trust naming a provider or partner.",
        numbers: &[1034],
        statuses: &[403, 404, 480, 500, 503],
        codes: &["LP108"],
        applies: rejected,
        advice: "Nothing inside is shown to be wrong. See whether the clearing house takes a test, and whether your own domain's federation record can be found from outside; then ask its operator.",
        check: &[
            on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'"),
            on(SHELL, "Test-CsFederatedPartner -TargetFqdn '{edge}' -Domain '{push-domain}' -ProxyFqdn '{proxy}'"),
            on("on a host outside", "nslookup -type=SRV '_sipfederationtls._tcp.{sip-domain}'"),
        ],
        change: &[],
        next: "",
        example: ("clearing-house-rejects", &[]),
        sources: &[NETDORK, MS_SIPRE, DNS],
    },
    Cause {
        name: "clearing-house-silent",
        title: "The clearing house did not answer",
        stage: Stage::Outside,
        meaning: "The push left, and nothing came back in 32 seconds. The Edge may answer in its place, with 408 or 504.",
        wire: "The request on the Edge's external leg without a final response there; inside, none, or one that the Edge made (EdgeProxyGenerated) after about 32 seconds.",
        numbers: &[5001],
        statuses: &[408, 504],
        codes: &["LP105", "LP108", "LP208"],
        applies: silent,
        advice: "Nothing inside is shown to be wrong. See whether a test is answered, and whether something between cuts long connections.",
        check: &[
            on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'"),
            on(EDGE, "(New-Object Net.Sockets.TcpClient '{proxy}', 5061).Connected"),
        ],
        change: &[],
        next: "on the Edge's external network card: it shows whether the request left.",
        example: ("clearing-house-silent", &[]),
        sources: &[BHARGAV, RFC_3261, PUSH_TEST],
    },
    UNEXPLAINED,
    Cause {
        name: "push-unanswered",
        title: "Nobody answered the push, and where it stopped is out of view",
        stage: Stage::Edge,
        meaning: "The push went towards the Edge and no final response was seen, not even the Edge's own. Whether it left is not to be seen in this capture.",
        wire: "The request on a leg inside without a final response for 32 seconds; the Edge's external leg is not in view.",
        numbers: &[],
        statuses: &[],
        codes: &["LP208"],
        applies: unanswered,
        advice: "See whether the Edge takes requests at all, and whether it can send them on.",
        check: &[
            on(SHELL, "Test-CsMcxPushNotification -AccessEdgeFqdn '{edge}'"),
            on(EDGE, "Get-CsWindowsService -Name RTCSRV"),
        ],
        change: &[],
        next: "on the Edge, both of its network cards: that shows whether the request arrives and whether it leaves.",
        example: ("push-unanswered", &["--vantage", "frontend"]),
        sources: &[RFC_3261],
    },
];

fn rejected(case: &Case<'_>) -> Option<Evidence> {
    let refusal = case.refusal().filter(|_| case.judgement.reach == Reach::RefusedOutside && case.is_from_outside())?;
    let told = case.told();
    let by = told.iter().find_map(|told| told.report.source.as_deref());
    let said = match told.first() {
        Some(told) => format!(", and {} adds ms-diagnostics {}", reporter(by), told.report.id),
        None => String::new(),
    };
    evidence(Certain, format!("{} came from outside{said}: the Edge let the push out.", refusal.status))
}

fn silent(case: &Case<'_>) -> Option<Evidence> {
    if let (Some(left), Status::Missing) = (case.left(), case.status(StepKey::PushAccepted)) {
        let why = format!("The push left the Edge (frame {}), and no answer to it was seen.", case.frame(left));
        return evidence(Certain, why);
    }
    let refusal = case.refusal().filter(|answer| matches!(answer.status, 408 | 504))?;
    if case.is_from_outside() || !case.is_made_by_edge() {
        return None;
    }
    if let Some(left) = case.left() {
        let why = format!(
            "The push left the Edge (frame {}), no answer came from outside, and the Edge answered {} in its place.",
            case.frame(left),
            refusal.status
        );
        return evidence(Certain, why);
    }
    // Whether it left is not in view: how long the Edge took has to tell.
    let first = case.push()?.requests.iter().map(|(rung, _)| rung.at.time).min();
    let took = first.map(|first| refusal.rung.at.time.since(first));
    let is_timer = refusal.status == 408 || case.told().iter().any(|told| told.report.id == 5001);
    match took {
        _ if !is_timer => None,
        Some(took) if took >= SILENCE => evidence(
            Likely,
            format!(
                "The Edge answered {} itself, {} s after the push: as long as it waits for an answer from outside.",
                refusal.status,
                took / 1_000_000_000
            ),
        ),
        _ => evidence(Possible, format!("The Edge answered {} itself: it had no answer in time.", refusal.status)),
    }
}

fn unanswered(case: &Case<'_>) -> Option<Evidence> {
    if case.left().is_some() || case.status(StepKey::PushAccepted) != Status::Missing {
        return None;
    }
    let seen = case.push()?.requests.last().map(|(rung, _)| rung)?;
    let why = format!(
        "The push was last seen in frame {}, on its way to the Edge; no answer to it was seen.",
        case.frame(seen)
    );
    evidence(Possible, why)
}
