//! What is known of a way while it is walked: who answered at which distance, and where it ends. Pure.

use std::{net::IpAddr, ops::RangeInclusive};

use kentongan_model::wire::Hop;

/// Hops that are walked at most; a district's backbone has three to six.
pub(super) const FARTHEST: u8 = 20;
/// Distances that are asked again behind the last one that answered.
const BEYOND: u8 = 2;

/// A way.
#[derive(Debug)]
pub(super) struct Walk {
    target: IpAddr,
    /// By distance, from 1 on.
    heard: [Option<(IpAddr, u32)>; FARTHEST as usize],
    /// The nearest distance behind which there is nothing to ask.
    ends: Option<u8>,
    reached: bool,
}

/// What an answer says of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The probe had come far enough, and was let go there.
    GoesOn,
    /// There is no way further.
    EndsHere,
}

impl Walk {
    pub(super) fn new(target: IpAddr) -> Self {
        Walk { target, heard: [None; FARTHEST as usize], ends: None, reached: false }
    }

    /// Takes in an answer to the probe that was sent so far. Of two for one distance the first counts.
    pub(super) fn hear(&mut self, distance: u8, from: IpAddr, rtt_us: u32, said: Said) {
        let Some(place) = usize::from(distance).checked_sub(1).and_then(|at| self.heard.get_mut(at)) else {
            return;
        };
        place.get_or_insert((from, rtt_us));
        if from == self.target || said == Said::EndsHere {
            self.ends = Some(self.ends.map_or(distance, |ends| ends.min(distance)));
            self.reached |= from == self.target;
        }
    }

    /// The distances that are worth asking now: all at first, and again those that are silent up to a little behind the
    /// last one that answered.
    pub(super) fn silent(&self, again: bool) -> Vec<u8> {
        let farthest = match self.ends {
            Some(ends) => ends,
            None if again => (self.last() + BEYOND).min(FARTHEST),
            None => FARTHEST,
        };
        self.distances(farthest).filter(|distance| self.at(*distance).is_none()).collect()
    }

    /// Whether nothing more is expected.
    pub(super) fn is_complete(&self) -> bool {
        self.ends.is_some_and(|ends| self.distances(ends).all(|distance| self.at(distance).is_some()))
    }

    /// Whether the target answered, and the hops up to the last one that did.
    pub(super) fn end(self) -> (bool, Vec<Hop>) {
        let last = self.ends.unwrap_or_else(|| self.last());
        let hop = |heard: Option<(IpAddr, u32)>| match heard {
            Some((address, rtt_us)) => Hop { address: Some(address), rtt_us },
            None => Hop { address: None, rtt_us: 0 },
        };
        (self.reached, self.distances(last).map(|distance| hop(self.at(distance))).collect())
    }

    fn distances(&self, farthest: u8) -> RangeInclusive<u8> {
        1..=farthest
    }

    fn at(&self, distance: u8) -> Option<(IpAddr, u32)> {
        self.heard[usize::from(distance) - 1]
    }

    fn last(&self) -> u8 {
        self.distances(FARTHEST).rev().find(|distance| self.at(*distance).is_some()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    fn story(told: &[(u8, u8, Said)]) -> (Walk, String) {
        let build = || {
            let mut walk = Walk::new(host(9));
            for (distance, from, said) in told {
                walk.hear(*distance, host(*from), 100, *said);
            }
            walk
        };
        let (reached, hops) = build().end();
        let hops =
            hops.iter().map(|hop| hop.address.map_or("*".to_owned(), |it| it.to_string()[7..].to_owned()));
        let hops = hops.collect::<Vec<_>>().join(" ");
        (build(), if reached { hops + " reached" } else { hops })
    }

    #[test]
    fn a_way_ends_at_the_target_at_a_refusal_or_with_the_last_who_answered() {
        use Said::{EndsHere, GoesOn};
        for (told, expected, complete) in [
            (vec![], "", false),
            (vec![(1, 1, GoesOn), (2, 2, GoesOn)], "1 2", false),
            (vec![(3, 3, GoesOn), (1, 1, GoesOn)], "1 * 3", false),
            (vec![(2, 9, EndsHere), (1, 1, GoesOn)], "1 9 reached", true),
            // The target answers all that come to it or would go beyond it.
            (vec![(4, 9, EndsHere), (3, 9, EndsHere), (1, 1, GoesOn)], "1 * 9 reached", false),
            (vec![(1, 1, GoesOn), (2, 2, EndsHere), (5, 2, EndsHere)], "1 2", true),
            (vec![(1, 1, GoesOn), (1, 7, GoesOn)], "1", false),
            (vec![(0, 1, GoesOn), (21, 1, GoesOn), (255, 1, EndsHere)], "", false),
        ] {
            let (walk, way) = story(&told);
            assert_eq!((way.trim_start(), walk.is_complete()), (expected, complete), "{told:?}");
        }
    }

    #[test]
    fn what_is_silent_is_asked_again_no_further_than_makes_sense() {
        use Said::{EndsHere, GoesOn};
        assert_eq!(story(&[]).0.silent(false).len(), usize::from(FARTHEST));
        assert_eq!(story(&[]).0.silent(true), [1, 2]);
        assert_eq!(story(&[(1, 1, GoesOn), (3, 3, GoesOn)]).0.silent(true), [2, 4, 5]);
        assert_eq!(story(&[(1, 1, GoesOn), (4, 9, EndsHere)]).0.silent(true), [2, 3]);
        assert_eq!(story(&[(20, 1, GoesOn)]).0.silent(true).last(), Some(&19));
    }
}
