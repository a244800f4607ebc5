//! What goes when, and where it lies until then.

use std::time::Duration;

use kentongan_model::wire::Batch;

use super::*;
use crate::spool::{Directory, LockError, SpoolError};

#[test]
fn the_present_goes_before_the_backlog_and_the_backlog_from_its_oldest() {
    let mut world = World::new(Limits::default());
    let mut names = Vec::new();
    for _ in 0..4 {
        world.append(Weight::Usual);
        world.seal();
        names.push(world.spool().next().unwrap());
    }
    world.retreat(0);
    let mut order = Vec::new();
    while let Some(name) = world.spool().next() {
        order.push(name);
        world.spool().acknowledge(name);
    }
    assert_eq!(order, [names[3], names[0], names[1], names[2]]);
}

#[test]
fn flash_is_spared_as_long_as_deliveries_succeed() {
    let mut world = World::new(Limits::default());
    for _ in 0..20 {
        world.append(Weight::Usual);
        world.append(Weight::Deciding);
        world.seal();
        world.deliver(true);
    }
    assert_eq!((world.disk.files(""), world.held()), (BTreeMap::new(), [0, 0]));
    world.append(Weight::Usual);
    world.seal();
    world.retreat(0);
    assert_eq!((world.disk.syncs(), world.held()[0]), (1, 0));
    assert!(world.held()[1] > 0);
}

#[test]
fn a_backlog_that_is_refused_or_damaged_writes_flash_once_a_minute_and_is_counted_once() {
    let mut world = World::new(Limits::default());
    for _ in 0..300 {
        world.append(Weight::Usual);
        world.retreat(11);
        world.seal();
        world.retreat(1);
    }
    world.now.mono_ms += 60_000;
    let (name, bytes) = world.disk.files(".rounds").pop_last().unwrap();
    // The last hundred or so.
    let damaged = bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| if at > bytes.len() / 3 && at % 50 == 0 { byte ^ 1 } else { *byte });
    world.disk.write(&name, &damaged.collect::<Vec<u8>>());
    let (before, waiting) = (world.disk.syncs(), world.spool().waiting());
    let mut turns = 0;
    while let Some(name) = world.spool().next() {
        if world.spool().read(name).unwrap().is_some() {
            world.refuse();
        }
        world.now.mono_ms += 500;
        turns += 1;
    }
    let writes = world.disk.syncs() - before;
    assert!(turns >= 250 && waiting >= 250, "{waiting} waited");
    assert!((1..=4).contains(&writes), "{writes} writes");
    let losses = world.spool().losses();
    assert!(losses.damaged_batches > 10, "{losses:?}");
    let Outcome { delivered, told } = world.end();
    assert_eq!((delivered.len() as u64 + told, losses.rounds), (world.measured.len() as u64, 300));
}

#[test]
fn a_week_without_the_collector_writes_flash_once_in_ten_minutes_and_for_each_change() {
    let mut world = World::new(Limits::default());
    world.append(Weight::Usual);
    world.seal();
    world.retreat(0);
    let (reports, week) = (2 * 60, 7 * 24usize);
    for hour in 0..week {
        for report in 0..reports {
            world.now.mono_ms += 30_000;
            let is_change = report == 17 && hour % 10 == 0;
            world.append(if is_change { Weight::Deciding } else { Weight::Usual });
            world.seal();
            world.retreat(0);
        }
    }
    let (changes, ten_minutes) = (week.div_ceil(10), week * 6);
    let writes = world.disk.syncs();
    assert!((ten_minutes..ten_minutes + changes + 40).contains(&writes), "{writes} writes");
    let Outcome { delivered, told } = world.end();
    assert_eq!((delivered, told), (world.measured, 0));
}

#[test]
fn while_the_collector_is_away_a_change_is_on_disk_at_once_and_the_rest_within_ten_minutes() {
    let mut world = World::new(Limits::default());
    world.append(Weight::Usual);
    world.seal();
    world.retreat(0);
    let before = world.measured.len();
    for weight in [Weight::Usual, Weight::Telling, Weight::Deciding] {
        world.append(weight);
    }
    world.seal();
    world.retreat(0);
    assert_eq!(world.on_disk().len(), before + 2, "the streak, and not the round that confirms what stands");
    for _ in 0..20 {
        world.now.mono_ms += 30_000;
        world.seal();
        world.retreat(0);
    }
    assert_eq!(world.on_disk(), world.measured);
}

#[test]
fn a_stop_leaves_everything_on_disk() {
    let mut world = World::new(Limits::default());
    for weight in [Weight::Usual, Weight::Deciding, Weight::Usual] {
        world.append(weight);
        world.seal();
        world.retreat(0);
        world.append(Weight::Usual);
    }
    let now = world.now;
    world.spool().stow(&now).unwrap();
    world.cut_power(tearing::Dice(1));
    assert_eq!(world.on_disk(), world.measured);
    assert_eq!(world.end().delivered, world.measured);
}

#[test]
fn a_killed_agent_goes_on_in_its_series_and_another_boot_begins_a_new_one() {
    let mut world = World::new(Limits::default());
    for _ in 0..3 {
        world.append(Weight::Usual);
        world.append(Weight::Telling);
        world.kill();
        world.append(Weight::Usual);
        world.seal();
    }
    world.append(Weight::Usual);
    (world.now.boot.0, world.now.mono_ms) = (2, 500);
    world.kill();
    world.append(Weight::Usual);
    world.end();
    let (of_one, of_two): (Vec<_>, Vec<_>) = world
        .collected
        .iter()
        .map(|(name, sealed)| (*name, Batch::open(sealed).unwrap().sealed.boot))
        .partition(|(_, boot)| boot.0 == 1);
    let series = of_one[0].0.0;
    let unbroken: Vec<_> = (1..=7).map(|sequence| ((series, sequence), BootId(1))).collect();
    assert_eq!(of_one, unbroken);
    assert!(of_two[0].0.0 != series && of_two[0].0.1 == 1, "{of_two:?}");
}

#[test]
fn a_damaged_batch_and_foreign_files_are_no_reason_to_stop() {
    let mut world = World::new(Limits::default());
    for _ in 0..2 {
        world.append(Weight::Usual);
        world.seal();
    }
    let (name, mut bytes) = world.memory.files(".rounds").pop_first().unwrap();
    bytes[80] ^= 1;
    world.memory.write(&name, &bytes);
    for name in ["catatan.txt", "x.rounds", "7.changes", "1.rounds-log", "x.changes-log", "y.aside", "lock"] {
        world.memory.write(name, b"sampah");
        world.disk.write(name, b"sampah");
    }
    world.kill();
    world.append(Weight::Usual);
    let Outcome { delivered, told } = world.end();
    assert_eq!((delivered.len(), told), (2, 1));
    let losses = world.spool().losses();
    assert_eq!((losses.damaged_batches, losses.rounds), (1, 1));
}

#[test]
fn a_second_agent_in_the_same_folders_is_told_so_and_a_lock_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = Directory::take(folder.path()).unwrap();
    let Err(error @ LockError::Taken(_)) = Directory::take(folder.path()) else { panic!("not refused") };
    assert!(SpoolError::from(error).to_string().contains("stop it"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(first);
    Directory::take(folder.path()).unwrap();
}

#[test]
fn real_folders_keep_what_the_model_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, disk) = (folder.path().join("memory"), folder.path().join("disk"));
    let mut now = Stamp { boot: BootId(1), mono_ms: 1, wall: Timestamp::from_millis(5_000_000) };
    let open =
        |now: &Stamp| Spool::open("kec-a".parse().unwrap(), &memory, &disk, Limits::default(), now).unwrap();
    for life in 0..5u64 {
        let mut spool = open(&now);
        for _ in 0..3 {
            now.mono_ms += 1;
            let round = MeasuredRound { target: 1, mono_ms: now.mono_ms, sent: 1, rtts_us: vec![9] };
            spool.append(PlanRevision(life / 2), &Record::Round(round, Weight::Telling), &now).unwrap();
            spool.seal(PlanRevision(life / 2), &now).unwrap();
        }
        now.mono_ms += Duration::from_secs(61).as_millis() as u64;
        if life % 2 == 0 {
            spool.retreat(&now).unwrap();
        }
    }
    let mut spool = open(&now);
    let mut delivered = BTreeSet::new();
    while let Some(name) = spool.next() {
        let batch = Batch::open(&spool.read(name).unwrap().unwrap()).unwrap();
        delivered.extend(batch.rounds.iter().map(|round| round.mono_ms));
        spool.acknowledge(name);
    }
    assert_eq!(delivered.len(), 15);
    assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0);
}
