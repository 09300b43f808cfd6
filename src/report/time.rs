//! Instants as text: RFC 3339 in UTC, with as many fractional digits as the capture has.

use jiff::fmt::temporal::DateTimePrinter;

use crate::frame::Timestamp;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// `timestamp` as RFC 3339 in UTC with exactly [`Timestamp::digits`] fractional digits.
///
/// Digits the capture's clock did not have are cut, not rounded. Every value of the type has a text:
/// 64-bit nanoseconds reach from 1677 to 2262.
///
/// Source: RFC 3339 §5.6.
pub fn rfc3339(timestamp: Timestamp) -> String {
    // A timestamp outside jiff's range cannot come from 64-bit nanoseconds; 1970 is still better than a panic.
    let instant = jiff::Timestamp::from_nanosecond(i128::from(timestamp.nanos())).unwrap_or_default();
    DateTimePrinter::new().precision(Some(timestamp.digits())).timestamp_to_string(&instant)
}

/// [`rfc3339`] of many instants: most share their second with the one before, and its text is kept.
#[derive(Debug, Default)]
pub struct Printer {
    second: Option<i64>,
    text: String,
}

impl Printer {
    /// What [`rfc3339`] gives of `timestamp`.
    pub fn rfc3339(&mut self, timestamp: Timestamp) -> String {
        let (second, fraction) = (timestamp.nanos().div_euclid(SECOND), timestamp.nanos().rem_euclid(SECOND));
        if self.second != Some(second) {
            let Some(start) = second.checked_mul(SECOND) else { return rfc3339(timestamp) };
            self.text = rfc3339(Timestamp::new(start, 0));
            self.text.pop();
            self.second = Some(second);
        }
        let mut text = String::with_capacity(self.text.len() + "123456789".len() + 2);
        text.push_str(&self.text);
        let mut weight = SECOND / 10;
        for digit in 0..timestamp.digits().min(9) {
            if digit == 0 {
                text.push('.');
            }
            text.push(char::from(b'0' + (fraction / weight % 10) as u8));
            weight /= 10;
        }
        text.push('Z');
        text
    }
}

/// Nanoseconds from 1970 to an instant that [`rfc3339`] wrote.
pub fn nanos(instant: &str) -> Option<i64> {
    let instant: jiff::Timestamp = instant.parse().ok()?;
    i64::try_from(instant.as_nanosecond()).ok()
}

/// Seconds since 1970-01-01T00:00:00 UTC as RFC 3339; what is out of the range of years 1 to 9999 is its nearest end.
///
/// Source: RFC 3339 §5.6.
pub fn rfc3339_seconds(seconds: i64) -> String {
    let nearest = if seconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    let instant = jiff::Timestamp::from_second(seconds).unwrap_or(nearest);
    DateTimePrinter::new().precision(Some(0)).timestamp_to_string(&instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_certificates() {
        for (seconds, expected) in [
            (1_323_273_600, "2011-12-07T16:00:00Z"),
            (253_402_207_199, "9999-12-30T21:59:59Z"),
            (253_402_300_799, "9999-12-30T22:00:00Z"),
            (i64::MIN, "-009999-01-02T01:59:59Z"),
        ] {
            assert_eq!(rfc3339_seconds(seconds), expected);
        }
    }

    #[test]
    fn prints_exactly_the_digits_of_the_capture() {
        let mut printer = Printer::default();
        for (since, digits, expected) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (0, 6, "1970-01-01T00:00:00.000000Z"),
            (1_323_273_600_123_456_789, 9, "2011-12-07T16:00:00.123456789Z"),
            (1_323_273_600_123_456_789, 6, "2011-12-07T16:00:00.123456Z"),
            (1_323_273_600_999_999_999, 3, "2011-12-07T16:00:00.999Z"),
            (1_323_273_600_999_999_999, 0, "2011-12-07T16:00:00Z"),
            (-1, 9, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, 9, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, 9, "1677-09-21T00:12:43.145224192Z"),
        ] {
            let instant = Timestamp::new(since, digits);
            assert_eq!(rfc3339(instant), expected, "{since} with {digits} digits");
            assert_eq!(printer.rfc3339(instant), expected, "{since} with {digits} digits");
            let unit = 10_i64.pow(u32::from(9 - digits));
            assert_eq!(nanos(expected), Some(since.div_euclid(unit) * unit), "{expected}");
        }
    }
}
