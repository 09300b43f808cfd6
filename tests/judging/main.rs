//! Correlating and judging: short scripts on a stage, each with the ten statuses the contract gives it.

mod calls;
mod diagnoses;
mod joins;
mod late;
mod neighbours;
mod stage;
mod steps;

use lyncpush::judge::Judgement;

/// The ten statuses in short, for rows that can be read: `ok`, `MISS`, …
fn statuses(judgement: &Judgement) -> String {
    let short = |step: &lyncpush::judge::status::StepJudged| match step.status.name() {
        "out-of-order" => "order",
        "not-reached" => "-",
        "not-covered" => "?",
        "not-observable" => "~",
        "not-applicable" => "na",
        other => other,
    };
    judgement.steps.iter().map(short).collect::<Vec<_>>().join(" ")
}

fn codes(judgement: &Judgement) -> Vec<&'static str> {
    judgement.findings.iter().map(|finding| finding.code).collect()
}
