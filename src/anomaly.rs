//! Bad bytes: defects that are counted and cited but never stop the reading.
//!
//! An [`Anomaly`] means bytes are defective or unreadable. It is not an [`Error`](crate::error::Error)
//! (lyncpush cannot do its job) and not a finding (the push exchange is wrong).

use std::collections::BTreeMap;

use crate::frame::FrameRef;

/// What kind of defect it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyKind {
    /// The frames of a capture go back in time.
    FrameOrder,
    /// A frame could not be decoded down to TCP or UDP although its headers said so.
    BadFrame,
    /// A frame that may carry SIP was cut by the capture's snapshot length: part of what it carries is missing.
    CutFrame,
    /// IP fragments that never became a whole packet: expired, overlapping, or over a limit.
    LostFragments,
    /// Two copies of the same octets of a TCP stream or of a fragmented packet differ; the first was kept.
    ConflictingOverlap,
    /// A TCP buffer limit was reached and a hole was given up as lost.
    TcpBufferLimit,
    /// A table of connections, fragments or calls was full and its oldest entry was dropped.
    TableLimit,
    /// A SIP message breaks the grammar; what could be read of it was used.
    MalformedMessage,
    /// A SIP message is larger than the configured limit and was skipped.
    OversizedMessage,
    /// Bytes between SIP messages that are neither a message nor white space.
    JunkBetweenMessages,
    /// A SIP message was cut by lost bytes or by the end of its stream.
    IncompleteMessage,
    /// A packet of SIP compression breaks the rules; its text is lost, unless the detail says otherwise.
    BadCompression,
}

impl AnomalyKind {
    /// A short stable name, as reports show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FrameOrder => "frame-order",
            Self::BadFrame => "bad-frame",
            Self::CutFrame => "cut-frame",
            Self::LostFragments => "lost-fragments",
            Self::ConflictingOverlap => "conflicting-overlap",
            Self::TcpBufferLimit => "tcp-buffer-limit",
            Self::TableLimit => "table-limit",
            Self::MalformedMessage => "malformed-message",
            Self::OversizedMessage => "oversized-message",
            Self::JunkBetweenMessages => "junk-between-messages",
            Self::IncompleteMessage => "incomplete-message",
            Self::BadCompression => "bad-compression",
        }
    }
}

/// One defect, with the frame that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind.
    pub kind: AnomalyKind,
    /// Where.
    pub frame: FrameRef,
    /// What exactly, one line, no secrets and no message text.
    pub detail: &'static str,
}

/// How many anomalies of one kind there were, and the first few of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnomalyCount {
    /// All of them.
    pub count: u64,
    /// The first [`AnomalyLog::CITED`], in the order met.
    pub first: Vec<Anomaly>,
}

/// Counts anomalies by kind and keeps the first few of each, so that memory stays bounded.
#[derive(Clone, Debug, Default)]
pub struct AnomalyLog {
    kinds: BTreeMap<AnomalyKind, AnomalyCount>,
}

impl AnomalyLog {
    /// How many anomalies of a kind are kept with their frames.
    pub const CITED: usize = 8;

    /// Counts one.
    pub fn push(&mut self, anomaly: Anomaly) {
        let entry = self.kinds.entry(anomaly.kind).or_default();
        entry.count += 1;
        if entry.first.len() < Self::CITED {
            entry.first.push(anomaly);
        }
    }

    /// Adds what another log has counted; the first of both, by time, are cited.
    pub fn append(&mut self, other: &Self) {
        for (kind, counted) in &other.kinds {
            let entry = self.kinds.entry(*kind).or_default();
            entry.count += counted.count;
            entry.first.extend_from_slice(&counted.first);
            entry.first.sort_by_key(|one| (one.frame.time, one.frame.input, one.frame.number));
            entry.first.truncate(Self::CITED);
        }
    }

    /// How many of `kind` there were.
    pub fn count(&self, kind: AnomalyKind) -> u64 {
        self.kinds.get(&kind).map_or(0, |entry| entry.count)
    }

    /// Every kind that occurred, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (AnomalyKind, &AnomalyCount)> {
        self.kinds.iter().map(|(kind, count)| (*kind, count))
    }
}
