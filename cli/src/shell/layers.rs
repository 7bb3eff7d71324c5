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
    /// As words of the command line.
    words: Vec<OsString>,
    /// What it is of no use without, as errors name arguments.
    needs: Vec<String>,
}

impl Given {
    fn new(option: Opt, (source, setting): (Source, Setting)) -> Self {
        let words = option.words(&setting);
        Self { option, source, setting, words, needs: Vec::new() }
    }

    /// Whether it is this, as errors name arguments.
    fn is(&self, arg: &str) -> bool {
        arg.split([' ', '=', '[']).next() == Some(&format!("--{}", self.option.name()))
    }
}

/// Whether this argument is one of these options.
fn is_one(arg: &str, of: &[Given]) -> bool {
    of.iter().any(|given| given.is(arg))
}

/// The arguments that an error is about.
fn named(error: &clap::Error) -> Vec<String> {
    let mut named = Vec::new();
    for kind in [ContextKind::InvalidArg, ContextKind::PriorArg] {
        match error.get(kind) {
            Some(ContextValue::String(one)) => named.push(one.clone()),
            Some(ContextValue::Strings(all)) => named.extend(all.iter().cloned()),
            _ => {}
        }
    }
    named
}

/// Parses the command line together with what else is set for the command at `path`. What does not go together with something
/// stronger is left out; and so is what a file, which is for many runs, sets in case of something that this run does not have.
pub(super) fn merge(
    root: &Command,
    path: &[String],
    argv: &[OsString],
    file: &File,
) -> Result<ArgMatches, Stop> {
    let here = |option: &Opt| option.path.is_empty() || option.path == path;
    let (mut variables, mut filed) = (Vec::new(), Vec::new());
    for option in options::all(root).into_iter().filter(here) {
        if let Some(set) = variables::setting(&option).map_err(Stop::Setting)? {
            let given = Given::new(option, set);
            if let Some(problem) = given.option.problem(root, &given.setting) {
                return Err(Stop::Setting(format!("{}: {problem}", given.source)));
            }
            variables.push(given);
        } else if let Some(set) = file.setting(&option) {
            filed.push(Given::new(option, set));
        }
    }
    let alone = read(root, argv).is_ok();
    let mut argv = argv.to_vec();
    let (mut added, mut left_out) = (Vec::new(), Vec::new());
    for (layer, is_file) in [(variables, false), (filed, true)] {
        let layer = layer.into_iter().filter(|given| !given.words.is_empty());
        let (mut fitting, out): (Vec<_>, Vec<_>) =
            layer.partition(|given| fits(root, &argv, given));
        left_out.extend(out);
        fitting.iter_mut().for_each(|given| given.needs = needs(root, &argv, given));
        // What is of use only with something that is left out is left out with it.
        let is_idle = |given: &Given, fitting: &[Given], left_out: &[Given]| {
            given
                .needs
                .iter()
                .any(|need| is_one(need, left_out) || is_file && !is_one(need, fitting))
        };
        while let Some(at) = fitting.iter().position(|it| is_idle(it, &fitting, &left_out)) {
            left_out.push(fitting.remove(at));
        }
        fitting.iter().for_each(|given| insert(&mut argv, &given.words));
        added.extend(fitting);
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
fn fits(root: &Command, stronger: &[OsString], given: &Given) -> bool {
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
    insert(&mut trial, &given.words);
    read(root, &trial).err().is_none_or(|error| error.kind() != ErrorKind::ArgumentConflict)
}

/// What an option is of no use without, and is not in a stronger layer.
fn needs(root: &Command, stronger: &[OsString], given: &Given) -> Vec<String> {
    let missing = |argv: &[OsString]| {
        let error = read(root, argv).err();
        let error = error.filter(|it| it.kind() == ErrorKind::MissingRequiredArgument);
        error.as_ref().map(named).unwrap_or_default()
    };
    let mut trial = stronger.to_vec();
    insert(&mut trial, &given.words);
    let before = missing(stronger);
    missing(&trial).into_iter().filter(|arg| !before.contains(arg)).collect()
}

/// Everything behind `--` is no option.
fn insert(argv: &mut Vec<OsString>, words: &[OsString]) {
    let at = argv.iter().position(|word| *word == *"--").unwrap_or(argv.len());
    argv.splice(at..at, words.iter().cloned());
}

/// An error about an option that is not on the command line says where it is. The command line `alone` may be right.
fn blame(error: clap::Error, alone: bool, added: &[Given]) -> Stop {
    let about = named(&error);
    match added.iter().find(|given| about.iter().any(|arg| given.is(arg))) {
        Some(given) => Stop::Setting(format!("{}: {}", given.source, line(&error))),
        // Something that is set needs something that is not.
        None if alone => {
            let lacks = |given: &&Given| given.needs.iter().any(|need| !is_one(need, added));
            let lacking = added.iter().filter(lacks);
            let sources: Vec<String> = lacking.map(|given| given.source.to_string()).collect();
            Stop::Setting(format!("{}: {}", sources.join(", "), line(&error)))
        }
        None => Stop::CommandLine(Box::new(error)),
    }
}
