//! A stage for short ladders: messages said on named hops at given milliseconds, correlated and judged.
//!
//! Only hops of the legs in view are recorded, so that one script is played before every vantage.

use std::collections::HashMap;

use lyncpush::flow::{Connection, ConnectionId, Flow, Side, Transport};
use lyncpush::frame::{FrameRef, Timestamp};
use lyncpush::judge::{Judgement, judge};
use lyncpush::ladder::correlator::{Correlator, Limits, Sighting};
use lyncpush::ladder::coverage::{Coverage, Hop, Span};
use lyncpush::ladder::leg::{Leg, LegSet};
use lyncpush::ladder::profile::Profile;
use lyncpush::ladder::{Ladder, Texts};
use lyncpush::sip::grammar;

/// The phone of the book, which gets a push.
pub const WP: &str =
    "RTCC/4.0.0.0 McxService/4.0.0.0 WPLync/4.1.7947.0 (Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1)";
/// A client nobody has said of whether it gets a push.
pub const UNKNOWN: &str = "RTCC/6.0.0.0 UCWA/6.0.0.0 iPhoneLync/6.2.0";
/// The desktop client.
pub const DESKTOP: &str = "UCCAPI/15.0.4569.1503 OC/15.0.4569.1503 (Microsoft Lync)";
/// The epid of bob's phone, as its endpoint writes it.
pub const PHONE: &str = "B3F0BF3156";

/// The listening end of each leg, and who connects to it.
const HOPS: [(Leg, &str, &str); 5] = [
    (Leg::Caller, "192.0.2.20:51000", "192.0.2.7:5061"),
    (Leg::Mcx, "192.0.2.7:49000", "192.0.2.7:5087"),
    (Leg::PushInternal, "192.0.2.7:49100", "192.0.2.7:5061"),
    (Leg::EdgeInternal, "192.0.2.7:49200", "192.0.2.9:5061"),
    (Leg::EdgeExternal, "198.51.100.9:49300", "203.0.113.10:5061"),
];

/// Everything in view.
pub fn everything() -> LegSet {
    LegSet::of(&Leg::ALL)
}

/// What is recorded, and what was made of it.
pub struct Stage {
    correlator: Correlator,
    profile: Profile,
    view: LegSet,
    frames: u64,
    connections: HashMap<(String, String), Connection>,
    held: Vec<Ladder>,
    judged: Vec<(Ladder, Judgement)>,
    /// Octets of the last message of each leg are lost instead of recorded.
    pub losing: LegSet,
}

/// A SIP message to be.
#[derive(Clone)]
pub struct Text {
    start: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Text {
    pub fn new(start: &str) -> Self {
        Self { start: start.to_owned(), headers: Vec::new(), body: String::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }

    fn via(mut self, count: usize) -> Self {
        for hop in 0..count {
            self.headers.push(("Via".into(), format!("SIP/2.0/TLS 192.0.2.{hop}:5061;branch=z9hG4bK{hop}")));
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.start);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n{}", self.body.len(), self.body));
        text.into_bytes()
    }
}

impl Stage {
    /// A stage of which only `view` is recorded, from second 0 on.
    pub fn new(view: LegSet) -> Self {
        Self::with(view, "", LegSet::EMPTY)
    }

    /// The same with a profile of one's own and with what `--vantage` tells.
    pub fn with(view: LegSet, overrides: &str, told: LegSet) -> Self {
        let profile = Profile::with_overrides(overrides).expect("a profile");
        let coverage = Coverage::new(vec![told]);
        let mut stage = Self {
            correlator: Correlator::new(profile.clone(), Limits::default(), coverage, Texts::None),
            profile,
            view,
            frames: 0,
            connections: HashMap::new(),
            held: Vec::new(),
            judged: Vec::new(),
            losing: LegSet::EMPTY,
        };
        stage.frame(0);
        stage
    }

    fn frame(&mut self, ms: i64) -> FrameRef {
        self.frames += 1;
        let at = FrameRef { input: 0, number: self.frames, time: Timestamp::new(ms * 1_000_000, 6) };
        self.correlator.coverage.frame(at);
        at
    }

    /// Lets time pass: a frame that is no SIP.
    pub fn tick(&mut self, ms: i64) {
        let at = self.frame(ms);
        let mut closed = Vec::new();
        self.correlator.advance(at.time, &mut |ladder| closed.push(ladder));
        self.take(closed);
    }

    /// A stream on the hop of a leg was there from `from` to `to` and cannot be read.
    pub fn unreadable(&mut self, leg: Leg, from: i64, to: i64) {
        let (_, client, server) = HOPS[leg as usize];
        let flow = Flow { client: client.parse().expect("an address"), server: server.parse().expect("one") };
        let [from, to] = [from, to].map(|ms| Timestamp::new(ms * 1_000_000, 6));
        self.correlator.coverage.unreadable(Hop::of(&flow), 0, Span { from, to }, None);
    }

    /// The same of TLS between these two, on a port of which nothing is known.
    pub fn unreadable_elsewhere(&mut self, [client, server]: [&str; 2], from: i64, to: i64) {
        let flow = Flow { client: client.parse().expect("an address"), server: server.parse().expect("one") };
        let [from, to] = [from, to].map(|ms| Timestamp::new(ms * 1_000_000, 6));
        self.correlator.coverage.unreadable_elsewhere(Hop::of(&flow), 0, Span { from, to }, None);
    }

    /// Says something on a leg: towards its listening end if `out`, else back.
    pub fn say(&mut self, ms: i64, leg: Leg, out: bool, text: &Text) {
        let (_, client, server) = HOPS[leg as usize];
        self.say_between(ms, leg, (client, server), out, text);
    }

    /// The same between other addresses.
    pub fn say_between(&mut self, ms: i64, leg: Leg, (client, server): (&str, &str), out: bool, text: &Text) {
        if !self.view.contains(leg) {
            return self.tick(ms);
        }
        let next = ConnectionId(self.connections.len() as u64);
        let connection = *self.connections.entry((client.to_owned(), server.to_owned())).or_insert_with(|| {
            let flow = Flow { client: client.parse().expect("an address"), server: server.parse().expect("one") };
            Connection { id: next, flow, transport: Transport::Tcp, is_joined: false }
        });
        let at = self.frame(ms);
        if self.losing.contains(leg) {
            let span = Span { from: at.time, to: at.time };
            return self.correlator.coverage.lost(Hop::of(&connection.flow), span);
        }
        let bytes = text.bytes();
        let message = grammar::parse(&bytes).expect("a message");
        let side = if out { Side::Client } else { Side::Server };
        let mut closed = Vec::new();
        self.correlator.message(&Sighting { connection: &connection, side, at, message: &message }, &mut |ladder| {
            closed.push(ladder);
        });
        self.take(closed);
    }

    fn take(&mut self, closed: Vec<Ladder>) {
        for ladder in closed {
            let judgement = judge(&ladder, &self.correlator.coverage, &self.profile);
            if judgement.provisional {
                self.held.push(ladder);
            } else {
                self.judged.push((ladder, judgement));
            }
        }
    }

    /// The capture ends `ms` after its beginning; every ladder, in the order of its first message.
    pub fn end(mut self, ms: i64) -> Vec<(Ladder, Judgement)> {
        self.tick(ms);
        self.correlator.coverage.ended(0);
        let mut closed = std::mem::take(&mut self.held);
        self.correlator.finish(&mut |ladder| closed.push(ladder));
        for ladder in closed {
            let judgement = judge(&ladder, &self.correlator.coverage, &self.profile);
            self.judged.push((ladder, judgement));
        }
        self.judged.sort_by_key(|(ladder, _)| ladder.first.time);
        self.judged
    }
}

/// A call of alice's to bob's phone, told by its acts.
#[derive(Clone)]
pub struct Call {
    pub id: &'static str,
    pub client: &'static str,
    pub epid: &'static str,
    pub cseq: u32,
}

/// The usual call.
pub const CALL: Call = Call { id: "c1", client: WP, epid: PHONE, cseq: 1 };

impl Call {
    fn from(&self) -> String {
        format!("\"Alice\"<sip:alice@example.com>;tag=a{};epid=9d5c2a38ba", self.id)
    }

    fn to(&self) -> String {
        format!("<sip:bob@example.com>;tag=b{};epid={}", self.id, self.epid)
    }

    /// A request of alice's within her call.
    pub fn request(&self, method: &str, uri: &str, to: &str, cseq: u32, via: usize) -> Text {
        Text::new(&format!("{method} {uri} SIP/2.0"))
            .via(via)
            .with("From", self.from())
            .with("To", to)
            .with("Call-ID", self.id)
            .with("CSeq", format!("{cseq} {method}"))
            .with("User-Agent", DESKTOP)
    }

    /// A response to one.
    pub fn response(&self, status: &str, method: &str, to: &str, cseq: u32, via: usize) -> Text {
        Text::new(&format!("SIP/2.0 {status}"))
            .via(via)
            .with("From", self.from())
            .with("To", to)
            .with("Call-ID", self.id)
            .with("CSeq", format!("{cseq} {method}"))
    }

    /// Step 1.
    pub fn invite(&self, stage: &mut Stage, ms: i64) {
        let text = self.request("INVITE", "sip:bob@example.com", "<sip:bob@example.com>", self.cseq, 1);
        stage.say(ms, Leg::Caller, true, &text);
    }

    /// Step 2 at the caller.
    pub fn progress(&self, stage: &mut Stage, ms: i64) {
        let told = "13004;reason=\"Request was proxied\";source=\"fe01.example.com\";Count=\"1\"";
        let text = self.response("101 Progress Report", "INVITE", "<sip:bob@example.com>", self.cseq, 1);
        stage.say(ms, Leg::Caller, false, &text.with("ms-diagnostics", told));
    }

    /// Step 2 at the mobility service.
    pub fn copy(&self, stage: &mut Stage, ms: i64) {
        let to = format!("<sip:bob@example.com>;epid={}", self.epid);
        let text = self.request("INVITE", "sip:fe01.example.com:5087;transport=tls", &to, self.cseq, 2);
        stage.say(ms, Leg::Mcx, true, &text);
    }

    /// Step 3, on both legs.
    pub fn ring(&self, stage: &mut Stage, ms: i64) {
        for (leg, via) in [(Leg::Mcx, 2), (Leg::Caller, 1)] {
            let text = self.response("180 Ringing", "INVITE", &self.to(), self.cseq, via).with("Server", self.client);
            stage.say(ms, leg, false, &text);
        }
    }

    /// Steps 1 to 3: rings 100 milliseconds after `ms`.
    pub fn begin(&self, stage: &mut Stage, ms: i64) {
        self.invite(stage, ms);
        self.progress(stage, ms + 20);
        self.copy(stage, ms + 30);
        self.ring(stage, ms + 100);
    }

    /// Step 9, by the phone on both legs.
    pub fn answer(&self, stage: &mut Stage, ms: i64, status: &str) {
        for (leg, via) in [(Leg::Mcx, 2), (Leg::Caller, 1)] {
            let text = self.response(status, "INVITE", &self.to(), self.cseq, via).with("Server", self.client);
            stage.say(ms, leg, false, &text);
        }
    }

    /// Step 9, by a server at the caller alone.
    pub fn refuse(&self, stage: &mut Stage, ms: i64, status: &str) {
        self.refuse_with(stage, ms, status, &[]);
    }

    /// The same with headers of one's own.
    pub fn refuse_with(&self, stage: &mut Stage, ms: i64, status: &str, headers: &[(&str, &str)]) {
        let to = format!("<sip:bob@example.com>;tag=FE{}", self.id);
        let text = self.response(status, "INVITE", &to, self.cseq, 1).with("Server", "RTC/5.0");
        let text = headers.iter().fold(text, |text, (name, value)| text.with(name, *value));
        stage.say(ms, Leg::Caller, false, &text);
    }

    /// The caller or the Front End cancels on a leg.
    pub fn cancel(&self, stage: &mut Stage, ms: i64, leg: Leg) {
        let via = if leg == Leg::Caller { 1 } else { 2 };
        let text = self.request("CANCEL", "sip:bob@example.com", "<sip:bob@example.com>", self.cseq, via);
        stage.say(ms, leg, true, &text);
    }

    /// Step 10.
    pub fn ack(&self, stage: &mut Stage, ms: i64) {
        for (leg, via) in [(Leg::Caller, 1), (Leg::Mcx, 2)] {
            let text = self.request("ACK", "sip:bob@example.com;opaque=user:epid:x;gruu", &self.to(), self.cseq, via);
            stage.say(ms, leg, true, &text);
        }
    }

    /// A further message of the session, at the caller and at the mobility service.
    pub fn message(&self, stage: &mut Stage, ms: i64, cseq: u32) {
        for (leg, via) in [(Leg::Caller, 1), (Leg::Mcx, 2)] {
            let text = self.request("MESSAGE", "sip:bob@example.com;opaque=user:epid:x;gruu", &self.to(), cseq, via);
            stage.say(ms, leg, true, &text);
        }
    }

    /// Its answer.
    pub fn message_answered(&self, stage: &mut Stage, ms: i64, cseq: u32, status: &str) {
        for (leg, via) in [(Leg::Mcx, 2), (Leg::Caller, 1)] {
            stage.say(ms, leg, false, &self.response(status, "MESSAGE", &self.to(), cseq, via));
        }
    }
}

/// A push, told by its acts.
#[derive(Clone)]
pub struct Push {
    pub id: &'static str,
    /// The From header without its tag.
    pub from: String,
    pub uri: &'static str,
    pub method: &'static str,
    pub body: &'static str,
}

/// The push of bob's phone.
pub fn push(id: &'static str) -> Push {
    let from = format!("<sip:bob@example.com>;epid={PHONE}");
    Push { id, from, uri: "sip:push@push.lync.com", method: "MESSAGE", body: "" }
}

impl Push {
    pub fn request(&self, via: usize) -> Text {
        Text::new(&format!("{} {} SIP/2.0", self.method, self.uri))
            .via(via)
            .with("From", format!("{};tag=p{}", self.from, self.id))
            .with("To", format!("<{}>", self.uri))
            .with("Call-ID", self.id)
            .with("CSeq", format!("1 {}", self.method))
            .with("User-Agent", "RTCC/4.0.0.0 McxService/4.0.0.0")
            .body(self.body)
    }

    fn response(&self, status: &str, via: usize) -> Text {
        Text::new(&format!("SIP/2.0 {status}"))
            .via(via)
            .with("From", format!("{};tag=p{}", self.from, self.id))
            .with("To", format!("<{}>;tag=q", self.uri))
            .with("Call-ID", self.id)
            .with("CSeq", format!("1 {}", self.method))
    }

    /// Step 4.
    pub fn made(&self, stage: &mut Stage, ms: i64) {
        stage.say(ms, Leg::PushInternal, true, &self.request(1));
    }

    /// Step 5 inside the Edge.
    pub fn left(&self, stage: &mut Stage, ms: i64) {
        stage.say(ms, Leg::EdgeInternal, true, &self.request(2));
    }

    /// Step 5 outside the Edge.
    pub fn out(&self, stage: &mut Stage, ms: i64) {
        stage.say(ms, Leg::EdgeExternal, true, &self.request(3));
    }

    /// Steps 4 and 5.
    pub fn goes(&self, stage: &mut Stage, ms: i64) {
        self.made(stage, ms);
        self.left(stage, ms + 2);
        self.out(stage, ms + 4);
    }

    /// Step 8 on all legs, from the clearing house.
    pub fn answered(&self, stage: &mut Stage, ms: i64, status: &str) {
        stage.say(ms, Leg::EdgeExternal, false, &self.response(status, 3));
        let trust = "ms-source-type=AuthorizedServer;ms-ep-fqdn=edge01.example.com;ms-source-verified-user=verified;ms-source-network=federation;ms-remote-fqdn=sipfed.online.lync.com";
        self.answered_inside(stage, ms + 2, status, Some(trust));
    }

    /// The answer as the Edge gives it to the Front End, with or without its mark.
    pub fn answered_inside(&self, stage: &mut Stage, ms: i64, status: &str, trust: Option<&str>) {
        let trust: Vec<_> = trust.into_iter().map(|trust| ("ms-edge-proxy-message-trust", trust)).collect();
        self.answered_with(stage, ms, status, &trust);
    }

    /// The same with headers of one's own.
    pub fn answered_with(&self, stage: &mut Stage, ms: i64, status: &str, headers: &[(&str, &str)]) {
        for (leg, via, ms) in [(Leg::EdgeInternal, 2, ms), (Leg::PushInternal, 1, ms + 2)] {
            let plain = self.response(status, via);
            let text = headers.iter().fold(plain, |text, (name, value)| text.with(name, *value));
            stage.say(ms, leg, false, &text);
        }
    }
}

/// What shows that every leg is in view, long before the ladder: a whole other ladder, of carol's phone.
pub fn another_ladder(stage: &mut Stage, ms: i64) {
    let text = |start: &str, via: usize| {
        Text::new(start)
            .via(via)
            .with("From", "<sip:carol@example.com>;tag=z;epid=0123456789")
            .with("To", "<sip:carol@example.com>")
            .with("Call-ID", "carol-presence")
            .with("CSeq", "7 SUBSCRIBE")
    };
    stage.say(ms, Leg::Caller, true, &text("SUBSCRIBE sip:carol@example.com SIP/2.0", 1));
    stage.say(ms, Leg::Mcx, true, &text("SUBSCRIBE sip:carol@example.com SIP/2.0", 1));
    let push = Push { from: "<sip:carol@example.com>;epid=CCCCCCCCCC".into(), ..push("carol-push") };
    push.goes(stage, ms + 10);
    push.answered(stage, ms + 50, "200 OK");
}
