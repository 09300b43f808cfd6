//! What happens while interfaces are watched, as lines on standard error.
//!
//! While the live view stands on the same terminal, lines are held back and the last of them is shown in it.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use super::view::Board;
use crate::report::text::{counted, sanitize};

/// Lines that are held back at most; the view may stand for months.
const HELD: usize = 200;

/// Lines on standard error.
#[derive(Debug)]
pub struct Log {
    quiet: bool,
    board: Option<Board>,
    holds: bool,
    held: VecDeque<String>,
    let_go: u64,
}

impl Log {
    /// Lines as they come; only the most important ones with `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, board: None, holds: false, held: VecDeque::new(), let_go: 0 }
    }

    /// From now on the last line is shown on `board` as well, and held back where that stands in the way.
    pub fn show_on(&mut self, board: Board) {
        self.board = Some(board);
        self.holds = io::stderr().is_terminal();
    }

    /// A line that is not asked for with `--quiet`.
    pub fn say(&mut self, line: &str) {
        if !self.quiet {
            self.write(&line);
        }
    }

    /// A line that is always said.
    pub fn write(&mut self, line: &dyn Display) {
        let line = sanitize(&line.to_string(), false).into_owned();
        let Some(board) = &self.board else { return print(&line) };
        let time = jiff::Timestamp::now().strftime("%H:%M:%S");
        board.say(format!("{time} {line}"));
        if !self.holds {
            return print(&line);
        }
        // What is told late says when it was.
        self.held.push_back(format!("{} UTC: {line}", jiff::Timestamp::now().strftime("%F %T")));
        if self.held.len() > HELD {
            self.held.pop_front();
            self.let_go += 1;
        }
    }

    /// The view is gone: what was held back is written.
    pub fn release(&mut self) {
        self.board = None;
        if self.let_go > 0 {
            print(&format!("{} before these", counted(std::mem::take(&mut self.let_go), "line", "lines")));
        }
        self.held.drain(..).for_each(|line| print(&line));
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.release();
    }
}

fn print(line: &str) {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(io::stderr(), "lyncpush: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_is_bounded_and_shown() {
        let board = Board::default();
        let mut log = Log::new(false);
        (log.holds, log.board) = (true, Some(board.clone()));
        for number in 0..HELD + 5 {
            log.say(&format!("line {number}\u{1b}[2J"));
        }
        assert_eq!((log.held.len(), log.let_go), (HELD, 5));
        assert!(log.held[0].ends_with(" UTC: line 5\\x1b[2J"), "{}", log.held[0]);
        let (last, all) = board.said().unwrap();
        assert!(last.ends_with(&format!(" line {}\\x1b[2J", HELD + 4)), "{last}");
        assert_eq!(all, HELD as u64 + 5);
        log.held.drain(..HELD - 1);
        log.release();
        assert!(log.held.is_empty() && log.board.is_none() && log.let_go == 0);
        let mut quiet = Log::new(true);
        (quiet.holds, quiet.board) = (true, Some(board));
        quiet.say("unimportant");
        quiet.write(&"important");
        assert_eq!(quiet.held.len(), 1);
    }
}
