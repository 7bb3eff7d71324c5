//! `docs/acceptance.md`: each line of the specification's acceptance has a command, and the command shows it.
//!
//! What is checked always is the form. The commands are run by `cargo test -p cync-cli --test acceptance -- --ignored`, which builds what
//! they need; with `ACCEPTANCE=commands` tests and examples are left out, which `.ci/run` has run before.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use regex_lite::Regex;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The headings of a table of rows.
const HEADINGS: &str = "| id | clause | command | shows |";
/// What takes the place of a bar within a cell.
const BAR: &str = "\\|";

/// A line of the acceptance.
#[derive(Debug)]
struct Row {
    id: String,
    command: String,
    shows: Regex,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.id, self.command)
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The rows of every table under [`HEADINGS`].
fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/acceptance.md")).unwrap();
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in page.lines() {
        in_table = (in_table && line.starts_with('|')) || line == HEADINGS;
        assert!(in_table || !line.starts_with('|'), "a row outside of a table: {line}");
        if in_table && line != HEADINGS && !line.starts_with("|---") {
            rows.push(row(line));
        }
    }
    rows
}

fn row(line: &str) -> Row {
    let line = line.replace(BAR, "\0");
    let cells: Vec<String> =
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
    let [id, clause, command, shows] = &cells[..] else { panic!("not four cells: {line}") };
    let code = |cell: &str, what: &str| {
        let code = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        let code = code.unwrap_or_else(|| panic!("{id} has no {what}: {cell}"));
        assert!(!code.trim().is_empty(), "{id} has an empty {what}");
        code.to_owned()
    };
    assert!(!id.is_empty() && !clause.is_empty(), "{line}");
    let shows = code(shows, "pattern");
    let shows = Regex::new(&shows).unwrap_or_else(|error| panic!("{id}: {shows}: {error}"));
    assert!(!shows.is_match(""), "{id}: its pattern is found in nothing");
    Row { id: id.clone(), command: code(command, "command"), shows }
}

#[test]
fn every_line_has_a_command_and_something_to_be_found_in_what_it_prints() {
    let rows = rows();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids.len(), rows.len(), "an id is used twice");
}

/// Runs a command as somebody would who reads the page, with the `cync` that was built for this test.
fn output(row: &Row) -> (bool, String) {
    let built = Path::new(env!("CARGO_BIN_EXE_cync")).parent().unwrap();
    let path = format!("{}:{}", built.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", &row.command]).current_dir(root()).env("PATH", path);
    let output = shell.output().unwrap();
    let text = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    (output.status.success(), text.concat())
}

#[test]
#[ignore = "it runs tests of all packages, which have to be built"]
fn every_line_is_shown_by_its_command() {
    let commands_only = std::env::var("ACCEPTANCE").is_ok_and(|what| what == "commands");
    let failed: Vec<String> = rows()
        .iter()
        .filter(|row| !(commands_only && row.command.contains("cargo ")))
        .filter_map(|row| {
            let start = std::time::Instant::now();
            let (succeeded, text) = output(row);
            let shown = succeeded && row.shows.is_match(&text);
            let verdict = if shown { "ok" } else { "NOT SHOWN" };
            println!("{verdict:9} {:6} ms  {row}", start.elapsed().as_millis());
            let end = text.len().saturating_sub(2000);
            let end = (end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            (!shown).then(|| format!("{row}\n  wanted: {}\n{}", row.shows, &text[end..]))
        })
        .collect();
    assert!(failed.is_empty(), "{} not shown:\n{}", failed.len(), failed.join("\n"));
}
