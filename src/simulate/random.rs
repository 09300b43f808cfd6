//! Numbers that look drawn by lot and are the same in every run.

/// A splitmix64 sequence: small, fast, and each seed gives its own.
///
/// Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// A sequence of its own for every path of numbers, such as (seed, ladder, user).
    pub(super) fn of(path: &[u64]) -> Self {
        let mut random = Self(0x6c79_6e63_7075_7368);
        for step in path {
            random.0 ^= step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            random.0 = random.next();
        }
        random
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, 0 when `limit` is 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    /// Fills `octets`.
    #[cfg(feature = "tls")]
    pub(super) fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            chunk.iter_mut().zip(self.next().to_be_bytes()).for_each(|(to, from)| *to = from);
        }
    }

    /// `length` hexadecimal digits, lower case.
    pub(super) fn hex(&mut self, length: usize) -> String {
        self.digits(length, b"0123456789abcdef")
    }

    /// `length` hexadecimal digits, upper case.
    pub(super) fn upper_hex(&mut self, length: usize) -> String {
        self.digits(length, b"0123456789ABCDEF")
    }

    /// `length` letters of base64.
    pub(super) fn base64(&mut self, length: usize) -> String {
        self.digits(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    }

    /// `length` letters of base64url, which may stand in a URI.
    pub(super) fn base64_url(&mut self, length: usize) -> String {
        self.digits(length, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    }

    /// Sixteen, or ten, digits come out of each number drawn; `alphabet` has 16 or 64 of them.
    fn digits(&mut self, length: usize, alphabet: &[u8]) -> String {
        let bits = alphabet.len().trailing_zeros();
        let mut text = String::with_capacity(length);
        let (mut pool, mut left) = (0, 0);
        for _ in 0..length {
            if left < bits {
                (pool, left) = (self.next(), 64);
            }
            let index = (pool & (alphabet.len() as u64 - 1)) as usize;
            text.push(char::from(alphabet.get(index).copied().unwrap_or(b'0')));
            pool >>= bits;
            left -= bits;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn paths_do_not_meet() {
        let firsts: std::collections::BTreeSet<u64> = (0..64).map(|n| Random::of(&[n / 8, n % 8]).next()).collect();
        assert_eq!(firsts.len(), 64);
    }

    #[test]
    fn digits_are_of_their_alphabet() {
        let mut random = Random(7);
        assert!(random.hex(33).bytes().all(|c| b"0123456789abcdef".contains(&c)));
        assert_eq!(random.upper_hex(10).len(), 10);
        assert!(!random.base64_url(999).contains(['+', '/']));
        assert_eq!(random.base64(24).len(), 24);
        assert_eq!(random.below(0), 0);
    }
}
