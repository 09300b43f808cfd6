//! Tickets from outside: what arrives at a real HTTP server, and what is left when it does not.
//!
//! Pauses are milliseconds, attempts few, and an endpoint that failed is left alone for longer than any test takes, by
//! options that no help shows; nothing here depends on how fast anything is.

#[path = "../analysis/mod.rs"]
mod analysis;
#[path = "../command/mod.rs"]
mod command;
mod delivery;
#[path = "../endpoint/mod.rs"]
mod endpoint;
mod poster;
mod refusals;
mod sharing;
mod templates;

use std::path::{Path, PathBuf};

use command::{Ran, run};

/// A capture with one fault.
pub const BROKEN: &str = "samples/domain-not-allowed.pcap";
/// A capture with none.
pub const COMPLETE: &str = "samples/happy.pcap";

/// Short pauses between attempts, and after the last one none that ends while a slow machine still analyses.
pub const QUICK: [&str; 4] = ["--post-pause", "1ms", "--post-rest", "1h"];

/// A place for spools and files, gone in the end.
pub struct Place(tempfile::TempDir);

impl Place {
    /// One with nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The path of a name in it.
    pub fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A file in it.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.path().join(name), text).unwrap();
        self.path(name)
    }

    /// Analyses a capture and posts what is wrong.
    pub fn post(&self, capture: &str, url: &str, options: &[&str]) -> Ran {
        let spool = self.path("spool");
        let usual = [("--post", url), ("--spool", &spool), ("--post-timeout", "50s")];
        let usual = usual.iter().filter(|(name, _)| !options.contains(name)).flat_map(|(name, value)| [*name, *value]);
        run(["analyze", capture].into_iter().chain(usual).chain(QUICK).chain(options.iter().copied()))
    }

    /// The documents that wait.
    pub fn waiting(&self) -> Vec<PathBuf> {
        files(self.0.path()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "ticket")).collect()
    }
}

/// Every file in a folder and those in it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
