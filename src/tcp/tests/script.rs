//! Scripts of segments, and what comes out of them.
//!
//! A script is a list of segments parted by `;`. Each begins with `>` (from the client, port 40000) or `<`
//! (from the server, port 5060), then words: `S`, `F`, `R` flags; `@N` stream offset of the segment
//! (0 is the octet after the SYN; without it, what follows the furthest one so far); `=N` acknowledges the
//! other side's first N octets; `'text` the payload; `~N` octets cut off; `+N` milliseconds since the segment
//! before; `#N` input; `w N` window, `s N` window shift; `xN` repeats the segment N times in sequence;
//! `iN` moves both sides' initial sequence numbers by N, for this and all later segments.
//!
//! Events are written `0>text` (connection, side, bytes), `0>~3` (gap of 3), `0>!1` (witness: input 1), `0>.` (end).
//! A `|` stands where the capture ended.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddr};

use super::super::*;
use crate::flow::ConnectionId;
use crate::frame::Timestamp;

pub(super) const CLIENT_INITIAL: u32 = 1000;
pub(super) const SERVER_INITIAL: u32 = 5000;

#[derive(Clone, Default)]
pub(super) struct Step {
    server: bool,
    flags: [bool; 3],
    offset: Option<i64>,
    ack: Option<u64>,
    text: String,
    missing: u32,
    wait: i64,
    input: u16,
    window: u16,
    shift: Option<u8>,
    repeat: usize,
    shove: u32,
}

pub(super) fn step(text: &str) -> Step {
    let mut step = Step { window: 65535, repeat: 1, ..Step::default() };
    for word in text.split_whitespace() {
        let (head, rest) = word.split_at(1);
        let number = || rest.parse::<i64>().unwrap_or_else(|_| panic!("no number in {word:?}"));
        match head {
            ">" => step.server = false,
            "<" => step.server = true,
            "S" => step.flags[0] = true,
            "F" => step.flags[1] = true,
            "R" => step.flags[2] = true,
            "@" => step.offset = Some(number()),
            "=" => step.ack = Some(number() as u64),
            "'" => step.text = rest.replace('_', " "),
            "~" => step.missing = number() as u32,
            "+" => step.wait = number(),
            "#" => step.input = number() as u16,
            "w" => step.window = number() as u16,
            "s" => step.shift = Some(number() as u8),
            "x" => step.repeat = number() as usize,
            "i" => step.shove = number() as u32,
            _ => panic!("unknown word {word:?}"),
        }
    }
    step
}

/// Writes events down, and checks what holds for any events: offsets without holes, nothing after the end.
#[derive(Default)]
pub(super) struct Log {
    pub(super) events: Vec<String>,
    pub(super) ends: HashSet<(ConnectionId, Side)>,
    pub(super) offsets: HashMap<(ConnectionId, Side), u64>,
}

impl Log {
    pub(super) fn take(&mut self, connection: &Connection, side: Side, event: Event<'_>) {
        let key = (connection.id, side);
        assert!(!self.ends.contains(&key), "{event:?} after the end");
        let what = match event {
            Event::Bytes { offset, bytes, .. } => {
                self.advance(key, offset, bytes.len() as u64);
                String::from_utf8_lossy(bytes).into_owned()
            }
            Event::Gap { offset, length, .. } => {
                self.advance(key, offset, length);
                format!("~{length}")
            }
            Event::Witness { frame } => format!("!{}", frame.input),
            Event::End { .. } => {
                self.ends.insert(key);
                ".".to_owned()
            }
        };
        let arrow = if side == Side::Client { '>' } else { '<' };
        self.events.push(format!("{}{arrow}{what}", connection.id.0));
    }

    pub(super) fn advance(&mut self, key: (ConnectionId, Side), offset: u64, length: u64) {
        let next = self.offsets.entry(key).or_insert(0);
        assert!(length > 0, "an empty event at {offset}");
        assert_eq!(offset, *next, "offsets of {key:?}");
        *next += length;
    }
}

/// Writes segments for steps, keeping each side's place.
#[derive(Default)]
pub(super) struct Writer {
    now: i64,
    number: u64,
    furthest: [u64; 2],
    shove: u32,
}

impl Writer {
    pub(super) fn sequence(&self, side: usize, offset: u64) -> u32 {
        let initial = if side == 0 { CLIENT_INITIAL } else { SERVER_INITIAL };
        initial.wrapping_add(1).wrapping_add(self.shove).wrapping_add(offset as u32)
    }

    pub(super) fn segment<'a>(&mut self, step: &'a Step) -> TcpSegment<'a> {
        if step.shove > 0 {
            self.shove = self.shove.wrapping_add(step.shove);
            self.furthest = [0; 2];
        }
        self.now += step.wait * 1_000_000 + 1000;
        self.number += 1;
        let side = usize::from(step.server);
        let ends = [40000, 5060].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let offset = step.offset.map_or(self.furthest[side], |offset| offset as u64);
        let end = offset.wrapping_add(step.text.len() as u64 + u64::from(step.missing));
        if step.offset.is_none_or(|offset| offset >= 0) {
            self.furthest[side] = self.furthest[side].max(end);
        }
        let [syn, fin, rst] = step.flags;
        TcpSegment {
            at: FrameRef { input: step.input, number: self.number, time: Timestamp::new(self.now, 6) },
            source: ends[side],
            destination: ends[1 - side],
            sequence: self.sequence(side, offset).wrapping_sub(u32::from(syn)),
            acknowledgment: step.ack.map(|ack| self.sequence(1 - side, ack)),
            syn,
            fin,
            rst,
            window: step.window,
            window_shift: step.shift,
            payload: step.text.as_bytes(),
            missing: step.missing,
        }
    }
}

pub(super) struct Run {
    pub(super) events: String,
    pub(super) counters: Counters,
    pub(super) conflicts: u64,
    pub(super) limits: u64,
    pub(super) tables: u64,
}

pub(super) fn run_with(limits: Limits, script: &str) -> Run {
    let (mut tcp, mut anomalies, mut log, mut writer) =
        (Tcp::new(limits), AnomalyLog::default(), Log::default(), Writer::default());
    for text in script.split(';').filter(|text| !text.trim().is_empty()) {
        let step = step(text);
        for _ in 0..step.repeat {
            let segment = writer.segment(&step);
            tcp.push(&segment, &mut anomalies, &mut |connection, side, event| log.take(connection, side, event));
            let counters = tcp.counters();
            assert_eq!(counters.delivered + counters.gap_octets + counters.left_over, counters.octets, "{script}");
            let places = tcp.table.places();
            let sum: usize = places.iter().map(|&place| tcp.table.get(place).unwrap().conversation.cost()).sum();
            assert_eq!(tcp.waiting, sum, "the count of what waits: {script}");
        }
    }
    log.events.push("|".to_owned());
    tcp.finish(&mut anomalies, &mut |connection, side, event| log.take(connection, side, event));
    let counters = tcp.counters();
    assert_eq!(counters.left_over, 0, "{script}");
    assert_eq!(counters.delivered + counters.gap_octets, counters.octets, "{script}");
    assert_eq!((tcp.waiting, tcp.table.len()), (0, 0), "{script}");
    Run {
        events: log.events.join(" "),
        counters,
        conflicts: anomalies.count(AnomalyKind::ConflictingOverlap),
        limits: anomalies.count(AnomalyKind::TcpBufferLimit),
        tables: anomalies.count(AnomalyKind::TableLimit),
    }
}

pub(super) fn run(script: &str) -> Run {
    run_with(Limits::default(), script)
}

pub(super) fn check(script: &str, events: &str) {
    assert_eq!(run(script).events, events, "{script}");
}

/// The three segments that open a connection, with windows shifted by 2.
pub(super) const OPEN: &str = "> S s2; < S =0 s2; > =0;";

pub(super) fn check_open(script: &str, events: &str) {
    check(&format!("{OPEN} {script}"), events);
}
