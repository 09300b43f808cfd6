//! A capture through the whole pipeline.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::path::Path;

use lyncpush::error::Result;
use lyncpush::pipeline::{self, Keys, Observer, Settings};
use lyncpush::report::json;
use lyncpush::report::model::{Finding, Ladder, Report};

/// Keeps ladders for the report, and watches nothing.
struct Keeper;

impl Observer for Keeper {
    fn ladder(&mut self, _: &Ladder, _: &[Finding]) -> Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64, _: u64) {}

    fn keep(&self) -> bool {
        true
    }
}

/// The report on the capture at `path`, and its JSON. That every frame is accounted for is asserted.
pub fn analyze(path: &Path, show_text: bool) -> Result<(Report, Vec<u8>)> {
    analyze_with(path, show_text, Keys::default())
}

/// The same with keys to what is encrypted.
pub fn analyze_with(path: &Path, show_text: bool, keys: Keys) -> Result<(Report, Vec<u8>)> {
    analyze_as(&Settings { show_text, ..Settings::of(vec![path.to_str().expect("a path in UTF-8").to_owned()])? }, keys)
}

/// The same with other settings.
pub fn analyze_as(settings: &Settings, keys: Keys) -> Result<(Report, Vec<u8>)> {
    let report = pipeline::analyze_with(settings, keys, &mut Keeper)?;
    let (frames, captures) = (&report.coverage.frames, &settings.captures);
    assert_eq!(frames.read, frames.used + frames.set_aside.values().sum::<u64>(), "{captures:?}");
    assert_eq!(frames.read, report.inputs.iter().map(|input| input.frames).sum::<u64>(), "{captures:?}");
    assert!(report.ladders.iter().all(|ladder| ladder.steps.len() == 10), "{captures:?}");
    let mut written = Vec::new();
    json::write(&report, &mut written).expect("memory takes everything");
    Ok((report, written))
}
