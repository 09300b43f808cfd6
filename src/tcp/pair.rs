//! A pair of endpoints as the key of a connection, and how it is hashed.
//!
//! In: the two addresses of a segment. Out: a key that is the same for both directions.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, SocketAddr};

use crate::segment::TcpSegment;

/// A pair of endpoints without direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    low: u128,
    high: u128,
    /// The ports of `low` and `high`, and whether the addresses are IPv6.
    rest: u64,
}

impl Pair {
    /// The endpoints of a segment.
    pub(super) fn of(segment: &TcpSegment<'_>) -> Self {
        Self::new(segment.source, segment.destination)
    }

    fn new(a: SocketAddr, b: SocketAddr) -> Self {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let (a, b) = ((bits(a.ip()), a.port(), a.is_ipv6()), (bits(b.ip()), b.port(), b.is_ipv6()));
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let family = u64::from(low.2) << 1 | u64::from(high.2);
        Self { low: low.0, high: high.0, rest: family << 32 | u64::from(low.1) << 16 | u64::from(high.1) }
    }
}

impl std::hash::Hash for Pair {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.low);
        state.write_u128(self.high);
        state.write_u64(self.rest);
    }
}

/// Hashes endpoint pairs in a few nanoseconds, with a secret seed so that nobody can choose colliding ones.
#[derive(Clone, Debug)]
pub(super) struct Folding {
    seed: u64,
}

impl Folding {
    pub(super) fn new() -> Self {
        // Only places in the table depend on the seed, never what comes out or its order.
        Self { seed: RandomState::new().hash_one(0_u8) | 1 }
    }
}

impl BuildHasher for Folding {
    type Hasher = Fold;

    fn build_hasher(&self) -> Fold {
        Fold { state: self.seed, seed: self.seed }
    }
}

/// One hash being made.
pub(super) struct Fold {
    state: u64,
    seed: u64,
}

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.write_u128(word.into());
    }

    fn write_u128(&mut self, word: u128) {
        // The product of two 64-bit words, its halves folded together: every bit depends on all.
        let (low, high) = (word as u64, (word >> 64) as u64);
        let product = u128::from(self.state ^ low) * u128::from(self.seed.rotate_left(32) ^ high);
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn pair(a: &str, b: &str) -> Pair {
        Pair::new(a.parse().expect("an address"), b.parse().expect("an address"))
    }

    #[test]
    fn a_pair_has_no_direction() {
        for (a, b) in [
            ("192.0.2.1:1", "192.0.2.2:2"),
            ("192.0.2.1:1", "192.0.2.1:2"),
            ("192.0.2.1:5", "192.0.2.1:5"),
            ("[2001:db8::1]:1", "[2001:db8::2]:1"),
            ("[::1]:9", "0.0.0.1:9"),
        ] {
            assert_eq!(pair(a, b), pair(b, a), "{a} {b}");
        }
    }

    #[test]
    fn what_differs_in_any_part_is_another_pair() {
        let all = [
            pair("192.0.2.1:1", "192.0.2.2:2"),
            pair("192.0.2.1:2", "192.0.2.2:1"),
            pair("192.0.2.1:1", "192.0.2.2:3"),
            pair("192.0.2.1:1", "192.0.2.3:2"),
            pair("[::192.0.2.1]:1", "[::192.0.2.2]:2"),
            pair("[2001:db8::1]:1", "[2001:db8::2]:2"),
            pair("[2001:db8:1::1]:1", "[2001:db8::2]:2"),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| one != other), "{one:?}");
        }
    }

    #[test]
    fn hashes_spread() {
        let folding = Folding::new();
        let hash = |port: u16| folding.hash_one(pair(&format!("10.0.0.1:{port}"), "10.0.0.2:5061"));
        let (mut low, mut high) = (HashSet::new(), HashSet::new());
        for port in 0..4096 {
            low.insert(hash(port) & 0xffff);
            high.insert(hash(port) >> 48);
        }
        // Of 4,096 random numbers below 65,536 some 3,970 are different.
        assert!(low.len() > 3_600 && high.len() > 3_600, "{} {}", low.len(), high.len());
    }
}
