//! Variables of the environment: `CYNC_TOGGLE_COUNT` is the `--count` of `cync toggle`.

use super::Source;
use super::options::{Opt, Setting, is_settable};
use clap::{Arg, Command};
use std::env;
use std::ffi::OsString;

/// Further names: they count where the regular one is not set.
const OLDER: [(&str, &str); 1] = [("CYNC_SIMULATE_PORT", "CYNC_SIM_PORT")];

/// The variable of an option of the command with these names.
pub(super) fn name(path: &[String], option: &str) -> String {
    let words = path.iter().map(String::as_str).chain([option]);
    let words: Vec<String> = words.map(|word| word.replace('-', "_").to_uppercase()).collect();
    format!("CYNC_{}", words.join("_"))
}

fn names(path: &[String], option: &str) -> impl Iterator<Item = String> {
    let name = name(path, option);
    let older = OLDER.iter().filter(|(new, _)| *new == name).map(|(_, old)| (*old).to_owned());
    let older: Vec<String> = older.collect();
    [name].into_iter().chain(older)
}

/// The command, whose help says which variable every option has.
pub(super) fn described(command: Command, path: &mut Vec<String>) -> Command {
    let described = command.mut_args(|arg| note(arg, path));
    described.mut_subcommands(|sub| {
        path.push(sub.get_name().to_owned());
        let sub = self::described(sub, path);
        path.pop();
        sub
    })
}

fn note(arg: Arg, path: &[String]) -> Arg {
    if !is_settable(&arg) || arg.is_hide_set() {
        return arg;
    }
    let names: Vec<String> = names(path, arg.get_long().unwrap_or_default()).collect();
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    arg.long_help(format!("{help}\n\n[env: {}]", names.join(", ")))
}

/// What the environment sets this option to, and by which variable; an empty one sets nothing.
pub(super) fn setting(option: &Opt) -> Result<Option<(Source, Setting)>, String> {
    let set = names(&option.path, option.name())
        .find_map(|name| Some((name.clone(), env::var_os(&name).filter(|it| !it.is_empty())?)));
    let Some((name, value)) = set else { return Ok(None) };
    let setting = match (option.is_flag(), option.is_list()) {
        (true, _) => Setting::Flag(
            flag(&value)
                .ok_or_else(|| format!("{name}: neither true nor false; write one of them"))?,
        ),
        (false, true) => {
            let text = value.to_string_lossy();
            Setting::Values(text.split(',').map(|part| part.trim().into()).collect())
        }
        (false, false) => Setting::Values(vec![value]),
    };
    Ok(Some((Source::Variable(name), setting)))
}

fn flag(value: &OsString) -> Option<bool> {
    match value.to_str()?.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::options;
    use super::*;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    #[test]
    fn every_option_of_every_command_has_a_variable_of_its_own_and_its_help_names_it() {
        let root = crate::Cli::command();
        let all = options::all(&root);
        assert!(all.len() > 100, "{}", all.len());
        let names: BTreeSet<String> = all.iter().map(|it| name(&it.path, it.name())).collect();
        assert_eq!(names.len(), all.len());
        assert!(!names.contains("CYNC_AUTH_CODE") && !names.contains("CYNC_CONFIG"));
        let described = described(root, &mut Vec::new());
        for option in all.iter().filter(|option| !option.path.is_empty()) {
            let mut command = described.clone();
            for word in &option.path {
                command = command.find_subcommand(word).unwrap().clone();
            }
            let (help, name) =
                (command.render_long_help().to_string(), name(&option.path, option.name()));
            assert!(help.contains(&format!("[env: {name}")), "{name}");
        }
    }
}
