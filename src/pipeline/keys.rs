//! What opens TLS: the secrets that were given and those that stand in the captures.
//!
//! Secrets in a pcapng may stand behind the frames they open. They are looked for when the first connection has to wait
//! for one, so that captures without TLS, or with all secrets given, are read once.

use crate::capture::{self, KeylogText, Options};
use crate::error::{Error, Result};
use crate::report::model::KeyCounts;
use crate::tls::{self, Followed, KeylogCount, Password, RsaKey, Secrets};

/// Connections of which secrets are kept of key logs that grow: 131,072 (about 50 MB), more than a server has open. The
/// oldest are forgotten.
const MAX_FOLLOWED: usize = 1 << 17;

/// Secrets, and where more of them may be.
#[derive(Default)]
pub struct Keys {
    pub(super) secrets: Secrets,
    count: KeyCounts,
    /// Captures that were not searched for secrets yet.
    unsearched: Vec<String>,
    /// Key log texts of standard input that were taken.
    taken: usize,
    /// Key logs that grow.
    followed: Vec<Followed>,
}

impl Keys {
    /// Adds the secrets of a key log file.
    ///
    /// # Errors
    /// When it cannot be read. Lines that say nothing are counted, no error.
    pub fn read_keylog(&mut self, path: &str) -> Result<()> {
        let text = tls::read_secret_file(path);
        let text = text.map_err(|error| Error::new(format!("cannot read the key log {path}: {error}")))?;
        self.push_keylog(&text);
        Ok(())
    }

    /// Adds the secrets of a key log file, and from then on those that are written to it while interfaces are watched.
    ///
    /// # Errors
    /// When it cannot be read or is neither a file nor a pipe.
    pub fn follow_keylog(&mut self, path: &str) -> Result<()> {
        let fail = |error| Error::new(format!("cannot read the key log {path}: {error}"));
        self.secrets.keep_latest(MAX_FOLLOWED);
        self.followed.push(Followed::open(path).map_err(fail)?);
        self.read_on();
        Ok(())
    }

    /// Whether more secrets may come at any time.
    pub(super) fn is_followed(&self) -> bool {
        !self.followed.is_empty()
    }

    /// Reads what was written to key logs since the last time; whether there was anything. A file that can no longer be
    /// read gives nothing.
    pub(super) fn read_on(&mut self) -> bool {
        let mut any = false;
        let mut followed = std::mem::take(&mut self.followed);
        for one in &mut followed {
            while let Ok(Some(lines)) = one.lines() {
                self.push_keylog(&lines);
                any = true;
                // Who writes to a pipe without an end would be listened to without one.
                if one.is_pipe() {
                    break;
                }
            }
        }
        self.followed = followed;
        any
    }

    /// Why key logs that grow are not read any more, each said once.
    pub(super) fn take_troubles(&mut self) -> Vec<String> {
        self.followed.iter_mut().filter_map(Followed::trouble).collect()
    }

    /// Adds the RSA keys of a file: PEM, DER or PKCS#12. `password` is asked for one if there is need of it.
    ///
    /// # Errors
    /// When the file cannot be read, holds no RSA key, or the password is not the right one.
    pub fn read_rsa_keys(&mut self, path: &str, password: impl FnOnce() -> Result<Option<Password>>) -> Result<()> {
        let octets = tls::read_secret_file(path);
        let octets = octets.map_err(|error| Error::new(format!("cannot read the RSA key {path}: {error}")))?;
        let password = if tls::needs_password(&octets) { password()? } else { None };
        for key in tls::read_rsa_keys(path, &octets, password.as_ref().map(Password::text))? {
            self.push_rsa_key(key);
        }
        Ok(())
    }

    /// Adds the secrets of a key log text.
    pub fn push_keylog(&mut self, text: &[u8]) {
        let count = self.secrets.push_keylog(text);
        self.add(count);
    }

    fn add(&mut self, count: KeylogCount) {
        self.count.secrets += count.secrets;
        self.count.unused += count.unused;
        self.count.skipped += count.skipped;
    }

    /// Adds a server's RSA key.
    pub fn push_rsa_key(&mut self, key: RsaKey) {
        self.count.rsa_keys += 1;
        self.secrets.push_rsa_key(key);
    }

    /// How many there are.
    pub(super) fn count(&self) -> KeyCounts {
        self.count
    }

    /// Says where more secrets may be: in `files`, or behind what standard input has given so far. Without either no
    /// connection waits for one.
    pub(super) fn look_in(&mut self, files: Vec<String>, is_stdin: bool) {
        if files.is_empty() && !is_stdin {
            self.secrets.seal();
        }
        self.unsearched = files;
    }

    /// Whether there is a capture that was not searched yet.
    pub(super) fn is_unsearched(&self) -> bool {
        !self.unsearched.is_empty()
    }

    /// Whether it is time to search: a connection waits.
    pub(super) fn wants_search(&self) -> bool {
        self.is_unsearched() && self.secrets.is_waiting()
    }

    /// Reads the captures that were not searched for the secrets in them. One that can no longer be read has none: that
    /// is told where its frames are read.
    pub(super) fn search(&mut self) {
        for path in std::mem::take(&mut self.unsearched) {
            let Ok(mut source) = capture::open(&path, 0, &Options::default()) else { continue };
            while source.advance() {}
            self.take(&source.summary().secrets);
        }
        self.secrets.seal();
    }

    /// Takes the key log texts of standard input that are new. Whether there were any.
    pub(super) fn follow(&mut self, texts: &[KeylogText]) -> bool {
        let Some(fresh @ [_, ..]) = texts.get(self.taken..) else { return false };
        self.taken = texts.len();
        self.take(fresh);
        true
    }

    fn take(&mut self, texts: &[KeylogText]) {
        for text in texts {
            let count = self.secrets.push_embedded(text.octets());
            self.add(count);
        }
    }

    /// Whether anything waits for secrets that may yet come.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_sealed() && self.secrets.is_waiting()
    }

    /// Whether nobody will give more secrets.
    pub(super) fn is_sealed(&self) -> bool {
        self.secrets.is_sealed()
    }

    /// Says that nobody will give more secrets. Captures that nobody had to search stay to be searched.
    pub(super) fn seal(&mut self) {
        if !self.is_unsearched() {
            self.secrets.seal();
        }
    }
}
