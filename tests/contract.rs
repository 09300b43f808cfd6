//! Verdict and ten steps of known stories, seen from many places, as the contract says they are.
//!
//! `contract/stories.txt` is written by hand and says how to read it.

mod command;
mod pcap;

use std::collections::BTreeSet;

use pcap::Pcap;
use serde_json::Value;

const STORIES: &str = include_str!("contract/stories.txt");

/// The letters of the statuses.
const STATUSES: &[(char, &str)] = &[
    ('o', "ok"),
    ('L', "late"),
    ('X', "out-of-order"),
    ('F', "failed"),
    ('M', "missing"),
    ('R', "not-reached"),
    ('I', "implied"),
    ('C', "not-covered"),
    ('n', "not-observable"),
    ('A', "not-applicable"),
    ('U', "unreadable"),
    ('T', "truncated"),
];
/// A step of which the contract does not say what it is.
const OPEN: char = '.';
const VERDICTS: &[&str] = &["complete", "degraded", "broken", "no-push-expected", "inconclusive"];
/// The places, and the words of `--vantage` for them.
const PLACES: &[(&str, &str)] = &[
    ("caller", "caller"),
    ("frontend", "frontend"),
    ("loopback", "frontend-loopback"),
    ("edge-in", "edge-internal"),
    ("edge-out", "edge-external"),
];

/// One story from one place.
#[derive(Debug)]
struct Row {
    story: String,
    place: String,
    /// For each ladder: verdict, broken at, steps.
    expected: Vec<String>,
}

fn rows(table: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [story, place, expected] = columns[..] else { panic!("three columns: {line}") };
        match (rows.last_mut(), story) {
            (Some(row), "") if place.is_empty() => row.expected.push(expected.to_owned()),
            (Some(row), "") => {
                let story = row.story.clone();
                rows.push(Row { story, place: place.to_owned(), expected: vec![expected.to_owned()] });
            }
            _ => {
                rows.push(Row { story: story.to_owned(), place: place.to_owned(), expected: vec![expected.to_owned()] })
            }
        }
    }
    rows
}

impl Row {
    /// What the program says: `broken 5 ooooF RRRFR` for each ladder, or `none`.
    fn said(&self) -> Vec<String> {
        let (told, options) = self.story.split_once(" / ").unwrap_or((&self.story, ""));
        let mut words = told.split_whitespace();
        let scenario = words.next().expect("a scenario");
        let (mut given, mut cuts) = (Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word {
                "without" | "from" | "upto" => cuts.push((word, words.next().expect("a step"))),
                option => given.push(option),
            }
        }
        let mut asked: Vec<&str> = options.split_whitespace().collect();
        let places = self.place.trim_end_matches(" untold");
        for place in places.split('+').filter(|place| *place != "everywhere") {
            let (_, vantage) = PLACES.iter().find(|(known, _)| *known == place).unwrap_or_else(|| panic!("{place}"));
            given.extend(["--vantage", vantage]);
            if !self.place.ends_with(" untold") {
                asked.extend(["--vantage", vantage]);
            }
        }
        let mut capture = command::simulated(scenario, &given);
        for (how, step) in cuts {
            capture = cut(&capture, how, step);
        }
        let report = command::report_on(&capture, &asked);
        let ladders = report["ladders"].as_array().unwrap();
        if ladders.is_empty() { vec!["none".to_owned()] } else { ladders.iter().map(picture).collect() }
    }

    fn fits(&self, said: &[String]) -> bool {
        let alike = |(wanted, said): (&String, &String)| {
            wanted.len() == said.len() && wanted.chars().zip(said.chars()).all(|(w, s)| w == s || w == OPEN)
        };
        self.expected.len() == said.len() && self.expected.iter().zip(said).all(alike)
    }

    fn name(&self) -> String {
        format!("{} | {}", self.story, self.place)
    }
}

/// A ladder as the table writes it.
fn picture(ladder: &Value) -> String {
    let letter = |step: &Value| {
        let status = step["status"].as_str().unwrap();
        STATUSES.iter().find(|(_, name)| *name == status).unwrap_or_else(|| panic!("{status}")).0
    };
    let steps: String = ladder["steps"].as_array().unwrap().iter().map(letter).collect();
    let broken = ladder["broken_at"].as_u64().map_or_else(String::new, |step| format!(" {step}"));
    format!("{}{broken} {} {}", ladder["verdict"].as_str().unwrap(), &steps[..5], &steps[5..])
}

/// The capture `without` the frames that show a step (`4:1`: the first of them), `from` the first or `upto` the last.
fn cut(capture: &[u8], how: &str, what: &str) -> Vec<u8> {
    let (step, which) = what.split_once(':').map_or((what, None), |(step, which)| (step, Some(which)));
    let (step, which): (usize, Option<usize>) = (step.parse().unwrap(), which.map(|which| which.parse().unwrap()));
    let report = command::report_on(capture, &[]);
    let evidence = report["ladders"][0]["steps"][step - 1]["evidence"].as_array().unwrap();
    let shown: Vec<u64> = evidence.iter().map(|seen| seen["frame"].as_u64().unwrap()).collect();
    let shown = which.map_or(shown.clone(), |which| vec![shown[which - 1]]);
    let (first, last) = (*shown.iter().min().expect("the step is seen"), *shown.iter().max().unwrap());
    let kept = |number: u64| match how {
        "without" => !shown.contains(&number),
        "from" => number >= first,
        _ => number <= last,
    };
    Pcap::of(capture).only(|number, _| kept(number)).octets()
}

#[test]
fn every_story_is_judged_as_the_contract_says() {
    let rows = rows(STORIES);
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let said = row.said();
            (!row.fits(&said)).then(|| format!("{}\n  contract: {:?}\n  program:  {said:?}", row.name(), row.expected))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} rows differ:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn every_scenario_status_and_verdict_is_in_the_table() {
    let rows = rows(STORIES);
    let told: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.place == "everywhere")
        .filter_map(|row| row.story.split_whitespace().next())
        .collect();
    for scenario in command::scenarios() {
        assert!(told.contains(scenario.as_str()), "{scenario}");
    }
    let expected: Vec<&str> = rows.iter().flat_map(|row| &row.expected).map(String::as_str).collect();
    for verdict in VERDICTS {
        assert!(expected.iter().any(|one| one.starts_with(verdict)), "{verdict}");
    }
    for (letter, status) in STATUSES {
        let steps = |one: &&str| one.rsplitn(3, ' ').take(2).any(|half| half.contains(*letter));
        assert!(expected.iter().filter(|one| **one != "none").any(steps), "{status}");
    }
}

#[test]
fn loss_in_the_capture_never_breaks_a_ladder() {
    for seed in 1..=12 {
        let seed = seed.to_string();
        let capture = command::simulated("happy", &["--mischief", "drop", "--seed", &seed]);
        let report = command::report_on(&capture, &[]);
        for ladder in report["ladders"].as_array().unwrap() {
            assert_ne!(ladder["verdict"], "broken", "seed {seed}: {}", picture(ladder));
        }
    }
}

/// A capture in which nothing is wrong stays one, whichever frame it lacks and wherever it begins and ends:
/// what was not seen is said to be that.
#[test]
fn no_hole_no_begin_and_no_end_makes_a_fault() {
    for vantage in [&[][..], &["--vantage", "frontend"], &["--vantage", "edge-external"]] {
        let capture = command::simulated("happy", vantage);
        let whole = Pcap::of(&capture);
        for frame in 1..=whole.frames.len() as u64 {
            let cuts = [
                ("without", whole.only(|number, _| number != frame)),
                ("from", whole.only(|number, _| number >= frame)),
                ("upto", whole.only(|number, _| number <= frame)),
            ];
            for (how, cut) in cuts {
                let report = command::report_on(&cut.octets(), vantage);
                for finding in report["findings"].as_array().unwrap() {
                    assert!(finding["ladder"].is_null(), "{how} frame {frame}, {vantage:?}: {finding:#}");
                }
                for ladder in report["ladders"].as_array().unwrap() {
                    let verdict = ladder["verdict"].as_str().unwrap();
                    let fits = verdict == "complete" || verdict == "inconclusive";
                    assert!(fits, "{how} frame {frame}, {vantage:?}: {}", picture(ladder));
                }
            }
        }
    }
}
