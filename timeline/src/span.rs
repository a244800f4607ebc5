//! Stretches of time, half open: [from, to). Downtimes, blindness, dark links and maintenance all are lists of them.
//!
//! Every list that leaves this module is sorted, and nothing in it overlaps or touches. Pure arithmetic on the
//! way of a measurement: it decides nothing, it keeps the decisions readable.

use kentongan_model::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A stretch [from, to) of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins.
    pub from: Timestamp,
    /// Where it ends; this instant is no longer part of it.
    pub to: Timestamp,
}

impl Span {
    /// The stretch [from, to).
    #[must_use]
    pub const fn new(from: Timestamp, to: Timestamp) -> Self {
        Span { from, to }
    }

    /// Its length in milliseconds, 0 when it ends before it begins.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.to.millis_since(self.from).max(0)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }

    /// What it has in common with `other`, perhaps nothing.
    #[must_use]
    pub fn overlap(self, other: Span) -> Option<Span> {
        let both = Span::new(self.from.max(other.from), self.to.min(other.to));
        (!both.is_empty()).then_some(both)
    }
}

/// The point `millis` after `at`; before it when negative.
pub(crate) fn plus(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

/// All of `spans`, sorted, those that overlap or touch made one, empty ones left out.
#[must_use]
pub fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort_unstable();
    spans.dedup_by(|next, kept| {
        let touches = next.from <= kept.to;
        if touches {
            kept.to = kept.to.max(next.to);
        }
        touches
    });
    spans
}

/// What two joined lists have in common.
pub(crate) fn common(left: &[Span], right: &[Span]) -> Vec<Span> {
    let (mut l, mut r, mut both) = (0, 0, Vec::new());
    while l < left.len() && r < right.len() {
        both.extend(left[l].overlap(right[r]));
        if left[l].to <= right[r].to {
            l += 1;
        } else {
            r += 1;
        }
    }
    both
}

/// What of a joined list lies within `period`.
#[must_use]
pub fn within(spans: &[Span], period: Span) -> Vec<Span> {
    let first = spans.partition_point(|span| span.to <= period.from);
    spans[first..]
        .iter()
        .take_while(|span| span.from < period.to)
        .filter_map(|span| span.overlap(period))
        .collect()
}

/// How many milliseconds of `period` a joined list covers.
#[must_use]
pub fn covered(spans: &[Span], period: Span) -> i64 {
    let first = spans.partition_point(|span| span.to <= period.from);
    let near = spans[first..].iter().take_while(|span| span.from < period.to);
    near.filter_map(|span| span.overlap(period)).map(Span::millis).sum()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    pub(crate) fn span(from: i64, to: i64) -> Span {
        Span::new(at(from), at(to))
    }

    #[test]
    fn spans_that_overlap_or_touch_are_one() {
        let spans = vec![span(5, 9), span(1, 3), span(3, 4), span(8, 12), span(20, 20), span(0, 2)];
        assert_eq!(joined(spans), [span(0, 4), span(5, 12)]);
    }

    #[test]
    fn what_two_lists_have_in_common_is_in_both() {
        let (left, right) = (vec![span(0, 4), span(6, 10)], vec![span(2, 7), span(9, 20)]);
        assert_eq!(common(&left, &right), [span(2, 4), span(6, 7), span(9, 10)]);
        assert_eq!(covered(&left, span(3, 8)), 3000);
        assert_eq!(within(&left, span(3, 8)), [span(3, 4), span(6, 8)]);
    }
}
