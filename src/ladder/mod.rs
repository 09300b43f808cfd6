//! Correlation: messages to calls, pushes, legs and ladders, as they come.
//!
//! In: parsed SIP messages with their connection and frame. Out: closed [`Ladder`]s, which hold facts
//! only: what was seen, where and when. Whether that is right is for [`judge`](crate::judge) to say.
//! It reads no clock: time is the capture's own. Limits: see [`correlator`] and [`coverage`].

pub mod client;
pub mod correlator;
pub mod coverage;
pub mod join;
pub mod kept;
pub mod leg;
pub mod profile;
pub mod rung;

mod call;
mod closing;
mod hop;
mod observe;
mod push;
mod redaction;
mod settle;
mod stray;
mod table;

pub use correlator::Correlator;
pub use redaction::Texts;
pub use rung::Ladder;
