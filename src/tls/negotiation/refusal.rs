//! What is said of a handshake that no given secret opens.

use super::{Negotiation, Unread, lost};
use crate::tls::secrets::Secrets;
use crate::tls::suite::{Exchange, Suite};
use crate::unreadable::{Hurdle, UnreadableReason};

/// The name of a server's key in reports.
pub(super) const RSA_KEY: &str = "RSA key";

impl Negotiation {
    /// Why nothing that is given opens this.
    pub(super) fn no_secret(&mut self, suite: &Suite, secrets: &Secrets) -> Unread {
        let keys = !secrets.rsa_keys().is_empty();
        let is_for_keys = keys && suite.exchange == Exchange::Rsa && self.full;
        self.searched = secrets.keylogs().chain(is_for_keys.then_some(RSA_KEY)).collect();
        if let Some(unread) = self.lines_missing(suite, secrets) {
            return unread;
        }
        let is_resumed = suite.exchange == Exchange::Rsa && self.is_resumed();
        match suite.exchange {
            _ if !keys => {
                let what = match secrets.is_empty() {
                    false => "no given secret belongs to it",
                    true if secrets.has_keylog() => "the key log that was given holds no secret",
                    true => "no secret was given",
                };
                let unread = Unread::new(UnreadableReason::TlsNoSecret, what);
                if is_resumed { unread.at(Hurdle::Resumed) } else { unread }
            }
            Exchange::Rsa if is_resumed => {
                let detail = "it resumes a session whose full handshake is not in the capture or was not opened, and an RSA key opens no resumed session without that";
                Unread::new(UnreadableReason::TlsNoSecret, detail).at(Hurdle::ResumedDespiteKey)
            }
            Exchange::Rsa => self.rsa_key_in_vain(secrets),
            Exchange::Dhe | Exchange::Ecdhe | Exchange::Tls13 => {
                let detail = match secrets.has_keylog() {
                    true => "its keys do not depend on the server's RSA key, and the key log given does not hold it",
                    false => "its keys do not depend on the server's RSA key",
                };
                Unread::new(UnreadableReason::TlsForwardSecret, detail)
            }
        }
    }

    /// Key logs have some of its lines and not all that it takes: TLS 1.3, where each side has its own.
    fn lines_missing(&self, suite: &Suite, secrets: &Secrets) -> Option<Unread> {
        if suite.exchange != Exchange::Tls13 {
            return None;
        }
        let known = secrets.of_random(&self.client.as_ref()?.random)?;
        let [client, server] = [&known.handshake, &known.traffic].map(|rivals| !rivals.iter().all(|of| of.is_empty()));
        if !client && !server {
            return None;
        }
        let [client, server] = &known.traffic;
        let detail = match (client.is_empty(), server.is_empty()) {
            (true, true) => {
                "the key log has lines of it, but neither CLIENT_TRAFFIC_SECRET_0 nor SERVER_TRAFFIC_SECRET_0, without which nothing that is said in it can be read"
            }
            (true, false) => {
                "the key log has lines of it, but no CLIENT_TRAFFIC_SECRET_0, without which what the client says cannot be read"
            }
            (false, true) => {
                "the key log has lines of it, but no SERVER_TRAFFIC_SECRET_0, without which what the server says cannot be read"
            }
            (false, false) => return None,
        };
        Some(Unread::new(UnreadableReason::TlsNoSecret, detail).at(Hurdle::LinesMissing))
    }

    /// Why RSA keys that were given do not open a full handshake that one opens.
    fn rsa_key_in_vain(&self, secrets: &Secrets) -> Unread {
        let mismatch = |detail: &str| Unread::new(UnreadableReason::TlsKeyMismatch, detail);
        let is_known = !self.modulus.is_empty();
        if is_known && !secrets.rsa_keys().iter().any(|key| key.is_of(&self.modulus)) {
            mismatch("no given RSA key is that of the server's certificate")
        } else if self.encrypted_premaster.is_empty() && self.exchanged && self.torn == [false; 2] {
            Unread::new(UnreadableReason::Damaged, "the client's part of its key exchange makes no sense")
        } else if self.encrypted_premaster.is_empty() {
            lost("the part of its handshake that its keys are made of")
        } else if is_known {
            mismatch("the RSA key is that of the server's certificate, but does not open the client's secret")
        } else {
            mismatch("no given RSA key opens the client's secret, and which one the server has was not seen")
        }
    }

    /// The same where other secrets were found.
    pub(super) fn no_rsa_key(&self, suite: &Suite, secrets: &Secrets) -> Option<Unread> {
        let is_for_keys = suite.exchange == Exchange::Rsa && self.full && !secrets.rsa_keys().is_empty();
        (is_for_keys && !self.tried.contains(&RSA_KEY)).then(|| self.rsa_key_in_vain(secrets))
    }

    /// Keys were made of `secrets`, and no record can be verified with any of them.
    pub(crate) fn unverified(&self, secrets: usize) -> Unread {
        let names = match *self.keyed {
            [] => "the secret found".to_owned(),
            [.., last] if secrets < 2 => last.to_owned(),
            ref names => format!("any of {secrets} secrets: {}", names.join(", ")),
        };
        match &self.beside {
            Some(Unread { reason, detail, hurdle }) => Unread {
                reason: *reason,
                detail: format!("{detail}; no record can be verified with {names}"),
                hurdle: *hurdle,
            },
            None => Unread::new(UnreadableReason::TlsBadMac, format!("no record can be verified with {names}")),
        }
    }
}
