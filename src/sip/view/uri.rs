//! URIs: SIP ones taken apart, others kept whole.

use super::params::Params;
use super::text;

/// A URI. Of schemes other than `sip`, `sips` and `tel` only the scheme and `raw` are read.
///
/// Source: RFC 3261 §19.1; RFC 3966 for `tel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// All of it, without angle brackets.
    pub raw: &'a [u8],
    /// What stands before the first colon, as spelled; empty when there is none.
    pub scheme: &'a [u8],
    /// The user part, password left out; the number of a `tel` URI.
    pub user: Option<&'a [u8]>,
    /// The host, an IPv6 address with its brackets; empty for a `tel` URI.
    pub host: &'a [u8],
    /// The port; `None` when there is none or it is no port.
    pub port: Option<u16>,
    /// The URI's own parameters.
    pub params: Params<'a>,
}

impl<'a> Uri<'a> {
    /// Takes a URI apart; what cannot be read stays empty.
    pub fn parse(raw: &'a [u8]) -> Self {
        let raw = text::trim(raw);
        let empty = Self { raw, scheme: b"", user: None, host: b"", port: None, params: Params::default() };
        let (scheme, Some(rest)) = text::cut(raw, b':') else { return empty };
        let named = Self { scheme, ..empty };
        if scheme.eq_ignore_ascii_case(b"tel") {
            let (number, params) = text::cut(rest, b';');
            return Self { user: Some(number), params: Params::new(params.unwrap_or_default()), ..named };
        }
        if !named.is_sip() {
            return named;
        }
        // An at sign can stand bare only behind the user part: elsewhere it has to be escaped.
        let (user, rest) = match text::cut(rest, b'@') {
            (user, Some(rest)) => (Some(text::cut(user, b':').0), rest),
            (rest, None) => (None, rest),
        };
        let end = text::find([b';', b'?'], rest).unwrap_or(rest.len());
        let (place, behind) = rest.split_at_checked(end).unwrap_or((rest, b""));
        // Headers may follow, and may hold semicolons of their own.
        let params = behind.strip_prefix(b";").map_or(&b""[..], |behind| text::cut(behind, b'?').0);
        let (host, port) = host_and_port(place);
        Self { user, host, port, params: Params::new(params), ..named }
    }

    /// Whether the scheme is `sip` or `sips`, in any case.
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"sip") || self.scheme.eq_ignore_ascii_case(b"sips")
    }

    /// The address of record, lower-cased `sip:user@host` (`sip:host` without a user), for comparing people: no
    /// parameters, no port, escapes of letters, digits and `-_.` resolved, `sips` written as `sip`.
    /// `None` for other schemes and without a host. Lync compares user parts without letter case.
    ///
    /// Source: RFC 3261 §19.1.4 for escapes.
    pub fn aor(&self) -> Option<String> {
        if !self.is_sip() || self.host.is_empty() {
            return None;
        }
        let mut aor = String::with_capacity("sip:@".len() + self.user.map_or(0, <[u8]>::len) + self.host.len());
        aor.push_str("sip:");
        if let Some(user) = self.user {
            aor.push_str(&text::lossy(&resolved(user)));
            aor.push('@');
        }
        aor.push_str(&text::lossy(self.host));
        aor.make_ascii_lowercase();
        Some(aor)
    }

    /// Whether the host is `host`, whatever the letter case.
    pub fn host_is(&self, host: &str) -> bool {
        self.host.eq_ignore_ascii_case(host.as_bytes())
    }

    /// The `opaque` parameter: for an endpoint's GRUU `user:epid:…`.
    pub fn opaque(&self) -> Option<&'a [u8]> {
        self.params.get(b"opaque")
    }

    /// Whether the URI names one endpoint of a user.
    ///
    /// Source: \[MS-SIPRE\] §3.2; RFC 5627 §3.4.
    pub fn is_gruu(&self) -> bool {
        self.params.has(b"gruu") || self.params.has(b"gr")
    }
}

/// Takes `host:port` apart, IPv6 brackets and stray white space minded.
pub(super) fn host_and_port(place: &[u8]) -> (&[u8], Option<u16>) {
    let place = text::trim(place);
    let bracket = if place.first() == Some(&b'[') { memchr::memchr(b']', place) } else { None };
    let (host, rest) = match bracket.and_then(|end| place.split_at_checked(end + 1)) {
        Some((host, rest)) => (host, text::cut(rest, b':').1),
        None => text::cut(place, b':'),
    };
    (text::trim_end(host), rest.and_then(|port| text::number(text::trim(port))))
}

/// `user` with `%xx` resolved where it stands for an octet that needs no escape.
fn resolved(user: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(user.len());
    let mut rest = user;
    while let [first, after @ ..] = rest {
        rest = after;
        let octet = match after {
            [high, low, beyond @ ..] if *first == b'%' => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) if unreserved(high << 4 | low) => {
                    rest = beyond;
                    high << 4 | low
                }
                _ => *first,
            },
            _ => *first,
        };
        plain.push(octet);
    }
    plain
}

const fn unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.')
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        check("sip:bob@example.com", Some("bob"), "example.com", None, Some("sip:bob@example.com"));
        check(
            "SIP:Bob@Example.COM:5061;transport=tls",
            Some("Bob"),
            "Example.COM",
            Some(5061),
            Some("sip:bob@example.com"),
        );
        check("sips:bob:secret@example.com?Subject=a@b", Some("bob"), "example.com", None, Some("sip:bob@example.com"));
        check("sip:push.lync.com", None, "push.lync.com", None, Some("sip:push.lync.com"));
        check("sip:[2001:db8::9:1]:5060;lr", None, "[2001:db8::9:1]", Some(5060), Some("sip:[2001:db8::9:1]"));
        check("sip:b%6Fb%40x@example.com", Some("b%6Fb%40x"), "example.com", None, Some("sip:bob%40x@example.com"));
        check("sip:+1555;ext=1@gw;user=phone", Some("+1555;ext=1"), "gw", None, Some("sip:+1555;ext=1@gw"));
        check("sip:a@h:99999", Some("a"), "h", None, Some("sip:a@h"));
        check("tel:+15550100;ext=4", Some("+15550100"), "", None, None);
        check("http://example.com/x", None, "", None, None);
        check("sip:", None, "", None, None);
        check("bob@example.com", None, "", None, None);
        check("*", None, "", None, None);
        check("", None, "", None, None);
        check("sip:@", Some(""), "", None, None);
        check("sip:%", None, "%", None, Some("sip:%"));
        check("sip:%4@h", Some("%4"), "h", None, Some("sip:%4@h"));
        check("sip:[::1", None, "[", None, Some("sip:["));
    }

    fn check(raw: &str, user: Option<&str>, host: &str, port: Option<u16>, aor: Option<&str>) {
        let uri = Uri::parse(raw.as_bytes());
        assert_eq!(uri.raw, raw.as_bytes());
        assert_eq!(uri.user, user.map(str::as_bytes), "{raw}");
        assert_eq!((uri.host, uri.port), (host.as_bytes(), port), "{raw}");
        assert_eq!(uri.aor().as_deref(), aor, "{raw}");
    }

    #[test]
    fn headers_are_no_parameters() {
        for (raw, params) in [
            ("sip:a@h?x=1;lr", ""),
            ("sip:a@h;lr?x=1;y", "lr"),
            ("sip:a@h;?", ""),
            ("sip:a@h:1;transport=tls;lr", "transport=tls;lr"),
        ] {
            let uri = Uri::parse(raw.as_bytes());
            assert_eq!((uri.host, uri.params.raw()), (&b"h"[..], params.as_bytes()), "{raw}");
        }
    }

    #[test]
    fn gruus() {
        let uri = Uri::parse(b"sip:bob@example.com;opaque=user:epid:-gLwenLTVVqy-Ak8TJn1ZAAA;gruu");
        assert_eq!(uri.opaque(), Some(&b"user:epid:-gLwenLTVVqy-Ak8TJn1ZAAA"[..]));
        assert!(uri.is_gruu() && uri.host_is("EXAMPLE.com") && !uri.host_is("example.org"));
        assert!(!Uri::parse(b"sip:bob@example.com;opaque=x").is_gruu());
    }
}
