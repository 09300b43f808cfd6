//! Tickets: what is wrong goes to a ticket system or a chat, once for each fault.
//!
//! In: ladders and findings as they come, and where to send them. Out: one HTTP request for each new fault, made
//! by a thread of its own; who analyses never waits for a network. Between the two lies a directory, the spool: a
//! document is there before it is sent and until it is taken, so a crash or an outage loses none, and it is the
//! queue as well. It refuses to know who typed what; it says nothing to anybody but in what it returns.
//!
//! A document is sent at least once. Its `Idempotency-Key` tells one that came twice.

mod backoff;
mod client;
mod courier;
mod headers;
mod seen;
mod spool;
mod template;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::report::model::{Finding, Input, Ladder, Severity};
use crate::report::ticket::Ticket;

pub use backoff::Patience;
pub use client::Endpoint;
pub use headers::Headers;
pub use template::Template;

use client::Client;
use courier::{Courier, Delivered, Wake};
use seen::Seen;
pub use spool::Elsewhere;
use spool::{Document, Filed, Spool};

/// What a courier whose time is over needs to say so.
const GRACE: Duration = Duration::from_millis(200);

/// Where tickets go, and which.
#[derive(Debug)]
pub struct Settings {
    /// Where they are sent.
    pub endpoint: Endpoint,
    /// What goes with each of them, such as credentials.
    pub headers: Headers,
    /// What shapes them; without one they are sent as they are.
    pub template: Option<Template>,
    /// Certificates, in PEM, to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The directory of spools; each endpoint has one of its own in it.
    pub spool: PathBuf,
    /// How long after a ticket there is no other one for the same fault.
    pub window: Duration,
    /// The lowest severity that opens a ticket.
    pub lowest: Severity,
    /// The captures' names, for the tickets.
    pub captures: Vec<String>,
    /// When to try again, and when to give up.
    pub patience: Patience,
}

/// Sends tickets while an analysis runs.
#[derive(Debug)]
pub struct Poster {
    template: Option<Template>,
    window: Duration,
    lowest: Severity,
    captures: Vec<String>,
    spool: Arc<Spool>,
    /// What this process has seen itself, so that the spool is asked once for each fault.
    seen: Seen,
    known: u64,
    wake: Sender<Wake>,
    done: Receiver<Delivered>,
}

/// How it all ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Documents that were taken.
    pub sent: u64,
    /// Faults that had a ticket already.
    pub known: u64,
    /// Documents that wait in the spool.
    pub left: usize,
    /// Why they do.
    pub why: Option<String>,
    /// Documents that wait for other endpoints.
    pub elsewhere: Vec<Elsewhere>,
}

impl Poster {
    /// Opens the spool and begins to send what it holds from earlier.
    ///
    /// # Errors
    /// When the spool, the certificates or the template cannot be used.
    pub fn start(settings: Settings) -> Result<Self> {
        let spool =
            Arc::new(Spool::open(&settings.spool.join(settings.endpoint.digest()), &settings.endpoint.to_string())?);
        let client = Client::new(settings.endpoint, settings.headers, settings.ca.as_deref(), settings.patience)?;
        let (wake, woken) = channel();
        let (tell, done) = channel();
        let courier = Courier::new(client, Arc::clone(&spool), settings.patience, woken);
        // Not waited for when time is up: what it has not sent by then lies in the spool.
        thread::Builder::new()
            .name("post".to_owned())
            .spawn(move || _ = tell.send(courier.run()))
            .map_err(|error| Error::new(format!("cannot start a thread for --post: {error}")))?;
        Ok(Self {
            template: settings.template,
            window: settings.window,
            lowest: settings.lowest,
            captures: settings.captures,
            spool,
            seen: Seen::default(),
            known: 0,
            wake,
            done,
        })
    }

    /// Opens tickets for the findings of one ladder, where there is none yet.
    ///
    /// # Errors
    /// When a document cannot be made or kept; those before it are kept.
    pub fn offer(&mut self, ladder: &Ladder, findings: &[Finding]) -> Result<()> {
        let captures = std::mem::take(&mut self.captures);
        let filed = self.file(Ticket::of_ladder(ladder, findings, &captures, self.lowest));
        self.captures = captures;
        filed
    }

    /// The same for what is wrong with the captures as a whole.
    ///
    /// # Errors
    /// When a document cannot be made or kept.
    pub fn offer_captures(&mut self, inputs: &[Input], findings: &[Finding]) -> Result<()> {
        let captures = std::mem::take(&mut self.captures);
        let filed = self.file(Ticket::of_captures(inputs, findings, &captures, self.lowest));
        self.captures = captures;
        filed
    }

    fn file(&mut self, tickets: Vec<Ticket<'_>>) -> Result<()> {
        for ticket in tickets {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            if self.seen.is_fresh(ticket.fingerprint(), now, self.window) {
                self.known += 1;
                continue;
            }
            let document = self.document(&ticket)?;
            match self.spool.file(&document, ticket.fingerprint(), now, self.window)? {
                Filed::New => _ = self.wake.send(Wake::Document),
                Filed::Known => self.known += 1,
            }
            self.seen.note(ticket.fingerprint(), now, self.window);
        }
        Ok(())
    }

    fn document(&self, ticket: &Ticket<'_>) -> Result<Document> {
        let value = ticket.value().map_err(|error| Error::new(format!("cannot write a ticket as JSON: {error}")))?;
        let (content_type, body) = match &self.template {
            Some(template) => (template.content_type().to_owned(), template.render(&value)?),
            None => (template::JSON.to_owned(), value.to_string()),
        };
        Ok(Document { key: ticket.key().to_owned(), content_type, body })
    }

    /// No more tickets: waits until everything is sent or given up, or `deadline` has passed.
    pub fn finish(self, deadline: Instant) -> Outcome {
        // A courier that is gone has told why already.
        let _ = self.wake.send(Wake::Close(deadline));
        let delivered = match self.done.recv_timeout(deadline.saturating_duration_since(Instant::now()) + GRACE) {
            Ok(delivered) => delivered,
            Err(RecvTimeoutError::Timeout) => given_up("no answer in time"),
            Err(RecvTimeoutError::Disconnected) => given_up("the sending thread failed"),
        };
        let left = self.spool.waiting().map_or(0, |waiting| waiting.len());
        let elsewhere = self.spool.others();
        Outcome { sent: delivered.sent, known: self.known, left, why: delivered.why, elsewhere }
    }

    /// The directory in which documents wait.
    pub fn spool(&self) -> &std::path::Path {
        self.spool.directory()
    }
}

/// What is told of a courier that did not tell it itself.
fn given_up(why: &str) -> Delivered {
    Delivered { sent: 0, why: Some(why.to_owned()) }
}
