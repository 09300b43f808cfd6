//! What happens while interfaces are watched, as lines on standard error: for people, or as JSON for programs.
//!
//! While the live view stands on the same terminal, lines are held back and the last of them is shown in it.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::view::Board;
use crate::pipeline::{Fact, Level, News};
use crate::report::json::Escaping;
use crate::report::text::{counted, sanitize};

/// Lines that are held back at most; the view may stand for months.
const HELD: usize = 200;

/// How lines on standard error are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of words
    Text,
    /// An object a line: time, level, event, message, fields
    Json,
}

/// Lines on standard error.
#[derive(Debug)]
pub struct Log {
    format: LogFormat,
    quiet: bool,
    board: Option<Board>,
    holds: bool,
    held: VecDeque<String>,
    let_go: u64,
}

impl Log {
    /// Lines as they come; only the most important ones with `quiet`.
    pub const fn new(format: LogFormat, quiet: bool) -> Self {
        Self { format, quiet, board: None, holds: false, held: VecDeque::new(), let_go: 0 }
    }

    /// Whether nobody but a program reads it.
    pub const fn is_for_programs(&self) -> bool {
        matches!(self.format, LogFormat::Json)
    }

    /// From now on the last line is shown on `board` as well, and held back where that stands in the way.
    pub fn show_on(&mut self, board: Board) {
        self.board = Some(board);
        self.holds = io::stderr().is_terminal();
    }

    /// What is not asked for with `--quiet`.
    pub fn say(&mut self, news: &News) {
        if !self.quiet {
            self.write(news);
        }
    }

    /// What is always said.
    pub fn write(&mut self, news: &News) {
        let now = Timestamp::now();
        let Some(board) = &self.board else { return print(&self.line(news, now, false)) };
        board.say(format!("{} {}", now.strftime("%H:%M:%S"), sanitize(&news.message, false)));
        if !self.holds {
            return print(&self.line(news, now, false));
        }
        self.held.push_back(self.line(news, now, true));
        if self.held.len() > HELD {
            self.held.pop_front();
            self.let_go += 1;
        }
    }

    /// The view is gone: what was held back is written.
    pub fn release(&mut self) {
        self.board = None;
        if self.let_go > 0 {
            let before = format!("{} before these", counted(std::mem::take(&mut self.let_go), "line", "lines"));
            print(&self.line(&News::new(Level::Info, "held", before), Timestamp::now(), false));
        }
        self.held.drain(..).for_each(|line| print(&line));
    }

    /// The line of something that happened at a time; what is told late says in words when it was.
    fn line(&self, news: &News, now: Timestamp, late: bool) -> String {
        match self.format {
            LogFormat::Json => json(news, now),
            LogFormat::Text => {
                let when = if late { now.strftime("%F %T UTC: ").to_string() } else { String::new() };
                format!("lyncpush: {when}{}", sanitize(&news.message, false))
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.release();
    }
}

/// What stands on one line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    level: &'static str,
    event: &'static str,
    message: &'a str,
    fields: Map<String, Value>,
}

/// One object, always with the same names.
///
/// Source: RFC 3339 §5.6 (time), RFC 8259.
fn json(news: &News, now: Timestamp) -> String {
    let fields = news.facts.iter().map(|(name, fact)| {
        let value = match fact {
            Fact::Text(text) => text.as_str().into(),
            Fact::List(all) => all.as_slice().into(),
            Fact::Number(number) => (*number).into(),
            // Milliseconds are more than is known.
            Fact::Seconds(seconds) => ((seconds * 1e3).round() / 1e3).into(),
        };
        ((*name).to_owned(), value)
    });
    let line = Line {
        time: format!("{now:.3}"),
        level: news.level.name(),
        event: news.event,
        message: &news.message,
        fields: fields.collect(),
    };
    let mut octets = Vec::new();
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(Escaping(&mut octets), &line);
    String::from_utf8(octets).unwrap_or_default()
}

fn print(line: &str) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(format: LogFormat, quiet: bool) -> (Log, Board) {
        let (board, mut log) = (Board::default(), Log::new(format, quiet));
        (log.holds, log.board) = (true, Some(board.clone()));
        (log, board)
    }

    fn news(message: &str) -> News {
        News::new(Level::Info, "test", message)
    }

    #[test]
    fn what_is_held_back_is_bounded_and_shown() {
        let (mut log, board) = held(LogFormat::Text, false);
        for number in 0..HELD + 5 {
            log.say(&news(&format!("line {number}\u{1b}[2J")));
        }
        assert_eq!((log.held.len(), log.let_go), (HELD, 5));
        assert!(log.held[0].ends_with(" UTC: line 5\\x1b[2J"), "{}", log.held[0]);
        let (last, all) = board.said().unwrap();
        assert!(last.ends_with(&format!(" line {}\\x1b[2J", HELD + 4)), "{last}");
        assert_eq!(all, HELD as u64 + 5);
        log.held.drain(..HELD - 1);
        log.release();
        assert!(log.held.is_empty() && log.board.is_none() && log.let_go == 0);
    }

    #[test]
    fn quiet_says_what_matters_alone() {
        let (mut log, _) = held(LogFormat::Text, true);
        log.say(&news("unimportant"));
        log.write(&news("important"));
        assert_eq!(log.held.len(), 1);
    }

    #[test]
    fn an_object_a_line() {
        let now = Timestamp::new(1_370_246_405, 7_000_000).unwrap();
        let mut news = News::of(Level::Warning, "interface-up", "eth0", "eth0 \"is\" up\n\u{1b}\u{9b}".to_owned());
        news = news.with("seconds", Fact::Seconds(1.23456)).with("frames", Fact::Number(u64::MAX));
        let line = Log::new(LogFormat::Json, false).line(&news, now, true);
        assert!(!line.contains(char::is_control), "{line}");
        assert!(line.starts_with("{\"time\":\"2013-06-03T08:00:05.007Z\",\"level\":"), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        let expected = serde_json::json!({
            "time": "2013-06-03T08:00:05.007Z",
            "level": "warning",
            "event": "interface-up",
            "message": "eth0 \"is\" up\n\u{1b}\u{9b}",
            "fields": { "interface": "eth0", "seconds": 1.235, "frames": u64::MAX },
        });
        assert_eq!(value, expected);
    }
}
