//! Files in the directories where frames are kept: how they are begun, and what is left of those that were not ended.
//!
//! A file that is being written has `.part` behind its name and is locked by who writes it. One without a lock was left
//! by a program that was killed: what stands in it up to its last whole block is given its name.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::blocks::FRAME;
use super::keeping::SUFFIX;
use crate::capture::news::counted;
use crate::error::reason;

/// What is added to the name of a file while it is being written.
const PART: &str = ".part";
/// Names tried for one file where others have the same.
const MAX_NAMES: u32 = 10_000;

/// The path of a file while it is being written.
pub(super) fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    name.into()
}

/// Begins a file whose name begins with `name` and that nobody has; the file, locked, and the path it is to get.
pub(super) fn create(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for number in 0..MAX_NAMES {
        let path = numbered(directory, name, number);
        if path.exists() {
            continue;
        }
        match OpenOptions::new().write(true).create_new(true).open(part(&path)) {
            Ok(file) => {
                // Not every file system has locks; without them only a second program would do harm.
                let _ = file.try_lock();
                return Ok((file, path));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The path of the file called `name`, or of a further one by that name. In the order of names it comes behind: the sign
/// in front of its number is greater than the dot.
fn numbered(directory: &Path, name: &str, number: u32) -> PathBuf {
    let more = if number == 0 { String::new() } else { format!("_{number:04}") };
    directory.join(format!("{name}{more}{SUFFIX}"))
}

/// The files in a directory that begin with `prefix` and are whole, the earliest first.
pub(super) fn whole_files(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    files(directory, prefix, SUFFIX)
}

/// The files whose names begin and end so, in the order of their names.
fn files(directory: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let is_wanted = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix))
    };
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_wanted).collect();
    files.sort();
    files
}

/// Files that were being written, and by nobody any more. None is opened that is no plain file.
fn left(directory: &Path, prefix: &str) -> impl Iterator<Item = (File, PathBuf)> {
    files(directory, prefix, &format!("{SUFFIX}{PART}")).into_iter().filter_map(|path| {
        if !fs::symlink_metadata(&path).is_ok_and(|entry| entry.is_file()) {
            return None;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) | Err(TryLockError::Error(_)) => Some((file, path)),
        }
    })
}

/// Gives files that were left behind their names, up to their last whole block; those without a frame are removed.
pub(super) fn adopt(directory: &Path, prefix: &str, news: &mut Vec<String>) {
    for (file, path) in left(directory, prefix) {
        if let Err(error) = adopt_one(&file, &path, directory, news) {
            news.push(format!("cannot take over {:?}: {}", path.display().to_string(), reason(&error)));
        }
    }
}

fn adopt_one(file: &File, path: &Path, directory: &Path, news: &mut Vec<String>) -> io::Result<()> {
    let length = file.metadata()?.len();
    let (whole, frames) = whole(&mut BufReader::new(file), length)?;
    if frames == 0 {
        return fs::remove_file(path);
    }
    file.set_len(whole)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.trim_end_matches(PART).trim_end_matches(SUFFIX);
    let free = (0..MAX_NAMES).map(|number| numbered(directory, name, number)).find(|path| !path.exists());
    let Some(free) = free else { return Err(io::ErrorKind::AlreadyExists.into()) };
    fs::rename(path, &free)?;
    let holds = counted(frames, "frame");
    news.push(format!(
        "{:?} was left unfinished by a program that was killed; it holds {holds}",
        free.display().to_string()
    ));
    Ok(())
}

/// Removes files that were left behind: what is written as a whole or not at all.
pub(super) fn discard(directory: &Path, prefix: &str) {
    for (_, path) in left(directory, prefix) {
        // Another one may be doing the same.
        let _ = fs::remove_file(path);
    }
}

/// Octets of `length` that are whole blocks, and the frames in them.
fn whole(file: &mut BufReader<&File>, length: u64) -> io::Result<(u64, u64)> {
    let (mut whole, mut frames) = (0, 0);
    while whole + 12 <= length {
        let (mut kind, mut octets) = ([0; 4], [0; 4]);
        file.read_exact(&mut kind)?;
        file.read_exact(&mut octets)?;
        let octets = u64::from(u32::from_ne_bytes(octets));
        if octets < 12 || !octets.is_multiple_of(4) || whole + octets > length {
            break;
        }
        file.seek_relative(i64::try_from(octets - 12).unwrap_or(i64::MAX))?;
        let mut again = [0; 4];
        file.read_exact(&mut again)?;
        if u64::from(u32::from_ne_bytes(again)) != octets {
            break;
        }
        whole += octets;
        frames += u64::from(u32::from_ne_bytes(kind) == FRAME);
    }
    Ok((whole, frames))
}

/// Removes the oldest of `files` until there are at most `most`.
pub(super) fn remove_oldest(files: &mut VecDeque<PathBuf>, most: usize, news: &mut Vec<String>) {
    while files.len() > most
        && let Some(oldest) = files.pop_front()
    {
        match fs::remove_file(&oldest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                news.push(format!("cannot remove {:?}: {}", oldest.display().to_string(), reason(&error)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::blocks::Blocks;
    use super::*;
    use crate::frame::{Frame, FrameRef, LinkType, Timestamp};

    fn file(frames: u64) -> Vec<u8> {
        let mut blocks = Blocks::new(None);
        for number in 1..=frames {
            let at = FrameRef { input: 0, number, time: Timestamp::new(0, 9) };
            blocks.frame(&Frame { at, link: LinkType::ETHERNET, wire_len: 5, bytes: b"octet" }, &[]);
        }
        blocks.octets
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Wherever a file ends, it is taken over up to its last whole block, and one without a frame is not.
    #[test]
    fn what_was_left_is_taken_over() {
        let whole = file(2);
        let one = file(1).len();
        for length in 0..=whole.len() {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join("a-1.pcapng.part"), &whole[..length]).unwrap();
            let mut news = Vec::new();
            adopt(directory.path(), "a-", &mut news);
            let expected: &[&str] = if length < one { &[] } else { &["a-1.pcapng"] };
            assert_eq!(names(directory.path()), expected, "{length} {news:?}");
            if length >= one {
                let left = fs::read(directory.path().join("a-1.pcapng")).unwrap();
                assert_eq!(left.len(), if length < whole.len() { one } else { length });
            }
            assert_eq!(news.len(), expected.len());
        }
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_taken_from_who_still_writes() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        fs::write(place.join("a-1.pcapng"), "whole").unwrap();
        fs::write(place.join("a-1.pcapng.part"), file(1)).unwrap();
        fs::write(place.join("b-1.pcapng.part"), file(1)).unwrap();
        let (busy, path) = create(place, "a-2").unwrap();
        assert_eq!(path, place.join("a-2.pcapng"));
        adopt(place, "a-", &mut Vec::new());
        discard(place, "a-");
        let expected = ["a-1.pcapng", "a-1_0001.pcapng", "a-2.pcapng.part", "b-1.pcapng.part"];
        assert_eq!(names(place), expected);
        assert_eq!(fs::read(place.join("a-1.pcapng")).unwrap(), b"whole");
        assert_eq!(create(place, "a-1").unwrap().1, place.join("a-1_0002.pcapng"));
        drop(busy);
        discard(place, "a-");
        assert_eq!(names(place), ["a-1.pcapng", "a-1_0001.pcapng", "b-1.pcapng.part"]);
        let whole: Vec<_> = whole_files(place, "a-").iter().map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(whole, ["a-1.pcapng", "a-1_0001.pcapng"], "what came first is the first to go");
    }
}
