//! Everything that can be explained: finding codes, causes, reasons why a stream is not read, ms-diagnostics numbers,
//! SIP status codes, the Edge's marks, the numbers of Windows and mobile clients. `lyncpush explain` prints an entry,
//! [`page`](super::page) writes them all.

use super::Certainty;
use super::causes::{self, Cause};
use super::names::Names;
use super::remedy::{Command, Remedy};
use crate::judge::finding::{self, CODES};
use crate::knowledge::diagnostics::{self, NUMBERS, Number};
use crate::knowledge::os_errors::{OS_ERRORS, OsError};
use crate::knowledge::statuses::{STATUSES, StatusCode};
use crate::knowledge::trust::{ORIGINS, Origin};
use crate::knowledge::unread::{self, Unread};
use crate::knowledge::{findings, sources};
use crate::ladder::profile::{Expectation, Family, Profile};
use crate::spelling;

/// Suggestions for something that is unknown.
const SUGGESTIONS: usize = 3;

/// What there is to say of one thing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// What is known of it, in order.
    pub facts: Vec<Fact>,
}

/// One thing that is known.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is about.
    pub label: &'static str,
    /// What it is.
    pub body: Body,
}

/// How a fact is told.
#[derive(Clone, Debug)]
pub enum Body {
    /// In a paragraph.
    Text(String),
    /// As a list.
    List(Vec<String>),
    /// As commands.
    Commands(Vec<Command>),
}

/// A line of the list of everything.
#[derive(Clone, Debug)]
pub struct Line {
    /// The heading it stands under.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
}

/// Everything there is, by kind.
pub fn list() -> Vec<Line> {
    let line = |kind, name: String, title: &str| Line { kind, name, title: title.to_owned() };
    let codes = CODES.iter().map(|(code, title)| line("Findings", (*code).to_owned(), title));
    let causes = causes::all().map(|cause| line("Causes", cause.name.to_owned(), cause.title));
    let numbers = NUMBERS.iter().map(|row| line("ms-diagnostics", row.id.to_string(), row.meaning));
    let statuses = STATUSES.iter().map(|row| line("SIP status codes", row.code.to_string(), row.phrase));
    let origins = ORIGINS.iter().map(|row| line("Marks of the Edge", row.name.to_owned(), row.meaning));
    let os = OS_ERRORS.iter().map(|row| line("Numbers of Windows", row.number(), row.meaning));
    let clients = families().into_iter().map(|(name, family)| line("Mobile clients", name, &pushed(&family)));
    let reasons = unread::REASONS.iter().map(|row| line("Not read", row.reason.name().to_owned(), row.title));
    codes.chain(causes).chain(reasons).chain(numbers).chain(statuses).chain(origins).chain(os).chain(clients).collect()
}

/// What is known under a name, in any letter case: usually one entry, none where it is unknown.
///
/// A number without a row of its own is told by its range.
pub fn find(name: &str) -> Vec<Entry> {
    let name = name.trim();
    let mut found: Vec<Entry> = Vec::new();
    let code = CODES.iter().find(|(code, _)| code.eq_ignore_ascii_case(name));
    found.extend(code.map(|(code, title)| of_finding(code, title)));
    found.extend(causes::find(name).map(of_cause));
    found.extend(unread::find(name).map(of_unread));
    // A number may have a second one behind a point.
    let number = name.split_once('.').map_or(name, |(id, _)| id).parse::<u32>().ok();
    found.extend(STATUSES.iter().filter(|row| Some(u32::from(row.code)) == number).map(of_status));
    found.extend(number.and_then(diagnostics::find).map(of_number));
    found.extend(ORIGINS.iter().filter(|row| row.name.eq_ignore_ascii_case(name)).map(of_origin));
    let is_os = |row: &&OsError| row.number().eq_ignore_ascii_case(name) || row.name.eq_ignore_ascii_case(name);
    found.extend(OS_ERRORS.iter().filter(is_os).map(of_os_error));
    let clients = families().into_iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    found.extend(clients.map(|(name, family)| of_family(name, &family)));
    if found.is_empty() {
        found.extend(number.and_then(of_range));
    }
    found
}

/// The known names nearest to one that is not.
pub fn suggestions(wrong: &str) -> Vec<String> {
    let names: Vec<String> = list().into_iter().map(|line| line.name).collect();
    let typed = wrong.trim();
    let cased = if typed.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("lp")) {
        typed.to_ascii_uppercase()
    } else {
        typed.to_ascii_lowercase()
    };
    let near = spelling::nearest(&cased, names.iter().map(String::as_str));
    let part = |name: &&String| cased.len() > 3 && name.to_ascii_lowercase().contains(&cased);
    let near = near.into_iter().map(str::to_owned);
    let mut all: Vec<String> = near.chain(names.iter().filter(part).cloned()).collect();
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all.truncate(SUGGESTIONS);
    all
}

pub(super) fn text(label: &'static str, text: impl Into<String>) -> Fact {
    Fact { label, body: Body::Text(text.into()) }
}

fn list_of(label: &'static str, items: Vec<String>) -> Fact {
    Fact { label, body: Body::List(items) }
}

/// Causes with what to do about each.
fn causes_of(causes: &[&'static Cause]) -> Vec<Fact> {
    if causes.is_empty() {
        return Vec::new();
    }
    let told = causes.iter().map(|cause| format!("{}: {}", cause.name, cause.title)).collect();
    let todo = causes.iter().map(|cause| format!("{}: {}", cause.name, cause.advice)).collect();
    vec![list_of("Causes", told), list_of("Remedies", todo)]
}

/// Each source once, in order.
fn sources_of(all: impl IntoIterator<Item = &'static str>) -> Fact {
    let mut once: Vec<String> = Vec::new();
    for source in all {
        if !once.iter().any(|known| known == source) {
            once.push(source.to_owned());
        }
    }
    list_of("Sources", once)
}

pub(super) fn of_finding(code: &str, title: &str) -> Entry {
    let mut facts = vec![text("Severity", finding::severity(code).name())];
    if let Some(known) = findings::find(code) {
        facts.push(text("Meaning", known.meaning));
        facts.push(text("Wire", known.wire));
        if !known.look.is_empty() {
            facts.push(text("Look at", known.look));
        }
    }
    let causes: Vec<&Cause> = causes::all().filter(|cause| cause.codes.contains(&code)).collect();
    let mut cited: Vec<&str> = causes.iter().flat_map(|cause| cause.sources).copied().collect();
    if cited.is_empty() {
        cited.extend([sources::RFC_3261, sources::MOBILITY]);
    }
    facts.extend(causes_of(&causes));
    facts.push(sources_of(cited));
    Entry { name: code.to_owned(), title: title.to_owned(), facts }
}

pub(super) fn of_cause(cause: &'static Cause) -> Entry {
    // Built in, so that it can be read; and where not, the gaps say so.
    let names = Profile::built_in().map(|profile| Names::documented(&profile)).unwrap_or_default();
    let remedy = Remedy::new(cause, &names, Certainty::Possible);
    let mut facts = vec![text("Meaning", cause.meaning), text("Wire", cause.wire)];
    facts
        .push(list_of("Seen as", cause.codes.iter().map(|code| format!("{code}: {}", finding::title(code))).collect()));
    if !cause.numbers.is_empty() {
        let meaning = |id: &u32| format!("ms-diagnostics {id}: {}", diagnostics::meaning(*id).unwrap_or_default());
        facts.push(list_of("Numbers", cause.numbers.iter().map(meaning).collect()));
    }
    facts.push(text("To do", cause.advice));
    for (label, commands) in [("Check", remedy.check), ("Change", remedy.change)] {
        if !commands.is_empty() {
            facts.push(Fact { label, body: Body::Commands(commands) });
        }
    }
    if let Some(next) = remedy.capture_next {
        facts.push(text("Capture", next));
    }
    let (scenario, options) = cause.example;
    let options: String = options.iter().map(|option| format!(" {option}")).collect();
    facts.push(text("Practise", format!("lyncpush simulate {scenario}{options} | lyncpush analyze -")));
    facts.push(sources_of(cause.sources.iter().copied()));
    Entry { name: cause.name.to_owned(), title: cause.title.to_owned(), facts }
}

pub(super) fn of_unread(row: &'static Unread) -> Entry {
    let facts = vec![
        text("Meaning", row.meaning),
        text("Wire", row.wire),
        list_of("Helps", row.help.iter().map(|help| (*help).to_owned()).collect()),
        sources_of(row.sources.iter().copied()),
    ];
    Entry { name: row.reason.name().to_owned(), title: row.title.to_owned(), facts }
}

fn of_number(row: &'static Number) -> Entry {
    let mut facts = vec![text("Meaning", row.meaning)];
    if let Some(range) = diagnostics::range_of(row.id) {
        facts.push(text("Reporter", format!("{} to {}: {}", range.from, range.to, range.meaning)));
    }
    if !row.statuses.is_empty() {
        let statuses: Vec<String> = row.statuses.iter().map(u16::to_string).collect();
        facts.push(text("Wire", format!("ms-diagnostics: {}, usually with {}", row.id, statuses.join(" or "))));
    }
    facts.push(text("Reading", format!("{} ({})", row.reading, row.basis.name())));
    let causes: Vec<&Cause> = causes::all().filter(|cause| cause.numbers.contains(&row.id)).collect();
    facts.extend(causes_of(&causes));
    facts.push(sources_of([row.source].into_iter().chain(causes.iter().flat_map(|cause| cause.sources).copied())));
    Entry { name: format!("ms-diagnostics {}", row.id), title: row.meaning.to_owned(), facts }
}

fn of_range(id: u32) -> Option<Entry> {
    let range = diagnostics::range_of(id)?;
    let causes: Vec<&Cause> = causes::all()
        .filter(|cause| cause.numbers.iter().any(|one| *one == range.from && range.from == 16000))
        .collect();
    let mut facts = vec![
        text("Meaning", "Not known by itself."),
        text("Reporter", format!("{} to {}: {}", range.from, range.to, range.meaning)),
    ];
    facts.extend(causes_of(&causes));
    facts.push(sources_of([range.source]));
    Some(Entry { name: format!("ms-diagnostics {id}"), title: format!("one of {}", range.meaning), facts })
}

fn of_status(row: &'static StatusCode) -> Entry {
    let mut facts = vec![text("Push", format!("{} ({})", row.push, row.basis.name())), text("Call", row.call)];
    let causes: Vec<&Cause> = causes::all().filter(|cause| cause.statuses.contains(&row.code)).collect();
    facts.extend(causes_of(&causes));
    facts.push(sources_of([row.source]));
    Entry { name: format!("SIP {}", row.code), title: row.phrase.to_owned(), facts }
}

fn of_origin(row: &'static Origin) -> Entry {
    let facts = vec![
        text("Meaning", row.meaning),
        text("Wire", format!("ms-edge-proxy-message-trust: ms-source-type={}", row.name)),
        text("Reading", row.reading),
        sources_of([row.source, sources::MS_SIPRE]),
    ];
    Entry { name: row.name.to_owned(), title: row.meaning.to_owned(), facts }
}

fn of_os_error(row: &'static OsError) -> Entry {
    let facts = vec![
        text("Meaning", row.meaning),
        text("Wire", format!("in ms-diagnostics, as winsock-code, WinsockFailureCode or HRESULT: {}", row.number())),
        sources_of([sources::WINDOWS]),
    ];
    Entry { name: format!("{} {}", row.name, row.number()), title: row.meaning.to_owned(), facts }
}

/// Families of mobile clients, as the built-in profile has them: they are settings, and stand there only.
pub(super) fn families() -> Vec<(String, Family)> {
    Profile::built_in().map(|profile| profile.mobile.families.into_iter().collect()).unwrap_or_default()
}

/// `Windows Phone: a push for version 4, 5; not known for others`.
pub(super) fn pushed(family: &Family) -> String {
    let with = |wanted: Expectation| {
        let versions =
            family.push.iter().filter(move |(_, push)| **push == wanted).map(|(version, _)| version.as_str());
        versions.collect::<Vec<_>>().join(", ")
    };
    let mut parts: Vec<String> = [(Expectation::Yes, "a push for version"), (Expectation::No, "none for version")]
        .into_iter()
        .map(|(wanted, words)| (with(wanted), words))
        .filter(|(versions, _)| !versions.is_empty())
        .map(|(versions, words)| format!("{words} {versions}"))
        .collect();
    parts.push(match family.default {
        Expectation::Yes => "a push for others".to_owned(),
        Expectation::No => "none for others".to_owned(),
        Expectation::Unknown => "not known for others".to_owned(),
    });
    format!("{}: {}", family.platform, parts.join("; "))
}

fn of_family(name: String, family: &Family) -> Entry {
    let facts = vec![
        text("Meaning", pushed(family)),
        text(
            "Wire",
            format!("{name}/VERSION in the Server or User-Agent of the mobile 180, behind McxService or UCWA"),
        ),
        text("Setting", "mobile.families in the ladder profile: lyncpush profile"),
        sources_of([sources::MOBILITY]),
    ];
    Entry { title: family.platform.clone(), name, facts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_listed_can_be_found() {
        let names: std::collections::BTreeSet<String> = list().into_iter().map(|line| line.name).collect();
        assert_eq!(names.len(), list().len(), "a name is one thing");
        for line in list() {
            let found = find(&line.name);
            assert!(!found.is_empty(), "{}", line.name);
            for entry in found {
                assert!(entry.facts.iter().any(|fact| fact.label == "Sources"), "{}", entry.name);
            }
            assert!(
                !find(&line.name.to_ascii_lowercase()).is_empty() && !find(&line.name.to_ascii_uppercase()).is_empty()
            );
        }
    }

    #[test]
    fn every_finding_code_is_explained_and_no_other() {
        let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        let explained: Vec<&str> = findings::EXPLANATIONS.iter().map(|known| known.code).collect();
        assert_eq!(codes, explained);
    }

    #[test]
    fn what_is_unknown_has_its_nearest_names() {
        for (wrong, expected) in [
            ("LP106", &["LP105"][..]),
            ("firewal", &["firewall"]),
            ("1099", &["1009"]),
            ("certificate", &["certificate-not-trusted", "certificate-refused"]),
        ] {
            let found = suggestions(wrong);
            for one in expected {
                assert!(found.iter().any(|name| name == one), "{wrong}: {found:?}");
            }
            assert!(find(wrong).is_empty() || wrong == "1099");
        }
        assert!(suggestions("nothing like it at all").is_empty());
        assert!(find("99999999999999999999").is_empty() && find("").is_empty() && find("70000").is_empty());
    }

    #[test]
    fn numbers_of_several_kinds() {
        for (name, expected) in [
            ("504", "SIP 504"),
            ("1009", "ms-diagnostics 1009"),
            ("1009.12", "ms-diagnostics 1009"),
            ("16123", "ms-diagnostics 16123"),
            ("24000", "ms-diagnostics 24000"),
            ("0x800b0109", "CERT_E_UNTRUSTEDROOT 0x800B0109"),
            ("edgeproxygenerated", "EdgeProxyGenerated"),
            ("lp105", "LP105"),
            ("TLS-No-Secret", "tls-no-secret"),
        ] {
            let found: Vec<String> = find(name).into_iter().map(|entry| entry.name).collect();
            assert_eq!(found, [expected], "{name}");
        }
    }
}
