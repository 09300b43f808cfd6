//! What shows a step: its messages, and how they are put in words.

use super::push::{self, Reach, Track};
use crate::ladder::Ladder;
use crate::ladder::profile::StepKey;
use crate::ladder::rung::{Answer, Ending, Rung};

/// The messages that show a step.
pub fn of(key: StepKey, ladder: &Ladder, track: &Track<'_>) -> Vec<Rung> {
    let refused = track.reach == Reach::RefusedInside;
    // Two phones' pushes are two stories: times of one say nothing of the order of the other's.
    let pushes = || track.push.into_iter();
    let answers = || track.push.into_iter().flat_map(|push| &push.answers);
    let mut evidence: Vec<Rung> = match key {
        StepKey::Invite => ladder.invite.clone(),
        StepKey::MobileLookup => ladder.lookup.clone(),
        StepKey::MobileRinging => ladder.ringing.clone(),
        StepKey::PushCreated => pushes().flat_map(push::created).cloned().collect(),
        StepKey::PushFederated => {
            let leaving = pushes().flat_map(push::leaving).map(|(rung, _)| rung);
            leaving.chain(answers().filter(|_| refused).map(|answer| &answer.rung)).cloned().collect()
        }
        StepKey::PushAccepted if refused => Vec::new(),
        StepKey::PushAccepted => {
            let decisive = track.push.and_then(push::decisive).map(|answer| answer.status / 100);
            let agreeing = |answer: &&Answer| Some(answer.status / 100) == decisive;
            answers().filter(agreeing).map(|answer| answer.rung.clone()).collect()
        }
        StepKey::CallAnswered if ladder.answers.is_empty() => match ladder.ending {
            Ending::CancelledByCaller | Ending::CancelledByFrontEnd => ladder.cancels.clone(),
            _ => Vec::new(),
        },
        StepKey::CallAnswered => ladder.answers.iter().map(|answer| answer.rung.clone()).collect(),
        // Another endpoint's session is none of the phone's.
        StepKey::SessionActive if ladder.ending == Ending::Elsewhere => Vec::new(),
        StepKey::SessionActive => ladder.active.clone(),
        StepKey::PushService | StepKey::DeviceWoken => Vec::new(),
    };
    evidence.sort_by_key(|rung| (rung.at.time, rung.at.input, rung.at.number));
    evidence
}

/// A refusal in words: the response, and every ms-diagnostics number it carries.
pub fn say(answer: &Answer) -> String {
    let mut text = answer.rung.summary.to_string();
    for diagnosis in &answer.diagnostics {
        text.push_str(&format!(", ms-diagnostics {}", diagnosis.id));
        if let Some(source) = &diagnosis.source {
            text.push_str(&format!(" from {source}"));
        }
    }
    if let Some(warning) = answer.warning {
        text.push_str(&format!(", Warning {warning}"));
    }
    text
}

/// Nanoseconds for people: milliseconds below a second, seconds above.
pub fn ms(nanos: i64) -> String {
    let millis = nanos / 1_000_000;
    if millis.abs() < 1_000 {
        format!("{millis} ms")
    } else if millis % 1_000 == 0 {
        format!("{} s", millis / 1_000)
    } else {
        format!("{}.{} s", millis / 1_000, (millis % 1_000).abs() / 100)
    }
}
