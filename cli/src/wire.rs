//! Which protocol is spoken, and which arguments are of use with it.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error, ValueEnum};

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

    /// Further ones of this subcommand: a device that is simulated for a laboratory counts nothing that could be served.
    fn not_with_command(self, command: &str) -> &'static [&'static str] {
        match (self, command) {
            (Self::Lab, "simulate") => &["metrics_port", "metrics_addr"],
            _ => &[],
        }
    }
}

/// Refuses arguments that are of use only with the other wire: what clap's own rules about conflicts cannot say, since they do not
/// look at values.
pub(crate) fn check(root: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let Some((command, given)) = matches.subcommand() else { return Ok(()) };
    let Ok(Some(wire)) = given.try_get_one::<Wire>("wire") else { return Ok(()) };
    let contradicts = |id: &&&str| {
        let source = given.try_contains_id(id).ok().and_then(|_| given.value_source(id));
        source == Some(ValueSource::CommandLine)
    };
    let mut unfit = wire.not_with().iter().chain(wire.not_with_command(command));
    let Some(id) = unfit.find(contradicts) else { return Ok(()) };
    let mut error = Error::new(ErrorKind::ArgumentConflict).with_cmd(root);
    let named = |name: String| ContextValue::String(name);
    error.insert(ContextKind::InvalidArg, named(format!("--{}", id.replace('_', "-"))));
    error.insert(ContextKind::PriorArg, named(format!("--wire {}", wire.name())));
    Err(error)
}
