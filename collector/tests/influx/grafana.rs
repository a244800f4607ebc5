//! The dashboards of `grafana/`: their queries are run as Grafana would run them (by `grafana/check`) against a real
//! InfluxDB that the sink has filled, and their names are held to those of `names`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use kentongan_collector::influx::names;
use serde_json::Value as Json;

use super::{
    peer::Influx,
    sample::{BEGIN, Running, network},
};

const SPAN: [&str; 4] = ["--from", BEGIN, "--to", "2026-11-01T04:00:00Z"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../grafana")
}

fn dashboard() -> Json {
    let text = std::fs::read_to_string(folder().join("provisioning/dashboards/kabupaten.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn filled() -> (Influx, Running, tempfile::TempDir) {
    let influx = Influx::start().await;
    let data = tempfile::tempdir().unwrap();
    let running = Running::start(&influx.section(), data.path());
    running.accept(&network(), 0..240).await;
    running.until_through(239).await;
    (influx, running, data)
}

fn check(influx: &Influx, dashboards: &[&Path]) -> Output {
    Command::new(folder().join("check"))
        .args(["--url", &influx.url(), "--database", "kentongan"])
        .args(SPAN)
        .args(dashboards)
        .output()
        .expect("grafana/check needs Debian's package python3")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_the_dashboards_returns_rows_for_every_way_of_selecting() {
    let (influx, running, _data) = filled().await;
    let checked = check(&influx, &[]);
    let told = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{told}{}", String::from_utf8_lossy(&checked.stderr));
    assert!(told.contains("kabupaten.json") && told.contains(" 0 faults"), "{told}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_errs_or_finds_nothing_is_told_with_its_panel() {
    let (influx, running, data) = filled().await;
    for (place, query, told) in [
        ("/panels/4/targets/0/query", "SELECT last(\"keadaan\") FROM \"site\" WHERE $timeFilter", "no row"),
        ("/panels/4/targets/0/query", "SELECT last(\"state_code\") FRM \"site\"", "error parsing query"),
        (
            "/panels/4/targets/0/query",
            "SELECT last(\"up\") FROM \"site\" WHERE \"site\" =~ /^$site$/",
            "${site:regex}",
        ),
        (
            "/panels/4/targets/0/query",
            "SELECT last(\"up\") FROM \"site\" WHERE $__timeFilter",
            "$__timeFilter",
        ),
        ("/templating/list/1/query", "SHOW TAG VALUES FROM \"situs\" WITH KEY = \"site\"", "variable site"),
    ] {
        let mut broken = dashboard();
        *broken.pointer_mut(place).unwrap() = query.into();
        let file = data.path().join("rusak.json");
        std::fs::write(&file, broken.to_string()).unwrap();
        let checked = check(&influx, &[&file]);
        let errors = String::from_utf8_lossy(&checked.stderr);
        assert!(!checked.status.success(), "{query} was taken");
        assert!(errors.contains(told), "{query}: {errors}");
        let panel = if place.starts_with("/panels") { "Keadaan setiap situs" } else { "rusak.json" };
        assert!(errors.contains(panel), "{query}: {errors}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uptime_and_traffic_asked_as_the_documentation_says_are_those_of_the_sample() {
    let (influx, running, _data) = filled().await;
    let uptime = influx.query("SELECT mean(\"up\") * 100 FROM \"site\" GROUP BY \"site\"").await;
    let of = |site: &str| {
        let series =
            uptime["series"].as_array().unwrap().iter().find(|series| series["tags"]["site"] == site);
        series.unwrap()["values"][0][1].as_f64().unwrap()
    };
    assert_eq!((of("noc"), of("desa-brengkelan")), (100.0, 90.0));
    let query = format!(
        "SELECT non_negative_derivative(last(\"in_octets\"), 1s) * 8 FROM \"interface\" \
         WHERE time >= '{}' AND time < '{}' GROUP BY time(5m)",
        SPAN[1], SPAN[3]
    );
    let traffic = influx.query(&query).await;
    let rates = traffic["series"][0]["values"].as_array().unwrap();
    assert!(rates.len() > 40 && rates.iter().all(|row| row[1] == 8e6), "{rates:?}");
    running.stop().await;
}

/// The queries of panels and variables.
fn queries(dashboard: &Json) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    targets.chain(variables).map(|asks| asks["query"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_dashboards_use_only_names_that_points_have() {
    let queries = queries(&dashboard());
    assert!(queries.len() > 8);
    for query in queries {
        // InfluxQL quotes names with double quotes and texts with single ones.
        let parts: Vec<&str> = query.split('"').collect();
        let mut names_in_it = parts.chunks(2).filter_map(|pair| Some((pair[0], *pair.get(1)?))).peekable();
        assert!(names_in_it.peek().is_some(), "{query} has no quoted name");
        let measurement = names_in_it
            .clone()
            .find_map(|(before, name)| before.ends_with("FROM ").then_some(name))
            .and_then(|name| names::ALL.into_iter().find(|measurement| measurement.name == name))
            .unwrap_or_else(|| panic!("{query} reads from no measurement"));
        for (before, name) in names_in_it {
            let known = before.ends_with(" AS ")
                || name == measurement.name
                || measurement.tags.contains(&name)
                || measurement.fields.contains(&name);
            assert!(known, "{name} in {query} is no name of {}", measurement.name);
        }
        for bare in names::ALL.iter().flat_map(|measurement| measurement.fields) {
            assert!(!query.contains(&format!("({bare})")), "{bare} in {query} is not quoted");
        }
    }
}

#[test]
fn the_dashboard_s_parts_refer_to_the_data_source_that_is_provisioned() {
    let dashboard = dashboard();
    let source = std::fs::read_to_string(folder().join("provisioning/datasources/kentongan.yaml")).unwrap();
    let uid = source.lines().find_map(|line| line.trim().strip_prefix("uid: ")).unwrap();
    let mut referring = vec![];
    let mut ids = std::collections::BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} has the id of another panel", panel["title"]);
        referring.push(&panel["datasource"]);
        referring.extend(panel["targets"].as_array().unwrap().iter().map(|target| &target["datasource"]));
    }
    referring.extend(
        dashboard["templating"]["list"].as_array().unwrap().iter().map(|variable| &variable["datasource"]),
    );
    for reference in referring {
        assert_eq!(reference, &serde_json::json!({ "type": "influxdb", "uid": uid }));
    }
    assert_eq!(dashboard["uid"], "kentongan-kabupaten");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
}

#[test]
fn the_documentation_lists_every_name() {
    let text = include_str!("../../../docs/influxdb.md");
    for measurement in names::ALL {
        assert!(text.contains(&format!("### `{}`", measurement.name)), "{}", measurement.name);
        for name in measurement.tags.iter().chain(measurement.fields) {
            assert!(text.contains(&format!("`{name}`")), "{name} of {} is missing", measurement.name);
        }
    }
}
