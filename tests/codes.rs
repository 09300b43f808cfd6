//! `lyncpush explain`, and the page of all codes that it is written from.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test codes` writes `docs/codes.md` anew.

mod command;

use std::fs;
use std::path::Path;

use command::{finish, lyncpush, run};
use lyncpush::diagnosis::{catalogue, page};
use lyncpush::unreadable::UnreadableReason;
use similar::TextDiff;

const PAGE: &str = "docs/codes.md";

#[test]
fn the_page_of_codes_is_what_the_tables_say() {
    let path = Path::new(command::ROOT).join(PAGE);
    let now = page::text();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let difference = TextDiff::from_lines(&written, &now).unified_diff().header(PAGE, "now").to_string();
    assert!(difference.is_empty(), "{difference}\nUPDATE_SNAPSHOTS=1 cargo test --test codes writes it");
}

#[test]
fn readme_links_the_page() {
    let readme = fs::read_to_string(Path::new(command::ROOT).join("README.md")).unwrap();
    assert!(readme.contains(&format!("]({PAGE})")));
}

/// Every table row of the page has as many cells as its head.
#[test]
fn the_page_is_sound_markdown() {
    let written = page::text();
    let mut columns = 0;
    for line in written.lines() {
        let cells = if line.starts_with('|') { line.matches('|').count() } else { 0 };
        assert!(columns == 0 || cells == 0 || cells == columns, "{line}");
        columns = cells;
    }
    assert_eq!(written.matches("```").count() % 2, 0);
}

#[test]
fn everything_listed_is_explained() {
    let listed = run(["explain", "--list"]).with_code(0);
    for line in catalogue::list() {
        assert!(listed.text().contains(&line.name), "{}", line.name);
        let ran = run(["explain", &line.name]).with_code(0);
        assert!(ran.err.is_empty() && ran.text().contains("Sources"), "{}: {}", line.name, ran.text());
    }
}

#[test]
fn a_finding_is_told_with_its_wire_pattern_causes_remedies_and_sources() {
    let ran = run(["explain", "LP105"]).with_code(0);
    for part in
        ["LP105: The push was refused inside", "Severity  error", "Meaning", "Wire", "Causes", "Remedies", "Sources"]
    {
        assert!(ran.text().contains(part), "{part:?} in {}", ran.text());
    }
    let ran = run(["explain", "1009"]).with_code(0);
    assert!(ran.text().contains("domain-not-allowed") && ran.text().contains("504"), "{}", ran.text());
    let ran = run(["explain", "domain-not-allowed"]).with_code(0);
    assert!(ran.text().contains("New-CsAllowedDomain -Identity 'push.lync.com'"), "{}", ran.text());
}

/// The reasons in a report's coverage lead to what helps.
#[test]
fn a_reason_why_a_stream_is_not_read_is_told_with_what_helps() {
    let listed = run(["explain", "--list"]).with_code(0);
    for reason in UnreadableReason::ALL {
        let ran = run(["explain", reason.name()]).with_code(0);
        for part in ["Meaning", "Wire", "Helps", "Sources"] {
            assert!(ran.text().contains(part), "{part:?} in {}", ran.text());
        }
        assert!(listed.text().contains(reason.name()), "{}", reason.name());
    }
    for (name, options) in [
        ("tls-no-secret", &["--keylog", "--rsa-key"][..]),
        ("tls-forward-secret", &["--keylog"]),
        ("tls-key-mismatch", &["--keylog", "--rsa-key"]),
        ("LP901", &["--keylog", "--rsa-key", "lyncpush explain"]),
    ] {
        let ran = run(["explain", name]).with_code(0);
        let words = ran.text().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(options.iter().all(|option| words.contains(option)), "{name}: {words}");
    }
}

#[test]
fn what_is_unknown_is_one_line_with_the_nearest() {
    for (typed, expected) in [
        ("LP106", "lyncpush: nothing is known under \"LP106\", did you mean LP105"),
        ("firewal", "did you mean firewall?"),
        ("certificate", "did you mean certificate-not-trusted or certificate-refused?"),
        (
            "nothing like it",
            "lyncpush: nothing is known under \"nothing like it\". 'lyncpush explain --list' shows all",
        ),
        ("\u{1b}[2J", "lyncpush: nothing is known under"),
        ("", "lyncpush: nothing is known under \"\""),
    ] {
        let ran = run(["explain", typed]).with_code(2);
        assert!(ran.out.is_empty() && ran.err.contains(expected), "{typed}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(!ran.err.contains('\u{1b}'));
    }
    let ran = run(["explain"]).with_code(2);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
}

#[test]
fn pages_fit_their_width_and_their_locale() {
    for name in
        ["--list", "LP105", "firewall", "certificate-not-trusted", "push-not-made", "1010", "504", "tls-key-mismatch"]
    {
        for width in ["60", "80", "120"] {
            let ran = finish(lyncpush().args(["explain", name]).env("COLUMNS", width).env("LC_ALL", "C")).with_code(0);
            assert_eq!(command::too_wide(ran.text(), width.parse().unwrap()), None, "{name} in {width}");
            for line in ran.text().lines() {
                assert!(line.is_ascii(), "{name} in {width}: {line}");
                assert!(!line.ends_with(' '), "{name} in {width}: {line:?}");
            }
        }
    }
}
