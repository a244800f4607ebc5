//! The contract and the formats stand in `docs/`, the scenarios in `tests/scenarios`. Where the folder `shared` lies
//! beside the checkout, from which they were taken, they have to agree with it; elsewhere they stand for themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn shared() -> Option<PathBuf> {
    let folder = project().parent()?.join("shared");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("no folder `shared` beside the checkout: nothing to compare with");
    None
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_docs_open_with_the_contract_word_for_word() {
    let Some(shared) = shared() else { return };
    for name in ["domain.md", "replay.md", "inventory.md", "style.md"] {
        let ours = text(&project().join("docs").join(name));
        let contract = text(&shared.join("design").join(name));
        assert!(ours.starts_with(&contract), "docs/{name} no longer opens with the text of the contract");
    }
}

#[test]
fn the_scenarios_are_those_of_the_contract() {
    let Some(shared) = shared() else { return };
    let (theirs, ours) = (shared.join("scenarios"), project().join("tests/scenarios"));
    let mut compared = 0;
    for folder in fs::read_dir(&theirs).expect("scenarios").flatten().filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(folder.path()).expect("a scenario").flatten() {
            let copy = ours.join(folder.file_name()).join(file.file_name());
            assert_eq!(text(&copy), text(&file.path()), "{} differs", copy.display());
            compared += 1;
        }
    }
    assert!(compared >= 40, "only {compared} files were compared");
}
