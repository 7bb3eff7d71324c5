//! The `cync` command: one file a subcommand, each a `run` that ends in an [`Exit`].

mod arg;
mod auth;
mod capture;
mod chaos;
mod decode;
mod encode;
mod entropy;
mod exit;
mod explore;
mod hex;
mod impairment;
mod interrupt;
mod lines;
mod log;
#[cfg(planted)]
mod plant;
mod printable;
mod render;
mod replay;
mod report;
mod run;
mod scenario;
mod shrink;
mod simulate;
mod soak;
mod stats;
mod streams;
mod toggle;
mod validate;
mod wire;

use clap::{Parser, Subcommand};
use exit::Exit;
use std::process::ExitCode;

/// Switch Cync devices reliably, simulate one, decode recordings, write packets.
#[derive(Parser)]
#[command(version, after_help = exit::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Toggle(Box<toggle::Args>),
    Simulate(simulate::Args),
    Explore(explore::Args),
    Shrink(shrink::Args),
    Decode(decode::Args),
    Encode(encode::Args),
    Scenario(scenario::Args),
    Run(run::Args),
    Replay(replay::Args),
    Validate(validate::Args),
    Chaos(chaos::Args),
    Soak(soak::Args),
}

fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Toggle(args) => toggle::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Explore(args) => explore::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Encode(args) => encode::run(&args),
        Command::Scenario(args) => scenario::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Soak(args) => soak::run(&args),
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
