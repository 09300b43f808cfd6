//! The report as data: what every format shows, and exactly what `--format json` writes.
//!
//! In: judged ladders, what the capture could show, counts. Out: types whose serde names, order and
//! nullability are the contract with scripts; their doc comments become the descriptions of the JSON Schema.
//! It refuses to know how a report looks and how its values were found.
//! Unknown is `None` (`null` in JSON), never an empty string. Times are RFC 3339 in UTC
//! ([`rfc3339`](super::time::rfc3339)), durations fractional milliseconds, frames 1-based.

mod coverage;
mod diagnosis;
mod finding;
mod ladder;

use schemars::JsonSchema;
use serde::Serialize;

pub use coverage::{
    AnomalyCitation, AnomalyCount, Certificate, Coverage, FrameCounts, Issuer, KeyCounts, Leg, Legs, Streams, Tls,
    Unreadable, UnreadableReason, common_names,
};
pub use diagnosis::{Certainty, Command, Diagnosis, Remedy, RuledOut};
pub use finding::{Citation, Diagnostics, Finding, FindingCounts, Latency, Reported, Severity, Summary};
pub use ladder::{Evidence, Join, Ladder, Mobile, Rival, Step, StepStatus, Trigger, Verdict};

/// The value of `schema` in every report of this major version.
pub const SCHEMA: &str = "lyncpush.report/1";

/// One whole analysis.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "lyncpush report")]
pub struct Report {
    /// Name and major version of this format: `lyncpush.report/1`.
    pub schema: String,
    /// The program that wrote the report.
    pub tool: Tool,
    /// The captures analysed, in the order of the command line.
    pub inputs: Vec<Input>,
    /// What the captures could show and what could not be read.
    pub coverage: Coverage,
    /// The push ladders, in the order they began.
    pub ladders: Vec<Ladder>,
    /// Everything worth telling; ladders refer to it by index.
    pub findings: Vec<Finding>,
    /// Counts over the ladders and findings.
    pub summary: Summary,
}

impl Report {
    /// A report of this program and version with nothing in it yet.
    pub fn empty() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(),
            inputs: Vec::new(),
            coverage: Coverage::default(),
            ladders: Vec::new(),
            findings: Vec::new(),
            summary: Summary::default(),
        }
    }
}

/// The program that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// Always `lyncpush`.
    pub name: String,
    /// Its version, as `--version` prints it.
    pub version: String,
}

impl Tool {
    /// This program, this version.
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// One capture.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Input {
    /// The path as given; `-` is standard input.
    pub path: String,
    /// Container by content: `pcap`, `pcapng`, with `+gzip` or `+zstd` when compressed.
    pub format: String,
    /// Frames in the capture, as Wireshark counts them.
    pub frames: u64,
    /// Octets read from the file, before decompression.
    pub bytes: u64,
    /// When the earliest frame was captured; null without frames.
    pub first_frame_at: Option<String>,
    /// When the latest frame was captured; null without frames.
    pub last_frame_at: Option<String>,
    /// Link types seen, by name.
    pub link_types: Vec<String>,
    /// Milliseconds added to every timestamp of this input so that several captures agree; 0 for the first.
    pub clock_offset_ms: f64,
    /// Whether the clock could be compared with the first input's; if not, the offset is 0 for want of better.
    pub clock_compared: bool,
    /// How the capture ended.
    pub ended: Ended,
    /// Where and why it ended; null when complete.
    pub ended_detail: Option<String>,
    /// What was lost while an interface was watched; absent for a file, which does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops: Option<Drops>,
}

/// What was lost while an interface was watched. Not every system and driver counts, so the counts are lower bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drops {
    /// Frames for which the kernel's ring had no room.
    pub kernel: u64,
    /// Frames that the interface or its driver dropped.
    pub interface: u64,
    /// How often the interface was down or away.
    pub interruptions: u64,
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Read to its end.
    Complete,
    /// Cut short: its last record is not whole.
    Truncated,
    /// Bytes in it make no sense; read up to there.
    Damaged,
}
