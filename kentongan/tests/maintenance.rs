//! `kentongan maintenance` against a collector that runs: what people type at night, and what they are told.

use std::{
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use kentongan_collector::{Collector, Config};
use kentongan_model::time::{Clock, HandClock};
use tokio::{net::TcpListener, runtime::Runtime};
use tokio_util::sync::CancellationToken;

const INVENTORY: &str = "[network]\nname = \"Uji\"\n\
    [[site]]\nid = \"kec-kutoarjo\"\nname = \"Kutoarjo\"\nkind = \"kecamatan\"\naddress = \"127.0.0.9\"\n";

/// Runs the command beside a collector, in a folder where nothing else lies.
fn kentongan(folder: &Path, url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kentongan"));
    command.current_dir(folder).env_clear().arg("maintenance").args(arguments).args(["--url", url]);
    command.output().expect("the command runs")
}

fn told(output: &Output) -> (i32, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.code().expect("an exit code"), String::from_utf8(text).expect("text"))
}

#[test]
fn a_window_is_added_listed_and_ended_and_every_refusal_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path();
    std::fs::write(folder.join("hotspots.toml"), INVENTORY).expect("an inventory");
    std::fs::write(folder.join("old.token"), "0123456789abcdef\n").expect("a token");
    let now = "2026-11-07T15:00:00Z".parse().expect("a time");
    let hand = HandClock::new(now, "2026-11-01T00:00:00Z".parse().expect("a time"));
    let clock: Arc<dyn Clock> = Arc::new(hand.clone());
    let config =
        Config { data: folder.join("data"), inventory: folder.join("hotspots.toml"), ..Config::default() };
    let runtime = Runtime::new().expect("a runtime");
    let stop = CancellationToken::new();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let _guard = runtime.enter();
    let collector = Collector::open(config, clock).expect("a collector");
    let serving = runtime.spawn(collector.serve(listener, stop.clone()));
    let run = |arguments: &[&str]| told(&kentongan(folder, &url, arguments));

    let (code, text) = run(&["list"]);
    assert_eq!((code, text.as_str()), (0, "nothing is planned\n"));
    let add = ["add", "kec-kutoarjo", "--reason", "splicing ulang", "--by", "Bu Sri"];
    let (code, text) = run(&[&add[..], &["--from", "now", "--for", "2h"]].concat());
    assert_eq!(
        (code, text.as_str()),
        (0, "1 added: kec-kutoarjo from 2026-11-07 22:00 to 2026-11-08 00:00 (splicing ulang)\n")
    );
    let ahead = [&add[..], &["--from", "2026-11-09T22:00", "--to", "2026-11-10T02:00"]].concat();
    assert!(run(&ahead).1.starts_with("2 added: kec-kutoarjo from 2026-11-09 22:00 to 2026-11-10 02:00"));
    assert!(run(&ahead).1.starts_with("2 was there before: "));
    let late = [&add[..], &["--from", "2026-11-07T20:00", "--to", "2026-11-07T21:00"]].concat();
    assert!(run(&late).1.ends_with("(splicing ulang), in retrospect\n"));
    let (_, text) = run(&["list"]);
    for words in
        ["under way", "planned", "2026-11-07 22:00 by Bu Sri, in retrospect", "those of Asia/Jakarta"]
    {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    hand.advance(Duration::from_secs(600));
    assert_eq!(run(&["remove", "2"]), (0, "2 withdrawn: kec-kutoarjo (splicing ulang)\n".to_owned()));
    assert_eq!(run(&["remove", "1"]), (0, "1 ended now: kec-kutoarjo (splicing ulang)\n".to_owned()));

    for (arguments, code, words) in [
        (
            &["add", "kec-kutoarja", "--from", "now", "--for", "2h", "--reason", "x"][..],
            1,
            "did you mean 'kec-kutoarjo'?",
        ),
        (
            &[
                "add",
                "kec-kutoarjo",
                "--from",
                "2026-11-08T02:00",
                "--to",
                "2026-11-07T22:00",
                "--reason",
                "x",
            ],
            1,
            "not after its beginning",
        ),
        (&["add", "kec-kutoarjo", "--from", "now", "--reason", "x"], 2, "--to <TO>"),
        (
            &["add", "kec-kutoarjo", "--from", "now", "--for", "2h", "--to", "2026-11-08", "--reason", "x"],
            2,
            "cannot be used with",
        ),
        (&["remove", "77"], 1, "there is no window 77"),
        (&["remove", "1", "--token-file", "hotspots.toml"], 1, "hotspots.toml holds no token"),
        (&["remove", "1", "--token-file", "old.token"], 1, "old.token is not the token of the collector"),
        (
            &["remove", "1", "--data", "elsewhere"],
            1,
            "cannot read the operator's token elsewhere/operator.token",
        ),
    ] {
        let (found, text) = run(arguments);
        assert!(found == code && text.contains(words), "{arguments:?}: {found} {text}");
    }
    stop.cancel();
    runtime.block_on(serving).expect("the collector").expect("an end in order");
    let (code, text) = run(&["list"]);
    assert!(code == 1 && text.contains("no collector answers at http://127.0.0.1:"), "{text}");
}
