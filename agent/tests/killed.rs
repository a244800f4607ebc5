//! The real program, killed again and again: every round that it kept reaches the collector, exactly once.

mod support;

use std::{
    collections::BTreeSet,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use support::{FakeCollector, TOKEN, by_name, plan, target, until};

/// Starts the program; what it says goes to the end of `log`.
fn start(config: &Path, log: &Path) -> Child {
    let log = File::options().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_kentongan-agent"))
        .args(["--log", "kentongan_agent=trace", "--config"])
        .arg(config)
        .env("NO_COLOR", "1")
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// The rounds that the program says it has kept, as (target, moment).
fn told(log: &Path) -> BTreeSet<(u16, u64)> {
    let number = |line: &str, key: &str| -> u64 {
        let (_, value) = line.split_once(key).unwrap();
        value.split(' ').next().unwrap().parse().unwrap()
    };
    let text = std::fs::read_to_string(log).unwrap();
    let kept = text.lines().filter(|line| line.contains(": kept ") && line.contains("mono_ms="));
    kept.map(|line| (number(line, "target=") as u16, number(line, "mono_ms="))).collect()
}

#[tokio::test]
async fn a_program_that_is_killed_at_any_moment_loses_and_repeats_no_round() {
    let folder = tempfile::tempdir().unwrap();
    let (config, log) = (folder.path().join("agent.toml"), folder.path().join("log"));
    let targets = (1..=4).map(|n| {
        let mut target = target(&format!("kec-a/t{n}"), &format!("127.0.0.{n}"));
        (target.interval_ms, target.probes) = (200, 2);
        target
    });
    let mut collector = FakeCollector::start(&plan(targets.collect(), vec![])).await;
    let lines = format!(
        "agent = \"kec-a\"\ncollector = \"http://{}/base\"\ntoken = \"{TOKEN}\"\nstate_dir = \"{dir}/state\"\nmemory_dir = \"{dir}/memory\"\n",
        collector.address,
        dir = folder.path().display(),
    );
    std::fs::write(&config, lines).unwrap();

    let mut agent = start(&config, &log);
    until("the first delivery", || !collector.arrivals().is_empty()).await;
    for turn in 0..12u64 {
        // Moments that fall differently into rounds, reports and deliveries.
        tokio::time::sleep(Duration::from_millis(150 + turn * 271 % 1_200)).await;
        agent.kill().unwrap();
        agent.wait().unwrap();
        match turn {
            4 => collector.stop(),
            8 => collector = collector.restart().await,
            _ => {}
        }
        agent = start(&config, &log);
    }
    until("the backlog came", || {
        let names = by_name(&collector.arrivals());
        names.keys().last().unwrap().1 == names.len() as u64
    })
    .await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let id = rustix::process::Pid::from_child(&agent);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(agent.wait().unwrap().success(), "SIGTERM is no clean end");

    let batches = by_name(&collector.arrivals());
    let names: Vec<_> = batches.keys().copied().collect();
    let series = names[0].0;
    assert_eq!(names, (1..=names.len() as u64).map(|sequence| (series, sequence)).collect::<Vec<_>>());
    assert!(batches.values().all(|batch| batch.dropped_rounds == 0));

    let mut delivered = BTreeSet::new();
    for round in batches.values().flat_map(|batch| &batch.rounds) {
        assert!(delivered.insert((round.target, round.mono_ms)), "twice: {round:?}");
    }
    let kept = told(&log);
    assert!(kept.len() > 100, "the log tells of {} rounds only", kept.len());
    assert_eq!(
        kept.difference(&delivered).collect::<Vec<_>>(),
        Vec::<&(u16, u64)>::new(),
        "kept and not delivered"
    );
    // At most one group of rounds per kill was written and not told any more.
    let untold = delivered.difference(&kept).count();
    assert!(untold <= 12 * 4, "{untold} rounds that the program did not tell of");
    println!("{} rounds in {} batches through 12 kills", delivered.len(), batches.len());
}

#[tokio::test]
async fn a_second_program_in_the_same_folders_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    let collector = FakeCollector::start(&plan(vec![target("kec-a/t", "127.0.0.1")], vec![])).await;
    let lines = format!(
        "agent = \"kec-a\"\ncollector = \"http://{}/base\"\ntoken = \"{TOKEN}\"\nstate_dir = \"{dir}/state\"\nmemory_dir = \"{dir}/memory\"\n",
        collector.address,
        dir = folder.path().display(),
    );
    std::fs::write(&config, lines).unwrap();
    let mut first = start(&config, &folder.path().join("log"));
    until("the first delivery", || !collector.arrivals().is_empty()).await;
    let second =
        Command::new(env!("CARGO_BIN_EXE_kentongan-agent")).arg("--config").arg(&config).output().unwrap();
    first.kill().unwrap();
    first.wait().unwrap();
    let told = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && told.contains("another agent is running in"), "{told}");
}
