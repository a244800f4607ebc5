//! The spool in a process of its own that is killed at 1,000 random points: what it has said to be kept is there.
//!
//! The child writes to a pipe what it has kept and what it delivers, and the test kills it whenever it likes: while it
//! starts, appends, seals, moves to disk, delivers. The next child finds what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use kentongan_agent::spool::{Limits, Record, Spool, Weight};
use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Stamp, Timestamp},
    wire::{Batch, MeasuredRound},
};

const KILLS: u64 = 1_000;
/// Names the folder to a child, and the number of its first round.
const CHILD: (&str, &str) = ("KENTONGAN_SPOOL", "KENTONGAN_FIRST_ROUND");
const KEPT: u8 = b'k';
const DELIVERED: u8 = b'd';

fn now(round: u64) -> Stamp {
    Stamp { boot: BootId(1), mono_ms: round * 10_000, wall: Timestamp::from_millis(5_000_000) }
}

fn open(folder: &Path, now: &Stamp) -> Spool {
    let (memory, disk) = (folder.join("memory"), folder.join("disk"));
    Spool::open("kec-a".parse().unwrap(), &memory, &disk, Limits::default(), now).unwrap()
}

fn say(what: u8, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    std::io::stderr().write_all(&[&[what], &length[..], bytes].concat()).unwrap();
}

/// Measures, seals, moves to disk and delivers, until it is killed.
fn work(folder: &Path, first: u64) {
    let mut spool = open(folder, &now(first));
    for number in first.. {
        let (now, plan) = (now(number), PlanRevision(number / 200));
        let weight = match number % 7 {
            0 => Weight::Deciding,
            1 | 2 => Weight::Telling,
            _ => Weight::Usual,
        };
        let round = MeasuredRound { target: 1, mono_ms: now.mono_ms, sent: 2, rtts_us: vec![400, 500] };
        spool.append(plan, &Record::Round(round, weight), &now).unwrap();
        say(KEPT, &now.mono_ms.to_le_bytes());
        if number % 3 == 0 {
            spool.seal(plan, &now).unwrap();
        }
        if number % 5 == 0 {
            spool.retreat(&now).unwrap();
        }
        if number % 4 == 0
            && let Some(name) = spool.next()
        {
            say(DELIVERED, &spool.read(name).unwrap().unwrap());
            spool.acknowledge(name);
        }
    }
}

/// What the children have said.
#[derive(Default)]
struct Told {
    kept: BTreeSet<u64>,
    delivered: BTreeMap<(u32, u64), Vec<u8>>,
}

impl Told {
    /// Listens to a child; none when it has said its last word, or half of it.
    fn listen(&mut self, pipe: &mut impl Read) -> Option<()> {
        let mut head = [0; 5];
        pipe.read_exact(&mut head).ok()?;
        let [what, length @ ..] = head;
        let mut said = vec![0; u32::from_le_bytes(length) as usize];
        pipe.read_exact(&mut said).ok()?;
        match what {
            KEPT => drop(self.kept.insert(u64::from_le_bytes(said.try_into().unwrap()))),
            DELIVERED => self.deliver(&said),
            _ => panic!("the child says {}", String::from_utf8_lossy(&[&head[..], &said].concat())),
        }
        Some(())
    }

    fn deliver(&mut self, sealed: &[u8]) {
        let batch = Batch::open(sealed).unwrap();
        let before = self.delivered.insert((batch.series, batch.sequence), sealed.to_vec());
        assert!(before.is_none_or(|before| before == sealed), "batch {} has other bytes", batch.sequence);
    }
}

#[test]
fn a_spool_that_is_killed_at_a_thousand_points_has_lost_nothing_that_it_said_to_have_kept() {
    if let (Ok(folder), Ok(first)) = (std::env::var(CHILD.0), std::env::var(CHILD.1)) {
        return work(&PathBuf::from(folder), first.parse().unwrap());
    }
    // On tmpfs, as in the field; a disk would be worn, and proves no more.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut told = Told::default();
    let mut chance = 7u64;
    for _ in 0..KILLS {
        let first = told.kept.last().map_or(1, |last| last / 10_000 + 2);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "a_spool_that_is_killed_at_a_thousand_points_has_lost_nothing_that_it_said_to_have_kept",
            ])
            .arg("--nocapture")
            .envs([(CHILD.0, folder.path().as_os_str()), (CHILD.1, first.to_string().as_ref())])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (words, moment) = ((chance >> 40) % 64, (chance >> 33) % 3_000);
        if words == 0 {
            // While it starts, or soon after.
            std::thread::sleep(Duration::from_micros(3 * moment));
        }
        for _ in 0..words {
            told.listen(&mut pipe).expect("the child ended by itself");
        }
        // It has not waited meanwhile.
        child.kill().unwrap();
        child.wait().unwrap();
        while told.listen(&mut pipe).is_some() {}
    }

    let (plan, end) = (PlanRevision(0), now(told.kept.last().unwrap() / 10_000 + 2));
    let mut spool = open(folder.path(), &end);
    spool.seal(plan, &end).unwrap();
    while let Some(name) = spool.next() {
        told.deliver(&spool.read(name).unwrap().unwrap());
        spool.acknowledge(name);
    }
    let mut delivered = BTreeSet::new();
    for sealed in told.delivered.values() {
        for round in Batch::open(sealed).unwrap().rounds {
            assert!(delivered.insert(round.mono_ms), "the round at {} is in two batches", round.mono_ms);
        }
    }
    let lost: Vec<_> = told.kept.difference(&delivered).collect();
    assert!(lost.is_empty(), "kept and lost: {lost:?}");
    let untold = delivered.difference(&told.kept).count() as u64;
    assert!(untold <= KILLS, "{untold} rounds that nobody told of");
    println!("{} rounds in {} batches through {KILLS} kills", delivered.len(), told.delivered.len());
}
