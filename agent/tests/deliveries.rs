//! An agent and a collector over HTTP: what is measured arrives, whatever goes wrong on the way.

mod support;

use support::{FakeCollector, beside_agent, by_name, plan, target, until};

#[tokio::test]
async fn the_first_states_arrive_before_an_interval_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let mut slow = target("kec-a/router", "127.0.0.1");
    slow.interval_ms = 60_000;
    let mut planned = plan(vec![slow, target("desa-a/gateway", "127.0.0.2")], vec![]);
    planned.report_interval_ms = 60_000;
    let collector = FakeCollector::start(&planned).await;
    beside_agent(collector.config(folder.path()), async {
        until("both targets have two rounds", || {
            let rounds: Vec<_> = collector.arrivals().into_iter().flat_map(|a| a.batch.rounds).collect();
            [0, 1].iter().all(|index| rounds.iter().filter(|round| round.target == *index).count() >= 2)
        })
        .await;
    })
    .await;
    let batches = by_name(&collector.arrivals());
    let first = batches.values().next().unwrap();
    assert_eq!((first.sequence, first.plan, first.dropped_rounds), (1, planned.revision(), 0));
    let rounds: Vec<_> = first.rounds.iter().filter(|round| round.target == 0).collect();
    assert!(rounds.iter().all(|round| round.sent == 3 && round.rtts_us.len() == 3), "{rounds:?}");
    assert!(rounds[1].mono_ms - rounds[0].mono_ms < 60_000);
}
