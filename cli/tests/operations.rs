//! The commands of the book's pages are commands, with options that there are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;
use std::path::Path;

/// The lines of blocks of shell that begin with `cync`, up to where the shell takes over.
fn commands(page: &str) -> Vec<Vec<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).flat_map(|line| line.split(['|', '>', ';', '&', '#']));
    lines
        .filter_map(|line| line.trim().strip_prefix("cync "))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_command_of_a_runbook_is_one() {
    let mut commands = commands("operations.md");
    assert!(commands.len() > 15, "only {}: they are not found any more", commands.len());
    for page in ["start.md", "migration.md"] {
        commands.extend(self::commands(page));
    }
    for args in commands {
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        // Everything before it is read first, and must be right.
        args.push("--help");
        let run = cync(&args, b"");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}: {run:?}");
    }
}

#[test]
fn the_example_of_a_report_is_what_its_commands_print() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, shown) = page.split_once("```text\nlevel ").unwrap();
    let shown = shown.split("```").next().unwrap();
    let runs = ["baseline", "id-wrap"].map(|name| cync(&["run", name, "--json"], b"").stdout);
    let report = cync(&["report", "--chaos", "-"], runs.concat().as_bytes());
    assert!(report.stdout.starts_with(&format!("level {shown}")), "{shown}\n{report:?}");
}

#[test]
fn a_misspelt_command_would_be_noticed() {
    for args in [
        &["togle", "--help"][..],
        &["run", "x", "--sed", "--help"],
        &["toggle", "--count", "x", "--help"],
    ] {
        assert_eq!(cync(args, b"").code, Some(2), "{args:?}");
    }
}

#[test]
fn the_table_of_the_page_is_what_report_asks_for() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let line = b"{\"event\":\"command\",\"outcome\":\"acked\",\"elapsed_ms\":1}\n";
    for (column, option) in [(2, None), (3, Some("--chaos"))] {
        let args: Vec<&str> = ["report", "-"].into_iter().chain(option).collect();
        let report = cync(&args, line);
        let mut compared = 0;
        for shown in report.stdout.lines().skip(1).filter(|line| !line.starts_with("lines")) {
            let (title, threshold) = (shown[..21].trim(), shown[51..64].trim());
            let row = page.lines().find(|row| row.starts_with(&format!("| {title} |"))).unwrap();
            let cell = row.split('|').nth(column).unwrap().trim();
            let same = match cell {
                "none" => threshold == "<= 0",
                "as many as it takes" => threshold == "none",
                cell => threshold == cell,
            };
            assert!(same, "{title}: {threshold} and {cell}");
            compared += 1;
        }
        assert_eq!(compared, 7);
    }
}
