//! Captures of which a key log opens a part: whatever is withheld, nobody is said to have left out what was done.

use std::collections::BTreeSet;
use std::path::Path;

use lyncpush::pipeline::{Keys, Settings, Vantage};
use lyncpush::report::model::Report;
use lyncpush::simulate::{self, Options};

use crate::analysis;

const SUITES: [&str; 2] = ["1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", "1.3:TLS_AES_128_GCM_SHA256"];

/// What a report says did not happen: steps that are missing, and pushes that were not due.
fn denied(report: &Report) -> BTreeSet<String> {
    let ladders = report.ladders.iter();
    let denied = ladders.flat_map(|ladder| {
        let missing = ladder.steps.iter().filter(|step| step.status.name() == "missing").map(|step| step.key.clone());
        let needless = (ladder.verdict.name() == "no-push-expected").then(|| "no push was due".to_owned());
        missing.chain(needless)
    });
    denied.collect()
}

/// What did not happen, by a report on all of it: also what was refused instead of being sent on.
fn undone(report: &Report) -> BTreeSet<String> {
    let steps = report.ladders.iter().flat_map(|ladder| &ladder.steps);
    let refused = steps.filter(|step| step.key == "push-federated" && step.status.name() == "failed");
    denied(report).into_iter().chain(refused.map(|step| step.key.clone())).collect()
}

fn analyze(path: &Path, keylog: &[&str], vantage: Option<Vantage>) -> Report {
    let mut settings = Settings::of(vec![path.to_str().unwrap().to_owned()]).unwrap();
    settings.vantages = vantage.into_iter().map(|vantage| (vantage, None)).collect();
    let mut keys = Keys::default();
    keys.push_keylog(keylog.join("\n").as_bytes());
    analysis::analyze_as(&settings, keys).unwrap().0
}

/// The parts of a key log: without one connection, and without one side of all.
fn parts<'a>(keylog: &'a str) -> Vec<(String, Vec<&'a str>)> {
    let word = |line: &'a str, at| line.split(' ').nth(at).unwrap_or_default();
    let randoms: BTreeSet<&str> = keylog.lines().map(|line| word(line, 1)).collect();
    let without =
        |what: &str, is_left: &dyn Fn(&&'a str) -> bool| (what.to_owned(), keylog.lines().filter(is_left).collect());
    let connections = randoms.into_iter().map(|random| without(random, &|line| word(line, 1) != random));
    let sides = ["CLIENT_TRAFFIC", "SERVER_TRAFFIC"].into_iter();
    let sides = sides.filter(|side| keylog.contains(side)).map(|side| without(side, &|line| !line.starts_with(side)));
    connections.chain(sides).collect()
}

#[test]
fn what_a_withheld_secret_hides_is_not_denied() {
    let mut wrong = Vec::new();
    let directory = tempfile::tempdir().unwrap();
    for scenario in simulate::scenarios() {
        for (suite, seen) in SUITES.iter().flat_map(|suite| {
            [(suite, vec![]), (suite, vec![simulate::Vantage::Frontend, simulate::Vantage::FrontendLoopback])]
        }) {
            let tls = Some(simulate::protection(suite).unwrap());
            let (mut capture, mut keylog) = (Vec::new(), Vec::new());
            let options = Options { tls, vantage: seen.clone(), ..Options::default() };
            simulate::write_with_keys(scenario.name, &options, &mut capture, &mut keylog).unwrap();
            let path = directory.path().join("part.pcap");
            std::fs::write(&path, capture).unwrap();
            let keylog = String::from_utf8(keylog).unwrap();
            let all: Vec<&str> = keylog.lines().collect();
            for vantage in [None, Some(Vantage::Frontend), Some(Vantage::EdgeInternal), Some(Vantage::EdgeExternal)] {
                let truth = undone(&analyze(&path, &all, vantage));
                for (without, keylog) in parts(&keylog) {
                    let said = denied(&analyze(&path, &keylog, vantage));
                    if !said.is_subset(&truth) {
                        wrong.push(format!(
                            "{} {suite} {seen:?} as {vantage:?} without {without}: {said:?}",
                            scenario.name
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
