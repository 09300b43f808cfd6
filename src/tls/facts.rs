//! What a TLS connection shows of itself, read or not.

use super::certificate::CertificateFacts;
use crate::flow::Side;
use crate::unreadable::{Hurdle, UnreadableReason};

/// How far the reading of a connection has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing encrypted was met yet: a handshake that goes on, or never came to its end.
    #[default]
    Handshake,
    /// What is encrypted is read.
    Reading,
    /// What is encrypted, or the rest of it, is not read.
    Unreadable {
        /// Why.
        reason: UnreadableReason,
        /// One line that says more. No secrets.
        detail: String,
    },
}

/// An alert one side sent where it could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Who sent it.
    pub side: Side,
    /// Whether it ends the connection.
    pub fatal: bool,
    /// Its number.
    pub number: u8,
}

impl Alert {
    /// Whether it is about a certificate of the other side, or that there is none.
    pub const fn is_about_certificate(&self) -> bool {
        matches!(self.number, 41..=46 | 48 | 113 | 116)
    }

    /// The name of its number, `unknown` for one that has none.
    ///
    /// Source: IANA "TLS Alerts".
    pub const fn name(&self) -> &'static str {
        match self.number {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => "unknown",
        }
    }
}

/// What is known of a connection, from its hellos, its certificates and its alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Name of the version agreed on, as in `TLS 1.2`.
    pub version: Option<&'static str>,
    /// Name of the cipher suite agreed on; its number in hexadecimal if it is not read.
    pub suite: Option<String>,
    /// The host name the client asked for.
    pub server_name: Option<String>,
    /// The server's own certificate, where it passed unencrypted or was opened.
    pub certificate: Option<CertificateFacts>,
    /// The certificates that the server sent with it to vouch for it, in its order; the first few.
    pub issuers: Vec<CertificateFacts>,
    /// The client's own certificate: mutual TLS.
    pub client_certificate: Option<CertificateFacts>,
    /// The same that the client sent with it.
    pub client_issuers: Vec<CertificateFacts>,
    /// The first alert other than `close_notify`; a fatal one before one that is not.
    pub alert: Option<Alert>,
    /// The session was agreed on in an earlier connection.
    pub resumed: bool,
    /// Which kinds of secret were found and tried, the first first; where none was found, where it was looked for: key logs,
    /// RSA keys, key logs in the captures.
    pub secrets_tried: Vec<&'static str>,
    /// Octets of plain text given, by side.
    pub plain_octets: [u64; 2],
    /// Protected octets that gave no plain text because they were lost, damaged or could not be opened, by side.
    pub lost_octets: [u64; 2],
    /// What stands in the way of reading it, where that changes what would help.
    pub hurdle: Option<Hurdle>,
    /// How far the reading has come.
    pub state: State,
}
