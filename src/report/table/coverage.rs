//! The foot of the page: what the captures could show, and what could not be read and why.

use super::ladder::{DETAIL, write_finding};
use crate::report::format::Options;
use crate::report::model::{Coverage, Input, Leg, Report, Tls};
use crate::report::page::{Fit, Page, Tint};
use crate::report::text;
use crate::report::words::{self, day, frame_name, span};

/// Columns of the labels left of the facts.
const LABEL: usize = 10;
/// Unreadable streams named for each reason without `-v`, which names all.
const STREAMS: usize = 10;

/// Writes findings about the whole capture, latencies, and coverage.
pub fn write(page: &mut Page, report: &Report, options: &Options) {
    for finding in report.findings.iter().filter(|finding| finding.ladder.is_none()) {
        page.gap();
        write_finding(page, report, finding);
    }
    if options.verbose || report.ladders.len() > 1 {
        latencies(page, report);
    }
    page.gap();
    page.prose(0, Tint::Strong, "Coverage");
    for (at, input) in report.inputs.iter().enumerate() {
        write_input(page, report, at, input);
    }
    let coverage = &report.coverage;
    legs(page, coverage);
    sip(page, coverage);
    keys(page, coverage);
    frames(page, coverage);
    unreadable(page, coverage, if options.verbose { usize::MAX } else { STREAMS });
    anomalies(page, report);
}

/// How long steps took, over all ladders.
fn latencies(page: &mut Page, report: &Report) {
    if report.summary.latency_ms.is_empty() {
        return;
    }
    page.gap();
    page.prose(0, Tint::Strong, "Time since the step before");
    let head = [
        ("#", Fit::Number),
        ("Step", Fit::Content),
        ("Ladders", Fit::Number),
        ("Median", Fit::Number),
        ("95 %", Fit::Number),
        ("Longest", Fit::Number),
    ];
    let rows = report.summary.latency_ms.iter().map(|latency| -> [String; 6] {
        let steps = report.ladders.iter().flat_map(|ladder| &ladder.steps);
        let key = steps.into_iter().find(|step| step.number == latency.step).map(|step| page.short(&step.key, 24));
        [
            latency.step.to_string(),
            key.unwrap_or_default(),
            text::count(latency.count),
            text::duration(latency.p50),
            text::duration(latency.p95),
            text::duration(latency.max),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if page.is_narrow() {
        for [number, key, ladders, median, most, longest] in &rows {
            let words = format!("ladders {ladders}, median {median}, 95 % {most}, longest {longest}");
            page.prose(2, Tint::Plain, &format!("{number} {key}: {words}"));
        }
        return;
    }
    let words = |cells: [String; 6]| cells.into_iter().map(|words| (words, Tint::Plain)).collect();
    page.table(2, &head, &rows.into_iter().map(words).collect::<Vec<_>>());
}

/// One capture: what it is, its span, its clock, how it ended.
fn write_input(page: &mut Page, report: &Report, at: usize, input: &Input) {
    let several = report.inputs.len() > 1;
    let kind = if input.drops.is_some() { "Watched" } else { "File" };
    let label = if several { format!("{kind} {}", at + 1) } else { kind.to_owned() };
    let mut words = format!(
        "{}, {}, {}, {}",
        page.safe(&input.path),
        page.safe(&input.format),
        text::counted(input.frames, "frame", "frames"),
        text::counted(input.bytes, "byte", "bytes")
    );
    if !input.link_types.is_empty() {
        words.push_str(&format!(", {}", page.safe(&input.link_types.join(", "))));
    }
    if let (Some(first), Some(last)) = (&input.first_frame_at, &input.last_frame_at) {
        words.push_str(&format!(", {} UTC", span(first, last)));
    }
    page.labelled(2, &label, LABEL, Tint::Plain, &words);
    if let Some(drops) = input.drops {
        match words::lost(drops) {
            Some(lost) => page.labelled(2, "", LABEL, Tint::Warn, &lost),
            None => page.labelled(2, "", LABEL, Tint::Plain, "no frame is known to be lost"),
        }
    } else if several && at > 0 {
        let offset = text::duration(input.clock_offset_ms);
        let sign = if input.clock_offset_ms > 0.0 { "+" } else { "" };
        let clock = if input.clock_compared {
            format!("clock moved by {sign}{offset} to agree with file 1")
        } else {
            "clock not compared with file 1: no message in common; order and times across the two are not judged"
                .to_owned()
        };
        page.labelled(2, "", LABEL, Tint::Plain, &clock);
    }
    if let Some(ended) = words::ended(input) {
        page.labelled(2, "", LABEL, Tint::Warn, &page.safe(&ended));
    }
}

/// Which legs are in view and which are not.
fn legs(page: &mut Page, coverage: &Coverage) {
    let named = |covered: bool| {
        let names = Leg::ALL.into_iter().filter(|leg| coverage.legs.covers(*leg) == covered).map(Leg::name);
        names.collect::<Vec<_>>().join(", ")
    };
    let words = match (named(true), named(false)) {
        // A leg that is in view and closed cannot be told from one that is not.
        (seen, unseen) if seen.is_empty() && !coverage.unreadable.is_empty() => {
            format!("none can be read; {unseen} are closed or not in view")
        }
        (seen, unseen) if seen.is_empty() => format!("none in view; not {unseen}"),
        (seen, unseen) if unseen.is_empty() => format!("{seen} in view"),
        (seen, unseen) => format!("{seen} in view; {unseen} not"),
    };
    page.labelled(2, "Legs", LABEL, Tint::Plain, &words);
}

/// What was read of SIP and what was lost of it.
fn sip(page: &mut Page, coverage: &Coverage) {
    let streams = &coverage.streams;
    let mut words = format!(
        "{}, {} malformed; {}",
        text::counted(coverage.sip_messages, "message", "messages"),
        text::count(coverage.sip_malformed),
        text::counted(streams.tcp, "TCP connection", "TCP connections")
    );
    if streams.tls > 0 {
        let (tls, open) = (text::count(streams.tls), text::count(streams.tls_decrypted));
        words.push_str(&format!(", {tls} with TLS ({open} decrypted)"));
    }
    if streams.compressed > 0 {
        words.push_str(&format!(", {} compressed", text::count(streams.compressed)));
    }
    page.labelled(2, "SIP", LABEL, Tint::Plain, &words);
    if coverage.gaps > 0 {
        let gaps = text::counted(coverage.gaps, "gap", "gaps");
        let bytes = text::counted(coverage.gap_bytes, "byte", "bytes");
        let words = format!("{gaps} in SIP streams: {bytes} were sent but are not in the capture");
        page.labelled(2, "Lost", LABEL, Tint::Warn, &words);
    }
}

/// What became of the frames.
fn frames(page: &mut Page, coverage: &Coverage) {
    let counts = &coverage.frames;
    let aside: Vec<String> = counts
        .set_aside
        .iter()
        .map(|(reason, number)| format!("{} {}", text::count(*number), page.short(reason, 40)))
        .collect();
    let aside = if aside.is_empty() { String::new() } else { format!("; set aside: {}", aside.join(", ")) };
    let words = format!("{} read, {} used{aside}", text::count(counts.read), text::count(counts.used));
    page.labelled(2, "Frames", LABEL, Tint::Plain, &words);
}

/// What could not be read, by reason, with the first streams of each.
fn unreadable(page: &mut Page, coverage: &Coverage, most: usize) {
    for closed in words::closed(coverage) {
        let why = page.short(&closed.why(), DETAIL);
        page.labelled(2, "Not read", LABEL, Tint::Warn, &why);
        let streams = &closed.streams;
        for stream in streams.iter().take(most) {
            let mut words =
                format!("{} ({})", page.safe(&stream.stream), text::counted(stream.frames, "frame", "frames"));
            if let Some(tls) = &stream.tls {
                words.push_str(&facts(page, tls));
            }
            page.labelled(2, "", LABEL, Tint::Plain, &words);
        }
        let more = streams.len().saturating_sub(most) as u64;
        if more > 0 {
            page.labelled(
                2,
                "",
                LABEL,
                Tint::Dim,
                &format!("and {}", text::counted(more, "more stream", "more streams")),
            );
        }
    }
}

/// What a TLS connection shows of itself, each fact after a comma.
fn facts(page: &Page, tls: &Tls) -> String {
    let mut words = String::new();
    let mut say = |label: &str, what: &str| {
        words.push_str(", ");
        words.push_str(label);
        words.push_str(&page.safe(what));
    };
    for (label, fact) in
        [("", &tls.version), ("", &tls.suite), ("server name ", &tls.server_name), ("alert: ", &tls.alert)]
    {
        if let Some(fact) = fact {
            say(label, fact);
        }
    }
    for (label, certificate) in [("certificate ", &tls.certificate), ("client's certificate ", &tls.client_certificate)]
    {
        if let Some(certificate) = certificate {
            let own = (label, &certificate.subject, &certificate.issuer, &certificate.not_after);
            let chain = certificate.chain.iter().map(|one| ("with it ", &one.subject, &one.issuer, &one.not_after));
            for (label, subject, issuer, not_after) in std::iter::once(own).chain(chain) {
                say(label, subject);
                match issuer == subject {
                    true => say("", "self-signed"),
                    false => say("issued by ", issuer),
                }
                say("valid until ", day(not_after));
            }
        }
    }
    if tls.resumed {
        say("", "a session resumed from an earlier connection");
    }
    if !tls.secrets_tried.is_empty() {
        say("tried: ", &tls.secrets_tried.join(", "));
    }
    words
}

/// What was given to open TLS with.
fn keys(page: &mut Page, coverage: &Coverage) {
    let Some(keys) = &coverage.keys else { return };
    let tint = if keys.secrets + keys.rsa_keys == 0 { Tint::Warn } else { Tint::Plain };
    page.labelled(2, "Keys", LABEL, tint, &words::keys(keys));
}

/// Defects by kind, with the first of each.
fn anomalies(page: &mut Page, report: &Report) {
    for (at, anomaly) in report.coverage.anomalies.iter().enumerate() {
        let first = anomaly.first.first().map_or_else(String::new, |first| {
            let frame = frame_name(report, first.input, first.frame);
            format!(", first in frame {frame}: {}", page.safe(&first.detail))
        });
        let words = format!("{} {}{first}", text::count(anomaly.count), page.short(&anomaly.kind, 40));
        page.labelled(2, if at == 0 { "Defects" } else { "" }, LABEL, Tint::Plain, &words);
    }
}
