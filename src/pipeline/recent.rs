//! The latest frames of SIP streams, in memory: what a file about a ladder is made of when it turns out to be broken.
//!
//! In: frames that are kept. Out: those of some connections, in the order in which they were captured. Limits: octets of
//! frames; beyond them the oldest frame goes. Of a connection that goes on its first [`BEGIN`] octets stay, because they
//! hold the handshake without which nothing of it can be read; they have a limit of their own, beyond which those of the
//! connection that was idle longest go.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::carrier::{Carrier, Ends};
use super::orders::{Order, Part};
use super::reading::Reading;
use super::sieve::COST;
use crate::flow::ConnectionId;
use crate::frame::{Frame, FrameBuf, Timestamp};
use crate::report::time::rfc3339;

/// Octets that stay of a connection's beginning: both hellos, the certificates of both sides, and NEGOTIATE.
const BEGIN: usize = 32 << 10;
/// Octets of a connection up to which all of it is taken, even if less would do.
const SMALL: usize = 1 << 20;

/// A frame and its place in the order of all.
#[derive(Clone)]
struct Entry {
    serial: u64,
    id: Option<ConnectionId>,
    frame: Arc<FrameBuf>,
}

impl Entry {
    fn time(&self) -> Timestamp {
        self.frame.frame().at.time
    }

    fn cost(&self) -> usize {
        self.frame.frame().bytes.len() + COST
    }
}

/// What is there of the connections between two ends.
#[derive(Default)]
struct Stream {
    /// The one that is, or was last.
    id: Option<ConnectionId>,
    /// Its first frames, as far as they have left `frames`.
    begin: Vec<Entry>,
    begin_octets: usize,
    frames: VecDeque<Entry>,
    octets: usize,
    /// The latest of the frames between `begin` and `frames` that are gone.
    gone: Option<Timestamp>,
    /// Its last frame, in the order of all.
    used: u64,
}

/// The latest frames.
pub struct Recent {
    streams: HashMap<Ends, Stream>,
    /// Whose frame is the oldest, and so on.
    order: VecDeque<Ends>,
    octets: usize,
    most: usize,
    /// Streams with a beginning that stays, and when they were used when they were put here.
    begun: VecDeque<(Ends, u64)>,
    begun_octets: usize,
    serial: u64,
}

/// Frames of some connections.
pub struct Selection {
    /// In the order in which they were captured.
    pub frames: Vec<Arc<FrameBuf>>,
    /// From here on all frames of these connections are there.
    pub since: Option<Timestamp>,
    /// What is not there, in words.
    pub lacks: Vec<String>,
}

impl Recent {
    /// Nothing there yet; at most `most` octets, and a quarter of that for beginnings.
    pub fn new(most: usize) -> Self {
        Self {
            streams: HashMap::new(),
            order: VecDeque::new(),
            octets: 0,
            most,
            begun: VecDeque::new(),
            begun_octets: 0,
            serial: 0,
        }
    }

    /// Takes a frame in.
    pub fn push(&mut self, frame: &Frame<'_>, carrier: &Carrier) {
        let (ends, id) = match carrier {
            Carrier::Stream(ends, id) => (*ends, *id),
            Carrier::Datagram(ends, _) => (*ends, None),
            Carrier::None | Carrier::Fragment => return,
        };
        self.serial += 1;
        let stream = self.streams.entry(ends).or_default();
        if id.is_some() && stream.id != id {
            // Ports used again: what was pinned is of the connection before.
            stream.id = id;
            self.begun_octets = self.begun_octets.saturating_sub(stream.begin_octets);
            stream.begin = Vec::new();
            stream.begin_octets = 0;
            stream.gone = None;
        }
        let entry = Entry { serial: self.serial, id: id.or(stream.id), frame: Arc::new(FrameBuf::of(frame)) };
        stream.used = self.serial;
        stream.octets += entry.cost();
        self.octets += entry.cost();
        stream.frames.push_back(entry);
        self.order.push_back(ends);
        while self.octets > self.most && self.forget_oldest() {}
        while self.begun_octets > self.most / 4 && self.forget_beginning() {}
    }

    /// The oldest frame goes, or stays as part of its connection's beginning.
    fn forget_oldest(&mut self) -> bool {
        let Some(ends) = self.order.pop_front() else { return false };
        let Some(stream) = self.streams.get_mut(&ends) else { return true };
        let Some(entry) = stream.frames.pop_front() else { return true };
        let cost = entry.cost();
        stream.octets = stream.octets.saturating_sub(cost);
        self.octets = self.octets.saturating_sub(cost);
        let is_begin = entry.id.is_some() && entry.id == stream.id && stream.gone.is_none();
        if is_begin && stream.begin_octets + cost <= BEGIN {
            if stream.begin.is_empty() {
                self.begun.push_back((ends, stream.used));
            }
            stream.begin_octets += cost;
            self.begun_octets += cost;
            stream.begin.push(entry);
        } else {
            if entry.id == stream.id {
                stream.gone = Some(entry.time());
            }
            if stream.frames.is_empty() && stream.begin.is_empty() {
                self.streams.remove(&ends);
            }
        }
        true
    }

    /// The beginning of the connection that was idle longest goes.
    fn forget_beginning(&mut self) -> bool {
        let Some((ends, used)) = self.begun.pop_front() else { return false };
        let Some(stream) = self.streams.get_mut(&ends) else { return true };
        if stream.begin.is_empty() {
            return true;
        }
        if stream.used > used {
            // It was used meanwhile: its turn comes later.
            self.begun.push_back((ends, stream.used));
            return true;
        }
        let last = stream.begin.last().map(Entry::time);
        self.begun_octets = self.begun_octets.saturating_sub(stream.begin_octets);
        stream.begin = Vec::new();
        stream.begin_octets = 0;
        stream.gone = stream.gone.max(last);
        if stream.frames.is_empty() {
            self.streams.remove(&ends);
        }
        true
    }

    /// The frames that `order` asks for, at most `most` octets of them beside the beginnings of connections.
    pub fn select(&self, order: &Order, reading: &Reading, most: usize) -> Selection {
        let mut taken = Taken::default();
        let mut lacks = Vec::new();
        self.take_hidden(order, &mut taken);
        for part in &order.parts {
            let [one, other] = part.ends.addresses();
            match self.streams.get(&part.ends) {
                Some(stream) => {
                    let needed = stream.take(part, reading, &mut taken);
                    if let Some(gone) = stream.gone.filter(|gone| *gone >= needed) {
                        lacks.push(format!("frames between {one} and {other} up to {}", rfc3339(gone)));
                    }
                }
                None => lacks.push(format!("all frames between {one} and {other}")),
            }
        }
        let Taken { mut entries, mut since } = taken;
        let too_many = cut(&mut entries, most);
        if let Some(last) = too_many {
            since = since.max(Some(last));
            lacks.push(format!("frames up to {}, which would be more than {} MiB", rfc3339(last), most >> 20));
        }
        entries.sort_by_key(|(_, entry)| entry.serial);
        Selection { frames: entries.into_iter().map(|(_, entry)| Arc::clone(&entry.frame)).collect(), since, lacks }
    }
}

/// Streams taken because nobody could read them.
const MAX_HIDDEN: usize = 64;

impl Recent {
    /// Takes what shows that something could not be read: the beginnings of such connections, and what of them was
    /// captured during the ladder.
    fn take_hidden<'a>(&'a self, order: &Order, taken: &mut Taken<'a>) {
        if order.hidden.is_empty() {
            return;
        }
        let from = order.parts.iter().map(|part| part.from).min().unwrap_or(order.first);
        let is_hidden = |ends: &Ends| {
            order.parts.iter().all(|part| part.ends != *ends)
                && order.hidden.iter().any(|hop| hop.is_between(ends.addresses()))
        };
        let hidden = self.streams.iter().filter(|(ends, _)| is_hidden(ends)).take(MAX_HIDDEN);
        for (_, stream) in hidden {
            taken.entries.extend(stream.begin.iter().map(|entry| (true, entry)));
            let is_wanted = |entry: &&Entry| entry.id == stream.id && entry.time() >= from;
            taken.entries.extend(stream.frames.iter().filter(is_wanted).map(|entry| (false, entry)));
        }
    }
}

/// What is taken, each with whether it is part of a connection's beginning.
#[derive(Default)]
struct Taken<'a> {
    entries: Vec<(bool, &'a Entry)>,
    since: Option<Timestamp>,
}

impl Stream {
    /// Takes what `part` asks for; from when on frames are needed.
    ///
    /// What nothing is around can be read from any message on. What is encrypted or compressed needs everything from its
    /// beginning: all there is of it is taken.
    fn take<'a>(&'a self, part: &Part, reading: &Reading, taken: &mut Taken<'a>) -> Timestamp {
        let is_bare = self.id.is_none_or(|id| reading.is_bare(id) == Some(true));
        let is_small = self.gone.is_none() && self.octets + self.begin_octets <= SMALL;
        if is_bare && !is_small {
            let is_wanted = |entry: &&Entry| entry.time() >= part.from && part.to.is_none_or(|to| entry.time() <= to);
            taken.entries.extend(self.frames.iter().filter(is_wanted).map(|entry| (false, entry)));
            taken.since = taken.since.max(Some(part.from)).max(self.gone);
            return part.from;
        }
        // An earlier connection between the same ports is needed only if it is part of it.
        let is_wanted = |entry: &&Entry| entry.id == self.id || entry.time() >= part.from;
        let is_whole = self.gone.is_none();
        let mut octets = 0;
        taken.entries.extend(self.begin.iter().map(|entry| (true, entry)));
        for entry in self.frames.iter().filter(is_wanted) {
            octets += entry.cost();
            taken.entries.push((is_whole && self.begin_octets + octets <= BEGIN, entry));
        }
        taken.since = taken.since.max(self.gone);
        Timestamp::new(i64::MIN, 9)
    }
}

/// Lets the earliest entries go until there are at most `most` octets, beginnings aside; the time of the last that went.
fn cut(entries: &mut Vec<(bool, &Entry)>, most: usize) -> Option<Timestamp> {
    entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.serial));
    let (mut octets, mut last) = (0, None);
    entries.retain(|(is_begin, entry)| {
        octets += if *is_begin { 0 } else { entry.cost() };
        let is_kept = *is_begin || octets <= most;
        if !is_kept {
            last = last.max(Some(entry.time()));
        }
        is_kept
    });
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, LinkType};
    use crate::ladder::profile::Profile;

    fn ends(port: u16) -> Ends {
        Ends::new(([192, 0, 2, 1], port).into(), ([192, 0, 2, 2], 5061).into())
    }

    /// A frame of 808 octets with what it costs, at second `at`.
    fn push(recent: &mut Recent, at: i64, port: u16, id: Option<u64>) {
        let at = FrameRef { input: 0, number: at as u64, time: Timestamp::new(at * 1_000_000_000, 9) };
        let frame = Frame { at, link: LinkType::ETHERNET, wire_len: 616, bytes: &[0; 616] };
        recent.push(&frame, &Carrier::Stream(ends(port), id.map(ConnectionId)));
    }

    fn select(recent: &Recent, ports: &[u16], from: i64, most: usize) -> (Vec<u64>, usize) {
        let from = Timestamp::new(from * 1_000_000_000, 9);
        let parts = ports.iter().map(|port| Part { ends: ends(*port), from, to: None }).collect();
        let order = Order { id: "a".into(), broken_at: None, first: from, closed: from, parts, hidden: Vec::new() };
        let reading = Reading::new(&Profile::built_in().unwrap().ports);
        let selection = recent.select(&order, &reading, most);
        (selection.frames.iter().map(|frame| frame.frame().at.number).collect(), selection.lacks.len())
    }

    #[test]
    fn beginnings_stay_and_the_oldest_of_the_rest_goes() {
        let mut recent = Recent::new(400 * 808);
        push(&mut recent, 0, 9, Some(9));
        for at in 1..=1_000 {
            push(&mut recent, at, 1, Some(1));
        }
        assert_eq!(recent.octets, 400 * 808);
        assert_eq!(select(&recent, &[9], 0, usize::MAX), (vec![0], 0), "all of it, although it is the oldest");
        // The first ones of its beginning, and the latest.
        let begin = BEGIN as u64 / 808;
        let (frames, lacks) = select(&recent, &[1, 9], 0, usize::MAX);
        let expected: Vec<u64> = (0..=begin).chain(601..=1_000).collect();
        assert_eq!((frames, lacks), (expected, 1));
        let (frames, lacks) = select(&recent, &[1, 8], 0, 10 * 808);
        let expected: Vec<u64> = (1..=begin).chain(991..=1_000).collect();
        assert_eq!((frames, lacks), (expected, 3), "too much, and nothing of a connection");
    }

    /// Whoever opens connections without end takes the memory of those that are idle, not of the one in use.
    #[test]
    fn a_flood_of_connections_takes_the_idle_ones_first() {
        let mut recent = Recent::new(400 * 808);
        push(&mut recent, 0, 1, Some(1));
        for at in 1..=20_000 {
            push(&mut recent, at, 2 + at as u16, Some(1 + at as u64));
            if at % 10 == 0 {
                push(&mut recent, at, 1, Some(1));
            }
        }
        assert!(recent.begun_octets <= 100 * 808 && recent.octets <= 400 * 808);
        assert!(recent.streams.len() <= 500 && recent.begun.len() <= 500, "{}", recent.streams.len());
        assert_eq!(select(&recent, &[1], 0, usize::MAX).0.first(), Some(&0));
    }

    #[test]
    fn ports_used_again_are_another_connection() {
        let mut recent = Recent::new(usize::MAX);
        for (at, id) in [(1, 1), (2, 1), (5, 2), (6, 2)] {
            push(&mut recent, at, 1, Some(id));
        }
        push(&mut recent, 7, 1, None);
        assert_eq!(select(&recent, &[1], 5, usize::MAX), (vec![5, 6, 7], 0));
        assert_eq!(select(&recent, &[1], 2, usize::MAX), (vec![2, 5, 6, 7], 0), "its own time reaches back");
    }
}
