//! Files of RSA keys: every kind that opens a session, and one clear line for every one that does not.

use lyncpush::tls::{Secrets, read_rsa_keys};

use crate::fixture;
use crate::replay::{is_whole, play_all};

const PASSWORD: &str = "correct horse";

/// Kinds of file that hold the server's key, and whether a password is needed.
const KINDS: &[(&str, bool)] = &[
    ("server.key", false),
    ("pkcs1.pem", false),
    ("pkcs1.der", false),
    ("pkcs8.der", false),
    ("several.pem", false),
    ("pkcs8-aes.pem", true),
    ("pkcs8-3des.pem", true),
    ("pkcs8-sha1.pem", true),
    ("pkcs8-pbes1.pem", true),
    ("old-aes128.pem", true),
    ("old-aes192.pem", true),
    ("old-aes256.pem", true),
    ("old-des3.pem", true),
    #[cfg(feature = "pfx")]
    ("new.pfx", true),
    #[cfg(feature = "pfx")]
    ("windows.pfx", true),
    #[cfg(feature = "pfx")]
    ("empty-password.pfx", false),
];

#[test]
fn every_kind_of_file_opens_a_session() {
    for (name, needs_password) in KINDS {
        let password = needs_password.then_some(PASSWORD);
        let keys = read_rsa_keys(name, &fixture::file(name), password).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(keys.len(), if *name == "several.pem" { 2 } else { 1 }, "{name}");
        let mut secrets = Secrets::default();
        keys.into_iter().for_each(|key| secrets.push_rsa_key(key));
        let reads = play_all(&fixture::session("tls12-rsa-gcm256-ems").connections, 300, &mut secrets);
        assert!(is_whole(&reads), "{name}");
    }
}

#[test]
fn pem_is_read_with_lines_of_any_length_and_ending() {
    let text = String::from_utf8(fixture::file("server.key")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    for body in [body.clone(), body.as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l) + "\r\n").collect()] {
        let text = format!("Bag Attributes\r\n  friendlyName: x\r\n{begin}\r\n{body}\r\n{end}");
        assert_eq!(read_rsa_keys("x.pem", text.as_bytes(), None).unwrap().len(), 1);
    }
}

/// Whatever password is tried in vain, also one whose padding is right by chance; and whatever stands in front of the key.
#[test]
fn traditional_encryption_is_told_from_a_wrong_password_and_a_broken_file() {
    let text = String::from_utf8(fixture::file("old-aes256.pem")).unwrap();
    for number in 0..600 {
        let error = read_rsa_keys("a.pem", text.as_bytes(), Some(&format!("wrong {number}"))).unwrap_err().to_string();
        assert_eq!(error, "cannot use the RSA key in a.pem: the password is wrong");
    }
    // Editors may take the empty line away, and give others.
    let said = text.lines().nth(2).unwrap();
    for text in [text.replace("\n\n", "\n"), text.replace('\n', "\r\n"), text.replace("AES-256-CBC", "aes-256-cbc")] {
        assert_eq!(read_rsa_keys("a.pem", text.as_bytes(), Some(PASSWORD)).unwrap().len(), 1, "{text}");
    }
    let last = text.lines().rev().nth(1).unwrap();
    for (old, new) in [
        (said, "DEK-Info: AES-256-CBC"),
        (said, "DEK-Info: AES-256-CBC,00"),
        (said, "DEK-Info: DES-EDE3-CBC,2F8ADDDD1B3091A75B127A1F8F885D3E"),
        (said, "DEK-Info: AES-256-CBC,ÄÖÜ"),
        (said, ""),
        (last, "Zm9v"),
    ] {
        let error = read_rsa_keys("a.pem", text.replace(old, new).as_bytes(), Some(PASSWORD)).unwrap_err().to_string();
        assert!(error.starts_with("cannot use the RSA key in a.pem: the PEM is broken ("), "{old} {new}: {error}");
    }
}

#[test]
fn what_is_no_usable_key_is_one_clear_line() {
    let rows: &[(&str, Option<&str>, &str)] = &[
        ("pkcs8-aes.pem", Some("wrong"), "the password is wrong"),
        ("pkcs8-aes.pem", None, "it is encrypted and no password was given"),
        ("pkcs8-3des.pem", Some("wrong"), "the password is wrong"),
        ("pkcs8-sha1.pem", Some("wrong"), "the password is wrong"),
        ("pkcs8-pbes1.pem", Some("wrong"), "the password is wrong"),
        ("pkcs8-pbes1.pem", None, "it is encrypted and no password was given"),
        ("old-aes128.pem", Some("wrong"), "the password is wrong"),
        ("old-aes192.pem", Some(""), "the password is wrong"),
        ("old-aes256.pem", Some("Correct horse"), "the password is wrong"),
        ("old-des3.pem", Some("wrong"), "the password is wrong"),
        ("old-des3.pem", None, "it is encrypted and no password was given"),
        (
            "old-des.pem",
            Some(PASSWORD),
            "it is encrypted with DES-CBC, which is not read; convert it with `openssl pkcs8 -topk8 -in old-des.pem -out new.pem` (OpenSSL 3 wants `-provider legacy -provider default` too)",
        ),
        ("pkcs8-md5-des.pem", Some(PASSWORD), "it is encrypted with PBE-MD5-DES, which is not read; convert it with"),
        (
            "pkcs8-md5-des.der",
            None,
            "PBE-MD5-DES, which is not read; convert it with `openssl pkcs8 -topk8 -inform DER -in",
        ),
        (
            "pkcs8-v2-des.pem",
            Some(PASSWORD),
            "it is encrypted with PBES2 with a cipher or hash that is not known, which",
        ),
        ("ec.pem", None, "it is not an RSA key"),
        ("ec-pkcs8.pem", None, "it is not an RSA key"),
        ("server.crt", None, "there is only a certificate in it"),
        #[cfg(feature = "pfx")]
        ("new.pfx", Some("wrong"), "the password is wrong"),
        #[cfg(feature = "pfx")]
        ("new.pfx", None, "it is encrypted and no password was given"),
        #[cfg(feature = "pfx")]
        ("windows.pfx", Some("wrong"), "the password is wrong"),
        #[cfg(feature = "pfx")]
        ("no-key.pfx", Some(PASSWORD), "there is no key in the PKCS#12"),
        #[cfg(feature = "pfx")]
        ("make.py", None, "it is neither PEM, nor a DER key, nor PKCS#12"),
        #[cfg(not(feature = "pfx"))]
        ("new.pfx", Some(PASSWORD), "this build does not read PKCS#12"),
    ];
    for (name, password, expected) in rows {
        let error = read_rsa_keys(name, &fixture::file(name), *password).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot use the RSA key in {name}: ")), "{error}");
        assert!(error.contains(expected), "{name}: {error}");
        assert!(!error.contains('\n') && !error.contains(PASSWORD), "{error}");
    }
}

#[test]
fn broken_files_are_errors_not_panics() {
    for (name, _) in KINDS {
        let whole = fixture::file(name);
        let end = whole.windows(9).position(|window| window == b"-----END ").unwrap_or(whole.len());
        for cut in (0..end).step_by(97) {
            assert!(read_rsa_keys(name, &whole[..cut], Some(PASSWORD)).is_err(), "{name} {cut}");
        }
        // Deriving a key from a password is slow: a few places are enough.
        for place in (0..whole.len()).step_by(whole.len() / 9) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x11;
            let _ = read_rsa_keys(name, &damaged, Some(PASSWORD));
        }
    }
}
