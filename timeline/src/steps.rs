//! Things that change step by step, looked at through a window: what held when it opens, what changes in it, and how it is
//! put back among what lies outside.
//!
//! Under everything that is judged again only where it was touched. Rule guarded here: outside the window nothing moves,
//! and what stands there is never doubled at its edges.

use kentongan_model::time::Timestamp;

use crate::span::Span;

/// What of a sorted list matters within `window`: the last step before it, dated at its beginning, and those inside. Each
/// with whether it stood before the window opened.
pub(crate) fn during<T>(
    list: &[T],
    at: impl Fn(&T) -> Timestamp,
    window: Span,
) -> impl Iterator<Item = (Timestamp, bool, usize)> {
    let before = list.partition_point(|item| at(item) <= window.from);
    let end = list.partition_point(|item| at(item) < window.to);
    let first = before.saturating_sub(1);
    (first..end.max(first)).map(move |k| (at(&list[k]).max(window.from), k < before, k))
}

/// From where to where two sorted lists differ. Behind it they hold the same; [`Timestamp::MAX`] when one goes on
/// differing.
pub(crate) fn differing<T: PartialEq>(old: &[T], new: &[T], at: impl Fn(&T) -> Timestamp) -> Option<Span> {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    if same == old.len() && same == new.len() {
        return None;
    }
    let (old, new) = (&old[same..], &new[same..]);
    let from = old.first().into_iter().chain(new.first()).map(&at).min()?;
    let behind = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let to = old[old.len() - behind..].first().map_or(Timestamp::MAX, at);
    Some(Span::new(from, to))
}

/// The smallest span that holds both.
pub(crate) fn hull(one: Span, other: Span) -> Span {
    Span::new(one.from.min(other.from), one.to.max(other.to))
}

/// Steps between two values, of which those within `window` are found anew. `before` holds before the first.
pub(crate) fn spliced(
    old: &[(Timestamp, bool)],
    within: &[(Timestamp, bool)],
    window: Span,
    before: bool,
) -> Vec<(Timestamp, bool)> {
    let mut steps = old[..old.partition_point(|(at, _)| *at < window.from)].to_vec();
    for (at, on) in within {
        step(&mut steps, (*at).max(window.from), *on, before);
    }
    let inside = old.partition_point(|(at, _)| *at <= window.to);
    let behind = inside.checked_sub(1).map_or(before, |last| old[last].1);
    if window.to < Timestamp::MAX {
        step(&mut steps, window.to, behind, before);
    }
    steps.extend_from_slice(&old[inside..]);
    steps
}

fn step(steps: &mut Vec<(Timestamp, bool)>, at: Timestamp, on: bool, before: bool) {
    if steps.last().is_some_and(|last| last.0 == at) {
        steps.pop();
    }
    if steps.last().map_or(before, |last| last.1) != on {
        steps.push((at, on));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::{at, span};

    #[test]
    fn steps_found_anew_take_the_place_of_those_in_their_window_alone() {
        let old = [(at(10), true), (at(20), false), (at(30), true), (at(40), false)];
        let table = [
            (vec![], span(15, 35), vec![(at(10), true), (at(40), false)]),
            (
                vec![(at(25), false)],
                span(15, 35),
                vec![(at(10), true), (at(25), false), (at(35), true), (at(40), false)],
            ),
            (vec![], span(20, 30), vec![(at(10), true), (at(40), false)]),
            (
                vec![(at(0), false), (at(12), true)],
                span(5, 20),
                vec![(at(12), true), (at(20), false), (at(30), true), (at(40), false)],
            ),
            (
                vec![(at(35), false)],
                Span::new(at(31), Timestamp::MAX),
                vec![(at(10), true), (at(20), false), (at(30), true), (at(35), false)],
            ),
        ];
        for (within, window, expected) in table {
            assert_eq!(spliced(&old, &within, window, false), expected, "{within:?} in {window:?}");
        }
    }

    #[test]
    fn lists_differ_from_the_first_to_the_last_item_that_is_not_in_both() {
        let lists = |old: &[i64], new: &[i64]| differing(old, new, |second| at(*second));
        assert_eq!(lists(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(lists(&[1, 2, 9], &[1, 5, 9]), Some(span(2, 9)));
        assert_eq!(lists(&[1, 9], &[1, 5, 9]), Some(span(5, 9)));
        assert_eq!(lists(&[1], &[1, 5]), Some(Span::new(at(5), Timestamp::MAX)));
        assert_eq!(lists(&[], &[5]), Some(Span::new(at(5), Timestamp::MAX)));
    }

    #[test]
    fn a_window_shows_what_held_when_it_opened_and_what_changes_in_it() {
        let seen = |window| during(&[10, 20, 30], |second| at(*second), window).collect::<Vec<_>>();
        assert_eq!(seen(span(15, 30)), [(at(15), true, 0), (at(20), false, 1)]);
        assert_eq!(seen(span(20, 21)), [(at(20), true, 1)]);
        assert_eq!(seen(span(0, 10)), []);
    }
}
