//! What stops a push at the Front End, or on its way to the Edge.

use super::{Cause, EDGE, Evidence, FRONT_END, SHELL, Stage, evidence, numbered, on, reporter, with_waited};
use crate::diagnosis::Certainty::{Certain, Likely, Possible};
use crate::diagnosis::case::{Case, Waited};
use crate::judge::status::Status;
use crate::knowledge::sources::{KERBEROS, MS_DIAGNOSTICS, MS_OCER, PUSH_TEST, SIPE};
use crate::ladder::profile::StepKey;

/// Warning: message contents not allowed by policy.
const CONTENT_NOT_ALLOWED: u16 = 309;
/// ms-diagnostics of the Intelligent IM Filter.
const FILTER: std::ops::RangeInclusive<u32> = 16_000..=16_999;

pub(super) const CAUSES: &[Cause] = &[
    Cause {
        name: "im-filter",
        title: "The Intelligent IM Filter refused the push",
        stage: Stage::FrontEnd,
        meaning: "A push carries an http or https address, and the filter blocks messages with addresses of that kind. It works on instant messages, which a push looks like.",
        wire: "The push request on its first hop, answered 606 by the Front End, with Warning 309 or an ms-diagnostics number from 16000 to 16999; nothing goes to the Edge.",
        numbers: &[16000],
        statuses: &[606],
        codes: &["LP105"],
        applies: im_filter,
        advice: "Take http: and https: out of the prefixes that the filter blocks; messages with such addresses then pass for everybody in its scope.",
        check: &[on(SHELL, "Get-CsImFilterConfiguration | Format-List Identity, Enabled, Action, Prefixes")],
        change: &[on(SHELL, "Set-CsImFilterConfiguration -Identity <identity> -Prefixes @{Remove='http:','https:'}")],
        next: "",
        example: ("im-filter", &[]),
        sources: &[PUSH_TEST, SIPE, MS_DIAGNOSTICS],
    },
    Cause {
        name: "not-federated",
        title: "The user may not talk to federated partners",
        stage: Stage::FrontEnd,
        meaning: "Pushes go to a federated domain in the user's name. The user's external access policy, or that of the whole Edge, does not allow federation.",
        wire: "The push request, answered 403 by the Front End or the Edge with ms-diagnostics 1001, 1002 or 1012.",
        numbers: &[1001, 1002, 1012],
        statuses: &[403],
        codes: &["LP105", "LP108", "LP109"],
        applies: |case| numbered(case, &[1001, 1002, 1012], Certain),
        advice: "Give the user an external access policy with federation, and see that the Edge allows federation at all.",
        check: &[
            on(SHELL, "Get-CsUser -Identity 'sip:{user}' | Format-List SipAddress, ExternalAccessPolicy"),
            on(SHELL, "Get-CsExternalAccessPolicy | Format-List Identity, EnableFederationAccess"),
            on(SHELL, "Get-CsAccessEdgeConfiguration | Format-List AllowFederatedUsers"),
        ],
        change: &[
            on(SHELL, "Grant-CsExternalAccessPolicy -Identity 'sip:{user}' -PolicyName <policy>"),
            on(
                "Lync Server Management Shell, to let everybody who has the policy",
                "Set-CsExternalAccessPolicy -Identity <policy> -EnableFederationAccess $True",
            ),
            on(SHELL, "Set-CsAccessEdgeConfiguration -AllowFederatedUsers $True"),
        ],
        next: "",
        example: ("not-federated", &[]),
        sources: &[MS_OCER],
    },
    Cause {
        name: "clock-skew",
        title: "The clocks of two hosts are too far apart",
        stage: Stage::FrontEnd,
        meaning: "Authentication fails when two hosts disagree about the time by more than a few minutes, and certificates seem expired or not valid yet.",
        wire: "ms-diagnostics 1013 on a refusal; or captures of two hosts whose shared messages carry times minutes apart.",
        numbers: &[1013],
        statuses: &[401, 403],
        codes: &["LP105", "LP108", "LP109", "LP906"],
        applies: clock_skew,
        advice: "Set the clock of the host that is wrong, and give all hosts one source of time.",
        check: &[
            on("on every host", "w32tm /query /status"),
            on("on every host", "w32tm /stripchart /computer:'{reporter}' /samples:3 /dataonly"),
        ],
        change: &[on("on the host that is wrong", "w32tm /resync /rediscover")],
        next: "",
        example: ("clock-skew", &[]),
        sources: &[MS_OCER, KERBEROS],
    },
    Cause {
        name: "edge-unreachable",
        title: "The Front End does not reach the Edge",
        stage: Stage::FrontEnd,
        meaning: "The next hop inside, the Edge or a Director before it, is down, blocked by a firewall, or does not agree on TLS.",
        wire: "The push request on its first hop, answered 504 by the Front End with ms-diagnostics 1038, 1039 or 1041; no answer carries the Edge's mark. On the network: SYN without an answer, or RST, and no push.",
        numbers: &[1038, 1039, 1041],
        statuses: &[504],
        codes: &["LP105", "LP109", "LP205", "LP602"],
        applies: edge_unreachable,
        advice: "See whether the Edge is up, its access service runs, and its port 5061 is open from the Front End. No answer at all points to the host or a firewall, a refusal to the service.",
        check: &[
            on(SHELL, "Get-CsService -EdgeServer | Format-List PoolFqdn, AccessEdgeInternalSipPort"),
            on(FRONT_END, "(New-Object Net.Sockets.TcpClient '{peer}', 5061).Connected"),
            on(EDGE, "Get-CsWindowsService -Name RTCSRV"),
        ],
        change: &[on("on the Edge, where the service is stopped", "Start-CsWindowsService -Name RTCSRV")],
        next: "on the Front End's network card and on the Edge's internal one at once: that shows whether the packets arrive.",
        example: ("edge-down", &[]),
        sources: &[MS_OCER],
    },
];

/// The Front End says so, or the capture shows that it dials the Edge in vain while no push goes there.
fn edge_unreachable(case: &Case<'_>) -> Option<Evidence> {
    if case.is_made_by_edge() || case.is_from_outside() {
        return None;
    }
    let dials_in_vain = matches!(case.waited, Some(Waited::Connection { to_edge: true, .. }));
    let stayed = dials_in_vain && case.status(StepKey::PushFederated) == Status::Missing;
    let by_dialing = || {
        let refusal = case.refusal().filter(|_| dials_in_vain && case.told().is_empty() && case.is_504());
        let why = match refusal {
            Some(refusal) => format!("A server inside answered the push with {}.", refusal.status),
            None if stayed => "No push went to the Edge.".to_owned(),
            None => return None,
        };
        evidence(Likely, why)
    };
    let told = numbered(case, &[1038, 1039, 1041], if dials_in_vain { Certain } else { Likely }).or_else(by_dialing)?;
    Some(with_waited(told, case, |waited| {
        matches!(waited, Waited::Handshake { .. } | Waited::Connection { to_edge: true, .. })
    }))
}

fn im_filter(case: &Case<'_>) -> Option<Evidence> {
    let refusal = case.refusal().filter(|_| !case.is_from_outside())?;
    let told = case.told();
    let by_number = told.iter().find(|told| FILTER.contains(&told.report.id));
    let warned = case.refusals().any(|answer| answer.warning == Some(CONTENT_NOT_ALLOWED));
    let by = reporter(told.iter().find_map(|told| told.report.source.as_deref()));
    if let Some(told) = by_number {
        let id = told.report.id;
        return evidence(
            Likely,
            format!("{by} answered the push with {} and ms-diagnostics {id}, a number of the filter's.", told.status),
        );
    }
    match (refusal.status, warned) {
        (606, true) => {
            evidence(Likely, format!("{by} answered the push with 606 and Warning 309: contents not allowed."))
        }
        (606, false) => evidence(Possible, format!("{by} answered the push with 606, as the filter does.")),
        (_, true) => evidence(Possible, format!("{by} answered the push with Warning 309: contents not allowed.")),
        _ => None,
    }
}

/// Also where the call itself was refused for it: the number says so of any request.
fn clock_skew(case: &Case<'_>) -> Option<Evidence> {
    let of_call = || {
        case.call_refused()?;
        let answers = &case.ladder.answers;
        let (answer, told) = answers
            .iter()
            .find_map(|answer| Some((answer, answer.diagnostics.iter().find(|told| told.id == 1013)?)))?;
        let by = reporter(told.source.as_deref());
        evidence(
            Certain,
            format!(
                "{by} answered the call with {} and ms-diagnostics 1013: its clock and its peer's are too far apart.",
                answer.status
            ),
        )
    };
    numbered(case, &[1013], Certain).or_else(of_call)
}
