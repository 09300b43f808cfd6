//! One push exchange and its ten judged steps.

use schemars::JsonSchema;
use serde::Serialize;

use super::diagnosis::Diagnosis;
pub use crate::judge::status::Status as StepStatus;
pub use crate::judge::verdict::Verdict;
pub use crate::ladder::leg::Leg;
pub use crate::ladder::rung::Trigger;

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
    /// The primary cause of its findings; null where nothing is wrong, or no cause is known.
    pub diagnosis: Option<Diagnosis>,
    // Stays the last field: the one-line form writes the objects in place of these indexes.
    /// Indexes into the report's `findings`; in the one-line form the findings themselves.
    pub findings: Vec<u64>,
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

/// A message that shows a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// Index into `inputs`.
    pub input: u16,
    /// Frame number in that input, 1-based.
    pub frame: u64,
    /// When that frame was captured.
    pub at: String,
    /// The leg it was seen on; null when the roles of its endpoints are unknown.
    pub leg: Option<Leg>,
    /// Sending endpoint, `address:port`.
    pub from: String,
    /// Receiving endpoint, `address:port`.
    pub to: String,
    /// The message in one line.
    pub summary: String,
    /// The whole message with `--show-text`; without it, in a page of HTML, its head without what is private, else null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Ladder {
    /// The same without the texts of messages.
    #[must_use]
    pub fn without_texts(&self) -> Self {
        let mut bare = self.clone();
        bare.steps.iter_mut().flat_map(|step| &mut step.evidence).for_each(|seen| seen.text = None);
        bare
    }
}
