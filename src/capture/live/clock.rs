//! The host's clock, which stamps frames, beside one that is never set.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::frame::Timestamp;

/// By how much the clock must have been set to count, nanoseconds: far more than clocks are adjusted by while they run.
const SET: i64 = 200_000_000;
/// Two clocks read with more than this between are read again, nanoseconds: the program was interrupted.
const APART: Duration = Duration::from_millis(20);
/// How often.
const ATTEMPTS: usize = 5;

/// What the two clocks said.
pub(super) struct Clock {
    start: Instant,
    /// What to add to the one to get the other, nanoseconds.
    offset: i64,
    /// The latest time told.
    last: i64,
}

impl Clock {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        let mut clock = Self { start, offset: 0, last: nanos(SystemTime::now()) };
        if let Some((steady, now)) = clock.read() {
            (clock.offset, clock.last) = (now.saturating_sub(steady), now);
        }
        clock
    }

    /// The time now.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::new(nanos(SystemTime::now()), 9)
    }

    /// Both clocks at once; none if the program was interrupted between them again and again.
    fn read(&self) -> Option<(i64, i64)> {
        (0..ATTEMPTS).find_map(|_| {
            let before = self.start.elapsed();
            let now = nanos(SystemTime::now());
            let after = self.start.elapsed();
            let steady = i64::try_from(before.as_nanos()).unwrap_or(i64::MAX);
            (after.saturating_sub(before) < APART).then_some((steady, now))
        })
    }

    /// Whether the clock was set since the last check: between which times anything may have happened, and by how much.
    pub(super) fn check(&mut self) -> Option<(Timestamp, Timestamp, i64)> {
        let (steady, now) = self.read()?;
        self.compare(steady, now)
    }

    fn compare(&mut self, steady: i64, now: i64) -> Option<(Timestamp, Timestamp, i64)> {
        let by = now.saturating_sub(steady).saturating_sub(self.offset);
        let last = std::mem::replace(&mut self.last, now);
        if by.abs() < SET {
            // It is adjusted a little all the time.
            self.offset = self.offset.saturating_add(by);
            return None;
        }
        self.offset = now.saturating_sub(steady);
        Some((Timestamp::new(last.min(now), 9), Timestamp::new(last.max(now), 9), by))
    }
}

fn nanos(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_is_adjusted_is_not() {
        let mut clock = Clock { start: Instant::now(), offset: 1_000 * SECOND, last: 1_000 * SECOND };
        let mut check =
            |steady: i64, now: i64| clock.compare(steady, now).map(|(from, to, by)| (from.nanos(), to.nanos(), by));
        assert_eq!(check(SECOND, 1_001 * SECOND + SET / 2), None);
        assert_eq!(check(2 * SECOND, 1_002 * SECOND + SET), None, "by so little each time");
        let back = check(3 * SECOND, 103 * SECOND + SET);
        assert_eq!(back, Some((103 * SECOND + SET, 1_002 * SECOND + SET, -900 * SECOND)));
        assert_eq!(check(4 * SECOND, 104 * SECOND + SET), None);
        // A machine that slept.
        assert_eq!(check(5 * SECOND, 204 * SECOND + SET), Some((104 * SECOND + SET, 204 * SECOND + SET, 99 * SECOND)));
    }

    #[test]
    fn the_real_clock_runs() {
        let mut clock = Clock::new();
        assert!(clock.now().nanos() > 1_500_000_000 * SECOND);
        assert_eq!(clock.check(), None);
    }
}
