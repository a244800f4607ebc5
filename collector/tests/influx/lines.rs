//! What is written is what is read back.

use std::collections::BTreeMap;

use kentongan_collector::influx::{Point, Value, names, names::field, names::tag};
use kentongan_model::time::Timestamp;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    peer::{Influx, Victoria},
    sample::{PINGS, POINTS, Running, SITES, network, points_of},
};

/// Tag values with everything that is hard: what is escaped, backslashes, quotes, other alphabets; sometimes what
/// cannot be carried.
fn tag_value() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => "[a-z0-9.-]{1,12}",
        20 => r#"[a-c ,="'\\#/éꦏ🛜]{1,8}"#,
        20 => "\\PC{0,10}",
        1 => Just("a\nb".to_owned()),
        1 => Just("ujung\\".to_owned()),
    ]
}

fn any_point() -> impl Strategy<Value = (Vec<String>, f64, Option<(i64, String)>)> {
    let float = prop_oneof![any::<f64>(), proptest::num::f64::ANY, -1e3..1e3f64, Just(-0.0), Just(5e-324)];
    let text = prop_oneof!["[a-z]{0,8}", r#"[ab"\\ ,=']{0,8}"#, "\\PC{0,8}"];
    (proptest::collection::vec(tag_value(), 3), float, proptest::option::of((any::<i64>(), text)))
}

/// Points that are hard to carry, each at a time of its own: the first at `first`, then every `step` milliseconds.
fn hard_points(number: i64, first: i64, step: i64) -> Vec<Point> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let make = |n: i64| {
        let (tags, float, more) = any_point().new_tree(&mut runner).unwrap().current();
        let mut point = Point::new(names::PING.name, Timestamp::from_millis(first + n * step));
        for (key, value) in [tag::SITE, tag::TARGET, tag::VANTAGE].into_iter().zip(tags) {
            point = point.tag(key, value);
        }
        point = point.field(field::LOSS, Value::Float(float));
        match more {
            Some((integer, text)) => point
                .field(field::SENT, Value::Integer(integer.into()))
                .field(field::STATE, Value::Text(text)),
            None => point,
        }
    };
    (0..number).map(make).collect()
}

/// The points that can be carried, by their time; there are some that cannot.
fn carried(points: &[Point]) -> BTreeMap<i64, Point> {
    let writable = points.iter().filter(|point| point.write_line(&mut String::new()).is_ok());
    let carried: BTreeMap<_, _> = writable.map(|point| (point.at().as_millis(), point.clone())).collect();
    assert!(
        carried.len() * 2 > points.len() && carried.len() < points.len(),
        "{} are carried",
        carried.len()
    );
    carried
}

#[tokio::test(flavor = "multi_thread")]
async fn influxdb_reads_back_every_point_equal_to_what_was_written() {
    let influx = Influx::start().await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&influx.section(), folder.path());
    let mut points = hard_points(3_000, 1_793_491_200_000, 30_123);
    // The ends of the times that can be stored.
    for end in [-9_223_372_036_854, 9_223_372_036_854] {
        points.push(
            Point::new(names::PING.name, Timestamp::from_millis(end)).field(field::LOSS, Value::Float(0.0)),
        );
    }
    let expected = carried(&points);
    let unwritable = (points.len() - expected.len()) as u64;
    running.sink.accept(1, points).await.unwrap();
    let counters = running.until_through(1).await;
    assert_eq!((counters.written, counters.rejected), (expected.len() as u64, 0));
    assert_eq!(counters.unwritable, unwritable);

    let rows = influx.rows("SELECT * FROM ping").await;
    let (header, rows) = rows.split_first().unwrap();
    assert_eq!(rows.len(), expected.len());
    for cells in rows {
        let read: BTreeMap<&str, &str> =
            header.iter().map(String::as_str).zip(cells.iter().map(String::as_str)).collect();
        let point = &expected[&read["time"].parse::<i64>().unwrap()];
        for key in [tag::SITE, tag::TARGET, tag::VANTAGE] {
            let written = point.tags().iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value);
            assert_eq!(read[key], written, "{key} of {point:?}");
        }
        for (name, value) in point.fields() {
            let same = match value {
                Value::Float(number) if number.is_finite() => {
                    read[name].parse::<f64>().unwrap().to_bits() == number.to_bits()
                }
                Value::Float(_) => read[name].is_empty(),
                Value::Integer(number) => read[name] == number.to_string(),
                Value::Text(text) => read[name] == text,
            };
            assert!(same, "{name} of {point:?} was read back as {}", read[name]);
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn victoria_metrics_which_hides_bad_lines_has_every_point_with_its_tags() {
    let victoria = Victoria::start("").await;
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&format!("url = '{}'\nbucket = 'b'\n", victoria.url()), folder.path());
    let points = hard_points(1_000, 1_700_000_000_000, 1_000);
    let expected = carried(&points);
    running.sink.accept(1, points).await.unwrap();
    assert_eq!(running.until_through(1).await.written, expected.len() as u64);

    let (losses, sent) = (victoria.export("ping_loss").await, victoria.export("ping_sent").await);
    for point in expected.values() {
        let (name, read) = match &point.fields()[0] {
            (_, Value::Float(number)) if number.is_finite() => (field::LOSS, &losses),
            _ => (field::SENT, &sent),
        };
        // A point whose only number is not finite has nothing that this database keeps.
        if !point.fields().iter().any(|(field, _)| *field == name) {
            continue;
        }
        let (labels, ..) = read
            .iter()
            .find(|(_, at, _)| *at == point.at().as_millis())
            .unwrap_or_else(|| panic!("{point:?} has not arrived"));
        for (key, value) in point.tags() {
            assert_eq!(labels[key], value.as_str(), "{key} of {point:?}");
        }
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_district_measures_arrives_through_the_crate_number_by_number() {
    let victoria = Victoria::start("").await;
    let folder = tempfile::tempdir().unwrap();
    let section = format!("url = '{}'\nbucket = 'kentongan'\norg = 'kominfo'\n", victoria.url());
    let running = Running::start(&section, folder.path());
    let network = network();
    running.accept(&network, 0..100).await;
    let counters = running.until_through(99).await;
    assert_eq!((counters.written, counters.rejected, counters.retries), (100 * POINTS, 0, 0));

    for (measurement, field, number) in [
        ("ping", "loss", 100 * PINGS),
        // Brengkelan is silent in ten of the hundred minutes.
        ("ping", "rtt_median", 100 * PINGS - 10),
        ("site", "state_code", 100 * SITES),
        ("site", "up", 100 * SITES),
        ("interface", "in_octets", 100),
    ] {
        let metric = format!("{measurement}_{field}");
        let read = victoria.export(&metric).await;
        assert_eq!(read.len() as u64, number, "{metric}");
        let written = (0..100).flat_map(|minute| points_of(&network, minute));
        for point in written.filter(|point| point.measurement() == measurement) {
            let Some((_, value)) = point.fields().iter().find(|(name, _)| *name == field) else { continue };
            let expected: f64 = match value {
                Value::Float(number) => *number,
                Value::Integer(number) => number.to_string().parse().unwrap(),
                Value::Text(text) => panic!("{text} is no number"),
            };
            let same = read.iter().any(|(labels, at, value)| {
                let tagged = point.tags().iter().all(|(key, value)| labels[key] == value.as_str());
                *at == point.at().as_millis() && (value - expected).abs() < 1e-9 && tagged
            });
            assert!(same, "{point:?} did not arrive as {metric}");
        }
    }
    running.stop().await;
}
