//! Times of one step over all ladders, and their percentiles.

use super::millis;
use crate::report::model::Latency;

/// Times of one step kept for percentiles; beyond it every second one is dropped and from then on only
/// every second one is kept, and so on.
const MAX_SAMPLES: usize = 65_536;

/// Times of one step, thinned evenly when there are many.
#[derive(Default)]
pub(super) struct Samples {
    kept: Vec<i64>,
    stride: u64,
    count: u64,
    max: i64,
}

impl Samples {
    /// Takes a time in, nanoseconds.
    pub(super) fn push(&mut self, nanos: i64) {
        self.stride = self.stride.max(1);
        if self.count.is_multiple_of(self.stride) {
            if self.kept.len() >= MAX_SAMPLES {
                let mut at = 0;
                self.kept.retain(|_| {
                    at += 1;
                    at % 2 == 1
                });
                self.stride *= 2;
            }
            self.kept.push(nanos);
        }
        self.max = if self.count == 0 { nanos } else { self.max.max(nanos) };
        self.count += 1;
    }

    /// What they come to, for a step; `None` without any.
    pub(super) fn latency(&mut self, step: u8) -> Option<Latency> {
        self.kept.sort_unstable();
        // Nearest rank: the smallest value that so many per cent of all do not exceed.
        let rank = |percent: usize| {
            let place = (self.kept.len() * percent).div_ceil(100).max(1) - 1;
            self.kept.get(place).copied().map(millis)
        };
        Some(Latency { step, count: self.count, p50: rank(50)?, p95: rank(95)?, max: millis(self.max) })
    }
}
