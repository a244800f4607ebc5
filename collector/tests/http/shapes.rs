//! What the API's answers look like, and that its description knows every path.

use std::time::Duration;

use serde_json::Value;

use crate::town::{Crew, Town};

/// Every path that the API serves.
const PATHS: [&str; 24] = [
    "/",
    "/api/v1/agents",
    "/api/v1/agents/{agent}/deliveries",
    "/api/v1/agents/{agent}/plan",
    "/api/v1/agents/{agent}/stream",
    "/api/v1/enrol",
    "/api/v1/events",
    "/api/v1/incidents",
    "/api/v1/incidents/{id}",
    "/api/v1/maintenance",
    "/api/v1/maintenance/{id}",
    "/api/v1/network",
    "/api/v1/reports/{month}",
    "/api/v1/sites",
    "/api/v1/sites/{id}",
    "/api/v1/sites/{id}/series",
    "/api/v1/sites/{id}/timeline",
    "/api/v1/uptime",
    "/healthz",
    "/install",
    "/metrics",
    "/openapi.json",
    "/packages/{file}",
    "/readyz",
];

#[tokio::test]
async fn every_resource_has_the_shape_that_was_agreed() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(6, &town, &running, &[]).await;
    running.settled(&town).await;
    crew.ticks(6, &town, &running, &["desa-a/gateway"]).await;
    town.clock.advance(Duration::from_millis(1));
    running.settled(&town).await;
    for (name, path) in [
        ("network", "/api/v1/network"),
        ("sites", "/api/v1/sites?region=33.03.07"),
        ("site", "/api/v1/sites/kec-a"),
        ("timeline", "/api/v1/sites/desa-a/timeline?from=2026-11-01T00:00:00Z"),
        ("series", "/api/v1/sites/desa-a/series?from=2026-11-01T00:00:00Z&step=60"),
        ("incidents", "/api/v1/incidents?open=true"),
        ("uptime_network", "/api/v1/uptime?from=2026-11-01T00:00:00Z&by=network"),
        ("uptime_sites", "/api/v1/uptime?from=2026-11-01T00:01:00Z&to=2026-11-01T00:02:00Z"),
    ] {
        insta::assert_json_snapshot!(name, running.json(&town, path).await);
    }
    let events = running.json(&town, "/api/v1/events").await;
    let opened = events["events"].as_array().unwrap().iter().find(|event| event["type"] == "incident_opened");
    let mut opened = opened.unwrap().clone();
    // When it was judged, and after how many other events, depends on the machine.
    opened["at"] = Value::Null;
    opened["id"] = Value::Null;
    insta::assert_json_snapshot!("event", opened);
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_parameter_is_told_by_its_name() {
    let town = Town::new();
    let running = town.start().await;
    for (path, parameter) in [
        ("/api/v1/sites?kind=village", "kind"),
        ("/api/v1/sites?state=ok", "state"),
        ("/api/v1/sites?colour=red", "colour"),
        ("/api/v1/sites/noc/timeline?from=yesterday", "from"),
        ("/api/v1/sites/noc/timeline?from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z", "from"),
        ("/api/v1/sites/noc/series?step=0", "step"),
        ("/api/v1/sites/noc/series?from=2020-01-01T00:00:00Z", "from"),
        ("/api/v1/incidents?open=maybe", "open"),
        ("/api/v1/uptime?by=moon", "by"),
        ("/api/v1/uptime?from=1970-01-01T00:00:00Z", "from"),
        ("/api/v1/events?after=-1", "after"),
        ("/api/v1/events?wait=61", "wait"),
        ("/api/v1/events?wait=1&wait=2", "wait"),
    ] {
        let response = running.get(&town.http, path).await;
        assert_eq!(response.status(), 400, "{path}");
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["parameter"], parameter, "{path}: {problem}");
    }
    for path in [
        "/api/v1/sites/nowhere",
        "/api/v1/sites/noc/series?target=x",
        "/api/v1/incidents/77",
        "/api/v1/incidents/x",
    ] {
        assert_eq!(running.get(&town.http, path).await.status(), 404, "{path}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_description_knows_every_path_and_every_path_it_knows_is_served() {
    let town = Town::new();
    let running = town.start().await;
    let described = running.json(&town, "/openapi.json").await;
    let paths: Vec<&String> = described["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths, PATHS);
    for (path, item) in described["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let url = format!("{}{}", running.base, path.replace("{agent}", "core").replace("{id}", "1"));
            let method = method.to_uppercase().parse().unwrap();
            let response = town.http.request(method, url).send().await.unwrap();
            let body = response.text().await.unwrap();
            assert!(
                !body.contains("the API has no such path") && !body.contains("problem:method"),
                "{path}: {body}"
            );
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn the_page_for_people_is_html_in_the_language_that_was_asked_for() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(6, &town, &running, &[]).await;
    running.settled(&town).await;
    crew.ticks(6, &town, &running, &["desa-a/gateway"]).await;
    running.settled(&town).await;
    for (path, words) in [
        ("/", ["Kabupaten Uji", "<b>Desa A</b> sejak 07.01 WIB", "putus sejak 07.01", "<b>3</b> Tersambung"]),
        ("/?lang=en", ["Dinkominfo Uji", "<b>Desa A</b> since 07:01 WIB", "down since 07:01", "<b>3</b> Up"]),
    ] {
        let response = running.get(&town.http, path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script"), "{policy}");
        let page = response.text().await.unwrap();
        for word in words {
            assert!(page.contains(word), "{word} is not in {page}");
        }
    }
    assert_eq!(running.get(&town.http, "/?lang=jv").await.status(), 400);
    running.stop().await;
}
