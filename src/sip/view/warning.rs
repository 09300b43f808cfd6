//! Warning.

use super::text;

/// One warning of a response.
///
/// Source: RFC 3261 §20.43.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// The code, such as 309.
    pub code: u16,
    /// Who warns.
    pub agent: &'a [u8],
    /// The text without its quotes, backslashes as they stand.
    pub text: &'a [u8],
}

impl<'a> Warning<'a> {
    /// Reads one warning; `None` without a code.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (code, rest) = word(text::trim(value));
        let (agent, rest) = word(rest);
        let text = match rest.strip_prefix(b"\"") {
            Some(inside) => text::quoted(inside).and_then(|end| inside.get(..end)).unwrap_or(inside),
            None => rest,
        };
        Some(Self { code: text::number(code)?, agent, text })
    }
}

/// The first word of `text`, and what follows it without the white space between.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| text::is_space(*octet)).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, text::trim_start(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        check(
            r#"309 lcs.example.com "Message contents not allowed by policy""#,
            Some((309, "lcs.example.com", "Message contents not allowed by policy")),
        );
        check("310\r\n  h \"a, b\"", Some((310, "h", "a, b")));
        check("399 h bare words", Some((399, "h", "bare words")));
        check("399", Some((399, "", "")));
        check("x y z", None);
        check("", None);
    }

    fn check(value: &str, expected: Option<(u16, &str, &str)>) {
        let found = Warning::parse(value.as_bytes()).map(|one| (one.code, one.agent, one.text));
        let expected = expected.map(|(code, agent, text)| (code, agent.as_bytes(), text.as_bytes()));
        assert_eq!(found, expected, "{value}");
    }
}
