//! Several stretches of time, apart from each other.
//!
//! Limits: whoever adds one says how many there may be; beyond that those that lie closest become one.

use super::Span;
use crate::frame::Timestamp;

/// Stretches in the order of time, none of which meets another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<Span>);

impl Spans {
    /// All of these, as one where they meet.
    pub(super) fn all(mut spans: Vec<Span>) -> Self {
        spans.sort_by_key(|span| (span.from, span.to));
        spans.dedup_by(|next, span| {
            let meets = span.meets(next);
            if meets {
                *span = span.joined(next);
            }
            meets
        });
        Self(spans)
    }

    /// Adds one; it becomes one with those that it meets, or that are not further from it than `gap` nanoseconds. At most
    /// `most` are kept apart. Says whether anything is new.
    pub(super) fn push(&mut self, span: Span, gap: i64, most: usize) -> bool {
        let wide = Span { from: span.from.shifted(gap.saturating_neg()), to: span.to.shifted(gap) };
        let first = self.0.partition_point(|known| known.to < wide.from);
        let behind = first + self.0.iter().skip(first).take_while(|known| known.from <= wide.to).count();
        let near = self.0.get(first..behind).unwrap_or_default();
        let joined = near.iter().fold(span, |joined, known| joined.joined(known));
        if near == [joined] {
            return false;
        }
        self.0.splice(first..behind, [joined]);
        while self.0.len() > most.max(1) {
            self.join_closest();
        }
        true
    }

    /// The two that lie closest to each other become one.
    fn join_closest(&mut self) {
        let gaps = self.0.windows(2).map(|pair| match pair {
            [one, next] => next.from.since(one.to),
            _ => i64::MAX,
        });
        let Some((index, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else { return };
        let next = self.0.remove(index + 1);
        if let Some(one) = self.0.get_mut(index) {
            *one = one.joined(&next);
        }
    }

    /// Whether one of them meets `window`.
    pub(super) fn meet(&self, window: Span) -> bool {
        let next = self.0.partition_point(|known| known.to < window.from);
        self.0.get(next).is_some_and(|known| known.meets(&window))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Span> {
        self.0.iter().copied()
    }

    /// Forgets those that were over before `before`.
    pub(super) fn forget(&mut self, before: Timestamp) {
        self.0.retain(|span| span.to >= before);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::coverage::tests::{span, time};

    #[test]
    fn stretches_become_one_where_they_are_near() {
        let mut spans = Spans::default();
        for (from, to, is_new) in
            [(100, 110, true), (10, 20, true), (112, 115, true), (101, 102, false), (50, 60, true)]
        {
            assert_eq!(spans.push(span(from, to), 2_000_000_000, 8), is_new, "{from}");
        }
        assert_eq!(spans.0, [span(10, 20), span(50, 60), span(100, 115)]);
        for (from, to, expected) in [(0, 9, false), (0, 10, true), (21, 49, false), (55, 56, true), (116, 200, false)] {
            assert_eq!(spans.meet(span(from, to)), expected, "{from}");
        }
        spans.forget(time(55));
        assert_eq!(spans.0, [span(50, 60), span(100, 115)]);
        assert_eq!(
            Spans::all(vec![span(90, 115), span(50, 55), span(54, 60), span(100, 110)]).0,
            [span(50, 60), span(90, 115)]
        );
        assert!(spans.push(span(0, 200), 0, 8) && spans.0 == [span(0, 200)]);
    }

    #[test]
    fn stretches_are_bounded_and_none_is_forgotten() {
        let mut spans = Spans::default();
        for number in 0..20 {
            spans.push(span(number * number * 10, number * number * 10 + 1), 0, 4);
        }
        assert_eq!(spans.0.len(), 4);
        assert!((0..20).all(|number| spans.meet(span(number * number * 10, number * number * 10 + 1))));
    }
}
