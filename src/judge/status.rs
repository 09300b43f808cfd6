//! The status of a step.

use crate::frame::Timestamp;
use crate::ladder::profile::StepKey;
use crate::ladder::rung::Rung;

/// What is true of a step; the contract's table says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the contract's table of statuses explains them")]
pub enum Status {
    Ok,
    Late,
    OutOfOrder,
    Failed,
    Missing,
    NotReached,
    Implied,
    NotCovered,
    NotObservable,
    NotApplicable,
    Unreadable,
    Truncated,
}

impl Status {
    /// All of them, in the contract's order.
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

    /// The word reports use.
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
