//! Plain pcap files in memory, frame by frame: cut, changed and put together again.
//!
//! In: the octets of a pcap with microseconds, little-endian, as `lyncpush simulate` writes them. Out: the same.
//! It refuses to know what a frame holds, and shares no code with the program's own reader.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::net::Ipv4Addr;
use std::ops::Range;

/// Octets of the file's own header, and of a frame's.
const FILE_HEAD: usize = 24;
const FRAME_HEAD: usize = 16;
/// Where an Ethernet frame without tags holds its IPv4 source, destination, and TCP ports.
const SOURCE: Range<usize> = 26..30;
const DESTINATION: Range<usize> = 30..34;
const PORTS: Range<usize> = 34..38;
/// Where its TCP header begins, and the octet that tells how long that is.
const TCP: usize = 34;
const OFFSET: usize = TCP + 12;

/// A capture: its head, and its frames in order. The first is frame 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pcap {
    head: Vec<u8>,
    /// The frames.
    pub frames: Vec<Frame>,
}

/// One captured frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Microseconds since 1970 UTC.
    pub at: i64,
    /// Octets on the wire.
    wire_len: u32,
    /// Octets captured.
    pub octets: Vec<u8>,
}

impl Pcap {
    /// Reads a file.
    pub fn of(file: &[u8]) -> Self {
        assert_eq!(file[..4], 0xa1b2_c3d4_u32.to_le_bytes(), "a pcap with microseconds, little-endian");
        let (head, mut rest) = file.split_at(FILE_HEAD);
        let mut frames = Vec::new();
        while !rest.is_empty() {
            let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let at = i64::from(number(0)) * 1_000_000 + i64::from(number(4));
            let (length, wire_len) = (number(8) as usize, number(12));
            frames.push(Frame { at, wire_len, octets: rest[FRAME_HEAD..FRAME_HEAD + length].to_vec() });
            rest = &rest[FRAME_HEAD + length..];
        }
        Self { head: head.to_vec(), frames }
    }

    /// The file.
    pub fn octets(&self) -> Vec<u8> {
        let mut file = self.head.clone();
        for frame in &self.frames {
            let (seconds, micros) = (frame.at.div_euclid(1_000_000), frame.at.rem_euclid(1_000_000));
            let length = u32::try_from(frame.octets.len()).unwrap();
            let numbers = [u32::try_from(seconds).unwrap(), u32::try_from(micros).unwrap(), length, frame.wire_len];
            numbers.iter().for_each(|number| file.extend(number.to_le_bytes()));
            file.extend(&frame.octets);
        }
        file
    }

    /// The frames that `keep` says yes to, by their number and themselves.
    #[must_use]
    pub fn only(&self, mut keep: impl FnMut(u64, &Frame) -> bool) -> Self {
        let numbered = (1..).zip(&self.frames);
        let frames = numbered.filter(|(number, frame)| keep(*number, frame)).map(|(_, frame)| frame.clone()).collect();
        Self { head: self.head.clone(), frames }
    }

    /// The same frames by a clock that is `micros` ahead.
    #[must_use]
    pub fn ahead(mut self, micros: i64) -> Self {
        self.frames.iter_mut().for_each(|frame| frame.at += micros);
        self
    }
}

impl Frame {
    /// Whether it runs between these addresses and ports, in either direction; port 0 is any.
    pub fn is_between(&self, one: (Ipv4Addr, u16), other: (Ipv4Addr, u16)) -> bool {
        let ends = self.ends();
        let is = |end: (Ipv4Addr, u16), known: (Ipv4Addr, u16)| end.0 == known.0 && (known.1 == 0 || end.1 == known.1);
        (is(ends[0], one) && is(ends[1], other)) || (is(ends[0], other) && is(ends[1], one))
    }

    /// From where to where it runs: addresses and ports.
    pub fn ends(&self) -> [(Ipv4Addr, u16); 2] {
        let address = |range| Ipv4Addr::from(<[u8; 4]>::try_from(&self.octets[range]).unwrap());
        let ports = &self.octets[PORTS];
        let (from, to) = (u16::from_be_bytes([ports[0], ports[1]]), u16::from_be_bytes([ports[2], ports[3]]));
        [(address(SOURCE), from), (address(DESTINATION), to)]
    }

    /// The same between other ends.
    #[must_use]
    pub fn between(&self, [from, to]: [(Ipv4Addr, u16); 2]) -> Self {
        let mut other = self.clone();
        other.octets[SOURCE].copy_from_slice(&from.0.octets());
        other.octets[DESTINATION].copy_from_slice(&to.0.octets());
        let ports = [from.1.to_be_bytes(), to.1.to_be_bytes()].concat();
        other.octets[PORTS].copy_from_slice(&ports);
        other
    }

    /// What its TCP segment carries.
    pub fn payload(&self) -> &[u8] {
        let begin = TCP + usize::from(self.octets[OFFSET] >> 4) * 4;
        &self.octets[begin..]
    }

    /// Puts `new` where `old` stands, which is as long; says whether it stood there.
    pub fn replace(&mut self, old: &str, new: &str) -> bool {
        assert_eq!(old.len(), new.len(), "a message keeps its length");
        let Some(at) = self.octets.windows(old.len()).position(|found| found == old.as_bytes()) else { return false };
        self.octets[at..at + old.len()].copy_from_slice(new.as_bytes());
        true
    }
}
