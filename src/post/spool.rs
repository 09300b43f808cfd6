//! The spool: documents that are not delivered yet, one file each, and which faults have a ticket.
//!
//! A document is written beside its name, synced and renamed, so a name always holds a whole one. Everything that
//! changes the spool is done with its lock held, which processes share; sending has a lock of its own, so that
//! nobody who opens a ticket waits for somebody's network. Locks are the system's: they end with their process.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::seen::Seen;
use crate::error::{Error, Result, reason};

/// Documents that may wait.
const MOST: usize = 1_000;
/// Octets that may wait.
const MOST_OCTETS: u64 = 64 * 1024 * 1024;
/// The ending of a document's name.
const ENDING: &str = "ticket";
/// The ending of one that cannot be read any more.
const DAMAGED: &str = "damaged";
/// How names of files begin that are not whole yet.
const UNFINISHED: &str = ".unfinished-";
/// Which faults have a ticket.
const SEEN: &str = "seen.json";
/// For whom the documents are, without what is secret of it.
const ADDRESSEE: &str = "addressee";
/// Octets of the longest host and port.
const LONGEST_ADDRESSEE: u64 = 512;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    /// The idempotency key.
    pub key: String,
    /// What the body is.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// What became of a document that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filed {
    /// It is there.
    New,
    /// Its fault has a ticket already.
    Known,
}

/// What lies under a name.
#[derive(Debug)]
pub(super) enum Found {
    /// A document.
    Whole(Document),
    /// Nothing any more: somebody else sent it.
    Gone,
    /// Something that is no document; it was put aside.
    Damaged,
}

/// Documents that wait for another endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which, as far as it may be shown.
    pub addressee: String,
    /// Where.
    pub directory: PathBuf,
    /// How many.
    pub waiting: usize,
}

/// For whom the documents of a spool are.
fn addressee(directory: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(directory.join(ADDRESSEE)).ok()?.take(LONGEST_ADDRESSEE).read_to_string(&mut text).ok()?;
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    plain.then_some(text)
}

/// One endpoint's directory.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
}

impl Spool {
    /// Opens a directory, making it where there is none; only its owner may look into it. `addressee` is for whom its
    /// documents are, in words that may be shown.
    ///
    /// Fails when it cannot be written.
    pub(super) fn open(directory: &Path, addressee: &str) -> Result<Self> {
        let spool = Self { directory: directory.to_owned() };
        spool.prepare(addressee).map_err(|error| spool.error("use", &error))?;
        Ok(spool)
    }

    fn prepare(&self, addressee: &str) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.directory)?;
        let _lock = self.lock()?;
        if !self.directory.join(ADDRESSEE).exists() {
            self.write(ADDRESSEE, addressee.as_bytes())?;
        }
        // With the lock held nobody writes: what is not whole now never will be.
        for entry in fs::read_dir(&self.directory)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps a document, unless its fault has had a ticket for less than `window`.
    ///
    /// Fails when the spool is full or cannot be written; then the fault has no ticket.
    pub(super) fn file(&self, document: &Document, fingerprint: &str, now: u64, window: Duration) -> Result<Filed> {
        let fail = |error: &io::Error| self.error("write to", error);
        let _lock = self.lock().map_err(|error| fail(&error))?;
        let mut seen = Seen::read(&fs::read(self.directory.join(SEEN)).unwrap_or_default());
        if seen.is_fresh(fingerprint, now, window) {
            return Ok(Filed::Known);
        }
        let text = serde_json::to_vec(document).map_err(|error| fail(&error.into()))?;
        let name = format!("{}.{ENDING}", plain(&document.key));
        self.make_sure_of_room(&name, text.len() as u64)?;
        self.write(&name, &text).map_err(|error| fail(&error))?;
        // After the document: a crash between the two sends it twice, with one key, and not never.
        seen.note(fingerprint, now, window);
        self.write(SEEN, seen.text().as_bytes()).map_err(|error| fail(&error))?;
        Ok(Filed::New)
    }

    fn make_sure_of_room(&self, name: &str, octets: u64) -> Result<()> {
        let waiting = self.waiting()?;
        let size = |name: &String| fs::metadata(self.directory.join(name)).map_or(0, |known| known.len());
        let total: u64 = waiting.iter().map(size).sum();
        let is_there = waiting.iter().any(|known| known == name);
        if (waiting.len() < MOST || is_there) && total.saturating_add(octets) <= MOST_OCTETS {
            return Ok(());
        }
        Err(Error::new(format!(
            "the spool {:?} is full: {} tickets wait in it; deliver or delete them",
            self.directory.display().to_string(),
            waiting.len()
        )))
    }

    /// The names of the documents that wait, the oldest first.
    ///
    /// Fails when the directory cannot be read.
    pub(super) fn waiting(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.directory).map_err(|error| self.error("read", &error))?;
        let mut found: Vec<(SystemTime, String)> = Vec::new();
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if Path::new(&name).extension().is_some_and(|ending| ending == ENDING) {
                // One that is gone by now is found to be so when it is its turn.
                let at = entry.metadata().and_then(|known| known.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                found.push((at, name));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// What waits in the spools beside this one, each for an endpoint of its own: a document is never sent to another
    /// than the one it was made for.
    pub(super) fn others(&self) -> Vec<Elsewhere> {
        let beside = self.directory.parent().and_then(|parent| fs::read_dir(parent).ok());
        let directories = beside.into_iter().flatten().flatten().map(|entry| entry.path());
        let others = directories.filter(|path| *path != self.directory && path.is_dir());
        let mut found: Vec<Elsewhere> = others
            .filter_map(|directory| {
                let waiting = Self { directory: directory.clone() }.waiting().ok()?.len();
                let addressee = addressee(&directory).unwrap_or_else(|| "an address that is not known".to_owned());
                (waiting > 0).then_some(Elsewhere { addressee, directory, waiting })
            })
            .collect();
        found.sort_by(|one, other| one.directory.cmp(&other.directory));
        found
    }

    /// What lies under a name.
    ///
    /// Fails when it cannot be read.
    pub(super) fn read(&self, name: &str) -> Result<Found> {
        let path = self.directory.join(name);
        let mut text = Vec::new();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Gone),
            Err(error) => return Err(self.error("read", &error)),
        };
        file.take(MOST_OCTETS).read_to_end(&mut text).map_err(|error| self.error("read", &error))?;
        match serde_json::from_slice(&text) {
            Ok(document) => Ok(Found::Whole(document)),
            Err(_) => {
                fs::rename(&path, path.with_extension(DAMAGED)).map_err(|error| self.error("write to", &error))?;
                Ok(Found::Damaged)
            }
        }
    }

    /// A document was taken: it need not wait any longer.
    ///
    /// Fails when it cannot be removed.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.directory.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.error("write to", &error)),
            _ => Ok(()),
        }
    }

    /// The right to send, if nobody else has it now; it ends when it is dropped.
    ///
    /// Fails when there are no locks here.
    pub(super) fn try_sending(&self) -> Result<Option<File>> {
        let fail = |error: &io::Error| self.error("lock", error);
        let file = self.lock_file("sending.lock").map_err(|error| fail(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(fail(&error)),
        }
    }

    /// The right to change the spool; waits for others, who have it for a moment only.
    fn lock(&self) -> io::Result<File> {
        let file = self.lock_file("spool.lock")?;
        file.lock()?;
        Ok(file)
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.directory.join(name))
    }

    /// Writes a file whole or not at all. The lock is held.
    fn write(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.directory)?;
        file.write_all(octets)?;
        file.as_file().sync_all()?;
        file.persist(self.directory.join(name)).map_err(|error| error.error)?;
        // The new name is on the disk when its directory is.
        #[cfg(unix)]
        File::open(&self.directory)?.sync_all()?;
        Ok(())
    }

    fn error(&self, what: &str, error: &io::Error) -> Error {
        let directory = self.directory.display().to_string();
        Error::new(format!("cannot {what} spool {directory:?}: {}", reason(error)))
    }
}

/// A key as a part of a file's name.
fn plain(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn document(key: &str) -> Document {
        Document { key: key.to_owned(), content_type: "application/json".to_owned(), body: "{}".to_owned() }
    }

    fn open(directory: &Path) -> Spool {
        Spool::open(&directory.join("a/b"), "https://a.example").unwrap()
    }

    #[test]
    fn what_is_filed_is_there_until_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(directory.path());
        assert_eq!(spool.file(&document("f-1"), "f", 1000, DAY).unwrap(), Filed::New);
        assert_eq!(spool.file(&document("f-2"), "f", 1001, DAY).unwrap(), Filed::Known);
        assert_eq!(spool.file(&document("g-../1"), "g", 1001, DAY).unwrap(), Filed::New);
        // Another process, or this one after a restart.
        let other = open(directory.path());
        assert_eq!(other.waiting().unwrap(), ["f-1.ticket", "g-___1.ticket"]);
        assert!(matches!(other.read("f-1.ticket").unwrap(), Found::Whole(found) if found == document("f-1")));
        assert_eq!(other.file(&document("f-2"), "f", 1002, DAY).unwrap(), Filed::Known);
        other.remove("f-1.ticket").unwrap();
        assert!(matches!(spool.read("f-1.ticket").unwrap(), Found::Gone));
        spool.remove("f-1.ticket").unwrap();
        assert_eq!(spool.file(&document("f-3"), "f", 1002, Duration::ZERO).unwrap(), Filed::New);
    }

    #[test]
    fn what_waits_beside_it_is_told_and_stays_where_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let [one, other, empty] =
            ["1", "2", "3"].map(|name| Spool::open(&at(name), &format!("https://{name}.example")));
        other.unwrap().file(&document("f-1"), "f", 1000, DAY).unwrap();
        empty.unwrap();
        let one = one.unwrap();
        let there =
            |addressee: &str| vec![Elsewhere { addressee: addressee.to_owned(), directory: at("2"), waiting: 1 }];
        assert_eq!(one.others(), there("https://2.example"));
        // Of an earlier version, or of another hand.
        fs::write(at("2").join(ADDRESSEE), "\u{1b}[2J").unwrap();
        assert_eq!(one.others(), there("an address that is not known"));
        assert!(one.waiting().unwrap().is_empty());
    }

    #[test]
    fn damage_stops_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(directory.path());
        let path = |name: &str| spool.directory().join(name);
        fs::write(path("half.ticket"), "{\"key\":\"f").unwrap();
        fs::write(path(SEEN), "\u{0}\u{0}\u{0}").unwrap();
        fs::write(path(".unfinished-1"), "{").unwrap();
        let spool = open(directory.path());
        assert!(!path(".unfinished-1").exists());
        assert!(matches!(spool.read("half.ticket").unwrap(), Found::Damaged));
        assert!(path("half.damaged").exists() && spool.waiting().unwrap().is_empty());
        assert_eq!(spool.file(&document("f-1"), "f", 1000, DAY).unwrap(), Filed::New);
        assert_eq!(spool.file(&document("f-2"), "f", 1000, DAY).unwrap(), Filed::Known);
    }

    #[test]
    fn a_full_spool_says_so_and_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let spool = open(directory.path());
        for at in 0..MOST {
            fs::write(spool.directory().join(format!("{at}.ticket")), "{}").unwrap();
        }
        let error = spool.file(&document("f-1"), "f", 1000, DAY).unwrap_err().to_string();
        assert!(error.contains("is full: 1000 tickets wait in it"), "{error}");
        assert_eq!(spool.waiting().unwrap().len(), MOST);
        spool.remove("7.ticket").unwrap();
        assert_eq!(spool.file(&document("f-1"), "f", 1000, DAY).unwrap(), Filed::New, "it was not noted before");
    }

    /// Many at once, each with a spool of its own as processes have, open a ticket for the same faults.
    #[test]
    fn who_share_a_spool_open_one_ticket_for_each_fault() {
        let directory = tempfile::tempdir().unwrap();
        let filed: Vec<Filed> = std::thread::scope(|scope| {
            let one = |number: usize| {
                let path = directory.path();
                scope.spawn(move || {
                    let spool = open(path);
                    let file = |at: usize| {
                        let fault = format!("f{at}");
                        spool.file(&document(&format!("{fault}-{number}")), &fault, 1000, DAY).unwrap()
                    };
                    (0..20).map(file).collect::<Vec<_>>()
                })
            };
            let threads: Vec<_> = (0..4).map(one).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(filed.iter().filter(|filed| **filed == Filed::New).count(), 20);
        assert_eq!(open(directory.path()).waiting().unwrap().len(), 20);
    }

    #[test]
    fn one_sends_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (open(directory.path()), open(directory.path()));
        let held = one.try_sending().unwrap();
        assert!(held.is_some() && other.try_sending().unwrap().is_none());
        drop(held);
        assert!(other.try_sending().unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_look_into_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let spool = open(directory.path());
        spool.file(&document("f-1"), "f", 1000, DAY).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
        assert_eq!(mode(spool.directory()), 0);
        for entry in fs::read_dir(spool.directory()).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0, "{}", path.display());
        }
    }
}
