//! One ladder in detail: who, how joined, the ten steps, the findings.

use super::{diagnosis, severity_tint, status_tint, verdict_tint};
use crate::report::model::{Evidence, Finding, Join, Ladder, Report, Severity, Step, StepStatus};
use crate::report::page::{Fit, Page, Tint, Words};
use crate::report::text;
use crate::report::words::{
    Advice, address, advice, cause_of, day, frame_name, frames_of, kind, outcome, phone, time_of_day,
};

/// Columns of the labels left of the facts.
const LABEL: usize = 9;
/// Columns of a step's number and key on a narrow page: those of the longest, and two between.
const STEP: usize = 19;
/// Columns of a page from which the steps show their titles and the legs of their messages.
const ROOMY: usize = 110;
/// Columns of a page from which the steps show the endpoints of their messages.
const WIDE: usize = 150;
/// Messages shown for one step; copies beyond that tell no more.
const EVIDENCE: usize = 8;
/// Lines shown of one message's text.
const TEXT_LINES: usize = 60;
/// Columns of the sentences of one finding; names in them are cut before.
pub const DETAIL: usize = 2_000;

/// Writes the section of `ladder`, the one at index `at`.
pub fn write(page: &mut Page, report: &Report, at: usize, ladder: &Ladder, verbose: bool) {
    page.gap();
    page.prose(0, verdict_tint(ladder.verdict), &format!("Ladder {}: {}", at + 1, page.safe(&outcome(ladder))));
    facts(page, ladder);
    page.gap();
    steps(page, report, ladder);
    messages(page, report, ladder);
    diagnosis::write(page, report, ladder, verbose);
}

/// Who called whom on what phone, and how the push was joined.
fn facts(page: &mut Page, ladder: &Ladder) {
    let began = format!("{} {} UTC", day(&ladder.started_at), time_of_day(&ladder.started_at, 9));
    let kind = kind(ladder.trigger);
    let id = page.safe(&ladder.id);
    let what = format!("{kind}, {}, took {}, id {id}", page.safe(&began), text::duration(ladder.duration_ms));
    page.labelled(2, "What", LABEL, Tint::Plain, &what);
    if let Some(caller) = &ladder.caller {
        let caller = page.safe(address(caller));
        page.labelled(2, "Caller", LABEL, Tint::Plain, &caller);
    }
    if let Some(callee) = &ladder.callee {
        let name = ladder.callee_name.as_ref().map_or_else(String::new, |name| {
            format!(", {}{}{}", page.sign("“", "\""), page.safe(name), page.sign("”", "\""))
        });
        let callee = format!("{}{name}", page.safe(address(callee)));
        page.labelled(2, "Callee", LABEL, Tint::Plain, &callee);
    }
    let phone = ladder.mobile.as_ref().map_or_else(|| "unknown".to_owned(), |mobile| page.safe(&phone(mobile)));
    page.labelled(2, "Phone", LABEL, Tint::Plain, &phone);
    if let Some(call_id) = &ladder.call_id {
        let call_id = page.safe(call_id);
        page.labelled(2, "Call-ID", LABEL, Tint::Plain, &call_id);
    }
    let push = push(page, ladder);
    page.labelled(2, "Push", LABEL, Tint::Plain, &push);
}

/// Which push requests there are and how they were joined to the call.
fn push(page: &Page, ladder: &Ladder) -> String {
    let ids: Vec<String> = ladder.push_call_ids.iter().take(EVIDENCE).map(|id| page.safe(id)).collect();
    let Some(Join { confidence, evidence, rivals }) = &ladder.join else {
        return if ids.is_empty() { "none seen".to_owned() } else { ids.join(", ") };
    };
    let by = page.safe(&evidence.join(", "));
    let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
    let mut words = format!("{}; joined{by}, confidence {confidence:.2}", ids.join(", "));
    for rival in rivals.iter().take(EVIDENCE) {
        words.push_str(&format!("; might belong to call {} ({:.2})", page.safe(&rival.call_id), rival.confidence));
    }
    words
}

/// The ten steps, a row for each message that shows one.
fn steps(page: &mut Page, report: &Report, ladder: &Ladder) {
    if page.is_narrow() {
        page.prose(2, Tint::Strong, "Steps, and the frames that show them");
        return ladder.steps.iter().for_each(|step| step_lines(page, report, step));
    }
    let columns = Columns { roomy: page.width() >= ROOMY, wide: page.width() >= WIDE };
    let mut head = vec![("#", Fit::Number), ("Step", Fit::Share(24)), ("Status", Fit::Content)];
    head.extend([("After", Fit::Number), ("Frame", Fit::Number)]);
    if columns.roomy {
        head.push(("Leg", Fit::Content));
    }
    if columns.wide {
        head.push((page.sign("From → to", "From -> to"), Fit::Share(40)));
    }
    head.push(("Evidence", Fit::Share(36)));
    let rows: Vec<_> = ladder.steps.iter().flat_map(|step| step_rows(page, report, step, columns)).collect();
    page.table(2, &head, &rows);
}

/// One step on a narrow page: a line that names it, one below for each message, and the remark.
fn step_lines(page: &mut Page, report: &Report, step: &Step) {
    let after = step.since_previous_ms.map_or_else(String::new, |ms| format!(", after {}", text::duration(ms)));
    let status = format!("{} {}{after}", mark(page, step.status), step.status.name());
    let name = format!("{:>2} {}", step.number, page.short(&step.key, STEP - 5));
    page.labelled(2, &name, STEP, status_tint(step.status), &status);
    for seen in step.evidence.iter().take(EVIDENCE) {
        let frame = format!("{} ", frame_name(report, seen.input, seen.frame));
        let summary = page.safe(&seen.summary);
        page.labelled(5, &frame, text::columns(&frame), Tint::Plain, &summary);
    }
    if step.evidence.len() > EVIDENCE {
        page.prose(5, Tint::Dim, &format!("and {} more", step.evidence.len() - EVIDENCE));
    }
    if let Some(remark) = remark(step) {
        let remark = page.safe(remark);
        page.prose(5, Tint::Dim, &remark);
    }
}

/// What is to be said of a step beside its messages, where it does not only repeat the last of them.
fn remark(step: &Step) -> Option<&str> {
    let said = step.evidence.last().map(|seen| seen.summary.as_str());
    step.detail.as_deref().filter(|detail| said != Some(detail))
}

/// Which columns the steps have, beside those they always have.
#[derive(Clone, Copy)]
struct Columns {
    /// Titles in place of keys, and legs.
    roomy: bool,
    /// Endpoints.
    wide: bool,
}

/// The rows of one step: the first names it, further messages and remarks follow.
fn step_rows(page: &Page, report: &Report, step: &Step, columns: Columns) -> Vec<Vec<Words>> {
    let blank = || (String::new(), Tint::Plain);
    let remarked = |words: String| -> Vec<Words> {
        let before = 1 + usize::from(columns.roomy) + usize::from(columns.wide);
        std::iter::repeat_with(blank).take(before).chain([(words, Tint::Dim)]).collect()
    };
    let shown = step.evidence.iter().take(EVIDENCE);
    let mut tails: Vec<Vec<Words>> = shown.map(|seen| evidence_cells(page, report, seen, columns)).collect();
    if step.evidence.len() > EVIDENCE {
        tails.push(remarked(format!("and {} more", step.evidence.len() - EVIDENCE)));
    }
    if let Some(remark) = remark(step) {
        tails.push(remarked(page.safe(remark)));
    }
    if tails.is_empty() {
        tails.push(remarked(String::new()));
    }
    let name = page.safe(if columns.roomy { &step.title } else { &step.key });
    let status = format!("{} {}", mark(page, step.status), step.status.name());
    let after = step.since_previous_ms.map_or_else(String::new, text::duration);
    let mut lead = vec![(step.number.to_string(), Tint::Plain), (name, Tint::Plain)];
    lead.extend([(status, status_tint(step.status)), (after, Tint::Plain)]);
    let mut rows = Vec::new();
    for tail in tails {
        let next = std::iter::repeat_with(blank).take(lead.len()).collect();
        let mut row = std::mem::replace(&mut lead, next);
        row.extend(tail);
        rows.push(row);
    }
    rows
}

/// The cells that show one message: frame, leg, endpoints, summary.
fn evidence_cells(page: &Page, report: &Report, seen: &Evidence, columns: Columns) -> Vec<Words> {
    let mut cells = vec![frame_name(report, seen.input, seen.frame)];
    if columns.roomy {
        cells.push(seen.leg.map_or(page.sign("–", "-"), |leg| leg.name()).to_owned());
    }
    if columns.wide {
        cells.push(format!("{} {} {}", page.safe(&seen.from), page.sign("→", "->"), page.safe(&seen.to)));
    }
    cells.push(page.safe(&seen.summary));
    cells.into_iter().map(|words| (words, Tint::Plain)).collect()
}

/// A sign for the eye beside the word.
pub const fn mark(page: &Page, status: StepStatus) -> &'static str {
    match status {
        StepStatus::Ok => page.sign("✓", "+"),
        StepStatus::Implied => page.sign("≈", "~"),
        StepStatus::Late | StepStatus::OutOfOrder => "!",
        StepStatus::Failed | StepStatus::Missing => page.sign("✗", "x"),
        StepStatus::Unreadable | StepStatus::Truncated => "?",
        StepStatus::NotReached | StepStatus::NotCovered | StepStatus::NotObservable | StepStatus::NotApplicable => {
            page.sign("·", ".")
        }
    }
}

/// The whole messages, where the report has them (`--show-text`).
fn messages(page: &mut Page, report: &Report, ladder: &Ladder) {
    let shown = ladder.steps.iter().flat_map(|step| step.evidence.iter().map(move |seen| (step.number, seen)));
    for (number, seen) in shown {
        let Some(message) = &seen.text else { continue };
        page.gap();
        let frame = frame_name(report, seen.input, seen.frame);
        page.prose(2, Tint::Strong, &format!("Message of step {number}, frame {frame}"));
        let mut lines = message.lines();
        for line in lines.by_ref().take(TEXT_LINES) {
            let line = page.safe(line);
            page.prose(4, Tint::Plain, if line.trim().is_empty() { "|" } else { &line });
        }
        let more = lines.count() as u64;
        if more > 0 {
            page.prose(4, Tint::Dim, &format!("and {}", text::counted(more, "more line", "more lines")));
        }
    }
}

/// One finding: what, in particular, who said so, where, and what to do.
pub fn write_finding(page: &mut Page, report: &Report, finding: &Finding) {
    let head = finding_head(page, finding);
    page.prose(2, severity_tint(finding.severity), &head);
    let detail = match finding.symptom_of.as_ref().filter(|_| finding.ladder.is_none()) {
        Some(code) => format!("A symptom of {}: its cause stands with its ladder.", page.safe(code)),
        None => page.short(&finding.detail, DETAIL),
    };
    page.prose(4, Tint::Plain, &detail);
    // Without a name the line would only repeat what the detail says.
    if let Some((said, who)) = finding.diagnostics.as_ref().and_then(|said| Some((said, said.reported_by.as_deref()?)))
    {
        let who = page.safe(who);
        let codes = said.codes();
        let codes = if codes.is_empty() { codes } else { format!(": {codes}") };
        page.prose(4, Tint::Plain, &format!("Reported by {who}{codes}"));
    }
    if let Some(cause) = cause_of(finding) {
        page.prose(4, Tint::Plain, &format!("Cause: {}", cause.title));
    }
    // A ladder's remedies stand with its cause.
    if let Some(remedy) = finding.remedy.as_ref().filter(|_| finding.cause.is_none() || finding.ladder.is_none()) {
        for (at, line) in advice(remedy).enumerate() {
            match line {
                Advice::Command(command) => page.command(6, command),
                Advice::Words(words) => {
                    let words = page.safe(words);
                    page.prose(4, Tint::Plain, &format!("{}{words}", if at == 0 { "To do: " } else { "" }));
                }
            }
        }
    }
    if let Some(cause) = cause_of(finding) {
        page.prose(4, Tint::Dim, &format!("More: lyncpush explain {}", cause.name));
    }
    if let Some(frames) = frames_of(report, finding) {
        page.prose(4, Tint::Dim, &frames.replacen('f', "F", 1));
    }
}

/// `✗ error LP105, step 5: The push was refused inside`.
pub fn finding_head(page: &Page, finding: &Finding) -> String {
    let mark = match finding.severity {
        Severity::Error => page.sign("✗", "x"),
        Severity::Warning => "!",
        Severity::Note => "i",
    };
    let step = finding.step.map_or_else(String::new, |number| format!(", step {number}"));
    let title = page.safe(&finding.title);
    format!("{mark} {} {}{step}: {title}", finding.severity.name(), page.safe(&finding.code))
}
