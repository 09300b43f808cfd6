//! The report as data: what every format shows, and exactly what `--format json` writes.
//!
//! In: judged ladders, what the capture could show, counts. Out: types whose serde names, order and
//! nullability are the contract with scripts; their doc comments become the descriptions of the JSON Schema.
//! It refuses to know how a report looks and how its values were found.
//! Unknown is `None` (`null` in JSON), never an empty string. Times are RFC 3339 in UTC
//! ([`rfc3339`](super::time::rfc3339)), durations fractional milliseconds, frames 1-based.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// The value of `schema` in every report of this major version.
pub const SCHEMA: &str = "lyncpush.report/1";

/// One whole analysis.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "lyncpush report")]
pub struct Report {
    /// Name and major version of this format: `lyncpush.report/1`.
    pub schema: String,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The captures analysed, in the order of the command line.
    pub inputs: Vec<Input>,
    /// What the captures could show and what could not be read.
    pub coverage: Coverage,
    /// The push ladders, in the order they began.
    pub ladders: Vec<Ladder>,
    /// Everything worth telling; ladders refer to it by index.
    pub findings: Vec<Finding>,
    /// Counts over the ladders and findings.
    pub summary: Summary,
}

impl Report {
    /// A report of this program and version with nothing in it yet.
    pub fn empty() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(),
            inputs: Vec::new(),
            coverage: Coverage::default(),
            ladders: Vec::new(),
            findings: Vec::new(),
            summary: Summary::default(),
        }
    }
}

/// The program that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// Always `lyncpush`.
    pub name: String,
    /// Its version, as `--version` prints it.
    pub version: String,
}

impl Tool {
    /// This program, this version.
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// One capture.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Input {
    /// The path as given; `-` is standard input.
    pub path: String,
    /// Container by content: `pcap`, `pcapng`, with `+gzip` or `+zstd` when compressed.
    pub format: String,
    /// Frames in the capture, as Wireshark counts them.
    pub frames: u64,
    /// Octets read from the file, before decompression.
    pub bytes: u64,
    /// When the earliest frame was captured; null without frames.
    pub first_frame_at: Option<String>,
    /// When the latest frame was captured; null without frames.
    pub last_frame_at: Option<String>,
    /// Link types seen, by name.
    pub link_types: Vec<String>,
    /// Milliseconds added to every timestamp of this input so that several captures agree; 0 for the first.
    pub clock_offset_ms: f64,
    /// How the capture ended.
    pub ended: Ended,
    /// Where and why it ended; null when complete.
    pub ended_detail: Option<String>,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Read to its end.
    Complete,
    /// Cut short: its last record is not whole.
    Truncated,
    /// Bytes in it make no sense; read up to there.
    Damaged,
}

/// What the captures could show and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Coverage {
    /// Which legs are in view.
    pub legs: Legs,
    /// Whole SIP messages read.
    pub sip_messages: u64,
    /// SIP messages that break the grammar; what could be read of them was used.
    pub sip_malformed: u64,
    /// Connections by what they carry.
    pub streams: Streams,
    /// Holes inside SIP streams: bytes that were sent but are not in the capture.
    pub gaps: u64,
    /// Octets lost in those holes.
    pub gap_bytes: u64,
    /// Streams that could not be read, and why.
    pub unreadable: Vec<Unreadable>,
    /// What became of every frame.
    pub frames: FrameCounts,
    /// Defects met on the way, by kind.
    pub anomalies: Vec<AnomalyCount>,
}

/// Which legs of the push exchange the captures show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Legs {
    /// Caller to Front End.
    pub caller: bool,
    /// Front End to the mobility service.
    pub mcx: bool,
    /// The push request's first hop, inside the pool.
    pub push_internal: bool,
    /// Front End or Director to the Edge's internal side.
    pub edge_internal: bool,
    /// The Edge's external side to the push clearing house.
    pub edge_external: bool,
}

impl Legs {
    /// Whether `leg` is in view.
    pub const fn covers(&self, leg: Leg) -> bool {
        match leg {
            Leg::Caller => self.caller,
            Leg::Mcx => self.mcx,
            Leg::PushInternal => self.push_internal,
            Leg::EdgeInternal => self.edge_internal,
            Leg::EdgeExternal => self.edge_external,
        }
    }
}

/// One hop of the push exchange between two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Leg {
    /// Caller to Front End.
    Caller,
    /// Front End to the mobility service.
    Mcx,
    /// The push request's first hop, inside the pool.
    PushInternal,
    /// Front End or Director to the Edge's internal side.
    EdgeInternal,
    /// The Edge's external side to the push clearing house.
    EdgeExternal,
}

impl Leg {
    /// Every leg, in the order a push meets them.
    pub const ALL: [Self; 5] = [Self::Caller, Self::Mcx, Self::PushInternal, Self::EdgeInternal, Self::EdgeExternal];

    /// The name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Mcx => "mcx",
            Self::PushInternal => "push-internal",
            Self::EdgeInternal => "edge-internal",
            Self::EdgeExternal => "edge-external",
        }
    }
}

/// Connections by what they carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Streams {
    /// TCP connections.
    pub tcp: u64,
    /// TLS connections among them.
    pub tls: u64,
    /// TLS connections that could be decrypted.
    pub tls_decrypted: u64,
    /// Connections with Microsoft SIP compression.
    pub compressed: u64,
}

/// A stream that could not be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unreadable {
    /// Its endpoints: `client > server`.
    pub stream: String,
    /// Why it could not be read.
    pub reason: UnreadableReason,
    /// The same in words, with what would help.
    pub detail: String,
    /// Frames of the stream.
    pub frames: u64,
}

/// Why a stream could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableReason {
    /// Encrypted, and no secret for it was given.
    TlsNoSecret,
    /// Encrypted with forward secrecy: the server's private key does not help.
    TlsForwardSecret,
    /// Encrypted, and the handshake lies outside the capture.
    TlsNoHandshake,
    /// Encrypted, and the private key given is not the server's.
    TlsKeyMismatch,
    /// Encrypted with a cipher suite lyncpush does not know.
    TlsUnsupportedSuite,
    /// Decryption was tried and the record check failed.
    TlsBadMac,
    /// Compressed, and the negotiation lies outside the capture.
    CompressedNoNegotiate,
    /// Compressed in a way lyncpush does not know.
    CompressedUnrecognised,
    /// The bytes make no sense.
    Damaged,
}

impl UnreadableReason {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsNoSecret => "tls-no-secret",
            Self::TlsForwardSecret => "tls-forward-secret",
            Self::TlsNoHandshake => "tls-no-handshake",
            Self::TlsKeyMismatch => "tls-key-mismatch",
            Self::TlsUnsupportedSuite => "tls-unsupported-suite",
            Self::TlsBadMac => "tls-bad-mac",
            Self::CompressedNoNegotiate => "compressed-no-negotiate",
            Self::CompressedUnrecognised => "compressed-unrecognised",
            Self::Damaged => "damaged",
        }
    }
}

/// What became of every frame: `read` is `used` plus everything set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FrameCounts {
    /// Frames read from all inputs.
    pub read: u64,
    /// Frames that reached TCP or UDP.
    pub used: u64,
    /// Frames that did not, by reason.
    pub set_aside: BTreeMap<String, u64>,
}

/// Defects of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnomalyCount {
    /// What kind, by its stable name.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// The first few of them.
    pub first: Vec<AnomalyCitation>,
}

/// One defect and the frame that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnomalyCitation {
    /// Index into `inputs`.
    pub input: u16,
    /// Frame number in that input, 1-based.
    pub frame: u64,
    /// What exactly.
    pub detail: String,
}

/// One occurrence of the push exchange: a call or message, its push, and the ten steps judged.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Ladder {
    /// Stable identifier within the report; the same capture gives the same one.
    pub id: String,
    /// The profile it was judged by.
    pub profile: String,
    /// What set it off.
    pub trigger: Trigger,
    /// The judgement over all steps.
    pub verdict: Verdict,
    /// Number of the first step that failed or is missing; null unless broken.
    pub broken_at: Option<u8>,
    /// Time of the earliest evidence.
    pub started_at: String,
    /// Time of the latest evidence.
    pub ended_at: String,
    /// Milliseconds from the first to the last evidence.
    pub duration_ms: f64,
    /// Address of record of the caller.
    pub caller: Option<String>,
    /// Address of record of the callee, the mobile user.
    pub callee: Option<String>,
    /// Display name of the callee.
    pub callee_name: Option<String>,
    /// Call-ID of the call.
    pub call_id: Option<String>,
    /// Call-IDs of the push requests that belong to the call.
    pub push_call_ids: Vec<String>,
    /// Ms-Conversation-ID of the call.
    pub conversation_id: Option<String>,
    /// The phone, as the messages describe it.
    pub mobile: Option<Mobile>,
    /// How the push was joined to the call; null without a push.
    pub join: Option<Join>,
    /// Always ten, in order.
    pub steps: Vec<Step>,
    // Stays the last field: the one-line form writes the objects in place of these indexes.
    /// Indexes into the report's `findings`; in the one-line form the findings themselves.
    pub findings: Vec<u64>,
}

/// What set a ladder off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A call.
    Invite,
    /// A message inside a session.
    Message,
    /// A push that joins no call in view.
    PushOnly,
    /// An administrator's test push.
    Test,
}

impl Trigger {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Message => "message",
            Self::PushOnly => "push-only",
            Self::Test => "test",
        }
    }
}

/// The judgement over all steps of a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every step that can be seen is in order.
    Complete,
    /// Complete, but late, out of order or with a warning.
    Degraded,
    /// A step failed or is missing.
    Broken,
    /// This client gets no push and nothing else is wrong.
    NoPushExpected,
    /// The decisive steps are unreadable, truncated or not covered.
    Inconclusive,
}

impl Verdict {
    /// Every verdict, in the order of the summary.
    pub const ALL: [Self; 5] = [Self::Complete, Self::Degraded, Self::Broken, Self::NoPushExpected, Self::Inconclusive];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Broken => "broken",
            Self::NoPushExpected => "no-push-expected",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// The phone, as the messages describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mobile {
    /// The Server or User-Agent header it was read from.
    pub server: Option<String>,
    /// Mobility service: `McxService` or `UCWA`.
    pub service: Option<String>,
    /// Version of that service.
    pub service_version: Option<String>,
    /// Client family.
    pub client: Option<String>,
    /// Version of the client.
    pub client_version: Option<String>,
    /// Operating system family.
    pub platform: Option<String>,
    /// Make and model.
    pub device: Option<String>,
    /// Endpoint identifier.
    pub epid: Option<String>,
    /// Whether the profile expects a push for this client; null when the client is unknown.
    pub push_expected: Option<bool>,
}

/// How a push was joined to its call.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Join {
    /// 0 to 1.
    pub confidence: f64,
    /// What the two have in common, strongest first.
    pub evidence: Vec<String>,
    /// Other calls the push might belong to.
    pub rivals: Vec<Rival>,
}

/// Another call a push might belong to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Rival {
    /// Its Call-ID.
    pub call_id: String,
    /// 0 to 1.
    pub confidence: f64,
}

/// One of the ten steps, judged.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// 1 to 10.
    pub number: u8,
    /// Stable short name.
    pub key: String,
    /// What should happen in it.
    pub title: String,
    /// What did happen.
    pub status: StepStatus,
    /// Time of its earliest evidence.
    pub at: Option<String>,
    /// Milliseconds since the last step before it that was seen; null without both.
    pub since_previous_ms: Option<f64>,
    /// A short remark for a reader; null when the status says it all.
    pub detail: Option<String>,
    /// The messages that show it.
    pub evidence: Vec<Evidence>,
}

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// Seen, in order, in time.
    Ok,
    /// Seen in order, past the profile's hard limit.
    Late,
    /// Seen, but before a step that must precede it.
    OutOfOrder,
    /// Seen, and it says no: a final response outside 2xx.
    Failed,
    /// Not seen although everything for seeing it is given.
    Missing,
    /// Cannot have happened: a step it depends on is missing or failed.
    NotReached,
    /// Not seen itself, but another step proves it.
    Implied,
    /// This capture cannot show it: no leg of the step is in view.
    NotCovered,
    /// Happens outside every network a capture can be taken in.
    NotObservable,
    /// This client gets no push, or this trigger has no such step.
    NotApplicable,
    /// Its leg is there but encrypted, compressed or lost beyond reach.
    Unreadable,
    /// The capture begins or ends inside the step's window.
    Truncated,
}

impl StepStatus {
    /// Every status.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Late,
        Self::OutOfOrder,
        Self::Failed,
        Self::Missing,
        Self::NotReached,
        Self::Implied,
        Self::NotCovered,
        Self::NotObservable,
        Self::NotApplicable,
        Self::Unreadable,
        Self::Truncated,
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Late => "late",
            Self::OutOfOrder => "out-of-order",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::NotReached => "not-reached",
            Self::Implied => "implied",
            Self::NotCovered => "not-covered",
            Self::NotObservable => "not-observable",
            Self::NotApplicable => "not-applicable",
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
        }
    }
}

/// A message that shows a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Index into `inputs`.
    pub input: u16,
    /// Frame number in that input, 1-based.
    pub frame: u64,
    /// The leg it was seen on; null when the roles of its endpoints are unknown.
    pub leg: Option<Leg>,
    /// Sending endpoint, `address:port`.
    pub from: String,
    /// Receiving endpoint, `address:port`.
    pub to: String,
    /// The message in one line.
    pub summary: String,
    /// The whole message; only with `--show-text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Something worth telling about a ladder, or about the whole capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable code, `LP` and three digits.
    pub code: String,
    /// How bad it is.
    pub severity: Severity,
    /// The ladder it is about; null when it is about the whole capture.
    pub ladder: Option<String>,
    /// The step it is about, 1 to 10.
    pub step: Option<u8>,
    /// What is wrong, in a few words.
    pub title: String,
    /// What is wrong, with the particulars.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
    /// What the servers said themselves.
    pub diagnostics: Option<Diagnostics>,
    /// Equal for the same fault seen again: the key for ticket de-duplication.
    pub fingerprint: String,
    /// The frames that show it.
    pub evidence: Vec<Citation>,
}

/// How bad a finding is. Ordered: a note is the least.
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

/// What the servers said themselves about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnostics {
    /// SIP status code.
    pub status: Option<u16>,
    /// Error identifier of the ms-diagnostics header.
    pub ms_diagnostics: Option<u32>,
    /// The server that reported it.
    pub reported_by: Option<String>,
}

impl Diagnostics {
    /// The codes in a few characters: `504, ms-diagnostics 1009`; empty when there are none.
    pub fn codes(&self) -> String {
        match (self.status, self.ms_diagnostics) {
            (Some(status), Some(id)) => format!("{status}, ms-diagnostics {id}"),
            (Some(status), None) => status.to_string(),
            (None, Some(id)) => format!("ms-diagnostics {id}"),
            (None, None) => String::new(),
        }
    }
}

/// A frame of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Citation {
    /// Index into `inputs`.
    pub input: u16,
    /// Frame number in that input, 1-based.
    pub frame: u64,
}

/// Counts over the ladders and findings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    /// All ladders.
    pub ladders: u64,
    /// Ladders with verdict `complete`.
    pub complete: u64,
    /// Ladders with verdict `degraded`.
    pub degraded: u64,
    /// Ladders with verdict `broken`.
    pub broken: u64,
    /// Ladders with verdict `no-push-expected`.
    pub no_push_expected: u64,
    /// Ladders with verdict `inconclusive`.
    pub inconclusive: u64,
    /// Findings by severity.
    pub findings: FindingCounts,
    /// Times between steps, for steps that were timed at least once.
    pub latency_ms: Vec<Latency>,
}

impl Summary {
    /// Counts one ladder by its verdict.
    pub fn count_ladder(&mut self, verdict: Verdict) {
        self.ladders = self.ladders.saturating_add(1);
        let slot = match verdict {
            Verdict::Complete => &mut self.complete,
            Verdict::Degraded => &mut self.degraded,
            Verdict::Broken => &mut self.broken,
            Verdict::NoPushExpected => &mut self.no_push_expected,
            Verdict::Inconclusive => &mut self.inconclusive,
        };
        *slot = slot.saturating_add(1);
    }

    /// How many ladders have `verdict`.
    pub const fn with_verdict(&self, verdict: Verdict) -> u64 {
        match verdict {
            Verdict::Complete => self.complete,
            Verdict::Degraded => self.degraded,
            Verdict::Broken => self.broken,
            Verdict::NoPushExpected => self.no_push_expected,
            Verdict::Inconclusive => self.inconclusive,
        }
    }
}

/// Findings by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FindingCounts {
    /// Errors.
    pub error: u64,
    /// Warnings.
    pub warning: u64,
    /// Notes.
    pub note: u64,
}

impl FindingCounts {
    /// Counts one finding.
    pub fn count(&mut self, severity: Severity) {
        let slot = match severity {
            Severity::Error => &mut self.error,
            Severity::Warning => &mut self.warning,
            Severity::Note => &mut self.note,
        };
        *slot = slot.saturating_add(1);
    }

    /// How many findings are at least as bad as `lowest`.
    pub const fn at_least(&self, lowest: Severity) -> u64 {
        match lowest {
            Severity::Error => self.error,
            Severity::Warning => self.error.saturating_add(self.warning),
            Severity::Note => self.error.saturating_add(self.warning).saturating_add(self.note),
        }
    }
}

/// How long a step took after the step before it, over all ladders that show both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Latency {
    /// 1 to 10.
    pub step: u8,
    /// Ladders measured.
    pub count: u64,
    /// Median, milliseconds.
    pub p50: f64,
    /// 95th percentile, milliseconds.
    pub p95: f64,
    /// Longest, milliseconds.
    pub max: f64,
}
