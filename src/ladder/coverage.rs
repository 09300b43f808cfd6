//! What the capture can see: which legs, over which span of time, and what of them was lost.
//!
//! In: every frame's time, every SIP message's connection, every gap, every stream that cannot be
//! read. Out: answers to "was this leg in view then?", so that "did not happen" is never said where
//! "could not see" is true. It refuses to know what a message means.
//! Limits: [`MAX_HOPS`], [`MAX_LOSSES`], [`MAX_UNREADABLE`], [`MAX_BLIND`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use foldhash::HashMap;

pub use super::hop::Hop;
use super::leg::{Leg, LegSet};
use super::profile::Profile;
use crate::frame::{FrameRef, Timestamp};

/// Hops remembered; one is two hosts and a listening port, about 150 octets each.
pub const MAX_HOPS: usize = 65_536;
/// Losses remembered; older ones are merged into their neighbour.
pub const MAX_LOSSES: usize = 4_096;
/// Unreadable streams remembered for judging; further ones widen the last.
pub const MAX_UNREADABLE: usize = 4_096;
/// Stretches remembered in which whole frames may be missing; further ones widen the last.
pub const MAX_BLIND: usize = 4_096;
/// Hosts remembered as Edges; a pool has a dozen.
const MAX_EDGES: usize = 256;
/// Two inputs whose spans are closer than this are one span: a capture that was rotated.
const ROTATION_NANOS: i64 = 1_000_000_000;

#[derive(Clone, Debug, Default)]
struct Sighted {
    legs: LegSet,
    inputs: BTreeSet<u16>,
}

/// A stretch of time, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Span {
    /// Whether the two share an instant.
    pub fn meets(&self, other: &Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// Both, and what is between them.
    pub fn joined(&self, other: &Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Input {
    span: Option<Span>,
    ended: bool,
    told: LegSet,
    /// How many hops show each leg in this input, by [`Leg::ALL`].
    hops: [u32; 5],
}

impl Input {
    fn legs(&self) -> LegSet {
        let seen = Leg::ALL.into_iter().zip(self.hops).filter(|(_, hops)| *hops > 0);
        seen.fold(self.told, |legs, (leg, _)| legs.with(leg))
    }
}

#[derive(Clone, Copy, Debug)]
struct Loss {
    hop: Hop,
    span: Span,
}

#[derive(Clone, Copy, Debug)]
struct Unreadable {
    hop: Hop,
    input: u16,
    span: Span,
}

/// A stretch in which whole frames may be missing.
#[derive(Clone, Copy, Debug)]
struct Blind {
    /// The input that missed them, of which the legs it shows are hidden; none for all legs.
    input: Option<u16>,
    span: Span,
}

/// How a window of time lies within what a set of legs shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// At least one leg is in view for the whole window.
    Whole,
    /// A leg is in view, but its capture begins or ends inside the window.
    Partly,
    /// No leg is in view during the window.
    None,
}

/// What the capture can see.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    inputs: Vec<Input>,
    hops: HashMap<Hop, Sighted>,
    last: Option<(Hop, u16, LegSet)>,
    losses: Vec<Loss>,
    unreadable: Vec<Unreadable>,
    blind: Vec<Blind>,
    /// How far apart the clocks of several inputs may still be, nanoseconds.
    pub clock_uncertainty: i64,
    /// Whether frames of an input go back in time: then what was not seen may have been passed already.
    pub disordered: bool,
    /// Hops that were not remembered because the table was full.
    pub hops_dropped: u64,
    /// The hop that was last said to be each leg, by [`Leg::ALL`].
    named: [Option<Hop>; 5],
    /// Hosts that are the Edge on its inside, or a Director before it.
    edges: BTreeSet<IpAddr>,
}

impl Coverage {
    /// Coverage of `inputs` captures, with what `--vantage` tells of each.
    pub fn new(told: Vec<LegSet>) -> Self {
        let inputs = told.into_iter().map(|told| Input { told, ..Input::default() }).collect();
        Self { inputs, ..Self::default() }
    }

    /// Counts a frame of any kind: the span of its input grows to it.
    #[inline]
    pub fn frame(&mut self, at: FrameRef) {
        if let Some(input) = self.inputs.get_mut(usize::from(at.input)) {
            match &mut input.span {
                Some(span) => {
                    span.from = span.from.min(at.time);
                    span.to = span.to.max(at.time);
                }
                None => input.span = Some(Span { from: at.time, to: at.time }),
            }
        }
    }

    /// No further frame of this input will come.
    pub fn ended(&mut self, input: u16) {
        if let Some(input) = self.inputs.get_mut(usize::from(input)) {
            input.ended = true;
        }
    }

    /// What `--vantage` told of this input; empty when it told nothing.
    pub fn told(&self, input: u16) -> LegSet {
        self.inputs.get(usize::from(input)).map_or(LegSet::EMPTY, |input| input.told)
    }

    /// A SIP message was seen on this hop in this input, on this leg if that is known by itself.
    pub fn sip(&mut self, hop: Hop, input: u16, leg: Option<Leg>) {
        if let Some(named) = leg.and_then(|leg| self.named.get_mut(leg as usize)) {
            *named = Some(hop);
        }
        let legs = leg.map_or(LegSet::EMPTY, |leg| LegSet::EMPTY.with(leg));
        if let Some((last_hop, last_input, last_legs)) = self.last
            && last_hop == hop
            && last_input == input
            && last_legs.union(legs) == last_legs
        {
            return;
        }
        if self.hops.len() >= MAX_HOPS && !self.hops.contains_key(&hop) {
            self.hops_dropped += 1;
            return;
        }
        let sighted = self.hops.entry(hop).or_default();
        if sighted.legs.union(legs) != sighted.legs || !sighted.inputs.contains(&input) {
            count(&mut self.inputs, sighted, false);
            sighted.legs = sighted.legs.union(legs);
            sighted.inputs.insert(input);
            count(&mut self.inputs, sighted, true);
        }
        self.last = Some((hop, input, sighted.legs));
    }

    /// A host is the Edge on its inside, or a Director before it.
    pub fn edge(&mut self, host: IpAddr) {
        if self.edges.len() < MAX_EDGES {
            self.edges.insert(host);
        }
    }

    /// Whether a host is known to be one.
    pub fn is_edge(&self, host: IpAddr) -> bool {
        self.edges.contains(&host)
    }

    /// A further input shows a hop that is already known to carry SIP.
    pub fn witness(&mut self, hop: Hop, input: u16) {
        if let Some(sighted) = self.hops.get_mut(&hop) {
            count(&mut self.inputs, sighted, false);
            sighted.inputs.insert(input);
            count(&mut self.inputs, sighted, true);
        }
    }

    /// Bytes of a SIP stream on this hop are missing from the capture.
    pub fn lost(&mut self, hop: Hop, span: Span) {
        if let Some(loss) = self.losses.iter_mut().rev().take(8).find(|loss| loss.hop == hop && loss.span.meets(&span))
        {
            loss.span = loss.span.joined(&span);
        } else if self.losses.len() < MAX_LOSSES {
            self.losses.push(Loss { hop, span });
        } else if let Some(nearest) = self.losses.iter_mut().rev().find(|loss| loss.hop == hop) {
            nearest.span = nearest.span.joined(&span);
        } else if let Some(last) = self.losses.last_mut() {
            *last = Loss { hop, span: last.span.joined(&span) };
        }
    }

    /// A stream on this hop may hold SIP but cannot be read.
    pub fn unreadable(&mut self, hop: Hop, input: u16, span: Span) {
        let same = |entry: &&mut Unreadable| entry.hop == hop && entry.input == input;
        if let Some(entry) = self.unreadable.iter_mut().find(same) {
            entry.span = entry.span.joined(&span);
        } else if self.unreadable.len() < MAX_UNREADABLE {
            self.unreadable.push(Unreadable { hop, input, span });
        } else if let Some(last) = self.unreadable.last_mut() {
            last.span = last.span.joined(&span);
        }
    }

    /// Whole frames may be missing: of the legs that `input` shows, or of all.
    pub fn blind(&mut self, input: Option<u16>, span: Span) {
        let same = |entry: &&mut Blind| entry.input == input && entry.span.meets(&span);
        if let Some(entry) = self.blind.iter_mut().rev().take(8).find(same) {
            entry.span = entry.span.joined(&span);
        } else if self.blind.len() < MAX_BLIND {
            self.blind.push(Blind { input, span });
        } else if let Some(last) = self.blind.last_mut() {
            *last = Blind { input: None, span: last.span.joined(&span) };
        }
    }

    /// Whether whole frames may be missing in `window`, on any leg.
    pub fn is_blind(&self, window: Span) -> bool {
        self.blind.iter().any(|blind| blind.span.meets(&window))
    }

    /// Forgets losses that were over before `before`: nothing that is open can lie in them.
    pub fn forget(&mut self, before: Timestamp) {
        self.losses.retain(|loss| loss.span.to >= before);
        self.unreadable.retain(|entry| entry.span.to >= before);
        self.blind.retain(|blind| blind.span.to >= before);
    }

    /// The legs that `hop` was said to be since this was asked last.
    pub fn take_named(&mut self, hop: &Hop) -> LegSet {
        let named = std::mem::take(&mut self.named);
        let legs = Leg::ALL.into_iter().zip(named).filter(|(_, named)| named.as_ref() == Some(hop));
        legs.fold(LegSet::EMPTY, |legs, (leg, _)| legs.with(leg))
    }

    /// The legs SIP was seen on at this hop.
    pub fn legs_of(&self, hop: &Hop) -> LegSet {
        self.hops.get(hop).map_or(LegSet::EMPTY, |sighted| sighted.legs)
    }

    /// The legs that are in view at all, in any input.
    pub fn legs(&self) -> LegSet {
        self.inputs.iter().fold(LegSet::EMPTY, |all, input| all.union(input.legs()))
    }

    /// When the capture of any input begins; `None` before the first frame.
    pub fn begins(&self) -> Option<Timestamp> {
        self.inputs.iter().filter_map(|input| input.span).map(|span| span.from).min()
    }

    /// Whether any of `legs` is in view during `window`. `now` is how far the reading has come: an
    /// input that has not ended is in view until then.
    pub fn view(&self, legs: LegSet, window: Span, now: Timestamp) -> View {
        let mut best = View::None;
        for leg in legs.iter() {
            let spans = self.spans_of(leg, now);
            if spans.iter().any(|span| span.from <= window.from && window.to <= span.to) {
                return View::Whole;
            }
            if spans.iter().any(|span| span.meets(&window)) {
                best = View::Partly;
            }
        }
        best
    }

    /// Whether bytes that any of `legs` may have carried during `window` are lost or unreadable.
    pub fn hidden(&self, legs: LegSet, window: Span, profile: &Profile) -> bool {
        let lost =
            self.losses.iter().any(|loss| loss.span.meets(&window) && self.possible(&loss.hop, profile).meets(legs));
        lost || self.missed(legs, window) || self.encrypted(legs, window, profile)
    }

    /// Whether whole frames of any of `legs` may be missing in `window`.
    fn missed(&self, legs: LegSet, window: Span) -> bool {
        self.blind.iter().any(|blind| {
            let shown = |input: u16| self.inputs.get(usize::from(input)).is_some_and(|input| input.legs().meets(legs));
            blind.span.meets(&window) && blind.input.is_none_or(shown)
        })
    }

    /// Whether a stream that any of `legs` may have been could not be read during `window`.
    pub fn encrypted(&self, legs: LegSet, window: Span, profile: &Profile) -> bool {
        self.unreadable.iter().any(|entry| {
            let told = self.told(entry.input);
            let possible = self.possible(&entry.hop, profile);
            let possible = if told.is_empty() { possible } else { possible.intersection(told) };
            entry.span.meets(&window) && possible.meets(legs)
        })
    }

    /// The hops with a stream that could not be read during `window`.
    pub fn unreadable_in(&self, window: Span) -> impl Iterator<Item = Hop> {
        self.unreadable.iter().filter(move |entry| entry.span.meets(&window)).map(|entry| entry.hop)
    }

    /// The legs a hop may be: those seen on it, else those its port allows.
    fn possible(&self, hop: &Hop, profile: &Profile) -> LegSet {
        let seen = self.legs_of(hop);
        if !seen.is_empty() {
            seen
        } else if profile.ports.mobility.contains(&hop.port()) {
            LegSet::EMPTY.with(Leg::Mcx)
        } else if profile.ports.sip.contains(&hop.port()) {
            LegSet::of(&[Leg::Caller, Leg::PushInternal, Leg::EdgeInternal, Leg::EdgeExternal])
        } else {
            LegSet::EMPTY
        }
    }

    fn spans_of(&self, leg: Leg, now: Timestamp) -> Vec<Span> {
        let mut spans: Vec<Span> = self
            .inputs
            .iter()
            .filter(|input| input.legs().contains(leg))
            .filter_map(|input| {
                input.span.map(|span| Span { to: if input.ended { span.to } else { span.to.max(now) }, ..span })
            })
            .collect();
        spans.sort_by_key(|span| (span.from, span.to));
        spans.dedup_by(|next, span| {
            let touches = next.from.since(span.to) <= ROTATION_NANOS;
            if touches {
                *span = span.joined(next);
            }
            touches
        });
        spans
    }
}

/// Adds a hop to the counts of the inputs that show it, or takes it away again.
fn count(inputs: &mut [Input], sighted: &Sighted, add: bool) {
    for index in &sighted.inputs {
        let Some(input) = inputs.get_mut(usize::from(*index)) else { continue };
        for leg in sighted.legs.iter() {
            let hops = &mut input.hops[leg as usize];
            *hops = if add { hops.saturating_add(1) } else { hops.saturating_sub(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;

    fn at(input: u16, seconds: i64) -> FrameRef {
        FrameRef { input, number: 1, time: time(seconds) }
    }

    fn time(seconds: i64) -> Timestamp {
        Timestamp::new(seconds * 1_000_000_000, 6)
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: time(from), to: time(to) }
    }

    fn hop(port: u16) -> Hop {
        let client = "192.0.2.20:50000".parse().unwrap();
        Hop::of(&Flow { client, server: format!("192.0.2.7:{port}").parse().unwrap() })
    }

    #[test]
    fn a_leg_is_in_view_for_the_whole_span_of_its_input_before_and_after() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY; 2]);
        for at in [at(0, 0), at(0, 100), at(1, 50), at(1, 200)] {
            coverage.frame(at);
        }
        coverage.ended(0);
        coverage.ended(1);
        coverage.sip(hop(5087), 0, Some(Leg::Mcx));
        let mcx = LegSet::of(&[Leg::Mcx]);
        for (window, expected) in
            [(span(0, 100), View::Whole), (span(90, 110), View::Partly), (span(150, 160), View::None)]
        {
            assert_eq!(coverage.view(mcx, window, time(200)), expected, "{window:?}");
        }
        assert_eq!(coverage.view(LegSet::of(&[Leg::EdgeExternal]), span(0, 1), time(200)), View::None);
        coverage.witness(hop(5087), 1);
        assert_eq!(coverage.view(mcx, span(90, 110), time(200)), View::Whole, "the two inputs touch");
    }

    #[test]
    fn a_hop_nobody_knows_more_of_covers_no_leg() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        coverage.sip(hop(5061), 0, None);
        assert!(coverage.legs().is_empty());
        coverage.sip(hop(5061), 0, Some(Leg::EdgeInternal));
        assert_eq!(coverage.legs().only(), Some(Leg::EdgeInternal));
    }

    #[test]
    fn what_is_told_is_in_view_without_a_message() {
        let mut coverage = Coverage::new(vec![LegSet::of(&[Leg::EdgeInternal])]);
        coverage.frame(at(0, 0));
        coverage.frame(at(0, 10));
        assert_eq!(coverage.view(LegSet::of(&[Leg::EdgeInternal]), span(1, 9), time(10)), View::Whole);
    }

    #[test]
    fn losses_and_unreadable_streams_hide_the_legs_they_may_be() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        coverage.sip(hop(5061), 0, None);
        coverage.lost(hop(5061), span(10, 11));
        let hidden = |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), window, &profile);
        assert!(hidden(&coverage, Leg::Caller, span(11, 12)));
        assert!(!hidden(&coverage, Leg::Caller, span(12, 13)));
        assert!(!hidden(&coverage, Leg::Mcx, span(10, 11)));
        coverage.unreadable(hop(5087), 0, span(0, 100));
        assert!(hidden(&coverage, Leg::Mcx, span(50, 51)));
        assert!(!hidden(&coverage, Leg::EdgeExternal, span(50, 51)));
    }

    #[test]
    fn missing_frames_hide_every_leg_or_those_of_their_input() {
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY; 2]);
        coverage.sip(hop(5087), 1, Some(Leg::Mcx));
        coverage.blind(Some(1), span(10, 11));
        coverage.blind(None, span(20, 21));
        let hidden = |coverage: &Coverage, leg, window| coverage.hidden(LegSet::of(&[leg]), window, &profile);
        for (leg, window, expected) in [
            (Leg::Mcx, span(5, 10), true),
            (Leg::Caller, span(5, 10), false),
            (Leg::Caller, span(15, 20), true),
            (Leg::Mcx, span(12, 19), false),
        ] {
            assert_eq!(hidden(&coverage, leg, window), expected, "{leg:?} {window:?}");
        }
        assert!(coverage.is_blind(span(11, 12)) && !coverage.is_blind(span(12, 13)));
        coverage.forget(time(15));
        assert!(!coverage.is_blind(span(0, 19)) && coverage.is_blind(span(19, 20)));
        for second in 0..2 * i64::try_from(MAX_BLIND).unwrap() {
            coverage.blind(Some(1), span(second * 10, second * 10 + 1));
        }
        assert_eq!(coverage.blind.len(), MAX_BLIND);
    }

    #[test]
    fn losses_are_bounded() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        for second in 0..3 * i64::try_from(MAX_LOSSES).unwrap() {
            coverage.lost(hop(u16::try_from(second % 100).unwrap()), span(second * 10, second * 10 + 1));
        }
        assert_eq!(coverage.losses.len(), MAX_LOSSES);
    }
}
