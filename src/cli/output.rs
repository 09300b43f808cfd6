//! Where a report goes: standard output, or a file that is written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result, reason};

/// Octets gathered before the system is called.
const BUFFER: usize = 64 * 1024;
/// Links that are followed one after the other: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// A place for a report. Nothing of a file shows under its name before [`Output::finish`].
#[derive(Debug)]
pub struct Output {
    place: Place,
    name: String,
    /// Standard output is a terminal.
    terminal: bool,
    closed: bool,
}

/// What is said of a terminal that was closed.
const EIO: i32 = 5;

#[derive(Debug)]
enum Place {
    /// Standard output.
    Standard(BufWriter<Stdout>),
    /// A file beside `target`, renamed at the end.
    Whole { file: BufWriter<NamedTempFile>, target: PathBuf },
    /// A device or a pipe: there is nothing to rename.
    Direct(BufWriter<File>),
    /// A file that grows line by line and may be moved away meanwhile.
    #[cfg(feature = "live")]
    Growing { file: BufWriter<File>, path: PathBuf },
}

impl Output {
    /// Opens `path`, or standard output for none and for `-`.
    ///
    /// Fails when `path` cannot be written or is one of `inputs`, which would be lost.
    pub fn open(path: Option<&Path>, inputs: &[String]) -> Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            let place = Place::Standard(BufWriter::with_capacity(BUFFER, io::stdout()));
            let terminal = io::stdout().is_terminal();
            return Ok(Self { place, name: "standard output".to_owned(), terminal, closed: false });
        };
        let name = format!("{:?}", path.display().to_string());
        let fail = |why: &str| Error::new(format!("cannot write {name}: {why}"));
        // Links are followed, so that the file they name is written and not the link replaced.
        let target = destination(path).map_err(|error| fail(&reason(&error)))?;
        if inputs.iter().filter_map(|input| fs::canonicalize(input).ok()).any(|input| input == target) {
            return Err(fail("it is one of the captures; choose another name"));
        }
        let known = fs::metadata(&target).ok();
        let place = match &known {
            Some(known) if known.is_dir() => return Err(fail("it is a directory")),
            Some(known) if !known.is_file() => {
                let file = File::options().write(true).open(&target).map_err(|error| fail(&reason(&error)))?;
                Place::Direct(BufWriter::with_capacity(BUFFER, file))
            }
            _ => {
                let file = beside(&target, known.as_ref()).map_err(|error| match path.is_symlink() {
                    true => fail(&format!("it is a link to {:?}: {}", target.display().to_string(), reason(&error))),
                    false => fail(&reason(&error)),
                })?;
                Place::Whole { file: BufWriter::with_capacity(BUFFER, file), target }
            }
        };
        Ok(Self { place, name, terminal: false, closed: false })
    }

    /// Opens `path` to add lines to it as they come, or standard output for none and for `-`.
    ///
    /// Fails when `path` cannot be written.
    #[cfg(feature = "live")]
    pub fn growing(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else { return Self::open(None, &[]) };
        let name = format!("{:?}", path.display().to_string());
        let file = grow(path).map_err(|error| Error::new(format!("cannot write {name}: {}", reason(&error))))?;
        Ok(Self { place: Place::Growing { file, path: path.to_owned() }, name, terminal: false, closed: false })
    }

    /// Opens a growing file anew by its name, since it may have been moved away. The old one goes on where that fails.
    ///
    /// Fails when it cannot be written.
    #[cfg(feature = "live")]
    pub fn reopen(&mut self) -> Result<()> {
        let flushed = self.flush();
        let opened = match &self.place {
            Place::Growing { path, .. } => grow(path).map(|file| Some((file, path.clone()))),
            _ => Ok(None),
        };
        if let Some((file, path)) = self.outcome_of(flushed.and(opened))?.flatten() {
            self.place = Place::Growing { file, path };
        }
        Ok(())
    }

    /// Whether the reader has gone away: then nothing more is worth writing, and nothing worth saying.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is a terminal, or was one until it was closed.
    #[cfg(feature = "live")]
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Writes what is gathered; a file gets its name. A reader that has gone away is no error.
    ///
    /// Fails when the bytes cannot be written or the file cannot be renamed; then there is no file.
    pub fn finish(mut self) -> Result<()> {
        if let Err(error) = self.flush() {
            return self.outcome(Err(error));
        }
        let Self { place: Place::Whole { file, target }, name, .. } = self else { return Ok(()) };
        let fail = |error: &io::Error| Error::new(format!("cannot write {name}: {}", reason(error)));
        let file = file.into_inner().map_err(|error| fail(error.error()))?;
        // Synced before it is renamed, so that a crash of the machine leaves no half report either.
        file.as_file().sync_all().map_err(|error| fail(&error))?;
        file.persist(&target).map_err(|error| fail(&error.error))?;
        Ok(())
    }

    /// What became of writing to this output, as this program's error; none when the reader has gone away.
    pub fn outcome(&self, written: io::Result<()>) -> Result<()> {
        self.outcome_of(written).map(|_| ())
    }

    fn outcome_of<T>(&self, written: io::Result<T>) -> Result<Option<T>> {
        match written {
            Ok(value) => Ok(Some(value)),
            Err(_) if self.closed => Ok(None),
            Err(error) => Err(Error::new(format!("cannot write {}: {}", self.name, reason(&error)))),
        }
    }

    /// Remembers a closed pipe or terminal.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            let hung_up = self.terminal && error.raw_os_error() == Some(EIO);
            self.closed |= hung_up || error.kind() == ErrorKind::BrokenPipe;
        }
        result
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.place {
            Place::Standard(out) => out,
            Place::Whole { file, .. } => file,
            Place::Direct(file) => file,
            #[cfg(feature = "live")]
            Place::Growing { file, .. } => file,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.writer().write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.writer().flush();
        self.noted(result)
    }
}

/// Opens a file to be added to.
#[cfg(feature = "live")]
fn grow(path: &Path) -> io::Result<BufWriter<File>> {
    let file = File::options().append(true).create(true).open(path)?;
    Ok(BufWriter::with_capacity(BUFFER, file))
}

/// Where `path` leads when links are followed, also to a file that is not there yet.
///
/// Errors: more links than a system follows, as when they lead in a circle.
fn destination(path: &Path) -> io::Result<PathBuf> {
    if let Ok(whole) = fs::canonicalize(path) {
        return Ok(whole);
    }
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        // What is no link, or cannot be looked at, is the place itself: opening it says what is wrong with it.
        let Ok(next) = fs::read_link(&path) else { return Ok(path) };
        // A relative link counts from the directory it stands in.
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// A temporary file in the directory of `target`, with the permissions it will have under its name.
fn beside(target: &Path, known: Option<&fs::Metadata>) -> io::Result<NamedTempFile> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lyncpush-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What any new file gets; the process's mask takes its part of it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(directory)?;
    if let Some(known) = known {
        file.as_file().set_permissions(known.permissions())?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_shows_only_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        fs::write(&path, "old").unwrap();
        let mut output = Output::open(Some(&path), &[]).unwrap();
        output.write_all(b"new").unwrap();
        output.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(output);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "given up: nothing changed");
        assert_eq!(names(directory.path()), ["report.json"], "and nothing left behind");
        let mut output = Output::open(Some(&path), &[]).unwrap();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(directory.path()), ["report.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("report"), directory.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        Output::open(Some(&link), &[]).unwrap().finish().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_that_is_not_there_yet_is_followed() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let (place, elsewhere) = (directory.path().join("place"), directory.path().join("elsewhere"));
        fs::create_dir(&place).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        // Each counts from where it stands: the second is in another directory than the first.
        let link = place.join("link");
        symlink("../elsewhere/second", &link).unwrap();
        symlink("report", elsewhere.join("second")).unwrap();
        let mut output = Output::open(Some(&link), &[]).unwrap();
        output.write_all(b"new").unwrap();
        output.flush().unwrap();
        assert!(!elsewhere.join("report").exists(), "whole or not at all");
        assert_eq!(names(&place), ["link"], "what is being written stands beside the file, not beside the link");
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(elsewhere.join("report")).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((names(&place), names(&elsewhere)), (vec!["link".into()], vec!["report".into(), "second".into()]));
        let (circle, lost) = (place.join("circle"), place.join("lost"));
        symlink("circle", &circle).unwrap();
        symlink("none/report", &lost).unwrap();
        let missing = format!("it is a link to {:?}: no such file or directory", place.join("none/report"));
        for (path, why) in [(circle, "too many levels of symbolic links"), (lost, &missing)] {
            let error = Output::open(Some(&path), &[]).unwrap_err().to_string();
            assert_eq!(error, format!("cannot write {path:?}: {why}"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_reader_that_has_gone_away_is_no_error() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let place = Place::Direct(BufWriter::with_capacity(4, file));
        let mut output = Output { place, name: "a pipe".to_owned(), terminal: false, closed: false };
        let written = output.write_all(b"more than the buffer holds");
        assert!(written.is_err() && output.is_closed());
        output.outcome(written).unwrap();
        output.finish().unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_said_in_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let capture = directory.path().join("a.pcap");
        fs::write(&capture, "capture").unwrap();
        let inputs = [capture.display().to_string()];
        for (path, why) in [
            (directory.path().to_owned(), "it is a directory"),
            (directory.path().join("none").join("report"), "no such file or directory"),
            (capture, "it is one of the captures; choose another name"),
        ] {
            let error = Output::open(Some(&path), &inputs).unwrap_err().to_string();
            assert!(error.starts_with("cannot write \"") && error.ends_with(why), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }
}
