//! Ends and beginnings: whatever happens to the process, the journal keeps what was acknowledged, and the feed tells
//! each thing once.

use std::time::Duration;

use kentongan_collector::{Collector, Error};
use kentongan_model::time::Clock;
use serde_json::Value;

use crate::town::{Crew, Running, Town, feed};

/// What must not depend on how often the collector was killed on the way.
async fn known(town: &Town, running: &Running) -> (Vec<Value>, Value) {
    running.settled(town).await;
    let mut timelines = Vec::new();
    for site in ["noc", "kec-a", "desa-a", "desa-b"] {
        timelines.push(running.json(town, &format!("/api/v1/sites/{site}/timeline")).await);
    }
    (timelines, running.json(town, "/api/v1/incidents").await)
}

#[tokio::test]
async fn a_collector_that_is_killed_goes_on_where_it_was_and_tells_nothing_twice() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let mut running = town.start().await;
    crew.ticks(3, &town, &running, &[]).await;
    running.settled(&town).await;
    running.kill();
    running = town.start().await;
    // What is delivered now is killed before it can be judged.
    crew.ticks(4, &town, &running, &["desa-a/gateway"]).await;
    running.kill();
    running = town.start().await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let told = feed(&town, &running).await;
    let opened: Vec<&String> =
        told.iter().filter(|word| word.contains("desa-a") && !word.contains("unknown")).collect();
    assert_eq!(opened, ["desa-a up→down", "incident_opened 1 desa-a"], "{told:?}");
    let before = known(&town, &running).await;
    for _ in 0..2 {
        running.kill();
        running = town.start().await;
        assert_eq!(known(&town, &running).await, before);
        assert_eq!(feed(&town, &running).await, told);
    }
    running.stop().await;
    running = town.start().await;
    assert_eq!(known(&town, &running).await, before, "ended in order");
    assert_eq!(feed(&town, &running).await, told);
    running.stop().await;
}

#[tokio::test]
async fn a_state_that_is_lost_is_made_again_from_the_journal() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    running.settled(&town).await;
    crew.ticks(5, &town, &running, &["desa-b/gateway"]).await;
    town.clock.advance(Duration::from_millis(1));
    let before = known(&town, &running).await;
    running.stop().await;
    for entry in std::fs::read_dir(town.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("state.db") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let running = town.start().await;
    assert_eq!(known(&town, &running).await, before);
    running.stop().await;
}

#[tokio::test]
async fn while_the_collector_is_away_nobody_at_the_core_observes_and_that_is_kept() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    running.settled(&town).await;
    running.stop().await;
    town.clock.advance(Duration::from_secs(600));
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let noc = running.json(&town, "/api/v1/sites/noc/timeline").await;
    let states: Vec<&str> = noc["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stretch| stretch["state"].as_str().unwrap())
        .collect();
    assert_eq!(states.last(), Some(&"up"));
    assert_eq!(noc["uptime"]["down_s"], 0.0, "a silence of the collector's own is no outage: {noc}");
    running.stop().await;
}

#[tokio::test]
async fn a_second_collector_on_the_same_data_is_refused_with_a_sentence() {
    let town = Town::new();
    let running = town.start().await;
    let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(town.clock.clone());
    let error = Collector::open(town.config(), clock).unwrap_err();
    assert!(matches!(error, Error::Folder(_)));
    let told = error.to_string();
    assert!(
        told.contains("is in use by another kentongan (pid ") && told.ends_with("choose another --data"),
        "{told}"
    );
    running.stop().await;
}
