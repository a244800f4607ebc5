//! The pace of sending: between a round and the socket. Pure: every moment is an argument, as time since boot.
//!
//! A burst of requests fills the queue of a slow link, which inflates the RTTs, and brings a burst of replies, which has
//! to fit into the socket's receive buffer. So at most [`BURST`] probes are under way that have neither been answered nor
//! waited for [`HOLD`]. A dead target's probe gives its place back after [`HOLD`], not after its timeout: 500 dead targets
//! of 5 probes take 0.5 s, not 2.5 min.

use std::{collections::VecDeque, time::Duration};

/// Probes that may be under way at once. More wait their turn, in the order in which they came; none is dropped. 32
/// requests are 3 kB: 2.5 ms of a link of 10 Mbit/s.
pub const BURST: u16 = 32;

/// How long an unanswered probe keeps its place.
pub const HOLD: Duration = Duration::from_millis(4);

/// Who has a place. Probes that are sent together share an entry; there are no more entries than were sent in [`HOLD`].
#[derive(Debug, Default)]
pub struct Pace {
    flocks: VecDeque<Flock>,
    /// The number of the first flock.
    first: u32,
    taken: u16,
}

/// Probes that were sent together.
#[derive(Debug)]
struct Flock {
    sent_at: Duration,
    unanswered: u16,
}

/// Which flock a probe belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(u32);

impl Pace {
    /// How many probes may be sent now.
    pub fn free(&mut self, now: Duration) -> u16 {
        while let Some(flock) = self.flocks.front()
            && (flock.unanswered == 0 || flock.sent_at + HOLD <= now)
        {
            self.taken -= flock.unanswered;
            self.flocks.pop_front();
            self.first = self.first.wrapping_add(1);
        }
        BURST - self.taken
    }

    /// Takes a place for each of `probes`, no more than are [free](Self::free).
    pub fn take(&mut self, now: Duration, probes: u16) -> Place {
        debug_assert!(probes <= BURST - self.taken, "more probes than places");
        self.taken += probes;
        self.flocks.push_back(Flock { sent_at: now, unanswered: probes });
        Place(self.first.wrapping_add(self.flocks.len() as u32 - 1))
    }

    /// Gives a place back: its probe was answered, or not sent at all.
    pub fn give_back(&mut self, place: Place) {
        let index = place.0.wrapping_sub(self.first) as usize;
        if let Some(flock) = self.flocks.get_mut(index)
            && flock.unanswered > 0
        {
            flock.unanswered -= 1;
            self.taken -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_silent_probe_gives_its_place_back_after_a_while_and_an_answered_one_at_once() {
        let (mut pace, start) = (Pace::default(), Duration::from_secs(7));
        assert_eq!(pace.free(start), BURST);
        let first = pace.take(start, BURST);
        assert_eq!(pace.free(start + HOLD / 2), 0);
        pace.give_back(first);
        pace.give_back(first);
        assert_eq!(pace.free(start + HOLD / 2), 2);
        pace.take(start + HOLD / 2, 2);
        assert_eq!(pace.free(start + HOLD), BURST - 2);
        pace.give_back(first);
        assert_eq!(pace.free(start + HOLD), BURST - 2, "an answer after the while gives nothing back twice");
    }

    #[test]
    fn thousands_of_silent_probes_are_not_held_up_by_each_others_timeout() {
        let (mut pace, mut now, mut sent) = (Pace::default(), Duration::ZERO, 0);
        while sent < 2_500 {
            let free = pace.free(now);
            sent += u32::from(free);
            pace.take(now, free);
            now += Duration::from_millis(1);
        }
        assert!(now < Duration::from_millis(500), "{now:?}");
    }

    proptest! {
        #[test]
        fn there_are_never_more_under_way_than_places(steps in prop::collection::vec((0..3u8, 0..40u16, 0..3u64), 1..400)) {
            let (mut pace, mut now, mut places) = (Pace::default(), Duration::ZERO, Vec::new());
            for (what, number, later) in steps {
                now += Duration::from_millis(later);
                let free = pace.free(now);
                prop_assert!(free <= BURST);
                match what {
                    0 => if let Some(place) = places.get(usize::from(number)) { pace.give_back(*place) },
                    _ => {
                        let probes = number.min(free);
                        places.push(pace.take(now, probes));
                        prop_assert_eq!(pace.free(now), free - probes);
                    }
                }
            }
            prop_assert_eq!(pace.free(now + HOLD), BURST);
        }
    }
}
