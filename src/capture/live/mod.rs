//! Frames off interfaces, as they come.
//!
//! In: the names of interfaces. Out: their frames in the order of their times, and what was lost on the way: by the
//! kernel, by an interface, while an interface was down or away, or because the clock was set. It refuses to know
//! what a frame holds, and what is made of a loss.
//!
//! Several interfaces are merged by time: a frame
//! is given when no earlier one can still come from another of them ([`LAG`]).
//!
//! Everything that needs a privilege happens in [`Live::open`]. An interface that was deleted and made again is watched
//! again without one, unless it has become another kind of interface, has no link-layer address or is promiscuous: that
//! needs the privilege anew, and where it was given up the interface is told to be lost.
//!
//! Limits: [`HELD`] octets wait in the program for each interface. What does not fit waits in the kernel's ring, and what
//! does not fit there is dropped, counted and told as a loss.

mod blocks;
mod clock;
mod device;
mod feed;
mod filter;
mod keeping;
mod leftovers;
mod rebind;
mod watched;
mod whole;

use std::time::{Duration, Instant};

pub use device::{Interface, interfaces};
pub use feed::Feed;
pub use filter::{dropped_by, widened};
pub use keeping::{KeepOptions, Keeper, check_directory};

pub use whole::{Excerpt, Excerpts};

use super::Summary;
use super::news::{Fact, Level, News};
use crate::error::{Error, Result};
use crate::frame::{Frame, Timestamp};
use clock::Clock;
use watched::Watched;

/// How long a frame may take from the wire to the program, nanoseconds: the kernel hands on a block that is not full
/// after [`watched::TIMEOUT`], and a busy machine is late.
pub const LAG: i64 = 300_000_000;
/// Octets of frames that wait in the program for each interface.
pub const HELD: usize = 4 << 20;
/// How often it is looked whether interfaces are up, and whether the clock was set.
const LOOK: Duration = Duration::from_millis(100);

/// What to watch, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Names of interfaces; `any` is all of them.
    pub interfaces: Vec<String>,
    /// Octets of the ring that the kernel fills, for each interface.
    pub buffer: usize,
    /// Whether interfaces take frames that are not for this host.
    pub promiscuous: bool,
    /// A filter in libpcap's language instead of the one for `ports`.
    pub bpf: Option<String>,
    /// Ports of which frames are wanted.
    pub ports: Vec<u16>,
}

/// Why frames are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossKind {
    /// The kernel had no room for so many frames.
    Kernel(u64),
    /// The interface or its driver dropped so many.
    Interface(u64),
    /// The interface was down.
    Down,
    /// The interface was not there.
    Gone,
    /// The clock was set, by so many nanoseconds: times before and after cannot be compared.
    ClockSet(i64),
}

/// Frames that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Index of the interface.
    pub input: u16,
    /// The earliest time a missing frame may have had.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
    /// Why.
    pub kind: LossKind,
}

/// Interfaces that are being watched.
pub struct Live {
    watched: Vec<Watched>,
    clock: Clock,
    looked: Instant,
    current: Option<usize>,
    losses: Vec<Loss>,
    news: Vec<News>,
}

impl Live {
    /// Opens interfaces.
    ///
    /// # Errors
    /// One does not exist or is down, the filter is none, or there is no permission: then the text says what gives it.
    pub fn open(options: &LiveOptions) -> Result<Self> {
        let open = |(index, name): (usize, &String)| {
            let input = u16::try_from(index).map_err(|_| Error::new("more than 65535 interfaces at once"))?;
            Watched::open(name, input, options)
        };
        let watched = options.interfaces.iter().enumerate().map(open).collect::<Result<Vec<_>>>()?;
        let (clock, looked) = (Clock::new(), Instant::now());
        Ok(Self { watched, clock, looked, current: None, losses: Vec::new(), news: Vec::new() })
    }

    /// Whether the clock was set, and now and then whether interfaces are up.
    fn look(&mut self) {
        if let Some((from, to, by)) = self.clock.check() {
            self.losses.push(Loss { input: 0, from, to, kind: LossKind::ClockSet(by) });
            let way = if by < 0 { "back" } else { "forward" };
            let message = format!("the clock was set {way} by {:.1} s", by.unsigned_abs() as f64 / 1e9);
            let news = News::new(Level::Warning, "clock-set", message);
            self.news.push(news.with("seconds", Fact::Seconds(by as f64 / 1e9)));
            self.watched.iter_mut().for_each(|watched| watched.clock_set(to));
        }
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            let now = self.clock.now();
            for watched in &mut self.watched {
                watched.look(now, &mut self.losses, &mut self.news);
            }
        }
    }
}

impl Feed for Live {
    fn fill(&mut self) -> Result<bool> {
        let mut got = false;
        for watched in &mut self.watched {
            let before = self.clock.now();
            got |= watched.read(before, &mut self.news);
        }
        self.look();
        let now = self.clock.now();
        for watched in &mut self.watched {
            watched.count_drops(now, &mut self.losses, &mut self.news);
        }
        match self.watched.iter().all(Watched::is_lost) {
            true => Err(Error::new(
                "no interface is left to watch, and the right to open one was given up; start lyncpush again",
            )),
            false => Ok(got),
        }
    }

    fn advance(&mut self) -> bool {
        if let Some(watched) = self.current.take().and_then(|current| self.watched.get_mut(current)) {
            watched.pop();
        }
        let heads = self.watched.iter().enumerate().filter_map(|(index, watched)| Some((watched.head()?, index)));
        let Some((time, index)) = heads.min() else { return false };
        let mut others = self.watched.iter().enumerate().filter(|(other, _)| *other != index);
        if others.all(|(_, other)| other.head().is_some() || other.is_read_until(time)) {
            self.current = Some(index);
        }
        self.current.is_some()
    }

    fn frame(&self) -> Option<Frame<'_>> {
        self.watched.get(self.current?)?.frame()
    }

    fn until(&self) -> Option<Timestamp> {
        let waits = self.watched.iter().any(|watched| watched.head().is_some());
        if waits { None } else { self.watched.iter().filter_map(Watched::read_until).min() }
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        std::mem::take(&mut self.losses)
    }

    fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    fn summaries(&self) -> impl Iterator<Item = &Summary> {
        self.watched.iter().map(Watched::summary)
    }
}
