//! The command line beats variables, and those beat the configuration file.

use super::file::File;
use super::options::{self, Opt, Setting, line};
use super::{Source, Stop, variables};
use crate::wire;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command};
use std::ffi::OsString;

/// An option that is not on the command line.
struct Given {
    option: Opt,
    source: Source,
    setting: Setting,
}

impl Given {
    /// As words of the command line.
    fn words(&self) -> Vec<OsString> {
        self.option.words(&self.setting)
    }

    /// Whether the error is about this option.
    fn is_named_in(&self, error: &clap::Error) -> bool {
        let mut named = Vec::new();
        for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
            match error.get(kind) {
                Some(ContextValue::String(one)) => named.push(one.as_str()),
                Some(ContextValue::Strings(all)) => named.extend(all.iter().map(String::as_str)),
                _ => {}
            }
        }
        let name = format!("--{}", self.option.name());
        named.iter().any(|arg| arg.split([' ', '=', '[']).next() == Some(&name))
    }
}

/// Parses the command line together with what else is set for the command at `path`. What does not go together with something
/// stronger is left out.
pub(super) fn merge(
    root: &Command,
    path: &[String],
    argv: &[OsString],
    file: &File,
) -> Result<ArgMatches, Stop> {
    let here = |option: &Opt| option.path.is_empty() || option.path == path;
    let (mut variables, mut filed) = (Vec::new(), Vec::new());
    for option in options::all(root).into_iter().filter(here) {
        if let Some((source, setting)) = variables::setting(&option).map_err(Stop::Setting)? {
            if let Some(problem) = option.problem(root, &setting) {
                return Err(Stop::Setting(format!("{source}: {problem}")));
            }
            variables.push(Given { option, source, setting });
        } else if let Some((source, setting)) = file.setting(&option) {
            filed.push(Given { option, source, setting });
        }
    }
    let alone = read(root, argv).is_ok();
    let mut argv = argv.to_vec();
    let (mut added, mut left_out) = (Vec::new(), Vec::new());
    for layer in [variables, filed] {
        let stronger = argv.clone();
        let layer = layer.into_iter().map(|given| (given.words(), given));
        let (fitting, out): (Vec<_>, Vec<_>) = layer
            .filter(|(words, _)| !words.is_empty())
            .partition(|(words, given)| fits(root, &stronger, given, words));
        left_out.extend(out.into_iter().map(|(_, given)| given));
        for (words, given) in fitting {
            // What is of use only with something that is left out is left out with it.
            if needs(root, &stronger, &words, &left_out) {
                left_out.push(given);
            } else {
                insert(&mut argv, &words);
                added.push(given);
            }
        }
    }
    read(root, &argv).map_err(|error| blame(error, alone, &added))
}

/// Parses a command line by every rule about arguments that do not go together.
fn read(root: &Command, argv: &[OsString]) -> Result<ArgMatches, clap::Error> {
    let matches = root.clone().try_get_matches_from(argv)?;
    wire::check(root, &matches)?;
    Ok(matches)
}

/// Whether nothing on the command line, or in a stronger layer, contradicts.
fn fits(root: &Command, stronger: &[OsString], given: &Given, words: &[OsString]) -> bool {
    let name = format!("--{}", given.option.name());
    let with_value = format!("{name}=");
    // Lists would be added up.
    let is_there = |word: &OsString| {
        *word == *name || word.to_str().is_some_and(|word| word.starts_with(&with_value))
    };
    if given.option.is_list() && stronger.iter().any(is_there) {
        return false;
    }
    let mut trial = stronger.to_vec();
    insert(&mut trial, words);
    read(root, &trial).err().is_none_or(|error| error.kind() != ErrorKind::ArgumentConflict)
}

/// Whether these words need something that is left out.
fn needs(root: &Command, stronger: &[OsString], words: &[OsString], left_out: &[Given]) -> bool {
    let mut trial = stronger.to_vec();
    insert(&mut trial, words);
    let Some(error) = read(root, &trial).err() else { return false };
    let missing = error.kind() == ErrorKind::MissingRequiredArgument;
    missing && left_out.iter().any(|given| given.is_named_in(&error))
}

/// Everything behind `--` is no option.
fn insert(argv: &mut Vec<OsString>, words: &[OsString]) {
    let at = argv.iter().position(|word| *word == *"--").unwrap_or(argv.len());
    argv.splice(at..at, words.iter().cloned());
}

/// An error about an option that is not on the command line says where it is. The command line `alone` may be right.
fn blame(error: clap::Error, alone: bool, added: &[Given]) -> Stop {
    match added.iter().find(|given| given.is_named_in(&error)) {
        Some(given) => Stop::Setting(format!("{}: {}", given.source, line(&error))),
        // Something that is set needs something that is not.
        None if alone => {
            let sources: Vec<String> = added.iter().map(|given| given.source.to_string()).collect();
            Stop::Setting(format!("{}: {}", sources.join(", "), line(&error)))
        }
        None => Stop::CommandLine(Box::new(error)),
    }
}
