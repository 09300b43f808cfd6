//! Every cause, each one row: what it is, when it applies, what to do.
//!
//! A new cause is one row in the file of its stage, a scenario of `lyncpush simulate` that shows it, and a line in
//! `tests/causes.rs`.

mod call;
mod edge;
mod front_end;
mod mobility;
mod outside;

use super::Certainty;
use super::case::{Case, Waited};
use super::names;
use super::remedy::Template;
use crate::knowledge::{diagnostics, os_errors};

/// Where in the ladder a cause works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The phone's application, before any push.
    Client,
    /// The mobility service.
    Mobility,
    /// The Front End, and its way to the Edge.
    FrontEnd,
    /// The Edge, and its way to the clearing house.
    Edge,
    /// The clearing house.
    Outside,
    /// The phone and its user, after the push.
    Phone,
    /// The call's other parties.
    Call,
    /// What the capture does not show.
    Unseen,
}

/// What speaks for a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How sure it makes it.
    pub certainty: Certainty,
    /// The evidence in words.
    pub why: String,
    /// Whether what the push waited for is part of it.
    pub shows_waited: bool,
}

/// One cause.
#[derive(Debug)]
pub struct Cause {
    /// Its stable name, in kebab case.
    pub name: &'static str,
    /// What it is, in one line.
    pub title: &'static str,
    /// Where it works.
    pub stage: Stage,
    /// What it means.
    pub meaning: &'static str,
    /// How it looks on the wire.
    pub wire: &'static str,
    /// ms-diagnostics numbers that say it.
    pub numbers: &'static [u32],
    /// Status codes it shows itself with.
    pub statuses: &'static [u16],
    /// Codes of the findings that can show it.
    pub codes: &'static [&'static str],
    /// What in a ladder speaks for it; `None` where nothing does.
    pub applies: fn(&Case<'_>) -> Option<Evidence>,
    /// What to do, in words.
    pub advice: &'static str,
    /// Commands that show whether it is so.
    pub check: &'static [Template],
    /// Commands that change it.
    pub change: &'static [Template],
    /// Where to capture next where it is not certain; empty when no capture would tell.
    pub next: &'static str,
    /// The scenario of `lyncpush simulate` that shows it, and its options.
    pub example: (&'static str, &'static [&'static str]),
    /// Where that is written.
    pub sources: &'static [&'static str],
}

/// Every cause, by stage; the first that applies to a ladder is its primary one.
pub const CAUSES: &[&[Cause]] = &[front_end::CAUSES, edge::CAUSES, outside::CAUSES, mobility::CAUSES, call::CAUSES];

/// All of them, in that order.
pub fn all() -> impl Iterator<Item = &'static Cause> {
    CAUSES.iter().copied().flatten()
}

/// The cause of that name.
pub fn find(name: &str) -> Option<&'static Cause> {
    all().find(|cause| cause.name.eq_ignore_ascii_case(name))
}

/// A command for a host.
const fn on(place: &'static str, command: &'static str) -> Template {
    Template { place, command }
}

/// Where the Lync Server Management Shell is.
const SHELL: &str = "Lync Server Management Shell";
/// On the Front End itself.
const FRONT_END: &str = "on the Front End";
/// On the Edge itself.
pub(super) const EDGE: &str = "on the Edge";
/// On the host that reports the failure.
pub(super) const REPORTER: &str = "on the host that reports it";

const fn evidence(certainty: Certainty, why: String) -> Option<Evidence> {
    Some(Evidence { certainty, why, shows_waited: false })
}

/// Evidence by number: the refusal of the push, made inside, carries one of `ids`. Where only the call's final
/// response carries it, it is not certain.
fn numbered(case: &Case<'_>, ids: &[u32], certainty: Certainty) -> Option<Evidence> {
    numbered_if(case, ids, certainty, |_| true)
}

/// The same where the operating system's number beside it fits too.
fn numbered_if(
    case: &Case<'_>,
    ids: &[u32],
    certainty: Certainty,
    fits: impl Fn(Option<u32>) -> bool,
) -> Option<Evidence> {
    if case.is_from_outside() {
        return None;
    }
    let told = case.told();
    let told = told.iter().find(|told| ids.contains(&told.report.id) && fits(told.report.os_error))?;
    let certainty = if told.of_call { certainty.min(Certainty::Likely) } else { certainty };
    let id = told.report.id;
    let mut why = format!(
        "{} answered the {} with {} and ms-diagnostics {id}: {}",
        reporter(told.report.source.as_deref()),
        if told.of_call { "call" } else { "push" },
        told.status,
        diagnostics::meaning(id).unwrap_or("its meaning is not known"),
    );
    if let Some(error) = told.report.os_error.and_then(os_errors::find) {
        why.push_str(&format!(" ({}: {})", error.number(), error.meaning));
    }
    why.push('.');
    evidence(certainty, why)
}

/// Evidence with what is seen of what the push waited for, where that `fits` the cause.
fn with_waited(evidence: Evidence, case: &Case<'_>, fits: impl Fn(&Waited) -> bool) -> Evidence {
    match case.waited.filter(|waited| fits(waited)) {
        Some(waited) => {
            Evidence { why: format!("{} {}", evidence.why, waited.shown()), shows_waited: true, ..evidence }
        }
        None => evidence,
    }
}

/// The same of a TLS handshake.
fn with_handshake(evidence: Evidence, case: &Case<'_>) -> Evidence {
    with_waited(evidence, case, |waited| matches!(waited, Waited::Handshake { .. }))
}

/// Who reports something, if the name looks like one.
fn reporter(source: Option<&str>) -> String {
    source.and_then(names::host).unwrap_or_else(|| "A server".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::judge::finding;

    #[test]
    fn names_are_unique_and_rows_are_whole() {
        let names: BTreeSet<&str> = all().map(|cause| cause.name).collect();
        assert_eq!(names.len(), all().count());
        for cause in all() {
            let kebab = cause.name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-');
            assert!(kebab && !cause.name.is_empty(), "{}", cause.name);
            for text in [cause.title, cause.meaning, cause.wire, cause.advice] {
                assert!(!text.is_empty(), "{}", cause.name);
            }
            assert!(!cause.title.ends_with('.') && cause.title.len() <= 80, "{}", cause.name);
            assert!(cause.meaning.ends_with('.') && cause.advice.ends_with('.'), "{}", cause.name);
            assert!(!cause.sources.is_empty() && !cause.codes.is_empty(), "{}", cause.name);
            for code in cause.codes {
                assert!(!finding::title(code).is_empty(), "{}: {code}", cause.name);
            }
            for id in cause.numbers {
                assert!(diagnostics::find(*id).is_some() || *id == 16000, "{}: {id}", cause.name);
            }
        }
    }

    #[test]
    fn a_number_says_one_cause_at_most() {
        let mut seen = BTreeSet::new();
        for cause in all().filter(|cause| cause.name != "connection-refused") {
            for id in cause.numbers {
                assert!(seen.insert(id), "{id} in {}", cause.name);
            }
        }
    }

    /// Names from the wire reach a command only inside single quotes, where nothing but a quote acts.
    #[test]
    fn gaps_stand_in_single_quotes() {
        for cause in all() {
            for template in cause.check.iter().chain(cause.change) {
                let outside: String = template.command.split('\'').step_by(2).collect();
                let own = outside.replace("@{", "").replace("{ $_", "").replace("Where-Object { ", "");
                assert!(!own.contains('{') || outside.contains("$_"), "{}: {}", cause.name, template.command);
                assert_eq!(template.command.matches('\'').count() % 2, 0, "{}", template.command);
            }
        }
    }
}
