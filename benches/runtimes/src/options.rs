//! What can be asked for.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Requests over TCP on the loopback interface, beside a bare echo on the same runtime.
#[derive(Parser)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) child: Option<Hidden>,
    /// Only this runtime.
    #[arg(long)]
    pub(crate) runtime: Option<RuntimeName>,
    /// A few seconds, to see that it works; its figures mean little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Writes the figures to this file, too.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// The core on which everything runs; the last one unless told.
    #[arg(long)]
    pub(crate) core: Option<usize>,
    /// Only this many requests in flight.
    #[arg(long)]
    pub(crate) depth: Option<usize>,
    /// Only this many connections.
    #[arg(long)]
    pub(crate) connections: Option<usize>,
}

#[derive(Subcommand)]
pub(crate) enum Hidden {
    /// One of the processes that are measured; started by this program.
    #[command(hide = true)]
    Child(Child),
}

/// A process that is measured.
#[derive(Args, Clone, Copy)]
pub(crate) struct Child {
    pub(crate) role: Role,
    pub(crate) runtime: RuntimeName,
    pub(crate) contender: Contender,
    /// Requests in flight on each connection.
    pub(crate) depth: usize,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Serve,
    Load,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RuntimeName {
    Tokio,
    AsyncStd,
    Smol,
}

/// Who does the work.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Contender {
    /// Our client, of the default size.
    Cync,
    /// Our client, of the smallest size.
    Compact,
    /// The echo that writes every frame by itself: the yardstick.
    Echo,
    /// The echo that writes together what came together.
    Coalescing,
}

impl Contender {
    /// As tables call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Cync => "cync",
            Self::Compact => "cync, compact",
            Self::Echo => "bare echo",
            Self::Coalescing => "echo, coalescing",
        }
    }
}

/// The name by which `clap` knows a value.
pub(crate) fn argument(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
