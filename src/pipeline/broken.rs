//! A file for each broken ladder.
//!
//! In: orders for ladders, and the latest frames. Out: files, written on a thread of their own, because a disk may be
//! slow; lines for the administrator. While the disk is busy orders wait, and further frames push out earlier ones.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;

use super::orders::{Order, Taken};
use super::reading::Reading;
use super::recent::Recent;
use crate::capture::{Excerpt, Excerpts, Stretch};
use crate::error::{Result, reason};
use crate::frame::Timestamp;
use crate::report::text::counted;

/// Where files of broken ladders are kept, and how many.
#[derive(Clone, Debug)]
pub struct KeepBroken {
    /// The directory.
    pub directory: PathBuf,
    /// Files to keep; older ones are removed.
    pub keep: usize,
    /// A file's name by the time of the ladder's first message, fit for a file system, in the order of time.
    pub name: fn(Timestamp) -> String,
}

/// Octets of an id that a file's name has.
const SHORT: usize = 12;

/// Files of broken ladders.
pub struct Broken {
    name: fn(Timestamp) -> String,
    taken: Taken,
    /// The order whose turn it is.
    next: Option<Order>,
    /// A file that waits for the disk.
    ready: Option<Excerpt>,
    /// The most octets of one file.
    most: usize,
    excerpts: Option<SyncSender<Excerpt>>,
    told: Receiver<String>,
    thread: Option<JoinHandle<()>>,
    news: Vec<String>,
    untold: u64,
}

/// What is known beside the frames.
pub struct Known<'a> {
    /// What reads frames.
    pub reading: &'a Reading,
    /// When the watching began.
    pub started: Option<Timestamp>,
    /// Every frame before was taken.
    pub until: Option<Timestamp>,
    /// The first frame of which it is not known yet whether it is kept.
    pub waiting: Option<Timestamp>,
    /// When frames may have been lost.
    pub losses: &'a [Stretch],
}

impl Broken {
    /// Files as `keep` says, of frames of interfaces called `names`, at most `most` octets each.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn new(keep: &KeepBroken, names: &[String], most: usize, taken: Taken) -> Result<Self> {
        let files = Excerpts::new(&keep.directory, keep.keep, names)?;
        let (excerpts, wanted) = sync_channel(0);
        let (tell, told) = channel();
        let place = keep.directory.display().to_string();
        let thread = std::thread::spawn(move || write(files, &place, &wanted, &tell));
        Ok(Self {
            name: keep.name,
            taken,
            next: None,
            ready: None,
            most,
            excerpts: Some(excerpts),
            told,
            thread: Some(thread),
            news: Vec::new(),
            untold: 0,
        })
    }

    /// Makes files as far as the disk and the frames allow.
    pub fn serve(&mut self, recent: &Recent, known: &Known<'_>) {
        loop {
            if let (Some(excerpt), Some(excerpts)) = (self.ready.take(), &self.excerpts)
                && let Err(TrySendError::Full(excerpt)) = excerpts.try_send(excerpt)
            {
                self.ready = Some(excerpt);
                return;
            }
            let Some(order) = self.next.take().or_else(|| self.taken.orders.try_recv().ok()) else { return };
            // Of what waits it will soon be known whether it is part of it.
            if known.waiting.is_some_and(|waiting| waiting <= order.closed) {
                self.next = Some(order);
                return;
            }
            self.ready = Some(self.excerpt(&order, recent, known));
        }
    }

    /// Makes the files that are still wanted, and waits until they are written.
    pub fn finish(&mut self, recent: &Recent, known: &Known<'_>) {
        while let Some(excerpt) = self.ready.take().or_else(|| {
            let order = self.next.take().or_else(|| self.taken.orders.try_recv().ok())?;
            Some(self.excerpt(&order, recent, known))
        }) {
            let Some(excerpts) = &self.excerpts else { break };
            if excerpts.send(excerpt).is_err() {
                break;
            }
        }
        self.excerpts = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            self.news.push("frames of broken ladders cannot be kept any more".to_owned());
        }
    }

    /// What is worth telling since the last time.
    pub fn take_news(&mut self) -> Vec<String> {
        let mut news = std::mem::take(&mut self.news);
        news.extend(self.told.try_iter());
        let lost = self.taken.lost.swap(0, Relaxed) + std::mem::take(&mut self.untold);
        if lost > 0 {
            news.push(format!(
                "the frames of {} were not kept: too many broke at once",
                counted(lost, "broken ladder", "broken ladders")
            ));
        }
        news
    }

    fn excerpt(&mut self, order: &Order, recent: &Recent, known: &Known<'_>) -> Excerpt {
        let selection = recent.select(order, known.reading, self.most);
        let id = order.id.get(..SHORT).unwrap_or(&order.id);
        let step = order.broken_at.map_or_else(String::new, |step| format!(" at step {step}"));
        let mut comment = format!("The frames of ladder {}, broken{step}, kept by lyncpush live.", order.id);
        if !selection.lacks.is_empty() {
            let lacks = selection.lacks.join("; ");
            comment.push_str(&format!(" They were not in memory any more, and are not here: {lacks}."));
            self.news.push(format!("the file of ladder {id} does not hold all of it; it lacks {lacks}"));
        }
        let since = selection.since.max(known.started);
        let until = known.until.max(Some(order.closed));
        let mut stretches: Vec<Stretch> = known.losses.to_vec();
        if let (Some(since), Some(until)) = (since, until) {
            stretches.push(Stretch::Watched(since.min(until), until));
        }
        let name = format!("{}-{id}", (self.name)(order.first));
        Excerpt { name, comment, frames: selection.frames, stretches }
    }
}

/// Writes files as they are wanted.
fn write(mut files: Excerpts, place: &str, wanted: &Receiver<Excerpt>, tell: &Sender<String>) {
    let mut missed = 0_u64;
    for excerpt in wanted {
        let line = match files.write(&excerpt) {
            Err(error) => {
                missed += 1;
                (missed == 1)
                    .then(|| format!("the frames of a broken ladder cannot be kept in {place:?}: {}", reason(&error)))
            }
            Ok(()) => {
                let missed = std::mem::take(&mut missed);
                (missed > 0).then(|| {
                    format!(
                        "the frames of broken ladders are kept again; those of {} could not be",
                        counted(missed, "ladder", "ladders")
                    )
                })
            }
        };
        let news = line.into_iter().chain(files.take_news());
        // Nobody hears it where the watching is over.
        news.for_each(|line| drop(tell.send(line)));
    }
    if missed > 0 {
        drop(
            tell.send(format!(
                "the frames of {} could not be kept",
                counted(missed, "broken ladder", "broken ladders")
            )),
        );
    }
}
