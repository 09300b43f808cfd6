//! `lyncpush live`: from checked arguments to ladders as they close, a report at the end and an exit code.
//!
//! In: [`Arguments`]. Out: ladders and a report on the output, what happens to interfaces on standard error.

mod arguments;
mod log;
mod metrics;
#[cfg_attr(not(unix), allow(dead_code, reason = "there the view is not shown"))]
mod screen;
#[cfg_attr(not(unix), path = "view/without.rs")]
mod view;
mod watchman;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use super::analyze::{Watch, options, settings_of};
use super::args::Shared;
use super::output::Output;
use super::progress::Progress;
use super::signals::Signals;
use super::{UNUSABLE, privileges, terminal};
use crate::error::{Error, Result};
use crate::frame::Timestamp;
use crate::pipeline::{
    self, Budget, Control, Fact, Keep, KeepBroken, KeepOptions, Level, Live, LiveOptions, News, Settings,
};
use crate::report::format::{self, Format, Shape};
use crate::report::time::rfc3339;
pub use arguments::{Arguments, HELP};
use log::Log;
use metrics::Server;
use view::{Sources, View};
use watchman::Watchman;

/// Watches interfaces; the exit code says whether there was a finding that matters.
///
/// Fails when an argument, an interface or the output cannot be used.
pub fn run(args: &Arguments) -> Result<u8> {
    let mut log = Log::new(args.log_format, args.shared.quiet);
    watched(args, &mut log).or_else(|error| {
        log.write(&failed(&error));
        Ok(UNUSABLE)
    })
}

/// Watches, and says on `log` what happens.
///
/// Fails as [`run`], which has it said.
fn watched(args: &Arguments, log: &mut Log) -> Result<u8> {
    let shared = &args.shared;
    each_once(&args.interfaces)?;
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
    if let Err(error) = privileges::confine() {
        log.say(&News::new(Level::Warning, "unconfined", error.to_string()));
    }
    let format = format_of(shared);
    for directory in args.write.iter().chain(&args.write_broken) {
        pipeline::check_directory(directory).map_err(|error| as_user(&error, user.as_deref()))?;
    }
    let output = open(format, shared).map_err(|error| as_user(&error, user.as_deref()))?;
    let control = Control {
        duration: args.duration.map(Duration::from_secs),
        ladders: args.ladders,
        memory: Budget::new(u64::from(args.memory_limit) << 20),
        keep: kept(args),
        broken: args.write_broken.as_ref().map(|directory| KeepBroken {
            directory: directory.clone(),
            keep: usize::try_from(args.keep_broken).unwrap_or(usize::MAX),
            name: file_name,
        }),
        ..Control::default()
    };
    let signals = Signals::listen(&control.stop)?;
    let tally = metrics::Shared::default();
    if let Some(server) = server {
        let address = server.address().to_string();
        let message = format!("metrics at http://{address}/metrics");
        log.say(&News::new(Level::Info, "metrics", message).with("address", Fact::Text(address)));
        server.run(Arc::clone(&control.meters), Arc::clone(&tally));
    }
    let watch = Watch::start(shared, files, format, output, &args.interfaces, true);
    let mut watch = watch.map_err(|error| as_user(&error, user.as_deref()))?;
    warn(log, &settings, user.as_deref());
    let view = view_of(shared, format, args, &control, &tally, &signals)?;
    if let Some(view) = &view {
        log.show_on(view.board().clone());
    }
    if view.is_some() || log.is_for_programs() {
        watch.progress = Progress::new(false);
    }
    let stop = Arc::clone(&control.stop);
    let mut watch = Watchman { watch, signals, log, view, stop, meters: Arc::clone(&control.meters), tally };
    let result = pipeline::watch(&settings, live, keys, &control, &mut watch);
    let counters = watch.counters("summary");
    let Watchman { mut watch, log, view, .. } = watch;
    // The report stands below what stood there before.
    drop(view);
    log.release();
    watch.progress.finish();
    if log.is_for_programs() {
        log.say(&counters);
    }
    let mut gone = None;
    let result = result.map(|(report, error)| {
        gone = error;
        report
    });
    let code = watch.end(result, shared, format, &mut |line| log.say(&News::new(Level::Info, "tickets", line)))?;
    match gone {
        Some(error) => Err(error),
        None => Ok(code),
    }
}

/// Whether every frame comes once.
///
/// Fails where an interface is named twice, or beside `any`.
fn each_once(interfaces: &[String]) -> Result<()> {
    let mut names: Vec<&str> = interfaces.iter().map(String::as_str).collect();
    names.sort_unstable();
    if let Some([name, _]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(Error::new(format!("every frame of {name:?} would be counted twice: give -i {name} one time")));
    }
    if names.len() > 1 && names.contains(&"any") {
        return Err(Error::new(
            "'any' is every interface, so frames of the others would be counted twice: give -i any alone",
        ));
    }
    Ok(())
}

/// That it cannot go on.
fn failed(error: &Error) -> News {
    News::new(Level::Error, "failed", error.to_string())
}

/// Where frames are kept, if they are.
fn kept(args: &Arguments) -> Option<Keep> {
    let files = KeepOptions {
        directory: args.write.clone()?,
        rotate_size: args.rotate_size.map(|mib| u64::from(mib) << 20),
        rotate_time: args.rotate_time.map(|seconds| i64::from(seconds) * 1_000_000_000),
        keep: args.keep.and_then(|files| usize::try_from(files).ok()),
        name: file_name,
    };
    Some(Keep { files, all: args.write_all })
}

/// A time in a file's name: colons are not for every file system.
fn file_name(time: Timestamp) -> String {
    rfc3339(time).replace(':', "-")
}

/// Which interfaces, and how.
fn live_options(args: &Arguments, settings: &Settings) -> LiveOptions {
    LiveOptions {
        interfaces: args.interfaces.clone(),
        buffer: usize::from(args.buffer) << 20,
        promiscuous: args.promiscuous,
        bpf: args.shared.bpf.clone(),
        ports: settings.profile.ports.all().collect(),
    }
}

/// Lines for whoever reads a pipe or a file, a table for people.
fn format_of(shared: &Shared) -> &'static Format {
    let for_people = shared.output.is_none() && io::stdout().is_terminal();
    let lines = if for_people { None } else { format::find("ndjson") };
    shared.format.or(lines).unwrap_or_else(|| shared.format())
}

/// The live view, where there is a terminal for it and nobody asked for quiet.
fn view_of(
    shared: &Shared,
    format: &Format,
    args: &Arguments,
    control: &Control,
    tally: &metrics::Shared,
    signals: &Signals,
) -> Result<Option<View>> {
    let wanted = format.name == "table" && shared.output.is_none() && !shared.quiet && !shared.no_progress;
    if !wanted || !terminal::can_redraw(&terminal::environment) {
        return Ok(None);
    }
    let sources = Sources {
        interfaces: args.interfaces.join(", "),
        meters: Arc::clone(&control.meters),
        tally: Arc::clone(tally),
        limit: u64::from(args.memory_limit) << 20,
        stop: Arc::clone(&control.stop),
        options: options(shared),
        width: shared.width,
    };
    View::start(sources, signals).map(Some)
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
fn warn(log: &mut Log, settings: &Settings, user: Option<&str>) {
    let ports: Vec<u16> = settings.profile.ports.all().collect();
    if let Some(bpf) = &settings.bpf {
        let mut dropped = pipeline::dropped_by(bpf, &ports);
        // Where every interface is watched at once, tags are taken off before.
        dropped.retain(|what| settings.captures != ["any"] || !what.contains("VLAN"));
        if !dropped.is_empty() {
            let instead = pipeline::widened(bpf, &dropped);
            let what = dropped.join(" and ");
            let message =
                format!("--bpf {bpf:?} drops {what}: messages in them are missed; --bpf {instead:?} does not");
            let drops = Fact::List(dropped.into_iter().map(str::to_owned).collect());
            log.say(
                &News::new(Level::Warning, "filter", message).with("drops", drops).with("instead", Fact::Text(instead)),
            );
        }
    }
    let who = user.map_or_else(String::new, |user| format!(", as user {user}"));
    let news = News::new(Level::Info, "started", format!("watching {}{who}", settings.captures.join(", ")));
    let news = news.with("interfaces", Fact::List(settings.captures.clone()));
    log.say(&match user {
        Some(user) => news.with("user", Fact::Text(user.to_owned())),
        None => news,
    });
}
