//! Lost, repeated and disordered segments inside TLS and compression: what is lost is never called a fault.

use std::collections::BTreeSet;

use lyncpush::capture;
use lyncpush::ladder::profile::Profile;
use lyncpush::pipeline::Keys;
use lyncpush::pipeline::reading::{Reading, Seen};
use lyncpush::report::model::Report;
use lyncpush::simulate::{self, Choice, Mischief, Options};
use lyncpush::sipcomp::LAYOUTS;

use crate::analysis::analyze_with;
use crate::faults::faults;

/// Captures of each kind of mischief.
const SEEDS: u64 = 2;
/// The report on a simulated capture, with the keys it was written with.
fn analyzed(scenario: &str, options: &Options, path: &std::path::Path) -> Report {
    let (mut capture, mut keylog) = (Vec::new(), Vec::new());
    simulate::write_with_keys(scenario, options, &mut capture, &mut keylog).expect("a capture");
    std::fs::write(path, &capture).expect("a file");
    let mut keys = Keys::default();
    keys.push_keylog(&keylog);
    analyze_with(path, false, keys).expect("a report").0
}

/// No octet that its record does not prove comes out: of a damaged capture nothing is read that was not in the whole one.
#[test]
fn a_damaged_capture_gives_nothing_new() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in ["1.0:TLS_RSA_WITH_AES_128_CBC_SHA", "1.2:TLS_RSA_WITH_RC4_128_SHA", "1.3:TLS_AES_128_GCM_SHA256"] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("happy", &options, &mut capture, &mut keylog).expect("a capture");
        let messages = |capture: &[u8]| {
            std::fs::write(&path, capture).expect("a file");
            let mut keys = Keys::default();
            keys.push_keylog(&keylog);
            let mut source = capture::open(path.to_str().expect("UTF-8"), 0, &capture::Options::default()).ok()?;
            let mut reading = Reading::of(&Profile::built_in().expect("a profile"), keys);
            let mut messages = BTreeSet::new();
            let mut take = |seen: Seen<'_>| {
                if let Seen::Message { raw, .. } = seen {
                    messages.insert(raw.to_vec());
                }
            };
            while source.advance() {
                let Some(frame) = source.frame() else { break };
                reading.push(&frame, &mut take);
            }
            reading.finish(&mut take);
            Some(messages)
        };
        let whole = messages(&capture).expect("a capture");
        assert!(whole.len() > 30, "{suite}: {}", whole.len());
        let mut less = 0;
        for at in (500..capture.len()).step_by(397) {
            let mut flipped = capture.clone();
            flipped[at] ^= 1 << (at % 8);
            let Some(read) = messages(&flipped) else { continue };
            // A message that is cut by what is lost is the beginning of a whole one.
            let is_known = |raw: &&Vec<u8>| whole.iter().any(|known| known.starts_with(raw.as_slice()));
            let new: Vec<_> =
                read.iter().filter(|raw| !is_known(raw)).map(|raw| String::from_utf8_lossy(raw)).collect();
            assert!(new.is_empty(), "{suite} at {at}: {new:?}");
            less += u32::from(read.len() < whole.len());
        }
        assert!(less > 20, "{suite}: {less}");
    }
}

fn choice(named: &str) -> Option<Choice> {
    Some(simulate::protection(named).expect("a version and a suite"))
}

/// The places of the frames of a pcap file, headers of the records included.
fn places(capture: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut places = Vec::new();
    let mut at = 24;
    while let Some(length) = capture.get(at + 8..at + 12) {
        let end = at + 16 + u32::from_le_bytes(length.try_into().expect("four octets")) as usize;
        places.push(at..end);
        at = end;
    }
    places
}

#[test]
fn no_frame_that_is_lost_or_damaged_is_a_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let mut wrong = Vec::new();
    for (suite, compress) in [
        ("1.2:TLS_RSA_WITH_RC4_128_SHA", None),
        ("1.2:TLS_RSA_WITH_RC4_128_SHA", Some(&LAYOUTS[0])),
        ("1.0:TLS_RSA_WITH_AES_128_CBC_SHA", None),
        ("1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", None),
        ("1.3:TLS_AES_128_GCM_SHA256", None),
    ] {
        let vantage = vec![simulate::Vantage::Frontend];
        let options = Options { tls: choice(suite), compress, vantage, ..Options::default() };
        let (mut capture, mut keylog) = (Vec::new(), Vec::new());
        simulate::write_with_keys("happy", &options, &mut capture, &mut keylog).expect("a capture");
        let found = |capture: &[u8]| {
            std::fs::write(&path, capture).expect("a file");
            let mut keys = Keys::default();
            keys.push_keylog(&keylog);
            analyze_with(&path, false, keys).expect("a report").0
        };
        assert_eq!(found(&capture).summary.complete, 1, "{suite}");
        let frames = places(&capture);
        assert!(frames.len() > 40, "{suite}: {}", frames.len());
        for (number, place) in frames.iter().enumerate() {
            let without = [&capture[..place.start], &capture[place.end..]].concat();
            let mut damaged = capture.clone();
            damaged[place.end - 1] ^= 1;
            for (what, capture) in [("without", without), ("damaged in", damaged)] {
                let report = found(&capture);
                wrong.extend(faults(&report).iter().map(|fault| format!("{suite} {what} {}: {fault}", number + 1)));
            }
        }
        // All that was said damaged: it is told that it could not be read.
        let mut damaged = capture.clone();
        for place in &frames {
            if damaged.get(place.start + 16 + 54) == Some(&23) {
                damaged[place.end - 1] ^= 1;
            }
        }
        let report = found(&damaged);
        let told: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert!(told.contains(&"LP901"), "{suite}: {told:?} {:?}", report.coverage);
        assert!(!report.coverage.unreadable.is_empty(), "{suite}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn frames_cut_short_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    for suite in ["1.2:TLS_RSA_WITH_AES_256_CBC_SHA256", "1.2:TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"] {
        let options = Options { tls: choice(suite), ..Options::default() };
        let mut capture = Vec::new();
        simulate::write("happy", &options, &mut capture).expect("a capture");
        for most in [60, 68, 80, 96, 112] {
            let mut cut = capture[..24].to_vec();
            for place in places(&capture) {
                let kept = (place.len() - 16).min(most);
                cut.extend_from_slice(&capture[place.start..place.start + 8]);
                cut.extend_from_slice(&(kept as u32).to_le_bytes());
                cut.extend_from_slice(&capture[place.start + 12..place.start + 16 + kept]);
            }
            std::fs::write(&path, cut).expect("a file");
            let report = analyze_with(&path, false, Keys::default()).expect("a report").0;
            assert!(report.findings.iter().any(|finding| finding.code == "LP901"), "{suite} {most}: {report:?}");
        }
    }
}

#[test]
fn what_is_lost_inside_is_no_fault() {
    use Mischief::{Drop, Mirror, Reorder, Repeat, Split};
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("capture");
    let protections = [
        (choice("1.2:TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"), None),
        (choice("1.3:TLS_AES_128_GCM_SHA256"), Some(&LAYOUTS[1])),
        (choice("1.0:TLS_RSA_WITH_AES_128_CBC_SHA"), None),
        (choice("1.2:TLS_RSA_WITH_RC4_128_SHA"), None),
        (None, Some(&LAYOUTS[0])),
        (None, Some(&LAYOUTS[2])),
    ];
    let harmless: [&[Mischief]; 3] = [&[Split], &[Repeat, Mirror], &[Split, Reorder]];
    let lossy: [&[Mischief]; 3] = [&[Drop], &[Split, Drop], &[Drop, Reorder, Repeat, Mirror]];
    let (mut wrong, mut gaps) = (Vec::new(), 0);
    for (number, scenario) in simulate::scenarios().iter().enumerate() {
        for seed in 1..=SEEDS {
            // Each scenario meets each protection with one of its seeds or the next scenario does.
            let (tls, compress) = protections[(number * SEEDS as usize + seed as usize) % protections.len()];
            let found = |mischief: &[Mischief]| {
                let mischief = mischief.to_vec();
                let options = Options { ladders: 2, seed, mischief, tls, compress, ..Options::default() };
                analyzed(scenario.name, &options, &path)
            };
            let whole = found(&[]);
            for mischief in harmless.iter().chain(&lossy) {
                let what = format!("{} {mischief:?} seed {seed} {tls:?} {compress:?}", scenario.name);
                let report = found(mischief);
                gaps += report.coverage.gaps;
                let new: Vec<String> = faults(&report).difference(&faults(&whole)).cloned().collect();
                wrong.extend(new.iter().map(|fault| format!("{what}: {fault}")));
                if harmless.contains(mischief) {
                    let [now, then] = [&report, &whole].map(|report| {
                        let coverage = &report.coverage;
                        (
                            coverage.sip_messages,
                            coverage.gaps,
                            coverage.streams.tls_decrypted,
                            coverage.unreadable.len(),
                        )
                    });
                    assert_eq!(now, then, "{what}: {:?}", report.coverage.unreadable);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(gaps > 500, "{gaps} gaps");
}
