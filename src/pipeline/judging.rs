//! Messages in, judged ladders out.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, SyncSender};

use super::Settings;
use super::batch::{Batch, Progress, Replayed, SoFar};
use super::dials::Dials;
use super::handshakes::Handshakes;
use super::holding::Holding;
use super::meters::Meters;
use super::reading::{KEY_WAIT, Notice};
use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::capture::News;
use crate::frame::{FrameRef, Timestamp};
use crate::judge::{Judgement, judge};
use crate::ladder::correlator::{Correlator, Limits, Sighting};
use crate::ladder::coverage::{Coverage, Hop, Span};
use crate::ladder::leg::LegSet;
use crate::ladder::profile::Profile;
use crate::ladder::{Ladder, Texts};
use crate::report::view::{Account, Waited};
use crate::sip::method::Method;

/// How long losses are remembered while interfaces are watched, nanoseconds: longer than any ladder is open.
const REMEMBERED: i64 = 3_600_000_000_000;
/// Octets of messages without what is private that are kept for a report, 16 MiB: a browser takes a page of them. Those
/// of later ladders are let go.
const MAX_OUTLINES: usize = 16 << 20;
/// How often they are looked through, nanoseconds.
const FORGET_EVERY: i64 = 10_000_000_000;

/// Ladders that closed while a batch was judged, and how far the reading had come by then.
pub struct Judged {
    /// Each with its judgement, in the order they closed.
    pub ladders: Vec<Closed>,
    /// How far the reading had come.
    pub progress: Progress,
    /// What the administrator should know.
    pub news: Vec<News>,
    /// What became of everything so far, now and then.
    pub so_far: Option<Box<SoFar>>,
}

/// One ladder that closed.
pub struct Closed {
    /// What was seen.
    pub ladder: Ladder,
    /// How it was judged.
    pub judgement: Judgement,
    /// What its push waited for and what came to nothing.
    pub waited: Option<Waited>,
}

/// The third stage: correlates and judges.
pub struct Judging {
    correlator: Correlator,
    /// None while interfaces are watched: their end is not waited for.
    holding: Option<Holding>,
    judged: Vec<Closed>,
    handshakes: Handshakes,
    dials: Dials,
    /// Octets of messages that may still be kept, where they are counted.
    room: Option<usize>,
    user: Option<String>,
    inputs: u16,
    messages: u64,
    telling: u64,
    malformed: u64,
    anomalies: AnomalyLog,
    /// When losses were forgotten last.
    forgot: Option<Timestamp>,
    meters: Arc<Meters>,
    /// Who is told of broken ladders.
    #[cfg(feature = "live")]
    orders: Option<super::orders::Orders>,
}

impl Judging {
    /// Nothing judged yet. `uncertainty` is that of the clocks, nanoseconds.
    pub fn new(settings: &Settings, profile: Profile, uncertainty: i64) -> Self {
        Self::with(settings, profile, uncertainty, Limits::default())
    }

    /// The same for interfaces that are watched: ladders are given as they close, judged by what was in view so far.
    pub fn watching(settings: &Settings, profile: Profile, limits: Limits, meters: Arc<Meters>) -> Self {
        Self { holding: None, room: None, meters, ..Self::with(settings, profile, 0, limits) }
    }

    /// Orders the frames of broken ladders.
    #[cfg(feature = "live")]
    pub fn order_with(&mut self, orders: super::orders::Orders) {
        self.orders = Some(orders);
    }

    fn with(settings: &Settings, profile: Profile, uncertainty: i64, limits: Limits) -> Self {
        let mut coverage = Coverage::new(told(settings));
        coverage.clock_uncertainty = uncertainty;
        let texts = Texts::of(settings.show_text, settings.outlines);
        Self {
            correlator: Correlator::new(profile, limits, coverage, texts),
            user: settings.user.clone(),
            room: (texts == Texts::Redacted).then_some(MAX_OUTLINES),
            holding: Some(Holding::default()),
            judged: Vec::new(),
            handshakes: Handshakes::default(),
            dials: Dials::default(),
            inputs: u16::try_from(settings.captures.len()).unwrap_or(u16::MAX),
            messages: 0,
            telling: 0,
            malformed: 0,
            anomalies: AnomalyLog::default(),
            forgot: None,
            meters: Arc::default(),
            #[cfg(feature = "live")]
            orders: None,
        }
    }

    /// Judges everything, until it ends or nobody takes it any more; batches go back when they are done with.
    pub fn run(&mut self, batches: &Receiver<Batch>, give_back: &Sender<Batch>, out: &SyncSender<Judged>) {
        let mut progress = Progress::default();
        let mut waits = None;
        for mut batch in batches {
            // What is opened in it belongs to what waited before.
            let either = [waits, batch.waits].into_iter().flatten().reduce(|a, b| a.joined(&b));
            self.correlator.wait(either);
            batch.replay(|replayed| self.take(replayed));
            waits = batch.waits;
            self.correlator.wait(waits);
            if let Some(now) = batch.now() {
                self.advance(now);
            }
            progress = batch.progress;
            let news = std::mem::take(&mut batch.news);
            let so_far = batch.so_far.take().map(|mut so_far| {
                self.account(&mut so_far.account);
                so_far.forgotten = self.coverage().dropped();
                so_far
            });
            batch.clear();
            self.count();
            // A reader that is done wants no more of them.
            let _ = give_back.send(batch);
            if out.send(Judged { ladders: std::mem::take(&mut self.judged), progress, news, so_far }).is_err() {
                return;
            }
        }
        self.finish();
        self.count();
        // Nobody takes it only when the analysis has failed already.
        let _ =
            out.send(Judged { ladders: std::mem::take(&mut self.judged), progress, news: Vec::new(), so_far: None });
    }

    /// What the captures could show.
    pub fn coverage(&self) -> &Coverage {
        &self.correlator.coverage
    }

    /// Adds what became of the messages.
    pub fn account(&self, account: &mut Account) {
        account.messages = self.messages;
        account.telling = self.telling;
        account.evicted += self.correlator.evicted();
        account.malformed += self.malformed;
        account.anomalies.append(&self.anomalies);
        (account.dialed, account.unlisted_dialed) = self.dials.all(&self.correlator.profile().ports);
    }

    /// The captures are over: closes what is open.
    fn finish(&mut self) {
        for input in 0..self.inputs {
            self.correlator.coverage.ended(input);
        }
        let mut closed: Vec<Ladder> = self.holding.iter_mut().flat_map(Holding::drain).collect();
        let mut last: Vec<Ladder> = Vec::new();
        self.correlator.finish(&mut |ladder| last.push(ladder));
        last.iter_mut().for_each(|ladder| self.make_room(ladder));
        closed.append(&mut last);
        for ladder in closed {
            let judgement = self.judge(&ladder);
            self.close(ladder, judgement);
        }
    }

    fn take(&mut self, replayed: Replayed<'_>) {
        let now = self.correlator.now();
        let coverage = &mut self.correlator.coverage;
        match replayed {
            Replayed::Frame(at) => coverage.frame(at),
            Replayed::Disordered(frame) => {
                coverage.disordered = true;
                let detail = "a frame is more than a second older than one before it";
                self.anomalies.push(Anomaly { kind: AnomalyKind::FrameOrder, frame, detail });
            }
            Replayed::Message { connection, side, at, message } => {
                self.messages += 1;
                self.telling += u64::from(message.cseq().is_none_or(|cseq| cseq.method != Method::Negotiate));
                if let Some(detail) = message.malformed {
                    self.malformed(at, detail);
                }
                let mut closed: Vec<Ladder> = Vec::new();
                let sighting = Sighting { connection, side, at, message: &message };
                self.correlator.message(&sighting, &mut |ladder| closed.push(ladder));
                #[cfg(feature = "live")]
                if let Some(orders) = &mut self.orders {
                    let legs = self.correlator.coverage.take_named(&Hop::of(&connection.flow));
                    orders.shown(legs, connection, at);
                }
                self.give(closed);
            }
            Replayed::NoMessage { at, reason } => self.malformed(at, reason),
            Replayed::Refused(refused) => self.handshakes.push(refused.clone()),
            Replayed::Dialed(attempt) => self.dials.push(attempt),
            Replayed::Missed(missed) => {
                coverage.blind(missed.input, Span { from: missed.from, to: missed.to });
                if let Some(now) = missed.restart {
                    let mut closed: Vec<Ladder> = Vec::new();
                    self.correlator.restart(now, &mut |ladder| closed.push(ladder));
                    self.give(closed);
                    self.forgot = None;
                }
            }
            Replayed::Notice(connection, notice) => {
                let hop = Hop::of(&connection.flow);
                match notice {
                    Notice::Lost { from, to } => coverage.lost(hop, Span { from, to }),
                    Notice::Witness { input } => coverage.witness(hop, input),
                    Notice::Unreadable { input, from, to, waits, foreign } => {
                        let waiting = waits.then_some(connection.id);
                        let ports = &self.correlator.profile().ports;
                        let is_of_servers = ports.is_of_servers(hop.port());
                        let is_mobility = ports.mobility.contains(&hop.port());
                        let coverage = &mut self.correlator.coverage;
                        match foreign {
                            true => coverage.unreadable_elsewhere(hop, input, Span { from, to }, waiting),
                            false => coverage.unreadable(hop, input, Span { from, to }, waiting),
                        }
                        if is_of_servers {
                            coverage.suspect(&hop, is_mobility, to);
                        }
                    }
                    Notice::Settled => coverage.settled(connection.id, now.shifted(-KEY_WAIT)),
                }
            }
        }
    }

    fn malformed(&mut self, frame: FrameRef, detail: &'static str) {
        self.malformed += 1;
        self.anomalies.push(Anomaly { kind: AnomalyKind::MalformedMessage, frame, detail });
    }

    fn advance(&mut self, now: Timestamp) {
        let mut closed: Vec<Ladder> = Vec::new();
        self.correlator.advance(now, &mut |ladder| closed.push(ladder));
        self.give(closed);
        if self.holding.is_none() && self.forgot.is_none_or(|forgot| now.since(forgot) >= FORGET_EVERY) {
            self.forgot = Some(now);
            self.correlator.coverage.forget(now.shifted(-REMEMBERED));
            self.handshakes.forget(now.shifted(-REMEMBERED));
            self.dials.forget(now.shifted(-REMEMBERED));
        }
    }

    fn count(&self) {
        let (calls, pushes) = self.correlator.open();
        self.meters.messages.store(self.messages, Relaxed);
        self.meters.malformed.store(self.malformed, Relaxed);
        self.meters.evicted.store(self.correlator.evicted(), Relaxed);
        self.meters.calls.store(calls as u64, Relaxed);
        self.meters.pushes.store(pushes as u64, Relaxed);
    }

    fn give(&mut self, closed: Vec<Ladder>) {
        for mut ladder in closed {
            self.make_room(&mut ladder);
            let judgement = self.judge(&ladder);
            match &mut self.holding {
                Some(holding) if judgement.provisional => {
                    if let Some(oldest) = holding.push(ladder) {
                        let judgement = self.judge(&oldest);
                        self.close(oldest, judgement);
                    }
                }
                _ => self.close(ladder, judgement),
            }
        }
    }

    fn make_room(&mut self, ladder: &mut Ladder) {
        if let Some(room) = &mut self.room {
            // Of whom nobody asked for nothing is shown.
            let is_asked_for = self.user.as_ref().is_none_or(|user| ladder.is_of(user));
            *room -= ladder.keep_texts(if is_asked_for { *room } else { 0 });
        }
    }

    fn close(&mut self, ladder: Ladder, judgement: Judgement) {
        let (coverage, profile) = (&self.correlator.coverage, self.correlator.profile());
        let handshake = self.handshakes.of(&ladder, &judgement, profile, coverage.clock_uncertainty);
        let waited = handshake.cloned().map(Box::new).map(Waited::Handshake);
        let waited = waited.or_else(|| self.dials.of(&ladder, &judgement, coverage));
        #[cfg(feature = "live")]
        if let Some(orders) = &mut self.orders {
            orders.judged(&ladder, &judgement, waited.as_ref(), &self.correlator.coverage);
        }
        self.judged.push(Closed { ladder, judgement, waited });
    }

    fn judge(&self, ladder: &Ladder) -> Judgement {
        judge(ladder, &self.correlator.coverage, self.correlator.profile())
    }
}

/// Which legs `--vantage` tells of each input.
fn told(settings: &Settings) -> Vec<LegSet> {
    let of = |path: &String| {
        let mine = settings.vantages.iter().filter(|(_, file)| file.as_ref().is_none_or(|file| file == path));
        mine.fold(LegSet::EMPTY, |legs, (vantage, _)| legs.union(vantage.legs()))
    };
    settings.captures.iter().map(of).collect()
}
