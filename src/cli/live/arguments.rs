//! What can be typed behind `lyncpush live`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::log::LogFormat;
use crate::cli::args::Shared;

/// What stands behind the options in the help.
pub const HELP: &str = "\
Examples:
  lyncpush live -i eth0                            each broken push, as soon as that is certain
  lyncpush live -i eth0 -i lo --user bob@example.com
  lyncpush live -i any --format ndjson -o /var/log/lyncpush/ladders.ndjson
  lyncpush live -i eth0 --write /var/lib/lyncpush --rotate-size 100 --keep 50 --write-broken /var/lib/lyncpush
  lyncpush live -i eth1 --promiscuous --duration 3600 --format json -o hour.json

Without --bpf, frames of the profile's ports are taken, with fragments and VLAN tags.
A ladder is judged by what was in view until it closed: --vantage says from the beginning what is.
On a terminal a live view stands until the end, then the report; in a pipe or a file, one ladder a line.
Once interfaces and key files are open, root is given up: files are written as --run-as, and directories must be
writable for that user. On Linux system calls are filtered from then on: no other program can be started, no process
be touched, nothing be mounted.

Files of --write end in .part while they are written; what a killed program left is taken over by the next one.
A file of --write-broken has all frames of the ladder's connections that are in memory, and says what it lacks:
`lyncpush analyze` finds the same ladder in it.

Signals:
  INT, TERM  close what is open, write the rest and end; a second one ends at once
  HUP        open the output file again, after it was moved away
  USR1       print counters to standard error

With --log-format json each message on standard error is an object on a line of its own: time (RFC 3339, UTC), level
(info, warning, error), event, message for people, and fields. Events: started, unconfined, filter, metrics,
interface-down, interface-up, interface-away, interface-back, interface-lost, frames-dropped, clock-set, keeping,
key-log-lost, output, counters, summary, tickets, held, failed.

Exit codes:
  0  no finding at or above --fail-on
  1  there is one
  2  the command or an interface could not be used: no such interface, no permission";

/// Arguments of `live`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// An interface, as `lyncpush interfaces` lists them; `any` is all of them; may repeat
    #[arg(short, long = "interface", value_name = "INTERFACE", required = true)]
    pub interfaces: Vec<String>,

    /// The ring that the kernel fills while the program is busy, for each interface, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=2047))]
    pub buffer: u16,

    /// Take frames that are not for this host too, as on a mirror port
    #[arg(long)]
    pub promiscuous: bool,

    /// What the program's tables may take, beside the rings, in MiB; what is closed early because of it is counted
    #[arg(long, value_name = "MIB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..))]
    pub memory_limit: u32,

    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub duration: Option<u64>,

    /// End after so many ladders
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub ladders: Option<u64>,

    /// Keep the frames of SIP in pcapng files there, named by time
    #[arg(long, value_name = "DIRECTORY")]
    pub write: Option<PathBuf>,

    /// Keep all frames watched, not those of SIP alone
    #[arg(long, requires = "write")]
    pub write_all: bool,

    /// Begin a new file after so many MiB
    #[arg(long, value_name = "MIB", requires = "write", value_parser = clap::value_parser!(u32).range(1..))]
    pub rotate_size: Option<u32>,

    /// Begin a new file after so many seconds
    #[arg(long, value_name = "SECONDS", requires = "write", value_parser = clap::value_parser!(u32).range(1..))]
    pub rotate_time: Option<u32>,

    /// Keep so many files of that directory and remove older ones
    #[arg(long, value_name = "N", requires = "write", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// Keep the frames of each broken ladder in a small pcapng file of its own there, named by time and ladder
    #[arg(long, value_name = "DIRECTORY")]
    pub write_broken: Option<PathBuf>,

    /// Keep so many files of broken ladders and remove older ones
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub keep_broken: u32,

    /// Serve counters for Prometheus there; a port alone is one of this host only
    #[arg(long, value_name = "ADDRESS", value_parser = super::metrics::address)]
    pub metrics: Option<SocketAddr>,

    /// How messages on standard error are written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// The user to go on as once interfaces are open [default: nobody when started as root]
    #[arg(long, value_name = "USER")]
    pub run_as: Option<String>,

    /// What `analyze` has as well
    #[command(flatten)]
    pub shared: Shared,
}
