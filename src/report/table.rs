//! `--format table`: for an administrator at a terminal.
//!
//! One summary line; a row for each ladder; the steps and findings of every ladder that is not complete; what the
//! captures could not show. Fits 40 columns, there in lines instead of tables, and uses up to 200.

mod coverage;
mod diagnosis;
mod ladder;
mod overview;

use std::io::{self, Write};

pub(super) use ladder::{DETAIL, finding_head, mark, write_finding};

use super::format::Options;
use super::model::{Ladder, Report, Severity, Step, StepStatus, Verdict};
use super::page::{Page, Tint};
use super::text;

/// Ladders shown in detail at most: beyond that nobody reads on, and the other formats have them all.
const DETAILED_LADDERS: usize = 200;

/// Writes `report` for people.
///
/// Fails when `out` does.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(options);
    overview::write(&mut page, report, options);
    let detailed = |ladder: &Ladder| options.verbose || ladder.verdict != Verdict::Complete;
    let mut left_out: u64 = 0;
    let mut shown = 0;
    for (at, ladder) in report.ladders.iter().enumerate().filter(|(_, ladder)| detailed(ladder)) {
        if shown < DETAILED_LADDERS {
            ladder::write(&mut page, report, at, ladder, options.verbose);
            shown += 1;
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        page.gap();
        let ladders = text::counted(left_out, "more ladder is", "more ladders are");
        page.prose(0, Tint::Dim, &format!("{ladders} not shown in detail; --format json shows all."));
    }
    coverage::write(&mut page, report, options);
    out.write_all(page.into_text().as_bytes())
}

/// The tint of a verdict.
pub(super) const fn verdict_tint(verdict: Verdict) -> Tint {
    match verdict {
        Verdict::Complete => Tint::Good,
        Verdict::Degraded | Verdict::Inconclusive => Tint::Warn,
        Verdict::Broken => Tint::Bad,
        Verdict::NoPushExpected => Tint::Dim,
    }
}

/// The tint of a step's status.
pub(super) const fn status_tint(status: StepStatus) -> Tint {
    match status {
        StepStatus::Ok | StepStatus::Implied => Tint::Good,
        StepStatus::Late | StepStatus::OutOfOrder | StepStatus::Unreadable | StepStatus::Truncated => Tint::Warn,
        StepStatus::Failed | StepStatus::Missing => Tint::Bad,
        StepStatus::NotReached | StepStatus::NotCovered | StepStatus::NotObservable | StepStatus::NotApplicable => {
            Tint::Dim
        }
    }
}

/// The tint of a severity.
pub(super) const fn severity_tint(severity: Severity) -> Tint {
    match severity {
        Severity::Error => Tint::Bad,
        Severity::Warning => Tint::Warn,
        Severity::Note => Tint::Plain,
    }
}

/// A step as the page names it: `5 push-federated`.
fn step_name(page: &Page, step: &Step) -> String {
    format!("{} {}", step.number, page.short(&step.key, 24))
}

#[cfg(test)]
mod tests;
