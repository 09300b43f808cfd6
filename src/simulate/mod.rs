//! Synthetic captures of known ladders, for training and for tests.
//!
//! In: the name of a scenario and [`Options`]. Out: a capture file, byte for byte the same whenever the
//! same is asked for. It refuses to know how captures are read or judged: what it writes is the
//! reading half's test, so it shares no code with it but the computation of GRUUs and, where compression or TLS are asked for,
//! the table of packet layouts, and the keys and ciphers.
//!
//! ```text
//! story ─→ call, push ─Text→ agenda (by time) ─Act→ wire ─Segment→ record ─frame→ file
//! ```
//!
//! A ladder is told when its time comes and forgotten when it is over, so memory does not grow with
//! their number. What happens does not depend on the vantage: two captures of one story hold the same packets.

mod actor;
mod agenda;
mod call;
mod file;
mod message;
mod negotiation;
mod options;
mod packet;
#[cfg(feature = "tls")]
mod protection;
#[cfg(not(feature = "tls"))]
#[path = "unprotected.rs"]
mod protection;
mod push;
mod random;
mod record;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod topology;
mod wire;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use options::{Client, Container, Link, Mischief, Options, PushVariant, Vantage};
pub use protection::Choice;
#[cfg(feature = "tls")]
pub use protection::{protection, suites};
pub use story::Scenario;

use crate::error::{Error, Result};
use agenda::{Act, Agenda};
use record::{Recorder, Window};
use stage::{MILLISECOND, Stage};
use story::Span;
use wire::Network;

/// From the capture's beginning to that of the first ladder, milliseconds.
const LEAD: i64 = 5_000;
/// A ladder beyond the first leaves its users' connections open for so long, milliseconds.
const LINGER: i64 = 1_000;
/// The last instant a pcap file can state, nanoseconds since 1970 UTC.
///
/// Source: draft-ietf-opsawg-pcap §5 (seconds are 32 bits).
const LAST_INSTANT: i64 = (u32::MAX as i64) * 1_000_000_000;
/// What a capture holds besides its ladders' beginnings, and more, milliseconds.
const MARGIN: i64 = 3_600_000;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames in the file.
    pub frames: u64,
    /// Octets of those frames, without the file's own.
    pub bytes: u64,
    /// SIP messages said where and while the capture is taken; mischief may have lost frames of them.
    pub messages: u64,
    /// Ladders told; some scenarios tell more than one at a time.
    pub ladders: u64,
}

/// Every scenario, in the order `--list` shows them.
pub fn scenarios() -> &'static [Scenario] {
    story::SCENARIOS
}

/// Writes every scenario's name and summary, one a line.
///
/// # Errors
/// What `out` answers.
pub fn list(out: &mut dyn Write) -> std::io::Result<()> {
    let width = scenarios().iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    scenarios().iter().try_for_each(|scenario| writeln!(out, "{:width$}  {}", scenario.name, scenario.summary))
}

/// Writes the capture of `scenario`.
///
/// # Errors
/// An unknown scenario, options that contradict each other, and what `out` answers.
pub fn write(scenario: &str, options: &Options, out: &mut dyn Write) -> Result<Summary> {
    write_with_keys(scenario, options, out, &mut std::io::sink())
}

/// Writes the capture of `scenario`, and the key log that opens its TLS, whatever of it the vantage shows.
///
/// # Errors
/// As [`write()`], and what `keys` answers.
pub fn write_with_keys(
    scenario: &str,
    options: &Options,
    out: &mut dyn Write,
    keys: &mut dyn Write,
) -> Result<Summary> {
    let scenario = find(scenario)?;
    check(options)?;
    let options = Options { client: scenario.client.unwrap_or(options.client), ..options.clone() };
    let first = options.start.nanos().saturating_add(LEAD * MILLISECOND);
    let recorder = Recorder::begin(&options, window(scenario.span, &options, first), out)?;
    let network = Network::new(&options, recorder, keys);
    Performance { scenario, options: &options, first, agenda: Agenda::default(), network, told: 0 }.run()
}

/// Writes the same ladders as three captures, taken at the Front End, the Edge and the caller's
/// computer, whose clocks disagree: `{stem}-frontend.pcap` and so on in `directory`.
///
/// The vantage and clock of `options` do not count. Each capture shares a leg with the first. One key log opens all.
///
/// # Errors
/// As [`write_with_keys`], and when a file cannot be made.
pub fn write_set(
    scenario: &str,
    options: &Options,
    directory: &Path,
    stem: &str,
    keys: &mut dyn Write,
) -> Result<Vec<(PathBuf, Summary)>> {
    let mut sink = std::io::sink();
    let mut keys = Some(keys);
    let set = [
        ("frontend", vec![Vantage::Frontend, Vantage::FrontendLoopback], 0),
        ("edge", vec![Vantage::EdgeInternal, Vantage::EdgeExternal], 1_873),
        ("caller", vec![Vantage::Caller], -642),
    ];
    let mut written = Vec::new();
    for (name, vantage, clock_offset_ms) in set {
        let path = directory.join(format!("{stem}-{name}.{}", options.container.extension()));
        let options = Options { vantage, clock_offset_ms, ..options.clone() };
        let mut file = std::fs::File::create(&path)
            .map_err(|error| Error::new(format!("cannot create capture {:?}: {error}", path.display().to_string())))?;
        // What happens is the same in all of them, and so are the keys.
        let keys = keys.take().unwrap_or(&mut sink);
        let summary = write_with_keys(scenario, &options, &mut file, keys)?;
        written.push((path, summary));
    }
    Ok(written)
}

fn find(name: &str) -> Result<&'static Scenario> {
    scenarios().iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let names: Vec<&str> = scenarios().iter().map(|scenario| scenario.name).collect();
        options::unknown("scenario", name, &names)
    })
}

fn check(options: &Options) -> Result<()> {
    let method = &options.push_method;
    // Source: RFC 3261 §25.1 (token).
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&octet);
    if method.is_empty() || method.len() > 32 || !method.bytes().all(is_token) {
        return Err(Error::new(format!("{method:?} cannot be a SIP method; use a word such as MESSAGE")));
    }
    let length = i64::try_from(options.ladders.saturating_mul(options.spacing_ms)).unwrap_or(i64::MAX);
    let length = length.saturating_add(MARGIN).saturating_add(options.clock_offset_ms.max(0));
    let end = options.start.nanos().saturating_add(length.saturating_mul(MILLISECOND));
    if options.start.nanos() < 0 || end > LAST_INSTANT {
        return Err(Error::new("the capture would not lie between 1970 and 2106; use fewer ladders or another start"));
    }
    Ok(())
}

fn window(span: Span, options: &Options, first: i64) -> Window {
    let (from, until) = (i64::MIN, i64::MAX);
    match span {
        Span::Whole => Window { from, until },
        Span::From(after) => Window { from: first.saturating_add(after * MILLISECOND), until },
        Span::Until(after) => {
            let last = beginning(options, first, options.ladders.saturating_sub(1));
            Window { from, until: last.saturating_add(after * MILLISECOND) }
        }
    }
}

/// When a ladder begins, nanoseconds since 1970 UTC.
fn beginning(options: &Options, first: i64, ladder: u64) -> i64 {
    let after = i64::try_from(ladder.saturating_mul(options.spacing_ms)).unwrap_or(i64::MAX);
    first.saturating_add(after.saturating_mul(MILLISECOND))
}

/// What `result` says about the output, as an error of the program.
fn written<T>(result: std::io::Result<T>) -> Result<T> {
    result.map_err(|error| Error::new(format!("cannot write the capture: {error}")))
}

/// All ladders of a capture on their way from story to file.
struct Performance<'a> {
    scenario: &'static Scenario,
    options: &'a Options,
    first: i64,
    agenda: Agenda,
    network: Network<'a>,
    told: u64,
}

impl Performance<'_> {
    fn run(mut self) -> Result<Summary> {
        self.ordinary(self.options.start.nanos(), story::before);
        self.tell_due();
        while let Some((at, act)) = self.agenda.pop() {
            self.network.perform(at, act, &mut self.agenda)?;
            self.tell_due();
        }
        let end = self.agenda.latest().saturating_add(LINGER * MILLISECOND);
        for hop in self.network.open_hops() {
            self.network.perform(end, Act::Close(hop), &mut self.agenda)?;
        }
        let mut summary = Summary { messages: self.network.messages, ladders: self.told, ..Summary::default() };
        self.network.into_recorder().end(&mut summary)?;
        Ok(summary)
    }

    /// Tells every ladder that begins before anything else happens, and what follows the last one.
    fn tell_due(&mut self) {
        while self.told < self.options.ladders {
            let begin = beginning(self.options, self.first, self.told);
            if self.agenda.next_at().is_some_and(|next| next < begin) {
                return;
            }
            self.tell(begin);
            if self.told == self.options.ladders {
                self.ordinary(self.agenda.latest(), story::after);
            }
        }
    }

    fn tell(&mut self, begin: i64) {
        let mut stage = Stage::new(self.options, self.scenario.setting, self.told, begin, &mut self.agenda);
        self.scenario.tell(&mut stage);
        // The first ladder's users stay: what follows the ladders is theirs.
        if self.told > 0 {
            stage.leaves(LINGER);
        }
        self.told += 1;
    }

    fn ordinary(&mut self, begin: i64, story: fn(&mut Stage<'_>)) {
        let setting = stage::Setting { odd: false, ..self.scenario.setting };
        let mut stage = Stage::new(self.options, setting, 0, begin, &mut self.agenda);
        story(&mut stage);
    }
}
