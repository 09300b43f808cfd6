//! Captures of TLS and of compressed connections through the whole program: what is opened reads as it does in the
//! clear, what is not is said to be unreadable, and no secret comes out again.
//!
//! Captures are simulated, or made of the sessions of real TLS libraries in `tests/tls/data`.

#[path = "../analysis/mod.rs"]
mod analysis;
mod broken_off;
#[path = "../command/mod.rs"]
mod command;
#[cfg(feature = "post")]
#[path = "../endpoint/mod.rs"]
mod endpoint;
#[path = "../faults/mod.rs"]
mod faults;
#[path = "../tls/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of TLS alone")]
mod fixture;
mod foreign;
mod handshakes;
mod late;
mod losses;
#[path = "../tls/pair.rs"]
mod pair;
mod parts;
#[path = "../pcap/mod.rs"]
mod pcap;
mod pcapng;
mod rivals;
mod secrets;
mod sessions;
mod stories;
