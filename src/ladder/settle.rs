//! Which call a push is given to: the most convincing one, and its rivals named.

use super::correlator::Correlator;
use super::join::{self, Cause, Weighed};
use super::push::{Push, State};
use super::rung::{Joined, Rival};

/// How much less convincing a call is that has a push for this phone already.
const CROWDED: f64 = 0.15;

impl Correlator {
    /// Decides which call a push belongs to, if any.
    pub(super) fn settle(&mut self, place: usize) {
        let Some(push) = self.pushes.get_mut(place) else { return };
        if push.state != State::Waiting {
            return;
        }
        push.resolve(&mut self.coverage);
        if push.test {
            push.state = State::Alone;
            return;
        }
        let Some(push) = self.pushes.get(place) else { return };
        let mut weighed = self.weigh_all(push, &self.calls_of_sender(push));
        if weighed.is_empty() {
            weighed = self.weigh_all(push, &self.calls_that_rang());
        }
        match weighed.first().cloned() {
            Some((call, cause, best)) => self.join(place, call, cause, best, &weighed),
            None => {
                if let Some(push) = self.pushes.get_mut(place) {
                    push.state = State::Alone;
                }
                self.alone.push(place);
            }
        }
    }

    /// Places of the calls of the push's sender, those most likely to own it.
    fn calls_of_sender(&self, push: &Push) -> Vec<usize> {
        let registered = push.epid.as_ref().and_then(|epid| self.endpoints.get(epid)).map(|(user, _)| user);
        let users = push.senders.iter().chain(registered);
        once(users.filter_map(|user| self.by_user.get(user)).flatten().copied().collect())
    }

    /// Places of the calls that rang a phone lately, whoever's: for a push whose sender is no user.
    fn calls_that_rang(&self) -> Vec<usize> {
        let open = |place: usize, generation| self.calls.get(place).is_some_and(|call| call.generation == generation);
        once(self.ringing.iter().filter(|(place, generation)| open(*place, *generation)).map(|rang| rang.0).collect())
    }

    /// Every cause of every candidate that is convincing enough, the best first.
    fn weigh_all(&self, push: &Push, candidates: &[usize]) -> Vec<(usize, Cause, Weighed)> {
        let uncertainty = self.coverage.clock_uncertainty;
        let mut weighed: Vec<(usize, Cause, Weighed)> = Vec::new();
        for place in candidates {
            let Some(call) = self.calls.get(*place) else { continue };
            for cause in join::causes(push, call, &self.profile.join, uncertainty) {
                if let Some(weight) = join::weigh(push, call, cause, &self.profile, uncertainty) {
                    weighed.push((*place, cause, weight));
                }
            }
        }
        if let [(_, _, only)] = weighed.as_mut_slice()
            && !only.evidence.iter().any(|kind| ["epid", "identifier", "aor"].contains(kind))
        {
            only.confidence = 1.0 - (1.0 - only.confidence) * (1.0 - self.profile.join.weights.only);
            only.evidence.push("only");
        }
        weighed.retain(|(_, _, weight)| weight.confidence >= self.profile.join.min_confidence);
        let rank = |(place, cause, weight): &(usize, Cause, Weighed)| {
            let crowded = if self.has_push_already(push, *place, *cause) { CROWDED } else { 0.0 };
            let first = self.calls.get(*place).map_or(i64::MAX, |call| call.first.time.nanos());
            (weight.confidence - crowded, weight.distance, first)
        };
        weighed.sort_by(|a, b| {
            let ((a, a_distance, a_first), (b, b_distance, b_first)) = (rank(a), rank(b));
            b.total_cmp(&a).then(a_distance.cmp(&b_distance)).then(a_first.cmp(&b_first))
        });
        weighed
    }

    /// Whether the call has a push for this phone already: then another call without one is likelier.
    fn has_push_already(&self, push: &Push, place: usize, cause: Cause) -> bool {
        let Some(call) = self.calls.get(place) else { return false };
        let same_phone = |other: &&usize| {
            let other = self.pushes.get(**other);
            other.is_some_and(|other| other.epid.is_none() || push.epid.is_none() || other.epid == push.epid)
        };
        cause == Cause::Invite && call.pushes.iter().any(|other| same_phone(&other))
    }

    fn join(&mut self, place: usize, call: usize, cause: Cause, best: Weighed, all: &[(usize, Cause, Weighed)]) {
        let mut rivals: Vec<Rival> = Vec::new();
        for (rival, _, weight) in all.iter().filter(|(rival, ..)| *rival != call && self.profile.join.report_rivals) {
            let Some(rival) = self.calls.get(*rival) else { continue };
            if !rivals.iter().any(|known| known.call_id == rival.call_id) {
                rivals.push(Rival { call_id: rival.call_id.clone(), confidence: weight.confidence });
            }
        }
        if let Some(push) = self.pushes.get_mut(place) {
            push.state = match cause {
                Cause::Invite => State::Call(call),
                Cause::Message(cseq) => State::Message(call, cseq),
            };
            push.text = Box::default();
            push.joined = Some(Joined { confidence: best.confidence, evidence: best.evidence, rivals });
        }
        if let Some(call) = self.calls.get_mut(call) {
            match cause {
                Cause::Invite => call.pushes.push(place),
                Cause::Message(cseq) => {
                    call.messages.iter_mut().filter(|message| message.cseq == cseq).for_each(|m| m.pushed = true);
                }
            }
        }
        self.reschedule_push(place);
    }

    /// A call that began before the capture has shown more of itself: it may claim a push that was alone.
    pub(super) fn claim(&mut self, place: usize) {
        for push_place in self.alone.clone() {
            let Some(push) = self.pushes.get(push_place) else { continue };
            if let Some((call, cause, best)) = self.weigh_all(push, &[place]).into_iter().next() {
                self.alone.retain(|alone| *alone != push_place);
                self.join(push_place, call, cause, best, &[]);
            }
        }
    }
}

/// Each place once, in order.
fn once(mut places: Vec<usize>) -> Vec<usize> {
    places.sort_unstable();
    places.dedup();
    places
}
