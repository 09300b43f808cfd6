//! The cause of a ladder's findings, and what to do.

use super::ladder::{DETAIL, finding_head, write_finding};
use super::severity_tint;
use crate::report::model::{Command, Diagnosis, Finding, Ladder, Report};
use crate::report::page::{Page, Tint};
use crate::report::words::{certificates, findings, frames_of, ruled_out};

/// Columns of the labels.
const LABEL: usize = 9;

/// Writes the diagnosis, where there is one, and the findings: those it explains in brief, the others in full.
pub fn write(page: &mut Page, report: &Report, ladder: &Ladder, verbose: bool) {
    let explained = |finding: &Finding| {
        ladder.diagnosis.as_ref().is_some_and(|diagnosis| finding.cause.as_ref() == Some(&diagnosis.cause))
    };
    if let Some(diagnosis) = &ladder.diagnosis {
        page.gap();
        let seen: Vec<&Finding> = findings(report, ladder).filter(|finding| explained(finding)).collect();
        cause(page, report, (ladder, diagnosis), &seen, verbose);
    }
    for finding in findings(report, ladder).filter(|finding| verbose || !explained(finding)) {
        page.gap();
        write_finding(page, report, finding);
    }
}

/// What it is, what speaks for it, what it explains, what to do.
fn cause(
    page: &mut Page,
    report: &Report,
    (ladder, diagnosis): (&Ladder, &Diagnosis),
    seen: &[&Finding],
    verbose: bool,
) {
    let tint = seen.first().map_or(Tint::Plain, |finding| severity_tint(finding.severity));
    let head = format!("Cause ({}): {}", diagnosis.certainty.name(), page.safe(&diagnosis.title));
    page.prose(2, tint, &head);
    let evidence = page.short(&diagnosis.evidence, DETAIL);
    page.prose(4, Tint::Plain, &evidence);
    for (at, finding) in seen.iter().enumerate() {
        let words = format!(
            "{}{}",
            finding_head(page, finding),
            frames_of(report, finding).map_or_else(String::new, |frames| format!("; {frames}"))
        );
        page.labelled(4, if at == 0 { "Seen as" } else { "" }, LABEL, Tint::Plain, &words);
    }
    let shown = seen.iter().filter_map(|finding| finding.tls.as_ref());
    for (at, words) in shown.flat_map(|tls| certificates(tls, &ladder.started_at)).enumerate() {
        let words = page.safe(&words);
        page.labelled(4, if at == 0 { "TLS" } else { "" }, LABEL, Tint::Plain, &words);
    }
    let remedy = &diagnosis.remedy;
    let advice = page.safe(&remedy.advice);
    page.labelled(4, "To do", LABEL, Tint::Plain, &advice);
    commands(page, "Check", &remedy.check);
    commands(page, "Change", &remedy.change);
    if let Some(next) = &remedy.capture_next {
        let next = page.safe(next);
        page.labelled(4, "Capture", LABEL, Tint::Plain, &next);
    }
    if verbose {
        for (at, words) in ruled_out(&diagnosis.ruled_out).iter().enumerate() {
            let words = page.safe(words);
            page.labelled(4, if at == 0 { "Not" } else { "" }, LABEL, Tint::Dim, &words);
        }
    }
    let more = format!("lyncpush explain {}", page.safe(&diagnosis.cause));
    page.labelled(4, "More", LABEL, Tint::Dim, &more);
}

/// Commands, each place named once.
fn commands(page: &mut Page, label: &str, commands: &[Command]) {
    let mut place = "";
    for (at, command) in commands.iter().enumerate() {
        if command.place != place {
            place = &command.place;
            let words = page.safe(place);
            page.labelled(4, if at == 0 { label } else { "" }, LABEL, Tint::Dim, &words);
        }
        page.command(4 + LABEL + 2, &command.command);
    }
}
