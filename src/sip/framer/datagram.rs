//! SIP over UDP: a datagram is a message.

use super::head::{HeadScan, Length, Scan};
use super::{Framed, Limits};
use crate::anomaly::{Anomaly, AnomalyKind};
use crate::frame::FrameRef;
use crate::sip::view::text;

/// Hands out the message of one datagram. Content-Length may cut it; without one the body is the rest.
/// A datagram of white space only is a keep-alive and gives nothing.
///
/// Anomalies: [`AnomalyKind::JunkBetweenMessages`] when it is no message, [`AnomalyKind::IncompleteMessage`] when
/// the body goes on behind its end, [`AnomalyKind::MalformedMessage`] when its length cannot be read.
/// Source: RFC 3261 §18.3.
pub fn datagram(bytes: &[u8], frame: FrameRef, limits: Limits, out: &mut impl FnMut(Framed<'_>)) {
    let bytes = text::trim_start(bytes);
    if bytes.is_empty() {
        return;
    }
    let mut scan = HeadScan::new();
    let (end, defect) = match scan.run(bytes, &limits) {
        // That no empty line ends the head is for the parser to say.
        Scan::More if scan.is_message() => (Some(bytes.len()), None),
        Scan::Restart(at) => (Some(at), None),
        Scan::More | Scan::NotStart => {
            (None, Some((AnomalyKind::JunkBetweenMessages, "a datagram that is no message")))
        }
        Scan::TooLong => (None, Some((AnomalyKind::OversizedMessage, "a head longer than the limit"))),
        Scan::End { length: Length::Absent | Length::AbsentButTyped, .. } => (Some(bytes.len()), None),
        Scan::End { length: Length::Bad, .. } => {
            (Some(bytes.len()), Some((AnomalyKind::MalformedMessage, "Content-Length is no single believable number")))
        }
        Scan::End { at, length: Length::Known(length) } => {
            let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
            match end.filter(|end| *end <= bytes.len()) {
                Some(end) => (Some(end), None),
                None => (Some(bytes.len()), Some((AnomalyKind::IncompleteMessage, "a body longer than its datagram"))),
            }
        }
    };
    if let Some(raw) = end.and_then(|end| bytes.get(..end)) {
        out(Framed::Message { raw, first: frame, last: frame });
    }
    if let Some((kind, detail)) = defect {
        out(Framed::Anomaly(Anomaly { kind, frame, detail }));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{frame, show};
    use super::*;

    #[test]
    fn datagrams() {
        let bye = "BYE sip:a@b SIP/2.0\r\n";
        check(&format!("{bye}l: 2\r\n\r\nabc"), &["1-1 BYE body 2"]);
        check(&format!("\r\n\r\n{bye}\r\nabc"), &["1-1 BYE body 3"]);
        check(&format!("{bye}c: a/b\r\n\r\nabc"), &["1-1 BYE body 3"]);
        check(&format!("{bye}l: 9\r\n\r\nabc"), &["1-1 BYE body 3", "incomplete-message"]);
        check(&format!("{bye}l: -9\r\n\r\nabc"), &["1-1 BYE body 3", "malformed-message"]);
        check(&format!("{bye}a: b\r\n"), &["1-1 BYE body 0"]);
        check(&format!("{bye}a: {}\r\n\r\n", "x".repeat(70_000)), &["oversized-message"]);
        check(&format!("{bye}a: b\r\n{bye}\r\n"), &["1-1 BYE body 0"]);
        check("BYE sip:a@b", &["junk-between-messages"]);
        check("GET / HTTP/1.1\r\n\r\n", &["junk-between-messages"]);
        check(" \r\n\t\r\n", &[]);
        check("", &[]);
    }

    fn check(bytes: &str, expected: &[&str]) {
        let mut seen = Vec::new();
        datagram(bytes.as_bytes(), frame(1), Limits::default(), &mut |framed| seen.push(show(framed)));
        assert_eq!(seen, expected, "{bytes:?}");
    }
}
