//! Text on its way to a terminal: made harmless, measured, cut and wrapped.
//!
//! In: strings as the wire or a user gave them. Out: one-line strings whose width in terminal columns is known.
//! It refuses to know what a string means.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` with everything that could act on a terminal or mislead a reader made visible.
///
/// Control characters become `\x1b` (`\t`, `\n`, `\r` for the well-known three); bidirectional overrides,
/// invisible separators and tags become `\u{202e}`. With `ascii` every other non-ASCII character does too,
/// since a terminal that is not UTF-8 would take some of its octets for control characters.
/// The result is one line.
pub fn sanitize(text: &str, ascii: bool) -> Cow<'_, str> {
    let harmless = |c: char| if c.is_ascii() { !c.is_ascii_control() } else { !ascii && !acts(c) };
    let Some(first) = text.find(|c| !harmless(c)) else { return Cow::Borrowed(text) };
    let (clean, rest) = text.split_at(first);
    let mut safe = String::with_capacity(text.len() + 16);
    safe.push_str(clean);
    for c in rest.chars() {
        // Writing to a String cannot fail.
        let _ = match c {
            c if harmless(c) => safe.write_char(c),
            '\t' => safe.write_str("\\t"),
            '\n' => safe.write_str("\\n"),
            '\r' => safe.write_str("\\r"),
            c if c.is_ascii() => write!(safe, "\\x{:02x}", u32::from(c)),
            c => write!(safe, "\\u{{{:x}}}", u32::from(c)),
        };
    }
    Cow::Owned(safe)
}

/// Whether a non-ASCII character does something instead of showing something.
///
/// Zero-width joiner and non-joiner stay: names in several scripts need them, and they move nothing.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' // soft hyphen
            | '\u{061c}' | '\u{200e}' | '\u{200f}' // direction marks
            | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' // invisible separators
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings and overrides
            | '\u{2066}'..='\u{206f}' // isolates, deprecated format characters
            | '\u{fff9}'..='\u{fffb}' // interlinear annotation
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // fillers that look like nothing
            | '\u{e0000}'..='\u{e0fff}' // tags, further variation selectors
        )
}

/// Terminal columns `text` takes.
pub fn columns(text: &str) -> usize {
    text.width()
}

/// `text` in at most `limit` columns; `ellipsis` says where something was cut off.
///
/// Marks that take no column are cut as well once there are more of them than a name can need:
/// four characters a column.
pub fn clip<'a>(text: &'a str, limit: usize, ellipsis: &str) -> Cow<'a, str> {
    let most = limit.saturating_mul(4);
    if columns(text) <= limit && text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let room = limit.saturating_sub(columns(ellipsis));
    let head = head(text, room, most);
    Cow::Owned(format!("{head}{ellipsis}"))
}

/// The longest beginning of `text` in at most `room` columns and `most` characters.
fn head(text: &str, room: usize, most: usize) -> &str {
    let mut used = 0;
    let mut end = text.len();
    for (count, (at, c)) in text.char_indices().enumerate() {
        used += c.width().unwrap_or(0);
        if used > room || count >= most {
            end = at;
            break;
        }
    }
    let mut piece = text.get(..end).unwrap_or(text);
    // Some characters widen the one before them: a whole can be wider than its parts.
    while columns(piece) > room {
        piece = piece.char_indices().next_back().and_then(|(at, _)| piece.get(..at)).unwrap_or("");
    }
    piece
}

/// Columns of the widest characters: some dashes and marks of abbreviation take three.
const WIDEST: usize = 3;

/// `text` as lines of at most `width` columns: broken at spaces, a longer word after a punctuation mark where
/// there is one, else inside.
///
/// `width` below three columns counts as three, so that every character fits.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(WIDEST);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        while columns(word) > width {
            let piece = piece(word, width);
            lines.push(piece.to_owned());
            word = word.get(piece.len()..).unwrap_or("");
        }
        if !line.is_empty() && !word.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Columns that the further lines of a command are indented.
pub const CONTINUED: usize = 2;

/// A PowerShell command as lines of at most `width` columns, further ones [`CONTINUED`] columns less: broken between
/// its [`tokens`] only, with a backtick where it goes on. A token that is wider has a line of its own and passes the
/// width: a command that cannot be pasted helps nobody.
///
/// Without the backticks at their ends the lines put together are the command.
pub fn wrap_command(command: &str, width: usize) -> Vec<String> {
    const GOES_ON: char = '`';
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut rest = tokens(command).into_iter().peekable();
    while let Some(token) = rest.next() {
        let room = width.saturating_sub(if lines.is_empty() { 0 } else { CONTINUED });
        let longer = format!("{line}{token}");
        let needed = if rest.peek().is_some() { columns(&longer) + 1 } else { columns(longer.trim_end()) };
        if !line.is_empty() && needed > room {
            line.push(GOES_ON);
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(token);
    }
    lines.push(line);
    lines
}

/// The tokens of a PowerShell command, each with the blanks after it: what is quoted, or follows a backtick, is not
/// broken.
///
/// Source: about_Quoting_Rules, about_Special_Characters (PowerShell documentation).
pub fn tokens(command: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let (mut quote, mut escaped, mut blank) = (None, false, false);
    for (at, c) in command.char_indices() {
        if blank && c != ' ' {
            match command.get(start..at) {
                Some(token) if !token.trim().is_empty() => {
                    tokens.push(token);
                    start = at;
                }
                _ => {}
            }
        }
        blank = c == ' ' && quote.is_none() && !escaped;
        let literal = escaped;
        escaped = !literal && c == '`' && quote != Some('\'');
        if !literal && matches!(c, '\'' | '"') {
            quote = match quote {
                None => Some(c),
                Some(opened) if opened == c => None,
                opened => opened,
            };
        }
    }
    tokens.extend(command.get(start..).filter(|token| !token.is_empty()));
    tokens
}

/// What of a long word goes on one line: up to the last mark in its second half, so that addresses and
/// parameters stay legible, else as much as fits. Never empty.
fn piece(word: &str, width: usize) -> &str {
    let full = head(word, width, usize::MAX);
    if full.is_empty() {
        // A character wider than the line: one is taken all the same, to move on.
        return word.get(..word.chars().next().map_or(0, char::len_utf8)).unwrap_or(word);
    }
    let mark = full.rfind([';', ',', '/', '@', '=', '-', '&', '?', ':', '.']).map(|at| at + 1);
    mark.filter(|end| *end > full.len() / 2).and_then(|end| full.get(..end)).unwrap_or(full)
}

/// A count with thousands apart: `31,337`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 frame`, `2 frames`.
pub fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", count(number), if number == 1 { singular } else { plural })
}

/// Milliseconds for a reader: `0.4 ms`, `80 ms`, `1.27 s`, `75.0 s`, `2 min 5 s`; the sign is kept.
pub fn duration(milliseconds: f64) -> String {
    let size = milliseconds.abs();
    if !size.is_finite() {
        "?".to_owned()
    } else if size < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if size < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if size < 59_995.0 {
        format!("{:.2} s", milliseconds / 1000.0)
    } else if size < 99_950.0 {
        // Limits are stated in seconds.
        format!("{:.1} s", milliseconds / 1000.0)
    } else {
        let seconds = (size / 1000.0).round();
        let sign = if milliseconds < 0.0 { "-" } else { "" };
        format!("{sign}{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_becomes_visible() {
        for (input, utf8, ascii) in [
            ("Bob", "Bob", "Bob"),
            ("\u{1b}[31mred\u{7}", "\\x1b[31mred\\x07", "\\x1b[31mred\\x07"),
            ("a\tb\r\nc", "a\\tb\\r\\nc", "a\\tb\\r\\nc"),
            ("\u{9b}2J", "\\u{9b}2J", "\\u{9b}2J"),
            ("evil\u{202e}gpj.exe", "evil\\u{202e}gpj.exe", "evil\\u{202e}gpj.exe"),
            ("\u{2066}x\u{2069}\u{200b}", "\\u{2066}x\\u{2069}\\u{200b}", "\\u{2066}x\\u{2069}\\u{200b}"),
            ("\u{7f}", "\\x7f", "\\x7f"),
            ("Zoë 山田", "Zoë 山田", "Zo\\u{eb} \\u{5c71}\\u{7530}"),
            ("", "", ""),
        ] {
            assert_eq!(sanitize(input, false), utf8, "{input:?} in UTF-8");
            assert_eq!(sanitize(input, true), ascii, "{input:?} in ASCII");
        }
    }

    #[test]
    fn clipping_counts_columns_not_characters() {
        for (input, limit, expected) in [
            ("alice", 5, "alice"),
            ("alice@example.com", 9, "alice@ex…"),
            ("山田太郎", 8, "山田太郎"),
            ("山田太郎", 7, "山田太…"),
            ("山田太郎", 6, "山田…"),
            ("e\u{301}e\u{301}", 2, "e\u{301}e\u{301}"),
            ("abc", 0, "…"),
        ] {
            assert_eq!(clip(input, limit, "…"), expected, "{input:?} in {limit}");
        }
        let stacked = format!("a{}", "\u{301}".repeat(100));
        assert!(clip(&stacked, 3, "…").chars().count() <= 13, "marks without a column are bounded too");
    }

    #[test]
    fn wrapping_never_passes_the_width() {
        for (input, width, expected) in [
            ("", 10, &[][..]),
            ("one two three", 7, &["one two", "three"]),
            ("one two three", 80, &["one two three"]),
            ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
            ("ab abcdefgh cd", 4, &["ab", "abcd", "efgh", "cd"]),
            ("山田太郎", 3, &["山", "田", "太", "郎"]),
            ("山田", 1, &["山", "田"]),
            ("\u{17d8}a", 1, &["\u{17d8}", "a"]),
            ("sip:bob@example.com;gruu", 20, &["sip:bob@example.com;", "gruu"]),
            ("sip:push@push.lync.com", 21, &["sip:push@push.lync.", "com"]),
            ("no-push-expected", 12, &["no-push-", "expected"]),
            ("a-bcdefghijkl", 8, &["a-bcdefg", "hijkl"]),
        ] {
            assert_eq!(wrap(input, width), expected, "{input:?} in {width}");
        }
    }

    #[test]
    fn commands_can_be_pasted_from_several_lines() {
        for (command, width, expected) in [
            ("Get-CsSite", 40, &["Get-CsSite"][..]),
            (
                "New-CsAllowedDomain -Identity 'push.lync.com'",
                40,
                &["New-CsAllowedDomain -Identity `", "'push.lync.com'"],
            ),
            ("A 'b c d e' f", 8, &["A `", "'b c d e' `", "f"]),
            ("A \"it's d\" f", 8, &["A `", "\"it's d\" `", "f"]),
            ("A 'it''s d' b` c", 8, &["A `", "'it''s d' `", "b` c"]),
            ("Get-CsPushNotificationConfiguration", 20, &["Get-CsPushNotificationConfiguration"]),
            ("A -B c | D -E f", 10, &["A -B c | `", "D -E f"]),
            ("A | B 'c d' | E", 80, &["A | B 'c d' | E"]),
        ] {
            assert_eq!(wrap_command(command, width), expected, "{command} in {width}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_command_passes_its_width_where_it_cannot_be_broken(command in "[a-z '\"`|山-]{0,60}", width in 0_usize..30) {
            for (at, line) in wrap_command(&command, width).iter().enumerate() {
                let further = if at == 0 { 0 } else { CONTINUED };
                let fits = columns(line.trim_end()) + further <= width;
                proptest::prop_assert!(fits || tokens(line.trim_end_matches('`')).len() <= 1, "{line:?} in {width}");
            }
        }

        #[test]
        fn a_wrapped_command_is_the_command(command in "[a-z '\"`|山-]{0,60}", width in 0_usize..30) {
            let indented = wrap_command(&command, width).join(&format!("\n{}", " ".repeat(CONTINUED)));
            let joined = indented.replace(&format!("`\n{}", " ".repeat(CONTINUED)), "");
            proptest::prop_assert_eq!(joined, command);
        }

        #[test]
        fn no_text_passes_its_width(text in "[\\PC☁❤\u{fe0f}\u{200d}\u{301}山👩 ]{0,40}", width in WIDEST..20) {
            for line in wrap(&text, width) {
                proptest::prop_assert!(columns(&line) <= width, "{line:?}");
            }
            proptest::prop_assert!(columns(&clip(&text, width, "…")) <= width);
            let kept = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            proptest::prop_assert_eq!(kept(&wrap(&text, width).concat()), kept(&text));
        }
    }

    #[test]
    fn no_character_is_wider_than_the_widest() {
        let widest = (char::MIN..=char::MAX).filter_map(UnicodeWidthChar::width).max();
        assert_eq!(widest, Some(WIDEST));
    }

    #[test]
    fn numbers_read_easily() {
        for (input, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(input), expected);
        }
        for (input, expected) in [
            (0.0, "0.0 ms"),
            (0.44, "0.4 ms"),
            (80.1, "80 ms"),
            (-12.6, "-13 ms"),
            (1266.0, "1.27 s"),
            (60_001.2, "60.0 s"),
            (99_960.0, "1 min 40 s"),
            (125_000.0, "2 min 5 s"),
            (f64::NAN, "?"),
        ] {
            assert_eq!(duration(input), expected);
        }
    }
}
