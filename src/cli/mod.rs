//! The command line: arguments → checked configuration → one call → exit code.
//!
//! In: what the user typed. Out: a report on standard output or in a file, one line on standard error when
//! something could not be used, an exit code. It refuses to know how a capture is read or judged.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::error::Result;
use crate::report::text::sanitize;

mod analyze;
mod args;
mod explain;
#[cfg(feature = "live")]
mod interfaces;
#[cfg(feature = "tls")]
mod keys;
#[cfg(feature = "live")]
mod live;
mod output;
#[cfg_attr(not(feature = "post"), path = "post/without.rs")]
mod post;
#[cfg(feature = "live")]
mod privileges;
mod profile;
mod progress;
mod schema;
#[cfg(feature = "live")]
mod signals;
mod simulate;
#[cfg(all(feature = "live", target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod syscalls;
mod terminal;

use args::{Cli, Command};

/// Exit code: no finding at or above `--fail-on`.
const CLEAN: u8 = 0;
/// Exit code: there is such a finding.
const FOUND: u8 = 1;
/// Exit code: the command or the input could not be used.
const UNUSABLE: u8 = 2;

/// Runs the program with the process's arguments and says how it should end.
pub fn run() -> ExitCode {
    let code = match Cli::try_parse() {
        Ok(cli) => dispatch(cli.command).unwrap_or_else(|error| complain(&error)),
        Err(error) => usage(&error),
    };
    ExitCode::from(code)
}

/// Hands over to the subcommand's file.
fn dispatch(command: Command) -> Result<u8> {
    match command {
        Command::Analyze(args) => analyze::run(&args),
        #[cfg(feature = "live")]
        Command::Live(args) => live::run(&args),
        #[cfg(feature = "live")]
        Command::Interfaces => interfaces::run(),
        Command::Explain(args) => explain::run(&args),
        Command::Profile(args) => profile::run(&args),
        Command::Schema => schema::run(),
        Command::Simulate(args) => simulate::run(&args),
    }
}

/// The one line of an error.
fn complain(error: &dyn Display) -> u8 {
    // What was typed may hold anything; and nothing is left to do when standard error is closed.
    let _ = writeln!(io::stderr(), "lyncpush: {}", sanitize(&error.to_string(), false));
    UNUSABLE
}

/// Help and version as they are, anything else as one line.
fn usage(error: &clap::Error) -> u8 {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            CLEAN
        }
        _ => {
            let typed = std::env::args_os().skip(1);
            complain(&one_line(&error.render().to_string(), subcommand(typed).as_deref()))
        }
    }
}

/// The first argument that names a subcommand.
fn subcommand(mut typed: impl Iterator<Item = impl AsRef<OsStr>>) -> Option<String> {
    let command = Cli::command();
    typed.find_map(|word| command.find_subcommand(word.as_ref()).map(|found| found.get_name().to_owned()))
}

/// A message of clap as one line: what is wrong, what would be right, where to look.
fn one_line(message: &str, subcommand: Option<&str>) -> String {
    let mut line = String::new();
    let parts = message.trim_start().trim_start_matches("error: ").lines().map(str::trim);
    for part in parts.take_while(|part| !part.starts_with("Usage:") && !part.starts_with("For more information")) {
        let part = part.trim_start_matches('[').trim_end_matches(']');
        if part.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push_str(if line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    let of = subcommand.map_or_else(String::new, |name| format!(" {name}"));
    format!("{line}; see 'lyncpush{of} --help'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_errors_are_one_clear_line() {
        for (typed, expected) in [
            (
                &["analyze", "--format", "pdf", "a.pcap"][..],
                "invalid value 'pdf' for '--format <FORMAT>'; possible values: table, json, ndjson, html, text, mermaid; \
                 see 'lyncpush analyze --help'",
            ),
            (
                &["analyze", "--fail-on", "panic", "a.pcap"],
                "invalid value 'panic' for '--fail-on <SEVERITY>'; possible values: error, warning, note, never; \
                 see 'lyncpush analyze --help'",
            ),
            (
                &["analyze"],
                "the following required arguments were not provided: <CAPTURE>...; see 'lyncpush analyze --help'",
            ),
            (
                &["analyze", "--vantage", "moon", "a.pcap"],
                "invalid value 'moon' for '--vantage <ROLE[=FILE]>': unknown role \"moon\", known are caller, \
                 frontend, frontend-loopback, edge-internal, edge-external; see 'lyncpush analyze --help'",
            ),
            (
                &["analyze", "--user", "bob@example.com", "a.pcap", "--user", "carol@example.com"],
                "the argument '--user <SIP-URI>' cannot be used multiple times; see 'lyncpush analyze --help'",
            ),
            (
                &["analyse"],
                "unrecognized subcommand 'analyse'; tip: a similar subcommand exists: 'analyze'; \
                 see 'lyncpush --help'",
            ),
            (
                &[],
                "'lyncpush' requires a subcommand but one was not provided; \
                 subcommands: analyze, live, interfaces, explain, profile, schema, simulate, help; see 'lyncpush --help'",
            ),
            (
                &["analyze", "a.pcap", "--zzz"],
                "unexpected argument '--zzz' found; tip: to pass '--zzz' as a value, use '-- --zzz'; \
                 see 'lyncpush analyze --help'",
            ),
        ] {
            let error = Cli::try_parse_from(["lyncpush"].iter().chain(typed)).unwrap_err();
            let line = one_line(&error.render().to_string(), subcommand(typed.iter()).as_deref());
            assert_eq!(line, expected);
        }
    }
}
