//! Which faults have a ticket already, and since when, by the machine's own clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// Faults that are remembered; beyond them the oldest are forgotten and may get a second ticket.
const MOST: usize = 10_000;

/// Fingerprints, and when their ticket was opened: seconds since 1970 UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(BTreeMap<String, u64>);

impl Seen {
    /// Reads what [`Self::text`] wrote. What is damaged or of another version is nothing at all: then a fault gets a
    /// second ticket, which its key tells.
    pub(super) fn read(text: &[u8]) -> Self {
        let mut seen = Self(serde_json::from_slice(text).unwrap_or_default());
        seen.forget_oldest();
        seen
    }

    /// As a JSON object.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Whether a ticket was opened less than `window` before `now`. One from the future, by a clock that was set
    /// back since, counts as long as it is no further away than that.
    pub(super) fn is_fresh(&self, fingerprint: &str, now: u64, window: Duration) -> bool {
        self.0.get(fingerprint).is_some_and(|at| at.abs_diff(now) < window.as_secs())
    }

    /// Remembers a ticket, and forgets those whose time is over.
    pub(super) fn note(&mut self, fingerprint: &str, now: u64, window: Duration) {
        if !self.is_fresh(fingerprint, now, window) {
            self.0.insert(fingerprint.to_owned(), now);
        }
        if self.0.len() > MOST {
            self.0.retain(|_, at| at.abs_diff(now) < window.as_secs());
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        while self.0.len() > MOST {
            let oldest = self.0.iter().min_by_key(|(_, at)| **at).map(|(fingerprint, _)| fingerprint.clone());
            let Some(oldest) = oldest else { return };
            self.0.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn one_ticket_in_a_window() {
        let mut seen = Seen::default();
        assert!(!seen.is_fresh("a", 1_000_000, DAY));
        seen.note("a", 1_000_000, DAY);
        assert!(seen.is_fresh("a", 1_000_000, DAY) && !seen.is_fresh("b", 1_000_000, DAY));
        assert!(seen.is_fresh("a", 1_086_399, DAY) && !seen.is_fresh("a", 1_086_400, DAY));
        // Seen again within the window: it is not made longer.
        seen.note("a", 1_080_000, DAY);
        assert!(!seen.is_fresh("a", 1_086_400, DAY));
        seen.note("a", 1_086_400, DAY);
        assert!(seen.is_fresh("a", 1_086_401, DAY));
        assert!(!seen.is_fresh("a", 1_086_400, Duration::ZERO), "no window: every time is the first");
    }

    #[test]
    fn a_clock_that_was_wrong_for_a_while_silences_nobody_for_ever() {
        let mut seen = Seen::default();
        seen.note("a", 4_000_000_000, DAY);
        assert!(!seen.is_fresh("a", 1_800_000_000, DAY));
        assert!(seen.is_fresh("a", 4_000_000_000 - 60, DAY));
    }

    #[test]
    fn it_is_bounded_and_reads_back() {
        let mut seen = Seen::default();
        for at in 0..MOST as u64 + 5 {
            seen.note(&format!("{at:032x}"), 1_000_000 + at, Duration::from_secs(1_000_000));
        }
        assert_eq!(seen.0.len(), MOST);
        assert!(!seen.0.contains_key(&format!("{:032x}", 4)) && seen.0.contains_key(&format!("{:032x}", 5)));
        assert_eq!(Seen::read(seen.text().as_bytes()), seen);
        for damaged in ["", "{", "[]", "{\"a\":\"b\"}", "\u{0}\u{0}"] {
            assert_eq!(Seen::read(damaged.as_bytes()), Seen::default(), "{damaged:?}");
        }
    }
}
