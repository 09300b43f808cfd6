//! The stages joined. (The shape the command line is written against.)

use crate::error::{Error, Result};
use crate::report::model::{Finding, Ladder, Report};

/// Where a capture was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// The caller's computer.
    Caller,
    /// The Front End's network card.
    Frontend,
    /// The Front End's loopback.
    FrontendLoopback,
    /// The Edge's internal network card.
    EdgeInternal,
    /// The Edge's external network card.
    EdgeExternal,
}

impl Vantage {
    /// All of them: the registry behind `--vantage`.
    pub const ALL: [Self; 5] =
        [Self::Caller, Self::Frontend, Self::FrontendLoopback, Self::EdgeInternal, Self::EdgeExternal];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Frontend => "frontend",
            Self::FrontendLoopback => "frontend-loopback",
            Self::EdgeInternal => "edge-internal",
            Self::EdgeExternal => "edge-external",
        }
    }

    /// The vantage of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vantage| vantage.name() == name)
    }
}

/// The built-in profile with its comments.
pub const LYNC_MCX: &str = "name = \"lync-mcx\"\n";

/// What a ladder should look like.
#[derive(Clone, Debug, Default)]
pub struct Profile(String);

impl Profile {
    /// The built-in profile.
    pub fn built_in() -> Result<Self> {
        Self::with_overrides("")
    }

    /// The built-in profile with what `overrides` (TOML text) says put over it.
    pub fn with_overrides(overrides: &str) -> Result<Self> {
        Ok(Self(overrides.to_owned()))
    }

    /// The profile as TOML.
    pub fn to_toml(&self) -> Result<String> {
        Ok(self.0.clone())
    }
}

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
    /// What a ladder should look like.
    pub profile: Profile,
}

/// Who watches an analysis.
pub trait Observer {
    /// A ladder closed.
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()>;
    /// So much was read.
    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64);
    /// Whether ladders are kept for the final report.
    fn keep(&self) -> bool;
}

/// Analyses captures.
pub fn analyze(settings: &Settings, observer: &mut dyn Observer) -> Result<Report> {
    let _ = (settings, observer);
    Err(Error::new("not joined yet"))
}
