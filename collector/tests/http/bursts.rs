//! Flapping and faults outside the service hours, from deliveries to the feed: each is told once, wherever the collector
//! is killed on the way.

use std::time::Duration;

use kentongan_collector::Limits;
use serde_json::Value;

use crate::town::{Crew, INVENTORY, Running, Town};

/// The events of a kind that are about a site.
async fn told(town: &Town, running: &Running, kind: &str, site: &str) -> Vec<Value> {
    let page = running.json(town, "/api/v1/events").await;
    let about = |event: &Value| {
        let root = &event["incident"]["root"]["id"];
        event["type"] == kind && (event["site"]["id"] == site || (event["site"].is_null() && root == site))
    };
    page["events"].as_array().unwrap().iter().filter(|event| about(event)).cloned().collect()
}

#[tokio::test]
async fn a_site_that_flaps_is_told_once_though_the_collector_is_killed_in_the_middle_of_the_burst() {
    let town = Town::with_limits(Limits { deliveries_burst: 1000, ..Limits::default() });
    let mut crew = Crew::of(&town);
    let mut running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    for turn in 0..6 {
        crew.ticks(5, &town, &running, &["desa-a/gateway"]).await;
        running.settled(&town).await;
        crew.ticks(4, &town, &running, &[]).await;
        running.settled(&town).await;
        // Killed before it is told, just after, and with all that is derived gone.
        if turn == 2 || turn == 4 {
            running.kill();
            running = town.start().await;
        }
    }
    let flapping = told(&town, &running, "site_flapping", "desa-a").await;
    assert_eq!(flapping.len(), 1, "{flapping:?}");
    let opened = told(&town, &running, "incident_opened", "desa-a").await;
    let called = opened.iter().filter(|event| event["incident"]["flapping"] == false).count();
    assert_eq!((opened.len(), called), (6, 3), "what comes within the burst calls nobody");

    assert!(told(&town, &running, "site_steady", "desa-a").await.is_empty());
    crew.ticks(90, &town, &running, &[]).await;
    running.settled(&town).await;
    running.kill();
    running = town.start().await;
    crew.ticks(100, &town, &running, &[]).await;
    running.settled(&town).await;
    for kind in ["site_flapping", "site_steady"] {
        let events = told(&town, &running, kind, "desa-a").await;
        assert_eq!(events.len(), 1, "{kind}: {events:?}");
    }
    let resolved = told(&town, &running, "incident_resolved", "desa-a").await.len();
    assert_eq!(told(&town, &running, "incident_opened", "desa-a").await.len(), resolved);
    running.stop().await;
}

#[tokio::test]
async fn a_fault_at_night_is_told_once_when_service_begins_and_it_still_lasts() {
    let town = Town::new();
    // The clock of the town stands at 07:00 in Asia/Jakarta: service begins at 07:10.
    let hours = "name = \"Desa A\"\nservice_hours = [\"Mon-Sun 07:10-17:00\"]";
    std::fs::write(town.inventory(), INVENTORY.replace("name = \"Desa A\"", hours)).unwrap();
    let mut crew = Crew::of(&town);
    let mut running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    crew.ticks(20, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    assert!(told(&town, &running, "incident_opened", "desa-a").await.is_empty(), "nobody is called at night");
    let incidents = running.json(&town, "/api/v1/incidents").await;
    assert_eq!(incidents["incidents"][0]["off_hours"], true, "{incidents}");
    running.kill();
    running = town.start().await;
    crew.ticks(40, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    assert_eq!(told(&town, &running, "incident_opened", "desa-a").await.len(), 1);
    running.kill();
    running = town.start().await;
    town.clock.advance(Duration::from_millis(1));
    crew.ticks(5, &town, &running, &[]).await;
    running.settled(&town).await;
    for kind in ["incident_opened", "incident_resolved"] {
        let events = told(&town, &running, kind, "desa-a").await;
        assert_eq!(events.len(), 1, "{kind}: {events:?}");
    }
    running.stop().await;
}
