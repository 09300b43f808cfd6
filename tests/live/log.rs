//! Messages on standard error as JSON, for programs.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::command;
use crate::wire::{Wire, frames};

/// Every line as an object of the same five names, of which the time is one.
#[track_caller]
fn objects(said: &[String]) -> Vec<Value> {
    let object = |line: &String| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["event", "fields", "level", "message", "time"], "{line}");
        let time = value["time"].as_str().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.ends_with('Z'), "{line}");
        assert!(["info", "warning", "error"].contains(&value["level"].as_str().unwrap()), "{line}");
        value
    };
    said.iter().map(object).collect()
}

#[test]
fn what_happens_is_one_object_a_line() {
    let Some(wire) = Wire::new(1) else { return };
    let bpf = "port 5060 or port 5061 or port 5087";
    let mut watching =
        wire.watch(&["-i", "b0", "--log-format", "json", "--run-as", "daemon", "--metrics", "0", "--bpf", bpf]);
    let frames = frames("happy", &[]);
    wire.send("a0", &frames);
    watching.line();
    wire.ip(&["link", "set", "b0", "down"]);
    watching.wait_for("interface-down");
    wire.ip(&["link", "set", "b0", "up"]);
    watching.wait_for("interface-up");
    watching.signal(Signal::SIGUSR1);
    watching.wait_for("counters");
    let (left, said) = watching.stop(0);
    let objects = objects(&said);
    let events: Vec<&str> = objects.iter().map(|object| object["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        ["metrics", "filter", "started", "interface-down", "interface-up", "counters", "summary"],
        "{said:#?}"
    );
    let [metrics, filter, started, down, up, counters, summary] = &objects[..] else { unreachable!() };
    assert!(metrics["fields"]["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{metrics}");
    assert_eq!(filter["level"], "warning");
    assert_eq!(filter["fields"]["drops"], json!(["fragments of packets", "frames with a VLAN tag"]));
    let instead = filter["fields"]["instead"].as_str().unwrap();
    assert!(instead.contains("vlan and") && filter["message"].as_str().unwrap().contains(instead), "{filter}");
    assert_eq!(started["fields"], json!({ "interfaces": ["b0"], "user": "daemon" }));
    assert_eq!((&down["level"], &down["fields"]), (&json!("warning"), &json!({ "interface": "b0" })));
    assert_eq!((&up["level"], &up["fields"]["interface"]), (&json!("info"), &json!("b0")));
    assert!(up["fields"]["seconds"].as_f64().unwrap() > 0.0, "{up}");
    for object in [counters, summary] {
        for (name, expected) in [("complete", 1), ("no_push_expected", 0), ("interruptions", 1), ("kernel_drops", 0)] {
            assert_eq!(object["fields"][name], expected, "{name}: {object}");
        }
        assert_eq!(object["fields"]["frames"], left[0]["inputs"][0]["frames"], "{object}");
    }
}

/// What ends it before it began as well.
#[test]
fn an_error_is_an_object() {
    let ran = command::run(["live", "-i", "no-such-interface", "--log-format", "json"]).with_code(2);
    let said: Vec<String> = ran.err.lines().map(str::to_owned).collect();
    let [error] = &objects(&said)[..] else { panic!("{said:#?}") };
    assert_eq!((&error["level"], &error["event"]), (&json!("error"), &json!("failed")));
    assert!(error["message"].as_str().unwrap().contains("no-such-interface"), "{error}");
}

#[test]
fn the_help_names_every_event() {
    let help = command::run(["live", "--help"]).with_code(0);
    let words: Vec<&str> = help.text().split(|c: char| !c.is_ascii_alphanumeric() && c != '-').collect();
    let sources =
        ["src/cli/live", "src/capture", "src/pipeline"].map(|room| std::path::Path::new(command::ROOT).join(room));
    let mut found = Vec::new();
    let mut waiting: Vec<std::path::PathBuf> = sources.to_vec();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for after in [
            "Level::Info, \"",
            "Level::Warning, \"",
            "Level::Error, \"",
            "self.warning(\"",
            "self.returned(\"",
            "counters(\"",
        ] {
            found.extend(code.split(after).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
    assert!(found.len() > 10, "{found:?}");
    for event in found {
        assert!(words.contains(&event.as_str()), "{event}: {}", help.text());
    }
}
