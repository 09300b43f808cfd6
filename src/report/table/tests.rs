//! The table as pages of text: what stands there, how wide it is, and that nothing acts on a terminal.

use super::*;
use crate::report::model::Drops;
use crate::report::sample;

fn page(report: &Report, options: &Options) -> String {
    let mut out = Vec::new();
    write(report, options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn at_80(report: &Report) -> String {
    page(report, &Options::default())
}

/// `text` without the escape sequences of colours.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        let (sequence, after) = after.split_once('m').unwrap();
        assert!(sequence.bytes().all(|b| b.is_ascii_digit() || b == b';'), "only colours: {sequence:?}");
        rest = after;
    }
    bare + rest
}

fn every_option() -> impl Iterator<Item = Options> {
    [40, 41, 50, 59, 60, 72, 80, 99, 100, 119, 120, 150, 200].into_iter().flat_map(|width| {
        (0..8).map(move |bits| Options {
            width,
            ascii: bits & 1 > 0,
            colour: bits & 2 > 0,
            verbose: bits & 4 > 0,
            filtered: false,
            whole_texts: false,
        })
    })
}

#[test]
fn no_line_passes_the_width() {
    for report in sample::all() {
        for options in every_option() {
            for line in bare(&page(&report, &options)).lines() {
                let columns = text::columns(line);
                let fits = columns <= options.width || sample::is_token(&report, line, options.ascii);
                assert!(fits, "{columns} columns with {options:?}: {line:?}");
            }
        }
    }
}

#[test]
fn a_narrow_page_says_the_same_in_lines() {
    for report in sample::all() {
        let written = |width| page(&report, &Options { width, verbose: true, ..Options::default() });
        let (narrow, narrowest) = (written(40), written(39));
        assert_eq!(narrowest, narrow, "below 40 columns words would be cut to pieces");
        assert!(!narrow.contains('─'), "no table: {narrow}");
        let has_rule = written(60).contains('─');
        assert_eq!(has_rule, !report.ladders.is_empty(), "from 60 columns on there is room for tables");
        for step in report.ladders.iter().flat_map(|ladder| &ladder.steps) {
            // What is as short as it is in practice stands in one line.
            if step.key.len() < 16 {
                let line = format!("{:>2} {:15} ", step.number, step.key);
                assert!(narrow.contains(&line), "{line:?} in\n{narrow}");
            }
        }
    }
    let text = page(&sample::broken(), &Options { width: 40, verbose: true, ..Options::default() });
    assert!(text.contains("\n   5 push-federated  ✗ failed, after "), "{text}");
    // The message and its remark below the step, the remark not said twice.
    assert!(text.contains("\n     21 504 Server time-out,"), "{text}");
    assert!(unwrapped(&text).contains("2 mobile-lookup: ladders 1, median 11 ms, "), "{text}");
}

#[test]
fn nothing_from_the_wire_acts_on_the_terminal() {
    for options in every_option() {
        let text = bare(&page(&sample::hostile(), &options));
        let acting = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!text.contains(acting), "{options:?}");
        assert!(text.contains("x1b"), "the attempt is visible");
    }
}

#[test]
fn plain_ascii_where_the_locale_asks() {
    for report in sample::all() {
        let text = page(&report, &Options { ascii: true, verbose: true, ..Options::default() });
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn colour_only_when_asked_and_never_alone() {
    let report = sample::mixed();
    let plain = at_80(&report);
    let coloured = page(&report, &Options { colour: true, ..Options::default() });
    assert!(!plain.contains('\u{1b}'));
    assert!(coloured.contains("\u{1b}["));
    // Trailing blanks may stand inside a colour; the words are the same.
    let words = |text: &str| bare(text).lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(words(&coloured), words(&plain));
}

/// `text` as one line: what the wrapping does to a sentence does not matter to its test.
fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_broken_ladder_tells_what_broke() {
    let text = unwrapped(&at_80(&sample::broken()));
    for needle in [
        "1 ladder: 1 broken; 1 error",
        "Ladder 1: broken at step 5 push-federated",
        "✗ failed",
        "· not-reached",
        "✓ ok",
        "error LP105, step 5: The Edge refused the push request",
        "Reported by edge01.example.com: 504, ms-diagnostics 1009",
        "Frame 21",
        "SAMSUNG SGH-i937, Windows Phone",
        "a push is expected",
        "joined by epid, aor, time, confidence 0.98",
        "caller, mcx, push-internal, edge-internal in view; edge-external not",
    ] {
        assert!(text.contains(needle), "{needle:?} in\n{text}");
    }
}

#[test]
fn nothing_is_said_twice_nor_of_an_unknown_reporter() {
    let mut report = sample::broken();
    report.findings[0].diagnostics.as_mut().unwrap().reported_by = None;
    let refused = &mut report.ladders[0].steps[4];
    refused.detail = refused.evidence.last().map(|seen| seen.summary.clone());
    let text = page(&report, &Options { width: 200, ..Options::default() });
    assert!(!text.contains("Reported by"), "{text}");
    assert_eq!(text.matches(" 504 Server time-out, ms-diagnostics 1009\n").count(), 1, "{text}");
}

#[test]
fn a_note_on_a_complete_ladder_is_the_news_of_its_row() {
    let (mut report, note) = (sample::complete(), sample::no_push_expected().findings[0].clone());
    report.ladders[0].findings = vec![0];
    let title = note.title.clone();
    report.findings = vec![note];
    let text = page(&report, &Options { width: 200, ..Options::default() });
    assert!(text.contains(&title), "{text}");
}

#[test]
fn complete_ladders_show_their_steps_only_when_asked() {
    let report = sample::complete();
    let brief = at_80(&report);
    assert!(brief.starts_with("1 ladder: 1 complete\n"), "{brief}");
    assert!(!brief.contains("Ladder 1"), "{brief}");
    let full = page(&report, &Options { verbose: true, ..Options::default() });
    assert!(full.contains("Ladder 1: complete"), "{full}");
    assert!(full.contains("not-observable"), "{full}");
}

#[test]
fn without_a_ladder_it_says_why() {
    let mut no_ip = sample::empty();
    no_ip.inputs[0].frames = 3;
    no_ip.coverage.frames.read = 3;
    let mut no_sip = no_ip.clone();
    no_sip.coverage.frames.used = 3;
    let mut no_push = no_sip.clone();
    no_push.coverage.sip_messages = 1;
    for (report, filtered, expected) in [
        (sample::empty(), false, "No push ladder: the capture has no frames."),
        (no_ip, false, "No push ladder: none of the 3 frames carries TCP or UDP."),
        (no_sip, false, "No push ladder: no SIP in 3 frames."),
        (no_push.clone(), false, "No push ladder: 1 SIP message read, but no call to a mobile user and no push among"),
        (no_push, true, "No push ladder: 1 SIP message read, but no ladder among them"),
        (sample::unreadable(), false, "No push ladder: nothing could be read, 1 stream stayed closed"),
    ] {
        let text = unwrapped(&page(&report, &Options { filtered, ..Options::default() }));
        assert!(text.starts_with(expected), "{expected:?} in\n{text}");
    }
}

#[test]
fn coverage_says_what_was_not_read_and_why() {
    let text = page(&sample::mixed(), &Options { width: 120, ..Options::default() });
    for needle in [
        "Not read  tls-no-secret, 2 streams, 24 frames",
        "192.0.2.7:49901 > 192.0.2.9:5061 (12 frames)",
        "Lost      2 gaps in SIP streams: 2,920 bytes",
        "clock moved by -1.83 s to agree with file 1",
        "cut short: record 43 at byte 31,000",
        "1 malformed-message, first in frame 2:17: header line without a colon",
        "set aside: 2 arp",
    ] {
        assert!(text.contains(needle), "{needle:?} in\n{text}");
    }
}

#[test]
fn coverage_says_what_an_interface_lost() {
    let mut report = sample::broken();
    for (kernel, expected) in [(0, "no frame is known to be lost"), (3, "at least 3 frames dropped by the kernel")] {
        report.inputs[0].drops = Some(Drops { kernel, ..Drops::default() });
        let text = at_80(&report);
        assert!(text.contains("Watched") && text.contains(expected), "{text}");
    }
}

#[test]
fn very_many_ladders_stay_bounded() {
    let mut report = sample::mixed();
    let broken = report.ladders[1].clone();
    let complete = report.ladders[0].clone();
    report.ladders = std::iter::repeat_n(complete, 2000).chain(std::iter::repeat_n(broken, 250)).collect();
    let text = at_80(&report);
    assert!(text.contains("2,000 ladders are not listed"), "complete ones give way first");
    assert!(text.contains("50 more ladders are not shown in detail"));
}
