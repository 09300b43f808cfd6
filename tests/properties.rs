//! What holds for any order, split and repetition of TCP segments.

use std::collections::BTreeMap;

use lyncpush::anomaly::{AnomalyKind, AnomalyLog};
use lyncpush::flow::{Connection, Side};
use lyncpush::frame::{FrameRef, Timestamp};
use lyncpush::segment::TcpSegment;
use lyncpush::stream::Event;
use lyncpush::tcp::{Counters, Limits, Tcp};
use proptest::prelude::*;

/// A segment to be: who sends it, where it stands in its stream, and how much of it the capture cut off.
#[derive(Clone, Debug)]
struct Piece {
    side: Side,
    from: usize,
    to: usize,
    cut: usize,
}

/// What came out of one side.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// The octets in their places; `None` where a gap is.
    octets: Vec<Option<u8>>,
    ends: u32,
}

/// The octets a side sends: never the same run twice, so that misplaced ones are found out.
fn content(side: Side, length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| ((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 ^ side.index() as u64) >> 56) as u8)
        .collect()
}

/// A connection whose segments can be written in any order.
struct Script {
    tcp: Tcp,
    anomalies: AnomalyLog,
    /// By connection and side.
    streams: BTreeMap<(u64, Side), Stream>,
    initial: [u32; 2],
    contents: [Vec<u8>; 2],
    frames: u64,
}

impl Script {
    fn new(initial: [u32; 2], lengths: [usize; 2], limits: Limits) -> Self {
        Self {
            tcp: Tcp::new(limits),
            anomalies: AnomalyLog::default(),
            streams: BTreeMap::new(),
            initial,
            contents: [content(Side::Client, lengths[0]), content(Side::Server, lengths[1])],
            frames: 0,
        }
    }

    /// The octets of `piece` in a segment. `flags` are SYN, FIN and RST.
    fn send(&mut self, piece: &Piece, acknowledged: Option<usize>, flags: [bool; 3]) {
        self.frames += 1;
        let side = piece.side.index();
        let addresses = ["192.0.2.1:40000", "192.0.2.2:5060"].map(|address| address.parse().expect("an address"));
        let place = |side: usize, at: usize| self.initial[side].wrapping_add(1).wrapping_add(at as u32);
        let [syn, fin, rst] = flags;
        let kept = piece.to - piece.cut.min(piece.to - piece.from);
        let segment = TcpSegment {
            at: FrameRef { input: 0, number: self.frames, time: Timestamp::new(self.frames as i64 * 10_000, 6) },
            source: addresses[side],
            destination: addresses[1 - side],
            sequence: place(side, piece.from).wrapping_sub(u32::from(syn)),
            acknowledgment: acknowledged.map(|at| place(1 - side, at)),
            syn,
            fin,
            rst,
            window: 65535,
            window_shift: None,
            payload: &self.contents[side][piece.from..kept],
            missing: (piece.to - kept) as u32,
        };
        let streams = &mut self.streams;
        self.tcp.push(&segment, &mut self.anomalies, &mut |connection, side, event| {
            note(streams, connection, side, event);
        });
        check_sums(self.tcp.counters());
    }

    fn open(&mut self) {
        let [client, server] = [Side::Client, Side::Server].map(|side| Piece { side, from: 0, to: 0, cut: 0 });
        self.send(&client, None, [true, false, false]);
        self.send(&server, Some(0), [true, false, false]);
        self.send(&client, Some(0), [false; 3]);
    }

    /// What came out of a side of the only connection.
    fn stream(&self, side: Side) -> Stream {
        assert!(self.streams.keys().all(|(id, _)| *id == 0), "more than one connection");
        self.streams.get(&(0, side)).cloned().unwrap_or_default()
    }

    fn finish(&mut self) -> Counters {
        let streams = &mut self.streams;
        self.tcp.finish(&mut self.anomalies, &mut |connection, side, event| {
            note(streams, connection, side, event);
        });
        let counters = self.tcp.counters();
        check_sums(counters);
        assert_eq!(counters.left_over, 0);
        counters
    }
}

fn note(streams: &mut BTreeMap<(u64, Side), Stream>, connection: &Connection, side: Side, event: Event<'_>) {
    let stream = streams.entry((connection.id.0, side)).or_default();
    assert_eq!(stream.ends, 0, "{event:?} after the end of {side:?}");
    match event {
        Event::Bytes { offset, bytes, .. } => {
            assert_eq!(offset, stream.octets.len() as u64, "{side:?}");
            assert!(!bytes.is_empty());
            stream.octets.extend(bytes.iter().map(|&octet| Some(octet)));
        }
        Event::Gap { offset, length, .. } => {
            assert_eq!(offset, stream.octets.len() as u64, "{side:?}");
            assert!(length > 0);
            stream.octets.resize(stream.octets.len() + length as usize, None);
        }
        Event::Witness { .. } => (),
        Event::End { .. } => stream.ends += 1,
    }
}

fn check_sums(counters: Counters) {
    assert_eq!(counters.delivered + counters.gap_octets + counters.left_over, counters.octets, "{counters:?}");
}

/// Both streams cut in segments, some sent twice or overlapping, in an order in which none comes much too late.
fn pieces(lengths: [usize; 2], widths: &[usize], again: &[(usize, usize, usize)], late: &[usize]) -> Vec<Piece> {
    let mut widths = widths.iter().cycle();
    let mut sides = [Side::Client, Side::Server].map(|side| {
        let (mut at, mut pieces) = (0, Vec::new());
        while at < lengths[side.index()] {
            let to = (at + widths.next().copied().unwrap_or(1).max(1)).min(lengths[side.index()]);
            pieces.push(Piece { side, from: at, to, cut: 0 });
            at = to;
        }
        pieces.into_iter()
    });
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(sides[0].next());
        all.extend(sides[1].next());
        if all.len() == before {
            break;
        }
    }
    for &(which, less, more) in again {
        if all.is_empty() {
            break;
        }
        let which = which % all.len();
        let mut piece = all[which].clone();
        piece.from = piece.from.saturating_sub(less);
        piece.to = (piece.to + more).min(lengths[piece.side.index()]);
        all.insert(which + 1, piece);
    }
    // Nothing moves by more places than the grace for acknowledged octets lasts.
    let mut late = late.iter().cycle();
    let mut places: Vec<_> =
        all.into_iter().enumerate().map(|(place, piece)| (place + late.next().unwrap_or(&0), piece)).collect();
    places.sort_by_key(|(place, _)| *place);
    places.into_iter().map(|(_, piece)| piece).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Nothing lost: the same octets come out, whatever the order, the split, the overlaps and the repetitions.
    #[test]
    fn any_split_order_and_repetition_gives_the_same_octets(
        lengths in [0_usize..4000, 0_usize..4000],
        widths in prop::collection::vec(1_usize..700, 1..20),
        again in prop::collection::vec((0_usize..200, 0_usize..300, 0_usize..300), 0..20),
        late in prop::collection::vec(0_usize..12, 1..60),
        initial in any::<[u32; 2]>(),
        acknowledge in any::<bool>(),
        fin in any::<bool>(),
    ) {
        let mut script = Script::new(initial, lengths, Limits::default());
        script.open();
        let mut sent = [0; 2];
        for piece in pieces(lengths, &widths, &again, &late) {
            let side = piece.side.index();
            // What the receiver has, some of which may come later here.
            let acknowledged = acknowledge.then_some(sent[1 - side]);
            sent[side] = sent[side].max(piece.to);
            script.send(&piece, acknowledged, [false; 3]);
        }
        if fin {
            for side in [Side::Client, Side::Server] {
                let end = lengths[side.index()];
                script.send(&Piece { side, from: end, to: end, cut: 0 }, Some(lengths[side.other().index()]), [false, true, false]);
            }
            let done = lengths != [0, 0];
            prop_assert_eq!([Side::Client, Side::Server].map(|side| script.stream(side).ends), [u32::from(done); 2]);
        }
        let counters = script.finish();
        for side in [Side::Client, Side::Server] {
            let got: Option<Vec<u8>> = script.stream(side).octets.into_iter().collect();
            prop_assert_eq!(got.as_ref(), Some(&script.contents[side.index()]), "{:?}", side);
        }
        prop_assert_eq!((counters.gaps, counters.conflicts, counters.limit_reached), (0, 0, 0));
        prop_assert_eq!(script.anomalies.count(AnomalyKind::ConflictingOverlap), 0);
    }

    /// Segments lost and cut off: what comes out is right and in its place, what does not was really lost.
    #[test]
    fn what_is_lost_is_a_gap_of_its_length(
        lengths in [1_usize..4000, 1_usize..4000],
        widths in prop::collection::vec(2_usize..300, 1..20),
        again in prop::collection::vec((0_usize..200, 0_usize..300, 0_usize..300), 0..10),
        late in prop::collection::vec(0_usize..12, 1..20),
        lost in prop::collection::vec(any::<bool>(), 1..20),
        cuts in prop_oneof![Just(vec![0]), prop::collection::vec(0_usize..20, 1..10)],
        initial in any::<[u32; 2]>(),
        acknowledge in any::<bool>(),
        buffer in prop::sample::select(vec![0_usize, 500, 4 << 20]),
    ) {
        let mut script = Script::new(initial, lengths, Limits { stream_buffer: buffer, ..Limits::default() });
        script.open();
        let mut sent = [0; 2];
        let mut seen = [vec![false; lengths[0]], vec![false; lengths[1]]];
        for (number, mut piece) in pieces(lengths, &widths, &again, &late).into_iter().enumerate() {
            let side = piece.side.index();
            let acknowledged = acknowledge.then_some(sent[1 - side]);
            sent[side] = sent[side].max(piece.to);
            if lost[number % lost.len()] {
                continue;
            }
            piece.cut = cuts[number % cuts.len()].min(piece.to - piece.from);
            seen[side][piece.from..piece.to - piece.cut].fill(true);
            script.send(&piece, acknowledged, [false; 3]);
        }
        let counters = script.finish();
        for side in [Side::Client, Side::Server] {
            let (stream, content, seen) = (script.stream(side), &script.contents[side.index()], &seen[side.index()]);
            prop_assert!(stream.octets.len() <= content.len());
            for (at, octet) in stream.octets.into_iter().enumerate() {
                match octet {
                    Some(octet) => prop_assert!(octet == content[at] && seen[at], "{:?} at {}", side, at),
                    // Nothing proves a loss before the end here: what was there came out.
                    None if !acknowledge && counters.limit_reached == 0 && cuts.iter().all(|&cut| cut == 0) => {
                        prop_assert!(!seen[at], "{:?} at {} was there", side, at);
                    }
                    None => (),
                }
            }
        }
        prop_assert_eq!(counters.conflicts, 0);
    }

    /// Any segments at all: no panic, the sums hold, every side ends at most once, little is kept.
    #[test]
    fn any_segments_are_survived(
        steps in prop::collection::vec(
            (any::<bool>(), 0_usize..3000, 0_usize..200, 0_usize..50, prop::option::of(0_usize..5000), 0_u8..64, 0_u32..8),
            0..120,
        ),
        initial in any::<[u32; 2]>(),
        limits in prop::sample::select(vec![(4 << 20, 64 << 20, 100, 10), (300, 1000, 1, 1), (0, 0, 0, 0)]),
    ) {
        let (stream_buffer, total_buffer, connections, remembered) = limits;
        let limits = Limits { stream_buffer, total_buffer, connections, remembered };
        let mut script = Script::new(initial, [3200, 3200], limits);
        for (server, from, length, cut, acknowledged, flags, jump) in steps {
            let side = if server { Side::Server } else { Side::Client };
            if jump == 0 {
                // Another connection on the same ports.
                script.initial[side.index()] = script.initial[side.index()].wrapping_mul(0x0019_660d).wrapping_add(1);
            }
            // Most segments carry no flag.
            let flags = [flags & 0x38 == 0x38, flags & 0x07 == 0x07, flags == 0x2a];
            let piece = Piece { side, from, to: from + length, cut };
            script.send(&piece, acknowledged, flags);
        }
        script.finish();
    }
}
