//! Which protocol is spoken, and which arguments are of use with it.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches, ValueEnum};

/// What is spoken on a connection.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Wire {
    /// What Cync devices speak
    Cync,
    /// The frame of test beds (F0 0D and JSON), whose every answer is success
    Lab,
}

impl Wire {
    const fn name(self) -> &'static str {
        match self {
            Self::Cync => "cync",
            Self::Lab => "lab",
        }
    }

    /// Arguments that are of use only with the other one.
    const fn not_with(self) -> &'static [&'static str] {
        match self {
            Self::Cync => &["connect_timeout", "io_timeout", "mode", "delay"],
            Self::Lab => &[
                "listen",
                "wait",
                "dial",
                "endpoint",
                "device",
                "until",
                "deadline",
                "auth_file",
                "seed",
                "loss",
                "drop_pattern",
                "duplicate",
                "latency",
                "latency_variance",
                "reorder",
                "reorder_delay",
                "corrupt",
            ],
        }
    }
}

/// No argument at all: it refuses those of the other wire. It stands before all others, which are taken off when they are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneWire;

impl FromArgMatches for OneWire {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let wire = matches.get_one("wire").copied().unwrap_or(Wire::Cync);
        let typed = |id: &&clap::Id| {
            matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
                && wire.not_with().contains(&id.as_str())
        };
        matches.ids().find(typed).map_or(Ok(Self), |id| {
            let (flag, wire) = (id.as_str().replace('_', "-"), wire.name());
            let why = format!("the argument '--{flag}' cannot be used with '--wire {wire}'\n");
            Err(Error::raw(ErrorKind::ArgumentConflict, why))
        })
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

impl Args for OneWire {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
