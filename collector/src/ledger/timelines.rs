//! Where timelines differ from what is stored, and which sites have changed their state.

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{event::EventKind, id::SiteId, inventory::Site, state::State};
use kentongan_timeline::{Interval, Judgement};

use super::{Changes, Ledger, Rewrite, current, named};

pub(super) fn compare(
    ledger: &Ledger,
    judgement: &Judgement,
    sites: &BTreeMap<&SiteId, &Site>,
    changes: &mut Changes,
) {
    const NOTHING: &[Interval] = &[];
    for site in &judgement.sites {
        let stored = ledger.timelines.get(&site.id).map_or(NOTHING, Vec::as_slice);
        changes.rewrites.extend(rewrite(&site.id, stored, &site.timeline));
        // Of one that was taken out for a while nobody knows anything.
        let begin = site.timeline.first().map_or(judgement.from, |first| first.from);
        let goes_on = stored.last().is_some_and(|last| begin <= last.to);
        let (was, state) = (if goes_on { current(stored) } else { State::Unknown }, current(&site.timeline));
        if was != state
            && let Some(named) = named(sites, &site.id)
        {
            let since = site.timeline.last().map_or(judgement.until, |interval| interval.from);
            changes.events.push(EventKind::SiteState { site: named, was, state, since });
        }
    }
    let judged: BTreeSet<&SiteId> = judgement.sites.iter().map(|site| &site.id).collect();
    for (id, stored) in ledger.timelines.iter().filter(|(id, _)| !judged.contains(id)) {
        // The inventory no longer has it: what was known stays known, until here.
        let until = ledger.as_of.unwrap_or(judgement.until);
        let ended = stored.last().map(|last| last.to).filter(|to| *to < ledger.until);
        let cut = ended.unwrap_or(until);
        changes.rewrites.push(Rewrite { site: id.clone(), cut, intervals: Vec::new(), open: false });
    }
}

/// What has to be written of one timeline; none when it only went on.
fn rewrite(site: &SiteId, stored: &[Interval], judged: &[Interval]) -> Option<Rewrite> {
    let begin = judged.first()?.from;
    let first = stored.partition_point(|interval| interval.to <= begin);
    let stored = &stored[first..];
    let last = |list: &[Interval], k: usize| k + 1 == list.len();
    let same = |k: usize| {
        let (old, new) = (&stored[k], &judged[k]);
        // What lies before the judgement is final: an interval may have begun there.
        let from_agrees = old.from == new.from || k == 0 && old.from < begin;
        let to_agrees =
            (last(stored, k) && last(judged, k)) || (old.to == new.to && last(stored, k) == last(judged, k));
        from_agrees && to_agrees && old.state == new.state && old.roots == new.roots
    };
    let shorter = stored.len().min(judged.len());
    let alike = (0..shorter).take_while(|k| same(*k)).count();
    if alike == stored.len() && alike == judged.len() {
        return None;
    }
    let from = |list: &[Interval]| list.get(alike).map(|interval| interval.from);
    let mut intervals: Vec<Interval> = judged[alike..].to_vec();
    let mut cut = [from(stored), from(judged)].into_iter().flatten().min()?;
    if alike == 0 && cut < begin {
        let continues = stored[0].state == judged[0].state && stored[0].roots == judged[0].roots;
        if continues {
            intervals[0].from = cut;
        } else {
            cut = begin;
        }
    }
    if intervals.is_empty() {
        cut = stored[alike].from;
    }
    Some(Rewrite { site: site.clone(), cut, intervals, open: true })
}

#[cfg(test)]
mod tests {
    use kentongan_model::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    /// The timeline as the store has it after `rewrite`; `now` ends what is open.
    fn apply(stored: &mut Vec<Interval>, rewrite: &Rewrite, now: Timestamp) {
        stored.retain(|interval| interval.from < rewrite.cut);
        if let Some(last) = stored.last_mut() {
            last.to = last.to.min(rewrite.cut);
            if rewrite.intervals.is_empty() && rewrite.open {
                last.to = now;
            }
        }
        stored.extend(rewrite.intervals.iter().cloned());
    }

    fn site() -> SiteId {
        "a".parse().unwrap()
    }

    fn timeline(parts: &[(u8, i64)], from: i64) -> Vec<Interval> {
        let states = [State::Up, State::Degraded, State::Down, State::Unreachable, State::Unknown];
        let mut list: Vec<Interval> = Vec::new();
        let mut at = from;
        for (state, length) in parts {
            let state = states[usize::from(*state) % states.len()];
            let to = at + length;
            match list.last_mut() {
                Some(last) if last.state == state => last.to = Timestamp::from_millis(to),
                _ => list.push(Interval {
                    state,
                    from: Timestamp::from_millis(at),
                    to: Timestamp::from_millis(to),
                    roots: Vec::new(),
                }),
            }
            at = to;
        }
        list
    }

    #[test]
    fn a_timeline_that_only_went_on_is_not_written() {
        let stored = timeline(&[(0, 10), (2, 5)], 0);
        let judged = timeline(&[(0, 10), (2, 50)], 0);
        assert_eq!(rewrite(&site(), &stored, &judged), None);
        let beginning_forgotten = timeline(&[(0, 3), (2, 50)], 7);
        assert_eq!(rewrite(&site(), &stored, &beginning_forgotten), None);
    }

    #[test]
    fn a_change_writes_no_more_than_the_end() {
        let stored = timeline(&[(0, 10), (2, 5), (0, 5)], 0);
        let judged = timeline(&[(0, 10), (2, 5), (0, 7), (2, 3)], 0);
        let rewrite = rewrite(&site(), &stored, &judged).unwrap();
        assert_eq!(rewrite.cut, Timestamp::from_millis(15));
        assert_eq!(rewrite.intervals.len(), 2);
    }

    proptest! {
        #[test]
        fn what_is_stored_after_a_rewrite_is_what_was_judged(
            old in prop::collection::vec((0u8..5, 1i64..9), 0..8),
            new in prop::collection::vec((0u8..5, 1i64..9), 1..8),
            begin in 0i64..30,
        ) {
            let mut stored = timeline(&old, 0);
            let judged = timeline(&new, begin);
            let now = judged.last().unwrap().to;
            if let Some(last) = stored.last_mut() {
                // What is stored ends at the last judgement, which was no later than this one.
                prop_assume!(last.from < now && (last.to.as_millis() >= begin));
                last.to = last.to.min(now);
            }
            let before: Vec<Interval> = stored.iter().filter(|i| i.to.as_millis() <= begin).cloned().collect();
            match rewrite(&site(), &stored, &judged) {
                Some(rewrite) => apply(&mut stored, &rewrite, now),
                None => stored.last_mut().unwrap().to = now,
            }
            prop_assert!(stored.windows(2).all(|pair| pair[0].to == pair[1].from), "{stored:?}");
            prop_assert!(stored.starts_with(&before[..before.len().saturating_sub(1)]));
            let state_at = |list: &[Interval], at: i64| {
                list.iter().find(|i| i.from.as_millis() <= at && at < i.to.as_millis()).map(|i| i.state)
            };
            for at in begin..now.as_millis() {
                prop_assert_eq!(state_at(&stored, at), state_at(&judged, at), "at {}", at);
            }
            prop_assert_eq!(stored.last().unwrap().to, now);
        }
    }
}
