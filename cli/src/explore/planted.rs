//! The table of planted defects: which seed finds each, by which invariant, and what is left when it is shrunk.

use super::say;
use crate::complain;
use crate::exit::Exit;
use cync_core::planted::{Defect, plant};
use cync_sim::explore::{check, draw};
use cync_sim::scenario::Scenario;
use cync_sim::shrink::{MOST_RUNS, Shrunk, breaks, shrink};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Seeds that have to show every defect.
const SEEDS: u64 = 200;
/// What the table stands between.
const MARKERS: [&str; 2] = ["<!-- planted defects: begin -->\n", "<!-- planted defects: end -->\n"];

/// A defect that was found.
struct Found {
    seed: u64,
    took: Duration,
    shrunk: Shrunk,
}

/// Finds and shrinks every defect, and writes the table.
pub(super) fn table(file: &Path) -> Exit {
    match found().and_then(|table| write(file, &table)) {
        Ok(()) => Exit::Done,
        Err(problem) => complain(problem),
    }
}

fn found() -> Result<String, String> {
    let mut table = "\
| defect | what goes wrong | found by | seed | seeds tried, time | operations + faults |
|---|---|---|---|---|---|
"
    .to_owned();
    let mut scenarios = String::new();
    for &defect in Defect::ALL {
        let name = defect.name();
        plant(Some(defect));
        let result = find();
        plant(None);
        let Found { seed, took, shrunk } =
            result.ok_or_else(|| format!("{name} shows in none of {SEEDS} seeds"))?;
        let Scenario { work, faults, .. } = &shrunk.scenario;
        let (ops, faults) = (work.ops.len() as u64 + work.commands, faults.len());
        let invariant = shrunk.invariant;
        say(format_args!(
            "{name}: {invariant}, seed {seed}, {ops} + {faults}, {} runs",
            shrunk.runs
        ));
        let (about, tried, millis) = (defect.about(), seed + 1, took.as_millis());
        // Writing into a string does not fail.
        let _ = writeln!(
            table,
            "| `{name}` | {about} | {invariant} | {seed} | {tried}, {millis} ms | {ops} + {faults} |"
        );
        let message = shrunk.message.replace('<', "&lt;");
        let toml = shrunk.scenario.to_toml();
        let _ = writeln!(
            scenarios,
            "\n<details><summary><code>{name}</code>: {invariant}</summary>\n\n{invariant}: {message}\n\n```toml\n{toml}```\n\n</details>"
        );
    }
    let began = Instant::now();
    if let Some(seed) = (0..SEEDS).find(|seed| !is_clean(*seed)) {
        return Err(format!("seed {seed} breaks something without a planted defect"));
    }
    let took = began.elapsed().as_millis();
    let _ = writeln!(table, "| none | | nothing, in all {SEEDS} seeds | | {SEEDS}, {took} ms | |");
    Ok(table + &scenarios)
}

fn is_clean(seed: u64) -> bool {
    check(&draw(seed), false).is_ok_and(|outcome| outcome.broken.is_none())
}

/// The first seed that shows what is planted, shrunk.
fn find() -> Option<Found> {
    let began = Instant::now();
    let seed = (0..SEEDS).find(|seed| !is_clean(*seed))?;
    let took = began.elapsed();
    let shrunk = shrink(&draw(seed), MOST_RUNS, &mut |it| breaks(it), &mut |_| {})?;
    Some(Found { seed, took, shrunk })
}

fn write(file: &Path, table: &str) -> Result<(), String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"))?;
    let [begin, end] = MARKERS;
    let parts = text.split_once(begin).and_then(|(before, rest)| {
        rest.split_once(end).map(|(_, behind)| [before, begin, table, end, behind].concat())
    });
    let new = parts
        .ok_or_else(|| format!("{name} has no line {} and none {}", begin.trim(), end.trim()))?;
    fs::write(file, new).map_err(|error| format!("cannot write {name}: {error}"))
}
