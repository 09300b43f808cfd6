//! TLS: what both sides of a connection say, out of the records that protect it, with secrets that were given.
//!
//! In: the events of TCP, and [`Secrets`]: key logs, RSA keys of servers. Out: events of the same type with the plain
//! text, and [`Facts`]: what was agreed on, certificates, alerts, and why something is not read. It refuses to know
//! what the text means, and to guess: an octet comes out only if its record's code or tag proves it.
//!
//! The other way round, [`Writer`] protects text for captures of our own, with secrets that it draws and gives away as
//! a key log: it makes keys and seals records with the code that reads them.
//!
//! `probe` tells TLS from other things, `record` divides octets into records, `handshake` records into messages, `negotiation` makes keys of what two
//! hellos agreed on, `suite` opens records, [`Session`] joins them for one connection. Ciphers and hashes are
//! RustCrypto's; what is made of them is here.
//!
//! Read are TLS 1.0 to 1.3. Not read: SSL 2.0 and 3.0, early data of TLS 1.3, compression of records, TLS that begins
//! in the middle of a connection, and what follows a loss under RC4.
//!
//! Of secrets that contradict each other each is tried, eight of a kind at most; behind a loss they share the search for
//! the next record's number.
//!
//! Limits: [`MAX_WAITING`], [`MAX_SESSIONS`]; a message of more than 256 KiB, a loss of more than 4,096 records and 64
//! failures in a row end the reading of a side.

mod certificate;
mod choice;
mod facts;
mod following;
mod half;
mod handshake;
mod keylog;
mod latest;
mod negotiation;
mod plain;
mod prf;
mod probe;
mod record;
mod rivals;
mod rsakey;
mod schedule;
mod secret;
mod secrets;
mod session;
#[cfg(test)]
mod specimen;
mod suite;
mod version;
mod writer;

pub use certificate::CertificateFacts;
pub use choice::Choice;
pub use facts::{Alert, Facts, State};
pub use following::Followed;
pub use keylog::KeylogCount;
pub use plain::PlainText;
pub use probe::{PROBE, Probe, probe};
pub use rsakey::{RsaKey, needs_password, read_rsa_keys};
pub use secret::{Password, Secret, read_secret_file};
pub use secrets::{MAX_SESSIONS, MAX_WAITING, Secrets};
pub use session::Session;
pub use version::Version;
pub use writer::{Draw, Handshake, Identity, Parties, Writer};
