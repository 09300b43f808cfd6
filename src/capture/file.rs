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
use super::reader::Reader;
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
    let compression = magic.first_chunk().copied().and_then(Compression::probe);
    if let Some(compression) = compression {
        let name = compression.name();
        let unpacked = compression.decompress(inner).and_then(peek);
        (magic, inner) =
            unpacked.map_err(|error| cannot_open(path, &format!("its {name} data is damaged: {error}")))?;
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
