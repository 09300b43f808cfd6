//! Headers out of a file: credentials mostly, so they are never shown, and wiped when they are done with.

use std::fmt;
use std::path::Path;

use ureq::http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::error::{Error, Result, reason};

/// Octets of the longest file; one of credentials is a few hundred.
const LONGEST: u64 = 64 * 1024;
/// Those that this program or the protocol sets.
const OWN: &[&str] =
    &["connection", "content-length", "content-type", "host", "idempotency-key", "te", "transfer-encoding", "upgrade"];

/// Headers that go with every ticket.
#[derive(Default)]
pub struct Headers(Vec<(HeaderName, Zeroizing<String>)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({})", self.0.len())
    }
}

impl Headers {
    /// Reads a file of lines `Name: value`; empty lines and those that begin with `#` are comments.
    ///
    /// # Errors
    /// When the file cannot be read or a line is none of these. The error names the line and never shows it.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |why: &str| Error::new(format!("cannot use header file {:?}: {why}", path.display().to_string()));
        let size = std::fs::metadata(path).map_err(|error| fail(&reason(&error)))?.len();
        if size > LONGEST {
            return Err(fail("it is longer than 64 KiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(&reason(&error)))?;
        Self::parse(&Zeroizing::new(text)).map_err(|why| fail(&why))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let mut headers = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| format!("line {number} is not 'Name: value'"))?;
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| format!("line {number} does not begin with the name of a header"))?;
            if OWN.contains(&name.as_str()) {
                return Err(format!("line {number}: {name} is set by lyncpush"));
            }
            let value = Zeroizing::new(value.trim().to_owned());
            HeaderValue::from_str(&value).map_err(|_| format!("line {number} holds a character that none may"))?;
            headers.push((name, value));
        }
        Ok(Self(headers))
    }

    /// Each with its value, which no log shows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&HeaderName, HeaderValue)> {
        self.0.iter().filter_map(|(name, value)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_headers() {
        let headers = Headers::parse("# for Jira\n\nAuthorization: Basic c2VjcmV0:\r\nX-Room : 7\n").unwrap();
        let lines: Vec<(String, String)> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        assert_eq!(lines, [("authorization".into(), "Basic c2VjcmV0:".into()), ("x-room".into(), "7".into())]);
        let shown = format!("{headers:?} {:?}", headers.iter().collect::<Vec<_>>());
        assert!(!shown.contains("c2Vj"), "{shown}");
    }

    #[test]
    fn what_is_no_header_is_refused_without_showing_it() {
        for (text, expected) in [
            ("A: b\nBearer c2VjcmV0", "line 2 is not 'Name: value'"),
            ("Bearer c2VjcmV0: x", "line 1 does not begin with the name of a header"),
            ("Content-Length: 5", "line 1: content-length is set by lyncpush"),
            ("A: c2VjcmV0\u{7}", "line 1 holds a character that none may"),
        ] {
            assert_eq!(Headers::parse(text).unwrap_err(), expected);
        }
        assert!(Headers::parse("").unwrap().iter().next().is_none());
    }
}
