//! From deliveries to states, incidents and the feed.

use std::time::Duration;

use kentongan_collector::Limits;
use reqwest::StatusCode;

use crate::town::{Crew, Town, feed};

#[tokio::test]
async fn a_village_that_falls_is_told_once_and_once_when_it_is_back() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    running.settled(&town).await;
    let sites = running.json(&town, "/api/v1/sites").await;
    for site in sites["sites"].as_array().unwrap() {
        assert_eq!(site["state"], "up", "{site}");
        assert_eq!(site["uptime_24h_pct"], 100.0);
        assert_eq!((&site["rtt_ms"], &site["loss_pct"]), (&1.2.into(), &0.0.into()));
    }
    let before = feed(&town, &running).await;
    assert_eq!(before.len(), 4, "{before:?}");

    crew.ticks(4, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    crew.ticks(3, &town, &running, &[]).await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let told = feed(&town, &running).await;
    assert_eq!(
        told[4..],
        ["desa-a up→down", "incident_opened 1 desa-a", "desa-a down→up", "incident_resolved 1 desa-a"]
    );
    let incident = running.json(&town, "/api/v1/incidents/1").await;
    assert_eq!(incident["started_at"], "2026-11-01T00:00:50.000Z");
    assert_eq!(incident["ended_at"], "2026-11-01T00:01:30.000Z");
    running.stop().await;
}

#[tokio::test]
async fn a_kecamatan_that_is_cut_off_is_one_incident_with_its_villages() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    running.settled(&town).await;
    crew.ticks(8, &town, &running, &["kec-a/gateway"]).await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let told = feed(&town, &running).await;
    let opened: Vec<&String> = told.iter().filter(|word| word.starts_with("incident_opened")).collect();
    assert_eq!(opened, ["incident_opened 1 kec-a"], "{told:?}");
    let incident = running.json(&town, "/api/v1/incidents/1").await;
    let affected: Vec<&str> =
        incident["affected"].as_array().unwrap().iter().map(|site| site["id"].as_str().unwrap()).collect();
    assert_eq!(affected, ["desa-a", "desa-b"]);
    let desa = running.json(&town, "/api/v1/sites/desa-a").await;
    assert_eq!((&desa["state"], &desa["roots"][0]), (&"unreachable".into(), &"kec-a".into()));
    let groups = running.json(&town, "/api/v1/uptime?by=kind").await;
    assert_eq!(groups["groups"]["kind:desa"]["sites"], 2);
    running.stop().await;
}

#[tokio::test]
async fn who_waits_for_events_is_answered_when_one_is_written_and_when_the_collector_stops() {
    let town = Town::with_limits(Limits { long_polls: 1, ..Limits::default() });
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    let waiting = {
        let (http, url) = (town.http.clone(), format!("{}/api/v1/events?after=0&wait=60", running.base));
        tokio::spawn(
            async move { http.get(url).send().await.unwrap().json::<serde_json::Value>().await.unwrap() },
        )
    };
    while running.metric(&town, "long_polls").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = running.get(&town.http, "/api/v1/events?after=0&wait=60").await;
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE, "more wait than may");
    assert!(second.headers().contains_key("retry-after"));
    crew.ticks(3, &town, &running, &[]).await;
    town.clock.advance(Duration::from_millis(1));
    let page = waiting.await.unwrap();
    assert_eq!(page["events"][0]["id"], 1);
    let next = page["next"].as_i64().unwrap();
    assert!(next >= 1);

    running.settled(&town).await;
    let (http, url) = (town.http.clone(), format!("{}/api/v1/events?after=999&wait=60", running.base));
    let idle = tokio::spawn(async move { http.get(url).send().await.unwrap().status() });
    while running.metric(&town, "long_polls").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await;
    assert_eq!(idle.await.unwrap(), StatusCode::OK, "the stop cut a long poll off instead of answering it");
}

#[tokio::test]
async fn an_edited_inventory_is_taken_over_and_a_bad_edit_changes_nothing() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(3, &town, &running, &[]).await;
    let text = std::fs::read_to_string(town.inventory()).unwrap();
    std::fs::write(town.inventory(), format!("{text}\n[[site]]\nid = 'desa-a'\n")).unwrap();
    let fault = async |wanted: bool| {
        for _ in 0..800 {
            let ready = running.json(&town, "/readyz").await;
            if ready["inventory_fault"].is_string() == wanted {
                return ready;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the inventory's fault was never told or never mended");
    };
    assert_eq!(fault(true).await["ready"], true);
    assert_eq!(running.metric(&town, "inventory_faulty").await, 1.0);
    running.settled(&town).await;
    assert_eq!(running.json(&town, "/api/v1/network").await["sites"], 4);

    let more = "\n[[site]]\nid = 'desa-c'\nname = 'Desa C'\nkind = 'desa'\nupstream = ['kec-a']\naddress = '10.0.1.4'\n";
    std::fs::write(town.inventory(), format!("{text}{more}")).unwrap();
    fault(false).await;
    assert_eq!(running.metric(&town, "inventory_reloads_total").await, 1.0);
    let old = crew.kec.plan.as_ref().unwrap().0;
    let batch = crew.kec.batch(&[("desa-a/gateway", true)]);
    let response = crew.kec.send(&running, &batch).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "a batch by the old plan is still understood");
    assert_ne!(response.headers()["kentongan-plan"], old.to_string());
    crew.kec.fetch_plan(&running).await;
    crew.ticks(3, &town, &running, &[]).await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    let new = running.json(&town, "/api/v1/sites/desa-c").await;
    assert_eq!(new["state"], "up");
    running.stop().await;
}

#[tokio::test]
async fn while_planned_work_goes_on_its_seconds_grow_and_those_of_up_stand_still() {
    let town = Town::new();
    let text = std::fs::read_to_string(town.inventory()).unwrap();
    let window =
        "\n[[maintenance]]\nsite = 'kec-a'\nfrom = 2026-11-01T00:00:30Z\nto = 2026-11-01T09:00:00Z\n";
    std::fs::write(town.inventory(), format!("{text}{window}")).unwrap();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(6, &town, &running, &[]).await;
    let ask = async || {
        running.settled(&town).await;
        let path = "/api/v1/sites/desa-a/timeline?from=2026-11-01T00:00:00Z";
        let told = running.json(&town, path).await;
        let seconds = |state: &str| told["uptime"][state].as_f64().unwrap();
        (seconds("maintenance_s"), seconds("up_s"))
    };
    town.clock.advance(Duration::from_secs(1));
    let (maintained, up) = ask().await;
    for later in 1..=3 {
        town.clock.advance(Duration::from_secs(2));
        assert_eq!(ask().await, (maintained + f64::from(2 * later), up));
    }
    let desa = running.json(&town, "/api/v1/sites/desa-a").await;
    assert_eq!(desa["maintenance"], true);
    running.stop().await;
}

#[tokio::test]
async fn who_hangs_up_waits_for_events_no_longer() {
    let town = Town::new();
    let running = town.start().await;
    let waits = async |wanted: f64| {
        for _ in 0..800 {
            if running.metric(&town, "long_polls").await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("there were never {wanted} long polls");
    };
    let (http, url) = (town.http.clone(), format!("{}/api/v1/events?after=0&wait=60", running.base));
    let waiting = tokio::spawn(async move { http.get(url).send().await });
    waits(1.0).await;
    waiting.abort();
    waits(0.0).await;
    running.stop().await;
}

#[tokio::test]
async fn what_the_live_timeline_leaves_out_is_counted() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(3, &town, &running, &[]).await;
    running.settled(&town).await;
    let text = std::fs::read_to_string(town.inventory()).unwrap();
    let without = text.split("[[site]]\nid = \"desa-b\"").next().unwrap().to_owned();
    std::fs::write(town.inventory(), without).unwrap();
    while running.metric(&town, "inventory_reloads_total").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let unknown = "observations_left_out_total{reason=\"unknown\"}";
    assert_eq!(running.metric(&town, unknown).await, 0.0);
    town.clock.advance(Duration::from_secs(10));
    crew.kec.deliver(&running, &[("desa-b/gateway", true)]).await;
    running.settled(&town).await;
    assert_eq!(running.metric(&town, unknown).await, 1.0);
    running.stop().await;
}
