//! Which frames are kept: those of SIP, in the order in which they were captured.
//!
//! In: frames, and what carried them. Out: those of streams that are SIP, of those that cannot be read where SIP is
//! expected, and of SIP over UDP, with the fragments they came in. What belongs to no stream, such as ICMP, is not kept.
//!
//! What a connection carries is known after some octets, so its frames wait for that, and what came after them waits too.
//! Limits: [`WAIT`], [`STREAM`], octets in all. Beyond a limit, what waits is let go: that is counted, and told if its
//! connection turns out to be SIP after all.

use std::collections::{HashMap, VecDeque};

use super::carrier::{Carrier, Fate};
use super::reading::Reading;
use crate::flow::ConnectionId;
use crate::frame::{Frame, FrameBuf, Timestamp};
use crate::report::text::counted;

/// How long a frame waits until it is known what it is part of, nanoseconds of capture time: longer than a handshake and
/// a first message take.
const WAIT: i64 = 10_000_000_000;
/// Octets that wait of one connection: more than any handshake and first message have.
const STREAM: usize = 256 << 10;
/// What a frame costs beside its octets.
pub const COST: usize = 192;
/// Connections of which frames were let go and that may yet turn out to be SIP; beyond it they are forgotten.
const MAX_LET_GO: usize = 16_384;

/// A frame that is kept, and what carried it.
pub struct Sifted<'a> {
    /// The frame.
    pub frame: Frame<'a>,
    /// Its carrier.
    pub carrier: &'a Carrier,
}

struct Waiting {
    frame: FrameBuf,
    carrier: Carrier,
    /// It was to be kept when it came, and waits for its turn.
    is_kept: bool,
}

/// Frames that wait.
pub struct Sieve {
    waiting: VecDeque<Waiting>,
    /// How many have left: the serial number of the first that waits.
    left: u64,
    /// Serial numbers of fragments by input and number.
    fragments: HashMap<(u16, u64), u64>,
    /// Octets that wait of connections of which it is not known what they are.
    streams: HashMap<ConnectionId, usize>,
    octets: usize,
    most: usize,
    /// Frames let go of connections that may be SIP.
    let_go: HashMap<ConnectionId, u64>,
    crowded: u64,
    late: u64,
}

impl Sieve {
    /// Nothing waits; at most so many octets will.
    pub fn new(most: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            left: 0,
            fragments: HashMap::new(),
            streams: HashMap::new(),
            octets: 0,
            most,
            let_go: HashMap::new(),
            crowded: 0,
            late: 0,
        }
    }

    /// Takes the frame that `reading` took last, and gives what is known to be kept.
    pub fn push(&mut self, frame: &Frame<'_>, reading: &Reading, out: &mut dyn FnMut(Sifted<'_>)) {
        let carrier = reading.carrier();
        self.join(frame.at.input, reading);
        let fate = reading.fate(carrier);
        if self.waiting.is_empty() && fate != Fate::Wait {
            if fate == Fate::Keep {
                self.give(frame, carrier, out);
            }
            return;
        }
        if fate == Fate::Drop {
            return self.sift(frame.at.time, reading, out);
        }
        let cost = frame.bytes.len() + COST;
        if fate == Fate::Wait
            && let Carrier::Stream(_, Some(id)) = carrier
        {
            let held = self.streams.entry(*id).or_default();
            if *held + cost > STREAM {
                self.crowded += 1;
                self.let_go(*id);
                return self.sift(frame.at.time, reading, out);
            }
            *held += cost;
        }
        if *carrier == Carrier::Fragment {
            self.fragments.insert((frame.at.input, frame.at.number), self.left + self.waiting.len() as u64);
        }
        self.octets += cost;
        let is_kept = fate == Fate::Keep;
        self.waiting.push_back(Waiting { frame: FrameBuf::of(frame), carrier: carrier.clone(), is_kept });
        self.sift(frame.at.time, reading, out);
    }

    /// No frame before `now` is left to come.
    pub fn pass(&mut self, now: Timestamp, reading: &Reading, out: &mut dyn FnMut(Sifted<'_>)) {
        if !self.waiting.is_empty() {
            self.sift(now, reading, out);
        }
    }

    /// No further frame will come.
    pub fn finish(&mut self, reading: &Reading, out: &mut dyn FnMut(Sifted<'_>)) {
        self.sift(Timestamp::new(i64::MAX, 9), reading, out);
    }

    /// The time of the first frame that waits.
    pub fn waits_since(&self) -> Option<Timestamp> {
        self.waiting.front().map(|waiting| waiting.frame.frame().at.time)
    }

    /// What should be known, since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        let told = [
            (std::mem::take(&mut self.late), "not kept: that the connection is SIP was known only afterwards"),
            (std::mem::take(&mut self.crowded), "not kept: too many waited for what their connection is"),
        ];
        told.into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", counted(count, "frame was", "frames were")))
            .collect()
    }

    /// Gives the fragments that wait what their packet was carried by.
    fn join(&mut self, input: u16, reading: &Reading) {
        for number in reading.earlier() {
            let Some(serial) = self.fragments.remove(&(input, *number)) else { continue };
            let place = serial.checked_sub(self.left).and_then(|place| usize::try_from(place).ok());
            if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(place)) {
                waiting.carrier = reading.carrier().clone();
                // What it costs its connection is bounded by the fragments of one packet.
            }
        }
    }

    /// Lets out, in order, what is known, and lets go of what has waited too long or is too much.
    fn sift(&mut self, now: Timestamp, reading: &Reading, out: &mut dyn FnMut(Sifted<'_>)) {
        while let Some(first) = self.waiting.front() {
            let fate = if first.is_kept { Fate::Keep } else { reading.fate(&first.carrier) };
            let at = first.frame.frame().at;
            let is_old = now.since(at.time) >= WAIT;
            let is_much = self.octets > self.most;
            if fate == Fate::Wait && !is_old && !is_much {
                return;
            }
            let Some(Waiting { frame, carrier, is_kept }) = self.waiting.pop_front() else { return };
            self.left += 1;
            let frame = frame.frame();
            let cost = frame.bytes.len() + COST;
            self.octets = self.octets.saturating_sub(cost);
            self.fragments.remove(&(at.input, at.number));
            if !is_kept
                && let Carrier::Stream(_, Some(id)) = &carrier
                && let Some(held) = self.streams.get_mut(id)
            {
                *held = held.saturating_sub(cost);
                if *held == 0 {
                    self.streams.remove(id);
                }
            }
            match fate {
                Fate::Keep => self.give(&frame, &carrier, out),
                Fate::Drop => {}
                Fate::Wait => {
                    self.crowded += u64::from(is_much && !is_old);
                    if let Carrier::Stream(_, Some(id)) = &carrier {
                        self.let_go(*id);
                    }
                }
            }
        }
    }

    fn let_go(&mut self, id: ConnectionId) {
        if self.let_go.len() >= MAX_LET_GO {
            self.let_go.clear();
        }
        *self.let_go.entry(id).or_default() += 1;
    }

    fn give(&mut self, frame: &Frame<'_>, carrier: &Carrier, out: &mut dyn FnMut(Sifted<'_>)) {
        if !self.let_go.is_empty()
            && let Carrier::Stream(_, Some(id)) = carrier
        {
            self.late += self.let_go.remove(id).unwrap_or(0);
        }
        out(Sifted { frame: *frame, carrier });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FrameRef, LinkType};
    use crate::ladder::profile::Profile;

    /// Frames through a reading half and a sieve of at most `most` octets; the numbers of those kept, and what is said.
    fn sift(most: usize, frames: &[(i64, Vec<u8>)]) -> (Vec<u64>, Vec<String>) {
        let mut reading = Reading::new(&Profile::built_in().unwrap().ports);
        reading.remember_fates();
        let (mut sieve, mut kept) = (Sieve::new(most), Vec::new());
        let mut keep = |sifted: Sifted<'_>| kept.push(sifted.frame.at.number);
        for (number, (seconds, bytes)) in (1..).zip(frames) {
            let at = FrameRef { input: 0, number, time: Timestamp::new(seconds * 1_000_000_000, 9) };
            let frame = Frame { at, link: LinkType::RAW, wire_len: bytes.len() as u32, bytes };
            reading.push(&frame, &mut |_| {});
            sieve.push(&frame, &reading, &mut keep);
            assert!(sieve.octets <= most.max(frame.bytes.len() + COST));
        }
        reading.finish(&mut |_| {});
        sieve.finish(&reading, &mut keep);
        assert_eq!((sieve.octets, sieve.streams.len(), sieve.fragments.len()), (0, 0, 0));
        (kept, sieve.take_news())
    }

    /// A TCP segment from `port` to a port on which nobody expects SIP.
    fn segment(port: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = 40 + payload.len() as u16;
        let mut packet = vec![0x45, 0, (length >> 8) as u8, length as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
        packet.extend([192, 0, 2, 1, 192, 0, 2, 2]);
        packet.extend([port.to_be_bytes(), 8_080_u16.to_be_bytes()].concat());
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        packet.extend(payload);
        packet
    }

    const SIP: &[u8] = b"OPTIONS sip:a@example.com SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 OPTIONS\r\n\r\n";

    #[test]
    fn what_waits_too_long_is_let_go_and_told_if_it_was_sip() {
        let (begin, rest) = SIP.split_at(10);
        let one = segment(1, 1, begin);
        let other = segment(1, 11, rest);
        assert_eq!(sift(1 << 20, &[(0, one.clone()), (9, other.clone())]), (vec![1, 2], vec![]));
        let (kept, news) = sift(1 << 20, &[(0, one), (11, segment(2, 1, b"x")), (12, other)]);
        assert_eq!(kept, [3]);
        assert_eq!(news.len(), 1);
        assert!(
            news[0].starts_with("1 frame was not kept: that the connection is SIP was known only afterwards"),
            "{news:?}"
        );
    }

    #[test]
    fn a_connection_that_says_nothing_known_has_little_room_and_all_have_some() {
        let endless = |port: u16, number: u32| segment(port, 1 + number * 1_000, &[b'x'; 1_000]);
        // One connection, of which nobody knows what it is for 64 KiB and which then is something else.
        let one: Vec<_> = (0..200).map(|number| (0, endless(1, number))).collect();
        assert_eq!(sift(1 << 20, &one), (vec![], vec![]));
        // Many of them, and SIP behind them that has to wait its turn.
        let mut many: Vec<_> = (1_000..1_500).map(|port| (0, endless(port, 0))).collect();
        many.push((0, segment(2_000, 1, SIP)));
        let (kept, news) = sift(100_000, &many);
        assert_eq!(kept, [501]);
        assert!(news.len() == 1 && news[0].contains("too many waited"), "{news:?}");
    }
}
