//! The code of MPPC: literals and copies as bits, the most significant first.
//!
//! | Token | Bits |
//! |---|---|
//! | octet below 128 | `0`, 7 bits |
//! | octet from 128 | `10`, 7 bits |
//! | copy from 1 to 63 octets back | `1111`, 6 bits |
//! | from 64 to 319 | `1110`, 8 bits of the offset less 64 |
//! | from 320 to 8191 | `110`, 13 bits of the offset less 320 |
//!
//! A length follows each offset: 3 is `0`; a length of `n + 1` bits is `n - 1` ones, a zero and its low `n` bits.
//! Source: RFC 2118 §4.2.

use super::{Defect, HISTORY};

/// Fewer bits than these are padding: no token is as short.
const SHORTEST: u32 = 8;
/// The longest run of ones a length begins with.
const MOST_ONES: u32 = 11;

/// One step of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// This octet.
    Literal(u8),
    /// What stands `offset` octets back, `length` octets of it.
    Copy {
        /// From 1 to 8191.
        offset: usize,
        /// From 3 to 8191.
        length: usize,
    },
}

/// Takes tokens off a payload.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    rest: &'a [u8],
    /// The next bits, from the top down; zeros behind them.
    window: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    /// The tokens of `packed`.
    pub(super) const fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed, window: 0, held: 0 }
    }

    /// Holds at least 57 bits afterwards, more than the longest token has, or all there are.
    #[inline]
    fn refill(&mut self) {
        while self.held <= 56 {
            let Some((first, rest)) = self.rest.split_first() else { return };
            self.window |= u64::from(*first) << (56 - self.held);
            self.held += 8;
            self.rest = rest;
        }
    }

    /// The next `count` bits, 1 to 13 of them.
    #[inline]
    fn take(&mut self, count: u32) -> Result<usize, Defect> {
        if self.held < count {
            return Err(Defect::Exhausted);
        }
        let bits = self.window >> (64 - count);
        self.window <<= count;
        self.held -= count;
        Ok(bits as usize)
    }

    fn token(&mut self) -> Result<Token, Defect> {
        let (skip, width, base) = match self.window >> 60 {
            0..=7 => return self.take(8).map(|bits| Token::Literal(bits as u8)),
            8..=11 => {
                self.take(2)?;
                return self.take(7).map(|bits| Token::Literal(bits as u8 | 0x80));
            }
            12 | 13 => (3, 13, 320),
            14 => (4, 8, 64),
            _ => (4, 6, 0),
        };
        self.take(skip)?;
        let offset = base + self.take(width)?;
        if offset == 0 || offset >= HISTORY {
            return Err(Defect::Offset);
        }
        Ok(Token::Copy { offset, length: self.length()? })
    }

    fn length(&mut self) -> Result<usize, Defect> {
        let ones = self.window.leading_ones();
        if ones > MOST_ONES {
            return Err(Defect::Length);
        }
        self.take(ones + 1)?;
        if ones == 0 {
            return Ok(3);
        }
        Ok((1 << (ones + 1)) + self.take(ones + 1)?)
    }
}

impl Iterator for Bits<'_> {
    type Item = Result<Token, Defect>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.refill();
        (self.held >= SHORTEST).then(|| self.token())
    }
}

/// Puts tokens one behind the other.
#[derive(Debug, Default)]
pub(super) struct BitsOut {
    octets: Vec<u8>,
    window: u64,
    held: u32,
}

impl BitsOut {
    /// The octets, the last one filled up with zeros.
    pub(super) fn into_octets(mut self) -> Vec<u8> {
        if self.held > 0 {
            let [first, ..] = self.window.to_be_bytes();
            self.octets.push(first);
        }
        self.octets
    }

    /// Appends one token.
    pub(super) fn push(&mut self, token: Token) {
        match token {
            Token::Literal(octet @ 0..=0x7f) => self.put(u64::from(octet), 8),
            Token::Literal(octet) => self.put(0x100 | u64::from(octet & 0x7f), 9),
            Token::Copy { offset, length } => {
                match offset as u64 {
                    far @ 320.. => self.put(0b110 << 13 | (far - 320), 16),
                    middle @ 64.. => self.put(0b1110 << 8 | (middle - 64), 12),
                    near => self.put(0b1111 << 6 | near, 10),
                }
                self.put_length(length as u64);
            }
        }
    }

    fn put_length(&mut self, length: u64) {
        let low = length.max(1).ilog2();
        if low < 2 {
            return self.put(0, 1);
        }
        let ones = (1 << low) - 2;
        self.put(ones, low);
        self.put(length & ((1 << low) - 1), low);
    }

    /// Appends the low `count` bits of `bits`, at most 16.
    fn put(&mut self, bits: u64, count: u32) {
        self.window |= bits << (64 - self.held - count);
        self.held += count;
        while self.held >= 8 {
            let [first, ..] = self.window.to_be_bytes();
            self.octets.push(first);
            self.window <<= 8;
            self.held -= 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_comes_back() {
        let mut tokens: Vec<Token> = (0..=255).map(Token::Literal).collect();
        for offset in (1..700).chain([4096, 8190, 8191]) {
            tokens.push(Token::Copy { offset, length: 3 });
        }
        for length in (3..70).chain([127, 128, 1023, 1024, 4095, 4096, 8191]) {
            tokens.push(Token::Copy { offset: 1, length });
        }
        let mut out = BitsOut::default();
        tokens.iter().for_each(|token| out.push(*token));
        let octets = out.into_octets();
        let back: Vec<_> = Bits::new(&octets).map(Result::unwrap).collect();
        assert_eq!(back, tokens);
    }

    #[test]
    fn lengths_as_the_standard_shows_them() {
        let check = |length, expected: &str| {
            let mut out = BitsOut::default();
            out.put_length(length);
            let bits: String = out.into_octets().iter().map(|octet| format!("{octet:08b}")).collect();
            assert!(bits.starts_with(expected), "{length}: {bits}");
        };
        check(3, "0");
        check(4, "1000");
        check(7, "1011");
        check(8, "110000");
        check(16, "11100000");
        check(64, "111110000000");
        check(8191, "111111111110111111111111");
    }
}
