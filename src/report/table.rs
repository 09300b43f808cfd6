//! `--format table`: for an administrator at a terminal.
//!
//! One summary line; a row for each ladder; the steps and findings of every ladder that is not complete; what the
//! captures could not show. Fits 40 columns, there in lines instead of tables, and uses up to 200.

mod coverage;
mod diagnosis;
mod ladder;
mod overview;

use std::io::{self, Write};

use super::format::Options;
use super::model::{Finding, Ladder, Report, Severity, Step, StepStatus, Verdict};
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
const fn verdict_tint(verdict: Verdict) -> Tint {
    match verdict {
        Verdict::Complete => Tint::Good,
        Verdict::Degraded | Verdict::Inconclusive => Tint::Warn,
        Verdict::Broken => Tint::Bad,
        Verdict::NoPushExpected => Tint::Dim,
    }
}

/// The tint of a step's status.
const fn status_tint(status: StepStatus) -> Tint {
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
const fn severity_tint(severity: Severity) -> Tint {
    match severity {
        Severity::Error => Tint::Bad,
        Severity::Warning => Tint::Warn,
        Severity::Note => Tint::Plain,
    }
}

/// The findings of `ladder`, in its order.
fn findings<'a>(report: &'a Report, ladder: &'a Ladder) -> impl Iterator<Item = &'a Finding> {
    ladder.findings.iter().filter_map(|&at| report.findings.get(usize::try_from(at).ok()?))
}

/// The step that decided the verdict: the first that broke, was late or out of order, or could not be judged.
fn deciding_step(ladder: &Ladder) -> Option<&Step> {
    use StepStatus::{Failed, Late, Missing, NotCovered, OutOfOrder, Truncated, Unreadable};
    let among: &[StepStatus] = match ladder.verdict {
        Verdict::Broken => &[Failed, Missing],
        Verdict::Degraded => &[Late, OutOfOrder],
        Verdict::Inconclusive => &[Unreadable, Truncated, NotCovered],
        Verdict::Complete | Verdict::NoPushExpected => return None,
    };
    match ladder.broken_at {
        Some(number) => ladder.steps.iter().find(|step| step.number == number),
        None => ladder.steps.iter().find(|step| among.contains(&step.status)),
    }
}

/// A step as the page names it: `5 push-federated`.
fn step_name(page: &Page, step: &Step) -> String {
    format!("{} {}", step.number, page.short(&step.key, 24))
}

/// A SIP address as people say it: without its scheme.
fn address(uri: &str) -> &str {
    uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")).unwrap_or(uri)
}

/// A frame as the page names it: `21`, or `2:21` for frame 21 of the second of several captures.
fn frame_name(report: &Report, input: u16, frame: u64) -> String {
    if report.inputs.len() > 1 { format!("{}:{frame}", u32::from(input) + 1) } else { frame.to_string() }
}

/// The day of an RFC 3339 instant.
fn day(instant: &str) -> &str {
    instant.split_once('T').map_or(instant, |(day, _)| day)
}

/// The time of day of an RFC 3339 instant with at most `digits` fractional digits.
fn time_of_day(instant: &str, digits: usize) -> String {
    let time = instant.split_once('T').map_or(instant, |(_, time)| time).trim_end_matches('Z');
    match time.split_once('.') {
        Some((seconds, fraction)) if digits > 0 => {
            format!("{seconds}.{}", fraction.chars().take(digits).collect::<String>())
        }
        Some((seconds, _)) => seconds.to_owned(),
        None => time.to_owned(),
    }
}

#[cfg(test)]
mod tests;
