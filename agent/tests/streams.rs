//! Streams as an agent uses them: one for all deliveries, and whatever happens to it, nothing is lost or doubled.

mod support;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use kentongan_agent::Config;
use support::{FakeCollector, Mood, beside_agent, by_name, plan, target, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The sequences that have come, in order.
fn sequences(collector: &FakeCollector) -> Vec<u64> {
    by_name(&collector.arrivals()).into_keys().map(|(_, sequence)| sequence).collect()
}

fn is_unbroken(collector: &FakeCollector, at_least: usize) -> bool {
    let came = sequences(collector);
    came.len() >= at_least && came.iter().copied().eq(1..=came.len() as u64)
}

#[tokio::test]
async fn all_deliveries_go_over_one_stream_and_lean_on_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    beside_agent(collector.config(folder.path()), async {
        until("ten deliveries came", || collector.arrivals().len() >= 10).await;
    })
    .await;
    assert!(is_unbroken(&collector, 10));
    assert_eq!(collector.ways(), (1, 0), "(streams, posts)");
    assert!(collector.leaning() >= 5, "{} leant", collector.leaning());
    let left = std::fs::read_dir(folder.path().join("state")).unwrap().count();
    assert!(left > 0 && collector.plans_asked().0 == 1);
}

#[tokio::test]
async fn where_no_stream_is_to_be_had_deliveries_are_posted_and_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![target("kec-a/router", "127.0.0.1")], vec![]);
    let collector = FakeCollector::without_streams(&planned).await;
    collector.expect([Mood::KeepsButBreaksOff, Mood::Says(500), Mood::Asks(1)]);
    beside_agent(collector.config(folder.path()), async {
        until("six deliveries came", || is_unbroken(&collector, 6)).await;
    })
    .await;
    let (streams, posts) = collector.ways();
    assert!(streams == 0 && posts >= 6, "{streams} streams, {posts} posts");
    assert_eq!(collector.leaning(), 0);
}

#[tokio::test]
async fn a_batch_that_is_refused_by_a_problem_document_is_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![target("kec-a/router", "127.0.0.1")], vec![]);
    let collector = FakeCollector::without_streams(&planned).await;
    collector.expect([Mood::Says(400)]);
    beside_agent(collector.config(folder.path()), async {
        until("two deliveries came", || collector.arrivals().len() >= 2).await;
    })
    .await;
    assert_eq!(sequences(&collector)[0], 2, "the refused one came again");
    assert!(collector.arrivals()[0].batch.dropped_rounds >= 1);
}

#[tokio::test]
async fn no_batch_leaves_on_the_word_of_anybody_but_the_collector() {
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![target("kec-a/router", "127.0.0.1")], vec![]);
    let collector = FakeCollector::start(&planned).await;
    collector.let_answer(Some(200));
    beside_agent(collector.config(folder.path()), async {
        // A captive portal, nginx that was spoken to without TLS, a firewall.
        for status in [200, 400, 403] {
            collector.let_answer(Some(status));
            // He is asked for a stream, and then told the delivery.
            until("he was told a delivery", || collector.strange_answers() >= 2).await;
        }
        collector.let_answer(None);
        until("everything came", || is_unbroken(&collector, 4)).await;
    })
    .await;
    let batches = by_name(&collector.arrivals());
    assert!(batches.values().all(|batch| batch.dropped_rounds == 0));
}

#[tokio::test]
async fn a_proxy_whose_collector_is_away_for_a_moment_is_not_taken_for_one_without_streams() {
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![target("kec-a/router", "127.0.0.1")], vec![]);
    let collector = FakeCollector::start(&planned).await;
    collector.let_answer(Some(502));
    beside_agent(collector.config(folder.path()), async {
        until("two deliveries failed", || collector.strange_answers() >= 4).await;
        collector.let_answer(None);
        until("everything came", || is_unbroken(&collector, 3)).await;
    })
    .await;
    assert_eq!(collector.ways(), (1, 0), "(streams, posts)");
}

#[tokio::test]
async fn what_leans_on_something_that_the_collector_does_not_have_comes_again_whole() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    beside_agent(collector.config(folder.path()), async {
        until("some lean", || collector.leaning() >= 3).await;
        let before = collector.leaning();
        collector.expect([Mood::Says(424)]);
        until("it was refused", || collector.moods_left() == 0).await;
        until("they lean again", || collector.leaning() >= before + 3).await;
    })
    .await;
    assert!(is_unbroken(&collector, 6));
    assert!(by_name(&collector.arrivals()).values().all(|batch| batch.dropped_rounds == 0));
    assert_eq!(collector.ways(), (1, 0));
}

/// A way to the collector on which each connection is cut when so many bytes have passed, and none when there are no more
/// cuts.
async fn cutting_way(to: SocketAddr, mut cuts: Vec<usize>, made: Arc<AtomicUsize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    cuts.reverse();
    let cuts = Arc::new(Mutex::new(cuts));
    tokio::spawn(async move {
        loop {
            let (near, _) = listener.accept().await.unwrap();
            let allowed = cuts.lock().unwrap().pop().unwrap_or(usize::MAX);
            let made = Arc::clone(&made);
            tokio::spawn(async move {
                let Ok(far) = TcpStream::connect(to).await else { return };
                let left = Arc::new(Mutex::new(allowed));
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                tokio::select! {
                    () = carry(near_in, far_out, Arc::clone(&left)) => {}
                    () = carry(far_in, near_out, left) => {}
                }
                made.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    address
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    left: Arc<Mutex<usize>>,
) {
    let mut piece = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut piece).await else { return };
        let passing = {
            let mut left = left.lock().unwrap();
            let passing = read.min(*left);
            *left -= passing;
            passing
        };
        if to.write_all(&piece[..passing]).await.is_err() || passing < read {
            return;
        }
    }
}

#[tokio::test]
async fn a_way_that_is_cut_at_any_byte_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    // Within the plan's answer, an upgrade, deliveries and answers; between two of them enough is let through for the
    // agent not to lose patience.
    let cuts = vec![300, 1_100, 1_290, 640, 1_000, 681, 1_003, 702];
    let made = Arc::new(AtomicUsize::new(0));
    let way = cutting_way(collector.address, cuts.clone(), Arc::clone(&made)).await;
    let config = Config { collector: format!("http://{way}/base"), ..collector.config(folder.path()) };
    beside_agent(config, async {
        for n in 1..=cuts.len() {
            until(&format!("cut {n} was made"), || made.load(Ordering::SeqCst) >= n).await;
        }
        let sealed = sequences(&collector).last().copied().unwrap_or(0) as usize;
        until("everything came", || is_unbroken(&collector, sealed + 3)).await;
    })
    .await;
    let batches = by_name(&collector.arrivals());
    assert!(batches.values().all(|batch| batch.dropped_rounds == 0));
    let mut moments: Vec<u64> =
        batches.values().flat_map(|batch| &batch.rounds).map(|round| round.mono_ms).collect();
    let all = moments.len();
    moments.sort_unstable();
    moments.dedup();
    assert_eq!(moments.len(), all, "a round is in two batches");
    assert!(moments.windows(2).all(|pair| pair[1] - pair[0] < 3_500), "rounds are missing: {moments:?}");
}
