//! Why a ladder broke, and what to do about it.

use schemars::JsonSchema;
use serde::Serialize;

pub use crate::diagnosis::Certainty;

/// The primary cause of a ladder's findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// Stable name of the cause; `lyncpush explain` tells more of it.
    pub cause: String,
    /// What it is, in one line.
    pub title: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// What in this ladder speaks for it.
    pub evidence: String,
    /// Codes of the findings it explains, the one that shows it first.
    pub explains: Vec<String>,
    /// Fingerprint of the finding that shows it: the key for one ticket for each fault.
    pub fingerprint: String,
    /// What to do.
    pub remedy: Remedy,
    /// Causes that the evidence rules out.
    pub ruled_out: Vec<RuledOut>,
}

/// What to do about a cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Remedy {
    /// What it comes down to.
    pub advice: String,
    /// Commands that show whether it is so.
    pub check: Vec<Command>,
    /// Commands that change it.
    pub change: Vec<Command>,
    /// Where to capture next; null where no capture would tell more, or none needs to.
    pub capture_next: Option<String>,
}

/// A command to run, its names quoted for PowerShell; what the capture does not show is a gap such as `<edge>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Command {
    /// Where to run it.
    pub place: String,
    /// The command.
    pub command: String,
}

/// A cause that it was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuledOut {
    /// Stable name of the cause.
    pub cause: String,
    /// What rules it out.
    pub why: String,
}
