//! Whatever the file holds, reading it ends in a network or in faults that stand inside the text, never in a panic.

use std::{fs, path::Path};

use kentongan_model::inventory::{Faults, Network, ReadError, limits};
use proptest::prelude::*;

fn sample() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    read("tests/inventory/valid-everything.toml")
}

fn faults_stand_inside(text: &str, faults: &Faults) {
    assert!(!faults.list.is_empty());
    for fault in &faults.list {
        assert!(text.get(fault.span.clone()).is_some(), "{fault:?} does not stand in the text");
        let line = text.split('\n').nth(fault.line - 1).unwrap_or_else(|| panic!("{fault:?} has no line"));
        assert!(fault.column <= line.chars().count() + 1, "{fault:?} stands beyond its line");
        assert!(!fault.message.contains('\n'));
    }
    assert!(faults.list.is_sorted_by_key(|fault| fault.span.start));
}

fn read(text: &str) {
    if let Err(faults) = Network::parse(text) {
        faults_stand_inside(text, &faults);
    }
}

/// Pieces of inventories, right and wrong, that mutations are made of.
const PIECES: &[&str] = &[
    "[[site]]\n",
    "[site]\n",
    "[[site.target]]\n",
    "[network]\n",
    "[defaults]\n",
    "[snmp.x]\n",
    "[[maintenance]]\n",
    "[core]\n",
    "id = \"noc\"\n",
    "upstream = [\"noc\", \"kec-a\"]\n",
    "= ",
    "\"",
    "'''",
    "\"\"\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ".",
    "#",
    "\n",
    "\r\n",
    "\r",
    "\0",
    "\u{feff}",
    "é",
    "🛖",
    "-1",
    "1e999",
    "nan",
    "0x7f",
    "99999999999999999999999",
    "true",
    "1979-05-27T07:32:60Z",
    "9999-12-31T23:59:59-23:59",
    "0000-01-01",
    "07:32",
    "\"30s\"",
    "\"\"",
    "site.target = 5\n",
    "snmp = []\n",
    "target = [1, {}, []]\n",
    "location = { lat = 91 }\n",
    "\\u0000",
    "\\",
];

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in ".{0,400}") {
        read(&text);
    }

    #[test]
    fn no_pile_of_pieces_makes_reading_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        read(&pieces.concat());
    }

    #[test]
    fn no_mutation_of_an_inventory_makes_reading_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES)), 1..6)
    ) {
        let mut text = sample();
        for (at, cut, piece) in edits {
            let start = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary((start + cut).min(text.len())).max(start);
            text.replace_range(start..end, piece);
        }
        read(&text);
    }

    #[test]
    fn no_bytes_make_reading_a_file_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), n in any::<u64>()) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{n}.toml"));
        fs::write(&path, &bytes).unwrap();
        if let Err(ReadError::Faults { text, faults }) = Network::read(&path) {
            faults_stand_inside(&text, &faults);
        }
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn what_is_nested_too_deeply_or_too_long_is_a_fault() {
    let deep = 100_000;
    for text in [
        format!("[{}a]\n", "a.".repeat(deep)),
        format!("{}a = 1\n", "a.".repeat(deep)),
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("{} = 1\n", "a".repeat(deep)),
        format!("[network]\nname = \"{}\"\n", "a".repeat(deep)),
        format!("[network]\nname = \"a\"\n[snmp.{}]\n", "a".repeat(deep)),
        format!("[network]\nname = \"a\"\ntimezone = \"{}\"\n", "a".repeat(deep)),
    ] {
        let faults = Network::parse(&text).expect_err("no fault in a hostile text");
        faults_stand_inside(&text, &faults);
        assert!(faults.list.iter().all(|fault| fault.message.len() < 1_000));
    }
}

#[test]
fn a_file_that_is_no_utf8_says_where() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("latin-1.toml");
    fs::write(&path, b"[network]\nname = \"D\xe9sa\"\n").unwrap();
    let Err(ReadError::Faults { faults, .. }) = Network::read(&path) else { panic!("latin-1 was taken") };
    assert_eq!(faults.to_string(), "line 2, column 10: this is not UTF-8 (save the file as UTF-8 text)");
}

#[test]
fn a_file_that_is_not_there_is_no_fault_of_its_text() {
    let error = Network::read(Path::new("/nonexistent/hotspots.toml")).expect_err("nothing is there");
    assert_eq!(error.to_string(), "cannot read the inventory /nonexistent/hotspots.toml");
    assert!(matches!(error, ReadError::Io { .. }));
}

#[test]
fn more_of_anything_than_its_limit_is_a_fault() {
    let head = "[network]\nname = \"Uji\"\n";
    let site = "[[site]]\nid = \"a\"\nname = \"A\"\nkind = \"desa\"\n";
    let many = |line: &str, n: usize| line.repeat(n + 1);
    let target = "{ id = \"r\", address = \"10.0.0.1\" },\n";
    for (text, told) in [
        (format!("{head}{}", many("[[site]]\n", limits::MAX_SITES)), "200001 of them"),
        (format!("{head}{site}target = [\n{}]\n", many(target, limits::MAX_TARGETS)), "4097 of them"),
        (format!("{head}{site}upstream = [\n{}]\n", many("\"a\",\n", limits::MAX_UPSTREAMS)), "65 of them"),
        (
            format!("{head}[core]\nreferences = [\n{}]\n", many("\"10.0.0.1\",\n", limits::MAX_REFERENCES)),
            "65 of them",
        ),
        (format!("{head}#{}", many(" ", 64 << 20)), "larger than 64 MiB"),
    ] {
        let faults = Network::parse(&text).expect_err("a limit was passed");
        let messages: Vec<&str> = faults.list.iter().map(|fault| fault.message.as_str()).collect();
        assert!(messages.iter().any(|message| message.contains(told)), "{told}: {messages:?}");
        assert!(messages.len() <= 2, "{messages:?}");
    }
}

#[test]
fn every_village_of_indonesia_can_be_read() {
    let text = villages(83_762, |_| "10.33.0.1".to_owned());
    let network = Network::parse(&text).unwrap_or_else(|faults| panic!("{}", faults.list[0]));
    assert_eq!(network.sites.len(), 83_762);
    assert!(network.site(&"desa-83761".parse().unwrap()).is_some());
}

#[test]
fn a_large_file_in_which_nothing_is_right_is_told_within_its_limits() {
    let text = villages(20_000, |n| format!("10.33.{n}.1.1")).replace("\"kec-", "\"kek-");
    let faults = Network::parse(&text).expect_err("nothing is right");
    assert_eq!(faults.list.len(), limits::MAX_FAULTS);
    assert!(faults.left_out > 0);
}

/// So many villages, fifteen to a kecamatan.
fn villages(n: usize, address: impl Fn(usize) -> String) -> String {
    let mut text = "[network]\nname = \"Indonesia\"\n".to_owned();
    for n in 0..n {
        let kecamatan = n / 15;
        if n % 15 == 0 {
            text += &format!(
                "[[site]]\nid = \"kec-{kecamatan}\"\nname = \"K\"\nkind = \"kecamatan\"\naddress = \"10.0.0.1\"\n"
            );
        } else {
            let address = address(n);
            text += &format!(
                "[[site]]\nid = \"desa-{n}\"\nname = \"Desa {n}\"\nkind = \"desa\"\nupstream = [\"kec-{kecamatan}\"]\n\
                 region = \"33.06.09.2001\"\nlocation = {{ lat = -7.7, lon = 109.9 }}\naddress = \"{address}\"\n"
            );
        }
    }
    text
}
