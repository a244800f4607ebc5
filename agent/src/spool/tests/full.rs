//! A full spool: the oldest usual rounds go first, changes of state last, and the collector is told how many.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Weight>),
    Seal,
    Retreat,
    Kill,
}

fn step() -> impl Strategy<Value = Step> {
    let weight = prop::sample::select(vec![Weight::Usual, Weight::Usual, Weight::Telling, Weight::Deciding]);
    prop_oneof![
        9 => prop::collection::vec(weight, 1..5).prop_map(Step::Append),
        4 => Just(Step::Seal),
        2 => Just(Step::Retreat),
        1 => Just(Step::Kill),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_full_spool_holds_its_limits_and_what_is_lost_is_told_to_the_round(
        steps in prop::collection::vec(step(), 50..200),
        memory in 300u64..900,
        disk in 300u64..2_000,
    ) {
        let mut world = World::new(Limits { memory, disk });
        for step in steps {
            match step {
                Step::Append(weights) => world.append_together(&weights),
                Step::Seal => world.seal(),
                Step::Retreat => world.retreat(1),
                Step::Kill => world.kill(),
            }
            let held = world.held();
            prop_assert!(held[0] <= memory && held[1] <= disk, "{held:?} bytes are held");
        }
        let Outcome { delivered, told } = world.end();
        prop_assert!(delivered.is_subset(&world.measured));
        prop_assert_eq!(delivered.len() as u64 + told, world.measured.len() as u64);
    }
}

/// An outage of so many reports, these milliseconds apart: of 40 one tells of a change. Gives the moments of changes and of
/// usual rounds.
fn outage(world: &mut World, reports: u32, apart_ms: u64) -> (BTreeSet<Moment>, Vec<Moment>) {
    world.append(Weight::Usual);
    world.seal();
    world.retreat(0);
    let (mut changes, mut usual) = (BTreeSet::new(), Vec::new());
    for report in 0..reports {
        world.now.mono_ms += apart_ms;
        let weight = if report % 40 == 7 { Weight::Deciding } else { Weight::Usual };
        world.append(weight);
        let moment = (world.now.boot, world.now.mono_ms);
        if weight == Weight::Deciding {
            changes.insert(moment);
        } else {
            usual.push(moment);
        }
        world.seal();
        world.retreat(0);
    }
    (changes, usual)
}

/// That at least so many of the usual rounds have come, the newest, and that all others are counted.
fn newest_came(world: &World, outcome: &Outcome, usual: &[Moment], at_least: usize) {
    let kept: Vec<_> = usual.iter().filter(|moment| outcome.delivered.contains(moment)).collect();
    assert!(kept.len() > at_least && kept[0] == &usual[usual.len() - kept.len()], "not the newest are kept");
    assert_eq!(outcome.delivered.len() as u64 + outcome.told, world.measured.len() as u64);
}

#[test]
fn a_full_spool_keeps_its_changes_and_of_the_usual_rounds_the_newest() {
    let mut world = World::new(Limits { memory: 4_000, disk: 40_000 });
    let (changes, usual) = outage(&mut world, 4_000, 300_000);
    assert_eq!(changes.len(), 100);
    let outcome = world.end();
    assert!(changes.is_subset(&outcome.delivered), "a change went before usual rounds did");
    newest_came(&world, &outcome, &usual, 100);
}

#[test]
fn a_disk_that_refuses_leaves_everything_in_memory_and_takes_it_later() {
    let mut world = World::new(Limits::default());
    world.disk.refuse(Refuses::Growth);
    for _ in 0..5 {
        world.append(Weight::Usual);
        world.append(Weight::Deciding);
        world.seal();
        world.retreat(1);
    }
    assert!(world.on_disk().is_empty() && world.held()[1] == 0);
    world.disk.refuse(Refuses::Nothing);
    world.retreat(1);
    assert!(world.on_disk().len() >= 6);
    assert_eq!(world.end().delivered, world.measured);
}

#[test]
fn a_disk_with_less_room_than_the_limit_keeps_its_changes_and_of_the_usual_rounds_the_newest() {
    let mut world = World::new(Limits { memory: 4_000, disk: 40_000 });
    world.disk.refuse(Refuses::MoreThan(12_000));
    let (changes, usual) = outage(&mut world, 1_000, 600_000);
    assert!(world.held()[1] <= 12_000);
    let on_disk = world.on_disk();
    assert!(changes.is_subset(&on_disk), "a change is in memory only, or went before usual rounds did");
    let outcome = world.end();
    newest_came(&world, &outcome, &usual, 30);
}

#[test]
fn a_disk_on_which_nothing_fits_any_more_keeps_what_lies_there() {
    let mut world = World::new(Limits::default());
    for _ in 0..5 {
        world.append(Weight::Deciding);
        world.seal();
        world.retreat(1);
    }
    let before = world.on_disk();
    assert_eq!(before.len(), 5);
    world.disk.refuse(Refuses::MoreThan(0));
    for weight in [Weight::Usual, Weight::Usual, Weight::Usual] {
        world.append(weight);
        world.retreat(11);
        world.seal();
        world.retreat(1);
    }
    assert_eq!(world.on_disk(), before, "changes went for usual rounds");
    assert_eq!(world.end().delivered, world.measured);
}
