//! The evidence of one ladder, as the rules ask for it.

use crate::flow::Side;
use crate::judge::Judgement;
use crate::judge::push::{self, Reach};
use crate::judge::status::Status;
use crate::ladder::Ladder;
use crate::ladder::leg::Leg;
use crate::ladder::profile::{Profile, StepKey, uri_host};
use crate::ladder::rung::{Answer, Diagnosis as Report, Ending, PushSeen, Rung};

/// Status codes that say no more than that nobody answered.
const NOBODY: &[u16] = &[408, 480, 487, 504];

/// One ladder with all that is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What was seen.
    pub ladder: &'a Ladder,
    /// How it was judged.
    pub judgement: &'a Judgement,
    /// By which profile.
    pub profile: &'a Profile,
    /// What the push waited for and what came to nothing.
    pub waited: Option<&'a Waited>,
    /// Whether frames are those of several inputs.
    pub several: bool,
}

/// What came to nothing while a push waited for it. What was seen of it are sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waited {
    /// A TLS handshake.
    Handshake {
        /// The side that does not take the other one's certificate, where that is why.
        distrusting: Option<Side>,
        /// What was seen of it.
        shown: String,
    },
    /// A TCP connection.
    Connection {
        /// A RST said no; else nothing answered.
        refused: bool,
        /// It was to the Edge, from inside; else to whoever the Edge may have dialed.
        to_edge: bool,
        /// It cannot have been another server that the push waited for.
        sure: bool,
        /// What was seen of it.
        shown: String,
    },
}

impl Waited {
    /// Whether it is known to be what the push waited for.
    pub const fn is_sure(&self) -> bool {
        !matches!(self, Self::Connection { sure: false, .. })
    }

    /// What was seen of it, as sentences.
    pub fn shown(&self) -> &str {
        match self {
            Self::Handshake { shown, .. } | Self::Connection { shown, .. } => shown,
        }
    }
}

/// One ms-diagnostics value that is about the push.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// The value.
    pub report: &'a Report,
    /// The status of the response that carries it.
    pub status: u16,
    /// Whether the response is the call's and not the push's.
    pub of_call: bool,
}

impl<'a> Case<'a> {
    /// What people call the frame of a rung.
    pub fn frame(&self, rung: &Rung) -> String {
        rung.at.name(self.several)
    }

    /// The push that decided.
    pub fn push(&self) -> Option<&'a PushSeen> {
        self.ladder.pushes.get(self.judgement.push?)
    }

    /// The status of a step.
    pub fn status(&self, key: StepKey) -> Status {
        self.judgement.steps.get(key.index()).map_or(Status::NotCovered, |step| step.status)
    }

    /// Whether there is a finding of this code.
    pub fn has(&self, code: &str) -> bool {
        self.judgement.findings.iter().any(|finding| finding.code == code)
    }

    /// The answer that refused the push.
    pub fn refusal(&self) -> Option<&'a Answer> {
        if !matches!(self.judgement.reach, Reach::RefusedInside | Reach::RefusedOutside) {
            return None;
        }
        push::decisive(self.push()?)
    }

    /// Whether the push was refused with 504, as by a server that does not reach the next one.
    pub fn is_504(&self) -> bool {
        self.refusal().is_some_and(|answer| answer.status == 504)
    }

    /// Its copies on every leg.
    pub fn refusals(&self) -> impl Iterator<Item = &'a Answer> {
        let status = self.refusal().map(|answer| answer.status);
        let answers = self.push().into_iter().flat_map(|push| &push.answers);
        answers.filter(move |answer| Some(answer.status) == status)
    }

    /// Whether an answer to the push came from outside.
    pub fn is_from_outside(&self) -> bool {
        let mut answers = self.push().into_iter().flat_map(|push| &push.answers);
        answers.any(|answer| push::is_from_outside(answer, self.profile))
    }

    /// Whether the Edge made the push's answer itself.
    pub fn is_made_by_edge(&self) -> bool {
        let sources = &self.profile.push.edge_sources;
        let is = |source: &str| sources.iter().any(|known| known.eq_ignore_ascii_case(source));
        let mut answers = self.push().into_iter().flat_map(|push| &push.answers);
        answers.any(|answer| answer.source_type.as_deref().is_some_and(is))
    }

    /// The push request on its way from the Edge to the clearing house.
    pub fn left(&self) -> Option<&'a Rung> {
        self.request_on(Leg::EdgeExternal)
    }

    /// The push request on its way to the Edge.
    pub fn to_edge(&self) -> Option<&'a Rung> {
        self.request_on(Leg::EdgeInternal)
    }

    fn request_on(&self, leg: Leg) -> Option<&'a Rung> {
        self.push()?.requests.iter().map(|(rung, _)| rung).find(|rung| rung.leg == Some(leg))
    }

    /// Every ms-diagnostics value about the push: those of its refusal, or, where that is out of view, those of
    /// the call's final response that name the clearing house.
    pub fn told(&self) -> Vec<Told<'a>> {
        if self.refusal().is_some() {
            let of = |answer: &'a Answer| {
                answer.diagnostics.iter().map(|report| Told { report, status: answer.status, of_call: false })
            };
            return self.refusals().flat_map(of).collect();
        }
        if self.status(StepKey::CallAnswered) != Status::Failed {
            return Vec::new();
        }
        let of = |answer: &'a Answer| {
            answer.diagnostics.iter().map(|report| Told { report, status: answer.status, of_call: true })
        };
        self.ladder.answers.iter().flat_map(of).filter(|told| self.is_about_push(told.report)).collect()
    }

    /// Whether a report names the clearing house, by its parameters.
    fn is_about_push(&self, report: &Report) -> bool {
        let is = |name: &Option<Box<str>>, known: &str| {
            name.as_deref().is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(known))
        };
        let domains = self.profile.push.uris.iter().filter_map(|uri| uri_host(uri));
        domains.into_iter().any(|domain| is(&report.domain, domain))
            || self.profile.push.peer_hosts.iter().any(|peer| is(&report.peer, peer))
    }

    /// The status of the call's final response, where that is a refusal.
    pub fn call_refused(&self) -> Option<u16> {
        if self.ladder.ending != Ending::Refused || self.status(StepKey::CallAnswered) != Status::Failed {
            return None;
        }
        self.ladder.answers.first().map(|answer| answer.status)
    }

    /// Whether the call ended, or is still open past its limit, without anybody having said a word.
    pub fn nobody_answered(&self) -> bool {
        self.status(StepKey::CallAnswered) == Status::Missing
            || self.call_refused().is_some_and(|status| NOBODY.contains(&status))
    }
}
