//! The cipher suites lyncpush reads, one entry each.

use super::{Cipher, Exchange, Mac, Suite};
use crate::tls::prf::Prf;

const fn suite(code: u16, name: &'static str, exchange: Exchange, cipher: Cipher, mac: Mac, prf: Prf) -> Suite {
    Suite { code, name, exchange, cipher, mac, prf }
}

/// In the order of their code points.
///
/// Source: IANA "TLS Cipher Suites"; RFC 5246, RFC 5288, RFC 5289, RFC 6655, RFC 7251, RFC 7905, RFC 8422, RFC 8446.
#[rustfmt::skip]
pub(super) const SUITES: &[Suite] = &[
    suite(0x0001, "TLS_RSA_WITH_NULL_MD5", Exchange::Rsa, Cipher::Null, Mac::Md5, Prf::Sha256),
    suite(0x0002, "TLS_RSA_WITH_NULL_SHA", Exchange::Rsa, Cipher::Null, Mac::Sha1, Prf::Sha256),
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5", Exchange::Rsa, Cipher::Rc4, Mac::Md5, Prf::Sha256),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA", Exchange::Rsa, Cipher::Rc4, Mac::Sha1, Prf::Sha256),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", Exchange::Rsa, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", Exchange::Dhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", Exchange::Dhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5", Exchange::Dhe, Cipher::Rc4, Mac::Md5, Prf::Sha256),
    suite(0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA", Exchange::Dhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Exchange::Rsa, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Exchange::Dhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Exchange::Dhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", Exchange::Dhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Exchange::Rsa, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", Exchange::Dhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Exchange::Dhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", Exchange::Dhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0x003b, "TLS_RSA_WITH_NULL_SHA256", Exchange::Rsa, Cipher::Null, Mac::Sha256, Prf::Sha256),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Exchange::Rsa, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Exchange::Rsa, Cipher::Aes256, Mac::Sha256, Prf::Sha256),
    suite(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", Exchange::Dhe, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Exchange::Dhe, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", Exchange::Dhe, Cipher::Aes256, Mac::Sha256, Prf::Sha256),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Exchange::Dhe, Cipher::Aes256, Mac::Sha256, Prf::Sha256),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", Exchange::Dhe, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", Exchange::Dhe, Cipher::Aes256, Mac::Sha256, Prf::Sha256),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Exchange::Rsa, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Exchange::Rsa, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Exchange::Dhe, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Exchange::Dhe, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", Exchange::Dhe, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Exchange::Dhe, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", Exchange::Dhe, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", Exchange::Dhe, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", Exchange::Tls13, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", Exchange::Tls13, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", Exchange::Tls13, Cipher::ChaCha20Poly1305, Mac::Aead, Prf::Sha256),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", Exchange::Tls13, Cipher::Aes128Ccm, Mac::Aead, Prf::Sha256),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", Exchange::Tls13, Cipher::Aes128Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", Exchange::Ecdhe, Cipher::Null, Mac::Sha1, Prf::Sha256),
    suite(0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Exchange::Ecdhe, Cipher::Rc4, Mac::Sha1, Prf::Sha256),
    suite(0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", Exchange::Ecdhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Exchange::Ecdhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Exchange::Ecdhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA", Exchange::Ecdhe, Cipher::Null, Mac::Sha1, Prf::Sha256),
    suite(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", Exchange::Ecdhe, Cipher::Rc4, Mac::Sha1, Prf::Sha256),
    suite(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", Exchange::Ecdhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Exchange::Ecdhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Exchange::Ecdhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", Exchange::Ecdhe, Cipher::Null, Mac::Sha1, Prf::Sha256),
    suite(0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA", Exchange::Ecdhe, Cipher::Rc4, Mac::Sha1, Prf::Sha256),
    suite(0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA", Exchange::Ecdhe, Cipher::TripleDes, Mac::Sha1, Prf::Sha256),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Exchange::Ecdhe, Cipher::Aes128, Mac::Sha1, Prf::Sha256),
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", Exchange::Ecdhe, Cipher::Aes256, Mac::Sha1, Prf::Sha256),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Exchange::Ecdhe, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Exchange::Ecdhe, Cipher::Aes256, Mac::Sha384, Prf::Sha384),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Exchange::Ecdhe, Cipher::Aes128, Mac::Sha256, Prf::Sha256),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Exchange::Ecdhe, Cipher::Aes256, Mac::Sha384, Prf::Sha384),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Exchange::Ecdhe, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Exchange::Ecdhe, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Exchange::Ecdhe, Cipher::Aes128Gcm, Mac::Aead, Prf::Sha256),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Exchange::Ecdhe, Cipher::Aes256Gcm, Mac::Aead, Prf::Sha384),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", Exchange::Rsa, Cipher::Aes128Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", Exchange::Rsa, Cipher::Aes256Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", Exchange::Dhe, Cipher::Aes128Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", Exchange::Dhe, Cipher::Aes256Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", Exchange::Rsa, Cipher::Aes128Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", Exchange::Rsa, Cipher::Aes256Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", Exchange::Dhe, Cipher::Aes128Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", Exchange::Dhe, Cipher::Aes256Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Exchange::Ecdhe, Cipher::Aes128Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", Exchange::Ecdhe, Cipher::Aes256Ccm, Mac::Aead, Prf::Sha256),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Exchange::Ecdhe, Cipher::Aes128Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", Exchange::Ecdhe, Cipher::Aes256Ccm8, Mac::Aead, Prf::Sha256),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Exchange::Ecdhe, Cipher::ChaCha20Poly1305, Mac::Aead, Prf::Sha256),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Exchange::Ecdhe, Cipher::ChaCha20Poly1305, Mac::Aead, Prf::Sha256),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Exchange::Dhe, Cipher::ChaCha20Poly1305, Mac::Aead, Prf::Sha256),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_the_order_of_their_codes_and_agree_with_their_names() {
        assert!(SUITES.is_sorted_by(|one, next| one.code < next.code));
        for suite in SUITES {
            let name = suite.name;
            assert_eq!(name.contains("_ECDH"), suite.exchange == Exchange::Ecdhe, "{name}");
            assert_eq!(name.starts_with("TLS_DH"), suite.exchange == Exchange::Dhe, "{name}");
            assert_eq!(name.starts_with("TLS_RSA_"), suite.exchange == Exchange::Rsa, "{name}");
            assert_eq!(name.ends_with("SHA384"), suite.prf == Prf::Sha384, "{name}");
            let aead = ["GCM", "CCM", "CHACHA"].iter().any(|word| name.contains(word));
            assert_eq!(aead, suite.mac == Mac::Aead, "{name}");
        }
    }
}
