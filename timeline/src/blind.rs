//! When the collector itself is cut off, and what that does to the evidence of the core around it.
//!
//! Probes are staggered: some of the core's evidence goes down just before the references do, some recovers just after.
//! Rule guarded here: a core that sees nothing at all blames nobody. While it is blind every site is unknown; what it
//! saw fall at most two intervals before, and what recovers at most two intervals after, is unknown too.

use kentongan_model::{state::State, time::Timestamp};

use crate::{
    evidence::Change,
    span::{Span, plus},
};

/// When the core is blind, given what it sees of each of its references: those that have been up by then are all down.
/// A blindness that has not ended ends at [`Timestamp::MAX`].
pub(crate) fn blindness<'a>(references: impl Iterator<Item = &'a [Change]>) -> Vec<Span> {
    let mut moves = Vec::new();
    for changes in references {
        let mut was = State::Unknown;
        let mut proven = false;
        for change in changes {
            let answered = i32::from(!proven && change.state.serves());
            proven |= change.state.serves();
            let fell = i32::from(change.state == State::Down) - i32::from(was == State::Down);
            moves.push((change.at, answered, fell));
            was = change.state;
        }
    }
    moves.sort_unstable();
    let (mut answered, mut down, mut since, mut spans) = (0, 0, None, Vec::new());
    for same in moves.chunk_by(|a, b| a.0 == b.0) {
        answered += same.iter().map(|one| one.1).sum::<i32>();
        down += same.iter().map(|one| one.2).sum::<i32>();
        let at = same[0].0;
        match since {
            None if answered > 0 && down == answered => since = Some(at),
            Some(from) if down < answered => {
                spans.push(Span::new(from, at));
                since = None;
            }
            _ => {}
        }
    }
    spans.extend(since.map(|from| Span::new(from, Timestamp::MAX)));
    spans
}

/// A piece of the core's evidence as blindness leaves it.
pub(crate) fn blur(changes: Vec<Change>, interval_ms: i64, blind: &[Span]) -> Vec<Change> {
    let near = 2 * interval_ms;
    let mut veiled: Vec<Span> = Vec::new();
    for (fall, recovery) in falls(&changes) {
        let end = recovery.map_or(Timestamp::MAX, |change| change.at);
        for span in blind.iter().filter(|span| span.from < end && fall < span.to) {
            if fall <= span.from && span.from.millis_since(fall) <= near {
                veiled.push(Span::new(fall, span.to.min(end)));
            }
            let recovers = recovery
                .is_some_and(|change| change.state.serves() && change.at.millis_since(span.to) <= near);
            if span.to < end && recovers {
                veiled.push(Span::new(span.to, end));
            }
        }
    }
    if veiled.is_empty() { changes } else { hide(&changes, &crate::span::joined(veiled), near) }
}

/// Each fall, with the change that ends it.
fn falls(changes: &[Change]) -> impl Iterator<Item = (Timestamp, Option<&Change>)> {
    let down = changes.iter().enumerate().filter(|(_, change)| change.state == State::Down);
    down.map(|(k, change)| (change.at, changes.get(k + 1)))
}

/// The changes, unknown within `veiled`, which lies within falls. A fall that goes on behind it is believed once it
/// has outlasted `near`.
fn hide(changes: &[Change], veiled: &[Span], near: i64) -> Vec<Change> {
    let mut seen = Vec::with_capacity(changes.len() + 2);
    for (k, change) in changes.iter().enumerate() {
        if change.state != State::Down {
            seen.push(*change);
            continue;
        }
        let end = changes.get(k + 1).map_or(Timestamp::MAX, |next| next.at);
        let mut from = *change;
        for veil in crate::span::within(veiled, Span::new(change.at, end)) {
            if from.at < veil.from {
                seen.push(from);
            }
            seen.push(Change { at: veil.from, state: State::Unknown, told: change.told });
            from = Change { at: veil.to, state: State::Down, told: change.told.max(plus(veil.to, near + 1)) };
        }
        if from.at < end {
            seen.push(from);
        }
    }
    seen.dedup_by_key(|change| change.state);
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::{at, span};

    fn changes(text: &str) -> Vec<Change> {
        let parse = |part: &str| {
            let (second, state) = part.split_once('=').unwrap();
            let state = match state {
                "up" => State::Up,
                "degraded" => State::Degraded,
                "down" => State::Down,
                _ => State::Unknown,
            };
            let at = at(second.parse().unwrap());
            Change { at, state, told: at }
        };
        text.split_whitespace().map(parse).collect()
    }

    fn shown(changes: &[Change]) -> String {
        changes
            .iter()
            .map(|c| format!("{}={} ", c.at.as_millis() / 1000, c.state))
            .collect::<String>()
            .trim()
            .to_owned()
    }

    #[test]
    fn the_core_is_blind_while_all_references_that_have_answered_are_down() {
        let table = [
            (vec!["10=up 50=down 90=up"], vec![span(50, 90)]),
            (vec!["10=up 50=down 90=up", "10=up 60=down 80=up"], vec![span(60, 80)]),
            (vec!["10=up 50=down 90=up", ""], vec![span(50, 90)]),
            (vec!["10=up 50=down 90=up", "70=up"], vec![span(50, 70)]),
            (vec!["10=up 50=down 70=unknown 90=up"], vec![span(50, 70)]),
            (vec!["10=up 50=down"], vec![Span::new(at(50), Timestamp::MAX)]),
            (vec![""], vec![]),
            (vec![], vec![]),
        ];
        for (references, blind) in table {
            let references: Vec<Vec<Change>> = references.into_iter().map(changes).collect();
            assert_eq!(blindness(references.iter().map(Vec::as_slice)), blind);
        }
    }

    #[test]
    fn what_falls_just_before_a_blindness_or_recovers_just_after_it_is_unknown() {
        let blind = [span(100, 200)];
        let table = [
            ("0=up 80=down 220=up", "0=up 80=unknown 220=up"),
            ("0=up 79=down 220=up", "0=up 79=down 200=unknown 220=up"),
            ("0=up 80=down 221=up", "0=up 80=unknown 200=down 221=up"),
            ("0=up 150=down 210=up", "0=up 150=down 200=unknown 210=up"),
            ("0=up 90=down 95=up", "0=up 90=down 95=up"),
            ("0=up 90=down 150=up", "0=up 90=unknown 150=up"),
            ("0=up 90=down 150=up 200=down 210=up", "0=up 90=unknown 150=up 200=down 210=up"),
            ("0=up 90=down", "0=up 90=unknown 200=down"),
            ("0=up 50=degraded 300=up", "0=up 50=degraded 300=up"),
        ];
        for (before, after) in table {
            assert_eq!(shown(&blur(changes(before), 10_000, &blind)), after, "{before}");
        }
    }
}
