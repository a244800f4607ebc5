//! The database refuses: some points for good, a request for its size, everything for a while.

use super::{
    gate::Gate,
    peer::Influx,
    sample::{GAUGES, PINGS, POINTS, Running, SITES, network},
};

#[tokio::test(flavor = "multi_thread")]
async fn points_of_a_conflicting_type_are_counted_and_the_others_written() {
    let influx = Influx::start().await;
    // Someone else has made `jitter` a text: only rounds with an answer have one.
    influx.post("ping,site=x jitter=\"tinggi\" 1793491200000\n").await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&influx.section(), folder.path());
    running.accept(&network(), 0..100).await;
    let counters = running.until_through(99).await;
    let silent = 10;
    assert_eq!(counters.rejected, 100 * PINGS - silent);
    assert_eq!(counters.written, 100 * (SITES + 1 + GAUGES) + silent);
    assert_eq!(influx.count("site", "state").await, 100 * SITES);
    assert_eq!(influx.count("interface", "in_octets").await, 100);
    assert_eq!(influx.count("ping", "loss").await, silent);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_line_is_isolated_where_a_database_refuses_the_whole_request() {
    let influx = Influx::start().await;
    let bad = format!(" {}", super::sample::minute(42).as_millis());
    let rule = move |lines: &str, _| {
        let found = lines.lines().find(|line| line.starts_with("interface") && line.ends_with(&bad))?;
        let body =
            serde_json::json!({ "code": "invalid", "message": format!("unable to parse '{found}': bad") });
        Some((400, vec![], body.to_string()))
    };
    let gate = Gate::open(Some(influx.url()), rule).await;
    let folder = tempfile::tempdir().unwrap();
    let section = format!("url = '{}'\napi = 'v1'\ndatabase = 'kentongan'\n", gate.url());
    let running = Running::start(&section, folder.path());
    running.accept(&network(), 0..100).await;
    let counters = running.until_through(99).await;
    assert_eq!((counters.written, counters.rejected, counters.retries), (100 * POINTS - 1, 1, 0));
    assert_eq!(influx.count("interface", "in_octets").await, 99);
    assert_eq!(influx.count("ping", "loss").await, 100 * PINGS);
    assert!(gate.seen().len() < 40, "{} requests for one bad line", gate.seen().len());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large_is_split_until_it_fits() {
    let influx = Influx::with("max-body-size = 2000", None).await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&influx.section(), folder.path());
    running.accept(&network(), 0..100).await;
    let counters = running.until_through(99).await;
    assert_eq!((counters.written, counters.rejected), (100 * POINTS, 0));
    assert_eq!(influx.count("ping", "loss").await, 100 * PINGS);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_database_is_asked_again_and_a_wrong_address_costs_no_point() {
    let influx = Influx::start().await;
    let rule = |_: &str, before| match before {
        0 => Some((429, vec![("retry-after", "1")], String::new())),
        1 => Some((503, vec![("retry-after", "0")], String::new())),
        2 => Some((400, vec![], "unsupported path requested".to_owned())),
        3 => Some((307, vec![("location", "http://127.0.0.1:1/")], String::new())),
        _ => None,
    };
    let gate = Gate::open(Some(influx.url()), rule).await;
    let folder = tempfile::tempdir().unwrap();
    let section = format!("url = '{}'\napi = 'v1'\ndatabase = 'kentongan'\n", gate.url());
    let running = Running::start(&section, folder.path());
    running.accept(&network(), 0..10).await;
    let counters = running.until_through(9).await;
    assert_eq!((counters.written, counters.rejected, counters.retries), (10 * POINTS, 0, 4));
    assert_eq!(influx.count("ping", "loss").await, 10 * PINGS);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_wait_for_a_database_that_is_yet_to_be_created() {
    let influx = Influx::start().await;
    influx.query("DROP DATABASE kentongan").await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&influx.section(), folder.path());
    running.accept(&network(), 0..10).await;
    running.until("it is tried again", |counters| counters.retries > 0).await;
    influx.query("CREATE DATABASE kentongan").await;
    let counters = running.until_through(9).await;
    assert_eq!((counters.written, counters.rejected), (10 * POINTS, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_speak_the_chosen_api_costs_no_point() {
    let influx = Influx::start().await;
    let folder = tempfile::tempdir().unwrap();
    // InfluxDB 1.6 has no /api/v2/write.
    let wrong = format!("url = '{}'\nbucket = 'kentongan'\n", influx.url());
    let running = Running::start(&wrong, folder.path());
    running.accept(&network(), 0..10).await;
    running.until("it is tried again", |counters| counters.retries > 0).await;
    assert_eq!(running.sink.counters().rejected, 0);
    running.stop().await;
    let running = Running::start(&influx.section(), folder.path());
    assert_eq!(running.until_through(9).await.written, 10 * POINTS);
    running.stop().await;
}
