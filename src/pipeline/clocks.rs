//! Several captures as one: how far apart their clocks are, measured from the messages they share.
//!
//! A message that two inputs hold on the same hop is the same bytes. The difference of its two times is
//! the clocks' difference plus the way between the two places; messages the other way have that way
//! with the other sign, so the middle of the two directions is the clocks' difference.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;

use super::reading::{Reading, Seen};
use crate::capture::{self, Options, Source};
use crate::error::{Error, Result};
use crate::flow::Side;
use crate::ladder::profile::Profile;

/// Messages of each input that are compared with the others'.
const MAX_MESSAGES: usize = 200_000;
/// How far apart clocks may be when no shared message says more, nanoseconds.
const UNMEASURED: i64 = 1_000_000_000;

/// When an input holds a message, by the message's bytes; `None` for one it holds more than once.
type Times = HashMap<u64, Option<(i64, bool)>>;

/// The inputs of an analysis, each readable twice.
pub struct Inputs {
    paths: Vec<String>,
    options: Options,
    /// Standard input, copied to a file when it has to be read twice.
    spooled: Option<tempfile::NamedTempFile>,
    first: Vec<Box<dyn Source>>,
}

/// The measured clock offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    offsets: Vec<i64>,
    uncertainty: i64,
}

impl Clocks {
    /// Nanoseconds to add to every time of each input; 0 for the first.
    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        self.offsets.iter().copied()
    }

    /// How far apart the clocks may still be, nanoseconds.
    pub const fn uncertainty(&self) -> i64 {
        self.uncertainty
    }
}

impl Inputs {
    /// Opens every input.
    ///
    /// # Errors
    /// When one cannot be read or is no capture.
    pub fn open(paths: &[String], options: &Options) -> Result<Self> {
        let mut inputs = Self { paths: paths.to_vec(), options: options.clone(), spooled: None, first: Vec::new() };
        if paths.len() > 1 && paths.iter().any(|path| path == "-") {
            let fail =
                |error: io::Error| Error::new(format!("cannot keep standard input for a second reading: {error}"));
            let mut spooled = tempfile::NamedTempFile::new().map_err(fail)?;
            io::copy(&mut io::stdin().lock(), &mut spooled).map_err(fail)?;
            inputs.spooled = Some(spooled);
        }
        inputs.first = inputs.sources()?;
        Ok(inputs)
    }

    fn sources(&self) -> Result<Vec<Box<dyn Source>>> {
        let sources = self.paths.iter().enumerate().map(|(index, path)| {
            let input = u16::try_from(index).map_err(|_| Error::new("more than 65535 captures at once"))?;
            match &self.spooled {
                Some(file) if path == "-" => capture::open(&file.path().to_string_lossy(), input, &self.options),
                _ => capture::open(path, input, &self.options),
            }
        });
        sources.collect()
    }

    /// The sources, ready to be read from the beginning, and their clocks.
    ///
    /// # Errors
    /// When an input cannot be opened a second time.
    pub fn with_clocks(mut self) -> Result<(Vec<Box<dyn Source>>, Clocks)> {
        if self.first.len() < 2 {
            return Ok((self.first, Clocks { offsets: vec![0], uncertainty: 0 }));
        }
        let mut held = Vec::new();
        for source in std::mem::take(&mut self.first) {
            held.push(times(source)?);
        }
        let clocks = measure(&held);
        let sources = self.sources()?;
        // A copy of standard input is open by now; the name may go.
        Ok((sources, clocks))
    }
}

/// The times of an input's messages, and the span of its frames.
struct Held {
    times: Times,
    span: Option<(i64, i64)>,
}

fn times(mut source: Box<dyn Source>) -> Result<Held> {
    let mut reading = Reading::new(&Profile::built_in()?.ports);
    let mut times = Times::new();
    let mut note = |seen: Seen<'_>| {
        if let Seen::Message { connection, side, at, raw } = seen {
            let mut hash = DefaultHasher::new();
            raw.hash(&mut hash);
            let out = connection.flow.client < connection.flow.server;
            let forward = (side == Side::Client) == out;
            let full = times.len() >= MAX_MESSAGES;
            match times.entry(hash.finish()) {
                Entry::Occupied(mut known) => drop(known.insert(None)),
                Entry::Vacant(vacant) if !full => drop(vacant.insert(Some((at.time.nanos(), forward)))),
                Entry::Vacant(_) => {}
            }
        }
    };
    while source.advance() {
        let Some(frame) = source.frame() else { break };
        reading.push(&frame, &mut note);
    }
    reading.finish(&mut note);
    let summary = source.summary();
    let span = summary.first_frame_at.zip(summary.last_frame_at).map(|(from, to)| (from.nanos(), to.nanos()));
    Ok(Held { times, span })
}

/// Measures every input against one whose offset is known, those that share most first.
fn measure(held: &[Held]) -> Clocks {
    let mut offsets: Vec<Option<i64>> = vec![None; held.len()];
    if let Some(first) = offsets.first_mut() {
        *first = Some(0);
    }
    let mut uncertainty = 0_i64;
    loop {
        let mut best: Option<(usize, usize, i64, i64)> = None;
        for (known, unknown) in pairs(&offsets) {
            let (Some(a), Some(b)) = (held.get(known), held.get(unknown)) else { continue };
            let Some((shared, offset, doubt)) = compare(&a.times, &b.times) else { continue };
            if best.is_none_or(|(most, ..)| shared > most) {
                let base = offsets.get(known).copied().flatten().unwrap_or(0);
                best = Some((shared, unknown, base.saturating_add(offset), doubt));
            }
        }
        let Some((_, input, offset, doubt)) = best else { break };
        if let Some(slot) = offsets.get_mut(input) {
            *slot = Some(offset);
        }
        uncertainty = uncertainty.max(doubt);
    }
    let meets = |a: &Held, b: &Held| a.span.zip(b.span).is_some_and(|(a, b)| a.0 <= b.1 && b.0 <= a.1);
    for (index, offset) in offsets.iter().enumerate().filter(|(_, offset)| offset.is_none()) {
        let overlaps = held
            .iter()
            .enumerate()
            .any(|(other, one)| other != index && held.get(index).is_some_and(|own| meets(own, one)));
        if offset.is_none() && overlaps {
            uncertainty = uncertainty.max(UNMEASURED);
        }
    }
    Clocks { offsets: offsets.into_iter().map(Option::unwrap_or_default).collect(), uncertainty }
}

fn pairs(offsets: &[Option<i64>]) -> Vec<(usize, usize)> {
    let with = |wanted: bool| offsets.iter().enumerate().filter(move |(_, o)| o.is_some() == wanted).map(|(at, _)| at);
    with(true).flat_map(|known| with(false).map(move |unknown| (known, unknown))).collect()
}

/// How many messages two inputs share, what to add to the second one's times, and how sure that is.
fn compare(a: &Times, b: &Times) -> Option<(usize, i64, i64)> {
    let mut ways: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    for (hash, there) in b {
        if let (Some(Some((at, forward))), Some((other, _))) = (a.get(hash), there) {
            ways[usize::from(*forward)].push(at.saturating_sub(*other));
        }
    }
    let shared = ways.iter().map(Vec::len).sum();
    let middle = |way: &mut Vec<i64>| {
        way.sort_unstable();
        way.get(way.len() / 2).copied()
    };
    let [back, forth] = &mut ways;
    let offset = match (middle(back), middle(forth)) {
        (Some(back), Some(forth)) => back / 2 + forth / 2,
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return None,
    };
    let mut doubts: Vec<i64> = ways.iter().flatten().map(|one| one.saturating_sub(offset).saturating_abs()).collect();
    doubts.sort_unstable();
    let doubt = doubts.get(doubts.len() * 95 / 100).copied().unwrap_or(0);
    Some((shared, offset, doubt))
}
