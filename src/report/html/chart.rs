//! Charts: ladders over time, and how long steps took.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::markup::Text;
use crate::report::model::{Latency, Report, Verdict};
use crate::report::text;
use crate::report::time::nanos;
use crate::report::words::{day, time_of_day};

/// Bars of the timeline at most.
const BARS: usize = 90;
/// The timeline's room for bars.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 84.0;
/// Powers of ten of milliseconds that the latency charts span: 0.1 ms to 100 s.
const DECADES: (i32, i32) = (-1, 5);
/// Bars for each power of ten.
const FINE: i32 = 6;
/// Room for one bar of a latency chart.
const BAR: f64 = 7.0;
/// Height of a latency chart.
const TALL: f64 = 30.0;

/// Bars of ladders by the time they began, by verdict; nothing for a single ladder.
pub fn timeline(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let begun = report.ladders.iter().filter_map(|ladder| Some((nanos(&ladder.started_at)?, ladder)));
    let begun: Vec<_> = begun.collect();
    let first = begun.iter().min_by_key(|(at, _)| *at);
    let last = begun.iter().max_by_key(|(at, _)| *at);
    let Some((first, last)) = first.zip(last).filter(|_| begun.len() > 1) else { return Ok(()) };
    let span = (last.0.saturating_sub(first.0)).max(1) as f64;
    let bars = BARS.min(begun.len() * 4).max(12);
    let mut counts = vec![[0_u64; Verdict::ALL.len()]; bars];
    for (at, ladder) in &begun {
        let place = (at.saturating_sub(first.0)) as f64 / span * bars as f64;
        // Truncated: a bar holds what lies between it and the next one.
        let bar = counts.get_mut((place as usize).min(bars - 1));
        let verdict = Verdict::ALL.iter().position(|verdict| *verdict == ladder.verdict);
        if let Some(count) = bar.zip(verdict).and_then(|(bar, verdict)| bar.get_mut(verdict)) {
            *count += 1;
        }
    }
    let most = counts.iter().map(|bar| bar.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let label = format!(
        "Ladders by time of their beginning, {} to {}, at most {} in a bar",
        first.1.started_at,
        last.1.started_at,
        text::count(most)
    );
    let mut svg = String::new();
    for (at, bar) in counts.iter().enumerate() {
        draw_bar(&mut svg, at, bar, most, WIDTH / bars as f64);
    }
    let short = |instant: &str| format!("{} {}", day(instant), time_of_day(instant, 0));
    write!(
        out,
        "<figure class=timeline>\n<figcaption>Ladders by the time they began <span class=note>(tallest bar: {})</span></figcaption>\n\
         <svg viewBox=\"0 0 1000 86\" role=img aria-label=\"{}\" preserveAspectRatio=none>\
         <path class=axis d=\"M0 {HEIGHT}H1000\"/>{svg}</svg>\n<p class=ends><span>{}</span><span>{}</span></p>\n<ul class=legend>",
        text::counted(most, "ladder", "ladders"),
        Text(&label),
        Text(&short(&first.1.started_at)),
        Text(&short(&last.1.started_at)),
    )?;
    for verdict in Verdict::ALL.into_iter().filter(|verdict| report.summary.with_verdict(*verdict) > 0) {
        write!(out, "<li class={0}>{0}</li>", verdict.name())?;
    }
    out.write_all(b"</ul>\n</figure>\n")
}

/// One bar, the broken ones at its foot.
fn draw_bar(svg: &mut String, at: usize, bar: &[u64; 5], most: u64, wide: f64) {
    const ORDER: [Verdict; 5] =
        [Verdict::Broken, Verdict::Degraded, Verdict::Inconclusive, Verdict::NoPushExpected, Verdict::Complete];
    let mut foot = HEIGHT;
    for verdict in ORDER {
        let place = Verdict::ALL.iter().position(|one| *one == verdict);
        let count = place.and_then(|place| bar.get(place)).copied().unwrap_or(0);
        if count == 0 {
            continue;
        }
        let high = count as f64 / most as f64 * (HEIGHT - 4.0);
        foot -= high;
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<rect class={} x={:.1} y={foot:.1} width={:.1} height={high:.1}><title>{} {}</title></rect>",
            verdict.name(),
            at as f64 * wide + 0.5,
            (wide - 1.0).max(1.0),
            text::count(count),
            verdict.name()
        );
    }
}

/// How long each step took after the one before it, over all ladders.
pub fn latencies(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.summary.latency_ms.is_empty() {
        return Ok(());
    }
    out.write_all(
        b"<section aria-labelledby=h-times>\n<h2 id=h-times>Time since the step before</h2>\n<div class=scroll tabindex=0 role=group aria-label=\"Times of steps\">\
          <table class=times>\n<thead><tr><th scope=col>#<th scope=col>Step<th scope=col class=num>Ladders<th scope=col class=num>Median\
          <th scope=col class=num>95 %<th scope=col class=num>Longest<th scope=col><span class=scale><span>0.1 ms</span>\
          <span>1</span><span>10</span><span>100</span><span>1 s</span><span>10</span><span>100 s</span></span></thead>\n<tbody>\n",
    )?;
    for latency in &report.summary.latency_ms {
        let steps =
            || report.ladders.iter().flat_map(|ladder| &ladder.steps).filter(|step| step.number == latency.step);
        let name = steps().next().map_or("", |step| step.title.as_str());
        let chart = distribution(latency, steps().filter_map(|step| step.since_previous_ms));
        writeln!(
            out,
            "<tr><th scope=row>{}<td>{}<td class=num>{}<td class=num>{}<td class=num>{}<td class=num>{}<td>{chart}",
            latency.step,
            Text(name),
            text::count(latency.count),
            text::duration(latency.p50),
            text::duration(latency.p95),
            text::duration(latency.max)
        )?;
    }
    out.write_all(
        b"</tbody></table></div>\n<p class=note>Solid mark: median. Dashed mark: 95 of 100 are faster.</p>\n</section>\n",
    )
}

/// Bars over a logarithmic axis, with marks for the median and the 95th percentile.
fn distribution(latency: &Latency, times: impl Iterator<Item = f64>) -> String {
    let bars = (DECADES.1 - DECADES.0) * FINE;
    let mut counts = vec![0_u64; usize::try_from(bars).unwrap_or_default()];
    let axis =
        |time: f64| ((time.max(1e-9).log10() - f64::from(DECADES.0)) * f64::from(FINE)).clamp(0.0, f64::from(bars));
    for time in times {
        // Truncated: a bar holds what lies between it and the next one.
        let place = (axis(time) as usize).min(counts.len().saturating_sub(1));
        if let Some(count) = counts.get_mut(place) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let width = f64::from(bars) * BAR;
    let mut svg = format!(
        "<svg class=dist viewBox=\"0 0 {width} 34\" role=img aria-label=\"Distribution of the times of step {}\">\
         <path class=axis d=\"M0 32H{width}",
        latency.step
    );
    // Writing to a String cannot fail.
    for decade in 0..=DECADES.1 - DECADES.0 {
        let _ = write!(svg, "M{:.0} 29v4", f64::from(decade * FINE) * BAR);
    }
    svg.push_str("\"/>");
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        // A single ladder among thousands still shows.
        let high = (*count as f64 / most as f64 * TALL).max(1.5);
        let _ = write!(
            svg,
            "<rect x={:.1} y={:.1} width={:.1} height={high:.1} />",
            at as f64 * BAR,
            32.0 - high,
            BAR - 1.0
        );
    }
    for (class, time) in [("p50", latency.p50), ("p95", latency.p95)] {
        let _ = write!(svg, "<path class={class} d=\"M{:.1} 0V32\"/>", axis(time) * BAR);
    }
    svg.push_str("</svg>");
    svg
}
