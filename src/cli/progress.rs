//! Progress on standard error: only for a person who waits longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;
use crate::report::text;

/// Work that is done sooner shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Redraws a second.
const RATE: u8 = 5;

/// A bar that appears when the work takes long.
#[derive(Debug)]
pub struct Progress {
    wanted: bool,
    since: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar that has not appeared yet; it never does unless `wanted` and standard error is a terminal.
    pub fn new(wanted: bool) -> Self {
        Self { wanted, since: Instant::now(), bar: None }
    }

    /// So much is done: octets of all octets (if known), frames, ladders. Cheap enough for every thousand frames.
    pub fn tick(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64) {
        if !self.wanted || (self.bar.is_none() && self.since.elapsed() < PATIENCE) {
            return;
        }
        let since = self.since;
        let bar = self.bar.get_or_insert_with(|| bar(size, since));
        bar.set_position(position);
        let (frames, ladders) = (text::counted(frames, "frame", "frames"), text::counted(ladders, "ladder", "ladders"));
        bar.set_message(format!("{frames}, {ladders}"));
    }

    /// Takes the bar away, so that the report begins on a clean line.
    pub fn finish(&mut self) {
        self.wanted = false;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar for `size` octets, or a running count where nobody knows the size.
fn bar(size: Option<u64>, since: Instant) -> ProgressBar {
    let template = match size {
        Some(_) => "{bar:24} {bytes} of {total_bytes}, {msg}, {binary_bytes_per_sec}",
        None => "{bytes}, {msg}, {binary_bytes_per_sec}",
    };
    let target = ProgressDrawTarget::stderr_with_hz(RATE);
    let bar = ProgressBar::with_draw_target(size, target).with_elapsed(since.elapsed());
    if let Ok(style) = ProgressStyle::with_template(template) {
        let signs = if terminal::ascii(&terminal::environment) { "#>." } else { "━╸─" };
        bar.set_style(style.progress_chars(signs));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_appears_before_its_time_or_unwanted() {
        let mut early = Progress::new(true);
        early.tick(1, Some(10), 1, 0);
        assert!(early.bar.is_none());
        let mut unwanted = Progress { wanted: false, since: Instant::now() - PATIENCE * 2, bar: None };
        unwanted.tick(1, Some(10), 1, 0);
        assert!(unwanted.bar.is_none());
    }

    #[test]
    fn it_appears_counts_and_goes() {
        for size in [Some(10), None] {
            let mut progress = Progress { wanted: true, since: Instant::now() - PATIENCE * 2, bar: None };
            progress.tick(7, size, 1234, 1);
            let bar = progress.bar.as_ref().unwrap();
            assert_eq!((bar.position(), bar.length()), (7, size));
            assert_eq!(bar.message(), "1,234 frames, 1 ladder");
            progress.finish();
            progress.tick(8, size, 1235, 1);
            assert!(progress.bar.is_none());
        }
    }
}
