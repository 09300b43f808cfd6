//! Server and User-Agent: products with versions and comments.

use super::text;

/// One product of a Server or User-Agent value.
///
/// Source: RFC 3261 §20.35 and §20.41.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product<'a> {
    /// Its name; empty for a comment that follows no product.
    pub name: &'a [u8],
    /// Its version.
    pub version: Option<&'a [u8]>,
    /// The inside of the parentheses behind it, folds and backslashes as they stand.
    pub comment: Option<&'a [u8]>,
}

impl<'a> Product<'a> {
    /// Every product of a value, in order.
    pub fn all(value: &'a [u8]) -> Products<'a> {
        Products { rest: value }
    }

    /// Whether the product is called `name`, whatever the letter case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The products of one value, in order.
#[derive(Clone, Debug)]
pub struct Products<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Products<'a> {
    type Item = Product<'a>;

    fn next(&mut self) -> Option<Product<'a>> {
        let text = text::trim_start(self.rest);
        if text.is_empty() {
            return None;
        }
        let end = text.iter().position(|octet| text::is_space(*octet) || *octet == b'(').unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end)?;
        let (name, version) = text::cut(word, b'/');
        let (comment, rest) = match comment(text::trim_start(rest)) {
            Some((comment, rest)) => (Some(comment), rest),
            None => (None, rest),
        };
        self.rest = rest;
        Some(Product { name, version, comment })
    }
}

/// The inside of a comment at the start of `text`, and what follows it; one that never closes takes all.
fn comment(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"(")?;
    let mut depth = 1_usize;
    let mut octets = inside.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' => {
                octets.next();
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (comment, rest) = inside.split_at_checked(at)?;
            return Some((comment, rest.get(1..)?));
        }
    }
    Some((inside, b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    #[test]
    fn a_windows_phone() {
        check(
            "RTCC/4.0.0.0 McxService/4.0.0.0 WPLync/4.1.7947.0 (Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1)",
            &[
                ("RTCC", Some("4.0.0.0"), None),
                ("McxService", Some("4.0.0.0"), None),
                ("WPLync", Some("4.1.7947.0"), Some("Microsoft Windows CE 7.10.7720; SAMSUNG SGH-i937 2103.11.10.1")),
            ],
        );
    }

    #[test]
    fn other_shapes() {
        check("RTC/5.0", &[("RTC", Some("5.0"), None)]);
        check(
            "RTCC/3.5.0.0 MCXService/3.5.0.0 communicator.NOKIAS60R2.JVP.EN_US/1.0.6875.0",
            &[
                ("RTCC", Some("3.5.0.0"), None),
                ("MCXService", Some("3.5.0.0"), None),
                ("communicator.NOKIAS60R2.JVP.EN_US", Some("1.0.6875.0"), None),
            ],
        );
        check("OC/15.0(Microsoft Lync)X", &[("OC", Some("15.0"), Some("Microsoft Lync")), ("X", None, None)]);
        check("a (b (c) \\) d) (e)", &[("a", None, Some("b (c) \\) d")), ("", None, Some("e"))]);
        check("a\r\n b/1 (never", &[("a", None, None), ("b", Some("1"), Some("never"))]);
        check("a) /x y/", &[("a)", None, None), ("", Some("x"), None), ("y", Some(""), None)]);
        check(" \t", &[]);
        check("(\\", &[("", None, Some("\\"))]);
    }

    fn check(value: &str, expected: &[Row<'_>]) {
        let found: Vec<_> = Product::all(value.as_bytes()).map(|one| (one.name, one.version, one.comment)).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, version, comment)| (name.as_bytes(), version.map(str::as_bytes), comment.map(str::as_bytes)))
            .collect();
        assert_eq!(found, expected, "{value}");
    }
}
