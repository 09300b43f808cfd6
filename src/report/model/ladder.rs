//! One push exchange and its ten judged steps.

use schemars::JsonSchema;
use serde::Serialize;

use super::coverage::Leg;

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
