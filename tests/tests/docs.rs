//! Pages name the tests that show what they say. Those exist, and no promise and no failure mode is without one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What a promise's row is found by: the headings of its table.
const PROMISES: &str = "| promise | where | shown by |";
/// Pages that name tests, and how many at least: fewer, and they are not found any more.
const PAGES: [(&str, usize); 3] =
    [("guarantees", 50), ("legacy-failure-modes", 15), ("runtimes", 10)];
/// What begins a list of tests that a macro makes, of one file and the names in it after another: `file: name name;`.
const LIST: &str = "on_every_runtime! {";
/// A name without its file counts as that of a test if it has so many words; names of fields are shorter.
const WORDS: usize = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name).with_extension("md"))
        .expect("a page can be read")
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
            let listed = listed_in(&source).into_iter();
            found.extend(listed.map(|(file, name)| (path.with_file_name(file), name.to_owned())));
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

/// The tests that a list of a source file has, each with the file that its behaviour is in.
fn listed_in(source: &str) -> Vec<(&str, &str)> {
    let list =
        source.split(&format!("\n{LIST}\n")).nth(1).and_then(|rest| rest.split("\n}").next());
    let mut file = "";
    let mut listed = Vec::new();
    for word in list.unwrap_or_default().split_whitespace() {
        match (word.strip_suffix(':'), word.trim_end_matches(';')) {
            (Some(next), _) => file = next,
            (None, name) if is_name(name) => listed.push((file, name)),
            _ => {}
        }
    }
    listed
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
fn every_test_that_a_page_names_exists() {
    let tests = tests();
    for (name, at_least) in PAGES {
        let text = page(name);
        let names = named(&text);
        assert!(
            names.len() >= at_least,
            "{name}: only {}: they are not found any more",
            names.len()
        );
        let missing = missing(&names, &tests);
        assert!(missing.is_empty(), "docs/{name}.md names tests that do not exist: {missing:#?}");
    }
}

#[test]
fn every_failure_mode_names_a_test() {
    let text = page("legacy-failure-modes");
    let modes: Vec<_> = text.split("\n## ").skip(1).collect();
    assert_eq!(modes.len(), 5, "they are not found any more");
    let bare = modes.into_iter().filter(|mode| named(mode).is_empty());
    assert_eq!(bare.count(), 0);
}

#[test]
fn every_promise_names_a_test() {
    let text = page("guarantees");
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

#[test]
fn a_test_in_a_list_is_found_in_its_own_file() {
    let source = "\non_every_runtime! {\n    closing:\n        it_ends\n        it_does_not;\n    hub:\n        it_listens;\n}\nfn f() {}\n";
    let listed = [("closing", "it_ends"), ("closing", "it_does_not"), ("hub", "it_listens")];
    assert_eq!(listed_in(source), listed);
    assert!(listed_in("fn on_every_runtime() {}").is_empty());
}
