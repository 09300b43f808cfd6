//! The smallest parts of header values: white space, quotes, folds, comma lists.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

/// Linear white space, line ends of folds included.
pub const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// A character of an RFC 3261 token.
///
/// Source: RFC 3261 §25.1.
pub const fn is_token(octet: u8) -> bool {
    TOKENS[octet as usize]
}

/// For every octet whether it is a character of a token: each name of each header is walked with it.
static TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut octet = 0;
    while octet < tokens.len() {
        let mark = b"-.!%*_+`'~";
        let mut at = 0;
        while at < mark.len() {
            tokens[mark[at] as usize] = true;
            at += 1;
        }
        tokens[octet] |= (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    tokens
};

/// `text` without white space at its ends.
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without white space before it.
pub fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

/// `text` without white space after it.
pub fn trim_end(mut text: &[u8]) -> &[u8] {
    while let [rest @ .., last] = text
        && is_space(*last)
    {
        text = rest;
    }
    text
}

/// Octets searched without a call: values of header fields are cut into pieces of few octets.
const NEAR: usize = 32;

/// Position of the first octet of `text` that is one of `wanted`, up to three of them.
///
/// Most is found near the beginning, which is looked at eight octets at a time; `memchr` is faster beyond.
#[inline]
pub fn find<const N: usize>(wanted: [u8; N], text: &[u8]) -> Option<usize> {
    const { assert!(N >= 1 && N <= 3, "as many as `memchr3` looks for") };
    let (near, far) = text.split_at_checked(NEAR).unwrap_or((text, b""));
    let (words, rest) = near.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let found = wanted.iter().fold(0, |found, octet| found | hits(*word, *octet));
        if found != 0 {
            return Some(at * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    if let Some(at) = rest.iter().position(|octet| wanted.contains(octet)) {
        return Some(words.len() * 8 + at);
    }
    let at = match wanted[..] {
        _ if far.is_empty() => None,
        [one] => memchr(one, far),
        [one, two] => memchr2(one, two, far),
        [one, two, three] => memchr3(one, two, three, far),
        _ => far.iter().position(|octet| wanted.contains(octet)),
    };
    at.map(|at| NEAR + at)
}

/// The highest bit of the octets of `word` that are `wanted`: certain for the first of them in the order of the text,
/// which is the lowest.
const fn hits(word: [u8; 8], wanted: u8) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // Zero where the octet is wanted; taking one from a zero borrows from the octets behind it only.
    let unlike = u64::from_le_bytes(word) ^ (ONES * wanted as u64);
    unlike.wrapping_sub(ONES) & !unlike & (ONES << 7)
}

/// `text` cut in two at the first `at`, which is in neither part; all of it and nothing when there is none.
pub fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match find([at], text).and_then(|position| text.split_at_checked(position)) {
        Some((before, after)) => (before, after.get(1..)),
        None => (text, None),
    }
}

/// `octets` as text: what is not UTF-8 becomes U+FFFD. Nearly all is ASCII, which the standard library passes
/// quickly only when it looks for nothing wrong.
pub fn lossy(octets: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(octets).map_or_else(|_| String::from_utf8_lossy(octets), Cow::Borrowed)
}

/// A decimal number; `None` when there is anything but digits, or too many.
pub fn number<N: TryFrom<u64>>(digits: &[u8]) -> Option<N> {
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    N::try_from(value).ok()
}

/// `value` with every fold (line end and the white space around it) made one space.
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut flat = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(end) = memchr2(b'\r', b'\n', rest) {
        let (line, next) = rest.split_at_checked(end).unwrap_or((rest, b""));
        flat.extend_from_slice(trim_end(line));
        flat.push(b' ');
        rest = trim_start(next);
    }
    flat.extend_from_slice(rest);
    Cow::Owned(flat)
}

/// The inside of a quoted string without its backslashes.
pub fn unescape(inside: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\\', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut plain = Vec::with_capacity(inside.len());
    let mut octets = inside.iter();
    while let Some(octet) = octets.next() {
        // A backslash at the very end escapes nothing and stays.
        let shown = if *octet == b'\\' { octets.next().unwrap_or(octet) } else { octet };
        plain.push(*shown);
    }
    Cow::Owned(plain)
}

/// Length of the inside of a quoted string, given what follows the opening quote; `None` when it never closes.
pub fn quoted(after_quote: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + find([b'"', b'\\'], after_quote.get(at..)?)?;
        if after_quote.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

/// Octets of a curly double quote in UTF-8.
pub const CURLY: usize = 3;

/// The first octet of a curly double quote in UTF-8.
const CURLY_LEAD: u8 = 0xe2;

/// Whether `text` begins with a curly double quote, as word processors put into pasted names.
pub fn starts_curly(text: &[u8]) -> bool {
    matches!(text, [CURLY_LEAD, 0x80, 0x9c..=0x9f, ..])
}

/// Length of what stands before the next curly double quote; `None` when there is none.
pub fn curly(after_quote: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr(CURLY_LEAD, after_quote.get(at..)?)?;
        if starts_curly(after_quote.get(found..)?) {
            return Some(found);
        }
        at = found + 1;
    }
}

/// Walks over a value and finds separators outside quotes and angle brackets.
///
/// A quote or bracket that never closes is an ordinary character: one broken value must not swallow the rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    straight_open: bool,
    curly_open: bool,
    bracket_open: bool,
}

impl Scanner {
    /// Position of the first `wanted` octet in `text` that is outside quotes and angle brackets.
    pub fn find(&mut self, wanted: u8, text: &[u8]) -> Option<usize> {
        // Two quick looks spare the walk: nothing wanted, or nothing in front of it that could enclose it.
        let nearest = find([wanted], text)?;
        if find([b'"', b'<', CURLY_LEAD], text.get(..nearest)?).is_none() {
            return Some(nearest);
        }
        let mut at = 0;
        loop {
            let rest = text.get(at..)?;
            let (first, inside) = rest.split_first()?;
            if *first == wanted {
                return Some(at);
            }
            at += 1 + self.enclosed(*first, rest, inside);
        }
    }

    /// How many octets the construct opened by `first` covers after it.
    fn enclosed(&mut self, first: u8, rest: &[u8], inside: &[u8]) -> usize {
        match first {
            b'"' if !self.straight_open => match quoted(inside) {
                Some(length) => length + 1,
                None => {
                    self.straight_open = true;
                    0
                }
            },
            b'<' if !self.bracket_open => match find([b'>'], inside) {
                Some(length) => length + 1,
                None => {
                    self.bracket_open = true;
                    0
                }
            },
            CURLY_LEAD if !self.curly_open && starts_curly(rest) => match inside.get(CURLY - 1..).and_then(curly) {
                Some(length) => length + 2 * CURLY - 1,
                None => {
                    self.curly_open = true;
                    0
                }
            },
            _ => 0,
        }
    }
}

/// The single values of a comma list, trimmed; empty ones are left out.
///
/// Commas inside quotes (straight or curly) and angle brackets do not separate.
/// Source: RFC 3261 §7.3.1.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a [u8]>,
    scanner: Scanner,
}

impl<'a> Values<'a> {
    /// The values of the list `text`.
    pub fn new(text: &'a [u8]) -> Self {
        Self { rest: Some(text), scanner: Scanner::default() }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let text = self.rest.take()?;
            let value = match self.scanner.find(b',', text).and_then(|comma| text.split_at_checked(comma)) {
                Some((value, after)) => {
                    self.rest = after.get(1..);
                    value
                }
                None => text,
            };
            let value = trim(value);
            if !value.is_empty() {
                return Some(value);
            }
        }
    }
}

/// How many values a comma list has.
pub fn count_values(text: &[u8]) -> usize {
    Values::new(text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_octets_at_any_place() {
        let mut random = 7_u32;
        for length in 0..70 {
            for _ in 0..200 {
                // Few different octets, so that there are many of the wanted ones, and neighbours of them.
                let text: Vec<u8> = std::iter::repeat_with(|| {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    b"\0\x01:;<>\x80\xff"[(random >> 29) as usize]
                })
                .take(length)
                .collect();
                assert_eq!(find(*b";", &text), text.iter().position(|octet| *octet == b';'), "{text:?}");
                assert_eq!(find(*b"\0\xff", &text), text.iter().position(|octet| b"\0\xff".contains(octet)));
                assert_eq!(find(*b"\x80\x01<", &text), text.iter().position(|octet| b"\x80\x01<".contains(octet)));
            }
            let mut text = vec![b'a'; length];
            assert_eq!(find(*b";", &text), None);
            text.push(b';');
            assert_eq!(find(*b";", &text), Some(length));
        }
    }

    #[test]
    fn numbers() {
        for (digits, expected) in [
            ("0", Some(0)),
            ("0009", Some(9)),
            ("65535", Some(65535)),
            ("65536", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1 ", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(number::<u16>(digits.as_bytes()), expected, "{digits}");
        }
    }

    #[test]
    fn folds_become_one_space() {
        for (folded, flat) in [
            ("plain", "plain"),
            ("a\r\n b", "a b"),
            ("a \r\n\t  b", "a b"),
            ("a\n b\r\n c", "a b c"),
            ("a\r\n \r\n b", "a b"),
            ("a\rb", "a b"),
            ("a\r\n", "a "),
        ] {
            assert_eq!(unfold(folded.as_bytes()), flat.as_bytes(), "{folded:?}");
        }
    }

    #[test]
    fn quotes() {
        for (text, inside) in [
            (r#"abc" tail"#, Some("abc")),
            (r#"a\"b" tail"#, Some(r#"a\"b"#)),
            (r#"a\\" tail"#, Some(r"a\\")),
            ("never", None),
            (r#"never\""#, None),
            ("never\\", None),
            ("", None),
        ] {
            assert_eq!(quoted(text.as_bytes()), inside.map(str::len), "{text}");
        }
        assert_eq!(unescape(br#"a\"b\\c"#).as_ref(), br#"a"b\c"#);
        assert_eq!(unescape(br"end\").as_ref(), br"end\");
    }

    #[test]
    fn comma_lists() {
        for (list, values) in [
            ("a", vec!["a"]),
            (" a , b ", vec!["a", "b"]),
            ("a,,b,", vec!["a", "b"]),
            ("", vec![]),
            (r#""x, y" <sip:a>, <sip:b,c>"#, vec![r#""x, y" <sip:a>"#, "<sip:b,c>"]),
            ("\u{201c}Doe, Jane\u{201d} <sip:a>,b", vec!["\u{201c}Doe, Jane\u{201d} <sip:a>", "b"]),
            ("\u{201c}Doe <sip:a>, b", vec!["\u{201c}Doe <sip:a>", "b"]),
            (r#""open <sip:a>, <sip:b>"#, vec![r#""open <sip:a>"#, "<sip:b>"]),
            ("<sip:a, b, \"c,d\"", vec!["<sip:a", "b", "\"c,d\""]),
            ("a\r\n ,\r\n b", vec!["a", "b"]),
        ] {
            let found: Vec<_> = Values::new(list.as_bytes()).map(String::from_utf8_lossy).collect();
            assert_eq!(found, values, "{list}");
            assert_eq!(count_values(list.as_bytes()), values.len());
        }
    }
}
