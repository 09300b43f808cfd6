//! The live view on a terminal: when it is drawn, and that the terminal is left as it was found.
//!
//! In: counters, and what stands on the [`Board`]. Out: the [`screen`] on the terminal's other page, drawn by a thread
//! of its own: a terminal that is stopped or slow holds nothing up. Whatever ends the program but SIGKILL, the page
//! is turned back first, and the cursor is there again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::metrics;
use super::screen::{Lost, Row, Snapshot, draw};
use crate::cli::signals::{self, Signals};
use crate::cli::terminal;
use crate::error::{Error, Result};
use crate::pipeline::Meters;
use crate::report::format::Options;
use crate::report::model::{Finding, Ladder, Verdict};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(500);
/// Drawings over which rates are taken: what jumps cannot be read.
const OVER: usize = 10;
/// Broken ladders that are kept: more than any terminal has lines.
const BROKEN: usize = 200;

/// Another page, no cursor, no new line behind the last column.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l";
const LEAVE: &str = "\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l";

/// What is shown beside counters; clones are the same board.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Posted>>);

#[derive(Debug, Default)]
struct Posted {
    broken: VecDeque<Row>,
    said: Option<(String, u64)>,
}

impl Board {
    /// A ladder that closed; only broken ones are shown.
    pub fn ladder(&self, ladder: &Ladder, findings: &[Finding]) {
        if ladder.verdict == Verdict::Broken {
            let mut posted = self.posted();
            posted.broken.push_front(Row::of(ladder, findings));
            posted.broken.truncate(BROKEN);
        }
    }

    /// Something that was said.
    pub fn say(&self, line: String) {
        let said = &mut self.posted().said;
        let all = said.take().map_or(0, |(_, all)| all);
        *said = Some((line, all + 1));
    }

    /// The last thing said, and how many there were.
    #[cfg(test)]
    pub fn said(&self) -> Option<(String, u64)> {
        self.posted().said.clone()
    }

    fn posted(&self) -> MutexGuard<'_, Posted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the view reads.
pub struct Sources {
    /// Names of interfaces.
    pub interfaces: String,
    /// Counters of the stages.
    pub meters: Arc<Meters>,
    /// Ladders that were counted.
    pub tally: metrics::Shared,
    /// Octets that the tables may take.
    pub limit: u64,
    /// Set when the terminal is gone.
    pub stop: Arc<AtomicBool>,
    /// Colours and characters of the terminal; its size is asked for.
    pub options: Options,
    /// The most columns, where somebody said so.
    pub width: Option<u16>,
}

/// The view, standing.
pub struct View {
    board: Board,
    wake: UnixStream,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl View {
    /// Draws from now on.
    ///
    /// Fails when the system does not allow to listen to signals.
    pub fn start(sources: Sources, signals: &Signals) -> Result<Self> {
        let fail = |error: io::Error| Error::new(format!("cannot show the live view: {error}"));
        let (wake, woken) = UnixStream::pair().map_err(fail)?;
        woken.set_read_timeout(Some(EVERY)).map_err(fail)?;
        let ending = signals::wake(&wake).map_err(fail)?;
        let (board, over, page) = (Board::default(), Arc::new(AtomicBool::new(false)), Page::default());
        turn_back_on_panic(page.clone());
        let last = page.clone();
        signals.before_end(move || last.turn_back(Shown::Over)).map_err(fail)?;
        let drawing = Drawing {
            sources,
            board: board.clone(),
            over: Arc::clone(&over),
            ending,
            page,
            began: Instant::now(),
            counted: VecDeque::new(),
        };
        let thread = Some(thread::spawn(move || drawing.run(woken)));
        Ok(Self { board, wake, over, thread })
    }

    /// Where what is to be shown is posted.
    pub const fn board(&self) -> &Board {
        &self.board
    }
}

/// The page is turned back.
impl Drop for View {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        // Its other end is gone only when the view has ended before.
        let _ = self.wake.write(&[0]);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is said on a panic is said on the page where it can be read.
fn turn_back_on_panic(page: Page) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        page.turn_back_for_good();
        before(panic);
    }));
}

/// Which page of the terminal is shown.
#[derive(Clone, Debug, Default)]
struct Page(Arc<Mutex<Shown>>);

#[derive(Debug, Default, PartialEq, Eq)]
enum Shown {
    #[default]
    Usual,
    Other,
    /// The usual one for good.
    Over,
}

impl Page {
    /// Writes the other page; false when it is not to be shown any more.
    fn write(&self, octets: &str) -> io::Result<bool> {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *shown {
            Shown::Over => return Ok(false),
            Shown::Usual => put(ENTER)?,
            Shown::Other => {}
        }
        *shown = Shown::Other;
        put(octets).map(|()| true)
    }

    /// Turns back to the usual page.
    fn turn_back(&self, to: Shown) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown == Shown::Other {
            // Where it fails there is no terminal any more.
            let _ = put(LEAVE);
        }
        *shown = if *shown == Shown::Over { Shown::Over } else { to };
    }

    /// The same in a panic, which nothing may hold up.
    fn turn_back_for_good(&self) {
        match self.0.try_lock() {
            Ok(mut shown) => {
                if std::mem::replace(&mut *shown, Shown::Over) == Shown::Other {
                    let _ = put(LEAVE);
                }
            }
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => _ = put(LEAVE),
        }
    }
}

fn put(octets: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(octets.as_bytes())?;
    out.flush()
}

/// The thread that draws.
struct Drawing {
    sources: Sources,
    board: Board,
    over: Arc<AtomicBool>,
    ending: signals::Ending,
    page: Page,
    began: Instant,
    /// When so many frames and messages were counted, the last ones.
    counted: VecDeque<(Instant, u64, u64)>,
}

impl Drawing {
    /// Draws until the end, or the terminal is gone.
    fn run(mut self, mut woken: UnixStream) {
        while !self.over.load(Relaxed) && !self.ending.asked() {
            if self.ending.stop_asked() {
                self.page.turn_back(Shown::Usual);
                // Goes on when the shell says so.
                self.ending.stop();
            }
            if !terminal::is_foreground() {
                self.page.turn_back(Shown::Usual);
            } else if self.draw().is_err() {
                // Nobody is there to see it.
                self.sources.stop.store(true, Relaxed);
                break;
            }
            match woken.read(&mut [0; 16]) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    break;
                }
                _ => {}
            }
        }
        self.page.turn_back(Shown::Over);
    }

    fn draw(&mut self) -> io::Result<bool> {
        let (columns, lines) = terminal::size().unwrap_or((80, 24));
        let width = self.sources.width.map_or(columns, |width| width.min(columns));
        let options = Options { width: usize::from(width.min(200)), ..self.sources.options };
        let lines_drawn = draw(&self.snapshot(), &options, usize::from(lines));
        self.page.write(&painted(&lines_drawn))
    }

    fn snapshot(&mut self) -> Snapshot {
        let meters = &self.sources.meters;
        let (frames, messages) = (meters.frames.load(Relaxed), meters.messages.load(Relaxed));
        let now = Instant::now();
        // A terminal that changes its size has it drawn more often.
        if self.counted.back().is_none_or(|(last, ..)| now.duration_since(*last) >= EVERY / 2) {
            self.counted.push_back((now, frames, messages));
        }
        if self.counted.len() > OVER + 1 {
            self.counted.pop_front();
        }
        let (since, before) = match self.counted.front() {
            Some((since, frames, messages)) => (now.duration_since(*since).as_secs_f64(), (*frames, *messages)),
            None => (0.0, (frames, messages)),
        };
        let rate =
            |count: u64, before: u64| if since > 0.0 { count.saturating_sub(before) as f64 / since } else { 0.0 };
        let posted = self.board.posted();
        Snapshot {
            interfaces: self.sources.interfaces.clone(),
            running: self.began.elapsed(),
            today: jiff::Timestamp::now().strftime("%F").to_string(),
            open: [meters.calls.load(Relaxed), meters.pushes.load(Relaxed)],
            verdicts: self.sources.tally.lock().unwrap_or_else(PoisonError::into_inner).verdicts().collect(),
            frames: (frames, rate(frames, before.0)),
            messages: (messages, rate(messages, before.1)),
            malformed: meters.malformed.load(Relaxed),
            lost: Lost {
                kernel: meters.kernel_drops.load(Relaxed),
                interface: meters.interface_drops.load(Relaxed),
                interruptions: meters.interruptions.load(Relaxed),
                evicted: meters.evicted.load(Relaxed),
            },
            down: meters.down(),
            memory: (metrics::tables(), self.sources.limit),
            broken: posted.broken.iter().cloned().collect(),
            said: posted.said.clone(),
        }
    }
}

/// Lines as what a terminal is told: each at its place over what stood there, so that nothing flickers.
///
/// Source: ECMA-48 §8.3.21 (CUP), §8.3.41 (EL).
fn painted(lines: &[String]) -> String {
    let mut octets = String::new();
    for (row, line) in (1..).zip(lines) {
        // The rest of a line is wiped first: behind the last column that would take the last character.
        octets.push_str(&format!("\u{1b}[{row};1H\u{1b}[K{line}"));
    }
    // Where what somebody types does least harm.
    octets + "\u{1b}[H"
}

#[cfg(test)]
mod tests;
