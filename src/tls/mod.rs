//! TLS: records of both sides of a connection become the plain text they protect, with secrets that were given.
//!
//! It refuses to break anything: without a secret for a connection it says which one would help.

mod certificate;
mod facts;
mod half;
mod handshake;
mod keylog;
mod negotiation;
mod prf;
mod record;
mod rsakey;
mod secret;
mod secrets;
mod session;
#[cfg(test)]
mod specimen;
mod suite;
mod version;

pub use certificate::CertificateFacts;
pub use facts::{Alert, Facts, State};
pub use keylog::KeylogCount;
pub use record::{PROBE, Probe, probe};
pub use rsakey::{RsaKey, read_rsa_keys};
pub use secret::Secret;
pub use secrets::{MAX_SESSIONS, MAX_WAITING, Secrets};
pub use session::Session;
pub use version::Version;
