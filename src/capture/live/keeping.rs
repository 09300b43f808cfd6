//! Frames kept in files: pcapng, begun anew by size or time.
//!
//! In: frames as they are watched. Out: files named by the time of their first frame. While one is being written its name
//! ends in `.part`; what stands in it is whole blocks. A disk that is full ends the file behind its last whole block; it is
//! told, frames are counted, and a new file is tried every [`AGAIN`].
//!
//! Source: draft-ietf-opsawg-pcapng §4.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::frame::{Frame, LinkType, Timestamp};

/// How file names begin.
const PREFIX: &str = "lyncpush-";
/// How they end.
const SUFFIX: &str = ".pcapng";
/// What is added while a file is being written.
const PART: &str = ".part";
/// Octets gathered before they are written.
const GATHERED: usize = 256 << 10;
/// How long after a failure a new file is tried.
const AGAIN: Duration = Duration::from_secs(10);
/// The file's head: a section in this machine's order, of unknown length.
const SECTION: [u32; 6] = [28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];

/// Where frames are kept, and how much of them.
#[derive(Clone, Debug)]
pub struct KeepOptions {
    /// The directory.
    pub directory: PathBuf,
    /// Octets after which a new file is begun.
    pub rotate_size: Option<u64>,
    /// Nanoseconds after which one is.
    pub rotate_time: Option<i64>,
    /// Files to keep; older ones of this program are removed.
    pub keep: Option<usize>,
    /// A file's name by the time of its first frame, fit for a file system, in the order of time.
    pub name: fn(Timestamp) -> String,
}

struct Current {
    file: File,
    path: PathBuf,
    since: Timestamp,
    /// Octets that are in the file, all of them of whole blocks.
    written: u64,
    gathered: Vec<u8>,
    frames: u64,
    /// By number: what was described.
    interfaces: Vec<(u16, LinkType)>,
}

/// Keeps frames.
pub struct Keeper {
    options: KeepOptions,
    names: Vec<String>,
    current: Option<Current>,
    kept: VecDeque<PathBuf>,
    failed: Option<Instant>,
    missed: u64,
    news: Vec<String>,
}

impl Keeper {
    /// A keeper of frames of interfaces called `names`. Files of before count as kept.
    ///
    /// # Errors
    /// The directory is none or cannot be written.
    pub fn new(options: KeepOptions, names: &[String]) -> Result<Self> {
        let directory = &options.directory;
        let fail = |error: io::Error| {
            Error::new(format!("cannot keep frames in {:?}: {error}", directory.display().to_string()))
        };
        let entries = fs::read_dir(directory).map_err(fail)?;
        let mut kept: Vec<PathBuf> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_ours(path)).collect();
        kept.sort();
        let probe = directory.join(format!("{PREFIX}{}{PART}", std::process::id()));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(fail)?;
        Ok(Self {
            names: names.to_vec(),
            current: None,
            kept: kept.into(),
            failed: None,
            missed: 0,
            news: Vec::new(),
            options,
        })
    }

    /// Keeps a frame.
    pub fn push(&mut self, frame: &Frame<'_>) {
        if let Some(current) = &self.current {
            let octets = current.written + current.gathered.len() as u64;
            let is_full = self.options.rotate_size.is_some_and(|most| octets >= most);
            let is_old = self.options.rotate_time.is_some_and(|most| frame.at.time.since(current.since) >= most);
            if is_full || is_old {
                self.close();
            }
        }
        if self.current.is_none() && !self.begin(frame.at.time) {
            self.missed += 1;
            return;
        }
        let Some(current) = &mut self.current else { return };
        current.push(frame, &self.names);
        if current.gathered.len() >= GATHERED {
            self.flush();
        }
    }

    /// Begins a file; false where it cannot be done, and it is not time to try again.
    fn begin(&mut self, since: Timestamp) -> bool {
        if self.failed.is_some_and(|failed| failed.elapsed() < AGAIN) {
            return false;
        }
        let path = self.options.directory.join(format!("{PREFIX}{}{SUFFIX}", (self.options.name)(since)));
        match File::create(part(&path)) {
            Ok(file) => {
                if self.failed.take().is_some() {
                    let missed = std::mem::take(&mut self.missed);
                    self.news.push(format!("frames are kept again; {missed} were not"));
                }
                let gathered = section();
                let interfaces = Vec::new();
                self.current = Some(Current { file, path, since, written: 0, gathered, frames: 0, interfaces });
                true
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        self.failed = Some(Instant::now());
        self.news.push(format!(
            "frames cannot be kept in {:?}: {error}; it is tried again in {} s",
            self.options.directory.display().to_string(),
            AGAIN.as_secs()
        ));
    }

    /// Writes what is gathered.
    pub fn flush(&mut self) {
        let Some(current) = &mut self.current else { return };
        if let Err(error) = current.flush() {
            self.missed += std::mem::take(&mut current.frames);
            self.close();
            self.fail(&error);
        }
    }

    /// Ends the current file; it gets its name.
    pub fn close(&mut self) {
        let Some(mut current) = self.current.take() else { return };
        let flushed = current.flush();
        let part = part(&current.path);
        if current.written <= section().len() as u64 {
            // Not one frame is in it.
            let _ = fs::remove_file(part);
        } else if let Err(error) = fs::rename(&part, &current.path) {
            self.fail(&error);
        } else {
            self.kept.push_back(current.path);
        }
        if let Err(error) = flushed {
            self.missed += current.frames;
            self.fail(&error);
        }
        while let Some(most) = self.options.keep
            && self.kept.len() > most
            && let Some(oldest) = self.kept.pop_front()
        {
            if let Err(error) = fs::remove_file(&oldest) {
                self.news.push(format!("cannot remove {:?}: {error}", oldest.display().to_string()));
            }
        }
    }

    /// Frames that could not be kept and were not told of yet.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// What is worth telling since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}

impl Current {
    fn push(&mut self, frame: &Frame<'_>, names: &[String]) {
        let wanted = (frame.at.input, frame.link);
        let number = self.interfaces.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.interfaces.push(wanted);
            let name = names.get(usize::from(frame.at.input)).map_or("", String::as_str);
            describe(&mut self.gathered, frame.link, name);
            self.interfaces.len() - 1
        });
        let nanos = frame.at.time.nanos().max(0).cast_unsigned();
        let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        block(&mut self.gathered, 6, |out| {
            for word in [number, (nanos >> 32) as u32, nanos as u32, length, frame.wire_len] {
                out.extend(word.to_ne_bytes());
            }
            padded(out, frame.bytes);
        });
        self.frames += 1;
    }

    /// Writes what is gathered. Where that fails the file ends behind its last whole block, and `frames` is the number of
    /// those that are not in it.
    fn flush(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            match self.file.write(self.gathered.get(done..).unwrap_or_default()) {
                Ok(0) if done == self.gathered.len() => break Ok(()),
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(octets) => done += octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        let (whole, frames) = whole_blocks(self.gathered.get(..done).unwrap_or_default());
        self.written += whole as u64;
        self.frames = self.frames.saturating_sub(frames);
        self.gathered.clear();
        if result.is_err() {
            self.file.set_len(self.written)?;
        }
        result
    }
}

/// How many octets of `octets` are whole blocks, and how many frames those hold.
fn whole_blocks(octets: &[u8]) -> (usize, u64) {
    let (mut whole, mut frames) = (0, 0);
    let word = |at: usize| octets.get(at..at + 4)?.first_chunk().map(|word| u32::from_ne_bytes(*word));
    while let (Some(kind), Some(length)) = (word(whole), word(whole + 4)) {
        let end = whole + length as usize;
        if end > octets.len() || end == whole {
            break;
        }
        whole = end;
        frames += u64::from(kind == 6);
    }
    (whole, frames)
}

/// The beginning of a file.
fn section() -> Vec<u8> {
    let words = [0x0a0d_0d0a].into_iter().chain(SECTION);
    words.flat_map(u32::to_ne_bytes).collect()
}

/// An interface: its link type, its name, and that times are nanoseconds.
fn describe(out: &mut Vec<u8>, link: LinkType, name: &str) {
    block(out, 1, |out| {
        out.extend(u32::from(link.0).to_ne_bytes());
        out.extend(0_u32.to_ne_bytes());
        let name = name.as_bytes();
        let name = name.get(..name.len().min(255)).unwrap_or_default();
        for (code, value) in [(2_u16, name), (9, &[9]), (0, &[])] {
            out.extend(code.to_ne_bytes());
            out.extend(u16::try_from(value.len()).unwrap_or(0).to_ne_bytes());
            padded(out, value);
        }
    });
}

/// A block, its length in front and behind.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let from = out.len();
    out.extend(kind.to_ne_bytes());
    out.extend([0; 4]);
    body(out);
    let length = u32::try_from(out.len() - from + 4).unwrap_or(u32::MAX).to_ne_bytes();
    if let Some(place) = out.get_mut(from + 4..from + 8) {
        place.copy_from_slice(&length);
    }
    out.extend(length);
}

fn padded(out: &mut Vec<u8>, octets: &[u8]) {
    out.extend(octets);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// Whether a file was written by this program and is whole.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Options, open};
    use crate::frame::FrameRef;

    fn keeper(directory: &Path, rotate_size: Option<u64>, rotate_time: Option<i64>, keep: Option<usize>) -> Keeper {
        let name = |time: Timestamp| format!("{:020}", time.nanos());
        let options = KeepOptions { directory: directory.to_owned(), rotate_size, rotate_time, keep, name };
        Keeper::new(options, &["eth0".to_owned(), "lo".to_owned()]).unwrap()
    }

    fn push(keeper: &mut Keeper, nanos: i64, bytes: &[u8]) {
        let at = FrameRef { input: u16::from(nanos % 2 == 1), number: 1, time: Timestamp::new(nanos, 9) };
        keeper.push(&Frame { at, link: LinkType::ETHERNET, wire_len: 99, bytes });
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_kept_is_read_again_octet_for_octet() {
        let directory = tempfile::tempdir().unwrap();
        let mut keeper = keeper(directory.path(), None, None, None);
        let frames: Vec<(i64, Vec<u8>)> =
            (0..9).map(|at| (1_700_000_000_123_456_789 + at, vec![7; at as usize])).collect();
        frames.iter().for_each(|(nanos, bytes)| push(&mut keeper, *nanos, bytes));
        keeper.flush();
        assert_eq!(names(directory.path()), ["lyncpush-01700000000123456789.pcapng.part"], "not whole yet");
        keeper.close();
        let path = directory.path().join("lyncpush-01700000000123456789.pcapng");
        let mut source = open(path.to_str().unwrap(), 0, &Options::default()).unwrap();
        let mut read = Vec::new();
        while source.advance() {
            let frame = source.frame().unwrap();
            assert_eq!((frame.wire_len, frame.link, frame.at.time.digits()), (99, LinkType::ETHERNET, 9));
            read.push((frame.at.time.nanos(), frame.bytes.to_vec()));
        }
        assert_eq!(read, frames);
        assert_eq!(source.summary().ended, crate::capture::Ended::Complete);
    }

    #[test]
    fn files_are_begun_anew_and_the_oldest_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("lyncpush-0.pcapng"), "of before").unwrap();
        fs::write(directory.path().join("not-ours.pcapng"), "somebody's").unwrap();
        let mut keeper = keeper(directory.path(), Some(1_000), Some(100), Some(2));
        for nanos in [10, 20, 115, 116, 300] {
            push(&mut keeper, nanos, b"small");
        }
        for nanos in 301..306 {
            push(&mut keeper, nanos, &[0; 600]);
        }
        keeper.close();
        let (second, last) = ("lyncpush-00000000000000000303.pcapng", "lyncpush-00000000000000000305.pcapng");
        assert_eq!(names(directory.path()), [second, last, "not-ours.pcapng"]);
        assert!(keeper.take_news().is_empty());
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let options = KeepOptions {
            directory: directory.path().join("none"),
            rotate_size: None,
            rotate_time: None,
            keep: None,
            name: |time| time.nanos().to_string(),
        };
        let error = Keeper::new(options, &[]).map(|_| ()).unwrap_err();
        assert!(error.to_string().starts_with("cannot keep frames in "), "{error}");
    }
}
