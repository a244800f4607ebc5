//! Deliveries over real HTTP: who may deliver, what is taken, what is refused and how.

use std::{sync::Arc, time::Duration};

use kentongan_collector::Limits;
use kentongan_model::{
    plan::PlanRevision,
    time::{BootId, Clock, Stamp, Timestamp},
    wire::Delivery,
};
use reqwest::StatusCode;
use serde_json::Value;

use crate::town::Town;

async fn problem(response: reqwest::Response) -> (StatusCode, String) {
    let status = response.status();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    (status, body["type"].as_str().unwrap().trim_start_matches("urn:kentongan:problem:").to_owned())
}

#[tokio::test]
async fn only_an_agent_with_its_own_token_is_let_in() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let core = town.agent("core");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let url = format!("{}/api/v1/agents/kec-a/plan", running.base);
    for (name, token) in [("kec-a", core.token.as_str()), ("kec-a", ""), ("noc", &agent.token), ("NO!", "x")]
    {
        let url = url.replace("kec-a", name);
        let response = town.http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        assert_eq!(problem(response).await, (StatusCode::UNAUTHORIZED, "unknown-agent".to_owned()));
    }
    let bare = town.http.get(&url).send().await.unwrap();
    assert_eq!(problem(bare).await.0, StatusCode::UNAUTHORIZED);
    let batch = agent.batch(&[]);
    agent.token = town.agent("kec-a").token;
    assert_eq!(
        agent.send(&running, &batch).await.status(),
        StatusCode::NO_CONTENT,
        "a new token counts at once"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_plan_that_still_holds_is_not_sent_again() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let revision = agent.plan.as_ref().unwrap().0;
    let url = format!("{}/api/v1/agents/kec-a/plan", running.base);
    let ask = |tag: String| town.http.get(&url).bearer_auth(&agent.token).header("if-none-match", tag).send();
    let same = ask(format!("\"{revision}\"")).await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()["etag"], format!("\"{revision}\""));
    assert_eq!(ask("\"0\"".to_owned()).await.unwrap().status(), StatusCode::OK);
    let batch = agent.batch(&[]);
    let response = agent.send(&running, &batch).await;
    assert_eq!(response.headers()["kentongan-plan"], revision.to_string());
    running.stop().await;
}

#[tokio::test]
async fn the_same_batch_again_changes_nothing_and_other_bytes_under_its_name_are_refused() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    let batch = agent.deliver(&running, &[("kec-a/gateway", true)]).await;
    town.clock.advance(Duration::from_secs(3));
    for _ in 0..3 {
        assert_eq!(agent.send(&running, &batch).await.status(), StatusCode::NO_CONTENT);
    }
    let mut other = batch.clone();
    other.rounds[0].sent = 4;
    other.rounds[0].rtts_us.pop();
    assert_eq!(
        problem(agent.send(&running, &other).await).await,
        (StatusCode::CONFLICT, "conflict".to_owned())
    );
    let network = running.json(&town, "/api/v1/network").await;
    assert_eq!(network["journal"], 1);
    running.stop().await;
}

#[tokio::test]
async fn what_can_never_be_taken_is_refused_for_good() {
    let town = Town::with_limits(Limits { body_bytes: 2000, ..Limits::default() });
    let mut agent = town.agent("kec-a");
    let mut core = town.agent("core");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    core.fetch_plan(&running).await;

    let good = Delivery::wrap(&agent.stamp(), &agent.batch(&[("kec-a/gateway", true)]).seal().unwrap());
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bytes in [Vec::new(), b"hello".to_vec(), damaged, good[..good.len() - 1].to_vec()] {
        let answer = problem(agent.send_bytes(&running, bytes).await).await;
        assert_eq!(answer, (StatusCode::BAD_REQUEST, "malformed".to_owned()));
    }
    let answer = problem(agent.send_bytes(&running, vec![0; 2001]).await).await;
    assert_eq!(answer, (StatusCode::PAYLOAD_TOO_LARGE, "too-large".to_owned()));

    let unfit = (StatusCode::UNPROCESSABLE_ENTITY, "unfit".to_owned());
    let mut unknown = agent.batch(&[]);
    unknown.plan = PlanRevision(4711);
    let refused = agent.send(&running, &unknown).await;
    let current = agent.plan.as_ref().unwrap().0.to_string();
    assert_eq!(refused.headers()["kentongan-plan"], current, "the next batch can be of the right plan");
    assert_eq!(problem(refused).await, unfit);
    let mut beyond = agent.batch(&[("kec-a/gateway", true)]);
    beyond.rounds[0].target = 900;
    assert_eq!(problem(agent.send(&running, &beyond).await).await, unfit);
    let mut foreign = core.batch(&[]);
    assert_eq!(problem(agent.send(&running, &foreign).await).await, unfit, "another agent's batch");
    foreign.agent = agent.vantage.clone();
    assert_eq!(problem(agent.send(&running, &foreign).await).await, unfit, "another agent's plan");

    assert_eq!(agent.send_bytes(&running, good).await.status(), StatusCode::NO_CONTENT);
    let counted = running.get(&town.http, "/metrics").await.text().await.unwrap();
    for line in ["reason=\"malformed\"} 4", "reason=\"too-large\"} 1", "reason=\"unfit\"} 4"] {
        assert!(
            counted.contains(&format!("kentongan_http_refused_total{{{line}")),
            "{line} is not in\n{counted}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn an_agent_that_delivers_too_often_is_told_when_to_come_back_and_holds_up_nobody_else() {
    let limits = Limits { deliveries_burst: 3, deliveries_per_second: 1, ..Limits::default() };
    let town = Town::with_limits(limits);
    let (mut mad, mut calm) = (town.agent("kec-a"), town.agent("core"));
    let running = town.start().await;
    mad.fetch_plan(&running).await;
    let mut refused = 0;
    for _ in 0..8 {
        let batch = mad.batch(&[]);
        let response = mad.send(&running, &batch).await;
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
            refused += 1;
        }
    }
    assert!(refused >= 3, "{refused} of 8 were refused");
    calm.deliver(&running, &[]).await;
    running.stop().await;
}

#[tokio::test]
async fn deliveries_that_come_together_share_a_transaction_and_each_is_on_disk_when_it_is_answered() {
    let town = Town::with_limits(Limits { deliveries_burst: 1000, ..Limits::default() });
    let mut agent = town.agent("kec-a");
    let running = Arc::new(town.start().await);
    agent.fetch_plan(&running).await;
    let batches: Vec<_> = (0..300).map(|_| agent.batch(&[("kec-a/gateway", true)])).collect();
    let agent = Arc::new(agent);
    let sends = batches.into_iter().map(|batch| {
        let (agent, running) = (Arc::clone(&agent), Arc::clone(&running));
        async move { agent.send(&running, &batch).await.status() }
    });
    let answers = futures_util::future::join_all(sends).await;
    assert!(answers.iter().all(|status| *status == StatusCode::NO_CONTENT));
    let commits = running.metric(&town, "journal_commits_total").await;
    assert!(commits < 290.0, "{commits} transactions for 300 deliveries");
    let copy = tempfile::tempdir().unwrap();
    town.copy_data_to(copy.path());
    let conn = rusqlite::Connection::open(copy.path().join("journal.db")).unwrap();
    let kept: i64 = conn.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 300);
}

#[tokio::test]
async fn what_the_api_does_not_know_is_a_problem_too() {
    let town = Town::new();
    let running = town.start().await;
    let missing = running.get(&town.http, "/api/v1/nothing").await;
    assert_eq!(problem(missing).await, (StatusCode::NOT_FOUND, "not-found".to_owned()));
    let method = town.http.delete(format!("{}/api/v1/events", running.base)).send().await.unwrap();
    assert_eq!(problem(method).await, (StatusCode::METHOD_NOT_ALLOWED, "method".to_owned()));
    for path in ["sites/%FF", "sites/%FF/timeline", "incidents/%FF", "agents/%FF/plan"] {
        let unreadable = running.get(&town.http, &format!("/api/v1/{path}")).await;
        assert_eq!(problem(unreadable).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    let url = format!("{}/api/v1/agents/%FF/deliveries", running.base);
    let unreadable = town.http.post(url).send().await.unwrap();
    assert_eq!(problem(unreadable).await.0, StatusCode::BAD_REQUEST);
    let unknown = running.get(&town.http, "/api/v1/events?aftr=1").await;
    assert_eq!(problem(unknown).await, (StatusCode::BAD_REQUEST, "parameter".to_owned()));
    running.stop().await;
}

#[tokio::test]
async fn a_journal_begun_anew_takes_batches_of_a_plan_that_the_inventory_still_says() {
    let (town, other) = (Town::new(), Town::new());
    let (mut agent, elsewhere) = (town.agent("kec-a"), other.agent("kec-a"));
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    running.stop().await;
    agent.token = elsewhere.token;
    let fresh = other.start().await;
    agent.deliver(&fresh, &[("kec-a/gateway", true)]).await;
    fresh.stop().await;
}

#[tokio::test]
async fn an_agent_that_never_knew_the_time_is_asked_once_to_come_again_and_is_placed_by_its_time_since_boot()
{
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let batch = agent.batch(&[("desa-a/gateway", true)]);
    let measured = town.clock.now();
    let wrapped = || {
        let sent = Stamp { wall: Timestamp::default() + Duration::from_secs(77), ..agent.stamp() };
        Delivery::wrap(&sent, &batch.seal().unwrap())
    };
    let first = agent.send_bytes(&running, wrapped()).await;
    assert_eq!(first.headers()["retry-after"], "1");
    assert_eq!(problem(first).await, (StatusCode::SERVICE_UNAVAILABLE, "unknown-clock".to_owned()));
    town.clock.advance(Duration::from_secs(1));
    assert_eq!(agent.send_bytes(&running, wrapped()).await.status(), StatusCode::NO_CONTENT);

    // A batch of a boot that nobody heard of is kept, and counts for nothing.
    let mut unknown = agent.batch(&[("desa-a/gateway", true), ("desa-b/gateway", true)]);
    unknown.sealed.boot = BootId(4711);
    assert_eq!(agent.send(&running, &unknown).await.status(), StatusCode::NO_CONTENT);
    let metrics = running.get(&town.http, "/metrics").await.text().await.unwrap();
    assert!(metrics.contains("kentongan_untrusted_rounds_total{agent=\"kec-a\"} 2"), "{metrics}");
    running.stop().await;

    let journal = rusqlite::Connection::open(town.data().join("journal.db")).unwrap();
    let mut rows = journal.prepare("SELECT trusted, first_at FROM deliveries ORDER BY position").unwrap();
    let rows: Vec<(bool, Option<i64>)> =
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows, [(true, Some(measured.as_millis())), (false, None)]);
}
