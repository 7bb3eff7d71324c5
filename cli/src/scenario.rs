use crate::complain;
use crate::exit::Exit;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use cync_sim::Scenario;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a scenario that are read; what is longer is none.
const MOST: u64 = 16 << 20;

/// Check scenario files, or show the ones that come with this command.
///
/// A scenario says who there is in a simulated run, what they are asked to do, what goes wrong, and what must hold all
/// the same. docs/scenarios.md has every field.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  cync scenario list
  cync scenario show high-loss > mine.toml && cync scenario check mine.toml
";

#[derive(Subcommand)]
enum Action {
    /// Check that files are scenarios that make sense; standard error says where one is not, and why
    #[command(
        after_help = "Examples:\n  cync scenario check mine.toml other.toml\n  cync scenario show step | cync scenario check -\n"
    )]
    Check {
        /// The files; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print one JSON object a file
        #[arg(long)]
        json: bool,
    },
    /// List the scenarios that come with this command, and what they are for
    #[command(after_help = "Examples:\n  cync scenario list\n")]
    List {
        /// Print one JSON object a scenario
        #[arg(long)]
        json: bool,
    },
    /// Write a scenario that comes with this command, as a file to start from
    #[command(after_help = "Examples:\n  cync scenario show high-loss > mine.toml\n")]
    Show {
        /// Its name, as `cync scenario list` has it
        #[arg(value_parser = PossibleValuesParser::new(names()), hide_possible_values = true)]
        name: String,
    },
}

fn names() -> impl Iterator<Item = &'static str> {
    Scenario::library().iter().map(|(name, _)| *name)
}

/// Runs `cync scenario`.
pub(crate) fn run(args: &Args) -> Exit {
    let mut out = io::stdout().lock();
    let done = match &args.action {
        Action::Check { files, json } => check_all(files, *json, &mut out),
        Action::List { json } => list(*json, &mut out),
        Action::Show { name } => show(name, &mut out),
    };
    match done.and_then(|exit| out.flush().map(|()| exit)) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => complain(format_args!("cannot write: {error}")),
    }
}

/// Fails only if the output does.
fn check_all(files: &[PathBuf], json: bool, out: &mut impl Write) -> io::Result<Exit> {
    let mut exit = Exit::Done;
    for file in files {
        let name =
            if file.as_os_str() == "-" { Path::new("standard input") } else { file }.display();
        match load(file) {
            Ok(scenario) if json => writeln!(out, "{}", as_json(&name.to_string(), &scenario))?,
            Ok(scenario) => writeln!(out, "{name}: ok: {}", Shown(&scenario))?,
            Err(problem) => {
                if json {
                    let file = name.to_string();
                    let problem = problem.trim_start();
                    writeln!(out, "{}", json!({"file": file, "ok": false, "problem": problem}))?;
                }
                exit = complain(format_args!("{name}:{problem}"));
            }
        }
    }
    Ok(exit)
}

/// The scenario of this name, or in this file; or what is wrong, where, and what to do.
pub(crate) fn find(scenario: &Path) -> Result<Scenario, String> {
    let mut library = Scenario::library().iter();
    if let Some((_, text)) = library.find(|(name, _)| scenario.as_os_str() == *name) {
        return Scenario::parse(text).map_err(|error| error.to_string());
    }
    let is_stdin = scenario.as_os_str() == "-";
    let shown = if is_stdin { Path::new("standard input") } else { scenario }.display();
    let remedy = if is_stdin || scenario.exists() {
        ""
    } else {
        "; `cync scenario list` has the names that are known without a file"
    };
    load(scenario).map_err(|problem| format!("{shown}:{problem}{remedy}"))
}

/// The scenario in a file, or the place and what is wrong there.
pub(crate) fn load(file: &Path) -> Result<Scenario, String> {
    let bytes = read(file).map_err(|error| format!(" cannot read: {error}"))?;
    if bytes.len() as u64 > MOST {
        return Err(format!(" longer than {MOST} bytes: no scenario is"));
    }
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            return Err(format!("{line}: not text: a scenario is written in UTF-8"));
        }
    };
    Scenario::parse(text).map_err(|error| {
        let (line, column, rule) = (error.line(), error.column(), error.rule());
        format!("{line}:{column}: {rule}\n{}", error.excerpt())
    })
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)?;
    } else {
        File::open(file)?.take(MOST + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn as_json(file: &str, scenario: &Scenario) -> Value {
    let Scenario { name, topology, work, faults, chaos, .. } = scenario;
    json!({
        "file": file,
        "ok": true,
        "name": name,
        "links": u32::from(topology.controllers) * u32::from(topology.devices),
        "commands": work.commands,
        "operations": work.ops.len(),
        "phases": chaos.len(),
        "faults": faults.len(),
    })
}

/// What a scenario is about, in a line.
struct Shown<'a>(&'a Scenario);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Scenario { name, topology, work, faults, chaos, .. } = self.0;
        let links = u32::from(topology.controllers) * u32::from(topology.devices);
        let (phases, faults, ops) = (chaos.len(), faults.len(), work.ops.len());
        write!(f, "{name:?}, links {links}, commands {}, operations {ops}, ", work.commands)?;
        write!(f, "phases of chaos {phases}, faults {faults}")
    }
}

fn list(json: bool, out: &mut impl Write) -> io::Result<Exit> {
    let width = names().map(str::len).max().unwrap_or_default();
    for (name, text) in Scenario::library() {
        // Those that come with the command are sound: a test parses each.
        let about = Scenario::parse(text).map(|scenario| scenario.about).unwrap_or_default();
        let first = about.split_inclusive(". ").next().unwrap_or_default().trim_end();
        if json {
            writeln!(out, "{}", json!({ "name": name, "about": about }))?;
        } else {
            writeln!(out, "{name:<width$}  {first}")?;
        }
    }
    Ok(Exit::Done)
}

fn show(name: &str, out: &mut impl Write) -> io::Result<Exit> {
    for (_, text) in Scenario::library().iter().filter(|(given, _)| *given == name) {
        out.write_all(text.as_bytes())?;
    }
    Ok(Exit::Done)
}
