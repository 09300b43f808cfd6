//! RSA keys of servers, out of the files that admins have: PEM of every kind, DER, and PKCS#12.

mod encryption;
mod traditional;

use std::fmt;

use rsa::pkcs1::{DecodeRsaPrivateKey, RsaPrivateKeyRef};
use rsa::pkcs8::{DecodePrivateKey, EncryptedPrivateKeyInfoRef, Error as Pkcs8Error, PrivateKeyInfoRef, pkcs5};
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Encrypt, PrivateKey};
use x509_cert::der::{Decode, SecretDocument, pem};
use zeroize::Zeroizing;

use self::encryption::Encrypted;
use self::traditional::{Envelope, Failure};
use super::keylog::MASTER;
use super::secret::Secret;
use crate::error::{Error, Result};

/// An RSA private key of a server.
pub struct RsaKey {
    key: PrivateKey,
    /// Big-endian, without leading zeros: what tells whether a certificate is of this key.
    modulus: Box<[u8]>,
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RsaKey({} bit)", self.modulus.len() * 8)
    }
}

impl RsaKey {
    fn new(key: PrivateKey) -> Self {
        let octets = key.n().to_be_bytes();
        let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
        Self { modulus: octets.get(start..).unwrap_or_default().into(), key }
    }

    /// Whether a certificate with this modulus is of this key.
    pub(crate) fn is_of(&self, modulus: &[u8]) -> bool {
        *self.modulus == *modulus
    }

    /// Decrypts the premaster secret of a ClientKeyExchange. A secret that begins with none of `versions` is none:
    /// decryption itself never fails, it gives random octets instead. The ClientHello's version is what has to stand
    /// there; some clients write the one agreed upon.
    ///
    /// Source: RFC 5246 §7.4.7.1.
    pub(crate) fn premaster(&self, encrypted: &[u8], versions: [u16; 2]) -> Option<Secret> {
        let octets = Zeroizing::new(self.key.decrypt(Pkcs1v15Encrypt, encrypted).ok()?);
        let begins = versions.iter().any(|version| octets.starts_with(&version.to_be_bytes()));
        (octets.len() == MASTER && begins).then(|| Secret::new(&octets))
    }
}

/// Reads every RSA key in the octets of a file; `path` is for messages. At least one comes out.
///
/// Read are PEM with PKCS#1, PKCS#8 and encrypted keys of both, several in one file, certificates and other blocks
/// between them; the same as DER; and PKCS#12, if the program was built with it.
///
/// Errors: a wrong or missing password, a key that is not RSA, an encryption that is not read, octets that are no key; each
/// one line.
pub fn read_rsa_keys(path: &str, octets: &[u8], password: Option<&str>) -> Result<Vec<RsaKey>> {
    match std::str::from_utf8(octets) {
        Ok(text) if text.contains("-----BEGIN ") => File { path, password, is_der: false }.pem(text),
        _ => File { path, password, is_der: true }.der(octets),
    }
}

/// Whether a file of keys is encrypted with a password that is not the empty one.
pub fn needs_password(octets: &[u8]) -> bool {
    read_rsa_keys("", octets, None).is_err_and(|error| error.to_string().ends_with(NO_PASSWORD))
}

/// A file of keys while it is read.
struct File<'a> {
    path: &'a str,
    password: Option<&'a str>,
    is_der: bool,
}

impl File<'_> {
    fn error(&self, why: &str) -> Error {
        Error::new(format!("cannot use the RSA key in {}: {why}", self.path))
    }

    fn convert(&self, what: &str) -> Error {
        let form = if self.is_der { "-inform DER " } else { "" };
        let command = format!("openssl pkcs8 -topk8 {form}-in {} -out new.pem", self.path);
        self.error(&format!("it is encrypted with {what}, which is not read; convert it with `{command}`{MORE}"))
    }

    fn pem(&self, text: &str) -> Result<Vec<RsaKey>> {
        let mut keys = Vec::new();
        let mut others = None;
        let mut refused = None;
        for (label, block) in blocks(text) {
            let decoded = || {
                SecretDocument::from_pem(&whole(label, block))
                    .map(|(_, document)| document)
                    .map_err(|error| self.broken(&error))
            };
            match label {
                "RSA PRIVATE KEY" if block.contains(ENVELOPE) => keys.push(self.traditional(label, block)?),
                "PRIVATE KEY" if block.contains(ENVELOPE) => return Err(self.convert("Proc-Type: 4,ENCRYPTED")),
                "RSA PRIVATE KEY" => keys.push(self.pkcs1(decoded()?.as_bytes())?),
                // A file may hold the keys of several servers.
                "PRIVATE KEY" => match self.pkcs8(decoded()?.as_bytes()) {
                    Ok(key) => keys.push(key),
                    Err(error) => refused = refused.or(Some(error)),
                },
                "ENCRYPTED PRIVATE KEY" => keys.push(self.encrypted(decoded()?.as_bytes())?),
                "EC PRIVATE KEY" => refused = refused.or(Some(self.error(NOT_RSA))),
                other => others = Some(other),
            }
        }
        match (refused, others) {
            _ if !keys.is_empty() => Ok(keys),
            (Some(error), _) => Err(error),
            (None, Some(other)) => Err(self.error(&format!("there is only a {} in it", other.to_lowercase()))),
            (None, None) => Err(self.error("the PEM is broken")),
        }
    }

    fn der(&self, octets: &[u8]) -> Result<Vec<RsaKey>> {
        if PrivateKeyInfoRef::from_der(octets).is_ok() {
            return self.pkcs8(octets).map(|key| vec![key]);
        }
        if Encrypted::from_der(octets).is_some() {
            return self.encrypted(octets).map(|key| vec![key]);
        }
        if let Ok(key) = PrivateKey::from_pkcs1_der(octets) {
            return Ok(vec![RsaKey::new(key)]);
        }
        self.pkcs12(octets)
    }

    fn broken(&self, error: &dyn fmt::Display) -> Error {
        self.error(&format!("the PEM is broken ({error})"))
    }

    /// A PKCS#1 key that is encrypted as the lines in front of it say.
    fn traditional(&self, label: &str, block: &str) -> Result<RsaKey> {
        let (said, block) = traditional::divide(block);
        let envelope = Envelope::of(said).ok_or_else(|| self.broken(&"what it is encrypted with is not readable"))?;
        if let Some(cipher) = envelope.unknown() {
            return Err(self.convert(cipher));
        }
        let text = whole(label, block);
        let (_, octets) = pem::decode_vec(text.as_bytes()).map_err(|error| self.broken(&error))?;
        let password = self.password.ok_or_else(|| self.error(NO_PASSWORD))?;
        let octets = envelope.decrypt(password, &octets).map_err(|failure| match failure {
            Failure::Broken => self.broken(&"it is not as long as its cipher makes it"),
            Failure::Password => self.error(WRONG_PASSWORD),
        })?;
        // A wrong password shows now and then as no key.
        RsaPrivateKeyRef::from_der(&octets).map_err(|_| self.error(WRONG_PASSWORD))?;
        self.pkcs1(&octets)
    }

    fn pkcs1(&self, der: &[u8]) -> Result<RsaKey> {
        let key = PrivateKey::from_pkcs1_der(der).map_err(|error| self.error(&format!("it is broken ({error})")))?;
        Ok(RsaKey::new(key))
    }

    fn pkcs8(&self, der: &[u8]) -> Result<RsaKey> {
        let broken = |error: &dyn fmt::Display| self.error(&format!("it is broken ({error})"));
        let info = PrivateKeyInfoRef::from_der(der).map_err(|error| broken(&error))?;
        if info.algorithm.oid != rsa::pkcs1::ALGORITHM_OID {
            return Err(self.error(NOT_RSA));
        }
        PrivateKey::from_pkcs8_der(der).map(RsaKey::new).map_err(|error| broken(&error))
    }

    fn encrypted(&self, der: &[u8]) -> Result<RsaKey> {
        let encrypted = Encrypted::from_der(der).ok_or_else(|| self.error("it is broken"))?;
        if !encrypted.is_pbes2() && !encrypted.is_sha1_3des() {
            return Err(self.convert(&encrypted.name()));
        }
        let password = self.password.ok_or_else(|| self.error(NO_PASSWORD))?;
        let wrong = || self.error(WRONG_PASSWORD);
        let octets = match encrypted.is_pbes2() {
            false => encrypted.decrypt(password).ok_or_else(wrong)?,
            true => {
                let unknown = || self.convert(&encrypted.name());
                let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| unknown())?;
                let document = info.decrypt(password).map_err(|error| match error {
                    // A wrong password shows as padding that is wrong, or now and then as no DER.
                    Pkcs8Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) | Pkcs8Error::Asn1(_) => wrong(),
                    _ => unknown(),
                })?;
                Zeroizing::new(document.as_bytes().to_vec())
            }
        };
        // Or as a key that makes no sense.
        PrivateKeyInfoRef::from_der(&octets).map_err(|_| wrong())?;
        self.pkcs8(&octets)
    }

    #[cfg(feature = "pfx")]
    fn pkcs12(&self, octets: &[u8]) -> Result<Vec<RsaKey>> {
        use p12_keystore::{Pkcs12Archive, error::Error as Failure};
        // Files of Windows without a password are encrypted with the empty one.
        let opened = Pkcs12Archive::from_pkcs12(octets, self.password.unwrap_or_default());
        let archive = opened.map_err(|failure| match (failure, self.password) {
            (Failure::MacError(_) | Failure::UnpadError | Failure::Pkcs5Error(_), None) => self.error(NO_PASSWORD),
            (Failure::MacError(_) | Failure::UnpadError | Failure::Pkcs5Error(_), Some(_)) => {
                self.error(WRONG_PASSWORD)
            }
            (Failure::DerError(_), _) => self.error(UNKNOWN),
            (other, _) => self.error(&format!("the PKCS#12 is not read ({other})")),
        })?;
        let mut keys = Vec::new();
        let mut failure = None;
        for bag in &archive.keys {
            match self.pkcs8(bag.key.as_der()) {
                Ok(key) => keys.push(key),
                // A pool's file may hold other keys beside the one that is wanted.
                Err(error) => failure = Some(error),
            }
        }
        match (keys.is_empty(), failure) {
            (false, _) => Ok(keys),
            (true, Some(error)) => Err(error),
            (true, None) => Err(self.error("there is no key in the PKCS#12; export the certificate with its key")),
        }
    }

    #[cfg(not(feature = "pfx"))]
    fn pkcs12(&self, _: &[u8]) -> Result<Vec<RsaKey>> {
        Err(self.error("it is neither a PEM nor a DER key; this build does not read PKCS#12"))
    }
}

/// What a block has in front of its octets where these are encrypted. Source: RFC 1421 §4.6.1.1.
const ENVELOPE: &str = "Proc-Type:";
const NOT_RSA: &str = "it is not an RSA key, and only RSA keys can open captured TLS";
const NO_PASSWORD: &str =
    "it is encrypted and no password was given (--rsa-key-password-file, or LYNCPUSH_RSA_KEY_PASSWORD)";
const MORE: &str = " (OpenSSL 3 wants `-provider legacy -provider default` too)";
const WRONG_PASSWORD: &str = "the password is wrong";
#[cfg(feature = "pfx")]
const UNKNOWN: &str = "it is neither PEM, nor a DER key, nor PKCS#12";

/// The PEM blocks of a text: label, and what stands between the lines that mark it.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("-----BEGIN ").skip(1).filter_map(|part| {
        let (label, rest) = part.split_once("-----")?;
        let (block, _) = rest.split_once("-----END ")?;
        Some((label, block))
    })
}

/// A block as a PEM by itself.
fn whole(label: &str, block: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines(block).as_str()))
}

/// The same block, lines as long as readers of PEM want them: editors and mail break them anywhere.
fn lines(block: &str) -> Zeroizing<String> {
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(block.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect());
    let mut out = Zeroizing::new(String::with_capacity(digits.len() + digits.len() / 64 + 1));
    for (number, line) in digits.chunks(64).enumerate() {
        if number > 0 {
            out.push('\n');
        }
        line.iter().for_each(|octet| out.push(char::from(*octet)));
    }
    out
}
