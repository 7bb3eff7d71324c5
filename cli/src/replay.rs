use crate::complain;
use crate::exit::Exit;
use cync_sim::trace::{ReplayError, Replayed, replay};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Repeat a trace with sessions alone, and compare all that they do
///
/// A trace is what `cync run --trace FILE` wrote. At the first byte, event, answer or deadline that differs it ends with 1, and
/// standard error says which it was and when.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The trace; - is standard input
    #[arg(value_name = "FILE")]
    trace: PathBuf,
}

pub(crate) fn run(args: &Args) -> Exit {
    let path = &args.trace;
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { Path::new("standard input") } else { path }.display();
    match replayed(path, is_stdin) {
        Ok(Replayed { calls, sessions, time, hash }) => {
            let mut out = io::stdout();
            // Whoever does not want to know that nothing differs closes standard output.
            let _ = writeln!(
                out,
                "the same: {calls} calls of {sessions} sessions, up to {time:?}, hash {hash:016x}"
            );
            Exit::Done
        }
        Err(error) => complain(format_args!("{name}: {error}")),
    }
}

fn replayed(path: &Path, is_stdin: bool) -> Result<Replayed, ReplayError> {
    if is_stdin {
        return replay(io::stdin().lock());
    }
    let file = File::open(path).map_err(|error| ReplayError::Io { line: 0, error })?;
    replay(BufReader::new(file))
}
