//! Every sample in every format is what was reviewed.
//!
//! The reviewed text of `samples/happy.pcap` is `snapshots/happy.table-80.txt` and so on.
//! `UPDATE_SNAPSHOTS=1 cargo test --test samples` writes what the program gives now; review the difference.

mod command;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

/// How a snapshot's name ends, the options it is written with, and the locale it is written for.
const FORMATS: &[(&str, &[&str], &str)] = &[
    ("table-40.txt", &["--width", "40", "-v"], "en_US.UTF-8"),
    ("table-80.txt", &["--width", "80"], "en_US.UTF-8"),
    ("table-200.txt", &["--width", "200", "-v"], "en_US.UTF-8"),
    ("table-ascii.txt", &["--width", "80"], "C"),
    ("json", &["--format", "json"], "C"),
    ("ndjson", &["--format", "ndjson"], "C"),
    ("text-80.txt", &["--width", "80", "--format", "text"], "en_US.UTF-8"),
    ("text-ascii.txt", &["--width", "60", "--format", "text"], "C"),
    ("md", &["--format", "mermaid"], "C"),
    ("html", &["--format", "html"], "C"),
];
/// Samples that are reviewed as pages: what differs between pages of others are words that other formats show.
const PAGES: &[&str] = &["samples/device-never-wakes.pcap", "samples/domain-not-allowed.pcap", "samples/happy.pcap"];
/// Lines around a difference that are shown.
const CONTEXT: usize = 3;
/// Lines of a difference that are shown: more is no longer read.
const SHOWN: usize = 60;

fn snapshots() -> PathBuf {
    Path::new(command::ROOT).join("tests/snapshots")
}

/// The snapshot of a sample in a format.
fn path(sample: &str, ending: &str) -> PathBuf {
    let name = sample.trim_start_matches("samples/");
    let stem = name.split_once(".pcap").map_or(name, |(stem, _)| stem);
    snapshots().join(format!("{stem}.{ending}"))
}

fn written(sample: &str, options: &[&str], locale: &str) -> String {
    let ran = command::finish(command::lyncpush().args(["analyze", sample]).args(options).env("LC_ALL", locale));
    assert_eq!(ran.err, "", "{sample}");
    match options.last() {
        Some(&"json") => _ = command::json(&ran),
        Some(&"ndjson") => _ = command::ndjson(&ran),
        Some(&"html") => return elements(ran.text()),
        _ => assert!(ran.code < 2),
    }
    ran.text().to_owned()
}

/// A page without its styles and its script, which are files of their own, an element a line.
fn elements(page: &str) -> String {
    let (head, after) = page.split_once("<style>").unwrap();
    let (body, foot) = after.split_once("</style>").unwrap().1.split_once("<script>").unwrap();
    let foot = foot.split_once("</script>").unwrap().1;
    let policy = head.split_once("'sha256-").map_or(head, |(before, _)| before);
    let title = head.split_once("<title>").unwrap().1;
    let whole = format!("{policy}…<title>{title}{body}{foot}");
    whole.replace("><", ">\n<").replace("<td>", "\n<td>")
}

/// What differs, for people.
fn difference(old: &str, new: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let unified = diff.unified_diff().context_radius(CONTEXT).header("reviewed", "now").to_string();
    let lines: Vec<&str> = unified.lines().collect();
    let more = lines.len().saturating_sub(SHOWN);
    let rest = if more > 0 { format!("\n… and {more} lines more") } else { String::new() };
    format!("{}{rest}", lines.into_iter().take(SHOWN).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_sample_in_every_format_is_as_reviewed() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let (samples, mut differences) = (command::samples(), Vec::new());
    assert!(samples.len() >= 12, "{samples:?}");
    let mut expected = BTreeSet::new();
    for sample in samples {
        for (ending, options, locale) in FORMATS {
            if *ending == "html" && !PAGES.contains(&sample.as_str()) {
                continue;
            }
            let (path, new) = (path(&sample, ending), written(&sample, options, locale));
            let old = fs::read_to_string(&path).unwrap_or_default();
            if update {
                fs::write(&path, new).unwrap();
            } else if old != new {
                differences.push(format!("{}\n{}", path.display(), difference(&old, &new)));
            }
            expected.insert(path);
        }
    }
    assert!(
        differences.is_empty(),
        "{}\n\nWhere the new text is right: UPDATE_SNAPSHOTS=1 cargo test --test samples",
        differences.join("\n\n")
    );
    let found: BTreeSet<PathBuf> = snapshots().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found, expected, "every snapshot is one of a sample");
}

#[test]
fn tables_fit_their_width_and_their_locale() {
    for sample in command::samples() {
        for (ending, options, locale) in FORMATS.iter().filter(|(ending, ..)| ending.ends_with("txt")) {
            let width: usize = options.get(1).unwrap().parse().unwrap();
            let text = written(&sample, options, locale);
            assert_eq!(command::too_wide(&text, width), None, "{sample} {ending}");
            for line in text.lines() {
                assert!(*locale != "C" || line.is_ascii(), "{sample} {ending}: {line}");
                assert!(!line.ends_with(' '), "{sample} {ending}: {line:?} ends in blanks");
            }
        }
    }
}
