//! Interfaces of a pcapng: link type, and how their packets' times are counted.
//!
//! Source: draft-ietf-opsawg-pcapng §4.2.

use super::pcap::Order;
use crate::frame::{LinkType, Timestamp};

/// The option `if_tsresol`.
const TIME_UNIT: u16 = 9;
/// The option `if_tsoffset`.
const TIME_OFFSET: u16 = 14;

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Units of so many nanoseconds each.
    Times(u64),
    /// So many units in a nanosecond.
    Divided(u64),
    /// Units of 2^-n seconds.
    Binary(u8),
}

/// An interface, as far as frames depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) link: LinkType,
    /// The longest packet it captures; 0 without a limit.
    pub(super) snap_length: u32,
    unit: Unit,
    digits: u8,
    /// Seconds to add to every time.
    offset: i64,
}

impl Interface {
    /// Reads the body of an interface description; `None` if it is too short. Options end where they make no sense.
    pub(super) fn parse(order: Order, body: &[u8]) -> Option<Self> {
        let (&[l0, l1, _, _, s0, s1, s2, s3], mut options) = body.split_first_chunk()?;
        let (link, snap_length) = (LinkType(order.u16([l0, l1])), order.u32([s0, s1, s2, s3]));
        let mut interface = Self { link, snap_length, unit: Unit::Times(1000), digits: 6, offset: 0 };
        while let Some((&[c0, c1, n0, n1], rest)) = options.split_first_chunk() {
            let length = usize::from(order.u16([n0, n1]));
            let Some(value) = rest.get(..length) else { break };
            match (order.u16([c0, c1]), value) {
                (0, _) => break,
                (TIME_UNIT, &[octet, ..]) => interface.set_unit(octet),
                (TIME_OFFSET, &[a, b, c, d, e, f, g, h]) => {
                    interface.offset = order.u64([a, b, c, d, e, f, g, h]).cast_signed();
                }
                _ => {}
            }
            options = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Some(interface)
    }

    /// Takes the time unit as the option states it: decimal places, or binary ones with the top bit set.
    fn set_unit(&mut self, octet: u8) {
        let places = octet & 0x7f;
        if octet & 0x80 != 0 {
            self.unit = Unit::Binary(places);
            // Decimal digits that tell 2^-n apart: n × log10(2), rounded up.
            self.digits = u8::try_from((u32::from(places) * 30103).div_ceil(100_000)).unwrap_or(9).min(9);
            return;
        }
        self.digits = places.min(9);
        self.unit = match 10_u64.checked_pow(u32::from(places.abs_diff(9))) {
            Some(factor) if places <= 9 => Unit::Times(factor),
            Some(divisor) => Unit::Divided(divisor),
            // So fine that 64 bits of it are no nanosecond.
            None => Unit::Divided(u64::MAX),
        };
    }

    #[inline]
    pub(super) fn time(&self, units: u64) -> Timestamp {
        let nanos = match self.unit {
            Unit::Times(factor) => units.saturating_mul(factor),
            Unit::Divided(divisor) => units / divisor,
            Unit::Binary(places) => {
                u64::try_from((u128::from(units) * 1_000_000_000) >> u32::from(places)).unwrap_or(u64::MAX)
            }
        };
        let offset = self.offset.saturating_mul(1_000_000_000);
        Timestamp::new(offset.saturating_add_unsigned(nanos), self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// The body of an interface description with its options.
    fn parse(order: Order, options: &[(u16, &[u8])]) -> Interface {
        let block = crate::capture::specimen::interface(order, 1, 0, options);
        Interface::parse(order, &block[8..block.len() - 4]).unwrap()
    }

    #[test]
    fn times_in_every_unit() {
        let rows: [(u8, u64, i64, i64, u8); 14] = [
            (6, 1_000_001, 0, SECOND + 1000, 6),
            (9, 5, 0, 5, 9),
            (3, 1001, 0, SECOND + 1_000_000, 3),
            (0, 7, 0, 7 * SECOND, 0),
            (12, 1_999, 0, 1, 9),
            (127, u64::MAX, 0, 1, 9),
            (0x80, 7, 0, 7 * SECOND, 0),
            (0x80 | 10, 1536, 0, SECOND + SECOND / 2, 4),
            (0x80 | 32, 1 << 31, 0, SECOND / 2, 9),
            (0x80 | 127, u64::MAX, 0, 0, 9),
            (6, 5, -2, 5000 - 2 * SECOND, 6),
            (6, 5, 1_700_000_000, 1_700_000_000 * SECOND + 5000, 6),
            (0, u64::MAX, i64::MAX, i64::MAX, 0),
            (0, 0, i64::MIN, i64::MIN, 0),
        ];
        for order in [Order::Little, Order::Big] {
            for (unit, units, offset, nanos, digits) in rows {
                let octets = if order == Order::Big { offset.to_be_bytes() } else { offset.to_le_bytes() };
                let interface = parse(order, &[(2, b"eth0"), (9, &[unit]), (14, &octets), (0, &[])]);
                let time = interface.time(units);
                assert_eq!((time.nanos(), time.digits()), (nanos, digits), "{unit} {units} {offset}");
            }
        }
    }

    #[test]
    fn options_that_make_no_sense_are_left_out() {
        let usual = parse(Order::Big, &[]).time(7);
        assert_eq!((usual.nanos(), usual.digits()), (7000, 6));
        let rows: [&[(u16, &[u8])]; 4] =
            [&[(9, &[])], &[(14, &[1])], &[(0, &[]), (9, &[0])], &[(1, b"note"), (77, &[0; 9])]];
        for options in rows {
            assert_eq!(parse(Order::Big, options).time(7), usual, "{options:?}");
        }
        // An option longer than the block.
        assert_eq!(Interface::parse(Order::Big, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 99, 0]).unwrap().time(7), usual);
        assert!(Interface::parse(Order::Big, &[0, 1, 0, 0, 0, 0, 0]).is_none());
    }
}
