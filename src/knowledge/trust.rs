//! What the Edge says of where a message came from: `ms-source-type` of ms-edge-proxy-message-trust.
//!
//! Which of them count as outside is a setting of the profile; this is what they mean.

use super::sources::{MS_SIPRE, MSPL};

/// One kind of origin.
#[derive(Debug)]
pub struct Origin {
    /// The value on the wire.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it means on the answer of a push.
    pub reading: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// Every kind of origin.
pub const ORIGINS: &[Origin] = &[
    Origin {
        name: "AuthorizedServer",
        meaning: "the peer is configured as a hosting provider",
        reading: "the clearing house answered itself",
        source: MSPL,
    },
    Origin {
        name: "DirectPartner",
        meaning: "the peer is in the allow list with the name of its server",
        reading: "the clearing house answered itself",
        source: MSPL,
    },
    Origin {
        name: "AutoFederation",
        meaning: "the peer was found by its domain, through DNS SRV",
        reading: "the clearing house answered itself",
        source: MSPL,
    },
    Origin {
        name: "EdgeProxyGenerated",
        meaning: "the Access Edge made the message itself; nothing came from outside",
        reading: "the clearing house did not answer: the Edge refused the push or gave up on it",
        source: MSPL,
    },
    Origin {
        name: "InternetUser",
        meaning: "the message came from a remote user",
        reading: "an answer from outside that is not the clearing house's",
        source: MS_SIPRE,
    },
];

/// What is known of a value, in any letter case.
pub fn find(name: &str) -> Option<&'static Origin> {
    ORIGINS.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}
