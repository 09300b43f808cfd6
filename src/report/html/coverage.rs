//! The foot of the page: what the captures could show, and what could not be read and why.

use std::io::{self, Write};

use super::markup::Text;
use crate::report::model::{Certificate, Coverage, Input, Issuer, Leg, Report, Tls};
use crate::report::text;
use crate::report::words::{self, frame_name};

/// Streams listed; further ones are counted.
const STREAMS: usize = 500;

/// Writes the part on coverage.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        b"<section aria-labelledby=h-coverage>\n<h2 id=h-coverage>Coverage: what this capture can show</h2>\n",
    )?;
    legs(&report.coverage, out)?;
    inputs(report, out)?;
    counts(&report.coverage, out)?;
    unreadable(&report.coverage, out)?;
    anomalies(report, out)?;
    out.write_all(b"</section>\n")
}

/// Which legs are in view.
fn legs(coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"<ul class=legs>")?;
    for leg in Leg::ALL {
        let (class, says) = if coverage.legs.covers(leg) { ("seen", "in view") } else { ("unseen", "not in view") };
        write!(out, "<li class={class}><b>{}</b> {says}</li>", leg.name())?;
    }
    out.write_all(b"</ul>\n")
}

fn inputs(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(
        b"<div class=scroll tabindex=0 role=group aria-label=Captures><table><thead><tr><th scope=col>#<th scope=col>Capture<th scope=col>Format\
          <th scope=col class=num>Frames<th scope=col class=num>Bytes<th scope=col>Span (UTC)<th scope=col>Clock<th scope=col>End</thead><tbody>",
    )?;
    for (at, input) in report.inputs.iter().enumerate() {
        let span = input.first_frame_at.as_deref().zip(input.last_frame_at.as_deref());
        let span = span.map_or_else(|| "no frames".to_owned(), |(first, last)| words::span(first, last));
        let links =
            if input.link_types.is_empty() { String::new() } else { format!(", {}", input.link_types.join(", ")) };
        write!(
            out,
            "<tr><td>{}<td>{}<td>{}{}<td class=num>{}<td class=num>{}<td>{}<td>{}<td>{}",
            at + 1,
            Text(&input.path),
            Text(&input.format),
            Text(&links),
            text::count(input.frames),
            text::count(input.bytes),
            Text(&span),
            clock(at, input),
            Text(&words::ended(input).unwrap_or_else(|| "complete".to_owned())),
        )?;
    }
    out.write_all(b"</tbody></table></div>\n")
}

/// How the clock of an input stands to that of the first.
fn clock(at: usize, input: &Input) -> String {
    if at == 0 {
        "reference".to_owned()
    } else if input.clock_compared {
        let sign = if input.clock_offset_ms > 0.0 { "+" } else { "" };
        format!("moved by {sign}{}", text::duration(input.clock_offset_ms))
    } else {
        "not compared: order and times across the two are not judged".to_owned()
    }
}

/// What was read and what was lost.
fn counts(coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
    let streams = &coverage.streams;
    write!(
        out,
        "<p>{} ({} malformed) in {}; {} with TLS, {} of them decrypted; {} compressed. ",
        text::counted(coverage.sip_messages, "SIP message", "SIP messages"),
        text::count(coverage.sip_malformed),
        text::counted(streams.tcp, "TCP connection", "TCP connections"),
        text::count(streams.tls),
        text::count(streams.tls_decrypted),
        text::count(streams.compressed)
    )?;
    if coverage.gaps > 0 {
        let gaps = text::counted(coverage.gaps, "gap", "gaps");
        write!(
            out,
            "<b class=warning>{gaps} in SIP streams: {} bytes were sent but are not in the capture.</b> ",
            text::count(coverage.gap_bytes)
        )?;
    }
    let frames = &coverage.frames;
    write!(out, "{} read, {} used", text::counted(frames.read, "frame", "frames"), text::count(frames.used))?;
    for (at, (reason, count)) in frames.set_aside.iter().enumerate() {
        write!(out, "{} {} {}", if at == 0 { "; set aside:" } else { "," }, text::count(*count), Text(reason))?;
    }
    out.write_all(b".</p>\n")?;
    let Some(keys) = &coverage.keys else { return Ok(()) };
    let none = if keys.secrets + keys.rsa_keys == 0 {
        "<b class=warning>Nothing that opens TLS was given:</b>"
    } else {
        "Given to open TLS with:"
    };
    writeln!(out, "<p>{none} {}.</p>", words::keys(keys))
}

/// Streams that could not be read: why, and what is known of them.
fn unreadable(coverage: &Coverage, out: &mut dyn Write) -> io::Result<()> {
    if coverage.unreadable.is_empty() {
        return Ok(());
    }
    let count = text::counted(coverage.unreadable.len() as u64, "stream", "streams");
    write!(
        out,
        "<details class=unread open><summary>{count} could not be read</summary><div class=scroll tabindex=0 role=group aria-label=\"Streams that could not be read\"><table><thead><tr>\
         <th scope=col>Stream<th scope=col>Reason<th scope=col>What would help, and what its handshake shows\
         <th scope=col class=num>Frames</thead><tbody>"
    )?;
    for stream in coverage.unreadable.iter().take(STREAMS) {
        write!(out, "<tr><td>{}<td>{}<td>{}", Text(&stream.stream), stream.reason.name(), Text(&stream.detail))?;
        if let Some(tls) = &stream.tls {
            handshake(tls, out)?;
        }
        write!(out, "<td class=num>{}", text::count(stream.frames))?;
    }
    out.write_all(b"</tbody></table></div>")?;
    let more = coverage.unreadable.len().saturating_sub(STREAMS) as u64;
    if more > 0 {
        write!(out, "<p class=note>and {}</p>", text::counted(more, "more stream", "more streams"))?;
    }
    out.write_all(b"</details>\n")
}

/// What a TLS connection shows of itself: version, suite, host name, certificates, alert.
fn handshake(tls: &Tls, out: &mut dyn Write) -> io::Result<()> {
    let mut fact = |name: &str, value: &str| write!(out, "<br><span class=note>{name}</span> {}", Text(value));
    let parts = [tls.version.as_deref(), tls.suite.as_deref()];
    let agreed = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let resumed = if tls.resumed { " (agreed on in an earlier connection)" } else { "" };
    if !agreed.is_empty() || tls.resumed {
        fact("Agreed on", &format!("{agreed}{resumed}"))?;
    }
    if let Some(name) = &tls.server_name {
        fact("Host asked for", name)?;
    }
    for (whose, certificate) in [("Server", &tls.certificate), ("Client", &tls.client_certificate)] {
        let Some(certificate) = certificate else { continue };
        let Certificate { subject, issuer, not_after, names, chain } = certificate;
        let names = if names.is_empty() { String::new() } else { format!(", for {}", names.join(", ")) };
        fact(
            &format!("{whose}'s certificate"),
            &format!("{subject}{names}; by {issuer}; valid until {}", words::day(not_after)),
        )?;
        for Issuer { subject, issuer, not_after } in chain {
            fact("With it came", &format!("{subject}; by {issuer}; valid until {}", words::day(not_after)))?;
        }
    }
    if let Some(alert) = &tls.alert {
        fact("Alert", alert)?;
    }
    if !tls.secrets_tried.is_empty() {
        fact("Tried", &tls.secrets_tried.join(", "))?;
    }
    Ok(())
}

/// Defects by kind, with the first of each.
fn anomalies(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.coverage.anomalies.is_empty() {
        return Ok(());
    }
    out.write_all(b"<details class=defects open><summary>Defects met on the way</summary><ul>")?;
    for anomaly in &report.coverage.anomalies {
        write!(out, "<li>{} {}", text::count(anomaly.count), Text(&anomaly.kind))?;
        if let Some(first) = anomaly.first.first() {
            write!(out, ", first in frame {}: {}", frame_name(report, first.input, first.frame), Text(&first.detail))?;
        }
    }
    out.write_all(b"</ul></details>\n")
}
