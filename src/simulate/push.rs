//! The push: its request on three hops, and how it ends.

use super::actor::End;
use super::agenda::{Act, Dial};
use super::call::Refusal;
use super::message::{Names, Text};
use super::options::PushVariant;
use super::stage::Stage;
use super::topology::{CLEARING_HOUSE, EDGE, FRONT_END, Hop};
use crate::flow::Side;

/// From the mobility service's request to the Front End's copy, milliseconds.
const TO_EDGE: i64 = 4;
/// From the mobility service's request to the Edge's copy, milliseconds.
const TO_OUTSIDE: i64 = 9;
/// When a host tries again to connect, milliseconds after its first attempt.
const DIAL_AGAIN: [i64; 3] = [0, 3_000, 9_000];
/// When a host gives up connecting, milliseconds after its first attempt.
const DIAL_GIVEN_UP: i64 = 21_000;

/// What becomes of a push. Delays are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The clearing house accepts it, this long after the Edge sent it.
    Accepted(i64),
    /// The clearing house refuses it.
    RefusedOutside(Refusal),
    /// Nothing comes back; the Edge answers in its place after a time.
    Silence(i64, Refusal),
    /// Nothing comes back at all.
    Unanswered,
    /// The Front End refuses it.
    RefusedByFrontEnd(Refusal),
    /// The Edge refuses it after a time.
    RefusedByEdge(i64, Refusal),
    /// The Edge cannot connect to the clearing house, and refuses it.
    NoWayOut(Dial, Refusal),
    /// The Front End cannot connect to the Edge, and refuses it.
    NoWayToEdge(Refusal),
}

/// Who is asked to push what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'x> {
    /// The phone, as the mobility service speaks for it.
    pub(super) phone: &'x End,
    /// Whose call or message it is about, where one is.
    pub(super) about: Option<&'x str>,
}

/// Who gave an answer that passes the Edge inwards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    ClearingHouse,
    Edge,
    FrontEnd,
}

/// A push on its way.
pub(super) struct Push {
    method: String,
    uri: String,
    to: String,
    from: String,
    sender: String,
    call_id: String,
    agent: String,
    vias: [String; 3],
    hops: [Hop; 3],
    content: String,
    answer_tag: String,
}

impl Push {
    /// A push for a phone, by the mobility service that speaks for it.
    pub(super) fn new(stage: &mut Stage<'_>, order: Order<'_>) -> Self {
        let device = order.phone.phone.as_ref().map_or("", |phone| &phone.device);
        let target = stage.setting.push_target;
        let owner = order.phone;
        let caller = order.about.unwrap_or(&owner.aor);
        let tag = stage.tag();
        let of_owner = format!("<{}>;tag={tag};epid={}", owner.aor, owner.epid);
        let (uri, from, sender, content) = match stage.options.push_variant {
            PushVariant::V1 => (format!("sip:{target}"), of_owner, owner.aor.clone(), format!("id={device}&type=im")),
            PushVariant::V2 => {
                let content = format!("id={device}&type=im&to={}", owner.aor);
                (format!("sip:{target}"), format!("<{caller}>;tag={tag}"), caller.to_owned(), content)
            }
            PushVariant::V3 => {
                let id = escaped(device);
                (format!("sip:{target};opaque={id}"), of_owner, owner.aor.clone(), String::new())
            }
        };
        // The service's own products, without the application's.
        let agent = owner.agent.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let mut push = Self::request(stage, agent, uri, from);
        (push.sender, push.content) = (sender, content);
        push
    }

    /// Any request to the clearing house that begins at the Front End.
    pub(super) fn request(stage: &mut Stage<'_>, agent: String, uri: String, from: String) -> Self {
        let lane = stage.lane();
        let hops = [Hop::PushInternal(lane), Hop::EdgeInternal(lane), Hop::EdgeExternal(lane)];
        let [inner, middle, outer] = hops;
        let vias = [stage.service_via(inner), stage.proxy_via(middle, false), stage.proxy_via(outer, false)];
        Self {
            method: stage.options.push_method.clone(),
            to: format!("<sip:{}>", stage.setting.push_target),
            uri,
            from,
            sender: String::new(),
            call_id: stage.call_id(),
            agent,
            vias,
            hops,
            content: String::new(),
            answer_tag: stage.server_tag(),
        }
    }

    /// Sends it at `at`, lets `fate` befall it, and says when that is over.
    pub(super) fn send(&self, stage: &mut Stage<'_>, at: i64, fate: Fate) -> i64 {
        self.on_first_hop(stage, at);
        match fate {
            Fate::Accepted(after) => {
                self.goes_out(stage, at);
                let yes = Refusal { status: 200, reason: "OK", diagnostics: "", warning: "" };
                self.answered(stage, at + TO_OUTSIDE + after, Source::ClearingHouse, yes)
            }
            Fate::RefusedOutside(refusal) => {
                self.goes_out(stage, at);
                self.answered(stage, at + TO_OUTSIDE + 90, Source::ClearingHouse, refusal)
            }
            Fate::Silence(after, refusal) => {
                self.goes_out(stage, at);
                self.answered(stage, at + TO_OUTSIDE + after, Source::Edge, refusal)
            }
            Fate::Unanswered => {
                self.goes_out(stage, at);
                at + TO_OUTSIDE
            }
            Fate::RefusedByFrontEnd(refusal) => self.answered(stage, at + 3, Source::FrontEnd, refusal),
            Fate::RefusedByEdge(after, refusal) => {
                self.on_second_hop(stage, at + TO_EDGE);
                self.answered(stage, at + TO_EDGE + after, Source::Edge, refusal)
            }
            Fate::NoWayOut(how, refusal) => {
                self.on_second_hop(stage, at + TO_EDGE);
                let given_up = dial(stage, self.hops[2], at + TO_OUTSIDE, how);
                self.answered(stage, given_up, Source::Edge, refusal)
            }
            Fate::NoWayToEdge(refusal) => {
                stage.plan(at - 1_000, Act::Drop(self.hops[1]));
                let given_up = dial(stage, self.hops[1], at + TO_EDGE, Dial::Silence);
                self.answered(stage, given_up, Source::FrontEnd, refusal)
            }
        }
    }

    fn goes_out(&self, stage: &mut Stage<'_>, at: i64) {
        self.on_second_hop(stage, at + TO_EDGE);
        let [_, middle, outer] = self.hops;
        let mut text = self.begin();
        text.header("Via", &self.vias[2]).header("Max-Forwards", 68);
        text.header("Via", stage.received(&self.vias[1], middle));
        self.rest(stage, &mut text);
        stage.say(at + TO_OUTSIDE, outer, Side::Client, text.end(self.content.as_bytes()));
    }

    fn begin(&self) -> Text {
        Text::request(&self.method, &self.uri)
    }

    fn on_first_hop(&self, stage: &mut Stage<'_>, at: i64) {
        let mut text = self.begin();
        text.spell(Names::Capitals).header("Via", &self.vias[0]);
        self.own_lines(&mut text);
        text.header("Max-Forwards", 70);
        stage.say(at, self.hops[0], Side::Client, text.end(self.content.as_bytes()));
    }

    fn on_second_hop(&self, stage: &mut Stage<'_>, at: i64) {
        let mut text = self.begin();
        text.header("Via", &self.vias[1]).header("Max-Forwards", 69);
        if stage.is_wordy() {
            text.header("Route", format_args!("<sip:{EDGE}:5061;transport=tls;lr>;ms-edge-route"));
        }
        self.rest(stage, &mut text);
        stage.say(at, self.hops[1], Side::Client, text.end(self.content.as_bytes()));
    }

    /// What every proxy passes on unchanged, after its own lines.
    fn rest(&self, stage: &Stage<'_>, text: &mut Text) {
        if !self.sender.is_empty() {
            text.header("P-Asserted-Identity", format_args!("<{}>", self.sender));
        }
        text.spell(Names::Capitals).header("Via", stage.received(&self.vias[0], self.hops[0]));
        self.own_lines(text);
    }

    fn own_lines(&self, text: &mut Text) {
        text.header("From", &self.from).header("To", &self.to);
        text.header("CSeq", format_args!("1 {}", self.method)).header("Call-ID", &self.call_id);
        text.header("User-Agent", &self.agent);
        if !self.content.is_empty() {
            text.header("Content-Type", "text/plain");
        }
    }

    /// The answer comes in from `source` at `at`, hop after hop; gives the time it reaches the service.
    fn answered(&self, stage: &mut Stage<'_>, at: i64, source: Source, answer: Refusal) -> i64 {
        let mut at = at;
        let first = match source {
            Source::ClearingHouse => 2,
            Source::Edge => 1,
            Source::FrontEnd => 0,
        };
        for index in (0..=first).rev() {
            let octets = self.answer(stage, index, source, answer);
            if let Some(hop) = self.hops.get(index) {
                stage.say(at, *hop, Side::Server, octets);
            }
            at += if index == 2 { 4 } else { 3 };
        }
        at
    }

    fn answer(&self, stage: &mut Stage<'_>, index: usize, source: Source, answer: Refusal) -> Vec<u8> {
        let mut text = Text::response(answer.status, answer.reason);
        let is_compact = stage.setting.odd && index == 2;
        text.spell(if is_compact { Names::Compact } else { Names::Mixed });
        for (via, hop) in self.vias.iter().zip(self.hops).take(index + 1).rev() {
            // The topmost line is the receiver's own, the others say where they came in.
            let is_own = self.vias.get(index).is_some_and(|own| own == via);
            if is_own {
                text.header("Via", via)
            } else {
                text.header("Via", stage.received(via, hop))
            };
        }
        text.header("From", &self.from).header("To", format_args!("{};tag={}", self.to, self.answer_tag));
        text.header("Call-ID", &self.call_id).header("CSeq", format_args!("1 {}", self.method));
        if index < 2 {
            self.trust(&mut text, source, answer);
        }
        if source != Source::ClearingHouse && !answer.diagnostics.is_empty() {
            let reporter = if source == Source::Edge { EDGE } else { FRONT_END };
            text.header("ms-diagnostics", format_args!("{};source=\"{reporter}\"", answer.diagnostics));
        }
        text.header_if_any("Warning", answer.warning);
        if source != Source::ClearingHouse {
            text.header("Server", stage.server());
        }
        text.end(b"")
    }

    /// What the Edge adds to an answer: where it came from, and for a refusal that the reason is unknown.
    ///
    /// Source: \[MS-SIPRE\] §2.2.15.
    fn trust(&self, text: &mut Text, source: Source, answer: Refusal) {
        match source {
            Source::ClearingHouse => {
                text.header("ms-edge-proxy-message-trust", outside_trust("AuthorizedServer", CLEARING_HOUSE));
                if answer.status >= 300 {
                    let reason = "Previous hop federated peer did not report diagnostic information";
                    let domain = self.to.trim_end_matches('>').rsplit('@').next().unwrap_or_default();
                    text.header(
                        "ms-diagnostics",
                        format_args!(
                            "1034;reason=\"{reason}\";Domain=\"{domain}\";PeerServer=\"{CLEARING_HOUSE}\";source=\"{EDGE}\""
                        ),
                    );
                }
            }
            Source::Edge => {
                let value =
                    format!("ms-source-type=EdgeProxyGenerated;ms-ep-fqdn={EDGE};ms-source-verified-user=verified");
                text.header("ms-edge-proxy-message-trust", value);
            }
            Source::FrontEnd => {}
        }
    }
}

/// The mark of an answer from outside.
pub(super) fn outside_trust(kind: &str, peer: &str) -> String {
    format!(
        "ms-source-type={kind};ms-ep-fqdn={EDGE};ms-source-verified-user=verified;\
         ms-source-network=federation;ms-remote-fqdn={peer}"
    )
}

/// A host tries to connect in vain; gives the time it gives up.
fn dial(stage: &mut Stage<'_>, hop: Hop, at: i64, how: Dial) -> i64 {
    let port = 60_000 + stage.random.below(5_000) as u16;
    let sequence = stage.random.next() as u32;
    if how != Dial::Silence {
        stage.plan(at, Act::DialInVain { hop, how, port, sequence });
        return at + 110;
    }
    for again in DIAL_AGAIN {
        stage.plan(at + again, Act::DialInVain { hop, how, port, sequence });
    }
    at + DIAL_GIVEN_UP
}

/// A value that may stand in a URI parameter.
///
/// Source: RFC 3261 §25.1.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()[]/:&+$".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}
