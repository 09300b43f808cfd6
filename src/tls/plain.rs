//! What answers a ClientHello and is no TLS: the plain text of a service that speaks something else, or of a proxy.
//!
//! In: what a side says, from the beginning of its stream on. Out: whether it is plain text, and which. Limit: [`ENOUGH`].

use crate::frame::FrameRef;

/// Octets that tell: `HTTP/1.1 400`. So many that are all printable are no part of a record, but for one in 100,000.
const ENOUGH: usize = 12;
/// The least that tell where a side says no more.
const LEAST: usize = 5;

/// What a server speaks that answers in plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// HTTP, with the status of its answer. Source: RFC 9112 §4.
    Http(Option<u16>),
    /// Nobody knows.
    Unknown,
}

/// The beginning of what a side says.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    octets: [u8; ENOUGH],
    length: usize,
    /// The frame with which it began.
    frame: Option<FrameRef>,
    over: bool,
}

impl Opening {
    /// Takes in `bytes` that stand at `offset` of the stream. Those behind a loss tell nothing.
    pub(crate) fn push(&mut self, offset: u64, bytes: &[u8], frame: FrameRef) {
        if offset != self.length as u64 {
            return;
        }
        let room = self.octets.iter_mut().skip(self.length);
        self.length += room.zip(bytes).map(|(place, octet)| *place = *octet).count();
        self.frame.get_or_insert(frame);
    }

    /// The side says no more.
    pub(crate) fn end(&mut self) {
        self.over = true;
    }

    /// The plain text that it is, and where it began; nothing as long as it may be something else.
    pub(crate) fn plain_text(&self) -> Option<(PlainText, FrameRef)> {
        let said = self.octets.get(..self.length)?;
        let is_text = |octet: &u8| matches!(octet, b'\t' | b'\r' | b'\n' | b' '..=b'~');
        let is_enough = said.len() == ENOUGH || self.over && said.len() >= LEAST;
        if !is_enough || !said.iter().all(is_text) {
            return None;
        }
        let text = match said.strip_prefix(b"HTTP/") {
            Some(rest) => PlainText::Http(status(rest)),
            None => PlainText::Unknown,
        };
        Some((text, self.frame?))
    }
}

/// The status behind the version of an answer of HTTP.
fn status(rest: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(rest).ok()?.split(' ').nth(1)?;
    digits.parse().ok().filter(|status| (100..1_000).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    /// Octets of the stream, and where they stand.
    type Piece<'a> = (u64, &'a [u8]);

    fn told(pieces: &[Piece<'_>], over: bool) -> Option<PlainText> {
        let frame = FrameRef { input: 0, number: 7, time: Timestamp::new(0, 6) };
        let mut opening = Opening::default();
        pieces.iter().for_each(|(offset, bytes)| opening.push(*offset, bytes, frame));
        if over {
            opening.end();
        }
        opening.plain_text().map(|(text, at)| {
            assert_eq!(at, frame);
            text
        })
    }

    #[test]
    fn plain_text_is_told_from_records_and_from_what_is_behind_a_loss() {
        let http = PlainText::Http(Some(400));
        let rows: [(&[Piece<'_>], bool, Option<PlainText>); 10] = [
            (&[(0, b"HTTP/1.1 400 Bad Request\r\n")], false, Some(http)),
            (&[(0, b"HT"), (2, b"TP/1.1 40"), (11, b"0 Bad")], false, Some(http)),
            (&[(0, b"HTTP/1.1 4")], false, None),
            (&[(0, b"HTTP/ hello!")], false, Some(PlainText::Http(None))),
            (&[(0, b"220 mail.example.test ESMTP\r\n")], false, Some(PlainText::Unknown)),
            (&[(0, b"no\r\n")], true, None),
            (&[(0, b"error\r\n")], true, Some(PlainText::Unknown)),
            (&[(0, b"\x15\x03\x01\0\x02\x02\x46HTTP/1.1 400")], true, None),
            (&[(30, b"HTTP/1.1 400 Bad Request\r\n")], true, None),
            (&[(0, b"HTTP"), (9, b"400 Bad Request\r\n")], false, None),
        ];
        for (pieces, over, expected) in rows {
            assert_eq!(told(pieces, over), expected, "{pieces:?} {over}");
        }
    }
}
