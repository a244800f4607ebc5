//! Maintenance windows by command: who may add them, from when on they count, and what stays of them.

use std::{path::Path, time::Duration};

use kentongan_model::time::Clock as _;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::town::{Crew, INVENTORY, Running, Town, at};

fn token(data: &Path) -> String {
    std::fs::read_to_string(data.join(kentongan_collector::OPERATOR_TOKEN_FILE)).unwrap().trim().to_owned()
}

async fn order(town: &Town, to: &Running, method: Method, path: &str, body: Option<Value>) -> Response {
    let request = town.http.request(method, format!("{}/api/v1/maintenance{path}", to.base));
    let request = request.bearer_auth(token(&town.data()));
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    request.send().await.unwrap()
}

async fn told(response: Response) -> (u16, Value) {
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

async fn under_maintenance(town: &Town, running: &Running, site: &str) -> bool {
    let sites = running.json(town, "/api/v1/sites").await;
    let row = sites["sites"].as_array().unwrap().iter().find(|row| row["id"] == site).cloned();
    row.unwrap()["maintenance"].as_bool().unwrap()
}

/// Waits until a board shows what the shelf has.
async fn until_maintenance_is(town: &Town, running: &Running, site: &str, expected: bool) {
    for _ in 0..1000 {
        if under_maintenance(town, running, site).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{site} under maintenance: never {expected}");
}

#[tokio::test]
async fn a_window_counts_at_once_ends_by_command_and_outlives_a_restart_and_an_edit() {
    let town = Town::new();
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(3, &town, &running, &[]).await;
    running.settled(&town).await;
    assert!(!under_maintenance(&town, &running, "desa-a").await);

    let asked = json!({"site": "kec-a", "for": "2h", "reason": "splicing ulang", "by": "Bu Sri"});
    let (status, window) = told(order(&town, &running, Method::POST, "", Some(asked)).await).await;
    assert_eq!(
        (status, &window["standing"], &window["in_retrospect"]),
        (201, &json!("under_way"), &json!(false))
    );
    assert_eq!(window["added_at"], window["from"]);
    // A village that is reached through it alone, too.
    until_maintenance_is(&town, &running, "desa-a", true).await;

    let ahead = json!({"site": "noc", "from": "2026-11-07T22:00", "to": "2026-11-08T02:00:00+07:00", "reason": "UPS"});
    let (status, first) = told(order(&town, &running, Method::POST, "", Some(ahead.clone())).await).await;
    assert_eq!(
        (status, &first["from"]),
        (201, &json!("2026-11-07T15:00:00.000Z")),
        "in the network's time zone"
    );
    let (status, again) = told(order(&town, &running, Method::POST, "", Some(ahead)).await).await;
    assert_eq!((status, &again["id"]), (200, &first["id"]), "whoever asks twice means once");

    // The site leaves the inventory: its window is kept and told, and counts again when it is back.
    let without = INVENTORY.replace("id = \"desa-b\"", "id = \"desa-c\"");
    let asked = json!({"site": "desa-b", "for": "90m", "reason": "ganti tiang"});
    let (_, gone) = told(order(&town, &running, Method::POST, "", Some(asked)).await).await;
    std::fs::write(town.inventory(), without).unwrap();
    let path = format!("/{}", gone["id"]);
    let mut known = true;
    for _ in 0..500 {
        let all = running.json(&town, "/api/v1/maintenance").await;
        let window =
            all["windows"].as_array().unwrap().iter().find(|it| it["id"] == gone["id"]).cloned().unwrap();
        known = window["site_known"].as_bool().unwrap();
        if !known {
            assert_eq!(window["counts"], Value::Null);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!known, "the edit was never taken over");
    assert!(under_maintenance(&town, &running, "desa-a").await, "an edit of the file loses no window");
    std::fs::write(town.inventory(), INVENTORY).unwrap();
    running.stop().await;

    let running = town.start().await;
    until_maintenance_is(&town, &running, "desa-b", true).await;
    town.clock.advance(Duration::from_secs(60));
    let (status, ended) =
        told(order(&town, &running, Method::DELETE, &format!("{path}?by=Pak+Budi"), None).await).await;
    assert_eq!(
        (status, &ended["standing"], &ended["removed_by"]),
        (200, &json!("ended_early"), &json!("Pak Budi"))
    );
    assert_eq!(ended["counts"]["to"], json!(town.clock.now().to_string()));
    let (status, done) =
        told(order(&town, &running, Method::DELETE, &format!("/{}", first["id"]), None).await).await;
    assert_eq!((status, &done["standing"], &done["counts"]), (200, &json!("withdrawn"), &Value::Null));
    let all = running.json(&town, "/api/v1/maintenance").await;
    assert_eq!(all["windows"].as_array().unwrap().len(), 3, "what was announced stays to be seen");
    running.stop().await;
}

#[tokio::test]
async fn only_the_operator_changes_anything_and_what_cannot_be_is_told_with_what_to_do() {
    let town = Town::new();
    let running = town.start().await;
    let url = format!("{}/api/v1/maintenance", running.base);
    let window = json!({"site": "kec-a", "for": "1h", "reason": "x"}).to_string();
    for token in ["", "wrong", &"0".repeat(64)] {
        let response = town.http.post(&url).bearer_auth(token).body(window.clone()).send().await.unwrap();
        let (status, problem) = told(response).await;
        assert_eq!((status, &problem["type"]), (401, &json!("urn:kentongan:problem:operator")));
    }
    for (body, status, words) in [
        (json!({"site": "kec-b", "for": "1h", "reason": "x"}), 422, "did you mean 'kec-a'?"),
        (
            json!({"site": "kec-a", "from": "2026-11-07T22:00", "to": "2026-11-07T21:00", "reason": "x"}),
            422,
            "not after its beginning",
        ),
        (json!({"site": "kec-a", "for": "2 fortnights", "reason": "x"}), 422, "is not a length such as 2h"),
        (json!({"site": "kec-a", "from": "22:00", "for": "2h", "reason": "x"}), 422, "put the date in front"),
        (json!({"site": "kec-a", "reason": "x"}), 422, "say when it ends"),
        (json!({"site": "kec-a", "for": "1h", "to": "2026-11-07", "reason": "x"}), 422, "say when it ends"),
        (json!({"site": "kec-a", "for": "1h", "reason": " "}), 422, "one line of 1 to 200 characters"),
        (json!({"site": "kec-a", "for": "1h"}), 400, "missing field `reason`"),
        (json!({"site": "kec-a", "for": "1h", "reason": "x", "untl": 1}), 400, "unknown field `untl`"),
        (json!([]), 400, ""),
    ] {
        let (found, problem) = told(order(&town, &running, Method::POST, "", Some(body.clone())).await).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(found == status && detail.contains(words), "{body}: {found} {detail}");
    }
    for id in ["7", "x", "-1"] {
        assert_eq!(order(&town, &running, Method::DELETE, &format!("/{id}"), None).await.status(), 404);
    }
    let all = running.json(&town, "/api/v1/maintenance").await;
    assert_eq!((&all["windows"], &all["timezone"]), (&json!([]), &json!("Asia/Jakarta")));
    assert!(at(all["now"].as_str().unwrap()) <= town.clock.now());
    running.stop().await;
}
