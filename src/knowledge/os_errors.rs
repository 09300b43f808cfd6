//! Numbers of Windows that ms-diagnostics carry along: Winsock codes and HRESULTs of certificates.

/// One number.
#[derive(Debug)]
pub struct OsError {
    /// The number as it is written.
    pub code: u32,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// Every number known here. Source: see [`super::sources::WINDOWS`].
pub const OS_ERRORS: &[OsError] = &[
    row(10054, "WSAECONNRESET", "the peer ended the connection"),
    row(10060, "WSAETIMEDOUT", "nobody answered the attempt to connect"),
    row(10061, "WSAECONNREFUSED", "the peer's port is closed"),
    row(10065, "WSAEHOSTUNREACH", "there is no route to the peer"),
    row(11001, "WSAHOST_NOT_FOUND", "the peer's name could not be resolved"),
    row(0x800b_0101, "CERT_E_EXPIRED", "the certificate is expired or not valid yet, by the reporting host's clock"),
    row(
        0x800b_0109,
        "CERT_E_UNTRUSTEDROOT",
        "the certificate's chain ends in a root that the reporting host does not trust",
    ),
    row(0x800b_010a, "CERT_E_CHAINING", "the certificate's chain to a trusted root is not whole"),
    row(0x800b_010c, "CERT_E_REVOKED", "the certificate is revoked"),
    row(0x800b_010f, "CERT_E_CN_NO_MATCH", "the certificate is for another name"),
    row(0x8009_030e, "SEC_E_NO_CREDENTIALS", "the reporting host has no usable certificate of its own"),
    row(0x8009_0322, "SEC_E_WRONG_PRINCIPAL", "the certificate is for another name"),
    row(
        0x8009_0325,
        "SEC_E_UNTRUSTED_ROOT",
        "the certificate's chain ends in a root that the reporting host does not trust",
    ),
    row(0x8009_0328, "SEC_E_CERT_EXPIRED", "the certificate is expired"),
    row(0x8009_2012, "CRYPT_E_NO_REVOCATION_CHECK", "whether the certificate is revoked could not be looked up"),
    row(0x8009_2013, "CRYPT_E_REVOCATION_OFFLINE", "the server that tells of revocation could not be reached"),
];

const fn row(code: u32, name: &'static str, meaning: &'static str) -> OsError {
    OsError { code, name, meaning }
}

/// What is known of a number.
pub fn find(code: u32) -> Option<&'static OsError> {
    OS_ERRORS.iter().find(|known| known.code == code)
}

impl OsError {
    /// The number as people write it: Winsock's in decimal, HRESULTs in hexadecimal.
    pub fn number(&self) -> String {
        if self.code < 0x8000_0000 { self.code.to_string() } else { format!("0x{:08X}", self.code) }
    }
}
