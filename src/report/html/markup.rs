//! Text on its way into the page: harmless to a reader, and nothing but text to a browser.

use std::fmt::{self, Display, Formatter};

use crate::report::text;

/// Columns of a foreign string before it is cut.
const COLUMNS: usize = 400;

/// A string as text or as the value of a quoted attribute, in one line and of a bearable length.
///
/// What acts on a reader (direction marks, control characters) is made visible, as everywhere in lyncpush; what
/// means something to a browser is written as a character reference. Source: HTML §13.1.4.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_short(self.0, COLUMNS, f)
    }
}

/// The same, cut to so many columns.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a>(pub &'a str, pub usize);

impl Display for Short<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_short(self.0, self.1, f)
    }
}

/// A text of several lines, whole.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a>(pub &'a str);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, line) in self.0.lines().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            escape(&text::sanitize(line, false), f)?;
        }
        Ok(())
    }
}

fn write_short(foreign: &str, limit: usize, f: &mut Formatter<'_>) -> fmt::Result {
    // Cut once roughly before: a name of megabytes is not worth escaping to its end.
    let most = limit.saturating_mul(8);
    let rough = foreign.char_indices().nth(most).and_then(|(end, _)| foreign.get(..end)).unwrap_or(foreign);
    let safe = text::sanitize(rough, false);
    escape(&text::clip(&safe, limit, "…"), f)
}

fn escape(text: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '`']) {
        let (before, from) = rest.split_at(at);
        f.write_str(before)?;
        f.write_str(match from.as_bytes().first() {
            Some(b'&') => "&amp;",
            Some(b'<') => "&lt;",
            Some(b'>') => "&gt;",
            Some(b'"') => "&quot;",
            Some(b'\'') => "&#39;",
            _ => "&#96;",
        })?;
        rest = from.get(1..).unwrap_or_default();
    }
    f.write_str(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_place() {
        for (input, expected) in [
            ("Bob", "Bob"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload='x' `y`&", "a&quot; onload=&#39;x&#39; &#96;y&#96;&amp;"),
            ("</noscript>\u{2028}\u{202e}", "&lt;/noscript&gt;\\u{2028}\\u{202e}"),
            ("one\r\ntwo", "one\\r\\ntwo"),
        ] {
            assert_eq!(Text(input).to_string(), expected, "{input:?}");
        }
        assert_eq!(Lines("A: <b>\r\n\r\n\u{7}").to_string(), "A: &lt;b&gt;\n\n\\x07");
        assert_eq!(Short("abcdef", 3).to_string(), "ab…");
        assert!(Text(&"<".repeat(1 << 20)).to_string().len() < 4 * COLUMNS + 4, "bounded");
    }
}
