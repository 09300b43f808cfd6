//! What the capture can see: which legs, over which span of time, and what of them was lost.
//!
//! In: every frame's time, every SIP message's connection, every gap, every stream that cannot be
//! read. Out: answers to "was this leg in view then?", so that "did not happen" is never said where
//! "could not see" is true. It refuses to know what a message means.
//! Limits: [`MAX_HOPS`], and those of each kind of loss.

mod closed;
mod foreign;
mod hidden;
mod hosts;
mod index;
mod spans;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::OnceLock;

use foldhash::HashMap;

pub use super::hop::Hop;
use super::leg::{Leg, LegSet};
use crate::flow::Flow;
use crate::frame::{FrameRef, Timestamp};
use hidden::Hidden;
use hosts::Hosts;
use index::Index;

/// Hops remembered; one is two hosts and a listening port, about 150 octets each.
pub const MAX_HOPS: usize = 65_536;
/// Hosts remembered as Edges, and names of them and of what is behind them; a pool has a dozen.
const MAX_EDGES: usize = 256;
/// Octets of such a name; one that is longer is no host's. Source: RFC 1035 §2.3.4.
const MAX_NAME: usize = 255;
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
        self.told.union(self.shown())
    }

    fn shown(&self) -> LegSet {
        let seen = Leg::ALL.into_iter().zip(self.hops).filter(|(_, hops)| *hops > 0);
        seen.fold(LegSet::EMPTY, |legs, (leg, _)| legs.with(leg))
    }
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
    hidden: Hidden,
    hosts: Hosts,
    /// What cannot be read, as it was asked for last: empty once any of it is new.
    index: OnceLock<Index>,
    /// How far apart the clocks of several inputs may still be, nanoseconds.
    pub clock_uncertainty: i64,
    /// Whether frames of an input go back in time: then what was not seen may have been passed already.
    pub disordered: bool,
    /// Hops that were not remembered because the table was full.
    hops_dropped: u64,
    /// The hop that was last said to be each leg, by [`Leg::ALL`].
    named: [Option<Hop>; 5],
    /// Hosts that are the Edge on its inside, or a Director before it.
    edges: BTreeSet<IpAddr>,
    /// Names of hosts that only the Edge's legs lead to, in lower case.
    edge_names: BTreeSet<Box<str>>,
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
        told(&self.inputs, input)
    }

    /// The legs that a stream of this input may be where nothing was seen of it: where `--vantage` told, those that it told
    /// of and those that were seen on others. It may have left out some.
    fn shown_by(&self, input: u16) -> LegSet {
        let input = self.inputs.get(usize::from(input)).filter(|input| !input.told.is_empty());
        input.map_or(LegSet::of(&Leg::ALL), Input::legs)
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
        if !legs.is_empty() {
            self.hosts.on(&hop, legs);
            self.hosts_changed();
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
            self.index = OnceLock::new();
        }
        self.last = Some((hop, input, sighted.legs));
    }

    /// SIP was read between these two, whatever it says.
    pub fn heard(&mut self, flow: &Flow, at: Timestamp) {
        self.hosts.heard(flow, at);
        self.hosts_changed();
    }

    /// A host registered a user by itself, who is on no phone.
    pub fn registers(&mut self, host: IpAddr) {
        self.hosts.registers(host);
        self.hosts_changed();
    }

    /// Something on this hop cannot be read and should be SIP by its port: that of the mobility service, or of others.
    pub fn suspect(&mut self, hop: &Hop, is_mobility: bool, at: Timestamp) {
        let is_edge = hop.hosts().iter().any(|host| self.is_edge(*host));
        let legs = match (is_mobility, hop.is_one_host(), is_edge) {
            (true, ..) => LegSet::EMPTY.with(Leg::Mcx),
            (_, true, _) => LegSet::EMPTY.with(Leg::PushInternal),
            (.., true) => LegSet::EMPTY.with(Leg::EdgeInternal),
            // It may be a client's.
            _ => LegSet::EMPTY,
        };
        self.hosts.suspect(hop, legs, at);
        self.hosts_changed();
    }

    /// Whether a host is known for SIP: some of it was read, or cannot be on a port of SIP.
    pub fn speaks(&self, host: IpAddr) -> bool {
        self.hosts.speaks(host)
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

    /// A message names a host that only the Edge's legs lead to: the Edge, or who is behind it.
    pub fn edge_name(&mut self, name: &[u8]) {
        if let Ok(name) = std::str::from_utf8(name)
            && (1..=MAX_NAME).contains(&name.len())
            && self.edge_names.len() < MAX_EDGES
            && !self.edge_names.contains(name)
        {
            self.edge_names.insert(name.to_ascii_lowercase().into());
        }
    }

    /// The names of such hosts.
    pub fn edge_names(&self) -> impl Iterator<Item = &str> {
        self.edge_names.iter().map(AsRef::as_ref)
    }

    /// A further input shows a hop that is already known to carry SIP.
    pub fn witness(&mut self, hop: Hop, input: u16) {
        if let Some(sighted) = self.hops.get_mut(&hop) {
            count(&mut self.inputs, sighted, false);
            sighted.inputs.insert(input);
            count(&mut self.inputs, sighted, true);
            self.index = OnceLock::new();
        }
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

    /// The legs of which the capture shows a hop, or one that can be nothing else and cannot be read.
    fn shown(&self) -> LegSet {
        let hops = self.inputs.iter().fold(LegSet::EMPTY, |all, input| all.union(input.shown()));
        hops.union(self.hosts.suspected())
    }

    /// Hops and hosts that were not remembered because a table was full.
    pub fn dropped(&self) -> u64 {
        self.hops_dropped + self.hosts.dropped
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

fn told(inputs: &[Input], input: u16) -> LegSet {
    inputs.get(usize::from(input)).map_or(LegSet::EMPTY, |input| input.told)
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

    pub(super) fn time(seconds: i64) -> Timestamp {
        Timestamp::new(seconds * 1_000_000_000, 6)
    }

    pub(super) fn span(from: i64, to: i64) -> Span {
        Span { from: time(from), to: time(to) }
    }

    pub(super) fn hop(port: u16) -> Hop {
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
    fn hosts_that_find_no_room_are_told_of_and_there_is_room_again_later() {
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let host = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + number));
        let heard = |coverage: &mut Coverage, number: u32, at| {
            let [client, server] = [2 * number, 2 * number + 1].map(|number| (host(number), 5_061).into());
            coverage.heard(&Flow { client, server }, time(at));
        };
        (0..32_768).for_each(|number| heard(&mut coverage, number, 0));
        assert_eq!((coverage.dropped(), coverage.speaks(host(70_000))), (0, false));
        heard(&mut coverage, 40_000, 100);
        assert_eq!((coverage.dropped(), coverage.speaks(host(70_000))), (2, true));
        coverage.forget(time(10_000));
        assert!(!coverage.speaks(host(70_000)) && !coverage.speaks(host(0)));
        heard(&mut coverage, 40_000, 10_001);
        assert!(coverage.speaks(host(80_000)) && coverage.dropped() == 2);
    }
}
