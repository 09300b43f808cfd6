//! Frames on their way to what is seen in them.

use std::sync::mpsc::{Receiver, SyncSender};

use super::batch::{Batch, Missed, Progress};
use super::keys::Keys;
use super::reading::Reading;
use crate::capture::{Merged, Stretch};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::coverage::Span;
use crate::ladder::profile::Profile;
use crate::report::view::Account;

/// How far a frame may be behind an earlier one of its input, nanoseconds: network cards and drivers
/// disturb the order of times a little; captures put one behind the other disturb it by far more.
const BACKWARDS: i64 = 1_000_000_000;
/// How often it is looked what waits for a secret, nanoseconds: ladders close seconds after what belongs to them.
const LOOK: i64 = 100_000_000;

/// The first stage: reads captures and sends what it sees in batches.
pub struct Reader {
    merged: Merged,
    reading: Reading,
    /// How many of the stretches that each capture tells of were taken in.
    stretches: Vec<usize>,
    /// Until when captures were watched that tell of it.
    watched: Vec<FrameRef>,
    /// What waits for a secret that may yet come, and when that was looked for last.
    waits: Option<Span>,
    looked: Option<Timestamp>,
}

impl Reader {
    /// A reader of captures.
    pub fn new(merged: Merged, profile: &Profile, keys: Keys) -> Self {
        let stretches = vec![0; merged.summaries().count()];
        let reading = Reading::of(profile, keys);
        Self { merged, reading, stretches, watched: Vec::new(), waits: None, looked: None }
    }

    /// Reads everything, until it ends or nobody takes it any more. Batches that have been judged come
    /// back to be filled again.
    pub fn run(&mut self, batches: &SyncSender<Batch>, empties: &Receiver<Batch>) {
        // Who reads a pipe that is still being filled wants each ladder as it closes.
        let at_once = self.merged.size().is_none();
        let mut batch = Batch::default();
        let mut latest: Vec<(u16, Timestamp)> = Vec::new();
        while self.merged.advance() {
            self.stretches(&mut batch);
            let Some(frame) = self.merged.frame() else { break };
            let at = frame.at;
            match latest.iter_mut().find(|(input, _)| *input == at.input) {
                Some((_, latest)) => {
                    batch.frame(at, false);
                    if latest.since(at.time) > BACKWARDS {
                        batch.disordered(at);
                    }
                    *latest = (*latest).max(at.time);
                }
                None => {
                    batch.frame(at, true);
                    latest.push((at.input, at.time));
                }
            }
            self.reading.push(&frame, &mut |seen| batch.push(seen));
            if at_once {
                self.learn(&mut batch);
            }
            if batch.is_full() || at_once && !batch.is_empty() {
                let next = empties.try_recv().unwrap_or_default();
                if !self.send(std::mem::replace(&mut batch, next), batches) {
                    return;
                }
            }
        }
        // Of the time behind the last frame it may be known that there was none.
        self.stretches(&mut batch);
        self.watched.sort_by_key(|at| at.time);
        for at in std::mem::take(&mut self.watched) {
            batch.frame(at, false);
        }
        // Secrets may stand behind the last frame.
        if at_once {
            self.learn(&mut batch);
        }
        self.reading.finish(&mut |seen| batch.push(seen));
        self.send(batch, batches);
    }

    /// Takes the secrets in that standard input has given so far.
    fn learn(&mut self, batch: &mut Batch) {
        for (summary, _) in self.merged.summaries() {
            self.reading.learn(&summary.secrets, &mut |seen| batch.push(seen));
        }
    }

    /// Takes in what captures tell of the time between their frames.
    fn stretches(&mut self, batch: &mut Batch) {
        let Self { merged, stretches, watched, .. } = self;
        for (input, ((summary, offset), taken)) in (0..).zip(merged.summaries().zip(stretches)) {
            for stretch in summary.stretches.iter().skip(std::mem::replace(taken, summary.stretches.len())) {
                match *stretch {
                    Stretch::Lossy(from, to) => {
                        let (from, to) = (from.shifted(offset), to.shifted(offset));
                        // Which of several interfaces it was is not known.
                        batch.missed(Missed { input: None, from, to, restart: None });
                    }
                    Stretch::Watched(from, to) => {
                        let at =
                            |time: Timestamp| FrameRef { input, number: summary.frames, time: time.shifted(offset) };
                        batch.began(at(from));
                        watched.push(at(to));
                    }
                }
            }
        }
    }

    fn send(&mut self, mut batch: Batch, batches: &SyncSender<Batch>) -> bool {
        if let Some(now) = batch.now()
            && self.looked.is_none_or(|looked| !(0..LOOK).contains(&now.since(looked)))
        {
            self.looked = Some(now);
            self.waits = self.reading.waits(now);
        }
        batch.waits = self.waits;
        batch.progress =
            Progress { position: self.merged.position(), size: self.merged.size(), frames: self.merged.frames() };
        batches.send(batch).is_ok()
    }

    /// The captures read.
    pub fn captures(&self) -> &Merged {
        &self.merged
    }

    /// What became of everything read.
    pub fn account(&self) -> Account {
        self.reading.account(self.merged.summaries().map(|(summary, _)| summary.filtered).sum())
    }
}
