//! A file or standard input as a source: finds the format, reads it, keeps the summary.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compression::Compression;
use super::filter::Filter;
use super::pcap::{self, Pcap, Step};
use super::pcapng::{self, Pcapng};
use super::reader::{Reader, Secrecy};
use super::{Ended, Options, Source, Summary};
use crate::error::{Error, Result};
use crate::frame::{Frame, FrameRef, LinkType, Timestamp};

/// Octets that tell formats apart.
const MAGIC: usize = 4;

/// Opens one file, or standard input for `-`, by its content. `input` is its index on the command line.
///
/// Errors: it cannot be opened, is empty or not a capture, or the filter cannot be used on it.
pub fn open(path: &str, input: u16, options: &Options) -> Result<Box<dyn Source>> {
    let (inner, size) = open_input(path)?;
    let consumed = Arc::new(AtomicU64::new(0));
    let counted = Box::new(Counted { inner, consumed: Arc::clone(&consumed) });
    open_reader(counted, path, input, options, consumed, size).map(|source| Box::new(source) as Box<dyn Source>)
}

/// Opens the input itself; its size, if it has one.
fn open_input(path: &str) -> Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path == "-" {
        return Ok((Box::new(io::stdin()), None));
    }
    let file = File::open(path).map_err(|error| cannot_open(path, &reason(&error)))?;
    let about = file.metadata().map_err(|error| cannot_open(path, &reason(&error)))?;
    if about.is_dir() {
        return Err(cannot_open(path, "it is a directory"));
    }
    Ok((Box::new(file), about.is_file().then_some(about.len())))
}

/// An input-output error in a few words, without the operating system's number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => error.to_string(),
    }
}

fn cannot_open(path: &str, why: &str) -> Error {
    Error::new(format!("cannot open capture {path:?}: {why}"))
}

fn not_a_capture(path: &str) -> Error {
    Error::new(format!("{path:?} is not a capture: neither pcap nor pcapng, also not inside gzip or zstd"))
}

/// Finds the format of what `inner` gives, and opens it.
fn open_reader(
    inner: Box<dyn Read + Send>,
    path: &str,
    input: u16,
    options: &Options,
    consumed: Arc<AtomicU64>,
    size: Option<u64>,
) -> Result<FileSource> {
    let (mut magic, mut inner) = peek(inner).map_err(|error| cannot_open(path, &reason(&error)))?;
    if magic.is_empty() {
        return Err(cannot_open(path, "it is empty"));
    }
    let (compression, secrecy) = (Compression::probe(&magic), Secrecy::default());
    if let Some(compression) = compression {
        let unpacked = compression.decompress(inner, &secrecy).and_then(peek);
        (magic, inner) = unpacked.map_err(|error| cannot_open(path, &compression.reason(&error)))?;
    }
    let magic = *magic.first_chunk::<MAGIC>().ok_or_else(|| not_a_capture(path))?;
    let format = match magic {
        _ if pcap::probe(magic) => "pcap",
        _ if pcapng::probe(magic) => "pcapng",
        _ => return Err(not_a_capture(path)),
    };
    let mut summary = Summary::new(path, format, compression.map(Compression::name));
    summary.bytes = size.unwrap_or(0);
    let mut reader = Reader::new(inner);
    reader.secrecy = secrecy;
    let container = match format {
        "pcap" => Pcap::open(&mut reader).map(Container::Pcap),
        _ => Pcapng::open(&mut reader, &mut summary).map(Container::Pcapng),
    };
    let container = match container {
        Ok(container) => container,
        // Enough to know the format, but not one whole header: a capture of no frames, cut short.
        Err(ended @ (Ended::Truncated(_) | Ended::Complete)) => Container::Ended(ended),
        Err(Ended::Damaged(why)) => return Err(Error::new(format!("{path:?} cannot be read: {why}"))),
    };
    let mut link = LinkType::ETHERNET;
    if let Container::Pcap(pcap) = &container {
        link = pcap.link;
        summary.push_link_type(link);
    }
    let filter = options.bpf.as_deref().map(|expression| Filter::new(expression, link)).transpose()?;
    Ok(FileSource {
        reader,
        container,
        filter,
        summary,
        input,
        current: None,
        last: Timestamp::new(0, 0),
        consumed,
        size,
    })
}

/// The first octets of `inner`, as many as tell a format, and a reader that gives them again.
fn peek(mut inner: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut magic = Vec::with_capacity(MAGIC);
    inner.by_ref().take(MAGIC as u64).read_to_end(&mut magic)?;
    let again = Cursor::new(magic.clone()).chain(inner);
    Ok((magic, Box::new(again)))
}

/// Counts what is read of a file, also from another thread.
struct Counted {
    inner: Box<dyn Read + Send>,
    consumed: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.consumed.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// A format in the middle of being read.
enum Container {
    Pcap(Pcap),
    Pcapng(Pcapng),
    Ended(Ended),
}

/// What is kept of the current frame.
struct Current {
    time: Timestamp,
    link: LinkType,
    wire_len: u32,
    range: Range<usize>,
}

/// A file or standard input that is being read.
struct FileSource {
    reader: Reader,
    container: Container,
    filter: Option<Filter>,
    summary: Summary,
    input: u16,
    current: Option<Current>,
    /// The time of the frame before, for containers that state none.
    last: Timestamp,
    consumed: Arc<AtomicU64>,
    size: Option<u64>,
}

impl Source for FileSource {
    fn advance(&mut self) -> bool {
        loop {
            let number = self.summary.frames + 1;
            let step = match &mut self.container {
                Container::Pcap(pcap) => pcap.next(&mut self.reader, number),
                Container::Pcapng(pcapng) => pcapng.next(&mut self.reader, &mut self.summary, number),
                Container::Ended(ended) => Step::End(ended.clone()),
            };
            let record = match step {
                Step::Frame(record) => record,
                Step::End(ended) => return self.end(ended),
            };
            self.summary.frames = number;
            self.summary.push_link_type(record.link);
            if let Some(time) = record.time {
                self.last = time;
                self.summary.push_time(time);
            }
            if let Some(filter) = &mut self.filter
                && !filter.matches(record.link, self.reader.window(&record.range))
            {
                self.summary.filtered += 1;
                continue;
            }
            let (time, link, wire_len, range) = (self.last, record.link, record.wire_len, record.range);
            self.current = Some(Current { time, link, wire_len, range });
            return true;
        }
    }

    fn frame(&self) -> Option<Frame<'_>> {
        let current = self.current.as_ref()?;
        let at = FrameRef { input: self.input, number: self.summary.frames, time: current.time };
        let bytes = self.reader.window(&current.range);
        Some(Frame { at, link: current.link, wire_len: current.wire_len, bytes })
    }

    fn summary(&self) -> &Summary {
        &self.summary
    }

    fn position(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }

    fn size(&self) -> Option<u64> {
        self.size
    }
}

impl FileSource {
    #[cold]
    fn end(&mut self, ended: Ended) -> bool {
        self.current = None;
        if self.size.is_none() {
            self.summary.bytes = self.position();
        }
        self.summary.ended = ended.clone();
        self.container = Container::Ended(ended);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::pcap::Order;
    use crate::capture::specimen;
    use std::io::Write;

    /// A file with some content, opened.
    fn open_bytes(bytes: &[u8], options: &Options) -> Result<(tempfile::NamedTempFile, Box<dyn Source>)> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let source = open(file.path().to_str().unwrap(), 3, options)?;
        Ok((file, source))
    }

    fn sample() -> Vec<u8> {
        specimen::pcap(Order::Little, 0xa1b2_3c4d, 1, &[(9, 0, 5, b"later"), (7, 0, 50, b"early"), (8, 0, 3, b"mid")])
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_source_gives_frames_and_keeps_the_summary() {
        let zstd = zstd::stream::encode_all(&sample()[..], 1).unwrap();
        for (bytes, compression) in [(sample(), None), (gzip(&sample()), Some("gzip")), (zstd, Some("zstd"))] {
            let (_file, mut source) = open_bytes(&bytes, &Options::default()).unwrap();
            assert!(source.frame().is_none());
            let mut frames = Vec::new();
            while source.advance() {
                let frame = source.frame().unwrap();
                assert_eq!((frame.at.input, frame.link), (3, LinkType::ETHERNET));
                frames.push((
                    frame.at.number,
                    frame.at.time.nanos() / 1_000_000_000,
                    frame.wire_len,
                    frame.bytes.to_vec(),
                ));
            }
            assert_eq!(
                frames,
                [(1, 9, 5, b"later".to_vec()), (2, 7, 50, b"early".to_vec()), (3, 8, 3, b"mid".to_vec())]
            );
            assert!(!source.advance() && source.frame().is_none());
            let summary = source.summary();
            assert_eq!((summary.format, summary.compression, &summary.ended), ("pcap", compression, &Ended::Complete));
            assert_eq!((summary.frames, summary.bytes), (3, bytes.len() as u64));
            assert_eq!((source.position(), source.size()), (summary.bytes, Some(summary.bytes)));
            let span = (summary.first_frame_at.map(Timestamp::nanos), summary.last_frame_at.map(Timestamp::nanos));
            assert_eq!(span, (Some(7_000_000_000), Some(9_000_000_000)));
            assert_eq!(summary.link_types, [LinkType::ETHERNET]);
        }
    }

    #[test]
    fn a_frame_without_a_time_has_that_of_the_one_before() {
        let order = Order::Little;
        let file = [
            specimen::section(order),
            specimen::interface(order, 1, 0, &[]),
            specimen::simple(order, 1, b"a"),
            specimen::enhanced(order, 0, 5, 1, b"b"),
            specimen::simple(order, 1, b"c"),
        ];
        let (_file, mut source) = open_bytes(&file.concat(), &Options::default()).unwrap();
        let mut times = Vec::new();
        while source.advance() {
            times.push(source.frame().unwrap().at.time.nanos());
        }
        assert_eq!(times, [0, 5000, 5000]);
        assert_eq!(source.summary().first_frame_at.map(Timestamp::nanos), Some(5000));
        assert_eq!(source.summary().format, "pcapng");
    }

    #[test]
    fn a_frame_larger_than_the_buffer_is_read() {
        let large = vec![7; 3_000_000];
        let bytes = specimen::pcap(Order::Big, 0xa1b2_c3d4, 1, &[(1, 0, 1, b"a"), (2, 0, 0, &large), (3, 0, 1, b"c")]);
        let (_file, mut source) = open_bytes(&bytes, &Options::default()).unwrap();
        assert!(source.advance() && source.advance());
        assert_eq!(source.frame().unwrap().bytes, large);
        assert!(source.advance() && !source.advance());
    }

    #[test]
    fn what_cannot_be_opened_is_told_in_one_line() {
        let not = "is not a capture: neither pcap nor pcapng, also not inside gzip or zstd";
        let mut version = sample();
        version[4] = 9;
        let rows: [(&[u8], &str); 9] = [
            (b"", "it is empty"),
            (b"abc", not),
            (b"hello world", not),
            (&gzip(b"hello world"), not),
            (&gzip(b""), not),
            (&[0x1f, 0x8b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "its gzip data is damaged"),
            (&[&[0x28, 0xb5, 0x2f, 0xfd][..], &[0xff; 20]].concat(), "its zstd data is damaged"),
            (&version, "pcap version 9 is not known"),
            (&[0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 1, 2, 3, 4], "its byte-order mark is not one"),
        ];
        for (bytes, expected) in rows {
            let error = open_bytes(bytes, &Options::default()).err().unwrap().to_string();
            assert!(error.contains(expected) && error.contains('"') && !error.contains('\n'), "{error}");
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let rows = [(path.to_owned(), "it is a directory"), (format!("{path}/a.pcap"), "no such file")];
        for (path, expected) in rows {
            let error = open(&path, 0, &Options::default()).err().unwrap().to_string();
            assert_eq!(error, format!("cannot open capture {path:?}: {expected}"));
        }
        let denied = reason(&io::Error::from(ErrorKind::PermissionDenied));
        assert_eq!(cannot_open("a.pcap", &denied).to_string(), "cannot open capture \"a.pcap\": permission denied");
    }

    #[test]
    fn a_capture_cut_in_its_header_has_no_frames() {
        for length in 4..24 {
            let (_file, mut source) = open_bytes(&sample()[..length], &Options::default()).unwrap();
            assert!(!source.advance());
            let expected = "the file ends inside the file header, which begins at octet 0";
            assert_eq!(source.summary().ended, Ended::Truncated(expected.to_owned()));
        }
    }

    #[test]
    fn damaged_compression_ends_the_reading() {
        let noise: Vec<u8> = (0..900_000_u32).map(|octet| (octet.wrapping_mul(2_654_435_761) >> 23) as u8).collect();
        let frames: Vec<(u32, u32, u32, &[u8])> = noise.chunks(1000).map(|chunk| (1, 0, 1000, chunk)).collect();
        let packed = gzip(&specimen::pcap(Order::Little, 0xa1b2_c3d4, 1, &frames));
        let mut flipped = packed.clone();
        for octet in &mut flipped[packed.len() / 2..][..64] {
            *octet = !*octet;
        }
        for (bytes, truncated) in [(&packed[..packed.len() / 2], true), (&flipped[..], false)] {
            let (_file, mut source) = open_bytes(bytes, &Options::default()).unwrap();
            while source.advance() {}
            let summary = source.summary();
            assert!((100..900).contains(&summary.frames), "{}", summary.frames);
            let next = format!("frame {}", summary.frames + 1);
            match (&summary.ended, truncated) {
                (Ended::Truncated(detail), true) => assert!(detail.contains(&next), "{detail}"),
                (Ended::Damaged(detail), false) => {
                    assert!(detail.contains(&next) || detail.contains("claims"), "{detail}")
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_compressed_file_cut_in_its_first_block_is_read_as_far_as_it_goes() {
        let sample = sample();
        // Two blocks, of which the first holds the file header and one frame.
        let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        zstd.write_all(&sample[..24 + 16 + 5]).unwrap();
        zstd.flush().unwrap();
        zstd.write_all(&sample[24 + 16 + 5..]).unwrap();
        for (packed, name) in [(gzip(&sample), "gzip"), (zstd.finish().unwrap(), "zstd")] {
            let (mut refused, mut read) = (0, 0);
            for length in 4..packed.len() {
                match open_bytes(&packed[..length], &Options::default()) {
                    Ok((_file, mut source)) => {
                        let expected = ["later", "early", "mid"];
                        let mut given = 0;
                        while source.advance() {
                            assert_eq!(source.frame().unwrap().bytes, expected[given].as_bytes());
                            given += 1;
                        }
                        assert!(matches!(source.summary().ended, Ended::Truncated(_)), "{name} {length}");
                        read += 1;
                    }
                    Err(error) => {
                        let why = format!("it is a {name} file cut in its beginning: ");
                        let error = error.to_string();
                        assert!(error.contains(&why) && error.lines().count() == 1, "{length}: {error}");
                        // What was once enough is enough for longer files, too.
                        assert_eq!(read, 0, "{name} {length}");
                        refused += 1;
                    }
                }
            }
            assert!(refused > 10 && read > 0, "{name}: {refused} refused, {read} read");
        }
        for short in [&[0x1f, 0x8b][..], &[0x1f, 0x8b, 8]] {
            let error = open_bytes(short, &Options::default()).err().unwrap().to_string();
            assert!(error.contains("it is a gzip file cut in its beginning"), "{error}");
        }
    }

    /// An Ethernet frame with a UDP datagram to a port.
    #[cfg(feature = "live")]
    fn datagram(port: u8) -> Vec<u8> {
        let ip = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 9, 0, port, 0, 8, 0, 0];
        [&[2; 12][..], &[8, 0], &ip].concat()
    }

    #[cfg(feature = "live")]
    #[test]
    fn a_filter_keeps_frames_back_but_not_their_numbers() {
        let (wanted, other) = (datagram(53), datagram(54));
        let order = Order::Little;
        let file = [
            specimen::section(order),
            specimen::interface(order, 1, 0, &[]),
            specimen::interface(order, 101, 0, &[]),
            specimen::interface(order, 147, 0, &[]),
            specimen::enhanced(order, 0, 1, 42, &other),
            specimen::enhanced(order, 0, 2, 42, &wanted),
            specimen::enhanced(order, 1, 3, 42, &other[14..]),
            specimen::enhanced(order, 1, 4, 42, &wanted[14..]),
            specimen::enhanced(order, 2, 5, 42, &wanted),
        ];
        let options = Options { bpf: Some("udp port 53".to_owned()) };
        let (_file, mut source) = open_bytes(&file.concat(), &options).unwrap();
        let mut numbers = Vec::new();
        while source.advance() {
            numbers.push(source.frame().unwrap().at.number);
        }
        assert_eq!(numbers, [2, 4]);
        assert_eq!((source.summary().frames, source.summary().filtered), (5, 3));
    }

    #[cfg(feature = "live")]
    #[test]
    fn a_filter_that_is_none_is_an_error() {
        for expression in ["tcp prot 5060", "port", "a\0b"] {
            let options = Options { bpf: Some(expression.to_owned()) };
            let error = open_bytes(&sample(), &options).err().unwrap().to_string();
            assert!(error.starts_with(&format!("invalid filter {expression:?}: ")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[cfg(not(feature = "live"))]
    #[test]
    fn a_filter_without_libpcap_names_the_cure() {
        let options = Options { bpf: Some("tcp".to_owned()) };
        let error = open_bytes(&sample(), &options).err().unwrap().to_string();
        assert!(error.contains("feature `live`") && error.contains("libpcap-dev"), "{error}");
    }
}
