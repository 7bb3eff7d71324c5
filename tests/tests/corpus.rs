//! Every file that a fuzzer starts from, or ever failed on, is replayed here.

use cync_tests::{model, property};
use std::fs;
use std::path::Path;

fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).expect("the corpus is there");
    let mut replayed = 0;
    for file in files {
        let path = file.expect("the corpus can be listed").path();
        let data = fs::read(&path).expect("a corpus file can be read");
        println!("{}", path.display());
        property(&data);
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn the_decode_corpus_holds() {
    replay("decode", property::decode_stream);
}

#[test]
fn the_lab_corpus_holds() {
    replay("lab", property::decode_lab_stream);
}

#[test]
fn the_greeter_corpus_holds() {
    replay("greeter", property::greet);
}

#[test]
fn the_session_ops_corpus_holds() {
    replay("session_ops", model::run_bytes);
}
