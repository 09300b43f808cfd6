//! A key log that is followed as it grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use zeroize::Zeroizing;

/// Octets read at a time. A busy server writes some kilobytes a second.
const AT_ONCE: usize = 1 << 20;

/// An open key log, and how far it was read.
///
/// It stays open, so that a process that has given up its rights can read on. A file that became shorter was begun anew; one
/// that was moved away and made anew is opened by its name, if that is allowed. A pipe gives what is in it, and nobody
/// waits for who writes to it; one writer may come after the other.
#[derive(Debug)]
pub struct Followed {
    path: String,
    file: File,
    is_pipe: bool,
    position: u64,
    /// The beginning of a line of which the end is not there yet.
    rest: Zeroizing<Vec<u8>>,
    /// Why the file that has the name now is not read, and whether that was said.
    barred: Option<(String, bool)>,
}

impl Followed {
    /// Opens a key log; nothing of it is read yet.
    ///
    /// # Errors
    /// It cannot be opened, or is neither a file nor a pipe.
    pub fn open(path: &str) -> io::Result<Self> {
        let (file, is_pipe) = open(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            is_pipe,
            position: 0,
            rest: Zeroizing::new(Vec::with_capacity(2 * AT_ONCE)),
            barred: None,
        })
    }

    /// Whether it is a pipe: as long as somebody writes to it, there may always be more lines.
    pub fn is_pipe(&self) -> bool {
        self.is_pipe
    }

    /// Why no more secrets are read, said once: another file has the name now, and may not be opened.
    pub fn trouble(&mut self) -> Option<String> {
        let (error, said) = self.barred.as_mut().filter(|(_, said)| !said)?;
        *said = true;
        Some(format!(
            "the key log {} was replaced by a file that cannot be opened ({error}): no more secrets are read from it",
            self.path
        ))
    }

    /// The next whole lines, if there are any; call it until there are none, or of a pipe once in a while.
    ///
    /// # Errors
    /// Those of reading.
    pub fn lines(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        if !self.is_pipe && self.file.metadata()?.len() < self.position {
            self.begin()?;
        }
        let from = self.rest.len();
        match (&mut self.file).take(AT_ONCE as u64).read_to_end(&mut self.rest) {
            // What a pipe had until then is there.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.rest.len() == from {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
            Ok(0) => return self.end(),
            Ok(_) => {}
        }
        self.position += (self.rest.len() - from) as u64;
        let fresh = self.rest.get(from..).unwrap_or_default();
        let Some(end) = fresh.iter().rposition(|octet| *octet == b'\n').map(|at| from + at + 1) else {
            // No line of a key log is so long.
            if self.rest.len() > AT_ONCE {
                self.rest.clear();
            }
            return Ok(None);
        };
        let lines = Zeroizing::new(self.rest.get(..end).unwrap_or_default().to_vec());
        let left = self.rest.len() - end;
        self.rest.copy_within(end.., 0);
        self.rest.truncate(left);
        Ok(Some(lines))
    }

    /// There is nothing more by now. Who wrote to a pipe and is gone has ended its last line.
    fn end(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        if self.is_pipe && !self.rest.is_empty() {
            let line = Zeroizing::new(self.rest.to_vec());
            self.rest.clear();
            return Ok(Some(line));
        }
        self.renew().map(|()| None)
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.is_pipe {
            self.rest.clear();
            return Ok(());
        }
        self.position = self.file.seek(SeekFrom::Start(0))?;
        self.rest.clear();
        Ok(())
    }

    /// Opens the file anew where another one has its name now.
    fn renew(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
            let Ok(named) = std::fs::metadata(&self.path) else { return Ok(()) };
            if !same(&named, &self.file.metadata()?) {
                match open(&self.path) {
                    Ok((file, is_pipe)) => {
                        (self.file, self.is_pipe) = (file, is_pipe);
                        self.barred = None;
                        self.begin()?;
                    }
                    Err(error) => _ = self.barred.get_or_insert_with(|| (error.to_string(), false)),
                }
            }
        }
        Ok(())
    }
}

/// Opens what can be followed; whether it is a pipe.
fn open(path: &str) -> io::Result<(File, bool)> {
    let mut options = File::options();
    options.read(true);
    // Who opens a pipe would wait until somebody writes to it, and who reads from it.
    #[cfg(all(unix, feature = "live"))]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::fcntl::OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    #[cfg(all(unix, feature = "live"))]
    let is_pipe = std::os::unix::fs::FileTypeExt::is_fifo(&kind);
    #[cfg(not(all(unix, feature = "live")))]
    let is_pipe = false;
    match is_pipe || kind.is_file() {
        true => Ok((file, is_pipe)),
        false => Err(io::Error::other("only a file or a pipe can be followed")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    #[test]
    fn whole_lines_come_as_they_are_written_also_into_a_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.log");
        fs::write(&path, "one\ntw").unwrap();
        let mut followed = Followed::open(path.to_str().unwrap()).unwrap();
        let mut lines = || followed.lines().unwrap().map(|lines| String::from_utf8(lines.to_vec()).unwrap());
        assert_eq!(lines().as_deref(), Some("one\n"));
        assert_eq!(lines(), None);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"o\nthree\nfo").unwrap();
        assert_eq!(lines().as_deref(), Some("two\nthree\n"));
        // Begun anew in place.
        fs::write(&path, "4\n").unwrap();
        assert_eq!(lines().as_deref(), Some("4\n"));
        // Moved away and made anew.
        fs::rename(&path, directory.path().join("old")).unwrap();
        assert_eq!(lines(), None);
        fs::write(&path, "five\n").unwrap();
        assert_eq!((lines(), lines().as_deref()), (None, Some("five\n")));
    }

    #[cfg(all(unix, feature = "live"))]
    #[test]
    fn a_pipe_is_followed_without_waiting_for_who_writes_to_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut followed = Followed::open(path.to_str().unwrap()).unwrap();
        let mut lines = || followed.lines().unwrap().map(|lines| String::from_utf8(lines.to_vec()).unwrap());
        assert_eq!(lines(), None, "nobody writes");
        let writer = || File::options().write(true).open(&path).unwrap();
        let mut one = writer();
        assert_eq!(lines(), None, "nothing is written");
        one.write_all(b"one\ntw").unwrap();
        assert_eq!((lines().as_deref(), lines()), (Some("one\n"), None));
        let mut other = writer();
        one.write_all(b"o\nthree").unwrap();
        drop(one);
        assert_eq!((lines().as_deref(), lines()), (Some("two\n"), None));
        other.write_all(b"\n4").unwrap();
        drop(other);
        assert_eq!((lines().as_deref(), lines().as_deref(), lines()), (Some("three\n"), Some("4"), None));
        writer().write_all(b"five\n").unwrap();
        assert_eq!(lines().as_deref(), Some("five\n"));
        // Made anew, and as a file.
        fs::rename(&path, directory.path().join("old")).unwrap();
        assert_eq!(lines(), None);
        fs::write(&path, "six\n").unwrap();
        assert_eq!((lines(), lines().as_deref()), (None, Some("six\n")));
    }

    #[test]
    fn what_is_no_file_cannot_be_followed() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Followed::open(directory.path().to_str().unwrap()).is_err());
        assert!(Followed::open(directory.path().join("none").to_str().unwrap()).is_err());
    }

    #[test]
    fn a_line_without_an_end_is_not_kept_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.log");
        fs::write(&path, vec![b'a'; 5 * AT_ONCE]).unwrap();
        let mut followed = Followed::open(path.to_str().unwrap()).unwrap();
        for _ in 0..6 {
            assert!(followed.lines().unwrap().is_none());
            assert!(followed.rest.len() <= 2 * AT_ONCE);
        }
    }
}
