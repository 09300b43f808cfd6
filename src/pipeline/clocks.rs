//! Several captures as one: how far apart their clocks are, measured from the messages they share.
//!
//! A message that two inputs hold on the same hop is the same bytes. The difference of its two times is
//! the clocks' difference plus the way between the two places; messages the other way have that way
//! with the other sign, so the middle of the two directions is the clocks' difference.
//!
//! Where no hop is in both, the copies of one message on hops behind each other still bound it: a request
//! gains a Via on each hop and a response loses one, so it is known which copy came first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io;

use super::keys::Keys;
use super::reading::{Reading, Seen};
use crate::capture::{self, Options, Source, Stretch};
use crate::error::{Error, Result};
use crate::flow::{Connection, Side};
use crate::ladder::profile::Profile;
use crate::sip::grammar;

/// Messages of each input that are compared with the others'.
const MAX_MESSAGES: usize = 200_000;
/// How far apart clocks may be when copies of messages bound their difference on one side only, nanoseconds.
const HALF_MEASURED: i64 = 1_000_000_000;
/// How far apart they may be when no message says anything, nanoseconds: hosts without a common clock.
const UNMEASURED: i64 = 60_000_000_000;
/// Copies of one message that are told apart, by their Via count.
const MAX_COPIES: usize = 4;

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
    offsets: Vec<Option<i64>>,
    uncertainty: i64,
}

impl Clocks {
    /// Nanoseconds to add to every time of each input; 0 for the first.
    pub fn offsets(&self) -> impl Iterator<Item = i64> {
        self.offsets.iter().map(|offset| offset.unwrap_or_default())
    }

    /// Whether each input's clock could be compared with the first one's.
    pub fn compared(&self) -> impl Iterator<Item = bool> {
        self.offsets.iter().map(Option::is_some)
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
            capture::open(self.file(path).as_deref().unwrap_or(path), input, &self.options)
        });
        sources.collect()
    }

    /// The files that may hold secrets.
    fn with_secrets(&self) -> Vec<String> {
        let files = self.paths.iter().zip(&self.first).filter(|(_, source)| source.summary().format == "pcapng");
        // What is no regular file gives its octets once.
        let is_regular = |path: &String| fs::metadata(path).is_ok_and(|found| found.is_file());
        files.filter_map(|(path, _)| self.file(path)).filter(is_regular).collect()
    }

    /// The file that a path names; none for standard input that is read once.
    fn file(&self, path: &str) -> Option<String> {
        match &self.spooled {
            Some(file) if path == "-" => Some(file.path().to_string_lossy().into_owned()),
            None if path == "-" => None,
            _ => Some(path.to_owned()),
        }
    }

    /// Whether an input that is read once may hold secrets: standard input, or a pipe with a name.
    fn is_piped(&self) -> bool {
        let is_pipe = |file: String| fs::metadata(file).is_ok_and(|found| !found.is_file());
        let mut inputs = self.paths.iter().zip(&self.first);
        inputs.any(|(path, source)| source.summary().format == "pcapng" && self.file(path).is_none_or(is_pipe))
    }

    /// The sources, ready to be read from the beginning, and their clocks.
    ///
    /// # Errors
    /// When an input cannot be opened a second time.
    pub fn with_clocks(mut self, profile: &Profile, keys: &mut Keys) -> Result<(Vec<Box<dyn Source>>, Clocks)> {
        keys.look_in(self.with_secrets(), self.is_piped());
        if self.first.len() < 2 {
            return Ok((self.first, Clocks { offsets: vec![Some(0)], uncertainty: 0 }));
        }
        let mut held = Vec::new();
        for source in std::mem::take(&mut self.first) {
            held.push(self::held(source, profile, keys));
        }
        let clocks = measure(&held);
        let sources = self.sources()?;
        // A copy of standard input is open by now; the name may go.
        Ok((sources, clocks))
    }
}

/// One copy of a message: when it was first seen with this many Vias.
#[derive(Clone, Copy, Debug)]
struct Copy {
    at: i64,
    via: usize,
}

/// What an input holds that others may hold too, and the span of its frames.
#[derive(Default)]
struct Held {
    /// Messages by their bytes.
    times: Times,
    /// Messages by what stays the same on every hop, and whether they are requests.
    copies: HashMap<(u64, bool), Vec<Copy>>,
    span: Option<(i64, i64)>,
    /// From when to when it was watched, as it says itself.
    watched: Vec<(i64, i64)>,
}

impl Held {
    /// Whether one goes on where the other ends, to the nanosecond: files of one watching, and of one clock.
    fn goes_on(&self, other: &Self) -> bool {
        let meets = |a: &[(i64, i64)], b: &[(i64, i64)]| a.iter().any(|(_, to)| b.iter().any(|(from, _)| from == to));
        meets(&self.watched, &other.watched) || meets(&other.watched, &self.watched)
    }

    fn message(&mut self, connection: &Connection, side: Side, at: i64, raw: &[u8]) {
        let full = self.times.len() >= MAX_MESSAGES;
        let forward = (side == Side::Client) == (connection.flow.client < connection.flow.server);
        match self.times.entry(hashed(raw)) {
            Entry::Occupied(mut known) => drop(known.insert(None)),
            Entry::Vacant(vacant) if !full => drop(vacant.insert(Some((at, forward)))),
            Entry::Vacant(_) => {}
        }
        let Ok(message) = grammar::parse(raw) else { return };
        let (Some(call_id), Some(cseq), Some(from)) = (message.call_id(), message.cseq(), message.from()) else {
            return;
        };
        // A response that a proxy forwards keeps the To tag of who made it.
        let to_tag = message.to().and_then(|to| to.tag());
        let status = message.status().map(|status| (status.0, to_tag));
        let key = (hashed((call_id, cseq.number, cseq.method, from.tag(), status)), status.is_none());
        let via = message.via_count();
        if self.copies.len() >= MAX_MESSAGES && !self.copies.contains_key(&key) {
            return;
        }
        let copies = self.copies.entry(key).or_default();
        if copies.len() < MAX_COPIES && !copies.iter().any(|copy| copy.via == via) {
            copies.push(Copy { at, via });
        }
    }
}

fn hashed(value: impl Hash) -> u64 {
    let mut hash = DefaultHasher::new();
    value.hash(&mut hash);
    hash.finish()
}

fn held(mut source: Box<dyn Source>, profile: &Profile, keys: &mut Keys) -> Held {
    let mut reading = Reading::of(profile, std::mem::take(keys));
    let mut held = Held::default();
    let mut note = |seen: Seen<'_>| {
        if let Seen::Message { connection, side, at, raw } = seen {
            held.message(connection, side, at.time.nanos(), raw);
        }
    };
    while source.advance() {
        let Some(frame) = source.frame() else { break };
        reading.push(&frame, &mut note);
    }
    reading.finish(&mut note);
    *keys = reading.into_keys();
    let summary = source.summary();
    let watched = |stretch: &Stretch| match stretch {
        Stretch::Watched(from, to) => Some((from.nanos(), to.nanos())),
        Stretch::Lossy(..) => None,
    };
    held.watched = summary.stretches.iter().filter_map(watched).collect();
    held.span = summary.first_frame_at.zip(summary.last_frame_at).map(|(from, to)| (from.nanos(), to.nanos()));
    held
}

/// How far one clock is from another: what to add to the second one's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    /// Whether messages of the same hop say so, and not only copies on other hops.
    same_hop: bool,
    /// How many messages say so.
    pairs: usize,
    offset: i64,
    /// How far off that may be.
    doubt: i64,
}

/// Measures every input against one whose offset is known, those that share most first.
fn measure(held: &[Held]) -> Clocks {
    let mut offsets: Vec<Option<i64>> = vec![None; held.len()];
    if let Some(first) = offsets.first_mut() {
        *first = Some(0);
    }
    let mut uncertainty = 0_i64;
    loop {
        let goes_on =
            |(one, other): &(usize, usize)| held.get(*one).zip(held.get(*other)).is_some_and(|(a, b)| a.goes_on(b));
        if let Some((known, unknown)) = pairs(&offsets).into_iter().find(goes_on) {
            let same = offsets.get(known).copied().flatten();
            if let Some(slot) = offsets.get_mut(unknown) {
                *slot = same;
            }
            continue;
        }
        let mut best: Option<(Difference, usize)> = None;
        for (known, unknown) in pairs(&offsets) {
            let (Some(a), Some(b)) = (held.get(known), held.get(unknown)) else { continue };
            let Some(found) = same_hop(&a.times, &b.times).or_else(|| other_hops(a, b)) else { continue };
            let base = offsets.get(known).copied().flatten().unwrap_or(0);
            let found = Difference { offset: base.saturating_add(found.offset), ..found };
            if best.is_none_or(|(best, _)| (best.same_hop, best.pairs) < (found.same_hop, found.pairs)) {
                best = Some((found, unknown));
            }
        }
        let Some((found, input)) = best else { break };
        if let Some(slot) = offsets.get_mut(input) {
            *slot = Some(found.offset);
        }
        uncertainty = uncertainty.max(found.doubt);
    }
    let near =
        |a: (i64, i64), b: (i64, i64)| a.0 <= b.1.saturating_add(UNMEASURED) && b.0 <= a.1.saturating_add(UNMEASURED);
    let unmeasured = held.iter().enumerate().filter(|(index, _)| offsets.get(*index) == Some(&None));
    for (index, own) in unmeasured {
        let others = held.iter().enumerate().filter(|(other, _)| *other != index);
        if others.filter_map(|(_, other)| own.span.zip(other.span)).any(|(a, b)| near(a, b)) {
            uncertainty = uncertainty.max(UNMEASURED);
        }
    }
    Clocks { offsets, uncertainty }
}

fn pairs(offsets: &[Option<i64>]) -> Vec<(usize, usize)> {
    let with = |wanted: bool| offsets.iter().enumerate().filter(move |(_, o)| o.is_some() == wanted).map(|(at, _)| at);
    with(true).flat_map(|known| with(false).map(move |unknown| (known, unknown))).collect()
}

/// The difference by messages that both hold on the same hop.
fn same_hop(a: &Times, b: &Times) -> Option<Difference> {
    let mut ways: [Vec<i64>; 2] = [Vec::new(), Vec::new()];
    for (hash, there) in b {
        if let (Some(Some((at, forward))), Some((other, _))) = (a.get(hash), there) {
            ways[usize::from(*forward)].push(at.saturating_sub(*other));
        }
    }
    let pairs = ways.iter().map(Vec::len).sum();
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
    Some(Difference { same_hop: true, pairs, offset, doubt })
}

/// The difference by copies of messages on different hops: the least and the most it can be.
fn other_hops(a: &Held, b: &Held) -> Option<Difference> {
    let (mut least, mut most, mut pairs) = (None::<i64>, None::<i64>, 0);
    for (key, there) in &b.copies {
        for (own, other) in a.copies.get(key).into_iter().flatten().flat_map(|own| there.iter().map(move |o| (own, o)))
        {
            let bound = own.at.saturating_sub(other.at);
            // A request gains Vias on its way, a response loses them.
            match (own.via < other.via, own.via > other.via) {
                (false, false) => continue,
                (further, _) if further == key.1 => least = Some(least.map_or(bound, |known| known.max(bound))),
                _ => most = Some(most.map_or(bound, |known| known.min(bound))),
            }
            pairs += 1;
        }
    }
    let (offset, doubt) = match (least, most) {
        (Some(least), Some(most)) => (least / 2 + most / 2, (most / 2 - least / 2).saturating_abs()),
        (Some(one), None) | (None, Some(one)) => (one, HALF_MEASURED),
        (None, None) => return None,
    };
    Some(Difference { same_hop: false, pairs, offset, doubt })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(entries: &[(u64, i64, bool)]) -> Times {
        entries.iter().map(|(hash, at, forward)| (*hash, Some((*at, *forward)))).collect()
    }

    #[test]
    fn messages_of_one_hop_both_ways_cancel_the_way_between() {
        // The second clock is 100 behind; 7 on the way there, 5 back.
        let a = exact(&[(1, 1_000, true), (2, 2_007, false)]);
        let b = exact(&[(1, 905, true), (2, 1_900, false)]);
        let found = same_hop(&a, &b).unwrap();
        assert_eq!((found.offset, found.doubt, found.pairs), (100, 7, 2));
        assert_eq!(same_hop(&a, &exact(&[(3, 5, true)])), None);
    }

    fn copies(entries: &[(u64, bool, usize, i64)]) -> Held {
        let mut held = Held::default();
        for (key, request, via, at) in entries {
            held.copies.entry((*key, *request)).or_default().push(Copy { at: *at, via: *via });
        }
        held
    }

    #[test]
    fn copies_on_other_hops_bound_the_difference_from_both_sides() {
        // The second clock is 5,000 ahead: a request reaches it 10 later, its response leaves it 20 earlier.
        let a = copies(&[(1, true, 1, 100), (1, false, 1, 230)]);
        let b = copies(&[(1, true, 2, 5_110), (1, false, 2, 5_210)]);
        let found = other_hops(&a, &b).unwrap();
        assert_eq!((found.offset, found.doubt, found.pairs), (-4_995, 15, 2));
        let one_way = other_hops(&a, &copies(&[(1, true, 2, 5_110)])).unwrap();
        assert_eq!((one_way.offset, one_way.doubt), (-5_010, HALF_MEASURED));
        assert_eq!(other_hops(&a, &copies(&[(2, true, 2, 5_110)])), None);
    }

    #[test]
    fn what_cannot_be_measured_is_doubted() {
        let spans = |span| Held { span: Some(span), ..Held::default() };
        let second = 1_000_000_000;
        let near = measure(&[spans((0, second)), spans((2 * second, 3 * second))]);
        assert_eq!((near.uncertainty(), near.compared().collect::<Vec<_>>()), (UNMEASURED, vec![true, false]));
        let watched = |from, to| Held { watched: vec![(from, to)], ..spans((from, to - 1)) };
        let rotated = measure(&[watched(0, second), watched(2 * second, 3 * second), watched(second, 2 * second)]);
        assert_eq!((rotated.uncertainty(), rotated.offsets().collect::<Vec<_>>()), (0, vec![0, 0, 0]), "one watching");
        let paused = measure(&[watched(0, second), watched(second + 1, 2 * second)]);
        assert_eq!(paused.uncertainty(), UNMEASURED, "another one");
        let far = measure(&[spans((0, second)), spans((3_600 * second, 3_601 * second))]);
        assert_eq!((far.uncertainty(), far.offsets().collect::<Vec<_>>()), (0, vec![0, 0]));
    }
}
