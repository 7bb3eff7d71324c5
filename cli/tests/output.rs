//! `docs/output.md` names every member of what `--json` prints, and no other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;
use serde_json::Value;
use std::collections::BTreeSet;

type Names = BTreeSet<String>;

fn section(heading: &str) -> &'static str {
    let page = include_str!("../../docs/output.md");
    let start = page.find(heading).unwrap_or_else(|| panic!("no {heading}"));
    page[start..].split("\n## ").next().unwrap()
}

/// The tables of the page under this heading: the names in their first column.
fn tables(heading: &str) -> Vec<Names> {
    let mut tables = Vec::new();
    for line in section(heading).lines() {
        if line.starts_with("|---") {
            tables.push(Names::new());
        } else if let (Some(row), Some(table)) = (line.strip_prefix("| "), tables.last_mut()) {
            let cell = row.split(" | ").next().unwrap();
            table.extend(quoted(cell));
        }
    }
    tables
}

/// What is written as code.
fn quoted(text: &str) -> Names {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What there is only a sentence about: every member is in it.
#[track_caller]
fn is_told(heading: &str, object: &Value) {
    let untold = &members(object) - &quoted(section(heading));
    assert_eq!(untold, Names::new(), "{heading}");
}

fn members(object: &Value) -> Names {
    object.as_object().unwrap_or_else(|| panic!("{object}")).keys().cloned().collect()
}

fn printed(args: &[&str]) -> Vec<Value> {
    let run = cync(args, b"");
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()
}

#[test]
fn of_a_toggled_device_every_member_is_told() {
    let [command, summary] = &tables("## `cync toggle`")[..] else { panic!("two tables") };
    let lines = printed(&["toggle", "--simulate", "--count", "1", "--loss", "0%", "--json"]);
    assert_eq!((&members(&lines[0]), &members(&lines[1]["summary"])), (command, summary));
}

#[test]
fn of_a_simulated_run_every_member_is_told() {
    let [run] = &tables("## `cync run`")[..] else { panic!("one table") };
    assert_eq!(members(&printed(&["run", "baseline", "--json"])[0]), *run);
    let [more] = &tables("## `cync chaos`")[..] else { panic!("one table") };
    let table = cync(&["chaos", "--only", "baseline", "--commands", "20", "--json"], b"");
    let document: Value = serde_json::from_str(&table.stdout).unwrap();
    let row = &document["rows"][0];
    assert_eq!(members(row), run | more);
    assert_eq!(
        members(&document),
        Names::from(["version", "holds", "interrupted", "rows"].map(str::to_owned))
    );
}

#[test]
fn of_explored_schedules_every_member_is_told() {
    let [told] = &tables("## `cync explore`")[..] else { panic!("one table") };
    assert_eq!(members(&printed(&["explore", "--seeds", "2", "--matrix", "--json"])[0]), *told);
}

#[test]
fn of_steady_traffic_every_member_is_told() {
    let [told] = &tables("## `cync soak`")[..] else { panic!("one table") };
    let lines = printed(&["soak", "--hours", "2", "--json"]);
    assert_eq!(members(&lines[0]), *told);
    is_told("## `cync soak`", lines.last().unwrap());
}

#[test]
fn of_how_fast_it_is_every_member_is_told() {
    let [told] = &tables("## `cync validate`")[..] else { panic!("one table") };
    let run = cync(&["validate", "--json"], b"");
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    is_told("## `cync validate`", &document);
    for part in
        [&document["virtual"]["plain"], &document["virtual"]["captured"], &document["sockets"]]
    {
        assert_eq!(members(part), *told);
    }
}

#[test]
fn of_a_trace_that_is_replayed_every_member_is_told() {
    let trace = concat!(env!("CARGO_TARGET_TMPDIR"), "/output.trace");
    printed(&["run", "group", "--json", "--trace", trace]);
    is_told("## `cync replay`", &printed(&["replay", trace, "--json"])[0]);
}

#[test]
fn of_a_report_every_member_is_told() {
    let run = cync(&["run", "group", "--json"], b"").stdout;
    let report: Value =
        serde_json::from_str(&cync(&["report", "--json", "-"], run.as_bytes()).stdout).unwrap();
    is_told("## `cync report`", &report);
    is_told("## `cync report`", &report["levels"][0]);
}
