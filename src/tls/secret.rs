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
    let length = usize::try_from(file.metadata()?.len().min(MAX_FILE)).unwrap_or(0);
    let octets = read_wiped(file.take(MAX_FILE + 1), length)?;
    if octets.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it has more than 1 GiB"));
    }
    Ok(Octets(octets))
}

/// The least octets that are read at a time: a pipe does not say how many it has.
const PIECE: usize = 1 << 16;

/// Reads all of `source`, which has some `expected` octets, and wipes what it had room in before. A vector that grows by
/// itself leaves copies behind.
fn read_wiped(mut source: impl io::Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(vec![0; expected + PIECE]);
    let mut length = 0;
    loop {
        if length == octets.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * length]);
            larger.iter_mut().zip(octets.iter()).for_each(|(to, octet)| *to = *octet);
            octets = larger;
        }
        match source.read(octets.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    octets.truncate(length);
    Ok(octets)
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

    /// Gives a few octets at a time, and is interrupted in between, like a pipe.
    struct Pipe<'a>(&'a [u8], bool);

    impl io::Read for Pipe<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = out.len().min(777);
            self.0.read(&mut out[..length])
        }
    }

    #[test]
    fn what_does_not_say_how_long_it_is_is_read_whole() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE + 3] {
            let octets: Vec<u8> = (0..length).map(|place| (place / 7) as u8).collect();
            for expected in [0, 1, length] {
                assert!(*read_wiped(Pipe(&octets, false), expected).unwrap() == octets, "{length} {expected}");
            }
        }
    }

    #[test]
    fn printing_shows_no_octet() {
        let secret = Secret::new(&[0xca, 0xfe, 202, 254]);
        let shown = format!("{secret:?} {secret:#?}").to_lowercase();
        assert_eq!(shown, "secret(4 octets) secret(4 octets)");
    }
}
