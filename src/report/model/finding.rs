//! What is worth telling, and the counts over everything told.

use schemars::JsonSchema;
use serde::Serialize;

use super::coverage::Tls;
use super::ladder::Verdict;
pub use crate::judge::finding::Severity;

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
    /// Stable name of the cause it comes from; null where none is known.
    pub cause: Option<String>,
    /// Code of the ladder's finding that shows the cause, where this one is only a symptom of it; else null.
    pub symptom_of: Option<String>,
    /// What the handshake showed, where it is about one; else null.
    pub tls: Option<Tls>,
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
    /// Every error identifier of the response and its copies.
    pub reported: Vec<Reported>,
}

/// One error identifier, and who reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Reported {
    /// Error identifier of the ms-diagnostics header.
    pub ms_diagnostics: u32,
    /// The server that reported it.
    pub reported_by: Option<String>,
    /// What it means; null where that is not known.
    pub meaning: Option<String>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, JsonSchema)]
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
