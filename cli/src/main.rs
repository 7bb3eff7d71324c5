//! The `cync` command: one file a subcommand, each a `run` that ends in an [`Exit`].

mod arg;
mod auth;
mod capture;
mod decode;
mod encode;
mod exit;
mod hex;
mod lines;
mod render;
mod report;
mod stats;
mod streams;

use clap::{Parser, Subcommand};
use exit::Exit;
use std::process::ExitCode;

/// Decode and write packets of the Cync protocol.
#[derive(Parser)]
#[command(version, after_help = exit::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Decode(decode::Args),
    Encode(encode::Args),
}

fn main() -> ExitCode {
    let exit = match Cli::parse().command {
        Command::Decode(args) => decode::run(&args),
        Command::Encode(args) => encode::run(&args),
    };
    exit.into()
}

/// Says something on standard error. A closed standard error is nobody's problem.
fn complain(problem: impl std::fmt::Display) -> Exit {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "cync: {problem}");
    Exit::Failed
}
