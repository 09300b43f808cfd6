//! `name-addr` and `addr-spec`: From, To, Contact, P-Asserted-Identity, Route and Record-Route.

use std::borrow::Cow;

use super::params::Params;
use super::text::{self, CURLY, Scanner};
use super::uri::Uri;

/// One address with what stands around it.
///
/// Source: RFC 3261 §20.10 and §25.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// What stands in front of the angle bracket.
    before: &'a [u8],
    /// Where the URI stands.
    addr_spec: &'a [u8],
    /// The parameters of the header, those behind the angle brackets.
    pub params: Params<'a>,
    tag: Option<&'a [u8]>,
    epid: Option<&'a [u8]>,
}

impl<'a> Address<'a> {
    /// Reads one address; `value` must not be a comma list.
    pub fn parse(value: &'a [u8]) -> Self {
        let value = text::trim(value);
        let (before, uri, params) = match bracket(value) {
            Some((before, after)) => {
                // A bracket that never closes ends where the header's parameters would begin: nowhere to be known.
                let (uri, after) = text::cut(after, b'>');
                (before, uri, text::cut(after.unwrap_or_default(), b';').1)
            }
            // Without brackets every parameter is the header's.
            None => {
                let (uri, params) = text::cut(value, b';');
                (&b""[..], uri, params)
            }
        };
        let params = Params::new(params.unwrap_or_default());
        let mut address = Self { before, addr_spec: uri, params, tag: None, epid: None };
        // Who reads an address asks for these two, and more than once.
        for param in params.iter() {
            if param.name.eq_ignore_ascii_case(b"tag") {
                address.tag.get_or_insert(param.value.unwrap_or_default());
            } else if param.name.eq_ignore_ascii_case(b"epid") {
                address.epid.get_or_insert(param.value.unwrap_or_default());
            }
        }
        address
    }

    /// The URI, taken apart only now: who reads a dialog's messages asks for tags far more often. `*` in a Contact that
    /// takes all bindings away.
    pub fn uri(&self) -> Uri<'a> {
        Uri::parse(self.addr_spec)
    }

    /// The display name without its quotes, straight or curly, and without backslashes; `None` when empty.
    pub fn display(&self) -> Option<Cow<'a, [u8]>> {
        display(self.before)
    }

    /// The `tag` parameter of From and To.
    pub const fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }

    /// The `epid` parameter: which endpoint of the user, to be compared octet for octet.
    ///
    /// Source: \[MS-SIPRE\] §2.2.1.
    pub const fn epid(&self) -> Option<&'a [u8]> {
        self.epid
    }

    /// The value of the header parameter `name`, whatever its letter case.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.params.get(name)
    }
}

/// What stands before and behind the `<` that opens the URI.
fn bracket(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = Scanner::default().find(b'<', value)?;
    // A bare URI may carry a bracketed parameter: `sip:a@b;+sip.instance="<…>"` is quoted, others are behind a semicolon.
    let (before, after) = value.split_at_checked(open)?;
    if is_bare_uri(before) {
        return None;
    }
    Some((before, after.get(1..)?))
}

/// Whether what stands before a bracket is a URI with parameters rather than a display name.
fn is_bare_uri(before: &[u8]) -> bool {
    text::find([b';'], before).is_some() && !before.starts_with(b"\"") && Uri::parse(before).is_sip()
}

/// The display name in front of the bracket.
fn display(before: &[u8]) -> Option<Cow<'_, [u8]>> {
    let before = trim_blank(before);
    let name = match before.strip_prefix(b"\"") {
        Some(inside) => match text::quoted(inside).and_then(|end| inside.get(..end)) {
            Some(inside) => unescaped(inside),
            None => text::unfold(inside),
        },
        None => text::unfold(uncurled(before)),
    };
    // Straight quotes around curly ones are seen where names were pasted.
    let name = match name {
        Cow::Borrowed(name) => Cow::Borrowed(uncurled(name)),
        owned => owned,
    };
    if trim_blank(&name).is_empty() { None } else { Some(name) }
}

/// The inside of a quoted string without folds and backslashes.
fn unescaped(inside: &[u8]) -> Cow<'_, [u8]> {
    match text::unfold(inside) {
        Cow::Borrowed(flat) => text::unescape(flat),
        Cow::Owned(flat) => Cow::Owned(text::unescape(&flat).into_owned()),
    }
}

/// `name` without a pair of curly quotes around it.
fn uncurled(name: &[u8]) -> &[u8] {
    if !text::starts_curly(name) {
        return name;
    }
    let inside = name.get(CURLY..).unwrap_or_default();
    match inside.len().checked_sub(CURLY).and_then(|end| inside.split_at_checked(end)) {
        Some((inside, last)) if text::starts_curly(last) => trim_blank(inside),
        _ => trim_blank(inside),
    }
}

/// `text` without white space and no-break spaces at its ends.
fn trim_blank(text: &[u8]) -> &[u8] {
    const NO_BREAK: &[u8] = b"\xc2\xa0";
    let mut text = text::trim(text);
    loop {
        let shorter = text.strip_prefix(NO_BREAK).or_else(|| text.strip_suffix(NO_BREAK));
        match shorter {
            Some(shorter) => text = text::trim(shorter),
            None => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names() {
        check(r#""Alice"<sip:alice@example.com>;tag=1"#, Some("Alice"), "sip:alice@example.com", Some("1"));
        check("Alice Smith <sip:a@b>", Some("Alice Smith"), "sip:a@b", None);
        check("<sip:a@b>;epid=x;tag=2", None, "sip:a@b", Some("2"));
        check(r#""" <sip:a@b>"#, None, "sip:a@b", None);
        check(r#""A \"B\" \\C" <sip:a@b>"#, Some(r#"A "B" \C"#), "sip:a@b", None);
        check(r#""<not this>" <sip:a@b>"#, Some("<not this>"), "sip:a@b", None);
        check("\u{201c}Al\u{201d} <sip:a@b>", Some("Al"), "sip:a@b", None);
        check("\u{201d}Al\u{201d}<sip:a@b>", Some("Al"), "sip:a@b", None);
        check("\u{201c}Al <sip:a@b>", Some("Al"), "sip:a@b", None);
        check("\"\u{201c}Al\u{201d}\"<sip:a@b>", Some("Al"), "sip:a@b", None);
        check("\u{a0}Al\u{a0}<sip:a@b>", Some("Al"), "sip:a@b", None);
        check("\"Zo\u{eb} \u{6f22}\"<sip:a@b>", Some("Zo\u{eb} \u{6f22}"), "sip:a@b", None);
        check("\"A\r\n B\"\r\n <sip:a@b>", Some("A B"), "sip:a@b", None);
        check("A\r\n B <sip:a@b>", Some("A B"), "sip:a@b", None);
        check(r#""open <sip:a@b>;tag=3"#, Some("open"), "sip:a@b", Some("3"));
        check("Doe, Jane <sip:a@b>", Some("Doe, Jane"), "sip:a@b", None);
    }

    #[test]
    fn bare_and_broken() {
        check("sip:a@b;tag=1", None, "sip:a@b", Some("1"));
        check("sip:a@b;x=<y>;tag=1", None, "sip:a@b", Some("1"));
        check("*", None, "*", None);
        check("", None, "", None);
        check("<", None, "", None);
        check("<sip:a@b", None, "sip:a@b", None);
        check(" < sip:a@b > ; tag = 4 ", None, "sip:a@b", Some("4"));
        check("<sip:a@b> junk ;tag=5", None, "sip:a@b", Some("5"));
        check("\"", None, "\"", None);
    }

    fn check(value: &str, name: Option<&str>, uri: &str, tag: Option<&str>) {
        let address = Address::parse(value.as_bytes());
        assert_eq!(address.display().as_deref().map(String::from_utf8_lossy).as_deref(), name, "{value}");
        assert_eq!(String::from_utf8_lossy(address.uri().raw), uri, "{value}");
        assert_eq!(address.tag().map(String::from_utf8_lossy).as_deref(), tag, "{value}");
    }
}
