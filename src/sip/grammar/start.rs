//! The first line of a message: request line or status line, and how to tell one early.

use memchr::{memchr, memchr2, memrchr2};
use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while_m_n, take_while1};
use nom::error::ErrorKind;
use nom::{IResult, Parser};

use super::{Defect, fail, is_blank, trim_end_of_line};
use crate::sip::message::StartLine;
use crate::sip::method::Method;
use crate::sip::status::Status;
use crate::sip::view::text::{self, is_space, is_token, trim, trim_end, trim_start};

/// Longest first line looked for, in octets: as long as one line may reasonably be.
pub const START_LINE_LIMIT: usize = 32 * 1024;

/// Longest method token believed, in octets.
const METHOD_LIMIT: usize = 64;

/// Whether bytes begin a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// They do.
    Yes,
    /// They do not.
    No,
    /// They may; more octets will tell.
    NeedMore,
}

/// Whether `bytes`, white space in front aside, begin a SIP message: a status line up to its code, or a whole
/// request line. Recognises SIP by content on any port.
///
/// Source: RFC 3261 §7.1 and §7.2.
pub fn looks_like_start(bytes: &[u8]) -> Probe {
    let bytes = trim_start(bytes);
    let shown = bytes.get(..START_LINE_LIMIT).unwrap_or(bytes);
    // A code that ends the octets may still be followed by a fourth digit.
    if let Ok((_, (StartLine::Response { reason, .. }, _))) = status_line(shown)
        && (!reason.is_empty() || shown.last().is_some_and(|octet| is_space(*octet)))
    {
        return Probe::Yes;
    }
    match memchr(b'\n', shown).and_then(|end| shown.get(..end)) {
        Some(line) => match start_line(trim_end_of_line(line)) {
            Ok(_) => Probe::Yes,
            Err(_) => Probe::No,
        },
        None if shown.len() >= START_LINE_LIMIT => Probe::No,
        None if may_grow(shown) => Probe::NeedMore,
        None => Probe::No,
    }
}

/// Whether an unfinished line can still become a start line.
fn may_grow(line: &[u8]) -> bool {
    let token = line.iter().take_while(|octet| is_token(**octet)).count();
    match line.get(token) {
        None => token <= METHOD_LIMIT,
        Some(b' ' | b'\t') => (1..=METHOD_LIMIT).contains(&token),
        Some(_) => is_prefix_of_status_line(line),
    }
}

/// Whether `line` is a proper beginning of a status line up to its code.
fn is_prefix_of_status_line(line: &[u8]) -> bool {
    let (name, rest) = line.split_at_checked(4).unwrap_or((line, b""));
    name.eq_ignore_ascii_case(b"SIP/")
        && rest.iter().all(|octet| is_digit(*octet) || is_blank(*octet) || *octet == b'.')
}

const fn is_digit(octet: u8) -> bool {
    octet.is_ascii_digit()
}

/// `SIP/d.d`; gives whether it is 2.0.
fn version(input: &[u8]) -> IResult<&[u8], bool> {
    // Nearly all of them; a digit more would belong to the number.
    if let Some(rest) = input.strip_prefix(b"SIP/2.0")
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        return Ok((rest, true));
    }
    let (rest, (_, major, _, minor)) = (
        tag_no_case(&b"SIP/"[..]),
        take_while_m_n(1, 4, is_digit),
        tag_no_case(&b"."[..]),
        take_while_m_n(1, 4, is_digit),
    )
        .parse(input)?;
    Ok((rest, major == b"2" && minor == b"0"))
}

/// Either first line.
pub(super) fn start_line(line: &[u8]) -> IResult<&[u8], (StartLine<'_>, Defect)> {
    alt((status_line, request_line)).parse(line)
}

/// `SIP/2.0 SP 3DIGIT SP reason`; the reason is all that remains, line end excluded by the caller.
fn status_line(line: &[u8]) -> IResult<&[u8], (StartLine<'_>, Defect)> {
    // Requests are known by their first octet, but for those whose method begins with an S.
    if !matches!(line, [b'S' | b's', ..]) {
        return fail(line, ErrorKind::Tag);
    }
    let (rest, (known, gap, digits)) = (version, take_while1(is_blank), take_while_m_n(3, 3, is_digit)).parse(line)?;
    let code: u16 = text::number(digits).unwrap_or_default();
    let reason = match rest.first() {
        None => rest,
        Some(octet) if is_space(*octet) => trim(rest),
        Some(_) => return fail(line, ErrorKind::Space),
    };
    let defect = match code {
        _ if !known => Some("the version is not SIP/2.0"),
        _ if gap.len() != 1 => Some("more than one space in the status line"),
        100..=699 => None,
        _ => Some("the status code is outside 100 to 699"),
    };
    Ok((b"", (StartLine::Response { status: Status(code), reason }, defect)))
}

/// `METHOD SP uri SP SIP/2.0`, also with more white space than that.
fn request_line(line: &[u8]) -> IResult<&[u8], (StartLine<'_>, Defect)> {
    let (rest, (method, gap)) = (take_while_m_n(1, METHOD_LIMIT, is_token), take_while1(is_blank)).parse(line)?;
    let tight = trim_end(rest);
    let Some((uri, word)) = memrchr2(b' ', b'\t', tight).and_then(|at| tight.split_at_checked(at)) else {
        return fail(rest, ErrorKind::Space);
    };
    let (after, known) = version(trim_start(word))?;
    let target = trim(uri);
    // A colon in front is a header field with white space behind its name.
    if !after.is_empty() || target.is_empty() || target.starts_with(b":") {
        return fail(after, ErrorKind::Verify);
    }
    let bare = target.strip_prefix(b"<").and_then(|inside| inside.strip_suffix(b">"));
    let defect = if !known {
        Some("the version is not SIP/2.0")
    } else if gap != b" " || tight.len() != rest.len() || uri.len() != target.len() {
        Some("stray white space in the request line")
    } else if bare.is_some() {
        Some("the Request-URI stands in angle brackets")
    } else if memchr2(b' ', b'\t', target).is_some() {
        Some("white space inside the Request-URI")
    } else {
        None
    };
    let uri = bare.unwrap_or(target);
    Ok((b"", (StartLine::Request { method: Method::new(method), uri }, defect)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts() {
        for (text, expected) in [
            ("", Probe::NeedMore),
            (" \r\n", Probe::NeedMore),
            ("SIP", Probe::NeedMore),
            ("SIP/2.0 2", Probe::NeedMore),
            ("SIP/2.0  2", Probe::NeedMore),
            ("SIP/2.0 200", Probe::NeedMore),
            ("SIP/2.0 200 ", Probe::Yes),
            ("SIP/2.0 200\r", Probe::Yes),
            ("SIP/2.0 200 OK 5", Probe::Yes),
            ("SIP/2.0 2000 x", Probe::No),
            ("SIP/2.0/TLS x", Probe::No),
            ("\r\n\r\nSIP/2.0 200 OK", Probe::Yes),
            ("INVITE sip:bob@example.com SIP/2", Probe::NeedMore),
            ("INVITE sip:bob@example.com SIP/2.0\r", Probe::NeedMore),
            ("INVITE sip:bob@example.com SIP/2.0\n", Probe::Yes),
            ("GET / HTTP/1.1\r\n", Probe::No),
            ("GET /x", Probe::NeedMore),
            ("\x16\x03\x01\x02", Probe::No),
            ("Via: SIP/2.0/TLS", Probe::No),
            ("{\"json\":1}", Probe::No),
        ] {
            assert_eq!(looks_like_start(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(looks_like_start(&[b'A'; 65]), Probe::No);
        assert_eq!(looks_like_start(format!("BYE {}", "x".repeat(START_LINE_LIMIT)).as_bytes()), Probe::No);
    }
}
