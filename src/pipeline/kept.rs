//! What is kept of the frames that are watched.
//!
//! In: every frame, after it was read. Out: files, see [`Keeper`] and [`Broken`]; lines for the administrator.

use super::Control;
use super::broken::{Broken, Known};
use super::orders::Taken;
use super::reading::Reading;
use super::recent::Recent;
use super::sieve::{Sieve, Sifted};
use crate::capture::{KeepOptions, Keeper, Stretch};
use crate::error::Result;
use crate::frame::{Frame, Timestamp};
use crate::report::text::counted;

/// Losses remembered for files of broken ladders; of more, the earliest are made one.
const MAX_LOSSES: usize = 256;

/// Which frames are kept in files, and how.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Where, and how much.
    pub files: KeepOptions,
    /// Whether those that are not SIP are kept too.
    pub all: bool,
}

/// Everything that keeps frames.
pub struct Kept {
    keeper: Option<Keeper>,
    /// None where nothing has to be told apart.
    sieve: Option<Sieve>,
    all: bool,
    recent: Option<Recent>,
    broken: Option<Broken>,
    losses: Vec<Stretch>,
    started: Option<Timestamp>,
    /// Every frame before was taken.
    until: Option<Timestamp>,
}

impl Kept {
    /// What `control` asks for, of frames of interfaces called `names`. `taken` are the ladders that turn out to be broken.
    ///
    /// # Errors
    /// A directory cannot be used.
    pub fn new(control: &Control, names: &[String], taken: Option<Taken>) -> Result<Self> {
        let keeper = control.keep.as_ref().map(|keep| Keeper::new(keep.files.clone(), names)).transpose()?;
        let all = control.keep.as_ref().is_some_and(|keep| keep.all);
        let memory = control.memory;
        let broken = control.broken.as_ref().zip(taken);
        let broken = broken.map(|(keep, taken)| Broken::new(keep, names, memory.excerpt(), taken)).transpose()?;
        let is_sifted = keeper.is_some() && !all || broken.is_some();
        Ok(Self {
            keeper,
            sieve: is_sifted.then(|| Sieve::new(memory.sieve())),
            all,
            recent: broken.is_some().then(|| Recent::new(memory.recent())),
            broken,
            losses: Vec::new(),
            started: None,
            until: None,
        })
    }

    /// Whether it matters what a frame is part of.
    pub const fn is_sifted(&self) -> bool {
        self.sieve.is_some()
    }

    /// Takes the frame that `reading` took last.
    pub fn push(&mut self, frame: &Frame<'_>, reading: &Reading) {
        self.reached(frame.at.time);
        if self.all
            && let Some(keeper) = &mut self.keeper
        {
            keeper.push(frame);
        }
        self.sift(|sieve, out| sieve.push(frame, reading, out));
    }

    /// No frame before `now` is left to come.
    pub fn pass(&mut self, now: Timestamp, reading: &Reading) {
        self.reached(now);
        self.sift(|sieve, out| sieve.pass(now, reading, out));
    }

    fn reached(&mut self, now: Timestamp) {
        self.started.get_or_insert(now);
        self.until = self.until.max(Some(now));
    }

    /// Frames may be missing between these times.
    pub fn lost(&mut self, from: Timestamp, to: Timestamp) {
        if let Some(keeper) = &mut self.keeper {
            keeper.lost(from, to);
        }
        if self.broken.is_some() {
            self.remember(from, to);
        }
    }

    fn remember(&mut self, from: Timestamp, to: Timestamp) {
        if let Some(Stretch::Lossy(_, until)) = self.losses.last_mut()
            && *until >= from
        {
            *until = to.max(*until);
            return;
        }
        if self.losses.len() >= MAX_LOSSES
            && let Stretch::Lossy(first, _) = self.losses.remove(0)
            && let Some(Stretch::Lossy(second, _)) = self.losses.first_mut()
        {
            *second = first.min(*second);
        }
        self.losses.push(Stretch::Lossy(from, to));
    }

    /// The clock was set and goes on at `now`: times before cannot be compared with it.
    pub fn clock_set(&mut self, now: Timestamp) {
        self.until = self.until.map(|_| now);
    }

    /// Writes what is gathered.
    pub fn flush(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.flush();
        }
    }

    /// Makes the files of ladders that were found broken.
    pub fn serve(&mut self, reading: &Reading) {
        self.act(reading, Broken::serve);
    }

    /// No further frame will come.
    pub fn finish(&mut self, reading: &Reading) {
        self.sift(|sieve, out| sieve.finish(reading, out));
        if let Some(keeper) = &mut self.keeper {
            keeper.close(self.until);
        }
    }

    /// No further ladder will come.
    pub fn end(&mut self, reading: &Reading) {
        self.act(reading, Broken::finish);
    }

    /// What is worth telling since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        let mut news = self.keeper.as_mut().map(Keeper::take_news).unwrap_or_default();
        news.extend(self.sieve.iter_mut().flat_map(Sieve::take_news));
        news.extend(self.broken.iter_mut().flat_map(Broken::take_news));
        news
    }

    /// What is worth telling at the end.
    pub fn last_news(&mut self) -> Vec<String> {
        let mut news = self.take_news();
        let missed = self.keeper.as_ref().map_or(0, Keeper::missed);
        if missed > 0 {
            news.push(format!("{} could not be kept", counted(missed, "frame", "frames")));
        }
        news
    }

    fn act(&mut self, reading: &Reading, act: impl FnOnce(&mut Broken, &Recent, &Known<'_>)) {
        let Self { sieve, recent, broken, losses, started, until, .. } = self;
        if let (Some(broken), Some(recent)) = (broken, recent) {
            let waiting = sieve.as_ref().and_then(Sieve::waits_since);
            let known = Known { reading, started: *started, until: *until, waiting, losses };
            act(broken, recent, &known);
        }
    }

    fn sift(&mut self, act: impl FnOnce(&mut Sieve, &mut dyn FnMut(Sifted<'_>))) {
        let Self { keeper, sieve, all, recent, .. } = self;
        let Some(sieve) = sieve else { return };
        act(sieve, &mut |sifted| {
            if let Some(keeper) = keeper
                && !*all
            {
                keeper.push(&sifted.frame);
            }
            if let Some(recent) = recent {
                recent.push(&sifted.frame, sifted.carrier);
            }
        });
    }
}
