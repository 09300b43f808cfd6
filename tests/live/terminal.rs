//! A terminal with the program on it, and what stands on its two pages.
//!
//! In: what the program writes. Out: lines, and whether there is a cursor. It knows what the program may tell a
//! terminal and no more: anything else fails the test.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wire::PATIENCE;

/// A terminal, and the program on it.
pub struct Terminal {
    child: Child,
    /// Kept to change its size, and so that it is not gone while the program ends.
    slave: Option<File>,
    master: Option<File>,
    from: Receiver<Vec<u8>>,
    waiting: Vec<u8>,
    /// What was written so far.
    pub written: String,
    /// The usual page, which grows, and the other one.
    pub usual: Vec<String>,
    pub other: Vec<String>,
    row: usize,
    /// The other page is shown; the cursor is shown; lines are broken at the last column.
    pub on_other: bool,
    pub has_cursor: bool,
    pub wraps: bool,
}

impl Terminal {
    /// Starts a command on a terminal of so many columns and rows.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        // Both ends are closed in every program that is started: one that held an end would keep the terminal there.
        let options = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(options).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let mut slave = File::options();
        slave.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
        let slave = slave.open(ptsname_r(&master).unwrap()).unwrap();
        set_size(&slave, columns, rows);
        let end = || Stdio::from(slave.try_clone().unwrap());
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // It holds further ends.
        drop(command);
        let master = File::from(OwnedFd::from(master));
        let mut reader = master.try_clone().unwrap();
        let (send, from) = channel();
        thread::spawn(move || {
            let mut octets = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut octets) {
                if send.send(octets[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            slave: Some(slave),
            master: Some(master),
            from,
            waiting: Vec::new(),
            written: String::new(),
            usual: vec![String::new()],
            other: Vec::new(),
            row: 0,
            on_other: false,
            has_cursor: true,
            wraps: true,
        }
    }

    /// Waits until `is_so`.
    #[track_caller]
    pub fn wait(&mut self, is_so: impl Fn(&Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so(self) {
            match self.from.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(octets) => self.take(&octets),
                Err(error) => panic!("{error}; on the terminal: {:#?} {:#?}", self.usual, self.other),
            }
        }
    }

    /// Waits until a line of the other page contains `words`.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) {
        self.wait(|terminal| terminal.on_other && terminal.other.iter().any(|line| line.contains(words)));
    }

    /// Changes its size.
    pub fn resize(&self, columns: u16, rows: u16) {
        set_size(self.slave.as_ref().unwrap(), columns, rows);
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Closes the terminal and waits for the program's end.
    #[track_caller]
    pub fn close(mut self) -> ExitStatus {
        // Its reader holds one end, and lets it go when there is nothing more to read.
        (self.slave, self.master) = (None, None);
        self.from = channel().1;
        self.ended()
    }

    /// Waits for the program's end, and for all that it wrote.
    #[track_caller]
    pub fn end(&mut self) -> ExitStatus {
        let status = self.ended();
        self.slave = None;
        loop {
            match self.from.recv_timeout(PATIENCE) {
                Ok(octets) => self.take(&octets),
                Err(RecvTimeoutError::Disconnected) => return status,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            while let Ok(octets) = self.from.try_recv() {
                self.take(&octets);
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "it does not end: {:#?}", self.usual);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Shows what was written, as far as it is whole.
    fn take(&mut self, octets: &[u8]) {
        self.waiting.extend_from_slice(octets);
        let whole = match std::str::from_utf8(&self.waiting) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let mut text = String::from_utf8(self.waiting[..whole].to_vec()).unwrap();
        // A sequence that is cut waits for its end.
        if let Some((before, sequence)) = text.rsplit_once('\u{1b}')
            && !sequence.contains(|c: char| c.is_ascii_alphabetic())
        {
            text.truncate(before.len());
        }
        self.waiting.drain(..text.len());
        self.written.push_str(&text);
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            if c == '\u{1b}' {
                assert_eq!(rest.next(), Some('['), "{text:?}");
                let after = rest.as_str();
                let end = after.find(|c: char| c.is_ascii_alphabetic()).unwrap() + 1;
                self.sequence(&after[..end]);
                rest = after[end..].chars();
            } else {
                self.show(c);
            }
        }
    }

    fn show(&mut self, c: char) {
        match (c, self.on_other) {
            ('\n', false) => self.usual.push(String::new()),
            ('\r', false) => {}
            (c, _) => {
                assert!(!c.is_control(), "{c:?}");
                self.line().push(c);
            }
        }
    }

    /// The line where the cursor is.
    fn line(&mut self) -> &mut String {
        if self.on_other {
            self.other.resize(self.other.len().max(self.row + 1), String::new());
            &mut self.other[self.row]
        } else {
            self.usual.last_mut().unwrap()
        }
    }

    fn sequence(&mut self, sequence: &str) {
        match sequence {
            "?1049h" => (self.on_other, self.other) = (true, Vec::new()),
            "?1049l" => self.on_other = false,
            "?25h" | "?25l" => self.has_cursor = sequence.ends_with('h'),
            "?7h" | "?7l" => self.wraps = sequence.ends_with('h'),
            "K" => self.line().clear(),
            "H" => self.row = 0,
            place if place.ends_with(";1H") => {
                self.row = place.trim_end_matches(";1H").parse::<usize>().unwrap() - 1;
            }
            colour => assert!(colour.ends_with('m'), "no such sequence: {colour:?}"),
        }
    }
}

fn set_size(slave: &File, columns: u16, rows: u16) {
    let (rows, columns) = (rows.to_string(), columns.to_string());
    let ran = Command::new("stty").args(["rows", &rows, "cols", &columns]).stdin(slave.try_clone().unwrap()).output();
    assert!(ran.as_ref().is_ok_and(|ran| ran.status.success()), "{ran:?}");
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
