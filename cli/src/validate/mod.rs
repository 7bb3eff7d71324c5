//! `cync validate`: how fast it is, against what is asked for.

mod date;
mod exchanges;
mod figures;
mod page;
mod simulated;
mod sockets;
mod verdict;

use crate::exit::Exit;
use crate::{complain, interrupt};
use cync_sim::LatencyProfile;
use cync_sim::world::Stop;
use page::Page;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How often it is looked for interrupts.
const LOOK: Duration = Duration::from_millis(50);

/// Measure how fast commands and acknowledgements are, and hold it against the targets
///
/// A thousand commands, the four kinds of acknowledgements, and ten devices at once: in virtual time, which gives the same each
/// time, and then over real sockets of this machine, which does not. The result is a page of Markdown. Exits with 1 if a target
/// is missed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write the page to this file instead of to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object; the page is written only to the file of --out
    #[arg(long)]
    json: bool,
    /// The date in the header; the system's if not given
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = date::parse)]
    date: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  cync validate
  cync validate --out docs/validation.md
  cync validate --json
";

pub(crate) fn run(args: &Args) -> Exit {
    // A place that cannot be written is told before anything is measured, and a page that is there stays until then.
    let open = |file| OpenOptions::new().write(true).create(true).truncate(false).open(file);
    let file = args.out.as_ref().map(|file| Ok((file, open(file).map_err(|error| (file, error))?)));
    let mut file = match file.transpose() {
        Ok(file) => file,
        Err((file, error)) => return cannot_write(file, &error),
    };
    let stop = match interrupt::flag() {
        Ok(stop) => stop,
        Err(exit) => return exit,
    };
    let measured = measure(args.date.clone().unwrap_or_else(date::today), stop);
    if stop.load(Relaxed) {
        complain("interrupted: what was measured by then is no page, and nothing is written");
        return Exit::Interrupted;
    }
    let page = match measured {
        Ok(page) => page,
        Err(problem) => return complain(problem),
    };
    if let Some((name, file)) = &mut file
        && let Err(error) = file.set_len(0).and_then(|()| write!(file, "{page}"))
    {
        return cannot_write(name, &error);
    }
    let mut out = io::stdout();
    let written = match (args.json, &args.out) {
        (true, _) => writeln!(out, "{}", page.json()),
        (false, None) => write!(out, "{page}"),
        (false, Some(file)) => writeln!(out, "{} is written", file.display()),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ if page.all_met() => Exit::Done,
        _ => complain("a target is missed"),
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> Exit {
    complain(format_args!("cannot write {}: {error}", file.display()))
}

fn measure(date: String, stop: &'static AtomicBool) -> Result<Page, String> {
    let links = [("plain", None), ("captured", Some(LatencyProfile::Captured))];
    let simulated = links
        .into_iter()
        .map(|(name, profile)| Ok((name, simulated::measure(profile, Stop(Some(stop)))?)))
        .collect::<Result<_, String>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
    let interrupted = async {
        while !stop.load(Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    };
    let sockets = runtime.block_on(async {
        tokio::select! {
            measured = sockets::measure() => measured,
            () = interrupted => Err("interrupted".to_owned()),
        }
    })?;
    Ok(Page { date, simulated, sockets })
}
