//! Journals that are damaged: what is wrong is told with its place, the rest is used, nothing panics.

use kentongan_model::{
    id::Subject,
    inventory::Network,
    plan::PlanRevision,
    secret::Secret,
    time::{BootId, Stamp},
    wire::{Batch, Delivery, MeasuredRound},
};
use kentongan_timeline::{Span, replay};
use rusqlite::{Connection, params};

use super::*;
use crate::{
    inventory::Inventory,
    live::Judge,
    metrics::Metrics,
    store::{
        JOURNAL_FILE, JOURNAL_STEPS, STATE_FILE, STATE_STEPS, agents,
        inventories::{self, TakenOver},
        journal, open,
        plans::{self, Contents},
        readers::Readers,
        runs,
    },
};

const INVENTORY: &str = r#"
[network]
name = "Kabupaten Uji"
[defaults]
interval = "10s"
[[site]]
id = "noc"
name = "NOC"
kind = "backbone"
address = "10.0.0.1"
"#;

const ALL: Span = Span::new(Timestamp::MIN, Timestamp::MAX);

fn second(second: i64) -> Timestamp {
    Timestamp::from_millis(1_793_491_200_000 + second * 1000)
}

fn inventory() -> Inventory {
    Inventory::new(
        Network::parse(INVENTORY).unwrap(),
        INVENTORY.into(),
        Default::default(),
        Default::default(),
    )
}

/// A data folder in which the core has probed the NOC `count` times; it was down for a while in the middle.
fn journal_of(count: i64) -> (tempfile::TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let conn = open(&dir.path().join(JOURNAL_FILE), JOURNAL_STEPS).unwrap();
    conn.pragma_update(None, "synchronous", "OFF").unwrap();
    agents::put(&conn, &"core".parse().unwrap(), &Secret::new("x"), second(0)).unwrap();
    let gateway: Subject = "noc/gateway".parse().unwrap();
    let contents = serde_json::to_string(&Contents { targets: vec![gateway], devices: vec![] }).unwrap();
    plans::keep(&conn, PlanRevision(1), "core", &contents, second(0)).unwrap();
    runs::begin(&conn, second(0)).unwrap();
    let taken = TakenOver { inventory: inventory().into(), position: 0, since: second(0) };
    inventories::record(&conn, &taken).unwrap();
    for k in 1..=count {
        file(&conn, k, (k < count / 3 || k > count / 2).then_some(900));
    }
    (dir, conn)
}

fn file(conn: &Connection, k: i64, rtt_us: Option<u32>) {
    let at = second(k * 10);
    let mono_ms = 1_000_000 + k.unsigned_abs() * 10_000;
    let sealed = Stamp { boot: BootId(1), mono_ms, wall: at };
    let round = MeasuredRound { target: 0, mono_ms, sent: 1, rtts_us: rtt_us.into_iter().collect() };
    let batch = Batch {
        agent: "core".parse().unwrap(),
        series: 1,
        sequence: k.unsigned_abs(),
        sealed,
        plan: PlanRevision(1),
        dropped_rounds: 0,
        rounds: vec![round],
        readings: Vec::new(),
        gauges: Vec::new(),
        traces: Vec::new(),
    };
    let bytes = Delivery::wrap(&sealed, &batch.seal().unwrap());
    conn.execute(
        "INSERT INTO deliveries (agent, series, sequence, received_at, first_at, last_at, plan, digest, bytes)
         VALUES (1, 1, ?1, ?2, ?2, ?2, 1, zeroblob(16), ?3)",
        params![k, at.as_millis(), bytes],
    )
    .unwrap();
}

fn judge(dir: &Path, now: Timestamp) {
    let readers = Readers::new(dir.join(JOURNAL_FILE), 1);
    let state = open(&dir.join(STATE_FILE), STATE_STEPS).unwrap();
    state.pragma_update(None, "synchronous", "OFF").unwrap();
    let mut judge =
        Judge::open(&readers, state, inventory().into(), 400, Metrics::new().into(), now).unwrap();
    while judge.read_on().unwrap() {}
    judge.judge(now).unwrap();
    judge.tidy(now, true).unwrap();
}

fn verify(dir: &Path) -> Result<Verdict, ProofError> {
    Archive::open(dir)?.verify(ALL, &mut |_, _| {})
}

#[test]
fn a_store_that_was_changed_by_hand_is_told_with_site_time_and_both_sides() {
    let (dir, _conn) = journal_of(60);
    judge(dir.path(), second(605));
    assert!(verify(dir.path()).unwrap().agrees());
    let state = Connection::open(dir.path().join(STATE_FILE)).unwrap();
    state.execute("UPDATE intervals SET state = 'up' WHERE state = 'down'", []).unwrap();
    let verdict = verify(dir.path()).unwrap();
    let difference = verdict.difference.unwrap();
    assert_eq!((difference.site.as_str(), difference.at), ("noc", second(200)));
    let ends = |said: &str, at: Timestamp| said.starts_with("up ") && said.ends_with(&at.to_string());
    assert!(
        ends(&difference.stored, second(605)) && ends(&difference.replayed, second(200)),
        "{difference:?}"
    );
}

#[test]
fn entries_that_do_not_read_back_are_told_with_their_places_and_the_rest_is_used() {
    let (dir, conn) = journal_of(60);
    let damage = |query: &str| assert_eq!(conn.execute(query, []).unwrap(), 1);
    damage("UPDATE deliveries SET bytes = substr(bytes, 1, length(bytes) - 3) WHERE position = 5");
    damage("UPDATE deliveries SET bytes = x'' WHERE position = 7");
    damage(
        "UPDATE deliveries SET bytes = CAST(substr(bytes, 1, 9) || x'ff' || substr(bytes, 11) AS BLOB) WHERE position = 9",
    );
    damage("INSERT INTO plans (revision, agent, contents, made_at) VALUES (2, 'core', '{', 0)");
    let impossible = journal::after(&conn, 10, 1).unwrap().remove(0);
    let mut delivery = Delivery::decode(&impossible.bytes).unwrap();
    for (position, plan) in [(11, 2), (13, 3)] {
        delivery.batch.plan = PlanRevision(plan);
        let bytes = Delivery::wrap(&delivery.sent, &delivery.batch.seal().unwrap());
        conn.execute("UPDATE deliveries SET bytes = ?1 WHERE position = ?2", params![bytes, position])
            .unwrap();
    }
    judge(dir.path(), second(605));
    let verdict = verify(dir.path()).unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    assert_eq!((verdict.entries, verdict.unread_count), (60, 5));
    let places: Vec<i64> = verdict.unread.iter().map(|unread| unread.position).collect();
    assert_eq!(places, [5, 7, 9, 11, 13]);
    assert!(verdict.unread[3].fault.ends_with("is damaged") && verdict.unread[4].fault.ends_with("is lost"));
}

#[test]
fn a_journal_that_is_no_database_any_more_says_what_to_do() {
    let (dir, conn) = journal_of(3000);
    conn.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    drop(conn);
    judge(dir.path(), second(30_005));
    let path = dir.path().join(JOURNAL_FILE);
    let whole = std::fs::read(&path).unwrap();
    let told = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = verify(dir.path()).unwrap_err();
        std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    };
    let mut pages = whole.clone();
    pages[8192..whole.len() - 4096].fill(0xa5);
    for (what, bytes) in
        [("cut", &whole[..whole.len() / 2]), ("pages", &pages[..]), ("text", b"not a database, by far")]
    {
        let told = told(bytes);
        assert!(told.contains("journal.db") && told.contains(".recover"), "{what}: {told}");
    }
}

#[test]
fn a_folder_without_a_journal_and_one_that_was_never_judged_are_told_apart() {
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(verify(empty.path()), Err(ProofError::NoData(_))));
    assert!(std::fs::read_dir(empty.path()).unwrap().next().is_none(), "nothing was made");
    let (dir, _conn) = journal_of(3);
    assert!(matches!(verify(dir.path()), Err(ProofError::NotJudged)));
}

#[test]
fn what_is_exported_replays_to_what_the_store_says() {
    let (dir, _conn) = journal_of(60);
    let now = second(605);
    judge(dir.path(), now);
    let archive = Archive::open(dir.path()).unwrap();
    let out = dir.path().join("export");
    let moment = archive.judged().unwrap();
    let exported = archive.export(&moment, ALL, &out, &mut |_, _| {}).unwrap();
    assert_eq!((exported.lines, exported.unread), (60, 0));
    let network = Network::parse(&std::fs::read_to_string(&exported.inventories[0].file).unwrap()).unwrap();
    let log = std::fs::read(&exported.log).unwrap();
    let judged = replay::judge(&network, &log[..], now).unwrap();
    let replayed = archive.replay(&moment, &mut |_, _| {}).unwrap();
    for site in &judged.sites {
        assert_eq!(replayed.timelines[&site.id], site.timeline);
    }
    assert_eq!(replayed.incidents.len(), judged.incidents.len());
    assert!(exported.command(now).unwrap().contains("--observations"));
    assert!(archive.verify(ALL, &mut |_, _| {}).unwrap().agrees());
}

#[test]
fn the_digest_is_the_same_whether_it_was_kept_or_not_and_tells_what_was_altered() {
    let (dir, conn) = journal_of(9000);
    let archive = Archive::open(dir.path()).unwrap();
    let before =
        [archive.digest(8000).unwrap(), archive.digest(8192).unwrap(), archive.digest(9000).unwrap()];
    assert_eq!(keep_digests(&conn, 9).unwrap(), 2);
    assert_eq!(keep_digests(&conn, 9).unwrap(), 0);
    let after = [archive.digest(8000).unwrap(), archive.digest(8192).unwrap(), archive.digest(9000).unwrap()];
    assert_eq!(before, after);
    assert_ne!(before[1], before[2]);
    judge(dir.path(), second(90_005));
    assert_eq!(verify(dir.path()).unwrap().blocks, 2);
    conn.execute("UPDATE deliveries SET received_at = received_at + 1 WHERE position = 5000", []).unwrap();
    assert_eq!(verify(dir.path()).unwrap().altered, Some((4097, 8192)));
}
