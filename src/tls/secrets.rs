//! All secrets of an analysis: those given, and those of sessions read, for when they are resumed.

use std::collections::{HashMap, VecDeque};

use super::certificate;
use super::keylog::{self, Entry, KeylogCount, Label};
use super::latest::Latest;
use super::rivals::{MAX_OLDER, Rivals};
use super::rsakey::RsaKey;
use super::secret::Secret;

/// The most sessions whose master secret is kept for their resumption. 16,384 (about 3 MB): a server's own cache
/// holds as many. The oldest is forgotten.
pub const MAX_SESSIONS: usize = 1 << 14;

/// The most octets of records that wait for a secret in all connections together. 64 MiB: a quarter of the memory an
/// analysis may take.
pub const MAX_WAITING: usize = 64 << 20;

/// The most octets that are tried to open under other numbers than the next, after losses, or are passed over in a key
/// stream, in all connections together. 2 GiB: some seconds of the slowest cipher, and thousands of losses in streams of
/// SIP.
const MAX_SEARCHED: u64 = 2 << 30;

/// Octets that may yet be tried or passed over.
#[derive(Debug)]
pub(crate) struct Searchable(pub(crate) u64);

impl Default for Searchable {
    fn default() -> Self {
        Self(MAX_SEARCHED)
    }
}

/// What is known of one connection by its client's random.
#[derive(Debug, Default)]
pub(crate) struct OfRandom {
    pub(crate) master: Rivals,
    pub(crate) premaster: Rivals,
    /// By side. Source: RFC 8446 §7.1.
    pub(crate) handshake: [Rivals; 2],
    /// By side.
    pub(crate) traffic: [Rivals; 2],
}

impl OfRandom {
    /// How many secrets are kept beside later ones.
    fn older(&self) -> usize {
        let Self { master, premaster, handshake, traffic } = self;
        [master, premaster].into_iter().chain(handshake).chain(traffic).map(Rivals::older).sum()
    }
}

/// How many more secrets may be kept beside later ones that contradict them.
#[derive(Debug)]
struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MAX_OLDER)
    }
}

/// The secrets to read with; one for all connections of an analysis.
#[derive(Debug, Default)]
pub struct Secrets {
    of_random: Latest<[u8; 32], OfRandom>,
    of_exchange: Latest<[u8; 8], Rivals>,
    of_session: Latest<Box<[u8]>, Rivals>,
    room: Room,
    rsa_keys: Vec<RsaKey>,
    /// No secrets, but shared by all sessions as they are.
    pub(crate) certificates: certificate::Known,
    remembered: HashMap<Box<[u8]>, Secret>,
    /// What is remembered, the oldest first.
    order: VecDeque<Box<[u8]>>,
    sealed: bool,
    /// What a search behind a loss may yet cost, in all connections.
    pub(crate) searchable: Searchable,
    /// A key log was given, with or without secrets in it.
    has_keylog: bool,
    /// The captures hold a key log, with or without secrets in it.
    has_embedded: bool,
    /// Octets that wait in all connections.
    waiting: usize,
}

impl Secrets {
    /// Adds the secrets of a key log text; says what became of its lines. Of those that contradict each other the latest
    /// few are kept, and the later ones tried first.
    pub fn push_keylog(&mut self, text: &[u8]) -> KeylogCount {
        self.has_keylog = true;
        keylog::read(text, |entry| self.push(entry))
    }

    /// The same of a key log text that stands in a capture.
    pub fn push_embedded(&mut self, text: &[u8]) -> KeylogCount {
        self.has_embedded = true;
        keylog::read(text, |entry| self.push(entry))
    }

    /// Keeps the secrets of the latest `most` connections only, and of as many key exchanges and sessions: for a key log
    /// that grows without an end.
    pub fn keep_latest(&mut self, most: usize) {
        self.of_random.bound(most);
        self.of_exchange.bound(most);
        self.of_session.bound(most);
    }

    /// Does something as if all secrets had been given: what waits then is given up.
    pub fn as_if_sealed<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.sealed, true);
        let done = act(self);
        self.sealed = before;
        done
    }

    /// Adds a server's key.
    pub fn push_rsa_key(&mut self, key: RsaKey) {
        self.rsa_keys.push(key);
    }

    /// Says that all secrets have been given: from now on nothing waits for one.
    pub fn seal(&mut self) {
        self.sealed = true;
    }

    /// Whether no secret was given at all.
    pub fn is_empty(&self) -> bool {
        self.of_random.is_empty()
            && self.of_exchange.is_empty()
            && self.of_session.is_empty()
            && self.rsa_keys.is_empty()
    }

    /// Whether there is a key log.
    pub(crate) fn has_keylog(&self) -> bool {
        self.has_keylog || self.has_embedded
    }

    /// What key logs there are, by where they come from.
    pub(crate) fn keylogs(&self) -> impl Iterator<Item = &'static str> {
        let all = [(self.has_keylog, "key log"), (self.has_embedded, "key log in the capture")];
        all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, name)| name)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed
    }

    fn push(&mut self, entry: Entry) {
        let room = &mut self.room.0;
        let (label, random, secret) = match entry {
            Entry::Exchange { begin, premaster } => {
                return self.of_exchange.entry(begin, |gone| *room += gone.older()).push(premaster, room);
            }
            Entry::Session { id, master } => {
                return self.of_session.entry(id, |gone| *room += gone.older()).push(master, room);
            }
            Entry::Random { label, random, secret } => (label, random, secret),
        };
        let of = self.of_random.entry(random, |gone| *room += gone.older());
        let [client_handshake, server_handshake] = &mut of.handshake;
        let [client_traffic, server_traffic] = &mut of.traffic;
        let rivals = match label {
            Label::Master => &mut of.master,
            Label::Premaster => &mut of.premaster,
            Label::ClientHandshake => client_handshake,
            Label::ServerHandshake => server_handshake,
            Label::ClientTraffic => client_traffic,
            Label::ServerTraffic => server_traffic,
        };
        rivals.push(secret, room);
    }

    pub(crate) fn of_random(&self, random: &[u8; 32]) -> Option<&OfRandom> {
        self.of_random.get(random)
    }

    /// The premaster secrets of key logs whose encrypted form is `encrypted`.
    pub(crate) fn of_exchange(&self, encrypted: &[u8]) -> Option<&Rivals> {
        self.of_exchange.get(encrypted.first_chunk::<8>()?)
    }

    /// The master secrets that key logs give for a session id.
    pub(crate) fn of_session(&self, id: &[u8]) -> Option<&Rivals> {
        self.of_session.get(id)
    }

    pub(crate) fn rsa_keys(&self) -> &[RsaKey] {
        &self.rsa_keys
    }

    /// The master secret of a session read before, by its id or ticket.
    pub(crate) fn remembered(&self, name: &[u8]) -> Option<&Secret> {
        self.remembered.get(name)
    }

    /// Keeps the master secret of a session that was read, under its id or ticket.
    pub(crate) fn remember(&mut self, name: &[u8], master: &Secret) {
        // Tickets are some hundred octets; one that is not is nobody's.
        if name.is_empty() || name.len() > 4096 || self.remembered.insert(name.into(), master.clone()).is_some() {
            return;
        }
        self.order.push_back(name.into());
        if self.order.len() > MAX_SESSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }

    /// Asks for room for `octets` that wait; false if there is none.
    pub(crate) fn admit(&mut self, octets: usize) -> bool {
        let admitted = self.waiting + octets <= MAX_WAITING;
        if admitted {
            self.waiting += octets;
        }
        admitted
    }

    /// Whether there are secrets of which the client's random does not tell whose they are.
    pub(crate) fn has_others(&self) -> bool {
        !(self.of_exchange.is_empty()
            && self.of_session.is_empty()
            && self.rsa_keys.is_empty()
            && self.remembered.is_empty())
    }

    /// Whether any connection waits for a secret.
    pub fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// Gives room back.
    pub(crate) fn release(&mut self, octets: usize) {
        self.waiting = self.waiting.saturating_sub(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_sessions_are_forgotten_first() {
        let mut secrets = Secrets::default();
        let master = Secret::new(&[1; 48]);
        for number in 0..=MAX_SESSIONS as u64 {
            secrets.remember(&number.to_be_bytes(), &master);
            secrets.remember(&number.to_be_bytes(), &master);
        }
        assert_eq!(secrets.remembered(&0u64.to_be_bytes()), None);
        assert_eq!(secrets.remembered(&1u64.to_be_bytes()), Some(&master));
        assert_eq!((secrets.remembered.len(), secrets.order.len()), (MAX_SESSIONS, MAX_SESSIONS));
        secrets.remember(&[], &master);
        assert_eq!(secrets.remembered(&[]), None, "no id is not an id");
    }

    #[test]
    fn of_a_key_log_without_an_end_the_latest_secrets_are_kept() {
        let mut secrets = Secrets::default();
        secrets.keep_latest(3);
        for number in 0..5_u8 {
            let line = format!("CLIENT_RANDOM {} {}\n", format!("{number:02x}").repeat(32), "ab".repeat(48));
            assert_eq!(secrets.push_keylog(line.repeat(2).as_bytes()).secrets, 2);
        }
        let known: Vec<bool> = (0..5).map(|number| secrets.of_random(&[number; 32]).is_some()).collect();
        assert_eq!(known, [false, false, true, true, true]);
    }

    #[test]
    fn what_is_forgotten_gives_its_room_back() {
        let mut secrets = Secrets::default();
        secrets.keep_latest(2);
        for number in 0..9_u8 {
            for secret in 0..3_u8 {
                let random = format!("{number:02x}").repeat(32);
                let text = format!(
                    "CLIENT_RANDOM {random} {}\nSERVER_TRAFFIC_SECRET_0 {random} {}\n",
                    format!("{secret:02x}").repeat(48),
                    format!("{secret:02x}").repeat(32)
                );
                secrets.push_keylog(text.as_bytes());
            }
        }
        // Two connections, each with two older ones of two kinds.
        assert_eq!(secrets.room.0, MAX_OLDER - 2 * 2 * 2);
    }

    #[test]
    fn key_exchanges_and_sessions_without_an_end_are_bounded_like_connections() {
        let mut secrets = Secrets::default();
        secrets.keep_latest(2);
        for number in 0..9_u8 {
            for secret in 0..3_u8 {
                let (name, secret) = (format!("{number:02x}").repeat(8), format!("{secret:02x}").repeat(48));
                let text = format!("RSA {name} {secret}\nRSA Session-ID:{name} Master-Key:{secret}\n");
                assert_eq!(secrets.push_keylog(text.as_bytes()).secrets, 2);
            }
        }
        for number in 0..9_u8 {
            let known = [secrets.of_exchange(&[number; 8]), secrets.of_session(&[number; 8])].map(|of| of.is_some());
            assert_eq!(known, [number > 6; 2], "{number}");
        }
        assert_eq!(secrets.room.0, MAX_OLDER - 2 * 2 * 2);
    }

    #[test]
    fn room_is_bounded() {
        let mut secrets = Secrets::default();
        assert!(secrets.admit(MAX_WAITING));
        assert!(!secrets.admit(1));
        secrets.release(MAX_WAITING);
        assert!(secrets.admit(1));
        assert!(secrets.is_waiting());
    }
}
