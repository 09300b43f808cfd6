//! What was passed on of one stream, and how: the only place where bytes and gaps become events.
//!
//! In: octets and losses in order, with internal offsets. Out: events whose offsets count from the stream's
//! first octet. It refuses to know why something is passed on.

use crate::frame::FrameRef;
use crate::stream::Event;

use super::Counters;
use super::recent::{Newest, Recent};

/// Where the events of one direction go.
pub(super) type Emit<'a> = dyn FnMut(Event<'_>) + 'a;

/// What was passed on of a stream.
#[derive(Debug)]
pub(super) struct Passed {
    /// Internal offset of the stream's first octet.
    pub(super) origin: u64,
    pub(super) octets: u64,
    pub(super) lost: u64,
    /// The last frame passed on, at first the connection's first one.
    last: FrameRef,
    pub(super) newest: Newest,
}

impl Passed {
    /// Nothing passed on yet of a stream that begins at `origin`, of a connection that begins with frame `begin`.
    pub(super) fn new(origin: u64, begin: FrameRef) -> Self {
        Self { origin, octets: 0, lost: 0, last: begin, newest: Newest::default() }
    }

    /// Passes octets on; `at` is their internal offset.
    pub(super) fn bytes(
        &mut self,
        recent: &mut Recent,
        counters: &mut Counters,
        (at, bytes, frame): (u64, &[u8], FrameRef),
        emit: &mut Emit<'_>,
    ) {
        recent.remember(&mut self.newest, at, bytes);
        self.octets += bytes.len() as u64;
        counters.delivered += bytes.len() as u64;
        self.last = frame;
        emit(Event::Bytes { offset: at.saturating_sub(self.origin), bytes, frame });
    }

    /// Passes the loss of `length` octets on.
    pub(super) fn gap(&mut self, counters: &mut Counters, at: u64, length: u64, now: FrameRef, emit: &mut Emit<'_>) {
        self.lost += length;
        counters.gaps += 1;
        counters.gap_octets += length;
        emit(Event::Gap { offset: at.saturating_sub(self.origin), length, after: Some(self.last), frame: now });
    }
}
