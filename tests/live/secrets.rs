//! Key logs that are written while the connections they open are watched.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::command::{finish, lyncpush};
use crate::wire::{Wire, frames, keep_alive, read};

#[test]
fn a_secret_that_comes_after_its_records_opens_them() {
    let Some(wire) = Wire::new(1) else { return };
    let suites = ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.3:TLS_AES_128_GCM_SHA256"];
    for (suite, is_misled) in suites.into_iter().flat_map(|suite| [(suite, false), (suite, true)]) {
        let (capture, secrets, keylog) = (wire.place("tls.pcap"), wire.place("tls.keys"), wire.place("keys.log"));
        let mut simulate = lyncpush();
        simulate
            .args(["simulate", "happy", "-q", "--tls", suite, "-o"])
            .arg(&capture)
            .arg("--keylog-out")
            .arg(&secrets);
        finish(&mut simulate).with_code(0);
        // There may be lines already that are not the right ones.
        let text = fs::read_to_string(&secrets).unwrap();
        let wrong = |line: &str| {
            line.rsplit_once(' ').map(|(front, secret)| format!("{front} {}\n", "3c".repeat(secret.len() / 2)))
        };
        let before: String = text.lines().filter(|_| is_misled).filter_map(wrong).collect();
        fs::write(&keylog, before).unwrap();
        // A ladder in the clear says when those before it have been read.
        let mut watching = wire.watch(&["-i", "b0", "--keylog", keylog.to_str().unwrap()]);
        wire.send("a0", &read(&capture));
        wire.send("a0", &frames("android", &["--seed", "7"]));
        assert_eq!(watching.line()["verdict"], "no-push-expected");
        let text = text.as_bytes();
        let mut file = File::options().append(true).open(&keylog).unwrap();
        for part in [&text[..text.len() / 2], &text[text.len() / 2..]] {
            file.write_all(part).unwrap();
        }
        let ladder = watching.line();
        assert_eq!(ladder["verdict"], "complete", "{suite} {is_misled}: {ladder}");
        let (left, _) = watching.stop(0);
        assert_eq!(left[0]["coverage"]["unreadable"].as_array().unwrap().len(), 0, "{left:#?}");
    }
}

/// Nobody need write to it when the watching begins, and who does may come and go.
#[test]
fn secrets_are_read_from_a_pipe_that_others_write_to() {
    let Some(wire) = Wire::new(1) else { return };
    let (capture, secrets, pipe) = (wire.place("tls.pcap"), wire.place("tls.keys"), wire.place("keys.pipe"));
    let mut simulate = lyncpush();
    simulate.args(["simulate", "happy", "-q", "--tls", "1.3:TLS_AES_128_GCM_SHA256", "-o"]).arg(&capture);
    finish(simulate.arg("--keylog-out").arg(&secrets)).with_code(0);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut watching = wire.watch(&["-i", "b0", "--keylog", pipe.to_str().unwrap()]);
    wire.send("a0", &read(&capture));
    wire.send("a0", &frames("android", &["--seed", "7"]));
    assert_eq!(watching.line()["verdict"], "no-push-expected");
    let writer = || File::options().write(true).open(&pipe).unwrap();
    writer().write_all(b"# the helper begins\n").unwrap();
    let text = fs::read(&secrets).unwrap();
    let (begin, end) = text.split_at(text.len() / 3);
    let mut one = writer();
    one.write_all(begin).unwrap();
    let mut other = writer();
    drop(one);
    other.write_all(end).unwrap();
    drop(other);
    assert_eq!(watching.line()["verdict"], "complete");
    watching.stop(0);
}

/// A ladder of which a part can be read at once waits for the rest of it, and is one: its call or its push comes late.
#[test]
fn a_ladder_waits_for_the_secret_of_a_part_of_it() {
    let Some(wire) = Wire::new(1) else { return };
    let (capture, secrets, keylog) = (wire.place("tls.pcap"), wire.place("tls.keys"), wire.place("keys.log"));
    let mut simulate = lyncpush();
    simulate.args(["simulate", "happy", "-q", "--tls", "1.3:TLS_AES_128_GCM_SHA256", "-o"]).arg(&capture);
    finish(simulate.arg("--keylog-out").arg(&secrets)).with_code(0);
    let text = fs::read_to_string(&secrets).unwrap();
    let random = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
    let randoms: BTreeSet<String> = text.lines().map(random).collect();
    // The secrets of some of its connections, or of the others.
    let some = |of: &[&String], are_in: bool| -> String {
        let lines = text.lines().filter(|line| of.contains(&&random(line)) == are_in);
        lines.flat_map(|line| [line, "\n"]).collect()
    };
    let pairs = randoms.iter().flat_map(|one| randoms.iter().map(move |other| [one, other]));
    let is_push = |pair: &[&String; 2]| {
        fs::write(&keylog, some(pair, false)).unwrap();
        let mut analyze = lyncpush();
        analyze.args(["analyze", "--format", "ndjson", "--keylog"]).args([&keylog, &capture]);
        finish(&mut analyze).text().contains("\"trigger\":\"push-only\"")
    };
    let of_call = pairs.into_iter().find(is_push).expect("without the secrets of two of them there is a push alone");
    for is_call_late in [true, false] {
        fs::write(&keylog, some(&of_call, !is_call_late)).unwrap();
        let mut watching = wire.watch(&["-i", "b0", "--keylog", keylog.to_str().unwrap()]);
        wire.send("a0", &read(&capture));
        // Time passes, and what is open beside it closes: nothing waits for what that is in.
        for seed in ["7", "8", "9"] {
            thread::sleep(Duration::from_secs(2));
            wire.send("a0", &frames("android", &["--seed", seed]));
            assert_eq!(watching.line()["verdict"], "no-push-expected", "late call: {is_call_late}");
        }
        let mut file = File::options().append(true).open(&keylog).unwrap();
        file.write_all(some(&of_call, is_call_late).as_bytes()).unwrap();
        let ladder = watching.line();
        assert_eq!((&ladder["verdict"], &ladder["trigger"]), (&"complete".into(), &"invite".into()), "{ladder}");
        let (left, _) = watching.stop(0);
        assert_eq!(left[0]["summary"]["ladders"], 4, "{left:#?}");
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
