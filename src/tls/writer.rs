//! The writing of a connection that only looks like a negotiated one: nobody proves anything to anybody, no secret is
//! agreed on. The secrets are drawn and written down, and with them it reads like any other.
//!
//! Keys are made, and records sealed, by the code that reads them.

mod identity;
mod messages;
mod staging;

use super::choice::Choice;
use super::record::{self, MAX_TEXT, kind};
use super::suite::Sealer;
use super::version::Version;
use crate::error::{Error, Result};
use crate::flow::Side;
pub use identity::Identity;
use staging::Staging;

/// Fills octets with what looks drawn by lot.
pub type Draw = Box<dyn FnMut(&mut [u8])>;

/// Who takes part in a connection.
#[derive(Clone, Copy, Debug)]
pub struct Parties<'a> {
    /// The server's name, as the client asks for it.
    pub server_name: &'a str,
    /// What the server says it is. A suite whose name has `anon` does without.
    pub server: &'a Identity,
    /// What the client says it is, where the server asks: mutual TLS.
    pub client: Option<&'a Identity>,
}

/// What both sides say before the first octet of text.
pub struct Handshake {
    /// Records, by who sends them, in the order in which they are sent.
    pub flights: Vec<(Side, Vec<u8>)>,
    /// The lines of a key log that open the connection.
    pub keylog: String,
}

/// Writes both sides of one connection.
pub struct Writer {
    choice: Choice,
    sealers: [Sealer; 2],
    /// What a client of TLS 1.3 protects instead of its part of the handshake.
    instead: Option<Sealer>,
    draw: Draw,
}

impl Writer {
    /// Begins a connection between `parties`. The same draws give the same octets.
    ///
    /// # Errors
    /// None that is known: keys always have the length their cipher asks for.
    pub fn begin(choice: Choice, parties: Parties<'_>, draw: Draw) -> Result<(Self, Handshake)> {
        let mut staging = Staging::new(choice, draw);
        let keylog = match choice.version {
            Version::Tls13 => staging.modern(parties)?,
            _ => staging.classic(parties)?,
        };
        let Staging { flights, sealers: [Some(client), Some(server)], instead, draw, .. } = staging else {
            return Err(fault());
        };
        Ok((Self { choice, sealers: [client, server], instead, draw }, Handshake { flights, keylog }))
    }

    /// The records in which `side` sends `text`.
    ///
    /// # Errors
    /// None that is known.
    pub fn seal(&mut self, side: Side, text: &[u8]) -> Result<Vec<u8>> {
        // What protects from guesses at the block before. Source: <https://www.openssl.org/~bodo/tls-cbc.txt>.
        let is_split = self.choice.version == Version::Tls10 && self.choice.suite.cipher.is_block();
        let (first, rest) = text.split_at(text.len().min(usize::from(is_split)));
        let mut out = Vec::with_capacity(text.len() + 128);
        for piece in first.chunks(MAX_TEXT).chain(rest.chunks(MAX_TEXT)) {
            self.record(side, kind::APPLICATION_DATA, piece, &mut out)?;
        }
        Ok(out)
    }

    /// The record in which `side` says that nothing follows.
    ///
    /// # Errors
    /// None that is known.
    pub fn close(&mut self, side: Side) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.record(side, kind::ALERT, &[1, 0], &mut out)?;
        Ok(out)
    }

    /// The record in which `side`, instead of accepting what the other said last in its handshake, ends it with the
    /// fatal alert `number`.
    ///
    /// # Errors
    /// None that is known.
    pub fn refuse(&mut self, side: Side, number: u8) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let version = self.choice.version;
        let front = |kind| record::front(kind, version.in_records());
        match (version, side) {
            (Version::Tls13, Side::Client) => {
                if let Some(instead) = self.instead.take() {
                    record::write(front(kind::CHANGE_CIPHER_SPEC), &[1], &mut out);
                    *side.of(&mut self.sealers) = instead;
                }
                self.record(side, kind::ALERT, &[2, number], &mut out)?;
            }
            // Its own part of the handshake is over by then.
            (Version::Tls13, Side::Server) => self.record(side, kind::ALERT, &[2, number], &mut out)?,
            _ => record::write(front(kind::ALERT), &[2, number], &mut out),
        }
        Ok(out)
    }

    fn record(&mut self, side: Side, kind: u8, text: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let sealer = side.of(&mut self.sealers);
        let mut initial = [0; 16];
        (self.draw)(&mut initial);
        sealer.seal(kind, text, &initial, out).ok_or_else(fault)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("choice", &self.choice).finish_non_exhaustive()
    }
}

/// What does not happen, since keys are made for their cipher and records are short.
fn fault() -> Error {
    Error::new("a TLS record cannot be written")
}
