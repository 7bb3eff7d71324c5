//! `cync shrink`: from a scenario that breaks an invariant to the smallest one that does.

use crate::exit::Exit;
use crate::scenario;
use crate::{complain, interrupt};
use cync_sim::Scenario;
use cync_sim::shrink::{self, MOST_RUNS, Progress, Shrunk};
use cync_sim::world::Stop;
use serde_json::json;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Progress is shown once in so many runs.
const SHOWN: u64 = 50;

/// Find the smallest scenario that breaks the same invariant
///
/// It takes operations, faults and settings away, and makes the rest plain, as long as the same invariant is broken. Standard
/// output gets the smallest scenario, as a file that every other subcommand takes; standard error says how far it is. The
/// same scenario gives the same result every time. One that breaks nothing is a failure.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The scenario: a file, or a name that `cync scenario list` has; - is standard input
    #[arg(value_name = "FILE|NAME", required_unless_present = "seed", conflicts_with = "seed")]
    scenario: Option<PathBuf>,
    /// The scenario that is drawn from this seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    files: Files,
    /// Print one JSON object, with the scenario in it
    #[arg(long)]
    json: bool,
    #[cfg(planted)]
    #[command(flatten)]
    plant: crate::plant::Plant,
}

/// Where the smallest scenario goes, besides standard output.
#[derive(clap::Args, Debug)]
pub(crate) struct Files {
    /// Write the smallest scenario to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Write a test to this file that fails as long as the invariant is broken
    #[arg(long, value_name = "FILE")]
    pub(crate) test: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  cync shrink broken.toml --out smallest.toml
  cync shrink --seed 7 --test regression.rs
  cync shrink broken.toml --json
";

pub(crate) fn run(args: &Args) -> Exit {
    #[cfg(planted)]
    if let Err(problem) = args.plant.plant() {
        complain(problem);
        return Exit::Usage;
    }
    let (name, found) = match (&args.scenario, args.seed) {
        (Some(path), _) => (path.display().to_string(), scenario::find(path)),
        (None, seed) => {
            let seed = seed.unwrap_or_default();
            (format!("seed {seed}"), Ok(cync_sim::explore::draw(seed)))
        }
    };
    let scenario = match found {
        Ok(scenario) => scenario,
        Err(problem) => return complain(problem),
    };
    let stop = match interrupt::flag() {
        Ok(stop) => stop,
        Err(exit) => return exit,
    };
    let found = smallest(&scenario, stop);
    let interrupted = stop.load(Relaxed);
    let Some(shrunk) = found else {
        if interrupted {
            complain(format_args!(
                "interrupted before it was known whether {name} breaks anything"
            ));
            return Exit::Interrupted;
        }
        return complain(format_args!("{name} breaks no invariant: there is nothing to shrink"));
    };
    let text = shrunk.scenario.to_toml();
    let text = if args.json { as_json(&shrunk, &text, interrupted) } else { text };
    match print(&text).and_then(|()| report(&args.files, &scenario, &shrunk)) {
        Ok(()) if interrupted => {
            complain("interrupted: a smaller scenario may exist");
            Exit::Interrupted
        }
        Ok(()) => Exit::Done,
        Err(problem) => complain(problem),
    }
}

fn as_json(shrunk: &Shrunk, text: &str, interrupted: bool) -> String {
    let Shrunk { scenario, invariant, message, runs, explicit, exhausted, .. } = shrunk;
    let object = json!({
        "invariant": invariant,
        "message": message,
        "runs": runs,
        "operations": scenario.work.commands + scenario.work.ops.len() as u64,
        "faults": scenario.faults.len(),
        "explicit": explicit,
        "exhausted": exhausted,
        "interrupted": interrupted,
        "scenario": text,
    });
    format!("{object}\n")
}

/// Shrinks a scenario, and shows how far it is, on a terminal. Once it is to stop, what there is by then has to do.
pub(crate) fn smallest(scenario: &Scenario, stop: &'static AtomicBool) -> Option<Shrunk> {
    let shown = io::stderr().is_terminal();
    let mut progress = |now: &Progress| {
        if shown && now.runs.is_multiple_of(SHOWN) {
            let Progress { runs, ops, faults, .. } = now;
            // A closed standard error is nobody's problem.
            let _ =
                write!(io::stderr(), "\r{runs} runs: {ops} operations, {faults} faults left\x1b[K");
        }
    };
    let mut breaks = |it: &Scenario| {
        let go_on = !stop.load(Relaxed);
        go_on.then(|| shrink::breaks_until(it, Stop(Some(stop)))).flatten()
    };
    let result = shrink::shrink(scenario, MOST_RUNS, &mut breaks, &mut progress);
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    result
}

/// Says what is left, and writes it into the files that were asked for.
pub(crate) fn report(files: &Files, before: &Scenario, shrunk: &Shrunk) -> Result<(), String> {
    let Shrunk { scenario, invariant, message, runs, explicit, exhausted, .. } = shrunk;
    let count = |it: &Scenario| (it.work.commands + it.work.ops.len() as u64, it.faults.len());
    let ((many, more), (ops, faults)) = (count(before), count(scenario));
    let mut err = io::stderr();
    let mut say = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(err, "{line}");
    };
    say(format_args!("{invariant}: {message}"));
    say(format_args!(
        "after {runs} runs: {ops} operations of {many}, and {faults} faults ({more} explicit ones before)"
    ));
    if !explicit {
        say(format_args!("draws are left: without them the invariant holds"));
    }
    if *exhausted {
        say(format_args!("{MOST_RUNS} runs are the most: a smaller scenario may exist"));
    }
    let mut write = |path: &Option<PathBuf>, what: &str, text: &str| -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let wrong = |error| format!("cannot write {}: {error}", path.display());
        fs::write(path, text).map_err(wrong)?;
        say(format_args!("{what} written to {}", path.display()));
        Ok(())
    };
    write(&files.out, "scenario", &scenario.to_toml())?;
    write(&files.test, "test", &shrink::to_test(shrunk))
}

/// Prints this. Whoever closes standard output does not want it.
pub(crate) fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write: {error}"))
        }
        _ => Ok(()),
    }
}
