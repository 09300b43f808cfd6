//! The options of `--post`: from what was typed to a poster, and from how it ended to a line and an exit code.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::args::FailOn;
use crate::error::{Error, Result, reason};
use crate::post::{Elsewhere, Endpoint, Headers, Outcome, Patience, Poster, Settings, Template};
use crate::report::model::{Finding, Input, Ladder};

/// How long the program waits for what is still being sent when the analysis is over.
const LAST_WAIT: Duration = Duration::from_secs(60);

/// Options about tickets, the same for every command that finds something.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tickets")]
pub struct Options {
    /// Send a JSON document for each new fault to this HTTP or HTTPS address
    ///
    /// A document is sent at least once, with its fingerprint and ladder in the header Idempotency-Key, and waits in
    /// the spool until it is taken. Connection errors, 429 and 5xx are tried again, other answers are not. If
    /// documents are left in the end, a line says so, the exit code is 2, and the next run sends them. A document is
    /// sent to the address it was made for and no other: with a new address, those that wait for the old one stay.
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    post: Option<Endpoint>,

    /// Lines `Name: value` that go with each ticket, such as credentials
    #[arg(long, value_name = "FILE", requires = "post")]
    post_header_file: Option<PathBuf>,

    /// A template that makes the body of a ticket; see samples/tickets
    #[arg(long, value_name = "FILE", requires = "post")]
    post_template: Option<PathBuf>,

    /// Certificates (PEM) to trust instead of the system's
    #[arg(long, value_name = "FILE", requires = "post")]
    post_ca: Option<PathBuf>,

    /// The lowest severity that opens a ticket
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error, requires = "post")]
    post_severity: FailOn,

    /// No second ticket for a fault within this time after the first, such as 30m, 24h or 7d; 0 for one each time
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration, requires = "post")]
    dedup_window: Duration,

    /// Where tickets wait until they are taken [default: lyncpush/spool under XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "DIR", requires = "post")]
    spool: Option<PathBuf>,

    /// About the pause before the second attempt
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration, hide = true)]
    post_pause: Duration,

    /// How long an endpoint that failed is left alone
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, hide = true)]
    post_rest: Duration,

    /// How often a document is tried
    #[arg(long, value_name = "N", default_value_t = Patience::default().attempts, hide = true)]
    post_attempts: u32,

    /// How long one attempt may take
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration, hide = true)]
    post_timeout: Duration,
}

/// What the files hold that the options name.
#[derive(Debug)]
pub struct Files {
    headers: Headers,
    template: Option<Template>,
    ca: Option<Vec<u8>>,
}

impl Options {
    /// Reads the files: who watches interfaces may not be able to any more when tickets are to be sent.
    ///
    /// Fails when one of them cannot be used.
    pub fn files(&self) -> Result<Files> {
        Ok(Files {
            headers: self.post_header_file.as_deref().map_or(Ok(Headers::default()), Headers::read)?,
            template: self.post_template.as_deref().map(template).transpose()?,
            ca: self.post_ca.as_deref().map(|path| file(path, "certificates")).transpose()?,
        })
    }

    /// Tickets, if they were asked for; `name` gives the names of captures that they show.
    ///
    /// Fails when the certificates or the spool cannot be used; nothing is sent then.
    pub fn start(&self, files: Files, captures: &[String], name: impl FnMut(&String) -> String) -> Result<Tickets> {
        let (Some(endpoint), Some(lowest)) = (&self.post, self.post_severity.severity()) else {
            return Ok(Tickets::none());
        };
        let Files { headers, template, ca } = files;
        let settings = Settings {
            endpoint: endpoint.clone(),
            headers,
            template,
            ca,
            spool: match &self.spool {
                Some(spool) => spool.clone(),
                None => state(&|name| std::env::var_os(name).map(PathBuf::from))?,
            },
            window: self.dedup_window,
            lowest,
            captures: captures.iter().map(name).collect(),
            patience: Patience {
                attempts: self.post_attempts.max(1),
                first_pause: self.post_pause,
                rest: self.post_rest,
                timeout: self.post_timeout,
            },
        };
        let open = Some((Poster::start(settings)?, endpoint.to_string()));
        Ok(Tickets { open, window: self.dedup_window, trouble: None })
    }
}

/// Tickets of a run, or none.
#[derive(Debug)]
pub struct Tickets {
    open: Option<(Poster, String)>,
    window: Duration,
    trouble: Option<Error>,
}

impl Tickets {
    /// No tickets: nobody asked for them.
    pub const fn none() -> Self {
        Self { open: None, window: Duration::ZERO, trouble: None }
    }

    /// Whether there are any.
    pub const fn are_wanted(&self) -> bool {
        self.open.is_some()
    }

    /// Whether there is no second ticket for a fault for a while.
    pub const fn are_held_back(&self) -> bool {
        !self.window.is_zero()
    }

    /// Opens tickets for a ladder. What fails is told in the end: an analysis goes on without them.
    pub fn offer(&mut self, ladder: &Ladder, findings: &[Finding]) {
        self.note(|poster| poster.offer(ladder, findings));
    }

    /// The same for captures as a whole.
    pub fn offer_captures(&mut self, inputs: &[Input], findings: &[Finding]) {
        self.note(|poster| poster.offer_captures(inputs, findings));
    }

    fn note(&mut self, offer: impl FnOnce(&mut Poster) -> Result<()>) {
        if let Some((poster, _)) = &mut self.open
            && let Err(error) = offer(poster)
        {
            self.trouble.get_or_insert(error);
        }
    }

    /// Waits for what is still being sent, and tells how it ended.
    ///
    /// Fails when a ticket is left, or could not be made.
    pub fn finish(self, quiet: bool, tell: &mut dyn FnMut(&str)) -> Result<()> {
        let Some((poster, endpoint)) = self.open else { return Ok(()) };
        let spool = poster.spool().display().to_string();
        let outcome = poster.finish(Instant::now() + LAST_WAIT);
        let lines = told(&outcome, &endpoint).into_iter().chain(outcome.elsewhere.iter().map(elsewhere));
        for line in lines.filter(|_| !quiet) {
            tell(&line);
        }
        match self.trouble {
            Some(trouble) => Err(trouble),
            None if outcome.left > 0 => Err(Error::new(left(&outcome, &endpoint, &spool))),
            None => Ok(()),
        }
    }
}

fn file(path: &Path, what: &str) -> Result<Vec<u8>> {
    let name = path.display().to_string();
    fs::read(path).map_err(|error| Error::new(format!("cannot use {what} {name:?}: {}", reason(&error))))
}

fn template(path: &Path) -> Result<Template> {
    let name = path.display().to_string();
    let text = String::from_utf8(file(path, "template")?);
    Template::new(&name, text.map_err(|_| Error::new(format!("cannot use template {name:?}: it is not UTF-8")))?)
}

/// What is said of tickets that are left.
fn left(outcome: &Outcome, endpoint: &str, spool: &str) -> String {
    let why = outcome.why.as_deref().unwrap_or("they came in the meantime");
    let (tickets, wait) = if outcome.left == 1 { ("ticket", "it waits") } else { ("tickets", "they wait") };
    format!("{} {tickets} not delivered to {endpoint}: {why}; {wait} in {spool:?} for the next run", outcome.left)
}

/// What is said of tickets that were sent, or need not be.
fn told(outcome: &Outcome, endpoint: &str) -> Option<String> {
    let count = |count: u64| if count == 1 { "1 ticket".to_owned() } else { format!("{count} tickets") };
    match (outcome.sent, outcome.known) {
        (0, 0) => None,
        (sent, 0) => Some(format!("{} sent to {endpoint}", count(sent))),
        (sent, known) => Some(format!("{} sent to {endpoint}; {known} not sent: there was one already", count(sent))),
    }
}

/// What is said of tickets for another address.
fn elsewhere(other: &Elsewhere) -> String {
    let (tickets, wait, they) =
        if other.waiting == 1 { ("ticket", "waits", "it is") } else { ("tickets", "wait", "they are") };
    format!(
        "{} {tickets} for {} still {wait} in {:?}: {they} sent when --post names that address again; delete them if it is gone",
        other.waiting,
        other.addressee,
        other.directory.display().to_string()
    )
}

/// Where state is kept on this machine: `look` gives variables of the environment.
fn state(look: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let set = |name: &str| look(name).filter(|path| path.is_absolute());
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .or_else(|| set("LOCALAPPDATA"))
        .map(|state| state.join("lyncpush").join("spool"))
        .ok_or_else(|| Error::new("--post needs a place where tickets wait: give --spool DIR"))
}

/// Reads a time such as `30m`.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let expected = || "expected a number and a unit, such as 30m, 24h or 7d".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(*millis).map(Duration::from_millis).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [("0", 0), ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800), ("2000ms", 2)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "24", "h", "1.5h", "-1h", "1w", "1 h", "99999999999999999999h", "999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tickets_wait_where_state_is_kept() {
        for (variables, expected) in [
            (&[("XDG_STATE_HOME", "/x"), ("HOME", "/h")][..], Some("/x/lyncpush/spool")),
            (&[("XDG_STATE_HOME", "x"), ("HOME", "/h")], Some("/h/.local/state/lyncpush/spool")),
            (&[("HOME", "/h")], Some("/h/.local/state/lyncpush/spool")),
            (&[], None),
        ] {
            let look = |wanted: &str| {
                variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| PathBuf::from(value))
            };
            assert_eq!(state(&look).ok(), expected.map(PathBuf::from));
        }
    }

    #[test]
    fn the_end_is_one_line() {
        let outcome = |sent, known, left, why: Option<&str>| Outcome {
            sent,
            known,
            left,
            why: why.map(str::to_owned),
            elsewhere: Vec::new(),
        };
        let told = |sent, known| told(&outcome(sent, known, 0, None), "https://a.example");
        assert_eq!(told(0, 0), None);
        assert_eq!(told(1, 0).unwrap(), "1 ticket sent to https://a.example");
        assert_eq!(told(0, 3).unwrap(), "0 tickets sent to https://a.example; 3 not sent: there was one already");
        assert_eq!(told(2, 1).unwrap(), "2 tickets sent to https://a.example; 1 not sent: there was one already");
        let left = left(&outcome(0, 0, 2, Some("the answer was 503, 4 times")), "https://a.example", "/s");
        assert_eq!(
            left,
            "2 tickets not delivered to https://a.example: the answer was 503, 4 times; they wait in \"/s\" for the next run"
        );
    }
}
