//! The program from outside: exit codes, one-line errors, where reports go, and the options that choose.

mod command;
mod pcap;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use command::{finish, lyncpush, report, report_on, run, run_on, simulated};
use pcap::Pcap;
use serde_json::Value;

const BROKEN: &str = "samples/domain-not-allowed.pcap";
const COMPLETE: &str = "samples/happy.pcap";

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Names of a list in a report: `codes(&report, "findings", "code")`.
fn codes<'a>(report: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    report[list].as_array().unwrap().iter().map(|one| one[field].as_str().unwrap()).collect()
}

#[test]
fn the_exit_code_is_that_of_the_worst_finding_that_counts() {
    let degraded = simulated("late-push", &[]);
    let samples = [
        (COMPLETE, [0, 0, 0, 0]),
        ("samples/answered-on-desktop.pcap", [0, 0, 1, 0]),
        ("samples/android.pcap", [0, 0, 1, 0]),
        ("-", [0, 1, 1, 0]),
        ("samples/starts-late.pcap", [0, 0, 0, 0]),
        (BROKEN, [1, 1, 1, 0]),
    ];
    for (capture, codes) in samples {
        for (severity, code) in ["error", "warning", "note", "never"].into_iter().zip(codes) {
            for format in ["table", "json", "ndjson"] {
                let ran = run_on(&degraded, ["analyze", "--fail-on", severity, "--format", format, capture]);
                assert_eq!(
                    (ran.code, ran.err.as_str()),
                    (code, ""),
                    "{capture} --fail-on {severity} --format {format}"
                );
            }
        }
        assert_eq!(
            run_on(&degraded, ["analyze", capture]).code,
            codes[0],
            "{capture}: error is what counts by default"
        );
    }
}

#[test]
fn what_cannot_be_used_is_said_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, octets: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (zero, text) = (file("zero.pcap", b""), file("notes.pcap", b"not a capture, but some text of ours\n"));
    let (profile, unknown) = (file("bad.toml", b"limits = ["), file("unknown.toml", b"[limits]\nring = 3\n"));
    let here = directory.path().to_str().unwrap();
    for (arguments, expected) in [
        (&["none.pcap"][..], "cannot open capture \"none.pcap\": no such file"),
        (&[here], "it is a directory"),
        (&[&zero], "it is empty"),
        (&[&text], "is not a capture: neither pcap nor pcapng"),
        (&[COMPLETE, "none.pcap"], "cannot open capture \"none.pcap\": no such file"),
        (&["-"], "cannot open capture \"-\": it is empty"),
        (&["-", "-"], "standard input can be read only once"),
        (&["--format", "xml", COMPLETE], "invalid value 'xml' for '--format <FORMAT>'; possible values: table,"),
        (&["--fail-on", "panic", COMPLETE], "invalid value 'panic' for '--fail-on <SEVERITY>'"),
        (&["--color", "red", COMPLETE], "invalid value 'red' for '--color <WHEN>'"),
        (&["--width", "wide", COMPLETE], "invalid value 'wide' for '--width <COLUMNS>'"),
        (&["--vantage", "moon", COMPLETE], "unknown role \"moon\", known are caller,"),
        (&["--vantage", "caller=other.pcap", COMPLETE], "\"other.pcap\", which is not one of the captures"),
        (&["--user", "", COMPLETE], "expected user@host or sip:user@host"),
        (&["--push-uri", "push", COMPLETE], "expected user@host or sip:user@host"),
        (&["--profile", "none.toml", COMPLETE], "cannot use profile \"none.toml\": no such file or directory"),
        (&["--profile", &profile, COMPLETE], "cannot use profile"),
        (&["--profile", &unknown, COMPLETE], "unknown field `ring`"),
        (&["--zzz", COMPLETE], "unexpected argument '--zzz' found"),
        (&[], "<CAPTURE>..."),
        (&["-o", "/none/report", COMPLETE], "cannot write \"/none/report\": no such file or directory"),
        (&["-o", here, COMPLETE], "it is a directory"),
    ] {
        is_one_line(&[&["analyze"], arguments].concat(), expected);
    }
    is_one_line(&["analyse", COMPLETE], "unrecognized subcommand 'analyse'");
    is_one_line(&["simulate", "hapy"], "did you mean \"happy\"?");
    is_one_line(&["simulate", "happy", "--start", "yesterday"], "is not an RFC 3339 time");
    is_one_line(&["profile", "--profile", "none.toml"], "no such file or directory");
}

#[cfg(feature = "tls")]
#[test]
fn what_tls_cannot_be_written_is_said_in_one_line() {
    const GOOD: &str = "1.2:RSA_WITH_AES_128_CBC_SHA";
    for (arguments, expected) in [
        (&["--tls", "1.2"][..], "expected VERSION:SUITE, such as 1.2:TLS_"),
        (&["--tls", "1.5:TLS_AES_128_GCM_SHA256"], "Known: 1.0, 1.1, 1.2, 1.3"),
        (&["--tls", "1.3:TLS_RSA_WITH_AES_128_CBC_SHA"], "belongs to TLS 1.0, 1.1, 1.2 and not to TLS 1.3; "),
        (&["--tls", "1.2:TLS_RSA_WITH_AES_128_CBC_SHAH"], "\", did you mean TLS_RSA_WITH_AES_128_CBC_SHA, "),
        (&["--tls", "1.2:unknown"], "cipher suite of TLS 1.2 \"unknown\"; `lyncpush simulate --list-suites` shows all"),
        (&["--tls", GOOD], "give -o FILE, or name one with --keylog-out FILE"),
        (&["--tls", GOOD, "-o", "-"], "give -o FILE, or name one with --keylog-out FILE"),
        (&["--tls", GOOD, "--keylog-out", "-"], "cannot go to one place"),
        (&["--tls", GOOD, "--keylog-out", "/none/a", "-o", "/none/a"], "cannot go to one place"),
        (&["--tls", GOOD, "--keylog-out", "/none/a"], "cannot write \"/none/a\": no such file or directory"),
        (&["--keylog-out", "a.log"], "--tls <VERSION:SUITE>"),
    ] {
        is_one_line(&[&["simulate", "happy"], arguments].concat(), expected);
    }
}

#[cfg(feature = "tls")]
#[test]
fn every_cipher_suite_is_listed_with_its_versions() {
    let listed = run(["simulate", "--list-suites"]).with_code(0);
    let rows: Vec<(&str, Vec<&str>)> =
        listed.text().lines().filter_map(|row| row.split_once(' ')).map(|(n, v)| (n, v.split(' ').collect())).collect();
    let versions = |name: &str| {
        let (_, versions) = rows.iter().find(|(listed, _)| *listed == name).unwrap();
        versions.iter().copied().filter(|version| !version.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!(versions("TLS_RSA_WITH_AES_128_CBC_SHA"), ["1.0", "1.1", "1.2"]);
    assert_eq!(versions("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"), ["1.2"]);
    assert_eq!(versions("TLS_AES_128_GCM_SHA256"), ["1.3"]);
    // What is listed can be written: this one is the last.
    let (name, _) = rows.last().unwrap();
    run(["simulate", "happy", "--tls", &format!("1.3:{name}"), "--keylog-out", "/dev/null"]).with_code(0);
    let help = run(["simulate", "--help"]).with_code(0);
    assert!(help.text().contains("`--list-suites` shows"), "{}", help.text());
}

#[cfg(feature = "tls")]
#[test]
fn the_key_log_lies_beside_the_capture_or_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let simulate = |options: &[&str]| {
        run([&["simulate", "happy", "--tls", "1.3:AES_128_GCM_SHA256"], options].concat()).with_code(0)
    };
    let told = simulate(&["-o", &path("a.pcap")]);
    assert!(told.err.ends_with(&format!("{}: the key log\n", path("a.pcap.keys.log"))), "{}", told.err);
    let piped = simulate(&["--keylog-out", &path("b.log"), "-q"]);
    assert_eq!(piped.err, "");
    simulate(&["--set", &path("set"), "-q"]);
    simulate(&["-o", &path("c.pcap"), "--keylog-out", &path("c.log"), "-q"]);
    let expected = ["a.pcap", "a.pcap.keys.log", "b.log", "c.log", "c.pcap", "set"];
    assert_eq!(names(directory.path()), expected);
    let set = ["happy-caller.pcap", "happy-edge.pcap", "happy-frontend.pcap", "happy.keys.log"];
    assert_eq!(names(&directory.path().join("set")), set);
    let read = |name: &str| fs::read(path(name)).unwrap();
    assert!(read("a.pcap") == piped.out && read("a.pcap") == read("c.pcap"));
    for other in ["b.log", "c.log", "set/happy.keys.log"] {
        assert!(read("a.pcap.keys.log") == read(other), "{other}");
    }
}

fn is_one_line(arguments: &[&str], expected: &str) {
    let ran = run(arguments);
    assert_eq!((ran.code, ran.text()), (2, ""), "{arguments:?}: {}", ran.err);
    assert!(ran.err.starts_with("lyncpush: ") && ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{arguments:?}: {}", ran.err);
}

#[cfg(feature = "live")]
#[test]
fn a_filter_that_is_none_is_said_in_one_line() {
    is_one_line(&["analyze", "--bpf", "host and", COMPLETE], "invalid filter \"host and\"");
}

#[cfg(not(feature = "live"))]
#[test]
fn a_filter_without_libpcap_is_said_in_one_line() {
    is_one_line(&["analyze", "--bpf", "tcp", COMPLETE], "libpcap");
}

/// Root may read everything, so the program is run as nobody there.
#[cfg(unix)]
#[test]
fn a_capture_that_may_not_be_read_is_said_in_one_line() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65_534;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret.pcap");
    fs::copy(Path::new(command::ROOT).join(COMPLETE), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = lyncpush();
    command.arg("analyze").arg(&path);
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        // The program itself may lie where only root looks.
        let program = directory.path().join("lyncpush");
        fs::copy(env!("CARGO_BIN_EXE_lyncpush"), &program).unwrap();
        command = std::process::Command::new(program);
        command.current_dir("/").arg("analyze").arg(&path).uid(NOBODY).gid(NOBODY);
    }
    let Ok(output) = command.output() else {
        println!("skipped: a_capture_that_may_not_be_read: nobody cannot run the program here");
        return;
    };
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text, format!("lyncpush: cannot open capture {path:?}: permission denied\n"));
}

#[test]
fn a_capture_without_frames_is_an_empty_report() {
    let whole = fs::read(Path::new(command::ROOT).join(COMPLETE)).unwrap();
    let ran = run_on(&whole[..24], ["analyze", "--format", "json", "--fail-on", "note", "-"]).with_code(0);
    let report = command::json(&ran);
    assert_eq!(report["inputs"][0]["frames"], 0);
    assert_eq!(report["summary"]["ladders"], 0);
    assert!(report["ladders"].as_array().unwrap().is_empty() && report["findings"].as_array().unwrap().is_empty());
    let lines = command::ndjson(&run_on(&whole[..24], ["analyze", "--format", "ndjson", "-"]).with_code(0));
    assert_eq!(lines.len(), 1);
}

#[test]
fn a_capture_cut_short_is_analysed_up_to_there() {
    let whole = fs::read(Path::new(command::ROOT).join(COMPLETE)).unwrap();
    let report = report_on(&whole[..whole.len() - 7], &[]);
    assert_eq!(report["inputs"][0]["ended"], "truncated");
    assert!(report["inputs"][0]["ended_detail"].as_str().unwrap().contains("frame"), "{}", report["inputs"][0]);
    assert_eq!(report["inputs"][0]["frames"], 193);
    assert_eq!(report["ladders"][0]["verdict"], "complete");
    assert_eq!(codes(&report, "findings", "code"), ["LP902"]);
}

#[test]
fn standard_input_is_a_capture_like_any_other() {
    let whole = fs::read(Path::new(command::ROOT).join(BROKEN)).unwrap();
    let (mut named, piped) = (report([BROKEN]), report_on(&whole, &[]));
    assert_eq!(piped["inputs"][0]["path"], "-");
    named["inputs"][0]["path"] = "-".into();
    assert_eq!(named, piped);
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("many.pcap");
    fs::write(&path, simulated("happy", &["--ladders", "400"])).unwrap();
    for format in ["table", "json", "ndjson"] {
        let arguments = ["analyze", "-v", "--format", format];
        let child = lyncpush().args(arguments).arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut first = [0; 16];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut first).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}: {}", output.status);
    }
}

#[test]
fn a_report_in_a_file_is_whole_or_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    let output = path.to_str().unwrap();
    fs::write(&path, "old").unwrap();
    for arguments in [&["none.pcap"][..], &["--profile", "none.toml", BROKEN], &["README.md"], &[BROKEN, "none.pcap"]] {
        run([&["analyze", "--format", "json", "-o", output], arguments].concat()).with_code(2);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "{arguments:?}");
        assert_eq!(names(directory.path()), ["report.json"], "{arguments:?}");
    }
    let ran = run(["analyze", "--format", "json", "-o", output, BROKEN]).with_code(1);
    assert_eq!((ran.text(), ran.err.as_str()), ("", ""));
    let written: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(written, report([BROKEN]));
    assert_eq!(names(directory.path()), ["report.json"]);
    // The capture itself is never written over.
    let copy = directory.path().join("copy.pcap");
    fs::copy(Path::new(command::ROOT).join(BROKEN), &copy).unwrap();
    let copy = copy.to_str().unwrap();
    is_one_line(&["analyze", "-o", copy, copy], "it is one of the captures");
}

#[test]
fn only_the_ladders_of_a_user() {
    let capture = simulated("two-calls", &[]);
    let all = report_on(&capture, &[]);
    let people = |report: &Value| {
        let names = report["ladders"].as_array().unwrap().iter();
        names
            .map(|one| [one["caller"].as_str().unwrap().to_owned(), one["callee"].as_str().unwrap().to_owned()])
            .collect()
    };
    let everyone: Vec<[String; 2]> = people(&all);
    assert_eq!(everyone.len(), 3);
    for user in everyone.iter().flatten() {
        for spelled in [user.clone(), user.trim_start_matches("sip:").to_owned(), user.to_uppercase()] {
            let report = report_on(&capture, &["--user", &spelled]);
            let expected: Vec<_> = everyone.iter().filter(|pair| pair.contains(user)).cloned().collect();
            assert_eq!(people(&report), expected, "{spelled}");
            assert_eq!(report["summary"]["ladders"], expected.len(), "{spelled}");
        }
    }
    let nobody = report_on(&capture, &["--user", "nobody@example.com"]);
    assert_eq!(nobody["summary"]["ladders"], 0);
    assert_eq!(nobody["summary"]["findings"]["error"], 0);
}

#[test]
fn another_clearing_house() {
    let capture = simulated("other-push-uri", &[]);
    let pushes =
        |options: &[&str]| report_on(&capture, options)["ladders"][0]["push_call_ids"].as_array().unwrap().len();
    assert_eq!(pushes(&[]), 0);
    for uri in ["sip:notify@push.lab.example.net", "SIP:Notify@PUSH.lab.example.net"] {
        assert_eq!(pushes(&["--push-uri", uri]), 1, "{uri}");
        assert_eq!(pushes(&["--push-uri", "sip:push@push.lync.com", "--push-uri", uri]), 1, "{uri}");
    }
    let moved = report([COMPLETE, "--push-uri", "sip:notify@push.lab.example.net"]);
    assert!(moved["ladders"][0]["push_call_ids"].as_array().unwrap().is_empty(), "it takes the usual one's place");
}

#[cfg(feature = "live")]
#[test]
fn a_filter_leaves_out_frames_of_files_but_not_their_numbers() {
    let (all, some) = (report([COMPLETE]), report([COMPLETE, "--bpf", "not port 5087 and not port 51877"]));
    let statuses = |report: &Value| -> Vec<String> {
        let steps = report["ladders"][0]["steps"].as_array().unwrap().iter();
        steps.map(|step| step["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(some["coverage"]["legs"]["mcx"], false);
    assert_eq!(statuses(&some)[3], "implied");
    assert_eq!(some["ladders"][0]["verdict"], "complete");
    assert_eq!(some["ladders"][0]["steps"][0]["evidence"], all["ladders"][0]["steps"][0]["evidence"]);
    assert_eq!(some["inputs"][0]["frames"], all["inputs"][0]["frames"], "every frame of the file is counted");
    assert_eq!(report([COMPLETE, "--bpf", "udp"])["summary"]["ladders"], 0);
}

#[test]
fn a_vantage_is_told_of_all_files_or_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, octets: Vec<u8>| {
        let path = directory.path().join(name);
        fs::write(&path, octets).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let caller = file("caller.pcap", simulated("push-disabled", &["--vantage", "caller"]));
    let edge = file("edge.pcap", simulated("push-disabled", &["--vantage", "edge-internal"]));
    let of = |options: &[&str]| {
        let report = report([&[caller.as_str(), &edge], options].concat());
        report["ladders"][0]["broken_at"].as_u64()
    };
    assert_eq!(of(&["--vantage", &format!("edge-internal={edge}")]), Some(5), "the Edge would have seen the push");
    // The Edge's mark on the answer to a health check tells its internal side without being told.
    assert_eq!(of(&[]), Some(5));
    let missing = |options: &[&str]| {
        let report = report([&[caller.as_str()], options].concat());
        report["ladders"][0]["broken_at"].as_u64()
    };
    assert_eq!(missing(&["--vantage", "frontend"]), Some(5), "the Front End would have seen the push leave");
    assert_eq!(missing(&["--vantage", "caller"]), Some(9), "the caller would not");
    assert_eq!(missing(&["--vantage", &format!("caller={caller}")]), Some(9));
    let elsewhere = std::path::Path::new(&caller).parent().unwrap().join(".").join("caller.pcap");
    assert_eq!(missing(&["--vantage", &format!("caller={}", elsewhere.display())]), Some(9), "another way to say it");
}

#[test]
fn quiet_means_quiet_and_the_same_input_gives_the_same_bytes() {
    for sample in command::samples() {
        for format in ["table", "json", "ndjson"] {
            let arguments = ["analyze", "-q", "--no-progress", "--format", format, &sample];
            let (one, other) = (run(arguments), run(arguments));
            assert_eq!(one.err, "");
            assert_eq!(one.out, other.out, "{sample} {format}");
        }
    }
    let ran = run(["simulate", "happy", "-q", "-o", "/dev/null"]).with_code(0);
    assert_eq!((ran.text(), ran.err.as_str()), ("", ""));
}

#[test]
fn colours_only_where_they_are_asked_for() {
    let coloured = |arguments: &[&str], variable: (&str, &str)| {
        finish(lyncpush().arg("analyze").args(arguments).arg(BROKEN).env(variable.0, variable.1)).out.contains(&0x1b)
    };
    assert!(!coloured(&[], ("TERM", "xterm-256color")), "not into a pipe");
    assert!(coloured(&["--color", "always"], ("NO_COLOR", "1")));
    assert!(!coloured(&[], ("NO_COLOR", "1")));
    assert!(coloured(&[], ("CLICOLOR_FORCE", "1")));
}

/// Names from the wire that would move a cursor, colour the screen, ring, or turn the text round.
#[test]
fn nothing_from_the_wire_acts_on_the_terminal() {
    const OLD: &str = "\u{201c}Bob\u{201d}";
    let whole = fs::read(Path::new(command::ROOT).join(BROKEN)).unwrap();
    for name in ["\u{1b}[2J", "\u{1b}]0;", "\u{7}\u{8}\u{7f}z", "\u{202e}z", "\u{9b}2J"] {
        assert_eq!(name.len(), 4);
        let (mut capture, mut patched) = (Pcap::of(&whole), 0);
        for frame in &mut capture.frames {
            patched += usize::from(frame.replace(OLD, &format!("\"{name}Bob\"")));
        }
        assert!(patched > 0, "the sample has the name");
        for options in [&[][..], &["-v"], &["-v", "--color", "always"], &["--width", "200", "-v"]] {
            let ran = run_on(&capture.octets(), [&["analyze", "-"], options].concat());
            let text = without_colours(ran.text());
            let acts = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}' || c == '\u{9b}';
            assert!(!text.contains(acts), "{name:?} {options:?}: {text:?}");
            let shown = ["\\x1b", "\\x07", "\\u{202e}", "\\u{9b}"].iter().any(|shown| text.contains(shown));
            assert!(shown, "the attempt is visible: {text}");
        }
        for format in ["json", "ndjson"] {
            let ran = run_on(&capture.octets(), ["analyze", "--format", format, "-"]);
            assert!(ran.text().chars().all(|c| c == '\n' || !c.is_control()), "{name:?} in {format}");
        }
    }
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let is_of_colour = |c: char| c.is_ascii_digit() || c == ';';
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(is_of_colour);
        text + rest.strip_prefix('m').unwrap_or_else(|| panic!("only colours: {part:?}"))
    })
}
