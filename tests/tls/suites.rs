//! Every version, family of ciphers and kind of handshake, by key log.

use lyncpush::tls::{Secrets, State};

use crate::fixture;
use crate::replay::{is_whole, play_all};

/// Session file, version, suite.
const SESSIONS: &[(&str, &str, &str)] = &[
    ("tls10-dhe-aes256-sha", "TLS 1.0", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    ("tls10-rsa-3des-sha-ems", "TLS 1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    ("tls10-rsa-aes128-sha", "TLS 1.0", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("tls10-rsa-aes256-sha-etm", "TLS 1.0", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ("tls10-rsa-rc4-md5", "TLS 1.0", "TLS_RSA_WITH_RC4_128_MD5"),
    ("tls11-ecdhe-3des-sha", "TLS 1.1", "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    ("tls11-rsa-aes256-sha-ems-etm", "TLS 1.1", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ("tls11-rsa-rc4-sha", "TLS 1.1", "TLS_RSA_WITH_RC4_128_SHA"),
    ("tls12-dhe-ccm256-8", "TLS 1.2", "TLS_DHE_RSA_WITH_AES_256_CCM_8"),
    ("tls12-dhe-gcm128", "TLS 1.2", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls12-ecdhe-aes256-sha384", "TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ("tls12-ecdhe-chacha", "TLS 1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("tls12-mutual", "TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls12-renegotiated", "TLS 1.2", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    ("tls12-resumed-by-id", "TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls12-resumed-by-ticket", "TLS 1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls12-rsa-aes128-sha256-ems-etm", "TLS 1.2", "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    ("tls12-rsa-aes256-sha256", "TLS 1.2", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    ("tls12-rsa-ccm128", "TLS 1.2", "TLS_RSA_WITH_AES_128_CCM"),
    ("tls12-rsa-gcm256-ems", "TLS 1.2", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
    ("tls12-rsa-null-sha", "TLS 1.2", "TLS_RSA_WITH_NULL_SHA"),
    ("tls13-ccm", "TLS 1.3", "TLS_AES_128_CCM_SHA256"),
    ("tls13-ccm8", "TLS 1.3", "TLS_AES_128_CCM_8_SHA256"),
    ("tls13-chacha", "TLS 1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("tls13-gcm128", "TLS 1.3", "TLS_AES_128_GCM_SHA256"),
    ("tls13-gcm256", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-key-update", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-mutual", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-resumed", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-retry", "TLS 1.3", "TLS_AES_256_GCM_SHA384"),
];

#[test]
fn every_session_is_read_by_key_log_in_segments_of_any_size() {
    assert_eq!(SESSIONS.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), fixture::names());
    for (name, version, suite) in SESSIONS {
        let fixture = fixture::session(name);
        for size in [1, 7, 536, usize::MAX] {
            let mut secrets = Secrets::default();
            let count = secrets.push_keylog(fixture.keylog.as_bytes());
            assert!(count.secrets > 0 && count.skipped == 0, "{name}");
            let reads = play_all(&fixture.connections, size, &mut secrets);
            assert!(is_whole(&reads), "{name} in segments of {size}");
            for read in &reads {
                let facts = &read.facts;
                assert_eq!((facts.version, facts.suite.as_deref()), (Some(*version), Some(*suite)), "{name}");
                assert_eq!(facts.state, State::Reading, "{name}");
                assert_eq!((facts.lost_octets, read.ended), ([0, 0], [true, true]), "{name} {size}");
                assert_eq!(facts.server_name.as_deref(), Some("localhost"), "{name}");
            }
            let resumed: Vec<bool> = reads.iter().map(|read| read.facts.resumed).collect();
            let expected: &[bool] = if name.starts_with("tls12-resumed") { &[false, true] } else { &[false] };
            assert_eq!(resumed[..expected.len()], *expected, "{name}");
        }
    }
}

#[test]
fn certificates_are_told_of_with_and_without_secrets() {
    let facts = |name: &str, keylog: bool| {
        let fixture = fixture::session(name);
        let mut secrets = Secrets::default();
        if keylog {
            secrets.push_keylog(fixture.keylog.as_bytes());
        }
        play_all(&fixture.connections, 1000, &mut secrets).remove(0).facts
    };
    for (name, keylog) in [("tls12-mutual", false), ("tls12-mutual", true), ("tls13-mutual", true)] {
        let facts = facts(name, keylog);
        let server = facts.certificate.unwrap();
        assert_eq!(server.subject, "CN=sip.example.test,O=Example");
        assert_eq!(server.issuer, server.subject);
        assert_eq!(server.alternative_names, ["sip.example.test", "192.0.2.5"]);
        // The fixtures were made in November 2026, for twenty years.
        assert!((2_400_000_000..2_440_000_000).contains(&server.not_after), "{}", server.not_after);
        assert_eq!(facts.client_certificate.unwrap().subject, "CN=edge.example.test,O=Example");
    }
    assert_eq!(facts("tls13-mutual", false).certificate, None, "TLS 1.3 hides it");
    assert_eq!(facts("tls12-rsa-ccm128", true).client_certificate, None);
}
