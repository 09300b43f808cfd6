//! P16: what people wrote, what a push carries and what proves who somebody is stay out of reports, unless they are
//! asked for.

mod analysis;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};

use analysis::analyze;
use lyncpush::report::format::{self, FORMATS, Shape};
use lyncpush::report::html;
use lyncpush::report::model::Report;
use lyncpush::simulate::{self, Options, PushVariant};
use lyncpush::sip::grammar::parse;
use lyncpush::sip::header::HeaderName;
use lyncpush::sip::message::Message;
use lyncpush::sip::method::Method;
use lyncpush::sip::view::Params;

/// What in `message` is nobody's business, longer than what may stand somewhere by chance.
fn secrets(message: &Message<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if message.method() == Some(Method::Message) {
        // A push may name its device in either.
        let push = message.request_uri().filter(|uri| uri.host_is("push.lync.com"));
        let opaque = push.and_then(|uri| uri.opaque()).unwrap_or_default();
        let parts = message.body.split(|octet| b"\r\n&=/".contains(octet)).chain(opaque.split(|octet| *octet == b'/'));
        // Whose phone it is, is no secret.
        found.extend(parts.filter(|part| !part.contains(&b'@')).map(<[u8]>::to_vec));
    }
    found.extend(message.headers(HeaderName::Subject).map(<[u8]>::to_vec));
    for format in message.headers(HeaderName::MsTextFormat) {
        found.extend(Params::new(format).get(b"ms-body").map(<[u8]>::to_vec));
    }
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization, HeaderName::AuthenticationInfo] {
        found.extend(message.headers(name).map(<[u8]>::to_vec));
    }
    found.iter().map(|secret| String::from_utf8_lossy(secret).trim().to_owned()).filter(|s| s.len() > 7).collect()
}

/// The secrets in all that `report` gives as evidence, with the texts of messages in it.
fn in_evidence(report: &Report) -> BTreeSet<String> {
    let evidence = report.ladders.iter().flat_map(|ladder| &ladder.steps).flat_map(|step| &step.evidence);
    let texts = evidence.map(|evidence| evidence.text.as_ref().expect("the text was asked for"));
    texts.flat_map(|text| secrets(&parse(text.as_bytes()).expect("a message"))).collect()
}

/// A report in a format that takes the whole of it.
fn written(write: fn(&Report, &format::Options, &mut dyn Write) -> io::Result<()>, report: &Report) -> String {
    let mut text = Vec::new();
    let options = format::Options { width: 200, verbose: true, ..format::Options::default() };
    write(report, &options, &mut text).expect("memory takes everything");
    String::from_utf8(text).expect("UTF-8")
}

/// `secret` as a page has it.
fn escaped(secret: &str) -> String {
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;"), ("`", "&#96;")]
        .iter()
        .fold(secret.to_owned(), |text, (plain, written)| text.replace(plain, written))
}

#[test]
fn p16_nothing_private_is_in_a_report_unless_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("simulated.pcap");
    for scenario in ["happy", "further-im", "header-oddities", "clearing-house-rejects"] {
        for push_variant in PushVariant::ALL {
            let options = Options { push_variant: *push_variant, ..Options::default() };
            let mut file = File::create(&path).expect("a file");
            simulate::write(scenario, &options, &mut file).expect("a capture");
            let (report, shown) = analyze(&path, true).expect("a report");
            let (kept_back, redacted) = analyze(&path, false).expect("a report");
            for secret in in_evidence(&report) {
                let escaped = escaped(&secret);
                for format in FORMATS {
                    let Shape::Whole(write) = format.shape else { continue };
                    let text = written(write, &kept_back);
                    let told = text.contains(&secret) || text.contains(&escaped);
                    assert!(!told, "{scenario} {push_variant}: {secret} is not redacted in {}", format.name);
                }
                assert!(written(html::write, &report).contains(&escaped), "{scenario}: {secret} is not on the page");
            }
            let [shown, redacted] = [shown, redacted].map(|json| String::from_utf8(json).expect("UTF-8"));
            let secrets = in_evidence(&report);
            assert!(secrets.len() > 3, "{scenario} {push_variant}: {secrets:?}");
            for secret in &secrets {
                let quoted = serde_json::to_string(secret).expect("JSON");
                let quoted = quoted.trim_matches('"');
                assert!(shown.contains(quoted), "{scenario} {push_variant}: {secret} is not shown");
                assert!(!redacted.contains(quoted), "{scenario} {push_variant}: {secret} is not redacted");
            }
        }
    }
}
