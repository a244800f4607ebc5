//! From a delivery to the metric store: what the journal holds arrives there, once the store listens, also when it was
//! gone meanwhile and the collector was killed.

use std::{
    collections::BTreeSet,
    io::Read,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use kentongan_collector::influx::InfluxConfig;

use crate::town::{Crew, Town};

/// A listener that takes line protocol, and can be told to refuse it for now.
#[derive(Clone, Default)]
struct Store {
    lines: Arc<Mutex<BTreeSet<String>>>,
    gone: Arc<Mutex<bool>>,
}

impl Store {
    async fn listen(&self) -> String {
        let store = self.clone();
        let take = move |body: Bytes| {
            let store = store.clone();
            async move {
                if *store.gone.lock().unwrap() {
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
                let mut text = String::new();
                flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
                store.lines.lock().unwrap().extend(text.lines().map(str::to_owned));
                StatusCode::NO_CONTENT
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, Router::new().route("/write", post(take))).await });
        url
    }

    fn count(&self, measurement: &str) -> usize {
        let prefix = format!("{measurement},");
        self.lines.lock().unwrap().iter().filter(|line| line.starts_with(&prefix)).count()
    }

    async fn holds(&self, measurement: &str, count: usize) {
        for _ in 0..3000 {
            if self.count(measurement) == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} lines of {measurement} instead of {count}", self.count(measurement));
    }
}

#[tokio::test]
async fn what_the_journal_holds_arrives_in_the_metric_store_whatever_ends_in_between() {
    let store = Store::default();
    let mut town = Town::new();
    let config = serde_json::json!({"url": store.listen().await, "api": "v1", "database": "kentongan"});
    town.influx = Some(serde_json::from_value::<InfluxConfig>(config).unwrap());
    let mut crew = Crew::of(&town);
    let running = town.start().await;
    crew.ticks(4, &town, &running, &[]).await;
    // Two rounds of the core and four of the kecamatan in each tick.
    let each =
        crew.core.plan.as_ref().unwrap().1.targets.len() + crew.kec.plan.as_ref().unwrap().1.targets.len();
    store.holds("ping", 4 * each).await;
    running.settled(&town).await;

    *store.gone.lock().unwrap() = true;
    crew.ticks(2, &town, &running, &["desa-a/gateway"]).await;
    running.kill();
    let running = town.start().await;
    crew.ticks(2, &town, &running, &["desa-a/gateway"]).await;
    *store.gone.lock().unwrap() = false;
    store.holds("ping", 8 * each).await;
    running.settled(&town).await;
    let down = |line: &String| {
        line.starts_with("site,") && line.contains("site=desa-a") && line.contains("state=\"down\"")
    };
    for _ in 0..3000 {
        if store.lines.lock().unwrap().iter().any(down) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(store.lines.lock().unwrap().iter().any(down), "the state never arrived");
    let metrics = running.get(&town.http, "/metrics").await.text().await.unwrap();
    assert!(
        metrics.contains("kentongan_influx_dropped_total 0") && metrics.trim_end().ends_with("# EOF"),
        "{metrics}"
    );
    running.stop().await;
}
