//! The options of all commands: whatever has a long name.

use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;

/// An option that can be set elsewhere than on the command line.
#[derive(Clone, Debug)]
pub(super) struct Opt {
    /// The names of its command, without `cync`; none for those that every command has.
    pub(super) path: Vec<String>,
    /// The option.
    pub(super) arg: Arg,
}

impl Opt {
    /// Its name, without dashes.
    pub(super) fn name(&self) -> &str {
        self.arg.get_long().unwrap_or_default()
    }

    /// As the configuration file has it: `toggle.count`.
    pub(super) fn key(&self) -> String {
        let words = self.path.iter().map(String::as_str).chain([self.name()]);
        words.collect::<Vec<_>>().join(".")
    }

    /// Whether it is on or off, and has no value.
    pub(super) fn is_flag(&self) -> bool {
        !self.arg.get_action().takes_values()
    }

    /// Whether it may be given several times.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.arg.get_action(), ArgAction::Append)
    }

    /// As words of the command line.
    pub(super) fn words(&self, setting: &Setting) -> Vec<OsString> {
        let name = self.name();
        match setting {
            Setting::Flag(false) => Vec::new(),
            Setting::Flag(true) => vec![format!("--{name}").into()],
            Setting::Values(values) => {
                let word = |value| {
                    let mut word = OsString::from(format!("--{name}="));
                    word.push(value);
                    word
                };
                values.iter().map(word).collect()
            }
        }
    }

    /// What is wrong with the value by itself, in one line.
    pub(super) fn problem(&self, root: &Command, setting: &Setting) -> Option<String> {
        use clap::error::ErrorKind::{
            ArgumentConflict, MissingRequiredArgument, MissingSubcommand,
        };
        let words = self.path.iter().map(OsString::from);
        let argv = [OsString::from("cync")].into_iter().chain(words).chain(self.words(setting));
        let error = root.clone().try_get_matches_from(argv).err()?;
        let other = [ArgumentConflict, MissingRequiredArgument, MissingSubcommand];
        let help = clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        (!other.contains(&error.kind()) && error.kind() != help).then(|| line(&error))
    }
}

/// What an option is set to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Setting {
    /// On, or off.
    Flag(bool),
    /// A value, or several.
    Values(Vec<OsString>),
}

/// What is wrong, in one line and without control characters.
pub(super) fn line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more"].iter().filter_map(|end| text.find(end)).min();
    let text = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Whether an option belongs to the command line alone.
pub(super) fn is_settable(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|name| !["help", "version", "config"].contains(&name))
}

/// All options of all commands. `root` must not be built yet: that gives every command the options of all.
pub(super) fn all(root: &Command) -> Vec<Opt> {
    let mut found = Vec::new();
    collect(root, &mut Vec::new(), &mut found);
    found
}

fn collect(command: &Command, path: &mut Vec<String>, found: &mut Vec<Opt>) {
    let settable = command.get_arguments().filter(|arg| is_settable(arg));
    found.extend(settable.map(|arg| Opt { path: path.clone(), arg: arg.clone() }));
    for sub in command.get_subcommands() {
        path.push(sub.get_name().to_owned());
        collect(sub, path, found);
        path.pop();
    }
}
