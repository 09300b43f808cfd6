//! What the live view shows, as lines.
//!
//! In: a [`Snapshot`], and how large and able the terminal is. Out: as many lines as it has room for, none wider than it.
//! Nothing is asked and nothing is written here, so that every size can be tested.

use std::time::Duration;

use crate::report::format::Options;
use crate::report::model::{Finding, Ladder, Verdict};
use crate::report::page::{Page, Tint};
use crate::report::text::{clip, columns, count, counted, wrap};
use crate::report::words::{address, day, deciding_step, phone_name, time_of_day, what_of};

/// Columns of labels.
const LABEL: usize = 10;
/// Columns from which a broken ladder is told in one line under a head, and from which its phone has a place beside it.
const ONE_LINE: usize = 120;
const TWO_LINES: usize = 60;
/// Lines at most of what was wrong.
const WHAT_LINES: usize = 2;
/// Columns of a date and a time.
const TIME: usize = 14;
/// Columns that are kept of anything that the wire named.
const KEPT: usize = 200;

/// Words and what they mean to the eye.
type Span = (String, Tint);

/// Everything that is shown.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Names of interfaces.
    pub interfaces: String,
    /// How long they have been watched.
    pub running: Duration,
    /// The day it is, `2013-06-03`.
    pub today: String,
    /// Calls and pushes that are open.
    pub open: [u64; 2],
    /// Ladders that closed, by verdict.
    pub verdicts: Vec<(Verdict, u64)>,
    /// Frames, and frames a second.
    pub frames: (u64, f64),
    /// SIP messages, and messages a second.
    pub messages: (u64, f64),
    /// Those with a defect.
    pub malformed: u64,
    /// What is missing.
    pub lost: Lost,
    /// Names of interfaces that are down or away now.
    pub down: Vec<String>,
    /// Octets that are used, if they are known, and how many may be.
    pub memory: (Option<u64>, u64),
    /// The ladders that broke, the last one first.
    pub broken: Vec<Row>,
    /// The last thing that was said, and how many there were.
    pub said: Option<(String, u64)>,
}

/// What is missing, or was given up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost {
    /// Frames the kernel had no room for.
    pub kernel: u64,
    /// Frames interfaces dropped.
    pub interface: u64,
    /// How often interfaces were down or away.
    pub interruptions: u64,
    /// Calls and pushes closed early because a table was full.
    pub evicted: u64,
}

/// A ladder that broke, in words of a bearable length.
#[derive(Clone, Debug, Default)]
pub struct Row {
    started_at: String,
    caller: Option<String>,
    callee: Option<String>,
    phone: Option<String>,
    verdict: &'static str,
    step: String,
    what: String,
}

impl Row {
    /// What is shown of a ladder.
    pub fn of(ladder: &Ladder, findings: &[Finding]) -> Self {
        let short = |text: &str| clip(text, KEPT, "").into_owned();
        let name = |uri: &Option<String>| uri.as_deref().map(|uri| short(address(uri)));
        Self {
            started_at: ladder.started_at.clone(),
            caller: name(&ladder.caller),
            callee: name(&ladder.callee),
            phone: phone_name(ladder).map(|phone| short(&phone)),
            verdict: ladder.verdict.name(),
            step: deciding_step(ladder).map_or_else(String::new, |step| format!("{} {}", step.number, step.key)),
            what: short(&what_of(ladder, findings.iter())),
        }
    }
}

/// The lines for a terminal of so many columns and `height` lines.
pub fn draw(snapshot: &Snapshot, options: &Options, height: usize) -> Vec<String> {
    let mut canvas = Canvas { page: Page::new(options), width: options.width.max(1), lines: Vec::new() };
    canvas.head(snapshot);
    let foot = canvas.foot(snapshot);
    // A warning is worth more than the last line of the head, and that more than how to end it.
    canvas.lines.truncate(height.saturating_sub(usize::from(snapshot.said.is_some())).max(1));
    canvas.broken(snapshot, height.saturating_sub(foot.len() + 1));
    let room = height.saturating_sub(canvas.lines.len());
    if room > foot.len() {
        canvas.lines.resize(height - foot.len(), String::new());
    }
    canvas.lines.extend(foot.into_iter().take(room));
    canvas.lines
}

/// Lines, growing.
struct Canvas {
    page: Page,
    width: usize,
    lines: Vec<String>,
}

impl Canvas {
    /// What is always there, the most important first.
    fn head(&mut self, snapshot: &Snapshot) {
        let running = running(snapshot.running);
        let name = format!("lyncpush live  {}", snapshot.interfaces);
        let name = self.page.short(&name, self.width.saturating_sub(columns(&running) + 2));
        let gap = self.width.saturating_sub(columns(&name) + columns(&running));
        self.line(&[(name, Tint::Strong), (" ".repeat(gap), Tint::Plain), (running, Tint::Plain)]);
        let closed: u64 = snapshot.verdicts.iter().map(|(_, ladders)| ladders).sum();
        let mut verdicts = vec![(counted(closed, "ladder", "ladders"), Tint::Strong)];
        verdicts.extend(snapshot.verdicts.iter().map(|(verdict, ladders)| {
            let tint = if *ladders == 0 { Tint::Dim } else { tint(*verdict) };
            (format!("{} {}", count(*ladders), verdict.name()), tint)
        }));
        self.items("Closed", &verdicts);
        let [calls, pushes] = snapshot.open;
        let plain = |words: String| (words, Tint::Plain);
        self.items("Open", &[plain(counted(calls, "call", "calls")), plain(counted(pushes, "push", "pushes"))]);
        self.items("Lost", &lost(&snapshot.lost, &snapshot.down));
        let (frames, rate) = snapshot.frames;
        self.items(
            "Frames",
            &[plain(format!("{} a second", per_second(rate))), plain(format!("{} in all", count(frames)))],
        );
        let (messages, rate) = snapshot.messages;
        let malformed = (
            format!("{} malformed", count(snapshot.malformed)),
            if snapshot.malformed > 0 { Tint::Warn } else { Tint::Dim },
        );
        self.items(
            "Messages",
            &[plain(format!("{} a second", per_second(rate))), plain(format!("{} in all", count(messages))), malformed],
        );
        let (used, limit) = snapshot.memory;
        let mib = |octets: u64| count(octets >> 20);
        let used = used.map_or_else(|| "limit".to_owned(), |used| format!("{} of", mib(used)));
        self.items("Memory", &[plain(format!("{used} {} MiB", mib(limit)))]);
    }

    /// What stands at the bottom.
    fn foot(&self, snapshot: &Snapshot) -> Vec<String> {
        let said = snapshot.said.as_ref().map(|(line, all)| {
            let more = if *all > 1 { format!("[{}] ", count(*all)) } else { String::new() };
            (format!("{more}{line}"), Tint::Warn)
        });
        let end = ("Ctrl-C ends it and prints the report".to_owned(), Tint::Dim);
        let spans = said.into_iter().chain([end]);
        spans.map(|span| self.fitted(&[span])).collect()
    }

    /// The ladders that broke, as far as there is room up to line `until`.
    fn broken(&mut self, snapshot: &Snapshot, until: usize) {
        let tabular = self.width >= ONE_LINE;
        let title: [Span; 2] = match snapshot.broken.is_empty() {
            true => [("No ladder broke so far".to_owned(), Tint::Dim), (String::new(), Tint::Dim)],
            false => [("The last broken ladders".to_owned(), Tint::Strong), (" (times in UTC)".to_owned(), Tint::Dim)],
        };
        let mut lines = vec![String::new(), self.fitted(&title)];
        if tabular && !snapshot.broken.is_empty() {
            let arrow = self.page.sign("→", "->");
            let head = ["Time", &format!("Caller {arrow} callee"), "Phone", "Verdict", "Step", "What it was"];
            lines.push(self.fitted(&self.cells(head.map(|name| (name.to_owned(), Tint::Dim)))));
        }
        let (least, room) = (lines.len(), until.saturating_sub(self.lines.len()));
        for row in &snapshot.broken {
            let mut time = time_of_day(&row.started_at, 0);
            if day(&row.started_at) != snapshot.today {
                time = format!("{} {time}", day(&row.started_at).get(5..).unwrap_or_default());
            }
            let row = if tabular { vec![self.tabular(row, time)] } else { self.in_lines(row, time) };
            if lines.len() + row.len() > room {
                break;
            }
            lines.extend(row);
        }
        if lines.len() <= room && (lines.len() > least || snapshot.broken.is_empty()) {
            self.lines.extend(lines);
        }
    }

    /// One ladder as a row of the table.
    fn tabular(&self, row: &Row, time: String) -> String {
        let plain = |words: String| (words, Tint::Plain);
        let bad = |words: &str| (words.to_owned(), Tint::Bad);
        self.fitted(&self.cells([
            (time, Tint::Dim),
            plain(self.who(row)),
            plain(self.or_unknown(&row.phone)),
            bad(row.verdict),
            bad(&row.step),
            plain(row.what.clone()),
        ]))
    }

    /// One ladder on lines of its own: who called whom, which phone, and what broke.
    fn in_lines(&self, row: &Row, time: String) -> Vec<String> {
        let (who, phone) = (self.who(row), self.or_unknown(&row.phone));
        let time = (format!("{time:TIME$}  "), Tint::Dim);
        let wide = self.width >= TWO_LINES;
        let indent = if wide { TIME + 2 } else { 2 };
        let plain = |words: String| (words, Tint::Plain);
        let mut lines = match wide {
            true => vec![self.fitted(&[time, plain(format!("{who}, {phone}"))])],
            false => {
                let indented = [plain(" ".repeat(indent)), plain(who)];
                vec![self.fitted(&[time, plain(phone)]), self.fitted(&indented)]
            }
        };
        let (step, width) = (format!("{}: ", row.step), self.width.saturating_sub(indent));
        let words = wrap(&format!("{step}{}", self.page.safe(&row.what)), width);
        for (at, words) in words.into_iter().take(WHAT_LINES).enumerate() {
            let rest = words.strip_prefix(&step).filter(|_| at == 0);
            let step = rest.map_or_else(String::new, |_| step.clone());
            let rest = rest.unwrap_or(&words).to_owned();
            lines.push(self.fitted(&[plain(" ".repeat(indent)), (step, Tint::Bad), plain(rest)]));
        }
        lines
    }

    fn who(&self, row: &Row) -> String {
        let arrow = self.page.sign("→", "->");
        format!("{} {arrow} {}", self.or_unknown(&row.caller), self.or_unknown(&row.callee))
    }

    fn or_unknown(&self, name: &Option<String>) -> String {
        name.clone().unwrap_or_else(|| self.page.sign("–", "-").to_owned())
    }

    /// Cells of a table of broken ladders, each as wide as its column.
    fn cells(&self, cells: [Span; 6]) -> Vec<Span> {
        let rest = self.width.saturating_sub(TIME + 18 + 7 + 18 + 5 * 2);
        let who = rest * 2 / 5;
        let widths = [TIME, who, 18, 7, 18, rest - who];
        let padded = cells.into_iter().zip(widths).enumerate().map(|(at, ((words, tint), width))| {
            let words = self.page.short(&words, width);
            let fill = if at == 5 { 0 } else { width.saturating_sub(columns(&words)) + 2 };
            (words + &" ".repeat(fill), tint)
        });
        padded.collect()
    }

    /// A label and what belongs to it, on further lines as well where it does not fit on one.
    fn items(&mut self, label: &str, items: &[Span]) {
        let mut spans = vec![(format!("{label:LABEL$}"), Tint::Dim)];
        let mut used = LABEL;
        for (at, (words, tint)) in items.iter().enumerate() {
            let comma = if at + 1 < items.len() { "," } else { "" };
            let (space, needed) = (usize::from(used > LABEL), columns(words) + comma.len());
            if space > 0 && used + space + needed > self.width {
                let line = std::mem::replace(&mut spans, vec![(" ".repeat(LABEL), Tint::Plain)]);
                self.line(&line);
                used = LABEL;
            } else {
                spans.push((" ".repeat(space), Tint::Plain));
                used += space;
            }
            spans.extend([(words.clone(), *tint), (comma.to_owned(), Tint::Plain)]);
            used += needed;
        }
        self.line(&spans);
    }

    fn line(&mut self, spans: &[Span]) {
        let line = self.fitted(spans);
        self.lines.push(line);
    }

    /// A line of harmless words that is not too wide.
    fn fitted(&self, spans: &[Span]) -> String {
        let (mut line, mut room) = (String::new(), self.width);
        for (words, tint) in spans {
            let words = self.page.short(words, room);
            // Where there is no room for the dots either.
            let words = clip(&words, room, "");
            room = room.saturating_sub(columns(&words));
            if !words.is_empty() {
                line.push_str(&self.page.tinted(*tint, &words));
            }
        }
        line
    }
}

/// The tint of a verdict that there was.
const fn tint(verdict: Verdict) -> Tint {
    match verdict {
        Verdict::Complete => Tint::Good,
        Verdict::Degraded | Verdict::Inconclusive => Tint::Warn,
        Verdict::Broken => Tint::Bad,
        Verdict::NoPushExpected => Tint::Plain,
    }
}

fn lost(lost: &Lost, down: &[String]) -> Vec<Span> {
    let all = [
        (lost.kernel, counted(lost.kernel, "frame by the kernel", "frames by the kernel")),
        (lost.interface, counted(lost.interface, "frame by interfaces", "frames by interfaces")),
        (lost.interruptions, counted(lost.interruptions, "interruption", "interruptions")),
        (lost.evicted, format!("{} closed early", count(lost.evicted))),
    ];
    let down = down.iter().map(|name| (format!("{name} is down or gone"), Tint::Bad));
    let some = all.into_iter().filter(|(number, _)| *number > 0).map(|(_, words)| (words, Tint::Warn));
    let some: Vec<Span> = some.chain(down).collect();
    if some.is_empty() { vec![("nothing".to_owned(), Tint::Good)] } else { some }
}

/// A rate: few need a fraction.
fn per_second(rate: f64) -> String {
    if rate > 0.0 && rate < 9.95 { format!("{rate:.1}") } else { count(rate.round().max(0.0) as u64) }
}

/// `04:05:06`, `3 d 04:05:06`.
fn running(running: Duration) -> String {
    let seconds = running.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let days = if days > 0 { format!("{} d ", count(days)) } else { String::new() };
    format!("{days}{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

#[cfg(test)]
mod tests;
