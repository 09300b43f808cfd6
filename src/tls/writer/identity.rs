//! Certificates: names and dates that can be read, around a key nobody has.

use std::time::Duration;

use x509_cert::der::Encode;
use x509_cert::der::asn1::{GeneralizedTime, UtcTime};

use super::{Draw, messages};
use crate::error::{Error, Result};
use crate::tls::choice::Choice;
use crate::tls::suite::Authentication;
use crate::tls::version::Version;

/// Object identifiers, with tag and length.
mod oid {
    /// 2.5.4.3, commonName.
    pub(super) const COMMON_NAME: &[u8] = &[6, 3, 0x55, 4, 3];
    /// 2.5.29.17, subjectAltName.
    pub(super) const ALTERNATIVE_NAME: &[u8] = &[6, 3, 0x55, 0x1d, 0x11];
    /// 1.2.840.113549.1.1.1, rsaEncryption.
    pub(super) const RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
    /// 1.2.840.113549.1.1.11, sha256WithRSAEncryption.
    pub(super) const SHA256_RSA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
    /// 1.2.840.10045.2.1, id-ecPublicKey.
    pub(super) const EC: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
    /// 1.2.840.10045.3.1.7, secp256r1.
    pub(super) const SECP256R1: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    /// 1.2.840.10045.4.3.2, ecdsa-with-SHA256.
    pub(super) const SHA256_ECDSA: &[u8] = &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    /// 1.2.840.10040.4.1, id-dsa.
    pub(super) const DSA: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];
    /// 2.16.840.1.101.3.4.3.2, id-dsa-with-sha256.
    pub(super) const SHA256_DSA: &[u8] = &[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 2];
}

/// Tags of DER. Source: ITU-T X.690 §8.
mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const BIT_STRING: u8 = 0x03;
    pub(super) const OCTET_STRING: u8 = 0x04;
    pub(super) const UTF8_STRING: u8 = 0x0c;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const SET: u8 = 0x31;
    /// A DNS name among alternative names.
    pub(super) const DNS_NAME: u8 = 0x82;
    pub(super) const EXPLICIT_0: u8 = 0xa0;
    pub(super) const EXPLICIT_3: u8 = 0xa3;
}

const NULL: &[u8] = &[5, 0];

/// The kind of key a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Rsa,
    Ecdsa,
    Dsa,
}

impl Key {
    /// The one a suite asks for; none if nobody says who it is.
    pub(super) fn of(choice: Choice) -> Option<Self> {
        match choice.suite.authentication() {
            Authentication::Rsa => Some(Self::Rsa),
            Authentication::Ecdsa => Some(Self::Ecdsa),
            Authentication::Dss => Some(Self::Dsa),
            Authentication::Anonymous => None,
        }
    }

    /// What has the form of a signature in a handshake of `version`.
    pub(super) fn signature(self, version: Version, draw: &mut Draw) -> Vec<u8> {
        let algorithm = match (version, self) {
            (Version::Tls10 | Version::Tls11, _) => None,
            (Version::Tls13, Self::Rsa) => Some([8, 4]),
            (_, Self::Rsa) => Some([4, 1]),
            (_, Self::Ecdsa) => Some([4, 3]),
            (_, Self::Dsa) => Some([4, 2]),
        };
        messages::signature(algorithm, &self.signed(draw))
    }

    /// The octets of a signature.
    fn signed(self, draw: &mut Draw) -> Vec<u8> {
        match self {
            Self::Rsa => messages::number(draw),
            Self::Ecdsa | Self::Dsa => der(tag::SEQUENCE, &[&scalar(draw), &scalar(draw)]),
        }
    }

    /// The key as a certificate holds it. Source: RFC 3279 §2.3; RFC 5480 §2.
    fn public(self, draw: &mut Draw) -> Vec<u8> {
        let (algorithm, key) = match self {
            Self::Rsa => {
                let key = der(tag::SEQUENCE, &[&positive(&messages::number(draw)), &positive(&[1, 0, 1])]);
                (der(tag::SEQUENCE, &[oid::RSA, NULL]), key)
            }
            Self::Ecdsa => (der(tag::SEQUENCE, &[oid::EC, oid::SECP256R1]), messages::point(draw)),
            Self::Dsa => {
                let (prime, generator) = (positive(&messages::number(draw)), positive(&messages::number(draw)));
                let parameters = der(tag::SEQUENCE, &[&prime, &scalar(draw), &generator]);
                (der(tag::SEQUENCE, &[oid::DSA, &parameters]), positive(&messages::number(draw)))
            }
        };
        der(tag::SEQUENCE, &[&algorithm, &der(tag::BIT_STRING, &[&[0], &key])])
    }

    /// How a certificate with such a key is signed. Source: RFC 4055 §5; RFC 5758 §3.
    fn algorithm(self) -> Vec<u8> {
        match self {
            Self::Rsa => der(tag::SEQUENCE, &[oid::SHA256_RSA, NULL]),
            Self::Ecdsa => der(tag::SEQUENCE, &[oid::SHA256_ECDSA]),
            Self::Dsa => der(tag::SEQUENCE, &[oid::SHA256_DSA]),
        }
    }
}

/// What a host says it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its certificate, and those that vouch for it, DER.
    pub(super) chain: Vec<Vec<u8>>,
}

impl Identity {
    /// The certificate of the host `name`, valid from the first to the second of two moments, seconds since
    /// 1970-01-01T00:00:00 UTC, and those of `authorities`, each made out by the next and the last by itself; without
    /// any the host makes out its own. Keys are of the kind that `choice` asks for, and drawn, as are the signatures:
    /// no private key belongs to any of them.
    ///
    /// # Errors
    /// A moment before 1970 or after 9999.
    ///
    /// Source: RFC 5280 §4.1.
    pub fn new(
        name: &str,
        authorities: &[&str],
        choice: Choice,
        [from, until]: [i64; 2],
        mut draw: Draw,
    ) -> Result<Self> {
        let key = Key::of(choice).unwrap_or(Key::Rsa);
        let valid = der(tag::SEQUENCE, &[&moment(from)?, &moment(until)?]);
        let subjects: Vec<&str> = std::iter::once(name).chain(authorities.iter().copied()).collect();
        let mut chain = Vec::new();
        for (at, subject) in subjects.iter().enumerate() {
            let issuer = subjects.get(at + 1).unwrap_or(subject);
            let host = if at == 0 { Some(name) } else { None };
            chain.push(certificate(subject, issuer, host, &valid, key, &mut draw));
        }
        Ok(Self { chain })
    }
}

/// One certificate; of a host where one is given. Source: RFC 5280 §4.1.
fn certificate(subject: &str, issuer: &str, host: Option<&str>, valid: &[u8], key: Key, draw: &mut Draw) -> Vec<u8> {
    let named = |name: &str| {
        let common = der(tag::SEQUENCE, &[oid::COMMON_NAME, &der(tag::UTF8_STRING, &[name.as_bytes()])]);
        der(tag::SEQUENCE, &[&der(tag::SET, &[&common])])
    };
    let algorithm = key.algorithm();
    let extensions = host.map_or_else(Vec::new, |host| {
        let names = der(tag::SEQUENCE, &[&der(tag::DNS_NAME, &[host.as_bytes()])]);
        let alternative = der(tag::SEQUENCE, &[oid::ALTERNATIVE_NAME, &der(tag::OCTET_STRING, &[&names])]);
        der(tag::EXPLICIT_3, &[&der(tag::SEQUENCE, &[&alternative])])
    });
    let body = der(
        tag::SEQUENCE,
        &[
            // Version 3.
            &der(tag::EXPLICIT_0, &[&der(tag::INTEGER, &[&[2]])]),
            &scalar(draw),
            &algorithm,
            &named(issuer),
            valid,
            &named(subject),
            &key.public(draw),
            &extensions,
        ],
    );
    let signature = der(tag::BIT_STRING, &[&[0], &key.signed(draw)]);
    der(tag::SEQUENCE, &[&body, &algorithm, &signature])
}

/// One value of DER, made of parts. Source: ITU-T X.690 §8.1.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let octets = content.len().to_be_bytes();
    let length = octets.iter().position(|octet| *octet != 0).and_then(|first| octets.get(first..)).unwrap_or(&[0]);
    let mut value = vec![tag];
    if content.len() >= 0x80 {
        value.push(0x80 | length.len() as u8);
    }
    value.extend_from_slice(length);
    value.extend(content);
    value
}

/// A positive INTEGER of these octets, which do not begin with a zero.
fn positive(octets: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if octets.first().is_some_and(|first| first & 0x80 != 0) { &[0] } else { &[] };
    der(tag::INTEGER, &[sign, octets])
}

/// An INTEGER of 159 bits: half of a signature, or a serial number.
fn scalar(draw: &mut Draw) -> Vec<u8> {
    let mut octets = [0; 20];
    draw(&mut octets);
    let [first, ..] = &mut octets;
    *first = *first & 0x7f | 0x40;
    positive(&octets)
}

/// A moment as a certificate states it. Source: RFC 5280 §4.1.2.5.
fn moment(seconds: i64) -> Result<Vec<u8>> {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let stated = match UtcTime::from_unix_duration(since) {
        Ok(time) => time.to_der(),
        Err(_) => GeneralizedTime::from_unix_duration(since).and_then(|time| time.to_der()),
    };
    stated.map_err(|_| Error::new("a certificate cannot be valid before 1970 or after 9999"))
}
