//! The database goes away and comes back; the program too.

use kentongan_collector::influx::Sink;

use super::{
    peer::{Influx, Victoria, until},
    sample::{PINGS, POINTS, Running, SITES, accept_and_crash, config, minute, network},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_database_and_a_restart_of_the_sink_lose_no_point() {
    let mut influx = Influx::start().await;
    let folder = tempfile::tempdir().unwrap();
    let network = network();
    let section = influx.section();

    let running = Running::start(&section, folder.path());
    assert_eq!(running.sink.position(), None);
    running.accept(&network, 0..50).await;
    running.until("something is written", |counters| counters.written > 0).await;

    influx.kill();
    running.accept(&network, 50..150).await;
    let counters =
        running.until("it is tried again", |counters| counters.retries > 0 && counters.queued > 0).await;
    assert_eq!((counters.rejected, counters.dropped), (0, 0));
    running.stop().await;

    let running = Running::start(&section, folder.path());
    assert_eq!(running.sink.position(), Some(149), "what was accepted before the stop is on disk after it");
    let waiting = running.sink.counters().queued;
    assert!(waiting >= 100 * POINTS, "{waiting}");
    running.accept(&network, 150..200).await;
    influx.go_on().await;
    let counters = running.until_through(199).await;
    assert_eq!((counters.rejected, counters.dropped, counters.unwritable), (0, 0, 0));

    assert_eq!(influx.count("ping", "loss").await, 200 * PINGS);
    assert_eq!(influx.count("site", "state").await, 200 * SITES);
    assert_eq!(influx.count("interface", "in_octets").await, 200);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_when_the_sink_is_stopped_is_on_disk() {
    let mut influx = Influx::start().await;
    influx.kill();
    let folder = tempfile::tempdir().unwrap();
    // Blocks so small that most minutes still wait for theirs when the stop comes.
    let section = format!("{}batch_points = 10\n", influx.section());
    let running = Running::start(&section, folder.path());
    running.accept(&network(), 0..50).await;
    running.stop().await;
    let running = Running::start(&influx.section(), folder.path());
    assert_eq!(running.sink.position(), Some(49));
    assert_eq!(running.sink.counters().queued, 50 * POINTS);
    running.stop().await;
}

/// The position that is on disk.
fn position(influx: &Influx, data: &std::path::Path) -> Option<i64> {
    let clock = kentongan_model::time::HandClock::new(minute(0), minute(0));
    Sink::open(config(&influx.section()), data, std::sync::Arc::new(clock)).unwrap().position()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_journal_supplies_what_was_not_yet_on_disk() {
    let influx = Influx::start().await;
    let folder = tempfile::tempdir().unwrap();
    let section = format!("{}batch_points = 10\n", influx.section());
    let network = network();
    let mut next = 0;
    for end in [90, 170, 171, 250] {
        accept_and_crash(section.clone(), folder.path().to_owned(), next..end).await;
        next = position(&influx, folder.path()).map_or(0, |position| u32::try_from(position).unwrap() + 1);
        assert!(next <= end);
    }
    let running = Running::start(&influx.section(), folder.path());
    running.accept(&network, next..300).await;
    running.until_through(299).await;
    assert_eq!(influx.count("ping", "loss").await, 300 * PINGS);
    assert_eq!(influx.count("site", "state").await, 300 * SITES);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_drops_the_oldest_points_counts_them_and_keeps_the_newest() {
    let mut influx = Influx::start().await;
    influx.kill();
    let folder = tempfile::tempdir().unwrap();
    let network = network();
    let section = format!("{}queue_bytes = 1_048_576\nbatch_points = 500\n", influx.section());
    let running = Running::start(&section, folder.path());
    const MINUTES: u32 = 20_000;
    /// These fit into the queue.
    const NEWEST: u32 = 8_000;
    // As the follower does that catches up: many minutes in one go.
    for first in (0..MINUTES).step_by(500) {
        let points =
            (first..first + 500).flat_map(|number| super::sample::points_of(&network, number)).collect();
        running.sink.accept(i64::from(first) + 499, points).await.unwrap();
    }
    until("all is on disk", async || running.sink.position() == Some(i64::from(MINUTES) - 1)).await;
    let all = u64::from(MINUTES) * POINTS;
    let full =
        running.until("each point is counted", |counters| counters.dropped + counters.queued == all).await;
    assert!(full.dropped > 0 && full.queued_bytes <= 1_048_576, "{full:?}");

    influx.go_on().await;
    let counters = running.until("the queue is empty", |counters| counters.queued == 0).await;
    // The block that was being tried when the queue grew full was spared.
    assert_eq!(counters.written + counters.dropped, u64::from(MINUTES) * POINTS);
    let arrived = influx.count("ping", "loss").await + influx.count("site", "state").await;
    let mut read = influx.count("interface", "in_octets").await;
    for gauge in ["rx_dbm", "celsius", "clients"] {
        read += influx.count("gauge", gauge).await;
    }
    assert_eq!(arrived + read, counters.written);
    let newest =
        format!("SELECT count(state) FROM site WHERE time >= {}ms", minute(MINUTES - NEWEST).as_millis());
    let kept = influx.query(&newest).await.pointer("/series/0/values/0/1").unwrap().as_u64().unwrap();
    assert_eq!(kept, u64::from(NEWEST) * SITES, "a new point was dropped before an old one");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_path_of_the_database_is_kept() {
    let victoria = Victoria::start("/metrik/influx").await;
    let folder = tempfile::tempdir().unwrap();
    let section = format!("url = '{}/'\nbucket = 'kentongan'\n", victoria.url());
    let running = Running::start(&section, folder.path());
    running.accept(&network(), 0..3).await;
    let counters = running.until_through(2).await;
    assert_eq!((counters.written, counters.retries), (3 * POINTS, 0));
    until("all samples", async || victoria.export("site_up").await.len() as u64 == 3 * SITES).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn points_without_a_place_in_the_journal_never_wait_and_are_counted_when_they_are_dropped() {
    let influx = Influx::start().await;
    let folder = tempfile::tempdir().unwrap();
    let network = network();
    let running = Running::start(&influx.section(), folder.path());
    running.sink.offer(super::sample::points_of(&network, 0));
    running.until("they are written", |counters| counters.written == POINTS).await;
    assert_eq!(running.sink.position(), None, "they do not move the position");
    let sink = std::sync::Arc::clone(&running.sink);
    running.stop().await;
    sink.offer(super::sample::points_of(&network, 1));
    assert_eq!(sink.counters().offers_dropped, POINTS);
    assert!(sink.accept(1, vec![]).await.is_err());
}
