//! The stages joined: the only place that knows them all.
//!
//! In: [`Settings`]. Out: a [`Report`], and each ladder to an [`Observer`] as it closes. A ladder whose
//! verdict may still change, because a leg it needs has not shown itself yet, is held back until the
//! end of the capture, a bounded number of them at a time.

mod batch;
mod clocks;
mod holding;
pub mod reading;
mod streams;

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::capture::{self, Merged};
use crate::error::Result;
use crate::flow::{Connection, Side};
use crate::frame::FrameRef;
use crate::judge::{Judgement, judge};
use crate::ladder::Ladder as Closed;
use crate::ladder::correlator::{Correlator, Limits, Sighting};
use crate::ladder::coverage::{Coverage, Hop, Span};
use crate::ladder::leg::LegSet;
pub use crate::ladder::leg::Vantage;
pub use crate::ladder::profile::{LYNC_MCX, Profile};
use crate::report::model::{Finding, Ladder, Report};
use crate::report::view::{Account, View};
use crate::sip::grammar;
use batch::{Batch, Progress, Replayed};
use holding::Holding;
use reading::{Reading, Seen};

/// Batches that wait to be judged, about 2 MiB each at most.
const BATCHES: usize = 4;

/// What to analyse, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Paths; `-` is standard input.
    pub captures: Vec<String>,
    /// A libpcap filter.
    pub bpf: Option<String>,
    /// Where captures were taken; without a file it is said of all.
    pub vantages: Vec<(Vantage, Option<String>)>,
    /// The clearing house's addresses; empty means the profile's.
    pub push_uris: Vec<String>,
    /// Only ladders of this user.
    pub user: Option<String>,
    /// Whether message text is kept for the report.
    pub show_text: bool,
    /// What a ladder should look like.
    pub profile: Profile,
}

/// Who watches an analysis.
pub trait Observer {
    /// A ladder closed.
    ///
    /// # Errors
    /// Ends the analysis with this error.
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()>;
    /// So much was read.
    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64);
    /// Whether ladders are kept for the final report.
    fn keep(&self) -> bool;
}

/// Analyses captures.
///
/// # Errors
/// When a capture, the filter or the profile cannot be used, or the observer says so.
pub fn analyze(settings: &Settings, observer: &mut dyn Observer) -> Result<Report> {
    let mut profile = settings.profile.clone();
    profile.set_push_uris(&settings.push_uris)?;
    let inputs = clocks::Inputs::open(&settings.captures, &capture::Options { bpf: settings.bpf.clone() })?;
    let (sources, clocks) = inputs.with_clocks()?;
    let mut reader = Reader {
        merged: Merged::new(sources.into_iter().zip(clocks.offsets()).collect()),
        reading: Reading::new(&profile.ports),
    };
    let mut judging = Judging::new(settings, profile, clocks.uncertainty(), observer);
    read_and_judge(&mut reader, &mut judging)?;
    judging.finish(&reader)
}

/// Runs the two halves side by side: what one batch holds is judged while the next is read.
fn read_and_judge(reader: &mut Reader, judging: &mut Judging<'_>) -> Result<()> {
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(BATCHES);
        let (give_back, empties) = channel();
        let reading = scope.spawn(move || reader.run(&sender, &empties));
        let judged = batches.iter().try_for_each(|mut batch: Batch| {
            judging.batch(&batch)?;
            batch.clear();
            // A reader that is done wants no more of them.
            let _ = give_back.send(batch);
            Ok(())
        });
        drop(batches);
        match reading.join() {
            Ok(()) => judged,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Which legs `--vantage` tells of each input.
fn told(settings: &Settings) -> Vec<LegSet> {
    let of = |path: &String| {
        let mine = settings.vantages.iter().filter(|(_, file)| file.as_ref().is_none_or(|file| file == path));
        mine.fold(LegSet::EMPTY, |legs, (vantage, _)| legs.union(vantage.legs()))
    };
    settings.captures.iter().map(of).collect()
}

/// Frames on their way to what is seen in them, on a thread of their own.
struct Reader {
    merged: Merged,
    reading: Reading,
}

impl Reader {
    /// Reads everything and sends it in batches, until nobody takes them any more.
    /// Batches that have been judged come back to be filled again.
    fn run(&mut self, batches: &SyncSender<Batch>, empties: &Receiver<Batch>) {
        // Who reads a pipe that is still being filled wants each ladder as it closes.
        let at_once = self.merged.size().is_none();
        let mut batch = Batch::default();
        let mut begun: Vec<u16> = Vec::new();
        while self.merged.advance() {
            let Some(frame) = self.merged.frame() else { break };
            let first = !begun.contains(&frame.at.input);
            if first {
                begun.push(frame.at.input);
            }
            batch.frame(frame.at, first);
            self.reading.push(&frame, &mut |seen| batch.push(seen));
            if batch.is_full() || at_once && !batch.is_empty() {
                let next = empties.try_recv().unwrap_or_default();
                if !self.send(std::mem::replace(&mut batch, next), batches) {
                    return;
                }
            }
        }
        self.reading.finish(&mut |seen| batch.push(seen));
        self.send(batch, batches);
    }

    fn send(&self, mut batch: Batch, batches: &SyncSender<Batch>) -> bool {
        batch.progress =
            Progress { position: self.merged.position(), size: self.merged.size(), frames: self.merged.frames() };
        batches.send(batch).is_ok()
    }

    /// What became of everything read.
    fn account(&self) -> Account {
        self.reading.account(self.merged.summaries().map(|(summary, _)| summary.filtered).sum())
    }
}

/// The judging half: messages in, judged ladders out to the view and the observer.
struct Judging<'a> {
    correlator: Correlator,
    holding: Holding,
    view: View,
    observer: &'a mut dyn Observer,
    messages: u64,
    malformed: u64,
    anomalies: AnomalyLog,
    failed: Option<crate::error::Error>,
}

impl<'a> Judging<'a> {
    fn new(settings: &'a Settings, profile: Profile, uncertainty: i64, observer: &'a mut dyn Observer) -> Self {
        let mut coverage = Coverage::new(told(settings));
        coverage.clock_uncertainty = uncertainty;
        let view = View::new(&profile, settings.user.as_deref(), observer.keep());
        let correlator = Correlator::new(profile, Limits::default(), coverage, settings.show_text);
        Self {
            correlator,
            holding: Holding::default(),
            view,
            observer,
            messages: 0,
            malformed: 0,
            anomalies: AnomalyLog::default(),
            failed: None,
        }
    }

    /// Takes a batch in.
    ///
    /// # Errors
    /// What the observer answers.
    fn batch(&mut self, batch: &Batch) -> Result<()> {
        batch.replay(|replayed| match replayed {
            Replayed::Frame(at) => self.correlator.coverage.frame(at),
            Replayed::Seen(seen) => self.take(seen),
        });
        if let Some(now) = batch.now() {
            self.advance(now);
        }
        let Progress { position, size, frames } = batch.progress;
        self.observer.progress(position, size, frames, self.view.ladders());
        self.failed.take().map_or(Ok(()), Err)
    }

    fn take(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Message { connection, side, at, raw } => self.message(connection, side, at, raw),
            Seen::Lost { connection, from, to } => {
                self.correlator.coverage.lost(Hop::of(&connection.flow), Span { from, to });
            }
            Seen::Witness { connection, input } => self.correlator.coverage.witness(Hop::of(&connection.flow), input),
            Seen::Unreadable { connection, input, from, to } => {
                self.correlator.coverage.unreadable(Hop::of(&connection.flow), input, Span { from, to });
            }
        }
    }

    fn message(&mut self, connection: &Connection, side: Side, at: FrameRef, raw: &[u8]) {
        let message = match grammar::parse(raw) {
            Ok(message) => message,
            Err(error) => return self.malformed(at, error.reason),
        };
        self.messages += 1;
        if let Some(detail) = message.malformed {
            self.malformed(at, detail);
        }
        let mut closed: Vec<Closed> = Vec::new();
        self.correlator.message(&Sighting { connection, side, at, message: &message }, &mut |ladder| {
            closed.push(ladder);
        });
        self.give(closed);
    }

    fn malformed(&mut self, frame: FrameRef, detail: &'static str) {
        self.malformed += 1;
        self.anomalies.push(Anomaly { kind: AnomalyKind::MalformedMessage, frame, detail });
    }

    fn advance(&mut self, now: crate::frame::Timestamp) {
        let mut closed: Vec<Closed> = Vec::new();
        self.correlator.advance(now, &mut |ladder| closed.push(ladder));
        self.give(closed);
    }

    fn give(&mut self, closed: Vec<Closed>) {
        for ladder in closed {
            let judgement = self.judge(&ladder);
            if !judgement.provisional {
                self.report(&ladder, &judgement);
            } else if let Some(oldest) = self.holding.push(ladder) {
                let judgement = self.judge(&oldest);
                self.report(&oldest, &judgement);
            }
        }
    }

    fn judge(&self, ladder: &Closed) -> Judgement {
        judge(ladder, &self.correlator.coverage, self.correlator.profile())
    }

    /// Closes what is open, and gives the report.
    fn finish(mut self, reader: &Reader) -> Result<Report> {
        for input in 0..u16::try_from(reader.merged.summaries().count()).unwrap_or(u16::MAX) {
            self.correlator.coverage.ended(input);
        }
        let mut closed: Vec<Closed> = Vec::new();
        self.correlator.finish(&mut |ladder| closed.push(ladder));
        closed.splice(0..0, self.holding.drain());
        for ladder in closed {
            let judgement = self.judge(&ladder);
            self.report(&ladder, &judgement);
        }
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut account = reader.account();
        account.messages = self.messages;
        account.malformed += self.malformed;
        account.anomalies.append(&self.anomalies);
        let evicted = self.correlator.evicted();
        Ok(self.view.report(reader.merged.summaries(), &account, &self.correlator.coverage, evicted))
    }

    fn report(&mut self, closed: &Closed, judgement: &Judgement) {
        let Some((ladder, findings)) = self.view.ladder(closed, judgement) else { return };
        if self.failed.is_none()
            && let Err(error) = self.observer.ladder(&ladder, &findings)
        {
            self.failed = Some(error);
        }
        self.view.keep(closed.first, ladder, findings);
    }
}
