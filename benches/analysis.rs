//! How fast captures are read, parsed and judged, against a bare libpcap loop over the same file.
//!
//! `cargo bench` writes 20,000 and 40,000 happy ladders, then runs every stage in turn, several times,
//! and prints the median of the ratios: machines differ and drift, ratios within one run do not. It
//! states what is meant to be reached and what was; a target that is missed is no failure.

/// The same allocator as the program's.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "live")]
mod measure;

#[cfg(not(feature = "live"))]
fn main() {
    eprintln!("benches compare with libpcap: run them with the feature `live`");
}

#[cfg(feature = "live")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return Ok(());
    }
    with_libpcap::run()
}

#[cfg(feature = "live")]
mod with_libpcap {
    use std::error::Error;
    use std::fs;
    use std::hint::black_box;
    use std::io::{BufWriter, Write};
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use lyncpush::ladder::profile::Profile;
    use lyncpush::pipeline::reading::{Reading, Seen};
    use lyncpush::pipeline::{self, Settings};
    use lyncpush::report::ndjson::Tail;
    use lyncpush::simulate;
    use lyncpush::sip::grammar;
    use lyncpush::stream::Event;

    use crate::measure::{Lines, median, open, reached, tcp_events};

    /// Ladders in the file that is measured; the larger file holds twice as many.
    const LADDERS: u32 = 20_000;
    /// Rounds, of which the median counts.
    const ROUNDS: usize = 7;

    type Outcome<T> = Result<T, Box<dyn Error>>;

    /// A name, and what gives the number of things read.
    type Stage = (&'static str, fn(&Path) -> Outcome<u64>);

    /// What is measured, the bare loop first.
    const STAGES: [Stage; 5] = [
        ("bare libpcap read", bare),
        ("frames to bytes of TCP", reading),
        ("frames to parsed SIP", parsing),
        ("whole analysis, ndjson", whole),
        ("bare libpcap read, again", bare),
    ];

    pub fn run() -> Outcome<()> {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(&directory)?;
        let small = simulated(&directory, LADDERS)?;
        let large = simulated(&directory, 2 * LADDERS)?;
        let octets = fs::metadata(&small)?.len();
        println!("{LADDERS} ladders, {} MB, median of {ROUNDS} rounds\n", octets / 1_000_000);

        let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); STAGES.len()];
        let mut counts = [0; STAGES.len()];
        for _ in 0..ROUNDS {
            for (((_, stage), seconds), count) in STAGES.iter().zip(&mut seconds).zip(&mut counts) {
                let begun = Instant::now();
                *count = black_box(stage(&small)?);
                seconds.push(begun.elapsed().as_secs_f64());
            }
        }
        let bare = seconds[0].clone();
        for ((name, _), (seconds, count)) in STAGES.iter().zip(seconds.iter().zip(counts)) {
            let rate = octets as f64 / median(seconds.clone()) / 1e6;
            let ratio = median(seconds.iter().zip(&bare).map(|(one, bare)| one / bare).collect());
            println!("{name:26} {rate:7.0} MB/s  {ratio:5.2} x the bare read  ({count} items)");
        }
        let ratio = median(seconds[3].iter().zip(&bare).map(|(one, bare)| one / bare).collect());
        println!();
        reached("whole analysis / bare read", ratio, 8.0, "");

        let mut growth = Vec::new();
        for _ in 0..3 {
            let begun = Instant::now();
            whole(&small)?;
            let once = begun.elapsed().as_secs_f64();
            let begun = Instant::now();
            whole(&large)?;
            growth.push(begun.elapsed().as_secs_f64() / once);
        }
        reached("time of twice the ladders", median(growth), 2.2, " x");
        for (file, ladders) in [(&small, LADDERS), (&large, 2 * LADDERS)] {
            let before = forget_peak();
            whole(file)?;
            match peak().filter(|_| before) {
                Some(megabytes) => reached(&format!("peak memory, {ladders} ladders"), megabytes, 256.0, " MB"),
                None => println!("peak memory is measured on Linux only"),
            }
        }
        Ok(())
    }

    /// The capture of so many ladders; made once and kept.
    fn simulated(directory: &Path, ladders: u32) -> Outcome<PathBuf> {
        let path = directory.join(format!("bench-{ladders}.pcap"));
        let mut options = simulate::Options { ladders: ladders.into(), ..simulate::Options::default() };
        // As spread out as calls of a large pool: five a second.
        options.spacing_ms = 200;
        let mut file = BufWriter::new(fs::File::create(&path)?);
        simulate::write("happy", &options, &mut file)?;
        file.flush()?;
        Ok(path)
    }

    fn bare(path: &Path) -> Outcome<u64> {
        let mut capture = pcap::Capture::from_file(path)?;
        let mut sum = 0;
        loop {
            match capture.next_packet() {
                Ok(packet) => sum += u64::from(packet.data.last().copied().unwrap_or(0)) / 256 + 1,
                Err(pcap::Error::NoMorePackets) => return Ok(sum),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn reading(path: &Path) -> Outcome<u64> {
        let mut octets = 0;
        tcp_events(path, &mut |_, _, event| {
            if let Event::Bytes { bytes, .. } = event {
                octets += bytes.len() as u64;
            }
        })?;
        Ok(octets)
    }

    fn parsing(path: &Path) -> Outcome<u64> {
        let mut source = open(path)?;
        let mut reading = Reading::new(&Profile::built_in()?.ports);
        let mut messages = 0;
        let mut fields = Vec::new();
        let mut take = |seen: Seen<'_>| {
            if let Seen::Message { raw, .. } = seen {
                fields.clear();
                messages += u64::from(black_box(grammar::outline(raw, &mut fields)).is_ok());
            }
        };
        while source.advance() {
            let Some(frame) = source.frame() else { break };
            reading.push(&frame, &mut take);
        }
        reading.finish(&mut take);
        Ok(messages)
    }

    fn whole(path: &Path) -> Outcome<u64> {
        let settings = Settings::of(vec![path.to_string_lossy().into_owned()])?;
        let mut lines = Lines::new();
        let report = pipeline::analyze(&settings, &mut lines)?;
        lines.0.end(&Tail::of(&report, &[]))?;
        Ok(lines.1)
    }

    /// Lets the peak of resident memory begin anew. Source: proc_pid_clear_refs(5).
    fn forget_peak() -> bool {
        fs::write("/proc/self/clear_refs", "5").is_ok()
    }

    /// The peak of resident memory since then, megabytes. Source: proc_pid_status(5).
    fn peak() -> Option<f64> {
        let status = fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
    }
}
