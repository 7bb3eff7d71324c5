//! The examples of every command's help, parsed as if they were given.

use clap::{Command, CommandFactory};

fn commands(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    found.push((path.to_owned(), command.clone()));
    for sub in command.get_subcommands() {
        commands(sub, &format!("{path} {}", sub.get_name()), found);
    }
}

/// The calls of `cync` in a line for a shell.
fn calls(line: &str) -> Vec<Vec<&str>> {
    let parts = line.split("&&").flat_map(|part| part.split('|'));
    parts
        .map(|part| part.split('>').next().unwrap().split_whitespace().collect::<Vec<_>>())
        .filter(|words| words.first() == Some(&"cync"))
        .collect()
}

#[test]
fn every_command_has_examples_and_each_of_them_is_a_command_line_that_is_accepted() {
    let root = crate::Cli::command();
    let mut all = Vec::new();
    commands(&root, "cync", &mut all);
    assert!(all.len() > 30, "{}", all.len());
    for (path, command) in all {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:\n"), "{path} has no examples");
        let lines: Vec<&str> = help.lines().filter(|line| line.starts_with("  ")).collect();
        let all: Vec<_> = lines.iter().flat_map(|line| calls(line)).collect();
        assert!(all.iter().any(|call| call.join(" ").starts_with(&path)), "{path}: {all:?}");
        for call in all {
            let parsed = root.clone().try_get_matches_from(&call);
            assert!(parsed.is_ok(), "{path}: {call:?}: {}", parsed.unwrap_err());
        }
    }
}
