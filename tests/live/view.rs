//! The live view, on a terminal.

use nix::sys::signal::Signal;

use crate::terminal::Terminal;
use crate::wire::{Wire, frames};

/// The program watching `b0` on a terminal, when its view stands.
fn started(wire: &Wire, arguments: &[&str], variables: &[(&str, &str)], columns: u16, rows: u16) -> Terminal {
    let mut command = wire.live(&[&["-i", "b0"], arguments].concat());
    command.env("TERM", "xterm").envs(variables.iter().copied());
    let mut terminal = Terminal::start(command, columns, rows);
    terminal.wait_for("No ladder broke so far");
    terminal
}

#[test]
fn a_broken_ladder_stands_on_the_screen_and_the_report_below() {
    let Some(wire) = Wire::new(1) else { return };
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut terminal = started(&wire, &[], &[], 80, 24);
        assert!(!terminal.has_cursor && !terminal.wraps);
        wire.send("a0", &frames("happy", &["--seed", "2"]));
        wire.send("a0", &frames("domain-not-allowed", &[]));
        terminal.wait_for("1 complete");
        terminal.wait_for("1 broken");
        terminal.wait_for("5 push-federated");
        let screen = terminal.other.clone();
        assert!(screen[0].starts_with("lyncpush live  b0 "), "{screen:#?}");
        for words in
            ["2 ladders", "alice@example.com → bob@example.com, SAMSUNG SGH-i937", "domain is no allowed domain"]
        {
            assert!(screen.iter().any(|line| line.contains(words)), "{words}: {screen:#?}");
        }
        assert!(screen.len() == 24 && screen.iter().all(|line| line.chars().count() <= 80), "{screen:#?}");
        terminal.signal(signal);
        assert_eq!(terminal.end().code(), Some(1));
        assert!(!terminal.on_other && terminal.has_cursor && terminal.wraps, "as it was found");
        assert!(terminal.usual[0].starts_with("lyncpush: watching b0"), "{:#?}", terminal.usual);
        assert!(terminal.usual[1].contains("2 ladders: 1 complete, 1 broken"), "{:#?}", terminal.usual);
        assert!(terminal.usual.iter().any(|line| line.contains("Ladder 2: broken at step 5 push-federated")));
    }
}

#[test]
fn what_happens_is_shown_and_printed_in_the_end() {
    let Some(wire) = Wire::new(1) else { return };
    let mut terminal = started(&wire, &[], &[], 80, 24);
    wire.ip(&["link", "set", "b0", "down"]);
    terminal.wait_for("b0 went down");
    wire.ip(&["link", "set", "b0", "up"]);
    terminal.wait_for("b0 is up again");
    terminal.wait_for("1 interruption");
    assert_eq!(terminal.usual.len(), 2, "nothing else is written meanwhile: {:#?}", terminal.usual);
    terminal.signal(Signal::SIGUSR1);
    terminal.wait_for("0 frames, 0 bytes");
    terminal.signal(Signal::SIGINT);
    assert_eq!(terminal.end().code(), Some(0));
    for (at, words) in ["went down", "is up again", "0 frames, 0 bytes"].iter().enumerate() {
        let line = &terminal.usual[1 + at];
        assert!(line.starts_with("lyncpush: 2") && line.contains(" UTC: ") && line.contains(words), "{line}");
    }
}

#[test]
fn it_follows_the_size_of_the_terminal_and_what_the_terminal_can_show() {
    let Some(wire) = Wire::new(1) else { return };
    let mut terminal = started(&wire, &[], &[("LC_ALL", "C"), ("NO_COLOR", "1")], 200, 50);
    wire.send("a0", &frames("domain-not-allowed", &[]));
    terminal.wait_for("Caller -> callee");
    terminal.wait_for("alice@example.com -> bob@example.com");
    assert_eq!(terminal.other.len(), 50);
    for (columns, rows) in [(40, 24), (100, 12), (60, 4)] {
        terminal.resize(columns, rows);
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        // The title is as wide as the terminal; what stood below is not drawn any more.
        terminal.wait(|terminal| terminal.other[0].len() == columns);
        let fits = |line: &String| line.len() <= columns;
        assert!(terminal.other[..rows].iter().all(fits), "{:#?}", terminal.other);
    }
    assert!(terminal.written.is_ascii());
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.end().code(), Some(1));
    let colours = terminal.written.split("\u{1b}[").skip(1);
    let mut colours = colours.filter(|part| part.find(|c: char| c.is_ascii_alphabetic()) == part.find('m'));
    assert_eq!(colours.next(), None, "no colour");
}

/// Both come before the program gets to see the first one.
#[test]
fn a_second_signal_ends_it_at_once_and_leaves_the_terminal_as_it_was_found() {
    let Some(wire) = Wire::new(1) else { return };
    let mut terminal = started(&wire, &[], &[], 80, 24);
    terminal.signal(Signal::SIGSTOP);
    terminal.signal(Signal::SIGINT);
    terminal.signal(Signal::SIGTERM);
    terminal.signal(Signal::SIGCONT);
    // Which of them it gets to see first is the system's business.
    let codes = [Signal::SIGINT, Signal::SIGTERM].map(|signal| Some(128 + signal as i32));
    assert!(codes.contains(&terminal.end().code()), "{:#?}", terminal.usual);
    assert!(!terminal.on_other && terminal.has_cursor && terminal.wraps, "{:#?}", terminal.other);
    assert!(!terminal.usual.iter().any(|line| line.contains("No push ladder")), "{:#?}", terminal.usual);
}

#[test]
fn where_there_is_no_view_nothing_acts_on_the_terminal() {
    let Some(wire) = Wire::new(1) else { return };
    for (arguments, term) in [(&["--duration", "0"][..], "dumb"), (&["--duration", "0", "--no-progress"], "xterm")] {
        let mut command = wire.live(&[&["-i", "b0"], arguments].concat());
        command.env("TERM", term).env("NO_COLOR", "1");
        let mut terminal = Terminal::start(command, 80, 24);
        assert_eq!(terminal.end().code(), Some(0));
        assert!(!terminal.written.contains('\u{1b}'), "{:?}", terminal.written);
        assert!(terminal.usual.iter().any(|line| line.contains("No push ladder")), "{:#?}", terminal.usual);
    }
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    let Some(wire) = Wire::new(1) else { return };
    let terminal = started(&wire, &[], &[], 80, 24);
    assert_eq!(terminal.close().code(), Some(0));
    // Where no terminal is there to tell, the system tells by a signal.
    let mut terminal = started(&wire, &[], &[], 80, 24);
    terminal.signal(Signal::SIGHUP);
    assert_eq!(terminal.end().code(), Some(0));
    assert!(!terminal.on_other && terminal.has_cursor);
}
