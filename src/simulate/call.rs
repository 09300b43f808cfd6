//! A call: the INVITE, its copies to the called user's endpoints, and what is said in the dialog.

mod text;

use super::actor::{End, User};
use super::message::{Names, Text};
use super::options::Client;
use super::stage::Stage;
use super::topology::{FRONT_END, Hop};
use crate::flow::Side;
use text::address;

/// What the Front End needs to pass a message on, milliseconds.
const HOP: i64 = 3;

/// One copy of the INVITE: an endpoint of the called user.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The endpoint.
    pub(super) end: End,
    /// Between the Front End and the endpoint.
    pub(super) hop: Hop,
    /// Where the endpoint is registered.
    contact: String,
    /// The Front End's `Via` of this copy.
    via: String,
}

impl Branch {
    /// On which side of the connection the Front End is: servers it calls, desktops call it.
    fn front_end_side(&self) -> Side {
        if self.hop.is_of_user() { Side::Server } else { Side::Client }
    }

    fn names(&self) -> Names {
        if self.end.phone.is_some() { Names::Capitals } else { Names::Mixed }
    }
}

/// A request on its way through the Front End, from one end of the dialog to the other.
struct Relay {
    method: &'static str,
    cseq: u32,
    /// Whether the caller sends it.
    outward: bool,
    branch: usize,
    via_near: String,
    via_far: String,
}

/// How much of the `To` is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Address,
    Endpoint,
    Dialog,
}

/// Who is called, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Callee<'x> {
    /// Which of the ladder's called users.
    pub(super) place: u64,
    /// The phones signed in.
    pub(super) phones: &'x [Client],
    /// Whether a desktop is signed in as well.
    pub(super) desktop: bool,
}

/// A final answer that says no, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The status code.
    pub(super) status: u16,
    /// The reason phrase.
    pub(super) reason: &'static str,
    /// The value of `ms-diagnostics` without its source; empty when there is none.
    pub(super) diagnostics: &'static str,
    /// The value of `Warning`; empty when there is none.
    pub(super) warning: &'static str,
}

/// One call on its stage.
pub(super) struct Call<'s, 'a> {
    /// Where it is told.
    pub(super) stage: &'s mut Stage<'a>,
    begin: i64,
    caller: End,
    hop: Hop,
    /// The called endpoints, phones first.
    pub(super) branches: Vec<Branch>,
    call_id: String,
    conversation: String,
    via: String,
    cseq: u32,
    front_end_tag: String,
}

impl<'s, 'a> Call<'s, 'a> {
    /// A call that begins `begin` milliseconds after its ladder; times given later count from there.
    pub(super) fn new(stage: &'s mut Stage<'a>, begin: i64, caller: u64, callee: Callee<'_>) -> Self {
        let caller = User::caller(stage.options, stage.ladder, caller);
        let user = User::callee(stage.options, stage.ladder, callee.place);
        let hop = caller.hop;
        let tag = stage.tag();
        let is_forked = callee.phones.len() + usize::from(callee.desktop) > 1;
        let mut branches = Vec::new();
        for (number, client) in (0..).zip(callee.phones) {
            let lane = stage.lane();
            let hop = if client.is_ucwa() { Hop::Ucwa(lane) } else { Hop::Mcx(lane) };
            let end = user.phone(number, *client, stage.tag());
            let port = stage.topology.ends(hop, 0).1.port();
            let contact = format!("sip:{FRONT_END}:{port};transport=tls;ms-opaque={}", stage.random.hex(10));
            let via = stage.proxy_via(hop, is_forked);
            branches.push(Branch { end, hop, contact, via });
        }
        if callee.desktop {
            let end = user.desktop(stage.tag());
            let contact = format!("sip:{};transport=tls", stage.topology.ends(user.hop, 0).0);
            let via = stage.proxy_via(user.hop, is_forked);
            branches.push(Branch { end, hop: user.hop, contact, via });
        }
        let via = stage.client_via(hop);
        let (call_id, conversation) = (stage.call_id(), stage.random.base64(22));
        let front_end_tag = stage.server_tag();
        let caller = caller.desktop(tag);
        Self {
            stage,
            begin,
            caller,
            hop,
            branches,
            call_id,
            conversation: format!("AdKj{conversation}=="),
            via,
            cseq: 1,
            front_end_tag,
        }
    }

    /// The caller's end.
    pub(super) fn caller(&self) -> &End {
        &self.caller
    }

    /// The caller sends the INVITE and hears that the Front End has it.
    pub(super) fn invites(&mut self, at: i64) {
        let relay = self.invite(0);
        let octets = self.near_request(&relay, Known::Address);
        self.near(at, Side::Client, octets);
        if self.stage.is_wordy() && !self.stage.setting.odd {
            let octets = self.front_end_answers(100, "Trying", Known::Address, "");
            self.near(at + 2, Side::Server, octets);
        }
    }

    /// The Front End finds the called user's endpoints, tells the caller, and sends each a copy.
    pub(super) fn finds_endpoints(&mut self, at: i64) {
        let count = self.branches.len();
        let diagnostics = format!(
            "13004;reason=\"Request was proxied to one or more registered endpoints\";source=\"{FRONT_END}\";\
             Count=\"{count}\";appName=\"InboundRouting\""
        );
        let octets = self.front_end_answers(101, "Progress Report", Known::Address, &diagnostics);
        if self.stage.setting.odd {
            // Two messages in one segment.
            let trying = self.front_end_answers(100, "Trying", Known::Address, "");
            self.stage.counts_another();
            self.near(at, Side::Server, [trying, octets].concat());
        } else {
            self.near(at, Side::Server, octets);
        }
        for branch in 0..count {
            let relay = self.invite(branch);
            let octets = self.far_request(&relay, Known::Endpoint);
            self.far(at + 2, branch, true, octets);
        }
    }

    /// An endpoint rings.
    pub(super) fn rings(&mut self, branch: usize, at: i64) {
        let relay = self.invite(branch);
        self.answer(&relay, at, 180, "Ringing");
    }

    /// An endpoint accepts, and the caller confirms.
    pub(super) fn is_accepted(&mut self, branch: usize, at: i64, confirmed: i64) {
        let relay = self.invite(branch);
        self.answer(&relay, at, 200, "OK");
        let relay = self.relay("ACK", 1, true, branch);
        self.pass(&relay, at + confirmed);
    }

    /// An endpoint refuses: its answer goes through to the caller.
    pub(super) fn is_refused(&mut self, branch: usize, at: i64, refusal: Refusal) {
        let relay = self.invite(branch);
        let octets = self.refusal(&relay, refusal, true);
        self.far(at, branch, false, octets);
        let octets = self.acknowledgement(branch);
        self.far(at + 1, branch, true, octets);
        let octets = self.refusal(&relay, refusal, false);
        self.near(at + HOP, Side::Server, octets);
        self.confirms_refusal(branch, at + HOP + 4);
    }

    /// Nobody answered: the Front End ends the call by itself.
    pub(super) fn is_given_up(&mut self, at: i64, refusal: Refusal) {
        self.cancels_branches(at, None);
        let octets = self.front_end_refuses(refusal);
        self.near(at + 20, Side::Server, octets);
        self.confirms_refusal(usize::MAX, at + 24);
    }

    /// The caller hangs up before anybody answered.
    pub(super) fn is_cancelled(&mut self, at: i64) {
        let octets = self.cancel(None);
        self.near(at, Side::Client, octets);
        let octets = self.cancel_is_heard(None);
        self.near(at + 1, Side::Server, octets);
        self.cancels_branches(at + HOP, None);
        let refusal = Refusal { status: 487, reason: "Request Terminated", diagnostics: "", warning: "" };
        let octets = self.front_end_refuses(refusal);
        self.near(at + 20, Side::Server, octets);
        self.confirms_refusal(usize::MAX, at + 24);
    }

    /// The Front End takes the INVITE back from all endpoints but `winner`.
    pub(super) fn cancels_branches(&mut self, at: i64, winner: Option<usize>) {
        let refusal = Refusal { status: 487, reason: "Request Terminated", diagnostics: "", warning: "" };
        for branch in (0..self.branches.len()).filter(|branch| Some(*branch) != winner) {
            let octets = self.cancel(Some(branch));
            self.far(at, branch, true, octets);
            let octets = self.cancel_is_heard(Some(branch));
            self.far(at + 2, branch, false, octets);
            let relay = self.invite(branch);
            let octets = self.refusal(&relay, refusal, true);
            self.far(at + 4, branch, false, octets);
            let octets = self.acknowledgement(branch);
            self.far(at + 6, branch, true, octets);
        }
    }

    /// One end sends a request within the dialog, and the other accepts it.
    pub(super) fn exchanges(&mut self, at: i64, branch: usize, outward: bool, method: &'static str) {
        self.cseq += 1;
        let relay = self.relay(method, self.cseq, outward, branch);
        self.pass(&relay, at);
        self.answer(&relay, at + HOP + 6, 200, "OK");
    }

    fn near(&mut self, at: i64, side: Side, octets: Vec<u8>) {
        self.stage.say(self.begin + at, self.hop, side, octets);
    }

    fn far(&mut self, at: i64, branch: usize, by_front_end: bool, octets: Vec<u8>) {
        let Some(branch) = self.branches.get(branch) else { return };
        let side = branch.front_end_side();
        let side = if by_front_end { side } else { side.other() };
        self.stage.say(self.begin + at, branch.hop, side, octets);
    }

    fn invite(&self, branch: usize) -> Relay {
        let via_far = self.branches.get(branch).map(|branch| branch.via.clone()).unwrap_or_default();
        Relay { method: "INVITE", cseq: 1, outward: true, branch, via_near: self.via.clone(), via_far }
    }

    fn relay(&mut self, method: &'static str, cseq: u32, outward: bool, branch: usize) -> Relay {
        let far = self.branches.get(branch).map_or(self.hop, |branch| branch.hop);
        let is_phone = self.branches.get(branch).is_some_and(|branch| branch.end.phone.is_some());
        let (via_near, via_far) = if outward {
            (self.stage.client_via(self.hop), self.stage.proxy_via(far, false))
        } else if is_phone {
            (self.stage.service_via(far), self.stage.proxy_via(self.hop, false))
        } else {
            (self.stage.client_via(far), self.stage.proxy_via(self.hop, false))
        };
        Relay { method, cseq, outward, branch, via_near, via_far }
    }

    /// Both copies of a request within the dialog.
    fn pass(&mut self, relay: &Relay, at: i64) {
        let first = self.near_request(relay, Known::Dialog);
        let second = self.far_request(relay, Known::Dialog);
        if relay.outward {
            self.near(at, Side::Client, first);
            self.far(at + HOP, relay.branch, true, second);
        } else {
            self.far(at, relay.branch, false, first);
            self.near(at + HOP, Side::Server, second);
        }
    }

    /// Both copies of an answer that says yes, or not yet.
    fn answer(&mut self, relay: &Relay, at: i64, status: u16, reason: &'static str) {
        let refusal = Refusal { status, reason, diagnostics: "", warning: "" };
        let first = self.refusal(relay, refusal, true);
        let second = self.refusal(relay, refusal, false);
        if relay.outward {
            self.far(at, relay.branch, false, first);
            self.near(at + HOP, Side::Server, second);
        } else {
            self.near(at, Side::Client, first);
            self.far(at + HOP, relay.branch, true, second);
        }
    }

    fn confirms_refusal(&mut self, branch: usize, at: i64) {
        let tag = match self.branches.get(branch) {
            Some(branch) => format!("{};tag={}", address(&branch.end, false), branch.end.tag),
            None => format!("{};tag={}", self.callee_address(), self.front_end_tag),
        };
        let mut text = Text::request("ACK", self.callee_aor());
        text.header("Via", &self.via).header("Max-Forwards", 70);
        self.ends(&mut text, &tag, 1, "ACK");
        let octets = text.end(b"");
        self.near(at, Side::Client, octets);
    }
}
