//! P16: what people wrote, what a push carries and what proves who somebody is stay out of reports and tickets, unless
//! they are asked for.

mod analysis;
mod command;
#[cfg(feature = "post")]
mod endpoint;
mod pcap;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};

use analysis::analyze;
use command::run;
use lyncpush::report::format::{self, FORMATS, Shape};
use lyncpush::report::html;
use lyncpush::report::model::Report;
use lyncpush::simulate::{self, Options, PushVariant};
use lyncpush::sip::grammar::parse;
use lyncpush::sip::header::HeaderName;
use lyncpush::sip::message::Message;
use lyncpush::sip::method::Method;
use lyncpush::sip::view::Params;
use pcap::Pcap;

/// Headers of the simulated calls, what takes their place and is made as long, and what of it is nobody's business.
const PLANTED: &[(&str, &str, &[&str])] = &[
    ("Roster-Manager: sip:alice@example.com", "Subject: canary-of-what-it-is-about", &["canary-of-what-it-is-about"]),
    ("ms-keep-alive: UAC;hop-hop=yes", "Proxy-Authorization: canary-pa", &["canary-pa"]),
    ("Supported: ms-dialog-route-set-update", "Authorization: gssapi-data=canary-ga", &["canary-ga", "gssapi-data"]),
    ("Supported: com.microsoft.rtc-multiparty", "Proxy-Authenticate: gss=canary-pe", &["canary-pe"]),
    ("rspauth=\"0100000", "rspauth=\"canaryr", &["canaryr"]),
    // The second is what the first says: `canary-words`.
    ("charset=UTF-8; ms-body=cXdl", "ms-body=Y2FuYXJ5LXdvcmRzAAA", &["Y2FuYXJ5", "canary-words"]),
    ("s=session", "s=canarys", &["canarys"]),
];

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
fn rendered(write: fn(&Report, &format::Options, &mut dyn Write) -> io::Result<()>, report: &Report) -> String {
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
                    let text = rendered(write, &kept_back);
                    let told = text.contains(&secret) || text.contains(&escaped);
                    assert!(!told, "{scenario} {push_variant}: {secret} is not redacted in {}", format.name);
                }
                assert!(rendered(html::write, &report).contains(&escaped), "{scenario}: {secret} is not on the page");
            }
            // As the program writes it: with the messages behind a click.
            let page = run(["analyze", "--format", "html", path.to_str().expect("UTF-8")]);
            assert!(page.text().contains("[left out]"), "{scenario}");
            for secret in in_evidence(&report) {
                let told = page.text().contains(&secret) || page.text().contains(&escaped(&secret));
                assert!(!told, "{scenario} {push_variant}: {secret} is not redacted on the page");
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

/// A fault with canaries in its messages, and those of them that a report with texts shows.
fn planted() -> (Vec<u8>, Vec<&'static str>) {
    let file = command::simulated("domain-not-allowed", &[]);
    let mut capture = Pcap::of(&file);
    for (old, new, _) in PLANTED {
        let new = format!("{new:-<width$}", width = old.len());
        let planted = capture.frames.iter_mut().filter_map(|frame| frame.replace(old, &new).then_some(())).count();
        assert!(planted > 0, "{old} is nowhere");
    }
    (capture.octets(), PLANTED.iter().flat_map(|(_, _, canaries)| *canaries).copied().collect())
}

/// Everything that is written about a capture, by the name of what writes it.
fn written(capture: &str) -> Vec<(&'static str, String)> {
    let mut written: Vec<(&str, String)> = Vec::new();
    for format in FORMATS {
        let ran = run(["analyze", "-v", "--format", format.name, capture]).with_code(1);
        written.push((format.name, ran.text().to_owned() + &ran.err));
    }
    #[cfg(feature = "post")]
    {
        let endpoint = endpoint::Endpoint::start(&[endpoint::Reply::Status(200)]);
        let spool = tempfile::tempdir().expect("a directory");
        let spool = spool.path().to_str().expect("UTF-8");
        let url = endpoint.url("/");
        run(["analyze", capture, "--post", &url, "--spool", spool, "--post-severity", "note"]).with_code(1);
        let requests = endpoint.requests();
        assert!(!requests.is_empty());
        written.extend(requests.into_iter().map(|request| ("ticket", request.body)));
    }
    written
}

#[test]
fn p16_no_canary_is_in_any_format_or_ticket_unless_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("canaries.pcap");
    let (capture, canaries) = planted();
    std::fs::write(&path, capture).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let shown = run(["analyze", "--show-text", "--format", "json", path]).with_code(1);
    let (report, _) = analyze(path.as_ref(), true).expect("a report");
    let secrets = in_evidence(&report);
    for canary in canaries.iter().filter(|canary| **canary != "canary-words") {
        assert!(shown.text().contains(canary), "{canary} is in the capture");
    }
    for (what, text) in written(path) {
        for canary in &canaries {
            assert!(!text.contains(canary), "{canary} is in {what}");
        }
        // Lines are broken where they are full, and markup stands between.
        for secret in secrets.iter().filter(|secret| !secret.contains(' ')) {
            assert!(!text.contains(secret.as_str()), "{secret} is in {what}");
        }
    }
}
