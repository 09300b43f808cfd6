//! How the messages of a call are written, on either side of the Front End.
//!
//! In: a call, and which request or answer it is about. Out: the octets of one message. It refuses to know when
//! and on which connection they are sent.

use super::{Call, Known, Refusal, Relay};
use crate::simulate::actor::End;
use crate::simulate::message::{Names, Text};
use crate::simulate::topology::{FRONT_END, Hop};

impl Call<'_, '_> {
    pub(super) fn callee_aor(&self) -> &str {
        self.branches.first().map_or("sip:nobody@example.com", |branch| &branch.end.aor)
    }

    pub(super) fn callee_address(&self) -> String {
        format!("<{}>", self.callee_aor())
    }

    /// `From`, `To`, `Call-ID` and `CSeq` of what the caller began.
    pub(super) fn ends(&self, text: &mut Text, to: &str, cseq: u32, method: &str) {
        let from = format!("{};tag={};epid={}", address(&self.caller, true), self.caller.tag, self.caller.epid);
        text.header("From", from).header("To", to);
        text.header("Call-ID", &self.call_id).header("CSeq", format_args!("{cseq} {method}"));
    }

    pub(super) fn near_request(&mut self, relay: &Relay, known: Known) -> Vec<u8> {
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

    pub(super) fn far_request(&mut self, relay: &Relay, known: Known) -> Vec<u8> {
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
    pub(super) fn refusal(&mut self, relay: &Relay, answer: Refusal, first: bool) -> Vec<u8> {
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
    pub(super) fn front_end_answers(&mut self, status: u16, reason: &str, known: Known, diagnostics: &str) -> Vec<u8> {
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

    pub(super) fn front_end_refuses(&mut self, refusal: Refusal) -> Vec<u8> {
        let diagnostics = match refusal.diagnostics {
            "" => String::new(),
            text => format!("{text};source=\"{FRONT_END}\""),
        };
        self.front_end_answers(refusal.status, refusal.reason, Known::Dialog, &diagnostics)
    }

    /// The ACK of a refusal concerns one hop only.
    ///
    /// Source: RFC 3261 §17.1.1.3.
    pub(super) fn acknowledgement(&mut self, branch: usize) -> Vec<u8> {
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
    pub(super) fn cancel(&mut self, branch: Option<usize>) -> Vec<u8> {
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

    pub(super) fn cancel_is_heard(&mut self, branch: Option<usize>) -> Vec<u8> {
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
pub(super) fn address(end: &End, named: bool) -> String {
    if named { format!("\"{}\"<{}>", end.name, end.aor) } else { format!("<{}>", end.aor) }
}
