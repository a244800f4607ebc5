//! Deliveries over streams: taken, refused, limited and counted as what is posted, and answered in fewer bytes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use kentongan_collector::Limits;
use kentongan_model::{
    answer::{Answer, Answers},
    plan::PlanRevision,
    wire::{Batch, Delivery},
};
use reqwest::StatusCode;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::frame::coding::CloseCode},
};

use crate::town::{Agent, Running, Town};

const AT_ONCE: u8 = 0;
const MAY_WAIT: u8 = 1;

/// A stream as an agent has it.
struct Line(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Line {
    async fn open(agent: &Agent, to: &Running) -> Result<Line, StatusCode> {
        let url = format!("{}/api/v1/agents/{}/stream", to.base.replace("http:", "ws:"), agent.vantage);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", agent.token).parse().unwrap());
        headers.insert("user-agent", "kentongan-agent/9.9.9".parse().unwrap());
        headers.insert("sec-websocket-protocol", "kentongan.1".parse().unwrap());
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Line(socket)),
            Err(Error::Http(response)) => Err(StatusCode::from_u16(response.status().as_u16()).unwrap()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn send(&mut self, order: u8, delivery: &[u8]) {
        let message: Vec<u8> = [&[order], delivery].concat();
        self.0.send(Message::Binary(message.into())).await.unwrap();
    }

    async fn answers(&mut self) -> Answers {
        match self.next().await {
            Message::Binary(message) => Answers::decode(&message).unwrap(),
            other => panic!("{other:?} is no answer"),
        }
    }

    async fn refusal(&mut self) -> Answer {
        match self.answers().await {
            Answers::InFull(answer) => answer,
            taken @ Answers::Taken(_) => panic!("{taken:?}"),
        }
    }

    async fn close_code(&mut self) -> u16 {
        match self.next().await {
            Message::Close(Some(close)) => close.code.into(),
            other => panic!("{other:?} is no end"),
        }
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(Duration::from_secs(20), self.0.next());
        next.await.expect("nothing came").expect("it has ended").unwrap()
    }
}

fn whole(agent: &Agent, batch: &Batch) -> Vec<u8> {
    Delivery::wrap(&agent.stamp(), &batch.seal().unwrap())
}

fn leaning(agent: &Agent, batch: &Batch, base: &Batch) -> Vec<u8> {
    Delivery::wrap_on(&agent.stamp(), batch, base).unwrap()
}

async fn filed(town: &Town, running: &Running) -> f64 {
    let metrics = running.get(&town.http, "/metrics").await.text().await.unwrap();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("kentongan_deliveries_total{outcome=\"accepted\"} "));
    line.map_or(0.0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn what_comes_over_a_stream_leaning_or_not_is_the_same_batch_as_when_it_is_posted() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    let batches: Vec<Batch> =
        (0..3).map(|_| agent.batch(&[("kec-a/gateway", true), ("desa-a/gateway", true)])).collect();
    let first = whole(&agent, &batches[0]);
    line.send(AT_ONCE, &first).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    for pair in batches.windows(2) {
        let delivery = leaning(&agent, &pair[1], &pair[0]);
        assert!(delivery.len() * 2 < first.len(), "{} bytes leaning, {} alone", delivery.len(), first.len());
        for _ in 0..2 {
            line.send(AT_ONCE, &delivery).await;
            assert_eq!(line.answers().await, Answers::Taken(1), "also when it comes again");
        }
    }
    for batch in &batches {
        assert_eq!(agent.send(&running, batch).await.status(), StatusCode::NO_CONTENT, "posted, it is known");
    }
    assert!((filed(&town, &running).await - 3.0).abs() < 0.1);
    running.stop().await;
    let journal = rusqlite::Connection::open(town.data().join("journal.db")).unwrap();
    let mut rows = journal.prepare("SELECT bytes FROM deliveries ORDER BY position").unwrap();
    let kept: Vec<Vec<u8>> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let kept: Vec<Batch> = kept.iter().map(|bytes| Delivery::decode(bytes).unwrap().batch).collect();
    assert_eq!(kept, batches, "each stands alone in the journal");
}

#[tokio::test]
async fn a_batch_that_leans_on_what_did_not_come_over_this_stream_is_asked_for_whole() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let base = agent.deliver(&running, &[("kec-a/gateway", true)]).await;
    let batch = agent.batch(&[("kec-a/gateway", true)]);
    let mut line = Line::open(&agent, &running).await.unwrap();
    line.send(AT_ONCE, &leaning(&agent, &batch, &base)).await;
    assert_eq!(line.refusal().await.status, 424);
    line.send(AT_ONCE, &whole(&agent, &batch)).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    // The tag fits, the batch does not.
    let wrong = Batch { rounds: Vec::new(), ..batch.clone() };
    let next = agent.batch(&[("kec-a/gateway", false)]);
    line.send(AT_ONCE, &leaning(&agent, &next, &wrong)).await;
    assert_eq!(line.refusal().await.status, 424);
    line.send(AT_ONCE, &leaning(&agent, &next, &batch)).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    let posted = agent.send_bytes(&running, leaning(&agent, &next, &batch)).await;
    assert_eq!(posted.status(), StatusCode::FAILED_DEPENDENCY);
    running.stop().await;
}

#[tokio::test]
async fn answers_that_may_wait_come_together_and_whatever_is_amiss_is_told_at_once() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    for order in [MAY_WAIT, MAY_WAIT, AT_ONCE] {
        let batch = agent.batch(&[("kec-a/gateway", true)]);
        line.send(order, &whole(&agent, &batch)).await;
    }
    assert_eq!(line.answers().await, Answers::Taken(3));
    let good = agent.batch(&[("kec-a/gateway", true)]);
    line.send(MAY_WAIT, &whole(&agent, &good)).await;
    let mut unfit = agent.batch(&[]);
    unfit.plan = PlanRevision(4711);
    line.send(MAY_WAIT, &whole(&agent, &unfit)).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    let refused = line.refusal().await;
    assert_eq!((refused.status, refused.plan), (422, Some(agent.plan.as_ref().unwrap().0)));
    assert!(refused.said.contains("never handed out"), "{}", refused.said);
    line.send(MAY_WAIT, b"").await;
    assert_eq!(line.refusal().await.status, 400);
    let metrics = running.get(&town.http, "/metrics").await.text().await.unwrap();
    for counted in ["reason=\"unfit\"} 1", "reason=\"malformed\"} 1", "kentongan_streams 1"] {
        assert!(metrics.contains(counted), "{counted} is not in\n{metrics}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_stream_is_opened_by_the_token_alone_and_ends_when_the_token_is_void() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    let batch = agent.batch(&[("kec-a/gateway", true)]);
    let renewed = town.agent("kec-a");
    assert_eq!(Line::open(&agent, &running).await.err(), Some(StatusCode::UNAUTHORIZED));
    line.send(AT_ONCE, &whole(&agent, &batch)).await;
    assert_eq!(line.refusal().await.status, 401);
    assert_eq!(line.close_code().await, u16::from(CloseCode::Policy));
    let mut line = Line::open(&renewed, &running).await.unwrap();
    line.send(AT_ONCE, &whole(&agent, &batch)).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    let plain = running.get(&town.http, "/api/v1/agents/kec-a/stream").await;
    assert_eq!(plain.status(), StatusCode::UNAUTHORIZED);
    let url = format!("{}/api/v1/agents/kec-a/stream", running.base);
    let plain = town.http.get(url).bearer_auth(&renewed.token).send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    running.stop().await;
}

#[tokio::test]
async fn a_stream_has_the_limits_of_what_is_posted() {
    let limits =
        Limits { deliveries_burst: 3, deliveries_per_second: 1, body_bytes: 20_000, ..Limits::default() };
    let town = Town::with_limits(Limits { streams: 1, ..limits });
    let (mut agent, core) = (town.agent("kec-a"), town.agent("core"));
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    assert_eq!(Line::open(&core, &running).await.err(), Some(StatusCode::SERVICE_UNAVAILABLE));
    line.send(AT_ONCE, &[0; 30_000]).await;
    assert_eq!(line.refusal().await.status, 413);
    let mut refused = 0;
    for _ in 0..6 {
        let batch = agent.batch(&[]);
        line.send(AT_ONCE, &whole(&agent, &batch)).await;
        if let Answers::InFull(Answer { status: 429, retry_after_s: Some(1..), .. }) = line.answers().await {
            refused += 1;
        }
    }
    assert!(refused >= 2, "{refused} of 6 were refused");
    line.send(AT_ONCE, &[0; 50_000]).await;
    assert_eq!(line.close_code().await, u16::from(CloseCode::Size));
    let mut older = Line::open(&agent, &running).await.unwrap();
    let _newer = Line::open(&agent, &running).await.unwrap();
    assert_eq!(older.close_code().await, u16::from(CloseCode::Normal));
    running.stop().await;
}

#[tokio::test]
async fn a_collector_that_stops_says_what_it_owes_and_closes_its_streams() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    for _ in 0..2 {
        let batch = agent.batch(&[("kec-a/gateway", true)]);
        line.send(MAY_WAIT, &whole(&agent, &batch)).await;
    }
    while filed(&town, &running).await < 2.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stopping = tokio::spawn(running.stop());
    assert_eq!(line.answers().await, Answers::Taken(2));
    assert_eq!(line.close_code().await, u16::from(CloseCode::Away));
    stopping.await.unwrap();
}

#[tokio::test]
async fn the_roster_tells_what_an_agents_link_has_carried_in_the_month() {
    let town = Town::new();
    let mut agent = town.agent("kec-a");
    let running = town.start().await;
    agent.fetch_plan(&running).await;
    let mut line = Line::open(&agent, &running).await.unwrap();
    let mut carried = 0;
    for _ in 0..2 {
        let batch = agent.batch(&[("kec-a/gateway", true)]);
        let delivery = whole(&agent, &batch);
        carried += delivery.len() as u64 + 1;
        line.send(AT_ONCE, &delivery).await;
        assert_eq!(line.answers().await, Answers::Taken(1));
    }
    let roster = running.json(&town, "/api/v1/agents").await;
    let rows = roster["agents"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["agent"].as_str().unwrap()).collect::<Vec<_>>(), ["core", "kec-a"]);
    assert_eq!((&rows[0]["admitted"], &rows[0]["seen_at"]), (&false.into(), &serde_json::Value::Null));
    let row = &rows[1];
    assert_eq!((row["version"].as_str(), row["streaming"].as_bool()), (Some("9.9.9"), Some(true)));
    let month = &row["this_month"];
    assert_eq!(month["month"], "2026-11");
    assert_eq!((month["deliveries"].as_u64(), month["came_bytes"].as_u64()), (Some(2), Some(carried)));
    assert!(month["went_bytes"].as_u64() > Some(100), "the plan was handed out: {month}");
    // The next month begins at midnight of the network's own time.
    town.clock.advance(Duration::from_secs(30 * 86_400 - 7 * 3600 + 1));
    let batch = agent.batch(&[]);
    line.send(AT_ONCE, &whole(&agent, &batch)).await;
    assert_eq!(line.answers().await, Answers::Taken(1));
    let roster = running.json(&town, "/api/v1/agents").await;
    let row = &roster["agents"][1];
    assert_eq!(
        (&row["this_month"]["month"], &row["this_month"]["deliveries"]),
        (&"2026-12".into(), &1.into())
    );
    assert_eq!(row["last_month"]["came_bytes"].as_u64(), Some(carried));
    running.stop().await;
}
