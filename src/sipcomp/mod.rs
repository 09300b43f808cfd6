//! Microsoft's SIP compression: from the packets of a connection to its text.
//!
//! In: the stream events of both sides of a connection on which a NEGOTIATE was accepted. Out: stream events of the
//! text, whose offsets count text. It refuses to know who negotiated and what the text says, but for the first line
//! of a direction, by which it finds out how packets are laid out (see [`LAYOUTS`]).
//!
//! ```text
//! octets ─Held→ chain (layout, where packets begin) ─→ packet (flags) ─→ mppc (history) ─→ text
//! ```
//!
//! After lost octets only text is given every octet of which is certain; the rest is a gap. How much text was lost is
//! known when the loss lies inside one packet that states it, else the gap has
//! [`UNKNOWN_LENGTH`](crate::stream::UNKNOWN_LENGTH).
//! Limits: [`UNDECIDED_LIMIT`]; once the layout is known, one packet and 8 KiB of history for each side.
//! Source: \[MS-SIPCOMP\]; RFC 2118.

mod chain;
mod compressor;
mod half;
mod held;
pub mod mppc;
mod packet;
#[cfg(test)]
mod tests;

use self::chain::Fit;
use self::half::Half;
use crate::anomaly::AnomalyLog;
use crate::flow::Side;
use crate::frame::FrameRef;
use crate::stream::Event;

pub use self::chain::recognise;
pub use self::compressor::Compressor;
pub use self::packet::{Flags, LAYOUTS, Layout};

/// Octets a side may hold back while no layout is found: several of the longest packets.
pub const UNDECIDED_LIMIT: u64 = 8 * mppc::HISTORY as u64;
/// First octets of a connection that are kept to be shown.
const SHOWN: usize = 16;

/// How far the reading of a connection has come.
#[derive(Clone, Copy, Debug)]
pub enum Status {
    /// Octets are held back until it can be told how packets are laid out: nothing can be said to be missing yet.
    Undecided,
    /// Packets of this layout are read.
    Reading(&'static Layout),
    /// The octets fit no layout that is known: nothing of the connection is given out any more.
    Unrecognised,
    /// The first packets of a side are lost, and the other one's do not tell the layout: nothing is given out either.
    Damaged,
}

impl Status {
    /// Whether packets are read.
    pub const fn is_reading(self) -> bool {
        matches!(self, Self::Reading(_))
    }
}

/// The receiving ends of both sides of one connection.
#[derive(Debug)]
pub struct Decompressor {
    halves: [Half; 2],
    status: Status,
    /// Who sent octets first, and the first ones.
    shown: Option<(Side, Vec<u8>)>,
}

impl Decompressor {
    /// A connection whose sides compress from these stream offsets on: the octet after the NEGOTIATE request for the
    /// client, the octet after its response for the server. What lies before them is ignored.
    pub fn new(begin: [u64; 2]) -> Self {
        Self { halves: begin.map(Half::new), status: Status::Undecided, shown: None }
    }

    /// Learns that where `side` begins is a guess: octets before that place are lost.
    pub fn doubt(&mut self, side: Side) {
        self.half(side).is_guess = true;
    }

    /// How far it has come.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The first octets that came, in hexadecimal: what tells an unknown layout.
    pub fn first_octets(&self) -> String {
        let octets = self.shown.iter().flat_map(|(_, octets)| octets);
        octets.map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
    }

    /// Takes the next event of one side in. Gives events of the text of either side: what one side waited for may
    /// be decided by the other.
    ///
    /// Anomalies: [`BadCompression`](crate::anomaly::AnomalyKind::BadCompression).
    pub fn push(
        &mut self,
        side: Side,
        event: Event<'_>,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        match event {
            Event::Bytes { offset, bytes, frame } => {
                let begin = self.half(side).begin;
                let skipped = usize::try_from(begin.saturating_sub(offset)).unwrap_or(usize::MAX);
                let Some(own @ [_, ..]) = bytes.get(skipped..) else { return };
                self.show(side, own);
                if !self.is_given_up() {
                    self.half(side).push(own, frame);
                }
            }
            Event::Gap { offset, length, frame, .. } => {
                if offset.saturating_add(length) > self.half(side).begin {
                    self.gap(side, length, frame, anomalies, out);
                }
            }
            Event::Witness { frame } => return out(side, Event::Witness { frame }),
            Event::End { frame, over } => self.half(side).end = Some((frame, over)),
        }
        self.decide();
        self.read(anomalies, out);
    }

    fn half(&mut self, side: Side) -> &mut Half {
        side.of(&mut self.halves)
    }

    /// Whether nothing is given out any more.
    const fn is_given_up(&self) -> bool {
        matches!(self.status, Status::Unrecognised | Status::Damaged)
    }

    fn show(&mut self, side: Side, octets: &[u8]) {
        let (first, shown) = self.shown.get_or_insert_with(|| (side, Vec::new()));
        if *first == side {
            let room = SHOWN.saturating_sub(shown.len());
            shown.extend_from_slice(octets.get(..room).unwrap_or(octets));
        }
    }

    fn gap(
        &mut self,
        side: Side,
        length: u64,
        frame: FrameRef,
        anomalies: &mut AnomalyLog,
        out: &mut impl FnMut(Side, Event<'_>),
    ) {
        let layout = match self.status {
            Status::Unrecognised | Status::Damaged => return,
            Status::Undecided => None,
            Status::Reading(layout) => Some(layout),
        };
        // Whole packets that came before the loss are not touched by it.
        self.read(anomalies, out);
        self.half(side).gap(layout, length, frame, &mut |event| out(side, event));
    }

    /// Looks for the layout while it is not known.
    fn decide(&mut self) {
        if !matches!(self.status, Status::Undecided) {
            return;
        }
        let (mut is_strange, mut is_long) = (false, false);
        for half in &self.halves {
            match half.choose() {
                Ok(layout) => return self.status = Status::Reading(layout),
                Err(fit) => {
                    is_strange |= fit == Fit::No;
                    is_long |= half.seen > UNDECIDED_LIMIT;
                }
            }
        }
        let is_over = self.halves.iter().all(|half| half.end.is_some()) && self.halves.iter().any(|half| half.seen > 0);
        match self.halves.iter().any(Half::has_lost_its_beginning) {
            _ if is_strange => self.give_up(Status::Unrecognised),
            is_lost if is_long || is_over => {
                self.give_up(if is_lost { Status::Damaged } else { Status::Unrecognised });
            }
            _ => {}
        }
    }

    fn give_up(&mut self, status: Status) {
        self.status = status;
        self.halves.iter_mut().for_each(Half::clear);
    }

    /// Gives what both sides have for the layout that was found, and their ends.
    fn read(&mut self, anomalies: &mut AnomalyLog, out: &mut impl FnMut(Side, Event<'_>)) {
        for side in [Side::Client, Side::Server] {
            let Status::Reading(layout) = self.status else { break };
            let is_sound = self.half(side).read(layout, anomalies, &mut |event| out(side, event));
            // A layout in which no second packet follows the first one was the wrong one.
            if !is_sound && self.halves.iter().map(|half| half.packets).sum::<u64>() < 2 {
                self.give_up(Status::Unrecognised);
            }
        }
        for side in [Side::Client, Side::Server] {
            let status = self.status;
            let half = self.half(side);
            let Some((frame, over)) = half.end.filter(|_| !half.is_over) else { continue };
            match status {
                // The other side may still show how to read what waits.
                Status::Undecided if half.is_waiting() => continue,
                Status::Undecided | Status::Unrecognised | Status::Damaged => {}
                Status::Reading(layout) => half.finish(layout, frame, anomalies, &mut |event| out(side, event)),
            }
            half.is_over = true;
            out(side, Event::End { frame, over });
        }
    }
}
