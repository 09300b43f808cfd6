//! Counters that may be read while the stages run.

use std::sync::atomic::AtomicU64;

/// What happened so far. Each counter has one writer; together they are no snapshot.
#[derive(Debug, Default)]
pub struct Meters {
    /// Frames read.
    pub frames: AtomicU64,
    /// Octets of them.
    pub octets: AtomicU64,
    /// Frames for which the kernel's ring had no room.
    pub kernel_drops: AtomicU64,
    /// Frames that interfaces dropped.
    pub interface_drops: AtomicU64,
    /// How often interfaces were down or away.
    pub interruptions: AtomicU64,
    /// SIP messages.
    pub messages: AtomicU64,
    /// Those with a defect.
    pub malformed: AtomicU64,
    /// Calls that are open.
    pub calls: AtomicU64,
    /// Pushes that are open.
    pub pushes: AtomicU64,
    /// Calls and pushes that were closed early because a table was full.
    pub evicted: AtomicU64,
}
