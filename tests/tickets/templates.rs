//! The templates in `samples/tickets`, filled and sent.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::ROOT;
use crate::endpoint::{Endpoint, Reply};
use crate::{BROKEN, Place};

const TITLE: &str =
    "Lync push: The push's domain is no allowed domain of the Edge (504, ms-diagnostics 1009, edge01.example.com)";

/// What arrives when a sample's fault is shaped by a template.
fn shaped(template: &str, capture: &str) -> Value {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(201)]));
    place.post(capture, &endpoint.url("/"), &["--post-template", template]).with_code(1);
    let requests = endpoint.requests();
    assert_eq!(requests.len(), 1, "{template} {capture}");
    assert_eq!(requests[0].header("content-type"), "application/json");
    requests[0].json()
}

fn sample(name: &str) -> Value {
    shaped(&format!("samples/tickets/{name}.json"), BROKEN)
}

#[test]
fn every_template_shapes_every_fault() {
    let folder = Path::new(ROOT).join("samples/tickets");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let templates: Vec<_> = files.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    assert!(templates.len() >= 4, "{templates:?}");
    for template in &templates {
        for capture in ["samples/firewall.pcap", "samples/clearing-house-rejects.pcap", "samples/push-disabled.pcap"] {
            let shaped = shaped(template.to_str().unwrap(), capture).to_string();
            assert!(shaped.contains("Lync push: "), "{}: {shaped}", template.display());
        }
    }
}

#[test]
fn servicenow() {
    let body = sample("servicenow");
    assert_eq!(body["short_description"], TITLE);
    assert_eq!(body["correlation_id"], "541c6568e05992e05e68d4c2d597a5a4");
    assert_eq!((&body["urgency"], &body["cmdb_ci"]), (&"2".into(), &"edge01.example.com".into()));
    assert!(body["description"].as_str().unwrap().contains("\nFingerprint "));
}

#[test]
fn jira() {
    let fields = &sample("jira")["fields"];
    assert_eq!(fields["summary"], TITLE);
    let labels = ["lyncpush", "LP105", "fault-541c6568e05992e05e68d4c2d597a5a4"];
    assert_eq!(fields["labels"], serde_json::json!(labels));
    let description = fields["description"].as_str().unwrap();
    assert!(description.starts_with("{noformat}\nerror LP105") && description.ends_with("\n{noformat}"));
}

#[test]
fn chats() {
    let slack = sample("slack");
    assert_eq!(slack["blocks"][0]["text"]["text"], TITLE);
    let plain = slack["blocks"].as_array().unwrap().iter().all(|block| block["text"]["type"] == "plain_text");
    assert!(plain, "what came off the wire mentions nobody");
    let teams = sample("teams");
    let body = teams["attachments"][0]["content"]["body"].as_array().unwrap();
    assert_eq!(body[0]["inlines"][0]["text"], TITLE);
    assert!(body.iter().all(|block| block["type"] == "RichTextBlock") && body.len() > 8);
}

#[test]
fn another_body_says_what_it_is() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(201)]));
    let template = place.file("mail.txt", "{# content-type: text/plain; charset=utf-8 #}\n{{ title }} <{{ code }}>\n");
    place.post(BROKEN, &endpoint.url("/"), &["--post-template", &template]).with_code(1);
    let requests = endpoint.requests();
    assert_eq!(requests[0].header("content-type"), "text/plain; charset=utf-8");
    assert!(requests[0].body.trim().ends_with("edge01.example.com) <LP105>"), "{}", requests[0].body);
}

/// Names of everything in a value: `ladder.steps.0.key` and so on.
fn names(value: &Value, of: &str, found: &mut BTreeSet<String>) {
    found.insert(of.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| names(value, &format!("{of}.{name}"), found)),
        Value::Array(items) => items.iter().take(1).for_each(|item| names(item, &format!("{of}.0"), found)),
        _ => {}
    }
}

/// What templates are tried on has everything that a ticket has, and nothing else.
#[test]
fn the_specimen_is_like_a_real_ticket() {
    let (place, endpoint) = (Place::empty(), Endpoint::start(&[Reply::Status(201)]));
    place.post(BROKEN, &endpoint.url("/"), &[]).with_code(1);
    let specimen = fs::read_to_string(Path::new(ROOT).join("src/post/specimen.json")).unwrap();
    let [mut real, mut known] = [BTreeSet::new(), BTreeSet::new()];
    names(&endpoint.requests()[0].json(), "", &mut real);
    names(&serde_json::from_str(&specimen).unwrap(), "", &mut known);
    let differences: Vec<&String> = real.symmetric_difference(&known).collect();
    assert!(differences.is_empty(), "{differences:?}");
}

#[test]
fn the_page_about_templates_names_every_field() {
    let read = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
    let page = read("samples/tickets/README.md");
    let (_, table) = page.split_once("| Field |").unwrap();
    let cells = table.lines().filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
    let named: BTreeSet<&str> =
        cells.flat_map(|cell| cell.split([',', ' ', '`'])).filter(|name| !name.is_empty()).collect();
    let specimen: Value = serde_json::from_str(&read("src/post/specimen.json")).unwrap();
    assert_eq!(named, specimen.as_object().unwrap().keys().map(String::as_str).collect());
}
