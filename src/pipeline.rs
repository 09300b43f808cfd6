//! The stages joined: the only place that knows them all.
//!
//! In: [`Settings`]. Out: a [`Report`], and each ladder to an [`Observer`] as it closes. Reading, parsing,
//! judging and reporting run side by side:
//!
//! ```text
//! frames ─reader→ Batch ─parse→ Batch ─judging→ Judged ─reporting→ Observer, Report
//! ```
//!
//! A ladder whose verdict may still change, because a leg it needs has not shown itself yet, is held
//! back until the end of the capture, a bounded number of them at a time.

#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
mod batch;
#[cfg(feature = "live")]
mod broken;
#[cfg(feature = "live")]
mod budget;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
mod carrier;
mod clocks;
mod dials;
mod exported;
mod handshakes;
mod hidden;
mod holding;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
mod judging;
#[cfg(feature = "live")]
mod kept;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
#[cfg(feature = "tls")]
mod keys;
mod ledger;
mod meters;
#[cfg(feature = "live")]
mod orders;
mod packing;
mod reader;
pub mod reading;
#[cfg(feature = "live")]
mod recent;
mod reporting;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
#[cfg(feature = "tls")]
mod secured;
#[cfg(feature = "live")]
mod sieve;
mod speakers;
mod stages;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
mod streams;
mod text;
#[cfg_attr(not(feature = "live"), allow(dead_code, reason = "only interfaces that are watched need all of it"))]
#[cfg(not(feature = "tls"))]
mod unsecured;
#[cfg(feature = "live")]
mod watching;
#[cfg(not(feature = "tls"))]
use unsecured as keys;
#[cfg(not(feature = "tls"))]
use unsecured as secured;

use crate::capture::{self, Merged};
pub use crate::capture::{Fact, Level, News};
#[cfg(feature = "live")]
pub use crate::capture::{
    Feed, Interface, KeepOptions, Live, LiveOptions, check_directory, dropped_by, interfaces, widened,
};
use crate::error::Result;
pub use crate::ladder::leg::Vantage;
pub use crate::ladder::profile::{LYNC_MCX, Profile};
use crate::report::model::{Finding, Input, Ladder, Report};
#[cfg(feature = "tls")]
pub use crate::tls::Password;
#[cfg(feature = "live")]
pub use broken::KeepBroken;
#[cfg(feature = "live")]
pub use budget::Budget;
use judging::Judging;
#[cfg(feature = "live")]
pub use kept::Keep;
pub use keys::Keys;
pub use meters::Meters;
use reader::Reader;
use reporting::Reporting;
#[cfg(feature = "live")]
pub use watching::{Control, watch};

/// What to analyse, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Paths; `-` is standard input.
    pub captures: Vec<String>,
    /// A libpcap filter.
    pub bpf: Option<String>,
    /// Where captures were taken; without a file it is said of all.
    pub vantages: Vec<(Vantage, Option<String>)>,
    /// The clearing house's addresses; empty means the profile's.
    pub push_uris: Vec<String>,
    /// Only ladders of this user.
    pub user: Option<String>,
    /// Whether message text is kept for the report.
    pub show_text: bool,
    /// Whether, where it is not, the heads of messages are, without what is private in them.
    pub outlines: bool,
    /// What a ladder should look like.
    pub profile: Profile,
}

impl Settings {
    /// Captures by the built-in profile, with nothing else asked for.
    ///
    /// # Errors
    /// None in practice: a test reads the built-in profile.
    pub fn of(captures: Vec<String>) -> Result<Self> {
        Ok(Self {
            captures,
            bpf: None,
            vantages: Vec::new(),
            push_uris: Vec::new(),
            user: None,
            show_text: false,
            outlines: false,
            profile: Profile::built_in()?,
        })
    }
}

/// Who watches an analysis.
pub trait Observer {
    /// A ladder closed.
    ///
    /// # Errors
    /// Ends the analysis with this error.
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()>;
    /// So much was read.
    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64);
    /// Whether ladders are kept for the final report.
    fn keep(&self) -> bool;
    /// Something happened to what is watched.
    fn news(&mut self, _news: &News) {}
    /// What of them is lost so far, as the report will say it: now and then while interfaces are watched.
    fn losses(&mut self, _inputs: &[Input], _findings: &[Finding]) {}
}

/// Analyses captures without secrets but those that stand in them.
///
/// # Errors
/// As [`analyze_with`].
pub fn analyze(settings: &Settings, observer: &mut dyn Observer) -> Result<Report> {
    analyze_with(settings, Keys::default(), observer)
}

/// Analyses captures; `keys` open what is encrypted in them.
///
/// # Errors
/// When a capture, the filter or the profile cannot be used, or the observer says so.
pub fn analyze_with(settings: &Settings, mut keys: Keys, observer: &mut dyn Observer) -> Result<Report> {
    let mut profile = settings.profile.clone();
    profile.set_push_uris(&settings.push_uris)?;
    let inputs = clocks::Inputs::open(&settings.captures, &capture::Options { bpf: settings.bpf.clone() })?;
    let (sources, clocks) = inputs.with_clocks(&profile, &mut keys)?;
    let merged = Merged::new(sources.into_iter().zip(clocks.offsets()).collect());
    let mut reporting = Reporting::new(&profile, settings, observer);
    let mut reader = Reader::new(merged, &profile, keys);
    let mut judging = Judging::new(settings, profile, clocks.uncertainty());
    stages::run(|full, empties| reader.run(full, empties), &mut judging, |judged| reporting.take(judged))?;
    let inputs = reader.captures().summaries().zip(clocks.compared());
    let inputs = inputs.map(|((summary, offset), compared)| (summary, offset, compared));
    Ok(reporting.finish(inputs, reader.account(), &judging))
}
