//! The top of the page: the summary line and one row for each ladder.

use super::{step_name, verdict_tint};
use crate::report::format::Options;
use crate::report::model::{Ladder, Report, Summary, Verdict};
use crate::report::page::{Fit, Page, Tint, Words};
use crate::report::text;
use crate::report::words::{address, day, deciding_step, phone_name, summary, time_of_day, what, why_none};

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
    let phone = page.short(&phone_name(ladder).unwrap_or_else(|| unknown.to_owned()), NAME_COLUMNS);
    let step = deciding_step(ladder).map_or_else(String::new, |step| step_name(page, step));
    let what = page.short(&what(report, ladder), WHAT_COLUMNS);
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
