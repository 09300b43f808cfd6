//! Ladders that wait: a leg that shows itself later in the capture could change their verdict.

use std::collections::VecDeque;

use crate::ladder::Ladder;

/// Ladders held back at a time, about 4 KB each. When there are more, the oldest is judged by what was
/// in view so far: it may then say "not covered" where the rest of the capture would have told more,
/// but never more than was seen.
pub const MAX_HELD: usize = 16_384;

/// Ladders in the order they closed.
#[derive(Default)]
pub struct Holding {
    held: VecDeque<Ladder>,
}

impl Holding {
    /// Takes a closed ladder in; gives the oldest when there are too many.
    pub fn push(&mut self, ladder: Ladder) -> Option<Ladder> {
        self.held.push_back(ladder);
        if self.held.len() > MAX_HELD { self.held.pop_front() } else { None }
    }

    /// What is still held, in the order it closed.
    pub fn drain(&mut self) -> impl Iterator<Item = Ladder> + use<> {
        std::mem::take(&mut self.held).into_iter()
    }
}
