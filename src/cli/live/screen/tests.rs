//! The view at many sizes: what stands there, that it fits, and that nothing acts on a terminal.

use super::*;
use crate::report::sample;

fn of(report: &crate::report::model::Report) -> Snapshot {
    let findings = |ladder: &Ladder| -> Vec<Finding> {
        ladder.findings.iter().filter_map(|at| report.findings.get(*at as usize).cloned()).collect()
    };
    let rows: Vec<Row> = report.ladders.iter().map(|ladder| Row::of(ladder, &findings(ladder))).collect();
    Snapshot {
        interfaces: "eth0, eth1".to_owned(),
        running: Duration::from_secs(3 * 86_400 + 4 * 3600 + 5 * 60 + 6),
        today: "2011-12-07".to_owned(),
        open: [3, 1],
        verdicts: Verdict::ALL.into_iter().zip([120, 2, 4, 0, 1]).collect(),
        frames: (12_345_678, 1234.4),
        messages: (5_678, 5.6),
        malformed: 2,
        lost: Lost::default(),
        down: Vec::new(),
        memory: (Some(45 << 20), 512 << 20),
        broken: rows.iter().cycle().take(40).cloned().collect(),
        said: Some(("12:00:01 eth1 went down".to_owned(), 3)),
    }
}

fn at(width: usize) -> Options {
    Options { width, ..Options::default() }
}

/// A line without colours.
fn bare(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |bare, part| bare + part.split_once('m').unwrap().1)
}

#[test]
fn at_eighty_columns() {
    let mut snapshot = of(&sample::broken());
    snapshot.broken[1].started_at = "2011-12-06T23:59:59.1Z".to_owned();
    snapshot.broken.truncate(2);
    let lines = draw(&snapshot, &at(80), 24);
    let expected = "\
lyncpush live  eth0, eth1                                           3 d 04:05:06
Closed    127 ladders, 120 complete, 2 degraded, 4 broken, 0 no-push-expected,
          1 inconclusive
Open      3 calls, 1 push
Lost      nothing
Frames    1,234 a second, 12,345,678 in all
Messages  5.6 a second, 5,678 in all, 2 malformed
Memory    45 of 512 MiB

The last broken ladders (times in UTC)
16:00:00        alice@example.com → bob@example.com, SAMSUNG SGH-i937
                5 push-federated: The Edge refused the push request (504,
                ms-diagnostics 1009)
12-06 23:59:59  alice@example.com → bob@example.com, SAMSUNG SGH-i937
                5 push-federated: The Edge refused the push request (504,
                ms-diagnostics 1009)






[3] 12:00:01 eth1 went down
Ctrl-C ends it and prints the report";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn in_one_line_where_there_is_room() {
    let lines = draw(&of(&sample::broken()), &at(160), 50);
    assert_eq!(lines.len(), 50);
    let head = lines.iter().position(|line| line.starts_with("Time ")).unwrap();
    let (head, row) = (&lines[head], &lines[head + 1]);
    for (name, cell) in [
        ("Caller → callee", "alice@example.com → bob@example.com"),
        ("Phone", "SAMSUNG SGH-i937"),
        ("Verdict", "broken"),
        ("Step", "5 push-federated"),
    ] {
        let place = |line: &str, words: &str| line.find(words).map(|at| columns(&line[..at]));
        assert_eq!(place(head, name), place(row, cell), "{head}\n{row}");
        assert!(place(row, cell).is_some(), "{row}");
    }
}

#[test]
fn every_size_is_filled_and_none_is_passed() {
    for report in sample::all() {
        let snapshot = of(&report);
        for width in [1, 5, 20, 39, 40, 41, 59, 60, 79, 80, 119, 120, 132, 200] {
            for height in [1, 2, 3, 5, 8, 10, 12, 24, 50, 100] {
                for bits in 0..4 {
                    let options = Options { ascii: bits & 1 > 0, colour: bits & 2 > 0, ..at(width) };
                    let lines = draw(&snapshot, &options, height);
                    assert!(lines.len() <= height, "{} lines of {height} at {width}", lines.len());
                    for line in lines.iter().map(|line| bare(line)) {
                        assert!(columns(&line) <= width, "{width}: {line:?}");
                        assert!(!line.contains(char::is_control), "{line:?}");
                        assert!(!options.ascii || line.is_ascii(), "{line:?}");
                    }
                    if !options.colour {
                        assert!(lines.iter().all(|line| !line.contains('\u{1b}')));
                    }
                }
            }
        }
    }
}

/// What matters most is there in the smallest window; a warning always is.
#[test]
fn a_low_window_keeps_what_matters() {
    let mut snapshot = of(&sample::broken());
    for height in 2..30 {
        let lines = draw(&snapshot, &at(80), height);
        assert!(lines[0].contains("eth0") && lines.iter().any(|line| line.contains("went down")), "{lines:#?}");
        assert_eq!(lines.iter().any(|line| line.contains("4 broken")), height > 2, "{lines:#?}");
        assert_eq!(lines.len(), height);
    }
    snapshot.said = None;
    assert!(draw(&snapshot, &at(80), 3)[2].contains("inconclusive"));
    // As many ladders as fit: 8 lines of head, an empty one, a title, three for each, an empty one and the last one.
    for (height, ladders) in [(14, 0), (15, 1), (17, 1), (18, 2), (27, 5)] {
        let lines = draw(&snapshot, &at(80), height);
        let shown = lines.iter().filter(|line| line.contains("5 push-federated: ")).count();
        assert_eq!(shown, ladders, "{height}: {lines:#?}");
    }
}

#[test]
fn what_is_lost_is_said() {
    let mut snapshot = of(&sample::broken());
    let line =
        |snapshot: &Snapshot| draw(snapshot, &at(120), 24).into_iter().find(|line| line.starts_with("Lost")).unwrap();
    assert_eq!(line(&snapshot), "Lost      nothing");
    snapshot.lost = Lost { kernel: 1, interface: 2, interruptions: 1, evicted: 5 };
    assert_eq!(
        line(&snapshot),
        "Lost      1 frame by the kernel, 2 frames by interfaces, 1 interruption, 5 closed early"
    );
    snapshot.lost = Lost { interruptions: 1, ..Lost::default() };
    snapshot.down = vec!["eth1".to_owned()];
    assert_eq!(line(&snapshot), "Lost      1 interruption, eth1 is down or gone");
}

#[test]
fn nothing_broke() {
    let snapshot = Snapshot { broken: Vec::new(), ..of(&sample::complete()) };
    assert!(draw(&snapshot, &at(80), 24).contains(&"No ladder broke so far".to_owned()));
}

#[test]
fn times_and_rates() {
    for (seconds, expected) in [(0, "00:00:00"), (86_399, "23:59:59"), (86_400 * 100 + 1, "100 d 00:00:01")] {
        assert_eq!(running(Duration::from_secs(seconds)), expected);
    }
    for (rate, expected) in [(0.0, "0"), (0.04, "0.0"), (5.55, "5.5"), (9.96, "10"), (12_345.6, "12,346"), (-1.0, "0")]
    {
        assert_eq!(per_second(rate), expected);
    }
}
