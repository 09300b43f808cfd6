//! What else is on the wire: registrations, presence, a call between desktops, federation that works.
//!
//! Ladders must be found among it, and by it a capture shows that a leg is in view.

use crate::flow::Side;
use crate::simulate::actor::{End, User};
use crate::simulate::agenda::Act;
use crate::simulate::call::{Call, Callee};
use crate::simulate::message::{Names, Text};
use crate::simulate::push::outside_trust;
use crate::simulate::random::Random;
use crate::simulate::stage::Stage;
use crate::simulate::topology::{FRONT_END, Hop, PARTNER};
use crate::sip::epid::{gruu_opaque, instance_urn};

/// The called user of the desktop call: the last of the first ladder's, whom no story needs.
const NEIGHBOUR: u64 = 3;
/// When the traffic after the ladders comes, milliseconds after them: later than any limit of a ladder.
const LATER: i64 = 210_000;
/// When idle connections are kept alive, milliseconds after the ladders.
const KEEP_ALIVES: [i64; 3] = [60_000, 120_000, 180_000];

/// What happens in the five seconds before the first ladder.
pub(in crate::simulate) fn before(stage: &mut Stage<'_>) {
    stage.random = Random::of(&[stage.options.seed, 0x6265_666f_7265]);
    signs_in_everyone(stage, 0);
    let alice = User::caller(stage.options, 0, 0);
    subscribes(stage, 700, &alice);
    federates(stage, 900);
    desktops_talk(stage, 1_200);
}

/// What happens after the last ladder, so that a capture is seen to run on.
pub(in crate::simulate) fn after(stage: &mut Stage<'_>) {
    stage.random = Random::of(&[stage.options.seed, 0x61_6674_6572]);
    let alice = User::caller(stage.options, 0, 0);
    let service = service_hop(stage);
    for at in KEEP_ALIVES {
        for hop in [alice.hop, service, Hop::PushInternal(0), Hop::EdgeInternal(0), Hop::Partner] {
            stage.plan(at, Act::Say { hop, side: Side::Client, octets: b"\r\n\r\n".to_vec(), messages: 0 });
        }
    }
    signs_in_everyone(stage, LATER);
    federates(stage, LATER + 600);
}

fn service_hop(stage: &Stage<'_>) -> Hop {
    if stage.options.client.is_ucwa() { Hop::Ucwa(0) } else { Hop::Mcx(0) }
}

/// Alice's and Bob's desktops register, and the mobility service does so for Bob's phone.
fn signs_in_everyone(stage: &mut Stage<'_>, at: i64) {
    let (alice, bob) = (User::caller(stage.options, 0, 0), User::callee(stage.options, 0, 0));
    for (user, after) in [(&alice, 0), (&bob, 150)] {
        let end = user.desktop(stage.tag());
        let contact = format!("sip:{};transport=tls", stage.topology.ends(user.hop, 0).0);
        registers(stage, at + after, user.hop, &end, &contact);
    }
    let phone = bob.phone(0, stage.options.client, stage.tag());
    let service = service_hop(stage);
    let port = stage.topology.ends(service, 0).1.port();
    registers(stage, at + 300, Hop::PushInternal(0), &phone, &format!("sip:{FRONT_END}:{port};transport=tls"));
    notifies(stage, at + 420, service, &phone);
}

/// One endpoint registers.
///
/// Source: \[MS-SIPRE\] §3.2 (registration).
fn registers(stage: &mut Stage<'_>, at: i64, hop: Hop, end: &End, contact: &str) {
    let is_phone = end.phone.is_some();
    let via = if is_phone { stage.service_via(hop) } else { stage.client_via(hop) };
    let (call_id, server_tag) = (stage.call_id(), stage.server_tag());
    let urn = instance_urn(end.epid.as_bytes());
    let lines = |text: &mut Text, to_tag: &str| {
        text.header("From", format_args!("<{}>;tag={};epid={}", end.aor, end.tag, end.epid));
        text.header("To", format_args!("<{}>{to_tag}", end.aor));
        text.header("Call-ID", &call_id).header("CSeq", "1 REGISTER");
    };
    let mut text = Text::request("REGISTER", "sip:example.com");
    text.spell(if is_phone { Names::Capitals } else { Names::Mixed });
    text.header("Via", &via).header("Max-Forwards", 70);
    lines(&mut text, "");
    text.header("Contact", format_args!("<{contact}>;proxy=replace;+sip.instance=\"<{urn}>\""));
    text.header("User-Agent", end.agent).header("Supported", "gruu-10").header("Supported", "ms-forking");
    text.header("ms-keep-alive", "UAC;hop-hop=yes").header("Event", "registration");
    stage.say(at, hop, Side::Client, text.end(b""));
    let mut text = Text::response(200, "OK");
    text.header_if_any("Authentication-Info", &stage.authentication_info());
    text.header("Via", stage.received(&via, hop));
    lines(&mut text, &format!(";tag={server_tag}"));
    let opaque = gruu_opaque(end.epid.as_bytes());
    let gruu = format!("{};opaque={opaque};gruu", end.aor);
    text.header("Contact", format_args!("<{contact}>;expires=7200;+sip.instance=\"<{urn}>\";gruu=\"{gruu}\""));
    text.header("Expires", 7_200).header("ms-keep-alive", "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300");
    text.header("Server", stage.server());
    stage.say(at + 9, hop, Side::Server, text.end(b""));
}

/// A desktop asks for its contacts' presence; the first answer carries the first notice.
fn subscribes(stage: &mut Stage<'_>, at: i64, user: &User) {
    let end = user.desktop(stage.tag());
    let via = stage.client_via(user.hop);
    let (call_id, server_tag) = (stage.call_id(), stage.server_tag());
    let lines = |text: &mut Text, to_tag: &str| {
        text.header("From", format_args!("<{}>;tag={};epid={}", end.aor, end.tag, end.epid));
        text.header("To", format_args!("<{}>{to_tag}", end.aor));
        text.header("Call-ID", &call_id).header("CSeq", "1 SUBSCRIBE");
    };
    let mut text = Text::request("SUBSCRIBE", &end.aor);
    text.header("Via", &via).header("Max-Forwards", 70);
    lines(&mut text, "");
    text.header("Contact", format_args!("<{}>", end.gruu)).header("User-Agent", end.agent);
    text.header("Event", "vnd-microsoft-roaming-contacts");
    text.header("Accept", "application/vnd-microsoft-roaming-contacts+xml");
    text.header("Supported", "ms-piggyback-first-notify");
    stage.say(at, user.hop, Side::Client, text.end(b""));
    let mut text = Text::response(200, "OK");
    text.header("Via", stage.received(&via, user.hop));
    lines(&mut text, &format!(";tag={server_tag}"));
    text.header("Expires", 36_000).header("Event", "vnd-microsoft-roaming-contacts");
    text.header("Content-Type", "application/vnd-microsoft-roaming-contacts+xml");
    let contacts = b"<contactList deltaNum=\"4\"><group id=\"1\" name=\"~\"/></contactList>";
    stage.say(at + 11, user.hop, Side::Server, text.end(contacts));
}

/// The Front End tells the mobility service of a change of presence; nobody answers a BENOTIFY.
///
/// Source: \[MS-SIP\] §3.4 (best-effort notification).
fn notifies(stage: &mut Stage<'_>, at: i64, hop: Hop, phone: &End) {
    let port = stage.topology.ends(hop, 0).1.port();
    let mut text = Text::request("BENOTIFY", format_args!("sip:{FRONT_END}:{port};transport=tls"));
    text.header("Via", stage.proxy_via(hop, false)).header("Max-Forwards", 70);
    text.header("From", format_args!("<{}>;tag={}", phone.aor, stage.server_tag()));
    text.header("To", format_args!("<{}>;tag={};epid={}", phone.aor, phone.tag, phone.epid));
    text.header("Call-ID", stage.call_id()).header("CSeq", "1 BENOTIFY");
    text.header("Event", "presence").header("subscription-state", "active;expires=28800");
    text.header("Content-Type", "application/vnd-microsoft-roaming-self+xml");
    let content = b"<roamingData><containers/></roamingData>";
    stage.say(at, hop, Side::Client, text.end(content));
}

/// The Front End asks an ordinary partner for its options, through the Edge, and hears from it.
fn federates(stage: &mut Stage<'_>, at: i64) {
    let (inner, outer) = (Hop::EdgeInternal(0), Hop::Partner);
    let (own, edge) = (stage.proxy_via(inner, false), stage.proxy_via(outer, false));
    let passed_on = stage.received(&own, inner);
    let (tag, answer_tag, call_id) = (stage.server_tag(), stage.server_tag(), stage.call_id());
    let lines = |text: &mut Text, vias: &[&str], to_tag: &str| {
        vias.iter().for_each(|via| _ = text.header("Via", via));
        text.header("From", format_args!("<sip:{FRONT_END}@example.com>;tag={tag}"));
        text.header("To", format_args!("<sip:partner.example>{to_tag}"));
        text.header("Call-ID", &call_id).header("CSeq", "1 OPTIONS");
    };
    for (after, hop, vias) in [(0, inner, &[&*own][..]), (4, outer, &[&*edge, &*passed_on][..])] {
        let mut text = Text::request("OPTIONS", "sip:partner.example");
        lines(&mut text, vias, "");
        text.header("Max-Forwards", 71 - vias.len()).header("User-Agent", stage.server());
        stage.say(at + after, hop, Side::Client, text.end(b""));
    }
    let to_tag = format!(";tag={answer_tag}");
    for (after, hop, vias) in [(48, outer, &[&*edge, &*passed_on][..]), (51, inner, &[&*own][..])] {
        let mut text = Text::response(200, "OK");
        lines(&mut text, vias, &to_tag);
        if hop == inner {
            text.header("ms-edge-proxy-message-trust", outside_trust("DirectPartner", PARTNER));
        }
        text.header("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, INFO");
        stage.say(at + after, hop, Side::Server, text.end(b""));
    }
}

/// Alice talks to somebody who has no phone: a call, but no ladder.
fn desktops_talk(stage: &mut Stage<'_>, at: i64) {
    let mut call = Call::new(stage, at, 0, Callee { place: NEIGHBOUR, phones: &[], desktop: true });
    call.invites(0);
    call.finds_endpoints(6);
    call.rings(0, 45);
    call.is_accepted(0, 900, 12);
    call.exchanges(1_400, 0, true, "MESSAGE");
    call.exchanges(2_200, 0, false, "BYE");
}
