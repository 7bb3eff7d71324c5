//! `cync report`: the service levels, out of what other commands wrote.

mod level;
mod measured;
mod packets;
mod record;
mod table;

use crate::complain;
use crate::exit::Exit;
use crate::lines::{Line, Lines, MAX_LINE};
use level::{Levels, Thresholds};
use measured::{Measured, Source};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Hold what was measured against the service levels
///
/// Reads JSON Lines: logs, what `cync toggle`, `cync run` and `cync decode` print with --json, and `cync decode --stats`. Exits
/// with 1 if a level is not met. Lines that are no JSON object are named and left out; files may be of any size.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to read; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    thresholds: Thresholds,
}

const EXAMPLES: &str = "\
Examples:
  cync run baseline --json | cync report -
  cync run high-loss --json > runs.jsonl && cync run combined --json >> runs.jsonl && cync report --chaos runs.jsonl
  cync report --json --max-p99 300ms /var/log/cync/*.jsonl

Exit codes: 0 all levels met, 1 one is not met, or nothing could be read, 2 usage.
";

/// Bad lines that are described one by one; the rest is only counted.
const MAX_COMPLAINTS: u64 = 20;

pub(crate) fn run(args: &Args) -> Exit {
    let limits = args.thresholds.limits();
    let mut reading = Reading { measured: Measured::new(limits.p99), ..Reading::default() };
    for path in &args.files {
        reading.file(path);
    }
    if reading.bad > MAX_COMPLAINTS {
        complain(format_args!("{} unusable lines in all", reading.bad));
    }
    if reading.measured.records == 0 {
        return complain(
            "nothing to judge in there: no command, packet or result; see `cync report --help` for what is read",
        );
    }
    let levels = Levels::judge(&reading.measured, &limits);
    let mut out = io::stdout().lock();
    let written = if args.json {
        writeln!(out, "{}", table::json(&levels, &reading))
    } else {
        table::write(&mut out, &levels, &reading)
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ if reading.unreadable || !levels.all_met() => Exit::Failed,
        _ => Exit::Done,
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    measured: Measured,
    /// Lines that were not empty.
    lines: u64,
    /// Those that are no JSON object.
    bad: u64,
    /// A file could not be opened, or not to its end.
    unreadable: bool,
}

impl Reading {
    fn file(&mut self, path: &Path) {
        let stdin = path.as_os_str() == "-";
        let name = if stdin { Path::new("standard input") } else { path }.display();
        let input: Box<dyn BufRead> = if stdin {
            Box::new(io::stdin().lock())
        } else {
            match File::open(path) {
                Ok(file) => Box::new(BufReader::new(file)),
                Err(error) => {
                    self.unreadable = true;
                    complain(format_args!("{name}: cannot read: {error}"));
                    return;
                }
            }
        };
        let mut source = Source::new(&mut self.measured);
        let mut lines = Lines::new(input);
        let (mut seen, mut bad) = (0, 0);
        let mut complain_of = |line: u64, problem: &dyn Display| {
            bad += 1;
            if self.bad + bad <= MAX_COMPLAINTS {
                complain(format_args!("{name}:{line}: {problem}"));
            }
        };
        loop {
            match lines.next() {
                Ok(None) => break,
                Ok(Some(Line::Whole(line))) if line.trim_ascii().is_empty() => {}
                Ok(Some(Line::Whole(line))) => {
                    seen += 1;
                    match record::parse(line) {
                        Ok(record) => source.take(record),
                        Err(problem) => complain_of(lines.number, &problem),
                    }
                }
                Ok(Some(Line::TooLong)) => {
                    seen += 1;
                    complain_of(lines.number, &format_args!("longer than {MAX_LINE} bytes"));
                }
                Err(error) => {
                    self.unreadable = true;
                    complain(format_args!("{name}: cannot read on: {error}"));
                    break;
                }
            }
        }
        source.finish();
        self.lines += seen;
        self.bad += bad;
    }
}
