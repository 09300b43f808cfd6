//! CSeq.

use super::super::method::Method;
use super::text;

/// The number and method of a request, repeated in its responses.
///
/// Source: RFC 3261 §20.16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number, below 2^31 where senders obey.
    pub number: u32,
    /// The method.
    pub method: Method<'a>,
}

impl<'a> CSeq<'a> {
    /// Reads a CSeq value; `None` when it is not a number and a method.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (number, method) = Self::split(value)?;
        Some(Self { number, method: Method::new(method) })
    }

    /// The number, and the method as it stands; `None` as for [`CSeq::parse`].
    pub(in crate::sip) fn split(value: &'a [u8]) -> Option<(u32, &'a [u8])> {
        let value = text::trim(value);
        let digits = value.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let (number, rest) = value.split_at_checked(digits)?;
        let method = text::trim_start(rest);
        if method.len() == rest.len() || method.is_empty() || !method.iter().all(|octet| text::is_token(*octet)) {
            return None;
        }
        Some((text::number(number)?, method))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        check("1 INVITE", Some((1, Method::Invite)));
        check(" 0009\r\n INVITE ", Some((9, Method::Invite)));
        check("4294967295 ACK", Some((u32::MAX, Method::Ack)));
        check("7 invite", Some((7, Method::Other(b"invite"))));
        for bad in ["", "1", "INVITE", "1INVITE", "-1 INVITE", "4294967296 ACK", "1 IN VITE", "1 INVITE;x"] {
            check(bad, None);
        }
    }

    fn check(value: &str, expected: Option<(u32, Method<'_>)>) {
        let found = CSeq::parse(value.as_bytes()).map(|cseq| (cseq.number, cseq.method));
        assert_eq!(found, expected, "{value}");
    }
}
