//! Where a head ends and how long its body is: one pass that can stop at any octet and go on.

use memchr::memchr;

use super::super::grammar::{Probe, looks_like_start};
use super::super::header::HeaderName;
use super::super::view::text;
use super::Limits;

/// What a look at the octets known so far has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The head is not complete yet.
    More,
    /// The first line is no start line.
    NotStart,
    /// The head is longer than its limit.
    TooLong,
    /// The head breaks off: at this offset the start line of another message begins.
    Restart(usize),
    /// The head ends in front of the octet `at`, the first one of the body.
    End {
        /// Octets of the head, its empty line included.
        at: usize,
        /// What it says of the body.
        length: Length,
    },
}

/// What the head says of the length of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Nothing, and it names no content either.
    Absent,
    /// Nothing, although it names the type of a content.
    AbsentButTyped,
    /// So many octets.
    Known(u64),
    /// No number, a number beyond belief, or two different ones.
    Bad,
}

/// The two headers that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Length,
    Type,
}

/// A look at one head, resumed as octets come in. Offsets count from the first octet of the head.
#[derive(Clone, Copy, Debug)]
pub struct HeadScan {
    /// The first line is known to be a start line.
    probed: bool,
    /// Start of the line that is not complete yet.
    line: usize,
    /// Octets in which no line end has to be looked for again.
    searched: usize,
    /// The field whose value may go on in the next line, and where the value starts.
    open: Option<(Field, usize)>,
    length: Length,
    typed: bool,
}

impl HeadScan {
    /// A look at a head of which nothing is known.
    pub const fn new() -> Self {
        Self { probed: false, line: 0, searched: 0, open: None, length: Length::Absent, typed: false }
    }

    /// Whether the start line has been recognised.
    pub const fn is_message(&self) -> bool {
        self.probed
    }

    /// Looks at all octets known so far, from the first one of the head; each is looked at once.
    pub fn run(&mut self, octets: &[u8], limits: &Limits) -> Scan {
        if !self.probed {
            // No further than the limit, so that the answer is the same however the octets come in.
            let within = octets.get(..=limits.head).unwrap_or(octets);
            match looks_like_start(within) {
                Probe::Yes => self.probed = true,
                Probe::No => return Scan::NotStart,
                Probe::NeedMore if octets.len() > limits.head => return Scan::TooLong,
                Probe::NeedMore => return Scan::More,
            }
        }
        while let Some(found) = octets.get(self.searched..).and_then(|rest| memchr(b'\n', rest)) {
            let next = self.searched + found + 1;
            if next > limits.head {
                return Scan::TooLong;
            }
            let start = self.line;
            (self.line, self.searched) = (next, next);
            let line = octets.get(start..next).unwrap_or_default();
            match line {
                _ if start == 0 => {}
                [b' ' | b'\t', ..] => {}
                [b'\n'] | [b'\r', b'\n'] => {
                    self.close(octets, start, limits);
                    return Scan::End { at: next, length: self.total() };
                }
                _ if is_start_line(line) => return Scan::Restart(next - text::trim_start(line).len()),
                _ => {
                    self.close(octets, start, limits);
                    self.open = field(line).map(|(field, value)| (field, start + value));
                }
            }
        }
        self.searched = octets.len();
        if octets.len() > limits.head { Scan::TooLong } else { Scan::More }
    }

    /// The value of the open field ends in front of `end`.
    fn close(&mut self, octets: &[u8], end: usize, limits: &Limits) {
        match self.open.take() {
            Some((Field::Length, from)) => {
                let value = octets.get(from..end).unwrap_or_default();
                let found = match text::number(text::trim(value)) {
                    Some(length) if length <= limits.believed => Length::Known(length),
                    _ => Length::Bad,
                };
                self.length = if self.length == Length::Absent || self.length == found { found } else { Length::Bad };
            }
            Some((Field::Type, _)) => self.typed = true,
            None => {}
        }
    }

    const fn total(&self) -> Length {
        match self.length {
            Length::Absent if self.typed => Length::AbsentButTyped,
            length => length,
        }
    }
}

/// Whether a line that should be a header field is a start line. Its ends decide quickly for almost every line.
fn is_start_line(line: &[u8]) -> bool {
    let is_status = || matches!(line, [b's' | b'S', b'i' | b'I', b'p' | b'P', b'/', ..]);
    let is_request = || matches!(text::trim_end(line), [.., b's' | b'S', b'i' | b'I', b'p' | b'P', b'/', _, b'.', _]);
    let may_be_request = match line {
        [.., slash, _, dot, last, b'\r', b'\n'] if !text::is_space(*last) => (*slash, *dot) == (b'/', b'.'),
        _ => true,
    };
    (is_status() || may_be_request && is_request()) && looks_like_start(line) == Probe::Yes
}

/// Which field a line begins, and the offset of its value in the line.
fn field(line: &[u8]) -> Option<(Field, usize)> {
    // Most lines are told apart by their first letters.
    match line {
        [b'c' | b'C', b'o' | b'O', b'n' | b'N', b't' | b'T', b'e' | b'E', ..] => {}
        [b'c' | b'C' | b'l' | b'L', b':' | b' ' | b'\t', ..] => {}
        _ => return None,
    }
    let colon = memchr(b':', line)?;
    let field = match HeaderName::new(text::trim_end(line.get(..colon)?)) {
        HeaderName::ContentLength => Field::Length,
        HeaderName::ContentType => Field::Type,
        _ => return None,
    };
    Some((field, colon + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        check("", Length::Absent);
        check("Content-Length: 17\r\n", Length::Known(17));
        check("CONTENT-LENGTH:17\r\nCall-ID: x\r\n", Length::Known(17));
        check("l:\t 017 \r\n", Length::Known(17));
        check("L : 17\n", Length::Known(17));
        check("Content-Length:\r\n  17\r\n", Length::Known(17));
        check("Content-Length:\r\n\t\r\n 17\r\nc: a/b\r\n", Length::Known(17));
        check("Subject: x\r\n Content-Length: 5\r\n", Length::Absent);
        check("X-Content-Length: 5\r\nCall-ID: Content-Length: 5\r\n", Length::Absent);
        check("Content-Type: a/b\r\n", Length::AbsentButTyped);
        check("c: a/b\r\n", Length::AbsentButTyped);
        check("l: 5\r\nContent-Length: 5\r\n", Length::Known(5));
        for bad in ["-1", "", "x", "5 5", "5,5", "0x10", "99999999999999999999", "1073741825", "1e3", "+5", "5;a"] {
            check(&format!("Content-Length: {bad}\r\n"), Length::Bad);
        }
        check("l: 5\r\nContent-Length: 6\r\nl: 5\r\n", Length::Bad);
        check("l: x\r\nl: 5\r\n", Length::Bad);
    }

    /// The same answer in one look, and octet by octet.
    fn check(fields: &str, length: Length) {
        let head = format!("BYE sip:a@b SIP/2.0\r\n{fields}\r\n");
        let message = format!("{head}body\r\n\r\n");
        let end = Scan::End { at: head.len(), length };
        assert_eq!(HeadScan::new().run(message.as_bytes(), &Limits::default()), end, "{fields:?}");
        let mut scan = HeadScan::new();
        for known in 0..head.len() {
            assert_eq!(scan.run(&message.as_bytes()[..known], &Limits::default()), Scan::More, "{fields:?}");
        }
        assert_eq!(scan.run(head.as_bytes(), &Limits::default()), end, "{fields:?}");
    }

    #[test]
    fn a_start_line_inside_a_head() {
        for (line, expected) in [
            ("BYE sip:a@b SIP/2.0", Scan::Restart(27)),
            ("SIP/2.0 200 OK", Scan::Restart(27)),
            ("BYE sip:a@b sip/2.0 ", Scan::Restart(27)),
            ("\rBYE sip:a@b SIP/2.0", Scan::Restart(28)),
            ("a: BYE sip:a@b SIP/2.0", Scan::More),
            ("a : SIP/2.0", Scan::More),
            (" BYE sip:a@b SIP/2.0", Scan::More),
            ("SIP/2.0: x", Scan::More),
        ] {
            let text = format!("ACK sip:a@b SIP/2.0\r\na: b\r\n{line}\r\n");
            assert_eq!(HeadScan::new().run(text.as_bytes(), &Limits::default()), expected, "{line}");
        }
    }

    #[test]
    fn limits() {
        let limits = Limits { head: 30, ..Limits::default() };
        let run = |text: &str| HeadScan::new().run(text.as_bytes(), &limits);
        assert_eq!(run("BYE sip:a@b SIP/2.0\r\na: b\r\n\r\n"), Scan::End { at: 29, length: Length::Absent });
        assert_eq!(run("BYE sip:a@b SIP/2.0\r\na: bcd\r\n\r\n"), Scan::TooLong);
        assert_eq!(run("BYE sip:a@b SIP/2.0\r\na: bcdefghij"), Scan::TooLong);
        assert_eq!(run("BYE sip:a@b SIP/2.0\r\na: bcdefg"), Scan::More);
        assert_eq!(run("BYE sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), Scan::TooLong);
        assert_eq!(run("not a start line\r\n"), Scan::NotStart);
    }
}
