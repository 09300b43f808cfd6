//! One side of a connection while it is read.

mod search;

use std::ops::Range;

use super::handshake::Messages;
use super::negotiation::{Direction, Stage};
use super::probe::MAX_FAREWELL;
use super::record::{HEADER, Records, kind};
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::stream::Event;
use search::MIN_PROTECTED;
pub(crate) use search::{Passed, Search, Sought};

/// What stands between the records of a side and their plain text.
#[derive(Debug, Default)]
pub(crate) enum Guard {
    /// Nothing yet.
    #[default]
    Plain,
    /// Keys that have not been made, because nothing needed them or there is no secret.
    Missing(Stage),
    /// Keys of which one set may be the right one: none has opened a record yet.
    Tried(Vec<Direction>),
    /// Keys that have opened a record, or follow from those that have.
    Keyed(Direction),
    /// Records that cannot be opened any more.
    Dead,
}

/// The least octets of a Finished message of TLS 1.3: its head, and a hash of 32.
const MIN_FINISHED: u64 = 36;
/// The most records that a side's part of a handshake of TLS 1.3 is taken to have where keys open none of it: five
/// messages, and some room for long chains of certificates.
const USUAL_FLIGHT: u64 = 8;
/// Records in a row that may fail before the rest is given up.
const MAX_FAILURES: u32 = 64;

/// One side.
#[derive(Debug, Default)]
pub(crate) struct Half {
    pub(crate) records: Records,
    pub(crate) messages: Messages,
    pub(crate) guard: Guard,
    /// The number of the next record under these keys.
    pub(crate) sequence: u64,
    /// A record was opened under these keys.
    pub(crate) proven: bool,
    /// A record was opened under any keys.
    pub(crate) opened: bool,
    /// Records that do not open under new keys are of others, and passed over: TLS 1.3 only.
    pub(crate) skim: bool,
    /// The keys it began with are known to be wrong, and others have not proved right.
    pub(crate) misled: bool,
    /// What stands before the next record.
    pub(crate) search: Search,
    /// Octets of whole records that came before their secret and were not kept, under any keys.
    pub(crate) late_octets: u64,
    failures: u32,
    /// Records that did not open.
    pub(crate) unverified: u64,
    /// What comes goes to the queue behind what waits there already.
    pub(crate) waiting: bool,
    /// It sent data beyond the handshake, or what looks like it from outside.
    pub(crate) spoke: bool,
    /// The most octets that can be in the protected records that came, opened or not.
    most_said: u64,
    /// Octets of it are missing.
    pub(crate) torn: bool,
    /// Data of it came before.
    pub(crate) heard: bool,
    /// It ended by itself, as the capture shows.
    pub(crate) over: bool,
    pub(crate) ended: bool,
    /// Octets of the gap that comes before the next plain text, and the frame that proves it.
    gap: Option<(u64, FrameRef)>,
    /// The lone octet behind that: TLS 1.0 sends the first of a text by itself, and a message is found behind a gap only
    /// where it begins.
    lone: Option<(u8, FrameRef)>,
    /// Where the next plain text stands.
    offset: u64,
    last: Option<FrameRef>,
    pub(crate) plain_octets: u64,
    pub(crate) lost_octets: u64,
}

impl Half {
    /// New keys are to be used from the next record on.
    pub(crate) fn rekey(&mut self, guard: Guard) {
        self.guard = guard;
        self.sequence = 0;
        self.proven = false;
        self.skim = false;
        self.misled = false;
        self.failures = 0;
        self.search.begin();
        self.messages.begin();
    }

    /// A record came, of `octets` behind its header; it may yet wait for its turn.
    pub(crate) fn came(&mut self, kind: u8, octets: usize) {
        if kind == kind::APPLICATION_DATA {
            self.most_said += ((HEADER + octets) as u64).saturating_sub(MIN_PROTECTED);
        }
    }

    /// Whether its Finished of TLS 1.3 cannot be among what it protected: no record says more than its length allows, and
    /// a Finished takes [`MIN_FINISHED`] octets. An alert takes two. Source: RFC 8446 §4.4.4, §5.2, §6.
    pub(crate) fn is_unfinished(&self) -> bool {
        !self.torn && self.most_said < MIN_FINISHED
    }

    /// Whether it protected anything, as it looks from outside.
    pub(crate) fn protected_any(&self) -> bool {
        self.most_said > 0
    }

    /// Keys of which none has opened a record, although some would have had to: every record was passed over as if it were
    /// of a handshake. How many keys, if it is so. `is_alone`: the other side opened nothing either.
    pub(crate) fn in_vain(&self, is_alone: bool) -> Option<usize> {
        match &self.guard {
            Guard::Tried(tried) if self.skim && (self.unverified > USUAL_FLIGHT || is_alone && self.unverified > 0) => {
                Some(tried.len())
            }
            _ => None,
        }
    }

    /// Whether data of `octets` behind its header, which is all that came, is as short as an alert that TLS 1.3 protects:
    /// no SIP is in there, so that nothing is lost with it. It is asked once.
    pub(crate) fn takes_leave(&mut self, octets: usize) -> bool {
        let takes_leave = octets <= MAX_FAREWELL && !self.heard && !self.torn && self.lost_octets == 0;
        self.heard = true;
        takes_leave
    }

    /// Whether its records are not protected yet.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.guard, Guard::Plain)
    }

    /// Whether a ClientHello has begun that is not whole.
    pub(crate) fn is_opening(&self) -> bool {
        self.is_plain() && (self.records.is_opening() || self.messages.is_opening())
    }

    /// The numbers that the next record may have. `budget` is how many octets may be tried in all connections.
    pub(crate) fn numbers(&self, sought: Sought, budget: u64) -> Range<u64> {
        self.search.numbers(self.sequence, sought, budget)
    }

    /// Whether a change of keys may be among what was lost or passed over before the next record.
    pub(crate) fn may_have_changed(&self) -> bool {
        self.search.is_lossy() && (self.proven || !self.skim) || self.search.has_passed()
    }

    /// Makes keys ready that are for what began before what was lost or passed over, at the cost of `budget`.
    pub(crate) fn ready(&self, direction: &mut Direction, rivals: usize, budget: &mut u64) {
        self.search.ready(self.sequence, direction, rivals, budget);
    }

    /// Has keys from now on, or some of which one may be right.
    pub(crate) fn hold(&mut self, guard: Guard) {
        self.guard = guard;
        self.search.hold();
    }

    /// A record with number `sequence` was opened.
    pub(crate) fn opened(&mut self, sequence: u64) {
        self.sequence = sequence.saturating_add(1);
        self.proven = true;
        self.misled = false;
        self.opened = true;
        self.search.end();
        self.failures = 0;
    }

    /// A record failed; false when that happened too often.
    pub(crate) fn failed(&mut self) -> bool {
        self.unverified += 1;
        self.failures += 1;
        self.failures <= MAX_FAILURES
    }

    /// Octets of the stream are not there, or make no sense.
    pub(crate) fn lose(&mut self, octets: u64, frame: FrameRef) {
        self.search.miss(octets);
        self.messages.lose();
        match &mut self.guard {
            Guard::Keyed(direction) => direction.opener.lose(),
            Guard::Tried(tried) => tried.iter_mut().for_each(|direction| direction.opener.lose()),
            Guard::Plain | Guard::Missing(_) | Guard::Dead => {}
        }
        self.skip(octets, frame);
    }

    /// Whole records came that cannot be opened any more, for want of keys at their time or of room.
    pub(crate) fn pass(&mut self, passed: Passed, frame: FrameRef) {
        let octets = passed.length();
        self.sequence = self.sequence.saturating_add(passed.records);
        self.late_octets = self.late_octets.saturating_add(octets);
        self.messages.lose();
        match &mut self.guard {
            Guard::Keyed(direction) => direction.opener.pass(self.sequence, &passed),
            Guard::Tried(tried) => {
                tried.iter_mut().for_each(|direction| direction.opener.pass(self.sequence, &passed));
            }
            Guard::Plain | Guard::Missing(_) | Guard::Dead => {}
        }
        let is_unkeyed = !matches!(self.guard, Guard::Keyed(_) | Guard::Tried(_));
        self.search.pass(passed, is_unkeyed);
        self.skip(octets, frame);
    }

    /// A record did not open, and the ones after it may have any number.
    pub(crate) fn miss(&mut self, octets: u64, frame: FrameRef) {
        self.search.miss(octets);
        self.messages.lose();
        self.skip(octets, frame);
    }

    /// Protected octets give no plain text.
    pub(crate) fn skip(&mut self, octets: u64, frame: FrameRef) {
        // A lone octet without the rest of its text tells nothing.
        let octets = octets.saturating_add(self.lone.take().map_or(0, |_| 1));
        self.lost_octets = self.lost_octets.saturating_add(octets);
        let before = self.gap.map_or(0, |(octets, _)| octets);
        self.gap = Some((before.saturating_add(octets), frame));
    }

    /// Gives plain text, and the gap before it.
    pub(crate) fn give(&mut self, side: Side, bytes: &[u8], frame: FrameRef, out: &mut impl FnMut(Side, Event<'_>)) {
        if let (Some(_), None, [octet]) = (self.gap, self.lone, bytes) {
            self.lone = Some((*octet, frame));
            return;
        }
        if bytes.is_empty() {
            return;
        }
        self.give_gap(side, out);
        let joined;
        let bytes = match self.lone.take() {
            Some((octet, _)) => {
                joined = [&[octet], bytes].concat();
                &joined
            }
            None => bytes,
        };
        out(side, Event::Bytes { offset: self.offset, bytes, frame });
        self.offset += bytes.len() as u64;
        self.plain_octets += bytes.len() as u64;
        self.last = Some(frame);
    }

    /// Gives the end, after which nothing comes; before it the gap, if the side is `read`: of one that nobody can open
    /// nothing is missing.
    pub(crate) fn end(
        &mut self,
        side: Side,
        frame: FrameRef,
        (over, read): (bool, bool),
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        if self.ended {
            return;
        }
        if let Some((octet, frame)) = self.lone.take() {
            self.give_gap(side, out);
            self.give(side, &[octet], frame, out);
        }
        if read || self.plain_octets > 0 || self.proven {
            self.give_gap(side, out);
        }
        self.ended = true;
        out(side, Event::End { frame, over });
    }

    fn give_gap(&mut self, side: Side, out: &mut impl FnMut(Side, Event<'_>)) {
        if let Some((length, frame)) = self.gap.take() {
            out(side, Event::Gap { offset: self.offset, length, after: self.last, frame });
            self.offset = self.offset.saturating_add(length);
        }
    }
}
