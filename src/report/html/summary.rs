//! The top of the page: what was analysed, the counts, the timeline.

use std::io::{self, Write};

use super::chart;
use super::markup::Text;
use crate::report::model::{Report, Verdict};
use crate::report::text;
use crate::report::words::span;

/// Captures named in the heading; the coverage part names all.
const INPUTS: usize = 3;

/// Writes the heading and the counts.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<header>\n<h1>Push notifications in this capture</h1>\n<p class=note>")?;
    for (at, input) in report.inputs.iter().take(INPUTS).enumerate() {
        let between = if at > 0 { ", " } else { "" };
        write!(out, "{between}<b>{}</b>", Text(&input.path))?;
    }
    if report.inputs.len() > INPUTS {
        write!(out, " and {} more", report.inputs.len() - INPUTS)?;
    }
    let first = report.inputs.iter().filter_map(|input| input.first_frame_at.as_deref()).min();
    let last = report.inputs.iter().filter_map(|input| input.last_frame_at.as_deref()).max();
    if let Some((first, last)) = first.zip(last) {
        write!(out, " · {} UTC", Text(&span(first, last)))?;
    }
    let messages = text::counted(report.coverage.sip_messages, "SIP message", "SIP messages");
    write!(out, " · {messages}</p>\n</header>\n<main>\n")?;
    if report.ladders.is_empty() {
        return Ok(());
    }
    out.write_all(b"<section aria-labelledby=h-summary>\n<h2 id=h-summary>Summary</h2>\n<ul class=tiles>\n")?;
    let ladders = report.summary.ladders;
    tile(out, "all", ladders, if ladders == 1 { "ladder" } else { "ladders" })?;
    for verdict in Verdict::ALL {
        let count = report.summary.with_verdict(verdict);
        tile(out, if count > 0 { verdict.name() } else { "zero" }, count, verdict.name())?;
    }
    let found = &report.summary.findings;
    for (count, one, many) in
        [(found.error, "error", "errors"), (found.warning, "warning", "warnings"), (found.note, "note", "notes")]
    {
        let class = if count > 0 { one } else { "zero" };
        tile(out, class, count, if count == 1 { one } else { many })?;
    }
    out.write_all(b"</ul>\n")?;
    chart::timeline(report, out)?;
    out.write_all(b"</section>\n")
}

fn tile(out: &mut dyn Write, class: &str, count: u64, name: &str) -> io::Result<()> {
    writeln!(out, "<li class={class}><b>{}</b> {name}</li>", text::count(count))
}
