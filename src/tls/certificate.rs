//! What a certificate says of its server, for reports and for finding the key that belongs to it.

use std::collections::HashMap;
use std::sync::Arc;

use x509_cert::Certificate;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The most certificates that are kept; then all are forgotten, which only costs reading them again. 1,024 (about 3 MB): a
/// pool has tens.
const MAX_KNOWN: usize = 1 << 10;
/// The most characters of a name. 1,024: of honest ones the longest has some hundred.
const MAX_NAME: usize = 1 << 10;
/// The most octets of a certificate that is kept to be known again.
const MAX_CERTIFICATE: usize = 16 << 10;
/// The most octets of a modulus: that of a key of 16,384 bits.
const MAX_MODULUS: usize = 2 << 10;
/// The most names of a certificate that are kept.
const MAX_NAMES: usize = 16;
/// The most certificates that are kept of those that vouch for another: chains have two to four.
pub(crate) const MAX_ISSUERS: usize = 8;

/// Facts of a certificate that passed over the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whom it names, as RFC 4514 writes it.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The last moment it is valid, seconds since 1970-01-01T00:00:00 UTC.
    pub not_after: i64,
    /// Names and addresses in its subject alternative name; the first few.
    pub alternative_names: Vec<String>,
    /// The modulus of its RSA key, big-endian without leading zeros; empty for other keys.
    pub(crate) modulus: Vec<u8>,
}

/// Certificates that were read. Servers show the same one on each of their connections.
#[derive(Debug, Default)]
pub(crate) struct Known {
    facts: HashMap<Box<[u8]>, Arc<CertificateFacts>>,
}

impl Known {
    /// The facts of a certificate; `None` if it is none.
    pub(crate) fn facts(&mut self, der: &[u8]) -> Option<Arc<CertificateFacts>> {
        if let Some(known) = self.facts.get(der) {
            return Some(Arc::clone(known));
        }
        let facts = Arc::new(facts(der)?);
        if der.len() > MAX_CERTIFICATE {
            return Some(facts);
        }
        if self.facts.len() >= MAX_KNOWN {
            self.facts.clear();
        }
        self.facts.insert(der.into(), Arc::clone(&facts));
        Some(facts)
    }
}

/// Reads a certificate; `None` if it is none.
fn facts(der: &[u8]) -> Option<CertificateFacts> {
    let certificate = Certificate::from_der(der).ok()?;
    let body = certificate.tbs_certificate();
    let key = body.subject_public_key_info();
    Some(CertificateFacts {
        subject: shortened(body.subject().to_string()),
        issuer: shortened(body.issuer().to_string()),
        not_after: i64::try_from(body.validity().not_after.to_unix_duration().as_secs()).ok()?,
        alternative_names: alternative_names(&certificate),
        modulus: key.subject_public_key.as_bytes().and_then(modulus).unwrap_or_default(),
    })
}

/// A name in the room that honest ones need.
fn shortened(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(MAX_NAME) {
        name.truncate(end);
        name.push('…');
        name.shrink_to_fit();
    }
    name
}

/// The modulus of an RSAPublicKey. Source: RFC 8017 §A.1.1.
fn modulus(key: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(key).ok()?;
    let modulus: Result<Vec<u8>, x509_cert::der::Error> = reader.sequence(|inner: &mut SliceReader<'_>| {
        let modulus = UintRef::decode(inner)?.as_bytes().to_vec();
        UintRef::decode(inner)?;
        Ok(modulus)
    });
    modulus.ok().filter(|modulus| modulus.len() <= MAX_MODULUS)
}

fn alternative_names(certificate: &Certificate) -> Vec<String> {
    let Ok(Some((_, SubjectAltName(names)))) = certificate.tbs_certificate().get_extension::<SubjectAltName>() else {
        return Vec::new();
    };
    let shown = names.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(shortened(name.as_str().to_owned())),
        GeneralName::IpAddress(address) => Some(match *address.as_bytes() {
            [a, b, c, d] => std::net::Ipv4Addr::new(a, b, c, d).to_string(),
            ref octets => std::net::Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).to_string(),
        }),
        _ => None,
    });
    shown.take(MAX_NAMES).collect()
}
