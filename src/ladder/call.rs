//! One call: an INVITE, its copies on every hop, its answers, and the session that follows.

use std::collections::VecDeque;

use super::client::Phone;
use super::correlator::UNSCHEDULED;
use super::coverage::{Coverage, Hop};
use super::leg::{Leg, LegSet};
use super::profile::{Expectation, Profile, StepKey};
use super::rung::{Answer, Ending, Rung};
use super::table::Key;
use crate::frame::{FrameRef, Timestamp};

/// Rungs of one kind kept for each call; a message repeated more often shows nothing new.
pub const MAX_RUNGS: usize = 16;
/// Phones kept for each call: Lync allows a user eight endpoints.
pub const MAX_PHONES: usize = 16;
/// In-dialog messages of a session that a push may still belong to.
pub const MAX_MESSAGES: usize = 16;

/// A rung and the hop it was seen on.
#[derive(Clone, Debug)]
pub struct Seen {
    pub hop: Hop,
    pub rung: Rung,
}

/// The INVITE on one hop.
#[derive(Clone, Debug)]
pub struct InviteCopy {
    pub hop: Hop,
    pub via: usize,
    pub cseq: u32,
    /// Whether it is addressed to one endpoint: a registered contact as Request-URI and an epid in To.
    pub to_endpoint: bool,
    pub rung: Rung,
}

/// A final response to the INVITE on one hop.
#[derive(Clone, Debug)]
pub struct Final {
    pub hop: Hop,
    pub cseq: u32,
    pub to_tag: Option<Box<[u8]>>,
    /// Whether its sender is a mobility service.
    pub mobile: bool,
    pub answer: Answer,
}

/// A MESSAGE within the session, which may set off a push of its own.
#[derive(Clone, Debug)]
pub struct SessionMessage {
    pub cseq: u32,
    pub first: FrameRef,
    pub copies: Vec<Seen>,
    pub answers: Vec<(Hop, Answer)>,
    pub pushed: bool,
}

/// A call as it is followed.
#[derive(Clone, Debug)]
pub struct Call {
    pub key: Key,
    pub call_id: Box<str>,
    pub caller_tag: Box<[u8]>,
    pub caller: Option<Box<str>>,
    pub callee: Option<Box<str>>,
    pub callee_name: Option<Box<str>>,
    pub conversation_id: Option<Box<str>>,
    pub first: FrameRef,
    pub last: FrameRef,
    /// Until when others were closed that it may belong to, where it was met too late for them.
    pub late: Option<Timestamp>,
    pub invites: Vec<InviteCopy>,
    pub progress: Vec<Seen>,
    pub ringing: Vec<(usize, Seen)>,
    pub finals: Vec<Final>,
    pub cancels: Vec<Seen>,
    /// ACK requests, each with the To tag of the response it confirms.
    pub acks: Vec<(Box<[u8]>, Seen)>,
    pub in_dialog: Vec<(u32, Seen)>,
    pub phones: Vec<Phone>,
    /// The caller's endpoint, where that is a phone: a message back to it may need a push.
    pub caller_phone: Option<Phone>,
    /// Hops on which a mobility service answered.
    pub mobile_hops: Vec<Hop>,
    pub messages: VecDeque<SessionMessage>,
    /// CSeq numbers of INVITEs within the session.
    pub reinvites: VecDeque<u32>,
    /// Whether an endpoint that is no phone rang.
    pub other_endpoint: bool,
    /// Places of the pushes joined to its INVITE, in join order.
    pub pushes: Vec<usize>,
    /// Whether its own ladder has been given out already; what is left is the session.
    pub reported: bool,
    pub over: bool,
    pub scheduled: i64,
    pub generation: u32,
}

impl Call {
    /// A call known by its first message.
    pub fn new(
        key: Key,
        call_id: Box<str>,
        caller_tag: Box<[u8]>,
        caller: Option<Box<str>>,
        callee: Option<Box<str>>,
        first: FrameRef,
        generation: u32,
    ) -> Self {
        Self {
            key,
            call_id,
            caller_tag,
            caller,
            callee,
            callee_name: None,
            conversation_id: None,
            first,
            last: first,
            late: None,
            invites: Vec::new(),
            progress: Vec::new(),
            ringing: Vec::new(),
            finals: Vec::new(),
            cancels: Vec::new(),
            acks: Vec::new(),
            in_dialog: Vec::new(),
            phones: Vec::new(),
            caller_phone: None,
            mobile_hops: Vec::new(),
            messages: VecDeque::new(),
            reinvites: VecDeque::new(),
            other_endpoint: false,
            pushes: Vec::new(),
            reported: false,
            over: false,
            scheduled: UNSCHEDULED,
            generation,
        }
    }

    /// Makes it the way back of a session that a phone opened: messages to that phone, whose INVITE
    /// went the other way and has no ladder here.
    pub fn leads_back_to(&mut self, phone: Phone) {
        self.phones = vec![phone];
        self.reported = true;
    }

    /// Adds an ACK; one that is known on its hop changes nothing.
    pub fn add_ack(&mut self, to_tag: &[u8], seen: Seen) {
        let known = |(tag, known): &(Box<[u8]>, Seen)| **tag == *to_tag && known.hop == seen.hop;
        if !self.acks.iter().any(known) && self.acks.len() < MAX_RUNGS {
            self.acks.push((to_tag.into(), seen));
        }
    }

    /// The ACKs that confirm an answer, and not a branch that was cancelled or refused. Where no answer
    /// was seen, any may.
    pub fn acks_of_answers(&self) -> impl Iterator<Item = &Seen> {
        let confirms = |tag: &[u8]| {
            let mut of_tag = self.finals.iter().filter(|last| last.to_tag.as_deref() == Some(tag)).peekable();
            of_tag.peek().is_none() || of_tag.any(|last| last.answer.status < 300)
        };
        self.acks.iter().filter(move |(tag, _)| confirms(tag)).map(|(_, seen)| seen)
    }

    /// Adds a request within the session; one that is known on its hop changes nothing.
    pub fn add_in_dialog(&mut self, cseq: u32, seen: Seen) {
        let known = self.in_dialog.iter().any(|(other, known)| *other == cseq && known.hop == seen.hop);
        if !known && !self.reported && self.in_dialog.len() < MAX_RUNGS {
            self.in_dialog.push((cseq, seen));
        }
    }

    /// Adds a MESSAGE of the caller's within the session; the oldest is forgotten when there are many.
    pub fn add_message(&mut self, cseq: u32, at: FrameRef, seen: Seen) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.cseq == cseq) {
            if at.time < message.first.time {
                message.first = at;
            }
            return add(&mut message.copies, seen);
        }
        if self.messages.len() >= MAX_MESSAGES {
            let oldest = self.messages.iter().position(|message| !message.pushed);
            self.messages.remove(oldest.unwrap_or(0));
        }
        self.messages.push_back(SessionMessage {
            cseq,
            first: at,
            copies: vec![seen],
            answers: Vec::new(),
            pushed: false,
        });
    }

    /// Adds the final response of a MESSAGE on a hop.
    pub fn answer_message(&mut self, cseq: u32, hop: Hop, answer: Answer) {
        if let Some(message) = self.messages.iter_mut().find(|message| message.cseq == cseq)
            && message.answers.len() < MAX_RUNGS
            && !message.answers.iter().any(|(known, _)| *known == hop)
        {
            message.answers.push((hop, answer));
        }
    }

    /// Whether its INVITE was seen: otherwise it began before the capture.
    pub fn invite_seen(&self) -> bool {
        !self.invites.is_empty()
    }

    /// Whether the call was established before the capture: only what follows an answer was seen of it.
    pub fn established_unseen(&self) -> bool {
        let of_invite = self.invites.is_empty() && self.ringing.is_empty() && self.finals.is_empty();
        of_invite && self.progress.is_empty() && !(self.acks.is_empty() && self.in_dialog.is_empty())
    }

    /// The CSeq of the INVITE that counts: the last one without a To tag, after any challenge.
    pub fn cseq(&self) -> Option<u32> {
        self.invites.iter().map(|copy| copy.cseq).max()
    }

    /// When its INVITE was first seen.
    pub fn invited(&self) -> Option<FrameRef> {
        self.invites.iter().map(|copy| copy.rung.at).min_by_key(|at| at.time)
    }

    /// Takes note of a frame of this call.
    pub fn seen(&mut self, at: FrameRef, late: Option<Timestamp>) {
        self.last = self.last.later(at);
        if at.time < self.first.time {
            self.first = at;
            self.late = self.late.max(late);
        }
    }

    /// The place of the phone with this epid or To tag, made new when `create` says so.
    pub fn phone(&mut self, epid: Option<&str>, tag: Option<&[u8]>, create: bool) -> Option<usize> {
        let by_epid = epid.and_then(|epid| self.phones.iter().position(|phone| phone.epid.as_deref() == Some(epid)));
        let by_tag = || tag.and_then(|tag| self.phones.iter().position(|phone| phone.tag.as_deref() == Some(tag)));
        let place = by_epid.or_else(by_tag);
        if let Some(phone) = place.and_then(|place| self.phones.get_mut(place)) {
            if phone.epid.is_none() {
                phone.epid = epid.map(Into::into);
            }
            if phone.tag.is_none() {
                phone.tag = tag.map(Into::into);
            }
            return place;
        }
        if !create || self.phones.len() >= MAX_PHONES {
            return None;
        }
        self.phones.push(Phone {
            epid: epid.map(Into::into),
            gruu: None,
            tag: tag.map(Into::into),
            client: None,
            rang: None,
        });
        Some(self.phones.len() - 1)
    }

    /// A mobility service answered on this hop, or is registered to do so.
    pub fn add_mobile_hop(&mut self, hop: Hop) {
        if !self.mobile_hops.contains(&hop) && self.mobile_hops.len() < MAX_RUNGS {
            self.mobile_hops.push(hop);
        }
    }

    /// The leg of each hop of this call.
    ///
    /// The mobility service's port decides; then the shape of the INVITE: a copy addressed to one
    /// endpoint goes to a phone when a mobility service answers on it or `--vantage` told so, else to
    /// another endpoint of the callee, which is no leg of the ladder. Where no INVITE was seen, what
    /// `--vantage` told counts.
    pub fn leg(&self, hop: Hop, input: u16, coverage: &Coverage, profile: &Profile) -> Option<Leg> {
        if profile.ports.mobility.contains(&hop.port()) {
            return Some(Leg::Mcx);
        }
        let told = coverage.told(input).intersection(LegSet::of(&[Leg::Caller, Leg::Mcx]));
        let mut copies = self.invites.iter().filter(|copy| copy.hop == hop).peekable();
        if copies.peek().is_none() {
            return Some(told.only().unwrap_or(Leg::Caller));
        }
        if !copies.all(|copy| copy.to_endpoint) {
            return Some(Leg::Caller);
        }
        if self.mobile_hops.contains(&hop) || told.only() == Some(Leg::Mcx) { Some(Leg::Mcx) } else { None }
    }

    /// Puts the leg into every rung, and tells the coverage what was learnt.
    pub fn resolve(&mut self, coverage: &mut Coverage, profile: &Profile) {
        let mut hops: Vec<(Hop, u16)> = Vec::new();
        self.for_each_rung(|hop, rung| {
            if !hops.contains(&(hop, rung.at.input)) {
                hops.push((hop, rung.at.input));
            }
        });
        let legs: Vec<Option<Leg>> =
            hops.iter().map(|(hop, input)| self.leg(*hop, *input, coverage, profile)).collect();
        for ((hop, input), leg) in hops.iter().zip(&legs) {
            coverage.sip(*hop, *input, *leg);
        }
        self.for_each_rung(|hop, rung| {
            let place = hops.iter().position(|known| *known == (hop, rung.at.input));
            rung.leg = place.and_then(|place| legs.get(place).copied().flatten());
        });
    }

    fn for_each_rung(&mut self, mut visit: impl FnMut(Hop, &mut Rung)) {
        self.invites.iter_mut().for_each(|copy| visit(copy.hop, &mut copy.rung));
        self.ringing.iter_mut().for_each(|(_, seen)| visit(seen.hop, &mut seen.rung));
        self.finals.iter_mut().for_each(|last| visit(last.hop, &mut last.answer.rung));
        self.in_dialog.iter_mut().for_each(|(_, seen)| visit(seen.hop, &mut seen.rung));
        for seen in self.progress.iter_mut().chain(&mut self.cancels).chain(self.acks.iter_mut().map(|(_, seen)| seen))
        {
            visit(seen.hop, &mut seen.rung);
        }
        for message in &mut self.messages {
            message.copies.iter_mut().for_each(|seen| visit(seen.hop, &mut seen.rung));
            message.answers.iter_mut().for_each(|(hop, answer)| visit(*hop, &mut answer.rung));
        }
    }

    /// Final responses that count, best first: those of the last INVITE, a 2xx at the caller before any
    /// other 2xx, then what the caller was told, then what a phone said. Only those that agree with
    /// the best one are given, in time order.
    pub fn answers(&self) -> Vec<Final> {
        let cseq = self.cseq();
        let rank = |last: &Final| match (last.answer.rung.leg, last.answer.status) {
            (Some(Leg::Caller), 200..300) => 0,
            (Some(Leg::Caller), _) => 1,
            (Some(_), 200..300) => 2,
            (None, 200..300) => 3,
            (Some(_), _) => 4,
            (None, _) => 5,
        };
        let mut counted: Vec<&Final> =
            self.finals.iter().filter(|last| cseq.is_none_or(|cseq| last.cseq == cseq)).collect();
        counted.sort_by_key(|last| (rank(last), last.answer.rung.at.time));
        let Some(best) = counted.first().copied() else { return Vec::new() };
        let mut agreeing: Vec<Final> = counted
            .into_iter()
            .filter(|last| {
                last.answer.status == best.answer.status
                    && (last.to_tag == best.to_tag || last.to_tag.is_none() || best.answer.status >= 300)
            })
            .cloned()
            .collect();
        agreeing.sort_by_key(|last| (last.answer.rung.at.time, last.answer.rung.at.input, last.answer.rung.at.number));
        agreeing
    }

    /// How the call ended, given the answers that count.
    pub fn ending(&self, answers: &[Final]) -> Ending {
        let cancelled_at = |leg| self.cancels.iter().any(|seen| seen.rung.leg == Some(leg));
        let Some(last) = answers.first() else {
            return if cancelled_at(Leg::Caller) { Ending::CancelledByCaller } else { Ending::Open };
        };
        let at_caller = answers.iter().any(|last| last.answer.rung.leg == Some(Leg::Caller));
        match last.answer.status {
            200..300 if answers.iter().any(|last| self.is_phones(last)) => Ending::ByPhone,
            200..300 if answers.iter().any(|last| last.to_tag.is_some()) => Ending::Elsewhere,
            200..300 => Ending::Answered,
            487 if cancelled_at(Leg::Caller) || at_caller => Ending::CancelledByCaller,
            487 => Ending::CancelledByFrontEnd,
            _ if !at_caller && cancelled_at(Leg::Caller) => Ending::CancelledByCaller,
            _ => Ending::Refused,
        }
    }

    fn is_phones(&self, last: &Final) -> bool {
        let tag = last.to_tag.as_deref();
        last.mobile || (tag.is_some() && self.phones.iter().any(|phone| phone.tag.as_deref() == tag))
    }

    /// The hop nearest to the caller: that of the INVITE with the fewest Via.
    fn caller_hop(&self) -> Option<Hop> {
        self.invites.iter().min_by_key(|copy| (copy.via, copy.rung.at.time)).map(|copy| copy.hop)
    }

    /// When nothing more of the call itself is to come, nanoseconds: after its final response and ACK,
    /// or when its time is over.
    pub fn story_end(&self, profile: &Profile) -> i64 {
        let ms = |value: u32| i64::from(value) * 1_000_000;
        let at = |rung: &Rung| rung.at.time.nanos();
        if self.reported {
            let idle = if self.over { 0 } else { ms(profile.limits.session_idle_ms) };
            return self.last.time.nanos().saturating_add(idle);
        }
        let nearest = self.caller_hop();
        let cseq = self.cseq();
        let decisive = |last: &&Final| {
            cseq.is_none_or(|cseq| last.cseq == cseq)
                && (nearest.is_none() || nearest == Some(last.hop) || last.answer.status < 300)
        };
        let ended = self.finals.iter().filter(decisive).map(|last| (at(&last.answer.rung), last.answer.status)).max();
        let mut end = match ended {
            Some((time, 200..300)) => match self.acks_of_answers().map(|seen| at(&seen.rung)).max() {
                Some(acked) => acked.max(time),
                None => {
                    let limit = ms(profile.steps.get(StepKey::SessionActive).limit_ms);
                    time.saturating_add(limit).saturating_add(ms(profile.limits.late_ms))
                }
            },
            Some((time, _)) => time,
            None if self.over => self.last.time.nanos(),
            None => self.first.time.nanos().saturating_add(ms(profile.limits.ring_ms)),
        };
        let due = ms(profile.steps.get(StepKey::PushCreated).limit_ms) + ms(profile.join.settle_ms);
        if self.pushes.is_empty()
            && let Some(rang) = self
                .phones
                .iter()
                .filter(|phone| phone.expects() != Expectation::No)
                .filter_map(|p| p.rang)
                .map(|at| at.time.nanos())
                .max()
        {
            end = end.max(rang.saturating_add(due));
        }
        end
    }
}

/// Adds a rung unless one of the same kind is already known on that hop or there are enough.
pub fn add(rungs: &mut Vec<Seen>, seen: Seen) {
    let known = rungs.iter().any(|known| known.hop == seen.hop && known.rung.from == seen.rung.from);
    if !known && rungs.len() < MAX_RUNGS {
        rungs.push(seen);
    }
}
