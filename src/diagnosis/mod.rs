//! Diagnosis: why a ladder broke, and what to do about it.
//!
//! In: a [`Case`]: a ladder, how it was judged and by which profile. Out: at most one primary [`Diagnosis`]: the cause, what
//! speaks for it, how sure that is, which findings it explains, the commands that check and change it, and the
//! causes that the evidence rules out. A cause is one row of [`causes`]; the first that applies is the primary one.
//! It judges nothing again: what could not be seen is said in the steps, and stays so here. Reason texts are
//! never matched, only numbers.

pub mod case;
pub mod catalogue;
pub mod causes;
pub mod fingerprint;
pub mod names;
pub mod page;
pub mod remedy;

mod exclusion;

use schemars::JsonSchema;
use serde::Serialize;

use crate::judge::finding::{Finding, Severity};
use case::{Case, Waited};
use causes::{CAUSES, Cause, Evidence};
use names::Names;
use remedy::Remedy;

pub use exclusion::Exclusion;

/// How sure a cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The evidence fits, and other causes would look the same.
    Possible,
    /// The evidence points to it; how it is read is not documented.
    Likely,
    /// The messages say so themselves.
    Certain,
}

impl Certainty {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What is thought to be the cause of a ladder's findings.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The cause.
    pub cause: &'static Cause,
    /// How sure it is.
    pub certainty: Certainty,
    /// What in this ladder speaks for it.
    pub why: String,
    /// Index into [`Judgement::findings`](crate::judge::Judgement::findings) of the finding that shows it.
    pub primary: usize,
    /// Indexes of further findings that come from the same cause.
    pub symptoms: Vec<usize>,
    /// What to do, with this ladder's names.
    pub remedy: Remedy,
    /// Causes that the evidence rules out, and what does.
    pub ruled_out: Vec<Exclusion>,
    /// Whether what the push waited for is part of what speaks for it.
    pub shows_waited: bool,
}

/// Finds the primary cause of a ladder's findings; `None` where there is none, or none that is known.
pub fn diagnose(case: &Case<'_>) -> Option<Diagnosis> {
    let findings = &case.judgement.findings;
    let (cause, primary, Evidence { certainty, why, shows_waited }) =
        CAUSES.iter().copied().flatten().find_map(|cause| {
            let primary = findings.iter().position(|finding| cause.codes.contains(&finding.code))?;
            Some((cause, primary, (cause.applies)(case)?))
        })?;
    let found = findings.get(primary)?;
    let is_symptom = |(at, finding): &(usize, &Finding)| {
        *at != primary
            && finding.severity == Severity::Error
            && finding.step > found.step
            // What follows an answer has a cause of its own.
            && finding.step.is_some_and(|step| step < 9 || step == 9 && case.nobody_answered())
    };
    let symptoms = findings.iter().enumerate().filter(is_symptom).map(|(at, _)| at).collect();
    let ruled_out = if found.severity == Severity::Error { exclusion::of(case, cause) } else { Vec::new() };
    let mut remedy = Remedy::new(cause, &Names::of(case, cause), certainty);
    if shows_waited && case.waited.is_some_and(Waited::is_sure) {
        // What another capture would show is in this one.
        remedy.capture_next = None;
    }
    Some(Diagnosis { cause, certainty, why, primary, symptoms, remedy, ruled_out, shows_waited })
}
