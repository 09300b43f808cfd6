//! One ladder: its row in the list, and what the row opens to.

use std::io::{self, Write};

use super::diagnosis::Faults;
use super::drawing;
use super::keys::keys;
use super::markup::{Lines, Short, Text};
use crate::report::model::{Evidence, Join, Ladder, Report, Step};
use crate::report::text;
use crate::report::words::{
    address, day, deciding_step, frame_name, kind, outcome, phone, phone_name, time_of_day, what,
};

/// Columns of a name in a row.
const NAME: usize = 60;
/// Columns of what it was in a row.
const WHAT: usize = 140;

/// One entry of the list.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// The whole report.
    pub report: &'a Report,
    /// Its faults.
    pub faults: &'a Faults<'a>,
    /// The ladder.
    pub ladder: &'a Ladder,
    /// Its index.
    pub at: usize,
    /// Whether it is open from the beginning.
    pub open: bool,
    /// Whether all ladders of the report began on one day.
    pub one_day: bool,
}

impl Section<'_> {
    /// Writes the row, and behind it the rest.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (ladder, number) = (self.ladder, self.at + 1);
        let verdict = ladder.verdict.name();
        let fault = ladder.diagnosis.as_ref().and_then(|diagnosis| self.faults.number(diagnosis)).unwrap_or(0);
        write!(
            out,
            "<li id=l{number} data-v={verdict} data-f={fault} data-d={:.0} data-k=\"{}\"><details{}><summary>\
             <span class=n>{number}</span><time>{}</time><span class=who>",
            ladder.duration_ms,
            keys(self.report, ladder),
            if self.open { " open" } else { "" },
            Text(&self.began()),
        )?;
        let name = |name: &Option<String>| {
            name.as_deref().map_or("–".to_owned(), |name| Short(address(name), NAME).to_string())
        };
        write!(out, "{} → {}</span><span class=phone>", name(&ladder.caller), name(&ladder.callee))?;
        write!(out, "{}</span>", Short(&phone_name(ladder).unwrap_or_default(), NAME))?;
        let step = deciding_step(ladder).map_or_else(String::new, |step| format!("{} {}: ", step.number, step.key));
        let what = format!("{step}{}", what(self.report, ladder));
        write!(
            out,
            "<b class=\"verdict {verdict}\">{verdict}</b><span class=what>{}</span></summary>",
            Short(&what, WHAT)
        )?;
        out.write_all(if self.open { b"" } else { b"<noscript>" })?;
        self.body(out)?;
        out.write_all(if self.open { b"</details>\n" } else { b"</noscript></details>\n" })
    }

    /// When it began, with the day where the ladders of the report are of several.
    fn began(&self) -> String {
        let time = time_of_day(&self.ladder.started_at, 3);
        if self.one_day { time } else { format!("{} {time}", day(&self.ladder.started_at)) }
    }

    /// What the row opens to.
    fn body(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<div class=body>")?;
        self.facts(out)?;
        out.write_all(
            b"<div class=both><div class=drawing tabindex=0 role=group aria-label=\"Drawing, scrolls sideways\">",
        )?;
        drawing::write(self.report, self.ladder, self.at, out)?;
        out.write_all(b"</div><div class=why>")?;
        self.faults.of_ladder(self.report, self.ladder, self.at, out)?;
        out.write_all(b"</div></div>")?;
        self.messages(out)?;
        out.write_all(b"</div>")
    }

    /// Who, what, on which phone.
    fn facts(&self, out: &mut dyn Write) -> io::Result<()> {
        let ladder = self.ladder;
        let fact =
            |out: &mut dyn Write, name: &str, value: &str| write!(out, "<div><dt>{name}<dd>{}</div>", Text(value));
        out.write_all(b"<dl class=facts>")?;
        fact(out, "Verdict", &outcome(ladder))?;
        let began = format!("{} {}", day(&ladder.started_at), time_of_day(&ladder.started_at, 9));
        let what = format!("{}, {began} UTC, took {}", kind(ladder.trigger), text::duration(ladder.duration_ms));
        fact(out, "What", &what)?;
        if let Some(callee) = &ladder.callee {
            let name = ladder.callee_name.as_ref().map_or_else(String::new, |name| format!(", “{name}”"));
            fact(out, "Callee", &format!("{}{name}", address(callee)))?;
        }
        fact(out, "Phone", &ladder.mobile.as_ref().map_or_else(|| "unknown".to_owned(), phone))?;
        if let Some(call_id) = &ladder.call_id {
            fact(out, "Call-ID", call_id)?;
        }
        fact(out, "Push", &push(ladder))?;
        fact(out, "Ladder", &ladder.id)?;
        if let Some(diagnosis) = &ladder.diagnosis {
            fact(out, "Fingerprint", &diagnosis.fingerprint)?;
        }
        out.write_all(b"</dl>")
    }

    /// Every step and every message, as a table: what the drawing shows and what it has no room for.
    fn messages(&self, out: &mut dyn Write) -> io::Result<()> {
        let count = self.ladder.steps.iter().map(|step| step.evidence.len()).sum::<usize>() as u64;
        write!(
            out,
            "<details class=messages><summary>Steps and messages ({})</summary><div class=scroll tabindex=0 role=group \
             aria-label=\"Steps and messages\"><table><thead><tr><th scope=col>Frame<th scope=col>Time<th scope=col>Leg\
             <th scope=col>From → to<th scope=col>Message</thead>",
            text::count(count)
        )?;
        let mut place = 0;
        for step in &self.ladder.steps {
            write!(out, "<tbody><tr class=step><th scope=rowgroup colspan=5>{}", step_head(step))?;
            for seen in &step.evidence {
                place += 1;
                self.message(place, seen, out)?;
            }
        }
        out.write_all(b"</table></div></details>")
    }

    /// One message; with its text where the report has it.
    fn message(&self, place: usize, seen: &Evidence, out: &mut dyn Write) -> io::Result<()> {
        write!(
            out,
            "<tr id=m{}-{place} tabindex=-1><td>{}<td>{}<td>{}<td>{} → {}<td>",
            self.at + 1,
            frame_name(self.report, seen.input, seen.frame),
            Text(&time_of_day(&seen.at, 6)),
            seen.leg.map_or("–", |leg| leg.name()),
            Text(&seen.from),
            Text(&seen.to),
        )?;
        match &seen.text {
            None => write!(out, "{}", Text(&seen.summary)),
            Some(text) => {
                write!(out, "<details><summary>{}</summary><pre>{}</pre></details>", Text(&seen.summary), Lines(text))
            }
        }
    }
}

/// `5. Push request leaves through the Edge: failed, 3.9 ms after the step before; 504 Server time-out`.
fn step_head(step: &Step) -> String {
    let after = step
        .since_previous_ms
        .map_or_else(String::new, |after| format!(", {} after the step before", text::duration(after)));
    let detail = step.detail.as_ref().map_or_else(String::new, |detail| format!("; {}", Text(detail)));
    let status = step.status.name();
    format!("{}. {}: <b class={status}>{status}</b>{after}{detail}", step.number, Text(&step.title))
}

/// Which push requests there are and how they were joined to the call.
fn push(ladder: &Ladder) -> String {
    let ids = ladder.push_call_ids.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
    let Some(Join { confidence, evidence, rivals }) = &ladder.join else {
        return if ids.is_empty() { "none seen".to_owned() } else { ids };
    };
    let by = if evidence.is_empty() { String::new() } else { format!(" by {}", evidence.join(", ")) };
    let mut words = format!("{ids}; joined{by}, confidence {confidence:.2}");
    for rival in rivals.iter().take(8) {
        words.push_str(&format!("; might belong to call {} ({:.2})", rival.call_id, rival.confidence));
    }
    words
}
