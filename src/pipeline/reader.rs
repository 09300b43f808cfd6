//! Frames on their way to what is seen in them.

use std::sync::mpsc::{Receiver, SyncSender};

use super::batch::{Batch, Progress};
use super::keys::Keys;
use super::reading::Reading;
use crate::capture::Merged;
use crate::frame::Timestamp;
use crate::ladder::profile::Profile;
use crate::report::view::Account;

/// How far a frame may be behind an earlier one of its input, nanoseconds: network cards and drivers
/// disturb the order of times a little; captures put one behind the other disturb it by far more.
const BACKWARDS: i64 = 1_000_000_000;

/// The first stage: reads captures and sends what it sees in batches.
pub struct Reader {
    merged: Merged,
    reading: Reading,
}

impl Reader {
    /// A reader of captures.
    pub fn new(merged: Merged, profile: &Profile, keys: Keys) -> Self {
        Self { merged, reading: Reading::of(profile, keys) }
    }

    /// Reads everything, until it ends or nobody takes it any more. Batches that have been judged come
    /// back to be filled again.
    pub fn run(&mut self, batches: &SyncSender<Batch>, empties: &Receiver<Batch>) {
        // Who reads a pipe that is still being filled wants each ladder as it closes.
        let at_once = self.merged.size().is_none();
        let mut batch = Batch::default();
        let mut latest: Vec<(u16, Timestamp)> = Vec::new();
        while self.merged.advance() {
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

    fn send(&self, mut batch: Batch, batches: &SyncSender<Batch>) -> bool {
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
