//! From judged ladders and counts to the report model: where internal values become text.

mod account;
mod dialed;
mod found;
mod refused;
mod samples;

pub use account::{Account, Unread};
pub use dialed::Dialed;
pub(super) use found::of_handshake;
pub(super) use refused::Cited;
pub(super) use refused::Subject;
pub use refused::{Refused, Waited};
use samples::Samples;

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::model::{
    Citation, Diagnostics, Drops, Ended, Evidence, Finding, Input, Join, Ladder, Latency, Mobile, Report, Rival, Step,
    Summary,
};
use super::time::{Printer, rfc3339};
use super::wide;
use crate::capture;
use crate::frame::FrameRef;
use crate::judge::Judgement;
use crate::judge::finding;
use crate::judge::status::StepJudged;
use crate::ladder::Ladder as Closed;
use crate::ladder::client::Phone;
use crate::ladder::coverage::Coverage;
use crate::ladder::profile::{Expectation, Profile, StepKey};
use crate::ladder::rung::Rung;
use crate::link;

/// Collects what a report says.
pub struct View {
    profile: Profile,
    user: Option<String>,
    several: bool,
    keep: bool,
    ladders: VecDeque<(FrameRef, Ladder, Vec<Finding>)>,
    /// The most ladders kept, and how many were let go because of it.
    most: usize,
    let_go: u64,
    /// Octets of messages in them, and the most there may be.
    text: usize,
    most_text: usize,
    summary: Summary,
    samples: [Samples; 10],
    times: Printer,
    cited: Cited,
}

impl View {
    /// A view of ladders judged by `profile`, of `user` alone if one is named. Their frames are those of `several`
    /// inputs, or of one. `keep` keeps them for the report.
    pub fn new(profile: &Profile, user: Option<&str>, several: bool, keep: bool) -> Self {
        Self {
            profile: profile.clone(),
            user: user.map(str::to_ascii_lowercase),
            several,
            keep,
            ladders: VecDeque::new(),
            most: usize::MAX,
            let_go: 0,
            text: 0,
            most_text: usize::MAX,
            summary: Summary::default(),
            samples: Default::default(),
            times: Printer::default(),
            cited: Cited::default(),
        }
    }

    /// Ladders counted so far.
    pub const fn ladders(&self) -> u64 {
        self.summary.ladders
    }

    /// One ladder as the report shows it, with its findings; `None` when it is another user's. `waited` is what its push
    /// waited for and what came to nothing.
    pub fn ladder(
        &mut self,
        closed: Closed,
        judgement: Judgement,
        waited: Option<&Waited>,
    ) -> Option<(Ladder, Vec<Finding>)> {
        if let Some(user) = &self.user
            && !closed.is_of(user)
        {
            return None;
        }
        let rungs = || judgement.steps.iter().flat_map(|step| &step.evidence).map(|rung| rung.at);
        let first = rungs().min_by_key(|at| at.time).unwrap_or(closed.first);
        let last = rungs().max_by_key(|at| at.time).unwrap_or(closed.last);
        let (diagnosis, findings, citing) = found::of_ladder(&closed, &judgement, &self.profile, waited, self.several);
        if let (Some(waited), Some(citing)) = (waited, citing.and_then(|at| findings.get(at))) {
            self.cited.note(waited, citing);
        }
        for found in &findings {
            self.summary.findings.count(found.severity);
        }
        self.summary.count_ladder(judgement.verdict);
        for (step, samples) in judgement.steps.iter().zip(&mut self.samples) {
            if let Some(since) = step.since_previous {
                samples.push(since);
            }
        }
        let text = |text: &Option<Box<str>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        let ladder = Ladder {
            id: closed.id.to_string(),
            profile: self.profile.name.clone(),
            trigger: closed.trigger,
            verdict: judgement.verdict,
            broken_at: judgement.broken_at,
            started_at: self.times.rfc3339(first.time),
            ended_at: self.times.rfc3339(last.time),
            duration_ms: millis(last.time.since(first.time)),
            caller: text(&closed.caller),
            callee: text(&closed.callee),
            callee_name: text(&closed.callee_name),
            call_id: text(&closed.call_id),
            push_call_ids: closed.pushes.iter().map(|push| push.call_id.to_string()).collect(),
            conversation_id: text(&closed.conversation_id),
            mobile: mobile(&closed.phones),
            join: closed.join.as_ref().map(|join| Join {
                confidence: hundredths(join.confidence),
                evidence: join.evidence.iter().map(|kind| (*kind).to_owned()).collect(),
                rivals: join
                    .rivals
                    .iter()
                    .map(|rival| Rival {
                        call_id: str::to_owned(&rival.call_id),
                        confidence: hundredths(rival.confidence),
                    })
                    .collect(),
            }),
            steps: judgement.steps.into_iter().map(|step| self.step(step)).collect(),
            diagnosis,
            findings: Vec::new(),
        };
        Some((ladder, findings))
    }

    /// Keeps at most so many ladders for the report, with at most so many octets of messages; the earliest are let go,
    /// counted all the same.
    pub fn keep_latest(&mut self, most: usize, texts: usize) {
        (self.most, self.most_text) = (most, texts);
    }

    /// Keeps a ladder for the report, when the report is to hold ladders.
    pub fn keep(&mut self, first: FrameRef, ladder: Ladder, findings: Vec<Finding>) {
        if self.keep {
            self.text += text_of(&ladder);
            self.ladders.push_back((first, ladder, findings));
            while self.ladders.len() > self.most || self.text > self.most_text {
                let Some((_, ladder, _)) = self.ladders.pop_front() else { break };
                self.text -= text_of(&ladder);
                self.let_go += 1;
            }
        }
    }

    fn step(&mut self, step: StepJudged) -> Step {
        Step {
            number: step.key.number(),
            key: step.key.name().to_owned(),
            title: self.profile.steps.get(step.key).title.clone(),
            status: step.status,
            at: step.at.map(|at| self.times.rfc3339(at)),
            since_previous_ms: step.since_previous.map(millis),
            detail: step.detail,
            evidence: step.evidence.into_iter().map(|rung| evidence(rung, &mut self.times)).collect(),
        }
    }

    /// The whole report.
    pub fn report<'a>(
        &mut self,
        inputs: impl Iterator<Item = (&'a capture::Summary, i64, bool)>,
        account: &Account,
        coverage: &Coverage,
    ) -> Report {
        let mut report = Report::empty();
        report.inputs = inputs.map(|(summary, offset, compared)| input(summary, offset, compared)).collect();
        report.coverage = account::coverage(account, coverage);
        let wide = wide::findings(&report.inputs, account, coverage, &self.profile, self.summary.ladders, &self.cited);
        let mut ladders = Vec::from(std::mem::take(&mut self.ladders));
        ladders.sort_by(|(a, a_ladder, _), (b, b_ladder, _)| (a.time, &a_ladder.id).cmp(&(b.time, &b_ladder.id)));
        for (_, mut ladder, findings) in ladders {
            let from = report.findings.len() as u64;
            ladder.findings = (from..from + findings.len() as u64).collect();
            report.findings.extend(findings);
            report.ladders.push(ladder);
        }
        let let_go = (self.let_go > 0).then(|| wide::let_go(self.let_go));
        let wide: Vec<Finding> = wide.into_iter().chain(let_go).chain(found::of_clocks(&report.inputs)).collect();
        for found in &wide {
            self.summary.findings.count(found.severity);
        }
        report.findings.extend(wide);
        self.summary.latency_ms = self.latencies();
        report.summary = self.summary.clone();
        report
    }

    /// What is lost so far, while interfaces are watched, and of which; `forgotten` are the hops that coverage had no
    /// room for.
    pub fn losses(inputs: &[capture::Summary], account: &Account, forgotten: u64) -> (Vec<Input>, Vec<Finding>) {
        let inputs: Vec<Input> = inputs.iter().map(|summary| input(summary, 0, true)).collect();
        let found = wide::losses(&inputs, account, forgotten);
        (inputs, found)
    }

    fn latencies(&mut self) -> Vec<Latency> {
        let steps = StepKey::ALL.into_iter().zip(&mut self.samples);
        steps.filter_map(|(key, samples)| samples.latency(key.number())).collect()
    }
}

/// Octets of messages in a ladder.
fn text_of(ladder: &Ladder) -> usize {
    let evidence = ladder.steps.iter().flat_map(|step| &step.evidence);
    evidence.filter_map(|shown| shown.text.as_ref()).map(String::len).sum()
}

fn mobile(phones: &[Phone]) -> Option<Mobile> {
    let wanted = |phone: &&Phone| phone.expects() == Expectation::Yes;
    let phone =
        phones.iter().find(wanted).or_else(|| phones.iter().find(|phone| phone.client.is_some())).or(phones.first())?;
    let epid = phone.epid.as_deref().map(str::to_owned);
    let Some(client) = &phone.client else { return Some(Mobile { epid, ..Mobile::default() }) };
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    Some(Mobile {
        server: Some(str::to_owned(&client.server)),
        service: Some(str::to_owned(&client.service)),
        service_version: text(&client.service_version),
        client: text(&client.client),
        client_version: text(&client.client_version),
        platform: text(&client.platform),
        device: text(&client.device),
        epid,
        push_expected: match client.expects {
            Expectation::Yes => Some(true),
            Expectation::No => Some(false),
            Expectation::Unknown => None,
        },
    })
}

fn evidence(rung: Rung, times: &mut Printer) -> Evidence {
    Evidence {
        input: rung.at.input,
        frame: rung.at.number,
        at: times.rfc3339(rung.at.time),
        leg: rung.leg,
        from: endpoint(rung.from),
        to: endpoint(rung.to),
        summary: str::to_owned(&rung.summary),
        text: rung.raw.as_ref().map(|raw| String::from_utf8_lossy(raw).into_owned()),
    }
}

/// An address and port as they are displayed; every rung has two of them, and formatting is slow.
fn endpoint(address: SocketAddr) -> String {
    let SocketAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255:65535".len());
    for (at, octet) in address.ip().octets().into_iter().enumerate() {
        if at > 0 {
            text.push('.');
        }
        for (unit, is_shown) in [(100, octet >= 100), (10, octet >= 10), (1, true)] {
            if is_shown {
                text.push(char::from(b'0' + octet / unit % 10));
            }
        }
    }
    text.push(':');
    text.push_str(itoa::Buffer::new().format(address.port()));
    text
}

pub(super) fn finding(found: &finding::Finding, ladder: Option<&str>) -> Finding {
    let mut cited: Vec<Citation> = Vec::new();
    for rung in &found.evidence {
        let citation = Citation { input: rung.at.input, frame: rung.at.number };
        if !cited.contains(&citation) {
            cited.push(citation);
        }
    }
    Finding {
        code: found.code.to_owned(),
        severity: found.severity,
        ladder: ladder.map(str::to_owned),
        step: found.step,
        title: found.title.to_owned(),
        detail: found.detail.clone(),
        remedy: None,
        diagnostics: found.refusal.as_ref().map(|refusal| Diagnostics {
            status: Some(refusal.status),
            ms_diagnostics: refusal.ms_diagnostics,
            reported_by: refusal.reported_by.as_deref().map(str::to_owned),
            reported: found::reported(refusal),
        }),
        fingerprint: found::fingerprint(found),
        evidence: cited,
        cause: None,
        symptom_of: None,
        tls: None,
    }
}

fn input(summary: &capture::Summary, offset: i64, clock_compared: bool) -> Input {
    let (ended, ended_detail) = match &summary.ended {
        capture::Ended::Complete => (Ended::Complete, None),
        capture::Ended::Truncated(detail) => (Ended::Truncated, Some(detail.clone())),
        capture::Ended::Damaged(detail) => (Ended::Damaged, Some(detail.clone())),
    };
    Input {
        path: summary.path.clone(),
        format: summary
            .compression
            .map_or_else(|| summary.format.to_owned(), |around| format!("{}+{around}", summary.format)),
        frames: summary.frames,
        bytes: summary.bytes,
        first_frame_at: summary.first_frame_at.map(|at| rfc3339(at.shifted(offset))),
        last_frame_at: summary.last_frame_at.map(|at| rfc3339(at.shifted(offset))),
        link_types: summary.link_types.iter().map(|link| link::name(*link).into_owned()).collect(),
        clock_offset_ms: millis(offset),
        clock_compared,
        ended,
        ended_detail,
        drops: summary.drops.map(|drops| Drops {
            kernel: drops.kernel,
            interface: drops.interface,
            interruptions: drops.interruptions,
        }),
    }
}

/// Nanoseconds as fractional milliseconds.
fn millis(nanos: i64) -> f64 {
    nanos as f64 / 1_000_000.0
}

fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;
    use crate::report::sample;

    #[test]
    fn endpoints_read_as_they_are_displayed() {
        let ports = [0, 9, 80, 5061, 65_535];
        for (octet, port) in (0..=u8::MAX).zip(ports.into_iter().cycle()) {
            let address = SocketAddr::from(([octet, 255 - octet, octet / 2, 7], port));
            assert_eq!(endpoint(address), address.to_string());
        }
        let address: SocketAddr = "[2001:db8::9]:5061".parse().unwrap();
        assert_eq!(endpoint(address), address.to_string());
    }

    #[test]
    fn what_is_not_listed_is_told_of() {
        let account = Account { unlisted_refused: 2, unlisted_dialed: 1, ..Account::default() };
        let mut view = View::new(&Profile::built_in().unwrap(), None, false, true);
        let report = view.report(std::iter::empty(), &account, &Coverage::default());
        let told: Vec<_> = report.findings.iter().map(|found| (found.code.as_str(), found.detail.as_str())).collect();
        let refused = "2 further TLS handshakes on SIP ports came to nothing; they are not listed.";
        let dialed = "1 further attempt to connect to other servers came to nothing; they are not listed.";
        assert_eq!(told, [("LP601", refused), ("LP602", dialed)]);
    }

    #[test]
    fn ladders_that_are_let_go_are_told_of() {
        let mut view = View::new(&Profile::built_in().unwrap(), None, false, true);
        view.keep_latest(2, 1_000);
        for number in 1..=5 {
            let first = FrameRef { input: 0, number, time: Timestamp::new(number as i64, 9) };
            let ladder = Ladder { id: number.to_string(), ..sample::broken().ladders.remove(0) };
            view.keep(first, ladder, Vec::new());
        }
        let report = view.report(std::iter::empty(), &Account::default(), &Coverage::default());
        assert_eq!(report.ladders.iter().map(|ladder| ladder.id.as_str()).collect::<Vec<_>>(), ["4", "5"]);
        assert!(report.findings.iter().any(|found| found.code == "LP904" && found.detail.starts_with("3 earlier")));
        // One with too much text makes room for itself, and leaves when another comes.
        for (number, length, left) in [(1, 400, 1), (2, 500, 2), (3, 600, 1), (4, 1_001, 0), (5, 0, 1)] {
            let first = FrameRef { input: 0, number, time: Timestamp::new(number as i64, 9) };
            let mut ladder = sample::broken().ladders.remove(0);
            ladder.steps[0].evidence[0].text = Some("x".repeat(length));
            view.keep(first, ladder, Vec::new());
            assert_eq!(view.ladders.len(), left, "{number}");
        }
    }
}
