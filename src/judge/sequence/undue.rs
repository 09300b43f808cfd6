//! Steps that need not have happened.
//!
//! In: what was seen of the ladder. Out: why a step was not due, and why no push was. Where the capture could not have
//! shown what tells that, it says nothing, and the step is looked for like any other.

use super::{Said, Sequence};
use crate::judge::notes::Absent;
use crate::judge::order::Window;
use crate::judge::status::Status;
use crate::ladder::coverage::{Span, View};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::{Expectation, StepKey};
use crate::ladder::rung::{Ending, Trigger};

impl Sequence<'_> {
    /// Why a step that was not seen need not have happened, if so.
    pub(super) fn not_applicable(&self, key: StepKey) -> Option<Said> {
        use StepKey::{CallAnswered, Invite, MobileLookup, MobileRinging, SessionActive};
        let no = |why: &str| Some((Status::NotApplicable, Some(why.to_owned())));
        let of_call = matches!(key, Invite | MobileLookup | MobileRinging | CallAnswered | SessionActive);
        match self.ladder.trigger {
            Trigger::PushOnly if of_call && self.may_belong_to_a_call() => {
                let why = "its call may lie in a stream that is lost or cannot be read";
                return Some((Status::Unreadable, Some(why.to_owned())));
            }
            Trigger::PushOnly | Trigger::Test if of_call => {
                let caller = LegSet::EMPTY.with(Leg::Caller);
                return match self.coverage.view(caller, self.whole(), self.ladder.closed) {
                    View::None => Some(self.out_of_view(caller, self.whole())),
                    _ => no("this push belongs to no call"),
                };
            }
            Trigger::Message if matches!(key, MobileRinging | SessionActive) => {
                return no("a message within a session has no such step");
            }
            _ => {}
        }
        match key {
            MobileLookup | MobileRinging
                if self.ladder.trigger == Trigger::Invite
                    && !self.is_in_part()
                    && self.proven_by(key).is_none()
                    && self.ended_before_due(key)
                    && !self.hidden(self.legs(key), self.whole()) =>
            {
                no("the call ended first")
            }
            MobileRinging if self.ladder.ending == Ending::ByPhone && self.was_in_view(key) => {
                no("the phone answered without ringing")
            }
            SessionActive => match self.ladder.ending {
                Ending::CancelledByFrontEnd if self.is_cause_lost() || self.is_cause_cut_off() => None,
                Ending::CancelledByCaller | Ending::CancelledByFrontEnd => no("the call was cancelled"),
                Ending::Elsewhere => no("another endpoint answered"),
                _ => None,
            },
            _ if of_call => None,
            _ => self.notes.absent.and_then(|absent| self.without_push(key, absent)),
        }
    }

    /// Whether the call of a push that shows none may lie in bytes that are lost or cannot be read: the call comes before
    /// the push and may ring on behind it.
    fn may_belong_to_a_call(&self) -> bool {
        let window = Span { from: self.ladder.first.time.shifted(-self.ring()), to: self.ladder.closed };
        self.hidden(LegSet::of(&[Leg::Caller, Leg::Mcx]), window)
    }

    /// Whether a step of the call would have been seen, had it happened before the answer.
    fn was_in_view(&self, key: StepKey) -> bool {
        let window = self.whole();
        let legs = self.legs(key);
        !self.began_before(key)
            && self.coverage.view(legs, window, self.ladder.closed) == View::Whole
            && !self.hidden(legs, window)
    }

    /// A push step of a ladder without a push.
    fn without_push(&self, key: StepKey, absent: Absent) -> Option<Said> {
        let status = match absent {
            Absent::OtherAddress if matches!(key, StepKey::PushService | StepKey::DeviceWoken) => return None,
            Absent::OtherAddress => Status::NotCovered,
            Absent::Client | Absent::Foreground | Absent::EndedFirst | Absent::Unknown => Status::NotApplicable,
        };
        Some((status, Some(absent.reason().to_owned())))
    }

    /// Why there is no push, when there is none and none was due.
    pub(super) fn absent(&self) -> Option<Absent> {
        if !self.ladder.pushes.is_empty() || self.is_in_part() {
            return None;
        }
        if !self.expects(Expectation::Yes) && !self.expects(Expectation::Unknown) && !self.ladder.phones.is_empty() {
            return Some(Absent::Client);
        }
        if self.began_before(StepKey::PushCreated) || self.broken_before(StepKey::PushCreated).is_some() {
            return None;
        }
        if !self.ladder.strays.is_empty() {
            return Some(Absent::OtherAddress);
        }
        let legs = LegSet::of(&[Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal]);
        let window = self.window(StepKey::PushCreated);
        let window = window.map_or(self.whole(), |Window { from, to, .. }| Span { from, to });
        let seen = self.coverage.view(legs, window, self.ladder.closed) == View::Whole;
        if !seen || self.coverage.disordered || self.hidden(legs, window) {
            return None;
        }
        self.excuse()
    }

    /// Whether this is what is to be expected of any of the phones.
    fn expects(&self, wanted: Expectation) -> bool {
        self.ladder.phones.iter().any(|phone| phone.expects() == wanted)
    }

    /// Why no push was due, if that is so: whether one was made all the same is not asked.
    fn excuse(&self) -> Option<Absent> {
        if self.ladder.ending == Ending::ByPhone {
            Some(Absent::Foreground)
        } else if self.ended_before_due(StepKey::PushCreated) {
            Some(Absent::EndedFirst)
        } else if !self.expects(Expectation::Yes) {
            Some(Absent::Unknown)
        } else {
            None
        }
    }

    /// Whether a push step was not due, unless a push was made all the same where nobody could see it.
    pub(super) fn is_excused(&self, key: StepKey) -> bool {
        !self.is_of_call(key) && self.ladder.pushes.is_empty() && self.excuse().is_some()
    }

    /// Whether the call was over before the step was due.
    fn ended_before_due(&self, key: StepKey) -> bool {
        if matches!(self.ladder.ending, Ending::Open) {
            return false;
        }
        let end = self.times.at(StepKey::CallAnswered);
        let deadline = self.window(key).map(|window| window.to);
        end.zip(deadline).is_some_and(|(end, deadline)| end < deadline)
    }
}
