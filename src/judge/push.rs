//! Which push of a ladder decides, and who refused it.

use crate::ladder::Ladder;
use crate::ladder::coverage::{Coverage, Span, View};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::{Expectation, Profile};
use crate::ladder::rung::{Answer, PushSeen, Rung};

/// How far the deciding push came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// No push for a phone that should get one.
    None,
    /// The Front End or the Edge refused it.
    RefusedInside,
    /// The clearing house refused it.
    RefusedOutside,
    /// No final response was seen.
    Unanswered,
    /// The clearing house accepted it.
    Accepted,
}

/// The push track of a ladder: the push that decides, and how far it came.
pub struct Track<'a> {
    /// The deciding push; `None` when a phone got none.
    pub push: Option<&'a PushSeen>,
    /// How far it came.
    pub reach: Reach,
    /// Index of the phone it is about.
    pub phone: Option<usize>,
}

impl Track<'_> {
    /// The place of a push for the same phone that was refused, while the deciding one came further.
    pub fn refused_too(&self, ladder: &Ladder, coverage: &Coverage, profile: &Profile) -> Option<usize> {
        let deciding = self.push.filter(|_| self.reach > Reach::RefusedOutside)?;
        ladder.pushes.iter().position(|push| {
            !std::ptr::eq(push, deciding)
                && (push.phone == deciding.phone || push.phone.is_none())
                && reach_of(push, coverage, ladder, profile) < Reach::Unanswered
        })
    }
}

/// Finds the deciding push: of each phone the push that came furthest, of all phones that should get
/// one the phone that fared worst.
pub fn track<'a>(ladder: &'a Ladder, coverage: &Coverage, profile: &Profile) -> Track<'a> {
    let reach_of = |push: &PushSeen| reach_of(push, coverage, ladder, profile);
    let best = |phone: Option<usize>, pushes: Vec<&'a PushSeen>| {
        let best = pushes.into_iter().rev().max_by_key(|push| reach_of(push));
        Track { push: best, reach: best.map_or(Reach::None, reach_of), phone }
    };
    let expecting: Vec<usize> = (0..ladder.phones.len())
        .filter(|at| ladder.phones.get(*at).is_some_and(|p| p.expects() == Expectation::Yes))
        .collect();
    let mut unassigned = ladder.pushes.iter().filter(|push| push.phone.is_none_or(|phone| !expecting.contains(&phone)));
    let mut tracks: Vec<Track<'a>> = Vec::new();
    for phone in &expecting {
        let mut own: Vec<&PushSeen> = ladder.pushes.iter().filter(|push| push.phone == Some(*phone)).collect();
        if own.is_empty() {
            own.extend(unassigned.next());
        }
        tracks.push(best(Some(*phone), own));
    }
    let worst = tracks.into_iter().reduce(|worst, next| if next.reach < worst.reach { next } else { worst });
    worst.unwrap_or_else(|| best(None, ladder.pushes.iter().collect()))
}

/// The requests of a push on its first hop, and those on the way out.
pub fn created(push: &PushSeen) -> impl Iterator<Item = &Rung> {
    push.requests.iter().map(|(rung, _)| rung).filter(|rung| rung.leg == Some(Leg::PushInternal))
}

/// The requests of a push leaving through the Edge, with their Via count.
pub fn leaving(push: &PushSeen) -> impl Iterator<Item = &(Rung, usize)> {
    push.requests.iter().filter(|(rung, _)| matches!(rung.leg, Some(Leg::EdgeInternal | Leg::EdgeExternal)))
}

/// The answer that decides: the one nearest the clearing house that says what came from there.
pub fn decisive(push: &PushSeen) -> Option<&Answer> {
    let outermost = |answer: &&Answer| match answer.rung.leg {
        Some(Leg::EdgeExternal) => 0,
        Some(Leg::EdgeInternal) => 1,
        _ => 2,
    };
    push.answers.iter().min_by_key(outermost)
}

/// Whether an answer came from outside the enterprise.
///
/// Source: \[MS-SIPRE\] §2.2.15, the meaning of ms-source-type.
pub fn is_from_outside(answer: &Answer, profile: &Profile) -> bool {
    let listed = |source: &str, list: &[String]| list.iter().any(|known| known.eq_ignore_ascii_case(source));
    match answer.source_type.as_deref() {
        Some(source) => !listed(source, &profile.push.edge_sources),
        None => answer.rung.leg == Some(Leg::EdgeExternal),
    }
}

/// How far a push came.
pub fn reach_of(push: &PushSeen, coverage: &Coverage, ladder: &Ladder, profile: &Profile) -> Reach {
    let now = ladder.closed;
    let Some(answer) = decisive(push) else { return Reach::Unanswered };
    if (200..300).contains(&answer.status) {
        return Reach::Accepted;
    }
    let outside = push.answers.iter().any(|answer| is_from_outside(answer, profile));
    let left = leaving(push).any(|(rung, _)| {
        let window = Span { from: rung.at.time, to: rung.at.time };
        rung.leg == Some(Leg::EdgeExternal)
            && coverage.view(LegSet::EMPTY.with(Leg::EdgeExternal), window, now) == View::Whole
    });
    if outside || left { Reach::RefusedOutside } else { Reach::RefusedInside }
}
