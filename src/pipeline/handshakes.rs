//! TLS handshakes that came to nothing, and which of them a push waited for.
//!
//! In: each as it is seen. Out: the one that stopped a push, for who judges its ladder. Limits: [`MAX_KEPT`].

use std::collections::VecDeque;

use crate::frame::Timestamp;
use crate::judge::Judgement;
use crate::judge::push::Reach;
use crate::ladder::Ladder;
use crate::ladder::profile::Profile;
use crate::report::view::Refused;

/// Handshakes kept, about 2 KB each; beyond it the oldest are forgotten, which costs evidence and no verdict.
const MAX_KEPT: usize = 4_096;

/// Handshakes in the order in which they came to nothing.
#[derive(Default)]
pub struct Handshakes {
    kept: VecDeque<Refused>,
}

impl Handshakes {
    /// Takes one in.
    pub fn push(&mut self, refused: Refused) {
        if self.kept.len() >= MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(refused);
    }

    /// Forgets those before `before`.
    pub fn forget(&mut self, before: Timestamp) {
        self.kept.retain(|refused| refused.at.time >= before);
    }

    /// The last one that came to nothing between a push and its refusal inside, with the server that the push was to go
    /// to next: the clearing house's, or the one that the refusal names. `uncertainty` is that of the clocks,
    /// nanoseconds.
    pub fn of(&self, ladder: &Ladder, judgement: &Judgement, profile: &Profile, uncertainty: i64) -> Option<&Refused> {
        if self.kept.is_empty() || judgement.reach != Reach::RefusedInside {
            return None;
        }
        let push = ladder.pushes.get(judgement.push?)?;
        let from = push.requests.iter().map(|(rung, _)| rung.at.time).min()?.shifted(-uncertainty);
        let to = push.answers.iter().map(|answer| answer.rung.at.time).max()?.shifted(uncertainty);
        let told = push.answers.iter().flat_map(|answer| &answer.diagnostics).filter_map(|told| told.peer.as_deref());
        let hosts: Vec<&str> = told.chain(profile.push.peer_hosts.iter().map(String::as_str)).collect();
        let mut in_time = self.kept.iter().rev().filter(|refused| refused.at.time >= from && refused.at.time <= to);
        in_time.find(|refused| refused.is_with(&hosts))
    }
}
