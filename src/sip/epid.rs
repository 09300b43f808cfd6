//! One endpoint identity in three spellings: `epid`, `+sip.instance` and GRUU.
//!
//! An endpoint's GRUU is computed from its `epid`, so a message that carries only the one can be
//! joined with a message that carries only the other. The way back does not exist.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sha1::{Digest as _, Sha1};

/// Name space of endpoint ids, `fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe` in little-endian GUID layout.
const NAMESPACE: [u8; 16] =
    [0x03, 0xfb, 0xac, 0xfc, 0x73, 0x8a, 0xef, 0x46, 0x91, 0xb1, 0xe5, 0xeb, 0xee, 0xab, 0xa4, 0xfe];

/// The instance UUID of an endpoint as 16 octets in little-endian GUID layout.
///
/// The `epid` is hashed byte for byte: its letter case matters.
/// Source: \[MS-SIPRE\] §3.2 (derivation of an instance id from an epid).
pub fn instance(epid: &[u8]) -> [u8; 16] {
    let digest = Sha1::new().chain_update(NAMESPACE).chain_update(epid).finalize();
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    uuid[7] = (uuid[7] & 0x0f) | 0x50;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid
}

/// The value of `+sip.instance` without its angle brackets, such as
/// `urn:uuid:e0de506b-a705-59cc-9bfa-d37593141231`.
pub fn instance_urn(epid: &[u8]) -> String {
    let u = instance(epid);
    let first = u32::from_le_bytes([u[0], u[1], u[2], u[3]]);
    let second = u16::from_le_bytes([u[4], u[5]]);
    let third = u16::from_le_bytes([u[6], u[7]]);
    let tail: String = u[10..].iter().map(|octet| format!("{octet:02x}")).collect();
    format!("urn:uuid:{first:08x}-{second:04x}-{third:04x}-{:02x}{:02x}-{tail}", u[8], u[9])
}

/// The `opaque` parameter of the endpoint's GRUU, such as `user:epid:a1De4AWnzFmb-tN1kxQSMQAA`.
pub fn gruu_opaque(epid: &[u8]) -> String {
    let mut octets = [0; 18];
    octets[..16].copy_from_slice(&instance(epid));
    format!("user:epid:{}", URL_SAFE.encode(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_vector() {
        assert_eq!(instance_urn(b"01010101"), "urn:uuid:4b1682a8-f968-5701-83fc-7c6741dc6697");
    }

    #[test]
    fn real_endpoints() {
        assert_eq!(gruu_opaque(b"3102EB8BD1"), "user:epid:-gLwenLTVVqy-Ak8TJn1ZAAA");
        assert_eq!(gruu_opaque(b"451e9252b6"), "user:epid:a1De4AWnzFmb-tN1kxQSMQAA");
        assert_eq!(instance_urn(b"451e9252b6"), "urn:uuid:e0de506b-a705-59cc-9bfa-d37593141231");
        assert_eq!(gruu_opaque(b"a0ae9e6cb0"), "user:epid:QJJYwWDmT1mos0tV81jLwQAA");
        assert_eq!(instance_urn(b"a0ae9e6cb0"), "urn:uuid:c1589240-e660-594f-a8b3-4b55f358cbc1");
    }

    #[test]
    fn letter_case_matters() {
        assert_ne!(gruu_opaque(b"3102EB8BD1"), gruu_opaque(b"3102eb8bd1"));
    }
}
