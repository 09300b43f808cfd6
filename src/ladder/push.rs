//! One push request: its copies on every hop and their answers.

use super::coverage::{Coverage, Hop};
use super::leg::{Leg, LegSet};
use super::profile::{Profile, StepKey};
use super::rung::{Answer, Joined, PushSeen, Rung};
use super::table::Key;
use crate::frame::{FrameRef, Timestamp};

/// Copies and answers kept for each push; a hop more than this shows nothing new.
pub const MAX_COPIES: usize = 16;

/// Whether and to what a push is joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its call may still show itself.
    Waiting,
    /// No call is known for it.
    Alone,
    /// It belongs to the INVITE of the call in this place.
    Call(usize),
    /// It belongs to the MESSAGE with this CSeq of the call in this place.
    Message(usize, u32),
}

/// The request on one hop.
#[derive(Clone, Debug)]
pub struct PushCopy {
    pub hop: Hop,
    pub via: usize,
    pub routed_to_edge: bool,
    pub rung: Rung,
}

/// The final response on one hop.
#[derive(Clone, Debug)]
pub struct PushAnswer {
    pub hop: Hop,
    pub via: usize,
    pub answer: Answer,
}

/// A push request as it is followed.
#[derive(Clone, Debug)]
pub struct Push {
    pub key: Key,
    pub call_id: Box<str>,
    pub method: Box<str>,
    /// Whether it only checks the route: nobody is to be woken.
    pub check: bool,
    /// The host it is addressed to.
    pub host: Box<str>,
    pub test: bool,
    /// Addresses it claims to come from: From, then P-Asserted-Identity.
    pub senders: Vec<Box<str>>,
    pub epid: Option<Box<str>>,
    pub gruu: Option<Box<str>>,
    /// Request-URI, headers that may hold an identifier, and body, for joining; empty once joined.
    pub text: Box<[u8]>,
    pub first: FrameRef,
    pub last: FrameRef,
    /// Until when others were closed that it may belong to, where it was met too late for them.
    pub late: Option<Timestamp>,
    pub requests: Vec<PushCopy>,
    pub answers: Vec<PushAnswer>,
    pub state: State,
    pub joined: Option<Joined>,
    pub scheduled: i64,
    pub generation: u32,
}

impl Push {
    /// When nothing more is to come of it: its last answer, or the hard limit after its last request.
    pub fn story_end(&self, profile: &Profile) -> i64 {
        let answered = |copy: &PushCopy| self.answers.iter().any(|answer| answer.hop == copy.hop);
        if !self.answers.is_empty() && self.requests.iter().all(answered) {
            return self.last.time.nanos();
        }
        let limit = i64::from(profile.steps.get(StepKey::PushAccepted).limit_ms) + i64::from(profile.limits.late_ms);
        self.last.time.nanos().saturating_add(limit.saturating_mul(1_000_000))
    }

    /// Adds the request on a hop; a copy on a hop already known changes nothing.
    pub fn add_request(&mut self, copy: PushCopy) {
        self.seen(copy.rung.at);
        let known = self.requests.iter().any(|known| known.hop == copy.hop && known.via == copy.via);
        if !known && self.requests.len() < MAX_COPIES {
            self.requests.push(copy);
        }
    }

    /// Adds a final response on a hop; a copy on a hop already known changes nothing.
    pub fn add_answer(&mut self, answer: PushAnswer) {
        self.seen(answer.answer.rung.at);
        let known = self.answers.iter().any(|known| known.hop == answer.hop && known.via == answer.via);
        if !known && self.answers.len() < MAX_COPIES {
            self.answers.push(answer);
        }
    }

    fn seen(&mut self, at: FrameRef) {
        self.last = self.last.later(at);
        if at.time < self.first.time {
            self.first = at;
        }
    }

    /// Says which leg each copy is, as far as can be told by now, and tells the coverage.
    ///
    /// One Via is the first hop, and more for a check of the route, which the Front End makes. Of the later hops, the one whose answer the Edge marked with
    /// ms-edge-proxy-message-trust, or whose request is routed on by ms-edge-route, is inside the Edge;
    /// the deepest is outside. A lone hop is inside with two Via and outside with more.
    pub fn resolve(&mut self, coverage: &mut Coverage) {
        let hops: Vec<(Hop, usize, u16)> = self
            .requests
            .iter()
            .map(|copy| (copy.hop, copy.via, copy.rung.at.input))
            .chain(self.answers.iter().map(|answer| (answer.hop, answer.via, answer.answer.rung.at.input)))
            .collect();
        for (hop, via, input) in hops {
            let leg = self.leg(hop, via, input, coverage);
            coverage.sip(hop, input, Some(leg));
            if leg == Leg::EdgeInternal {
                let requests = self.requests.iter().filter(|copy| copy.hop == hop && copy.via == via);
                requests.for_each(|copy| coverage.edge(copy.rung.to.ip()));
            }
            let copies =
                self.requests.iter_mut().filter(|copy| copy.hop == hop && copy.via == via).map(|c| &mut c.rung);
            let answers = self.answers.iter_mut().filter(|answer| answer.hop == hop && answer.via == via);
            for rung in copies.chain(answers.map(|answer| &mut answer.answer.rung)) {
                rung.leg = Some(leg);
            }
        }
    }

    fn leg(&self, hop: Hop, via: usize, input: u16, coverage: &Coverage) -> Leg {
        let edge = LegSet::of(&[Leg::EdgeInternal, Leg::EdgeExternal]);
        let routed = self.requests.iter().any(|copy| copy.hop == hop && copy.via == via && copy.routed_to_edge);
        let told = coverage.told(input);
        // The Front End makes a check of the route itself: no hop comes before its own.
        let (own, via) = (via, via + usize::from(self.check));
        if (via <= 1 || own <= 1 && hop.is_one_host())
            && !routed
            && (told.is_empty() || told.contains(Leg::PushInternal) || hop.is_one_host())
        {
            return Leg::PushInternal;
        }
        let marked =
            |answer: &PushAnswer| answer.hop == hop && answer.via == own && answer.answer.source_type.is_some();
        let vias = || self.requests.iter().map(|copy| copy.via).chain(self.answers.iter().map(|answer| answer.via));
        let vias = || vias().map(|via| via + usize::from(self.check));
        if let Some(leg) = told.intersection(edge).only() {
            leg
        } else if routed || self.answers.iter().any(marked) {
            Leg::EdgeInternal
        } else if let Some(leg) = coverage.legs_of(&hop).intersection(edge).only() {
            leg
        } else if vias().any(|other| other > via) {
            Leg::EdgeInternal
        } else if via > 2 || vias().any(|other| other >= 2 && other < via) {
            Leg::EdgeExternal
        } else {
            Leg::EdgeInternal
        }
    }

    /// The push as its ladder keeps it.
    pub fn close(mut self, phone: Option<usize>, coverage: &mut Coverage) -> PushSeen {
        self.resolve(coverage);
        let mut requests: Vec<(Rung, usize)> = self.requests.into_iter().map(|copy| (copy.rung, copy.via)).collect();
        requests.sort_by_key(|(rung, _)| (rung.at.time, rung.at.input, rung.at.number));
        let mut answers: Vec<Answer> = self.answers.into_iter().map(|answer| answer.answer).collect();
        answers.sort_by_key(|answer| (answer.rung.at.time, answer.rung.at.input, answer.rung.at.number));
        let request_unseen = requests.is_empty();
        let Self { call_id, method, host, senders, .. } = self;
        let sender = senders.into_iter().next();
        PushSeen { call_id, method, host, sender, phone, requests, answers, request_unseen }
    }
}
