//! The reading half, from a file to SIP messages: against captures of others, against tshark, and against damage.

mod analysis;
mod captures;
#[path = "../faults/mod.rs"]
mod faults;
mod losses;
mod messages;
mod order;
mod others;
mod recognition;
mod sweeps;
mod tshark;
mod tunnels;
mod wire;
