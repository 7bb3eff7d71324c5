//! `cync soak`: hours of traffic, and what they leave in memory.

mod growth;
mod show;

use crate::exit::Exit;
use crate::progress::{Bar, Until};
use crate::{complain, interrupt};
use cync_sim::Scenario;
use cync_sim::scenario::Workload;
use cync_sim::world::{Options, Outcome, Progress, Stop, run_observed};
use growth::Growth;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// A line every quarter of an hour.
const EVERY: Duration = Duration::from_secs(900);
const HOUR: Duration = Duration::from_secs(3600);

/// Run hours of steady traffic in virtual time, and watch what stays in memory
///
/// A hundred commands a minute, of which now and then a packet is lost or doubled: the scenario `soak`, with every invariant
/// checked. Every 15 virtual minutes a line says how far it is, what the world holds (messages of which something can still
/// come, and what the models remember of others), and the process's resident memory and its high-water mark. After the first
/// hour nothing may grow: what is held at the quietest moment of each quarter of an hour is compared exactly, resident memory
/// within 256 KiB, because the kernel counts pages in batches.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Virtual hours; growth is what comes after the first
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(2..=100_000))]
    hours: u32,
    /// What all draws depend on, instead of the scenario's own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print lines of JSON: one each quarter of an hour, then the verdict
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cync soak --hours 9
  cync soak --hours 1000 --seed 7
  cync soak --hours 9 --json
";

/// Runs `cync soak`.
pub(crate) fn run(args: &Args) -> Exit {
    let stop = match interrupt::flag() {
        Ok(stop) => stop,
        Err(exit) => return exit,
    };
    let mut out = io::stdout().lock();
    match soak(args, stop, &mut out) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => complain(format_args!("cannot go on: {error}")),
    }
}

fn scenario(args: &Args) -> io::Result<Scenario> {
    let found = Scenario::library().iter().find(|(name, _)| *name == "soak");
    let text = found.map(|(_, text)| *text).unwrap_or_default();
    let mut scenario = Scenario::parse(text).map_err(io::Error::other)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(Workload::Steady { every }) = scenario.work.workload {
        let time = HOUR * args.hours;
        scenario.work.commands = (time.as_micros() / every.as_micros().max(1)) as u64;
    }
    Ok(scenario)
}

fn soak(args: &Args, stop: &'static AtomicBool, out: &mut impl Write) -> io::Result<Exit> {
    let scenario = scenario(args)?;
    if !args.json {
        show::head(out)?;
    }
    let (mut growth, mut failed) = (Growth::default(), Ok(()));
    // Where the lines are seen they tell enough.
    let wanted = !args.json && !io::stdout().is_terminal();
    let mut bar = Bar::new("commands", Until::Count(scenario.work.commands), wanted);
    let mut observer = |progress: &Progress| {
        let memory = growth::memory();
        growth.look(progress, memory);
        if failed.is_ok() {
            failed = if args.json {
                show::json_line(out, progress, memory)
            } else {
                show::line(out, progress, memory)
            };
        }
        if failed.is_err() {
            // Nobody reads on.
            stop.store(true, Relaxed);
        }
        bar.show(progress.commands);
    };
    let options = Options { stop: Stop(Some(stop)), ..Options::default() };
    let outcome = run_observed(&scenario, options, EVERY, &mut observer);
    drop(bar);
    let outcome = outcome.map_err(io::Error::other)?;
    failed?;
    let problems = problems(&scenario, &outcome, &growth);
    if args.json {
        show::json_verdict(out, &problems, outcome.stopped)?;
    } else {
        show::verdict(out, &problems, &growth, outcome.stopped)?;
    }
    Ok(match (problems.is_empty(), outcome.stopped) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Done,
    })
}

fn problems(scenario: &Scenario, outcome: &Outcome, growth: &Growth) -> Vec<String> {
    let mut problems = growth.problems(!outcome.stopped);
    // They are about a whole run.
    let missed = if outcome.stopped { Vec::new() } else { scenario.limits.missed(outcome) };
    problems.extend(missed.iter().map(ToString::to_string));
    if let Some(broken) = &outcome.broken {
        problems.push(format!("{}, at {:?}", broken.violation, broken.at));
    }
    problems
}
