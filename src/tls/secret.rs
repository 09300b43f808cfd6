//! Octets that must not be seen: they do not print, and their memory is wiped when they go.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Deref;

use zeroize::Zeroizing;

/// A master secret, a traffic secret or a key: never printed, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Keeps a copy of `octets`.
    pub fn new(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.into()))
    }

    /// Makes room for `length` octets and lets `fill` write them.
    pub(crate) fn made(length: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut octets = Zeroizing::new(vec![0; length].into_boxed_slice());
        fill(&mut octets);
        Self(octets)
    }

    /// Reads hexadecimal digits of either case; `None` unless they are whole octets.
    pub(crate) fn from_hex(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if !digits.len().is_multiple_of(2) {
            return None;
        }
        // Written in place: a vector that grows would leave copies behind.
        let mut octets = Zeroizing::new(vec![0; digits.len() / 2].into_boxed_slice());
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            *octet = pair.iter().try_fold(0, |value, digit| Some((value << 4) | nibble(*digit)?))?;
        }
        Some(Self(octets))
    }

    /// The octets themselves.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// What opens a key file: it does not print, and is wiped when it goes.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over what was typed or read.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The first line of a file, without its end.
    ///
    /// Errors: those of reading, and a line that is not UTF-8.
    pub fn first_line(path: &str) -> io::Result<Self> {
        let octets = read_secret_file(path)?;
        let line = octets.split(|octet| *octet == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| io::Error::other("its first line is not UTF-8"))?;
        // Editors of Windows begin a file with a mark.
        Ok(Self::new(text.trim_start_matches('\u{feff}').to_owned()))
    }

    /// The password itself.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// The most octets of a file of secrets. 1 GiB: key logs of a busy server's month.
const MAX_FILE: u64 = 1 << 30;

/// Reads a file that holds secrets into memory that is wiped when it goes.
///
/// Errors: those of reading, and a file of more than 1 GiB.
pub fn read_secret_file(path: &str) -> io::Result<impl Deref<Target = [u8]> + use<>> {
    let file = File::open(path)?;
    // Room for all of it at once: a vector that grows leaves copies behind.
    let length = usize::try_from(file.metadata()?.len().min(MAX_FILE)).unwrap_or(0);
    let mut octets = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(MAX_FILE + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it has more than 1 GiB"));
    }
    Ok(Octets(octets))
}

/// Octets that are wiped when they go.
struct Octets(Zeroizing<Vec<u8>>);

impl Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} octets)", self.0.len())
    }
}

fn nibble(digit: u8) -> Option<u8> {
    // A hexadecimal digit is below 16, so the cast loses nothing.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_of_either_case_is_read_and_halves_are_not() {
        assert_eq!(Secret::from_hex("00fFA9").unwrap().octets(), [0, 255, 0xa9]);
        assert_eq!(Secret::from_hex("").unwrap().octets(), [] as [u8; 0]);
        for bad in ["0", "0g", "???", "é"] {
            assert_eq!(Secret::from_hex(bad), None, "{bad}");
        }
    }

    #[test]
    fn printing_shows_no_octet() {
        let secret = Secret::new(&[0xca, 0xfe, 202, 254]);
        let shown = format!("{secret:?} {secret:#?}").to_lowercase();
        assert_eq!(shown, "secret(4 octets) secret(4 octets)");
    }
}
