//! What is kept of the frames that are watched.
//!
//! In: every frame, after it was read. Out: files, see [`Keeper`]; lines for the administrator.

use super::Control;
use super::reading::Reading;
use super::sieve::Sieve;
use crate::capture::{KeepOptions, Keeper};
use crate::error::Result;
use crate::frame::{Frame, Timestamp};

/// Which frames are kept in files, and how.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Where, and how much.
    pub files: KeepOptions,
    /// Whether those that are not SIP are kept too.
    pub all: bool,
}

/// Everything that keeps frames.
#[derive(Default)]
pub struct Kept {
    keeper: Option<Keeper>,
    /// None where nothing has to be told apart.
    sieve: Option<Sieve>,
    all: bool,
}

impl Kept {
    /// What `control` asks for, of frames of interfaces called `names`.
    ///
    /// # Errors
    /// A directory cannot be used.
    pub fn new(control: &Control, names: &[String]) -> Result<Self> {
        let keeper = control.keep.as_ref().map(|keep| Keeper::new(keep.files.clone(), names)).transpose()?;
        let all = control.keep.as_ref().is_some_and(|keep| keep.all);
        let is_sifted = keeper.is_some() && !all;
        Ok(Self { keeper, sieve: is_sifted.then(|| Sieve::new(control.memory.sieve())), all })
    }

    /// Takes the frame that `reading` took last.
    pub fn push(&mut self, frame: &Frame<'_>, reading: &Reading) {
        if self.all
            && let Some(keeper) = &mut self.keeper
        {
            keeper.push(frame);
        }
        self.sift(|sieve, out| sieve.push(frame, reading, out));
    }

    /// No frame before `now` is left to come.
    pub fn pass(&mut self, now: Timestamp, reading: &Reading) {
        self.sift(|sieve, out| sieve.pass(now, reading, out));
    }

    /// Frames may be missing between these times.
    pub fn lost(&mut self, from: Timestamp, to: Timestamp) {
        if let Some(keeper) = &mut self.keeper {
            keeper.lost(from, to);
        }
    }

    /// Writes what is gathered.
    pub fn flush(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.flush();
        }
    }

    /// No further frame will come; every one before `until` was taken.
    pub fn finish(&mut self, until: Option<Timestamp>, reading: &Reading) {
        self.sift(|sieve, out| sieve.finish(reading, out));
        if let Some(keeper) = &mut self.keeper {
            keeper.close(until);
        }
    }

    /// What is worth telling since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        let mut news = self.keeper.as_mut().map(Keeper::take_news).unwrap_or_default();
        news.extend(self.sieve.iter_mut().flat_map(Sieve::take_news));
        news
    }

    /// What is worth telling at the end.
    pub fn last_news(&mut self) -> Vec<String> {
        let mut news = self.take_news();
        let missed = self.keeper.as_ref().map_or(0, Keeper::missed);
        if missed > 0 {
            news.push(format!("{missed} frames could not be kept"));
        }
        news
    }

    fn sift(&mut self, act: impl FnOnce(&mut Sieve, &mut dyn FnMut(super::sieve::Sifted<'_>))) {
        let Self { keeper, sieve, all } = self;
        let Some(sieve) = sieve else { return };
        act(sieve, &mut |sifted| {
            if let Some(keeper) = keeper
                && !*all
            {
                keeper.push(&sifted.frame);
            }
        });
    }
}
