//! Polls and looks beside each other, under a clock that jumps from one thing that happens to the next.

use std::{sync::Arc, time::Duration};

use kentongan_model::{
    plan::{Plan, PlanRevision, Precision},
    profile::Profile,
    time::{Clock, HandClock, Timestamp},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    super::{Polls, columns::SYS_UP_TIME},
    fake::{Fake, GET, Question},
    planned,
    quirks::router,
    v2c,
};
use crate::{
    keeping::Keeping,
    plan_cache::LoadedPlan,
    spool::{Limits, Spool},
};

/// The hand goes on by so much with tokio's time.
const TICK: Duration = Duration::from_millis(100);

/// Names of interfaces, which every device has.
const PROFILE: &str = "
name = 'ports'
[[table]]
oid = '1.3.6.1.2.1.31.1.1.1'
place = '{column 1}'
gauge = [{ kind = 'clients', column = 15 }]
";

#[tokio::test(start_paused = true)]
async fn devices_that_answer_polls_and_no_walks_cost_nobody_a_poll_nor_others_their_gauges() {
    let mut fakes = Vec::new();
    for n in 0..48 {
        let fake = Fake::start(router(2)).await;
        if n < 12 {
            fake.behave(|question, honest| if question.kind == GET { vec![honest] } else { vec![] });
        }
        fakes.push(fake);
    }
    let mut devices: Vec<_> = fakes.iter().map(|fake| planned(fake.port, v2c("public"), &[])).collect();
    for (n, device) in devices.iter_mut().enumerate() {
        device.subject = format!("desa-{n}/router").parse().unwrap();
    }
    let plan = Plan {
        agent: "kec-a".parse().unwrap(),
        report_interval_ms: 30_000,
        precision: Precision::Full,
        backlog_bytes_per_minute: 1_000_000,
        targets: vec![],
        devices,
        profiles: vec![toml::from_str::<Profile>(PROFILE).unwrap()],
    };
    let folder = tempfile::tempdir().unwrap();
    let booted = Timestamp::from_millis(0);
    let clock = Arc::new(HandClock::new(booted + Duration::from_secs(1_000), booted));
    let [memory, disk] = ["memory", "disk"].map(|name| folder.path().join(name));
    let spool = Spool::open(plan.agent.clone(), &memory, &disk, Limits::default(), &clock.stamp()).unwrap();
    let loaded = LoadedPlan { plan, revision: PlanRevision(1) };
    let (_plans, followed) = watch::channel(Some(Arc::new(loaded)));
    let keeping = Keeping::new(spool, clock.clone());
    let polls = Polls { clock: clock.clone(), plans: followed, keeping };
    let stop = CancellationToken::new();
    let running = tokio::spawn(polls.run(stop.clone()));
    // Polls are due every half minute; the last is not yet.
    for _ in 0..(10 * 30 - 1) * 10 {
        tokio::time::sleep(TICK).await;
        clock.advance(TICK);
    }
    stop.cancel();
    running.await.unwrap();

    for (n, fake) in fakes.iter().enumerate() {
        let asked = fake.questions();
        let is_poll = |question: &&Question| question.kind == GET && question.oids[0] == SYS_UP_TIME;
        let polls = asked.iter().filter(is_poll).count();
        assert_eq!(polls, 10, "polls of device {n}");
        // Of five looks one walks, and those that ask for both values at once are held up by the first minute's walks.
        let looks = asked.iter().filter(|question| question.kind == GET && question.oids.len() == 2).count();
        assert!(n < 12 || looks >= 3, "{looks} looks at device {n}");
    }
}
