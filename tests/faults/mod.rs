//! What a report says went wrong: of a capture that lacks something it may not be more than of the whole one.

use std::collections::BTreeSet;

use lyncpush::report::model::{Ladder, Report, Step, StepStatus};

/// What is said to have gone wrong: for whom, and at which step.
pub fn faults(report: &Report) -> BTreeSet<String> {
    let of = |ladder: &Ladder| {
        // Of a push whose call is lost it is true that it was refused, whatever became of the call.
        let is_alone = ladder.call_id.is_none();
        let wrong = |step: &&Step| match step.status {
            StepStatus::Missing => true,
            StepStatus::Failed => !is_alone,
            _ => false,
        };
        // Who refused a push is told by the request on its way out, which may be lost: then it is said to be step 5.
        let number = |step: &Step| match (step.number, step.status) {
            (8, StepStatus::Failed) => 5,
            (number, _) => number,
        };
        let named = |step: &Step| format!("{:?} {}", ladder.callee, number(step));
        ladder.steps.iter().filter(wrong).map(named).collect::<Vec<_>>()
    };
    report.ladders.iter().flat_map(of).collect()
}
