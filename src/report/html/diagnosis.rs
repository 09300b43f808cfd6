//! Causes and what to do: each fault of the capture once, and the cause of one ladder.

use std::collections::HashMap;
use std::io::{self, Write};

use super::markup::{Lines, Short, Text};
use crate::report::model::{Command, Diagnosis, Finding, Ladder, Report, Severity, Verdict};
use crate::report::text;
use crate::report::words::{Advice, advice, cause_of, certificates, findings, frames_of, ruled_out};

/// Ladders of a report from which only the first of each fault repeats the commands: the page would grow by what
/// it says already.
const MANY: usize = 300;

/// Columns of the longest detail: what a handshake shows is long.
const DETAIL: usize = 2_000;

/// Faults of a report up to which their remedies are open from the beginning.
const OPEN: usize = 2;

/// One fault: ladders with the same cause and fingerprint.
#[derive(Debug)]
struct Fault<'a> {
    diagnosis: &'a Diagnosis,
    /// Index of the first ladder that has it.
    first: usize,
    ladders: u64,
    /// Places in the order of the page: broken ones first.
    worst: usize,
}

/// Every fault of a report, the worst and the most frequent first.
#[derive(Debug)]
pub struct Faults<'a> {
    faults: Vec<Fault<'a>>,
    places: HashMap<(&'a str, &'a str), usize>,
}

impl<'a> Faults<'a> {
    /// The faults of `report`.
    pub fn of(report: &'a Report) -> Self {
        let mut faults: Vec<Fault<'a>> = Vec::new();
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        for (at, ladder) in report.ladders.iter().enumerate() {
            let Some(diagnosis) = &ladder.diagnosis else { continue };
            let place = *places.entry(key(diagnosis)).or_insert(faults.len());
            match faults.get_mut(place) {
                Some(fault) => {
                    fault.ladders += 1;
                    fault.worst = fault.worst.min(weight(ladder.verdict));
                }
                None => faults.push(Fault { diagnosis, first: at, ladders: 1, worst: weight(ladder.verdict) }),
            }
        }
        faults.sort_by_key(|fault| (fault.worst, u64::MAX - fault.ladders, fault.first));
        let places = faults.iter().enumerate().map(|(at, fault)| (key(fault.diagnosis), at)).collect();
        Self { faults, places }
    }

    /// The number of a diagnosis's fault, from 1.
    pub fn number(&self, diagnosis: &Diagnosis) -> Option<usize> {
        self.places.get(&key(diagnosis)).map(|at| at + 1)
    }

    /// Whether the ladder at `at` shows the commands itself.
    fn repeats(&self, report: &Report, diagnosis: &Diagnosis, at: usize) -> bool {
        let fault = self.places.get(&key(diagnosis)).and_then(|place| self.faults.get(*place));
        report.ladders.len() <= MANY || fault.is_none_or(|fault| fault.first == at)
    }

    /// Writes the section of causes.
    pub fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        if self.faults.is_empty() || report.ladders.len() == 1 {
            return Ok(());
        }
        out.write_all(
            b"<section aria-labelledby=h-causes>\n<h2 id=h-causes>Causes, and what to do</h2>\n<ol class=faults>\n",
        )?;
        for (at, fault) in self.faults.iter().enumerate() {
            let number = at + 1;
            let one = fault.diagnosis;
            let class = ["broken", "degraded"].get(fault.worst).unwrap_or(&"quiet");
            let ladders = text::counted(fault.ladders, "ladder", "ladders");
            write!(
                out,
                "<li id=f{number} class={class}><h3>{} <span class=sure>{}</span></h3>\n<p><b>{ladders}</b>, the first is \
                 <a href=\"#l{first}\">ladder {first}</a>. {}</p>\n<details{}><summary>What to do</summary>\n",
                Text(&one.title),
                one.certainty.name(),
                Short(&one.evidence, DETAIL),
                if self.faults.len() <= OPEN { " open" } else { "" },
                first = fault.first + 1,
            )?;
            remedy(one, out)?;
            out.write_all(b"</details></li>\n")?;
        }
        out.write_all(b"</ol>\n</section>\n")
    }

    /// Writes the choice of causes to filter by.
    pub fn choices(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.faults.len() < 2 {
            return Ok(());
        }
        out.write_all(b"<label>Cause <select id=cause><option value=\"\">any</option>")?;
        for (at, fault) in self.faults.iter().enumerate() {
            let (title, ladders) = (Short(&fault.diagnosis.title, 60), text::count(fault.ladders));
            write!(out, "<option value={}>{}. {title} ({ladders})</option>", at + 1, at + 1)?;
        }
        out.write_all(b"</select></label>\n")
    }

    /// Writes the cause of the ladder at `at`, what it explains and what is ruled out, and the other findings.
    pub fn of_ladder(&self, report: &Report, ladder: &Ladder, at: usize, out: &mut dyn Write) -> io::Result<()> {
        let cause = ladder.diagnosis.as_ref().map(|diagnosis| diagnosis.cause.as_str());
        if let Some(one) = &ladder.diagnosis {
            write!(
                out,
                "<section class=\"cause {}\"><h3>{} <span class=sure>{}</span></h3><p>{}</p>",
                ladder.verdict.name(),
                Text(&one.title),
                one.certainty.name(),
                Short(&one.evidence, DETAIL)
            )?;
            let explained = findings(report, ladder).filter(|finding| finding.cause.as_deref() == cause);
            out.write_all(b"<ul class=seen>")?;
            for found in explained {
                write!(out, "<li>{}", head(found))?;
                if let Some(frames) = frames_of(report, found) {
                    write!(out, " <span class=note>{frames}</span>")?;
                }
                for words in found.tls.iter().flat_map(|tls| certificates(tls, &ladder.started_at)) {
                    write!(out, "<li class=note>TLS: {}", Text(&words))?;
                }
            }
            out.write_all(b"</ul>")?;
            if self.repeats(report, one, at) {
                remedy(one, out)?;
            } else if let Some(number) = self.number(one) {
                let advice = Text(&one.remedy.advice);
                write!(out, "<p>{advice} <a href=\"#f{number}\">The commands are with cause {number}.</a></p>")?;
            }
            not(one, out)?;
            out.write_all(b"</section>")?;
        }
        for found in findings(report, ladder).filter(|finding| finding.cause.as_deref() != cause || cause.is_none()) {
            finding(report, found, out)?;
        }
        Ok(())
    }
}

/// What makes two diagnoses one fault.
fn key(diagnosis: &Diagnosis) -> (&str, &str) {
    (&diagnosis.cause, &diagnosis.fingerprint)
}

/// How far up a fault of such a ladder stands.
const fn weight(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Broken => 0,
        Verdict::Degraded | Verdict::Inconclusive => 1,
        Verdict::Complete | Verdict::NoPushExpected => 2,
    }
}

/// `error LP105, step 5: The push was refused inside`.
fn head(finding: &Finding) -> String {
    let step = finding.step.map_or_else(String::new, |step| format!(", step {step}"));
    let severity = finding.severity.name();
    format!("<b class={severity}>{severity} {}</b>{step}: {}", Text(&finding.code), Text(&finding.title))
}

/// A finding that no cause explains.
pub fn finding(report: &Report, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    let class = match finding.severity {
        Severity::Error => "broken",
        Severity::Warning => "degraded",
        Severity::Note => "quiet",
    };
    write!(out, "<section class=\"cause {class}\"><p>{}</p><p>{}</p>", head(finding), Short(&finding.detail, DETAIL))?;
    if let Some(code) = finding.symptom_of.as_ref().filter(|_| finding.ladder.is_none()) {
        write!(out, "<p class=note>A symptom of {}: its cause stands with its ladder.</p>", Text(code))?;
    }
    if let Some((said, who)) = finding.diagnostics.as_ref().and_then(|said| Some((said, said.reported_by.as_deref()?)))
    {
        write!(out, "<p class=note>Reported by {}: {}</p>", Text(who), Text(&said.codes()))?;
    }
    if let Some(cause) = cause_of(finding) {
        write!(out, "<p><b>Cause</b> {}</p>", Text(cause.title))?;
    }
    if let Some(remedy) = &finding.remedy {
        advised(remedy, out)?;
    }
    if let Some(cause) = cause_of(finding) {
        write!(out, "<p class=note>More: <code>lyncpush explain {}</code></p>", Text(cause.name))?;
    }
    if let Some(frames) = frames_of(report, finding) {
        write!(out, "<p class=note>{frames}</p>")?;
    }
    out.write_all(b"</section>\n")
}

/// What a finding says to do, the commands of one place together.
fn advised(remedy: &str, out: &mut dyn Write) -> io::Result<()> {
    let lines: Vec<Advice<'_>> = advice(remedy).collect();
    // A line that names the place of commands goes with them.
    for group in lines.chunk_by(|_, next| matches!(next, Advice::Command(_))) {
        let (head, commands) = match group {
            [Advice::Words(words), commands @ ..] => (*words, commands),
            commands => ("", commands),
        };
        if commands.is_empty() {
            write!(out, "<p>{}</p>", Short(head, DETAIL))?;
            continue;
        }
        let (label, place) = head.trim_end_matches(':').split_once(", ").unwrap_or((head, ""));
        write!(out, "<div class=cmd><p><b>{}</b> <span class=note>{}</span></p><pre>", Text(label), Text(place))?;
        for (at, line) in commands.iter().enumerate() {
            let between = if at > 0 { "\n" } else { "" };
            let (Advice::Words(line) | Advice::Command(line)) = line;
            write!(out, "{between}{}", Lines(line))?;
        }
        out.write_all(b"</pre></div>")?;
    }
    Ok(())
}

/// What to do: advice, commands, where to capture next.
fn remedy(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let remedy = &diagnosis.remedy;
    write!(out, "<p>{}</p>", Text(&remedy.advice))?;
    commands(out, "Check", &remedy.check)?;
    commands(out, "Change", &remedy.change)?;
    if let Some(next) = &remedy.capture_next {
        write!(out, "<p><b>Capture next</b> {}</p>", Text(next))?;
    }
    write!(out, "<p class=note>More: <code>lyncpush explain {}</code></p>", Text(&diagnosis.cause))
}

/// Commands, those of one place together.
fn commands(out: &mut dyn Write, label: &str, commands: &[Command]) -> io::Result<()> {
    for group in commands.chunk_by(|one, next| one.place == next.place) {
        let Some(first) = group.first() else { continue };
        write!(out, "<div class=cmd><p><b>{label}</b> <span class=note>{}</span></p><pre>", Text(&first.place))?;
        for (at, command) in group.iter().enumerate() {
            let between = if at > 0 { "\n" } else { "" };
            write!(out, "{between}{}", Lines(&command.command))?;
        }
        out.write_all(b"</pre></div>")?;
    }
    Ok(())
}

/// Causes that it was not.
fn not(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    if diagnosis.ruled_out.is_empty() {
        return Ok(());
    }
    let count = text::counted(diagnosis.ruled_out.len() as u64, "cause is", "causes are");
    write!(out, "<details class=not><summary>{count} ruled out</summary><ul>")?;
    for words in ruled_out(&diagnosis.ruled_out) {
        write!(out, "<li>{}", Text(&words))?;
    }
    out.write_all(b"</ul></details>")
}
