//! Causes that the evidence of a broken ladder rules out, and what does.
//!
//! Only positive evidence rules a cause out: a step that was seen past it, an answer that it cannot have, a number
//! that says another. What was not in view rules out nothing.

use super::case::Case;
use super::causes::{Cause, Stage, all};
use crate::judge::push::Reach;
use crate::ladder::leg::Leg;
use crate::ladder::profile::Expectation;
use crate::ladder::rung::{Ending, Rung};

/// Causes that a number of each other does not tell apart: what cannot be reached may have no name or no port,
/// what fails in TLS may have a wrong certificate or a wrong clock, what is not routed may not be allowed.
const FAMILIES: &[&[&str]] = &[
    &["edge-unreachable", "dns-missing", "connection-refused", "firewall"],
    &["edge-unreachable", "certificate-not-trusted", "certificate-refused", "clock-skew"],
    &["no-route", "domain-not-allowed"],
];

/// One cause that it was not.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// The cause.
    pub cause: &'static Cause,
    /// What rules it out.
    pub why: String,
}

/// The causes that are ruled out where `primary` is the one.
pub fn of(case: &Case<'_>, primary: &Cause) -> Vec<Exclusion> {
    let facts = Facts::of(case, primary);
    let others = all().filter(|cause| cause.name != primary.name);
    others.filter_map(|cause| facts.against(cause).map(|why| Exclusion { cause, why })).collect()
}

/// What rules causes out, each in words where it holds.
struct Facts {
    /// A push request was seen.
    made: Option<String>,
    /// The Edge had the push.
    at_edge: Option<String>,
    /// The push left the Edge.
    outside: Option<String>,
    /// The clearing house accepted it.
    accepted: Option<String>,
    /// It was refused, or never left.
    not_accepted: Option<String>,
    /// It was refused inside, by a number that says why.
    numbered: Option<(Vec<u32>, String)>,
    /// The cause that was found.
    primary: &'static str,
    /// What the caller was told, where that is no cancelling and no answer.
    caller_told: Option<(u16, String)>,
    /// The phone's client gets a push.
    pushed_client: Option<String>,
    /// The phone did not answer.
    not_by_phone: Option<String>,
}

impl Facts {
    fn of(case: &Case<'_>, primary: &Cause) -> Self {
        let seen = |step: &str, rung: &Rung| format!("{step} was seen, frame {}", case.frame(rung));
        let first = case.push().and_then(|push| push.requests.first());
        let answered = case.push().and_then(|push| push.answers.first());
        let made = first.map(|(rung, _)| seen("the push request", rung));
        let made = made.or_else(|| answered.map(|answer| seen("an answer to the push", &answer.rung)));
        let left = case.left().map(|rung| format!("the push left the Edge, frame {}", case.frame(rung)));
        let outside = left.or_else(|| case.is_from_outside().then(|| "the push was answered from outside".to_owned()));
        let by_edge = case.is_made_by_edge().then(|| "the Edge answered the push itself".to_owned());
        let accepted =
            (case.judgement.reach == Reach::Accepted).then(|| "the clearing house accepted the push".to_owned());
        let told = case.told();
        let ids: Vec<u32> = told.iter().filter(|told| !told.of_call).map(|told| told.report.id).collect();
        let named: Vec<u32> = ids.iter().copied().filter(|id| primary.numbers.contains(id)).collect();
        let says_why = matches!(primary.stage, Stage::FrontEnd | Stage::Edge) && outside.is_none();
        let numbered = named.first().filter(|_| says_why).map(|id| (ids.clone(), format!("the refusal says {id}")));
        let caller_told = case.call_refused().and_then(|status| {
            let mut answers = case.ladder.answers.iter();
            let at_caller = answers.any(|answer| answer.rung.leg == Some(Leg::Caller));
            at_caller.then(|| (status, format!("the caller was told {status}")))
        });
        let refused = matches!(case.judgement.reach, Reach::RefusedInside | Reach::RefusedOutside);
        let expects = |wanted: Expectation| case.ladder.phones.iter().any(|phone| phone.expects() == wanted);
        Self {
            at_edge: by_edge.or_else(|| outside.clone()),
            not_accepted: refused.then(|| "the push was refused".to_owned()),
            pushed_client: expects(Expectation::Yes).then(|| "this client gets a push".to_owned()),
            not_by_phone: (case.ladder.ending == Ending::Refused).then(|| "the phone did not answer".to_owned()),
            primary: primary.name,
            made,
            outside,
            accepted,
            numbered,
            caller_told,
        }
    }

    /// What speaks against a cause.
    fn against(&self, cause: &Cause) -> Option<String> {
        let by_stage = match cause.stage {
            Stage::Client if cause.name == "client-needs-no-push" => self.pushed_client.clone(),
            Stage::Client => self.made.clone().or_else(|| self.not_by_phone.clone()),
            Stage::Mobility => self.made.clone(),
            // The Edge may refuse a user, and its clock may be wrong, as well as the Front End.
            Stage::FrontEnd if matches!(cause.name, "not-federated" | "clock-skew") => self.outside.clone(),
            Stage::FrontEnd => self.at_edge.clone(),
            Stage::Edge => self.outside.clone(),
            Stage::Outside => self.accepted.clone().or_else(|| self.numbered.as_ref().map(|(_, why)| why.clone())),
            Stage::Phone if matches!(cause.name, "declined" | "call-refused") => {
                self.caller_told.as_ref().filter(|(status, _)| !is_shown_by(cause, *status)).map(|(_, why)| why.clone())
            }
            Stage::Phone => self.not_accepted.clone(),
            Stage::Unseen => None,
            Stage::Call => self.caller_told.as_ref().filter(|(status, _)| *status != 487).map(|(_, why)| why.clone()),
        };
        by_stage
            .or_else(|| self.accepted.clone().filter(|_| cause.stage < Stage::Phone && cause.stage > Stage::Client))
            .or_else(|| self.by_number(cause))
    }

    /// A cause that has numbers of its own, none of which was reported, while one that says another was.
    fn by_number(&self, cause: &Cause) -> Option<String> {
        let (ids, why) = self.numbered.as_ref()?;
        if FAMILIES.iter().any(|family| family.contains(&cause.name) && family.contains(&self.primary)) {
            return None;
        }
        let other = !cause.numbers.is_empty() && !cause.numbers.iter().any(|id| ids.contains(id));
        let own: Vec<String> = cause.numbers.iter().map(u32::to_string).collect();
        other.then(|| format!("{why}, not {}", own.join(" or ")))
    }
}

fn is_shown_by(cause: &Cause, status: u16) -> bool {
    match cause.name {
        "call-refused" => ![408, 480, 486, 487, 504, 603].contains(&status),
        _ => cause.statuses.contains(&status),
    }
}
