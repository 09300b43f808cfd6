//! A pair of endpoints as the key of a connection.
//!
//! In: the two addresses of a segment. Out: a key that is the same for both directions.

use std::net::{IpAddr, SocketAddr};

use crate::segment::TcpSegment;

/// A pair of endpoints without direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
