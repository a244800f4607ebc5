//! Every folder of `tests/scenarios` is one small truth; a replay of its log has to tell exactly that.

use std::{fs, path::Path};

use kentongan_model::inventory::Network;
use kentongan_timeline::replay;
use serde_json::Value;

mod compare;

fn scenarios() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios")
}

fn check(folder: &Path) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let expected: Value = serde_json::from_str(&read("expected.json")).unwrap();
    let network = Network::parse(&read("inventory.toml")).unwrap();
    let until = expected["until"].as_str().unwrap().parse().unwrap();
    let log = read("observations.jsonl");
    let document = replay::run(&network, log.as_bytes(), until).unwrap();
    let mut told = Vec::new();
    document.write(&mut told).unwrap();
    let mut found = Vec::new();
    compare::differences("", &serde_json::from_slice(&told).unwrap(), &expected, &mut found);
    found
}

#[test]
fn every_scenario_is_told_as_expected() {
    let mut folders: Vec<_> = fs::read_dir(scenarios())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 12, "scenarios are missing");
    let mut faults = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        faults.extend(check(&folder).into_iter().map(|fault| format!("{name}{fault}")));
    }
    assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
}
