//! `cync explore`: scenarios drawn from seeds, until one breaks something.

#[cfg(planted)]
mod planted;
mod search;
mod show;

use crate::exit::Exit;
use crate::progress::{Bar, Until};
use crate::{arg, complain, entropy, interrupt, shrink};
use cync_sim::explore::{Hit, draw};
use search::{Seeds, search};
use serde_json::json;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Draw scenarios from seeds, and check everything that must hold
///
/// Each seed turns some kinds of faults off and weights the others wildly. At the first one that breaks something standard error
/// says what, and the line that does it again; standard output gets the smallest scenario that breaks the same. Equal seeds have
/// equal results, on however many threads.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 1_000, conflicts_with = "time", value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// As many seeds as there is time for
    #[arg(long = "for", id = "time", value_name = "TIME", value_parser = some_time)]
    time: Option<Duration>,
    /// The first seed, or `random`
    #[arg(long, value_name = "SEED", default_value = "0")]
    from: From,
    /// How many threads; as many as there are processors if not given
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroU16>,
    /// Show in how many schedules each two kinds of faults took effect together
    #[arg(long)]
    matrix: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    /// Leave a scenario that breaks something as it was drawn
    #[arg(long, conflicts_with_all = ["out", "test"])]
    no_shrink: bool,
    #[command(flatten)]
    files: shrink::Files,
    #[cfg(planted)]
    #[command(flatten)]
    plant: crate::plant::Plant,
    /// Find and shrink every defect that can be planted, and write the table of them into this file, between its markers
    #[cfg(planted)]
    #[arg(long, value_name = "FILE", exclusive = true)]
    planted_table: Option<std::path::PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  cync explore --seeds 20000 --matrix
  cync explore --for 60s --from random --test regression.rs
";

/// In no time nothing is explored.
fn some_time(text: &str) -> Result<Duration, String> {
    let time = arg::duration(text)?;
    if time.is_zero() { Err("write a time above zero, such as 60s".into()) } else { Ok(time) }
}

/// The first seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    Seed(u64),
    Random,
}

impl FromStr for From {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "random" => Ok(Self::Random),
            _ => text.parse().map(Self::Seed).map_err(|_| "not a seed: write a number, or random"),
        }
    }
}

pub(crate) fn run(args: &Args) -> Exit {
    #[cfg(planted)]
    {
        if let Some(file) = &args.planted_table {
            return planted::table(file);
        }
        if let Err(problem) = args.plant.plant() {
            complain(problem);
            return Exit::Usage;
        }
    }
    let from = match args.from {
        From::Seed(seed) => seed,
        From::Random => {
            let seed = entropy::seed();
            say(format_args!("the first seed is {seed}"));
            seed
        }
    };
    let left = (u64::MAX - from).saturating_add(1);
    if args.time.is_none() && args.seeds > left {
        complain(format_args!("--seeds: there are only {left} from {from} on"));
        return Exit::Usage;
    }
    let stop = match interrupt::flag() {
        Ok(stop) => stop,
        Err(exit) => return exit,
    };
    let count = if args.time.is_some() { left } else { args.seeds };
    let seeds = Seeds { from, count, time: args.time };
    let threads = args.threads.map_or_else(
        || std::thread::available_parallelism().map_or(1, usize::from),
        |threads| threads.get().into(),
    );
    let until = args.time.map_or(Until::Count(count), Until::Time);
    let mut bar = Bar::new("seeds", until, !args.json);
    let searched = search(seeds, threads, stop, &mut |done| bar.show(done));
    drop(bar);
    if let Some(hit) = &searched.sweep.hit {
        return broken(args, from, hit, stop);
    }
    let interrupted = stop.load(Relaxed);
    let mut out = io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{}", show::json(from, &searched.sweep, args.matrix, interrupted))
    } else {
        show::summary(&mut out, from, &searched, args.matrix)
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ if interrupted => Exit::Interrupted,
        _ => Exit::Done,
    }
}

/// Says something on standard error that is no complaint.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says what is broken, how to do it again, and what the smallest scenario is that breaks it.
fn broken(args: &Args, from: u64, hit: &Hit, stop: &'static AtomicBool) -> Exit {
    let Hit { seed, broken } = hit;
    complain(format_args!("seed {seed} breaks {} at {:?}", broken.violation, broken.at));
    #[cfg(planted)]
    let planted = args.plant.repeated();
    #[cfg(not(planted))]
    let planted = "";
    let repeat = format!("cync explore --from {seed} --seeds 1{planted}");
    say(format_args!("to repeat it: {repeat}"));
    say(format_args!("to shrink it: cync shrink --seed {seed}{planted}"));
    let before = draw(*seed);
    let shrunk = if args.no_shrink { None } else { shrink::smallest(&before, stop) };
    let written = shrunk.as_ref().map_or(Ok(()), |it| shrink::report(&args.files, &before, it));
    let smallest = shrunk.as_ref().map_or(before, |shrunk| shrunk.scenario.clone());
    let text = if args.json {
        let object = json!({
            "from": from,
            "broken": {
                "seed": seed,
                "invariant": broken.violation.invariant,
                "what": broken.violation.what,
                "at_us": u64::try_from(broken.at.as_micros()).unwrap_or(u64::MAX),
                "repeat": repeat,
                "shrunk": shrunk.is_some(),
                "scenario": smallest.to_toml(),
            },
        });
        format!("{object}\n")
    } else {
        smallest.to_toml()
    };
    let printed = shrink::print(&text);
    if let Err(problem) = printed.and(written) {
        complain(problem);
    }
    Exit::Failed
}
