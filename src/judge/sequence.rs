//! The ten steps of one ladder, judged in order.

mod undue;

use super::evidence::{self, ms, say};
use super::notes::Notes;
use super::order::{Times, Window};
use super::push::{self, Reach, Track};
use super::status::{Status, StepJudged};
use crate::frame::Timestamp;
use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Span, View};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::{Profile, StepKey};
use crate::ladder::rung::{Ending, Trigger};

/// A status and what to say of it.
type Said = (Status, Option<String>);

/// The steps as they are being judged.
pub struct Sequence<'a> {
    ladder: &'a Ladder,
    coverage: &'a Coverage,
    profile: &'a Profile,
    /// The legs it was seen on.
    own: LegSet,
    track: Track<'a>,
    steps: Vec<StepJudged>,
    times: Times,
    notes: Notes,
}

impl<'a> Sequence<'a> {
    /// The steps with their evidence, not yet judged.
    pub fn new(ladder: &'a Ladder, coverage: &'a Coverage, profile: &'a Profile) -> Self {
        let track = push::track(ladder, coverage, profile);
        let steps: Vec<StepJudged> = StepKey::ALL
            .into_iter()
            .map(|key| {
                let evidence = evidence::of(key, ladder, &track);
                let at = evidence.iter().map(|rung| rung.at.time).min();
                StepJudged { key, status: Status::NotCovered, at, since_previous: None, evidence, detail: None }
            })
            .collect();
        let times = Times::of(&steps);
        let own = ladder.evidence().filter_map(|rung| rung.leg).fold(LegSet::EMPTY, LegSet::with);
        Self { ladder, coverage, profile, own, track, steps, times, notes: Notes::default() }
    }

    /// Judges every step, earlier ones first.
    pub fn run(&mut self) {
        let mut previous: Option<Timestamp> = None;
        for key in StepKey::ALL {
            if key == StepKey::PushCreated {
                self.notes.absent = self.absent();
            }
            let (status, detail) = if self.times.at(key).is_some() { self.seen(key) } else { self.unseen(key) };
            if let Some(step) = self.steps.get_mut(key.index()) {
                step.status = status;
                step.detail = detail;
                step.since_previous = step.at.zip(previous).map(|(at, previous)| at.since(previous));
                previous = step.at.or(previous);
            }
        }
        self.note();
    }

    /// The judged steps, what was noticed on the way, and the push that decided.
    pub fn into_parts(self) -> ([StepJudged; 10], Notes, Track<'a>) {
        let mut steps = self.steps.into_iter();
        let steps = StepKey::ALL.map(|key| {
            steps.next().unwrap_or_else(|| StepJudged {
                key,
                status: Status::NotCovered,
                at: None,
                since_previous: None,
                evidence: Vec::new(),
                detail: None,
            })
        });
        (steps, self.notes, self.track)
    }

    /// Whether a step depends on a leg that is not in view so far, or on whether somebody speaks SIP.
    pub fn provisional(&self) -> bool {
        let any = |wanted: &[Status]| self.steps.iter().any(|step| wanted.contains(&step.status));
        let window = Span { from: self.ladder.first.time.shifted(-self.ring()), to: self.ladder.closed };
        any(&[Status::NotCovered])
            || any(&[Status::Missing, Status::NotApplicable, Status::Late, Status::OutOfOrder, Status::Unreadable])
                && self.coverage.is_of_strangers(window, self.profile)
    }

    fn status(&self, key: StepKey) -> Status {
        self.steps.get(key.index()).map_or(Status::NotCovered, |step| step.status)
    }

    // ------------------------------------------------------------------ seen

    fn seen(&self, key: StepKey) -> Said {
        if key == StepKey::CallAnswered && self.is_cause_lost() {
            return (Status::Unreadable, Some("what the caller was told lies in lost bytes".into()));
        }
        if key == StepKey::CallAnswered && self.is_cause_cut_off() {
            return (Status::Truncated, Some("the capture ends before the caller is told".into()));
        }
        if let Some(why) = self.refusal(key) {
            if self.may_be_repeated(key) {
                let why = format!("{why}; whether it was repeated lies in what cannot be read");
                return (Status::Unreadable, Some(why));
            }
            return (Status::Failed, Some(why));
        }
        let uncertainty = self.coverage.clock_uncertainty;
        if let Some(pred) = self.times.displaced(key, self.profile, uncertainty) {
            return match self.may_be_earlier(pred, self.times.at(key)) {
                true => (Status::Ok, Some(format!("step {} may lie in lost bytes before it", pred.number()))),
                false => (Status::OutOfOrder, Some(format!("seen before step {}", pred.number()))),
            };
        }
        let (Some(at), Some(window)) = (self.times.at(key), self.window(key)) else { return (Status::Ok, None) };
        let counts = key != StepKey::CallAnswered || matches!(self.ladder.ending, Ending::ByPhone | Ending::Answered);
        let over = at.since(window.to);
        if !counts || over <= self.times.doubt(key, window.counted_from, uncertainty) {
            return (Status::Ok, None);
        }
        let before = Span { from: window.from, to: at };
        if self.hidden(self.legs(key), before) {
            return (Status::Ok, Some("an earlier one may lie in lost bytes".into()));
        }
        (Status::Late, Some(format!("{} past the limit", ms(over))))
    }

    /// Whether what any of `legs` carried during `window` is lost or unreadable, or may have been given with another
    /// ladder; or nobody knows what was before, for the beginning of the ladder itself is lost.
    fn hidden(&self, legs: LegSet, window: Span) -> bool {
        self.ladder.met_late.is_some_and(|until| window.from < until)
            || self.coverage.hidden(legs, self.own, window, self.profile)
            || self.is_beginning_lost()
    }

    /// Whether the call's first messages were not seen, and may lie in bytes that are lost or cannot be read.
    fn is_beginning_lost(&self) -> bool {
        let first = self.ladder.first.time;
        let before = Span { from: first.shifted(-self.ring()), to: first };
        let call = LegSet::of(&[Leg::Caller, Leg::Mcx]);
        self.ladder.opened_late && self.coverage.hidden(call, self.own, before, self.profile)
    }

    /// Whether parts of the ladder may be missing that tell which phones there are.
    fn is_in_part(&self) -> bool {
        self.ladder.met_late.is_some() || self.is_beginning_lost()
    }

    /// Whether a phone's branch was cancelled for a reason that the capture should show and lost: then
    /// the call may have ended in any way.
    fn is_cause_lost(&self) -> bool {
        let caller = LegSet::EMPTY.with(Leg::Caller);
        self.ladder.ending == Ending::CancelledByFrontEnd && self.hidden(caller, self.whole())
    }

    /// The same, where the capture ends before the caller can have been told.
    fn is_cause_cut_off(&self) -> bool {
        let told = self.ladder.answers.iter().any(|answer| answer.rung.leg == Some(Leg::Caller));
        let last = self.ladder.cancels.iter().map(|rung| rung.at.time).max().unwrap_or(self.ladder.last.time);
        let limit = i64::from(self.profile.limits.linger_ms) * 1_000_000;
        let window = Span { from: last, to: last.shifted(limit) };
        self.ladder.ending == Ending::CancelledByFrontEnd
            && !told
            && self.coverage.view(LegSet::EMPTY.with(Leg::Caller), window, self.ladder.closed) == View::Partly
    }

    /// Whether a step that was seen may have been there before `until`, in lost bytes.
    fn may_be_earlier(&self, key: StepKey, until: Option<Timestamp>) -> bool {
        let limit = i64::from(self.profile.steps.get(key).limit_ms) * 1_000_000;
        let Some(to) = until else { return false };
        let from = self.ladder.first.time.min(to).shifted(-limit);
        self.hidden(self.legs(key), Span { from, to })
    }

    /// Why a step that was seen failed.
    fn refusal(&self, key: StepKey) -> Option<String> {
        let answer = match (key, self.track.reach) {
            (StepKey::PushFederated, Reach::RefusedInside) | (StepKey::PushAccepted, Reach::RefusedOutside) => {
                push::decisive(self.track.push?)?
            }
            (StepKey::CallAnswered, _) if self.ladder.ending == Ending::Refused => self.ladder.answers.first()?,
            _ => return None,
        };
        Some(say(answer))
    }

    /// Whether a push that was refused may have been made again in bytes that are lost: the phone answered after it.
    fn may_be_repeated(&self, key: StepKey) -> bool {
        let answered = matches!(self.ladder.ending, Ending::ByPhone | Ending::Answered);
        let refused = self.track.push.and_then(push::decisive).map(|answer| answer.rung.at.time);
        let until = self.times.at(StepKey::CallAnswered);
        let legs = LegSet::of(&[Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal]);
        let hidden = |from, to| self.hidden(legs, Span { from, to });
        !self.is_of_call(key) && answered && refused.zip(until).is_some_and(|(from, to)| from < to && hidden(from, to))
    }

    // ------------------------------------------------------------------ not seen

    fn unseen(&self, key: StepKey) -> Said {
        if let Some(said) = self.not_applicable(key) {
            return said;
        }
        if let Some(broken) = self.broken_before(key) {
            return (Status::NotReached, Some(format!("step {} did not happen", broken.number())));
        }
        if matches!(key, StepKey::PushService | StepKey::DeviceWoken) {
            return (Status::NotObservable, Some("never on this network".into()));
        }
        let legs = self.legs(key);
        if let Some(by) = self.proven_by(key) {
            return self.proven(key, legs, by);
        }
        if self.began_before(key) {
            return match self.coverage.view(legs, self.whole(), self.ladder.closed) {
                View::None => self.out_of_view(legs, self.whole()),
                _ => self.before_first(legs),
            };
        }
        self.looked_for(key, legs)
    }

    /// A step that must lie before the first message of its ladder: before the capture, unless the
    /// capture lost bytes there that it may lie in.
    fn before_first(&self, legs: LegSet) -> Said {
        let first = self.ladder.first.time;
        if self.hidden(legs, Span { from: first.shifted(-self.ring()), to: first }) {
            return (Status::Unreadable, Some("its bytes are lost or cannot be read".into()));
        }
        (Status::Truncated, Some("before the capture begins".into()))
    }

    /// The legs that can show a step. A message within a session is copied to the phone without any
    /// report to the caller.
    fn legs(&self, key: StepKey) -> LegSet {
        let legs = LegSet::of(&self.profile.steps.get(key).legs);
        if self.ladder.trigger == Trigger::Message && key == StepKey::MobileLookup {
            return legs.intersection(LegSet::EMPTY.with(Leg::Mcx));
        }
        legs
    }

    /// A step that is due: was its leg in view?
    fn looked_for(&self, key: StepKey, legs: LegSet) -> Said {
        let Some(Window { from, to, .. }) = self.window(key) else {
            return match self.coverage.view(legs, self.whole(), self.ladder.closed) {
                View::None => self.out_of_view(legs, self.whole()),
                _ => (Status::Truncated, Some("the step before it was not seen".into())),
            };
        };
        let window = Span { from, to };
        let view = self.coverage.view(legs, window, self.ladder.closed);
        if view == View::Whole
            && let Some((pred, status)) = self.unknown_before(key)
        {
            return (status, Some(format!("step {} is not known", pred.number())));
        }
        match view {
            View::None => self.out_of_view(legs, window),
            _ if self.hidden(legs, window) => (Status::Unreadable, Some("its bytes are lost or cannot be read".into())),
            View::Partly => (Status::Truncated, Some("the capture begins or ends inside its time".into())),
            View::Whole if self.is_due_unknown(key) => {
                (Status::Unreadable, Some("the answer that tells whether a push was due is lost".into()))
            }
            View::Whole if self.is_excused(key) => {
                (Status::Unreadable, Some("none was due, unless in what is lost or cannot be read".into()))
            }
            View::Whole if self.may_be_late(legs, to) => {
                (Status::Unreadable, Some("a late one may lie in bytes that are lost or cannot be read".into()))
            }
            View::Whole if self.coverage.disordered => {
                (Status::Truncated, Some("the capture's frames are not in the order of their times".into()))
            }
            View::Whole => {
                let within = ms(to.since(from));
                (
                    Status::Missing,
                    Some(format!("not seen within {within} although {} is in view", self.in_view(legs, window))),
                )
            }
        }
    }

    /// A step before this one of which the capture should tell and does not: who knows whether this one was due? Behind
    /// a step that is out of view, the one before that counts.
    fn unknown_before(&self, key: StepKey) -> Option<(StepKey, Status)> {
        let step = self.profile.steps.get(key);
        step.after.iter().chain(&step.after_loosely).find_map(|pred| match self.status(*pred) {
            status @ (Status::Unreadable | Status::Truncated) => Some((*pred, status)),
            Status::NotCovered => self.unknown_before(*pred),
            _ => None,
        })
    }

    /// Whether a step that did not come by `limit` may have come late, in bytes that are lost or cannot be read.
    fn may_be_late(&self, legs: LegSet, limit: Timestamp) -> bool {
        let late = limit.shifted(i64::from(self.profile.limits.late_ms) * 1_000_000);
        self.hidden(legs, Span { from: limit, to: late.min(self.ladder.closed).max(limit) })
    }

    /// Whether a push is due unless the phone answers by itself, and its answer may lie in lost bytes.
    fn is_due_unknown(&self, key: StepKey) -> bool {
        let unanswered = self.ladder.ending == Ending::Open && self.ladder.pushes.is_empty();
        let call = LegSet::of(&[Leg::Caller, Leg::Mcx]);
        let until = Span { from: self.ladder.first.time, to: self.ladder.closed };
        !self.is_of_call(key) && unanswered && self.hidden(call, until)
    }

    fn in_view(&self, legs: LegSet, window: Span) -> String {
        let seen = |leg: &Leg| self.coverage.view(LegSet::EMPTY.with(*leg), window, self.ladder.closed) == View::Whole;
        legs.iter().filter(seen).map(Leg::name).collect::<Vec<_>>().join(" and ")
    }

    fn out_of_view(&self, legs: LegSet, window: Span) -> Said {
        if self.coverage.encrypted(legs, self.own, window, self.profile) {
            (Status::Unreadable, Some("its leg may be a stream that cannot be read".into()))
        } else {
            let names: Vec<&str> = legs.iter().map(Leg::name).collect();
            (Status::NotCovered, Some(format!("{} not in view", names.join(" and "))))
        }
    }

    /// The later step that proves this one happened.
    fn proven_by(&self, key: StepKey) -> Option<StepKey> {
        let seen = |key: StepKey| self.times.at(key).is_some();
        match key {
            StepKey::Invite | StepKey::MobileLookup => seen(StepKey::MobileRinging).then_some(StepKey::MobileRinging),
            StepKey::PushCreated if seen(StepKey::PushFederated) => Some(StepKey::PushFederated),
            StepKey::PushCreated | StepKey::PushFederated => {
                matches!(self.track.reach, Reach::Accepted | Reach::RefusedOutside).then_some(StepKey::PushAccepted)
            }
            _ => None,
        }
    }

    fn proven(&self, key: StepKey, legs: LegSet, by: StepKey) -> Said {
        let to = self.times.at(by).unwrap_or(self.ladder.last.time);
        let limit = i64::from(self.profile.steps.get(key).limit_ms) + i64::from(self.profile.steps.get(by).limit_ms);
        let window = Span { from: to.shifted(-limit * 1_000_000), to };
        if self.ladder.opened_late && self.is_of_call(key) && self.began_before(key) {
            return self.before_first(legs);
        }
        let proved = format!("proved by step {}", by.number());
        match self.coverage.view(legs, window, self.ladder.closed) {
            View::None => (Status::Implied, Some(proved)),
            _ if self.hidden(legs, window) => (Status::Unreadable, Some(format!("its bytes are lost; {proved}"))),
            View::Partly => (Status::Truncated, Some(format!("before the capture begins; {proved}"))),
            // Another Front End's leg of this kind is in view, and this step took its own.
            View::Whole => (Status::Implied, Some(proved)),
        }
    }

    const fn is_of_call(&self, key: StepKey) -> bool {
        !matches!(key, StepKey::PushCreated | StepKey::PushFederated | StepKey::PushAccepted)
    }

    /// Whether the step lies before the capture: the ladder began before it, and nothing that must
    /// precede the step was seen. A call that shows up long after the capture began did not begin before it,
    /// unless it was established already.
    fn began_before(&self, key: StepKey) -> bool {
        if !self.ladder.opened_late {
            return false;
        }
        let established = self.ladder.ringing.is_empty() && self.ladder.answers.is_empty();
        let near = self.coverage.begins().is_some_and(|begin| self.ladder.first.time.since(begin) < self.ring());
        (near || established) && !self.predecessor_seen(key)
    }

    fn predecessor_seen(&self, key: StepKey) -> bool {
        let step = self.profile.steps.get(key);
        let preds = || step.after.iter().chain(&step.after_loosely).chain(&step.limit_from);
        preds().any(|pred| self.times.at(*pred).is_some() || self.predecessor_seen(*pred))
    }

    /// The step before this one that is missing or failed.
    fn broken_before(&self, key: StepKey) -> Option<StepKey> {
        let step = self.profile.steps.get(key);
        step.after.iter().chain(&step.after_loosely).copied().find_map(|pred| match self.status(pred) {
            Status::Missing | Status::Failed => Some(pred),
            Status::NotReached => self.broken_before(pred).or(Some(pred)),
            _ => None,
        })
    }

    // ------------------------------------------------------------------ time

    fn window(&self, key: StepKey) -> Option<Window> {
        let hops = match (key, self.track.push) {
            (StepKey::PushFederated, Some(push)) => {
                push::leaving(push).next().map_or(1, |(_, via)| u32::try_from(via.saturating_sub(1)).unwrap_or(1))
            }
            _ => 1,
        };
        let skip = |key: StepKey| {
            matches!(key, StepKey::PushCreated | StepKey::PushFederated | StepKey::PushAccepted)
                && matches!(
                    self.status(key),
                    Status::NotApplicable | Status::NotReached | Status::Missing | Status::Failed
                )
        };
        self.times.window(key, self.profile, hops, skip)
    }

    /// How long a call without a final response may ring, nanoseconds.
    fn ring(&self) -> i64 {
        i64::from(self.profile.limits.ring_ms) * 1_000_000
    }

    fn whole(&self) -> Span {
        Span { from: self.ladder.first.time, to: self.ladder.last.time }
    }

    // ------------------------------------------------------------------ notes

    fn note(&mut self) {
        let at = |key| self.times.at(key);
        let by_phone =
            matches!(self.ladder.ending, Ending::ByPhone | Ending::Answered) && self.ladder.trigger == Trigger::Invite;
        let doubt = self.times.doubt(StepKey::CallAnswered, StepKey::PushAccepted, self.coverage.clock_uncertainty);
        let answered_first = at(StepKey::CallAnswered)
            .zip(at(StepKey::PushAccepted))
            .is_some_and(|(answer, push)| push.since(answer) > doubt);
        let push_lost = answered_first && self.may_be_earlier(StepKey::PushAccepted, at(StepKey::CallAnswered));
        self.notes.answer_before_push = by_phone && answered_first && !push_lost && self.track.reach == Reach::Accepted;
        let took = at(StepKey::PushAccepted).zip(at(StepKey::PushFederated)).map(|(to, from)| to.since(from));
        let slow = i64::from(self.profile.limits.push_slow_ms) * 1_000_000;
        let push_lost = self.may_be_earlier(StepKey::PushAccepted, at(StepKey::PushAccepted));
        self.notes.slow_push =
            took.filter(|took| *took > slow && !push_lost && self.status(StepKey::PushAccepted) == Status::Ok);
        self.notes.refused_too = self.track.refused_too(self.ladder, self.coverage, self.profile);
        let alone = self.track.push.is_none() && !self.ladder.pushes.is_empty();
        let missing = self.status(StepKey::PushCreated) == Status::Missing;
        self.notes.phone_without_push = self.track.phone.filter(|_| alone && missing);
    }
}
