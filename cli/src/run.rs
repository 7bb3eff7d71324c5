use crate::exit::Exit;
use crate::outcome::{PERCENTILES, as_json, effects, longest, success};
use crate::scenario;
use crate::{complain, interrupt};
use cync_sim::Missed;
use cync_sim::scenario::{Scenario, Workload};
use cync_sim::world::{Broken, Options, Outcome, Stop, run as run_world, run_traced};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// Run a scenario in virtual time, and check what must hold
///
/// It ends with 1 if the run misses one of the scenario's limits, or breaks an invariant; standard error says by how much, and
/// how to do it again. Equal scenarios have equal runs, and equal hashes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A name that `cync scenario list` has, or a file; - is standard input
    #[arg(value_name = "NAME|FILE")]
    scenario: PathBuf,
    /// Another seed than the scenario's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// So many workers instead of the scenario's, each with a lamp of its own
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=254))]
    workers: Option<u8>,
    /// Write everything that goes into sessions and comes out of them to this file, for `cync replay`
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,
    #[cfg(planted)]
    #[command(flatten)]
    plant: crate::plant::Plant,
}

const EXAMPLES: &str = "\
Examples:
  cync run high-loss --workers 10
  cync run mine.toml --seed 7 --json
  cync run partition --trace partition.jsonl && cync replay partition.jsonl
";

pub(crate) fn run(args: &Args) -> Exit {
    #[cfg(planted)]
    if let Err(problem) = args.plant.plant() {
        complain(problem);
        return Exit::Usage;
    }
    let scenario = match prepared(args) {
        Ok(scenario) => scenario,
        Err(exit) => return exit,
    };
    let stop = match interrupt::flag() {
        Ok(stop) => Stop(Some(stop)),
        Err(exit) => return exit,
    };
    let outcome = match performed(args, &scenario, stop) {
        Ok(outcome) => outcome,
        Err(problem) => return complain(problem),
    };
    // Limits are about a whole run.
    let missed = if outcome.stopped { Vec::new() } else { scenario.limits.missed(&outcome) };
    let mut out = io::stdout().lock();
    let shown = if args.json {
        writeln!(out, "{}", as_json(&scenario, &outcome, &missed))
    } else {
        show(&mut out, &scenario, &outcome, &missed)
    };
    match shown.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return complain(format_args!("cannot write: {error}"));
        }
        _ => {}
    }
    if outcome.broken.is_none() && missed.is_empty() {
        return if outcome.stopped { Exit::Interrupted } else { Exit::Done };
    }
    for missed in &missed {
        complain(missed);
    }
    if let Some(Broken { violation, at }) = &outcome.broken {
        complain(format_args!("broken at {at:?}: {violation}"));
    }
    complain(format_args!("to repeat it: {}", repeat(args, &scenario)))
}

/// The scenario, with what the command line changes of it. What is wrong is told already.
fn prepared(args: &Args) -> Result<Scenario, Exit> {
    let mut scenario = scenario::find(&args.scenario).map_err(complain)?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    if let Some(workers) = args.workers {
        let Some(Workload::Closed { .. }) = scenario.work.workload else {
            let problem = "--workers is for scenarios with a closed workload: this has none";
            return Err(complain(problem));
        };
        scenario.work.workload = Some(Workload::Closed { workers });
        scenario.topology.lamps = scenario.topology.lamps.max(workers);
    }
    scenario.check().map_err(complain)?;
    Ok(scenario)
}

fn performed(args: &Args, scenario: &Scenario, stop: Stop) -> Result<Outcome, String> {
    let options = Options { stop, ..Options::default() };
    let Some(path) = &args.trace else {
        return run_world(scenario, options).map_err(|error| error.to_string());
    };
    let name = path.display();
    let file = File::create(path).map_err(|error| format!("{name}: cannot write: {error}"))?;
    let mut file = BufWriter::new(file);
    run_traced(scenario, options, &mut file).map_err(|error| format!("{name}: {error}"))
}

/// The line that does the same again.
fn repeat(args: &Args, scenario: &Scenario) -> String {
    let name = args.scenario.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    let name =
        if name.chars().all(plain) { name } else { format!("'{}'", name.replace('\'', "'\\''")) };
    let mut line = format!("cync run {name} --seed {}", scenario.seed);
    if let Some(workers) = args.workers {
        line += &format!(" --workers {workers}");
    }
    #[cfg(planted)]
    {
        line += &args.plant.repeated();
    }
    line
}

fn show(
    out: &mut impl Write,
    scenario: &Scenario,
    outcome: &Outcome,
    missed: &[Missed],
) -> io::Result<()> {
    let mut line = |name: &str, value: String| writeln!(out, "{name:<20} {value}");
    line("scenario", format!("{} (seed {})", scenario.name, scenario.seed))?;
    line("commands", outcome.commands.to_string())?;
    let part = success(outcome)
        .map_or_else(String::new, |part| format!(" ({}.{:04} %)", part / 10_000, part % 10_000));
    line("reached", format!("{}{part}", outcome.reached))?;
    for (name, count) in [
        ("refused by device", outcome.nacked),
        ("not sent", outcome.not_sent),
        ("unknown", outcome.unknown),
        ("not taken by send", outcome.refused),
    ] {
        if count > 0 {
            line(name, count.to_string())?;
        }
    }
    for (name, permille) in PERCENTILES {
        line(name, millis(outcome.latency.permille(permille)))?;
    }
    line("longest", millis(longest(outcome)))?;
    for (name, count) in [
        ("re-transmissions", outcome.repeated),
        ("spurious", outcome.spurious),
        ("duplicates dropped", outcome.devices.duplicates),
        ("executed", outcome.executed),
        ("applied twice", outcome.applied_twice),
        ("packets", outcome.packets),
    ] {
        line(name, count.to_string())?;
    }
    let effects: Vec<String> =
        effects(outcome).map(|(kind, count)| format!("{kind} {count}")).collect();
    line("faults", if effects.is_empty() { "none".into() } else { effects.join(", ") })?;
    line("virtual time", format!("{:?}", outcome.time))?;
    line("hash", format!("{:016x}", outcome.hash))?;
    let verdict = match (&outcome.broken, missed.len()) {
        (Some(broken), _) => format!("broken: {}", broken.violation.invariant),
        (None, 0) if outcome.stopped => "interrupted".into(),
        (None, 0) => "kept".into(),
        (None, 1) => "1 limit missed".into(),
        (None, count) => format!("{count} limits missed"),
    };
    line("verdict", verdict)
}

fn millis(micros: Option<u64>) -> String {
    micros.map_or_else(
        || "never".into(),
        |micros| format!("{}.{:03} ms", micros / 1_000, micros % 1_000),
    )
}
