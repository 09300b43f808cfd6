//! Key logs that are written while the connections they open are watched.

use std::fs::{self, File};
use std::io::Write;

use crate::command::{finish, lyncpush};
use crate::wire::{Wire, frames, keep_alive, read};

#[test]
fn a_secret_that_comes_after_its_records_opens_them() {
    let Some(wire) = Wire::new(1) else { return };
    for suite in ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.3:TLS_AES_128_GCM_SHA256"] {
        let (capture, secrets, keylog) = (wire.place("tls.pcap"), wire.place("tls.keys"), wire.place("keys.log"));
        let mut simulate = lyncpush();
        simulate
            .args(["simulate", "happy", "-q", "--tls", suite, "-o"])
            .arg(&capture)
            .arg("--keylog-out")
            .arg(&secrets);
        finish(&mut simulate).with_code(0);
        fs::write(&keylog, "").unwrap();
        // A ladder in the clear says when those before it have been read.
        let mut watching = wire.watch(&["-i", "b0", "--keylog", keylog.to_str().unwrap()]);
        wire.send("a0", &read(&capture));
        wire.send("a0", &frames("android", &["--seed", "7"]));
        assert_eq!(watching.line()["verdict"], "no-push-expected");
        let text = fs::read(&secrets).unwrap();
        let mut file = File::options().append(true).open(&keylog).unwrap();
        for part in [&text[..text.len() / 2], &text[text.len() / 2..]] {
            file.write_all(part).unwrap();
        }
        let ladder = watching.line();
        assert_eq!(ladder["verdict"], "complete", "{suite}: {ladder}");
        let (left, _) = watching.stop(0);
        assert_eq!(left[0]["coverage"]["unreadable"].as_array().unwrap().len(), 0, "{left:#?}");
    }
}

#[test]
fn a_key_log_that_may_not_be_opened_any_more_is_told_once() {
    use std::os::unix::fs::PermissionsExt;
    let Some(wire) = Wire::new(1) else { return };
    let (keylog, other) = (wire.place("keys.log"), wire.place("other.log"));
    fs::write(&keylog, "").unwrap();
    let mut watching = wire.watch(&["-i", "b0", "--keylog", keylog.to_str().unwrap()]);
    fs::write(&other, "# nobody but root may read this\n").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&other, &keylog).unwrap();
    wire.send("a0", &[keep_alive()]);
    watching.wait_for("was replaced by a file that cannot be opened");
    let (_, said) = watching.stop(0);
    assert_eq!(said.iter().filter(|line| line.contains("was replaced")).count(), 1, "{said:#?}");
}
