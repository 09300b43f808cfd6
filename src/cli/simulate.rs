//! `lyncpush simulate`: a synthetic capture of a known ladder.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::args;
use super::output::Output;
use super::{CLEAN, terminal};
use crate::error::{Error, Result, reason};
use crate::frame::Timestamp;
use crate::report::text;
use crate::simulate::{self, Container, Options};

/// Writes the capture, or the list of scenarios or of cipher suites.
///
/// Fails when the scenario is unknown or the output cannot be used.
pub fn run(args: &args::Simulate) -> Result<u8> {
    #[cfg(feature = "tls")]
    if args.list_suites {
        return list_suites();
    }
    let Some(scenario) = args.scenario.as_deref().filter(|_| !args.list) else { return list() };
    let options = options(args)?;
    if let Some(directory) = &args.set {
        fs::create_dir_all(directory).map_err(|error| {
            Error::new(format!("cannot make directory {:?}: {}", directory.display().to_string(), reason(&error)))
        })?;
        let mut keys = KeyLog::open(args, Some(&directory.join(scenario)))?;
        for (path, summary) in simulate::write_set(scenario, &options, directory, scenario, keys.place())? {
            tell(args.quiet, &path, &summary);
        }
        keys.finish(args.quiet)?;
        return Ok(CLEAN);
    }
    if args.output.is_none() && io::stdout().is_terminal() {
        return Err(Error::new("a capture is not for a terminal: give -o FILE, or send it into a pipe"));
    }
    let mut keys = KeyLog::open(args, args.output.as_deref())?;
    let mut output = Output::open(args.output.as_deref(), &[])?;
    let written = simulate::write_with_keys(scenario, &options, &mut output, keys.place());
    if output.is_closed() {
        return Ok(CLEAN);
    }
    let summary = written?;
    output.finish()?;
    if let Some(path) = &args.output {
        tell(args.quiet, path, &summary);
    }
    keys.finish(args.quiet)?;
    Ok(CLEAN)
}

/// Where the key log of protected connections goes; nowhere, if they are not.
struct KeyLog {
    file: Option<(Output, PathBuf)>,
    nowhere: io::Sink,
}

impl KeyLog {
    /// Opens the file that was asked for, or the one beside `capture`.
    fn open(args: &args::Simulate, capture: Option<&Path>) -> Result<Self> {
        let file = match key_log(args, capture)? {
            Some(path) => {
                let captures: Vec<String> = args.output.iter().map(|path| path.display().to_string()).collect();
                Some((Output::open(Some(&path), &captures)?, path))
            }
            None => None,
        };
        Ok(Self { file, nowhere: io::sink() })
    }

    fn place(&mut self) -> &mut dyn Write {
        match &mut self.file {
            Some((output, _)) => output,
            None => &mut self.nowhere,
        }
    }

    /// Gives the file its name, and tells the person who asked.
    fn finish(self, quiet: bool) -> Result<()> {
        let Some((output, path)) = self.file else { return Ok(()) };
        output.finish()?;
        if !quiet {
            let path = path.display().to_string();
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "{}: the key log", text::sanitize(&path, false));
        }
        Ok(())
    }
}

/// The name of the key log, if there is to be one.
#[cfg(feature = "tls")]
fn key_log(args: &args::Simulate, capture: Option<&Path>) -> Result<Option<PathBuf>> {
    if args.tls.is_none() {
        return Ok(None);
    }
    let is_file = |path: &&Path| **path != *Path::new("-");
    let beside = |capture: &Path| {
        let mut name = capture.as_os_str().to_owned();
        name.push(".keys.log");
        PathBuf::from(name)
    };
    let capture = capture.filter(is_file);
    let path = args.keylog_out.clone().or_else(|| capture.map(beside)).ok_or_else(|| {
        Error::new("--tls needs a place for the key log: give -o FILE, or name one with --keylog-out FILE")
    })?;
    // Neither the same file nor both on standard output.
    if Some(path.as_path()).filter(is_file) == capture {
        return Err(Error::new("the capture and its key log cannot go to one place; choose another for --keylog-out"));
    }
    Ok(Some(path))
}

/// A build without TLS has no keys.
#[cfg(not(feature = "tls"))]
fn key_log(_: &args::Simulate, _: Option<&Path>) -> Result<Option<PathBuf>> {
    Ok(None)
}

/// Every scenario with its summary.
fn list() -> Result<u8> {
    let scenarios = simulate::scenarios().iter();
    columns(&scenarios.map(|scenario| (scenario.name, scenario.summary.to_owned())).collect::<Vec<_>>())
}

/// Every cipher suite with its versions.
#[cfg(feature = "tls")]
fn list_suites() -> Result<u8> {
    columns(&simulate::suites().map(|(name, versions)| (name, versions.join(" "))).collect::<Vec<_>>())
}

/// Names, and beside each what it is.
fn columns(rows: &[(&str, String)]) -> Result<u8> {
    let width = terminal::width(None, &terminal::environment, terminal::columns());
    let longest = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut output = Output::open(None, &[])?;
    let mut written = Ok(());
    for (name, words) in rows {
        for (at, line) in text::wrap(words, width.saturating_sub(longest + 2).max(20)).iter().enumerate() {
            let name = if at == 0 { *name } else { "" };
            written = written.and_then(|()| writeln!(output, "{name:longest$}  {line}"));
        }
    }
    output.outcome(written)?;
    output.finish()?;
    Ok(CLEAN)
}

/// What was written, for the person who asked.
fn tell(quiet: bool, path: &Path, summary: &simulate::Summary) {
    if quiet {
        return;
    }
    let (ladders, messages) = (
        text::counted(summary.ladders, "ladder", "ladders"),
        text::counted(summary.messages, "SIP message", "SIP messages"),
    );
    let frames = text::counted(summary.frames, "frame", "frames");
    let path = path.display().to_string();
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(io::stderr(), "{}: {ladders}, {messages}, {frames}", text::sanitize(&path, false));
}

/// The arguments in the simulator's words.
fn options(args: &args::Simulate) -> Result<Options> {
    let named = args.output.as_deref().and_then(container_of);
    let start = args.start.as_deref().map_or(Ok(Options::START), instant)?;
    Ok(Options {
        vantage: args.vantage.clone(),
        client: args.client,
        ladders: args.ladders,
        wordy: args.wordy,
        spacing_ms: args.spacing_ms,
        seed: args.seed,
        push_method: args.push_method.clone(),
        push_variant: args.push_variant,
        link: args.link,
        ipv6: args.ipv6,
        container: args.container.or(named).unwrap_or(Container::Pcap),
        mischief: args.mischief.clone(),
        compress: args.compress,
        #[cfg(feature = "tls")]
        tls: args.tls,
        #[cfg(not(feature = "tls"))]
        tls: None,
        start,
        clock_offset_ms: args.clock_offset_ms,
    })
}

/// The container a file's name promises: `a.pcapng.gz`.
fn container_of(path: &Path) -> Option<Container> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    Container::ALL.iter().copied().find(|container| name.ends_with(&format!(".{}", container.extension())))
}

/// Reads an RFC 3339 instant.
fn instant(text: &str) -> Result<Timestamp> {
    let fail = || {
        Error::new(format!(
            "--start {text:?} is not an RFC 3339 time between 1970 and 2106, such as 2013-06-03T08:00:00Z"
        ))
    };
    let instant: jiff::Timestamp = text.parse().map_err(|_| fail())?;
    let nanos = i64::try_from(instant.as_nanosecond()).map_err(|_| fail())?;
    // Captures count seconds from 1970 in 32 bits.
    let within = (0..=i64::from(u32::MAX)).contains(&instant.as_second());
    if within { Ok(Timestamp::new(nanos, 9)) } else { Err(fail()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_promises_a_container() {
        for (name, expected) in [
            ("a.pcap", Some(Container::Pcap)),
            ("A.PCAPNG", Some(Container::Pcapng)),
            ("a.b.pcap.gz", Some(Container::PcapGz)),
            ("a.pcapng.zst", Some(Container::PcapngZst)),
            ("a.txt", None),
            ("pcap", None),
        ] {
            assert_eq!(container_of(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn instants() {
        assert_eq!(instant("2013-06-03T08:00:00Z").unwrap(), Options::START);
        assert_eq!(instant("2013-06-03T10:00:00.5+02:00").unwrap().nanos(), Options::START.nanos() + 500_000_000);
        for text in ["", "yesterday", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-01-01T00:00:00Z"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
