//! A capture of its own for each broken ladder.

use std::fs;
#[cfg(feature = "tls")]
use std::fs::File;
#[cfg(feature = "tls")]
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command;
#[cfg(feature = "tls")]
use crate::command::{finish, lyncpush};
use crate::kept::{OPTIONS, files, segment, small_disk, writable};
use crate::wire::{Wire, frames, open_to_all, read};

/// The file of a ladder.
fn file_of(place: &Path, ladder: &Value) -> PathBuf {
    let id = ladder["id"].as_str().unwrap();
    let mut of_it = files(place).into_iter().filter(|path| path.to_str().unwrap().contains(&id[..12]));
    let file = of_it.next().unwrap_or_else(|| panic!("no file of {id}: {:?}", files(place)));
    assert_eq!(of_it.next(), None);
    file
}

/// The ladder as `analyze` finds it in its file.
fn again(wire: &Wire, file: &Path, ladder: &Value, options: &[&str]) -> Value {
    let profile = wire.place("profile.toml");
    let arguments = ["analyze", "--format", "ndjson", "--profile", profile.to_str().unwrap(), file.to_str().unwrap()];
    let lines = command::ndjson(&command::run([&arguments[..], options].concat()));
    assert_eq!(lines.last().unwrap()["inputs"][0]["ended"], "complete");
    let found = lines.iter().find(|line| line["id"] == ladder["id"]);
    found.unwrap_or_else(|| panic!("{} is not in {}: {lines:#?}", ladder["id"], file.display())).clone()
}

/// Frames have other numbers in another file.
fn without_numbers(mut ladder: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.remove("frame");
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            // "…, frame 12", "… (frames 12, 13): …".
            Value::String(text) => {
                if let Some((before, numbers)) = text.split_once("frame") {
                    let rest = numbers.trim_start_matches(|c: char| c.is_ascii_digit() || "s, ".contains(c));
                    *text = format!("{before}{rest}");
                }
            }
            _ => {}
        }
    }
    strip(&mut ladder);
    ladder
}

/// The frames of a scenario inside TLS; its secrets are added to `keylog`.
#[cfg(feature = "tls")]
fn protected(wire: &Wire, scenario: &str, options: &[&str], keylog: &Path) -> Vec<Vec<u8>> {
    let (capture, secrets) = (wire.place("tls.pcap"), wire.place("tls.keys"));
    let mut simulate = lyncpush();
    simulate.args(["simulate", scenario, "-q"]).args(options).arg("-o").arg(&capture).arg("--keylog-out").arg(&secrets);
    finish(&mut simulate).with_code(0);
    let mut file = File::options().append(true).create(true).open(keylog).unwrap();
    file.write_all(&fs::read(&secrets).unwrap()).unwrap();
    read(&capture)
}

/// Ladders of which the first ones are not in memory any more when the last one closes.
#[cfg(feature = "tls")]
const LITTLE: usize = 1_000;
/// So many that more is gone of a connection than is searched over.
#[cfg(feature = "tls")]
const MUCH: usize = 3_000;

const BROKEN: [&str; 8] = [
    "certificate-refused",
    "push-disabled",
    "not-federated",
    "domain-not-allowed",
    "connection-refused",
    "clearing-house-rejects",
    "push-refused",
    "push-unanswered",
];

/// SIP between other hosts.
fn others() -> Vec<Vec<u8>> {
    (50..90).map(|host| segment(host, 5_060, 1, 0x18, OPTIONS)).collect()
}

/// What went before shows the legs that the broken ladder does not show by itself; its frames are few.
fn same_in_its_file(
    wire: &Wire,
    place: &str,
    options: &[&str],
    scenarios: &[(&str, Vec<Vec<u8>>)],
    before: &[Vec<u8>],
) {
    let place = writable(wire, place);
    let arguments = [&["-i", "b0", "--write-broken", place.to_str().unwrap()], options].concat();
    let mut watching = wire.watch(&arguments);
    wire.send("a0", before);
    assert_eq!(watching.line()["verdict"], "complete");
    let mut ladders = Vec::new();
    for (scenario, frames) in scenarios {
        wire.send("a0", frames.iter().chain(&others()));
        let ladder = watching.line();
        assert_eq!(ladder["verdict"], "broken", "{scenario}");
        ladders.push(ladder);
    }
    let (_, said) = watching.stop(1);
    assert_eq!(files(&place).len(), scenarios.len(), "{said:#?}");
    assert!(!said.iter().any(|line| line.contains("lacks")), "{said:#?}");
    for ((scenario, frames), ladder) in scenarios.iter().zip(&ladders) {
        let file = file_of(&place, ladder);
        let found = again(wire, &file, ladder, options);
        assert_eq!(without_numbers(found), without_numbers(ladder.clone()), "{scenario} {options:?}");
        let kept = read(&file);
        // Of its connections also what opened them; of others, those alone that show legs it does not show.
        let is_syn = |frame: &&Vec<u8>| frame[23] == 6 && frame[47] & 2 != 0;
        assert!(kept.iter().filter(|frame| frames.contains(frame)).any(|frame| is_syn(&frame)), "{scenario}");
        assert!(!others().iter().any(|frame| kept.contains(frame)), "{scenario}");
    }
}

#[test]
fn the_file_of_a_broken_ladder_gives_the_same_ladder() {
    let Some(wire) = Wire::new(1) else { return };
    for (name, options) in [("plain", &[][..]), ("packed", &["--compress"])] {
        let with = |seed: &str, scenario: &str| frames(scenario, &[&["--seed", seed], options].concat());
        let scenarios: Vec<_> =
            (2..).zip(BROKEN).map(|(seed, scenario)| (scenario, with(&seed.to_string(), scenario))).collect();
        same_in_its_file(&wire, name, &[], &scenarios, &with("1", "happy"));
    }
}

#[cfg(feature = "tls")]
#[test]
fn encrypted_ladders_can_be_opened_in_their_files_too() {
    let Some(wire) = Wire::new(1) else { return };
    for (name, suite) in [("one", "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"), ("other", "1.3:TLS_AES_128_GCM_SHA256")]
    {
        let keylog = wire.place(&format!("{name}.keys"));
        let with = |seed: &str, scenario: &str| {
            protected(&wire, scenario, &["--seed", seed, "--tls", suite, "--compress"], &keylog)
        };
        let scenarios: Vec<_> =
            (2..).zip(BROKEN).map(|(seed, scenario)| (scenario, with(&seed.to_string(), scenario))).collect();
        let before = with("1", "happy");
        same_in_its_file(&wire, name, &["--keylog", keylog.to_str().unwrap()], &scenarios, &before);
    }
}

/// A connection that lives longer than its frames stay in memory: its handshake stays, and what is between is gone. Where
/// that is little it is read all the same; otherwise the file says what it lacks.
#[cfg(feature = "tls")]
#[test]
fn a_connection_that_outlives_the_memory_keeps_its_handshake() {
    let Some(wire) = Wire::new(1) else { return };
    for (ladders, is_read) in [(LITTLE, true), (MUCH, false)] {
        let keylog = wire.place(&format!("{ladders}.keys"));
        let suite = "1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384";
        let (count, user) = (ladders.to_string(), format!("sip:bob{}@example.com", ladders - 1));
        let frames = protected(&wire, "domain-not-allowed", &["--ladders", &count, "--tls", suite], &keylog);
        let place = writable(&wire, &count);
        let options = ["--keylog", keylog.to_str().unwrap(), "--user", &user];
        let arguments = ["-i", "b0", "--memory-limit", "128", "--write-broken", place.to_str().unwrap()];
        let mut watching = wire.watch(&[&arguments[..], &options].concat());
        for some in frames.chunks(5_000) {
            wire.send("a0", some);
            // Not faster than it reads: nothing is to be lost here.
            watching.wait_until_read();
        }
        let ladder = watching.line();
        let (_, said) = watching.stop(1);
        let said_so = said.iter().any(|line| line.contains("does not hold all of it; it lacks frames between"));
        assert!(said_so, "{said:#?}");
        let file = file_of(&place, &ladder);
        assert!(read(&file).len() < frames.len());
        let text = fs::read(&file).unwrap();
        let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
        assert!(has(b"They were not in memory any more, and are not here: frames between"));
        if is_read {
            let found = again(&wire, &file, &ladder, &options);
            assert_eq!(without_numbers(found), without_numbers(ladder));
        }
    }
}

#[test]
fn of_many_files_the_latest_are_kept_and_a_full_disk_is_survived() {
    let Some(wire) = Wire::new(1) else { return };
    let place = writable(&wire, "few");
    fs::write(place.join(".ours-not"), "somebody's").unwrap();
    fs::write(place.join("broken-0-old.pcapng"), "an old one").unwrap();
    fs::write(place.join("broken-0-left.pcapng.part"), "left by a kill").unwrap();
    open_to_all(&place.join("broken-0-left.pcapng.part"));
    let options = ["--write-broken", place.to_str().unwrap(), "--keep-broken", "3"];
    let mut watching = wire.watch(&[&["-i", "b0"], &options[..]].concat());
    wire.send("a0", &frames("domain-not-allowed", &["--ladders", "5"]));
    let mut ids: Vec<String> = (0..5).map(|_| watching.line()["id"].as_str().unwrap()[..12].to_owned()).collect();
    watching.stop(1);
    let names: Vec<String> =
        files(&place).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    let ends = |id: &String| names.iter().any(|name| name.ends_with(&format!("-{id}.pcapng")));
    ids.retain(|id| !ends(id));
    assert_eq!(ids.len(), 2, "three of five are there: {names:?}");

    let place = writable(&wire, "full");
    let Some(_disk) = small_disk(&place, "4k") else { return };
    let mut watching = wire.watch(&["-i", "b0", "--write-broken", place.to_str().unwrap()]);
    wire.send("a0", &frames("domain-not-allowed", &["--ladders", "3"]));
    for _ in 0..3 {
        assert_eq!(watching.line()["verdict"], "broken");
    }
    watching.wait_for("frames of a broken ladder cannot be kept");
    watching.stop(1);
    assert!(files(&place).is_empty(), "as a whole or not at all: {:?}", files(&place));
}
