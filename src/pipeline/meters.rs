//! Counters that may be read while the stages run.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

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
    /// Interfaces by their names, and whether each is down or away now.
    pub interfaces: Mutex<Vec<(String, bool)>>,
}

impl Meters {
    /// Names of the interfaces that are down or away now.
    pub fn down(&self) -> Vec<String> {
        let interfaces = self.interfaces.lock().unwrap_or_else(PoisonError::into_inner);
        interfaces.iter().filter(|(_, down)| *down).map(|(name, _)| name.clone()).collect()
    }
}
