//! What real Lync and Skype for Business messages look like, one test for each known fact. All identities are made up.

use super::framer::{Framed, Framer, Limits};
use super::grammar::parse;
use super::header::HeaderName;
use super::message::Message;
use super::method::Method;
use super::status::Status;
use crate::frame::{FrameRef, Timestamp};

/// An instant-message INVITE as a Front End sends it to an endpoint.
const INVITE: &str = "INVITE sip:bob@192.0.2.57:3232;transport=tls SIP/2.0\r\n\
Record-Route: <sip:fe01.example.com:5061;transport=tls;opaque=state:T:F:Ci.R3f0c00;lr;ms-route-sig=dafMv6AAA>;ms-rrsig=fe01AA;tag=33080DF1E72C6E4AF368B8EE1E483BD3\r\n\
Via: SIP/2.0/TLS 192.0.2.7:5061;branch=z9hG4bK2DA3892F.D0429AA14DA5C5DB;branched=FALSE;ms-internal-info=\"dbizzcAA\"\r\n\
Authentication-Info: NTLM qop=\"auth\", opaque=\"69F5EF2F\", srand=\"76CB1B20\", snum=\"4\", rspauth=\"0100\", targetname=\"fe01.example.com\", realm=\"SIP Communications Service\", version=4\r\n\
Max-Forwards: 69\r\n\
Content-Length: 5\r\n\
Via: SIP/2.0/tls 192.0.2.20;ms-received-port=37737;ms-received-cid=3E8A00\r\n\
From: \"Zo\u{eb}\"<sip:alice@example.com>;tag=9d5c2a38ba;epid=b84a59c035\r\n\
To: <SIP:Bob@Example.com>;epid=46c4b2d3ac\r\n\
Call-ID: ce878a8bc0ca4c769ca729bc2f56a998\r\n\
CSeq: 1 INVITE\r\n\
Contact: <sip:alice@example.com;opaque=user:epid:hYnsEUpJhlGc0T-xd_I7vAAA;gruu>\r\n\
User-Agent: UCCAPI/16.0.4417.1000 OC/16.0.4417.1000 (Skype for Business)\r\n\
Supported: ms-dialog-route-set-update\r\n\
ms-text-format: text/plain; charset=UTF-8; ms-body=cXdl\r\n\
Supported: ms-embedded-first-message\r\n\
ms-im-format: text/plain\r\n\
Ms-Conversation-ID: AdKjt1Xy9lDJ8KRjRYaBRsRaq4N/vw==\r\n\
ms-im-format: text/rtf\r\n\
Record-Route: <sip:dir01.example.com;lr>\r\n\
Content-Type: application/sdp\r\n\
\r\n\
v=0\r\n";

/// The ringing of a phone as the mobility service sends it.
const RINGING: &str = "SIP/2.0 180 Ringing\r\n\
Authentication-Info: NTLM rspauth=\"0100\", srand=\"1B6D47A1\"\r\n\
Via: SIP/2.0/tls 192.0.2.10:50230;received=198.51.100.254;ms-received-port=50230;ms-received-cid=37ABE00\r\n\
FROM: \"Alice\"<sip:alice@example.com>;tag=2420628112;epid=54392f1bbf01\r\n\
TO: \"Bob\"<sip:bob@example.com>;tag=7aee15546a;epid=3102EB8BD1\r\n\
CSEQ: 1 INVITE\r\n\
CALL-ID: 41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x\r\n\
RECORD-ROUTE: <sip:pool.example.com:5061;transport=tls;ms-fe=fe03.example.com;opaque=state:F:T:Eu:Ci.R37abe00;lr;ms-route-sig=gdAA>\r\n\
CONTACT: <sip:bob@example.com;opaque=user:epid:-gLwenLTVVqy-Ak8TJn1ZAAA;gruu>;text;audio;video\r\n\
CONTENT-LENGTH: 0\r\n\
P-ASSERTED-IDENTITY: \"Bob\"<SIP:bob@example.com>,<tel:+15550100>\r\n\
SERVER: RTCC/4.0.0.0 McxService/4.0.0.0\r\n\
\r\n";

#[track_caller]
fn message(text: &str) -> Message<'_> {
    let message = parse(text.as_bytes()).expect("a message");
    assert_eq!(message.malformed, None);
    message
}

/// Whole messages of a stream, given in slices.
fn framed(slices: &[&[u8]]) -> Vec<Vec<u8>> {
    let frame = FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) };
    let mut framer = Framer::new(Limits::default());
    let mut seen = Vec::new();
    for slice in slices {
        framer.bytes(slice, frame, &mut |framed| match framed {
            Framed::Message { raw, .. } => seen.push(raw.to_vec()),
            Framed::Anomaly(anomaly) => panic!("{anomaly:?}"),
        });
    }
    framer.end(frame, &mut |framed| panic!("{framed:?}"));
    seen
}

#[test]
fn p1_vias_are_collected_wherever_they_stand() {
    let message = message(INVITE);
    let hosts: Vec<_> = message.vias().map(|via| via.host).collect();
    assert_eq!(hosts, [&b"192.0.2.7"[..], b"192.0.2.20"]);
    assert_eq!(message.via_count(), 2);
}

#[test]
fn p2_a_client_via_without_branch_and_port_in_lower_case() {
    let message = message(INVITE);
    let via = message.vias().nth(1).expect("the client's Via");
    assert_eq!((via.transport, via.branch(), via.port), (&b"tls"[..], None, None));
    assert_eq!((via.ms_received_port(), via.ms_received_cid()), (Some(37737), Some(&b"3E8A00"[..])));
    let ringing = self::message(RINGING);
    assert_eq!(ringing.vias().next().and_then(|via| via.received()), Some(&b"198.51.100.254"[..]));
}

#[test]
fn p3_authentication_info_in_a_request() {
    for text in [INVITE, RINGING] {
        assert!(message(text).header(HeaderName::AuthenticationInfo).is_some_and(|value| value.starts_with(b"NTLM ")));
    }
}

#[test]
fn p4_header_names_in_capitals() {
    let message = message(RINGING);
    assert_eq!(message.call_id(), Some(&b"41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x"[..]));
    assert_eq!(message.cseq().map(|cseq| (cseq.number, cseq.method)), Some((1, Method::Invite)));
    assert_eq!(message.to().and_then(|to| to.epid()), Some(&b"3102EB8BD1"[..]));
    assert_eq!(message.products().map(|product| product.name).last(), Some(&b"McxService"[..]));
    assert_eq!(
        message.record_routes().next().and_then(|route| route.uri().params.get(b"ms-fe")),
        Some(&b"fe03.example.com"[..])
    );
    assert_eq!(message.header(HeaderName::ContentLength), Some(&b"0"[..]));
    assert_eq!(message.named(b"Call-Id"), message.call_id());
}

#[test]
fn p5_any_order_and_repeated_headers() {
    let message = message(INVITE);
    let names: Vec<_> = message.iter().map(|header| header.name).collect();
    let place = |name| names.iter().position(|found| *found == name);
    assert!(place(HeaderName::ContentLength) < place(HeaderName::From));
    assert_eq!(message.headers(HeaderName::Supported).count(), 2);
    assert_eq!(message.record_routes().count(), 2);
    assert_eq!(message.iter().filter(|header| header.spelled == b"ms-im-format").count(), 2);
    let failure = "SIP/2.0 404 Not Found\r\nms-diagnostics: 1034;reason=\"Previous hop\";source=\"edge01.example.com\"\r\n\
        f: <sip:a@b>\r\nms-diagnostics: 10003;source=\"gw.example.com\";reason=\"Proxy\"\r\nt: <sip:a@b>\r\ni: 1\r\n\
        CSeq: 1 INVITE\r\nv: SIP/2.0/TLS h\r\nMs-client-diagnostics: 52035; reason=\"IM\"\r\nms-diagnostics-public: 1034.7\r\n\r\n";
    let failure = self::message(failure);
    let codes: Vec<_> = failure.diagnostics().map(|one| (one.header, one.id, one.sub)).collect();
    assert_eq!(
        codes,
        [
            (HeaderName::MsDiagnostics, 1034, None),
            (HeaderName::MsDiagnostics, 10003, None),
            (HeaderName::MsClientDiagnostics, 52035, None),
            (HeaderName::MsDiagnosticsPublic, 1034, Some(7)),
        ]
    );
}

#[test]
fn p6_parameters_behind_the_bracket_of_record_route() {
    let message = message(INVITE);
    let route = message.record_routes().next().expect("a Record-Route");
    assert_eq!(route.param(b"ms-rrsig"), Some(&b"fe01AA"[..]));
    assert_eq!(route.tag(), Some(&b"33080DF1E72C6E4AF368B8EE1E483BD3"[..]));
    assert_eq!(route.uri().opaque(), Some(&b"state:T:F:Ci.R3f0c00"[..]));
    assert!(route.uri().params.has(b"lr") && !route.params.has(b"lr"));
}

#[test]
fn p7_uris_compare_without_letter_case() {
    let message = message(INVITE);
    let to = message.to().expect("a To");
    assert_eq!(to.uri().aor().as_deref(), Some("sip:bob@example.com"));
    assert!(to.uri().host_is("example.COM"));
    assert_eq!(message.request_uri().and_then(|uri| uri.port), Some(3232));
}

#[test]
fn p8_display_names_in_utf8_with_no_space_behind() {
    let message = message(INVITE);
    let from = message.from().expect("a From");
    assert_eq!(from.display().as_deref(), Some("Zo\u{eb}".as_bytes()));
    assert_eq!(from.uri().raw, b"sip:alice@example.com");
}

#[test]
fn p9_epid_and_tag_in_either_order_or_alone() {
    let message = message(INVITE);
    let to = message.to().expect("a To");
    assert_eq!((to.tag(), to.epid()), (None, Some(&b"46c4b2d3ac"[..])));
    for value in ["<sip:b@x>;epid=E1;tag=T1", "<sip:b@x>;tag=T1;epid=E1", "<sip:b@x>; EPID=E1 ;Tag=T1"] {
        let to = super::view::Address::parse(value.as_bytes());
        assert_eq!((to.tag(), to.epid()), (Some(&b"T1"[..]), Some(&b"E1"[..])), "{value}");
    }
}

#[test]
fn p10_two_asserted_identities_in_one_header() {
    let message = message(RINGING);
    let uris: Vec<_> = message.asserted_identities().map(|identity| identity.uri()).collect();
    assert_eq!(uris.len(), 2);
    assert_eq!(uris[0].aor().as_deref(), Some("sip:bob@example.com"));
    assert_eq!((uris[1].scheme, uris[1].user), (&b"tel"[..], Some(&b"+15550100"[..])));
    assert_eq!(uris[1].aor(), None);
}

#[test]
fn p11_keep_alives_between_messages() {
    let stream = format!("\r\n\r\n{INVITE}\r\n\r\n\r\n\r\n{RINGING} \t\r\n");
    assert_eq!(framed(&[stream.as_bytes()]), [INVITE.as_bytes(), RINGING.as_bytes()]);
}

#[test]
fn p12_long_heads_over_many_segments() {
    let long = INVITE.replace("cXdl", &"e1xydGYx".repeat(4000));
    let segments: Vec<_> = long.as_bytes().chunks(1460).collect();
    assert!(segments.len() > 20);
    assert_eq!(framed(&segments), [long.as_bytes()]);
    let body = format!("{}{}", INVITE.replace("Content-Length: 5", "Content-Length: 5000005"), "x".repeat(5_000_000));
    let segments: Vec<_> = body.as_bytes().chunks(16_384).collect();
    assert_eq!(framed(&segments), [body.as_bytes()]);
}

#[test]
fn p13_reason_phrases_are_free() {
    for (line, code, reason) in [
        ("SIP/2.0 504 Server time-out", 504, "Server time-out"),
        ("SIP/2.0 101 Progress Report", 101, "Progress Report"),
        ("SIP/2.0 301 Redirect request to Home Server", 301, "Redirect request to Home Server"),
        ("SIP/2.0 200 ", 200, ""),
    ] {
        let text = RINGING.replace("SIP/2.0 180 Ringing", line);
        let message = message(&text);
        assert_eq!(message.status(), Some(Status(code)));
        assert_eq!(
            message.start,
            super::message::StartLine::Response { status: Status(code), reason: reason.as_bytes() }
        );
    }
}

#[test]
fn p14_any_token_is_a_method() {
    for method in ["BENOTIFY", "SERVICE", "NEGOTIATE", "X-NEW.method"] {
        let text = INVITE.replace("INVITE", method);
        assert_eq!(message(&text).method().map(Method::as_bytes), Some(method.as_bytes()));
        assert_eq!(framed(&[text.as_bytes()]).len(), 1);
    }
}

#[test]
fn p15_compact_names() {
    let text = "MESSAGE sip:b@x SIP/2.0\r\nv: SIP/2.0/TLS a, SIP/2.0/TCP b\r\nf: <sip:a@x>;tag=1\r\nt: <sip:b@x>\r\ni: id\r\n\
        m: <sip:a@h>, \"x, y\" <sip:c@h>\r\nk: one\r\nc: text/plain;charset=utf-8\r\nl: 2\r\nCSeq: 1 MESSAGE\r\n\r\nhi";
    let message = message(text);
    assert_eq!(message.via_count(), 2);
    assert_eq!(message.call_id(), Some(&b"id"[..]));
    assert_eq!(message.contacts().map(|contact| contact.uri().raw).collect::<Vec<_>>(), [&b"sip:a@h"[..], b"sip:c@h"]);
    assert_eq!(message.header(HeaderName::Supported), Some(&b"one"[..]));
    assert!(message.content_type().is_some_and(|kind| kind.is("text", "plain")));
    assert_eq!(message.body, b"hi");
    assert_eq!(framed(&[text.as_bytes()]), [text.as_bytes()]);
}

#[test]
fn p16_private_text_is_told_apart_by_its_header() {
    let text = INVITE.replace("Max-Forwards: 69", "Max-Forwards: 69\r\ns: quarterly numbers");
    let message = message(&text);
    // What is redacted is found by name, so names must be certain.
    assert_eq!(message.header(HeaderName::Subject), Some(&b"quarterly numbers"[..]));
    let format = message.header(HeaderName::MsTextFormat).expect("an ms-text-format");
    let (_, params) = super::view::text::cut(format, b';');
    assert_eq!(super::view::Params::new(params.unwrap_or_default()).get(b"ms-body"), Some(&b"cXdl"[..]));
}
