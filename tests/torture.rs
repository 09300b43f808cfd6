//! SIP messages made by others to break parsers: RFC 4475's, JAIN SIP's and sip2json's, each with the reading expected of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use lyncpush::frame::{FrameRef, Timestamp};
use lyncpush::sip::framer::{Framed, Framer, Limits, datagram};
use lyncpush::sip::grammar::parse;
use lyncpush::sip::view::Address;

const RFC_4475: &str = "torture/codewandler__sipx/rfc4475";
const SIP2JSON: &str = "torture/SiddiqSoft__sip2json/validation/samples";
const JAIN_SIP: &str = "torture/usnistgov__jsip/torture/torture.xml";

/// A place among the shared captures, when they are here.
fn captures(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures")).join(path);
    if path.exists() {
        return Some(path);
    }
    let _ = writeln!(io::stderr(), "skipped: {} is not here", path.display());
    None
}

fn frame() -> FrameRef {
    FrameRef { input: 0, number: 1, time: Timestamp::new(0, 6) }
}

/// What the reading of some octets came to.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    messages: Vec<Vec<u8>>,
    anomalies: Vec<&'static str>,
}

impl Reading {
    fn push(&mut self, framed: Framed<'_>) {
        match framed {
            Framed::Message { raw, .. } => self.messages.push(raw.to_vec()),
            Framed::Anomaly(anomaly) => self.anomalies.push(anomaly.kind.name()),
        }
    }

    fn stream(octets: &[u8], slice: usize) -> Self {
        let mut reading = Self::default();
        let mut framer = Framer::new(Limits::default());
        for slice in octets.chunks(slice) {
            framer.bytes(slice, frame(), &mut |framed| reading.push(framed));
        }
        framer.end(frame(), &mut |framed| reading.push(framed));
        reading
    }

    fn datagram(octets: &[u8]) -> Self {
        let mut reading = Self::default();
        datagram(octets, frame(), Limits::default(), &mut |framed| reading.push(framed));
        reading
    }
}

/// One message of RFC 4475: its file, what the parser says, what the framer says of it in a stream, how many Vias,
/// and octets of body. Where the RFC calls a message invalid and both say nothing, the fault is one of meaning or
/// of a value nobody here reads, and every part still has one sensible reading.
type Row = (&'static str, Option<&'static str>, Option<&'static str>, usize, usize);

const CUT: Option<&str> = Some("incomplete-message");
const BAD_LENGTH: Option<&str> = Some("malformed-message");

const ROWS: &[Row] = &[
    // Blanks inside the angle brackets: read without them.
    ("badaspec", None, None, 1, 0),
    ("badbranch", None, None, 1, 0),
    // A Date in the wrong zone: dates are not read.
    ("baddate", None, None, 1, 150),
    ("badvers", Some("the version is not SIP/2.0"), None, 1, 0),
    ("clerr", None, CUT, 1, 154),
    ("cparam02", None, None, 1, 0),
    ("esc02", None, None, 1, 0),
    // Headers in the Request-URI: not used by anybody.
    ("escruri", None, None, 1, 150),
    ("intmeth", None, None, 1, 0),
    ("invut", None, None, 1, 40),
    ("longreq", None, None, 34, 150),
    ("ltgtruri", Some("the Request-URI stands in angle brackets"), None, 1, 159),
    ("lwsdisp", None, None, 1, 0),
    ("lwsstart", Some("stray white space in the request line"), None, 1, 150),
    ("mcl01", None, BAD_LENGTH, 1, 0),
    ("mismatch01", Some("the method of CSeq is not that of the request line"), None, 1, 0),
    ("mismatch02", Some("the method of CSeq is not that of the request line"), None, 1, 138),
    ("mpart01", None, None, 1, 553),
    ("multi01", Some("a header field that may stand once stands twice"), None, 1, 154),
    ("novelsc", None, None, 1, 0),
    ("regaut01", None, None, 1, 0),
    ("regescrt", None, None, 1, 0),
    ("scalar02", Some("CSeq is not a number below 2^31 and a method"), None, 1, 0),
    ("scalarlg", Some("CSeq is not a number below 2^31 and a method"), None, 1, 0),
    ("sdp01", None, None, 1, 150),
    ("transports", None, None, 5, 0),
    ("trws", Some("stray white space in the request line"), None, 1, 0),
    ("unkscm", None, None, 1, 0),
    ("zeromf", None, None, 1, 0),
];

#[test]
fn rfc_4475_messages_have_the_expected_reading() {
    let Some(folder) = captures(RFC_4475) else { return };
    for (name, malformed, anomaly, vias, body) in ROWS {
        let octets = fs::read(folder.join(name).with_extension("dat")).expect(name);
        let reading = Reading::stream(&octets, octets.len());
        assert_eq!(reading.anomalies.first().copied(), *anomaly, "{name}");
        let message = parse(reading.messages.first().expect(name)).expect(name);
        assert_eq!((message.malformed, message.via_count(), message.body.len()), (*malformed, *vias, *body), "{name}");
        assert!(message.call_id().is_some() && message.from().is_some() && message.to().is_some(), "{name}");
        for slice in [1, 7, 100] {
            assert_eq!(Reading::stream(&octets, slice), reading, "{name}");
        }
    }
}

/// In the archive the head of this message ends with the file, without an empty line.
#[test]
fn rfc_4475_baddn_is_a_datagram_only() {
    let Some(folder) = captures(RFC_4475) else { return };
    let octets = fs::read(folder.join("baddn.dat")).expect("baddn");
    assert_eq!(Reading::stream(&octets, 64), Reading { messages: vec![], anomalies: vec!["incomplete-message"] });
    let reading = Reading::datagram(&octets);
    let message = parse(&reading.messages[0]).expect("baddn");
    assert_eq!((message.malformed, reading.anomalies.len()), (Some("no empty line ends the head"), 0));
    // A comma in a name that should be quoted: From holds one address only, so the comma is the name's.
    let from = message.from().expect("a From");
    assert_eq!(from.display().as_deref(), Some(&b"Bell, Alexander"[..]));
    assert_eq!(from.tag(), Some(&b"43"[..]));
}

#[test]
fn every_rfc_4475_file_is_in_the_table() {
    let Some(folder) = captures(RFC_4475) else { return };
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "dat") && name != "baddn" {
            assert!(ROWS.iter().any(|row| row.0 == name), "{name} has no expected reading");
        }
    }
}

#[test]
fn rfc_4475_views() {
    let Some(folder) = captures(RFC_4475) else { return };
    let read = |name: &str| fs::read(folder.join(name).with_extension("dat")).expect("a file");
    let octets = read("lwsdisp");
    let from = parse(&octets).expect("lwsdisp").from().map(|from| from.display().map(|name| name.into_owned()));
    assert_eq!(from, Some(Some(b"caller".to_vec())));
    let octets = read("badaspec");
    let to = parse(&octets).expect("badaspec").to().and_then(|to| to.uri().aor());
    assert_eq!(to.as_deref(), Some("sip:t.watson@example.org"));
    let octets = read("transports");
    let message = parse(&octets).expect("transports");
    let transports: Vec<_> = message.vias().map(|via| via.transport).collect();
    assert_eq!(transports, [&b"UDP"[..], b"SCTP", b"TLS", b"UNKNOWN", b"TCP"]);
    let octets = read("mpart01");
    let message = parse(&octets).expect("mpart01");
    let kind = message.content_type().expect("a Content-Type");
    assert!(kind.is("multipart", "mixed") && kind.params.get(b"boundary").is_some_and(|value| !value.is_empty()));
}

#[test]
fn jain_sip_messages() {
    let Some(path) = captures(JAIN_SIP) else { return };
    let text = fs::read_to_string(path).expect("torture.xml");
    let mut found = BTreeMap::new();
    for case in text.split("<message>").skip(1) {
        let case = case.split("</message>").next().unwrap_or_default();
        let inside = case.split("<![CDATA[").nth(1).and_then(|data| data.split("]]>").next()).expect("a CDATA section");
        let octets = format!("{}\r\n\r\n", inside.replace('\n', "\r\n"));
        let reading = Reading::datagram(octets.as_bytes());
        let said = match reading.messages.first() {
            Some(raw) => parse(raw).expect("what is framed can be parsed").malformed.unwrap_or("well formed"),
            None => reading.anomalies.first().expect("a reason"),
        };
        *found.entry(said).or_insert(0) += 1;
    }
    // The file has bare line feeds and drops the last line ends, which are put back above; the four that are no message have an unquoted `<hex>` in their first line, none at all, or a status of ten digits.
    let expected = BTreeMap::from([
        ("CSeq is not a number below 2^31 and a method", 2),
        ("a header field that may stand once stands twice", 2),
        ("a line of the head is no header field", 3),
        ("a quote or bracket of From or To never closes", 1),
        ("junk-between-messages", 4),
        ("no Call-ID", 2),
        ("no empty line ends the head", 1),
        ("stray white space in the request line", 2),
        ("the Request-URI stands in angle brackets", 2),
        ("the method of CSeq is not that of the request line", 3),
        ("the version is not SIP/2.0", 2),
        ("well formed", 348),
        ("white space inside the Request-URI", 2),
    ]);
    assert_eq!(found, expected);
}

/// File, messages, and how many of them are defective. Other text stands between some of the messages, and names were
/// changed after the lengths were written: a body then ends inside the next start line, which begins late and
/// does not agree with its CSeq, or covers the next message whole.
const STREAMS: &[(&str, usize, usize)] = &[
    ("Mixed_Stream_1", 15, 0),
    ("Mixed_Stream_2", 5, 1),
    ("NOTIFY_CallEnd", 1, 0),
    ("NOTIFY_CallStart_2", 1, 0),
    ("NOTIFY_EmptyHeaderKey_1", 1, 0),
    ("NOTIFY_SDP_multi_1", 1, 0),
    ("NOTIFY_chunked_read", 1, 0),
    ("NOTIFY_chunked_read_NELSON", 1, 0),
    ("NOTIFY_generic_1", 1, 0),
    ("NOTIFY_single_2", 1, 0),
    ("REGISTER_1", 1, 0),
    ("REGISTER_200_OK", 1, 0),
    ("Test_extension_aras", 2, 1),
    ("Test_extension_nelson", 6, 4),
    ("Test_parse_invalid_string_position", 2, 1),
    ("Trying_INVITE_1", 1, 0),
];

#[test]
fn sip2json_streams() {
    let Some(folder) = captures(SIP2JSON) else { return };
    for (name, messages, defective) in STREAMS {
        let octets = fs::read(folder.join(name).with_extension("sip")).expect(name);
        let whole = Reading::stream(&octets, octets.len());
        let found = whole.messages.iter().filter(|raw| parse(raw).expect(name).malformed.is_some()).count();
        assert_eq!((whole.messages.len(), found), (*messages, *defective), "{name}");
        for slice in [1, 13, 1460] {
            assert_eq!(Reading::stream(&octets, slice), whole, "{name}");
        }
    }
}

#[test]
fn cut_and_flipped_torture_never_panics() {
    let Some(folder) = captures(RFC_4475) else { return };
    for (name, ..) in ROWS {
        let octets = fs::read(folder.join(name).with_extension("dat")).expect(name);
        for at in (0..octets.len()).step_by(3) {
            look(&octets[..at]);
            let mut flipped = octets.clone();
            flipped[at] ^= 0x55;
            look(&flipped);
        }
    }
}

/// Reads octets both ways and makes the views of what they hold.
fn look(octets: &[u8]) {
    let stream = Reading::stream(octets, 100);
    let kept: usize = stream.messages.iter().map(Vec::len).sum();
    assert!(kept <= octets.len());
    for raw in stream.messages.iter().chain(&Reading::datagram(octets).messages) {
        let message = parse(raw).expect("what is framed can be parsed");
        let addresses = message.from().into_iter().chain(message.to()).chain(message.contacts());
        let shown: Vec<Address<'_>> = addresses.filter(|address| address.uri().aor().is_some()).collect();
        assert!(shown.len() <= raw.len());
        assert_eq!(message.vias().count(), message.via_count());
    }
}

/// A record of an Edge's own log, published by its vendor, made a message again.
#[test]
fn a_published_edge_record() {
    let Some(path) = captures("lync/MicrosoftDocs__OfficeDocs-Support/traces/edge-sipstack-options-1.log") else {
        return;
    };
    let log = fs::read_to_string(path).expect("a log");
    let (_, record) = log.split_once("Start-Line: ").expect("a start line");
    let (head, _) = record.split_once("Message-Body:").expect("a body");
    let text = format!("{head}FROM: <sip:a@example.com>\n\n");
    let message = parse(text.as_bytes()).expect("a message");
    assert_eq!(message.malformed, None);
    let uri = message.request_uri().expect("a Request-URI");
    assert_eq!(uri.user, Some(&b"Options_User"[..]));
    let route = message.routes().next().expect("a Route");
    assert!(route.params.has(b"ms-edge-route") && route.uri().params.has(b"lr"));
    assert_eq!(
        message.products().next().map(|product| (product.name, product.version)),
        Some((&b"RTCC"[..], Some(&b"4.0.0.0"[..])))
    );
    assert_eq!(message.via_count(), 1);
}
