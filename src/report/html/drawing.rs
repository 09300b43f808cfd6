//! A ladder as a drawing: a column for each role, a band for each step, an arrow for each message.

use std::io::{self, Write};

use super::markup::Short;
use crate::report::diagram::{self, Line, Mark, Role};
use crate::report::model::{Ladder, Report, StepStatus};
use crate::report::text;
use crate::report::time::nanos;
use crate::report::words::frame_name;

/// Units of the drawing's width.
const WIDTH: usize = 908;
/// Where the first lane stands.
const FIRST: usize = 370;
/// From one lane to the next.
const BETWEEN: usize = 97;
/// Height of the roles' names.
const HEAD: usize = 56;
/// Height of a line.
const LINE: usize = 27;
/// Columns of words that fit between two lanes.
const COLUMNS: usize = 17;

/// Where the lane of a role stands.
const fn lane(role: Role) -> usize {
    FIRST + role.column() * BETWEEN
}

/// Writes the drawing of the ladder at index `at`.
pub fn write(report: &Report, ladder: &Ladder, at: usize, out: &mut dyn Write) -> io::Result<()> {
    let lines = diagram::lines(ladder);
    let height = HEAD + lines.len() * LINE + 6;
    write!(
        out,
        "<svg class=ladder viewBox=\"0 0 {WIDTH} {height}\" role=group aria-label=\"Ladder {}, drawn; the table below says the same\">",
        at + 1
    )?;
    bands(&lines, out)?;
    roles(ladder, height, out)?;
    let start = nanos(&ladder.started_at);
    let mut message = 0;
    for (place, line) in lines.iter().enumerate() {
        let top = HEAD + place * LINE;
        if line.first {
            // Messages are numbered as the table below numbers them, which shows all.
            message = ladder
                .steps
                .iter()
                .take_while(|step| step.number < line.step.number)
                .map(|step| step.evidence.len())
                .sum();
            name(line, top, out)?;
        }
        match line.mark {
            Mark::Arrow { seen, from, to, refuses } => {
                message += 1;
                link(at, message, top, out)?;
                numbers(report, start, seen, top, out)?;
                arrow(from, to, refuses, &seen.summary, top, out)?;
                out.write_all(b"</a>")?;
            }
            Mark::Aside(seen) => {
                message += 1;
                link(at, message, top, out)?;
                numbers(report, start, seen, top, out)?;
                let words = format!("{}, on another hop", seen.summary);
                write!(out, "<text class=aside x={} y={}>{}</text></a>", FIRST + 8, top + 18, Short(&words, 60))?;
            }
            Mark::More(count) => {
                let more = text::counted(count as u64, "more message", "more messages");
                write!(out, "<text class=aside x={} y={}>and {more}</text>", FIRST + 8, top + 18)?;
            }
            Mark::Blank { from, to } => blank(line, from, to, top, out)?,
        }
    }
    out.write_all(b"</svg>")
}

/// The bands behind the steps, by what is known of them, and a rule over each step.
fn bands(lines: &[Line<'_>], out: &mut dyn Write) -> io::Result<()> {
    let mut place = 0;
    for alike in lines.chunk_by(|one, next| one.step.status == next.step.status) {
        let Some(first) = alike.first() else { continue };
        let (top, high) = (HEAD + place * LINE, alike.len() * LINE);
        write!(out, "<rect class=\"band {}\" y={top} width={WIDTH} height={high} />", first.step.status.name())?;
        place += alike.len();
    }
    out.write_all(b"<path class=rules d=\"")?;
    for (place, _) in lines.iter().enumerate().filter(|(_, line)| line.first) {
        write!(out, "M0 {}h{WIDTH}", HEAD + place * LINE)?;
    }
    out.write_all(b"\"/>")
}

/// The roles' names and lanes.
fn roles(ladder: &Ladder, height: usize, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<path class=lanes d=\"")?;
    for role in Role::ALL {
        write!(out, "M{} {}V{}", lane(role), HEAD - 8, height - 4)?;
    }
    out.write_all(b"\"/>")?;
    for role in Role::ALL {
        let x = lane(role);
        if role == Role::Cloud {
            // Three arcs over a flat foot.
            write!(
                out,
                "<path class=cloud d=\"M{} 44a11 11 0 0 1 0-22a20 18 0 0 1 36-7a15 15 0 0 1 18 14a8 8 0 0 1-2 15z\"/>",
                x - 26
            )?;
            write!(out, "<text class=sub x={x} y=29>Apple or</text><text class=sub x={x} y=40>Microsoft</text>")?;
            continue;
        }
        write!(out, "<text class=role x={x} y=24>{}</text>", role.name())?;
        if let Some(host) = diagram::host_of(ladder, role) {
            write!(out, "<text class=sub x={x} y=40>{}</text>", Short(host, 18))?;
        }
    }
    Ok(())
}

/// Number, name and status of a step.
fn name(line: &Line<'_>, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let (step, y) = (line.step, top + 18);
    let status = step.status.name();
    write!(out, "<text class=num x=22 y={y}>{}</text><text x=30 y={y}>", step.number)?;
    write!(out, "{}</text><text class=\"st {status}\" x=128 y={y}>{status}</text>", Short(&step.key, 16))
}

/// The beginning of a link to a message in the table, the whole line to click on.
fn link(at: usize, message: usize, top: usize, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<a href=\"#m{}-{message}\"><rect y={top} width={WIDTH} height={LINE} />", at + 1)
}

/// Frame and time of a message.
fn numbers(
    report: &Report,
    start: Option<i64>,
    seen: &crate::report::model::Evidence,
    top: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let frame = frame_name(report, seen.input, seen.frame);
    write!(out, "<text class=num x=252 y={}>{frame}</text>", top + 18)?;
    let since = start.zip(nanos(&seen.at)).map(|(start, at)| at.saturating_sub(start) as f64 / 1e6);
    match since {
        Some(since) => write!(out, "<text class=num x=316 y={}>{}</text>", top + 18, text::duration(since)),
        None => Ok(()),
    }
}

/// An arrow with its words over it.
fn arrow(from: Role, to: Role, refuses: bool, words: &str, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let (start, end, y) = (lane(from), lane(to), top + 21);
    let (tip, back) = if start < end { (end - 2, -7) } else { (end + 2, 7) };
    let class = match (refuses, diagram::status(words)) {
        (true, _) => "no",
        (false, Some(_)) => "res",
        (false, None) => "req",
    };
    let lanes = from.column().abs_diff(to.column()).max(1);
    // The times stand left of the first lane, and nothing right of the last.
    let room = if from.min(to) == Role::Caller && lanes == 1 { COLUMNS + 8 } else { (lanes * COLUMNS).max(32) };
    write!(
        out,
        "<path class={class} d=\"M{start} {y}H{tip}m{back}-4l{} 4 {back} 4\"/><text class=msg x={} y={}>{}</text>",
        -back,
        start.midpoint(end),
        top + 15,
        Short(words, room)
    )
}

/// A gap where a message is missing, a shade where nobody can see.
fn blank(line: &Line<'_>, from: Role, to: Option<Role>, top: usize, out: &mut dyn Write) -> io::Result<()> {
    let status = line.step.status;
    let (one, other) = (lane(from), to.map_or(WIDTH - 6, lane));
    let (left, right) = (one.min(other), one.max(other));
    let words = match status {
        StepStatus::Missing => "missing",
        StepStatus::NotObservable => "not observable",
        StepStatus::NotCovered => "not in view",
        StepStatus::Unreadable => "unreadable",
        StepStatus::Truncated => "outside the capture",
        StepStatus::Implied => "implied",
        _ => return Ok(()),
    };
    let name = status.name();
    write!(out, "<rect class=\"blank {name}\" x={left} y={} width={} height={} />", top + 4, right - left, LINE - 8)?;
    let (x, class) = if to.is_some() { (left.midpoint(right), "msg") } else { (WIDTH - 4, "msg out") };
    write!(out, "<text class=\"{class}\" x={x} y={}>{words}</text>", top + 18)
}
