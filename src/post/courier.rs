//! The thread that sends: it empties the spool, tries again after a pause, and gives up when its patience is over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::backoff::{Patience, random};
use super::client::{Answer, Client};
use super::spool::{Found, Spool};

/// How often it is looked whether another process is done with sending.
const TURN: Duration = Duration::from_millis(20);

/// What the courier is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wake {
    /// There is a document.
    Document,
    /// There will be no more; be done by then.
    Close(Instant),
}

/// What it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivered {
    /// Documents that were taken.
    pub sent: u64,
    /// Why others were not.
    pub why: Option<String>,
}

/// Why it stopped before the spool was empty.
type Stopped<T> = Result<T, String>;

/// Sends what is in a spool.
pub(super) struct Courier {
    client: Client,
    spool: Arc<Spool>,
    patience: Patience,
    wake: Receiver<Wake>,
    deadline: Option<Instant>,
    sent: u64,
    /// Documents that will not be taken, and are not tried again by this process.
    refused: BTreeSet<String>,
    refusal: Option<String>,
}

impl Courier {
    pub(super) fn new(client: Client, spool: Arc<Spool>, patience: Patience, wake: Receiver<Wake>) -> Self {
        Self { client, spool, patience, wake, deadline: None, sent: 0, refused: BTreeSet::new(), refusal: None }
    }

    /// Sends until there is nothing more to come.
    pub(super) fn run(mut self) -> Delivered {
        loop {
            let stopped = self.round().err();
            let goes_on = self.deadline.is_none() && self.rest(stopped.is_some());
            if !goes_on {
                return Delivered { sent: self.sent, why: stopped.or(self.refusal) };
            }
        }
    }

    /// Waits for something to do; whether there will be.
    fn rest(&mut self, stopped: bool) -> bool {
        if !stopped {
            return match self.wake.recv() {
                Ok(Wake::Document) => true,
                Ok(Wake::Close(deadline)) => {
                    self.deadline = Some(deadline);
                    true
                }
                Err(_) => false,
            };
        }
        // An endpoint that could not be reached is left alone for a while, whatever else is to be sent.
        let until = Instant::now() + self.patience.rest;
        loop {
            match self.wake.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Wake::Document) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Wake::Close(_)) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Sends each document that waits, and those that come meanwhile.
    fn round(&mut self) -> Stopped<()> {
        loop {
            let mut waiting = self.spool.waiting().map_err(|error| error.to_string())?;
            waiting.retain(|name| !self.refused.contains(name));
            if waiting.is_empty() {
                return Ok(());
            }
            for name in waiting {
                self.deliver(&name)?;
            }
        }
    }

    fn deliver(&mut self, name: &str) -> Stopped<()> {
        for attempt in 1.. {
            let Some(answer) = self.attempt(name)? else { return Ok(()) };
            match answer {
                Answer::Taken => return Ok(()),
                Answer::Refused(why) => {
                    self.refused.insert(name.to_owned());
                    self.refusal = Some(why);
                    return Ok(());
                }
                Answer::Closed(why) => return Err(why),
                Answer::Later(_, why) if attempt >= self.patience.attempts => {
                    return Err(if attempt == 1 { why } else { format!("{why}, {attempt} times") });
                }
                Answer::Later(asked, why) => {
                    let pause = asked.unwrap_or_else(|| self.patience.pause(attempt, random()));
                    self.pause(pause).map_err(|()| why)?;
                }
            }
        }
        Ok(())
    }

    /// Sends a document once, with the right to; `None` when it is not there any more.
    fn attempt(&mut self, name: &str) -> Stopped<Option<Answer>> {
        let _right = loop {
            match self.spool.try_sending().map_err(|error| error.to_string())? {
                Some(right) => break right,
                None => self.pause(TURN).map_err(|()| "another lyncpush is sending".to_owned())?,
            }
        };
        let document = match self.spool.read(name).map_err(|error| error.to_string())? {
            Found::Whole(document) => document,
            Found::Gone => return Ok(None),
            Found::Damaged => {
                self.refusal = Some("a document was damaged, and was put aside".to_owned());
                return Ok(None);
            }
        };
        let answer = self.client.post(&document);
        if answer == Answer::Taken {
            self.sent += 1;
            self.spool.remove(name).map_err(|error| error.to_string())?;
        }
        Ok(Some(answer))
    }

    /// Waits, as long as that is not longer than there is time.
    fn pause(&mut self, pause: Duration) -> Result<(), ()> {
        let until = Instant::now().checked_add(pause).ok_or(())?;
        loop {
            if self.deadline.is_some_and(|deadline| deadline < until) {
                return Err(());
            }
            match self.wake.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Wake::Document) => {}
                Ok(Wake::Close(deadline)) => self.deadline = Some(deadline),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(()),
            }
        }
    }
}
