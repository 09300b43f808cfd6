//! When a step is due, and whether it came before one that must precede it.

use super::status::StepJudged;
use crate::frame::Timestamp;
use crate::ladder::profile::{Profile, Step, StepKey};

/// The time of a step: from when, until when, and the step it is counted from.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// Its hard limit.
    pub to: Timestamp,
    /// The step seen at its beginning.
    pub counted_from: StepKey,
}

/// What the order rules look at: when each step was first seen, and in which input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times([Option<(Timestamp, u16)>; 10]);

impl Times {
    /// Reads the times off the evidence gathered so far.
    pub fn of(steps: &[StepJudged]) -> Self {
        let mut times = Self::default();
        for (slot, step) in times.0.iter_mut().zip(steps) {
            *slot = step.at.and_then(|at| Some((at, step.evidence.first()?.at.input)));
        }
        times
    }

    /// When a step was first seen.
    pub fn at(&self, key: StepKey) -> Option<Timestamp> {
        self.0.get(key.index()).copied().flatten().map(|(at, _)| at)
    }

    /// How far the clocks behind two steps' times may be apart: nothing where they are the same clock.
    pub fn doubt(&self, a: StepKey, b: StepKey, uncertainty: i64) -> i64 {
        match (self.seen(a), self.seen(b)) {
            (Some((_, a)), Some((_, b))) if a != b => uncertainty,
            _ => 0,
        }
    }

    fn seen(&self, key: StepKey) -> Option<(Timestamp, u16)> {
        self.0.get(key.index()).copied().flatten()
    }

    /// When a step's time begins and when it is over: counted from the step its limit counts from, or,
    /// where that was not seen, from the one before it with both limits. `skip` names steps that will
    /// not come, whose own limit is then not waited for.
    pub fn window(&self, key: StepKey, profile: &Profile, hops: u32, skip: impl Fn(StepKey) -> bool) -> Option<Window> {
        let mut limit = 0_i64;
        let mut step = profile.steps.get(key);
        let mut hops = i64::from(hops.max(1));
        let mut counted = true;
        loop {
            if counted {
                limit = limit.saturating_add(i64::from(step.limit_ms).saturating_mul(1_000_000).saturating_mul(hops));
            }
            hops = 1;
            let from = step.limit_from?;
            if let Some(at) = self.at(from) {
                return Some(Window { from: at, to: at.shifted(limit), counted_from: from });
            }
            counted = !skip(from);
            step = profile.steps.get(from);
        }
    }

    /// The step that came too late for this one to be in order: the nearest seen one of each direct
    /// predecessor. `uncertainty` is that of clocks in different inputs, nanoseconds.
    pub fn displaced(&self, key: StepKey, profile: &Profile, uncertainty: i64) -> Option<StepKey> {
        let (at, input) = self.seen(key)?;
        let step = profile.steps.get(key);
        let before = |pred: &StepKey, tolerance: i64| {
            let (found, (pred_at, pred_input)) = self.nearest(*pred, profile)?;
            let doubt = if input == pred_input { 0 } else { uncertainty };
            (pred_at.since(at) > tolerance.saturating_add(doubt)).then_some(found)
        };
        let strict = step.after.iter().find_map(|pred| before(pred, 0));
        strict.or_else(|| {
            step.after_loosely.iter().find_map(|pred| before(pred, i64::from(step.tolerance_ms) * 1_000_000))
        })
    }

    /// The step itself if it was seen, else the nearest of its predecessors that was.
    fn nearest(&self, key: StepKey, profile: &Profile) -> Option<(StepKey, (Timestamp, u16))> {
        if let Some(seen) = self.seen(key) {
            return Some((key, seen));
        }
        let step: &Step = profile.steps.get(key);
        step.after.iter().find_map(|pred| self.nearest(*pred, profile))
    }
}
