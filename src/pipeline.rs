//! The stages joined: the only place that knows them all.
//!
//! In: [`Settings`]. Out: a [`Report`], and each ladder to an [`Observer`] as it closes. A ladder whose
//! verdict may still change, because a leg it needs has not shown itself yet, is held back until the
//! end of the capture, a bounded number of them at a time.

mod clocks;
mod exported;
mod holding;
mod reading;
mod streams;

use crate::capture::{self, Merged};
use crate::error::Result;
use crate::judge::{Judgement, judge};
use crate::ladder::Ladder as Closed;
use crate::ladder::correlator::{Correlator, Limits, Sighting};
use crate::ladder::coverage::{Coverage, Hop, Span};
use crate::ladder::leg::LegSet;
pub use crate::ladder::leg::Vantage;
pub use crate::ladder::profile::{LYNC_MCX, Profile};
use crate::report::model::{Finding, Ladder, Report};
use crate::report::view::View;
use clocks::Clocks;
use holding::Holding;
use reading::{Reading, Seen};

/// Frames between two looks at how far the reading has come.
const PROGRESS_FRAMES: u64 = 4096;

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
    let mut analysis = Analysis::new(settings, profile, &clocks, observer);
    let mut merged = Merged::new(sources.into_iter().zip(clocks.offsets()).collect());
    analysis.run(&mut merged)?;
    analysis.finish(&merged)
}

/// Which legs `--vantage` tells of each input.
fn told(settings: &Settings) -> Vec<LegSet> {
    let of = |path: &String| {
        let mine = settings.vantages.iter().filter(|(_, file)| file.as_ref().is_none_or(|file| file == path));
        mine.fold(LegSet::EMPTY, |legs, (vantage, _)| legs.union(vantage.legs()))
    };
    settings.captures.iter().map(of).collect()
}

/// One analysis on its way from frames to a report.
struct Analysis<'a> {
    reading: Reading,
    judging: Judging<'a>,
}

impl<'a> Analysis<'a> {
    fn new(settings: &'a Settings, profile: Profile, clocks: &Clocks, observer: &'a mut dyn Observer) -> Self {
        let mut coverage = Coverage::new(told(settings));
        coverage.clock_uncertainty = clocks.uncertainty();
        let reading = Reading::new(&profile.ports);
        let view = View::new(&profile, settings.user.as_deref(), observer.keep());
        let correlator = Correlator::new(profile, Limits::default(), coverage, settings.show_text);
        let judging = Judging { correlator, holding: Holding::default(), view, observer, failed: None };
        Self { reading, judging }
    }

    fn run(&mut self, merged: &mut Merged) -> Result<()> {
        let mut frames = 0_u64;
        let mut current = None;
        while merged.advance() {
            let Some(frame) = merged.frame() else { break };
            self.judging.correlator.coverage.frame(frame.at);
            self.reading.push(&frame, &mut |seen| self.judging.take(seen));
            frames += 1;
            current = Some(frame.at.time);
            if frames.is_multiple_of(PROGRESS_FRAMES) {
                if let Some(now) = current {
                    self.judging.advance(now);
                }
                let ladders = self.judging.view.ladders();
                self.judging.observer.progress(merged.position(), merged.size(), merged.frames(), ladders);
            }
            if let Some(error) = self.judging.failed.take() {
                return Err(error);
            }
        }
        if let Some(now) = current {
            self.judging.advance(now);
        }
        Ok(())
    }

    fn finish(mut self, merged: &Merged) -> Result<Report> {
        self.reading.finish(&mut |seen| self.judging.take(seen));
        for input in 0..u16::try_from(merged.summaries().count()).unwrap_or(u16::MAX) {
            self.judging.correlator.coverage.ended(input);
        }
        self.judging.finish();
        if let Some(error) = self.judging.failed {
            return Err(error);
        }
        let filtered = merged.summaries().map(|(summary, _)| summary.filtered).sum();
        let account = self.reading.account(filtered);
        let correlator = &self.judging.correlator;
        Ok(self.judging.view.report(merged.summaries(), &account, &correlator.coverage, correlator.evicted()))
    }
}

/// The judging half: messages in, judged ladders out to the view and the observer.
struct Judging<'a> {
    correlator: Correlator,
    holding: Holding,
    view: View,
    observer: &'a mut dyn Observer,
    failed: Option<crate::error::Error>,
}

impl Judging<'_> {
    fn take(&mut self, seen: Seen<'_>) {
        let mut closed: Vec<Closed> = Vec::new();
        let mut out = |ladder| closed.push(ladder);
        match seen {
            Seen::Message { connection, side, at, message } => {
                self.correlator.message(&Sighting { connection, side, at, message }, &mut out);
            }
            Seen::Lost { connection, from, to } => {
                self.correlator.coverage.lost(Hop::of(&connection.flow), Span { from, to });
            }
            Seen::Witness { connection, input } => self.correlator.coverage.witness(Hop::of(&connection.flow), input),
            Seen::Unreadable { connection, input, from, to } => {
                self.correlator.coverage.unreadable(Hop::of(&connection.flow), input, Span { from, to });
            }
        }
        self.give(closed);
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

    fn finish(&mut self) {
        let mut closed: Vec<Closed> = Vec::new();
        self.correlator.finish(&mut |ladder| closed.push(ladder));
        closed.splice(0..0, self.holding.drain());
        for ladder in closed {
            let judgement = self.judge(&ladder);
            self.report(&ladder, &judgement);
        }
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
