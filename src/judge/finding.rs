//! Findings: what is wrong with a push exchange, or worth knowing, each with a stable code.

use schemars::JsonSchema;
use serde::Serialize;

use super::push;
use super::status::{Status, StepJudged};
use crate::ladder::Ladder;
use crate::ladder::leg::Leg;
use crate::ladder::profile::{Ports, Profile, StepKey};
use crate::ladder::rung::{Answer, PushSeen, Rung};

/// How bad a finding is. Ordered: a note is the least.
///
/// A step missing or failed, and a capture in which nothing could be read, are errors; a step late or
/// out of order, and a call answered before its push, are warnings; what only informs is a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Only informs.
    Note,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// The name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a response says of why it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its status code.
    pub status: u16,
    /// The first ms-diagnostics number.
    pub ms_diagnostics: Option<u32>,
    /// The host that reports it.
    pub reported_by: Option<Box<str>>,
    /// Every ms-diagnostics value of the response and its copies, each once: each hop may add its own.
    pub reports: Vec<Reported>,
}

/// One ms-diagnostics value and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Its number.
    pub id: u32,
    /// The host that reports it.
    pub by: Option<Box<str>>,
}

/// Something worth telling somebody.
#[derive(Clone, Debug)]
pub struct Finding {
    /// `LP` and three digits; see [`CODES`].
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The step it is about, 1 to 10.
    pub step: Option<u8>,
    /// One line; the same for every finding of this code.
    pub title: &'static str,
    /// What exactly, in this ladder.
    pub detail: String,
    /// Who refused, with what.
    pub refusal: Option<Refusal>,
    /// Where it happened, without naming users.
    pub hop: Option<String>,
    /// The frames that show it.
    pub evidence: Vec<Rung>,
}

/// Every finding code and its title.
///
/// The hundreds say what is wrong (1 failed, 2 missing, 3 late, 4 out of order, 5 notes and warnings,
/// 6 a connection, 9 the capture itself), the rest which step.
pub const CODES: &[(&str, &str)] = &[
    ("LP105", "The push was refused inside: by the Front End or the Edge"),
    ("LP108", "The push left and was refused"),
    ("LP109", "The call ended without an answer"),
    ("LP201", "No INVITE reached the Front End"),
    ("LP202", "The Front End did not call the mobility service"),
    ("LP203", "The phone's 180 Ringing never came"),
    ("LP204", "No push was made for the phone"),
    ("LP205", "The push never left through the Edge"),
    ("LP208", "The push was never answered"),
    ("LP209", "The call never got a final response"),
    ("LP210", "The session never became active"),
    ("LP302", "The Front End was slow to find the phone"),
    ("LP303", "The phone's 180 Ringing came late"),
    ("LP304", "The push was made late"),
    ("LP305", "The push left late"),
    ("LP308", "The clearing house answered late"),
    ("LP309", "The call was answered late"),
    ("LP310", "The session became active late"),
    ("LP402", "The phone was looked up before the INVITE"),
    ("LP403", "The phone rang before it was looked up"),
    ("LP404", "The push was made before its cause"),
    ("LP405", "The push left before it was made"),
    ("LP408", "The push was answered before it was sent"),
    ("LP409", "The call was answered before its INVITE"),
    ("LP410", "The session was active before the answer"),
    ("LP501", "The call was answered before the push was"),
    ("LP502", "Another endpoint answered"),
    ("LP503", "The caller gave up"),
    ("LP504", "The phone's branch was cancelled"),
    ("LP505", "The app was in the foreground"),
    ("LP506", "This client gets no push"),
    ("LP507", "It is not known whether this client gets a push"),
    ("LP508", "The call ended before a push was due"),
    ("LP509", "The clearing house was slow"),
    ("LP510", "The phone answered without ringing"),
    ("LP511", "One of several phones got no push"),
    ("LP512", "A push may have gone to another address"),
    ("LP513", "Frames were lost while this ladder ran"),
    ("LP514", "Another push was refused"),
    ("LP515", "The legs of the push are out of view"),
    ("LP601", "A TLS handshake failed"),
    ("LP602", "A connection on which SIP is expected was not made"),
    ("LP901", "Nothing in the capture could be read"),
    ("LP902", "The capture is cut short or damaged"),
    ("LP903", "Bytes of SIP streams are missing from the capture"),
    ("LP904", "A table was full, and the oldest entries were closed early"),
    ("LP905", "Frames are not in the order of their times"),
    ("LP906", "The clocks of the captures are too far apart"),
    ("LP907", "Frames were lost while an interface was watched"),
    ("LP908", "Streams that may be SIP could not be read"),
];

/// The title of a code; empty for one that is not listed, which a test rules out.
pub fn title(code: &str) -> &'static str {
    CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, title)| title)
}

/// The severity of a code: a step that failed or is missing, and a capture in which nothing could be read, are
/// errors, as is a TLS handshake that failed on the Edge's legs (elsewhere, and where the leg is not known, it is a warning); what is late, out of order, or answered before its push is a warning; what only informs is a note.
pub fn severity(code: &str) -> Severity {
    match code.as_bytes() {
        b"LP601" | b"LP901" => Severity::Error,
        b"LP501" | b"LP905" => Severity::Warning,
        [b'L', b'P', b'1' | b'2', ..] => Severity::Error,
        [b'L', b'P', b'3' | b'4', ..] => Severity::Warning,
        _ => Severity::Note,
    }
}

/// Makes a finding. `hop` names where it happened without naming users.
pub fn make(
    code: &'static str,
    severity: Severity,
    step: Option<StepKey>,
    detail: String,
    refusal: Option<Refusal>,
    evidence: Vec<Rung>,
    hop: Option<&str>,
) -> Finding {
    let (step, hop) = (step.map(StepKey::number), hop.map(str::to_owned));
    Finding { code, severity, step, title: title(code), detail, refusal, hop, evidence }
}

/// One finding for each step that is missing, failed, late or out of order.
///
/// `push` is the one that decides.
pub fn of_steps(steps: &[StepJudged], ladder: &Ladder, push: Option<&PushSeen>, profile: &Profile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let hundreds = match step.status {
            Status::Failed => '1',
            Status::Missing => '2',
            Status::Late => '3',
            Status::OutOfOrder => '4',
            _ => continue,
        };
        let number = step.key.number();
        let Some((code, title)) = CODES.iter().find(|(code, _)| **code == *format!("LP{hundreds}{number:02}")) else {
            continue;
        };
        let refusal = if step.status == Status::Failed { refusal(step.key, ladder, push) } else { None };
        let before = steps.get(..index).unwrap_or_default().iter().rev().find(|step| !step.evidence.is_empty());
        let shown = if step.evidence.is_empty() {
            before.map(|step| step.evidence.clone())
        } else {
            Some(step.evidence.clone())
        };
        let evidence = shown.unwrap_or_default();
        let hop = hop_of(&evidence, &profile.ports);
        let what = &profile.steps.get(step.key).title;
        let detail = match &step.detail {
            Some(detail) => format!("Step {number}, {what}: {detail}."),
            None => format!("Step {number}, {what}: {title}."),
        };
        found.push(make(code, severity(code), Some(step.key), detail, refusal, evidence, hop.as_deref()));
    }
    found
}

fn refusal(key: StepKey, ladder: &Ladder, push: Option<&PushSeen>) -> Option<Refusal> {
    // Each hop may add what it knows: the copies nearer to the Front End say more than the first one.
    let (answer, copies): (&Answer, Vec<&Answer>) = match key {
        StepKey::CallAnswered => (ladder.answers.first()?, ladder.answers.iter().collect()),
        _ => return refusal_of(push?),
    };
    Some(refusal_by(answer, &copies))
}

/// What the refusal of a push says, if it was refused.
pub fn refusal_of(push: &PushSeen) -> Option<Refusal> {
    let answer = push::decisive(push).filter(|answer| answer.status >= 300)?;
    let copies: Vec<&Answer> = push.answers.iter().filter(|copy| copy.status == answer.status).collect();
    Some(refusal_by(answer, &copies))
}

fn refusal_by(answer: &Answer, copies: &[&Answer]) -> Refusal {
    let mut reports: Vec<Reported> = Vec::new();
    for told in answer.diagnostics.iter().chain(copies.iter().flat_map(|copy| &copy.diagnostics)) {
        let reported = Reported { id: told.id, by: told.source.clone() };
        if !reports.contains(&reported) {
            reports.push(reported);
        }
    }
    let edge = || answer.edge.clone().or_else(|| copies.iter().find_map(|copy| copy.edge.clone()));
    let reported_by = reports.iter().find_map(|told| told.by.clone()).or_else(edge);
    let ms_diagnostics = reports.first().map(|told| told.id);
    Refusal { status: answer.status, ms_diagnostics, reported_by, reports }
}

/// Where messages were seen, without naming a user: the leg furthest out and its servers' addresses. Of a
/// caller's leg only the server's own address counts, and never a port that a client chose. It does not depend
/// on which of them came first.
pub fn hop_of(evidence: &[Rung], ports: &Ports) -> Option<String> {
    let leg = evidence.iter().map(|rung| rung.leg).max()?;
    evidence.iter().filter(|rung| rung.leg == leg).map(|rung| place_of(rung, ports)).min()
}

fn place_of(rung: &Rung, ports: &Ports) -> String {
    let leg = rung.leg.map_or("none", Leg::name);
    let (from, to) = (rung.from.ip(), rung.to.ip());
    let listens = |port: u16| ports.all().any(|known| known == port);
    let server = match (listens(rung.from.port()), listens(rung.to.port())) {
        (true, false) => from,
        (false, true) => to,
        _ if rung.from.port() < rung.to.port() => from,
        _ => to,
    };
    match rung.leg {
        Some(Leg::Caller) | None => format!("{leg} {server}"),
        Some(_) => format!("{leg} {} {}", from.min(to), from.max(to)),
    }
}
