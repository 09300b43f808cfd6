//! The top of the page: the summary line and one row for each ladder.

use super::{address, day, deciding_step, findings, step_name, time_of_day, verdict_tint};
use crate::report::format::Options;
use crate::report::model::{Certainty, Diagnostics, Ladder, Report, Severity, Summary, Verdict};
use crate::report::page::{Fit, Page, Tint, Words};
use crate::report::text;

/// Rows at most; the table would take seconds to lay out and nobody would read it.
const ROWS: usize = 2000;
/// Columns of a page from which caller and callee have columns of their own.
const WIDE: usize = 140;
/// Columns an address or a phone may take before it is cut; its ladder's section shows more.
const NAME_COLUMNS: usize = 60;
/// Columns of what was wrong before it is cut; the finding has the rest.
const WHAT_COLUMNS: usize = 120;

/// Writes the summary line and the rows, or why there are none.
pub fn write(page: &mut Page, report: &Report, options: &Options) {
    if report.ladders.is_empty() {
        page.prose(0, Tint::Strong, &format!("No push ladder: {}.", why_none(report, options)));
        return;
    }
    page.prose(0, summary_tint(&report.summary), &summary(&report.summary));
    page.gap();
    rows(page, report);
}

/// `5 ladders: 1 complete, 4 broken; 4 errors`.
fn summary(summary: &Summary) -> String {
    let verdicts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| summary.with_verdict(*verdict) > 0)
        .map(|verdict| format!("{} {}", text::count(summary.with_verdict(verdict)), verdict.name()))
        .collect();
    let counts = &summary.findings;
    let findings: Vec<String> =
        [(counts.error, "error", "errors"), (counts.warning, "warning", "warnings"), (counts.note, "note", "notes")]
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| text::counted(number, one, many))
            .collect();
    let mut line = format!("{}: {}", text::counted(summary.ladders, "ladder", "ladders"), verdicts.join(", "));
    if !findings.is_empty() {
        line.push_str("; ");
        line.push_str(&findings.join(", "));
    }
    line
}

/// The tint of the worst verdict.
const fn summary_tint(summary: &Summary) -> Tint {
    if summary.broken > 0 {
        Tint::Bad
    } else if summary.degraded > 0 || summary.inconclusive > 0 {
        Tint::Warn
    } else {
        Tint::Good
    }
}

/// Why there is no ladder, as far as coverage tells.
fn why_none(report: &Report, options: &Options) -> String {
    let coverage = &report.coverage;
    let frames: u64 = report.inputs.iter().map(|input| input.frames).fold(0, u64::saturating_add);
    let captures = if report.inputs.len() == 1 { "the capture has" } else { "the captures have" };
    if frames == 0 {
        format!("{captures} no frames")
    } else if coverage
        .frames
        .set_aside
        .iter()
        .filter(|(why, _)| why.starts_with("unknown-link"))
        .map(|(_, n)| n)
        .sum::<u64>()
        == coverage.frames.read
    {
        let links: Vec<&str> = report.inputs.iter().flat_map(|input| &input.link_types).map(String::as_str).collect();
        format!("no frame could be read: link type {} is not decoded", links.join(", "))
    } else if coverage.frames.read > 0 && coverage.frames.used == 0 {
        format!("none of the {} carries TCP or UDP", text::counted(frames, "frame", "frames"))
    } else if coverage.sip_messages == 0 && !coverage.unreadable.is_empty() {
        let streams = text::counted(coverage.unreadable.len() as u64, "stream", "streams");
        format!("nothing could be read, {streams} stayed closed (see below)")
    } else if coverage.sip_messages == 0 {
        format!("no SIP in {}", text::counted(frames, "frame", "frames"))
    } else {
        let messages = text::counted(coverage.sip_messages, "SIP message", "SIP messages");
        if options.filtered {
            return format!("{messages} read, but no ladder among them is of the user asked for");
        }
        format!("{messages} read, but no call to a mobile user and no push among them")
    }
}

/// The table of ladders.
fn rows(page: &mut Page, report: &Report) {
    let all = report.ladders.len() <= ROWS;
    let listed = |ladder: &Ladder| all || ladder.verdict != Verdict::Complete;
    let one_day = report.ladders.windows(2).all(|pair| match pair {
        [left, right] => day(&left.started_at) == day(&right.started_at),
        _ => true,
    });
    let wide = page.width() >= WIDE;
    let chosen = report.ladders.iter().enumerate().filter(|(_, ladder)| listed(ladder)).take(ROWS);
    let rows: Vec<_> = chosen.map(|(at, ladder)| row(page, report, at, ladder, wide, one_day)).collect();
    let left_out = report.ladders.len() - rows.len();
    if page.is_narrow() {
        lines(page, &rows);
    } else {
        table(page, &rows, wide, one_day);
    }
    if left_out > 0 {
        let ladders = text::counted(left_out as u64, "ladder is", "ladders are");
        page.prose(0, Tint::Dim, &format!("{ladders} not listed; --format json or ndjson has all."));
    }
}

/// The rows as a table.
fn table(page: &mut Page, rows: &[Vec<Words>], wide: bool, one_day: bool) {
    let time = if one_day { "Time (UTC)" } else { "Begin (UTC)" };
    let arrow = page.sign("Caller → callee", "Caller -> callee");
    let head: &[(&str, Fit)] = if wide {
        &[
            ("#", Fit::Number),
            (time, Fit::Content),
            ("Caller", Fit::Share(18)),
            ("Callee", Fit::Share(18)),
            ("Phone", Fit::Share(16)),
            ("Verdict", Fit::Content),
            ("Step", Fit::Content),
            ("What it was", Fit::Share(20)),
        ]
    } else {
        &[
            ("#", Fit::Number),
            (time, Fit::Share(10)),
            (arrow, Fit::Share(19)),
            ("Phone", Fit::Share(8)),
            ("Verdict", Fit::Share(12)),
            ("Step, what it was", Fit::Share(20)),
        ]
    };
    page.table(0, head, rows);
}

/// The rows on a narrow page: each cell has lines of its own beside the ladder's number, what it was the last.
fn lines(page: &mut Page, rows: &[Vec<Words>]) {
    let label = rows.last().and_then(|row| row.first()).map_or(0, |(number, _)| text::columns(number)) + 1;
    for row in rows {
        let Some(((number, _), cells)) = row.split_first() else { continue };
        let mut number = number.as_str();
        for (words, tint) in cells {
            for line in words.lines() {
                page.labelled(0, std::mem::take(&mut number), label, *tint, line);
            }
        }
    }
}

/// One ladder's cells.
fn row(page: &Page, report: &Report, at: usize, ladder: &Ladder, wide: bool, one_day: bool) -> Vec<Words> {
    let unknown = page.sign("–", "-");
    let name = |name: &Option<String>| {
        name.as_deref().map_or_else(|| unknown.to_owned(), |name| page.short(address(name), NAME_COLUMNS))
    };
    let (caller, callee) = (name(&ladder.caller), name(&ladder.callee));
    let mut time = time_of_day(&ladder.started_at, if wide { 3 } else { 0 });
    if !one_day {
        time = format!("{} {time}", day(&ladder.started_at));
    }
    let tint = verdict_tint(ladder.verdict);
    let phone = page.short(&phone(ladder).unwrap_or_else(|| unknown.to_owned()), NAME_COLUMNS);
    let (step, what) = what(page, report, ladder);
    let mut row = vec![((at + 1).to_string(), Tint::Dim), (time, Tint::Plain)];
    let verdict = (ladder.verdict.name().to_owned(), tint);
    if wide {
        row.extend([(caller, Tint::Plain), (callee, Tint::Plain), (phone, Tint::Plain)]);
        row.extend([verdict, (step, tint), (what, Tint::Plain)]);
    } else {
        let who = format!("{caller}\n{} {callee}", page.sign("→", "->"));
        let both = [step, what].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        row.extend([(who, Tint::Plain), (phone, Tint::Plain), verdict, (both, Tint::Plain)]);
    }
    row
}

/// The phone in a word or two: the best that is known of it.
fn phone(ladder: &Ladder) -> Option<String> {
    let mobile = ladder.mobile.as_ref()?;
    [&mobile.device, &mobile.platform, &mobile.client, &mobile.service].into_iter().flatten().next().cloned()
}

/// The step that decided the verdict, and what it was.
fn what(page: &Page, report: &Report, ladder: &Ladder) -> (String, String) {
    let step = deciding_step(ladder);
    // Where nothing is wrong, the note is the news.
    let quiet = matches!(ladder.verdict, Verdict::Complete | Verdict::NoPushExpected);
    let worth = |severity: Severity| severity > Severity::Note || quiet;
    let finding = findings(report, ladder)
        .find(|finding| step.is_some_and(|step| finding.step == Some(step.number)))
        .or_else(|| findings(report, ladder).find(|finding| worth(finding.severity)));
    let words = match (finding, step) {
        (Some(finding), _) => {
            let shows = finding.cause.is_some() && finding.symptom_of.is_none();
            let cause = ladder.diagnosis.as_ref().filter(|_| shows);
            let sure = cause.map(|diagnosis| diagnosis.certainty).filter(|sure| *sure != Certainty::Certain);
            let codes = finding.diagnostics.as_ref().map(Diagnostics::codes).filter(|codes| !codes.is_empty());
            let aside: Vec<String> = sure.map(|sure| sure.name().to_owned()).into_iter().chain(codes).collect();
            let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join("; ")) };
            format!("{}{aside}", cause.map_or(&finding.title, |diagnosis| &diagnosis.title))
        }
        (None, Some(step)) => step.status.name().to_owned(),
        (None, None) => String::new(),
    };
    let named = step.map_or_else(String::new, |step| step_name(page, step));
    (named, page.short(&words, WHAT_COLUMNS))
}
