//! What hides the text of connections: TLS, with the key log that opens it.
//!
//! Every TCP connection is protected, as it is between Lync servers: also those of the mobility services over loopback.

use super::options::{Options, unknown};
use super::random::Random;
use super::topology::{CLEARING_HOUSE, Hop};
use crate::error::{Error, Result};
use crate::flow::Side;
use crate::spelling::distance;
use crate::tls::{Draw, Identity, Parties, Version, Writer};

pub use crate::tls::Choice;
pub(super) use crate::tls::Handshake;

/// How long before the beginning of the capture certificates became valid, and how long after it they are, seconds:
/// two years, as Windows makes them out.
const VALID: [i64; 2] = [200 * 86_400, 530 * 86_400];
/// Who vouches for the clearing house, in public; every other host vouches for itself.
const AUTHORITIES: &[&str] = &["Example Issuing CA", "Example Root CA"];
/// Suites that are named when one is not known.
const NEAREST: usize = 3;
/// Octets of the longest name that is compared with others: comparing takes time by length.
const LONGEST: usize = 64;
/// The server does not know who signed the client's certificate. Source: RFC 8446 §6.2.
const UNKNOWN_CA: u8 = 48;

/// Reads `VERSION:SUITE`, such as `1.2:TLS_RSA_WITH_AES_256_CBC_SHA`; the suite's `TLS_` may be left out.
///
/// # Errors
/// Versions that are not known, the line names those that are; suites that are not known or do not belong to the
/// version, the line names the nearest or the versions it belongs to.
pub fn protection(text: &str) -> Result<Choice> {
    let (number, suite) = text
        .split_once(':')
        .ok_or_else(|| Error::new("expected VERSION:SUITE, such as 1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"))?;
    let numbers = Version::ALL.map(|version| version.name().trim_start_matches("TLS "));
    let mut known = Version::ALL.into_iter().zip(numbers);
    let (version, _) =
        known.find(|(_, name)| *name == number).ok_or_else(|| unknown("version of TLS", number, &numbers))?;
    let is_meant = |name: &str| [name, name.trim_start_matches("TLS_")].iter().any(|n| n.eq_ignore_ascii_case(suite));
    if let Some(choice) = Choice::of(version).find(|choice| is_meant(choice.suite())) {
        return Ok(choice);
    }
    let all = "`lyncpush simulate --list-suites` shows all";
    if let Some((name, versions)) = suites().find(|(name, _)| is_meant(name)) {
        let (versions, version) = (versions.join(", "), version.name());
        return Err(Error::new(format!("{name} belongs to TLS {versions} and not to {version}; {all}")));
    }
    let near = match nearest(suite, version).as_slice() {
        [] => ";".to_owned(),
        [one] => format!(", did you mean {one}?"),
        [most @ .., last] => format!(", did you mean {} or {last}?", most.join(", ")),
    };
    Err(Error::new(format!("unknown cipher suite of {} {suite:?}{near} {all}", version.name())))
}

/// Every cipher suite that can be written, with the versions it belongs to, such as `1.2`.
pub fn suites() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let mut suites: Vec<(&str, Vec<&str>)> = Vec::new();
    for choice in Choice::all() {
        let version = choice.version().name().trim_start_matches("TLS ");
        match suites.iter_mut().find(|(name, _)| *name == choice.suite()) {
            Some((_, versions)) => versions.push(version),
            None => suites.push((choice.suite(), vec![version])),
        }
    }
    suites.into_iter()
}

/// The suites of `version` whose names are most like `wrong`, the nearest first; none if none is like it.
///
/// Names are compared by their parts, so that also those that other programs write are understood, such as
/// `ECDHE-RSA-AES256-SHA384`; what has as many parts in common is told apart by its letters.
fn nearest(wrong: &str, version: Version) -> Vec<&'static str> {
    if wrong.len() > LONGEST {
        return Vec::new();
    }
    let wrong = wrong.to_ascii_uppercase();
    let meant = parts(&wrong);
    let mut like: Vec<(usize, usize, &str)> = Choice::of(version)
        .filter_map(|choice| {
            let name = choice.suite().to_ascii_uppercase();
            let (mut theirs, all) = (parts(&name), parts(&name).len() + meant.len());
            let shared = meant.iter().filter(|part| {
                let at = theirs.iter().position(|other| other == *part);
                at.map(|at| theirs.swap_remove(at)).is_some()
            });
            let shared = shared.count();
            // At least half of what was asked for.
            (shared > 0 && 2 * shared >= meant.len())
                .then(|| (all - 2 * shared, distance(&wrong, &name), choice.suite()))
        })
        .collect();
    like.sort_unstable();
    like.into_iter().take(NEAREST).map(|(_, _, name)| name).collect()
}

/// What the name of a suite says: its words and numbers, without those that every name has.
fn parts(name: &str) -> Vec<&str> {
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .flat_map(|word| word.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()))
        .filter_map(|part| std::str::from_utf8(part).ok())
        .filter(|part| !matches!(*part, "TLS" | "WITH"))
        .collect()
}

/// What protects one connection.
pub(super) struct Protection(Writer);

impl Protection {
    /// Protects a connection on `hop`, of which `path` makes its draws differ from those of all others; gives also what
    /// is said before any text.
    ///
    /// Servers show each other their certificates; users' desktops have none.
    pub(super) fn begin(choice: Choice, options: &Options, hop: Hop, path: &[u64]) -> Result<(Self, Handshake)> {
        let draw = |path: &[u64]| -> Draw {
            let mut random = Random::of(path);
            Box::new(move |octets| random.fill(octets))
        };
        let start = options.start.nanos() / 1_000_000_000;
        let [before, after] = VALID;
        let valid = [start.saturating_sub(before).max(0), start.saturating_add(after)];
        // A host has the same certificate in every connection.
        let identity = |name: &str| {
            let number = name.bytes().fold(0u64, |number, octet| number.wrapping_mul(257).wrapping_add(octet.into()));
            let authorities = if name == CLEARING_HOUSE { AUTHORITIES } else { &[] };
            Identity::new(name, authorities, choice, valid, draw(&[options.seed, number, 0x6365_7274]))
        };
        let (client, server_name) = hop.names();
        let (client, server) = (client.map(identity).transpose()?, identity(server_name)?);
        let parties = Parties { server_name, server: &server, client: client.as_ref() };
        let draw = draw(&[&[options.seed, 0x746c_7331], path].concat());
        Writer::begin(choice, parties, draw).map(|(writer, handshake)| (Self(writer), handshake))
    }

    /// The records in which `side` sends `text`.
    pub(super) fn seal(&mut self, side: Side, text: &[u8]) -> Result<Vec<u8>> {
        self.0.seal(side, text)
    }

    /// The record in which `side` says that nothing follows.
    pub(super) fn close(&mut self, side: Side) -> Result<Vec<u8>> {
        self.0.close(side)
    }

    /// How many flights of the handshake come before `side` does not accept the other one's certificate, and the record
    /// in which it says so.
    pub(super) fn refuse(&mut self, side: Side) -> Result<(usize, Vec<u8>)> {
        // The server's certificate is in the second flight, the client's in the third.
        let flights = if side == Side::Client { 2 } else { 3 };
        Ok((flights, self.0.refuse(side, UNKNOWN_CA)?))
    }
}

#[cfg(test)]
mod tests;
