//! The captures that others made, which lie beside the project where they are needed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Says that a test was skipped, past the test harness, which shows nothing of tests that pass.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {test}: {why}");
}

/// Where they are; a line that says that `test` was skipped when they are not here.
pub fn captures(test: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/captures"));
    if path.join("index.tsv").is_file() {
        return Some(path.to_owned());
    }
    skipped(test, "the shared captures are not here");
    None
}

/// The rows of their index that are captures or messages, by column name.
pub fn index(root: &Path) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(root.join("index.tsv")).expect("an index");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("column names").split('\t').collect();
    let row = |line: &str| names.iter().zip(line.split('\t')).map(|(n, v)| (n.to_string(), v.to_owned())).collect();
    lines.map(row).filter(|row: &BTreeMap<String, String>| row["role"] == "data").collect()
}
