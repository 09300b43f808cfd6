//! Counters for Prometheus, over HTTP.
//!
//! In: ladders as they close, and the counters of the stages. Out: text, for whoever asks. One request is answered at a
//! time, within [`PATIENCE`] and [`REQUEST`] octets: it is for a scraper on the same host or in front of it.
//!
//! Source: Prometheus text exposition format 0.0.4.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result, reason};
use crate::pipeline::Meters;
use crate::report::model::{Finding, Ladder, Verdict};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest request that is read.
const REQUEST: usize = 8 * 1024;
/// Bounds of a latency histogram, milliseconds.
const BOUNDS: [u32; 12] = [10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 180_000];

/// The times of one step.
#[derive(Debug, Default)]
struct Histogram {
    /// How many were within each bound, and how many there were.
    within: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// What ladders gave so far.
#[derive(Debug, Default)]
pub struct Tally {
    /// By [`Verdict::ALL`].
    verdicts: [u64; 5],
    findings: BTreeMap<String, u64>,
    steps: BTreeMap<u8, Histogram>,
}

impl Tally {
    /// Counts a ladder.
    pub fn count(&mut self, ladder: &Ladder, findings: &[Finding]) {
        let place = Verdict::ALL.iter().position(|verdict| *verdict == ladder.verdict);
        if let Some(count) = place.and_then(|place| self.verdicts.get_mut(place)) {
            *count += 1;
        }
        for finding in findings {
            *self.findings.entry(finding.code.clone()).or_default() += 1;
        }
        for step in &ladder.steps {
            let Some(took) = step.since_previous_ms else { continue };
            let histogram = self.steps.entry(step.number).or_default();
            histogram.count += 1;
            histogram.sum += took;
            for (bound, within) in BOUNDS.iter().zip(&mut histogram.within) {
                *within += u64::from(took <= f64::from(*bound));
            }
        }
    }

    /// Ladders by verdict.
    pub fn verdicts(&self) -> impl Iterator<Item = (Verdict, u64)> {
        Verdict::ALL.into_iter().zip(self.verdicts)
    }
}

/// Ladders counted, shared with whoever answers.
pub type Shared = Arc<Mutex<Tally>>;

/// Where metrics are served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens at an address; requests wait until [`Server::run`].
    ///
    /// Fails when somebody else does, or there is no right to.
    pub fn bind(address: SocketAddr) -> Result<Self> {
        let fail = |error| Error::new(format!("cannot serve metrics at {address}: {}", reason(&error)));
        let listener = TcpListener::bind(address).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers on a thread of its own until the program ends.
    pub fn run(self, meters: Arc<Meters>, tally: Shared) {
        thread::spawn(move || {
            for stream in self.listener.incoming() {
                match stream {
                    // A client that does not read or goes away is its own business.
                    Ok(stream) => _ = answer(stream, &meters, &tally),
                    Err(_) => thread::sleep(Duration::from_millis(100)),
                }
            }
        });
    }
}

/// Reads one request and answers it.
fn answer(mut stream: TcpStream, meters: &Meters, tally: &Shared) -> std::io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let since = Instant::now();
    let mut request = Vec::new();
    let mut octets = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < REQUEST && since.elapsed() < PATIENCE {
        match stream.read(&mut octets)? {
            0 => break,
            count => request.extend_from_slice(octets.get(..count).unwrap_or_default()),
        }
    }
    let (status, body) = match request.starts_with(b"GET /metrics ") || request.starts_with(b"GET / ") {
        true => ("200 OK", text(meters, &tally.lock().unwrap_or_else(PoisonError::into_inner))),
        false => ("404 Not Found", "see /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

/// All counters.
fn text(meters: &Meters, tally: &Tally) -> String {
    let mut out = String::new();
    for (name, kind, help, value) in [
        ("frames_total", "counter", "Frames read", &meters.frames),
        ("bytes_total", "counter", "Octets of frames read", &meters.octets),
        ("messages_total", "counter", "SIP messages read", &meters.messages),
        ("messages_malformed_total", "counter", "SIP messages with a defect", &meters.malformed),
        ("kernel_drops_total", "counter", "Frames the kernel had no room for", &meters.kernel_drops),
        ("interface_drops_total", "counter", "Frames interfaces dropped", &meters.interface_drops),
        ("interruptions_total", "counter", "How often interfaces were down or away", &meters.interruptions),
        ("evicted_total", "counter", "Calls and pushes closed early because a table was full", &meters.evicted),
        ("open_calls", "gauge", "Calls that are open", &meters.calls),
        ("open_pushes", "gauge", "Pushes that are open", &meters.pushes),
    ] {
        header(&mut out, name, kind, help);
        _ = writeln!(out, "lyncpush_{name} {}", value.load(Relaxed));
    }
    header(&mut out, "interface_up", "gauge", "Whether the interface is up and watched");
    for (name, down) in meters.interfaces.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        _ = writeln!(out, "lyncpush_interface_up{{interface=\"{}\"}} {}", label(name), u8::from(!down));
    }
    if let Some(octets) = memory() {
        header(&mut out, "memory_bytes", "gauge", "Resident memory");
        _ = writeln!(out, "lyncpush_memory_bytes {octets}");
    }
    header(&mut out, "ladders_total", "counter", "Ladders by verdict");
    for (verdict, count) in tally.verdicts() {
        _ = writeln!(out, "lyncpush_ladders_total{{verdict=\"{}\"}} {count}", verdict.name());
    }
    header(&mut out, "findings_total", "counter", "Findings of ladders by code");
    for (code, count) in &tally.findings {
        _ = writeln!(out, "lyncpush_findings_total{{code=\"{code}\"}} {count}");
    }
    header(&mut out, "step_seconds", "histogram", "Time since the step before");
    for (step, histogram) in &tally.steps {
        for (bound, within) in BOUNDS.iter().zip(histogram.within) {
            let seconds = f64::from(*bound) / 1_000.0;
            _ = writeln!(out, "lyncpush_step_seconds_bucket{{step=\"{step}\",le=\"{seconds}\"}} {within}");
        }
        _ = writeln!(out, "lyncpush_step_seconds_bucket{{step=\"{step}\",le=\"+Inf\"}} {}", histogram.count);
        _ = writeln!(out, "lyncpush_step_seconds_sum{{step=\"{step}\"}} {}", histogram.sum / 1_000.0);
        _ = writeln!(out, "lyncpush_step_seconds_count{{step=\"{step}\"}} {}", histogram.count);
    }
    out
}

/// A label's value.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP lyncpush_{name} {help}.\n# TYPE lyncpush_{name} {kind}");
}

/// Octets of resident memory, where the system says.
fn memory() -> Option<u64> {
    said("VmRSS:")
}

/// Those of them that the program's tables may be in: neither its code nor the kernel's rings.
pub fn tables() -> Option<u64> {
    said("RssAnon:")
}

/// What the system says of the memory of this process.
fn said(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1_024)
}

/// Reads an address, or a port of this host alone.
///
/// Fails, in words, on anything else.
pub fn address(text: &str) -> std::result::Result<SocketAddr, String> {
    let port =
        text.strip_prefix(':').unwrap_or(text).parse::<u16>().map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    port.or_else(|_| text.parse()).map_err(|_| "expected ADDRESS:PORT or PORT".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_port_alone_is_of_this_host() {
        for (typed, expected) in [
            ("9100", "127.0.0.1:9100"),
            (":9100", "127.0.0.1:9100"),
            ("0.0.0.0:9100", "0.0.0.0:9100"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(typed).unwrap().to_string(), expected);
        }
        assert!(address("localhost").is_err() && address("").is_err() && address("70000").is_err());
    }

    #[test]
    fn ladders_are_counted_by_verdict_code_and_step() {
        let mut tally = Tally::default();
        let report = sample::mixed();
        for ladder in &report.ladders {
            let findings: Vec<Finding> =
                ladder.findings.iter().filter_map(|at| report.findings.get(*at as usize).cloned()).collect();
            tally.count(ladder, &findings);
        }
        let text = text(&Meters::default(), &tally);
        let value = |name: &str| -> f64 {
            let line =
                text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
            line.trim().parse().unwrap()
        };
        let ladders: u64 = tally.verdicts().map(|(_, count)| count).sum();
        assert_eq!(ladders, report.ladders.len() as u64);
        assert_eq!(value("lyncpush_ladders_total{verdict=\"broken\"}"), report.summary.broken as f64);
        let timed = report.ladders.iter().filter(|ladder| ladder.steps[1].since_previous_ms.is_some()).count();
        assert_eq!(value("lyncpush_step_seconds_count{step=\"2\"}"), timed as f64);
        assert_eq!(value("lyncpush_step_seconds_bucket{step=\"2\",le=\"180\"}"), timed as f64);
        assert_eq!(value("lyncpush_frames_total"), 0.0);
        let names: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        assert_eq!(names.len(), text.lines().filter(|line| line.starts_with("# HELP")).count());
    }
}
