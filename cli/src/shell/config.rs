//! `cync config`: what is set, and where.

use super::options::{self, Setting};
use super::{file, sample, variables};
use crate::exit::Exit;
use crate::{complain, output};
use clap::Command;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// Show which options are set by variables and by the configuration file
///
/// The file is that of --config, else of CYNC_CONFIG, else cync/config.toml in $XDG_CONFIG_HOME or ~/.config, if it is there. It
/// is TOML with a table for each command, and in it the command's options, as --sample has them. Variables are called after
/// command and option: CYNC_TOGGLE_COUNT is the --count of `cync toggle`. An option on the command line beats its variable,
/// and a variable beats the file.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write a file to start from: all options, commented out
    #[arg(long)]
    sample: bool,
    /// Print one JSON object
    #[arg(long, conflicts_with = "sample")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cync config
  cync config --sample > config.toml
  cync --config config.toml config --json
";

/// Runs `cync config`.
pub(crate) fn run(args: &Args, root: &Command, asked: Option<&PathBuf>) -> Exit {
    if args.sample {
        return output::print(&sample::sample(root));
    }
    let text = file::of(root, asked).and_then(|file| shown(root, &file, args.json));
    match text {
        Ok(text) => output::print(&text),
        Err(problem) => {
            complain(problem);
            Exit::Usage
        }
    }
}

fn shown(root: &Command, file: &file::File, json: bool) -> Result<String, String> {
    let mut rows = Vec::new();
    for option in options::all(root) {
        let variable = variables::setting(&option)?;
        if let Some((source, setting)) = &variable
            && let Some(problem) = option.problem(root, setting)
        {
            return Err(format!("{source}: {problem}"));
        }
        let set = variable.or_else(|| file.setting(&option));
        rows.extend(
            set.map(|(source, setting)| (option.key(), value(&setting), source.to_string())),
        );
    }
    let path = file.path.as_ref().map(|path| path.display().to_string());
    if json {
        let rows: Vec<Value> = rows
            .into_iter()
            .map(|(key, value, source)| json!({"option": key, "value": value, "source": source}))
            .collect();
        return Ok(format!("{}\n", json!({"file": path, "options": rows})));
    }
    let usual = || match file::usual() {
        Some(path) => format!("none ({} would be read)", path.display()),
        None => "none".into(),
    };
    let mut text = format!("{:<20} {}\n", "file", path.unwrap_or_else(usual));
    for (key, value, source) in rows {
        let value = match value {
            Value::String(text) => text.escape_debug().to_string(),
            other => other.to_string(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:<20} {value}  ({source})");
    }
    Ok(text)
}

fn value(setting: &Setting) -> Value {
    match setting {
        Setting::Flag(flag) => json!(flag),
        Setting::Values(values) => {
            let texts: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
            match texts.as_slice() {
                [one] => json!(one),
                several => json!(several),
            }
        }
    }
}
