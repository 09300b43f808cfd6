//! Why a stream could not be read: encrypted, compressed or damaged.

use schemars::JsonSchema;
use serde::Serialize;

/// Why a stream could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableReason {
    /// Encrypted, and no secret for it was given.
    TlsNoSecret,
    /// Encrypted with forward secrecy: the server's private key does not help.
    TlsForwardSecret,
    /// Encrypted, and the handshake lies outside the capture.
    TlsNoHandshake,
    /// Encrypted, and the private key given is not the server's.
    TlsKeyMismatch,
    /// Encrypted with a cipher suite lyncpush does not know.
    TlsUnsupportedSuite,
    /// Decryption was tried and the record check failed.
    TlsBadMac,
    /// Compressed, and the negotiation lies outside the capture.
    CompressedNoNegotiate,
    /// Compressed in a way lyncpush does not know.
    CompressedUnrecognised,
    /// The bytes make no sense.
    Damaged,
}

/// What stands in the way of reading a stream, where that changes what would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hurdle {
    /// It resumes a session of which nothing is known.
    Resumed,
    /// The same, and RSA keys of servers were given.
    ResumedDespiteKey,
    /// A key log holds some lines of it, and not all that it takes.
    LinesMissing,
}

impl Hurdle {
    /// What would help, in a few words that go on after a semicolon.
    ///
    /// Source: RFC 5246 §7.3 for sessions that are resumed; RFC 8446 §7.1 for secrets of each side.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Resumed => {
                "a key log of this connection (--keylog) opens it; the server's RSA key (--rsa-key) only where the full handshake that it goes back to is in the capture"
            }
            Self::ResumedDespiteKey => {
                "begin the capture before that handshake, or restart the service while capturing so that a new one is made, or give a key log written while this connection was made (--keylog)"
            }
            Self::LinesMissing => {
                "give the whole key log (--keylog): each side has a line of its own, and one that was filtered, cut short or begun too late lacks some"
            }
        }
    }
}

impl UnreadableReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::TlsNoSecret,
        Self::TlsForwardSecret,
        Self::TlsNoHandshake,
        Self::TlsKeyMismatch,
        Self::TlsUnsupportedSuite,
        Self::TlsBadMac,
        Self::CompressedNoNegotiate,
        Self::CompressedUnrecognised,
        Self::Damaged,
    ];

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsNoSecret => "tls-no-secret",
            Self::TlsForwardSecret => "tls-forward-secret",
            Self::TlsNoHandshake => "tls-no-handshake",
            Self::TlsKeyMismatch => "tls-key-mismatch",
            Self::TlsUnsupportedSuite => "tls-unsupported-suite",
            Self::TlsBadMac => "tls-bad-mac",
            Self::CompressedNoNegotiate => "compressed-no-negotiate",
            Self::CompressedUnrecognised => "compressed-unrecognised",
            Self::Damaged => "damaged",
        }
    }

    /// What would help, in a few words that go on after a semicolon; `suite` is the cipher suite agreed on.
    ///
    /// Source: RFC 5246 §7.4.7.1 for suites of which the server's RSA key is enough.
    pub fn help(self, suite: Option<&str>) -> &'static str {
        match self {
            Self::TlsNoSecret if suite.is_some_and(|suite| suite.starts_with("TLS_RSA_")) => {
                "the server's RSA key (--rsa-key) or a key log of this connection (--keylog) opens it"
            }
            Self::TlsNoSecret => {
                "a key log written while this connection was made (--keylog) opens it, no private key does"
            }
            Self::TlsForwardSecret => "only a key log written while this connection was made (--keylog) opens it",
            Self::TlsNoHandshake => {
                "capture from before the connection is made: restart the service, or break the connection, while capturing"
            }
            Self::TlsKeyMismatch => {
                "give the key of the server's certificate, which is named here if it was seen, or a key log that holds this connection: one of another run, or with lines missing, does not"
            }
            Self::TlsUnsupportedSuite => {
                "capture where the traffic is in the clear, or make the servers agree on another suite"
            }
            Self::TlsBadMac => {
                "the secret is of another session or the frames are damaged: capture both anew, together"
            }
            Self::CompressedNoNegotiate => "capture from before the connection is made",
            Self::CompressedUnrecognised => {
                "turn compression off for the time of the capture, or send its first octets to the makers of lyncpush"
            }
            Self::Damaged => "capture closer to the server, without loss",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_are_listed_by_their_names() {
        let schema = schemars::schema_for!(UnreadableReason).to_value().to_string();
        for reason in UnreadableReason::ALL {
            assert!(schema.contains(&format!("\"const\":\"{}\"", reason.name())), "{reason:?} in {schema}");
        }
        assert_eq!(schema.matches("\"const\"").count(), UnreadableReason::ALL.len(), "{schema}");
    }
}
