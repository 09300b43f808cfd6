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

impl UnreadableReason {
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
}
