//! How a closed ladder is made of a call and its pushes.

use sha2::{Digest as _, Sha256};

use super::call::Call;
use super::client::Phone;
use super::correlator::Correlator;
use super::join;
use super::leg::Leg;
use super::push::{Push, State};
use super::rung::{Answer, Ending, Joined, Ladder, PushSeen, Rung, Trigger};
use crate::frame::FrameRef;

impl Correlator {
    /// Closes a call: gives its ladder if it is one, and keeps its session if that goes on.
    pub(super) fn close_call(&mut self, place: usize, out: &mut impl FnMut(Ladder)) {
        let Some(call) = self.calls.get_mut(place) else { return };
        if call.reported {
            self.forget_call(place);
            return;
        }
        call.resolve(&mut self.coverage, &self.profile);
        let places = std::mem::take(&mut call.pushes);
        let pushes: Vec<Push> = places.into_iter().filter_map(|push| self.forget_push(push)).collect();
        let Some(call) = self.calls.get(place) else { return };
        let answers = call.answers();
        let ending = call.ending(&answers);
        let answered = matches!(ending, Ending::ByPhone | Ending::Elsewhere | Ending::Answered);
        let to_phone = !call.phones.is_empty() && ending != Ending::Elsewhere;
        let goes_on = answered && (to_phone || call.caller_phone.is_some()) && !call.over;
        if goes_on || call.messages.iter().any(|message| message.pushed) {
            let call = call.clone();
            self.keep_session(place);
            self.report_call(call, pushes, ending, out);
        } else if let Some(call) = self.forget_call(place) {
            self.report_call(call, pushes, ending, out);
        }
    }

    /// What is left of a call after its ladder is given: the session, for a MESSAGE that sets off a push.
    fn keep_session(&mut self, place: usize) {
        if let Some(call) = self.calls.get_mut(place) {
            call.reported = true;
            call.finals.clear();
            call.in_dialog.clear();
            call.ringing.clear();
            call.progress.clear();
            call.acks.clear();
        }
        self.reschedule_call(place);
    }

    fn report_call(&mut self, mut call: Call, pushes: Vec<Push>, ending: Ending, out: &mut impl FnMut(Ladder)) {
        if call.phones.is_empty() && pushes.is_empty() {
            return;
        }
        let answers = call.answers().into_iter().map(|last| last.answer).collect();
        let strays = if pushes.is_empty() { self.strays_of(&call) } else { Vec::new() };
        let join = pushes.first().and_then(|push| push.joined.clone());
        let opened_late = !call.invite_seen();
        let last = pushes.iter().map(|push| push.last).fold(call.last, FrameRef::later);
        let pushes: Vec<PushSeen> = self.close_pushes(pushes, &mut call);
        let on = |rung: &Rung, leg: Leg| rung.leg == Some(leg);
        let cseq = call.cseq().unwrap_or_default();
        let messages: Vec<u32> = call.messages.iter().filter(|message| message.pushed).map(|m| m.cseq).collect();
        // A request within the session shows that it was established, also where its answer was lost.
        let established = matches!(ending, Ending::ByPhone | Ending::Elsewhere | Ending::Answered)
            || ending == Ending::Open && !call.in_dialog.is_empty();
        let acks: Vec<Rung> = call.acks_of_answers().map(|seen| seen.rung.clone()).collect();
        let in_dialog =
            call.in_dialog.into_iter().filter(|(cseq, _)| !messages.contains(cseq)).map(|(_, seen)| seen.rung);
        let copies = call.invites.into_iter().map(|copy| copy.rung);
        let (to_phone, invite): (Vec<Rung>, Vec<Rung>) =
            copies.filter(|r| r.leg.is_some()).partition(|rung| on(rung, Leg::Mcx));
        let ringing: Vec<Rung> =
            call.ringing.into_iter().map(|(_, seen)| seen.rung).filter(|rung| rung.leg.is_some()).collect();
        let progress = call.progress.into_iter().map(|seen| seen.rung).filter(|rung| rung.leg.is_some());
        out(Ladder {
            id: id(Trigger::Invite, call.call_id.as_bytes(), &call.caller_tag, cseq),
            trigger: Trigger::Invite,
            opened_late,
            met_late: call.late,
            first: call.first,
            last,
            closed: self.now,
            caller: call.caller,
            callee: call.callee,
            callee_name: call.callee_name,
            call_id: Some(call.call_id),
            conversation_id: call.conversation_id,
            phones: call.phones,
            pushes,
            join,
            invite: in_order(invite),
            lookup: in_order(to_phone.into_iter().chain(progress).collect()),
            ringing: in_order(ringing),
            answers,
            cancels: in_order(call.cancels.into_iter().map(|seen| seen.rung).collect()),
            active: if established {
                in_order(acks.into_iter().chain(in_dialog).filter(|rung| rung.leg.is_some()).collect())
            } else {
                Vec::new()
            },
            ending,
            strays,
            forked: call.other_endpoint,
        });
    }

    /// Closes the pushes of a call in time order, each with the phone it is for.
    fn close_pushes(&mut self, mut pushes: Vec<Push>, call: &mut Call) -> Vec<PushSeen> {
        pushes.sort_by_key(|push| (push.first.time, push.first.input, push.first.number));
        let mut closed = Vec::with_capacity(pushes.len());
        for push in pushes {
            let only = (call.phones.len() == 1).then_some(0);
            let phone = join::phone_of(&push, call).or(if push.epid.is_none() { only } else { None });
            closed.push(push.close(phone, &mut self.coverage));
        }
        closed
    }

    /// Closes a push that has a ladder of its own: one that joined no call, or a MESSAGE of a session.
    pub(super) fn close_push(&mut self, place: usize, out: &mut impl FnMut(Ladder)) {
        let Some(push) = self.forget_push(place) else { return };
        match push.state {
            State::Message(call, cseq) => self.report_message(push, call, cseq, out),
            State::Call(_) => {}
            State::Waiting | State::Alone => self.report_alone(push, out),
        }
    }

    fn report_message(&mut self, push: Push, place: usize, cseq: u32, out: &mut impl FnMut(Ladder)) {
        let Some(call) = self.calls.get_mut(place) else { return self.report_alone(push, out) };
        call.resolve(&mut self.coverage, &self.profile);
        let Some(at) = call.messages.iter().position(|message| message.cseq == cseq) else {
            return self.report_alone(push, out);
        };
        let Some(message) = call.messages.remove(at) else { return };
        let mut call = call.clone();
        let joined = push.joined.clone();
        let last = call.last.later(push.last);
        let (to_phone, invite): (Vec<Rung>, Vec<Rung>) =
            message.copies.into_iter().map(|seen| seen.rung).partition(|rung| rung.leg == Some(Leg::Mcx));
        let answers: Vec<Answer> = message.answers.into_iter().map(|(_, answer)| answer).collect();
        let ladder = Ladder {
            id: id(Trigger::Message, call.call_id.as_bytes(), &call.caller_tag, cseq),
            trigger: Trigger::Message,
            opened_late: false,
            met_late: call.late,
            first: message.first,
            last,
            closed: self.now,
            pushes: self.close_pushes(vec![push], &mut call),
            caller: call.caller,
            callee: call.callee,
            callee_name: call.callee_name,
            call_id: Some(call.call_id),
            conversation_id: call.conversation_id,
            phones: call.phones,
            join: joined,
            invite: in_order(invite),
            lookup: in_order(to_phone),
            ringing: Vec::new(),
            ending: match answers.first().map(|answer| answer.status) {
                Some(200..300) => Ending::ByPhone,
                Some(_) => Ending::Refused,
                None => Ending::Open,
            },
            answers,
            cancels: Vec::new(),
            active: Vec::new(),
            strays: Vec::new(),
            forked: false,
        };
        out(ladder);
        self.reschedule_call(place);
    }

    fn report_alone(&mut self, push: Push, out: &mut impl FnMut(Ladder)) {
        let registered = push.epid.as_ref().and_then(|epid| self.endpoints.get(epid)).cloned();
        let (user, client) = registered.map_or((None, None), |(user, client)| (Some(user), Some(client)));
        let trigger = if push.test { Trigger::Test } else { Trigger::PushOnly };
        let callee = if push.test { None } else { user.or_else(|| push.senders.first().cloned()) };
        let phone = client.is_some().then(|| Phone {
            epid: push.epid.clone(),
            gruu: push.gruu.clone(),
            tag: None,
            client,
            rang: None,
        });
        let (first, last) = (push.first, push.last);
        let id = id(trigger, &push.key, b"", 0);
        out(Ladder {
            id,
            trigger,
            opened_late: false,
            met_late: push.late,
            first,
            last,
            closed: self.now,
            caller: None,
            callee,
            callee_name: None,
            call_id: None,
            conversation_id: None,
            phones: phone.into_iter().collect(),
            pushes: vec![push.close(None, &mut self.coverage)],
            join: None::<Joined>,
            invite: Vec::new(),
            lookup: Vec::new(),
            ringing: Vec::new(),
            answers: Vec::new(),
            cancels: Vec::new(),
            active: Vec::new(),
            ending: Ending::Open,
            strays: Vec::new(),
            forked: false,
        });
    }
}

fn in_order(mut rungs: Vec<Rung>) -> Vec<Rung> {
    rungs.sort_by_key(|rung| (rung.at.time, rung.at.input, rung.at.number));
    rungs
}

/// A ladder's id: 16 hexadecimal digits of a hash over what set it off.
fn id(trigger: Trigger, call_id: &[u8], tag: &[u8], cseq: u32) -> Box<str> {
    let digest = Sha256::new()
        .chain_update([trigger as u8])
        .chain_update(call_id)
        .chain_update([0])
        .chain_update(tag)
        .chain_update([0])
        .chain_update(cseq.to_be_bytes())
        .finalize();
    let first = digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    format!("{first:016x}").into()
}
