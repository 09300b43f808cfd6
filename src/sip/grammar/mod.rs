//! The grammar of one whole message, in nom, with leaf parsers on `memchr`.
//!
//! In: the bytes of one message, framed already. Out: a [`Message`] that borrows them. What a sender got
//! wrong is read as well as it can be and named once in [`Message::malformed`]; only bytes without a start
//! line are refused. Content-Length is the framer's business and not looked at here.
//! Source: RFC 3261 §7 and §25.

mod start;

use std::fmt;

use memchr::memchr;
use nom::error::{Error, ErrorKind};
use nom::{Err, IResult};

use self::start::start_line;
use super::header::{Header, HeaderName};
use super::message::{Message, StartLine};
use super::method::Method;
use super::outline::{Field, Outline};
use super::view::CSeq;
use super::view::text::{self, is_token, trim, trim_start};

pub use self::start::{Probe, START_LINE_LIMIT, looks_like_start};

/// Header fields most messages have at most, so that their list is made once.
const USUAL_HEADERS: usize = 32;

/// Most header fields kept of one message; a head of 64 KiB filled with the shortest fields has more,
/// and no sane sender comes near. The message is marked malformed when it is hit.
pub const HEADER_LIMIT: usize = 2048;

/// Why bytes are no SIP message at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// One line of what is missing.
    pub reason: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for ParseError {}

/// A defect of the grammar, when there is one.
type Defect = Option<&'static str>;

/// Parses one whole message, head and body; the body is whatever follows the empty line.
///
/// White space in front is skipped. Line ends may be CRLF or LF alone.
/// # Errors
/// When the first line is neither a request line nor a status line.
pub fn parse(raw: &[u8]) -> Result<Message<'_>, ParseError> {
    let mut fields = Vec::with_capacity(USUAL_HEADERS);
    Ok(outline(raw, &mut fields)?.message(raw, fields))
}

/// The same as places: the fields are added to a list that other messages may share.
///
/// # Errors
/// As [`parse()`].
pub fn outline(raw: &[u8], fields: &mut Vec<Field>) -> Result<Outline, ParseError> {
    let Ok((rest, first)) = line(trim_start(raw)) else {
        return Err(ParseError { reason: "no first line" });
    };
    let Ok((_, (start, defect))) = start_line(first) else {
        return Err(ParseError { reason: "the first line is neither a request line nor a status line" });
    };
    let limit = fields.len() + HEADER_LIMIT;
    let mut head = Head { raw, fields, limit, cseq: None, seen: 0, defect };
    let body = head.read(rest);
    head.check_presence();
    if let StartLine::Request { method, .. } = start {
        head.check_method(method);
    }
    Ok(Outline::of((first, start), head.cseq, body, head.defect, raw))
}

/// One line without its end, which is CRLF or LF; the last line may lack it. Fails on nothing at all.
fn line(input: &[u8]) -> IResult<&[u8], &[u8]> {
    match memchr(b'\n', input).and_then(|end| input.split_at_checked(end)) {
        Some((line, rest)) => Ok((rest.get(1..).unwrap_or_default(), trim_end_of_line(line))),
        None if input.is_empty() => fail(input, ErrorKind::Eof),
        None => Ok((b"", trim_end_of_line(input))),
    }
}

/// `line` without the CR of its end.
fn trim_end_of_line(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// An error a caller may recover from.
fn fail<T>(input: &[u8], kind: ErrorKind) -> IResult<&[u8], T> {
    Err(Err::Error(Error::new(input, kind)))
}

const fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

/// One header field with its folds. Fails on a line without a colon or with a name that is no token.
///
/// Source: RFC 3261 §7.3.1; white space in front of the colon is HCOLON of §25.1.
fn field(input: &[u8]) -> IResult<&[u8], Header<'_>> {
    let end = memchr(b'\n', input).map_or(input.len(), |end| end + 1);
    let first = input.get(..end).unwrap_or_default();
    let (mut spelled, Some(_)) = text::cut(first, b':') else { return fail(input, ErrorKind::Char) };
    let value = spelled.len() + 1;
    while let [before @ .., b' ' | b'\t' | b'\r'] = spelled {
        spelled = before;
    }
    let name = HeaderName::beginning(input, spelled.len());
    if name == HeaderName::Other && (spelled.is_empty() || !spelled.iter().all(|octet| is_token(*octet))) {
        return fail(input, ErrorKind::Char);
    }
    let end = logical_end(input, end);
    let value = input.get(value..end).unwrap_or_default();
    Ok((input.get(end..).unwrap_or_default(), Header { name, spelled, value: trim(value) }))
}

/// Where a field ends of which the first line ends at `at`: behind the first line that no blank follows.
fn logical_end(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|octet| is_blank(*octet)) {
        at = text.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(text.len(), |length| at + length + 1);
    }
    at
}

/// The head while it is being read.
struct Head<'a, 'f> {
    raw: &'a [u8],
    fields: &'f mut Vec<Field>,
    /// How long the list of fields may become.
    limit: usize,
    /// Number and method of the first CSeq, where it can be read.
    cseq: Option<(u32, &'a [u8])>,
    /// A bit for each known name that has been met.
    seen: u64,
    defect: Defect,
}

/// The bit of a name in [`Head::seen`].
const fn bit(name: HeaderName) -> u64 {
    const { assert!((HeaderName::Other as u8) < u64::BITS as u8, "more names than bits") };
    1 << name as u8
}

/// Headers without which a message cannot be placed, and what to say when they are absent.
///
/// Source: RFC 3261 §8.1.1; Max-Forwards is left out since RFC 2543 senders and responses lack it.
const REQUIRED: [(HeaderName, &str); 5] = [
    (HeaderName::CallId, "no Call-ID"),
    (HeaderName::CSeq, "no CSeq"),
    (HeaderName::From, "no From"),
    (HeaderName::To, "no To"),
    (HeaderName::Via, "no Via"),
];

/// Headers that may stand once only and whose copies could disagree.
const SINGLE: u64 = bit(HeaderName::CallId)
    | bit(HeaderName::CSeq)
    | bit(HeaderName::From)
    | bit(HeaderName::To)
    | bit(HeaderName::MaxForwards);

impl<'a> Head<'a, '_> {
    /// Reads fields up to the empty line; gives what follows it.
    fn read(&mut self, mut rest: &'a [u8]) -> &'a [u8] {
        loop {
            match rest {
                [b'\r', b'\n', body @ ..] | [b'\n', body @ ..] => return body,
                [] => {
                    self.note("no empty line ends the head");
                    return rest;
                }
                _ => {}
            }
            rest = match field(rest) {
                Ok((rest, header)) => {
                    self.push(header);
                    rest
                }
                Err(_) => {
                    self.note("a line of the head is no header field");
                    line(rest).map_or(&b""[..], |(rest, _)| rest)
                }
            };
        }
    }

    fn push(&mut self, header: Header<'a>) {
        if self.fields.len() >= self.limit {
            return self.note("more header fields than the limit");
        }
        let bit = bit(header.name);
        if self.seen & bit & SINGLE != 0 {
            self.note("a header field that may stand once stands twice");
        }
        if header.name == HeaderName::CSeq && self.seen & bit == 0 {
            self.cseq = CSeq::split(header.value);
        }
        self.seen |= bit;
        if matches!(header.name, HeaderName::From | HeaderName::To) && !is_closed(header.value) {
            self.note("a quote or bracket of From or To never closes");
        }
        self.fields.push(Field::of(&header, self.raw));
    }

    /// Remembers the first defect.
    fn note(&mut self, defect: &'static str) {
        self.defect.get_or_insert(defect);
    }

    fn check_presence(&mut self) {
        for (name, missing) in REQUIRED {
            if self.seen & bit(name) == 0 {
                self.note(missing);
            }
        }
        let small = |(number, _)| number <= i32::MAX.cast_unsigned();
        if self.seen & bit(HeaderName::CSeq) != 0 && !self.cseq.is_some_and(small) {
            self.note("CSeq is not a number below 2^31 and a method");
        }
    }

    fn check_method(&mut self, method: Method<'a>) {
        if self.cseq.is_some_and(|(_, token)| token != method.as_bytes()) {
            self.note("the method of CSeq is not that of the request line");
        }
    }
}

/// Whether the quoted name and the angle bracket of an address close.
fn is_closed(value: &[u8]) -> bool {
    let behind_name = match value.strip_prefix(b"\"") {
        Some(inside) => match text::quoted(inside) {
            Some(end) => inside.get(end..).unwrap_or_default(),
            None => return false,
        },
        None => value,
    };
    match text::cut(behind_name, b'<').1 {
        Some(inside) => text::find([b'>'], inside).is_some(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "Via: SIP/2.0/TLS h\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: i\r\nCSeq: 1 BYE\r\n";

    #[test]
    fn first_lines() {
        check("BYE sip:c@d SIP/2.0", "BYE sip:c@d", None);
        check("BYE sip:c@d sip/2.0", "BYE sip:c@d", None);
        check("BYE  sip:c@d \t SIP/2.0", "BYE sip:c@d", Some("stray white space in the request line"));
        check("BYE sip:c@d SIP/2.0 ", "BYE sip:c@d", Some("stray white space in the request line"));
        check("BYE <sip:c@d> SIP/2.0", "BYE sip:c@d", Some("the Request-URI stands in angle brackets"));
        check("BYE sip:c@d; lr SIP/2.0", "BYE sip:c@d; lr", Some("white space inside the Request-URI"));
        check("BYE sip:c@d SIP/7.0", "BYE sip:c@d", Some("the version is not SIP/2.0"));
        check("SIP/2.0 200 OK", "200 OK", None);
        check("SIP/2.0 200 ", "200 ", None);
        check("SIP/2.0 200", "200 ", None);
        check("SIP/2.0 480 Non-ASCII \u{6f22}", "480 Non-ASCII \u{6f22}", None);
        check("SIP/2.0  200 OK", "200 OK", Some("more than one space in the status line"));
        check("SIP/2.1 200 OK", "200 OK", Some("the version is not SIP/2.0"));
        check("SIP/2.0 700 Odd", "700 Odd", Some("the status code is outside 100 to 699"));
        check("SIP/2.0 099 Odd", "99 Odd", Some("the status code is outside 100 to 699"));
        for refused in [
            "",
            "BYE",
            "BYE sip:c@d",
            "BYE SIP/2.0",
            "SIP/2.0 20 x",
            "SIP/2.0 2000 x",
            "SIP/2.0 abc",
            "a: b SIP/2.0",
            "GET / HTTP/1.1",
        ] {
            assert!(parse(format!("{refused}\r\n{REST}\r\n").as_bytes()).is_err(), "{refused}");
        }
    }

    #[track_caller]
    fn check(first: &str, shown: &str, defect: Defect) {
        let text = format!("{first}\r\n{REST}\r\nbody");
        let message = parse(text.as_bytes()).expect(first);
        let start = match message.start {
            StartLine::Request { method, uri } => format!("{method} {}", String::from_utf8_lossy(uri)),
            StartLine::Response { status, reason } => format!("{status} {}", String::from_utf8_lossy(reason)),
        };
        assert_eq!((start.as_str(), message.malformed), (shown, defect));
        assert_eq!((message.body, message.raw), (&b"body"[..], text.as_bytes()));
        assert_eq!(message.iter().count(), 5);
        assert_ne!(looks_like_start(first.as_bytes().get(..14).unwrap_or(first.as_bytes())), Probe::No);
        assert_eq!(looks_like_start(text.as_bytes()), Probe::Yes);
    }

    #[test]
    fn heads() {
        let defect = |more: &str| parse_fields(&format!("{REST}{more}"));
        assert_eq!(defect("\r\n"), None);
        assert_eq!(defect("X: folded\r\n  on\r\n\tand on\r\n\r\n"), None);
        assert_eq!(defect("Supported :\r\n\r\n"), None);
        assert_eq!(defect("X:\u{6f22}\r\n\r\n"), None);
        assert_eq!(defect(""), Some("no empty line ends the head"));
        assert_eq!(defect("X: cut"), Some("no empty line ends the head"));
        assert_eq!(defect("no colon\r\n\r\n"), Some("a line of the head is no header field"));
        assert_eq!(defect("two words: x\r\n\r\n"), Some("a line of the head is no header field"));
        assert_eq!(defect(": x\r\n\r\n"), Some("a line of the head is no header field"));
        assert_eq!(defect("To: <sip:x@y>\r\n\r\n"), Some("a header field that may stand once stands twice"));
        for (gone, said) in [
            ("Call-ID: i\r\n", "no Call-ID"),
            ("CSeq: 1 BYE\r\n", "no CSeq"),
            ("From: <sip:a@b>;tag=1\r\n", "no From"),
            ("To: <sip:c@d>\r\n", "no To"),
            ("Via: SIP/2.0/TLS h\r\n", "no Via"),
        ] {
            assert_eq!(parse_fields(&format!("{}\r\n", REST.replace(gone, ""))), Some(said));
        }
        for (cseq, said) in [
            ("1 ACK", "the method of CSeq is not that of the request line"),
            ("2147483648 BYE", "CSeq is not a number below 2^31 and a method"),
            ("BYE", "CSeq is not a number below 2^31 and a method"),
        ] {
            assert_eq!(parse_fields(&format!("{}\r\n", REST.replace("1 BYE", cseq))), Some(said));
        }
        for open in ["\"Ann <sip:a@b>;tag=1", "<sip:a@b;tag=1", "\"<a>\" <sip:a@b"] {
            let fields = format!("{}\r\n", REST.replace("<sip:a@b>;tag=1", open));
            assert_eq!(parse_fields(&fields), Some("a quote or bracket of From or To never closes"));
        }
    }

    fn parse_fields(fields: &str) -> Defect {
        parse(format!("BYE sip:c@d SIP/2.0\r\n{fields}").as_bytes()).expect("a message").malformed
    }

    #[test]
    fn values_keep_their_octets() {
        let text = b"BYE sip:c@d SIP/2.0\nX-One \t: a\xff\n b \nX-ONE:\n\nbody\n\n";
        let message = parse(text).expect("a message");
        let headers: Vec<_> = message.iter().collect();
        assert_eq!(headers[0].spelled, b"X-One");
        assert_eq!(headers[0].value, b"a\xff\n b");
        assert_eq!(headers[0].unfolded().as_ref(), b"a\xff b");
        assert_eq!((headers[1].name, headers[1].value), (HeaderName::Other, &b""[..]));
        assert_eq!(message.named(b"x-one"), Some(&b"a\xff\n b"[..]));
        assert_eq!(message.body, b"body\n\n");
    }

    #[test]
    fn the_header_list_is_bounded() {
        let text = format!("BYE sip:c@d SIP/2.0\r\n{REST}{}\r\n", "a:\r\n".repeat(HEADER_LIMIT));
        let message = parse(text.as_bytes()).expect("a message");
        assert_eq!(message.iter().count(), HEADER_LIMIT);
        assert_eq!(message.malformed, Some("more header fields than the limit"));
    }

    #[test]
    fn cut_and_flipped_messages_never_panic() {
        let text = format!(
            "INVITE sip:c@d;x=\"<\" SIP/2.0\r\n{REST}Contact: \"a\\\"\" <sip:x@y>;q, \u{201c}b\u{201d}<sip:z>\r\nServer: A/1 (b (c)) D\r\n\
             ms-diagnostics: 1.2;a=\"b\"\r\nWarning: 309 h \"t\"\r\nc: a/b;c=\"d\"\r\n\r\nbody"
        );
        let bytes = text.as_bytes();
        for length in 0..bytes.len() {
            look_at_all(&bytes[..length]);
            for flip in [0x01, 0x20, 0x80, 0xff] {
                let mut flipped = bytes.to_vec();
                flipped[length] ^= flip;
                look_at_all(&flipped);
            }
        }
    }

    /// Makes every view once.
    fn look_at_all(raw: &[u8]) {
        let Ok(message) = parse(raw) else { return };
        let uris = message.from().into_iter().chain(message.to()).chain(message.contacts()).chain(message.routes());
        let shown = uris.filter_map(|address| address.uri().aor()).count();
        assert!(shown <= raw.len());
        assert!(message.vias().count() == message.via_count());
        assert!(message.products().count() + message.diagnostics().count() + message.warnings().count() <= raw.len());
        assert!(message.content_type().is_none_or(|kind| kind.params.iter().count() <= raw.len()));
        assert!(message.edge_trust().is_none_or(|trust| trust.remote_fqdn().is_none()));
    }
}
