//! A closed ladder and the rungs on it: what was seen of one push exchange.

use std::net::SocketAddr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::client::Phone;
use super::kept::Kept;
use super::leg::Leg;
use crate::frame::{FrameRef, Timestamp};

/// One observed message on one hop. Copies share its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The frame that completed the message.
    pub at: FrameRef,
    /// Which leg that is; `None` for a hop that is none of the ladder's, such as another endpoint's.
    pub leg: Option<Leg>,
    /// Who sent it.
    pub from: SocketAddr,
    /// Who received it.
    pub to: SocketAddr,
    /// What it is, one line without message text.
    pub summary: Arc<str>,
    /// The whole message, when the settings ask for it.
    pub raw: Option<Arc<Kept>>,
}

/// A final response, with what it says of why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where and when.
    pub rung: Rung,
    /// Its status code.
    pub status: u16,
    /// Every ms-diagnostics value, in header order.
    pub diagnostics: Vec<Diagnosis>,
    /// `ms-source-type` of ms-edge-proxy-message-trust.
    pub source_type: Option<Box<str>>,
    /// `ms-ep-fqdn` of ms-edge-proxy-message-trust: the Edge that wrote it.
    pub edge: Option<Box<str>>,
    /// The first Warning code.
    pub warning: Option<u16>,
}

/// One ms-diagnostics value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Its number.
    pub id: u32,
    /// The host that reports it.
    pub source: Option<Box<str>>,
    /// The reason text, which differs between versions and is only for people.
    pub reason: Option<Box<str>>,
    /// The SIP domain it is about.
    pub domain: Option<Box<str>>,
    /// The server it is about.
    pub peer: Option<Box<str>>,
    /// The operating system's number for what went wrong.
    pub os_error: Option<u32>,
}

/// What set a ladder off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// A call.
    Invite,
    /// A message inside a session.
    Message,
    /// A push that joins no call in view.
    PushOnly,
    /// An administrator's test push.
    Test,
}

impl Trigger {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Message => "message",
            Self::PushOnly => "push-only",
            Self::Test => "test",
        }
    }
}

/// How a call ended, as far as it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// No final response was seen.
    Open,
    /// A phone answered with 2xx.
    ByPhone,
    /// Another endpoint of the callee answered with 2xx.
    Elsewhere,
    /// Somebody answered with 2xx, and the capture does not show who.
    Answered,
    /// The caller gave up.
    CancelledByCaller,
    /// The Front End cancelled the phone's branch, and the capture does not show why.
    CancelledByFrontEnd,
    /// A final response outside 2xx.
    Refused,
}

/// A push request and its answers, on every hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushSeen {
    /// Its Call-ID.
    pub call_id: Box<str>,
    /// Its method.
    pub method: Box<str>,
    /// The host it is addressed to.
    pub host: Box<str>,
    /// The user it is sent for: From, where that is an address.
    pub sender: Option<Box<str>>,
    /// Index into [`Ladder::phones`] of the phone it is for, when that is known.
    pub phone: Option<usize>,
    /// The request on each hop, with its Via count, in time order.
    pub requests: Vec<(Rung, usize)>,
    /// Final responses on each hop, in time order.
    pub answers: Vec<Answer>,
    /// Whether its request lies before the capture.
    pub request_unseen: bool,
}

/// How sure it is that a push belongs to its call.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    /// 0 to 1.
    pub confidence: f64,
    /// The kinds of evidence, by their profile keys.
    pub evidence: Vec<&'static str>,
    /// Other calls that came into question.
    pub rivals: Vec<Rival>,
}

/// A call that a push might have belonged to instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Rival {
    /// Its Call-ID.
    pub call_id: Box<str>,
    /// 0 to 1.
    pub confidence: f64,
}

/// One push exchange, closed: facts only.
#[derive(Clone, Debug)]
pub struct Ladder {
    /// Stable over runs: made from Call-ID, tag and CSeq of what set it off.
    pub id: Box<str>,
    /// What set it off.
    pub trigger: Trigger,
    /// Whether it begins before the capture: no INVITE was seen.
    pub opened_late: bool,
    /// Where it was met only when others of its time were closed: until when these fell due. Any part of it up to then may
    /// have been given with them.
    pub met_late: Option<Timestamp>,
    /// The first message seen.
    pub first: FrameRef,
    /// The last message that counts.
    pub last: FrameRef,
    /// The capture time at which it was closed.
    pub closed: Timestamp,
    /// The caller's address of record.
    pub caller: Option<Box<str>>,
    /// The callee's address of record.
    pub callee: Option<Box<str>>,
    /// The callee's display name.
    pub callee_name: Option<Box<str>>,
    /// The call's Call-ID.
    pub call_id: Option<Box<str>>,
    /// Ms-Conversation-ID.
    pub conversation_id: Option<Box<str>>,
    /// The callee's mobile endpoints, in the order they showed.
    pub phones: Vec<Phone>,
    /// Pushes that belong to it, in time order.
    pub pushes: Vec<PushSeen>,
    /// How the first push was joined; `None` for a push alone or none at all.
    pub join: Option<Joined>,
    /// The INVITE or MESSAGE on the caller's leg: step 1.
    pub invite: Vec<Rung>,
    /// 101 Progress Report or the copy to the mobility service: step 2.
    pub lookup: Vec<Rung>,
    /// 180 Ringing of a phone: step 3.
    pub ringing: Vec<Rung>,
    /// Final responses of the INVITE or MESSAGE, that of the caller's leg first if it was seen: step 9.
    pub answers: Vec<Answer>,
    /// CANCEL requests.
    pub cancels: Vec<Rung>,
    /// ACK and in-dialog requests: step 10.
    pub active: Vec<Rung>,
    /// How the call ended.
    pub ending: Ending,
    /// Requests of the phone's endpoint to somewhere else, which may be its push when none is known.
    pub strays: Vec<Rung>,
    /// Whether the INVITE went to an endpoint other than a phone as well.
    pub forked: bool,
}

impl Ladder {
    /// Every message that is part of it, on every leg.
    pub fn evidence(&self) -> impl Iterator<Item = &Rung> {
        let of_call = [&self.invite, &self.lookup, &self.ringing, &self.cancels, &self.active, &self.strays];
        let requests = self.pushes.iter().flat_map(|push| push.requests.iter().map(|(rung, _)| rung));
        let answers = self.pushes.iter().flat_map(|push| &push.answers).chain(&self.answers);
        of_call.into_iter().flatten().chain(requests).chain(answers.map(|answer| &answer.rung))
    }

    /// Whether its caller or its callee is `user`, whatever the letter case.
    pub fn is_of(&self, user: &str) -> bool {
        [&self.caller, &self.callee].into_iter().flatten().any(|one| one.eq_ignore_ascii_case(user))
    }
}
