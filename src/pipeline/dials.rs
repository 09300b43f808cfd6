//! Connections that were not made, and which of them a push waited for.
//!
//! In: attempts to connect as they get worse, or succeed after all. Out: those that stopped a push, for who judges its
//! ladder, and all of them for the report. Limits: [`MAX_KEPT`], [`MAX_LISTED`].

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::flow::Flow;
use crate::frame::Timestamp;
use crate::judge::Judgement;
use crate::judge::push::Reach;
use crate::judge::status::Status;
use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Hop};
use crate::ladder::leg::Leg;
use crate::ladder::profile::{Ports, StepKey};
use crate::report::view::{Dialed, Waited};
use crate::tcp::dialing::{Attempt, MAX_FRAMES, Outcome};

/// Attempts kept one by one, about 300 octets each; beyond it the oldest are only counted, which costs evidence and no
/// verdict.
const MAX_KEPT: usize = 4_096;
/// Servers in the report; attempts to further ones are counted.
const MAX_LISTED: usize = 64;
/// Hosts remembered that dial one.
const MAX_CLIENTS: usize = 64;
/// Where other domains are dialed.
///
/// Source: "Enable push notifications" in the Lync Server documentation; domain names of proxies carry it.
const FEDERATION: u16 = 5061;

/// Attempts in the order in which they were first told of.
#[derive(Default)]
pub struct Dials {
    kept: VecDeque<Attempt>,
    /// Those of earlier times, by who was dialed.
    past: Vec<Dialed>,
    /// Attempts of earlier times that are not in there.
    unlisted: u64,
}

impl Dials {
    /// Takes news of an attempt in.
    pub fn push(&mut self, attempt: &Attempt) {
        let known = self.kept.iter().rposition(|known| known.flow == attempt.flow && known.first == attempt.first);
        match (known, attempt.outcome) {
            (Some(at), Outcome::Answered) => _ = self.kept.remove(at),
            // It was counted already, and is one of many.
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
                    self.pass(&oldest);
                }
                self.kept.push_back(attempt.clone());
            }
        }
    }

    /// Only counts those before `before`.
    pub fn forget(&mut self, before: Timestamp) {
        while self.kept.front().is_some_and(|oldest| oldest.last.time < before)
            && let Some(oldest) = self.kept.pop_front()
        {
            self.pass(&oldest);
        }
    }

    fn pass(&mut self, attempt: &Attempt) {
        self.unlisted += u64::from(!add(&mut self.past, attempt));
    }

    /// All of them, by who was dialed, on ports on which servers and phones' services talk SIP to each other; and how many
    /// attempts are not among them.
    pub fn all(&self, ports: &Ports) -> (Vec<Dialed>, u64) {
        let mut all: Vec<Dialed> =
            self.past.iter().filter(|dialed| ports.is_of_servers(dialed.server.port())).cloned().collect();
        let recent = self.kept.iter().filter(|attempt| ports.is_of_servers(attempt.flow.server.port()));
        let unlisted = recent.filter(|attempt| !add(&mut all, attempt)).count();
        all.sort_by_key(|dialed| (dialed.server, dialed.refused));
        (all, self.unlisted + unlisted as u64)
    }

    /// The server that a push was to go to next and that was dialed in vain meanwhile: the Edge, where no push went there
    /// or a server before it refused the push; else the one that the Edge dialed before it refused it. None where more
    /// than one pair of hosts comes into question.
    pub fn of(&self, ladder: &Ladder, judgement: &Judgement, coverage: &Coverage) -> Option<Waited> {
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
        // What the Edge itself answered has reached it.
        let by_edge = push.is_some_and(|push| push.answers.iter().any(|answer| answer.source_type.is_some()));
        let own: BTreeSet<IpAddr> = ladder.evidence().flat_map(|rung| [rung.from.ip(), rung.to.ip()]).collect();
        let fits = |attempt: &&Attempt| {
            let (client, server) = (attempt.flow.client.ip(), attempt.flow.server.ip());
            attempt.first.time <= to
                && attempt.last.time >= from
                && match by_edge {
                    // Whoever took part inside is not dialed outwards, nor dials: the Edge may have one card for both.
                    true => {
                        attempt.flow.server.port() == FEDERATION
                            && !coverage.is_edge(server)
                            && !own.contains(&server)
                            && (coverage.is_edge(client) || !own.contains(&client))
                    }
                    false => own.contains(&client) && !coverage.is_edge(client) && coverage.is_edge(server),
                }
        };
        let mut found: Vec<Dialed> = Vec::new();
        self.kept.iter().filter(fits).for_each(|attempt| _ = add(&mut found, attempt));
        let pair = |dialed: &Dialed| {
            let one = dialed.clients.first().filter(|_| dialed.clients.len() == 1).copied();
            one.map(|client| (client, dialed.server))
        };
        let (client, server) = found.first().and_then(pair)?;
        if !found.iter().all(|dialed| pair(dialed) == Some((client, server))) {
            return None;
        }
        let dialed = found.into_iter().max_by_key(|dialed| dialed.syns)?;
        let hop = Hop::of(&Flow { client: (client, 0).into(), server });
        let sure = !by_edge || coverage.is_edge(client) || coverage.legs_of(&hop).contains(Leg::EdgeExternal);
        Some(Waited::Connection { dialed, to_edge: !by_edge, sure })
    }
}

/// Adds an attempt to those to the same server that ended alike. Whether there was room for it.
fn add(all: &mut Vec<Dialed>, attempt: &Attempt) -> bool {
    let (client, server): (IpAddr, SocketAddr) = (attempt.flow.client.ip(), attempt.flow.server);
    let refused = attempt.outcome == Outcome::Refused;
    let same = |dialed: &Dialed| (dialed.server, dialed.refused) == (server, refused);
    let at = all.iter().position(same).unwrap_or(all.len());
    if at == all.len() {
        if at >= MAX_LISTED {
            return false;
        }
        all.push(Dialed {
            clients: BTreeSet::new(),
            more_clients: false,
            server,
            refused,
            attempts: 0,
            syns: 0,
            first: attempt.first,
            flows: Vec::new(),
            frames: Vec::new(),
        });
    }
    let Some(dialed) = all.get_mut(at) else { return false };
    if dialed.clients.len() < MAX_CLIENTS {
        dialed.clients.insert(client);
    } else {
        dialed.more_clients |= !dialed.clients.contains(&client);
    }
    dialed.attempts += 1;
    dialed.syns += u64::from(attempt.times);
    let room = MAX_FRAMES.saturating_sub(dialed.frames.len());
    dialed.frames.extend(attempt.frames.iter().take(room));
    if dialed.flows.len() < MAX_FRAMES {
        dialed.flows.push(attempt.flow);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameRef;
    use crate::ladder::profile::Profile;

    fn attempt(client: u32, server: u32, port: u16, outcome: Outcome) -> Attempt {
        let end = |host: u32, port: u16| SocketAddr::new(std::net::Ipv4Addr::from(host).into(), port);
        let at = FrameRef { input: 0, number: u64::from(client), time: Timestamp::new(i64::from(client), 6) };
        let flow = Flow { client: end(client, 40_000), server: end(server, port) };
        Attempt { flow, outcome, first: at, last: at, times: 3, frames: vec![at] }
    }

    #[test]
    fn many_that_dial_one_server_are_told_of_once() {
        let ports = Profile::built_in().unwrap().ports;
        let mut dials = Dials::default();
        let count = MAX_KEPT as u32 + 300;
        (0..count).for_each(|client| dials.push(&attempt(client, 1 << 30, 5061, Outcome::Refused)));
        dials.push(&attempt(7, 2 << 30, 5061, Outcome::Unanswered));
        dials.push(&attempt(7, 2 << 30, 80, Outcome::Unanswered));
        let (all, unlisted) = dials.all(&ports);
        let told: Vec<_> = all.iter().map(|dialed| (dialed.dialer(), dialed.attempts, dialed.syns)).collect();
        let many = (format!("more than {MAX_CLIENTS} hosts"), u64::from(count), 3 * u64::from(count));
        assert_eq!((told, unlisted), (vec![many, ("0.0.0.7".to_owned(), 1, 3)], 0));
        assert!(dials.kept.len() <= MAX_KEPT);
    }

    #[test]
    fn servers_beyond_the_limit_are_counted() {
        let ports = Profile::built_in().unwrap().ports;
        let mut dials = Dials::default();
        let count = MAX_LISTED as u32 + 5;
        (0..count).for_each(|server| dials.push(&attempt(server, 1 << 30 | server, 5061, Outcome::Unanswered)));
        let (all, unlisted) = dials.all(&ports);
        assert_eq!((all.len(), unlisted), (MAX_LISTED, 5));
        dials.forget(Timestamp::new(i64::MAX, 6));
        let (all, unlisted) = dials.all(&ports);
        assert_eq!((all.len(), unlisted, dials.kept.len()), (MAX_LISTED, 5, 0));
    }

    #[test]
    fn what_is_answered_after_all_is_taken_back() {
        let ports = Profile::built_in().unwrap().ports;
        let mut dials = Dials::default();
        for outcome in [Outcome::Unanswered, Outcome::Refused, Outcome::Unanswered, Outcome::Answered] {
            assert_eq!(dials.all(&ports).0.len(), usize::from(!dials.kept.is_empty()));
            dials.push(&attempt(1, 2, 5061, outcome));
        }
        assert!(dials.all(&ports).0.is_empty());
    }
}
