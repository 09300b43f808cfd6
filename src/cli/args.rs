//! What can be typed, with the help that explains it.
//!
//! Names of formats, vantages and the choices of `simulate` come from their registries.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::pipeline::Vantage;
use crate::report::format::{self, FORMATS, Format};
use crate::report::model::Severity;
use crate::simulate::{self, Client, Container, Link, Mischief, PushVariant};
use crate::sip::view::Uri;
use crate::sipcomp::{LAYOUTS, Layout};

const OVERVIEW: &str = "\
Examples:
  lyncpush analyze trace.pcap                      which step broke, for every push in the capture
  lyncpush analyze frontend.pcapng edge.pcap.gz    captures from two servers, judged as one
  lyncpush analyze --format json trace.pcap        the same for a script
  lyncpush explain LP105                           what a finding means, and what to do

Exit codes:
  0  no finding at or above --fail-on
  1  there is one
  2  the command or the input could not be used";

const ANALYZE: &str = "\
Examples:
  lyncpush analyze trace.pcap
  lyncpush analyze -v --user bob@example.com trace.pcap
  lyncpush analyze --vantage frontend=fe.pcap fe.pcap other.pcap
  lyncpush analyze --format html -o report.html trace.pcap
  lyncpush analyze --keylog keys.log trace.pcap
  lyncpush analyze --rsa-key frontend.pfx --rsa-key-password-file pfx.txt trace.pcap
  lyncpush analyze --format json -o report.json trace.pcap
  tcpdump -i any -w - port 5061 | lyncpush analyze --format ndjson -

Exit codes:
  0  no finding at or above --fail-on
  1  there is one
  2  the command or the input could not be used: no such file, not a capture, no permission;
     or the report is written, and a ticket could not be delivered
A capture that is cut short or damaged in the middle is analysed as far as it goes.";

const EXPLAIN: &str = "\
Examples:
  lyncpush explain LP105
  lyncpush explain 1009
  lyncpush explain domain-not-allowed
  lyncpush explain tls-no-secret
  lyncpush explain --list";

const SIMULATE: &str = "\
Examples:
  lyncpush simulate --list
  lyncpush simulate edge-down -o training.pcapng
  lyncpush simulate edge-down --vantage frontend --ladders 100 --mischief drop -o lossy.pcap.gz
  lyncpush simulate edge-down | lyncpush analyze -";

/// Says which step of a Lync or Skype for Business push notification broke, from packet captures.
#[derive(Debug, Parser)]
#[command(name = "lyncpush", bin_name = "lyncpush", version, about, after_help = OVERVIEW, max_term_width = 120, arg_required_else_help = false)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Analyse captures: rebuild every push and say which of its ten steps broke
    #[command(after_help = ANALYZE)]
    Analyze(Box<Analyze>),
    /// Watch interfaces: the same as `analyze`, each ladder as it closes
    #[cfg(feature = "live")]
    #[command(after_help = super::live::HELP)]
    Live(Box<super::live::Arguments>),
    /// List interfaces that can be watched, with their addresses and state
    #[cfg(feature = "live")]
    Interfaces,
    /// Say what a finding code, a cause, a reason why something is not read, or a number means, and what to do
    #[command(after_help = EXPLAIN)]
    Explain(Explain),
    /// Print the ladder profile in force, as TOML
    ///
    /// The profile holds what a push exchange should look like: steps, time limits, ports of SIP and of TLS that is
    /// something else, mobile products, which clients get a push, the clearing house's address. Save it, change what
    /// differs at your site, and give the file to `analyze --profile`; a file with only the changed keys will do.
    Profile(Profile),
    /// Print the JSON Schema of the report
    Schema,
    /// Write a synthetic capture of a known ladder, for training and tests
    #[command(after_help = SIMULATE)]
    Simulate(Box<Simulate>),
}

/// Arguments of `analyze`.
#[derive(Debug, Args)]
pub struct Analyze {
    /// Captures (pcap, pcapng, also in gzip or zstd); `-` reads standard input. Several are one analysis
    ///
    /// Secrets in a pcapng are found wherever they stand in a file. On standard input they may stand up to a
    /// minute of capture time behind the frames they open: ladders wait so long. Later ones open what still waits, 64 MiB in
    /// all and 256 KiB a connection, but a call may then show as two ladders, each judged by its own part.
    #[arg(value_name = "CAPTURE", required = true)]
    pub captures: Vec<String>,

    /// What `live` has as well
    #[command(flatten)]
    pub shared: Shared,
}

/// Arguments of `analyze` and of `live`.
#[derive(Debug, Args)]
pub struct Shared {
    /// How the report is written [default: table; of `live` in a pipe or a file: ndjson]
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub format: Option<&'static Format>,

    /// Write the report there instead of standard output, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The lowest severity that makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    pub fail_on: FailOn,

    /// Where the captures were taken, or with `=FILE` where that one was; may repeat [default: inferred]
    ///
    /// Roles: caller, frontend, frontend-loopback, edge-internal, edge-external. Says which hops the capture can
    /// show, so that a step that was not seen there can be called missing.
    #[arg(long = "vantage", value_name = "ROLE[=FILE]", value_parser = vantage)]
    pub vantages: Vec<(Vantage, Option<String>)>,

    /// The clearing house's address where it is not sip:push@push.lync.com; may repeat
    #[arg(long = "push-uri", value_name = "URI", value_parser = sip_uri)]
    pub push_uris: Vec<String>,

    /// Only ladders whose caller or callee is this user
    #[arg(long, value_name = "SIP-URI", value_parser = user)]
    pub user: Option<String>,

    /// Only frames that pass this libpcap filter, such as 'host 192.0.2.7 and port 5061'
    #[arg(long, value_name = "EXPR")]
    pub bpf: Option<String>,

    /// What opens TLS
    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub keys: super::keys::KeyFiles,

    /// Show message text, push payloads and credentials, which are left out otherwise
    #[arg(long, conflicts_with = "pseudonyms")]
    pub show_text: bool,

    /// Put stand-ins for users, domains, hosts, addresses, Call-IDs and file names, so that a report can leave the house
    #[arg(long)]
    pub pseudonyms: bool,

    /// A TOML file that overrides parts of the ladder profile; see `lyncpush profile`
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,

    /// When to use colours; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,

    /// Columns of the table and of drawings in text [default: COLUMNS, else the terminal's, else 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=200))]
    pub width: Option<u16>,

    /// Show the steps of complete ladders too
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Nothing on standard error but errors
    #[arg(short, long)]
    pub quiet: bool,

    /// No progress bar, and no live view
    #[arg(long)]
    pub no_progress: bool,

    /// Where tickets go.
    #[command(flatten)]
    pub tickets: super::post::Options,
}

impl Shared {
    /// How the report is written, where nothing else is said as a table.
    pub fn format(&self) -> &'static Format {
        self.format.unwrap_or(&FORMATS[0])
    }
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// LP105, 1009, 504, firewall, EdgeProxyGenerated, …; `--list` shows all
    #[arg(value_name = "CODE", required_unless_present = "list")]
    pub code: Option<String>,

    /// List everything that can be explained
    #[arg(long)]
    pub list: bool,
}

/// Arguments of `profile`.
#[derive(Debug, Args)]
pub struct Profile {
    /// A TOML file that overrides parts of the built-in profile
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct Simulate {
    /// What happens; `--list` shows all
    #[arg(value_name = "SCENARIO", required_unless_present = "lists")]
    pub scenario: Option<String>,

    /// List the scenarios
    #[arg(long, group = "lists")]
    pub list: bool,

    /// List the cipher suites that `--tls` knows, each with the versions of TLS it belongs to
    #[cfg(feature = "tls")]
    #[arg(long, group = "lists")]
    pub list_suites: bool,

    /// Write the capture there instead of standard output, whole or not at all
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write three captures of the same ladders (Front End, Edge, caller), whose clocks disagree, into a directory
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "output")]
    pub set: Option<PathBuf>,

    /// Where the capture is taken; may repeat [default: everywhere at once]
    #[arg(long, value_name = "ROLE", value_parser = named::<simulate::Vantage>(simulate::Vantage::NAMES))]
    pub vantage: Vec<simulate::Vantage>,

    /// The called user's phone
    #[arg(long, value_name = "PHONE", default_value = "wp-lync2010", value_parser = named::<Client>(Client::NAMES))]
    pub client: Client,

    /// How many ladders
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub ladders: u64,

    /// Write every header line and message that servers write
    ///
    /// Captures of up to 16 ladders hold them anyway; larger ones leave out what no reader needs.
    #[arg(long)]
    pub wordy: bool,

    /// Milliseconds from the beginning of one ladder to that of the next
    #[arg(long, value_name = "MS", default_value_t = 50)]
    pub spacing_ms: u64,

    /// What identifiers and small delays are drawn from: the same seed gives the same file
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The method of the push request
    #[arg(long, value_name = "METHOD", default_value = "MESSAGE")]
    pub push_method: String,

    /// Where the push names its user and its device
    #[arg(long, value_name = "VARIANT", default_value = "v1", value_parser = named::<PushVariant>(PushVariant::NAMES))]
    pub push_variant: PushVariant,

    /// How frames begin
    #[arg(long, value_name = "LINK", default_value = "ethernet", value_parser = named::<Link>(Link::NAMES))]
    pub link: Link,

    /// Hosts speak IPv6
    #[arg(long)]
    pub ipv6: bool,

    /// The file's format [default: as the name of FILE says, else pcap]
    #[arg(long, value_name = "FORMAT", value_parser = named::<Container>(Container::NAMES))]
    pub container: Option<Container>,

    /// What the network or the capturing did to the packets; may repeat
    #[arg(long, value_name = "WHAT", value_parser = named::<Mischief>(Mischief::NAMES))]
    pub mischief: Vec<Mischief>,

    /// Connections are compressed after a NEGOTIATE, as between Lync servers. How the packets are laid out is an
    /// assumption: no public text shows their header, so LAYOUT is one of the candidates
    #[arg(long, value_name = "LAYOUT", num_args = 0..=1, require_equals = true, value_parser = layouts(),
          default_missing_value = LAYOUTS.first().map_or("", |layout| layout.name))]
    pub compress: Option<&'static Layout>,

    /// Connections are inside TLS, such as 1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
    ///
    /// VERSION is 1.0, 1.1, 1.2 or 1.3; SUITE is a registered name, with or without its TLS_; `--list-suites` shows
    /// all. All connections are, as between Lync servers: also those of the mobility services over loopback. What
    /// `--compress` does is done inside. Servers show each other certificates. Keys and certificates are drawn and not
    /// agreed on, so that the key log alone opens the capture; no RSA key does.
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "VERSION:SUITE", value_parser = simulate::protection)]
    pub tls: Option<simulate::Choice>,

    /// Write the key log that opens the TLS there [default: FILE.keys.log beside the capture, or SCENARIO.keys.log in
    /// the directory of --set]
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub keylog_out: Option<PathBuf>,

    /// When the capture begins, RFC 3339 [default: 2013-06-03T08:00:00Z]
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,

    /// Milliseconds by which the capturing host's clock is ahead
    #[arg(long, value_name = "MS", default_value_t = 0, allow_negative_numbers = true)]
    pub clock_offset_ms: i64,

    /// Nothing on standard error but errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// The lowest severity that makes the exit code 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Something does not work
    Error,
    /// Also when it works, but not as it should
    Warning,
    /// Also when there is anything to tell
    Note,
    /// Never
    Never,
}

impl FailOn {
    /// The severity it stands for; none for never.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Note => Some(Severity::Note),
            Self::Never => None,
        }
    }
}

/// Reads one of `names`, each of which leads back to its value.
fn named<T: FromStr + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>().map_err(|_| "unknown name"))
}

/// Reads a packet layout's name.
fn layouts() -> impl TypedValueParser<Value = &'static Layout> {
    let names = PossibleValuesParser::new(LAYOUTS.iter().map(|layout| layout.name));
    names.try_map(|name| LAYOUTS.iter().find(|layout| layout.name == name).ok_or("unknown layout"))
}

/// Reads a format's name.
fn formats() -> impl TypedValueParser<Value = &'static Format> {
    let values = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.help));
    PossibleValuesParser::new(values).try_map(|name| format::find(&name).ok_or("unknown format"))
}

/// Reads `ROLE` or `ROLE=FILE`.
fn vantage(text: &str) -> Result<(Vantage, Option<String>), String> {
    let (role, file) = match text.split_once('=') {
        Some((role, file)) => (role, Some(file.to_owned())),
        None => (text, None),
    };
    let known = || Vantage::ALL.map(Vantage::name).join(", ");
    let vantage = Vantage::from_name(role).ok_or_else(|| format!("unknown role {role:?}, known are {}", known()))?;
    if file.as_deref() == Some("") { Err(format!("no file after {role:?}=")) } else { Ok((vantage, file)) }
}

/// Reads a user's address however a message or a person writes it; gives the address of record.
fn user(text: &str) -> Result<String, String> {
    let address = text.trim().trim_start_matches('<').trim_end_matches('>');
    let bare = address.split([';', '?']).next().unwrap_or_default();
    let uri = sip_uri(bare)?;
    Uri::parse(uri.as_bytes()).aor().ok_or_else(|| "expected user@host or sip:user@host".to_owned())
}

/// Reads an address, with or without its scheme, which may be in any letter case.
fn sip_uri(text: &str) -> Result<String, String> {
    let (scheme, address) = match text.split_once(':') {
        Some((scheme, rest)) if ["sip", "sips"].contains(&scheme.to_ascii_lowercase().as_str()) => {
            (scheme.to_ascii_lowercase(), rest)
        }
        _ => ("sip".to_owned(), text),
    };
    match address.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() => Ok(format!("{scheme}:{address}")),
        _ => Err("expected user@host or sip:user@host".to_owned()),
    }
}

#[cfg(test)]
mod tests;
