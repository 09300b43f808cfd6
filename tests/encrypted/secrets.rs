//! Where secrets come from, what is said of those that are no use, and that none comes out again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{finish, json, lyncpush, report, report_on, run};
use crate::fixture::{DATA, session};
use crate::pcapng;
use crate::stories::simulate;

const PASSWORD: &str = "canary-Passw0rd";

/// A capture of the sessions that an RSA key opens, and their key log.
fn sessions(directory: &Path) -> (PathBuf, String) {
    let (mut connections, mut keylog) = (Vec::new(), String::new());
    for name in ["tls12-rsa-gcm256-ems", "tls12-mutual", "tls10-rsa-rc4-md5"] {
        let fixture = session(name);
        connections.extend(fixture.connections);
        keylog += &fixture.keylog;
    }
    let path = directory.join("sessions.pcap");
    fs::write(&path, pcapng::capture(&connections, 700)).unwrap();
    (path, keylog)
}

/// The verdict and the status of each step of each ladder.
pub fn statuses(report: &Value) -> Vec<String> {
    let told = |ladder: &Value| {
        let steps = ladder["steps"].as_array().unwrap().iter();
        let steps: Vec<String> = steps.map(|step| step["status"].to_string()).collect();
        format!("{} {}", ladder["verdict"], steps.join(" "))
    };
    report["ladders"].as_array().unwrap().iter().map(told).collect()
}

fn opened(report: &Value) -> (u64, u64) {
    let streams = &report["coverage"]["streams"];
    (streams["tls"].as_u64().unwrap(), streams["tls_decrypted"].as_u64().unwrap())
}

#[test]
fn secrets_stand_anywhere_in_a_pcapng_in_a_file_or_on_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("happy.pcapng");
    simulate("happy", &["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"], &path);
    let keylog = fs::read_to_string(format!("{}.keys.log", path.display())).unwrap();
    let expected = report([path.to_str().unwrap(), "--keylog", &format!("{}.keys.log", path.display())]);
    let file = fs::read(&path).unwrap();
    let blocks = pcapng::blocks(&file);
    let (half, other) = keylog.split_at(keylog.match_indices('\n').nth(3).unwrap().0 + 1);
    let frames: Vec<usize> = blocks.iter().filter(|(_, kind)| *kind == 6).map(|(at, _)| *at).collect();
    let places = [("first", blocks[1].0), ("in the middle", frames[frames.len() / 2]), ("last", file.len())];
    for (what, at) in places {
        let with = pcapng::with(&file, at, &pcapng::secrets(&keylog));
        let embedded = directory.path().join("embedded.pcapng");
        fs::write(&embedded, &with).unwrap();
        for (how, found) in [("a file", report([&embedded])), ("a pipe", report_on(&with, &[]))] {
            assert_eq!(opened(&found), (8, 8), "{what}, {how}");
            assert_eq!(found["coverage"]["keys"]["secrets"], 8, "{what}, {how}");
            assert_eq!(found["coverage"]["sip_messages"], expected["coverage"]["sip_messages"], "{what}, {how}");
            // What comes late out of a pipe all comes at once: a ladder may take in more of its call, and no less.
            assert_eq!(statuses(&found), statuses(&expected), "{what}, {how}");
            assert!(how == "a pipe" || found["ladders"] == expected["ladders"], "{what}, {how}");
            assert_eq!(found["coverage"]["unreadable"], Value::Array(vec![]), "{what}, {how}");
        }
        // Half of them in the capture, half in a file beside it.
        fs::write(&embedded, pcapng::with(&file, at, &pcapng::secrets(half))).unwrap();
        let log = directory.path().join("other.log");
        fs::write(&log, other).unwrap();
        let found = report([embedded.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
        assert_eq!((opened(&found), &found["ladders"]), ((8, 8), &expected["ladders"]), "{what}");
    }
}

#[test]
fn secrets_in_one_capture_open_another() {
    let directory = tempfile::tempdir().unwrap();
    let captures = ["frontend", "edge-external"].map(|vantage| {
        let path = directory.path().join(format!("{vantage}.pcapng"));
        simulate("happy", &["--tls", "1.3:TLS_AES_128_GCM_SHA256", "--vantage", vantage], &path);
        path.to_str().unwrap().to_owned()
    });
    let [front, edge] = &captures;
    let log = format!("{front}.keys.log");
    let expected = report([front, edge, "--keylog", &log]);
    assert_eq!(statuses(&expected).len(), 1);
    let file = fs::read(edge).unwrap();
    fs::write(edge, pcapng::with(&file, file.len(), &pcapng::secrets(&fs::read_to_string(&log).unwrap()))).unwrap();
    for order in [[front, edge], [edge, front]] {
        let found = report(order);
        assert_eq!(statuses(&found), statuses(&expected));
        let (tls, read) = opened(&found);
        assert!(tls == read && tls > 3);
    }
}

#[test]
fn key_logs_of_many_hands_and_rsa_keys_of_every_kind_open_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, keylog) = sessions(directory.path());
    let capture = capture.to_str().unwrap();
    let log = directory.path().join("a.log");
    fs::write(&log, format!("# by hand\r\n???\r\n\r\n{}", keylog.replace('\n', "\r\n"))).unwrap();
    let found = report([capture, "--keylog", log.to_str().unwrap()]);
    assert_eq!(opened(&found), (3, 3));
    assert_eq!(found["coverage"]["keys"]["skipped"], 1);
    assert_eq!(found["coverage"]["sip_messages"], 3 * 24);
    let password = directory.path().join("password");
    fs::write(&password, "hunter2 wrong\n").unwrap();
    for key in ["server.key", "pkcs1.pem", "pkcs1.der", "pkcs8.der", "several.pem", "empty-password.pfx"] {
        let found = report([capture, "--rsa-key", &format!("{DATA}/{key}")]);
        assert_eq!(opened(&found), (3, 3), "{key}");
        assert_eq!(found["coverage"]["sip_messages"], 3 * 24, "{key}");
    }
    let found = report([capture]);
    assert_eq!(opened(&found), (3, 0));
    let found = report([capture, "--rsa-key", &format!("{DATA}/client.key")]);
    assert_eq!(found["coverage"]["unreadable"][0]["reason"], "tls-key-mismatch");
}

#[test]
fn what_stays_closed_is_told_beside_what_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("happy.pcap");
    simulate("happy", &["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], &path);
    let keylog = fs::read_to_string(format!("{}.keys.log", path.display())).unwrap();
    let log = directory.path().join("part.log");
    let mut severities = BTreeSet::new();
    for line in keylog.lines() {
        fs::write(&log, line).unwrap();
        let found = report([path.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
        assert_eq!(opened(&found), (8, 1));
        let told = found["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "LP908").unwrap();
        let without_ladder = found["ladders"].as_array().unwrap().is_empty();
        assert_eq!(told["severity"], if without_ladder { "warning" } else { "note" });
        assert!(told["detail"].as_str().unwrap().starts_with("7 streams "), "{told}");
        severities.insert(without_ladder);
        let arguments = ["analyze", path.to_str().unwrap(), "--keylog", log.to_str().unwrap()];
        let table = String::from_utf8(lyncpush().args(arguments).output().unwrap().stdout).unwrap();
        let table = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(table.contains("among them; 7 streams stayed closed"), without_ladder, "{table}");
    }
    assert_eq!(severities.len(), 2, "some streams alone show a ladder, some do not");
    for (text, says) in [("", "the key log that was given holds no secret"), (keylog.as_str(), "")] {
        fs::write(&log, text).unwrap();
        let found = report([path.to_str().unwrap(), "--keylog", log.to_str().unwrap()]);
        let detail = found["coverage"]["unreadable"][0]["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with(says) && (says.is_empty() == detail.is_empty()), "{detail}");
    }
}

/// Also where it was in vain, it is told where a secret was looked for.
#[test]
fn what_was_tried_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("happy.pcapng");
    let log = directory.path().join("other.log");
    let strange = format!("CLIENT_RANDOM {} {}\n", "ab".repeat(32), "cd".repeat(48));
    fs::write(&log, &strange).unwrap();
    let (log, key) = (log.to_str().unwrap(), format!("{DATA}/client.key"));
    let (given, embedded, rsa) = ("key log", "key log in the capture", "RSA key");
    for (suite, is_rsa) in [("1.2:TLS_RSA_WITH_AES_128_CBC_SHA", true), ("1.3:TLS_AES_128_GCM_SHA256", false)] {
        simulate("happy", &["--tls", suite], &path);
        let file = fs::read(&path).unwrap();
        for is_embedded in [false, true] {
            let block = if is_embedded { pcapng::secrets(&strange) } else { Vec::new() };
            fs::write(&path, pcapng::with(&file, file.len(), &block)).unwrap();
            for options in [&[][..], &["--keylog", log], &["--rsa-key", &key], &["--keylog", log, "--rsa-key", &key]] {
                let found = report([&[path.to_str().unwrap()], options].concat());
                let is_tried = [
                    (options.contains(&"--keylog"), given),
                    (is_embedded, embedded),
                    (options.contains(&"--rsa-key") && is_rsa, rsa),
                ];
                let expected: Vec<&str> = is_tried.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
                for unread in found["coverage"]["unreadable"].as_array().unwrap() {
                    assert_eq!(unread["tls"]["secrets_tried"], serde_json::json!(expected), "{suite} {options:?}");
                    // What opens it is said once.
                    let detail = unread["detail"].as_str().unwrap();
                    assert!(detail.matches("opens it").count() < 2, "{suite} {options:?}: {detail}");
                }
                assert_eq!(opened(&found), (8, 0));
            }
        }
    }
}

#[test]
fn passwords_come_from_a_file_or_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, _) = sessions(directory.path());
    let right = fs::read_to_string(format!("{DATA}/make.py")).unwrap();
    let right = right.lines().find_map(|line| line.strip_prefix("PASSWORD = ")).unwrap().trim_matches('"').to_owned();
    let file = directory.path().join("password");
    fs::write(&file, format!("{right}\r\nanother line\n")).unwrap();
    for key in ["pkcs8-aes.pem", "pkcs8-3des.pem", "new.pfx", "windows.pfx"] {
        let key = format!("{DATA}/{key}");
        let arguments = ["analyze", "--format", "json", capture.to_str().unwrap(), "--rsa-key", &key];
        let with_file = finish(lyncpush().args(arguments).arg("--rsa-key-password-file").arg(&file));
        let with_variable = finish(lyncpush().args(arguments).env("LYNCPUSH_RSA_KEY_PASSWORD", &right));
        for ran in [with_file, with_variable] {
            assert_eq!(opened(&json(&ran)), (3, 3), "{key}");
        }
        // The file counts where both are given.
        let wrong = finish(
            lyncpush()
                .args(arguments)
                .arg("--rsa-key-password-file")
                .arg(&file)
                .env("LYNCPUSH_RSA_KEY_PASSWORD", PASSWORD),
        );
        assert_eq!(opened(&json(&wrong)), (3, 3), "{key}");
    }
}

#[test]
fn what_cannot_be_used_is_one_clear_line() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, _) = sessions(directory.path());
    let capture = capture.to_str().unwrap();
    let data = |name: &str| format!("{DATA}/{name}");
    let absent = directory.path().join("absent").to_str().unwrap().to_owned();
    let rows: &[(&[&str], &str)] = &[
        (&["--keylog", &absent], "cannot read the key log"),
        (&["--rsa-key", &absent], "cannot read the RSA key"),
        (&["--rsa-key", &data("pkcs8-aes.pem")], "encrypted and no password was given"),
        (&["--rsa-key", &data("new.pfx")], "encrypted and no password was given"),
        (&["--rsa-key", &data("ec.pem")], "not an RSA key"),
        (&["--rsa-key", &data("ec-pkcs8.pem")], "not an RSA key"),
        (&["--rsa-key", &data("server.crt")], "there is only a certificate in it"),
        (&["--rsa-key", &data("make.py")], "neither PEM"),
        (&["--rsa-key", &data("new.pfx"), "--rsa-key-password-file", &absent], "cannot read the password"),
        (&["--rsa-key", &data("server.key"), "--rsa-key-password-file", &absent], "cannot read the password"),
        (&["--rsa-key-password-file", &absent], "--rsa-key <FILE>"),
    ];
    for (options, expected) in rows {
        let ran = run([&["analyze", capture], *options].concat());
        assert_eq!((ran.code, ran.out.len(), ran.err.lines().count()), (2, 0, 1), "{options:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{options:?}: {}", ran.err);
    }
    for key in ["pkcs8-aes.pem", "new.pfx", "windows.pfx"] {
        let ran = finish(
            lyncpush().args(["analyze", capture, "--rsa-key", &data(key)]).env("LYNCPUSH_RSA_KEY_PASSWORD", PASSWORD),
        );
        assert_eq!((ran.code, ran.err.lines().count()), (2, 1), "{key}: {}", ran.err);
        assert!(ran.err.contains("the password is wrong") && !ran.err.contains(PASSWORD), "{key}: {}", ran.err);
    }
}

/// Strings that give a secret away: hexadecimal of either case, the octets in Base64, the password.
fn canaries(keylog: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::from([PASSWORD.to_owned()]);
    for secret in keylog.lines().filter_map(|line| line.split(' ').nth(2)) {
        found.insert(secret.to_lowercase());
        found.insert(secret.to_uppercase());
        // How numbers print in a list.
        let octets: Vec<u8> = crate::fixture::unhex(secret);
        found.insert(format!("{:?}", &octets[..8]).trim_matches(['[', ']']).to_owned());
    }
    let key = fs::read_to_string(format!("{DATA}/server.key")).unwrap();
    found.extend(key.lines().filter(|line| line.len() == 64 && !line.starts_with('-')).map(str::to_owned));
    assert!(found.len() > 30);
    found
}

#[test]
fn no_secret_comes_out_again() {
    let directory = tempfile::tempdir().unwrap();
    let (capture, keylog) = sessions(directory.path());
    let log = directory.path().join("keys.log");
    fs::write(&log, &keylog).unwrap();
    let embedded = directory.path().join("happy.pcapng");
    simulate("happy", &["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"], &embedded);
    let own = fs::read_to_string(format!("{}.keys.log", embedded.display())).unwrap();
    let file = fs::read(&embedded).unwrap();
    fs::write(&embedded, pcapng::with(&file, file.len(), &pcapng::secrets(&own))).unwrap();
    let canaries = canaries(&format!("{keylog}{own}"));
    let data = format!("{DATA}/server.key");
    let formats = run(["analyze", "--format", "?", "x"]).err;
    let formats = formats.split("possible values: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    for format in formats.split(", ") {
        for more in [&[][..], &["-v"], &["--show-text"]] {
            let ran = finish(
                lyncpush()
                    .args(["analyze", "--format", format, "--keylog", log.to_str().unwrap(), "--rsa-key", &data])
                    .args([&capture, &embedded])
                    .args(more)
                    .env("LYNCPUSH_RSA_KEY_PASSWORD", PASSWORD)
                    .env("RUST_BACKTRACE", "full"),
            );
            assert!(ran.code < 2, "{format}: {}", ran.err);
            let all = format!("{}{}", ran.text(), ran.err);
            for canary in &canaries {
                assert!(!all.contains(canary), "{format} {more:?}: {canary}");
            }
        }
    }
}

/// What handshakes show has names, too.
#[test]
fn stand_ins_reach_certificates_and_server_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("names.pcapng");
    simulate("certificate-refused", &["--tls", "1.2:TLS_RSA_WITH_AES_128_CBC_SHA"], &path);
    let formats = run(["analyze", "--format", "?", "x"]).err;
    let formats = formats.split("possible values: ").nth(1).unwrap().split(';').next().unwrap().to_owned();
    for format in formats.split(", ") {
        let arguments = ["analyze", "--format", format, path.to_str().unwrap(), "-v"];
        let plain = run(arguments);
        let told = run([&arguments[..], &["--pseudonyms"]].concat());
        for name in ["edge01", "fe01", "partner.example"] {
            assert!(!told.text().contains(name), "{format}: {name}: {}", told.text());
        }
        let shows = ["table", "json", "ndjson", "html"].contains(&format);
        assert!(!shows || plain.text().contains("edge01"), "{format}: {}", plain.text());
        assert_eq!(told.code, plain.code, "{format}");
    }
}
