//! The inventory as its users meet it: one file for each rule that refuses something, with all that is told about it,
//! and the files that must be taken, those of the documentation among them.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use kentongan_model::inventory::{Network, ReadError};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The files `tests/inventory/<prefix>*.toml`, sorted.
fn files(prefix: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "toml") && stem(path).starts_with(prefix));
    files.sort();
    files
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

#[track_caller]
fn must_read(path: &Path) -> Network {
    Network::read(path).unwrap_or_else(|error| panic!("{}:\n{error}", path.display()))
}

#[test]
fn each_rule_refuses_its_file_and_says_what_to_do() {
    let files = files("invalid-");
    assert!(files.len() > 40, "only {} files", files.len());
    for path in files {
        let Err(ReadError::Faults { text, faults }) = Network::read(&path) else {
            panic!("{} has no fault", path.display());
        };
        let mut told = String::new();
        for fault in &faults.list {
            let place: String =
                text[fault.span.clone()].lines().next().unwrap_or_default().chars().take(40).collect();
            writeln!(told, "{}:{} «{place}» {}", fault.line, fault.column, fault.message).unwrap();
            fault.help.iter().for_each(|help| writeln!(told, "    {help}").unwrap());
        }
        insta::with_settings!({
            snapshot_path => "inventory",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => text.lines().next().unwrap_or_default().trim_start_matches("# "),
        }, { insta::assert_snapshot!(stem(&path), told) });
    }
}

#[test]
fn what_the_rules_allow_is_taken() {
    let files = files("valid-");
    assert!(!files.is_empty());
    for path in files {
        must_read(&path);
    }
}

#[test]
fn the_scenarios_are_watched_by_inventories_without_fault() {
    let mut read = 0;
    for folder in fs::read_dir(repository().join("tests/scenarios")).unwrap() {
        let path = folder.unwrap().path().join("inventory.toml");
        if path.exists() {
            assert!(!must_read(&path).sites.is_empty());
            read += 1;
        }
    }
    assert!(read >= 12, "only {read} scenarios");
}

#[test]
fn the_sample_of_the_documentation_is_an_inventory() {
    let text = fs::read_to_string(repository().join("docs/inventory.md")).unwrap();
    let mut read = 0;
    for block in text.split("```toml\n").skip(1) {
        let sample = block.split("```").next().unwrap();
        Network::parse(sample).unwrap_or_else(|faults| panic!("{faults}"));
        read += 1;
    }
    assert!(read > 0);
}
