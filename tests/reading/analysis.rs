//! A capture through the whole program: from the file to the report in every format.

use std::path::Path;

use lyncpush::error::Result;
use lyncpush::pipeline::{self, Observer, Settings};
use lyncpush::report::format::{FORMATS, Options, Shape};
use lyncpush::report::model::{Finding, Ladder, Report};
use lyncpush::report::ndjson::{Tail, Writer};

/// Ladders as lines, in the order they close.
struct Lines(Writer<Vec<u8>>);

impl Observer for Lines {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        self.0.ladder(ladder, findings).expect("memory takes everything");
        Ok(())
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64, _: u64) {}

    fn keep(&self) -> bool {
        true
    }
}

/// Analyses the capture at `path` and writes its report in every format. What holds for any report is asserted.
pub fn analyze(path: &Path) -> Result<(Report, Vec<u8>)> {
    let settings = Settings::of(vec![path.to_str().expect("a path in UTF-8").to_owned()])?;
    let mut lines = Lines(Writer::new(Vec::new()));
    let report = pipeline::analyze(&settings, &mut lines)?;
    let frames = &report.coverage.frames;
    assert_eq!(frames.read, frames.used + frames.set_aside.values().sum::<u64>(), "{}", path.display());
    assert_eq!(frames.read, report.inputs.iter().map(|input| input.frames).sum::<u64>(), "{}", path.display());
    assert!(report.ladders.iter().all(|ladder| ladder.steps.len() == 10), "{}", path.display());
    let mut written = Vec::new();
    for format in FORMATS {
        match format.shape {
            Shape::Whole(write) => write(&report, &Options { verbose: true, ..Options::default() }, &mut written),
            Shape::Lines => lines.0.end(&Tail::of(&report, &[])),
        }
        .expect("memory takes everything");
    }
    written.extend(lines.0.into_output());
    assert!(std::str::from_utf8(&written).is_ok_and(|text| !text.contains('\u{1b}')), "{}", path.display());
    Ok((report, written))
}
