//! Options from the command line, from variables and from the configuration file, in this order.

pub(crate) mod completions;
pub(crate) mod config;
#[cfg(test)]
mod examples;
mod file;
mod layers;
pub(crate) mod man;
mod options;
mod sample;
mod variables;

use clap::{ArgMatches, ColorChoice, Command};
use std::ffi::{OsStr, OsString};
use std::fmt;

/// Why nothing is run.
pub(crate) enum Stop {
    /// The command line is wrong, or asks for help.
    CommandLine(Box<clap::Error>),
    /// A variable or the configuration file is wrong: one line about it.
    Setting(String),
}

/// Where an option comes from if it is not on the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The variable of this name.
    Variable(String),
    /// The configuration file: file, line, key.
    File(String, usize, String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(file, line, key) => write!(f, "{file}:{line}: {key}"),
        }
    }
}

/// Commands that say how to use the others: a broken configuration does not concern them.
const BARE: [&str; 2] = ["completions", "man"];

/// What is asked for, by all that has a say in it.
pub(crate) fn parse(root: Command, argv: &[OsString]) -> Result<ArgMatches, Stop> {
    let root = variables::described(root, &mut Vec::new()).color(colour_of_help(argv));
    let wrong = |error| Stop::CommandLine(Box::new(error));
    // Only asks for help end this one.
    let loose = root.clone().ignore_errors(true).try_get_matches_from(argv).map_err(wrong)?;
    let strict = root.clone().try_get_matches_from(argv);
    let path = path(&loose);
    let bare = match path.as_slice() {
        [] => true,
        [name, ..] if BARE.contains(&name.as_str()) => true,
        [name] if name == "config" => true,
        _ => false,
    };
    match strict {
        Err(error) if error.kind() == clap::error::ErrorKind::MissingRequiredArgument => {}
        Err(error) => return Err(wrong(error)),
        Ok(matches) if bare => return Ok(matches),
        Ok(_) => {}
    }
    let file = file::of(&root, loose.get_one("config")).map_err(Stop::Setting)?;
    layers::merge(&root, &path, argv, &file)
}

/// The names of the subcommands that are asked for.
fn path(matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    let mut now = matches;
    while let Some((name, next)) = now.subcommand() {
        path.push(name.to_owned());
        now = next;
    }
    path
}

/// Help is shown before the command line has been understood.
fn colour_of_help(argv: &[OsString]) -> ColorChoice {
    let choice = argv.iter().enumerate().find_map(|(at, word)| match word.to_str()? {
        "--color" => argv.get(at + 1).map(OsString::as_os_str),
        word => word.strip_prefix("--color=").map(OsStr::new),
    });
    let variable = std::env::var_os("CYNC_COLOR");
    match choice.or(variable.as_deref()).and_then(OsStr::to_str) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}
