//! The program as its users meet it: run with arguments, and what came out.
//!
//! In: arguments, and bytes for standard input. Out: exit code, standard output, standard error; and for
//! reports in JSON their values, every one of them checked against the schema that the program prints.
//! Nothing of the environment of the tests reaches the program, and it runs in the project's root.
#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::ffi::OsStr;
use std::io::{Seek, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use jsonschema::Validator;
use lyncpush::report::text::{columns, tokens};
use serde_json::Value;

/// Where the project is: samples are named relative to it.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Variables that change what the program writes.
const ENVIRONMENT: &[&str] = &[
    "LC_ALL",
    "LC_CTYPE",
    "LANG",
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "FORCE_COLOR",
    "TERM",
    // And where it sends tickets.
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "https_proxy",
    "http_proxy",
    "no_proxy",
];

/// What one run of the program gave.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).expect("the program writes UTF-8")
    }

    /// This run, of which the exit code must be `code`.
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard error: {}\nstandard output: {}", self.err, self.text());
        self
    }
}

/// The program, about to be run in an environment that says nothing.
pub fn lyncpush() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lyncpush"));
    ENVIRONMENT.iter().for_each(|name| _ = command.env_remove(name));
    command.current_dir(ROOT).stdin(Stdio::null());
    command
}

/// Runs the program with these arguments.
pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    finish(lyncpush().args(arguments))
}

/// Runs the program with these arguments and octets on standard input.
pub fn run_on<A: AsRef<OsStr>>(octets: &[u8], arguments: impl IntoIterator<Item = A>) -> Ran {
    // A file: a pipe would have to be filled while the output is read.
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(octets).and_then(|()| file.rewind()).expect("a temporary file can be written");
    finish(lyncpush().args(arguments).stdin(file))
}

/// Runs a prepared command to its end.
pub fn finish(command: &mut Command) -> Ran {
    let output = command.output().expect("the program can be started");
    Ran {
        code: output.status.code().unwrap_or_else(|| panic!("{command:?} was ended by a signal: {}", output.status)),
        out: output.stdout,
        err: String::from_utf8(output.stderr).expect("the program writes UTF-8"),
    }
}

/// The report of `lyncpush analyze --format json` with these arguments, checked against the schema.
pub fn report<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Value {
    json(&finish(lyncpush().args(["analyze", "--format", "json"]).args(arguments)))
}

/// The same of a capture on standard input.
pub fn report_on(octets: &[u8], options: &[&str]) -> Value {
    json(&run_on(octets, [&["analyze", "--format", "json", "-"], options].concat()))
}

/// The report that a run with `--format json` gave, checked against the schema.
#[track_caller]
pub fn json(ran: &Ran) -> Value {
    assert!(ran.code < 2, "exit code {}: {}", ran.code, ran.err);
    let report = serde_json::from_slice(&ran.out).unwrap_or_else(|error| panic!("no JSON: {error}: {}", ran.text()));
    SCHEMA.check(&SCHEMA.report, &report);
    report
}

/// The lines that a run with `--format ndjson` gave, each checked against the schema.
#[track_caller]
pub fn ndjson(ran: &Ran) -> Vec<Value> {
    assert!(ran.code < 2, "exit code {}: {}", ran.code, ran.err);
    assert!(ran.text().ends_with('\n'), "the last line is whole");
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}"));
    let lines: Vec<Value> = ran.text().lines().map(line).collect();
    let (last, ladders) = lines.split_last().expect("a last line");
    ladders.iter().for_each(|ladder| SCHEMA.check(&SCHEMA.ladder, ladder));
    SCHEMA.check(&SCHEMA.last, last);
    lines
}

/// The capture of a scenario, as `lyncpush simulate` writes it.
pub fn simulated(scenario: &str, options: &[&str]) -> Vec<u8> {
    run([&["simulate", scenario, "--quiet"], options].concat()).with_code(0).out
}

/// The names that `lyncpush simulate --list` lists.
pub fn scenarios() -> Vec<String> {
    let listed = run(["simulate", "--list"]).with_code(0);
    let named = listed.text().lines().filter(|line| !line.starts_with(' '));
    named.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The samples, `samples/happy.pcap` and so on, in the order of their names.
pub fn samples() -> Vec<String> {
    let entries = Path::new(ROOT).join("samples").read_dir().expect("samples");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("samples").file_name().into_string().ok();
    let mut names: Vec<String> = entries.filter_map(name).filter(|name| name.contains(".pcap")).collect();
    names.sort();
    names.iter().map(|name| format!("samples/{name}")).collect()
}

/// The schema of the report, and what it says of the lines of `--format ndjson`.
static SCHEMA: LazyLock<Schema> = LazyLock::new(Schema::printed);

struct Schema {
    report: Validator,
    ladder: Validator,
    last: Validator,
}

impl Schema {
    fn printed() -> Self {
        let whole: Value = serde_json::from_slice(&run(["schema"]).with_code(0).out).expect("the schema is JSON");
        let validator = |schema: &Value| jsonschema::validator_for(schema).expect("the schema is one");
        // A line is a ladder whose findings are the objects themselves.
        let mut ladder = whole["$defs"]["Ladder"].clone();
        ladder["properties"]["findings"]["items"] = serde_json::json!({ "$ref": "#/$defs/Finding" });
        ladder["$defs"] = whole["$defs"].clone();
        // The last line is a report without what the lines before it said.
        let mut last = whole.clone();
        let kept = ["inputs", "coverage", "findings", "summary"];
        last["required"] = serde_json::json!(kept);
        last["properties"].as_object_mut().expect("properties").retain(|name, _| kept.contains(&name.as_str()));
        last["additionalProperties"] = Value::Bool(false);
        Self { report: validator(&whole), ladder: validator(&ladder), last: validator(&last) }
    }

    #[track_caller]
    fn check(&self, of: &Validator, value: &Value) {
        let errors: Vec<String> =
            of.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "the schema does not allow it: {errors:#?}");
    }
}

/// The first line of a page that passes the width although it could be broken: a token of a command that goes on, or
/// is gone on with, cannot.
pub fn too_wide(page: &str, width: usize) -> Option<&str> {
    let mut before = "";
    page.lines().find(|line| {
        let is_of_command = line.ends_with(" `") || before.ends_with(" `");
        before = line;
        let is_token = is_of_command && tokens(line.trim().trim_end_matches('`')).len() == 1;
        columns(line) > width && !is_token
    })
}
