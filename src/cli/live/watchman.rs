//! Who watches the watching: writes ladders, tells what happens to interfaces, answers signals.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use super::log::Log;
use super::metrics;
use super::view::View;
use crate::cli::analyze::Watch;
use crate::cli::signals::Signals;
use crate::error::Result;
use crate::pipeline::{Fact, Level, Meters, News, Observer};
use crate::report::model::{Finding, Input, Ladder, Verdict};
use crate::report::text::{count, counted};

/// Everything that wants to know how the watching goes.
pub struct Watchman<'a> {
    /// Where ladders go.
    pub watch: Watch,
    /// What the system asks for.
    pub signals: Signals,
    /// Where news goes.
    pub log: &'a mut Log,
    /// The view, where one stands.
    pub view: Option<View>,
    /// Set to end.
    pub stop: Arc<AtomicBool>,
    /// Counters of the stages.
    pub meters: Arc<Meters>,
    /// Ladders counted.
    pub tally: metrics::Shared,
}

impl Watchman<'_> {
    /// The counters, in one line.
    pub fn counters(&self, event: &'static str) -> News {
        let meters = &self.meters;
        let counters = [
            ("frames", &meters.frames),
            ("bytes", &meters.octets),
            ("messages", &meters.messages),
            ("malformed", &meters.malformed),
            ("open_calls", &meters.calls),
            ("open_pushes", &meters.pushes),
            ("kernel_drops", &meters.kernel_drops),
            ("interface_drops", &meters.interface_drops),
            ("interruptions", &meters.interruptions),
            ("evicted", &meters.evicted),
        ];
        let counters = counters.map(|(name, counter)| (name, counter.load(Relaxed)));
        let [frames, octets, messages, malformed, calls, pushes, kernel, interface, interruptions, evicted] =
            counters.map(|(_, counter)| counter);
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let verdicts: Vec<String> =
            tally.verdicts().map(|(verdict, ladders)| format!("{} {}", count(ladders), verdict.name())).collect();
        let down = meters.down();
        let now = if down.is_empty() { String::new() } else { format!("; down or gone now: {}", down.join(", ")) };
        let message = format!(
            "{}, {}, {} ({} malformed); ladders: {}; open: {}, {}; lost: {} by the kernel, {} by interfaces, {}; \
             {} closed early{now}",
            counted(frames, "frame", "frames"),
            counted(octets, "byte", "bytes"),
            counted(messages, "SIP message", "SIP messages"),
            count(malformed),
            verdicts.join(", "),
            counted(calls, "call", "calls"),
            counted(pushes, "push", "pushes"),
            counted(kernel, "frame", "frames"),
            count(interface),
            counted(interruptions, "interruption", "interruptions"),
            count(evicted),
        );
        let ladders = tally.verdicts().map(|(verdict, ladders)| (name_of(verdict), ladders));
        let all = counters.into_iter().chain(ladders);
        let news = News::new(Level::Info, event, message).with("down", Fact::List(down));
        all.fold(news, |news, (name, value)| news.with(name, Fact::Number(value)))
    }
}

/// A verdict as the report's summary names it.
const fn name_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NoPushExpected => "no_push_expected",
        verdict => verdict.name(),
    }
}

impl Observer for Watchman<'_> {
    fn ladder(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(ladder, findings);
        if let Some(view) = &self.view {
            let (ladder, findings) = self.watch.disguised(ladder, findings);
            view.board().ladder(&ladder, &findings);
        }
        self.watch.ladder(ladder, findings)
    }

    fn progress(&mut self, position: u64, size: Option<u64>, frames: u64, ladders: u64) {
        if self.signals.reopen() {
            if self.watch.sink.output().is_terminal() {
                // There is nothing to open again: the terminal was closed.
                self.stop.store(true, Relaxed);
            } else if let Err(error) = self.watch.sink.output_mut().reopen() {
                self.log.write(&News::new(Level::Error, "output", error.to_string()));
            }
        }
        if self.signals.print() {
            let counters = self.counters("counters");
            self.log.write(&counters);
        }
        self.watch.progress(position, size, frames, ladders);
    }

    fn keep(&self) -> bool {
        self.watch.keep()
    }

    fn news(&mut self, news: &News) {
        self.log.say(news);
    }

    fn losses(&mut self, inputs: &[Input], findings: &[Finding]) {
        self.watch.losses(inputs, findings);
    }
}
