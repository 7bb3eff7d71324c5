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
/// Operations and faults together that a defect is to be shrunk to.
const HANDFUL: usize = 5;
/// What the table stands between.
const MARKERS: [&str; 2] = ["<!-- planted defects: begin -->\n", "<!-- planted defects: end -->\n"];

/// A defect that was found.
struct Found {
    /// The first seed that shows it, and how long it took to get there.
    seed: u64,
    took: Duration,
    invariant: &'static str,
    /// What is left of it; or of another seed, if that is a handful and this is not.
    shrunk: Shrunk,
    of: u64,
}

/// Why there is more than a handful to it.
fn reason(defect: Defect) -> &'static str {
    if defect == Defect::BackOffResetEarly {
        ": each wait is random below its bound, so only a series of cut connections shows that bounds do not grow"
    } else {
        ""
    }
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
        let Found { seed, took, invariant, shrunk, of } =
            result.ok_or_else(|| format!("{name} shows in none of {SEEDS} seeds"))?;
        let left = left(&shrunk);
        let (ops, faults) = left;
        say(format_args!("{name}: {invariant}, seed {seed}; seed {of}: {ops} + {faults}"));
        let (about, tried, millis) = (defect.about(), seed + 1, took.as_millis());
        let from = if of == seed { String::new() } else { format!(" (seed {of})") };
        let why = if ops + faults > HANDFUL { reason(defect) } else { "" };
        // Writing into a string does not fail.
        let _ = writeln!(
            table,
            "| `{name}` | {about} | {invariant} | {seed} | {tried}, {millis} ms | {ops} + {faults}{from}{why} |"
        );
        let message = shrunk.message.replace('<', "&lt;");
        let toml = shrunk.scenario.to_toml();
        let _ = writeln!(
            scenarios,
            "\n<details><summary><code>{name}</code></summary>\n\n{}: {message}\n\n```toml\n{toml}```\n\n</details>",
            shrunk.invariant
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

/// The first seed that shows what is planted; and what is left of it, or of the first one of which a handful is.
fn find() -> Option<Found> {
    let began = Instant::now();
    let seed = (0..SEEDS).find(|seed| !is_clean(*seed))?;
    let took = began.elapsed();
    let mut all = (seed..SEEDS).filter_map(|seed| {
        let shrunk = shrink(&draw(seed), MOST_RUNS, &mut |it| breaks(it), &mut |_| {})?;
        Some((seed, shrunk))
    });
    let mut best = all.next()?;
    let invariant = best.1.invariant;
    let size = |(_, shrunk): &(u64, Shrunk)| {
        let (ops, faults) = left(shrunk);
        ops + faults
    };
    while size(&best) > HANDFUL {
        let Some(next) = all.next() else { break };
        if size(&next) < size(&best) {
            best = next;
        }
    }
    let (of, shrunk) = best;
    Some(Found { seed, took, invariant, shrunk, of })
}

/// Operations and faults that are left. What is shrunk has no drawn commands if none are needed.
fn left(shrunk: &Shrunk) -> (usize, usize) {
    let Scenario { work, faults, .. } = &shrunk.scenario;
    (work.ops.len() + work.commands as usize, faults.len())
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
