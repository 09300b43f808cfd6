//! The house is in order: who may name whom, how long files are, and what must not be left lying about.
//!
//! Everything is read from the sources as text; a line that is a comment names nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Lines of the longest file: one idea fits.
const LONGEST: usize = 500;

/// The words all rooms share.
const VOCABULARY: &[&str] =
    &["anomaly", "error", "flow", "frame", "segment", "spelling", "stream", "tally", "unreadable"];
/// From frames to messages. None of them knows another.
const STAGES: &[&str] = &["capture", "ip", "link", "sip", "sipcomp", "tcp", "tls"];
/// Who may name whom beyond the vocabulary; a room that is not here may name the vocabulary only.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("ladder", &["sip"]),
    ("judge", &["ladder", "sip"]),
    // What is known, as tables, names nobody.
    ("knowledge", &[]),
    ("diagnosis", &["judge", "knowledge", "ladder"]),
    // What was captured, and the names of link types, go into the report.
    ("report", &["capture", "diagnosis", "judge", "knowledge", "ladder", "link"]),
    ("pipeline", &["capture", "ip", "judge", "ladder", "link", "report", "sip", "sipcomp", "tcp", "tls"]),
    // What it writes tests the reading half: of it, it may use the GRUUs, the compression, and TLS's keys and ciphers.
    ("simulate", &["sip", "sipcomp", "tls"]),
    // An address that is typed is read like one on the wire.
    // Tickets are reports of one fault.
    ("post", &["report"]),
    ("cli", &["diagnosis", "pipeline", "post", "report", "simulate", "sip", "sipcomp"]),
    ("main", &["cli"]),
];

/// Every third-party crate, and the rooms that own it.
const OWNERS: &[(&str, &[&str])] = &[
    ("aes", &["tls"]),
    ("aes_gcm", &["tls"]),
    ("base64", &["report", "sip"]),
    ("caps", &["cli"]),
    ("cbc", &["tls"]),
    ("ccm", &["tls"]),
    ("chacha20poly1305", &["tls"]),
    ("clap", &["cli"]),
    ("comfy_table", &["report"]),
    ("des", &["tls"]),
    ("etherparse", &["ip"]),
    ("flate2", &["capture", "simulate"]),
    ("foldhash", &["ladder", "pipeline", "tcp"]),
    ("hmac", &["tls"]),
    ("indicatif", &["cli"]),
    ("itoa", &["report"]),
    ("jiff", &["cli", "post", "report"]),
    ("md_5", &[]),
    ("memchr", &["ladder", "pipeline", "report", "sip"]),
    ("mimalloc", &["main"]),
    ("minijinja", &["post"]),
    ("nix", &["capture", "cli", "tls"]),
    ("nom", &["sip", "tls"]),
    ("p12_keystore", &["tls"]),
    ("pcap", &["capture"]),
    ("pkcs8", &[]),
    ("rc4", &["tls"]),
    ("rpassword", &["cli"]),
    ("rsa", &["tls"]),
    ("rustls", &["post"]),
    ("schemars", &["diagnosis", "judge", "ladder", "report", "unreadable"]),
    ("seccompiler", &["cli"]),
    ("serde", &["cli", "diagnosis", "judge", "ladder", "post", "report", "unreadable"]),
    ("serde_json", &["cli", "post", "report"]),
    ("sha1", &["sip", "tls"]),
    ("sha2", &["diagnosis", "ladder", "post", "report", "tls"]),
    ("signal_hook", &["cli"]),
    ("tempfile", &["capture", "cli", "pipeline", "post", "simulate", "tls"]),
    ("terminal_size", &["cli"]),
    ("toml", &["ladder"]),
    ("unicode_width", &["report"]),
    ("ureq", &["post"]),
    ("x509_cert", &["tls"]),
    ("zeroize", &["capture", "post", "tls"]),
    ("zstd", &["capture", "simulate"]),
];

/// What is left lying about when work is not done. In two parts, so that this file does not hold them.
const LEFT_OVERS: &[[&str; 2]] =
    &[["to", "do!("], ["unimple", "mented!("], ["db", "g!("], ["#[ig", "nore"], ["FIX", "ME"], ["XX", "X "]];
/// Names that say nothing of what a file holds.
const EMPTY_NAMES: &[&str] = &["common", "context", "handler", "helper", "helpers", "manager", "misc", "util", "utils"];

/// A source file, by its path from the root.
struct Source {
    path: String,
    text: String,
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| Path::new(ROOT).join(folder)).collect();
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in folder.read_dir().into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned(), text });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

impl Source {
    /// The room it belongs to: the first name under `src`.
    fn room(&self) -> &str {
        self.path.trim_start_matches("src/").split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// Its lines without comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    /// Whether a line of code has `name` as the beginning of a path.
    fn names(&self, name: &str) -> bool {
        let path = format!("{name}::");
        self.code().any(|line| line.match_indices(&path).any(|(at, _)| !continues(line.get(..at).unwrap())))
    }
}

/// Whether what follows `before` goes on with a name or a path.
fn continues(before: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

#[test]
fn rooms_name_only_whom_they_may() {
    let sources = sources(&["src"]);
    let rooms: BTreeSet<&str> = sources.iter().map(Source::room).filter(|room| *room != "lib").collect();
    for room in VOCABULARY {
        assert!(rooms.contains(room), "{room} is in the vocabulary and nowhere else");
    }
    for room in &rooms {
        let known = VOCABULARY.contains(room) || STAGES.contains(room) || MAY_NAME.iter().any(|(name, _)| name == room);
        assert!(known, "{room} has no place in the house yet");
    }
    let mut wrong = Vec::new();
    for source in &sources {
        let room = source.room();
        let may = MAY_NAME.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, may)| may);
        for other in rooms.iter().filter(|other| **other != room && !VOCABULARY.contains(other) && !may.contains(other))
        {
            if source.names(&format!("crate::{other}")) || source.names(&format!("lyncpush::{other}")) {
                wrong.push(format!("{} names {other}", source.path));
            }
        }
        // A list of names would hide from the search above.
        assert!(!source.text.contains("use crate::{"), "{}: one line for each room", source.path);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_crate_is_named_by_its_owners_alone() {
    let manifest: toml::Table = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap().parse().unwrap();
    // Some are for one system only.
    let systems = manifest["target"].as_table().unwrap().values().map(|system| &system["dependencies"]);
    let dependencies = systems.chain([&manifest["dependencies"]]).filter_map(toml::Value::as_table);
    let mut named: BTreeMap<String, BTreeSet<String>> =
        dependencies.flat_map(toml::Table::keys).map(|name| (name.replace('-', "_"), BTreeSet::new())).collect();
    for source in sources(&["src"]) {
        for (name, rooms) in &mut named {
            if source.names(name) {
                rooms.insert(source.room().to_owned());
            }
        }
    }
    let owned =
        |(name, rooms): &(&str, &[&str])| (String::from(*name), rooms.iter().map(|room| String::from(*room)).collect());
    assert_eq!(named, OWNERS.iter().map(owned).collect::<BTreeMap<String, BTreeSet<String>>>());
}

#[test]
fn no_file_is_too_long_to_hold_one_idea() {
    let lines = |source: &Source| source.text.lines().count();
    let long: Vec<String> = sources(&["src", "tests", "benches"])
        .iter()
        .filter(|source| lines(source) > LONGEST)
        .map(|source| format!("{}: {} lines", source.path, lines(source)))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_file_says_what_it_is() {
    for source in sources(&["src", "tests", "benches"]) {
        // The program's own page is its help.
        let page = source.text.starts_with("//! ") || source.path == "src/main.rs";
        assert!(page, "{} begins without a page", source.path);
        let name = source.path.trim_end_matches(".rs").rsplit('/').next().unwrap();
        assert!(!EMPTY_NAMES.contains(&name), "{}: a name that says nothing", source.path);
    }
}

/// A room that is a folder says what goes in and what comes out; its files say their part.
#[test]
fn every_room_says_what_goes_in_and_out() {
    for source in sources(&["src"]) {
        let of_room = source.path.ends_with("/mod.rs") && source.path.matches('/').count() == 2;
        if !of_room {
            continue;
        }
        let page: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
        for word in ["In: ", "Out: "] {
            assert!(page.contains(word), "{} does not say {word:?}", source.path);
        }
    }
}

#[test]
fn nothing_is_left_lying_about() {
    let mut found = Vec::new();
    for source in sources(&["src", "tests", "benches"]) {
        for (number, line) in (1..).zip(source.text.lines()) {
            if LEFT_OVERS.iter().any(|parts| line.contains(&parts.concat())) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Modules that only tests have: `#[cfg(test)] mod name;`.
fn of_tests(sources: &[Source]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let name = pair[1].rsplit("mod ").next().and_then(|name| name.strip_suffix(';'));
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

/// Hostile input is normal input: what reads and judges it has no way to panic on purpose.
#[test]
fn only_tests_panic() {
    let sources = sources(&["src"]);
    let of_tests = of_tests(&sources);
    assert!(of_tests.contains("tests"), "{of_tests:?}");
    let mut found = Vec::new();
    for source in &sources {
        if source.path.split('/').any(|part| of_tests.contains(part.trim_end_matches(".rs"))) {
            continue;
        }
        let before = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for line in before.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if [".unwrap()", ".expect(", "panic!(", "unreachable!("].iter().any(|way| line.contains(way)) {
                found.push(format!("{}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn names_are_found_where_they_begin_a_path() {
    for (line, name, expected) in [
        ("use crate::link::name;", "crate::link", true),
        ("    let name = crate::link::name(one);", "crate::link", true),
        ("use crate::linkage::name;", "crate::link", false),
        ("//! [`crate::link::name`]", "crate::link", false),
        ("use serde_json::Value;", "serde_json", true),
        ("use my_serde_json::Value;", "serde_json", false),
        ("use crate::toml::Value;", "toml", false),
    ] {
        let source = Source { path: "src/room/file.rs".to_owned(), text: line.to_owned() };
        assert_eq!(source.names(name), expected, "{name} in {line}");
        assert_eq!(source.room(), "room");
    }
}
