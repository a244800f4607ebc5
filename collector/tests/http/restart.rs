//! Ends and beginnings: whatever happens to the process, the journal keeps what was acknowledged, and the feed tells
//! each thing once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kentongan_collector::{Collector, Error};
use kentongan_model::time::{Clock, HandClock, Stamp, Timestamp};
use reqwest::StatusCode;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

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

/// A clock that fails the thread that writes the journal, once it is told to.
#[derive(Debug)]
struct Faulty(HandClock, AtomicBool);

impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        let writing = std::thread::current().name() == Some("journal");
        assert!(!(writing && self.1.load(Ordering::Relaxed)), "the test fails the writer");
        self.0.now()
    }
    fn stamp(&self) -> Stamp {
        self.0.stamp()
    }
    fn since_boot(&self) -> Duration {
        self.0.since_boot()
    }
}

#[tokio::test]
async fn a_journal_whose_writer_dies_ends_the_collector_with_an_error() {
    let town = Town::new();
    let agent = town.agent("kec-a");
    let clock = Arc::new(Faulty(town.clock.clone(), AtomicBool::new(false)));
    let collector = Collector::open(town.config(), Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(collector.serve(listener, CancellationToken::new()));
    while town.http.get(format!("{base}/readyz")).send().await.unwrap().status() != StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    clock.1.store(true, Ordering::Relaxed);
    // A plan that is handed out for the first time has to be written.
    let _ = town.http.get(format!("{base}/api/v1/agents/kec-a/plan")).bearer_auth(&agent.token).send().await;
    let ended = serving.await.unwrap().unwrap_err();
    assert_eq!(ended.to_string(), "writing the journal has ended by a fault; the log says why");
}
