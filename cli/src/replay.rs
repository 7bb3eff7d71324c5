use crate::exit::Exit;
use crate::{complain, output};
use cync_sim::trace::{ReplayError, Replayed, replay};
use serde_json::json;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// Repeat a trace with sessions alone, and compare all that they do
///
/// A trace is what `cync run --trace FILE` wrote. At the first byte, event, answer or deadline that differs it ends with 1, and
/// standard error says which it was and when.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The trace; - is standard input
    #[arg(value_name = "FILE")]
    trace: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  cync run high-loss --trace run.jsonl && cync replay run.jsonl
  cync replay run.jsonl --json
";

pub(crate) fn run(args: &Args) -> Exit {
    let path = &args.trace;
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { Path::new("standard input") } else { path }.display();
    match replayed(path, is_stdin) {
        Ok(Replayed { calls, sessions, time, hash }) if args.json => {
            let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            let hash = format!("{hash:016x}");
            let object = json!({
                "same": true, "calls": calls, "sessions": sessions, "time_us": micros, "hash": hash,
            });
            output::print(&format!("{object}\n"))
        }
        Ok(Replayed { calls, sessions, time, hash }) => output::print(&format!(
            "the same: {calls} calls of {sessions} sessions, up to {time:?}, hash {hash:016x}\n"
        )),
        Err(error) => {
            if args.json {
                let problem = error.to_string();
                let object = json!({ "same": false, "problem": problem });
                output::print(&format!("{object}\n"));
            }
            complain(format_args!("{name}: {error}"))
        }
    }
}

fn replayed(path: &Path, is_stdin: bool) -> Result<Replayed, ReplayError> {
    if is_stdin {
        return replay(io::stdin().lock());
    }
    let file = File::open(path).map_err(|error| ReplayError::Io { line: 0, error })?;
    replay(BufReader::new(file))
}
