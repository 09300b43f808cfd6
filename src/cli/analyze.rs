//! `lyncpush analyze`: from checked arguments to a written report and an exit code.

use std::fs;
use std::io::{self, IsTerminal};

use super::args::{self, FailOn};
use super::output::Output;
use super::progress::Progress;
use super::{CLEAN, FOUND, profile, terminal};
use crate::error::{Error, Result};
use crate::pipeline::{self, Observer, Settings, Vantage};
use crate::report::format::{Format, Options, Shape};
use crate::report::model::{Finding, FindingCounts, Ladder, Report};
use crate::report::ndjson;

/// Analyses and writes; the exit code says whether there is a finding that matters.
///
/// Fails when an argument, a capture or the output cannot be used.
pub fn run(args: &args::Analyze) -> Result<u8> {
    let settings = settings(args)?;
    #[cfg(feature = "tls")]
    let keys = args.keys.read()?;
    #[cfg(not(feature = "tls"))]
    let keys = pipeline::Keys::default();
    let output = Output::open(args.output.as_deref(), &args.captures)?;
    let wanted = !args.quiet && !args.no_progress;
    // Who reads a pipe that is still being filled wants each line as it comes.
    let at_once = args.captures.iter().any(|capture| capture == "-");
    let mut watch = Watch::new(args.format, output, Progress::new(wanted), at_once);
    let result = pipeline::analyze_with(&settings, keys, &mut watch);
    watch.progress.finish();
    if watch.sink.output().is_closed() {
        return Ok(exit_code(&watch.counts, args.fail_on));
    }
    let report = result?;
    watch.sink.end(args.format, &report, &options(args))?;
    Ok(exit_code(&report.summary.findings, args.fail_on))
}

/// What the pipeline needs to know.
fn settings(args: &args::Analyze) -> Result<Settings> {
    if args.captures.iter().filter(|capture| *capture == "-").count() > 1 {
        return Err(Error::new("standard input can be read only once: give '-' one time"));
    }
    Ok(Settings {
        captures: args.captures.clone(),
        bpf: args.bpf.clone(),
        vantages: vantages(args)?,
        push_uris: args.push_uris.clone(),
        user: args.user.clone(),
        show_text: args.show_text,
        profile: profile::read(args.profile.as_deref())?,
    })
}

/// What `--vantage` says, its files by the names the captures were given with.
fn vantages(args: &args::Analyze) -> Result<Vec<(Vantage, Option<String>)>> {
    let same = |a: &str, b: &str| {
        a == b || fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b)
    };
    let named = |(vantage, file): &(Vantage, Option<String>)| match file {
        None => Ok((*vantage, None)),
        Some(file) => match args.captures.iter().find(|capture| same(capture, file)) {
            Some(capture) => Ok((*vantage, Some(capture.clone()))),
            None => Err(Error::new(format!("--vantage names {file:?}, which is not one of the captures"))),
        },
    };
    args.vantages.iter().map(named).collect()
}

/// How a report for people shall look here and now.
fn options(args: &args::Analyze) -> Options {
    let lookup = &terminal::environment;
    let to_terminal = args.output.is_none() && io::stdout().is_terminal();
    Options {
        width: terminal::width(args.width, lookup, terminal::columns()),
        ascii: terminal::ascii(lookup),
        colour: terminal::colour(args.color, lookup, to_terminal),
        verbose: args.verbose,
        filtered: args.user.is_some(),
    }
}

/// 1 when a finding is at least as bad as `fail_on`.
const fn exit_code(counts: &FindingCounts, fail_on: FailOn) -> u8 {
    match fail_on.severity() {
        Some(lowest) if counts.at_least(lowest) > 0 => FOUND,
        _ => CLEAN,
    }
}

/// Where ladders go: to the end, or out as they close.
#[derive(Debug)]
enum Sink {
    Whole(Output),
    Lines(ndjson::Writer<Output>),
}

impl Sink {
    fn output(&self) -> &Output {
        match self {
            Self::Whole(output) => output,
            Self::Lines(writer) => writer.output(),
        }
    }

    /// Writes what is left and closes the output.
    fn end(self, format: &Format, report: &Report, options: &Options) -> Result<()> {
        let (output, written) = match (self, &format.shape) {
            (Self::Lines(mut writer), _) => {
                let wide: Vec<Finding> =
                    report.findings.iter().filter(|finding| finding.ladder.is_none()).cloned().collect();
                let written = writer.end(&ndjson::Tail::of(report, &wide));
                (writer.into_output(), written)
            }
            (Self::Whole(mut output), Shape::Whole(write)) => {
                let written = write(report, options, &mut output);
                (output, written)
            }
            (Self::Whole(output), Shape::Lines) => (output, Ok(())),
        };
        let failed = written.is_err();
        output.outcome(written)?;
        // Only a closed pipe is left as a failure, and nobody waits for the rest.
        if failed { Ok(()) } else { output.finish() }
    }
}

/// Watches the analysis: writes lines, counts findings, shows progress.
#[derive(Debug)]
struct Watch {
    sink: Sink,
    progress: Progress,
    counts: FindingCounts,
    at_once: bool,
}

impl Watch {
    fn new(format: &Format, output: Output, progress: Progress, at_once: bool) -> Self {
        let sink = match format.shape {
            Shape::Whole(_) => Sink::Whole(output),
            Shape::Lines => Sink::Lines(ndjson::Writer::new(output)),
        };
        Self { sink, progress, counts: FindingCounts::default(), at_once }
    }
}

impl Observer for Watch {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        for finding in findings {
            self.counts.count(finding.severity);
        }
        let Sink::Lines(writer) = &mut self.sink else { return Ok(()) };
        let mut written = writer.ladder(ladder, findings);
        if self.at_once && written.is_ok() {
            written = writer.flush();
        }
        writer.output().outcome(written)?;
        // Nobody reads on: this ends the analysis, and `run` ends quietly.
        if writer.output().is_closed() { Err(Error::new("the output was closed")) } else { Ok(()) }
    }

    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64) {
        self.progress.tick(position, size, frames, ladders);
    }

    fn keep(&self) -> bool {
        matches!(self.sink, Sink::Whole(_))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::report::{format, sample};

    fn parsed(typed: &[&str]) -> args::Analyze {
        match Cli::try_parse_from(["lyncpush", "analyze"].iter().chain(typed)).unwrap().command {
            Command::Analyze(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn exit_codes_follow_the_lowest_severity() {
        let counts = |error, warning, note| FindingCounts { error, warning, note };
        for (counts, fail_on, expected) in [
            (counts(0, 0, 0), FailOn::Note, CLEAN),
            (counts(1, 0, 0), FailOn::Error, FOUND),
            (counts(0, 1, 1), FailOn::Error, CLEAN),
            (counts(0, 1, 0), FailOn::Warning, FOUND),
            (counts(0, 0, 1), FailOn::Warning, CLEAN),
            (counts(0, 0, 1), FailOn::Note, FOUND),
            (counts(9, 9, 9), FailOn::Never, CLEAN),
        ] {
            assert_eq!(exit_code(&counts, fail_on), expected, "{counts:?} {fail_on:?}");
        }
    }

    #[test]
    fn arguments_that_contradict_each_other() {
        for (typed, expected) in [
            (
                &["a.pcap", "--vantage", "frontend=b.pcap"][..],
                "--vantage names \"b.pcap\", which is not one of the captures",
            ),
            (&["-", "-"], "standard input can be read only once: give '-' one time"),
        ] {
            assert_eq!(settings(&parsed(typed)).unwrap_err().to_string(), expected);
        }
        assert!(settings(&parsed(&["a.pcap", "--vantage", "frontend=a.pcap"])).is_ok());
    }

    /// Every format into a file, as the pipeline would have it written.
    #[test]
    fn every_format_reaches_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let report = sample::mixed();
        for format in format::FORMATS {
            let path = directory.path().join(format.name);
            let output = Output::open(Some(&path), &[]).unwrap();
            let mut watch = Watch::new(format, output, Progress::new(false), false);
            for ladder in &report.ladders {
                let findings: Vec<Finding> =
                    ladder.findings.iter().filter_map(|at| report.findings.get(*at as usize).cloned()).collect();
                watch.ladder(ladder, &findings).unwrap();
            }
            assert_eq!(watch.keep(), format.name != "ndjson");
            assert_eq!(watch.counts.error, 1);
            watch.sink.end(format, &report, &Options::default()).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            let lines = text.lines().count();
            assert!(if format.name == "ndjson" { lines == 6 } else { lines > 20 }, "{}: {text}", format.name);
        }
    }
}
