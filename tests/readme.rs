//! What README.md and samples/README.md show is what the program does.

mod command;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use command::{finish, lyncpush, report, run};
use similar::TextDiff;

/// Subcommands that end by themselves, without a terminal and without an interface.
const ENDING: &[&str] = &["analyze", "explain", "profile", "schema", "simulate"];
/// Captures that examples name, and where they are taken.
const CAPTURES: &[(&str, &str)] = &[
    ("trace.pcap", "frontend"),
    ("frontend.pcap", "frontend"),
    ("loopback.pcap", "frontend-loopback"),
    ("edge.pcap", "edge-internal"),
    ("caller.pcap", "caller"),
];

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(command::ROOT).join(path)).unwrap()
}

/// The code block after a mark, without its fences.
fn block(text: &str, mark: &str) -> String {
    let (_, after) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark}"));
    let lines = after.lines().skip_while(|line| !line.starts_with("```")).skip(1);
    lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

/// Every `lyncpush …` in a text: in a code block with or without a prompt, or in a sentence.
fn commands(text: &str) -> Vec<String> {
    let spans = text.split('`').filter(|span| span.starts_with("lyncpush "));
    let lines = text.lines().map(|line| line.trim_start_matches("$ ")).filter(|line| line.starts_with("lyncpush "));
    let unique: BTreeSet<&str> = spans.chain(lines).collect();
    // A sentence may break a command at the end of a line.
    unique.into_iter().map(|command| command.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn the_screen_is_what_the_command_prints() {
    let shown = block(&text("README.md"), "<!-- screen -->");
    let (first, screen) = shown.split_once('\n').unwrap();
    let command = first.strip_prefix("$ lyncpush ").expect("a prompt and the command");
    let ran = finish(lyncpush().args(command.split(' ')).env("LC_ALL", "en_US.UTF-8").env("COLUMNS", "80"));
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    let diff = TextDiff::from_lines(screen, ran.text()).unified_diff().header("README.md", "now").to_string();
    assert!(diff.is_empty(), "{diff}");
}

#[test]
fn every_command_shown_runs() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    for (name, vantage) in CAPTURES {
        let path = place(name);
        run(["simulate", "happy", "-q", "--vantage", vantage, "-o", path.to_str().unwrap()]).with_code(0);
    }
    let tls = ["--tls", "1.2:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "-o", "secret.pcap", "--keylog-out", "keys.log"];
    let ran = finish(lyncpush().args(["simulate", "happy", "-q"]).args(tls).current_dir(directory.path()));
    ran.with_code(0);
    fs::copy(Path::new(command::ROOT).join("tests/tls/data/new.pfx"), place("frontend.pfx")).unwrap();
    fs::write(place("password.txt"), "correct horse\n").unwrap();
    fs::create_dir_all(place("samples/tickets")).unwrap();
    for template in Path::new(command::ROOT).join("samples/tickets").read_dir().unwrap() {
        let template = template.unwrap();
        fs::copy(template.path(), place("samples/tickets").join(template.file_name())).unwrap();
    }
    // Nothing is wrong with the captures that commands with tickets name: nothing is sent anywhere.
    fs::write(place("servicenow.headers"), "Authorization: Bearer nobody\n").unwrap();
    for sample in command::samples() {
        fs::copy(Path::new(command::ROOT).join(&sample), place(&sample)).unwrap();
    }
    let shown = commands(&text("README.md"));
    assert!(shown.iter().any(|command| command.contains("samples/")), "{shown:?}");
    assert!(shown.len() >= 5, "{shown:?}");
    for command in shown {
        let arguments: Vec<&str> = command.split(' ').skip(1).collect();
        let ends = ENDING.contains(&arguments[0]);
        let arguments = if ends { arguments } else { vec![arguments[0], "--help"] };
        let ran =
            finish(lyncpush().args(arguments).current_dir(directory.path()).env("XDG_STATE_HOME", directory.path()));
        assert!(ran.code < 2, "{command}: {}", ran.err);
        assert!(!ran.out.is_empty() || command.contains(" -o "), "{command} prints something");
    }
}

#[test]
fn every_option_named_is_one() {
    let all = ENDING.iter().chain(&["live"]);
    let help: String = all
        .map(|subcommand| run([subcommand, "--help"]))
        .filter(|ran| ran.code == 0)
        .map(|ran| ran.text().to_owned())
        .collect();
    let known: BTreeSet<&str> = options(&help).collect();
    let readme = text("README.md");
    // Options of other tools are not ours.
    let is_other = |line: &&str| ["cargo ", "editcap "].iter().any(|tool| line.contains(tool));
    let own: String = readme.lines().filter(|line| !is_other(line)).map(|line| format!("{line}\n")).collect();
    for option in options(&own) {
        assert!(known.contains(option), "{option} is no option of {ENDING:?}");
    }
}

/// Every `--option` in a text.
fn options(text: &str) -> impl Iterator<Item = &str> {
    let is_of_name = |c: char| c.is_ascii_lowercase() || c == '-';
    text.split(move |c: char| !is_of_name(c))
        .filter(|word| word.len() > 3 && word.starts_with("--") && !word.ends_with('-'))
}

#[test]
fn the_list_of_samples_is_that_of_the_folder() {
    let listed = text("samples/README.md");
    let rows: Vec<(String, String, String)> = listed
        .lines()
        .filter(|line| line.starts_with("| ["))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [link, verdict, broken] = cells[..] else { panic!("three cells: {line}") };
            let name = link.trim_start_matches('[').split_once(']').unwrap().0;
            assert_eq!(link, format!("[{name}]({name})"));
            (format!("samples/{name}"), verdict.to_owned(), broken.to_owned())
        })
        .collect();
    let names: Vec<String> = rows.iter().map(|(name, ..)| name.clone()).collect();
    assert_eq!(names, command::samples());
    for (sample, verdict, broken) in rows {
        let report = report([&sample]);
        assert_eq!(report["summary"]["ladders"], 1, "{sample}");
        let ladder = &report["ladders"][0];
        let step = ladder["broken_at"].as_u64().map_or_else(String::new, |step| format!("step {step}"));
        assert_eq!((ladder["verdict"].as_str().unwrap(), step), (verdict.as_str(), broken), "{sample}");
    }
}

/// `samples/README.md` says how the samples were made.
#[test]
fn every_sample_is_what_simulate_writes_now() {
    for sample in command::samples() {
        let name = sample.trim_start_matches("samples/").trim_end_matches(".pcap");
        let written = command::simulated(name, &[]);
        let kept = fs::read(Path::new(command::ROOT).join(&sample)).unwrap();
        assert!(written == kept, "{sample} differs from what `lyncpush simulate {name}` writes");
    }
}
