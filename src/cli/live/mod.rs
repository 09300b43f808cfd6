//! `lyncpush live`: from checked arguments to ladders as they close, a report at the end and an exit code.
//!
//! In: [`Arguments`]. Out: ladders and a report on the output, what happens to interfaces on standard error.

mod arguments;
mod metrics;

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::analyze::{Watch, settings_of};
use super::args::Shared;
use super::output::Output;
use super::signals::Signals;
use super::{UNUSABLE, complain, privileges};
use crate::error::{Error, Result};
use crate::pipeline::{self, Budget, Control, KeepOptions, Live, LiveOptions, Meters, Observer, Settings};
use crate::report::format::{self, Format, Shape};
use crate::report::model::{Finding, Ladder};
use crate::report::text::{count, sanitize};
use crate::report::time::rfc3339;
pub use arguments::{Arguments, HELP};
use metrics::Server;

/// Watches interfaces; the exit code says whether there was a finding that matters.
///
/// Fails when an argument, an interface or the output cannot be used.
pub fn run(args: &Arguments) -> Result<u8> {
    let shared = &args.shared;
    let settings = settings_of(&args.interfaces, shared)?;
    #[cfg(feature = "tls")]
    let keys = shared.keys.follow()?;
    #[cfg(not(feature = "tls"))]
    let keys = pipeline::Keys::default();
    let live = Live::open(&live_options(args, &settings))?;
    let server = args.metrics.map(Server::bind).transpose()?;
    // Credentials are root's to read.
    let files = shared.tickets.files()?;
    // Nothing that a packet holds is looked at before this.
    let user = privileges::give_up(args.run_as.as_deref())?;
    let format = format_of(shared);
    let output = open(format, shared).map_err(|error| as_user(&error, user.as_deref()))?;
    let control = Control {
        duration: args.duration.map(Duration::from_secs),
        ladders: args.ladders,
        memory: Budget::new(u64::from(args.memory_limit) << 20),
        keep: kept(args),
        ..Control::default()
    };
    let signals = Signals::listen(&control.stop)?;
    let log = Log { quiet: shared.quiet };
    let tally = metrics::Shared::default();
    if let Some(server) = server {
        log.say(&format!("metrics at http://{}/metrics", server.address()));
        server.run(Arc::clone(&control.meters), Arc::clone(&tally));
    }
    warn(&log, &settings, user.as_deref());
    let watch = Watch::start(shared, files, format, output, &args.interfaces, true);
    let watch = watch.map_err(|error| as_user(&error, user.as_deref()))?;
    let mut watch = Watchman { watch, signals, log, meters: Arc::clone(&control.meters), tally };
    let result = pipeline::watch(&settings, live, keys, &control, &mut watch);
    let Watchman { mut watch, .. } = watch;
    watch.progress.finish();
    let mut failed = None;
    let result = result.map(|(report, error)| {
        failed = error;
        report
    });
    let code = watch.end(result, shared, format)?;
    Ok(failed.map_or(code, |error| complain(&error).max(UNUSABLE)))
}

/// Where frames are kept, if they are.
fn kept(args: &Arguments) -> Option<KeepOptions> {
    Some(KeepOptions {
        directory: args.write.clone()?,
        rotate_size: args.rotate_size.map(|mib| u64::from(mib) << 20),
        rotate_time: args.rotate_time.map(|seconds| i64::from(seconds) * 1_000_000_000),
        keep: args.keep.and_then(|files| usize::try_from(files).ok()),
        // Colons are not for every file system.
        name: |time| rfc3339(time).replace(':', "-"),
    })
}

/// Which interfaces, and how.
fn live_options(args: &Arguments, settings: &Settings) -> LiveOptions {
    let ports = &settings.profile.ports;
    LiveOptions {
        interfaces: args.interfaces.clone(),
        buffer: usize::from(args.buffer) << 20,
        promiscuous: args.promiscuous,
        bpf: args.shared.bpf.clone(),
        ports: ports.sip.iter().chain(&ports.mobility).chain(&ports.remote).copied().collect(),
    }
}

/// Lines for whoever reads a pipe or a file, a table for people.
fn format_of(shared: &Shared) -> &'static Format {
    let for_people = shared.output.is_none() && io::stdout().is_terminal();
    let lines = if for_people { None } else { format::find("ndjson") };
    shared.format.or(lines).unwrap_or_else(|| shared.format())
}

/// The output: one that grows for lines, one that is whole or not there for anything else.
fn open(format: &Format, shared: &Shared) -> Result<Output> {
    match format.shape {
        Shape::Lines => Output::growing(shared.output.as_deref()),
        Shape::Whole(_) => Output::open(shared.output.as_deref(), &[]),
    }
}

/// An error that another user than the one who typed the command met.
fn as_user(error: &Error, user: Option<&str>) -> Error {
    let cure = user.map_or_else(String::new, |user| format!(" (as user {user:?}, see --run-as)"));
    Error::new(format!("{error}{cure}"))
}

/// What should be known from the beginning.
fn warn(log: &Log, settings: &Settings, user: Option<&str>) {
    let ports = &settings.profile.ports;
    let ports: Vec<u16> = ports.sip.iter().chain(&ports.mobility).chain(&ports.remote).copied().collect();
    if let Some(bpf) = &settings.bpf {
        for dropped in pipeline::dropped_by(bpf, &ports) {
            log.say(&format!("the filter {bpf:?} drops {dropped} of what it lets through otherwise"));
        }
    }
    let who = user.map_or_else(String::new, |user| format!(", as user {user}"));
    log.say(&format!("watching {}{who}", settings.captures.join(", ")));
}

/// Lines on standard error.
struct Log {
    quiet: bool,
}

impl Log {
    fn say(&self, line: &str) {
        if !self.quiet {
            self.write(&line);
        }
    }

    fn write(&self, line: &dyn Display) {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(io::stderr(), "lyncpush: {}", sanitize(&line.to_string(), false));
    }
}

/// Watches the watching: writes ladders, tells what happens to interfaces, answers signals.
struct Watchman {
    watch: Watch,
    signals: Signals,
    log: Log,
    meters: Arc<Meters>,
    tally: metrics::Shared,
}

impl Watchman {
    /// The counters, in one line.
    fn counters(&self) -> String {
        let meters = &self.meters;
        let of = |counter: &std::sync::atomic::AtomicU64| count(counter.load(Relaxed));
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let verdicts = tally.verdicts().map(|(verdict, ladders)| format!("{ladders} {}", verdict.name()));
        let verdicts: Vec<String> = verdicts.collect();
        format!(
            "{} frames, {} bytes, {} SIP messages ({} malformed); ladders: {}; open: {} calls, {} pushes; \
             lost: {} frames by the kernel, {} by interfaces, {} interruptions; {} closed early",
            of(&meters.frames),
            of(&meters.octets),
            of(&meters.messages),
            of(&meters.malformed),
            verdicts.join(", "),
            of(&meters.calls),
            of(&meters.pushes),
            of(&meters.kernel_drops),
            of(&meters.interface_drops),
            of(&meters.interruptions),
            of(&meters.evicted),
        )
    }
}

impl Observer for Watchman {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(ladder, findings);
        self.watch.ladder(ladder, findings)
    }

    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64) {
        if self.signals.reopen()
            && let Err(error) = self.watch.sink.output_mut().reopen()
        {
            self.log.write(&error);
        }
        if self.signals.print() {
            self.log.write(&self.counters());
        }
        self.watch.progress(position, size, frames, ladders);
    }

    fn keep(&self) -> bool {
        self.watch.keep()
    }

    fn news(&mut self, line: &str) {
        self.log.say(line);
    }
}
