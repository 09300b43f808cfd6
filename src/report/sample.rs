//! Reports built by hand, for the tests of every format.

mod hostile;
mod remedies;

pub use hostile::hostile;
pub use remedies::{commands, distrusted, is_token};

use super::model::*;

const KEYS: [(&str, &str); 10] = [
    ("invite", "INVITE reaches the Front End"),
    ("mobile-lookup", "Front End finds the mobile endpoint"),
    ("mobile-ringing", "Mobility service answers 180 Ringing"),
    ("push-created", "Mobility service creates the push request"),
    ("push-federated", "Push request leaves through the Edge"),
    ("push-service", "Clearing house hands over to Apple or Microsoft"),
    ("device-woken", "Apple or Microsoft wakes the phone"),
    ("push-accepted", "Clearing house accepts the push request"),
    ("call-answered", "Phone answers the call"),
    ("session-active", "Session is active"),
];

const LUMIA: &str =
    "RTCC/4.0.0.0 McxService/4.0.0.0 WPLync/4.1.7947.0 (Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1)";

fn at(milliseconds: u64) -> String {
    format!("2011-12-07T16:00:{:02}.{:03}000Z", milliseconds / 1000, milliseconds % 1000)
}

fn evidence(frame: u64, leg: Leg, from: &str, to: &str, summary: &str) -> Evidence {
    Evidence {
        input: 0,
        frame,
        // A millisecond for each frame: the tests need no more.
        at: at(120 + frame),
        leg: Some(leg),
        from: from.to_owned(),
        to: to.to_owned(),
        summary: summary.to_owned(),
        text: None,
    }
}

fn step(number: u8, status: StepStatus, seen: Option<(u64, f64)>, evidence: Vec<Evidence>) -> Step {
    let (key, title) = KEYS[usize::from(number) - 1];
    Step {
        number,
        key: key.to_owned(),
        title: title.to_owned(),
        status,
        at: seen.map(|(milliseconds, _)| at(milliseconds)),
        since_previous_ms: seen.map(|(_, since)| since).filter(|_| number > 1),
        detail: None,
        evidence,
    }
}

fn input(path: &str) -> Input {
    Input {
        path: path.to_owned(),
        format: "pcap".to_owned(),
        frames: 42,
        bytes: 31_337,
        first_frame_at: Some(at(0)),
        last_frame_at: Some(at(12_000)),
        link_types: vec!["ethernet".to_owned()],
        clock_offset_ms: 0.0,
        clock_compared: true,
        ended: Ended::Complete,
        ended_detail: None,
        drops: None,
    }
}

fn coverage() -> Coverage {
    Coverage {
        legs: Legs { caller: true, mcx: true, push_internal: true, edge_internal: true, edge_external: false },
        sip_messages: 18,
        streams: Streams { tcp: 5, ..Streams::default() },
        frames: FrameCounts { read: 42, used: 40, set_aside: [("arp".to_owned(), 2)].into() },
        ..Coverage::default()
    }
}

/// The first three and last two steps as they are in every good call.
fn steps_of_a_call() -> [Step; 5] {
    use StepStatus::Ok;
    let (caller, fe, mcx) = ("192.0.2.20:51000", "192.0.2.7:5060", "192.0.2.7:5086");
    [
        step(1, Ok, Some((120, 0.0)), vec![evidence(4, Leg::Caller, caller, fe, "INVITE sip:bob@example.com")]),
        step(
            2,
            Ok,
            Some((131, 11.2)),
            vec![
                evidence(6, Leg::Caller, fe, caller, "101 Progress Report, ms-diagnostics 13004"),
                evidence(7, Leg::Mcx, fe, mcx, "INVITE sip:bob@example.com;opaque=user:epid:abc;gruu"),
            ],
        ),
        step(3, Ok, Some((139, 8.0)), vec![evidence(9, Leg::Mcx, mcx, fe, "180 Ringing from McxService/4.0.0.0")]),
        step(9, Ok, Some((6139, 5860.0)), vec![evidence(30, Leg::Mcx, mcx, fe, "200 OK to INVITE")]),
        step(10, Ok, Some((6159, 20.4)), vec![evidence(33, Leg::Caller, caller, fe, "ACK sip:bob@example.com")]),
    ]
}

fn ladder(id: &str, verdict: Verdict, steps: Vec<Step>) -> Ladder {
    Ladder {
        id: id.to_owned(),
        profile: "lync-mcx".to_owned(),
        trigger: Trigger::Invite,
        verdict,
        broken_at: None,
        started_at: at(120),
        ended_at: at(6159),
        duration_ms: 6039.0,
        caller: Some("sip:alice@example.com".to_owned()),
        callee: Some("sip:bob@example.com".to_owned()),
        callee_name: Some("Bob Example".to_owned()),
        call_id: Some("ce87b0b1c2d34e5f8091a2b3c4d5e6f7".to_owned()),
        push_call_ids: vec!["017b2c3d4e5f60718293a4b5c6d7e8f9".to_owned()],
        conversation_id: Some("AdKjQw==".to_owned()),
        mobile: Some(Mobile {
            server: Some(LUMIA.to_owned()),
            service: Some("McxService".to_owned()),
            service_version: Some("4.0.0.0".to_owned()),
            client: Some("WPLync".to_owned()),
            client_version: Some("4.1.7947.0".to_owned()),
            platform: Some("Windows Phone".to_owned()),
            device: Some("SAMSUNG SGH-i937".to_owned()),
            epid: Some("3102EB8BD1".to_owned()),
            push_expected: Some(true),
        }),
        join: Some(Join {
            confidence: 0.98,
            evidence: vec!["epid".to_owned(), "aor".to_owned(), "time".to_owned()],
            rivals: Vec::new(),
        }),
        steps,
        diagnosis: None,
        findings: Vec::new(),
    }
}

fn report(ladders: Vec<Ladder>, findings: Vec<Finding>) -> Report {
    let mut report =
        Report { inputs: vec![input("trace.pcap")], coverage: coverage(), ladders, findings, ..Report::empty() };
    for ladder in &report.ladders {
        report.summary.count_ladder(ladder.verdict);
    }
    for finding in &report.findings {
        report.summary.findings.count(finding.severity);
    }
    report
}

fn complete_ladder() -> Ladder {
    use StepStatus::{NotObservable, Ok};
    let [one, two, three, nine, ten] = steps_of_a_call();
    let (fe, edge) = ("192.0.2.7:51200", "192.0.2.9:5061");
    let steps = vec![
        one,
        two,
        three,
        step(
            4,
            Ok,
            Some((190, 51.0)),
            vec![evidence(11, Leg::PushInternal, "192.0.2.7:5087", fe, "MESSAGE sip:push@push.lync.com")],
        ),
        step(
            5,
            Ok,
            Some((199, 9.0)),
            vec![evidence(12, Leg::EdgeInternal, fe, edge, "MESSAGE sip:push@push.lync.com")],
        ),
        step(6, NotObservable, None, vec![]),
        step(7, NotObservable, None, vec![]),
        step(8, Ok, Some((279, 80.1)), vec![evidence(15, Leg::EdgeInternal, edge, fe, "200 OK to MESSAGE")]),
        nine,
        ten,
    ];
    ladder("0a1b2c3d4e5f6071", Verdict::Complete, steps)
}

/// One call whose push went through.
pub fn complete() -> Report {
    let mut report = report(vec![complete_ladder()], vec![]);
    report.summary.latency_ms = vec![Latency { step: 8, count: 1, p50: 80.1, p95: 80.1, max: 80.1 }];
    report
}

fn broken_ladder() -> Ladder {
    use StepStatus::{Failed, NotReached};
    let mut ladder = complete_ladder();
    ladder.id = "3f0c1d2e3a4b5c6d".to_owned();
    ladder.verdict = Verdict::Broken;
    ladder.broken_at = Some(5);
    ladder.findings = vec![0];
    let (fe, edge) = ("192.0.2.7:51200", "192.0.2.9:5061");
    ladder.steps[4] = step(
        5,
        Failed,
        Some((199, 9.0)),
        vec![
            evidence(12, Leg::EdgeInternal, fe, edge, "MESSAGE sip:push@push.lync.com"),
            evidence(21, Leg::EdgeInternal, edge, fe, "504 Server time-out, ms-diagnostics 1009"),
        ],
    );
    for number in 6..=8 {
        ladder.steps[usize::from(number) - 1] = step(number, NotReached, None, vec![]);
    }
    ladder
}

fn refused() -> Finding {
    Finding {
        code: "LP105".to_owned(),
        severity: Severity::Error,
        ladder: Some("3f0c1d2e3a4b5c6d".to_owned()),
        step: Some(5),
        title: "The Edge refused the push request".to_owned(),
        detail: "504 Server time-out with ms-diagnostics 1009 came from edge01.example.com itself, 2.1 s after the request: no federation route to push.lync.com.".to_owned(),
        remedy: None,
        diagnostics: Some(Diagnostics { status: Some(504), ms_diagnostics: Some(1009), reported_by: Some("edge01.example.com".to_owned()), reported: Vec::new() }),
        fingerprint: "b1946ac92492d234".to_owned(),
        evidence: vec![Citation { input: 0, frame: 21 }],
        cause: None,
        symptom_of: None,
        tls: None,
    }
}

/// One call whose push the Edge refused: 504 with ms-diagnostics 1009.
pub fn broken() -> Report {
    let mut report = report(vec![broken_ladder()], vec![refused()]);
    report.summary.latency_ms = vec![Latency { step: 2, count: 1, p50: 11.2, p95: 11.2, max: 11.2 }];
    report
}

/// What is thought of it.
fn diagnosed() -> Diagnosis {
    let command =
        |command: &str| Command { place: "Lync Server Management Shell".to_owned(), command: command.to_owned() };
    Diagnosis {
        cause: "domain-not-allowed".to_owned(),
        title: "The push's domain is no allowed domain of the Edge".to_owned(),
        certainty: Certainty::Likely,
        evidence: "edge01.example.com answered the push with 504 and ms-diagnostics 1009.".to_owned(),
        explains: vec!["LP105".to_owned()],
        fingerprint: "b1946ac92492d234".to_owned(),
        remedy: Remedy {
            advice: "Allow the domain that pushes go to.".to_owned(),
            check: vec![
                command("Get-CsAllowedDomain -Identity 'push.lync.com'"),
                command("Get-CsHostingProvider | Format-List Identity, ProxyFqdn, Enabled, EnabledSharedAddressSpace"),
            ],
            change: vec![command("New-CsAllowedDomain -Identity 'push.lync.com'")],
            capture_next: Some("on the Edge's external network card.".to_owned()),
        },
        ruled_out: vec![RuledOut {
            cause: "im-filter".to_owned(),
            why: "the Edge answered the push itself".to_owned(),
        }],
    }
}

/// Two captures, one ladder of every verdict, and everything coverage can tell.
pub fn mixed() -> Report {
    let mut degraded = complete_ladder();
    degraded.id = "5a5a".to_owned();
    degraded.verdict = Verdict::Degraded;
    degraded.steps[7].status = StepStatus::Late;
    degraded.steps[7].since_previous_ms = Some(34_100.0);
    degraded.steps[7].detail = Some("limit 32 s".to_owned());
    degraded.findings = vec![1];
    degraded.join = Some(Join {
        confidence: 0.71,
        evidence: vec!["aor".to_owned(), "time".to_owned()],
        rivals: vec![Rival { call_id: "ffee0011".to_owned(), confidence: 0.42 }],
    });
    let late = Finding {
        code: "LP208".to_owned(),
        severity: Severity::Warning,
        ladder: Some("5a5a".to_owned()),
        step: Some(8),
        title: "Push accepted late".to_owned(),
        remedy: Some("Look at the way from the Edge to the clearing house.".to_owned()),
        diagnostics: None,
        ..refused()
    };
    let mut unpushed = no_push_expected();
    for ladder in &mut unpushed.ladders {
        ladder.findings = vec![2];
    }
    let mut report = report(
        vec![
            complete_ladder(),
            broken_ladder(),
            degraded,
            unpushed.ladders.remove(0),
            inconclusive().ladders.remove(0),
        ],
        vec![refused(), late, unpushed.findings.remove(0)],
    );
    report.ladders[1].diagnosis = Some(diagnosed());
    report.findings[0].cause = Some("domain-not-allowed".to_owned());
    report.inputs.push(Input {
        path: "edge/edge01-2011-12-07.pcapng.gz".to_owned(),
        format: "pcapng+gzip".to_owned(),
        clock_offset_ms: -1834.5,
        clock_compared: true,
        ended: Ended::Truncated,
        ended_detail: Some("record 43 at byte 31,000 needs 1,514 bytes, 20 are left".to_owned()),
        ..input("")
    });
    report.coverage.legs.edge_external = true;
    report.coverage.sip_malformed = 1;
    report.coverage.gaps = 2;
    report.coverage.gap_bytes = 2920;
    report.coverage.unreadable =
        vec![unread("192.0.2.7:49901 > 192.0.2.9:5061"), unread("[2001:db8::7]:49902 > [2001:db8::9]:5061")];
    report.coverage.anomalies = vec![AnomalyCount {
        kind: "malformed-message".to_owned(),
        count: 1,
        first: vec![AnomalyCitation { input: 1, frame: 17, detail: "header line without a colon".to_owned() }],
    }];
    report.summary.latency_ms = vec![
        Latency { step: 2, count: 5, p50: 11.2, p95: 12.0, max: 12.0 },
        Latency { step: 8, count: 2, p50: 80.1, p95: 34_100.0, max: 34_100.0 },
    ];
    report
}

fn unread(stream: &str) -> Unreadable {
    Unreadable {
        stream: stream.to_owned(),
        reason: UnreadableReason::TlsNoSecret,
        detail: "TLS 1.2, and no secret for it was given".to_owned(),
        frames: 12,
        tls: None,
    }
}

/// One call to a phone that gets no push.
pub fn no_push_expected() -> Report {
    let [one, two, three, nine, ten] = steps_of_a_call();
    let mut steps = vec![one, two, three];
    steps.extend((4..=8).map(|number| step(number, StepStatus::NotApplicable, None, vec![])));
    steps.extend([nine, ten]);
    let mut ladder = ladder("7777", Verdict::NoPushExpected, steps);
    ladder.push_call_ids.clear();
    ladder.join = None;
    ladder.mobile = Some(Mobile {
        client: Some("AndroidLync".to_owned()),
        platform: Some("Android".to_owned()),
        push_expected: Some(false),
        ..Mobile::default()
    });
    ladder.findings = vec![0];
    let note = Finding {
        code: "LP304".to_owned(),
        severity: Severity::Note,
        ladder: Some("7777".to_owned()),
        step: None,
        title: "This client gets no push".to_owned(),
        detail: "AndroidLync keeps its own connection.".to_owned(),
        diagnostics: None,
        ..refused()
    };
    let mut report = report(vec![ladder], vec![note]);
    report.inputs[0].first_frame_at = None;
    report
}

/// One call of which this capture shows too little.
pub fn inconclusive() -> Report {
    use StepStatus::{Implied, NotCovered, NotObservable, Truncated, Unreadable};
    let [one, _, three, ..] = steps_of_a_call();
    let steps = vec![
        one,
        step(2, Implied, None, vec![]),
        three,
        step(4, Unreadable, None, vec![]),
        step(5, Unreadable, None, vec![]),
        step(6, NotObservable, None, vec![]),
        step(7, NotObservable, None, vec![]),
        step(8, NotCovered, None, vec![]),
        step(9, Truncated, None, vec![]),
        step(10, Truncated, None, vec![]),
    ];
    let mut ladder = ladder("9999", Verdict::Inconclusive, steps);
    ladder.join = None;
    ladder.push_call_ids.clear();
    ladder.caller = None;
    ladder.callee_name = None;
    ladder.mobile = None;
    report(vec![ladder], vec![])
}

/// A capture without frames.
pub fn empty() -> Report {
    let mut report = report(vec![], vec![]);
    report.coverage = Coverage::default();
    report.inputs[0] = Input {
        frames: 0,
        bytes: 24,
        first_frame_at: None,
        last_frame_at: None,
        link_types: vec![],
        ..input("empty.pcap")
    };
    report
}

/// A capture in which there was something, but nothing to read.
pub fn unreadable() -> Report {
    let finding = Finding {
        code: "LP001".to_owned(),
        ladder: None,
        step: None,
        title: "Nothing could be read".to_owned(),
        detail: "All 12 frames that may carry SIP are encrypted.".to_owned(),
        diagnostics: None,
        ..refused()
    };
    let mut report = report(vec![], vec![finding]);
    report.coverage.legs = Legs::default();
    report.coverage.sip_messages = 0;
    report.coverage.streams = Streams { tcp: 1, tls: 1, ..Streams::default() };
    report.coverage.unreadable = vec![unread("192.0.2.7:49901 > 192.0.2.9:5061")];
    report
}

/// All of them.
pub fn all() -> Vec<Report> {
    vec![
        complete(),
        broken(),
        mixed(),
        no_push_expected(),
        inconclusive(),
        empty(),
        unreadable(),
        distrusted(),
        hostile(),
    ]
}
