//! `;name=value` parameters of headers and URIs.

use std::borrow::Cow;

use super::text::{self, Scanner};

/// The parameters of a header value or URI: everything after its first semicolon.
///
/// Source: RFC 3261 §25.1 `generic-param`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    raw: &'a [u8],
}

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name as spelled; names compare without letter case.
    pub name: &'a [u8],
    /// What stands after `=`, without quotes but with the backslashes of a quoted string; `None` without `=`.
    pub value: Option<&'a [u8]>,
}

impl<'a> Params<'a> {
    /// The parameters in `raw`, a list separated by semicolons; a semicolon in front does no harm.
    pub const fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The parameters as they stand.
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Every parameter in order.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> {
        let mut rest = Some(self.raw);
        let mut scanner = Scanner::default();
        std::iter::from_fn(move || {
            loop {
                let text = rest.take()?;
                let piece = match scanner.find(b';', text).and_then(|end| text.split_at_checked(end)) {
                    Some((piece, after)) => {
                        rest = after.get(1..);
                        piece
                    }
                    None => text,
                };
                let piece = text::trim(piece);
                if !piece.is_empty() {
                    return Some(Param::parse(piece));
                }
            }
        })
    }

    /// The value of the first parameter called `name`; empty for one without `=`.
    pub fn get(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.value.unwrap_or_default())
    }

    /// Whether there is a parameter called `name`, with a value or without.
    pub fn has(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }
}

impl<'a> Param<'a> {
    /// One parameter out of its trimmed text.
    fn parse(piece: &'a [u8]) -> Self {
        let (name, value) = text::cut(piece, b'=');
        let value = value.map(|value| {
            let value = text::trim(value);
            match value.strip_prefix(b"\"") {
                Some(inside) => text::quoted(inside).and_then(|end| inside.get(..end)).unwrap_or(inside),
                None => value,
            }
        });
        Self { name: text::trim_end(name), value }
    }

    /// The value with folds and backslashes taken out, for showing; empty without a value.
    pub fn text(&self) -> Cow<'a, [u8]> {
        match text::unfold(self.value.unwrap_or_default()) {
            Cow::Borrowed(flat) => text::unescape(flat),
            Cow::Owned(flat) => Cow::Owned(text::unescape(&flat).into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        check(";tag=abc;epid=3102EB8BD1", &[("tag", Some("abc")), ("epid", Some("3102EB8BD1"))]);
        check("lr;transport=tls", &[("lr", None), ("transport", Some("tls"))]);
        check(" ; branch  =\r\n z9hG4bK30239 ;; ", &[("branch", Some("z9hG4bK30239"))]);
        check(r#"gruu="sip:a@b;opaque=user:epid:x;gruu""#, &[("gruu", Some("sip:a@b;opaque=user:epid:x;gruu"))]);
        check(r#"+sip.instance="<urn:uuid:1>";q=1"#, &[("+sip.instance", Some("<urn:uuid:1>")), ("q", Some("1"))]);
        check(r#"a="never closed;b=1"#, &[("a", Some("never closed")), ("b", Some("1"))]);
        check("=x;y=", &[("", Some("x")), ("y", Some(""))]);
        check("ms-route-sig=dafMv6==;ms-body=cXdl=", &[("ms-route-sig", Some("dafMv6==")), ("ms-body", Some("cXdl="))]);
        check("", &[]);
    }

    fn check(raw: &str, expected: &[(&str, Option<&str>)]) {
        let found: Vec<_> = Params::new(raw.as_bytes()).iter().map(|param| (param.name, param.value)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(name, value)| (name.as_bytes(), value.map(str::as_bytes))).collect();
        assert_eq!(found, expected, "{raw}");
    }

    #[test]
    fn the_first_of_a_name_in_any_case() {
        let params = Params::new(b"Reason=\"one \\\"two\\\"\r\n three\";reason=x;flag");
        assert_eq!(params.get(b"REASON"), Some(&b"one \\\"two\\\"\r\n three"[..]));
        assert_eq!(params.get(b"flag"), Some(&b""[..]));
        assert!(params.has(b"FLAG") && !params.has(b"fla"));
        assert_eq!(params.iter().next().map(|param| param.text().into_owned()), Some(b"one \"two\" three".to_vec()));
    }
}
