//! Enrolment over HTTP: a code is exchanged for the right to deliver, once; and what the one command fetches.

use std::time::Duration;

use kentongan_collector::Limits;
use kentongan_model::{enrolment::EnrolmentCode, id::Vantage};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::town::{Running, Town};

const HOUR: Duration = Duration::from_secs(3_600);

fn code(town: &Town) -> EnrolmentCode {
    let vantage: Vantage = "kec-a".parse().unwrap();
    kentongan_collector::give_out_code(&town.data(), &vantage, HOUR, &town.clock).unwrap().code
}

async fn enrol(town: &Town, at: &Running, code: &str, token: &str) -> (u16, Value) {
    let digest: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let body = json!({"code": code, "token_sha256": digest}).to_string();
    let request = town.http.post(format!("{}/api/v1/enrol", at.base)).body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

async fn plan(town: &Town, at: &Running, token: &str) -> u16 {
    let request = town.http.get(format!("{}/api/v1/agents/kec-a/plan", at.base)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_code_opens_once_for_the_token_of_whoever_used_it_first() {
    let town = Town::new();
    let running = town.start().await;
    let before = town.agent("kec-a");
    let code = code(&town).to_string();
    assert_eq!(plan(&town, &running, &before.token).await, 200, "a code alone changes nothing");
    // As somebody types it who was told over the telephone.
    let typed = code.to_lowercase().replace('-', " ");
    assert_eq!(enrol(&town, &running, &typed, "satu").await, (200, json!({"agent": "kec-a"})));
    assert_eq!(plan(&town, &running, "satu").await, 200);
    assert_eq!(plan(&town, &running, &before.token).await, 401, "the router that was there is relieved");
    // Its answer was lost.
    assert_eq!(enrol(&town, &running, &code, "satu").await.0, 200);
    let (status, problem) = enrol(&town, &running, &code, "dua").await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:kentongan:problem:code-used")));
    assert!(problem["detail"].as_str().unwrap().contains("kentongan agent add"), "{problem}");
    assert_eq!(plan(&town, &running, "dua").await, 401);
    running.stop().await;
}

#[tokio::test]
async fn codes_that_have_run_out_or_are_nobodys_are_told_apart_and_trying_is_limited() {
    let town = Town::with_limits(Limits { enrolments_per_minute: 4, ..Limits::default() });
    let running = town.start().await;
    let code = code(&town).to_string();
    town.clock.advance(HOUR);
    let kind = |(status, problem): (u16, Value)| (status, problem["type"].as_str().unwrap().to_owned());
    let problem = |name: &str| format!("urn:kentongan:problem:{name}");
    let expired = enrol(&town, &running, &code, "satu").await;
    assert_eq!(kind(expired), (410, problem("code-expired")));
    let nobodys = EnrolmentCode::from_random([0; 12]).to_string();
    assert_eq!(kind(enrol(&town, &running, &nobodys, "satu").await), (404, problem("code-unknown")));
    let miscopied =
        if code.starts_with('7') { code.replacen('7', "8", 1) } else { format!("7{}", &code[1..]) };
    let (status, told) = enrol(&town, &running, &miscopied, "satu").await;
    assert_eq!(status, 400);
    assert!(told["detail"].as_str().unwrap().contains("copy it again"), "{told}");
    enrol(&town, &running, &nobodys, "satu").await;
    assert_eq!(kind(enrol(&town, &running, &nobodys, "satu").await), (429, problem("too-many-tries")));
    let counted = running.get(&town.http, "/metrics").await.text().await.unwrap();
    assert!(counted.contains("kentongan_enrolments_total{outcome=\"refused\"} 3\n"), "{counted}");
    running.stop().await;
}

#[tokio::test]
async fn packages_are_served_by_their_plain_names_from_one_folder() {
    let town = Town::new();
    let folder = town.config().packages;
    std::fs::create_dir_all(folder.join("inner")).unwrap();
    let package: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(folder.join("kentongan-agent_0.1.0_x86_64.ipk"), &package).unwrap();
    std::fs::write(folder.join(".hidden"), "x").unwrap();
    std::fs::write(folder.join("inner/file"), "x").unwrap();
    std::os::unix::fs::symlink(town.inventory(), folder.join("link")).unwrap();
    let running = town.start().await;
    let got = running.get(&town.http, "/packages/kentongan-agent_0.1.0_x86_64.ipk").await;
    assert_eq!(got.content_length(), Some(300_000));
    assert_eq!(got.bytes().await.unwrap(), package);
    for path in
        ["none", ".hidden", "link", "inner", "%2e%2e%2fhotspots.toml", "inner%2ffile", "%00", "", "a%20b"]
    {
        let answer = running.get(&town.http, &format!("/packages/{path}")).await;
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    let script = running.get(&town.http, "/install").await.text().await.unwrap();
    assert!(script.starts_with("#!/bin/sh\n") && script.ends_with("main \"$@\" </dev/null\n"));
    running.stop().await;
}
