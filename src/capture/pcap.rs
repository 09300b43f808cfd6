//! The classic container: one header, then a record for each frame.
//!
//! Source: draft-ietf-opsawg-pcap.

use std::ops::Range;

use super::Ended;
use super::reader::{MAX_RECORD, Reader, Short};
use crate::frame::{LinkType, Timestamp};

/// Octets of the file header.
const HEADER: usize = 24;
/// The largest frame that common tools write; a longer one must at least fit the header's snap length
/// before a file that ends inside it counts as cut short rather than damaged.
const USUAL_FRAME: u32 = 262_144;

/// A frame as a container gives it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// When; `None` where the container states no time.
    pub(super) time: Option<Timestamp>,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    /// Where its octets stand in the reader's buffer.
    pub(super) range: Range<usize>,
}

/// What reading on gives.
#[derive(Debug)]
pub(super) enum Step {
    Frame(Record),
    End(Ended),
}

/// The byte order of a file or section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    #[inline]
    pub(super) fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    #[inline]
    pub(super) fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    pub(super) fn u64(self, octets: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(octets),
            Self::Big => u64::from_be_bytes(octets),
        }
    }
}

/// A pcap whose header has been read.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    /// Nanoseconds in a unit of the fraction, and its decimal digits.
    unit: (u32, u8),
    /// Octets of a record's header: 16, or 24 in the format of old patched Linux kernels.
    record: usize,
    snap_length: u32,
    pub(super) link: LinkType,
}

/// What four octets say about the file they begin: byte order, unit and digits, record header.
fn magic(octets: [u8; 4]) -> Option<(Order, (u32, u8), usize)> {
    let known = |number| match number {
        0xa1b2_c3d4_u32 => Some(((1000, 6), 16)),
        0xa1b2_3c4d => Some(((1, 9), 16)),
        0xa1b2_cd34 => Some(((1000, 6), 24)),
        _ => None,
    };
    let little = known(u32::from_le_bytes(octets)).map(|(unit, record)| (Order::Little, unit, record));
    little.or_else(|| known(u32::from_be_bytes(octets)).map(|(unit, record)| (Order::Big, unit, record)))
}

/// Whether a file that begins so is a pcap.
pub(super) fn probe(octets: [u8; 4]) -> bool {
    magic(octets).is_some()
}

impl Pcap {
    /// Reads the file header. `Err` says how the file ended inside it, or why it cannot be used.
    pub(super) fn open(reader: &mut Reader) -> Result<Self, Ended> {
        let header: [u8; HEADER] = reader.peek().map_err(|short| ended(short, "the file header", 0))?;
        let [m0, m1, m2, m3, v0, v1, _, _, _, _, _, _, _, _, _, _, s0, s1, s2, s3, l0, l1, l2, l3] = header;
        let Some((order, unit, record)) = magic([m0, m1, m2, m3]) else {
            return Err(Ended::Damaged("the file header is not that of a pcap".to_owned()));
        };
        let version = order.u16([v0, v1]);
        if version != 2 {
            return Err(Ended::Damaged(format!("pcap version {version} is not known")));
        }
        reader.consume(HEADER, 0..0);
        // The upper half of the link field tells of frame check sequences, which nothing here looks at.
        let link = LinkType(order.u32([l0, l1, l2, l3]) as u16);
        Ok(Self { order, unit, record, snap_length: order.u32([s0, s1, s2, s3]), link })
    }

    /// Reads the frame that would be number `number`.
    #[inline]
    pub(super) fn next(&mut self, reader: &mut Reader, number: u64) -> Step {
        let header: [u8; 16] = match reader.need(self.record) {
            Ok(window) => window.first_chunk().copied().unwrap_or_default(),
            Err(Short::End(0)) => return Step::End(Ended::Complete),
            Err(short) => return cut(short, reader, number),
        };
        let [t0, t1, t2, t3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = header;
        let captured = self.order.u32([c0, c1, c2, c3]);
        let length = captured as usize;
        if length > MAX_RECORD {
            return damaged(reader, number, captured);
        }
        let whole = self.record + length;
        if let Err(short) = reader.need(whole) {
            if captured > USUAL_FRAME.max(self.snap_length) && matches!(short, Short::End(_)) {
                return damaged(reader, number, captured);
            }
            return cut(short, reader, number);
        }
        let range = reader.consume(whole, self.record..whole);
        let seconds = i64::from(self.order.u32([t0, t1, t2, t3]));
        let fraction = i64::from(self.order.u32([f0, f1, f2, f3])) * i64::from(self.unit.0);
        let time = Timestamp::new(seconds * 1_000_000_000 + fraction, self.unit.1);
        let wire_len = self.order.u32([w0, w1, w2, w3]).max(captured);
        Step::Frame(Record { time: Some(time), link: self.link, wire_len, range })
    }
}

#[cold]
fn cut(short: Short, reader: &Reader, number: u64) -> Step {
    Step::End(ended(short, &format!("frame {number}"), reader.offset()))
}

#[cold]
fn damaged(reader: &Reader, number: u64, captured: u32) -> Step {
    let detail = format!("frame {number} at octet {} claims a length of {captured} octets", reader.offset());
    Step::End(Ended::Damaged(detail))
}

/// How an input ended that did not give what `what` needs, which begins at `offset`.
#[cold]
pub(super) fn ended(short: Short, what: &str, offset: u64) -> Ended {
    match short {
        Short::End(_) => Ended::Truncated(format!("the file ends inside {what}, which begins at octet {offset}")),
        Short::Cut(why) => Ended::Truncated(format!("{why}, before or inside {what} at octet {offset}")),
        Short::Failed(why) => Ended::Damaged(format!("cannot read {what} at octet {offset}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::specimen;

    fn read(file: Vec<u8>) -> (Vec<(i64, u8, u32, Vec<u8>)>, Ended) {
        let mut reader = Reader::new(Box::new(std::io::Cursor::new(file)));
        let mut frames = Vec::new();
        let mut pcap = match Pcap::open(&mut reader) {
            Ok(pcap) => pcap,
            Err(ended) => return (frames, ended),
        };
        loop {
            match pcap.next(&mut reader, frames.len() as u64 + 1) {
                Step::Frame(record) => {
                    let time = record.time.unwrap();
                    let bytes = reader.window(&record.range).to_vec();
                    frames.push((time.nanos(), time.digits(), record.wire_len, bytes));
                }
                Step::End(ended) => return (frames, ended),
            }
        }
    }

    #[test]
    fn both_orders_and_units() {
        for (magic, nanos, digits) in [(0xa1b2_c3d4, 7_000_005_000, 6), (0xa1b2_3c4d, 7_000_000_005, 9)] {
            for order in [Order::Little, Order::Big] {
                let file = specimen::pcap(order, magic, 1, &[(7, 5, 60, b"frame"), (7, 5, 2, b"four")]);
                let (frames, ended) = read(file);
                assert_eq!(ended, Ended::Complete);
                let expected = [(nanos, digits, 60, b"frame".to_vec()), (nanos, digits, 4, b"four".to_vec())];
                assert_eq!(frames, expected, "{magic:x} {order:?}");
            }
        }
    }

    #[test]
    fn the_link_field_is_masked() {
        let file = specimen::pcap(Order::Big, 0xa1b2_c3d4, 0x1400_0071, &[]);
        let mut reader = Reader::new(Box::new(std::io::Cursor::new(file)));
        assert_eq!(Pcap::open(&mut reader).unwrap().link, LinkType::LINUX_SLL);
    }

    #[test]
    fn times_after_2038_and_odd_fractions_are_kept() {
        let file = specimen::pcap(Order::Little, 0xa1b2_c3d4, 1, &[(u32::MAX, u32::MAX, 0, b"")]);
        let (frames, _) = read(file);
        assert_eq!(frames[0].0, i64::from(u32::MAX) * 1_000_000_000 + i64::from(u32::MAX) * 1000);
    }

    #[test]
    fn every_cut_keeps_the_frames_before_it() {
        let file = specimen::pcap(Order::Little, 0xa1b2_c3d4, 1, &[(1, 0, 5, b"first"), (2, 0, 6, b"second")]);
        let ends = [24, 24 + 16 + 5, 24 + 16 + 5 + 16 + 6];
        assert_eq!(file.len(), ends[2]);
        for length in 0..=file.len() {
            let (frames, ended) = read(file[..length].to_vec());
            assert_eq!(frames.len(), ends[1..].iter().filter(|end| length >= **end).count(), "{length}");
            match ended {
                Ended::Complete => assert!(ends.contains(&length), "{length}"),
                Ended::Truncated(detail) => {
                    assert!(!ends.contains(&length), "{length}");
                    let what =
                        if length < 24 { "file header".to_owned() } else { format!("frame {}", frames.len() + 1) };
                    assert!(detail.contains(&what), "{length}: {detail}");
                }
                Ended::Damaged(detail) => panic!("{length}: {detail}"),
            }
        }
    }

    #[test]
    fn an_absurd_length_is_damage() {
        for claimed in [300_000_u32, MAX_RECORD as u32 + 1, u32::MAX] {
            let mut file = specimen::pcap(Order::Little, 0xa1b2_c3d4, 1, &[(1, 0, 5, b"first"), (2, 0, 6, b"second")]);
            file[24 + 16 + 5 + 8..][..4].copy_from_slice(&claimed.to_le_bytes());
            let (frames, ended) = read(file);
            assert_eq!(frames.len(), 1);
            let expected = format!("frame 2 at octet 45 claims a length of {claimed} octets");
            assert_eq!(ended, Ended::Damaged(expected));
        }
    }

    #[test]
    fn records_of_patched_kernels_have_longer_headers() {
        let mut file = specimen::pcap(Order::Little, 0xa1b2_cd34, 1, &[]);
        file.extend([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, b'a', b'b', b'c']);
        assert_eq!(read(file), (vec![(1_000_002_000, 6, 3, b"abc".to_vec())], Ended::Complete));
    }
}
