//! Findings and their diagnosis, as the report shows them.

use super::Account;
use crate::anomaly::AnomalyKind;
use crate::diagnosis::causes;
use crate::diagnosis::names::Names;
use crate::diagnosis::{self, Certainty, fingerprint, remedy};
use crate::judge::Judgement;
use crate::judge::finding::{self, Severity};
use crate::knowledge::diagnostics;
use crate::ladder::Ladder as Closed;
use crate::ladder::profile::Profile;
use crate::report::model::{Citation, Command, Diagnosis, Diagnostics, Finding, Input, Remedy, Reported, RuledOut};
use crate::tally::SetAside;

/// Captures whose clocks are further apart are told of, milliseconds: what Kerberos allows.
const CLOCKS_APART_MS: f64 = 300_000.0;

/// What a finding has to do with the cause that was found.
#[derive(Clone, Copy)]
struct Part<'a> {
    cause: &'static str,
    /// The finding that shows the cause, for one that is only a symptom.
    symptom_of: Option<&'static str>,
    /// What to do, for the one that shows it.
    remedy: Option<&'a remedy::Remedy>,
}

/// The diagnosis of a ladder, and its findings.
pub(super) fn of_ladder(
    closed: &Closed,
    judgement: &Judgement,
    profile: &Profile,
) -> (Option<Diagnosis>, Vec<Finding>) {
    let diagnosis = diagnosis::diagnose(closed, judgement, profile);
    let part = |at: usize| {
        let diagnosis = diagnosis.as_ref()?;
        let cause = diagnosis.cause.name;
        if at == diagnosis.primary {
            return Some(Part { cause, symptom_of: None, remedy: Some(&diagnosis.remedy) });
        }
        let shown_by = judgement.findings.get(diagnosis.primary).map(|primary| primary.code);
        diagnosis.symptoms.contains(&at).then_some(Part { cause, symptom_of: shown_by, remedy: None })
    };
    let findings: Vec<Finding> =
        judgement.findings.iter().enumerate().map(|(at, found)| finding(found, Some(&closed.id), part(at))).collect();
    (diagnosis.as_ref().map(|diagnosis| told(diagnosis, &findings)), findings)
}

/// A diagnosis in the report's words.
fn told(diagnosis: &diagnosis::Diagnosis, findings: &[Finding]) -> Diagnosis {
    let explained = std::iter::once(&diagnosis.primary).chain(&diagnosis.symptoms);
    let primary = findings.get(diagnosis.primary);
    Diagnosis {
        cause: diagnosis.cause.name.to_owned(),
        title: diagnosis.cause.title.to_owned(),
        certainty: diagnosis.certainty,
        evidence: diagnosis.why.clone(),
        explains: explained.filter_map(|at| findings.get(*at)).map(|finding| finding.code.clone()).collect(),
        fingerprint: primary.map(|finding| finding.fingerprint.clone()).unwrap_or_default(),
        remedy: Remedy {
            advice: diagnosis.remedy.advice.to_owned(),
            check: commands(&diagnosis.remedy.check),
            change: commands(&diagnosis.remedy.change),
            capture_next: diagnosis.remedy.capture_next.map(str::to_owned),
        },
        ruled_out: diagnosis
            .ruled_out
            .iter()
            .map(|one| RuledOut { cause: one.cause.name.to_owned(), why: one.why.clone() })
            .collect(),
    }
}

fn commands(commands: &[remedy::Command]) -> Vec<Command> {
    commands.iter().map(|one| Command { place: one.place.clone(), command: one.command.clone() }).collect()
}

fn finding(found: &finding::Finding, ladder: Option<&str>, part: Option<Part<'_>>) -> Finding {
    let mut cited: Vec<Citation> = Vec::new();
    for rung in &found.evidence {
        let citation = Citation { input: rung.at.input, frame: rung.at.number };
        if !cited.contains(&citation) {
            cited.push(citation);
        }
    }
    let cause = part.map(|part| part.cause);
    Finding {
        code: found.code.to_owned(),
        severity: found.severity,
        ladder: ladder.map(str::to_owned),
        step: found.step,
        title: found.title.to_owned(),
        detail: found.detail.clone(),
        remedy: part.and_then(|part| part.remedy).map(remedy::Remedy::text),
        diagnostics: found.refusal.as_ref().map(diagnostics_of),
        fingerprint: fingerprint::of(found, cause),
        evidence: cited,
        cause: cause.map(str::to_owned),
        symptom_of: part.and_then(|part| part.symptom_of).map(str::to_owned),
    }
}

fn diagnostics_of(refusal: &finding::Refusal) -> Diagnostics {
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let reported = |one: &finding::Reported| Reported {
        ms_diagnostics: one.id,
        reported_by: text(&one.by),
        meaning: diagnostics::meaning(one.id).map(str::to_owned),
    };
    Diagnostics {
        status: Some(refusal.status),
        ms_diagnostics: refusal.ms_diagnostics,
        reported_by: text(&refusal.reported_by),
        reported: refusal.reports.iter().map(reported).collect(),
    }
}

/// Findings about the capture as a whole.
pub(super) fn capture_wide(inputs: &[Input], account: &Account, evicted: u64) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut say = |code: &'static str, severity, detail: String| {
        debug_assert_eq!(severity, finding::severity(code), "{code}");
        let made = finding::make(code, severity, None, detail, None, Vec::new(), None);
        // What is wrong with the capture as a whole may show a cause as well.
        let cause = causes::all().find(|cause| cause.codes.contains(&code));
        let remedy = cause.map(|cause| remedy::Remedy::new(cause, &Names::default(), Certainty::Likely));
        let part = cause.map(|cause| Part { cause: cause.name, symptom_of: None, remedy: remedy.as_ref() });
        found.push(finding(&made, None, part));
    };
    let hidden = account.unread.len() as u64 + account.unlisted;
    let unknown_link = account.tally.set_aside().filter(|(reason, _)| matches!(reason, SetAside::UnknownLink(_)));
    let unknown_link: u64 = unknown_link.map(|(_, frames)| frames).sum();
    if unknown_link > 0 && unknown_link == account.tally.read() {
        let links: Vec<&str> = inputs.iter().flat_map(|input| &input.link_types).map(String::as_str).collect();
        let detail = format!("No frame could be read: link type {} is not decoded.", links.join(", "));
        say("LP901", Severity::Error, detail);
    } else if account.telling == 0 && hidden > 0 {
        say(
            "LP901",
            Severity::Error,
            format!(
                "{hidden} stream(s) on SIP ports, and not one message that tells anything could be read: see the coverage."
            ),
        );
    }
    for input in inputs {
        if let Some(detail) = &input.ended_detail {
            say("LP902", Severity::Note, format!("{}: {detail}", input.path));
        }
    }
    let apart = inputs.iter().map(|input| input.clock_offset_ms.abs()).fold(0.0, f64::max);
    if apart > CLOCKS_APART_MS {
        let detail = format!(
            "The clocks of the captures are up to {:.0} s apart, measured by the messages they share; Kerberos allows 300 s.",
            apart / 1000.0
        );
        say("LP906", Severity::Note, detail);
    }
    if account.gaps > 0 {
        let detail = format!(
            "{} gap(s), {} octets: steps that may lie in them are said to be unreadable, never missing.",
            account.gaps, account.gap_octets
        );
        say("LP903", Severity::Note, detail);
    }
    let backwards = account.anomalies.count(AnomalyKind::FrameOrder);
    if backwards > 0 {
        let detail = format!(
            "{backwards} frames are older than one before them: nothing is said to be missing. Put the capture in order first (reordercap, or mergecap without -a)."
        );
        say("LP905", Severity::Warning, detail);
    }
    if evicted > 0 {
        say("LP904", Severity::Note, format!("{evicted} entries were closed early because a table was full."));
    }
    found
}
