//! `--format mermaid`: Markdown with a sequence diagram for each ladder.
//!
//! GitHub, GitLab, Azure DevOps and others draw such blocks. Words from the wire go through [`escape`].

use std::fmt::Write as _;
use std::io::{self, Write};

use super::diagram::{self, Line, Mark, Role};
use super::format::Options;
use super::model::{Diagnosis, Finding, Ladder, Report};
use super::words::{
    Advice, address, advice, cause_of, certificates, findings, frame_name, frames_of, outcome, ruled_out, seen_as,
    summary, why_none,
};
use super::{text, words};

/// Columns of one piece of foreign text before it is cut.
const COLUMNS: usize = 100;
/// Characters of a sentence before it is cut: what a handshake shows is long.
const SENTENCE: usize = 2_000;

/// Columns of a message over its arrow before it is cut.
const MESSAGE: usize = 44;

/// Writes a heading and a diagram for each ladder of `report`.
///
/// Fails when `out` does.
pub fn write(report: &Report, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    if report.ladders.is_empty() {
        writeln!(out, "No push ladder: {}.", text::sanitize(&why_none(report, options), false))?;
    } else {
        writeln!(out, "{}", summary(&report.summary))?;
    }
    for (at, ladder) in report.ladders.iter().enumerate() {
        out.write_all(block(report, at, ladder, options.verbose).as_bytes())?;
    }
    out.write_all(wide(report).as_bytes())
}

/// Findings about the whole capture, and what was not read: words alone, since nothing of them can be drawn.
fn wide(report: &Report) -> String {
    let mut block = String::new();
    let mut heading = "\n### About the whole capture\n";
    for finding in report.findings.iter().filter(|finding| finding.ladder.is_none()) {
        block.push_str(std::mem::take(&mut heading));
        wide_finding(&mut block, report, finding);
    }
    let closed = words::closed(&report.coverage);
    if !closed.is_empty() {
        block.push_str("\n### Coverage: what was not read\n");
    }
    for one in closed {
        block.push_str(&format!("\n{}\n\n", markdown(&one.why())));
        for words in one.brief() {
            block.push_str(&format!("- {}\n", markdown(&words)));
        }
        block.push_str(&format!("\nMore: lyncpush explain {}\n", one.reason.name()));
    }
    block
}

/// One finding about the whole capture: what, its cause, what to do, where.
fn wide_finding(block: &mut String, report: &Report, finding: &Finding) {
    let mut paragraph = |words: &str| block.push_str(&format!("\n{words}\n"));
    let head = format!("{} {}: {}.", finding.severity.name(), finding.code, finding.title);
    paragraph(&format!("**{}** {}", markdown(&head), markdown(&finding.detail)));
    if let Some(code) = &finding.symptom_of {
        paragraph(&markdown(&format!("A symptom of {code}: its cause stands with its ladder.")));
    }
    if let Some(cause) = cause_of(finding) {
        paragraph(&markdown(&format!("Cause: {}.", cause.title)));
    }
    let lines: Vec<Advice<'_>> = finding.remedy.iter().flat_map(|remedy| advice(remedy)).collect();
    for group in lines.chunk_by(|one, next| matches!((one, next), (Advice::Command(_), Advice::Command(_)))) {
        let words = group.iter().map(|line| match line {
            Advice::Words(words) => markdown(words),
            Advice::Command(command) => code(command),
        });
        paragraph(&words.collect::<Vec<_>>().join("\n"));
    }
    if let Some(frames) = frames_of(report, finding) {
        paragraph(&format!("In {frames}."));
    }
    if let Some(cause) = cause_of(finding) {
        paragraph(&markdown(&format!("More: lyncpush explain {}", cause.name)));
    }
}

/// A command as a line of a block of code.
fn code(command: &str) -> String {
    format!("    {}", text::sanitize(command, false))
}

/// The letter a role goes by inside a diagram.
const fn letter(role: Role) -> char {
    match role {
        Role::Caller => 'C',
        Role::FrontEnd => 'F',
        Role::Mobility => 'M',
        Role::Edge => 'E',
        Role::ClearingHouse => 'H',
        Role::Cloud => 'A',
    }
}

/// One ladder. Words outside the diagram are the program's own.
fn block(report: &Report, at: usize, ladder: &Ladder, verbose: bool) -> String {
    let mut block = format!("\n### Ladder {}: {}\n\n```mermaid\nsequenceDiagram\n", at + 1, outcome(ladder));
    for role in Role::ALL {
        line(&mut block, &format!("participant {} as {}", letter(role), role.name()));
    }
    note(&mut block, Role::Caller, Role::Cloud, &title(ladder));
    let lines = diagram::lines(ladder);
    let mut rest = lines.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let run = diagram::run(rest);
        if run.is_empty() {
            message(&mut block, report, first);
            rest = after;
        } else {
            let (from, to) = diagram::span(run);
            note(&mut block, from, to, &diagram::blank(run));
            rest = rest.get(run.len()..).unwrap_or_default();
        }
    }
    if let Some(diagnosis) = &ladder.diagnosis {
        note(&mut block, Role::Caller, Role::Cloud, &cause(diagnosis));
    }
    block.push_str("```\n");
    if let Some(diagnosis) = &ladder.diagnosis {
        remedy(&mut block, report, ladder, diagnosis, verbose);
    }
    for finding in findings(report, ladder).filter(|finding| finding.cause.is_none()) {
        let severity = finding.severity.name();
        let words = format!("{severity} {}: {}. {}", finding.code, finding.title, finding.detail);
        block.push_str(&format!("\n{}\n", markdown(&words)));
    }
    block
}

/// The cause and what to do, under the diagram.
fn remedy(block: &mut String, report: &Report, ladder: &Ladder, diagnosis: &Diagnosis, verbose: bool) {
    let remedy = &diagnosis.remedy;
    let mut paragraph = |words: &str| {
        block.push('\n');
        block.push_str(words);
        block.push('\n');
    };
    paragraph(&format!("**{}.** {}", markdown(&cause(diagnosis)), markdown(&diagnosis.evidence)));
    paragraph(&markdown(&format!("{}.", seen_as(report, ladder, diagnosis))));
    let shown = findings(report, ladder).filter_map(|finding| finding.tls.as_ref());
    for words in shown.flat_map(|tls| certificates(tls, &ladder.started_at)) {
        paragraph(&format!("TLS: {}.", markdown(&words)));
    }
    paragraph(&markdown(&remedy.advice));
    for (label, commands) in [("Check", &remedy.check), ("Change", &remedy.change)] {
        for group in commands.chunk_by(|one, next| one.place == next.place) {
            let Some(first) = group.first() else { continue };
            paragraph(&format!("{label}, {}:", markdown(&first.place)));
            let lines: Vec<String> = group.iter().map(|one| code(&one.command)).collect();
            paragraph(&lines.join("\n"));
        }
    }
    if let Some(next) = &remedy.capture_next {
        paragraph(&format!("Capture next {}", markdown(next)));
    }
    for words in ruled_out(&diagnosis.ruled_out).iter().filter(|_| verbose) {
        paragraph(&format!("Not {}.", markdown(words)));
    }
    paragraph(&format!("More: lyncpush explain {}", markdown(&diagnosis.cause)));
}

/// Text as Markdown takes it: nothing in it is markup. Source: CommonMark §2.4.
fn markdown(foreign: &str) -> String {
    let clipped: String = foreign.chars().take(SENTENCE).collect();
    let mut escaped = String::with_capacity(clipped.len() + 16);
    for c in text::sanitize(&clipped, false).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '!' | '&' | '~' | '@') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// `alice@example.com to bob@example.com, 2011-12-07T16:00:00.120000Z`.
fn title(ladder: &Ladder) -> String {
    let who = |name: &Option<String>| name.as_deref().map_or("unknown", address).to_owned();
    let calls = match &ladder.caller {
        Some(_) => format!("{} to {}", who(&ladder.caller), who(&ladder.callee)),
        None => format!("push for {}", who(&ladder.callee)),
    };
    format!("{calls}, {}", ladder.started_at)
}

fn cause(diagnosis: &Diagnosis) -> String {
    format!("Cause ({}): {}", diagnosis.certainty.name(), diagnosis.title)
}

/// One message as an arrow: solid for a request, dashed for a response, crossed for a refusal.
fn message(block: &mut String, report: &Report, drawn: &Line<'_>) {
    match drawn.mark {
        Mark::Arrow { seen, from, to, refuses } => {
            let arrow = match (refuses, diagram::status(&seen.summary)) {
                (true, _) => "--x",
                (false, Some(_)) => "-->>",
                (false, None) => "->>",
            };
            let frame = frame_name(report, seen.input, seen.frame);
            // A long line would draw the lanes far apart.
            let said = text::clip(&text::sanitize(&seen.summary, false), MESSAGE, "…").into_owned();
            let words = escape(&format!("{} ({frame}) {said}", drawn.step.number));
            line(block, &format!("{}{arrow}{}: {words}", letter(from), letter(to)));
        }
        Mark::Aside(seen) => {
            let frame = frame_name(report, seen.input, seen.frame);
            let words = format!("{} ({frame}) {}, on another hop", drawn.step.number, seen.summary);
            note(block, Role::FrontEnd, Role::FrontEnd, &words);
        }
        Mark::More(count) => {
            let words = format!("{} and {}", drawn.step.number, text::counted(count as u64, "more", "more"));
            note(block, Role::Caller, Role::Cloud, &words);
        }
        Mark::Blank { .. } => {}
    }
}

fn note(block: &mut String, from: Role, to: Role, words: &str) {
    let (from, to) = (from.min(to), from.max(to));
    let over = if from == to { letter(from).to_string() } else { format!("{},{}", letter(from), letter(to)) };
    line(block, &format!("Note over {over}: {}", escape(words)));
}

/// A statement; writing to a String cannot fail.
fn line(block: &mut String, words: &str) {
    let _ = writeln!(block, "    {words}");
}

/// Text as Mermaid and Markdown take it: nothing in it begins a statement, a comment, a directive or markup.
///
/// Every character with a meaning to either becomes `#` and its number and `;`, as Mermaid has it; the word `end`
/// loses its first letter to that too. Source: mermaid.js.org, "Entity codes to escape characters".
pub fn escape(foreign: &str) -> String {
    let clipped: String = foreign.chars().take(COLUMNS * 4).collect();
    let clipped = text::sanitize(&clipped, false);
    let clipped = text::clip(&clipped, COLUMNS, "…");
    let mut escaped = String::with_capacity(clipped.len() + 16);
    for (at, word) in clipped.split(' ').enumerate() {
        if at > 0 {
            escaped.push(' ');
        }
        let reserved = word.eq_ignore_ascii_case("end");
        let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let mut before = None;
        let mut rest = word.chars();
        while let Some(c) = rest.next() {
            let plain = c.is_alphanumeric() || matches!(c, '.' | ',' | '@' | '/' | '=' | '(' | ')' | '…');
            // Between two letters it is a hyphen, elsewhere it may draw an arrow or a list.
            let hyphen = c == '-' && letter(before) && letter(rest.clone().next());
            let first = before.is_none();
            before = Some(c);
            if (plain && !(reserved && first)) || hyphen {
                escaped.push(c);
            } else {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn written(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &Options::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_in_a_name_means_anything_to_mermaid() {
        for (name, expected) in [
            ("Bob", "Bob"),
            ("a;b", "a#59;b"),
            ("#35;", "#35;35#59;"),
            ("end", "#101;nd"),
            ("the END of it", "the #69;ND of it"),
            ("weekend", "weekend"),
            ("%%{init: {}}%%", "#37;#37;#123;init#58; #123;#125;#125;#37;#37;"),
            ("A->>B: x", "A#45;#62;#62;B#58; x"),
            ("push-federated", "push-federated"),
            ("--x", "#45;#45;x"),
            ("<script>", "#60;script#62;"),
            ("```", "#96;#96;#96;"),
            ("one\r\ntwo", "one#92;r#92;ntwo"),
            ("x ---", "x #45;#45;#45;"),
            ("\u{202e}\u{2028}", "#92;u#123;202e#125;#92;u#123;2028#125;"),
            ("山田 [x](y)", "山田 #91;x#93;(y)"),
        ] {
            assert_eq!(escape(name), expected, "{name:?}");
        }
    }

    #[test]
    fn nothing_in_a_name_means_anything_to_markdown() {
        for (name, expected) in [
            ("edge01.example.com", "edge01.example.com"),
            ("<img src=x> [a](b) *c* `d`", "\\<img src=x\\> \\[a\\](b) \\*c\\* \\`d\\`"),
            ("@all # x\n", "\\@all \\# x\\\\n"),
        ] {
            assert_eq!(markdown(name), expected, "{name:?}");
        }
    }

    #[test]
    fn one_block_for_each_ladder() {
        let text = written(&sample::mixed());
        assert_eq!(text.matches("```mermaid\nsequenceDiagram\n").count(), 5);
        assert_eq!(text.matches("```\n").count(), 5);
        for needle in [
            "### Ladder 2: broken at step 5 push-federated\n",
            "    C->>F: 1 (1#58;4) INVITE sip#58;bob@example.com\n",
            "    E--xF: 5 (1#58;21) 504 Server time-out, ms-diagnostics 1009\n",
            "    Note over F,A: 6 to 8#58; not reached\n",
            "    Note over H,A: 6 to 7#58; not observable here\n",
            "Note over C,A: Cause (likely)#58;",
            "\n**Cause (likely): The push's domain",
            "\n    New-CsAllowedDomain -Identity 'push.lync.com'\n",
        ] {
            assert!(text.contains(needle), "{needle:?} in\n{text}");
        }
    }

    #[test]
    fn a_hostile_ladder_has_as_many_lines_as_a_kind_one() {
        let drawn = |report: &Report| -> Vec<String> {
            let text = written(report);
            let blocks = text.split("```mermaid\n").skip(1).filter_map(|block| block.split("```").next());
            blocks.flat_map(str::lines).map(str::to_owned).collect()
        };
        let (kind, hostile) = (drawn(&sample::mixed()), drawn(&sample::hostile()));
        assert_eq!(kind.len(), hostile.len());
        for line in hostile {
            let (_, words) = line.split_once(": ").unwrap_or((&line, ""));
            assert!(!words.contains(['<', '>', '{', '}', '`', '%', '\u{202e}']), "{line}");
        }
    }

    #[test]
    fn without_a_ladder_it_says_why() {
        assert_eq!(written(&sample::empty()), "No push ladder: the capture has no frames.\n");
    }
}
