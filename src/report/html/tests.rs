//! The page as bytes: nothing from the wire gets out of its place, and everything the report says is in it.
//! What a browser makes of it is tested from outside.

use super::*;
use crate::report::model::{Certificate, Issuer, KeyCounts, Report, Tls};
use crate::report::sample;

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    write(report, &Options::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// `page` without styles and script.
fn body(page: &str) -> &str {
    let (_, after) = page.split_once("</style>").unwrap();
    after.rsplit_once("<script>").unwrap().0
}

/// Names that would do something to a browser, or to a reader of it.
const HOSTILE: &[&str] = &[
    "<script>document.title='owned'</script>",
    "</script></noscript></style></title><script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "' onmouseover='document.title=1' x='`",
    "\u{2028}\u{2029}\u{202e}gpj.exe\u{2066}\u{0}\u{1b}[2J",
    "&lt;script&gt;&#60;b&#62;&",
    "--><!--<![CDATA[",
    "javascript:alert(1)",
];

/// A report in which every string from the wire is `name`.
fn named(name: &str) -> Report {
    let mut report = sample::mixed();
    let some = || Some(name.to_owned());
    for ladder in &mut report.ladders {
        (ladder.caller, ladder.callee, ladder.callee_name) = (some(), some(), some());
        (ladder.call_id, ladder.conversation_id) = (some(), some());
        ladder.push_call_ids = vec![name.to_owned()];
        if let Some(mobile) = &mut ladder.mobile {
            (mobile.server, mobile.device, mobile.platform, mobile.client) = (some(), some(), some(), some());
            (mobile.client_version, mobile.epid) = (some(), some());
        }
        for rival in ladder.join.iter_mut().flat_map(|join| &mut join.rivals) {
            rival.call_id = name.to_owned();
        }
        for step in &mut ladder.steps {
            step.detail = some();
            for seen in &mut step.evidence {
                (seen.summary, seen.text) = (name.to_owned(), Some(format!("{name}\r\n\r\n{name}")));
            }
        }
        if let Some(diagnosis) = &mut ladder.diagnosis {
            diagnosis.evidence = name.to_owned();
            diagnosis.ruled_out[0].why = name.to_owned();
            diagnosis.remedy.check[0].command = name.to_owned();
            diagnosis.remedy.check[0].place = name.to_owned();
        }
    }
    for finding in &mut report.findings {
        (finding.detail, finding.remedy) = (name.to_owned(), some());
        if let Some(said) = &mut finding.diagnostics {
            said.reported_by = some();
        }
    }
    report.inputs[0].path = name.to_owned();
    report.inputs[1].ended_detail = some();
    report.coverage.unreadable[0].stream = name.to_owned();
    report.coverage.unreadable[0].detail = name.to_owned();
    let certificate = Certificate {
        subject: name.to_owned(),
        issuer: name.to_owned(),
        not_after: "2013-06-03T08:00:00Z".to_owned(),
        names: vec![name.to_owned()],
        chain: vec![Issuer { subject: name.to_owned(), issuer: name.to_owned(), not_after: name.to_owned() }],
    };
    report.coverage.unreadable[0].tls = Some(Tls {
        version: Some("TLS 1.2".to_owned()),
        server_name: some(),
        certificate: Some(certificate.clone()),
        client_certificate: Some(certificate),
        alert: some(),
        secrets_tried: vec![name.to_owned()],
        ..Tls::default()
    });
    report.coverage.anomalies[0].first[0].detail = name.to_owned();
    report
}

/// Every tag of a page: its name and attributes as they stand.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split_once('>').map_or(rest, |(tag, _)| tag)).collect()
}

#[test]
fn nothing_from_the_wire_becomes_markup() {
    let kind = page(&named("Bob"));
    let expected: Vec<&str> = tags(body(&kind)).into_iter().map(|tag| tag.split(' ').next().unwrap()).collect();
    for name in HOSTILE {
        let hostile = page(&named(name));
        let found: Vec<&str> = tags(body(&hostile)).into_iter().map(|tag| tag.split(' ').next().unwrap()).collect();
        assert_eq!(found, expected, "{name:?} changes the elements of the page");
        let acting =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!body(&hostile).contains(acting), "{name:?}");
        for tag in tags(body(&hostile)) {
            let quotes = tag.matches('"').count();
            assert!(quotes.is_multiple_of(2) && !tag.contains(" on"), "{tag}");
        }
    }
}

#[test]
fn nothing_is_fetched_and_the_page_says_so() {
    for report in sample::all() {
        let page = page(&report);
        for way in
            ["src=", "href=\"h", "url(", "@import", "http://", "https://", "<link", "<iframe", "<base", " style="]
        {
            assert!(!body(&page).contains(way), "{way}");
        }
        let policy = page.split("content=\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains("</"));
    assert!(!SCRIPT.contains("</") && !SCRIPT.contains("<!--") && !SCRIPT.contains("eval("));
}

#[test]
fn the_page_says_what_the_report_says() {
    let page = page(&sample::mixed());
    for needle in [
        "<title>lyncpush: 5 ladders, 1 broken</title>",
        "<li class=broken><b>1</b> broken</li>",
        "<figure class=timeline>",
        "Ladders by time of their beginning",
        "<svg class=dist",
        "The push&#39;s domain is no allowed domain of the Edge",
        "New-CsAllowedDomain -Identity &#39;push.lync.com&#39;",
        "1 cause is ruled out",
        "im-filter: the Edge answered the push itself",
        "504 Server time-out, ms-diagnostics 1009",
        "class=\"blank not-observable\"",
        "class=\"band failed\"",
        "tls-no-secret",
        "TLS 1.2, and no secret for it was given",
        "cut short: record 43",
        "header line without a colon",
        "LP208",
    ] {
        assert!(page.contains(needle), "{needle}");
    }
    assert_eq!(page.matches("<svg class=ladder").count(), 5, "every ladder is drawn");
    assert_eq!(page.matches("<noscript>").count(), 5, "and is light until it is opened");
    let one = self::page(&sample::broken());
    assert_eq!(one.matches("<noscript>").count(), 0, "a single ladder is open");
    assert!(self::page(&sample::empty()).contains("No push ladder: the capture has no frames."));
}

#[test]
fn a_handshake_shows_its_facts() {
    let page = page(&named("edge01.example.com"));
    for needle in [
        "<span class=note>Agreed on</span> TLS 1.2",
        "<span class=note>Host asked for</span> edge01.example.com",
        "certificate</span> edge01.example.com, for edge01.example.com; by edge01.example.com; valid until 2013-06-03",
        "<span class=note>Alert</span> edge01",
    ] {
        assert!(page.contains(needle), "{needle}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for report in sample::all() {
        let page = page(&report);
        let targets = page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
        for target in targets {
            assert!(page.contains(&format!("id={target} ")) || page.contains(&format!("id={target}>")), "{target}");
        }
    }
}

#[test]
fn what_was_given_to_open_tls_is_counted() {
    let mut report = sample::mixed();
    assert!(!page(&report).contains("open TLS"));
    for (secrets, rsa_keys, expected) in [
        (8, 1, "Given to open TLS with: 8 secrets from key logs, 1 RSA key, 3 lines not understood."),
        (0, 0, "Nothing that opens TLS was given:</b> 0 secrets from key logs, 0 RSA keys, 3 lines not understood."),
    ] {
        report.coverage.keys = Some(KeyCounts { secrets, rsa_keys, unused: 0, skipped: 3 });
        assert!(page(&report).contains(expected), "{expected}");
    }
}
