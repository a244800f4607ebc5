//! An agent and a collector over HTTP: what is measured arrives once, whatever goes wrong on the way.

#[path = "support/namespaces.rs"]
mod namespaces;
mod support;

use std::{sync::Arc, time::Duration};

use kentongan_model::{
    gauge::GaugeKind,
    wire::{Batch, MeasuredRound},
};
use namespaces::Namespace;
use support::{FakeCollector, Hasty, Mood, beside_agent, beside_agent_of, by_name, plan, target, until};

fn rounds_of(batches: &[Batch], target: u16) -> Vec<MeasuredRound> {
    batches.iter().flat_map(|batch| &batch.rounds).filter(|round| round.target == target).cloned().collect()
}

fn all(collector: &FakeCollector) -> Vec<Batch> {
    by_name(&collector.arrivals()).into_values().collect()
}

/// Sequences run from 1 without a gap in one series, and no round comes twice or out of order.
fn assert_unbroken(batches: &[Batch]) {
    let names: Vec<_> = batches.iter().map(|batch| (batch.series, batch.sequence)).collect();
    let series = names[0].0;
    assert_eq!(names, (1..=names.len() as u64).map(|sequence| (series, sequence)).collect::<Vec<_>>());
    for target in 0..2 {
        let moments: Vec<_> = rounds_of(batches, target).iter().map(|round| round.mono_ms).collect();
        assert!(moments.is_sorted_by(|a, b| a < b), "{moments:?}");
    }
}

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
            [0, 1].iter().all(|target| rounds_of(&all(&collector), *target).len() >= 2)
        })
        .await;
    })
    .await;
    let batches = all(&collector);
    assert_eq!((batches[0].plan, batches[0].dropped_rounds), (planned.revision(), 0));
    let rounds = rounds_of(&batches, 0);
    assert!(rounds.iter().all(|round| round.sent == 3 && round.rtts_us.len() == 3), "{rounds:?}");
    assert!(rounds[1].mono_ms - rounds[0].mono_ms < 60_000);
    assert_unbroken(&batches);
}

#[tokio::test]
async fn an_agent_with_nothing_to_measure_reports_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![], vec![])).await;
    beside_agent(collector.config(folder.path()), async {
        until("three heartbeats", || collector.arrivals().len() >= 3).await;
    })
    .await;
    assert_unbroken(&all(&collector));
}

#[tokio::test]
async fn a_lost_acknowledgement_brings_the_same_bytes_again() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    collector.expect([Mood::KeepsButBreaksOff; 3]);
    beside_agent(collector.config(folder.path()), async {
        until("six deliveries came", || collector.arrivals().len() >= 6).await;
    })
    .await;
    let arrivals = collector.arrivals();
    assert!(by_name(&arrivals).len() < arrivals.len(), "nothing was repeated");
    assert_unbroken(&all(&collector));
}

#[tokio::test]
async fn a_collector_that_asks_to_wait_is_left_alone_for_so_long() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    collector.expect([Mood::Asks(2)]);
    beside_agent(collector.config(folder.path()), async {
        until("the delivery was put off", || collector.moods_left() == 0).await;
        until("it came", || by_name(&collector.arrivals()).keys().any(|(_, sequence)| *sequence == 1)).await;
        let on_disk = std::fs::read_dir(folder.path().join("state/spool")).unwrap().count();
        assert_eq!(on_disk, 0, "flash was written for two seconds");
    })
    .await;
    let batches = all(&collector);
    // The present had moved on meanwhile, report by report: the newest came first.
    let (first, put_off) = (&collector.arrivals()[0].batch, &batches[0]);
    assert!(first.sequence > put_off.sequence);
    assert!(first.sealed.mono_ms - put_off.sealed.mono_ms >= 1_000, "asked again too soon");
    assert_unbroken(&batches);
}

#[tokio::test]
async fn a_batch_that_can_never_be_taken_is_dropped_and_its_rounds_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    collector.expect([Mood::Says(400)]);
    beside_agent(collector.config(folder.path()), async {
        until("two batches came", || collector.arrivals().len() >= 2).await;
    })
    .await;
    let batches = all(&collector);
    assert_eq!(batches[0].sequence, 2, "the refused one came again");
    assert!(batches.iter().map(|batch| batch.dropped_rounds).sum::<u64>() >= 1);
}

#[tokio::test]
async fn a_name_that_is_taken_is_changed_and_its_rounds_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    collector.expect([Mood::Says(409)]);
    beside_agent(collector.config(folder.path()), async {
        until("three batches came", || collector.arrivals().len() >= 3).await;
    })
    .await;
    let batches = all(&collector);
    assert_unbroken(&batches);
    assert!(!batches[0].rounds.is_empty() && batches.iter().all(|batch| batch.dropped_rounds == 0));
}

#[tokio::test]
async fn an_agent_that_is_not_known_keeps_everything_until_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    collector.expect([Mood::Says(401), Mood::Says(403), Mood::Says(500)]);
    beside_agent(collector.config(folder.path()), async {
        until("it was told off thrice", || collector.moods_left() == 0).await;
        until("what it kept came", || all(&collector).first().is_some_and(|batch| batch.sequence == 1)).await;
    })
    .await;
    assert_unbroken(&all(&collector));
}

#[tokio::test]
async fn a_collector_that_was_away_gets_the_present_first_and_then_everything() {
    let folder = tempfile::tempdir().unwrap();
    let planned =
        plan(vec![target("kec-a/router", "127.0.0.1"), target("desa-a/gateway", "127.0.0.2")], vec![]);
    let collector = FakeCollector::start(&planned).await;
    beside_agent(collector.config(folder.path()), async {
        until("the first delivery", || !collector.arrivals().is_empty()).await;
        collector.stop();
        tokio::time::sleep(Duration::from_secs(3)).await;
    })
    .await;
    let on_disk = std::fs::read_dir(folder.path().join("state/spool")).unwrap().count();
    assert!(on_disk > 0, "nothing moved to disk");
    let before = collector.arrivals().len();
    // Each life leaves a batch behind that it could not deliver.
    for _ in 0..2 {
        beside_agent(collector.config(folder.path()), tokio::time::sleep(Duration::from_secs(2))).await;
    }
    let collector = collector.restart().await;
    beside_agent(collector.config(folder.path()), async {
        until("everything came", || {
            let names = by_name(&collector.arrivals());
            names.len() > before + 4 && names.keys().last().unwrap().1 == names.len() as u64
        })
        .await;
    })
    .await;
    let came: Vec<u64> =
        collector.arrivals()[before..].iter().map(|arrival| arrival.batch.sequence).collect();
    let backlog: Vec<u64> = came.iter().filter(|sequence| **sequence < came[0]).copied().collect();
    assert!(backlog.len() >= 2 && backlog.is_sorted(), "not the newest first and then the oldest: {came:?}");
    let batches = all(&collector);
    assert_unbroken(&batches);
    // Nothing is missing: the rounds go on through the collector's absence.
    for target in 0..2 {
        let rounds = rounds_of(&batches, target);
        assert!(rounds.windows(2).all(|pair| pair[1].mono_ms - pair[0].mono_ms < 3_500), "{rounds:?}");
    }
}

#[tokio::test]
async fn an_agent_without_its_collector_runs_on_the_plan_that_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    beside_agent(collector.config(folder.path()), async {
        until("the first delivery", || !collector.arrivals().is_empty()).await;
    })
    .await;
    collector.stop();
    let before = collector.arrivals().len();
    let known = all(&collector).last().unwrap().sequence;
    beside_agent(collector.config(folder.path()), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
    })
    .await;
    let collector = collector.restart().await;
    beside_agent(collector.config(folder.path()), async {
        until("what was measured meanwhile came", || collector.arrivals().len() > before + 1).await;
    })
    .await;
    let batches = all(&collector);
    assert_unbroken(&batches);
    assert!(rounds_of(&batches[known as usize..], 0).len() >= 2);
    assert_eq!(collector.plans_asked().0, 1, "the plan was sent again, though it had not changed");
}

#[tokio::test]
async fn a_new_plan_is_followed_at_once_and_leaves_the_others_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let mut calm = target("kec-a/router", "127.0.0.1");
    calm.interval_ms = 60_000;
    let first = plan(vec![calm.clone()], vec![]);
    let collector = FakeCollector::start(&first).await;
    let second = plan(vec![target("desa-b/gateway", "127.0.0.3"), calm], vec![]);
    beside_agent(collector.config(folder.path()), async {
        until("the first state is known", || rounds_of(&all(&collector), 0).len() >= 2).await;
        collector.set_plan(&second);
        until("the new target is measured", || {
            all(&collector).iter().any(|batch| batch.plan == second.revision() && !batch.rounds.is_empty())
        })
        .await;
    })
    .await;
    let batches = all(&collector);
    assert_unbroken(&batches);
    let (old, new): (Vec<Batch>, Vec<Batch>) = batches.into_iter().partition(|b| b.plan == first.revision());
    assert_eq!(rounds_of(&old, 0).len(), 2);
    assert!(!rounds_of(&new, 0).is_empty());
    assert!(rounds_of(&new, 1).is_empty(), "the undisturbed target was asked again out of turn");
}

#[test]
fn a_thousand_targets_half_of_them_silent_are_all_measured_and_soon_decided() {
    let (agent, nowhere) = (Namespace::new("agent"), Namespace::new("nowhere"));
    agent.cable("wan", &nowhere, "lan");
    // Without ARP everything is sent out, and nobody takes it.
    agent.run("ip link set dev wan arp off");
    agent.run("ip route add 10.9.0.0/16 dev wan");
    let of = |n: u16| {
        let net = if n.is_multiple_of(2) { "127.1" } else { "10.9" };
        let mut target = target(&format!("s{n}/gateway"), &format!("{net}.{}.{}", n / 250, n % 250 + 1));
        (target.interval_ms, target.probes) = (10_000, 5);
        target
    };
    agent.within(async || {
        let folder = tempfile::tempdir().unwrap();
        let collector = FakeCollector::start(&plan((0..1_000).map(of).collect(), vec![])).await;
        beside_agent(collector.config(folder.path()), async {
            until("all are decided", || {
                let mut rounds = vec![0; 1_000];
                let batches = all(&collector);
                batches.iter().flat_map(|b| &b.rounds).for_each(|r| rounds[usize::from(r.target)] += 1);
                rounds.iter().enumerate().all(|(n, rounds)| *rounds >= if n % 2 == 0 { 2 } else { 3 })
            })
            .await;
        })
        .await;
        let batches = all(&collector);
        assert_unbroken(&batches);
        for round in batches.iter().flat_map(|batch| &batch.rounds) {
            let answered = if round.target.is_multiple_of(2) { 5 } else { 0 };
            assert_eq!((round.sent, round.rtts_us.len()), (5, answered), "target {}", round.target);
        }
        // The silent ones' third rounds begin a second after the second ones did, and no later than it takes to send.
        let silent = |round: &&MeasuredRound| !round.target.is_multiple_of(2);
        let moments: Vec<u64> =
            batches.iter().flat_map(|b| &b.rounds).filter(silent).map(|round| round.mono_ms).collect();
        let (first, last) = (moments.iter().min().unwrap(), moments.iter().max().unwrap());
        println!("500 silent targets: three rounds begun within {} ms", last - first);
    });
}

#[tokio::test]
async fn a_refusal_that_tells_another_plan_has_it_fetched_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    let other = plan(vec![target("desa-a/gateway", "127.0.0.2")], vec![]);
    beside_agent(collector.config(folder.path()), async {
        until("a delivery came", || !collector.arrivals().is_empty()).await;
        // Whatever is of the old plan is refused; nothing but the refusal tells of the new one.
        collector.expect([Mood::Refuses]);
        collector.set_plan(&other);
        until("the refusal was given", || collector.moods_left() == 0).await;
        until("a batch of the new plan came", || {
            collector.arrivals().iter().any(|arrival| arrival.batch.plan == other.revision())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_plan_that_cannot_be_followed_is_sent_once_and_the_next_one_as_soon_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let good = plan(vec![target("kec-a/router", "127.0.0.1")], vec![]);
    let collector = FakeCollector::start(&good).await;
    let mut impossible = good.clone();
    impossible.targets[0].probes = 0;
    let mut next = good.clone();
    next.targets[0].address = "127.0.0.2".parse().unwrap();
    beside_agent_of(Arc::new(Hasty::new()), collector.config(folder.path()), async {
        until("a delivery came", || !collector.arrivals().is_empty()).await;
        collector.set_plan(&impossible);
        until("it was sent", || collector.plans_asked().0 == 2).await;
        let before = collector.arrivals().len();
        // Five minutes by its clock.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(collector.arrivals().len() >= before + 5, "deliveries do not go on");
        assert_eq!(collector.plans_asked().0, 2, "it was sent again");
        collector.set_plan(&next);
        until("a batch of the next plan came", || {
            collector.arrivals().iter().any(|arrival| arrival.batch.plan == next.revision())
        })
        .await;
    })
    .await;
    assert_eq!(collector.plans_asked().0, 3);
}

#[tokio::test]
async fn the_traffic_is_told_with_the_first_report_so_that_a_restart_shows() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![target("kec-a/router", "127.0.0.1")], vec![])).await;
    for life in 1..=2 {
        let before = collector.arrivals().len();
        beside_agent(collector.config(folder.path()), async {
            until("two deliveries came", || collector.arrivals().len() >= before + 2).await;
        })
        .await;
        let of_life = collector.arrivals().split_off(before);
        let first = of_life.iter().min_by_key(|arrival| arrival.batch.sequence).unwrap();
        let own = first.batch.gauges.iter().filter(|look| look.device.is_none());
        let sent = own
            .flat_map(|look| &look.gauges)
            .find(|gauge| gauge.label.as_ref().is_some_and(|label| label.kind == GaugeKind::AgentSent));
        let sent = sent.unwrap_or_else(|| panic!("the first report of life {life} tells no traffic"));
        // The request for the plan, in thousandths of a byte.
        assert!(sent.value < 1_000_000, "{sent:?}");
    }
}
