//! Words that every report for people uses of a ladder: who, when, what decided, what it was.
//!
//! In: the model. Out: text that is not made harmless yet: whoever shows it does that in its own way.

use std::collections::BTreeMap;

use super::format::Options;
use super::model::{
    Certainty, Certificate, Coverage, Diagnosis, Diagnostics, Drops, Ended, Finding, Input, Issuer, KeyCounts, Ladder,
    Mobile, Report, RuledOut, Severity, Step, StepStatus, Summary, Tls, Trigger, Unreadable, UnreadableReason, Verdict,
};
use super::text;
use crate::diagnosis::causes::{self, Cause};

/// Frames named in one finding.
const FRAMES: usize = 12;
/// Streams named of those that were not read for one reason, where they are named in brief.
const CLOSED: usize = 3;
/// Groups of streams told apart that were not read for one reason, each with its own words.
const DETAILS: usize = 4;

/// The findings of `ladder`, in its order.
pub fn findings<'a>(report: &'a Report, ladder: &'a Ladder) -> impl Iterator<Item = &'a Finding> + Clone {
    ladder.findings.iter().filter_map(|&at| report.findings.get(usize::try_from(at).ok()?))
}

/// The step that decided the verdict: the first that broke, was late or out of order, or could not be judged.
pub fn deciding_step(ladder: &Ladder) -> Option<&Step> {
    use StepStatus::{Failed, Late, Missing, NotCovered, OutOfOrder, Truncated, Unreadable};
    let among: &[StepStatus] = match ladder.verdict {
        Verdict::Broken => &[Failed, Missing],
        Verdict::Degraded => &[Late, OutOfOrder],
        Verdict::Inconclusive => &[Unreadable, Truncated, NotCovered],
        Verdict::Complete | Verdict::NoPushExpected => return None,
    };
    match ladder.broken_at {
        Some(number) => ladder.steps.iter().find(|step| step.number == number),
        None => ladder.steps.iter().find(|step| among.contains(&step.status)),
    }
}

/// A SIP address as people say it: without its scheme.
pub fn address(uri: &str) -> &str {
    uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")).unwrap_or(uri)
}

/// What the report calls a frame.
pub fn frame_name(report: &Report, input: u16, frame: u64) -> String {
    crate::frame::name(report.inputs.len() > 1, input, frame)
}

/// The day of an RFC 3339 instant.
pub fn day(instant: &str) -> &str {
    instant.split_once('T').map_or(instant, |(day, _)| day)
}

/// The time of day of an RFC 3339 instant with at most `digits` fractional digits.
pub fn time_of_day(instant: &str, digits: usize) -> String {
    let time = instant.split_once('T').map_or(instant, |(_, time)| time).trim_end_matches('Z');
    match time.split_once('.') {
        Some((seconds, fraction)) if digits > 0 => {
            format!("{seconds}.{}", fraction.chars().take(digits).collect::<String>())
        }
        Some((seconds, _)) => seconds.to_owned(),
        None => time.to_owned(),
    }
}

/// `5 ladders: 1 complete, 4 broken; 4 errors`.
pub fn summary(summary: &Summary) -> String {
    let verdicts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter(|verdict| summary.with_verdict(*verdict) > 0)
        .map(|verdict| format!("{} {}", text::count(summary.with_verdict(verdict)), verdict.name()))
        .collect();
    let counts = &summary.findings;
    let findings: Vec<String> =
        [(counts.error, "error", "errors"), (counts.warning, "warning", "warnings"), (counts.note, "note", "notes")]
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, one, many)| text::counted(number, one, many))
            .collect();
    let mut line = format!("{}: {}", text::counted(summary.ladders, "ladder", "ladders"), verdicts.join(", "));
    if !findings.is_empty() {
        line.push_str("; ");
        line.push_str(&findings.join(", "));
    }
    line
}

/// Why there is no ladder, as far as coverage tells.
pub fn why_none(report: &Report, options: &Options) -> String {
    let coverage = &report.coverage;
    let frames: u64 = report.inputs.iter().map(|input| input.frames).fold(0, u64::saturating_add);
    let captures = if report.inputs.len() == 1 { "the capture has" } else { "the captures have" };
    if frames == 0 {
        format!("{captures} no frames")
    } else if coverage
        .frames
        .set_aside
        .iter()
        .filter(|(why, _)| why.starts_with("unknown-link"))
        .map(|(_, n)| n)
        .sum::<u64>()
        == coverage.frames.read
    {
        let links: Vec<&str> = report.inputs.iter().flat_map(|input| &input.link_types).map(String::as_str).collect();
        format!("no frame could be read: link type {} is not decoded", links.join(", "))
    } else if coverage.frames.read > 0 && coverage.frames.used == 0 {
        format!("none of the {} carries TCP or UDP", text::counted(frames, "frame", "frames"))
    } else if coverage.sip_messages == 0 && !coverage.unreadable.is_empty() {
        let streams = text::counted(coverage.unreadable.len() as u64, "stream", "streams");
        format!("nothing could be read, {streams} stayed closed (see below)")
    } else if coverage.sip_messages == 0 {
        format!("no SIP in {}", text::counted(frames, "frame", "frames"))
    } else {
        let messages = text::counted(coverage.sip_messages, "SIP message", "SIP messages");
        if options.filtered {
            return format!("{messages} read, but no ladder among them is of the user asked for");
        }
        let closed = match coverage.unreadable.len() as u64 {
            0 => String::new(),
            closed => format!("; {} stayed closed (see below)", text::counted(closed, "stream", "streams")),
        };
        format!("{messages} read, but no call to a mobile user and no push among them{closed}")
    }
}

/// The phone in a word or two: the best that is known of it.
pub fn phone_name(ladder: &Ladder) -> Option<String> {
    let mobile = ladder.mobile.as_ref()?;
    [&mobile.device, &mobile.platform, &mobile.client, &mobile.service].into_iter().flatten().next().cloned()
}

/// `SAMSUNG SGH-i937, Windows Phone, WPLync 4.1.7947.0, McxService 4.0.0.0, epid 3102EB8BD1; gets a push`.
pub fn phone(mobile: &Mobile) -> String {
    let versioned = |product: &Option<String>, version: &Option<String>| match (product, version) {
        (Some(product), Some(version)) => Some(format!("{product} {version}")),
        (product, _) => product.clone(),
    };
    let parts = [
        mobile.device.clone(),
        mobile.platform.clone(),
        versioned(&mobile.client, &mobile.client_version),
        versioned(&mobile.service, &mobile.service_version),
        mobile.epid.as_ref().map(|epid| format!("epid {epid}")),
    ];
    let known = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let known = if known.is_empty() { "unknown".to_owned() } else { known };
    let due = match mobile.push_expected {
        Some(true) => "a push is expected",
        Some(false) => "no push is expected",
        None => "whether a push is expected is unknown",
    };
    format!("{known}; {due}")
}

/// `Seen as LP105 in step 5, LP109 in step 9`: what a diagnosis explains.
pub fn seen_as(report: &Report, ladder: &Ladder, diagnosis: &Diagnosis) -> String {
    let seen = findings(report, ladder).filter(|finding| finding.cause.as_ref() == Some(&diagnosis.cause));
    let seen: Vec<String> = seen
        .map(|finding| {
            finding.step.map_or_else(|| finding.code.clone(), |step| format!("{} in step {step}", finding.code))
        })
        .collect();
    format!("Seen as {}", seen.join(", "))
}

/// `frames 81, 82 and 3 more`.
pub fn frames_of(report: &Report, finding: &Finding) -> Option<String> {
    let frames: Vec<String> =
        finding.evidence.iter().take(FRAMES).map(|seen| frame_name(report, seen.input, seen.frame)).collect();
    if frames.is_empty() {
        return None;
    }
    let more = finding.evidence.len().saturating_sub(FRAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let word = if finding.evidence.len() == 1 { "frame" } else { "frames" };
    Some(format!("{word} {}{more}", frames.join(", ")))
}

/// A line of what a finding says to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice<'a> {
    /// Words; a place and a colon where commands follow.
    Words(&'a str),
    /// A command.
    Command(&'a str),
}

/// The lines of a finding's remedy.
pub fn advice(remedy: &str) -> impl Iterator<Item = Advice<'_>> {
    // Commands stand two blanks in, as `Finding::remedy` says.
    remedy.lines().map(|line| line.strip_prefix("  ").map_or(Advice::Words(line), Advice::Command))
}

/// The cause of a finding about the whole capture, where it is known and stands nowhere else.
pub fn cause_of(finding: &Finding) -> Option<&'static Cause> {
    let own = finding.ladder.is_none() && finding.symptom_of.is_none();
    finding.cause.as_deref().filter(|_| own).and_then(causes::find)
}

/// Streams that were not read for one reason.
#[derive(Debug)]
pub struct Closed<'a> {
    /// The reason; `lyncpush explain` tells more of it.
    pub reason: UnreadableReason,
    /// The streams.
    pub streams: Vec<&'a Unreadable>,
    /// Whether the words of the first do not hold for each of them.
    is_mixed: bool,
}

/// Streams that were not read, by reason and what would help; of one reason a few at most are told apart.
pub fn closed(coverage: &Coverage) -> Vec<Closed<'_>> {
    let mut reasons: BTreeMap<UnreadableReason, Vec<Closed<'_>>> = BTreeMap::new();
    for stream in &coverage.unreadable {
        let groups = reasons.entry(stream.reason).or_default();
        let is_full = groups.len() >= DETAILS;
        let alike =
            groups.iter_mut().find(|group| group.streams.first().is_some_and(|one| one.detail == stream.detail));
        match alike {
            Some(group) => group.streams.push(stream),
            None if is_full => groups.last_mut().into_iter().for_each(|group| {
                group.is_mixed = true;
                group.streams.push(stream);
            }),
            None => groups.push(Closed { reason: stream.reason, streams: vec![stream], is_mixed: false }),
        }
    }
    reasons.into_values().flatten().collect()
}

impl Closed<'_> {
    /// `tls-no-secret, 2 streams, 24 frames: no secret was given; …`.
    pub fn why(&self) -> String {
        let frames = self.streams.iter().map(|stream| stream.frames).fold(0, u64::saturating_add);
        let others = if self.is_mixed { "; others otherwise, see the JSON report" } else { "" };
        format!(
            "{}, {}, {}: {}{others}",
            self.reason.name(),
            text::counted(self.streams.len() as u64, "stream", "streams"),
            text::counted(frames, "frame", "frames"),
            self.streams.first().map_or("", |stream| &stream.detail)
        )
    }

    /// The first streams in brief, and how many more there are.
    pub fn brief(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.streams.iter().take(CLOSED).map(|stream| closed_stream(stream)).collect();
        let more = self.streams.len().saturating_sub(CLOSED) as u64;
        if more > 0 {
            lines.push(format!("and {}", text::counted(more, "more stream", "more streams")));
        }
        lines
    }
}

/// `192.0.2.7:49901 > 192.0.2.9:5061 (12 frames), TLS 1.2, TLS_…, server name edge01.example.com`.
fn closed_stream(stream: &Unreadable) -> String {
    let mut words = format!("{} ({})", stream.stream, text::counted(stream.frames, "frame", "frames"));
    if let Some(tls) = &stream.tls {
        for (label, fact) in [("", &tls.version), ("", &tls.suite), ("server name ", &tls.server_name)] {
            words.extend(fact.iter().map(|fact| format!(", {label}{fact}")));
        }
    }
    words
}

/// Why a capture does not go to its end, if it does not: `cut short: record 43 at byte 31,000 needs …`.
pub fn ended(input: &Input) -> Option<String> {
    let how = match input.ended {
        Ended::Complete => return None,
        Ended::Truncated => "cut short",
        Ended::Damaged => "damaged",
    };
    Some(input.ended_detail.as_ref().map_or_else(|| how.to_owned(), |detail| format!("{how}: {detail}")))
}

/// What was lost while an interface was watched, without what is 0; `None` where nothing is known to be.
pub fn lost(drops: Drops) -> Option<String> {
    let frames = |count| text::counted(count, "frame", "frames");
    let dropped = match (drops.kernel, drops.interface) {
        (0, 0) => None,
        (kernel, 0) => Some(format!("at least {} dropped by the kernel", frames(kernel))),
        (0, interface) => Some(format!("at least {} dropped by the interface", frames(interface))),
        (kernel, interface) => Some(format!(
            "at least {} dropped by the kernel and {} by the interface",
            frames(kernel),
            text::count(interface)
        )),
    };
    let away = (drops.interruptions > 0)
        .then(|| format!("it was down or away {}", text::counted(drops.interruptions, "time", "times")));
    let lost: Vec<String> = dropped.into_iter().chain(away).collect();
    (!lost.is_empty()).then(|| lost.join("; "))
}

/// `8 secrets from key logs, 1 RSA key, 3 lines not understood`.
pub fn keys(keys: &KeyCounts) -> String {
    let mut words = format!(
        "{} from key logs, {}",
        text::counted(keys.secrets, "secret", "secrets"),
        text::counted(keys.rsa_keys, "RSA key", "RSA keys")
    );
    for (lines, what) in [(keys.unused, "of no use here"), (keys.skipped, "not understood")] {
        if lines > 0 {
            words.push_str(&format!(", {} {what}", text::counted(lines, "line", "lines")));
        }
    }
    words
}

/// The certificates of a handshake at an RFC 3339 instant, one a line: whose, who signed it, how long it is valid.
pub fn certificates(tls: &Tls, at: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (whose, certificate) in [("server's", &tls.certificate), ("client's", &tls.client_certificate)] {
        let Some(certificate) = certificate else { continue };
        let Certificate { subject, issuer, not_after, names: _, chain } = certificate;
        lines.push(format!("{whose} certificate {}", one_certificate(subject, issuer, not_after, at)));
        for Issuer { subject, issuer, not_after } in chain {
            lines.push(format!("sent with it {}", one_certificate(subject, issuer, not_after, at)));
        }
    }
    lines
}

fn one_certificate(subject: &str, issuer: &str, not_after: &str, at: &str) -> String {
    // Both are RFC 3339 in UTC: up to the seconds their order is that of time.
    let until = if not_after.get(..19) < at.get(..19) { "EXPIRED" } else { "valid until" };
    let by = if issuer == subject { "self-signed".to_owned() } else { format!("issued by {issuer}") };
    format!("{subject}, {by}, {until} {}", day(not_after))
}

/// Causes that share what rules them out, on one line.
pub fn ruled_out(all: &[RuledOut]) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in all {
        by_reason.entry(&one.why).or_default().push(&one.cause);
    }
    by_reason.iter().map(|(why, causes)| format!("{}: {why}", causes.join(", "))).collect()
}

/// `2011-12-07 16:00:00.000 to 16:00:12.000`.
pub fn span(first: &str, last: &str) -> String {
    let from = format!("{} {}", day(first), time_of_day(first, 3));
    if day(first) == day(last) {
        format!("{from} to {}", time_of_day(last, 3))
    } else {
        format!("{from} to {} {}", day(last), time_of_day(last, 3))
    }
}

/// What set a ladder off, in a word or two.
pub const fn kind(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Invite => "call",
        Trigger::Message => "message",
        Trigger::PushOnly => "push without its call",
        Trigger::Test => "test push",
    }
}

/// What a ladder's verdict comes from: the cause, else the finding, else the status of the step that decided.
pub fn what(report: &Report, ladder: &Ladder) -> String {
    what_of(ladder, findings(report, ladder))
}

/// The same of a ladder with its findings, before there is a report.
pub fn what_of<'a>(ladder: &Ladder, findings: impl Iterator<Item = &'a Finding> + Clone) -> String {
    let step = deciding_step(ladder);
    // Where nothing is wrong, the note is the news.
    let quiet = matches!(ladder.verdict, Verdict::Complete | Verdict::NoPushExpected);
    let worth = |severity: Severity| severity > Severity::Note || quiet;
    let mut all = findings.clone();
    let finding = all
        .find(|finding| step.is_some_and(|step| finding.step == Some(step.number)))
        .or_else(|| findings.clone().find(|finding| worth(finding.severity)));
    match (finding, step) {
        (Some(finding), _) => {
            let shows = finding.cause.is_some() && finding.symptom_of.is_none();
            let cause = ladder.diagnosis.as_ref().filter(|_| shows);
            let sure = cause.map(|diagnosis| diagnosis.certainty).filter(|sure| *sure != Certainty::Certain);
            let codes = finding.diagnostics.as_ref().map(Diagnostics::codes).filter(|codes| !codes.is_empty());
            let aside: Vec<String> = sure.map(|sure| sure.name().to_owned()).into_iter().chain(codes).collect();
            let aside = if aside.is_empty() { String::new() } else { format!(" ({})", aside.join("; ")) };
            format!("{}{aside}", cause.map_or(&finding.title, |diagnosis| &diagnosis.title))
        }
        (None, Some(step)) => step.status.name().to_owned(),
        (None, None) => String::new(),
    }
}

/// `broken at step 5 push-federated`, `degraded, step 8 push-accepted late`.
pub fn outcome(ladder: &Ladder) -> String {
    let verdict = ladder.verdict.name();
    match deciding_step(ladder) {
        Some(step) if ladder.verdict == Verdict::Broken => format!("{verdict} at step {} {}", step.number, step.key),
        Some(step) => format!("{verdict}, step {} {} {}", step.number, step.key, step.status.name()),
        None => verdict.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_without_what_is_none() {
        for (kernel, interface, interruptions, expected) in [
            (0, 0, 5, "it was down or away 5 times"),
            (1, 0, 0, "at least 1 frame dropped by the kernel"),
            (0, 1200, 1, "at least 1,200 frames dropped by the interface; it was down or away 1 time"),
            (3, 1, 0, "at least 3 frames dropped by the kernel and 1 by the interface"),
            (1, 2, 2, "at least 1 frame dropped by the kernel and 2 by the interface; it was down or away 2 times"),
        ] {
            assert_eq!(lost(Drops { kernel, interface, interruptions }).as_deref(), Some(expected));
        }
        assert_eq!(lost(Drops::default()), None);
    }

    #[test]
    fn each_stream_stands_by_the_words_that_hold_for_it() {
        let unread = |number: u64, detail: &str| Unreadable {
            stream: format!("192.0.2.7:{} > 192.0.2.9:5061", 50_000 + number),
            reason: UnreadableReason::TlsNoSecret,
            detail: detail.to_owned(),
            frames: 1,
            tls: None,
        };
        let details = ["a key log helps", "an RSA key helps", "a key log helps"];
        let unreadable = (0..).zip(details).map(|(at, detail)| unread(at, detail)).collect();
        let mut coverage = Coverage { unreadable, ..Coverage::default() };
        let why = |coverage: &Coverage| closed(coverage).iter().map(Closed::why).collect::<Vec<_>>();
        let told = [
            "tls-no-secret, 2 streams, 2 frames: a key log helps",
            "tls-no-secret, 1 stream, 1 frame: an RSA key helps",
        ];
        assert_eq!(why(&coverage), told);
        coverage.unreadable = (0..9).map(|at| unread(at, &format!("it is {at}"))).collect();
        let groups = why(&coverage);
        assert_eq!(groups.len(), DETAILS);
        assert_eq!(groups[3], "tls-no-secret, 6 streams, 6 frames: it is 3; others otherwise, see the JSON report");
    }
}
