//! `cync metrics`: what is exposed, and whether something exposes it.

mod check;
mod fetch;
mod options;
mod serve;

pub(crate) use options::{Linger, Options, announce};
pub(crate) use serve::Server;

use crate::complain;
use crate::exit::Exit;
use cync_tokio::metrics::FAMILIES;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// List the metrics, or check what a program exposes
///
/// Without --check it prints every metric: its name, what it is, its labels and their values. With --check it reads the text
/// from a program or a file, and says in one line each which metrics are missing or of another type.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The text to check: an http:// address, a file, or - for standard input
    #[arg(long, value_name = "URL|FILE")]
    check: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  cync metrics
  cync metrics --check http://127.0.0.1:9400/metrics
  curl -s http://127.0.0.1:9400/metrics | cync metrics --check -

Something to check, in another terminal:
  cync toggle --simulate --count 1000 --loss 20% --metrics-port 9400 --metrics-linger 60
";

pub(crate) fn run(args: &Args) -> Exit {
    match &args.check {
        None => print(&list()),
        Some(from) => {
            let text = match fetch::fetch(from) {
                Ok(text) => text,
                Err(error) => return complain(format_args!("cannot read {from}: {error}")),
            };
            let problems = check::problems(&text);
            if problems.is_empty() {
                return print(&format!("ok: all {} metrics are there\n", FAMILIES.len()));
            }
            match print(&(problems.join("\n") + "\n")) {
                Exit::Done => Exit::Failed,
                failed => failed,
            }
        }
    }
}

fn print(text: &str) -> Exit {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write the output: {error}"))
        }
        _ => Exit::Done,
    }
}

fn list() -> String {
    let mut text = String::new();
    for family in &FAMILIES {
        let mut labels: Vec<String> = Vec::new();
        if family.is_by_device() {
            labels.push("device_id".to_owned());
        }
        if let Some(label) = family.label() {
            labels.push(format!("{label}={}", family.values().join("|")));
        }
        let (name, kind) = (family.name(), family.kind().name());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name} {kind} {{{}}}", labels.join(","));
    }
    text
}
