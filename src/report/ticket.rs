//! A ticket: one fault as one JSON object, for `--post` and its templates.
//!
//! A ticket is about a finding that is no symptom of another; the symptoms come with it. Its fields at the top are
//! what ticket systems ask for, always there and `null` where they are not known; `finding`, `symptoms` and `ladder`
//! are those of the report. Its title is the same whenever the same fault is met, so it names no user and no time.

use std::borrow::Cow;

use serde::Serialize;

use super::model::{Finding, Input, Ladder, Severity, Tool, Trigger};
use super::text::sanitize;
use super::words::certificates;
use crate::frame;

/// The version of this document.
const SCHEMA: &str = "lyncpush.ticket/1";

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ticket<'a> {
    schema: &'static str,
    tool: Tool,
    /// Fingerprint and ladder: the same whenever the same capture is analysed.
    key: String,
    /// The same for every ticket about the same fault.
    fingerprint: &'a str,
    severity: Severity,
    code: &'a str,
    cause: Option<&'a str>,
    /// One line, without users and times.
    title: String,
    /// Several lines that say everything a person needs.
    description: String,
    /// Who reports the failure.
    host: Option<&'a str>,
    step: Option<u8>,
    caller: Option<&'a str>,
    callee: Option<&'a str>,
    phone: Option<&'a str>,
    started_at: Option<&'a str>,
    captures: &'a [String],
    finding: &'a Finding,
    symptoms: Vec<&'a Finding>,
    ladder: Option<&'a Ladder>,
}

impl<'a> Ticket<'a> {
    /// The tickets of one ladder, from the severity `lowest` on.
    pub fn of_ladder(
        ladder: &'a Ladder,
        findings: &'a [Finding],
        captures: &'a [String],
        lowest: Severity,
    ) -> Vec<Self> {
        let make = |finding: &'a Finding| {
            let is_its =
                |other: &&Finding| other.symptom_of.as_deref() == Some(&finding.code) && other.cause == finding.cause;
            Self {
                caller: ladder.caller.as_deref(),
                callee: ladder.callee.as_deref(),
                phone: ladder.mobile.as_ref().and_then(|mobile| mobile.device.as_deref().or(mobile.client.as_deref())),
                started_at: Some(&ladder.started_at),
                symptoms: findings.iter().filter(is_its).collect(),
                ladder: Some(ladder),
                ..Self::new(finding, &ladder.id, captures)
            }
        };
        primary(findings, lowest).map(make).map(Self::described).collect()
    }

    /// The tickets about captures as a whole; `findings` that name a ladder are left out.
    pub fn of_captures(
        inputs: &'a [Input],
        findings: &'a [Finding],
        captures: &'a [String],
        lowest: Severity,
    ) -> Vec<Self> {
        let first = inputs.iter().find_map(|input| input.first_frame_at.as_deref());
        let frames: u64 = inputs.iter().map(|input| input.frames).sum();
        let digits: String = first.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
        let make = |finding: &'a Finding| Self {
            started_at: first,
            ..Self::new(finding, &format!("{digits}-{frames}"), captures)
        };
        let wide = primary(findings, lowest).filter(|finding| finding.ladder.is_none());
        wide.map(make).map(Self::described).collect()
    }

    fn new(finding: &'a Finding, of: &str, captures: &'a [String]) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::this(),
            key: format!("{}-{of}", finding.fingerprint),
            fingerprint: &finding.fingerprint,
            severity: finding.severity,
            code: &finding.code,
            cause: finding.cause.as_deref(),
            title: String::new(),
            description: String::new(),
            host: finding.diagnostics.as_ref().and_then(|diagnostics| diagnostics.reported_by.as_deref()),
            step: finding.step,
            caller: None,
            callee: None,
            phone: None,
            started_at: None,
            captures,
            finding,
            symptoms: Vec::new(),
            ladder: None,
        }
    }

    /// Fingerprint and ladder: what tells a document that came twice.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What tells one fault from another.
    pub fn fingerprint(&self) -> &str {
        self.fingerprint
    }

    /// The object, for a template.
    ///
    /// # Errors
    /// None in practice: everything in it is JSON.
    pub fn value(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(self)
    }

    fn described(mut self) -> Self {
        self.title = self.title();
        self.description = self.description();
        self
    }

    fn title(&self) -> String {
        let diagnosis = self.diagnosis();
        let what = diagnosis.map_or(self.finding.title.as_str(), |diagnosis| diagnosis.title.as_str());
        let codes = self.finding.diagnostics.as_ref().map(|diagnostics| diagnostics.codes()).unwrap_or_default();
        let said: Vec<Cow<'_, str>> =
            [codes.as_str(), self.host.unwrap_or_default()].into_iter().filter(|s| !s.is_empty()).map(line).collect();
        let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
        format!("{}{said}", line(what))
    }

    /// The diagnosis, if it is this finding's.
    fn diagnosis(&self) -> Option<&'a super::model::Diagnosis> {
        let diagnosis = self.ladder?.diagnosis.as_ref()?;
        (self.cause == Some(&diagnosis.cause)).then_some(diagnosis)
    }

    fn description(&self) -> String {
        let mut lines = vec![format!("{} {}: {}", self.severity.name(), self.code, line(&self.finding.title))];
        lines.push(line(&self.finding.detail).into_owned());
        if let Some(ladder) = self.ladder {
            let or = |text: Option<&str>| line(text.unwrap_or("unknown")).into_owned();
            let what = match ladder.trigger {
                Trigger::Invite => "Call",
                Trigger::Message => "Message",
                Trigger::PushOnly => "Push",
                Trigger::Test => "Test push",
            };
            lines.push(format!("{what} from {} to {}, phone {}", or(self.caller), or(self.callee), or(self.phone)));
        }
        if let Some(at) = self.started_at {
            lines.push(format!("Began {at}; captures: {}", line(&self.captures.join(", "))));
        }
        for finding in std::iter::once(&self.finding).chain(&self.symptoms) {
            let several = self.captures.len() > 1;
            let frames = finding.evidence.iter().map(|cited| frame::name(several, cited.input, cited.frame));
            let frames: Vec<String> = frames.collect();
            let step = finding.step.map_or_else(String::new, |step| format!(", step {step}"));
            if !frames.is_empty() {
                let title = line(&finding.title);
                lines.push(format!("Seen as {}{step}, frames {}: {title}", finding.code, frames.join(", ")));
            }
        }
        if let (Some(ladder), Some(tls)) = (self.ladder, &self.finding.tls) {
            lines.extend(certificates(tls, &ladder.started_at).iter().map(|words| format!("TLS: {}", line(words))));
        }
        if let Some(diagnosis) = self.diagnosis() {
            let sure = diagnosis.certainty.name();
            lines.push(format!("Cause ({sure}): {}. {}", line(&diagnosis.title), line(&diagnosis.evidence)));
        }
        // The remedy is several lines by itself.
        lines.extend(self.finding.remedy.iter().flat_map(|remedy| remedy.lines()).map(|one| line(one).into_owned()));
        lines.push(format!("More: lyncpush explain {}", self.cause.unwrap_or(self.code)));
        lines.push(format!("Fingerprint {}", self.fingerprint));
        lines.join("\n")
    }
}

/// Findings that a ticket is opened for.
fn primary(findings: &[Finding], lowest: Severity) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(move |finding| finding.severity >= lowest && finding.symptom_of.is_none())
}

/// A text as one line that does nothing to who reads it.
fn line(text: &str) -> Cow<'_, str> {
    sanitize(text, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn captures() -> Vec<String> {
        vec!["trace.pcap".to_owned()]
    }

    #[test]
    fn a_ticket_is_opened_for_what_is_no_symptom_and_bad_enough() {
        let report = sample::broken();
        let captures = captures();
        let of = |lowest| Ticket::of_ladder(&report.ladders[0], &report.findings, &captures, lowest);
        let tickets = of(Severity::Error);
        let errors = report.findings.iter().filter(|f| f.severity == Severity::Error && f.symptom_of.is_none());
        assert_eq!(tickets.len(), errors.count());
        let ticket = tickets.first().unwrap();
        assert_eq!(ticket.key(), format!("{}-{}", ticket.fingerprint(), report.ladders[0].id));
        assert!(of(Severity::Note).len() >= tickets.len());
        let value = ticket.value().unwrap();
        assert_eq!(value["schema"], SCHEMA);
        assert_eq!(value["callee"], "sip:bob@example.com");
        assert_eq!(value["ladder"]["verdict"], "broken");
        for name in ["alice", "bob", "2011"] {
            assert!(!ticket.title.contains(name), "{}", ticket.title);
        }
        assert!(ticket.description.contains("alice") && ticket.description.contains("frames "));
    }

    #[test]
    fn a_frame_of_several_captures_is_named_with_its_file() {
        let report = sample::broken();
        let of = |captures: &[&str]| {
            let captures: Vec<String> = captures.iter().map(|path| (*path).to_owned()).collect();
            let tickets = Ticket::of_ladder(&report.ladders[0], &report.findings, &captures, Severity::Error);
            tickets[0].description.lines().find(|line| line.starts_with("Seen as")).unwrap().to_owned()
        };
        assert!(of(&["a.pcap"]).contains(", frames 21:"), "{}", of(&["a.pcap"]));
        let several = of(&["a.pcap", "b.pcap"]);
        assert!(several.contains(", frames 1:21:"), "{several}");
    }

    #[test]
    fn captures_as_a_whole_have_tickets_too() {
        let report = sample::unreadable();
        let captures = captures();
        let tickets = Ticket::of_captures(&report.inputs, &report.findings, &captures, Severity::Error);
        assert_eq!(tickets.len(), 1);
        let value = tickets[0].value().unwrap();
        assert!(value["ladder"].is_null() && value["caller"].is_null());
        assert!(tickets[0].key().ends_with("-42"), "{}", tickets[0].key());
    }

    #[test]
    fn what_the_wire_says_does_nothing_to_a_reader() {
        let mut report = sample::hostile();
        report.findings.iter_mut().for_each(|finding| finding.severity = Severity::Error);
        for ladder in &report.ladders {
            for ticket in Ticket::of_ladder(ladder, &report.findings, &captures(), Severity::Error) {
                let text = format!("{}\n{}", ticket.title, ticket.description);
                assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
            }
        }
    }
}
