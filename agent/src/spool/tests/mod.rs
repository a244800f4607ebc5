//! The spool against a model of it, in folders as bad as they may be: whatever happens in whatever order, what was
//! measured is delivered or counted as lost, under one name and as the same bytes.

mod backlog;
mod deaths;
mod full;
pub(super) mod tearing;

use std::collections::{BTreeMap, BTreeSet};

use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{Batch, MeasuredRound},
};

use super::{BatchName, Limits, Place, Record, Spool, Weight};
use tearing::{Life, Refuses, Tearing};

/// A round by its boot and moment: no two have the same.
type Moment = (BootId, u64);

/// One agent after the other in the same folders, and what they should have kept.
struct World {
    memory: Tearing,
    disk: Tearing,
    life: Life,
    limits: Limits,
    spool: Option<Spool<Tearing>>,
    plan: PlanRevision,
    now: Stamp,
    /// Rounds that the spool has taken, or has counted as lost.
    measured: BTreeSet<Moment>,
    /// Rounds that may be there or not: the agent died over them, or the power was cut before they were on disk.
    unsure: BTreeSet<Moment>,
    /// What the collector has, by name.
    collected: BTreeMap<(u32, u64), Vec<u8>>,
    /// Rounds that the collector refused, and those whose count a death took along.
    uncounted: u64,
}

/// What came out in the end.
struct Outcome {
    delivered: BTreeSet<Moment>,
    /// Rounds that the collector was told to be lost.
    told: u64,
}

impl World {
    fn new(limits: Limits) -> Self {
        let life = Life::default();
        let now = Stamp { boot: BootId(1), mono_ms: 1_000, wall: Timestamp::from_millis(5_000_000) };
        let mut world = World {
            memory: Tearing::in_life(&life),
            disk: Tearing::in_life(&life),
            life,
            limits,
            spool: None,
            plan: PlanRevision(1),
            now,
            measured: BTreeSet::new(),
            unsure: BTreeSet::new(),
            collected: BTreeMap::new(),
            uncounted: 0,
        };
        world.start();
        world
    }

    /// Starts an agent. Nothing in the folders may keep it from starting, but that they refuse to be written.
    fn start(&mut self) {
        let (memory, disk) = (self.memory.clone(), self.disk.clone());
        let started = Spool::take_up("kec-a".parse().unwrap(), memory, disk, self.limits, &self.now);
        self.spool = Some(started.unwrap());
    }

    fn spool(&mut self) -> &mut Spool<Tearing> {
        self.spool.as_mut().unwrap()
    }

    fn is_dead(&self) -> bool {
        self.life.get() == Some(0)
    }

    /// The agent ends without a word, and another one starts.
    fn kill(&mut self) {
        self.bury();
        self.start();
    }

    fn bury(&mut self) {
        if let Some(spool) = self.spool.take() {
            self.uncounted += spool.unreported;
        }
        self.life.set(None);
        for folder in [&self.memory, &self.disk] {
            folder.refuse(Refuses::Nothing);
        }
    }

    /// The router loses its power: memory is gone, and of the disk what was not synced.
    fn cut_power(&mut self, dice: tearing::Dice) {
        let safe = if self.is_dead() { BTreeSet::new() } else { self.on_disk() };
        self.bury();
        let delivered = self.delivered().0;
        let (sure, unsure): (BTreeSet<_>, BTreeSet<_>) =
            self.measured.iter().partition(|moment| safe.contains(moment) || delivered.contains(moment));
        self.measured = sure;
        self.unsure.extend(unsure);
        self.memory.forget_all();
        self.disk.cut_power(dice);
        self.now.boot.0 += 1;
        self.now.mono_ms = 500;
        self.start();
    }

    /// The rounds that the spool holds to be on disk.
    fn on_disk(&mut self) -> BTreeSet<Moment> {
        let spool = self.spool.as_mut().unwrap();
        let names: Vec<BatchName> = spool.batches.keys().copied().collect();
        let mut moments = BTreeSet::new();
        for name in names {
            if spool.batches[&name].place == Place::Disk {
                // What an earlier power cut has left in tatters is not there.
                let Some(sealed) = spool.read(name).unwrap() else { continue };
                let batch = Batch::open(&sealed).unwrap();
                moments.extend(batch.rounds.iter().map(|round| (batch.sealed.boot, round.mono_ms)));
            }
        }
        moments
    }

    fn append(&mut self, weight: Weight) {
        self.append_together(&[weight]);
    }

    /// Rounds of these weights have ended together.
    fn append_together(&mut self, weights: &[Weight]) {
        let round = |weight: &Weight| {
            self.now.mono_ms += 7;
            let round =
                MeasuredRound { target: 3, mono_ms: self.now.mono_ms, sent: 2, rtts_us: vec![40, 50] };
            Record::Round(round, *weight)
        };
        let records = weights.iter().map(round).collect::<Vec<_>>();
        let (plan, now) = (self.plan, self.now);
        let appended = self.spool().append_all(plan, &records, &now);
        let moments = records.iter().filter_map(Record::mono_ms).map(|mono_ms| (now.boot, mono_ms));
        if appended.is_err() && self.is_dead() {
            self.unsure.extend(moments);
        } else {
            // Those that were refused are counted.
            self.measured.extend(moments);
        }
    }

    fn seal(&mut self) {
        let (plan, now) = (self.plan, self.now);
        let _ = self.spool().seal(plan, &now);
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

    /// A delivery fails, and so many minutes pass.
    fn retreat(&mut self, minutes: u64) {
        self.now.mono_ms += 60_000 * minutes;
        let now = self.now;
        let _ = self.spool().retreat(&now);
    }

    /// The batch that is next, unless the collector has it.
    fn next_unknown(&mut self) -> Option<BatchName> {
        let name = self.spool().next()?;
        let is_known = self.collected.contains_key(&(name.series, name.sequence));
        (!is_known).then_some(name)
    }

    fn refuse(&mut self) {
        let now = self.now;
        if let Some(name) = self.next_unknown() {
            self.spool().refuse(name, &now);
        }
    }

    /// The collector knows other bytes by the name of what is next.
    fn clash(&mut self) {
        let (plan, now) = (self.plan, self.now);
        if let Some(name) = self.next_unknown() {
            let _ = self.spool().rename(name, plan, &now);
        }
    }

    /// Bytes of segments on each shelf.
    fn held(&self) -> [u64; 2] {
        [&self.memory, &self.disk].map(|folder| {
            let segments = [folder.files(".rounds"), folder.files(".changes")];
            segments.iter().flat_map(BTreeMap::values).map(|bytes| bytes.len() as u64).sum()
        })
    }

    /// What the collector has, and which losses it was told of.
    fn delivered(&self) -> (BTreeSet<Moment>, u64) {
        let mut delivered = BTreeSet::new();
        let mut told = 0;
        for ((series, sequence), sealed) in &self.collected {
            let batch = Batch::open(sealed).unwrap();
            assert_eq!((batch.series, batch.sequence), (*series, *sequence));
            told += batch.dropped_rounds;
            for round in &batch.rounds {
                let is_new = delivered.insert((batch.sealed.boot, round.mono_ms));
                assert!(is_new, "the round at {} is in two batches", round.mono_ms);
                assert!(round.mono_ms <= batch.sealed.mono_ms);
            }
        }
        (delivered, told)
    }

    /// Delivers all that is left.
    fn end(&mut self) -> Outcome {
        for turn in 0.. {
            if !self.spool().has_open_records() && self.spool().next().is_none() {
                break;
            }
            assert!(turn < 20, "there is no end to it: {:?}", self.spool().losses());
            // To make room for the last batch, others may have been dropped: the next one tells.
            self.seal();
            while self.spool().next().is_some() {
                self.deliver(true);
            }
        }
        let (delivered, told) = self.delivered();
        Outcome { delivered, told }
    }
}
