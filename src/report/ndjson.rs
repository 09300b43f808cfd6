//! `--format ndjson`: one ladder object a line, in the order they close, then one line with the rest.

use std::io::{self, Write};

use serde::Serialize;

use super::json::Escaping;
use super::model::{Coverage, Finding, Input, Ladder, Report, Summary};

/// The last line: everything that is not about one ladder.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tail<'a> {
    /// The captures analysed.
    pub inputs: &'a [Input],
    /// What they could show.
    pub coverage: &'a Coverage,
    /// Findings about the whole capture.
    pub findings: &'a [Finding],
    /// Counts over all ladders written.
    pub summary: &'a Summary,
}

/// Writes the lines; keeps nothing of a ladder once it is written.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer of lines to `out`.
    pub const fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    /// Writes one ladder with its findings as objects in place of the indexes.
    ///
    /// Fails when `out` does.
    pub fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, ladder)?;
        // The model keeps `findings` as its last field: what follows its name is replaced.
        let indexes = serde_json::to_vec(&ladder.findings)?;
        self.line.truncate(self.line.len().saturating_sub(indexes.len() + 1));
        debug_assert!(self.line.ends_with(b"\"findings\":"));
        serde_json::to_writer(&mut self.line, findings)?;
        self.line.extend_from_slice(b"}\n");
        self.write_line()
    }

    /// Writes the last line; nothing comes after it.
    ///
    /// Fails when the output does.
    pub fn end(&mut self, tail: &Tail<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, tail)?;
        self.line.push(b'\n');
        self.write_line()?;
        self.out.flush()
    }

    /// Writes the line; escaped in one piece, since serializers write it in a great many, and only where it
    /// holds an octet that [`Escaping`] looks at: hardly any does.
    fn write_line(&mut self) -> io::Result<()> {
        if memchr::memchr2(0x7f, 0xc2, &self.line).is_some() {
            Escaping(&mut self.out).write_all(&self.line)
        } else {
            self.out.write_all(&self.line)
        }
    }

    /// Hands lines written so far on to who waits for them.
    ///
    /// Fails when the output does.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W> Writer<W> {
    /// Where the lines go.
    pub const fn output(&self) -> &W {
        &self.out
    }

    /// The same, to be changed between lines.
    pub const fn output_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Gives the output back.
    pub fn into_output(self) -> W {
        self.out
    }
}

impl<'a> Tail<'a> {
    /// The tail of `report`: its findings that name no ladder.
    ///
    /// `capture_wide` is the caller's place for them, since the report keeps all findings in one list.
    pub fn of(report: &'a Report, capture_wide: &'a [Finding]) -> Self {
        Self { inputs: &report.inputs, coverage: &report.coverage, findings: capture_wide, summary: &report.summary }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    fn lines(report: &Report) -> Vec<Value> {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        for ladder in &report.ladders {
            let findings: Vec<Finding> =
                ladder.findings.iter().filter_map(|&at| report.findings.get(at as usize).cloned()).collect();
            writer.ladder(ladder, &findings).unwrap();
        }
        let wide: Vec<Finding> = report.findings.iter().filter(|finding| finding.ladder.is_none()).cloned().collect();
        writer.end(&Tail::of(report, &wide)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_is_the_ladder_of_the_report_with_its_findings() {
        for report in sample::all() {
            let whole = serde_json::to_value(&report).unwrap();
            let lines = lines(&report);
            assert_eq!(lines.len(), report.ladders.len() + 1);
            for (line, expected) in lines.iter().zip(whole["ladders"].as_array().unwrap()) {
                let mut expected = expected.clone();
                let findings = expected["findings"].as_array().unwrap();
                expected["findings"] =
                    findings.iter().map(|at| whole["findings"][at.as_u64().unwrap() as usize].clone()).collect();
                assert_eq!(*line, expected);
            }
        }
    }

    #[test]
    fn control_characters_are_escaped_on_every_line() {
        let mut report = sample::broken();
        let name = "DEL \u{7f}, CSI \u{9b}2J, \u{a3}";
        report.ladders[0].callee_name = Some(name.to_owned());
        report.inputs[0].path = name.to_owned();
        for finding in &mut report.findings {
            finding.detail = name.to_owned();
        }
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.ladder(&report.ladders[0], &report.findings).unwrap();
        writer.end(&Tail::of(&report, &[])).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read[0]["callee_name"], name);
        assert_eq!(read[0]["findings"][0]["detail"], name);
        assert_eq!(read[1]["inputs"][0]["path"], name);
    }

    #[test]
    fn the_last_line_has_the_rest() {
        let report = sample::unreadable();
        let lines = lines(&report);
        let last = lines.last().unwrap();
        let names: Vec<&String> = last.as_object().unwrap().keys().collect();
        assert_eq!(names.len(), 4);
        assert_eq!(last["findings"].as_array().unwrap().len(), 1);
        assert_eq!(last["findings"][0]["ladder"], Value::Null);
        assert_eq!(last["summary"]["findings"]["error"], 1);
    }
}
