//! The text of one SIP message.

use std::fmt::{Arguments, Display};
use std::io::Write;

/// How a host spells header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As the standard does: desktops and the servers' own lines.
    Mixed,
    /// In capitals: the mobility services and other UCMA applications.
    Capitals,
    /// In one letter, where there is one: gateways and the public cloud.
    Compact,
}

/// A message being written, one header line after the other.
#[derive(Debug)]
pub(super) struct Text {
    octets: Vec<u8>,
    names: Names,
}

impl Text {
    /// Octets nearly every message fits into.
    const USUAL: usize = 1_536;

    /// Begins with a request line.
    pub(super) fn request(method: &str, uri: impl Display) -> Self {
        Self::begin(format_args!("{method} {uri} SIP/2.0\r\n"))
    }

    /// Begins with a status line.
    pub(super) fn response(status: u16, reason: &str) -> Self {
        Self::begin(format_args!("SIP/2.0 {status} {reason}\r\n"))
    }

    fn begin(line: Arguments<'_>) -> Self {
        let mut text = Self { octets: Vec::with_capacity(Self::USUAL), names: Names::Mixed };
        text.write(line);
        text
    }

    /// Spells the names of the header lines that follow as `names` says.
    pub(super) fn spell(&mut self, names: Names) -> &mut Self {
        self.names = names;
        self
    }

    /// Adds a header line.
    pub(super) fn header(&mut self, name: &str, value: impl Display) -> &mut Self {
        match self.names {
            Names::Mixed => self.octets.extend_from_slice(name.as_bytes()),
            Names::Capitals => self.octets.extend(name.bytes().map(|octet| octet.to_ascii_uppercase())),
            Names::Compact => self.octets.extend_from_slice(compact(name).as_bytes()),
        }
        self.write(format_args!(": {value}\r\n"));
        self
    }

    /// Adds a header line unless there is nothing to say.
    pub(super) fn header_if_any(&mut self, name: &str, value: &str) -> &mut Self {
        if value.is_empty() { self } else { self.header(name, value) }
    }

    /// Ends the header with the content's length and adds the content.
    pub(super) fn end(mut self, content: &[u8]) -> Vec<u8> {
        self.header("Content-Length", content.len());
        self.close(content)
    }

    /// Ends the header, which states the content's length already, and adds the content.
    pub(super) fn close(mut self, content: &[u8]) -> Vec<u8> {
        self.octets.extend_from_slice(b"\r\n");
        self.octets.extend_from_slice(content);
        self.octets
    }

    fn write(&mut self, text: Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.octets.write_fmt(text);
    }
}

/// The short form of a header's name.
///
/// Source: RFC 3261 §7.3.3, RFC 6665 §8.2.2.
fn compact(name: &str) -> &str {
    match name {
        "Via" => "v",
        "From" => "f",
        "To" => "t",
        "Call-ID" => "i",
        "Contact" => "m",
        "Content-Length" => "l",
        "Content-Type" => "c",
        "Supported" => "k",
        "Event" => "o",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_the_host_does() {
        let mut text = Text::request("OPTIONS", "sip:a@example.com");
        text.header("Via", 1).spell(Names::Capitals).header("Via", 2).spell(Names::Compact).header("Via", 3);
        text.header("CSeq", 4).header_if_any("Warning", "");
        let expected = "OPTIONS sip:a@example.com SIP/2.0\r\nVia: 1\r\nVIA: 2\r\nv: 3\r\nCSeq: 4\r\nl: 2\r\n\r\nhi";
        assert_eq!(String::from_utf8(text.end(b"hi")).unwrap(), expected);
    }

    #[test]
    fn a_length_already_stated_is_not_stated_again() {
        let mut text = Text::response(200, "OK");
        text.header("Content-Length", 0);
        assert_eq!(text.close(b""), b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}
