//! When to try again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The longest pause is this many times the first.
const LONGEST: u32 = 64;

/// How often and how long something is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts for each document before all are left for later.
    pub attempts: u32,
    /// About the pause after the first attempt; each further one is twice as long.
    pub first_pause: Duration,
    /// How long an endpoint is left alone after it failed so often, or turned away whoever asks.
    pub rest: Duration,
    /// The longest time that one attempt takes.
    pub timeout: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [first_pause, rest, timeout] = [1, 60, 10].map(Duration::from_secs);
        Self { attempts: 4, first_pause, rest, timeout }
    }
}

impl Patience {
    /// The pause after so many attempts, from 1: between half and all of `first_pause` doubled each time, as
    /// `random` says, so that many programs that failed together do not come back together.
    pub fn pause(self, attempts: u32, random: u64) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        let whole = self.first_pause.saturating_mul(1 << doublings).min(self.first_pause.saturating_mul(LONGEST));
        let half = whole / 2;
        let share = (random % 1024) as u32;
        half + half * share / 1023
    }
}

/// A number that nobody foresees, without a crate for it: the keys of the standard library's hash tables are random.
pub fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_differ() {
        let patience = Patience { first_pause: Duration::from_millis(1000), ..Patience::default() };
        for (attempts, least, most) in
            [(0, 500, 1000), (1, 500, 1000), (2, 1000, 2000), (3, 2000, 4000), (40, 32_000, 64_000)]
        {
            assert_eq!(patience.pause(attempts, 0), Duration::from_millis(least), "{attempts}");
            assert_eq!(patience.pause(attempts, 1023), Duration::from_millis(most), "{attempts}");
            let between = patience.pause(attempts, 512);
            assert!(between > Duration::from_millis(least) && between < Duration::from_millis(most));
        }
        assert!((0..8).map(|_| random()).collect::<std::collections::BTreeSet<u64>>().len() > 1);
    }

    #[test]
    fn no_pause_is_a_pause_of_nothing() {
        let patience = Patience { first_pause: Duration::ZERO, ..Patience::default() };
        assert_eq!(patience.pause(9, 1023), Duration::ZERO);
    }
}
