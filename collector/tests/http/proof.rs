//! The store held against a replay of its own journal, while the collector runs and when it does not.

use std::time::Duration;

use kentongan_collector::proof::{Archive, Verdict};
use kentongan_model::time::Timestamp;
use kentongan_timeline::Span;

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
