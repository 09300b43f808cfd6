//! `--format text`: each ladder drawn in plain text, with its cause and what to do: for chat and tickets.
//!
//! One line for each message, so that an ordinary ladder stays within forty. Fits 40 columns and uses up to 200.

use std::io::{self, Write};

use super::diagram::{self, Line, Mark, Role};
use super::format::Options;
use super::model::{Command, Finding, Ladder, Report, StepStatus};
use super::page::{Page, Tint};
use super::table::{DETAIL, finding_head, severity_tint, status_tint, verdict_tint};
use super::time::nanos;
use super::words::{
    address, certificates, day, findings, frame_name, kind, outcome, phone_name, ruled_out, seen_as, summary,
    time_of_day, why_none,
};
use super::{table, text, words};

/// Columns of a page from which the lanes are wider apart.
const ROOMY: usize = 100;
/// Columns of a page below which the lanes stand close together.
const TIGHT: usize = 60;
/// Columns beside a drawing from which words are wrapped there; what needs more room stands below the line.
const WORDS: usize = 20;
/// Columns that words below a line are indented.
const BELOW: usize = 7;
/// Columns of a page up to which times give way to words.
const NARROW: usize = 72;

/// Writes `report` for chat and tickets.
///
/// Fails when `out` does.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(options);
    if report.ladders.is_empty() {
        let why = page.safe(&why_none(report, options));
        page.prose(0, Tint::Strong, &format!("No push ladder: {why}."));
    } else {
        page.prose(0, Tint::Strong, &summary(&report.summary));
        marks(&mut page, report);
    }
    out.write_all(page.into_text().as_bytes())?;
    for (at, ladder) in report.ladders.iter().enumerate() {
        let mut page = Page::new(options);
        write_ladder(&mut page, report, at, ladder, options.verbose);
        out.write_all(b"\n")?;
        out.write_all(page.into_text().as_bytes())?;
    }
    for finding in report.findings.iter().filter(|finding| finding.ladder.is_none()) {
        let mut page = Page::new(options);
        table::write_finding(&mut page, report, finding);
        out.write_all(b"\n")?;
        out.write_all(page.into_text().as_bytes())?;
    }
    let mut page = Page::new(options);
    not_read(&mut page, report);
    out.write_all(page.into_text().as_bytes())
}

/// The part of the coverage that findings lead to: what was not read, why, and what opens it.
fn not_read(page: &mut Page, report: &Report) {
    let closed = words::closed(&report.coverage);
    if closed.is_empty() {
        return;
    }
    page.line(Tint::Plain, "");
    page.prose(0, Tint::Strong, "Coverage: what was not read");
    for one in closed {
        let why = page.short(&one.why(), DETAIL);
        page.prose(2, Tint::Warn, &why);
        for words in one.brief() {
            let words = page.safe(&words);
            page.prose(4, Tint::Plain, &words);
        }
        page.prose(4, Tint::Dim, &format!("More: lyncpush explain {}", one.reason.name()));
    }
}

/// One ladder: who, the drawing, why.
fn write_ladder(page: &mut Page, report: &Report, at: usize, ladder: &Ladder, verbose: bool) {
    let head = format!("Ladder {}: {}", at + 1, page.safe(&outcome(ladder)));
    page.prose(0, verdict_tint(ladder.verdict), &head);
    let who = who(page, ladder);
    page.prose(0, Tint::Plain, &who);
    page.gap();
    draw(page, report, ladder);
    why(page, report, ladder, verbose);
}

/// `alice@example.com → bob@example.com “Bob”, SAMSUNG SGH-i937; call, 2011-12-07 16:00:00.120 UTC`.
fn who(page: &Page, ladder: &Ladder) -> String {
    let arrow = page.sign("→", "->");
    let name = |name: &Option<String>| name.as_deref().map_or("unknown".to_owned(), |name| page.safe(address(name)));
    let mut words = match &ladder.caller {
        Some(_) => format!("{} {arrow} {}", name(&ladder.caller), name(&ladder.callee)),
        None => format!("{arrow} {}", name(&ladder.callee)),
    };
    if let Some(name) = &ladder.callee_name {
        words.push_str(&format!(" {}{}{}", page.sign("“", "\""), page.safe(name), page.sign("”", "\"")));
    }
    if let Some(phone) = phone_name(ladder) {
        words.push_str(&format!(", {}", page.safe(&phone)));
    }
    let began = format!("{} {}", day(&ladder.started_at), time_of_day(&ladder.started_at, 3));
    format!("{words}; {}, {} UTC", kind(ladder.trigger), page.safe(&began))
}

/// The drawing: lanes, and a line for each message.
fn draw(page: &mut Page, report: &Report, ladder: &Ladder) {
    let between = match page.width() {
        ..TIGHT => 3,
        TIGHT..ROOMY => 5,
        _ => 8,
    };
    let lanes = Lanes { between, ascii: page.sign("", "a") == "a" };
    let start = nanos(&ladder.started_at);
    let times = page.width() > NARROW;
    let timed = |time: &str| if times { format!(" {time:>8} ") } else { " ".to_owned() };
    page.line(Tint::Strong, &format!("{:>4}  {:>6}{}{}", "#", "Frame", timed("Time"), lanes.head()));
    let lines = diagram::lines(ladder);
    let mut rest = lines.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let run = diagram::run(rest);
        rest = if run.is_empty() { after } else { rest.get(run.len()..).unwrap_or_default() };
        let (frame, time, drawn, words) = match first.mark {
            Mark::Arrow { seen, from, to, .. } => {
                let time = start.zip(nanos(&seen.at)).map(|(start, at)| (at - start) as f64 / 1e6);
                (Some(seen), time, lanes.arrow(from, to), seen.summary.clone())
            }
            Mark::Aside(seen) => {
                let time = start.zip(nanos(&seen.at)).map(|(start, at)| (at - start) as f64 / 1e6);
                (Some(seen), time, lanes.row(), format!("{} (another hop)", seen.summary))
            }
            Mark::More(count) => (None, None, lanes.row(), format!("and {count} more")),
            Mark::Blank { .. } => (None, None, lanes.blank(run), words_of(run)),
        };
        let frame = frame.map_or_else(String::new, |seen| frame_name(report, seen.input, seen.frame));
        let time = time.map_or_else(String::new, text::duration);
        let numbers = if first.first { numbers(page, run, first) } else { String::new() };
        let left = format!("{numbers:<6}{frame:>6}{}", timed(&time));
        let tint = status_tint(first.step.status);
        let room = page.width().saturating_sub(text::columns(&left) + text::columns(&drawn) + 1);
        // What a message is called may be cut, its first word says most; what decides is whole.
        let decides = !matches!(first.mark, Mark::Arrow { refuses: false, .. } | Mark::Aside(_));
        let words = if decides { page.safe(&words) } else { page.short(&words, room) };
        if text::columns(&words) > room && room < WORDS {
            // The number at the left says of which step.
            let brief = matches!(first.mark, Mark::Blank { .. }).then(|| diagram::absence(first.step));
            if let Some(brief) = brief.filter(|brief| text::columns(brief) <= room) {
                page.line(tint, &format!("{left}{drawn} {brief}"));
                continue;
            }
            page.line(tint, format!("{left}{drawn}").trim_end());
            page.prose(BELOW, tint, &words);
            continue;
        }
        let mut lines = text::wrap(&words, room).into_iter();
        page.line(tint, format!("{left}{drawn} {}", lines.next().unwrap_or_default()).trim_end());
        let left = " ".repeat(text::columns(&left));
        lines.for_each(|line| page.line(tint, &format!("{left}{} {line}", lanes.row())));
    }
}

/// What the marks beside the steps mean, those that are used.
fn marks(page: &mut Page, report: &Report) {
    let steps = || report.ladders.iter().flat_map(|ladder| &ladder.steps);
    let mut marks: Vec<(&str, Vec<&str>)> = Vec::new();
    for status in StepStatus::ALL.into_iter().filter(|status| steps().any(|step| step.status == *status)) {
        let mark = table::mark(page, status);
        match marks.iter_mut().find(|(of, _)| *of == mark) {
            Some((_, names)) => names.push(status.name()),
            None => marks.push((mark, vec![status.name()])),
        }
    }
    let words: Vec<String> = marks.iter().map(|(mark, names)| format!("{mark} {}", names.join(", "))).collect();
    page.prose(0, Tint::Dim, &format!("Marks: {}", words.join("; ")));
}

/// ` 5 ✗`, `6-8 ·`.
fn numbers(page: &Page, run: &[Line<'_>], first: &Line<'_>) -> String {
    let mark = table::mark(page, first.step.status);
    match run.last().filter(|last| last.step.number != first.step.number) {
        Some(last) => format!("{:>4} {mark}", format!("{}-{}", first.step.number, last.step.number)),
        None => format!("{:>4} {mark}", first.step.number),
    }
}

/// What a run of steps without a message says, without their numbers, which stand at the left.
fn words_of(run: &[Line<'_>]) -> String {
    let Some(first) = run.first() else { return String::new() };
    let said = diagram::absence(first.step);
    if run.len() == 1 { format!("{}: {said}", first.step.key) } else { said.to_owned() }
}

/// The cause and what to do; the findings where no cause is known.
fn why(page: &mut Page, report: &Report, ladder: &Ladder, verbose: bool) {
    let unexplained = |finding: &&Finding| finding.cause.is_none();
    if let Some(diagnosis) = &ladder.diagnosis {
        page.gap();
        let tint = findings(report, ladder).map(|finding| finding.severity).max().map_or(Tint::Plain, severity_tint);
        let head = format!("Cause ({}): {}", diagnosis.certainty.name(), page.safe(&diagnosis.title));
        page.prose(0, tint, &head);
        let shown = findings(report, ladder).filter_map(|finding| finding.tls.as_ref());
        let shown: Vec<String> = shown.flat_map(|tls| certificates(tls, &ladder.started_at)).collect();
        let seen = seen_as(report, ladder, diagnosis);
        for words in [&diagnosis.evidence, &seen].into_iter().chain(&shown).chain([&diagnosis.remedy.advice]) {
            let words = page.short(words, DETAIL);
            page.prose(2, Tint::Plain, &words);
        }
        commands(page, "Check", &diagnosis.remedy.check);
        commands(page, "Change", &diagnosis.remedy.change);
        if let Some(next) = &diagnosis.remedy.capture_next {
            let next = page.safe(next);
            page.prose(2, Tint::Plain, &format!("Capture next {next}"));
        }
        for words in ruled_out(&diagnosis.ruled_out).iter().filter(|_| verbose) {
            let words = page.safe(words);
            page.prose(2, Tint::Dim, &format!("Not {words}"));
        }
        let more = format!("More: lyncpush explain {}", page.safe(&diagnosis.cause));
        page.prose(2, Tint::Dim, &more);
    }
    for finding in findings(report, ladder).filter(unexplained) {
        page.gap();
        let head = finding_head(page, finding);
        page.prose(0, severity_tint(finding.severity), &head);
        let detail = page.safe(&finding.detail);
        page.prose(2, Tint::Plain, &detail);
    }
}

/// Commands, each place named once.
fn commands(page: &mut Page, label: &str, commands: &[Command]) {
    let mut place = None;
    for command in commands {
        if place != Some(&command.place) {
            place = Some(&command.place);
            let words = format!("{label}, {}:", page.safe(&command.place));
            page.prose(2, Tint::Dim, &words);
        }
        page.command(4, &command.command);
    }
}

/// The lanes of a drawing, one for each role.
#[derive(Clone, Copy, Debug)]
struct Lanes {
    /// Columns from one lane to the next.
    between: usize,
    ascii: bool,
}

impl Lanes {
    /// What stands over the lanes.
    fn head(self) -> String {
        let short = |role| match role {
            Role::Caller => "Call",
            Role::FrontEnd => "FE",
            Role::Mobility => "MCX",
            Role::Edge => "Edge",
            // The domain names of pushes begin with it.
            Role::ClearingHouse => "Push",
            Role::Cloud => "Cloud",
        };
        let long = |role: Role| match role {
            Role::Caller => "Caller",
            Role::FrontEnd => "FrontEnd",
            Role::Cloud => "Cloud",
            Role::ClearingHouse => "Push",
            other => other.name(),
        };
        let between = self.between;
        let names = Role::ALL.map(|role| {
            // Two letters, where no more fit.
            let letters = |role: Role| short(role).get(..2).unwrap_or_default();
            let name = if between < 5 {
                letters(role)
            } else if between < 8 {
                short(role)
            } else {
                long(role)
            };
            format!("{:^between$}", name)
        });
        names.concat().trim_end().to_owned()
    }

    /// Where the lane of a role stands.
    const fn at(self, role: Role) -> usize {
        role.column() * self.between + self.between / 2
    }

    /// Nothing but lanes, as characters to draw over.
    fn empty(self) -> Vec<char> {
        let mut row = vec![' '; self.at(Role::Cloud) + 2];
        for role in Role::ALL {
            self.put(&mut row, self.at(role), '│', '|');
        }
        row
    }

    fn put(self, row: &mut [char], at: usize, utf8: char, ascii: char) {
        if let Some(place) = row.get_mut(at) {
            *place = if self.ascii { ascii } else { utf8 };
        }
    }

    /// Nothing but lanes.
    fn row(self) -> String {
        self.empty().into_iter().collect()
    }

    /// An arrow over the lanes.
    fn arrow(self, from: Role, to: Role) -> String {
        let mut row = self.empty();
        let (start, end) = (self.at(from), self.at(to));
        for at in start.min(end) + 1..start.max(end) {
            self.put(&mut row, at, '─', '-');
        }
        if start < end {
            self.put(&mut row, start, '├', '|');
            self.put(&mut row, end - 1, '►', '>');
        } else {
            self.put(&mut row, start, '┤', '|');
            self.put(&mut row, end + 1, '◄', '<');
        }
        row.into_iter().collect()
    }

    /// Where messages would have been: dots where they are missing, shades where nobody can see.
    fn blank(self, run: &[Line<'_>]) -> String {
        let mut row = self.empty();
        let (from, to) = diagram::span(run);
        let (utf8, ascii) = match run.first().map(|line| line.step.status) {
            Some(StepStatus::Missing) => ('·', '.'),
            Some(StepStatus::NotObservable | StepStatus::NotCovered | StepStatus::Unreadable) => ('░', ':'),
            _ => (' ', ' '),
        };
        for at in self.at(from) + 1..self.at(to) {
            if row.get(at) == Some(&' ') {
                self.put(&mut row, at, utf8, ascii);
            }
        }
        row.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(report: &Report, options: &Options) -> String {
        let mut out = Vec::new();
        write(report, options, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_broken_ladder_is_drawn() {
        let text = written(&sample::broken(), &Options::default());
        for needle in [
            "   #   Frame     Time Call  FE   MCX Edge Push Cloud\n",
            "   1 ✓     4   4.0 ms   ├───►│    │    │    │    │  INVITE sip:bob@example.com\n",
            "   5 ✗    12    12 ms   │    ├────────►│    │    │  MESSAGE sip:push@push.lync.…\n",
            "          21    21 ms   │    │◄────────┤    │    │  504 Server time-out,\n",
            "                        │    │    │    │    │    │  ms-diagnostics 1009\n",
            " 6-8 ·                  │    │    │    │    │    │  not reached\n",
        ] {
            assert!(text.contains(needle), "{needle:?} in\n{text}");
        }
    }

    #[test]
    fn what_decides_is_whole_and_marks_are_told() {
        for report in [sample::complete(), sample::broken(), sample::mixed(), sample::inconclusive()] {
            for width in 40..130 {
                let written = written(&report, &Options { width, ..Options::default() });
                let words = |text: &str| {
                    text.split(['│', ' ', '\n', '░', '·'])
                        .filter(|word| !word.is_empty())
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                let page = words(&written);
                for ladder in &report.ladders {
                    for line in diagram::lines(ladder) {
                        let said = match line.mark {
                            Mark::Blank { .. } => diagram::absence(line.step).to_owned(),
                            Mark::Arrow { seen, refuses: true, .. } => words(&text::sanitize(&seen.summary, false)),
                            _ => continue,
                        };
                        assert!(page.contains(&said), "{said:?} in {width}:\n{written}");
                    }
                    for step in &ladder.steps {
                        let (_, after) = page.split_once("Marks: ").unwrap();
                        let (marks, _) = after.split_once(" Ladder 1").unwrap();
                        assert!(marks.contains(step.status.name()), "{} in {marks}", step.status.name());
                    }
                }
            }
        }
    }

    #[test]
    fn no_line_passes_the_width_and_nothing_acts() {
        for report in sample::all() {
            for width in [40, 59, 60, 80, 99, 100, 140, 200] {
                for ascii in [false, true] {
                    let text = written(&report, &Options { width, ascii, ..Options::default() });
                    for line in text.lines() {
                        let fits = text::columns(line) <= width || sample::is_token(&report, line, ascii);
                        assert!(fits, "{width}: {line:?}");
                        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
                        assert!(!ascii || line.is_ascii(), "{line:?}");
                    }
                }
            }
        }
    }
}
