//! `lyncpush live` on interfaces of its own: each test makes a network namespace with a pair of them, and nothing
//! outside it is touched. That takes root on Linux; elsewhere the tests say that they were skipped.
#![cfg(target_os = "linux")]

#[path = "../command/mod.rs"]
mod command;
#[cfg(feature = "post")]
#[path = "../endpoint/mod.rs"]
mod endpoint;

mod bounds;
mod broken;
#[cfg(feature = "post")]
mod delivery;
mod kept;
mod ladders;
mod links;
mod load;
mod log;
mod metrics;
mod rights;
#[cfg(feature = "tls")]
mod secrets;
mod signals;
mod sipp;
mod terminal;
#[cfg(feature = "post")]
mod tickets;
mod view;
mod wire;
