//! What the reading stage saw, on its way through the others, which run on threads of their own.
//!
//! In: [`Seen`] in order, with the frames between. Out: the same in the same order, messages parsed. Nothing that is
//! judged depends on where one batch ends and the next begins. Limits: [`FRAMES`], [`OCTETS`].

use std::ops::Range;

use super::reading::{Notice, Seen};
use crate::capture::{News, Summary};
use crate::flow::{Connection, Side};
use crate::frame::{FrameRef, Timestamp};
use crate::ladder::coverage::Span;
use crate::report::view::{Account, Refused};
use crate::sip::grammar;
use crate::sip::message::Message;
use crate::sip::outline::{Field, Outline};
use crate::tcp::dialing::Attempt;

/// Frames after which a batch is full.
const FRAMES: u64 = 8_192;
/// Octets of messages after which it is full; a larger message fits all the same.
const OCTETS: usize = 1024 * 1024;

/// How far the reading has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Octets of all files consumed.
    pub position: u64,
    /// Octets of all files, if known.
    pub size: Option<u64>,
    /// Frames read.
    pub frames: u64,
}

/// What became of everything so far, while interfaces are watched.
pub struct SoFar {
    /// What is known of each of them.
    pub inputs: Vec<Summary>,
    /// What became of what was read.
    pub account: Account,
    /// Hops that were not remembered.
    pub forgotten: u64,
}

/// One thing seen, its message's octets standing in the batch.
enum Item {
    Began(FrameRef),
    Disordered(FrameRef),
    Message { connection: Connection, side: Side, at: FrameRef, text: Range<usize> },
    Notice(Connection, Notice),
    Refused(Box<Refused>),
    Dialed(Box<Attempt>),
    Missed(Missed),
}

/// Whole frames that may be missing, while interfaces are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// The interface of whose legs they are; none for any.
    pub input: Option<u16>,
    /// The earliest time of one.
    pub from: Timestamp,
    /// The latest.
    pub to: Timestamp,
    /// The clock was set, and goes on from here.
    pub restart: Option<Timestamp>,
}

/// A run of what was seen.
#[derive(Default)]
pub struct Batch {
    items: Vec<Item>,
    text: Vec<u8>,
    /// The messages among the items in order, as far as they are parsed: each with its fields, or what is wrong with it.
    outlines: Vec<Result<(Outline, Range<usize>), &'static str>>,
    fields: Vec<Field>,
    frames: u64,
    /// The earliest and the latest frame of each input in it.
    spans: Vec<(FrameRef, FrameRef)>,
    now: Option<Timestamp>,
    /// What the administrator should know.
    pub news: Vec<News>,
    /// From when to when records came that wait for a secret at its end.
    pub waits: Option<Span>,
    /// What became of everything so far, now and then.
    pub so_far: Option<Box<SoFar>>,
    /// How far the reading had come at its end.
    pub progress: Progress,
}

impl Batch {
    /// Takes note of a frame, before what it gives. `first` says that it is the first of its input.
    pub fn frame(&mut self, at: FrameRef, first: bool) {
        self.frames += 1;
        self.now = Some(at.time);
        if first {
            self.items.push(Item::Began(at));
        }
        match self.spans.iter_mut().find(|(from, _)| from.input == at.input) {
            Some((from, to)) => {
                if at.time < from.time {
                    *from = at;
                }
                if at.time > to.time {
                    *to = at;
                }
            }
            None => self.spans.push((at, at)),
        }
    }

    /// Takes note that an input shows what there was from here on, although it has no frame yet.
    pub fn began(&mut self, at: FrameRef) {
        self.items.push(Item::Began(at));
    }

    /// Takes note that the frames of an input go back in time here.
    pub fn disordered(&mut self, at: FrameRef) {
        self.items.push(Item::Disordered(at));
    }

    /// Takes note that frames may be missing.
    pub fn missed(&mut self, missed: Missed) {
        self.items.push(Item::Missed(missed));
    }

    /// Takes note that it is `now`, and every frame before was read.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = Some(now);
    }

    /// Takes in what was seen.
    pub fn push(&mut self, seen: Seen<'_>) {
        self.items.push(match seen {
            Seen::Message { connection, side, at, raw } => {
                let from = self.text.len();
                self.text.extend_from_slice(raw);
                Item::Message { connection: *connection, side, at, text: from..self.text.len() }
            }
            Seen::Notice(connection, notice) => Item::Notice(*connection, notice),
            Seen::Refused(refused) => Item::Refused(refused),
            Seen::Dialed(attempt) => Item::Dialed(attempt),
        });
    }

    /// Parses the messages in it.
    pub fn parse(&mut self) {
        let Self { items, text, outlines, fields, .. } = self;
        let texts = items.iter().filter_map(|item| match item {
            Item::Message { text: place, .. } => Some(text.get(place.clone()).unwrap_or_default()),
            _ => None,
        });
        outlines.extend(texts.skip(outlines.len()).map(|raw| {
            let first = fields.len();
            let outline = grammar::outline(raw, fields).map_err(|error| error.reason)?;
            Ok((outline, first..fields.len()))
        }));
    }

    /// Empties it; its memory is kept for what comes next, unless a huge message has stretched it.
    pub fn clear(&mut self) {
        self.items.clear();
        self.spans.clear();
        self.outlines.clear();
        self.fields.clear();
        self.text.clear();
        self.text.shrink_to(2 * OCTETS);
        self.news.clear();
        (self.so_far, self.waits) = (None, None);
        (self.frames, self.now) = (0, None);
    }

    /// Whether it holds as much as it should.
    pub fn is_full(&self) -> bool {
        self.frames >= FRAMES || self.text.len() >= OCTETS
    }

    /// Whether it holds anything seen.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The time of its last frame.
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// Gives everything out again once it is [parsed](Self::parse), and of the frames those that change what is in view.
    pub fn replay<'a>(&'a self, mut take: impl FnMut(Replayed<'a>)) {
        let mut outlines = self.outlines.iter();
        for item in &self.items {
            take(match item {
                Item::Began(at) => Replayed::Frame(*at),
                Item::Disordered(at) => Replayed::Disordered(*at),
                Item::Message { connection, side, at, text } => match outlines.next() {
                    Some(Ok((outline, fields))) => {
                        let raw = self.text.get(text.clone()).unwrap_or_default();
                        let fields = self.fields.get(fields.clone()).unwrap_or_default();
                        let (side, at) = (*side, *at);
                        Replayed::Message { connection, side, at, message: outline.message(raw, fields) }
                    }
                    Some(Err(reason)) => Replayed::NoMessage { at: *at, reason },
                    None => continue,
                },
                Item::Notice(connection, notice) => Replayed::Notice(connection, *notice),
                Item::Refused(refused) => Replayed::Refused(refused),
                Item::Dialed(attempt) => Replayed::Dialed(attempt),
                Item::Missed(missed) => Replayed::Missed(*missed),
            });
        }
        for (from, to) in &self.spans {
            take(Replayed::Frame(*from));
            take(Replayed::Frame(*to));
        }
    }
}

/// What a batch gives out.
pub enum Replayed<'a> {
    /// A frame: its input is in view then.
    Frame(FrameRef),
    /// The frames of an input go back in time here.
    Disordered(FrameRef),
    /// A message, parsed.
    Message {
        /// The connection that carried it.
        connection: &'a Connection,
        /// Who sent it.
        side: Side,
        /// The frame that completed it.
        at: FrameRef,
        /// The message.
        message: Message<'a>,
    },
    /// Octets that were taken for a message and are none.
    NoMessage {
        /// The frame that completed them.
        at: FrameRef,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// As [`Seen::Notice`].
    Notice(&'a Connection, Notice),
    /// As [`Seen::Refused`].
    Refused(&'a Refused),
    /// As [`Seen::Dialed`].
    Dialed(&'a Attempt),
    /// Whole frames may be missing.
    Missed(Missed),
}
