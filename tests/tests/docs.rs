//! `docs/guarantees.md` names the tests that show what it promises. They exist, and no promise is without one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a promise's row is found by: the headings of its table.
const PROMISES: &str = "| promise | where | shown by |";
/// A name without its file counts as that of a test if it has so many words; names of fields are shorter.
const WORDS: usize = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn guarantees() -> String {
    fs::read_to_string(root().join("docs/guarantees.md")).expect("docs/guarantees.md can be read")
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The tests that a text names between backticks, as `file::name` or `name`.
fn named(text: &str) -> BTreeSet<&str> {
    let between = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    between
        .filter(|word| match word.split_once("::") {
            Some((file, name)) => is_name(file) && is_name(name),
            None => is_name(word) && word.split('_').count() >= WORDS,
        })
        .collect()
}

/// Every test of the repository, as the path of its file, without extension, and its name.
fn tests() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["core", "runtime", "runtime-tokio", "sim", "cli", "tests"] {
        collect(&root().join(folder), Path::new(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, path: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let entry = entry.expect("an entry can be read").path();
        let Some(name) = entry.file_name().filter(|name| *name != "target") else { continue };
        let path = path.join(name);
        if entry.is_dir() {
            collect(&entry, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&entry).expect("a source file can be read");
            let path = path.with_extension("");
            found.extend(tests_in(&source).map(|name| (path.clone(), name.to_owned())));
        }
    }
}

/// The functions of a source file that are tests: an attribute above them says so.
fn tests_in(source: &str) -> impl Iterator<Item = &str> {
    let mut attributed = false;
    source.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[") {
            attributed |= line.contains("test]") || line.contains("::test(");
            return None;
        }
        let is_test = std::mem::take(&mut attributed);
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        function.split(['(', '<']).next().filter(|_| is_test)
    })
}

/// Those of the names that no test has.
fn missing<'n>(names: &BTreeSet<&'n str>, tests: &[(PathBuf, String)]) -> Vec<&'n str> {
    let exists = |wanted: &str| {
        let (file, wanted) = wanted.split_once("::").unwrap_or(("", wanted));
        tests.iter().any(|(path, name)| {
            name == wanted && (file.is_empty() || path.iter().any(|part| part == file))
        })
    };
    names.iter().copied().filter(|name| !exists(name)).collect()
}

#[test]
fn every_test_that_guarantees_md_names_exists() {
    let text = guarantees();
    let names = named(&text);
    assert!(names.len() > 50, "only {}: they are not found any more", names.len());
    let missing = missing(&names, &tests());
    assert!(missing.is_empty(), "docs/guarantees.md names tests that do not exist: {missing:#?}");
}

#[test]
fn every_promise_names_a_test() {
    let text = guarantees();
    let tables = text.split(PROMISES).skip(1);
    let rows: Vec<_> = tables
        .flat_map(|table| table.lines().skip(2).take_while(|line| line.starts_with('|')))
        .collect();
    assert!(rows.len() > 30, "only {}: they are not found any more", rows.len());
    let bare: Vec<_> = rows.into_iter().filter(|row| named(row).is_empty()).collect();
    assert!(bare.is_empty(), "promises without a test: {bare:#?}");
}

#[test]
fn a_test_that_is_renamed_or_moved_is_missed() {
    let source = "
        fn helper() {}
        #[test]
        #[cfg(unix)]
        fn this_is_a_test() {}
        #[tokio::test(start_paused = true)]
        async fn and_this_is_another() {}
        #[test]
        fn so_is_that_of_a_macro(input in any()) {}";
    let path = PathBuf::from("tests/tests/session/here");
    let tests: Vec<_> = tests_in(source).map(|name| (path.clone(), name.to_owned())).collect();
    assert_eq!(tests.len(), 3);
    let names = named(
        "`this_is_a_test`, `here::this_is_a_test`, `session::and_this_is_another`, `so_is_that_of_a_macro`
        `there::this_is_a_test`, `here::helper`, `this_was_a_test`; `dedup_ttl`, `Config::span`, `a + b`",
    );
    assert_eq!(names.len(), 7);
    let missed = ["here::helper", "there::this_is_a_test", "this_was_a_test"];
    assert_eq!(missing(&names, &tests), missed);
}
