//! What is worth saying of a ladder besides its steps.

use super::evidence::ms;
use super::finding::{self, Finding};
use super::status::{Status, StepJudged};
use crate::ladder::Ladder;
use crate::ladder::profile::{Expectation, Profile, StepKey};
use crate::ladder::rung::{Ending, PushSeen, Rung, Trigger};

/// Why there is no push although none is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// The client gets none.
    Client,
    /// The phone answered itself: its app was in the foreground.
    Foreground,
    /// The call was over before a push was due.
    EndedFirst,
    /// Nobody knows whether this client gets a push.
    Unknown,
    /// The phone's endpoint sent something to an address that is none of the clearing house's known ones.
    OtherAddress,
}

impl Absent {
    /// In words, as a step's remark.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Client => "this client gets no push",
            Self::Foreground => "the app was in the foreground",
            Self::EndedFirst => "the call ended before a push was due",
            Self::Unknown => "it is not known whether this client gets a push",
            Self::OtherAddress => "a push may have gone to another address",
        }
    }
}

/// What was noticed while the steps were judged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes {
    /// Why there is no push.
    pub absent: Option<Absent>,
    /// The final response came before the clearing house's answer.
    pub answer_before_push: bool,
    /// The clearing house took this long, nanoseconds.
    pub slow_push: Option<i64>,
    /// Index of another push for the same phone that was refused.
    pub refused_too: Option<usize>,
    /// Index of the phone that got no push while another did.
    pub phone_without_push: Option<usize>,
}

/// The notes and warnings of a ladder.
pub fn findings(notes: &Notes, steps: &[StepJudged], ladder: &Ladder, profile: &Profile) -> Vec<Finding> {
    let evidence = |key: StepKey| steps.get(key.index()).map(|step| step.evidence.clone()).unwrap_or_default();
    let answered = || evidence(StepKey::CallAnswered);
    let mut found: Vec<(&'static str, Option<StepKey>, String, Vec<Rung>)> = Vec::new();
    if notes.answer_before_push {
        let detail = "The call was answered before the clearing house answered the push: the user may have opened the app first.";
        found.push(("LP501", Some(StepKey::CallAnswered), detail.into(), answered()));
    }
    match ladder.ending {
        Ending::Elsewhere => {
            let detail = "Another endpoint of the callee answered, so the phone stopped ringing.";
            found.push(("LP502", Some(StepKey::CallAnswered), detail.into(), answered()));
        }
        Ending::CancelledByCaller => {
            let detail = "The caller gave up before anybody answered.";
            found.push((
                "LP503",
                Some(StepKey::CallAnswered),
                detail.into(),
                ladder.cancels.iter().cloned().chain(answered()).collect(),
            ));
        }
        Ending::CancelledByFrontEnd => {
            let detail = "The Front End cancelled the phone's branch: the caller gave up, another endpoint answered, or nobody did in time; the caller's leg would tell which.";
            found.push((
                "LP504",
                Some(StepKey::CallAnswered),
                detail.into(),
                ladder.cancels.iter().cloned().chain(answered()).collect(),
            ));
        }
        _ => {}
    }
    if let Some(absent) = notes.absent {
        let (code, detail) = match absent {
            Absent::Foreground => (
                "LP505",
                "The phone answered by itself and no push was sent: its app was in the foreground.".to_owned(),
            ),
            Absent::Client => ("LP506", format!("No push is due: {} gets none from this service.", client(ladder))),
            Absent::Unknown => (
                "LP507",
                format!(
                    "No push was seen, and it is not known whether {} gets one; say so in the profile (mobile.families).",
                    client(ladder)
                ),
            ),
            Absent::EndedFirst => ("LP508", "The call was over before a push was due.".to_owned()),
            Absent::OtherAddress => ("LP512", other_address(ladder)),
        };
        let shown = match absent {
            Absent::OtherAddress => ladder.strays.clone(),
            _ => evidence(StepKey::MobileRinging),
        };
        found.push((code, Some(StepKey::PushCreated), detail, shown));
    }
    if let Some(took) = notes.slow_push {
        let detail = format!(
            "The clearing house took {} to answer; {} is usual.",
            ms(took),
            ms(i64::from(profile.limits.push_slow_ms) * 1_000_000)
        );
        found.push(("LP509", Some(StepKey::PushAccepted), detail, evidence(StepKey::PushAccepted)));
    }
    let ringless = steps.get(StepKey::MobileRinging.index()).is_some_and(|step| step.status == Status::NotApplicable);
    if ringless && ladder.trigger == Trigger::Invite && ladder.ending == Ending::ByPhone {
        found.push((
            "LP510",
            Some(StepKey::MobileRinging),
            "The phone answered without a 180 Ringing.".into(),
            answered(),
        ));
    }
    if let Some(phone) = notes.phone_without_push.and_then(|phone| ladder.phones.get(phone)) {
        let epid = phone.epid.as_deref().unwrap_or("unknown");
        let detail =
            format!("The callee has several phones; the push for the one with epid {epid} is the one that broke.");
        found.push(("LP511", Some(StepKey::PushCreated), detail, evidence(StepKey::MobileRinging)));
    }
    let refused_too = notes.refused_too.and_then(|at| ladder.pushes.get(at)).and_then(refused_too);
    found
        .into_iter()
        .map(|(code, step, detail, evidence)| {
            let hop = finding::hop_of(&evidence, &profile.ports);
            finding::make(code, finding::severity(code), step, detail, None, evidence, hop.as_deref())
        })
        .chain(refused_too)
        .collect()
}

/// A push was refused that is not the one that counts.
fn refused_too(push: &PushSeen) -> Option<Finding> {
    let refusal = finding::refusal_of(push)?;
    let number = refusal.ms_diagnostics.map_or_else(String::new, |id| format!(", ms-diagnostics {id}"));
    let detail = format!(
        "A push for this phone was refused with {}{number}, and another one came further: the steps are that one's.",
        refusal.status
    );
    let requests = push.requests.iter().map(|(rung, _)| rung);
    let shown = requests.chain(push.answers.iter().map(|answer| &answer.rung)).cloned().collect();
    let step = Some(StepKey::PushAccepted);
    Some(finding::make("LP514", finding::severity("LP514"), step, detail, Some(refusal), shown, None))
}

/// Whether a push was made, and what became of it, is out of view.
pub fn out_of_view(steps: &[StepJudged], ladder: &Ladder) -> Option<Finding> {
    if ladder.phones.iter().all(|phone| phone.expects() != Expectation::Yes) {
        return None;
    }
    let is_hidden = |key: StepKey| steps.get(key.index()).is_some_and(|step| step.status == Status::NotCovered);
    let hidden = is_hidden(StepKey::PushFederated) && is_hidden(StepKey::PushAccepted);
    let ringing = steps.get(StepKey::MobileRinging.index()).map(|step| step.evidence.clone()).unwrap_or_default();
    let detail = "The phone should get a push; no leg that it takes is in view.";
    let made = || finding::make("LP515", finding::severity("LP515"), None, detail.into(), None, ringing, None);
    (hidden && steps.get(StepKey::PushCreated.index())?.status == Status::NotCovered).then(made)
}

/// Frames may have been lost while the ladder ran.
pub fn frames_lost() -> Finding {
    let detail = "Frames may be missing from the capture in this time: a step that may lie in them is said to be unreadable, never missing.";
    finding::make("LP513", finding::severity("LP513"), None, detail.into(), None, Vec::new(), None)
}

fn other_address(ladder: &Ladder) -> String {
    let what = ladder.strays.first().map_or("a request", |stray| &*stray.summary);
    format!("The phone's endpoint sent {what}, which may be its push: if so, name that address with --push-uri.")
}

fn client(ladder: &Ladder) -> String {
    let named = ladder.phones.iter().filter_map(|phone| phone.client.as_ref()).find_map(|client| {
        let name = client.client.as_deref()?;
        Some(client.client_version.as_deref().map_or_else(|| name.to_owned(), |version| format!("{name} {version}")))
    });
    named.unwrap_or_else(|| "this client".to_owned())
}
