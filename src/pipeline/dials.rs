//! Connections that were not made, and which of them a push waited for.
//!
//! In: attempts to connect as they get worse, or succeed after all. Out: those that stopped a push, for who judges its
//! ladder, and all of them for the report. Limits: [`MAX_KEPT`], [`MAX_LISTED`].

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::frame::Timestamp;
use crate::judge::Judgement;
use crate::judge::push::Reach;
use crate::judge::status::Status;
use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Hop};
use crate::ladder::leg::Leg;
use crate::ladder::profile::{Ports, Profile, StepKey};
use crate::report::view::{Dialed, Waited};
use crate::tcp::dialing::{Attempt, MAX_FRAMES, Outcome};

/// Attempts kept one by one, about 300 octets each; beyond it the oldest are only counted, which costs evidence and no
/// verdict.
const MAX_KEPT: usize = 4_096;
/// Pairs of hosts in the report; further ones are left out.
const MAX_LISTED: usize = 256;

/// Attempts in the order in which they were first told of.
#[derive(Default)]
pub struct Dials {
    kept: VecDeque<Attempt>,
    /// Those of earlier times, by who dialed whom.
    past: Vec<Dialed>,
}

impl Dials {
    /// Takes news of an attempt in.
    pub fn push(&mut self, attempt: &Attempt) {
        let known = self.kept.iter().rposition(|known| known.flow == attempt.flow && known.first == attempt.first);
        match (known, attempt.outcome) {
            (Some(at), Outcome::Answered) => _ = self.kept.remove(at),
            (None, Outcome::Answered) => {}
            (Some(at), _) => {
                if let Some(known) = self.kept.get_mut(at) {
                    // A refusal stays one while the SYN is sent again.
                    let refused = known.outcome == Outcome::Refused;
                    *known = attempt.clone();
                    known.outcome = if refused { Outcome::Refused } else { attempt.outcome };
                }
            }
            (None, _) => {
                if self.kept.len() >= MAX_KEPT
                    && let Some(oldest) = self.kept.pop_front()
                {
                    add(&mut self.past, &oldest);
                }
                self.kept.push_back(attempt.clone());
            }
        }
    }

    /// Only counts those before `before`.
    pub fn forget(&mut self, before: Timestamp) {
        let over = self.kept.iter().take_while(|attempt| attempt.last.time < before).count();
        self.kept.drain(..over).for_each(|attempt| add(&mut self.past, &attempt));
    }

    /// All of them, by who dialed whom, on ports on which servers and phones' services talk SIP to each other.
    pub fn all(&self, ports: &Ports) -> Vec<Dialed> {
        let mut all = self.past.clone();
        self.kept.iter().for_each(|attempt| add(&mut all, attempt));
        all.retain(|dialed| {
            [&ports.sip, &ports.mobility].into_iter().any(|ports| ports.contains(&dialed.server.port()))
        });
        all.sort_by_key(|dialed| (dialed.client, dialed.server, dialed.refused));
        all
    }

    /// The server that a push was to go to next and that was dialed in vain meanwhile: the Edge, where none went there or
    /// a server before it refused it; else any that the Edge may have dialed before it refused it.
    pub fn of(&self, ladder: &Ladder, judgement: &Judgement, profile: &Profile, coverage: &Coverage) -> Option<Waited> {
        if self.kept.is_empty() {
            return None;
        }
        let push = judgement.push.and_then(|at| ladder.pushes.get(at));
        let stayed = judgement.steps.get(StepKey::PushFederated.index())?.status == Status::Missing;
        let (from, to) = match push {
            Some(push) if judgement.reach == Reach::RefusedInside => (
                push.requests.iter().map(|(rung, _)| rung.at.time).min()?,
                push.answers.iter().map(|answer| answer.rung.at.time).max()?,
            ),
            _ if stayed => (ladder.first.time, ladder.last.time),
            _ => return None,
        };
        let (from, to) = (from.shifted(-coverage.clock_uncertainty), to.shifted(coverage.clock_uncertainty));
        let in_time = self.kept.iter().filter(|attempt| {
            profile.ports.sip.contains(&attempt.flow.server.port())
                && attempt.first.time <= to
                && attempt.last.time >= from
        });
        let (mut to_edge, mut outwards) = (Vec::new(), Vec::new());
        for attempt in in_time {
            let legs = coverage.legs_of(&Hop::of(&attempt.flow));
            if legs.contains(Leg::EdgeInternal) {
                add(&mut to_edge, attempt);
            } else if legs.is_empty() || legs.contains(Leg::EdgeExternal) {
                add(&mut outwards, attempt);
            }
        }
        // What the Edge itself answered has reached it.
        let made_by_edge = push.is_some_and(|push| push.answers.iter().any(|answer| answer.source_type.is_some()));
        let (candidates, to_edge, sure) = if made_by_edge {
            let sure = outwards.iter().all(|other| Some(other.server) == outwards.first().map(|first| first.server));
            (outwards, false, sure)
        } else if to_edge.is_empty() && push.is_some() && !stayed {
            // A server inside refused it: the one it dialed in vain may have been the Edge.
            (outwards, true, false)
        } else {
            (to_edge, true, true)
        };
        let dialed = candidates.into_iter().max_by_key(|dialed| dialed.syns)?;
        Some(Waited::Connection { dialed, to_edge, sure })
    }
}

/// Adds an attempt to those of the same two hosts that ended alike.
fn add(all: &mut Vec<Dialed>, attempt: &Attempt) {
    let (client, server): (IpAddr, SocketAddr) = (attempt.flow.client.ip(), attempt.flow.server);
    let refused = attempt.outcome == Outcome::Refused;
    let same = |dialed: &Dialed| (dialed.client, dialed.server, dialed.refused) == (client, server, refused);
    if !all.iter().any(same) && all.len() < MAX_LISTED {
        let (first, flows, frames) = (attempt.first, Vec::new(), Vec::new());
        all.push(Dialed { client, server, refused, attempts: 0, syns: 0, first, flows, frames });
    }
    let Some(dialed) = all.iter_mut().find(|dialed| same(dialed)) else { return };
    dialed.attempts += 1;
    dialed.syns += u64::from(attempt.times);
    let room = MAX_FRAMES.saturating_sub(dialed.frames.len());
    dialed.frames.extend(attempt.frames.iter().take(room));
    if dialed.flows.len() < MAX_FRAMES {
        dialed.flows.push(attempt.flow);
    }
}
