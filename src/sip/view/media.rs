//! Content-Type.

use super::params::Params;
use super::text;

/// What a body is.
///
/// Source: RFC 3261 §20.15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// The main type, as spelled.
    pub main: &'a [u8],
    /// The subtype, as spelled; empty when there is none.
    pub sub: &'a [u8],
    /// The parameters, `charset` and `boundary` among them.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads a Content-Type value.
    pub fn parse(value: &'a [u8]) -> Self {
        let (kind, params) = text::cut(value, b';');
        let (main, sub) = text::cut(kind, b'/');
        Self {
            main: text::trim(main),
            sub: text::trim(sub.unwrap_or_default()),
            params: Params::new(params.unwrap_or_default()),
        }
    }

    /// Whether it is `main`/`sub`, whatever the letter case.
    pub fn is(&self, main: &str, sub: &str) -> bool {
        self.main.eq_ignore_ascii_case(main.as_bytes()) && self.sub.eq_ignore_ascii_case(sub.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        check("application/sdp", ("application", "sdp"), None);
        check("Text/Plain; charset=UTF-8", ("text", "plain"), None);
        check("multipart / alternative ;\r\n boundary=\"a;b\"", ("multipart", "alternative"), Some("a;b"));
        check("text", ("text", ""), None);
    }

    fn check(value: &str, (main, sub): (&str, &str), boundary: Option<&str>) {
        let media = MediaType::parse(value.as_bytes());
        assert!(media.is(main, sub), "{value}");
        assert_eq!(media.params.get(b"boundary"), boundary.map(str::as_bytes), "{value}");
    }
}
