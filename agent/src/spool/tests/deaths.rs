//! Deaths in the middle of anything: killed, out of power, on folders that refuse.

use proptest::prelude::*;

use super::{tearing::Dice, *};

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Weight>),
    Seal,
    /// Delivers what is next, so often.
    Deliver(u8),
    /// Delivers what is next, but the acknowledgement is lost.
    DeliverUnacknowledged,
    Retreat(u64),
    Refuse,
    Clash,
    Stow,
    NewPlan,
    /// Killed, after so many more changes to the folders.
    KillIn(usize),
    CutPower(u64),
    /// The power is cut in the middle of whatever changes the folders so much later.
    CutPowerIn(usize, u64),
}

/// What happens to an agent, beside deaths of the given kinds.
fn step(deaths: impl Strategy<Value = Step> + 'static) -> impl Strategy<Value = Step> {
    let weight = prop::sample::select(vec![Weight::Usual, Weight::Telling, Weight::Deciding]);
    prop_oneof![
        12 => prop::collection::vec(weight, 1..5).prop_map(Step::Append),
        4 => Just(Step::Seal),
        2 => (1u8..4).prop_map(Step::Deliver),
        1 => Just(Step::DeliverUnacknowledged),
        2 => (0u64..12).prop_map(Step::Retreat),
        1 => Just(Step::Refuse),
        1 => Just(Step::Clash),
        1 => Just(Step::Stow),
        1 => Just(Step::NewPlan),
        3 => deaths,
    ]
}

fn power_cuts() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u64>().prop_map(Step::CutPower),
        (0usize..9, any::<u64>()).prop_map(|(changes, seed)| Step::CutPowerIn(changes, seed)),
    ]
}

impl World {
    fn take(&mut self, step: Step, cuts: &mut Option<Dice>) {
        match step {
            Step::Append(weights) => self.append_together(&weights),
            Step::Seal => self.seal(),
            Step::Deliver(times) => (0..times).for_each(|_| self.deliver(true)),
            Step::DeliverUnacknowledged => self.deliver(false),
            Step::Retreat(minutes) => self.retreat(minutes),
            Step::Refuse => self.refuse(),
            Step::Clash => self.clash(),
            Step::Stow => {
                let now = self.now;
                let _ = self.spool().stow(&now);
            }
            Step::NewPlan => self.plan.0 += 1,
            Step::KillIn(changes) => self.life.set(Some(changes + 1)),
            Step::CutPower(seed) => self.cut_power(Dice(seed)),
            Step::CutPowerIn(changes, seed) => {
                self.life.set(Some(changes + 1));
                *cuts = Some(Dice(seed));
            }
        }
        if self.is_dead() {
            match cuts.take() {
                Some(dice) => self.cut_power(dice),
                None => self.kill(),
            }
        }
    }

    /// Runs a story to its end, and says whether all that was measured is accounted for.
    fn run(mut self, steps: Vec<Step>) -> Result<(), TestCaseError> {
        let mut cuts = None;
        steps.into_iter().for_each(|step| self.take(step, &mut cuts));
        self.life.set(None);
        let Outcome { delivered, told } = self.end();
        let known: BTreeSet<Moment> = self.measured.union(&self.unsure).copied().collect();
        prop_assert!(delivered.is_subset(&known));
        let missing = self.measured.difference(&delivered).count() as u64;
        let accounted = told + self.uncounted;
        prop_assert!(missing <= accounted, "{missing} rounds are missing, and {accounted} accounted for");
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn whenever_the_agent_is_killed_every_round_is_delivered_once_or_counted(
        steps in prop::collection::vec(step((0usize..9).prop_map(Step::KillIn)), 1..80),
    ) {
        World::new(Limits::default()).run(steps)?;
    }

    #[test]
    fn whenever_the_agent_is_killed_on_full_shelves_every_round_is_delivered_once_or_counted(
        steps in prop::collection::vec(step((0usize..9).prop_map(Step::KillIn)), 1..80),
    ) {
        World::new(Limits { memory: 700, disk: 1_200 }).run(steps)?;
    }

    #[test]
    fn what_is_on_disk_outlives_any_power_cut(
        steps in prop::collection::vec(step(power_cuts()), 1..80),
    ) {
        World::new(Limits::default()).run(steps)?;
    }

    #[test]
    fn folders_that_refuse_lose_nothing_that_is_not_counted(
        deaths in prop::collection::vec(
            (step(prop_oneof![(0usize..9).prop_map(Step::KillIn), power_cuts()]), 0u8..12),
            1..80,
        ),
    ) {
        // Segments so short that one is full now and then.
        let mut world = World::new(Limits { memory: 1_000_000, disk: 10_000 });
        let mut cuts = None;
        for (step, fate) in deaths {
            // What was noted on a disk that refused it comes back; a clash then would make two batches of one.
            let step = if matches!(step, Step::Clash) { Step::Seal } else { step };
            match fate {
                0 => world.disk.refuse(Refuses::Growth),
                11 => world.disk.refuse(Refuses::MoreThan(1_500)),
                1 => world.disk.refuse(Refuses::EverySecond),
                2 => world.memory.refuse(Refuses::Growth),
                3..6 => [&world.disk, &world.memory].iter().for_each(|folder| folder.refuse(Refuses::Nothing)),
                _ => {}
            }
            world.take(step, &mut cuts);
        }
        [&world.disk, &world.memory].iter().for_each(|folder| folder.refuse(Refuses::Nothing));
        world.run(Vec::new())?;
    }
}

#[test]
fn a_copy_that_may_not_be_on_disk_does_not_take_the_other_along_when_it_is_given_up() {
    let mut world = World::new(Limits::default());
    for refuses in [Refuses::Nothing, Refuses::Syncs, Refuses::Nothing] {
        world.append(Weight::Usual);
        world.retreat(11);
        world.seal();
        world.disk.refuse(refuses);
        world.retreat(1);
    }
    assert_eq!(world.on_disk().len(), 3);
    world.kill();
    assert_eq!(world.end().delivered, world.measured);
}

#[test]
fn a_log_that_was_torn_at_its_first_word_is_not_written_over_and_then_removed() {
    let mut world = World::new(Limits::default());
    world.append(Weight::Usual);
    world.memory.write("000000000003.rounds-log", b"KO");
    world.kill();
    assert_eq!(world.spool().losses().torn_tails, 1);
    world.append(Weight::Usual);
    world.kill();
    assert_eq!(world.end().delivered, world.measured);
}
