//! The commands of the README, as they stand there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{command, run};
use std::path::Path;

/// What the README gives to `cync`, one command a line.
fn commands() -> Vec<Vec<String>> {
    const RUN: &str = "cargo run --release --bin cync -- ";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let lines = readme.lines().filter_map(|line| line.strip_prefix(RUN));
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

#[test]
fn every_command_does_what_it_says() {
    let commands = commands();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for mut args in commands {
        // The first takes a hundred commands over a slow link: a tenth of it will do here.
        let count = args.iter().position(|arg| arg == "100");
        if let Some(count) = count {
            args[count] = "10".to_owned();
        }
        // So will a tenth of the simulator's work, without optimisation.
        if args[0] == "chaos" {
            args.extend(["--commands".to_owned(), "1100".to_owned()]);
        }
        args.iter_mut().filter(|arg| *arg == "1000").for_each(|arg| *arg = "50".to_owned());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = command(&args);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let run = run(command, b"");
        assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
        // How fast it was stands there.
        assert!(args[0] == "explore" || run.stderr.is_empty(), "{args:?}: {run:?}");
        if count.is_some() {
            assert_eq!((run.summary("executed"), run.summary("applied by device")), ("10", "10"));
        }
    }
}
