//! What the terminal can show: how wide, in which colours, in which characters.
//!
//! Everything is decided from values handed in, so that tests need no terminal.

use std::io::{self, IsTerminal};

use clap::ColorChoice;

/// Columns where nobody says otherwise.
const DEFAULT_WIDTH: usize = 80;

/// What the environment says; the process's own, or a test's.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment: a variable that is set to something.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Columns of the terminal standard output goes to; none when it goes elsewhere.
pub fn columns() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    size().map(|(columns, _)| columns)
}

/// Columns and lines of the terminal.
pub fn size() -> Option<(u16, u16)> {
    terminal_size::terminal_size().map(|(width, height)| (width.0, height.0))
}

/// Whether the terminal is this program's to draw on, and not that of a shell that runs it in the background.
#[cfg(all(target_os = "linux", feature = "live"))]
pub fn is_foreground() -> bool {
    // It is no terminal that a shell gives away where there is no such group.
    nix::unistd::tcgetpgrp(io::stdout()).map_or(true, |group| group == nix::unistd::getpgrp())
}

/// Elsewhere it is not asked.
#[cfg(all(unix, not(target_os = "linux"), feature = "live"))]
pub const fn is_foreground() -> bool {
    true
}

/// Whether a view that is drawn again and again can stand on standard output: it is a terminal that knows how to
/// move its cursor.
#[cfg(feature = "live")]
pub fn can_redraw(lookup: Lookup<'_>) -> bool {
    cfg!(unix) && io::stdout().is_terminal() && lookup("TERM").is_some_and(|term| term != "dumb")
}

/// Columns to use: as typed, else `COLUMNS`, else the terminal's, else 80.
pub fn width(typed: Option<u16>, lookup: Lookup<'_>, terminal: Option<u16>) -> usize {
    let told =
        || lookup("COLUMNS").and_then(|columns| columns.trim().parse().ok()).filter(|columns: &u16| *columns > 0);
    typed.or_else(told).or(terminal).map_or(DEFAULT_WIDTH, usize::from)
}

/// Whether to use colours: as typed, else what the environment says, else whether a terminal will show them.
///
/// Source: <https://no-color.org>, <https://bixense.com/clicolors>.
pub fn colour(typed: ColorChoice, lookup: Lookup<'_>, is_terminal: bool) -> bool {
    match typed {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if lookup("NO_COLOR").is_some() => false,
        ColorChoice::Auto if lookup("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => is_terminal && lookup("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// Whether the locale asks for plain ASCII: it names a character set, or a locale without one, that is not UTF-8.
///
/// Where nothing is set, UTF-8 is assumed: containers and services often have no locale, their readers do.
///
/// Source: POSIX.1-2017 §8.2.
pub fn ascii(lookup: Lookup<'_>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(lookup);
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn widths() {
        for (typed, environment, terminal, expected) in [
            (None, &[][..], None, 80),
            (None, &[], Some(132), 132),
            (None, &[("COLUMNS", "100")], Some(132), 100),
            (None, &[("COLUMNS", "100")], None, 100),
            (None, &[("COLUMNS", "wide")], None, 80),
            (None, &[("COLUMNS", "0")], Some(90), 90),
            (Some(200), &[("COLUMNS", "100")], Some(132), 200),
        ] {
            assert_eq!(width(typed, &with(environment), terminal), expected, "{typed:?} {environment:?} {terminal:?}");
        }
    }

    #[test]
    fn colours() {
        use ColorChoice::{Always, Auto, Never};
        for (typed, environment, terminal, expected) in [
            (Auto, &[][..], true, true),
            (Auto, &[], false, false),
            (Auto, &[("NO_COLOR", "1")], true, false),
            (Auto, &[("TERM", "dumb")], true, false),
            (Auto, &[("CLICOLOR_FORCE", "1")], false, true),
            (Auto, &[("CLICOLOR_FORCE", "0")], false, false),
            (Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false),
            (Always, &[("NO_COLOR", "1")], false, true),
            (Never, &[("CLICOLOR_FORCE", "1")], true, false),
        ] {
            assert_eq!(colour(typed, &with(environment), terminal), expected, "{typed:?} {environment:?} {terminal}");
        }
    }

    #[test]
    fn locales() {
        for (environment, expected) in [
            (&[][..], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "POSIX")], true),
            (&[("LANG", "C.UTF-8")], false),
            (&[("LANG", "de_DE.utf8")], false),
            (&[("LANG", "de_DE.ISO-8859-1")], true),
            (&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], true),
            (&[("LANG", "C"), ("LC_CTYPE", "en_US.UTF-8")], false),
        ] {
            assert_eq!(ascii(&with(environment)), expected, "{environment:?}");
        }
    }
}
