//! The status of a step.

use schemars::JsonSchema;
use serde::Serialize;

use crate::frame::Timestamp;
use crate::ladder::profile::StepKey;
use crate::ladder::rung::Rung;

/// What is known of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
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

impl Status {
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

    /// Whether the push exchange breaks here.
    pub const fn breaks(self) -> bool {
        matches!(self, Self::Failed | Self::Missing)
    }

    /// Whether the step itself was seen.
    pub const fn is_seen(self) -> bool {
        matches!(self, Self::Ok | Self::Late | Self::OutOfOrder | Self::Failed)
    }
}

/// A step and what was made of it.
#[derive(Clone, Debug)]
pub struct StepJudged {
    /// Which step.
    pub key: StepKey,
    /// What is true of it.
    pub status: Status,
    /// When it was first seen, on any leg.
    pub at: Option<Timestamp>,
    /// Nanoseconds since the nearest earlier step that was seen; negative when it came before that.
    pub since_previous: Option<i64>,
    /// Every message that shows it, in time order.
    pub evidence: Vec<Rung>,
    /// A short remark for people.
    pub detail: Option<String>,
}
