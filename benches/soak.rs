//! Months of watching in minutes: a million ladders of different calls go through the pipeline of `lyncpush live` as
//! fast as it takes them, and the memory of the process is printed while they do.
//!
//! `cargo bench --bench soak` (some minutes; `SOAK_LADDERS` sets another number) says how much more memory is in use at
//! the end than after the first fifth, when every table is as full as it gets. It measures on Linux only.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Instant;

use lyncpush::capture::{self, Drops, Loss, News, Source, Summary};
use lyncpush::error::Result;
use lyncpush::frame::{Frame, Timestamp};
use lyncpush::pipeline::{self, Control, Feed, Keys, Observer, Settings};
use lyncpush::report::model::{Finding, Ladder};
use lyncpush::report::ndjson::Tail;
use lyncpush::simulate::{self, Options};
use measure::{Lines, median, reached};

mod measure;

/// The same allocator as the program's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Ladders of one simulated capture.
const CHAPTER: u64 = 5_000;
/// Frames given before losses, news and the time are looked at, as interfaces give a block.
const BLOCK: usize = 2_000;
/// Times that memory is printed.
const LINES: u64 = 20;
/// The most that memory in the last fifth may be, in terms of what it was in the second: medians, since what an allocator
/// keeps goes up and down.
const WANTED: f64 = 1.05;

type Outcome<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return Ok(());
    }
    let ladders: u64 = std::env::var("SOAK_LADDERS").map_or(Ok(1_000_000), |number| number.parse())?;
    let chapters = ladders.div_ceil(CHAPTER);
    let (full, written) = sync_channel(1);
    thread::scope(|scope| -> Outcome<()> {
        scope.spawn(move || {
            for number in 0..chapters {
                let Ok(path) = chapter(number) else { return };
                if full.send(path).is_err() {
                    return;
                }
            }
        });
        let control = Control::default();
        let feed = Chapters::new(written, Arc::clone(&control.stop));
        let mut watch =
            Watch { lines: Lines::new(), begun: Instant::now(), every: ladders / LINES, memory: Vec::new() };
        let settings = Settings::of(vec!["soak".to_owned()])?;
        let (report, failed) = pipeline::watch(&settings, feed, Keys::default(), &control, &mut watch)?;
        watch.lines.0.end(&Tail::of(&report, &[]))?;
        assert!(failed.is_none(), "{failed:?}");
        let summary = &report.summary;
        println!("{} ladders, {} messages: {summary:?}", summary.ladders, report.coverage.sip_messages);
        assert_eq!((summary.ladders, summary.complete), (chapters * CHAPTER, chapters * CHAPTER), "all are complete");
        let part = watch.memory.len() / 5;
        let median = |some: &[u64]| median(some.iter().map(|memory| *memory as f64).collect());
        let (warm, last) = (&watch.memory[part..2 * part], &watch.memory[4 * part..]);
        reached("memory, last fifth / second fifth", median(last) / median(warm).max(1.0), WANTED, "");
        Ok(())
    })
}

/// Writes the capture of the ladders that no other chapter has, behind the others in time.
fn chapter(number: u64) -> Outcome<PathBuf> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{number}.pcap"));
    let mut options = Options { ladders: CHAPTER, seed: 1 + number, spacing_ms: 50, ..Options::default() };
    // Longer than the ladders of one take.
    let pause = i64::try_from(number * (CHAPTER * options.spacing_ms + 600_000))?;
    options.start = options.start.shifted(pause * 1_000_000);
    let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
    simulate::write("happy", &options, &mut file)?;
    Ok(path)
}

/// Captures one behind the other, as an interface would give them.
struct Chapters {
    written: Receiver<PathBuf>,
    open: Option<(PathBuf, Box<dyn Source>)>,
    stop: Arc<AtomicBool>,
    /// Frames that may be given before the next look at everything else.
    left: usize,
    last: Option<Timestamp>,
    summary: Summary,
}

impl Chapters {
    fn new(written: Receiver<PathBuf>, stop: Arc<AtomicBool>) -> Self {
        let summary = Summary { drops: Some(Drops::default()), ..Summary::new("soak", "live", None) };
        Self { written, open: None, stop, left: 0, last: None, summary }
    }
}

impl Feed for Chapters {
    fn fill(&mut self) -> Result<bool> {
        self.left = BLOCK;
        if self.open.is_none() {
            match self.written.recv() {
                Ok(path) => {
                    let source = capture::open(&path.to_string_lossy(), 0, &capture::Options::default())?;
                    self.open = Some((path, source));
                }
                Err(_) => self.stop.store(true, Relaxed),
            }
        }
        Ok(self.open.is_some())
    }

    fn advance(&mut self) -> bool {
        let Some((_, source)) = &mut self.open else { return false };
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        if source.advance() {
            self.summary.frames += 1;
            self.last = source.frame().map(|frame| frame.at.time);
            return true;
        }
        if let Some((path, _)) = self.open.take() {
            let _ = fs::remove_file(path);
        }
        false
    }

    fn frame(&self) -> Option<Frame<'_>> {
        let mut frame = self.open.as_ref()?.1.frame()?;
        frame.at.number = self.summary.frames;
        Some(frame)
    }

    fn until(&self) -> Option<Timestamp> {
        self.last
    }

    fn take_losses(&mut self) -> Vec<Loss> {
        Vec::new()
    }

    fn take_news(&mut self) -> Vec<News> {
        Vec::new()
    }

    fn summaries(&self) -> impl Iterator<Item = &Summary> {
        std::iter::once(&self.summary)
    }
}

/// Writes lines to nowhere, and the memory in use now and then to standard output.
struct Watch {
    lines: Lines,
    begun: Instant,
    /// Ladders from one line to the next.
    every: u64,
    /// KiB.
    memory: Vec<u64>,
}

impl Observer for Watch {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        self.lines.ladder(ladder, findings)?;
        if self.lines.1.is_multiple_of(self.every.max(1)) {
            let memory = resident();
            self.memory.push(memory);
            let rate = self.lines.1 as f64 / self.begun.elapsed().as_secs_f64();
            println!("{:9} ladders, {rate:6.0} a second, {:6.1} MiB", self.lines.1, memory as f64 / 1024.0);
        }
        Ok(())
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64, _: u64) {}

    fn keep(&self) -> bool {
        false
    }
}

/// Memory of this process, KiB; 0 where it is not told.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
