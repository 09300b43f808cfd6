//! Fragments that wait for the rest of their packet.
//!
//! In: fragments in any order, repeated, overlapping. Out: the packet, once every octet was seen.
//! Where two fragments claim the same octets the first one's are kept, and a difference is an anomaly.
//! A fragment that the capture cut short counts as seen, but the packet then ends where the cut begins.
//!
//! Time is the capture's own. Copies of a packet in two inputs are put together separately.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::frame::FrameRef;
use crate::tally::SetAside;

/// The largest packet there is, in octets without its header.
const MAX_PACKET: usize = 65_535;

/// Frames of a packet whose numbers are remembered: all of them unless fragments are repeated without end.
const MAX_NUMBERS: usize = 1_024;

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentLimits {
    /// Packets that wait at one time; beyond it the oldest is given up. A hostile capture could begin
    /// a packet with every frame.
    pub packets: usize,
    /// Octets held for all packets; beyond it the oldest is given up.
    pub octets: usize,
    /// Separate ranges within one packet; a fragment that finds so many is dropped. Each costs time, and
    /// a packet over the smallest link that IPv6 allows has 52 fragments.
    pub ranges: usize,
    /// Nanoseconds after which a packet is given up, counted from its first fragment: 30 s, as Linux waits.
    pub age: i64,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        Self { packets: 1024, octets: 16 << 20, ranges: 1024, age: 30_000_000_000 }
    }
}

/// What the fragments of one packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) identification: u32,
    /// The protocol, where it tells packets apart (IPv4).
    pub(super) protocol: Option<u8>,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    /// The protocol of what begins the packet; holds if this is the first fragment.
    pub(super) protocol: u8,
    /// Where in the packet it begins, in octets.
    pub(super) offset: u16,
    /// How long it was on the wire.
    pub(super) length: usize,
    /// What of it was captured.
    pub(super) captured: &'a [u8],
    /// Whether it is not the last.
    pub(super) more: bool,
}

/// A packet put together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) protocol: u8,
    pub(super) payload: Vec<u8>,
    /// Octets behind `payload` that the capture cut off.
    pub(super) missing: usize,
    /// Frames before the last one that carried it.
    pub(super) waited: u32,
    /// Their numbers, the first [`MAX_NUMBERS`] of them.
    pub(super) earlier: Vec<u64>,
}

/// The fragments of one packet.
#[derive(Debug)]
struct Waiting {
    /// Its place in the order of arrival.
    serial: u64,
    /// The frame of the fragment that came first.
    began: FrameRef,
    frames: u32,
    /// Their numbers, the first [`MAX_NUMBERS`] of them.
    numbers: Vec<u64>,
    bytes: Vec<u8>,
    /// What was seen, as sorted ranges that do not touch.
    seen: Vec<(usize, usize)>,
    /// Where the packet ends, once the last fragment was seen.
    end: Option<usize>,
    /// Where the captured octets end, if the capture cut a fragment.
    cut: usize,
    /// What the first fragment says.
    protocol: Option<u8>,
}

/// All packets that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    limits: FragmentLimits,
    waiting: HashMap<(u16, Key), Waiting>,
    /// The packets in the order in which they began.
    order: BTreeMap<u64, (u16, Key)>,
    serial: u64,
    /// Octets in all `bytes`.
    octets: usize,
}

impl Fragments {
    pub(super) fn new(limits: FragmentLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes a fragment; gives the packet if it is the last to be seen.
    ///
    /// Errors: the fragment cannot be part of any packet.
    pub(super) fn push(
        &mut self,
        at: FrameRef,
        key: Key,
        fragment: &Fragment<'_>,
        anomalies: &mut AnomalyLog,
    ) -> Result<Option<Whole>, SetAside> {
        self.expire(at, anomalies);
        let start = usize::from(fragment.offset);
        let end = start.saturating_add(fragment.length);
        // All but the last have a multiple of eight octets, or the next could not say where it begins.
        if end > MAX_PACKET || (fragment.more && (!fragment.length.is_multiple_of(8) || fragment.length == 0)) {
            return Err(SetAside::Malformed);
        }
        let place = (at.input, key);
        if !self.waiting.contains_key(&place) {
            self.begin(place, at);
        }
        let Some(packet) = self.waiting.get_mut(&place) else { return Err(SetAside::Fragment) };
        let held = packet.bytes.len();
        let agrees = packet.push(start, fragment, self.limits.ranges);
        self.octets += packet.bytes.len() - held;
        if agrees == Agreement::TooManyRanges {
            let detail = "a packet had too many separate fragments; one was dropped";
            anomalies.push(Anomaly { kind: AnomalyKind::TableLimit, frame: at, detail });
            return Err(SetAside::Fragment);
        }
        if agrees == Agreement::Conflict {
            let detail = "two fragments differ in octets they share";
            anomalies.push(Anomaly { kind: AnomalyKind::ConflictingOverlap, frame: at, detail });
        }
        if packet.is_whole() {
            return Ok(self.remove(place).map(Waiting::finish));
        }
        packet.frames = packet.frames.saturating_add(1);
        if packet.numbers.len() < MAX_NUMBERS {
            packet.numbers.push(at.number);
        }
        self.shrink(at, anomalies);
        Ok(None)
    }

    /// Gives up all packets that wait.
    pub(super) fn finish(&mut self, anomalies: &mut AnomalyLog) {
        while let Some((_, place)) = self.order.first_key_value() {
            self.give_up(*place, "the capture ended before a packet was whole", anomalies);
        }
    }

    fn begin(&mut self, place: (u16, Key), at: FrameRef) {
        let serial = self.serial;
        self.serial += 1;
        self.order.insert(serial, place);
        let packet = Waiting {
            serial,
            began: at,
            frames: 0,
            numbers: Vec::new(),
            bytes: Vec::new(),
            seen: Vec::new(),
            end: None,
            cut: usize::MAX,
            protocol: None,
        };
        self.waiting.insert(place, packet);
    }

    /// Gives up what has waited too long.
    fn expire(&mut self, now: FrameRef, anomalies: &mut AnomalyLog) {
        while let Some((_, place)) = self.order.first_key_value() {
            let waiting = self.waiting.get(place);
            if waiting.is_some_and(|packet| now.time.since(packet.began.time) <= self.limits.age) {
                return;
            }
            self.give_up(*place, "a packet was not whole after 30 seconds", anomalies);
        }
    }

    /// Gives up the oldest while there is too much.
    fn shrink(&mut self, now: FrameRef, anomalies: &mut AnomalyLog) {
        while self.waiting.len() > self.limits.packets || self.octets > self.limits.octets {
            let Some((_, place)) = self.order.first_key_value() else { return };
            let detail = "too many fragments waited; the oldest packet was dropped";
            anomalies.push(Anomaly { kind: AnomalyKind::TableLimit, frame: now, detail });
            self.give_up(*place, detail, anomalies);
        }
    }

    fn give_up(&mut self, place: (u16, Key), detail: &'static str, anomalies: &mut AnomalyLog) {
        if let Some(packet) = self.remove(place) {
            anomalies.push(Anomaly { kind: AnomalyKind::LostFragments, frame: packet.began, detail });
        }
    }

    fn remove(&mut self, place: (u16, Key)) -> Option<Waiting> {
        let packet = self.waiting.remove(&place)?;
        self.order.remove(&packet.serial);
        self.octets -= packet.bytes.len();
        Some(packet)
    }
}

/// How a fragment agrees with those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Agreement {
    Agrees,
    /// It says something else about octets that were seen, or about the packet's end.
    Conflict,
    TooManyRanges,
}

impl Waiting {
    fn push(&mut self, start: usize, fragment: &Fragment<'_>, most: usize) -> Agreement {
        let mut agrees = true;
        let mut end = start + fragment.length;
        match (self.end, fragment.more) {
            (None, false) => {
                // Octets that earlier fragments placed behind the end are not part of the packet.
                agrees &= self.seen.last().is_none_or(|(_, last)| *last <= end);
                self.end = Some(end);
            }
            (Some(known), more) => {
                agrees &= if more { end <= known } else { end == known };
                end = end.min(known);
            }
            (None, true) => {}
        }
        if start == 0 {
            self.protocol.get_or_insert(fragment.protocol);
        }
        let captured = fragment.captured.get(..end.saturating_sub(start)).unwrap_or(fragment.captured);
        if captured.len() < end.saturating_sub(start) {
            self.cut = self.cut.min(start + captured.len());
        }
        if start >= end {
            return if agrees { Agreement::Agrees } else { Agreement::Conflict };
        }
        if self.seen.len() >= most {
            return Agreement::TooManyRanges;
        }
        agrees &= self.copy(start, end, captured);
        self.mark(start, end);
        if agrees { Agreement::Agrees } else { Agreement::Conflict }
    }

    /// Copies what was not seen yet; whether the rest is equal.
    fn copy(&mut self, start: usize, end: usize, captured: &[u8]) -> bool {
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut agrees = true;
        let mut at = start;
        let first = self.seen.partition_point(|(_, seen_end)| *seen_end <= start);
        for (seen_start, seen_end) in self.seen.get(first..).unwrap_or_default() {
            if *seen_start >= end {
                break;
            }
            copy_range(&mut self.bytes, captured, start, at..*seen_start);
            let shared = at.max(*seen_start)..end.min(*seen_end).min(start + captured.len()).min(self.cut);
            let new = captured.get(shared.start.wrapping_sub(start)..shared.end.wrapping_sub(start));
            agrees &= shared.is_empty() || new == self.bytes.get(shared);
            at = at.max(*seen_end);
        }
        copy_range(&mut self.bytes, captured, start, at..end);
        agrees
    }

    /// Notes that a range was seen, joining it with those it touches.
    fn mark(&mut self, start: usize, end: usize) {
        let first = self.seen.partition_point(|(_, seen_end)| *seen_end < start);
        let last = self.seen.partition_point(|(seen_start, _)| *seen_start <= end);
        let touched = self.seen.get(first..last).unwrap_or_default();
        let start = touched.first().map_or(start, |range| range.0.min(start));
        let end = touched.last().map_or(end, |range| range.1.max(end));
        self.seen.splice(first..last.max(first), [(start, end)]);
    }

    fn is_whole(&self) -> bool {
        let Some(end) = self.end else { return false };
        matches!(self.seen.first(), Some((0, seen_end)) if *seen_end >= end)
    }

    fn finish(mut self) -> Whole {
        let end = self.end.unwrap_or(0);
        self.bytes.truncate(end.min(self.cut));
        let missing = end - self.bytes.len();
        let (protocol, waited) = (self.protocol.unwrap_or(0), self.frames);
        Whole { protocol, payload: self.bytes, missing, waited, earlier: self.numbers }
    }
}

/// Copies the part of `captured` (which stands at `start`) that falls into `range`.
fn copy_range(bytes: &mut [u8], captured: &[u8], start: usize, range: std::ops::Range<usize>) {
    let range = range.start..range.end.min(start + captured.len());
    if range.is_empty() {
        return;
    }
    let from = captured.get(range.start - start..range.end - start);
    if let (Some(to), Some(from)) = (bytes.get_mut(range), from) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    fn at(number: u64, seconds: i64) -> FrameRef {
        FrameRef { input: 0, number, time: Timestamp::new(seconds * 1_000_000_000, 6) }
    }

    fn key(identification: u32) -> Key {
        let address = IpAddr::from([192, 0, 2, 1]);
        Key { source: address, destination: address, identification, protocol: Some(17) }
    }

    /// A fragment in units of eight octets, each filled with one letter; the last one ends with `.`.
    fn push(pool: &mut Fragments, at: FrameRef, id: u32, from: u16, text: &str, log: &mut AnomalyLog) -> Option<Whole> {
        let letters = text.trim_end_matches('.');
        let captured: Vec<u8> = letters.bytes().flat_map(|letter| [letter; 8]).collect();
        let more = letters == text;
        let length = captured.len();
        let fragment = Fragment { protocol: 17, offset: from * 8, length, captured: &captured, more };
        pool.push(at, key(id), &fragment, log).unwrap()
    }

    /// Pushes fragments, each as place and letters; gives the packet as letters, and the anomalies.
    fn check(fragments: &[(u16, &str)], expected: Option<&str>, conflicts: u64) {
        let (mut pool, mut log) = (Fragments::default(), AnomalyLog::default());
        let mut whole = None;
        for (number, (from, text)) in fragments.iter().enumerate() {
            assert_eq!(whole, None, "{fragments:?}");
            whole = push(&mut pool, at(number as u64, 0), 7, *from, text, &mut log);
        }
        let letters =
            whole.as_ref().map(|whole| whole.payload.iter().step_by(8).map(|octet| char::from(*octet)).collect());
        assert_eq!(letters, expected.map(str::to_owned), "{fragments:?}");
        assert_eq!(log.count(AnomalyKind::ConflictingOverlap), conflicts, "{fragments:?}");
        if let Some(whole) = whole {
            assert_eq!(whole.waited as usize, fragments.len() - 1);
            assert_eq!((pool.octets, pool.waiting.len(), pool.order.len()), (0, 0, 0));
        }
    }

    #[test]
    fn any_order_gives_the_packet() {
        check(&[(0, "ab"), (2, "c.")], Some("abc"), 0);
        check(&[(2, "c."), (0, "ab")], Some("abc"), 0);
        check(&[(1, "b"), (3, "d."), (0, "a"), (2, "c")], Some("abcd"), 0);
        check(&[(0, "ab"), (3, "d.")], None, 0);
        check(&[(0, "ab"), (2, "c")], None, 0);
        check(&[(1, "b."), (1, "b."), (0, "a")], Some("ab"), 0);
    }

    #[test]
    fn the_first_of_overlapping_octets_wins() {
        check(&[(0, "abc"), (1, "bcd.")], Some("abcd"), 0);
        check(&[(0, "abc"), (1, "XXd.")], Some("abcd"), 1);
        check(&[(1, "bc"), (0, "XXXXe.")], Some("XbcXe"), 1);
        check(&[(1, "b"), (3, "d"), (0, "aXcXe.")], Some("abcde"), 1);
        check(&[(0, "a"), (0, "X"), (1, "b.")], Some("ab"), 1);
    }

    #[test]
    fn the_first_end_holds() {
        check(&[(2, "c."), (2, "cd"), (0, "ab")], Some("abc"), 1);
        check(&[(2, "c."), (1, "b."), (0, "ab")], Some("abc"), 1);
        check(&[(3, "d"), (0, "ab.")], Some("ab"), 1);
    }

    #[test]
    fn a_cut_fragment_ends_the_packet_early() {
        let (mut pool, mut log) = (Fragments::default(), AnomalyLog::default());
        let cut = Fragment { protocol: 17, offset: 8, length: 16, captured: b"bbb", more: true };
        assert_eq!(pool.push(at(1, 0), key(7), &cut, &mut log), Ok(None));
        assert_eq!(push(&mut pool, at(2, 0), 7, 3, "d.", &mut log), None);
        let whole = push(&mut pool, at(3, 0), 7, 0, "a", &mut log).unwrap();
        assert_eq!((whole.payload, whole.missing), (b"aaaaaaaabbb".to_vec(), 21));
        assert_eq!(log.iter().count(), 0);
    }

    #[test]
    fn impossible_fragments_are_refused() {
        let rows = [(0, 7, true), (0, 0, true), (65_528, 16, false), (65_528, 8, true)];
        for (offset, length, more) in rows {
            let (mut pool, mut log) = (Fragments::default(), AnomalyLog::default());
            let fragment = Fragment { protocol: 17, offset, length, captured: &[0; 16][..length], more };
            assert_eq!(pool.push(at(1, 0), key(7), &fragment, &mut log), Err(SetAside::Malformed), "{offset} {length}");
            assert_eq!(pool.waiting.len(), 0);
        }
    }

    #[test]
    fn packets_expire_by_capture_time() {
        for (seconds, expected) in [(30, true), (31, false)] {
            let (mut pool, mut log) = (Fragments::default(), AnomalyLog::default());
            push(&mut pool, at(1, 100), 7, 0, "a", &mut log);
            let whole = push(&mut pool, at(2, 100 + seconds), 7, 1, "b.", &mut log);
            assert_eq!(whole.is_some(), expected);
            assert_eq!(log.count(AnomalyKind::LostFragments), u64::from(!expected));
            pool.finish(&mut log);
            assert_eq!(log.count(AnomalyKind::LostFragments), 2 * u64::from(!expected));
        }
    }

    #[test]
    fn limits_drop_the_oldest_and_say_so() {
        let rows = [
            (FragmentLimits { packets: 2, ..FragmentLimits::default() }, 2),
            (FragmentLimits { octets: 24, ..FragmentLimits::default() }, 3),
        ];
        for (limits, held) in rows {
            let (mut pool, mut log) = (Fragments::new(limits), AnomalyLog::default());
            for id in 0..10 {
                assert_eq!(push(&mut pool, at(u64::from(id), 0), id, 0, "a", &mut log), None);
                assert!(pool.waiting.len() <= held && pool.octets == pool.waiting.len() * 8);
            }
            assert_eq!(log.count(AnomalyKind::TableLimit), 10 - held as u64);
            assert_eq!(log.count(AnomalyKind::LostFragments), 10 - held as u64);
            assert_eq!(push(&mut pool, at(20, 0), 9, 1, "b.", &mut log).map(|whole| whole.payload.len()), Some(16));
        }
        let limits = FragmentLimits { ranges: 3, ..FragmentLimits::default() };
        let (mut pool, mut log) = (Fragments::new(limits), AnomalyLog::default());
        for unit in [0, 2, 4] {
            assert_eq!(push(&mut pool, at(1, 0), 7, unit, "a", &mut log), None);
        }
        let more = Fragment { protocol: 17, offset: 48, length: 8, captured: &[0; 8], more: true };
        assert_eq!(pool.push(at(2, 0), key(7), &more, &mut log), Err(SetAside::Fragment));
        assert_eq!(log.count(AnomalyKind::TableLimit), 1);
    }

    #[test]
    fn inputs_and_identifications_do_not_mix() {
        let (mut pool, mut log) = (Fragments::default(), AnomalyLog::default());
        assert_eq!(push(&mut pool, at(1, 0), 7, 0, "a", &mut log), None);
        assert_eq!(push(&mut pool, at(2, 0), 8, 1, "b.", &mut log), None);
        assert_eq!(push(&mut pool, FrameRef { input: 1, ..at(1, 0) }, 7, 1, "b.", &mut log), None);
        pool.finish(&mut log);
        assert_eq!(log.count(AnomalyKind::LostFragments), 3);
    }
}
