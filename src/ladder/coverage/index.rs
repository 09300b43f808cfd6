//! When which legs may have been in streams that cannot be read.
//!
//! It is made of all that is known when it is asked for first, and thrown away once any of that is new: a ladder asks dozens
//! of times, of thousands of hops.

use super::spans::Spans;
use super::{Coverage, Hop, Span};
use crate::ladder::leg::{Leg, LegSet};
use crate::ladder::profile::Profile;

/// Streams that may be the same legs.
#[derive(Clone, Debug)]
struct Class<T> {
    legs: LegSet,
    /// Whether one of the hosts of each is not known for SIP.
    with_stranger: bool,
    spans: T,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    classes: Vec<Class<Spans>>,
    /// When there were some of which not both hosts are known for SIP.
    strangers: Spans,
}

impl Index {
    /// Whether one that any of `legs` may have been was there during `window`; `own` are those of the ladder itself.
    pub(super) fn hides(&self, legs: LegSet, own: LegSet, window: Span) -> bool {
        self.classes.iter().any(|class| {
            tests::step();
            let wanted = if class.with_stranger { legs.without(own) } else { legs };
            class.legs.meets(wanted) && class.spans.meet(window)
        })
    }

    /// Whether one was there of which not both hosts are known for SIP.
    pub(super) fn is_of_strangers(&self, window: Span) -> bool {
        self.strangers.meet(window)
    }
}

/// What an index is made of.
#[derive(Default)]
struct Draft {
    classes: Vec<Class<Vec<Span>>>,
    strangers: Vec<Span>,
}

impl Draft {
    fn push(&mut self, legs: LegSet, with_stranger: bool, span: Span) {
        tests::step();
        if with_stranger {
            self.strangers.push(span);
        }
        let alike = |class: &&mut Class<Vec<Span>>| class.legs == legs && class.with_stranger == with_stranger;
        match self.classes.iter_mut().find(alike) {
            Some(class) => class.spans.push(span),
            None if legs.is_empty() => {}
            None => self.classes.push(Class { legs, with_stranger, spans: vec![span] }),
        }
    }
}

impl Coverage {
    /// What cannot be read, as it is known now.
    pub(super) fn make_index(&self, profile: &Profile) -> Index {
        let mut draft = Draft::default();
        let hidden = &self.hidden;
        // Callers are many: that one is seen tells nothing of another.
        let shown = self.shown().without(LegSet::EMPTY.with(Leg::Caller));
        let less_known = |legs: LegSet, with_stranger| if with_stranger { legs.without(shown) } else { legs };
        for (hop, input, span) in hidden.expected.iter() {
            draft.push(self.carried(hop, input, profile), false, span);
        }
        for (hop, input, span) in hidden.foreign.known() {
            let with_stranger = self.hosts.is_with_stranger(hop) && self.legs_of(hop).is_empty();
            let legs = self.carried(hop, input, profile);
            draft.push(less_known(legs, with_stranger), with_stranger, span);
        }
        for (legs, with_stranger, span) in hidden.foreign.beyond() {
            draft.push(less_known(legs, with_stranger), with_stranger, span);
        }
        if let Some(span) = hidden.beyond {
            draft.push(LegSet::of(&Leg::ALL), false, span);
        }
        draft.strangers.extend(hidden.foreign.of_strangers());
        let finish = |class: Class<Vec<Span>>| Class {
            legs: class.legs,
            with_stranger: class.with_stranger,
            spans: Spans::all(class.spans),
        };
        Index { classes: draft.classes.into_iter().map(finish).collect(), strangers: Spans::all(draft.strangers) }
    }

    /// The legs that a stream of this hop in `input` may be.
    fn carried(&self, hop: &Hop, input: u16, profile: &Profile) -> LegSet {
        let possible = self.possible(hop, profile);
        // What was seen on it holds, whatever was told.
        if self.legs_of(hop).is_empty() { possible.intersection(self.shown_by(input)) } else { possible }
    }
}

#[cfg(not(test))]
mod tests {
    /// Steps are counted by tests only.
    pub(super) const fn step() {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::flow::Flow;
    use crate::ladder::coverage::tests::{hop, span, time};

    thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    #[test]
    fn what_many_ladders_ask_of_many_hops_is_worked_out_once() {
        const HOPS: u16 = 1_000;
        let profile = Profile::built_in().unwrap();
        let mut coverage = Coverage::new(vec![LegSet::EMPTY]);
        let [client, server] = ["192.0.2.7:50000", "192.0.2.9:5061"].map(|address| address.parse().unwrap());
        coverage.heard(&Flow { client, server }, time(0));
        for number in 0..HOPS {
            let second = i64::from(number) * 10;
            coverage.unreadable_elsewhere(hop(20_000 + number), 0, span(second, second + 1), None);
        }
        let asked = 10_000 * 60;
        let mut found = 0;
        for question in 0..asked {
            let window = span(question, question);
            found += u32::from(coverage.hidden(LegSet::of(&Leg::ALL), LegSet::EMPTY, window, &profile));
        }
        assert_eq!(found, u32::from(HOPS) * 2);
        let steps = STEPS.get();
        assert!(steps <= u64::try_from(asked).unwrap() + 2 * u64::from(HOPS), "{steps} steps");
    }
}
