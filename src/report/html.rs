//! `--format html`: one page with everything in it, for a browser.
//!
//! Nothing is fetched: styles, script and drawings are in the page, and its Content-Security-Policy forbids
//! everything else. Without JavaScript all of it can be read; with it ladders can be searched, filtered and sorted.
//! What a ladder opens to stands inside `noscript`: a browser that runs scripts keeps that as text, and the script
//! makes elements of it when the ladder is opened, so that thousands of ladders stay light; a browser that does not
//! run scripts reads it as the page.
//!
//! Every string goes through the markup room on its way out, which leaves nothing in it that means something.

mod chart;
mod coverage;
mod diagnosis;
mod drawing;
mod keys;
mod ladder;
mod markup;
mod summary;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::format::Options;
use super::model::{Report, Verdict};
use super::text;
use super::words::{day, why_none};
use markup::Text;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");
/// Ladders that are open when the page is, so that a short report needs no click.
const OPEN: usize = 4;

/// Writes `report` as a page.
///
/// Fails when `out` does.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    head(report, out)?;
    summary::write(report, out)?;
    if report.ladders.is_empty() {
        let why = why_none(report, options);
        writeln!(out, "<p class=none>No push ladder: {}.</p>", Text(&why))?;
    }
    let faults = diagnosis::Faults::of(report);
    faults.write(report, out)?;
    capture_wide(report, out)?;
    ladders(report, &faults, out)?;
    chart::latencies(report, out)?;
    coverage::write(report, out)?;
    foot(report, options, out)
}

/// Up to the heading.
fn head(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    let title = match &report.summary {
        none if none.ladders == 0 => "no push ladder".to_owned(),
        some => format!("{}, {} broken", text::counted(some.ladders, "ladder", "ladders"), text::count(some.broken)),
    };
    write!(
        out,
        "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
         <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'sha256-{}'; \
         script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
         <meta name=color-scheme content=\"light dark\">\n<meta name=referrer content=no-referrer>\n\
         <meta name=generator content=\"lyncpush {}\">\n<title>lyncpush: {title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<a class=skip href=\"#ladders\">Skip to the ladders</a>\n",
        hash(STYLE),
        hash(SCRIPT),
        Text(&report.tool.version),
    )
}

/// Findings about the whole capture.
fn capture_wide(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut wide = report.findings.iter().filter(|finding| finding.ladder.is_none()).peekable();
    if wide.peek().is_none() {
        return Ok(());
    }
    out.write_all(b"<section aria-labelledby=h-wide>\n<h2 id=h-wide>About the whole capture</h2>\n")?;
    for finding in wide {
        diagnosis::finding(report, finding, out)?;
    }
    out.write_all(b"</section>\n")
}

/// The list of ladders, with what filters and sorts it.
fn ladders(report: &Report, faults: &diagnosis::Faults<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<section id=ladders aria-labelledby=h-ladders tabindex=-1>\n<h2 id=h-ladders>Ladders</h2>\n")?;
    if report.ladders.is_empty() {
        return out.write_all(b"<p class=note>None.</p>\n</section>\n");
    }
    tools(report, faults, out)?;
    // They stand in the order they began.
    let days = [report.ladders.first(), report.ladders.last()].map(|one| one.map(|one| day(&one.started_at)));
    let one_day = matches!(days, [first, last] if first == last);
    out.write_all(if one_day { b"<div>" } else { b"<div class=days>" })?;
    out.write_all(
        b"<div class=cols aria-hidden=true><span>#</span><span>Time (UTC)</span><span>Caller \xe2\x86\x92 callee</span>\
          <span>Phone</span><span>Verdict</span><span>What it was</span></div>\n<ol id=list>\n",
    )?;
    for (at, one) in report.ladders.iter().enumerate() {
        let open = report.ladders.len() <= OPEN;
        let page = ladder::Section { report, faults, ladder: one, at, open, one_day };
        page.write(out)?;
    }
    out.write_all(b"</ol>\n</div>\n</section>\n")
}

/// Search, filters, order: for the script, which shows them.
fn tools(report: &Report, faults: &diagnosis::Faults<'_>, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        b"<form id=tools role=search aria-label=\"Filter and sort ladders\" hidden>\n\
          <label>Search <input id=q type=search autocomplete=off spellcheck=false \
          placeholder=\"user, host, Call-ID, code\"></label>\n<fieldset><legend>Verdict</legend>\n",
    )?;
    for verdict in Verdict::ALL {
        let count = report.summary.with_verdict(verdict);
        if count > 0 {
            let (name, count) = (verdict.name(), text::count(count));
            writeln!(
                out,
                "<label class=\"chip {name}\"><input type=checkbox name=verdict value={name} checked> {name} <b>{count}</b></label>"
            )?;
        }
    }
    out.write_all(b"</fieldset>\n")?;
    faults.choices(out)?;
    out.write_all(
        b"<label>Sort by <select id=sort><option value=time>time</option><option value=verdict>verdict</option>\
          <option value=duration>duration, longest first</option><option value=who>caller and callee</option>\
          <option value=what>what it was</option></select></label>\n\
          <span class=buttons><button type=button id=open>Open shown</button>\
          <button type=button id=close>Close all</button><button type=reset id=reset>Reset</button></span>\n\
          <p id=count role=status aria-live=polite></p>\n</form>\n<p id=printed class=note></p>\n",
    )
}

/// The end of the page.
fn foot(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let mut seen = report.ladders.iter().flat_map(|ladder| &ladder.steps).flat_map(|step| &step.evidence);
    let all = seen.clone().all(|seen| seen.text.is_some());
    let hint = match (options.whole_texts, all, seen.any(|seen| seen.text.is_some())) {
        (true, ..) => "",
        (false, true, _) => " What is private in messages is left out; <code>--show-text</code> shows it.",
        (false, false, true) => {
            " What is private in messages is left out, and those of later ladders are: <code>--user</code> makes room for \
             those of one user, <code>--show-text</code> shows everything."
        }
        (false, false, false) => " Messages are shown with <code>--show-text</code>.",
    };
    write!(
        out,
        "</main>\n<footer>Written by {} {}. Times are UTC.{hint} <code>lyncpush explain CODE</code> tells what a code \
         means; <code>--format json</code> has the same for scripts.</footer>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        Text(&report.tool.name),
        Text(&report.tool.version)
    )
}

#[cfg(test)]
mod tests;
