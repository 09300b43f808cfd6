//! One handshake: what the two sides agreed on, and the keys that follow from it with the secrets that are given.

mod candidates;
mod refusal;

use super::handshake::{self, ClientHello, ServerHello, kind};
use super::prf::Transcript;
use super::secret::Secret;
use super::secrets::Secrets;
use super::suite::{Opener, Suite};
use super::version::Version;
use crate::flow::Side;
use crate::unreadable::{Hurdle, UnreadableReason};
pub(crate) use candidates::updated;

/// The most octets of a side's messages that are kept for the extended master secret: a chain of certificates and
/// little more.
const MAX_FLIGHT: usize = 256 << 10;

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) reason: UnreadableReason,
    /// One line that says more.
    pub(crate) detail: String,
    pub(crate) hurdle: Option<Hurdle>,
}

impl Unread {
    pub(crate) fn new(reason: UnreadableReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), hurdle: None }
    }

    /// The same where something else helps than the reason tells.
    pub(crate) fn at(self, hurdle: Hurdle) -> Self {
        Self { hurdle: Some(hurdle), ..self }
    }
}

/// What is agreed on once both hellos were seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed {
    pub(crate) version: Version,
    pub(crate) suite: &'static Suite,
}

/// Which of the two sets of TLS 1.3 keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Of the encrypted part of the handshake.
    Handshake,
    /// Of everything behind it.
    Traffic,
}

/// The keys of one direction.
#[derive(Debug)]
pub(crate) struct Direction {
    pub(crate) opener: Box<Opener>,
    pub(crate) stage: Stage,
    /// What they were made of. In TLS 1.3 the traffic secret: the next ones are made of it, too. Before, the master secret,
    /// until they have proved right.
    pub(crate) secret: Option<Secret>,
}

/// What a handshake has shown so far.
#[derive(Debug, Default)]
pub(crate) struct Negotiation {
    pub(crate) client: Option<ClientHello>,
    pub(crate) server: Option<ServerHello>,
    /// The ClientHello as it stands on the wire, where the master secret may depend on it.
    opening: Vec<u8>,
    /// It and what the server sent, once both agreed that the master secret depends on it.
    transcript: Option<Box<Transcript>>,
    /// What the server sent, while the ClientHello is not there: the two sides may come out of order.
    server_flight: Vec<u8>,
    /// What the client sent up to its key exchange. It follows the server's in the hash, even if it was captured before.
    client_flight: Vec<u8>,
    exchanged: bool,
    /// The server has said all it says before the client's key exchange.
    answered: bool,
    /// Whether octets are missing of what each side said up to that.
    torn: [bool; 2],
    encrypted_premaster: Vec<u8>,
    /// The modulus of the server's certificate; empty where that was not seen, does not parse, or is not of RSA.
    pub(crate) modulus: Vec<u8>,
    /// Keys are agreed on anew, not taken from an earlier session.
    pub(crate) full: bool,
    /// The ticket the server gave for a later session.
    pub(crate) new_ticket: Vec<u8>,
    /// The master secret of which keys have opened a record.
    master: Option<Secret>,
    /// What both sides' keys are cut out of, while they are needed, and the master secret it was made of.
    block: Option<(Secret, Secret)>,
    /// What RSA keys make of the encrypted premaster secret, once that was tried.
    decrypted: Option<Vec<Secret>>,
    /// Kinds of secret that were looked for and found, whether or not keys could be made of them.
    tried: Vec<&'static str>,
    /// Those of which keys were tried.
    keyed: Vec<&'static str>,
    /// Where secrets were looked for in vain the last time.
    searched: Vec<&'static str>,
    /// Why there are no keys of another kind of secret than those that are refused.
    beside: Option<Unread>,
}

impl Negotiation {
    /// A handshake that begins with `hello`, which is `message` on the wire.
    pub(crate) fn begin(hello: ClientHello, message: &[u8]) -> Self {
        let mut negotiation = Self::default();
        negotiation.complete(hello, message);
        negotiation
    }

    /// Adds the ClientHello, which comes after what it began.
    pub(crate) fn complete(&mut self, hello: ClientHello, message: &[u8]) {
        if hello.extended_master_secret {
            self.opening = message.to_vec();
        }
        self.client = Some(hello);
        let flight = std::mem::take(&mut self.server_flight);
        self.open_transcript();
        self.hash(&flight);
    }

    /// Begins to hash, once it is known that there is need of it, and how.
    fn open_transcript(&mut self) {
        if self.is_extended()
            && let Ok(Agreed { version, suite }) = self.agreed()
        {
            let transcript = self.transcript.insert(Box::new(Transcript::new(suite.prf(version))));
            transcript.push(&std::mem::take(&mut self.opening));
        }
    }

    fn hash(&mut self, messages: &[u8]) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(messages);
        }
    }

    /// Whether the master secret depends on the handshake's messages. Source: RFC 7627 §5.
    fn is_extended(&self) -> bool {
        self.client.as_ref().is_some_and(|hello| hello.extended_master_secret)
            && self.server.as_ref().is_some_and(|hello| hello.extended_master_secret)
    }

    /// Takes a message of the handshake behind the ClientHello, header included, that is not encrypted or was opened.
    pub(crate) fn push(&mut self, side: Side, message: &[u8]) {
        let (Some(kind), Some(body)) = (message.first(), message.get(4..)) else { return };
        match (side, *kind) {
            (_, 0) => return, // HelloRequest is not part of any handshake.
            (Side::Client, _) if self.exchanged => return,
            (Side::Client, _) if self.client_flight.len() + message.len() > MAX_FLIGHT => return,
            (Side::Client, kind) => {
                self.client_flight.extend_from_slice(message);
                if kind == kind::CLIENT_KEY_EXCHANGE {
                    self.exchanged = true;
                    self.full = true;
                    self.encrypted_premaster = handshake::encrypted_premaster(body).unwrap_or_default().to_vec();
                }
                return;
            }
            (Side::Server, kind::SERVER_HELLO) => {
                self.server = handshake::server_hello(body);
                self.open_transcript();
            }
            (Side::Server, kind::CERTIFICATE) => self.full = true,
            (Side::Server, kind::SERVER_HELLO_DONE) => (self.full, self.answered) = (true, true),
            (Side::Server, kind::NEW_SESSION_TICKET) => {
                self.new_ticket = handshake::new_ticket(body).unwrap_or_default().to_vec();
                return;
            }
            _ => {}
        }
        if self.client.is_some() {
            self.hash(message);
        } else if self.server_flight.len() + message.len() <= MAX_FLIGHT {
            self.server_flight.extend_from_slice(message);
        }
    }

    /// Octets of what `side` says unprotected are missing.
    pub(crate) fn lose(&mut self, side: Side) {
        let [exchanged, answered] = self.turns();
        *side.of(&mut self.torn) |= match side {
            Side::Client => !exchanged,
            Side::Server => !answered,
        };
    }

    /// The version and suite agreed on.
    pub(crate) fn agreed(&self) -> Result<Agreed, Unread> {
        let Some(server) = &self.server else {
            return Err(Unread::new(UnreadableReason::TlsNoHandshake, "the capture does not show the server's hello"));
        };
        let unsupported = |what: String| Unread::new(UnreadableReason::TlsUnsupportedSuite, what);
        let version = Version::of(server.version)
            .ok_or_else(|| unsupported(format!("version {:#06x} of the protocol is not read", server.version)))?;
        let suite = Suite::of(server.suite)
            .ok_or_else(|| unsupported(format!("cipher suite {:#06x} is not read", server.suite)))?;
        if !suite.fits(version) {
            return Err(unsupported(format!("{} does not belong to {}", suite.name, version.name())));
        }
        if server.compression != 0 {
            return Err(unsupported("records are compressed by TLS, which is not read".to_owned()));
        }
        Ok(Agreed { version, suite })
    }

    /// Whether keys of `stage` protect nothing but a handshake of TLS 1.3.
    pub(crate) fn is_flight(&self, stage: Stage) -> bool {
        stage == Stage::Handshake && self.agreed().is_ok_and(|agreed| agreed.version == Version::Tls13)
    }

    /// Octets of messages that are kept.
    pub(crate) fn held(&self) -> usize {
        self.opening.len() + self.server_flight.len() + self.client_flight.len()
    }

    /// Which of the turns that [`lacks`](Self::lacks) asks for have been taken.
    pub(crate) fn turns(&self) -> [bool; 2] {
        [self.exchanged, self.answered]
    }

    /// Whether what `side` protects cannot be read yet only because the other side has not said what comes before it:
    /// the segments of the two came out of their order.
    pub(crate) fn lacks(&self, side: Side) -> bool {
        let hello = self.server.as_ref().filter(|hello| !hello.is_retry());
        let old = hello.is_some_and(|hello| hello.version < 0x0304);
        match side {
            Side::Client => self.client.is_some() && (hello.is_none() || old && self.exchanged && !self.answered),
            Side::Server => hello.is_some() && (self.client.is_none() || old && self.full && !self.exchanged),
        }
    }

    /// Whether the session was agreed on in an earlier connection. Known when the server changes its cipher.
    pub(crate) fn is_resumed(&self) -> bool {
        let [_, server] = self.torn;
        !self.full && !server && self.server.is_some()
    }

    /// Keeps the master secret for when the session is resumed. Only for one that opened a record.
    pub(crate) fn remember(&self, secrets: &mut Secrets) {
        let Some(master) = &self.master else { return };
        secrets.remember(self.server.as_ref().map_or(&[], |hello| &hello.session_id), master);
        secrets.remember(&self.new_ticket, master);
    }

    /// Forgets what only the making of keys needs.
    pub(crate) fn settle(&mut self) {
        self.client_flight = Vec::new();
        self.opening = Vec::new();
        self.transcript = None;
        self.block = None;
        self.decrypted = None;
        self.exchanged = true;
    }

    /// Kinds of secret that were found, the first first; where there are none, where they were looked for.
    pub(crate) fn tried(&self) -> &[&'static str] {
        if self.tried.is_empty() { &self.searched } else { &self.tried }
    }
}

/// Octets are missing without which nothing can be read.
pub(crate) fn lost(what: &str) -> Unread {
    Unread::new(UnreadableReason::Damaged, format!("{what} is not in the capture: frames were lost or cut short"))
}

fn no_client_hello() -> Unread {
    Unread::new(UnreadableReason::TlsNoHandshake, "the capture does not show the client's hello")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ServerHello message of a version, a suite and a compression.
    fn hello(version: u16, suite: u16, compression: u8) -> Vec<u8> {
        let mut message = vec![2, 0, 0, 38];
        message.extend(version.to_be_bytes());
        message.extend([7; 32]);
        message.push(0);
        message.extend(suite.to_be_bytes());
        message.push(compression);
        message
    }

    #[test]
    fn what_is_not_read_is_named() {
        let agreed = |version, suite, compression| {
            let mut negotiation = Negotiation::default();
            negotiation.push(Side::Server, &hello(version, suite, compression));
            negotiation.agreed().map(|agreed| agreed.suite.name).map_err(|Unread { reason, detail, .. }| {
                assert_eq!(reason, UnreadableReason::TlsUnsupportedSuite);
                detail
            })
        };
        assert_eq!(agreed(0x0301, 0x002f, 0), Ok("TLS_RSA_WITH_AES_128_CBC_SHA"));
        let rows = [
            (0x0301, 0x002f, 1, "records are compressed by TLS, which is not read"),
            (0x0300, 0x002f, 0, "version 0x0300 of the protocol is not read"),
            (0x0303, 0x00ba, 0, "cipher suite 0x00ba is not read"),
            (0x0301, 0xc02f, 0, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 does not belong to TLS 1.0"),
            (0x0303, 0x1301, 0, "TLS_AES_128_GCM_SHA256 does not belong to TLS 1.2"),
        ];
        for (version, suite, compression, detail) in rows {
            assert_eq!(agreed(version, suite, compression), Err(detail.to_owned()));
        }
    }

    #[test]
    fn the_clients_messages_are_hashed_behind_the_servers_whatever_came_first() {
        let premaster = Secret::new(&[3; 48]);
        let agreed = Agreed { version: Version::Tls12, suite: Suite::of(0x002f).unwrap() };
        let client = || ClientHello { extended_master_secret: true, ..ClientHello::default() };
        let mut server = hello(0x0303, 0x002f, 0);
        server.extend([0, 4, 0, 23, 0, 0]);
        server[3] += 6;
        let exchange = [16, 0, 0, 4, 0, 2, 9, 9];
        let mut in_order = Negotiation::begin(client(), b"hello");
        in_order.push(Side::Server, &server);
        in_order.push(Side::Server, &[14, 0, 0, 0]);
        in_order.push(Side::Client, &exchange);
        let mut late = Negotiation::default();
        late.push(Side::Server, &server);
        late.complete(client(), b"hello");
        late.push(Side::Client, &exchange);
        late.push(Side::Server, &[14, 0, 0, 0]);
        // A CertificateVerify comes too late to count.
        late.push(Side::Client, &[15, 0, 0, 0]);
        let master = |negotiation: &Negotiation| negotiation.extract(agreed, &premaster).unwrap();
        assert_eq!(master(&in_order), master(&late));
        in_order.push(Side::Server, &[4, 0, 0, 0]);
        assert_eq!(master(&in_order), master(&late), "nor does a ticket");
    }
}
