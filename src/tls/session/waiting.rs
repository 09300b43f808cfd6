//! What waits for a secret: records and what happened between them, in the order met.

use std::collections::VecDeque;

use super::Item;
use crate::flow::Side;
use crate::frame::{FrameRef, Timestamp};
use crate::tls::half::Passed;
use crate::tls::record::{HEADER, kind};
use crate::tls::secrets::Secrets;

/// The most octets that wait in one connection. 256 KiB: the handshake and some tens of SIP messages; key logs are
/// mostly there before the frames they open.
const MAX: usize = 256 << 10;
/// What an item takes beside the octets of its record.
const ITEM: usize = 128;

/// What is kept.
#[derive(Debug)]
pub(super) enum What {
    Record { header: [u8; HEADER], body: Box<[u8]> },
    Lost { octets: u64, passed: Passed },
    Witness,
    End { over: bool },
}

/// An item that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) side: Side,
    /// Its frame; of losses in a row the last one.
    pub(super) frame: FrameRef,
    /// Since when it waits.
    since: Timestamp,
    what: What,
}

impl Kept {
    /// The item as it was.
    pub(super) fn item(&mut self) -> Item<'_> {
        match &mut self.what {
            What::Record { header, body } => Item::Record { header: *header, body },
            What::Lost { octets, passed } => {
                Item::Lost { octets: *octets, passed: std::mem::take(passed), since: self.since }
            }
            What::Witness => Item::Witness,
            What::End { over } => Item::End { over: *over },
        }
    }

    /// The room it takes, in octets; what is no record takes none.
    fn size(&self) -> usize {
        if let What::Record { body, .. } = &self.what { body.len() + ITEM } else { 0 }
    }
}

/// The items that wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    items: VecDeque<Kept>,
    octets: usize,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Since when the first item waits.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.items.front().map(|kept| kept.since)
    }

    /// Whether anything of `side` waits.
    pub(super) fn has(&self, side: Side) -> bool {
        self.items.iter().any(|kept| kept.side == side)
    }

    /// Keeps an item; a record for which there is no room becomes a loss.
    pub(super) fn push(&mut self, side: Side, frame: FrameRef, item: Item<'_>, secrets: &mut Secrets) {
        let what = match item {
            Item::Record { header, body } => {
                let size = body.len() + ITEM;
                if self.octets + size > MAX || !secrets.admit(size) {
                    // Of others it depends on the version whether they have a number.
                    return match header {
                        [kind::APPLICATION_DATA, ..] => self.lose(side, frame, (0, Passed::of(body)), frame.time),
                        _ => self.lose(side, frame, ((HEADER + body.len()) as u64, Passed::default()), frame.time),
                    };
                }
                self.octets += size;
                What::Record { header, body: (&*body).into() }
            }
            Item::Lost { octets, passed, since } => return self.lose(side, frame, (octets, passed), since),
            // There is one of each for a side and input.
            Item::Witness => What::Witness,
            Item::End { over } => What::End { over },
        };
        self.items.push_back(Kept { side, frame, since: frame.time, what });
    }

    /// Losses of a side in a row are one, which waits since the first of them.
    fn lose(&mut self, side: Side, frame: FrameRef, (octets, passed): (u64, Passed), since: Timestamp) {
        match self.items.iter_mut().rev().find(|kept| kept.side == side) {
            Some(Kept { frame: last, what: What::Lost { octets: before, passed: passed_before }, .. }) => {
                *before = before.saturating_add(octets);
                if passed.records > 0 {
                    passed_before.add(passed);
                }
                if octets > 0 {
                    passed_before.tail.clear();
                }
                *last = frame;
            }
            _ => self.items.push_back(Kept { side, frame, since, what: What::Lost { octets, passed } }),
        }
    }

    /// Takes everything out.
    pub(super) fn drain(&mut self, secrets: &mut Secrets) -> VecDeque<Kept> {
        secrets.release(std::mem::take(&mut self.octets));
        std::mem::take(&mut self.items)
    }

    /// Takes out what has waited since before `before`, up to the first that has not.
    pub(super) fn older(&mut self, before: Timestamp, secrets: &mut Secrets) -> VecDeque<Kept> {
        let end = self.items.iter().position(|kept| kept.since >= before).unwrap_or(self.items.len());
        let newer = self.items.split_off(end);
        let older = std::mem::replace(&mut self.items, newer);
        let octets: usize = older.iter().map(Kept::size).sum();
        self.octets = self.octets.saturating_sub(octets);
        secrets.release(octets);
        older
    }

    /// Puts what comes behind all of it there.
    pub(super) fn append(&mut self, mut newer: Self) {
        self.items.append(&mut newer.items);
        self.octets += newer.octets;
    }
}
