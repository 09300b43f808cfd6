//! What benches do: run an analysis that writes lines to nowhere, and say what was reached.
#![allow(dead_code, reason = "every bench uses its own part of it")]

use std::io::{self, BufWriter};
use std::path::Path;

use lyncpush::anomaly::AnomalyLog;
use lyncpush::capture;
use lyncpush::error::Result;
use lyncpush::flow::{Connection, Side};
use lyncpush::ip::Ip;
use lyncpush::link::{self, LinkPayload};
use lyncpush::pipeline::Observer;
use lyncpush::report::model::{Finding, Ladder};
use lyncpush::report::ndjson::Writer;
use lyncpush::segment::Segment;
use lyncpush::stream::Event;
use lyncpush::tcp::{Limits, Tcp};

/// Writes lines as the program does, to nowhere.
pub struct Lines(pub Writer<BufWriter<io::Sink>>, pub u64);

impl Lines {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self(Writer::new(BufWriter::new(io::sink())), 0)
    }
}

impl Observer for Lines {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> lyncpush::error::Result<()> {
        self.1 += 1;
        self.0.ladder(ladder, findings).map_err(|error| lyncpush::error::Error::new(error.to_string()))
    }

    fn progress(&mut self, _: u64, _: Option<u64>, _: u64, _: u64) {}

    fn keep(&self) -> bool {
        false
    }
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Says whether `value` is what was wanted.
pub fn reached(what: &str, value: f64, target: f64, unit: &str) {
    let verdict = if value <= target { "reached" } else { "MISSED" };
    println!("{what:34} {value:6.2}{unit}, at most {target}{unit} wanted: {verdict}");
}

/// The capture at `path`.
pub fn open(path: &Path) -> Result<Box<dyn capture::Source>> {
    capture::open(&path.to_string_lossy(), 0, &capture::Options::default())
}

/// Gives what TCP gives of a capture.
pub fn tcp_events(path: &Path, take: &mut impl FnMut(&Connection, Side, Event<'_>)) -> Result<()> {
    let mut source = open(path)?;
    let (mut ip, mut tcp, mut anomalies) = (Ip::default(), Tcp::new(Limits::default()), AnomalyLog::default());
    while source.advance() {
        let Some(frame) = source.frame() else { break };
        let Ok(LinkPayload::Ip(bytes)) = link::decode(&frame) else { continue };
        let mut defects = AnomalyLog::default();
        let Ok(packet) = ip.push(&frame, bytes, &mut defects) else { continue };
        if let Ok(Segment::Tcp(segment)) = packet.segment() {
            tcp.push(&segment, &mut anomalies, take);
        }
    }
    tcp.finish(&mut anomalies, take);
    Ok(())
}
