//! The stages side by side, each on a thread of its own, in order and a bounded number of batches apart: the same
//! captures give the same bytes however fast each of them is.
//!
//! In: who reads, who judges, who reports. Out: nothing but what they do. Batches go round: who judges gives them back to
//! who reads.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::batch::Batch;
use super::judging::{Judged, Judging};
use crate::error::{Error, Result};

/// Batches that wait for the next stage, about 4 MiB each at most.
const BATCHES: usize = 2;

/// Runs all stages until `read` returns and what it sent has been reported.
///
/// `read` sends full batches to the first of what it is given, and takes empty ones from the second.
///
/// # Errors
/// What `report` answers, which ends the other stages: their next batch is not wanted. When no thread can be started.
pub fn run(
    read: impl FnOnce(&SyncSender<Batch>, &Receiver<Batch>) + Send,
    judging: &mut Judging,
    report: impl FnMut(Judged) -> Result<()>,
) -> Result<()> {
    thread::scope(|scope| {
        let (full, unparsed) = sync_channel(BATCHES);
        let (outlined, parsed) = sync_channel(BATCHES);
        let (give_back, empties) = channel();
        let (closed, judged) = sync_channel(BATCHES);
        let stages = [
            stage(scope, "reading", move || read(&full, &empties))?,
            stage(scope, "parsing", move || parse(&unparsed, &outlined))?,
            stage(scope, "judging", move || judging.run(&parsed, &give_back, &closed))?,
        ];
        let reported = judged.into_iter().try_for_each(report);
        stages.into_iter().for_each(join);
        reported
    })
}

/// Finds the parts of every message, until there are no more or nobody takes them.
fn parse(unparsed: &Receiver<Batch>, outlined: &SyncSender<Batch>) {
    for mut batch in unparsed {
        batch.parse();
        if outlined.send(batch).is_err() {
            return;
        }
    }
}

/// Starts a stage on a thread called so, which is what tools that list threads show.
fn stage<'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    run: impl FnOnce() + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, ()>> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn_scoped(scope, run).map_err(|error| Error::new(format!("no thread can be started: {error}")))
}

/// Waits for a stage; a panic in it goes on here.
fn join(stage: ScopedJoinHandle<'_, ()>) {
    if let Err(panic) = stage.join() {
        std::panic::resume_unwind(panic);
    }
}
