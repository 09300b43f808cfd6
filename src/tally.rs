//! What became of each frame: used, or set aside for a reason with a name.
//!
//! In: one verdict per frame. Out: counts that always add up: frames read = used + set aside.
//! A fragment is set aside as [`SetAside::Fragment`] while its packet is not whole. When the packet
//! completes, all its fragments move to the fate of the packet: used, or set aside for the packet's reason.
//! So at the end `Fragment` counts exactly the frames of packets that never became whole, and fragments
//! that were dropped for a limit.

use std::collections::BTreeMap;
use std::fmt;

use crate::anomaly::{Anomaly, AnomalyKind, AnomalyLog};
use crate::frame::{FrameRef, LinkType};

/// Why a frame gave neither a TCP segment nor a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SetAside {
    /// The capture filter did not want it.
    Filtered,
    /// Its link type is not decoded.
    UnknownLink(LinkType),
    /// It carries something other than IP, for instance ARP.
    NotIp,
    /// The capture cut it before the end of its headers.
    CutShort,
    /// Its headers contradict themselves.
    Malformed,
    /// It carries an IP protocol other than TCP and UDP.
    OtherProtocol(u8),
    /// It is a fragment of a packet that is not whole.
    Fragment,
}

impl SetAside {
    /// A short stable name, as reports show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::UnknownLink(_) => "unknown-link",
            Self::NotIp => "not-ip",
            Self::CutShort => "cut-short",
            Self::Malformed => "malformed",
            Self::OtherProtocol(_) => "other-protocol",
            Self::Fragment => "fragment",
        }
    }

    /// What is wrong with the frame's bytes, if anything is: the detail of a
    /// [`BadFrame`](AnomalyKind::BadFrame) anomaly.
    pub const fn defect(self) -> Option<&'static str> {
        match self {
            Self::CutShort => Some("the capture cut the frame inside its headers"),
            Self::Malformed => Some("the frame's headers contradict themselves"),
            _ => None,
        }
    }
}

impl fmt::Display for SetAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLink(link) => write!(f, "unknown-link {}", link.0),
            Self::OtherProtocol(protocol) => write!(f, "other-protocol {protocol}"),
            other => f.write_str(other.name()),
        }
    }
}

/// Counts frames by what became of them.
///
/// Invariant: [`read`](Self::read) is the number of frames told of, and equals
/// [`used`](Self::used) plus all of [`set_aside`](Self::set_aside).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameTally {
    used: u64,
    set_aside: BTreeMap<SetAside, u64>,
}

impl FrameTally {
    /// Counts a frame whose segment was used, and the `waited` fragments before it that it completed
    /// (see `ip::Packet::waited`).
    #[inline]
    pub fn push_used(&mut self, waited: u32) {
        self.used += 1 + u64::from(waited);
        if waited > 0 {
            self.release(waited);
        }
    }

    /// Counts a frame that was set aside, and the `waited` fragments that share its fate. A defective
    /// frame is also an anomaly.
    pub fn push_set_aside(&mut self, reason: SetAside, at: FrameRef, waited: u32, anomalies: &mut AnomalyLog) {
        *self.set_aside.entry(reason).or_default() += 1 + u64::from(waited);
        if waited > 0 {
            self.release(waited);
        }
        if let Some(detail) = reason.defect() {
            anomalies.push(Anomaly { kind: AnomalyKind::BadFrame, frame: at, detail });
        }
    }

    /// Counts `frames` that a capture filter kept back.
    pub fn push_filtered(&mut self, frames: u64) {
        if frames > 0 {
            *self.set_aside.entry(SetAside::Filtered).or_default() += frames;
        }
    }

    /// Frames told of.
    pub fn read(&self) -> u64 {
        self.used + self.set_aside.values().sum::<u64>()
    }

    /// Frames that gave a segment or a datagram, alone or as a fragment.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Frames set aside, by reason, in a fixed order.
    pub fn set_aside(&self) -> impl Iterator<Item = (SetAside, u64)> {
        self.set_aside.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Takes `waited` frames out of the waiting ones: they have just been counted elsewhere.
    #[cold]
    fn release(&mut self, waited: u32) {
        if let Some(count) = self.set_aside.get_mut(&SetAside::Fragment) {
            *count = count.saturating_sub(u64::from(waited));
            if *count == 0 {
                self.set_aside.remove(&SetAside::Fragment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Timestamp;

    fn at(number: u64) -> FrameRef {
        FrameRef { input: 0, number, time: Timestamp::new(0, 6) }
    }

    #[test]
    fn fragments_share_the_fate_of_their_packet() {
        let mut log = AnomalyLog::default();
        let mut tally = FrameTally::default();
        for number in 1..=5 {
            tally.push_set_aside(SetAside::Fragment, at(number), 0, &mut log);
        }
        tally.push_used(2);
        tally.push_set_aside(SetAside::OtherProtocol(1), at(7), 1, &mut log);
        tally.push_set_aside(SetAside::Malformed, at(8), 0, &mut log);
        tally.push_filtered(4);
        assert_eq!(tally.read(), 12);
        assert_eq!(tally.used(), 3);
        let rows: Vec<_> = tally.set_aside().map(|(reason, count)| (reason.to_string(), count)).collect();
        let expected = [("filtered", 4), ("malformed", 1), ("other-protocol 1", 2), ("fragment", 2)];
        assert_eq!(rows, expected.map(|(name, count)| (name.to_string(), count)));
        assert_eq!(log.count(AnomalyKind::BadFrame), 1);
    }
}
