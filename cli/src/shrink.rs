//! `cync shrink`: from a scenario that breaks an invariant to the smallest one that does.

use crate::complain;
use crate::exit::Exit;
use crate::scenario;
use cync_sim::Scenario;
use cync_sim::shrink::{self, MOST_RUNS, Progress, Shrunk};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

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
    /// Write the smallest scenario to this file, too
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a test to this file that fails as long as the invariant is broken
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Plant a defect in the core first
    #[cfg(planted)]
    #[arg(long, value_name = "NAME")]
    plant: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  cync shrink broken.toml --out smallest.toml
  cync shrink --seed 7 --test regression.rs
";

pub(crate) fn run(args: &Args) -> Exit {
    #[cfg(planted)]
    if let Some(name) = &args.plant {
        let Some(defect) = cync_core::planted::Defect::from_name(name) else {
            complain(format_args!("--plant: no defect is called {name}"));
            return Exit::Usage;
        };
        cync_core::planted::plant(Some(defect));
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
    let shown = io::stderr().is_terminal();
    let mut progress = |now: &Progress| {
        if shown && now.runs.is_multiple_of(SHOWN) {
            let Progress { runs, ops, faults, .. } = now;
            // A closed standard error is nobody's problem.
            let _ =
                write!(io::stderr(), "\r{runs} runs: {ops} operations, {faults} faults left\x1b[K");
        }
    };
    let result = shrink::shrink(&scenario, MOST_RUNS, &mut |it| shrink::breaks(it), &mut progress);
    if shown {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let Some(shrunk) = result else {
        return complain(format_args!("{name} breaks no invariant: there is nothing to shrink"));
    };
    report(args, &scenario, &shrunk)
}

/// Says what is left, and writes it.
fn report(args: &Args, before: &Scenario, shrunk: &Shrunk) -> Exit {
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
    let toml = scenario.to_toml();
    let mut out = io::stdout().lock();
    match out.write_all(toml.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return complain(format_args!("cannot write: {error}"));
        }
        _ => {}
    }
    let mut write = |path: &Option<PathBuf>, what: &str, text: &str| -> Result<(), String> {
        let Some(path) = path else { return Ok(()) };
        let wrong = |error| format!("cannot write {}: {error}", path.display());
        fs::write(path, text).map_err(wrong)?;
        say(format_args!("{what} written to {}", path.display()));
        Ok(())
    };
    let written = write(&args.out, "scenario", &toml)
        .and_then(|()| write(&args.test, "test", &shrink::to_test(shrunk)));
    match written {
        Ok(()) => Exit::Done,
        Err(problem) => complain(problem),
    }
}
