//! Frames kept in files: pcapng, begun anew by size or time.
//!
//! In: frames as they are watched. Out: files named by the time of their first frame. While one is being written its name
//! ends in `.part`, and it is locked; what stands in it is whole blocks. A disk that is full ends the file behind its last
//! whole block; it is told, frames are counted, and a new file is tried every [`AGAIN`]. What a program that was killed
//! left behind is taken over, see `leftovers`.
//!
//! Source: draft-ietf-opsawg-pcapng §4.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::blocks::{Blocks, whole_blocks};
use super::leftovers::{self, part};
use crate::capture::Stretch;
use crate::capture::news::counted;
use crate::error::{Error, Result, reason};
use crate::frame::{Frame, Timestamp};

/// How file names begin.
const PREFIX: &str = "lyncpush-";
/// How they end.
pub(super) const SUFFIX: &str = ".pcapng";
/// Octets gathered before they are written.
const GATHERED: usize = 256 << 10;
/// How long after a failure a new file is tried.
pub(super) const AGAIN: Duration = Duration::from_secs(10);
/// Losses that wait for a file to be told in.
const MAX_LOSSES: usize = 1_024;

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
    /// Frames that are in the file.
    frames: u64,
    blocks: Blocks,
    /// Frames that are gathered and not in the file.
    gathered: u64,
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
    /// Losses that no file tells of yet.
    losses: VecDeque<Stretch>,
}

/// Whether files can be written in `directory`.
///
/// # Errors
/// It is none, or is not to be written.
pub fn check_directory(directory: &Path) -> Result<()> {
    let tried = fs::read_dir(directory).and_then(|_| tempfile::tempfile_in(directory));
    tried.map(|_| ()).map_err(|error| {
        let directory = directory.display().to_string();
        Error::new(format!("cannot keep frames in {directory:?}: {}", reason(&error)))
    })
}

impl Keeper {
    /// A keeper of frames of interfaces called `names`. Files of before count as kept.
    ///
    /// # Errors
    /// The directory is none or cannot be written.
    pub fn new(options: KeepOptions, names: &[String]) -> Result<Self> {
        let directory = &options.directory;
        check_directory(directory)?;
        let mut news = Vec::new();
        leftovers::adopt(directory, PREFIX, &mut news);
        let kept = leftovers::whole_files(directory, PREFIX);
        Ok(Self {
            names: names.to_vec(),
            current: None,
            kept: kept.into(),
            failed: None,
            missed: 0,
            news,
            losses: VecDeque::new(),
            options,
        })
    }

    /// Keeps a frame.
    pub fn push(&mut self, frame: &Frame<'_>) {
        if let Some(current) = &self.current {
            let octets = current.written + current.blocks.octets.len() as u64;
            let is_full = self.options.rotate_size.is_some_and(|most| octets >= most);
            let is_old = self.options.rotate_time.is_some_and(|most| frame.at.time.since(current.since) >= most);
            if is_full || is_old {
                self.close(Some(frame.at.time));
            }
        }
        if self.current.is_none() && !self.begin(frame.at.time) {
            self.missed += 1;
            return;
        }
        let Some(current) = &mut self.current else { return };
        for loss in self.losses.drain(..) {
            current.blocks.stretch(loss);
        }
        current.blocks.frame(frame, &self.names);
        current.gathered += 1;
        if current.blocks.octets.len() >= GATHERED {
            self.flush();
        }
    }

    /// Frames may be missing between these times, before the next one that is kept.
    pub fn lost(&mut self, from: Timestamp, to: Timestamp) {
        let is_full = self.losses.len() >= MAX_LOSSES;
        match self.losses.back_mut() {
            Some(Stretch::Lossy(_, until)) if *until >= from || is_full => {
                *until = to.max(*until);
            }
            _ => self.losses.push_back(Stretch::Lossy(from, to)),
        }
    }

    /// Begins a file; false where it cannot be done, and it is not time to try again.
    fn begin(&mut self, since: Timestamp) -> bool {
        if self.failed.is_some_and(|failed| failed.elapsed() < AGAIN) {
            return false;
        }
        let name = format!("{PREFIX}{}", (self.options.name)(since));
        match leftovers::create(&self.options.directory, &name) {
            Ok((file, path)) => {
                if self.failed.take().is_some() {
                    let missed = std::mem::take(&mut self.missed);
                    self.news.push(format!("frames are kept again; {} could not be", counted(missed, "frame")));
                }
                let blocks = Blocks::new(None);
                self.current = Some(Current { file, path, since, written: 0, frames: 0, blocks, gathered: 0 });
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
            "frames cannot be kept in {:?}: {}; it is tried again in {} s",
            self.options.directory.display().to_string(),
            reason(error),
            AGAIN.as_secs()
        ));
    }

    /// Writes what is gathered.
    pub fn flush(&mut self) {
        let Some(current) = &mut self.current else { return };
        if let Err(error) = current.flush() {
            self.missed += std::mem::take(&mut current.gathered);
            self.close(None);
            self.fail(&error);
        }
    }

    /// Ends the current file; it gets its name. `until` is the time before which every frame was kept.
    pub fn close(&mut self, until: Option<Timestamp>) {
        let Some(mut current) = self.current.take() else { return };
        if let Some(until) = until.filter(|until| *until >= current.since) {
            current.blocks.stretch(Stretch::Watched(current.since, until));
        }
        let flushed = current.flush();
        let part = part(&current.path);
        if current.frames == 0 {
            let _ = fs::remove_file(part);
        } else if let Err(error) = fs::rename(&part, &current.path) {
            self.fail(&error);
        } else {
            self.kept.push_back(current.path);
        }
        if let Err(error) = flushed {
            self.missed += current.gathered;
            self.fail(&error);
        }
        if let Some(most) = self.options.keep {
            leftovers::remove_oldest(&mut self.kept, most, &mut self.news);
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
    /// Writes what is gathered. Where that fails the file ends behind its last whole block, and `gathered` is the number
    /// of frames that are not in it.
    fn flush(&mut self) -> io::Result<()> {
        let octets = &mut self.blocks.octets;
        let (done, result) = write_up_to(&mut self.file, octets);
        let (whole, frames) = whole_blocks(octets.get(..done).unwrap_or_default());
        self.written += whole as u64;
        self.frames += frames;
        self.gathered = self.gathered.saturating_sub(frames);
        octets.clear();
        if result.is_err() {
            self.file.set_len(self.written)?;
        }
        result
    }
}

/// Writes as much of `octets` as can be written; how much that was.
fn write_up_to(file: &mut File, octets: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    loop {
        match file.write(octets.get(done..).unwrap_or_default()) {
            Ok(0) if done == octets.len() => return (done, Ok(())),
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Options, open};
    use crate::frame::{FrameRef, LinkType};

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
        keeper.close(None);
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
        keeper.close(None);
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
