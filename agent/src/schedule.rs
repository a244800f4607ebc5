//! When which target is due. Pure: every moment is an argument, as time since boot.
//!
//! The targets of an interval are probed in a few groups, whose phases are staggered over it: a wake-up costs more than
//! ten probes, and a burst of thousands would fill a link. What is due within [`SLACK`] goes along. The first round is due at once. A round that leaves something undecided is followed by
//! another [`FAST`] later, out of a budget: a target that flaps forever is probed at most twice as often as planned.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kentongan_model::plan::PlannedTarget;

/// In how many groups an interval's targets are probed at most.
pub const GROUPS: u32 = 8;
/// How many targets a group has at least, if there is more than one: as many as the pace sends at once.
pub const GROUP: u32 = 32;
/// What is due this soon is taken along.
pub const SLACK: Duration = Duration::from_millis(20);
/// From the beginning of one round to the next, while something is undecided.
pub const FAST: Duration = Duration::from_secs(1);

/// The timetable of a plan's targets, by their index.
#[derive(Debug, Clone)]
pub struct Schedule {
    start: Duration,
    slots: Vec<Slot>,
    due: BTreeSet<(Duration, usize)>,
    /// Fast rounds that were not granted because the budget was used up.
    withheld: u64,
}

/// How often something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Once in this time; not zero.
    pub interval: Duration,
    /// How many fast rounds it may have in a row.
    pub fast_rounds: u32,
}

impl From<&PlannedTarget> for Rhythm {
    /// Enough fast rounds to decide twice, and some.
    fn from(target: &PlannedTarget) -> Self {
        Rhythm {
            interval: Duration::from_millis(target.interval_ms.max(1)),
            fast_rounds: 4 + 2 * target.down_after.max(target.up_after).min(100),
        }
    }
}

#[derive(Debug, Clone)]
struct Slot {
    interval: Duration,
    phase: Duration,
    /// When it is due; none while its round runs.
    due: Option<Duration>,
    budget: Budget,
}

/// How many fast rounds a target may still have: `full` at first, and one more for each interval that passes.
#[derive(Debug, Clone)]
struct Budget {
    full: u32,
    left: u32,
    filled_at: Duration,
}

impl Budget {
    fn spend(&mut self, now: Duration, interval: Duration) -> bool {
        let intervals = now.saturating_sub(self.filled_at).as_millis() / interval.as_millis().max(1);
        let intervals = u32::try_from(intervals).unwrap_or(u32::MAX);
        if intervals > 0 {
            self.left = self.left.saturating_add(intervals).min(self.full);
            self.filled_at += interval.saturating_mul(intervals);
        }
        let granted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        granted
    }
}

impl Schedule {
    /// A timetable in which everything is due at `start`.
    #[must_use]
    pub fn new(start: Duration, rhythms: impl IntoIterator<Item = Rhythm>) -> Self {
        let rhythms: Vec<Rhythm> = rhythms.into_iter().collect();
        let mut members: BTreeMap<Duration, u32> = BTreeMap::new();
        for rhythm in &rhythms {
            *members.entry(rhythm.interval).or_default() += 1;
        }
        let mut numbered: BTreeMap<Duration, u32> = BTreeMap::new();
        let slot = |Rhythm { interval, fast_rounds }: Rhythm| {
            let groups = (members[&interval] / GROUP).clamp(1, GROUPS);
            let n = numbered.entry(interval).or_default();
            *n = (*n + 1) % groups;
            let budget = Budget { full: fast_rounds, left: fast_rounds, filled_at: start };
            Slot { interval, phase: interval * *n / groups, due: Some(start), budget }
        };
        let slots: Vec<Slot> = rhythms.into_iter().map(slot).collect();
        let due = (0..slots.len()).map(|index| (start, index)).collect();
        Schedule { start, slots, due, withheld: 0 }
    }

    /// When something is due next; none while nothing is, or everything runs.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes out what is due at `now`, or soon after. Each has to be brought back with [`Self::done`].
    pub fn take_due(&mut self, now: Duration) -> Vec<usize> {
        let mut taken = Vec::new();
        while let Some(&(at, index)) = self.due.first()
            && at <= now + SLACK
        {
            self.due.pop_first();
            self.slots[index].due = None;
            taken.push(index);
        }
        taken
    }

    /// Brings back a target whose round began at `begun` and has ended by `now`.
    pub fn done(&mut self, index: usize, begun: Duration, now: Duration, undecided: bool) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let regular = slot.after(self.start, begun).max(now);
        let fast = (begun + FAST).max(now);
        let wanted = undecided && fast < regular;
        let granted = wanted && slot.budget.spend(now, slot.interval);
        self.withheld += u64::from(wanted && !granted);
        self.put(index, if granted { fast } else { regular });
    }

    /// Keeps what it can from the timetable of the plan before: target `index` was `old` there and is not due at once.
    pub fn keep(&mut self, index: usize, before: &Schedule, old: usize, now: Duration) {
        let (Some(slot), Some(was)) = (self.slots.get_mut(index), before.slots.get(old)) else { return };
        slot.budget = was.budget.clone();
        let due = was.due.map_or(now, |due| due.min(slot.after(self.start, now)));
        self.put(index, due);
    }

    /// Takes a target out whose round is still running; [`Self::done`] brings it back.
    pub fn running(&mut self, index: usize) {
        if let Some(due) = self.slots.get_mut(index).and_then(|slot| slot.due.take()) {
            self.due.remove(&(due, index));
        }
    }

    /// Brings a target's round forward to `now`, if it is not running.
    pub fn hasten(&mut self, index: usize, now: Duration) {
        if self.slots.get(index).is_some_and(|slot| slot.due.is_some_and(|due| due > now)) {
            self.put(index, now);
        }
    }

    /// Fast rounds that the budget did not grant, since the plan was adopted.
    #[must_use]
    pub fn withheld(&self) -> u64 {
        self.withheld
    }

    fn put(&mut self, index: usize, at: Duration) {
        if let Some(due) = self.slots[index].due.replace(at) {
            self.due.remove(&(due, index));
        }
        self.due.insert((at, index));
    }
}

impl Slot {
    /// The first moment of its own phase that lies clearly after `begun`: a round that was just measured is not
    /// measured again a moment later, and the gap never exceeds one and a half intervals.
    fn after(&self, start: Duration, begun: Duration) -> Duration {
        let pause = FAST.min(self.interval / 2);
        let first = start + self.phase;
        let passed =
            (begun + pause).saturating_sub(first).as_nanos().div_ceil(self.interval.as_nanos().max(1));
        first + self.interval.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(100);

    fn every(seconds: u64) -> Rhythm {
        Rhythm { interval: Duration::from_secs(seconds), fast_rounds: 10 }
    }

    /// Lets time pass for so many seconds, each round taking no time, and tells when (in ms after the start) which
    /// target was probed.
    fn run(
        schedule: &mut Schedule,
        seconds: u64,
        undecided: impl Fn(usize, usize) -> bool,
    ) -> Vec<(u64, usize)> {
        let (mut probed, mut rounds) = (Vec::new(), BTreeMap::<usize, usize>::new());
        while let Some(now) = schedule.next_due().filter(|due| *due < START + Duration::from_secs(seconds)) {
            for index in schedule.take_due(now) {
                probed.push(((now - START).as_millis() as u64, index));
                let round = rounds.entry(index).or_default();
                *round += 1;
                schedule.done(index, now, now, undecided(index, *round));
            }
        }
        probed
    }

    fn of(probed: &[(u64, usize)], index: usize) -> Vec<u64> {
        probed.iter().filter(|(_, who)| *who == index).map(|(at, _)| *at).collect()
    }

    #[test]
    fn everything_is_due_at_the_start_again_a_second_later_and_then_in_its_own_phase() {
        let mut schedule = Schedule::new(START, vec![every(8); 256]);
        let probed = run(&mut schedule, 26, |_, round| round < 2);
        for index in 0..256 {
            let phase = 1_000 * ((index as u64 + 1) % 8);
            let regular = [phase, phase + 8_000, phase + 16_000, phase + 24_000];
            let regular = regular.into_iter().filter(|at| *at >= 2_000 && *at < 26_000);
            assert_eq!(
                of(&probed, index),
                [0, 1_000].into_iter().chain(regular).collect::<Vec<_>>(),
                "{index}"
            );
        }
        let wake_ups: BTreeSet<u64> =
            probed.iter().map(|(at, _)| *at).filter(|at| (8_000..16_000).contains(at)).collect();
        assert_eq!(wake_ups.len(), GROUPS as usize);
    }

    #[test]
    fn targets_with_different_intervals_share_wake_ups_and_few_targets_need_few() {
        for (targets, groups) in [(1, 1), (63, 1), (64, 2), (96, 3), (256, 8), (2_000, 8)] {
            let rhythms = (0..targets * 2).map(|n| every(if n % 2 == 0 { 5 } else { 30 }));
            let mut schedule = Schedule::new(START, rhythms);
            let probed = run(&mut schedule, 90, |_, _| false);
            let wake_ups: BTreeSet<u64> =
                probed.iter().map(|(at, _)| *at).filter(|at| (30_000..60_000).contains(at)).collect();
            assert_eq!(wake_ups.len(), 6 * groups, "{targets} targets each");
        }
    }

    #[test]
    fn a_target_that_is_never_decided_is_probed_at_most_twice_as_often_in_the_long_run() {
        let mut schedule = Schedule::new(START, [every(10)]);
        let probed = run(&mut schedule, 1_000, |_, _| true);
        let late = of(&probed, 0).iter().filter(|at| **at >= 100_000).count();
        assert!((90..=190).contains(&late), "{late} rounds in 900 s");
        assert_eq!(
            of(&probed, 0)[..11],
            [0, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000]
        );
        assert!(schedule.withheld() > 50, "{}", schedule.withheld());
    }

    #[test]
    fn a_round_is_never_followed_too_soon_nor_too_late() {
        for seconds in [1, 2, 5, 30] {
            let mut schedule = Schedule::new(START, vec![every(seconds); 9]);
            let probed = run(&mut schedule, 200, |index, round| (index + round) % 7 == 0);
            for index in 0..9 {
                for pair in of(&probed, index).windows(2) {
                    let gap = pair[1] - pair[0];
                    let interval = seconds * 1_000;
                    assert!(
                        gap >= (interval / 2).min(980) && gap <= interval * 3 / 2 + 20,
                        "{gap} ms at {seconds} s"
                    );
                }
            }
        }
    }

    #[test]
    fn a_round_that_takes_longer_than_the_interval_delays_only_itself() {
        let mut schedule = Schedule::new(START, [every(1), every(1)]);
        assert_eq!(schedule.take_due(START), [0, 1]);
        schedule.done(1, START, START, false);
        let later = START + Duration::from_secs(5);
        assert_eq!(schedule.take_due(later), [1]);
        schedule.done(0, START, later, true);
        assert_eq!(schedule.next_due(), Some(later));
    }

    #[test]
    fn a_new_plan_leaves_the_undisturbed_in_their_time() {
        let mut before = Schedule::new(START, [every(60), every(60), every(60)]);
        run(&mut before, 1, |_, _| false);
        let now = START + Duration::from_secs(3);
        before.running(0);
        let mut after = Schedule::new(now, [every(60), every(60), every(60)]);
        after.keep(0, &before, 1, now);
        after.keep(1, &before, 0, now);
        after.running(1);
        assert_eq!(after.take_due(now), [2], "the new target alone is due at once");
        assert_eq!(after.next_due(), Some(START + Duration::from_secs(60)));
    }
}
