//! Message authentication codes over records: HMAC with one of four hashes.

use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::{Keys, Mac};

/// A keyed hash, ready to be used for record after record.
#[derive(Clone)]
pub(super) enum Keyed {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Box<Hmac<Sha256>>),
    Sha384(Box<Hmac<Sha384>>),
}

impl Keyed {
    /// `None` for [`Mac::Aead`].
    pub(super) fn new(mac: Mac, keys: Keys<'_>) -> Option<Self> {
        Some(match mac {
            Mac::Md5 => Self::Md5(Hmac::new_from_slice(keys.mac).ok()?),
            Mac::Sha1 => Self::Sha1(Hmac::new_from_slice(keys.mac).ok()?),
            Mac::Sha256 => Self::Sha256(Box::new(Hmac::new_from_slice(keys.mac).ok()?)),
            Mac::Sha384 => Self::Sha384(Box::new(Hmac::new_from_slice(keys.mac).ok()?)),
            Mac::Aead => return None,
        })
    }

    /// Octets of a code.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Md5(_) => Mac::Md5.length(),
            Self::Sha1(_) => Mac::Sha1.length(),
            Self::Sha256(_) => Mac::Sha256.length(),
            Self::Sha384(_) => Mac::Sha384.length(),
        }
    }

    /// Whether `code` is that of `pseudo_header` followed by `octets`; the comparison takes the same time for any code.
    pub(super) fn verify(&self, pseudo_header: &[u8; 13], octets: &[u8], code: &[u8]) -> bool {
        macro_rules! verified {
            ($mac:expr) => {{
                let mut mac = $mac.clone();
                mac.update(pseudo_header);
                mac.update(octets);
                mac.verify_slice(code).is_ok()
            }};
        }
        match self {
            Self::Md5(mac) => verified!(mac),
            Self::Sha1(mac) => verified!(mac),
            Self::Sha256(mac) => verified!(mac.as_ref()),
            Self::Sha384(mac) => verified!(mac.as_ref()),
        }
    }

    /// The code of `pseudo_header` followed by `octets`.
    pub(super) fn code(&self, pseudo_header: &[u8; 13], octets: &[u8]) -> Vec<u8> {
        macro_rules! made {
            ($mac:expr) => {
                $mac.clone().chain_update(pseudo_header).chain_update(octets).finalize().into_bytes().to_vec()
            };
        }
        match self {
            Self::Md5(mac) => made!(mac),
            Self::Sha1(mac) => made!(mac),
            Self::Sha256(mac) => made!(mac.as_ref()),
            Self::Sha384(mac) => made!(mac.as_ref()),
        }
    }
}
