//! A call: the INVITE, its copies to the called user's endpoints, and what is said in the dialog.

use super::actor::{End, User};
use super::message::{Names, Text};
use super::options::Client;
use super::stage::Stage;
use super::topology::{FRONT_END, Hop};
use crate::flow::Side;

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

    fn callee_aor(&self) -> &str {
        self.branches.first().map_or("sip:nobody@example.com", |branch| &branch.end.aor)
    }

    fn callee_address(&self) -> String {
        format!("<{}>", self.callee_aor())
    }

    /// `From`, `To`, `Call-ID` and `CSeq` of what the caller began.
    fn ends(&self, text: &mut Text, to: &str, cseq: u32, method: &str) {
        let from = format!("{};tag={};epid={}", address(&self.caller, true), self.caller.tag, self.caller.epid);
        text.header("From", from).header("To", to);
        text.header("Call-ID", &self.call_id).header("CSeq", format_args!("{cseq} {method}"));
    }

    fn near_request(&mut self, relay: &Relay, known: Known) -> Vec<u8> {
        let uri = match (known, relay.outward, self.branches.get(relay.branch)) {
            (Known::Dialog, true, Some(branch)) => branch.end.gruu.clone(),
            (Known::Dialog, false, _) => self.caller.gruu.clone(),
            _ => self.callee_aor().to_owned(),
        };
        let mut text = Text::request(relay.method, uri);
        text.spell(self.sender_names(relay));
        text.header("Via", &relay.via_near).header("Max-Forwards", 70);
        self.request_lines(&mut text, relay, known);
        if known == Known::Dialog && self.stage.is_wordy() {
            let route = self.route();
            text.header("Route", format_args!("<{route}>"));
        }
        let (kind, content) = self.content(relay);
        text.header_if_any("Content-Type", kind);
        text.end(&content)
    }

    fn far_request(&mut self, relay: &Relay, known: Known) -> Vec<u8> {
        let far_hop = if relay.outward { self.branches.get(relay.branch).map(|b| b.hop) } else { Some(self.hop) };
        let uri = match self.branches.get(relay.branch) {
            Some(branch) if relay.outward => branch.contact.clone(),
            _ => format!("sip:{};transport=tls", self.stage.topology.ends(self.hop, 0).0),
        };
        let (kind, content) = self.content(relay);
        let mut text = Text::request(relay.method, uri);
        if relay.method == "INVITE" {
            let route = self.route();
            let tag = &self.front_end_tag;
            text.header("Record-Route", format_args!("<{route}>;tag={tag}"));
            if self.stage.setting.odd {
                let second = "sip:dir01.example.com:5061;transport=tls;opaque=state:Si;lr";
                text.header(
                    "Record-Route",
                    format_args!("<{second}>;ms-rrsig={}AA;tag={tag}", self.stage.random.base64_url(42)),
                );
            }
        }
        text.header("Via", &relay.via_far);
        if far_hop.is_some_and(Hop::is_of_user) || self.stage.setting.odd {
            text.header_if_any("Authentication-Info", &self.stage.authentication_info());
        }
        text.header("Max-Forwards", 69);
        text.spell(self.sender_names(relay)).header("Content-Length", content.len());
        let origin = if relay.outward { Some(self.hop) } else { self.branches.get(relay.branch).map(|b| b.hop) };
        let via = origin.map_or_else(String::new, |hop| self.stage.received(&relay.via_near, hop));
        text.header("Via", via);
        self.request_lines(&mut text, relay, known);
        text.header_if_any("Content-Type", kind);
        text.close(&content)
    }

    fn sender_names(&self, relay: &Relay) -> Names {
        match self.branches.get(relay.branch) {
            Some(branch) if !relay.outward => branch.names(),
            _ => Names::Mixed,
        }
    }

    fn request_lines(&mut self, text: &mut Text, relay: &Relay, known: Known) {
        let Some(branch) = self.branches.get(relay.branch) else { return };
        let (from, to) = if relay.outward { (&self.caller, &branch.end) } else { (&branch.end, &self.caller) };
        text.header("From", format_args!("{};tag={};epid={}", address(from, true), from.tag, from.epid));
        let to_address = address(to, false);
        match known {
            Known::Address => text.header("To", to_address),
            Known::Endpoint => text.header("To", format_args!("{to_address};epid={}", to.epid)),
            Known::Dialog => text.header("To", format_args!("{to_address};epid={};tag={}", to.epid, to.tag)),
        };
        text.header("Call-ID", &self.call_id).header("CSeq", format_args!("{} {}", relay.cseq, relay.method));
        if relay.method == "INVITE" {
            text.header("Contact", format_args!("<{}>", from.gruu));
        }
        if relay.method == "INVITE" || self.stage.is_wordy() {
            text.header("User-Agent", from.agent);
        }
        if relay.method == "INVITE" {
            self.invite_lines(text);
        }
    }

    /// What an INVITE for a conversation in text says about it.
    fn invite_lines(&mut self, text: &mut Text) {
        text.header("Ms-Conversation-ID", &self.conversation).header("Supported", "ms-delayed-accept");
        if !self.stage.is_wordy() {
            return;
        }
        text.header("Supported", "ms-dialog-route-set-update").header("Supported", "ms-embedded-first-message");
        text.header("ms-text-format", format_args!("text/plain; charset=UTF-8; ms-body={}", self.first_words()));
        let callee = self.callee_aor().to_owned();
        text.header("Roster-Manager", &self.caller.aor);
        text.header("EndPoints", format_args!("<{}>, <{callee}>", self.caller.aor));
        text.header("Supported", "com.microsoft.rtc-multiparty").header("ms-keep-alive", "UAC;hop-hop=yes");
        text.header("Allow", "INVITE, BYE, ACK, CANCEL, INFO, MESSAGE, UPDATE, REFER, NOTIFY, BENOTIFY");
        text.header("history-info", format_args!("<{callee}>;index=1"));
    }

    /// The first message, in base64: short, or longer than two segments where everything is odd.
    fn first_words(&mut self) -> String {
        if self.stage.setting.odd { self.stage.random.base64(3_600) } else { "cXdl".to_owned() }
    }

    fn route(&mut self) -> String {
        let connection = self.stage.connection_name(self.hop).to_ascii_lowercase();
        let signature = self.stage.signature();
        format!("sip:{FRONT_END}:5061;transport=tls;opaque=state:T:F:Ci.R{connection};lr;ms-route-sig={signature}")
    }

    fn content(&self, relay: &Relay) -> (&'static str, Vec<u8>) {
        match relay.method {
            "INVITE" => ("application/sdp", self.session("null").into_bytes()),
            "MESSAGE" if relay.outward => ("text/plain; charset=UTF-8", b"Are you still in the building?".to_vec()),
            "MESSAGE" => ("text/plain; charset=UTF-8", b"On my way.".to_vec()),
            "INFO" => ("application/xml", br#"<KeyboardActivity><status status="type"/></KeyboardActivity>"#.to_vec()),
            _ => ("", Vec::new()),
        }
    }

    /// The session description: a conversation in text with `peer`.
    ///
    /// Source: RFC 4566 §5.
    fn session(&self, peer: &str) -> String {
        let address = self.stage.topology.ends(self.hop, 0).0.ip();
        let family = if address.is_ipv4() { "IP4" } else { "IP6" };
        let types = if self.stage.is_wordy() {
            "text/plain multipart/alternative image/gif text/rtf text/html application/x-ms-ink \
             application/ms-imdn+xml text/x-msmsgsinvite"
        } else {
            "text/plain"
        };
        format!(
            "v=0\r\no=- 0 0 IN {family} {address}\r\ns=session\r\nc=IN {family} {address}\r\nt=0 0\r\n\
             m=message 5060 sip {peer}\r\na=accept-types:{types}\r\n"
        )
    }

    /// An answer of the other end, as it leaves there (`first`) or as the Front End passes it on.
    fn refusal(&mut self, relay: &Relay, answer: Refusal, first: bool) -> Vec<u8> {
        let Some(branch) = self.branches.get(relay.branch).cloned() else { return Vec::new() };
        let (from, to) = if relay.outward {
            (self.caller.clone(), branch.end.clone())
        } else {
            (branch.end.clone(), self.caller.clone())
        };
        let origin = if relay.outward { self.hop } else { branch.hop };
        let names = if to.phone.is_some() { Names::Capitals } else { Names::Mixed };
        let mut text = Text::response(answer.status, answer.reason);
        if first {
            text.header("Via", &relay.via_far);
        } else if origin.is_of_user() {
            text.header_if_any("Authentication-Info", &self.stage.authentication_info());
        }
        text.header("Via", self.stage.received(&relay.via_near, origin)).spell(names);
        text.header("From", format_args!("{};tag={};epid={}", address(&from, true), from.tag, from.epid));
        // Services write the tag first, desktops the endpoint.
        match to.phone {
            Some(_) => text.header("To", format_args!("{};tag={};epid={}", address(&to, true), to.tag, to.epid)),
            None => text.header("To", format_args!("{};epid={};tag={}", address(&to, false), to.epid, to.tag)),
        };
        text.header("CSeq", format_args!("{} {}", relay.cseq, relay.method)).header("Call-ID", &self.call_id);
        if relay.method == "INVITE" && answer.status < 300 {
            if self.stage.is_wordy() {
                let (route, tag) = (self.route(), &self.front_end_tag);
                text.header("Record-Route", format_args!("<{route}>;tag={tag}"));
                text.header("Supported", "gruu-10").header("Allow", "UPDATE");
            }
            let features = if to.phone.is_some() { ";text;audio;video" } else { "" };
            text.header("Contact", format_args!("<{}>{features}", to.gruu));
            text.header("P-Asserted-Identity", self.asserted(&to));
        }
        if !answer.diagnostics.is_empty() {
            text.header("ms-diagnostics", format_args!("{};source=\"{FRONT_END}\"", answer.diagnostics));
        }
        text.header_if_any("Warning", answer.warning);
        if relay.method == "INVITE" || self.stage.is_wordy() {
            text.header(if to.phone.is_some() { "Server" } else { "User-Agent" }, to.agent);
        }
        if relay.method == "INVITE" && answer.status == 200 {
            text.header("Content-Type", "application/sdp");
            let session = self.session(&to.aor);
            return text.end(session.as_bytes());
        }
        text.end(b"")
    }

    /// Services write the name between curly quotes and the scheme in capitals.
    fn asserted(&self, end: &End) -> String {
        let address = end.aor.trim_start_matches("sip:");
        match (&end.phone, self.stage.setting.odd) {
            (Some(_), false) => format!("\u{201c}{}\u{201d}<SIP:{address}>", end.name),
            (None, false) => format!("\"{}\"<sip:{address}>", end.name),
            (_, true) => format!("\"{} Br\u{e4}u\"<SIP:{address}>,<tel:+15550100>", end.name),
        }
    }

    /// An answer the Front End makes itself before it knows any endpoint's.
    fn front_end_answers(&mut self, status: u16, reason: &str, known: Known, diagnostics: &str) -> Vec<u8> {
        let mut text = Text::response(status, reason);
        text.header("Via", self.stage.received(&self.via, self.hop));
        let to = match known {
            Known::Dialog => format!("{};tag={}", self.callee_address(), self.front_end_tag),
            _ => self.callee_address(),
        };
        self.ends(&mut text, &to, 1, "INVITE");
        if self.stage.setting.odd && !diagnostics.is_empty() {
            text.header("ms-diagnostics", "25008;reason=\"Attempting to route to Primary Pool\"");
        }
        text.header_if_any("ms-diagnostics", diagnostics);
        text.end(b"")
    }

    fn front_end_refuses(&mut self, refusal: Refusal) -> Vec<u8> {
        let diagnostics = match refusal.diagnostics {
            "" => String::new(),
            text => format!("{text};source=\"{FRONT_END}\""),
        };
        self.front_end_answers(refusal.status, refusal.reason, Known::Dialog, &diagnostics)
    }

    /// The ACK of a refusal concerns one hop only.
    ///
    /// Source: RFC 3261 §17.1.1.3.
    fn acknowledgement(&mut self, branch: usize) -> Vec<u8> {
        let Some(branch) = self.branches.get(branch) else { return Vec::new() };
        let mut text = Text::request("ACK", &branch.contact);
        text.header("Via", &branch.via).header("Max-Forwards", 70);
        let to = format!("{};epid={};tag={}", address(&branch.end, false), branch.end.epid, branch.end.tag);
        self.ends(&mut text, &to, 1, "ACK");
        text.end(b"")
    }

    /// A CANCEL by the caller, or by the Front End to one endpoint.
    ///
    /// Source: RFC 3261 §9.1.
    fn cancel(&mut self, branch: Option<usize>) -> Vec<u8> {
        let (uri, via, to) = match branch.and_then(|branch| self.branches.get(branch)) {
            Some(branch) => {
                let to = format!("{};epid={}", address(&branch.end, false), branch.end.epid);
                (branch.contact.as_str(), &branch.via, to)
            }
            None => (self.callee_aor(), &self.via, self.callee_address()),
        };
        let mut text = Text::request("CANCEL", uri);
        text.header("Via", via).header("Max-Forwards", 70);
        self.ends(&mut text, &to, 1, "CANCEL");
        text.end(b"")
    }

    fn cancel_is_heard(&mut self, branch: Option<usize>) -> Vec<u8> {
        let mut text = Text::response(200, "OK");
        match branch.and_then(|branch| self.branches.get(branch)) {
            Some(branch) => {
                text.header("Via", &branch.via).spell(branch.names());
                let to = format!("{};tag={};epid={}", address(&branch.end, true), branch.end.tag, branch.end.epid);
                self.ends(&mut text, &to, 1, "CANCEL");
                text.header("Server", branch.end.agent);
            }
            None => {
                text.header("Via", self.stage.received(&self.via, self.hop));
                let to = format!("{};tag={}", self.callee_address(), self.front_end_tag);
                self.ends(&mut text, &to, 1, "CANCEL");
                text.header("Server", self.stage.server());
            }
        }
        text.end(b"")
    }
}

/// The address in angle brackets, with the display name in quotes before it, and no space between.
fn address(end: &End, named: bool) -> String {
    if named { format!("\"{}\"<{}>", end.name, end.aor) } else { format!("<{}>", end.aor) }
}
