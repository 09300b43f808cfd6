//! The secrets that may be those of a handshake, and the keys made of them, the likeliest first.
//!
//! Which one is right is told by the first record that its keys open, and by nothing else: a key log may be of another
//! run, or have been put together of two.

use super::{Agreed, Direction, Negotiation, Stage, Unread, lost, no_client_hello};
use crate::flow::Side;
use crate::tls::keylog::MASTER;
use crate::tls::prf::Prf;
use crate::tls::rivals::{MAX_RIVALS, Rivals};
use crate::tls::schedule;
use crate::tls::secret::Secret;
use crate::tls::secrets::Secrets;
use crate::tls::suite::{Exchange, Opener, Suite};
use crate::tls::version::Version;
use crate::unreadable::UnreadableReason;

/// Where the master secret, or what it is made of, may come from: TLS 1.0 to 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Random,
    Session,
    Premaster,
    Exchange,
    RsaKey,
    Remembered,
}

impl Source {
    /// What takes least to try comes first.
    const ALL: [Self; 6] =
        [Self::Random, Self::Session, Self::Premaster, Self::Exchange, Self::RsaKey, Self::Remembered];

    /// Its name in reports.
    const fn name(self) -> &'static str {
        match self {
            Self::Random => "CLIENT_RANDOM of the key log",
            Self::Session => "RSA Session-ID of the key log",
            Self::Premaster => "PMS_CLIENT_RANDOM of the key log",
            Self::Exchange => "RSA of the key log",
            Self::RsaKey => super::refusal::RSA_KEY,
            Self::Remembered => "the master secret of the resumed session",
        }
    }

    /// Whether it gives the premaster secret, of which the master secret is made.
    const fn is_premaster(self) -> bool {
        matches!(self, Self::Premaster | Self::Exchange | Self::RsaKey)
    }
}

impl Negotiation {
    /// Gives `attempt` the keys with which `side` may protect what it sends, made of one secret after the other, until it
    /// says that they are the right ones. Says whether it did. In TLS 1.0 to 1.2 there is one `stage`.
    ///
    /// Errors: there is no secret of which keys can be made.
    pub(crate) fn each(
        &mut self,
        side: Side,
        stage: Stage,
        secrets: &Secrets,
        attempt: &mut dyn FnMut(Direction) -> bool,
    ) -> Result<bool, Unread> {
        let agreed = self.agreed()?;
        match agreed.version {
            Version::Tls13 => self.each_of_traffic(agreed, side, stage, secrets, attempt),
            _ => self.each_of_master(agreed, side, secrets, attempt),
        }
    }

    /// How many secrets there are of which [`each`](Self::each) may make keys.
    pub(crate) fn rivals(&mut self, side: Side, stage: Stage, secrets: &Secrets) -> usize {
        let Ok(Agreed { version, suite }) = self.agreed() else { return 0 };
        if version == Version::Tls13 {
            return self.traffic_secrets(side, stage, secrets).map_or(0, Rivals::count);
        }
        if self.master.is_some() {
            return 1;
        }
        let mut count = |source| (0..).map_while(|number| self.secret(source, number, suite, secrets)).count();
        Source::ALL.into_iter().map(&mut count).sum()
    }

    fn each_of_master(
        &mut self,
        agreed: Agreed,
        side: Side,
        secrets: &Secrets,
        attempt: &mut dyn FnMut(Direction) -> bool,
    ) -> Result<bool, Unread> {
        if let Some(master) = self.master.clone() {
            return Ok(attempt(self.direction(agreed, side, master)?));
        }
        if self.client.is_none() || self.server.is_none() {
            return Err(no_client_hello());
        }
        let (mut any, mut failure) = (false, None);
        for source in Source::ALL {
            for number in 0.. {
                let Some(secret) = self.secret(source, number, agreed.suite, secrets) else { break };
                // It was found, even where no keys can be made of it.
                note(&mut self.tried, source.name());
                let master = match source.is_premaster() {
                    true => self.extract(agreed, &secret),
                    false => Ok(secret),
                };
                match master.and_then(|master| self.direction(agreed, side, master)) {
                    Ok(direction) => {
                        any = true;
                        note(&mut self.keyed, source.name());
                        if attempt(direction) {
                            return Ok(true);
                        }
                    }
                    Err(unread) => failure = Some(unread),
                }
            }
        }
        if !any {
            return Err(failure.unwrap_or_else(|| self.no_secret(agreed.suite, secrets)));
        }
        self.beside = failure.or_else(|| self.no_rsa_key(agreed.suite, secrets));
        Ok(false)
    }

    fn each_of_traffic(
        &mut self,
        agreed: Agreed,
        side: Side,
        stage: Stage,
        secrets: &Secrets,
        attempt: &mut dyn FnMut(Direction) -> bool,
    ) -> Result<bool, Unread> {
        if self.client.is_none() {
            return Err(no_client_hello());
        }
        let Some(rivals) = self.traffic_secrets(side, stage, secrets).filter(|rivals| !rivals.is_empty()) else {
            return Err(self.no_secret(agreed.suite, secrets));
        };
        const NAME: &str = "TRAFFIC_SECRET of the key log";
        note(&mut self.tried, NAME);
        let mut any = false;
        for secret in (0..).map_while(|number| rivals.get(number)) {
            let Some(direction) = direction_of(agreed, stage, secret.clone()) else { continue };
            any = true;
            note(&mut self.keyed, NAME);
            if attempt(direction) {
                return Ok(true);
            }
        }
        match any {
            true => Ok(false),
            false => {
                let detail = "the traffic secret of the key log has not the length the suite asks for";
                Err(Unread::new(UnreadableReason::TlsBadMac, detail))
            }
        }
    }

    /// What key logs give for `side` in TLS 1.3.
    fn traffic_secrets<'a>(&self, side: Side, stage: Stage, secrets: &'a Secrets) -> Option<&'a Rivals> {
        let known = secrets.of_random(&self.client.as_ref()?.random)?;
        match stage {
            Stage::Handshake => known.handshake.get(side.index()),
            Stage::Traffic => known.traffic.get(side.index()),
        }
    }

    /// The keys of `side` that follow from a master secret.
    fn direction(&mut self, agreed: Agreed, side: Side, master: Secret) -> Result<Direction, Unread> {
        let Agreed { version, suite } = agreed;
        let (Some(client), Some(server)) = (&self.client, &self.server) else { return Err(no_client_hello()) };
        let encrypt_then_mac = client.encrypt_then_mac && server.encrypt_then_mac;
        let randoms = [&client.random, &server.random];
        // Both sides' keys stand in one block.
        let known = self.block.take().filter(|(of, _)| *of == master);
        let (_, block) = self
            .block
            .insert(known.unwrap_or_else(|| (master.clone(), schedule::block(suite, version, &master, randoms))));
        let keys = schedule::of_block(suite, version, block, side);
        let opener = Opener::new(suite, version, keys, encrypt_then_mac).ok_or_else(no_client_hello)?;
        Ok(Direction { opener: Box::new(opener), stage: Stage::Handshake, secret: Some(master) })
    }

    /// The secret with this number that a source gives.
    fn secret(&mut self, source: Source, number: usize, suite: &Suite, secrets: &Secrets) -> Option<Secret> {
        let (client, server) = (self.client.as_ref()?, self.server.as_ref()?);
        let of_random = secrets.of_random(&client.random);
        let session = Some(&server.session_id).filter(|id| !id.is_empty());
        let is_sent = self.full && suite.exchange == Exchange::Rsa && !self.encrypted_premaster.is_empty();
        let found = match source {
            Source::Random => of_random?.master.get(number),
            Source::Session => secrets.of_session(session?)?.get(number),
            Source::Premaster if self.full => of_random?.premaster.get(number),
            Source::Exchange if is_sent => secrets.of_exchange(&self.encrypted_premaster)?.get(number),
            Source::RsaKey if is_sent => self.decrypted(secrets).get(number),
            Source::Remembered if !self.full => {
                let echoed = session.filter(|id| **id == client.session_id);
                let names = [echoed, Some(&client.ticket)].into_iter().flatten();
                names.filter_map(|name| secrets.remembered(name)).nth(number)
            }
            _ => None,
        };
        found.cloned()
    }

    /// What RSA keys make of the encrypted premaster secret. Where the key of the server's certificate is not known, one that
    /// makes sense of it is mostly the server's.
    fn decrypted(&mut self, secrets: &Secrets) -> &[Secret] {
        let Self { modulus, encrypted_premaster, decrypted, client, server, .. } = self;
        let versions =
            [client.as_ref().map_or(0, |hello| hello.version), server.as_ref().map_or(0, |hello| hello.version)];
        decrypted.get_or_insert_with(|| {
            let keys = secrets.rsa_keys().iter().filter(|key| modulus.is_empty() || key.is_of(modulus));
            keys.filter_map(|key| key.premaster(encrypted_premaster, versions)).take(MAX_RIVALS).collect()
        })
    }

    /// The master secret out of a premaster secret, unless it depends on messages that are missing.
    ///
    /// Source: RFC 5246 §8.1; RFC 7627 §4.
    pub(super) fn extract(&self, agreed: Agreed, premaster: &Secret) -> Result<Secret, Unread> {
        if self.transcript.is_some() && self.torn != [false; 2] {
            return Err(lost("part of its handshake, on all of which its keys depend,"));
        }
        let prf: Prf = agreed.suite.prf(agreed.version);
        let (client, server) = (self.client.as_ref(), self.server.as_ref());
        let (client_random, server_random) =
            (client.map_or([0; 32], |hello| hello.random), server.map_or([0; 32], |hello| hello.random));
        Ok(Secret::made(MASTER, |out| match &self.transcript {
            Some(transcript) => {
                let mut transcript = transcript.as_ref().clone();
                transcript.push(&self.client_flight);
                prf.fill(premaster.octets(), b"extended master secret", [&transcript.hash(), &[]], out);
            }
            None => prf.fill(premaster.octets(), b"master secret", [&client_random, &server_random], out),
        }))
    }

    /// The keys of `direction` opened a record: the secret they were made of is the connection's.
    pub(crate) fn settle_on(&mut self, direction: &mut Direction) {
        if self.agreed().is_ok_and(|agreed| agreed.version != Version::Tls13)
            && let Some(master) = direction.secret.take()
        {
            self.master = Some(master);
            self.beside = None;
        }
    }

    /// Whether keys of one master secret have opened a record, so that no other can be the connection's.
    pub(crate) fn is_settled(&self) -> bool {
        self.master.is_some()
    }
}

/// Adds a name that is not there yet.
fn note(names: &mut Vec<&'static str>, name: &'static str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// The keys that a traffic secret stands for.
fn direction_of(agreed: Agreed, stage: Stage, secret: Secret) -> Option<Direction> {
    let Agreed { version, suite } = agreed;
    if secret.octets().len() != suite.prf.length() {
        return None;
    }
    let opener = schedule::of_traffic(suite, &secret, |keys| Opener::new(suite, version, keys, false))?;
    Some(Direction { opener: Box::new(opener), stage, secret: Some(secret) })
}

/// The keys after a key update. Source: RFC 8446 §7.2.
pub(crate) fn updated(agreed: Agreed, secret: &Secret) -> Option<Direction> {
    let prf = agreed.suite.prf;
    let next = Secret::made(prf.length(), |out| prf.expand_label(secret.octets(), b"traffic upd", out));
    direction_of(agreed, Stage::Traffic, next)
}
