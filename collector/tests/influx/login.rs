//! Tokens, users, and where they are kept.

use super::{
    gate::Gate,
    peer::Influx,
    sample::{PINGS, POINTS, Running, config, minute, network},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_read_from_the_environment_or_a_file_and_stands_in_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "rahasia==\n").unwrap();
    for (source, header) in [
        // A variable that cargo sets for every test.
        ("{ env = 'CARGO_PKG_NAME' }".to_owned(), "Token kentongan-collector"),
        (format!("{{ file = '{}' }}", file.display()), "Token rahasia=="),
    ] {
        for (path, api) in [("", "v2"), ("/dasar", "v2"), ("", "v1")] {
            let gate = Gate::open(None, |_, _| None).await;
            let place = if api == "v2" { "bucket = 'b'\norg = 'o'" } else { "database = 'd'" };
            let section = format!("url = '{}{path}'\napi = '{api}'\n{place}\ntoken = {source}\n", gate.url());
            let data = tempfile::tempdir().unwrap();
            let running = Running::start(&section, data.path());
            running.accept(&network(), 0..1).await;
            running.until_through(0).await;
            let seen = &gate.seen()[0];
            assert_eq!(seen.headers["authorization"], header);
            let expected = match (path, api) {
                ("", "v2") => "/api/v2/write?bucket=b&org=o&precision=ms",
                (_, "v2") => "/dasar/api/v2/write?org=o&bucket=b&precision=ms",
                _ => "/write?db=d&precision=ms",
            };
            assert_eq!(seen.uri, expected);
            assert_eq!(seen.lines.lines().count() as u64, POINTS);
            running.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_password_is_refused_loses_no_point_and_a_mended_password_is_taken() {
    let influx = Influx::with("", Some(("kentongan", "benar"))).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "salah").unwrap();
    let login = format!("username = 'kentongan'\npassword = {{ file = '{}' }}\n", file.display());
    let running = Running::start(&format!("{}{login}", influx.section()), folder.path());
    running.accept(&network(), 0..10).await;
    running.until("it is refused", |counters| counters.retries > 0).await;
    std::fs::write(&file, "benar\n").unwrap();
    let counters = running.until_through(9).await;
    assert_eq!((counters.written, counters.rejected), (10 * POINTS, 0));
    assert_eq!(influx.count("ping", "loss").await, 10 * PINGS);
    running.stop().await;
}

#[test]
fn a_secret_that_is_missing_or_no_header_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "dua\nbaris").unwrap();
    let file = folder.path().join("token");
    for (source, told) in [
        ("{ env = 'KENTONGAN_NOT_SET' }".to_owned(), "KENTONGAN_NOT_SET"),
        (format!("{{ file = '{}' }}", file.display()), "header"),
    ] {
        let section = format!("url = 'http://127.0.0.1:1'\nbucket = 'b'\ntoken = {source}");
        let clock = kentongan_model::time::HandClock::new(minute(0), minute(0));
        let opened = kentongan_collector::influx::Sink::open(
            config(&section),
            folder.path(),
            std::sync::Arc::new(clock),
        );
        let error = opened.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(told), "{source}");
    }
}
