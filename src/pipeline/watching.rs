//! Interfaces watched: the same stages as for files behind another first one.
//!
//! In: open interfaces. Out: each ladder as it closes, and a report at the end. Frames move time on; where none come, the
//! host's clock does, once it is certain that none is on its way ([`Feed::until`]).

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::batch::{Batch, Missed, Progress, SoFar};
use super::broken::KeepBroken;
use super::judging::Judging;
use super::kept::{Keep, Kept};
use super::keys::Keys;
use super::meters::Meters;
use super::orders::Orders;
use super::reading::Reading;
use super::reporting::Reporting;
use super::{Budget, Observer, Settings, stages};
use crate::capture::{Feed, Level, Loss, LossKind, News};
use crate::error::{Error, Result};
use crate::frame::{FrameRef, Timestamp};
use crate::report::model::Report;

/// How long to rest when no interface has got anything.
const REST: Duration = Duration::from_millis(10);
/// How often the stages behind are told what time it is when nothing comes.
const TICK: Duration = Duration::from_millis(100);
/// How often it is told what is lost so far.
const TELL: Duration = Duration::from_secs(10);
/// How long frames are still taken after the end was asked for: longer than one may take from the wire to here.
const GRACE: Duration = Duration::from_millis(400);
/// Ladders that a report at the end lists, about 10 KiB each; watching may go on for months.
const LISTED: usize = 10_000;
/// How far a frame may be behind an earlier one of its interface, nanoseconds, before times there are doubted.
const BACKWARDS: i64 = 1_000_000_000;

/// When to end, and what may be read from outside meanwhile.
#[derive(Debug)]
pub struct Control {
    /// Set from anywhere to end.
    pub stop: Arc<AtomicBool>,
    /// Ends after this long.
    pub duration: Option<Duration>,
    /// Ends after so many ladders.
    pub ladders: Option<u64>,
    /// Counters to read.
    pub meters: Arc<Meters>,
    /// Where frames are kept, if they are.
    pub keep: Option<Keep>,
    /// Where the frames of broken ladders are kept, if they are.
    pub broken: Option<KeepBroken>,
    /// What the tables may take.
    pub memory: Budget,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            stop: Arc::default(),
            duration: None,
            ladders: None,
            meters: Arc::default(),
            keep: None,
            broken: None,
            memory: Budget::DEFAULT,
        }
    }
}

/// Watches interfaces until [`Control`] says to end, or nothing is left to watch: then the second value says why.
///
/// # Errors
/// When the profile cannot be used, or the observer says so.
pub fn watch(
    settings: &Settings,
    live: impl Feed,
    mut keys: Keys,
    control: &Control,
    observer: &mut dyn Observer,
) -> Result<(Report, Option<Error>)> {
    let mut profile = settings.profile.clone();
    profile.set_push_uris(&settings.push_uris)?;
    if !keys.is_followed() {
        keys.seal();
    }
    let mut reporting = Reporting::new(&profile, settings, observer);
    reporting.keep_latest(LISTED, control.memory.texts());
    let ring = i64::from(profile.limits.ring_ms).saturating_mul(1_000_000);
    let (orders, taken) = Orders::new(settings.user.as_deref(), ring);
    let kept = Kept::new(control, &settings.captures, Some(taken))?;
    let mut watching = Watching::new(live, kept, Reading::within(control.memory, &profile, keys));
    let mut judging = Judging::watching(settings, profile, control.memory.ladders(), Arc::clone(&control.meters));
    if control.broken.is_some() {
        judging.order_with(orders);
    }
    let read = |full: &SyncSender<Batch>, empties: &Receiver<Batch>| watching.run(control, full, empties);
    let result = stages::run(read, &mut judging, |judged| {
        let enough = reporting.take_up_to(judged, control.ladders)?;
        if enough {
            control.stop.store(true, Relaxed);
        }
        Ok(())
    });
    watching.kept.end(&watching.reading);
    let news: Vec<News> = watching.kept.last_news().into_iter().map(News::of_keeping).collect();
    reporting.tell(&news);
    result?;
    let inputs = watching.live.summaries().map(|summary| (summary, 0, true));
    let report = reporting.finish(inputs, watching.reading.account(0), &judging);
    Ok((report, watching.failed))
}

/// The first stage: takes frames off interfaces and sends what it sees in batches.
struct Watching<F> {
    live: F,
    kept: Kept,
    reading: Reading,
    /// The latest time of each interface, by its index.
    latest: Vec<(u16, Timestamp)>,
    last: Option<FrameRef>,
    failed: Option<Error>,
}

impl<F: Feed> Watching<F> {
    fn new(live: F, kept: Kept, mut reading: Reading) -> Self {
        if kept.is_sifted() {
            reading.remember_fates();
        }
        Self { live, kept, reading, latest: Vec::new(), last: None, failed: None }
    }

    fn run(&mut self, control: &Control, batches: &SyncSender<Batch>, empties: &Receiver<Batch>) {
        let (started, mut ticked, mut told) = (Instant::now(), Instant::now(), Instant::now());
        let mut ending: Option<Instant> = None;
        let mut looked = Instant::now();
        let mut batch = Batch::default();
        loop {
            if control.stop.load(Relaxed) || control.duration.is_some_and(|whole| started.elapsed() >= whole) {
                ending.get_or_insert_with(Instant::now);
            }
            let got = match self.live.fill() {
                Ok(got) => got,
                Err(error) => {
                    self.failed = Some(error);
                    break;
                }
            };
            batch.news.extend(self.live.take_news());
            for loss in self.live.take_losses() {
                self.lost(loss, &mut batch);
            }
            while self.live.advance() {
                self.frame(&mut batch);
                if batch.is_full() && !self.send(&mut batch, control, batches, empties) {
                    return;
                }
            }
            if let Some(until) = self.live.until() {
                self.pass(until, &mut batch);
            }
            if self.reading.is_followed()
                && looked.elapsed() >= TICK
                && let Some(now) = self.live.until().or(self.last.map(|last| last.time))
            {
                looked = Instant::now();
                let troubles = self.reading.follow(now, &mut |seen| batch.push(seen));
                batch.news.extend(troubles.into_iter().map(|why| News::new(Level::Warning, "key-log-lost", why)));
            }
            if ticked.elapsed() >= TICK {
                batch.news.extend(self.kept.take_news().into_iter().map(News::of_keeping));
                self.kept.flush();
                self.kept.serve(&self.reading);
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                let (inputs, account) = (self.live.summaries().cloned().collect(), self.reading.account(0));
                batch.so_far = Some(Box::new(SoFar { inputs, account, forgotten: 0 }));
            }
            if !batch.is_empty() || ticked.elapsed() >= TICK {
                ticked = Instant::now();
                if !self.send(&mut batch, control, batches, empties) {
                    return;
                }
            }
            // What was captured before the end is on its way for a moment yet.
            if ending.is_some_and(|since| since.elapsed() >= GRACE) {
                break;
            }
            if !got {
                thread::sleep(REST);
            }
        }
        self.reading.finish(&mut |seen| batch.push(seen));
        self.kept.finish(&self.reading);
        self.send(&mut batch, control, batches, empties);
    }

    /// Takes the current frame in.
    fn frame(&mut self, batch: &mut Batch) {
        let Some(frame) = self.live.frame() else { return };
        let at = frame.at;
        self.last = Some(at);
        match self.latest.iter_mut().find(|(input, _)| *input == at.input) {
            Some((_, latest)) => {
                batch.frame(at, false);
                if latest.since(at.time) > BACKWARDS {
                    // For months on end nothing can be doubted for good, as it is in a file.
                    batch.missed(Missed { input: None, from: at.time, to: *latest, restart: None });
                }
                *latest = (*latest).max(at.time);
            }
            None => {
                batch.frame(at, true);
                self.latest.push((at.input, at.time));
            }
        }
        self.reading.push(&frame, &mut |seen| batch.push(seen));
        self.kept.push(&frame, &self.reading);
    }

    /// No frame before `until` is left to come.
    fn pass(&mut self, until: Timestamp, batch: &mut Batch) {
        let Some(last) = self.last.filter(|last| last.time < until) else { return };
        self.reading.pass(FrameRef { time: until, ..last }, &mut |seen| batch.push(seen));
        batch.tick(until);
        self.kept.pass(until, &self.reading);
    }

    /// Frames may be missing. Of an interface that is down only what it shows is; what the kernel had no room for may
    /// have been anything.
    fn lost(&mut self, loss: Loss, batch: &mut Batch) {
        let (input, restart) = match loss.kind {
            LossKind::Kernel(_) | LossKind::Interface(_) => (None, None),
            LossKind::Down | LossKind::Gone => (Some(loss.input), None),
            LossKind::ClockSet(by) => {
                self.latest.iter_mut().for_each(|(_, latest)| *latest = if by < 0 { loss.from } else { loss.to });
                self.kept.clock_set(if by < 0 { loss.from } else { loss.to });
                self.last = self.last.map(|last| FrameRef { time: if by < 0 { loss.from } else { loss.to }, ..last });
                (None, Some(if by < 0 { loss.from } else { loss.to }))
            }
        };
        self.kept.lost(loss.from, loss.to);
        batch.missed(Missed { input, from: loss.from, to: loss.to, restart });
    }

    fn send(
        &self,
        batch: &mut Batch,
        control: &Control,
        batches: &SyncSender<Batch>,
        empties: &Receiver<Batch>,
    ) -> bool {
        let mut progress = Progress::default();
        let (mut kernel, mut interface, mut interruptions) = (0, 0, 0);
        let mut interfaces = control.meters.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, summary) in self.live.summaries().enumerate() {
            progress.frames += summary.frames;
            progress.position += summary.bytes;
            let drops = summary.drops.unwrap_or_default();
            kernel += drops.kernel;
            interface += drops.interface;
            interruptions += drops.interruptions;
            match interfaces.get_mut(at) {
                Some((_, down)) => *down = drops.is_down,
                None => interfaces.push((summary.path.clone(), drops.is_down)),
            }
        }
        drop(interfaces);
        let meters = &control.meters;
        meters.frames.store(progress.frames, Relaxed);
        meters.octets.store(progress.position, Relaxed);
        meters.kernel_drops.store(kernel, Relaxed);
        meters.interface_drops.store(interface, Relaxed);
        meters.interruptions.store(interruptions, Relaxed);
        batch.progress = progress;
        batch.waits = self.last.and_then(|last| self.reading.waits(last.time));
        let next = empties.try_recv().unwrap_or_default();
        batches.send(std::mem::replace(batch, next)).is_ok()
    }
}
