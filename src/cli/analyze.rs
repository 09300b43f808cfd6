//! `lyncpush analyze`: from checked arguments to a written report and an exit code.

use std::borrow::Cow;
use std::fs;
use std::io::{self, IsTerminal};

use super::args::{self, FailOn};
use super::output::Output;
use super::post::{Files, Tickets};
use super::progress::Progress;
use super::{CLEAN, FOUND, complain, profile, terminal};
use crate::error::{Error, Result};
use crate::pipeline::{self, Observer, Settings, Vantage};
use crate::report::format::{Format, Options, Shape};
use crate::report::model::{Finding, FindingCounts, Input, Ladder, Report};
use crate::report::ndjson;
use crate::report::pseudonyms::Pseudonyms;

/// Analyses and writes; the exit code says whether there is a finding that matters.
///
/// Fails when an argument, a capture or the output cannot be used, or a ticket was not delivered.
pub fn run(args: &args::Analyze) -> Result<u8> {
    let settings = settings(args)?;
    let shared = &args.shared;
    #[cfg(feature = "tls")]
    let keys = shared.keys.read()?;
    #[cfg(not(feature = "tls"))]
    let keys = pipeline::Keys::default();
    let output = Output::open(shared.output.as_deref(), &args.captures)?;
    // Who reads a pipe that is still being filled wants each line as it comes.
    let at_once = args.captures.iter().any(|capture| capture == "-");
    let files = shared.tickets.files()?;
    let mut watch = Watch::start(shared, files, shared.format(), output, &args.captures, at_once)?;
    let result = pipeline::analyze_with(&settings, keys, &mut watch);
    watch.progress.finish();
    watch.end(result, shared, shared.format(), &mut |line| _ = complain(&line))
}

/// What the pipeline needs to know.
fn settings(args: &args::Analyze) -> Result<Settings> {
    if args.captures.iter().filter(|capture| *capture == "-").count() > 1 {
        return Err(Error::new("standard input can be read only once: give '-' one time"));
    }
    settings_of(&args.captures, &args.shared)
}

/// The same of captures or interfaces by their names.
pub(super) fn settings_of(names: &[String], shared: &args::Shared) -> Result<Settings> {
    Ok(Settings {
        captures: names.to_vec(),
        bpf: shared.bpf.clone(),
        vantages: vantages(names, shared)?,
        push_uris: shared.push_uris.clone(),
        user: shared.user.clone(),
        show_text: shared.show_text,
        // The page shows a message on a click. It is the one format that a reader looks into.
        outlines: shared.format().name == "html",
        profile: profile::read(shared.profile.as_deref())?,
    })
}

/// What `--vantage` says, its files by the names the captures were given with.
fn vantages(names: &[String], shared: &args::Shared) -> Result<Vec<(Vantage, Option<String>)>> {
    let same = |a: &str, b: &str| {
        a == b || fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b)
    };
    let named = |(vantage, file): &(Vantage, Option<String>)| match file {
        None => Ok((*vantage, None)),
        Some(file) => match names.iter().find(|capture| same(capture, file)) {
            Some(capture) => Ok((*vantage, Some(capture.clone()))),
            None => Err(Error::new(format!("--vantage names {file:?}, which is not one of the captures"))),
        },
    };
    shared.vantages.iter().map(named).collect()
}

/// How a report for people shall look here and now.
pub(super) fn options(args: &args::Shared) -> Options {
    let lookup = &terminal::environment;
    let to_terminal = args.output.is_none() && io::stdout().is_terminal();
    Options {
        width: terminal::width(args.width, lookup, terminal::columns()),
        ascii: terminal::ascii(lookup),
        colour: terminal::colour(args.color, lookup, to_terminal),
        verbose: args.verbose,
        filtered: args.user.is_some(),
        whole_texts: args.show_text,
    }
}

/// 1 when a finding is at least as bad as `fail_on`.
pub(super) const fn exit_code(counts: &FindingCounts, fail_on: FailOn) -> u8 {
    match fail_on.severity() {
        Some(lowest) if counts.at_least(lowest) > 0 => FOUND,
        _ => CLEAN,
    }
}

/// Where ladders go: to the end, or out as they close.
#[derive(Debug)]
pub(super) enum Sink {
    Whole(Output),
    Lines(ndjson::Writer<Output>),
}

impl Sink {
    pub(super) fn output(&self) -> &Output {
        match self {
            Self::Whole(output) => output,
            Self::Lines(writer) => writer.output(),
        }
    }

    #[cfg(feature = "live")]
    pub(super) fn output_mut(&mut self) -> &mut Output {
        match self {
            Self::Whole(output) => output,
            Self::Lines(writer) => writer.output_mut(),
        }
    }

    /// Writes what is left and closes the output.
    pub(super) fn end(self, format: &Format, report: &Report, options: &Options) -> Result<()> {
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

/// Watches the analysis: writes lines, opens tickets, counts findings, shows progress.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) sink: Sink,
    pub(super) progress: Progress,
    pub(super) counts: FindingCounts,
    at_once: bool,
    pseudonyms: Option<Pseudonyms>,
    tickets: Tickets,
    /// Whether tickets go without the texts that the page shows.
    bare_tickets: bool,
    /// Findings of captures as a whole that were offered as tickets before the end: their fingerprints and details.
    offered: Vec<(String, String)>,
}

impl Watch {
    /// Somebody who watches the analysis of what has these names, as the arguments say.
    pub(super) fn start(
        shared: &args::Shared,
        files: Files,
        format: &Format,
        output: Output,
        names: &[String],
        at_once: bool,
    ) -> Result<Self> {
        let mut pseudonyms = if shared.pseudonyms { Some(Pseudonyms::new()?) } else { None };
        let tickets = shared.tickets.start(files, names, |path| match &mut pseudonyms {
            Some(pseudonyms) => pseudonyms.capture(path),
            None => path.clone(),
        })?;
        let progress = Progress::new(!shared.quiet && !shared.no_progress);
        let bare_tickets = !shared.show_text && tickets.are_wanted();
        Ok(Self { at_once, pseudonyms, tickets, bare_tickets, ..Self::new(format, output, progress) })
    }

    fn new(format: &Format, output: Output, progress: Progress) -> Self {
        let sink = match format.shape {
            Shape::Whole(_) => Sink::Whole(output),
            Shape::Lines => Sink::Lines(ndjson::Writer::new(output)),
        };
        let (counts, tickets) = (FindingCounts::default(), Tickets::none());
        let (pseudonyms, offered) = (None, Vec::new());
        Self { sink, progress, counts, at_once: false, pseudonyms, tickets, bare_tickets: false, offered }
    }

    /// Writes what is left and waits for tickets, whatever became of the analysis; what became of them is told.
    pub(super) fn end(
        mut self,
        result: Result<Report>,
        args: &args::Shared,
        format: &Format,
        tell: &mut dyn FnMut(&str),
    ) -> Result<u8> {
        let code = if self.sink.output().is_closed() {
            Ok(exit_code(&self.counts, args.fail_on))
        } else {
            let offered = result.map(|mut report| {
                if let Some(pseudonyms) = &mut self.pseudonyms {
                    pseudonyms.report(&mut report);
                }
                self.offer_captures(&report.inputs, &report.findings, true);
                report
            });
            offered.and_then(|report| {
                self.sink.end(format, &report, &options(args))?;
                Ok(exit_code(&report.summary.findings, args.fail_on))
            })
        };
        let delivered = self.tickets.finish(args.quiet, tell);
        let code = code?;
        delivered.map(|()| code)
    }

    /// Opens tickets for findings of captures as a whole, for each when it arises and when it has grown since: one that
    /// is as it was before has its ticket, however long ago.
    fn offer_captures(&mut self, inputs: &[Input], findings: &[Finding], is_end: bool) {
        // Where nothing holds further tickets back, one that grows all the time gets one when it arises and one at the end.
        let repeats = is_end || self.tickets.are_held_back();
        let is_new = |finding: &&Finding| {
            let same = |(fingerprint, detail): &&(String, String)| {
                *fingerprint == finding.fingerprint && (!repeats || *detail == finding.detail)
            };
            finding.ladder.is_none() && !self.offered.iter().any(|offered| same(&offered))
        };
        let new: Vec<Finding> = findings.iter().filter(is_new).cloned().collect();
        self.tickets.offer_captures(inputs, &new);
        let all = findings.iter().filter(|finding| finding.ladder.is_none());
        self.offered = all.map(|finding| (finding.fingerprint.clone(), finding.detail.clone())).collect();
    }

    /// A ladder as it may be shown: with stand-ins where they are wanted.
    pub(super) fn disguised<'a>(
        &mut self,
        ladder: &'a Ladder,
        findings: &'a [Finding],
    ) -> (Cow<'a, Ladder>, Cow<'a, [Finding]>) {
        let Some(pseudonyms) = &mut self.pseudonyms else { return (Cow::Borrowed(ladder), Cow::Borrowed(findings)) };
        let (mut ladder, mut findings) = (ladder.clone(), findings.to_vec());
        pseudonyms.closed(&mut ladder, &mut findings);
        (Cow::Owned(ladder), Cow::Owned(findings))
    }

    /// Shows a ladder to whom it concerns before the end.
    fn show(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        if self.bare_tickets {
            self.tickets.offer(&ladder.without_texts(), findings);
        } else {
            self.tickets.offer(ladder, findings);
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
}

impl Observer for Watch {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        for finding in findings {
            self.counts.count(finding.severity);
        }
        if self.keep() && !self.tickets.are_wanted() {
            return Ok(());
        }
        let (ladder, findings) = self.disguised(ladder, findings);
        self.show(&ladder, &findings)
    }

    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64) {
        self.progress.tick(position, size, frames, ladders);
    }

    fn keep(&self) -> bool {
        matches!(self.sink, Sink::Whole(_))
    }

    fn losses(&mut self, inputs: &[Input], findings: &[Finding]) {
        if !self.tickets.are_wanted() {
            return;
        }
        let mut report = Report { inputs: inputs.to_vec(), findings: findings.to_vec(), ..Report::empty() };
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.report(&mut report);
        }
        self.offer_captures(&report.inputs, &report.findings, false);
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
            let mut watch = Watch::new(format, output, Progress::new(false));
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
