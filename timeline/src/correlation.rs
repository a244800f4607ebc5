//! What staggered probes tear apart is put together again: the three steps of correlation, for one site.
//!
//! A child is often seen to fail a little before its parent and to recover a little after it. The input is what the
//! rules said of the site, the output what the sites behind it see, and what everybody is told. Rules guarded here: the
//! order of the three steps, each applied once, and whose roots a changed stay takes.

use kentongan_model::{state::State, time::Timestamp};

use crate::{
    judge::{Stay, append},
    span::plus,
};

/// A timeline as correlation leaves it.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) timeline: Vec<Stay>,
    /// When the stay that is still open outlasts `correlate` and changes what it means; none when nothing is open.
    pub(crate) opens_at: Option<Timestamp>,
}

/// Applies the three steps. `severed` tells when none of the site's upstreams was connected (true) and when again one
/// was (false), in turn, from the beginning on.
pub(crate) fn correlate(raw: Vec<Stay>, correlate_ms: i64, severed: &[(Timestamp, bool)]) -> Settled {
    if !raw.iter().any(|stay| stay.state == State::Unreachable) {
        return Settled { timeline: raw, opens_at: None };
    }
    let short = |stay: &Stay| stay.millis() <= correlate_ms;
    let open = raw.last().filter(|last| short(last) && matches!(last.state, State::Down | State::Unknown));
    let opens_at = open.map(|last| plus(last.from, correlate_ms + 1));

    let touched = step(raw, |stays, k| {
        let stay = &stays[k];
        let unknown = stay.state == State::Unknown && short(stay);
        unknown.then(|| before(stays, k).or_else(|| after(stays, k))).flatten()
    });
    let followed = step(touched, |stays, k| {
        let stay = &stays[k];
        (stay.state == State::Down && short(stay)).then(|| before(stays, k)).flatten()
    });
    let timeline = step(followed, |stays, k| {
        let stay = &stays[k];
        let early = stay.state == State::Down
            && lost_at(severed, stay.to).is_some_and(|lost| lost.millis_since(stay.from) <= correlate_ms);
        early.then(|| after(stays, k)).flatten()
    });
    Settled { timeline, opens_at }
}

/// One step: the stays to which `roots` gives roots become unreachable, all of them judged by what the step before left.
fn step(stays: Vec<Stay>, roots: impl Fn(&[Stay], usize) -> Option<Vec<u32>>) -> Vec<Stay> {
    let found: Vec<_> = (0..stays.len()).map(|k| roots(&stays, k)).collect();
    let mut joined = Vec::with_capacity(stays.len());
    for (stay, roots) in stays.into_iter().zip(found) {
        append(
            &mut joined,
            match roots {
                Some(roots) => Stay { state: State::Unreachable, roots, ..stay },
                None => stay,
            },
        );
    }
    joined
}

fn before(stays: &[Stay], k: usize) -> Option<Vec<u32>> {
    unreachable(stays.get(k.checked_sub(1)?)?)
}

fn after(stays: &[Stay], k: usize) -> Option<Vec<u32>> {
    unreachable(stays.get(k + 1)?)
}

fn unreachable(stay: &Stay) -> Option<Vec<u32>> {
    (stay.state == State::Unreachable).then(|| stay.roots.clone())
}

/// Since when none of the upstreams has been connected, at `at`; or from when on, where one still is.
fn lost_at(severed: &[(Timestamp, bool)], at: Timestamp) -> Option<Timestamp> {
    let next = severed.partition_point(|(moment, _)| *moment <= at);
    let current = next.checked_sub(1).map(|k| severed[k]).filter(|(_, cut)| *cut);
    current.or_else(|| severed[next..].iter().find(|(_, cut)| *cut).copied()).map(|(moment, _)| moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::tests::at;

    /// Reads `state@from` parts; `r1` is unreachable with root 1. The last part is the end.
    fn timeline(text: &str) -> Vec<Stay> {
        let parts: Vec<(&str, i64)> = text
            .split_whitespace()
            .map(|part| part.split_once('@').unwrap())
            .map(|(s, t)| (s, t.parse().unwrap()))
            .collect();
        let stay = |pair: &[(&str, i64)]| {
            let (state, roots) = match pair[0].0 {
                "up" => (State::Up, vec![]),
                "down" => (State::Down, vec![]),
                "unknown" => (State::Unknown, vec![]),
                root => (State::Unreachable, vec![root[1..].parse().unwrap()]),
            };
            Stay { state, from: at(pair[0].1), to: at(pair[1].1), roots }
        };
        parts.windows(2).map(stay).collect()
    }

    #[test]
    fn stays_beside_an_unreachable_one_are_part_of_it_when_they_are_short_enough() {
        let cut_at_100 = [(at(0), true), (at(1), false), (at(100), true), (at(500), false)];
        let table = [
            // 1: an unknown stay that touches an unreachable one
            ("up@0 unknown@60 r1@100 up@200 end@900", "up@0 r1@60 up@200 end@900"),
            ("up@0 unknown@39 r1@100 up@200 end@900", "up@0 unknown@39 r1@100 up@200 end@900"),
            ("up@0 r1@100 unknown@200 r2@230 up@300 end@900", "up@0 r1@100 r2@230 up@300 end@900"),
            ("unknown@0 r1@60 up@200 end@900", "r1@0 up@200 end@900"),
            ("up@0 r1@100 unknown@200 end@260", "up@0 r1@100 end@260"),
            // 2: a down stay that follows one
            ("up@0 r1@100 down@200 up@260 end@900", "up@0 r1@100 up@260 end@900"),
            ("up@0 r1@100 down@200 up@261 end@900", "up@0 r1@100 down@200 up@261 end@900"),
            ("up@0 r1@100 unknown@200 down@230 up@260 end@900", "up@0 r1@100 up@260 end@900"),
            ("up@0 r1@100 down@200 unknown@230 up@260 end@900", "up@0 r1@100 unknown@230 up@260 end@900"),
            // 3: a down stay that begins shortly before the upstreams are lost
            ("up@0 down@40 r1@100 up@200 end@900", "up@0 r1@40 up@200 end@900"),
            ("up@0 down@39 r1@100 up@200 end@900", "up@0 down@39 r1@100 up@200 end@900"),
            ("up@0 down@60 r1@120 up@200 end@900", "up@0 r1@60 up@200 end@900"),
            ("up@0 down@40 up@90 r1@100 up@200 end@900", "up@0 down@40 up@90 r1@100 up@200 end@900"),
            ("up@0 down@50 unknown@80 r1@100 up@200 end@900", "up@0 r1@50 up@200 end@900"),
        ];
        for (before, after) in table {
            assert_eq!(
                correlate(timeline(before), 60_000, &cut_at_100).timeline,
                timeline(after),
                "{before}"
            );
        }
    }

    #[test]
    fn what_is_open_changes_its_meaning_when_it_outlasts_correlate() {
        let settled = correlate(timeline("up@0 r1@100 down@200 end@230"), 60_000, &[(at(0), true)]);
        assert_eq!(settled.timeline, timeline("up@0 r1@100 end@230"));
        assert_eq!(settled.opens_at, Some(Timestamp::from_millis(260_001)));
    }
}
