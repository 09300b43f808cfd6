//! Capture files: pcap and pcapng, plain or compressed.

use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zstd::stream::write::Encoder;

use super::options::{Container, Link};

/// Frames are never longer than this: the snap length files state.
const SNAP_LENGTH: u32 = 262_144;
/// Octets gathered before the output is bothered.
const BUFFER: usize = 1 << 16;

/// The four ways a frame is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// pcap, little-endian, with so many nanoseconds to the tick.
    Little(i64),
    /// pcap, big-endian, microseconds.
    Big,
    /// pcapng, little-endian, nanoseconds.
    Blocks,
}

/// Where the octets go.
enum Sink<'a> {
    Plain(BufWriter<&'a mut dyn Write>),
    Gzip(GzEncoder<BufWriter<&'a mut dyn Write>>),
    Zstandard(Encoder<'static, BufWriter<&'a mut dyn Write>>),
}

impl Sink<'_> {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(octets),
            Self::Gzip(out) => out.write_all(octets),
            Self::Zstandard(out) => out.write_all(octets),
        }
    }
}

/// A capture file being written.
pub(super) struct CaptureFile<'a> {
    sink: Sink<'a>,
    format: Format,
    scratch: Vec<u8>,
}

impl Container {
    /// Whether the file's numbers are big-endian.
    pub(super) const fn is_big_endian(self) -> bool {
        matches!(self, Self::PcapBe | Self::PcapBeGz | Self::PcapBeZst)
    }

    const fn format(self) -> Format {
        match self {
            Self::Pcap | Self::PcapGz | Self::PcapZst => Format::Little(1_000),
            Self::PcapNs | Self::PcapNsGz | Self::PcapNsZst => Format::Little(1),
            Self::PcapBe | Self::PcapBeGz | Self::PcapBeZst => Format::Big,
            Self::Pcapng | Self::PcapngGz | Self::PcapngZst => Format::Blocks,
        }
    }
}

impl<'a> CaptureFile<'a> {
    /// Begins the file: what stands before the first frame.
    pub(super) fn begin(container: Container, link: Link, out: &'a mut dyn Write) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER, out);
        let sink = match container {
            Container::PcapGz | Container::PcapNsGz | Container::PcapBeGz | Container::PcapngGz => {
                Sink::Gzip(GzEncoder::new(out, Compression::default()))
            }
            Container::PcapZst | Container::PcapNsZst | Container::PcapBeZst | Container::PcapngZst => {
                Sink::Zstandard(Encoder::new(out, 3)?)
            }
            _ => Sink::Plain(out),
        };
        let mut file = Self { sink, format: container.format(), scratch: Vec::new() };
        let number = u32::from(link.link_type().0);
        match file.format {
            Format::Little(ticks) => {
                let magic: u32 = if ticks == 1 { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
                let words = [magic, 0x0004_0002, 0, 0, SNAP_LENGTH, number];
                file.sink.write_all(words.map(u32::to_le_bytes).as_flattened())?;
            }
            Format::Big => {
                let words = [0xa1b2_c3d4, 0x0002_0004, 0, 0, SNAP_LENGTH, number];
                file.sink.write_all(words.map(u32::to_be_bytes).as_flattened())?;
            }
            Format::Blocks => {
                // Section header of unknown length, then one interface with if_tsresol (option 9) 9.
                let section = [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
                let interface = [1, 32, number, SNAP_LENGTH, 0x0001_0009, 9, 0, 32];
                file.sink.write_all(section.map(u32::to_le_bytes).as_flattened())?;
                file.sink.write_all(interface.map(u32::to_le_bytes).as_flattened())?;
            }
        }
        Ok(file)
    }

    /// Adds one frame, captured whole at `time` (nanoseconds since 1970 UTC; earlier times become 1970).
    pub(super) fn push(&mut self, time: i64, frame: &[u8]) -> io::Result<()> {
        let time = time.max(0);
        let length = frame.len() as u32;
        let (seconds, nanos) = ((time / 1_000_000_000) as u32, time % 1_000_000_000);
        self.scratch.clear();
        match self.format {
            Format::Little(ticks) => {
                let words = [seconds, (nanos / ticks) as u32, length, length];
                self.scratch.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
                self.scratch.extend_from_slice(frame);
            }
            Format::Big => {
                let words = [seconds, (nanos / 1_000) as u32, length, length];
                self.scratch.extend_from_slice(words.map(u32::to_be_bytes).as_flattened());
                self.scratch.extend_from_slice(frame);
            }
            Format::Blocks => {
                let padded = frame.len().next_multiple_of(4);
                let total = 32 + padded as u32;
                let words = [6, total, 0, (time >> 32) as u32, time as u32, length, length];
                self.scratch.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
                self.scratch.extend_from_slice(frame);
                self.scratch.resize(28 + padded, 0);
                self.scratch.extend_from_slice(&total.to_le_bytes());
            }
        }
        self.sink.write_all(&self.scratch)
    }

    /// Ends the file: everything written has reached the output.
    pub(super) fn end(self) -> io::Result<()> {
        match self.sink {
            Sink::Plain(mut out) => out.flush(),
            Sink::Gzip(out) => out.finish()?.flush(),
            Sink::Zstandard(out) => out.finish()?.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const TIME: i64 = 1_370_246_400_123_456_789;

    fn file(container: Container) -> Vec<u8> {
        let mut out = Vec::new();
        let mut file = CaptureFile::begin(container, Link::Raw, &mut out).unwrap();
        file.push(TIME, b"frame").unwrap();
        file.end().unwrap();
        out
    }

    #[test]
    fn pcap_states_its_clock_and_byte_order() {
        let check = |container, magic: [u8; 4], fraction: [u8; 4]| {
            let octets = file(container);
            assert_eq!(octets.len(), 24 + 16 + 5);
            assert_eq!((&octets[..4], &octets[28..32]), (&magic[..], &fraction[..]), "{container}");
        };
        check(Container::Pcap, [0xd4, 0xc3, 0xb2, 0xa1], 123_456_u32.to_le_bytes());
        check(Container::PcapNs, [0x4d, 0x3c, 0xb2, 0xa1], 123_456_789_u32.to_le_bytes());
        check(Container::PcapBe, [0xa1, 0xb2, 0xc3, 0xd4], 123_456_u32.to_be_bytes());
    }

    #[test]
    fn pcapng_blocks_close_where_they_say() {
        let octets = file(Container::Pcapng);
        let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap()) as usize;
        let mut at = 0;
        let mut kinds = Vec::new();
        while at < octets.len() {
            kinds.push(word(at));
            let length = word(at + 4);
            assert_eq!(word(at + length - 4), length);
            at += length;
        }
        assert_eq!(kinds, [0x0a0d_0d0a, 1, 6]);
        let time = (word(28 + 32 + 12) as i64) << 32 | word(28 + 32 + 16) as i64;
        assert_eq!(time, TIME);
    }

    #[test]
    fn compression_can_be_undone() {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&file(Container::PcapNsGz)[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, file(Container::PcapNs));
        let plain = zstd::decode_all(&file(Container::PcapngZst)[..]).unwrap();
        assert_eq!(plain, file(Container::Pcapng));
    }

    #[test]
    fn times_before_1970_are_1970() {
        let mut out = Vec::new();
        let mut file = CaptureFile::begin(Container::Pcap, Link::Raw, &mut out).unwrap();
        file.push(-5, b"").unwrap();
        file.end().unwrap();
        assert_eq!(out[24..32], [0; 8]);
    }
}
