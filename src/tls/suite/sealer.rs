//! The writing of records: the other half of what opens them, with the count of what was written.

use super::{Keys, Opener, Suite};
use crate::tls::record::{self, kind};
use crate::tls::version::Version;

/// Seals the records of one direction under one set of keys.
pub(crate) struct Sealer {
    keyed: Opener,
    version: Version,
    sequence: u64,
}

impl Sealer {
    /// `None` if the keys have not the length the suite asks for, which does not happen with keys made for it.
    pub(crate) fn new(suite: &Suite, version: Version, keys: Keys<'_>) -> Option<Self> {
        Some(Self { keyed: Opener::new(suite, version, keys, false)?, version, sequence: 0 })
    }

    /// Adds the next record, of kind `kind` with at most 2^14 octets of `text`, to `out`. `initial` is what the record
    /// begins with if its cipher is a block cipher that shows it; nobody should be able to guess it.
    ///
    /// `None` as [`Opener::seal`] gives it; then there is nothing to add.
    pub(crate) fn seal(&mut self, kind: u8, text: &[u8], initial: &[u8; 16], out: &mut Vec<u8>) -> Option<()> {
        // What kind of record it is stands behind the text in TLS 1.3. Source: RFC 8446 §5.2.
        let inner;
        let (kind, text) = match self.version {
            Version::Tls13 => {
                inner = [text, &[kind]].concat();
                (kind::APPLICATION_DATA, inner.as_slice())
            }
            _ => (kind, text),
        };
        let front = record::front(kind, self.version.in_records());
        let body = self.keyed.seal(self.sequence, front, text, initial)?;
        self.sequence += 1;
        record::write(front, &body, out);
        Some(())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}
