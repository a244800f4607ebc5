//! The spool against a model of it: whatever happens in whatever order, what was measured is delivered once or is
//! counted as lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{Batch, MeasuredRound},
};
use proptest::prelude::*;

use super::{BatchName, Limits, LockError, Record, Spool, SpoolError};

#[derive(Debug, Clone, Copy)]
enum Step {
    Append,
    Seal,
    /// Delivers what is next, so often.
    Deliver(u8),
    /// Reads and delivers what is next, but the acknowledgement is lost.
    DeliverUnacknowledged,
    Retreat,
    Refuse,
    /// The collector knows other bytes by the name of what is next.
    Clash,
    NewPlan,
    /// Killed, and started again.
    Kill,
    /// Killed in the middle of appending: so many bytes of the last record are missing.
    KillInAppend(u8),
    /// Killed after the batch was written, before the next log was begun.
    KillInSealEarly,
    /// Killed after the next log was begun, before the old one was removed.
    KillInSealLate,
    /// Killed after a batch was copied to disk, before it left memory.
    KillInRetreat,
    Reboot,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => Just(Step::Append),
        3 => Just(Step::Seal),
        2 => (1u8..4).prop_map(Step::Deliver),
        1 => Just(Step::DeliverUnacknowledged),
        1 => Just(Step::Retreat),
        1 => Just(Step::Refuse),
        1 => Just(Step::Clash),
        1 => Just(Step::NewPlan),
        1 => Just(Step::Kill),
        1 => (1u8..30).prop_map(Step::KillInAppend),
        1 => Just(Step::KillInSealEarly),
        1 => Just(Step::KillInSealLate),
        1 => Just(Step::KillInRetreat),
        1 => Just(Step::Reboot),
    ]
}

struct World {
    _folder: tempfile::TempDir,
    memory: PathBuf,
    disk: PathBuf,
    limits: Limits,
    spool: Option<Spool>,
    plan: PlanRevision,
    now: Stamp,
    /// Rounds that were measured, by their moment, and not lost to a torn tail.
    measured: BTreeSet<(BootId, u64)>,
    /// What the collector has, by name.
    collected: BTreeMap<(u32, u64), Vec<u8>>,
    /// Rounds that the model knows to be given up.
    refused: u64,
}

impl World {
    fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (memory, disk) = (folder.path().join("memory"), folder.path().join("disk"));
        let now = Stamp { boot: BootId(1), mono_ms: 1_000, wall: Timestamp::from_millis(5_000_000) };
        let mut world = World {
            _folder: folder,
            memory,
            disk,
            limits,
            spool: None,
            plan: PlanRevision(1),
            now,
            measured: BTreeSet::new(),
            collected: BTreeMap::new(),
            refused: 0,
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let agent = "kec-a".parse().unwrap();
        self.spool = Some(Spool::open(agent, &self.memory, &self.disk, self.limits, &self.now).unwrap());
    }

    fn kill(&mut self) {
        self.spool = None;
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().unwrap()
    }

    fn files(folder: &Path, ending: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let wanted = entries.filter(|path| path.to_str().unwrap().ends_with(ending));
        wanted.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }

    fn append(&mut self) -> usize {
        self.now.mono_ms += 7;
        let round = MeasuredRound { target: 3, mono_ms: self.now.mono_ms, sent: 2, rtts_us: vec![40, 50] };
        self.measured.insert((self.now.boot, round.mono_ms));
        let record = Record::Round(round);
        let (plan, now) = (self.plan, self.now);
        self.spool().append(plan, &record, &now).unwrap();
        record.frame().len()
    }

    fn deliver(&mut self, is_acknowledged: bool) {
        let Some(name) = self.spool().next() else { return };
        let Some(sealed) = self.spool().read(name).unwrap() else { return };
        let before = self.collected.insert((name.series, name.sequence), sealed.clone());
        assert!(before.is_none_or(|before| before == sealed), "{name:?} has other bytes than before");
        if is_acknowledged {
            self.spool().acknowledge(name);
        }
    }

    fn take(&mut self, step: Step) {
        let (plan, now) = (self.plan, self.now);
        match step {
            Step::Append => drop(self.append()),
            Step::Seal => self.spool().seal(plan, &now).unwrap(),
            Step::Deliver(times) => (0..times).for_each(|_| self.deliver(true)),
            Step::DeliverUnacknowledged => self.deliver(false),
            Step::Retreat => self.spool().retreat().unwrap(),
            Step::Refuse => {
                // What the collector has already is acknowledged, not refused.
                let collected = &self.collected;
                let known = |name: &BatchName| collected.contains_key(&(name.series, name.sequence));
                if let Some(name) = self.spool.as_ref().unwrap().next().filter(|name| !known(name)) {
                    let before = self.spool().losses().rounds;
                    let sealed = self.spool().read(name).unwrap().unwrap();
                    let batch = Batch::open(&sealed).unwrap();
                    self.refused += batch.rounds.len() as u64;
                    for round in &batch.rounds {
                        self.measured.remove(&(batch.sealed.boot, round.mono_ms));
                    }
                    self.spool().refuse(name);
                    let counted = self.spool().losses().rounds - before;
                    assert_eq!(counted, batch.rounds.len() as u64 + batch.dropped_rounds);
                }
            }
            Step::Clash => {
                let collected = &self.collected;
                let known = |name: &BatchName| collected.contains_key(&(name.series, name.sequence));
                if let Some(name) = self.spool.as_ref().unwrap().next().filter(|name| !known(name)) {
                    self.spool().rename(name, plan, &now).unwrap();
                }
            }
            Step::NewPlan => self.plan.0 += 1,
            Step::Kill => self.kill(),
            Step::KillInAppend(missing) => {
                let length = self.append();
                self.measured.remove(&(self.now.boot, self.now.mono_ms));
                let path = self.spool().log.as_ref().unwrap().path.clone();
                self.kill();
                let whole = fs::metadata(&path).unwrap().len();
                let missing = u64::from(missing).min(length as u64 - 1);
                fs::File::options().write(true).open(path).unwrap().set_len(whole - missing).unwrap();
            }
            Step::KillInSealEarly | Step::KillInSealLate => {
                self.append();
                let logs = Self::files(&self.memory, ".open");
                let now = self.now;
                self.spool().seal(plan, &now).unwrap();
                self.kill();
                if matches!(step, Step::KillInSealEarly) {
                    Self::files(&self.memory, ".open").keys().for_each(|log| fs::remove_file(log).unwrap());
                }
                logs.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            }
            Step::KillInRetreat => {
                let before = Self::files(&self.memory, ".batch");
                self.spool().retreat().unwrap();
                self.kill();
                before.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
            }
            Step::Reboot => {
                self.kill();
                self.now.boot.0 += 1;
                self.now.mono_ms = 500;
            }
        }
        if self.spool.is_none() {
            self.start();
        }
    }

    /// Delivers all that is left, and tells what the collector has and which losses it was told of.
    fn end(&mut self) -> (BTreeSet<(BootId, u64)>, u64) {
        let (plan, now) = (self.plan, self.now);
        while self.spool().has_open_records() || self.spool().next().is_some() {
            // To make room for the last batch, others may have been dropped: the next one tells.
            self.spool().seal(plan, &now).unwrap();
            while self.spool().next().is_some() {
                self.deliver(true);
            }
        }
        let mut rounds = BTreeSet::new();
        let mut dropped = 0;
        for ((series, sequence), sealed) in &self.collected {
            let batch = Batch::open(sealed).unwrap();
            assert_eq!((batch.series, batch.sequence), (*series, *sequence));
            dropped += batch.dropped_rounds;
            for round in &batch.rounds {
                let fresh = rounds.insert((batch.sealed.boot, round.mono_ms));
                assert!(fresh, "the round at {} is in two batches", round.mono_ms);
                assert!(round.mono_ms <= batch.sealed.mono_ms);
            }
        }
        (rounds, dropped)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_measured_round_is_delivered_exactly_once_however_the_agent_ends(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(Limits::default());
        steps.into_iter().for_each(|step| world.take(step));
        let (rounds, _) = world.end();
        prop_assert_eq!(rounds, world.measured);
    }

}

proptest! {
    // Each step looks at every file.
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn a_full_spool_drops_its_oldest_and_the_collector_is_told_how_many(
        steps in prop::collection::vec(
            prop_oneof![9 => Just(Step::Append), 4 => Just(Step::Seal), 2 => Just(Step::Retreat), 1 => Just(Step::Kill)],
            50..200,
        ),
    ) {
        let limits = Limits { memory: 600, disk: 900 };
        let mut world = World::new(limits);
        for step in steps {
            world.take(step);
            for (folder, limit) in [(&world.memory, limits.memory), (&world.disk, limits.disk)] {
                let held: usize = World::files(folder, ".batch").values().map(Vec::len).sum();
                prop_assert!(held as u64 <= limit, "{} holds {} bytes", folder.display(), held);
            }
        }
        let (rounds, dropped) = world.end();
        prop_assert!(rounds.is_subset(&world.measured));
        prop_assert_eq!(rounds.len() as u64 + dropped, world.measured.len() as u64);
    }
}

#[test]
fn the_present_goes_before_the_backlog_and_the_backlog_from_its_oldest() {
    let mut world = World::new(Limits::default());
    let mut names = Vec::new();
    for _ in 0..4 {
        world.append();
        world.take(Step::Seal);
        names.push(world.spool().next().unwrap());
    }
    world.spool().retreat().unwrap();
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
        world.append();
        world.take(Step::Seal);
        world.take(Step::Deliver(1));
    }
    assert!(
        World::files(&world.disk, ".batch").is_empty() && World::files(&world.memory, ".batch").is_empty()
    );
    world.append();
    world.take(Step::Seal);
    world.take(Step::Retreat);
    assert_eq!(World::files(&world.disk, ".batch").len(), 1);
    assert!(World::files(&world.memory, ".batch").is_empty());
}

#[test]
fn a_killed_agent_goes_on_in_its_series_and_a_batch_has_one_boot() {
    let mut world = World::new(Limits::default());
    for step in [
        Step::Append,
        Step::Seal,
        Step::Append,
        Step::Kill,
        Step::Append,
        Step::Reboot,
        Step::Append,
        Step::Kill,
    ] {
        world.take(step);
    }
    world.end();
    let names: Vec<_> = world.collected.keys().copied().collect();
    let series = names[0].0;
    assert_eq!(names, (1..=names.len() as u64).map(|sequence| (series, sequence)).collect::<Vec<_>>());
    let boots: Vec<_> =
        world.collected.values().map(|sealed| Batch::open(sealed).unwrap().sealed.boot.0).collect();
    assert_eq!(boots[..4], [1, 1, 1, 2], "{boots:?}");
}

#[test]
fn a_damaged_batch_and_foreign_files_are_no_reason_to_stop() {
    let mut world = World::new(Limits::default());
    for _ in 0..2 {
        world.append();
        world.take(Step::Seal);
    }
    world.kill();
    let batches = World::files(&world.memory, ".batch");
    let first = batches.keys().next().unwrap();
    fs::write(first, b"sampah").unwrap();
    for name in ["catatan.txt", "x.batch", "1-2-3-4-5.batch", "x.open", "7-7-7.open", "y.aside"] {
        fs::write(world.memory.join(name), b"sampah").unwrap();
    }
    world.start();
    world.append();
    let (rounds, dropped) = world.end();
    assert_eq!((rounds.len(), dropped), (2, 1));
    let losses = world.spool().losses();
    assert_eq!((losses.damaged_batches, losses.rounds), (1, 1));
}

#[test]
fn a_second_agent_in_the_same_folders_is_told_so() {
    let world = World::new(Limits::default());
    let second = Spool::open("kec-a".parse().unwrap(), &world.memory, &world.disk, world.limits, &world.now);
    let Err(SpoolError::Lock(error @ LockError::Taken(_))) = second else { panic!("not refused") };
    assert!(error.to_string().contains("stop it"), "{error}");
}
