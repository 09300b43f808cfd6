//! The verdict over ten judged steps.

use schemars::JsonSchema;
use serde::Serialize;

use super::finding::{Finding, Severity};
use super::notes::{Absent, Notes};
use super::status::{Status, StepJudged};
use crate::ladder::Ladder;
use crate::ladder::profile::StepKey;
use crate::ladder::rung::Trigger;

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

/// The verdict, and the number of the first broken step.
pub fn of(steps: &[StepJudged], ladder: &Ladder, findings: &[Finding], notes: &Notes) -> (Verdict, Option<u8>) {
    if let Some(broken) = steps.iter().find(|step| step.status.breaks()) {
        return (Verdict::Broken, Some(broken.key.number()));
    }
    let disturbed = steps.iter().any(|step| matches!(step.status, Status::Late | Status::OutOfOrder))
        || findings.iter().any(|finding| finding.severity == Severity::Warning);
    let none_due = matches!(notes.absent, Some(Absent::Client | Absent::Foreground | Absent::EndedFirst));
    if none_due {
        return (if disturbed { Verdict::Degraded } else { Verdict::NoPushExpected }, None);
    }
    let whole = steps.iter().all(|step| {
        use Status::{Implied, Late, NotApplicable, NotCovered, NotObservable, Ok, OutOfOrder};
        matches!(step.status, Ok | Late | OutOfOrder | Implied | NotObservable | NotCovered | NotApplicable)
    });
    let seen = |key: StepKey| steps.get(key.index()).is_some_and(|step| step.status.is_seen());
    let alone = matches!(ladder.trigger, Trigger::PushOnly | Trigger::Test);
    let decided = seen(StepKey::PushAccepted) && (alone || seen(StepKey::CallAnswered));
    let verdict = match (whole && decided, disturbed) {
        (true, false) => Verdict::Complete,
        (true, true) => Verdict::Degraded,
        (false, _) => Verdict::Inconclusive,
    };
    (verdict, None)
}
