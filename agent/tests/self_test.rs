//! The self-test against a collector: what it finds, what it says, and that it shows no secret.

mod support;

use std::{path::PathBuf, sync::Arc};

use kentongan_agent::{
    language::Language,
    self_test::{self, Report, Topic, Verdict},
};
use kentongan_model::{
    plan::{Access, PlannedDevice},
    time::{HandClock, SystemClock, Timestamp},
};
use support::{FakeCollector, TOKEN, beside_agent, plan, target, until};

const COMMUNITY: &str = "komunitas-rahasia";

/// `agent.toml` for that collector, with this token.
fn configured(folder: &std::path::Path, collector: &str, token: &str) -> PathBuf {
    let path = folder.join("agent.toml");
    let text = format!(
        "agent = \"kec-a\"\ncollector = \"{collector}\"\ntoken = \"{token}\"\nstate_dir = {:?}\nmemory_dir = {:?}\n",
        folder.join("state"),
        folder.join("memory"),
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn device(address: &str) -> PlannedDevice {
    let json = format!(
        "{{\"subject\":\"kec-a/olt\",\"address\":\"{address}\",\"port\":9,\"interval_ms\":30000,\
         \"access\":{{\"version\":\"2c\",\"community\":\"{COMMUNITY}\"}},\"links\":[]}}"
    );
    let device: PlannedDevice = serde_json::from_str(&json).unwrap();
    assert!(matches!(device.access, Access::V2c { .. }));
    device
}

async fn test(config: &std::path::Path) -> Report {
    self_test::run(config, Arc::new(SystemClock::new())).await
}

#[tokio::test]
async fn beside_a_running_agent_everything_is_well_but_the_device_that_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let planned = plan(vec![target("kec-a/router", "127.0.0.1")], vec![device("127.0.0.1")]);
    let collector = FakeCollector::start(&planned).await;
    let config = configured(folder.path(), &format!("http://{}/base", collector.address), TOKEN);
    let running = collector.config(folder.path());
    let report = beside_agent(running, async {
        until("a delivery", || !collector.arrivals().is_empty()).await;
        test(&config).await
    })
    .await;
    for topic in [
        Topic::Configuration,
        Topic::Running,
        Topic::Clock,
        Topic::Connection,
        Topic::Collector,
        Topic::Targets,
    ] {
        assert_eq!(report.verdicts(topic), [Verdict::Well], "{topic:?}: {}", report.text(Language::En));
    }
    assert!(report.verdicts(Topic::Ping).iter().all(|verdict| *verdict == Verdict::Well));
    assert_eq!(report.verdicts(Topic::Snmp), [Verdict::Failed]);
    assert!(!report.passed());
    for language in [Language::Id, Language::En] {
        for told in [report.text(language), report.json(language)] {
            assert!(!told.contains(TOKEN) && !told.contains(COMMUNITY), "{told}");
            assert!(told.contains("SNMP v2c"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_token_that_is_refused_and_a_collector_that_is_not_there_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let collector = FakeCollector::start(&plan(vec![], vec![])).await;
    let url = format!("http://{}/base", collector.address);
    let report = test(&configured(folder.path(), &url, "bukan-token")).await;
    assert_eq!(
        report.verdicts(Topic::Collector),
        [Verdict::Failed, Verdict::Failed],
        "{}",
        report.text(Language::En)
    );
    assert_eq!(report.verdicts(Topic::Running), [Verdict::Doubtful]);
    let told = report.text(Language::Id);
    assert!(told.contains("menolak token") && told.contains("kentongan agent add"), "{told}");

    collector.stop();
    let report = test(&configured(folder.path(), "http://127.0.0.1:9", TOKEN)).await;
    assert_eq!(report.verdicts(Topic::Connection), [Verdict::Failed], "{}", report.text(Language::En));
}

#[tokio::test]
async fn a_router_that_is_not_enrolled_and_thinks_it_is_1970_is_told_both() {
    let folder = tempfile::tempdir().unwrap();
    let at = Timestamp::from_millis(131_000);
    let report = self_test::run(&folder.path().join("none.toml"), Arc::new(HandClock::new(at, at))).await;
    assert_eq!(report.verdicts(Topic::Configuration), [Verdict::Failed]);
    assert_eq!(report.verdicts(Topic::Clock), [Verdict::Doubtful]);
    assert!(report.text(Language::Id).contains("1970-01-01T00:02:11.000Z"));
}
