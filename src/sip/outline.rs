//! Where the parts of a message stand: a parsed message without its octets.
//!
//! Parsing gives places, not slices, so that its result can travel with the octets to another thread and
//! many outlines can share one list of fields. With the octets again, an outline is a
//! [`Message`] at no cost.

use std::borrow::Cow;

use super::header::{Header, HeaderName};
use super::message::{Message, StartLine};
use super::method::Method;
use super::status::Status;
use super::view::CSeq;

/// A run of octets, counted from the first of the message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    at: u32,
    length: u32,
}

impl Place {
    /// The place of `part`, which stands in `raw`; a part that does not is an empty place.
    pub fn of(part: &[u8], raw: &[u8]) -> Self {
        // Wraps for a part before `raw`; then it is far beyond it.
        let at = (part.as_ptr() as usize).wrapping_sub(raw.as_ptr() as usize);
        match raw.len().checked_sub(part.len()) {
            Some(last) if at <= last && raw.len() <= u32::MAX as usize => {
                Self { at: at as u32, length: part.len() as u32 }
            }
            _ => Self::default(),
        }
    }

    fn in_octets(self, raw: &[u8]) -> &[u8] {
        let at = self.at as usize;
        raw.get(at..at + self.length as usize).unwrap_or_default()
    }
}

/// One header field by its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    name: HeaderName,
    spelled: Place,
    value: Place,
}

impl Field {
    /// The outline of a header of the message `raw`.
    pub(super) fn of(header: &Header<'_>, raw: &[u8]) -> Self {
        Self { name: header.name, spelled: Place::of(header.spelled, raw), value: Place::of(header.value, raw) }
    }

    fn header<'a>(&self, raw: &'a [u8]) -> Header<'a> {
        Header { name: self.name, spelled: self.spelled.in_octets(raw), value: self.value.in_octets(raw) }
    }
}

/// A start line by its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Request { method: Place, uri: Place },
    Response { status: Status, reason: Place },
}

/// A parsed message by its places; its fields stand elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    start: Start,
    cseq: Option<(u32, Place)>,
    body: Place,
    malformed: Option<&'static str>,
}

impl Outline {
    /// The outline of parts of the message `raw`, which begins with the line `first`.
    pub(super) fn of(
        (first, start): (&[u8], StartLine<'_>),
        cseq: Option<(u32, &[u8])>,
        body: &[u8],
        malformed: Option<&'static str>,
        raw: &[u8],
    ) -> Self {
        let start = match start {
            StartLine::Request { method, uri } => {
                // A known method is not borrowed from the line, but it is what the line begins with.
                let token = first.get(..method.as_bytes().len()).unwrap_or_default();
                Start::Request { method: Place::of(token, raw), uri: Place::of(uri, raw) }
            }
            StartLine::Response { status, reason } => Start::Response { status, reason: Place::of(reason, raw) },
        };
        let cseq = cseq.map(|(number, method)| (number, Place::of(method, raw)));
        Self { start, cseq, body: Place::of(body, raw), malformed }
    }

    /// The message again, of the same octets and fields.
    pub fn message<'a>(&self, raw: &'a [u8], fields: impl Into<Cow<'a, [Field]>>) -> Message<'a> {
        let start = match self.start {
            Start::Request { method, uri } => {
                StartLine::Request { method: Method::new(method.in_octets(raw)), uri: uri.in_octets(raw) }
            }
            Start::Response { status, reason } => StartLine::Response { status, reason: reason.in_octets(raw) },
        };
        let cseq = self.cseq.map(|(number, method)| CSeq { number, method: Method::new(method.in_octets(raw)) });
        let headers = Headers { raw, fields: fields.into() };
        Message { start, cseq, body: self.body.in_octets(raw), raw, malformed: self.malformed, headers }
    }
}

/// The headers of a message in order: its octets, and where they stand in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Headers<'a> {
    raw: &'a [u8],
    fields: Cow<'a, [Field]>,
}

impl<'a> Headers<'a> {
    /// Every header.
    pub fn iter(&self) -> impl Iterator<Item = Header<'a>> {
        self.fields.iter().map(|field| field.header(self.raw))
    }

    /// The values of the headers of this name.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |field| field.name == name).map(|field| field.value.in_octets(self.raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::grammar;

    #[test]
    fn outlines_of_several_messages_share_a_list_of_fields() {
        let texts = [
            "MESSAGE sip:a@b SIP/2.0\r\nFrom: <sip:c@d>;tag=1\r\nX-Odd:\r\nVia: one\r\n two\r\n\r\nbody",
            "SIP/2.0 200\r\nv: SIP/2.0/TLS h\r\n\r\n",
        ];
        let mut fields = Vec::new();
        let outlines: Vec<_> = texts
            .iter()
            .map(|text| {
                let from = fields.len();
                let outline = grammar::outline(text.as_bytes(), &mut fields).expect("a message");
                (outline, from..fields.len())
            })
            .collect();
        for (text, (outline, range)) in texts.iter().zip(outlines) {
            let message = outline.message(text.as_bytes(), &fields[range]);
            assert_eq!(message, grammar::parse(text.as_bytes()).expect("a message"), "{text}");
            assert_eq!(message.raw, text.as_bytes());
        }
    }

    #[test]
    fn what_stands_elsewhere_is_an_empty_place() {
        let raw = b"0123456789";
        assert_eq!(Place::of(&raw[3..5], raw).in_octets(raw), b"34");
        assert_eq!(Place::of(b"", raw), Place::default());
        assert_eq!(Place::of(&raw[5..], &raw[..7]), Place::default());
        assert_eq!(Place { at: u32::MAX, length: u32::MAX }.in_octets(raw), b"");
    }
}
