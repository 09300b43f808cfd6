//! No live view: here the terminal is not known well enough to be left as it was found.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::metrics;
use crate::error::Result;
use crate::pipeline::Meters;
use crate::report::format::Options;
use crate::report::model::{Finding, Ladder};

/// What would be shown beside counters.
#[derive(Clone, Debug, Default)]
pub struct Board;

impl Board {
    /// A ladder that closed.
    pub fn ladder(&self, _ladder: &Ladder, _findings: &[Finding]) {}

    /// Something that was said.
    pub fn say(&self, _line: String) {}
}

/// What the view would read.
#[allow(dead_code, reason = "nobody does")]
pub struct Sources {
    /// Names of interfaces.
    pub interfaces: String,
    /// Counters of the stages.
    pub meters: Arc<Meters>,
    /// Ladders that were counted.
    pub tally: metrics::Shared,
    /// Octets that the tables may take.
    pub limit: u64,
    /// Set when the terminal is gone.
    pub stop: Arc<AtomicBool>,
    /// Colours and characters of the terminal.
    pub options: Options,
    /// The most columns.
    pub width: Option<u16>,
}

/// A view that never stands.
pub struct View(Board);

impl View {
    /// Shows nothing.
    pub fn start(_sources: Sources) -> Result<Self> {
        Ok(Self(Board))
    }

    /// Where nothing is read.
    pub const fn board(&self) -> &Board {
        &self.0
    }
}
