//! Every input of the corpus, once: seeds, and what a fuzzer has ever found.

use std::{fs, path::Path};

/// Opens a door to each file of its corpus.
fn every_input_of(door: &str, open: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(door);
    let inputs: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(inputs.len() >= 10, "{} has only {} inputs", folder.display(), inputs.len());
    for input in inputs {
        eprintln!("{}", input.display());
        open(&fs::read(&input).unwrap());
    }
}

#[test]
fn no_delivery_of_the_corpus_breaks_the_wire() {
    every_input_of("wire", kentongan_fuzz::wire);
}

#[test]
fn no_row_of_the_corpus_breaks_the_journals_reader() {
    every_input_of("journal", kentongan_fuzz::journal);
}

#[test]
fn no_inventory_of_the_corpus_breaks_its_reader() {
    every_input_of("inventory", kentongan_fuzz::inventory);
}

#[test]
fn no_log_of_the_corpus_breaks_a_replay() {
    every_input_of("replay", kentongan_fuzz::replay);
}
