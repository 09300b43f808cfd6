//! The capturing: which packets reach the file, and what mischief befalls them on the way.

use super::file::CaptureFile;
use super::options::{Mischief, Options, Vantage};
use super::packet::{Framing, Segment, flag};
use super::random::Random;
use super::topology::Hop;
use super::{Summary, written};
use crate::error::Result;

/// One data frame in so many is moved, repeated or lost.
const MISCHIEF_RATE: u64 = 9;
/// A moved or repeated frame comes after fewer than so many others have passed, and after one at least.
const HELD_FRAMES: u64 = 4;
/// A moved frame comes no later than this, nanoseconds, however few others pass: captures mix up what several queues
/// hold, and no queue holds anything for long.
const HELD_TIME: i64 = 20_000_000;
/// Between the two copies a mirror port makes, nanoseconds.
const MIRROR_GAP: i64 = 3_000;

/// When the capturing begins and ends, nanoseconds since 1970 UTC by the story's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Packets before it are not captured.
    pub(super) from: i64,
    /// Packets after it are not captured.
    pub(super) until: i64,
}

/// A frame that comes later than it was sent.
struct Held {
    sent: i64,
    frames_to_wait: u64,
    octets: Vec<u8>,
}

/// The capturing host.
pub(super) struct Recorder<'a> {
    file: CaptureFile<'a>,
    framing: Framing,
    vantage: Vec<Vantage>,
    window: Window,
    clock_offset: i64,
    mischief: Vec<Mischief>,
    random: Random,
    held: Vec<Held>,
    frame: Vec<u8>,
    last: i64,
    frames: u64,
    bytes: u64,
}

impl<'a> Recorder<'a> {
    /// Begins the capture `options` ask for.
    pub(super) fn begin(options: &Options, window: Window, out: &'a mut dyn std::io::Write) -> Result<Self> {
        Ok(Self {
            file: written(CaptureFile::begin(options.container, options.link, out))?,
            framing: Framing { link: options.link, big_endian: options.container.is_big_endian() },
            vantage: options.vantage.clone(),
            window,
            clock_offset: options.clock_offset_ms.saturating_mul(1_000_000),
            mischief: options.mischief.clone(),
            random: Random::of(&[options.seed, 0x6d69_7363]),
            held: Vec::new(),
            frame: Vec::new(),
            last: 0,
            frames: 0,
            bytes: 0,
        })
    }

    /// Whether a packet that passes on `hop` at `time` is captured.
    pub(super) fn shows(&self, time: i64, hop: Hop) -> bool {
        let is_seen = self.vantage.is_empty() || self.vantage.iter().any(|vantage| hop.is_seen_from(*vantage));
        is_seen && (self.window.from..=self.window.until).contains(&time)
    }

    /// A packet passes on `hop` at `time` (nanoseconds since 1970 UTC by the story's clock).
    pub(super) fn push(&mut self, time: i64, hop: Hop, segment: &Segment<'_>) -> Result<()> {
        if !self.shows(time, hop) {
            return Ok(());
        }
        self.last = time;
        self.release_overdue(time)?;
        let mut frame = std::mem::take(&mut self.frame);
        self.framing.write(segment, &mut frame);
        // Only data is meddled with: a lost handshake would merely make the capture begin late.
        let meddles = !self.mischief.is_empty() && segment.flags & flag::SYN == 0 && !segment.payload.is_empty();
        let done = if meddles { self.meddle(time, &frame) } else { self.store(time, &frame) };
        self.frame = frame;
        done?;
        self.release(time)
    }

    /// Ends the capture: frames still on their way arrive, and the file is whole.
    pub(super) fn end(mut self, summary: &mut Summary) -> Result<()> {
        for held in std::mem::take(&mut self.held) {
            self.store(self.last, &held.octets)?;
        }
        (summary.frames, summary.bytes) = (self.frames, self.bytes);
        written(self.file.end())
    }

    fn does(&mut self, mischief: Mischief) -> bool {
        self.mischief.contains(&mischief) && self.random.below(MISCHIEF_RATE) == 0
    }

    fn meddle(&mut self, time: i64, frame: &[u8]) -> Result<()> {
        if self.does(Mischief::Drop) {
            return Ok(());
        }
        if self.does(Mischief::Reorder) {
            self.hold(time, frame);
            return Ok(());
        }
        if self.does(Mischief::Repeat) {
            self.hold(time, frame);
        }
        self.store(time, frame)
    }

    fn hold(&mut self, sent: i64, frame: &[u8]) {
        let frames_to_wait = 2 + self.random.below(HELD_FRAMES);
        self.held.push(Held { sent, frames_to_wait, octets: frame.to_vec() });
    }

    /// Lets held frames pass that cannot wait until `time`.
    fn release_overdue(&mut self, time: i64) -> Result<()> {
        let due = |held: &Held| held.sent.saturating_add(HELD_TIME);
        let (overdue, waiting) = std::mem::take(&mut self.held).into_iter().partition(|held| due(held) < time);
        self.held = waiting;
        let overdue: Vec<Held> = overdue;
        overdue.iter().try_for_each(|held| self.store(due(held), &held.octets))
    }

    /// Lets held frames pass whose turn has come.
    fn release(&mut self, time: i64) -> Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let (mut due, mut waiting) = (Vec::new(), Vec::new());
        for mut held in std::mem::take(&mut self.held) {
            held.frames_to_wait = held.frames_to_wait.saturating_sub(1);
            if held.frames_to_wait == 0 { due.push(held) } else { waiting.push(held) }
        }
        self.held = waiting;
        due.iter().try_for_each(|held| self.store(time, &held.octets))
    }

    fn store(&mut self, time: i64, frame: &[u8]) -> Result<()> {
        self.write(time, frame)?;
        if self.mischief.contains(&Mischief::Mirror) {
            self.write(time.saturating_add(MIRROR_GAP), frame)?;
        }
        Ok(())
    }

    fn write(&mut self, time: i64, frame: &[u8]) -> Result<()> {
        self.frames += 1;
        self.bytes += frame.len() as u64;
        written(self.file.push(time.saturating_add(self.clock_offset), frame))
    }
}
