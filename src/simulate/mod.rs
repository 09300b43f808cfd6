//! Synthetic captures of known ladders, for training and for tests.
//!
//! In: the name of a scenario and [`Options`]. Out: a capture file, byte for byte the same whenever the
//! same is asked for. It refuses to know how captures are read or judged: what it writes is the
//! reading half's test, so it shares no code with it but the computation of GRUUs.

mod options;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use options::{Client, Container, Link, Mischief, Options, PushVariant, Vantage};

use crate::error::Result;

/// One known story about a ladder.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called on the command line, in kebab case.
    pub name: &'static str,
    /// What happens in it, one line.
    pub summary: &'static str,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames in the file.
    pub frames: u64,
    /// Octets of those frames, without the file's own.
    pub bytes: u64,
    /// SIP messages put on the wire, on any leg, whether the vantage shows it or not.
    pub messages: u64,
    /// Ladders told.
    pub ladders: u64,
}

/// Every scenario, in the order `--list` shows them.
pub fn scenarios() -> &'static [Scenario] {
    &[]
}

/// Writes every scenario's name and summary, one a line.
///
/// # Errors
/// What `out` answers.
pub fn list(out: &mut dyn Write) -> std::io::Result<()> {
    scenarios().iter().try_for_each(|scenario| writeln!(out, "{}  {}", scenario.name, scenario.summary))
}

/// Writes the capture of `scenario`.
///
/// # Errors
/// An unknown scenario, options that contradict each other, and what `out` answers.
pub fn write(scenario: &str, options: &Options, out: &mut dyn Write) -> Result<Summary> {
    let _ = (options, out);
    Err(options::unknown("scenario", scenario, &[]))
}

/// Writes the same ladders as three captures, taken at the Front End, the Edge and the caller's
/// computer, whose clocks disagree: `{stem}-frontend.pcap` and so on in `directory`.
///
/// # Errors
/// As [`write()`], and when a file cannot be made.
pub fn write_set(scenario: &str, options: &Options, directory: &Path, stem: &str) -> Result<Vec<(PathBuf, Summary)>> {
    let _ = (options, directory, stem);
    Err(options::unknown("scenario", scenario, &[]))
}
