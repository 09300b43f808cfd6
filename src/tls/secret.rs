//! Octets that must not be seen: they do not print, and their memory is wiped when they go.

use std::fmt;

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
