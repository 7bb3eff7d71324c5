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
    assert_eq!(commands.len(), 2, "{commands:?}");
    for mut args in commands {
        // The first takes a hundred commands over a slow link: a tenth of it will do here.
        let count = args.iter().position(|arg| arg == "100");
        if let Some(count) = count {
            args[count] = "10".to_owned();
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut command = command(&args);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let run = run(command, b"");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}: {run:?}");
        if count.is_some() {
            assert_eq!((run.summary("executed"), run.summary("applied by device")), ("10", "10"));
        }
    }
}
