//! A collector without its network: a journal, an inventory that is edited, and the judges that come and go.

use kentongan_reports::Month;

use super::*;
use crate::store::accounts::{Count, Entry};

pub(super) const INVENTORY: &str = r#"
[network]
name = "Kabupaten Uji"
[defaults]
interval = "10s"
report_interval = "10s"
[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.0.0.1"
[[site]]
id = "kec-a"
name = "Kecamatan A"
kind = "kecamatan"
upstream = ["noc"]
address = "10.0.1.1"
agent = true
[[site]]
id = "desa-a"
name = "Desa A"
kind = "desa"
upstream = ["kec-a"]
address = "10.0.1.2"
[[site]]
id = "desa-b"
name = "Desa B"
kind = "desa"
upstream = ["kec-a"]
address = "10.0.1.3"
[[maintenance]]
site = "desa-b"
from = 2026-11-01T00:04:00Z
to = 2026-11-01T00:06:00Z
"#;

pub(super) struct House {
    pub(super) dir: tempfile::TempDir,
    pub(super) journal: Connection,
    pub(super) inventory: Arc<Inventory>,
    pub(super) run: Run,
    pub(super) now: Timestamp,
    /// How much the judge remembers; none: as much as ever.
    pub(super) limits: Option<Limits>,
}

pub(super) const PLANS: [(&str, &[&str]); 2] = [
    ("core", &["noc/gateway", "kec-a/gateway"]),
    ("kec-a", &["kec-a/gateway", "desa-a/gateway", "desa-b/gateway"]),
];

impl House {
    pub(super) fn build() -> House {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(&dir.path().join("journal.db"), JOURNAL_STEPS).unwrap();
        journal.pragma_update(None, "synchronous", "OFF").unwrap();
        let network = Network::parse(INVENTORY).unwrap();
        let inventory = Arc::new(Inventory::new(
            network,
            INVENTORY.into(),
            Arc::default(),
            std::collections::BTreeMap::new(),
        ));
        for (k, (agent, targets)) in (1..).zip(PLANS) {
            agents::put(&journal, &agent.parse().unwrap(), &Secret::new("x"), second(0)).unwrap();
            let targets = targets.iter().map(|target| target.parse::<Subject>().unwrap()).collect();
            let contents = serde_json::to_string(&Contents { targets, devices: Vec::new() }).unwrap();
            plans::keep(&journal, PlanRevision(k), agent, &contents, second(0)).unwrap();
        }
        let run = runs::begin(&journal, second(0)).unwrap();
        House { dir, journal, inventory, run, now: second(0), limits: None }
    }

    pub(super) fn judge(&self) -> Judge {
        let position = journal::last_position(&self.journal).unwrap();
        let taken = TakenOver { inventory: Arc::clone(&self.inventory), position, since: self.now };
        inventories::record(&self.journal, &taken).unwrap();
        let readers = Readers::new(self.dir.path().join("journal.db"), 1);
        let state = open(&self.dir.path().join("state.db"), STATE_STEPS).unwrap();
        state.pragma_update(None, "synchronous", "OFF").unwrap();
        let (today, metrics) = (Arc::clone(&self.inventory), Arc::new(Metrics::new()));
        let mut judge = Judge::open(&readers, state, today, 400, metrics, self.now).unwrap();
        if let Some(limits) = self.limits.filter(|_| judge.course.position == 0) {
            let live = std::mem::replace(&mut judge.course.live, Live::new(&self.inventory.network));
            judge.course.live = live.with_limits(limits);
        }
        judge
    }

    /// Files what was measured in a tick; it reaches the collector now.
    pub(super) fn file(&mut self, agent: usize, tick: i64, silent: u8) -> Filed {
        self.file_batch(agent, &[(tick, silent)])
    }

    /// Files what was measured in some ticks as one batch.
    pub(super) fn file_batch(&mut self, agent: usize, ticks: &[(i64, u8)]) -> Filed {
        let (name, targets) = PLANS[agent];
        let boot_ms = |at: Timestamp| u64::try_from(at.millis_since(second(0))).unwrap() + 1_000_000;
        let stamp = |at| Stamp { boot: BootId(1), mono_ms: boot_ms(at), wall: at };
        let vantage: Vantage = name.parse().unwrap();
        let mut rounds = Vec::new();
        for (tick, silent) in ticks {
            let measured = second(tick * 10);
            for (target, name) in (0_u16..).zip(targets) {
                let bit = PLANS.iter().flat_map(|plan| plan.1).position(|known| known == name).unwrap();
                let rtts_us = if silent >> bit & 1 == 1 { Vec::new() } else { vec![900, 1000] };
                rounds.push(MeasuredRound { target, mono_ms: boot_ms(measured), sent: 2, rtts_us });
            }
        }
        let sealed_at = second(ticks.last().unwrap().0 * 10);
        let batch = Batch {
            agent: vantage.clone(),
            series: 1,
            sequence: ticks[0].0.unsigned_abs() + 1,
            sealed: stamp(sealed_at),
            plan: PlanRevision(agent as u64 + 1),
            dropped_rounds: 0,
            rounds,
            readings: Vec::new(),
            gauges: Vec::new(),
            traces: Vec::new(),
        };
        let sealed = batch.seal().unwrap();
        let bytes = Delivery::wrap(&stamp(self.now), &sealed);
        let delivery = Delivery::decode(&bytes).unwrap();
        let filing = Filing {
            agent: vantage,
            series: batch.series,
            sequence: batch.sequence,
            received_at: self.now,
            readings: Readings::of(&delivery),
            plan: batch.plan,
            digest: BatchDigest::of(&sealed),
            bytes: bytes.into(),
            entry: Entry {
                month: Month { year: 2026, month: 11 },
                passed: Count::default(),
                dropped_rounds: 0,
                reading: None,
                version: None,
            },
        };
        runs::alive(&self.journal, self.run, self.now).unwrap();
        journal::file(&self.journal, &filing).unwrap()
    }

    /// Everything that was derived is gone.
    pub(super) fn lose_state(&self) {
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            let _ = std::fs::remove_file(self.dir.path().join(name));
        }
    }

    /// The operator edits the inventory.
    pub(super) fn edit(&mut self, k: usize) {
        let without = |head: &str, rest: &str| {
            let (before, after) = INVENTORY.split_once(head).unwrap();
            let after = after.find(rest).map_or("", |at| &after[at..]);
            format!("{before}{after}")
        };
        let text = match k % 6 {
            0 => INVENTORY.to_owned(),
            1 => INVENTORY.replace("2026-11-01T00:04:00Z", "2026-11-01T00:02:00Z"),
            2 => INVENTORY.replace("[[maintenance]]\n", "[[maintenance]]\nreason = 'splicing'\n"),
            // Longer between two rounds, and sooner down.
            3 => INVENTORY.replace("\ninterval = \"10s\"", "\ninterval = \"20s\"\ndown_after = 2"),
            // Sites that are taken out; the next edit may put them back.
            4 => without("[[site]]\nid = \"desa-b\"", "no end"),
            _ => without("[[site]]\nid = \"kec-a\"", "[[site]]\nid = \"desa-a\"")
                .replace("\"kec-a\"", "\"noc\""),
        };
        let network = Network::parse(&text).unwrap();
        let inventory = Inventory::new(network, text.into(), Arc::default(), Default::default());
        self.inventory = Arc::new(inventory);
    }

    /// What a replay of the journal says, by the log that is written of it.
    pub(super) fn replayed(&self) -> Judgement {
        let mut log = String::new();
        let readers = Readers::new(self.dir.path().join("journal.db"), 1);
        let mut reader = Reader::new(readers, Arc::new(Metrics::new()));
        for read in reader.after(0, usize::MAX).unwrap() {
            for observation in read.unfolded.unwrap().into_observations() {
                let line = match observation {
                    Observation::Round(round) => json!({
                        "at": round.at, "vantage": round.vantage, "type": "round", "target": round.target,
                        "sent": round.sent, "rtts_us": round.rtts_us,
                    }),
                    Observation::Heartbeat(beat) => json!({
                        "at": beat.at, "vantage": beat.agent, "type": "heartbeat", "boot_at": beat.boot_at,
                    }),
                    other => panic!("{other:?}"),
                };
                log.push_str(&format!("{line}\n"));
            }
        }
        for (_, down) in runs::downtimes(&self.journal, 0).unwrap() {
            if let Some(down) = down {
                log.push_str(&format!(
                    "{}\n",
                    json!({"type": "collector_down", "from": down.from, "to": down.to})
                ));
            }
        }
        replay::judge(&self.inventory.network, log.as_bytes(), self.now).unwrap()
    }
}
