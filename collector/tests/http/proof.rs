//! The store held against a replay of its own journal, while the collector runs and when it does not.

use std::{sync::Arc, time::Duration};

use kentongan_collector::{
    Collector,
    proof::{Archive, Verdict},
};
use kentongan_model::time::{Clock, Timestamp};
use kentongan_timeline::Span;
use tokio_util::sync::CancellationToken;

use crate::town::{Crew, INVENTORY, Running, Town};

fn verify(town: &Town) -> Verdict {
    let archive = Archive::open(&town.data()).unwrap();
    archive.verify(Span::new(Timestamp::MIN, Timestamp::MAX), &mut |_, _| {}).unwrap()
}

/// Edits the inventory and waits until it is taken over.
async fn edit(town: &Town, running: &Running, text: &str) {
    let before = running.metric(town, "inventory_reloads_total").await;
    std::fs::write(town.inventory(), text).unwrap();
    for _ in 0..1000 {
        if running.metric(town, "inventory_reloads_total").await > before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the inventory was never taken over");
}

#[tokio::test]
async fn a_store_agrees_with_its_journal_while_the_collector_runs_and_after_it_is_judged_anew() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let mut running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    crew.ticks(5, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    let verdict = verify(&town);
    assert!(verdict.agrees(), "{verdict:?}");
    assert!(verdict.intervals > 4 && verdict.inventories == 1, "{verdict:?}");

    // Longer intervals from here on: what was judged before stays as it was.
    edit(&town, &running, &INVENTORY.replace("interval = \"10s\"", "interval = \"12s\"")).await;
    town.clock.advance(Duration::from_secs(1));
    running.settled(&town).await;
    crew.ticks(5, &town, &running, &["kec-a/gateway"]).await;
    crew.ticks(5, &town, &running, &[]).await;
    running.settled(&town).await;
    let verdict = verify(&town);
    assert!(verdict.agrees(), "{verdict:?}");
    running.stop().await;

    // Edited while nothing runs: it applies from the end of the journal on.
    std::fs::write(town.inventory(), INVENTORY).unwrap();
    town.clock.advance(Duration::from_secs(30));
    running = town.start().await;
    crew.ticks(4, &town, &running, &["desa-b/gateway"]).await;
    running.settled(&town).await;
    let timeline = running.json(&town, "/api/v1/sites/desa-a/timeline").await;
    running.stop().await;
    let verdict = verify(&town);
    assert!(verdict.agrees(), "{verdict:?}");
    assert_eq!(verdict.inventories, 3);

    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(town.data().join(name));
    }
    running = town.start().await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    assert!(verify(&town).agrees(), "{:?}", verify(&town));
    let anew = running.json(&town, "/api/v1/sites/desa-a/timeline").await;
    // The page begins and ends where it was asked for: what lies between is what was judged.
    let ended = |timeline: &serde_json::Value| {
        let stretches = timeline["timeline"].as_array().unwrap().clone();
        stretches[1..stretches.len() - 1].to_vec()
    };
    assert_eq!(ended(&anew), ended(&timeline), "an inventory applies where it did");
    running.stop().await;
}

/// What a collector says that cannot be opened or served on this data folder.
async fn refusal(town: &Town) -> String {
    let clock: Arc<dyn Clock> = Arc::new(town.clock.clone());
    let error = match Collector::open(town.config(), clock) {
        Err(error) => error,
        Ok(collector) => {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let served = collector.serve(listener, CancellationToken::new());
            tokio::time::timeout(Duration::from_secs(20), served).await.expect("it runs").unwrap_err()
        }
    };
    std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[tokio::test]
async fn a_collector_on_a_damaged_journal_names_the_file_and_a_way_out() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(60, &town, &running, &[]).await;
    running.settled(&town).await;
    running.stop().await;
    let path = town.data().join("journal.db");
    let whole = std::fs::read(&path).unwrap();
    assert!(!town.data().join("journal.db-wal").exists(), "all of it lies in one file");
    let mut pages = whole.clone();
    pages[4096..].fill(0xa5);
    for (what, bytes) in [("cut in half", &whole[..whole.len() / 2]), ("damaged pages", &pages[..])] {
        std::fs::write(&path, bytes).unwrap();
        let told = refusal(&town).await;
        assert!(
            told.starts_with("journal.db is damaged; stop kentongan, copy the data folder, and mend it with `sqlite3 journal.db .recover"),
            "{what}: {told}"
        );
    }
    std::fs::write(&path, &whole).unwrap();
    town.start().await.stop().await;
}

#[tokio::test]
async fn a_journal_that_is_damaged_under_a_running_collector_is_named_to_whoever_delivers() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(60, &town, &running, &[]).await;
    running.settled(&town).await;
    let conn = rusqlite::Connection::open(town.data().join("journal.db")).unwrap();
    conn.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
    drop(conn);
    let path = town.data().join("journal.db");
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0xa5; usize::try_from(length).unwrap()], 0)
        .unwrap();
    let batch = crew.core.batch(&[("noc/gateway", true)]);
    let response = crew.core.send(&running, &batch).await;
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert!(status.is_server_error(), "{status}: {text}");
    assert!(text.contains("journal.db is damaged"), "{text}");
    running.kill();
}
