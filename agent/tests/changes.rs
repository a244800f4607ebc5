//! A target falls silent: it is decided within seconds, with witnesses, and told at once.

mod support;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use kentongan_agent::pinger::{Aim, Echo, Pinger, Rounds, one_by_one};
use kentongan_model::{
    time::{Clock, SystemClock},
    wire::MeasuredRound,
};
use support::{FakeCollector, by_name, plan, target, until};
use tokio_util::sync::CancellationToken;

/// Everything answers, but 10.0.0.2 only while it is not cut off.
struct Net {
    is_cut: Arc<AtomicBool>,
}

impl Pinger for Net {
    fn reaches(&self, address: IpAddr) -> bool {
        address.is_ipv4()
    }

    fn ping_group(self: Arc<Self>, group: Vec<Aim>) -> Rounds {
        one_by_one(group, move |address, timeout| {
            let net = Arc::clone(&self);
            async move {
                let sent = SystemClock::new().since_boot();
                if address == IpAddr::from([10, 0, 0, 2]) && net.is_cut.load(Ordering::SeqCst) {
                    tokio::time::sleep(timeout).await;
                    return (sent, Echo::Silence);
                }
                (sent, Echo::Reply { rtt_us: 1_000 })
            }
        })
    }
}

fn rounds(collector: &FakeCollector, target: u16) -> Vec<MeasuredRound> {
    let batches = by_name(&collector.arrivals());
    batches.into_values().flat_map(|batch| batch.rounds).filter(|round| round.target == target).collect()
}

#[tokio::test]
async fn a_silent_target_is_decided_in_fast_rounds_with_a_witness_and_told_before_the_next_report() {
    let folder = tempfile::tempdir().unwrap();
    let targets = ["10.0.0.1", "10.0.0.2", "fd00::1"].iter().zip(0..).map(|(address, n)| {
        let mut target = target(&format!("s{n}/gateway"), address);
        (target.interval_ms, target.probes, target.timeout_ms) = (6_000, 2, 300);
        target
    });
    let mut planned = plan(targets.collect(), vec![]);
    planned.report_interval_ms = 60_000;
    planned.targets[1].witnesses = vec![0];
    let collector = FakeCollector::start(&planned).await;
    let (is_cut, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
    let net = Net { is_cut: Arc::clone(&is_cut) };
    let config = collector.config(folder.path());
    let agent =
        tokio::spawn(kentongan_agent::run_with(net, config, Arc::new(SystemClock::new()), stop.clone()));

    until("both are up", || rounds(&collector, 1).len() >= 2).await;
    is_cut.store(true, Ordering::SeqCst);
    let failed =
        || rounds(&collector, 1).into_iter().filter(|round| round.rtts_us.is_empty()).collect::<Vec<_>>();
    until("it is told", || failed().len() >= 3).await;
    let down = failed();
    assert_eq!(down.len(), 3, "told later than it was decided");
    for pair in down.windows(2) {
        assert!((980..3_000).contains(&(pair[1].mono_ms - pair[0].mono_ms)), "{down:?}");
    }
    let first = down[0].mono_ms;
    let witness =
        rounds(&collector, 0).into_iter().find(|round| round.mono_ms > first).expect("no witness was asked");
    assert!(witness.mono_ms < down[2].mono_ms && !witness.rtts_us.is_empty());
    let sealed = by_name(&collector.arrivals()).into_values().last().unwrap().sealed.mono_ms;
    assert!(sealed - down[2].mono_ms < 10_000, "told at the next report only");

    is_cut.store(false, Ordering::SeqCst);
    until("its return is told", || {
        rounds(&collector, 1)
            .iter()
            .filter(|round| round.mono_ms > down[2].mono_ms && !round.rtts_us.is_empty())
            .count()
            >= 2
    })
    .await;
    stop.cancel();
    agent.await.unwrap().unwrap();
    // An address of a family that cannot be probed was not measured at all: nothing is known, which is not down.
    assert_eq!(rounds(&collector, 2), vec![]);
}
