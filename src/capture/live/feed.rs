//! What frames come from that are watched: interfaces, or something that stands for them.

use super::Loss;
use crate::capture::{News, Summary};
use crate::error::Result;
use crate::frame::{Frame, Timestamp};

/// Gives frames as they come, and never waits.
///
/// Whoever uses it calls [`fill`](Self::fill) again and again, and takes the frames there are after each.
pub trait Feed: Send {
    /// Takes in what has come since the last time; whether there was anything. Losses are known before the frames that
    /// come after them are given.
    ///
    /// # Errors
    /// Nothing is left to watch.
    fn fill(&mut self) -> Result<bool>;

    /// Moves to the next frame; false when none can be given yet.
    fn advance(&mut self) -> bool;

    /// The frame moved to.
    fn frame(&self) -> Option<Frame<'_>>;

    /// The time up to which every frame has been given, when there is none left to give.
    fn until(&self) -> Option<Timestamp>;

    /// Losses since the last time.
    fn take_losses(&mut self) -> Vec<Loss>;

    /// What is worth telling the administrator since the last time.
    fn take_news(&mut self) -> Vec<News>;

    /// What is known of each input.
    fn summaries(&self) -> impl Iterator<Item = &Summary>;
}
