//! `cync chaos`: the chaos table, run and judged.

mod json;
mod page;
mod row;
mod table;

use crate::exit::Exit;
use crate::progress::{Bar, Until};
use crate::{complain, interrupt};
use clap::builder::PossibleValuesParser;
use cync_sim::Scenario;
use cync_sim::world::{Options, Pick, Story, story};
use row::Row;
use std::io::{self, Write};
use std::path::PathBuf;

/// Rows of the table: they come first in the library.
const ROWS: usize = 9;

/// Run the chaos table: thousands of commands over links that lose, double, delay and reorder
///
/// Every row is a scenario that comes with this command (`cync scenario show NAME`), run in virtual time with the default
/// configuration and with every invariant checked after every step: once with one worker, which sends one command after the
/// other, and once with ten at a time. When all commands of a row have ended, the faults stop, and one more is sent, which
/// must need one attempt. A limit that is not kept is named below the table, with how far it was missed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Run this row alone; may be given several times
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    only: Vec<String>,
    /// Commands of each row and each number of workers, instead of the row's own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    commands: Option<u64>,
    /// What all draws depend on, instead of the rows' own
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print one JSON document instead of the table: the same one whenever the same is run
    #[arg(long)]
    json: bool,
    /// Write a page with the table, how long commands took, and what became of one of them
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The command that the page shows, as ROW:N, of the row with one worker, counted from 1; the slowest of the first row
    /// with losses if not given
    #[arg(long, value_name = "ROW:N", requires = "html", value_parser = chart)]
    chart: Option<Chart>,
}

const EXAMPLES: &str = "\
Examples:
  cync chaos
  cync chaos --only high-loss --only step --seed 7
  cync chaos --json > chaos.json
  cync chaos --html chaos.html --chart high-loss:17
";

/// A command of a row.
#[derive(Clone, Debug)]
struct Chart {
    name: String,
    nth: u64,
}

fn chart(text: &str) -> Result<Chart, String> {
    let parts = text.split_once(':').and_then(|(name, nth)| Some((name, nth.parse().ok()?)));
    let Some((name, nth @ 1..)) = parts else {
        return Err("write the row and the command's number from 1, as in high-loss:17".into());
    };
    if !names().any(|known| known == name) {
        let names: Vec<&str> = names().collect();
        return Err(format!("no row is called {name:?}; there are {}", names.join(", ")));
    }
    Ok(Chart { name: name.to_owned(), nth })
}

fn library() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    Scenario::library().iter().take(ROWS)
}

fn names() -> impl Iterator<Item = &'static str> {
    library().map(|(name, _)| *name)
}

/// Runs `cync chaos`.
pub(crate) fn run(args: &Args) -> Exit {
    let chosen = |name: &str| args.only.is_empty() || args.only.iter().any(|only| only == name);
    let mut rows = Vec::new();
    for (name, text) in library().filter(|(name, _)| chosen(name)) {
        for workers in row::WORKERS {
            match Row::new(name, text, workers, args.commands, args.seed) {
                Ok(row) => rows.push(row),
                Err(problem) => return usage(&problem),
            }
        }
    }
    if let Some(chart) = &args.chart {
        let row = rows.iter().find(|row| row.name == chart.name);
        let Some(row) = row else {
            return usage(&format!("--chart is of {}, which --only leaves out", chart.name));
        };
        let commands = row.scenario.work.commands;
        if chart.nth > commands {
            return usage(&format!(
                "--chart is of command {}, but there are {commands}",
                chart.nth
            ));
        }
    }
    let stop = match interrupt::flag() {
        Ok(stop) => stop,
        Err(exit) => return exit,
    };
    let (runs, commands) = (rows.len(), rows.iter().map(|row| row.scenario.work.commands).sum());
    let bar = Bar::new("commands", Until::Count(commands), !args.json);
    if let Err(error) = row::run_all(&mut rows, stop, bar) {
        return complain(error);
    }
    rows.retain(|row| row.done);
    let interrupted = rows.len() < runs;
    if interrupted {
        complain(format_args!(
            "interrupted: of {runs} runs these {} came to their end",
            rows.len()
        ));
    }
    if let Some(path) = args.html.as_ref().filter(|_| !interrupted) {
        let written = told(&rows, args.chart.as_ref())
            .and_then(|told| std::fs::write(path, page::page(&rows, told.as_ref())));
        if let Err(error) = written {
            return complain(format_args!("cannot write {}: {error}", path.display()));
        }
    }
    let mut out = io::stdout().lock();
    let shown = if args.json {
        json::write(&rows, interrupted, &mut out)
    } else {
        table::write(&rows, &mut out)
    };
    match shown.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ if !rows.iter().all(Row::holds) => Exit::Failed,
        _ if interrupted => Exit::Interrupted,
        _ => Exit::Done,
    }
}

fn usage(problem: &str) -> Exit {
    complain(problem);
    Exit::Usage
}

/// What became of the command that the page shows, and its row.
fn told<'a>(rows: &'a [Row], chart: Option<&Chart>) -> io::Result<Option<(&'a Row, Story)>> {
    let row = match chart {
        Some(chart) => rows.iter().find(|row| row.name == chart.name),
        None => rows.iter().find(|row| row.loss() > 0).or(rows.first()),
    };
    let Some(row) = row else { return Ok(None) };
    let pick = chart.map_or(Pick::Slowest, |chart| Pick::Nth(chart.nth));
    let told = story(&row.scenario, Options::default(), pick).map_err(io::Error::other)?;
    Ok(told.map(|told| (row, told)))
}
