//! `--format json`: the whole report as one indented object.

use std::io::{self, Write};

use super::model::Report;

/// JSON on its way out: control characters that JSON lets stand (DEL and U+0080 to U+009F) become `\u009b`,
/// so that a report shown on a terminal does nothing to it. Outside strings JSON has none of them.
///
/// Takes whole characters, as serializers write them. Source: RFC 8259 §7; ECMA-48 §5.3.
pub struct Escaping<W>(pub W);

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|octet| matches!(octet, 0x7f | 0xc2)) {
            let (before, from) = rest.split_at(at);
            self.0.write_all(before)?;
            let (code, taken) = match from {
                [0x7f, ..] => (0x7f, 1),
                // U+0080 to U+00BF are 0xc2 and the code itself.
                [0xc2, code @ 0x80..=0x9f, ..] => (*code, 2),
                _ => {
                    self.0.write_all(&[0xc2])?;
                    rest = from.get(1..).unwrap_or_default();
                    continue;
                }
            };
            write!(self.0, "\\u{code:04x}")?;
            rest = from.get(taken..).unwrap_or_default();
        }
        self.0.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes `report` with two-space indentation and a newline at the end.
///
/// Fails when `out` does.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(Escaping(&mut *out), report)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        write(report, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Every name of the contract's example, in its order; what is ours comes after.
    #[test]
    fn names_stand_in_the_order_of_the_contract() {
        let text = text(&sample::broken());
        for block in [
            &["{", "schema", "tool", "inputs", "coverage", "ladders", "findings", "summary"][..],
            &["\"path\"", "format", "frames", "bytes", "first_frame_at", "last_frame_at", "link_types"],
            &["\"link_types\"", "clock_offset_ms", "ended"],
            &["\"coverage\"", "legs", "caller", "mcx", "push-internal", "edge-internal", "edge-external"],
            &["\"edge-external\"", "sip_messages", "sip_malformed", "streams", "tcp", "tls", "tls_decrypted"],
            &["\"compressed\"", "gaps", "gap_bytes", "unreadable"],
            &["\"ladders\": [", "id", "profile", "trigger", "verdict", "broken_at", "started_at", "ended_at"],
            &["\"duration_ms\"", "caller", "callee", "callee_name", "call_id", "push_call_ids", "conversation_id"],
            &["\"conversation_id\"", "mobile", "server", "service", "service_version", "client", "client_version"],
            &["\"client_version\"", "platform", "device", "epid", "push_expected", "join", "confidence"],
            &["\"confidence\"", "evidence", "rivals", "steps", "number", "key", "title", "status", "at"],
            &["\"since_previous_ms\"", "evidence", "input", "frame", "leg", "from", "to", "summary"],
            &["  \"findings\": [\n    {", "code", "severity", "ladder", "step", "title", "detail", "remedy"],
            &["\"remedy\"", "diagnostics", "status", "ms_diagnostics", "reported_by", "fingerprint", "evidence"],
            &["  \"summary\": {", "ladders", "complete", "degraded", "broken", "no_push_expected", "inconclusive"],
            &["\"inconclusive\"", "findings", "error", "warning", "note", "latency_ms", "step", "count", "p50"],
        ] {
            let mut rest = text.as_str();
            for (at, name) in block.iter().enumerate() {
                let needle = if at == 0 { (*name).to_owned() } else { format!("\"{name}\": ") };
                let (_, after) = rest.split_once(needle.as_str()).unwrap_or_else(|| panic!("{needle} in {block:?}"));
                rest = after;
            }
        }
    }

    #[test]
    fn unknown_is_null_and_words_are_kebab_case() {
        let text = text(&sample::no_push_expected());
        for needle in [
            "\"verdict\": \"no-push-expected\"",
            "\"broken_at\": null",
            "\"join\": null",
            "\"remedy\": null",
            "\"diagnostics\": null",
            "\"ended_detail\": null",
            "\"no_push_expected\": 1",
            "\"status\": \"not-applicable\"",
            "\"clock_offset_ms\": 0.0",
        ] {
            assert!(text.contains(needle), "{needle} in {text}");
        }
        assert!(!text.contains("\"text\""), "message text only with --show-text");
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn control_characters_are_escaped() {
        let mut report = sample::hostile();
        let name = "DEL \u{7f}, CSI \u{9b}2J, £ \u{a3}, é, \u{1b}";
        report.ladders[0].callee_name = Some(name.to_owned());
        let text = text(&report);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["ladders"][0]["callee_name"], name);
    }
}
