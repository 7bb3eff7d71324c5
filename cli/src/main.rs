//! The `cync` command: one file a subcommand, each a `run` that ends in an [`Exit`].

mod arg;
mod auth;
mod capture;
mod chaos;
mod colour;
mod cover;
mod decode;
mod encode;
mod entropy;
mod exit;
mod explore;
mod hex;
mod impairment;
mod interrupt;
mod levels;
mod lines;
mod listen;
mod log;
mod metrics;
mod outcome;
mod output;
#[cfg(planted)]
mod plant;
mod printable;
mod progress;
mod render;
mod replay;
mod report;
mod run;
mod scenario;
mod shell;
mod shrink;
mod simulate;
mod soak;
mod stats;
mod streams;
mod tap;
mod target;
mod toggle;
mod validate;
mod wire;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use colour::Colour;
use exit::Exit;
use shell::Stop;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

/// Switch Cync devices reliably, simulate one, decode recordings, write packets.
#[derive(Parser)]
#[command(name = "cync", version, after_help = exit::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = "Everywhere"
    )]
    color: Colour,
    /// The configuration file, instead of CYNC_CONFIG or ~/.config/cync/config.toml
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    Toggle(Box<toggle::Args>),
    Simulate(simulate::Args),
    Tap(Box<tap::Args>),
    Explore(explore::Args),
    Shrink(shrink::Args),
    Metrics(metrics::Args),
    Decode(decode::Args),
    Encode(encode::Args),
    Scenario(scenario::Args),
    Run(run::Args),
    Replay(replay::Args),
    Validate(validate::Args),
    Chaos(chaos::Args),
    Soak(soak::Args),
    Config(shell::config::Args),
    Completions(shell::completions::Args),
    Man(shell::man::Args),
    Report(levels::Args),
}

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    let matches = shell::parse(Cli::command(), &argv);
    let parsed = matches.and_then(|matches| {
        Cli::from_arg_matches(&matches).map_err(|error| Stop::CommandLine(Box::new(error)))
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(Stop::CommandLine(error)) => {
            return match error.print() {
                // Whoever closes the stream does not want to know.
                Err(failed) if failed.kind() != ErrorKind::BrokenPipe => {
                    complain(format_args!("cannot write: {failed}"))
                }
                _ if error.use_stderr() => Exit::Usage,
                _ => Exit::Done,
            }
            .into();
        }
        Err(Stop::Setting(problem)) => {
            complain(problem);
            return Exit::Usage.into();
        }
    };
    let exit = match cli.command {
        Command::Toggle(args) => toggle::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Tap(args) => tap::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Metrics(args) => metrics::run(&args),
        Command::Decode(args) => decode::run(&args, cli.color),
        Command::Encode(args) => encode::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Config(args) => shell::config::run(&args, &Cli::command(), cli.config.as_ref()),
        Command::Completions(args) => shell::completions::run(&args, Cli::command()),
        Command::Man(args) => shell::man::run(&args, Cli::command()),
        Command::Report(args) => levels::run(&args),
    };
    exit.into()
}

/// Says something on standard error. What follows its first line is indented, whatever text of others it has. A closed standard error is nobody's problem.
fn complain(problem: impl std::fmt::Display) -> Exit {
    use std::io::Write;
    let problem = printable::indented(&problem.to_string());
    let _ = writeln!(std::io::stderr(), "cync: {problem}");
    Exit::Failed
}

/// Runs what needs a network.
fn runtime(task: impl Future<Output = Exit>) -> std::io::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(task);
    // Looking up a name cannot be cut short; the process does not wait for it.
    runtime.shutdown_background();
    Ok(exit)
}
