//! `cync man`: a page for each command.

use super::variables;
use crate::exit::Exit;
use crate::{complain, output};
use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Write the manual, a page for each command
///
/// Without --dir the page of one command goes to standard output.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The command; `cync` itself if not given
    #[arg(conflicts_with = "dir")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder, which is made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  cync man toggle | man -l -
  cync man encode power > cync-encode-power.1
  cync man --dir ~/.local/share/man/man1
";

/// Runs `cync man`.
pub(crate) fn run(args: &Args, root: Command) -> Exit {
    let mut root = variables::described(root, &mut Vec::new());
    root.build();
    if let Some(dir) = &args.dir {
        let written = fs::create_dir_all(dir).and_then(|()| all(&root, dir));
        return match written {
            Ok(()) => Exit::Done,
            Err(error) => complain(format_args!("cannot write to {}: {error}", dir.display())),
        };
    }
    let mut command = &root;
    for word in &args.command {
        let Some(sub) = command.find_subcommand(word) else {
            let known: Vec<&str> = subcommands(command).map(Command::get_name).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            complain(format_args!("no command {word:?}; there are {known}"));
            return Exit::Usage;
        };
        command = sub;
    }
    match page(command) {
        Ok(page) => output::write(&page),
        Err(error) => complain(format_args!("cannot write: {error}")),
    }
}

fn subcommands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| sub.get_name() != "help")
}

fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = name(command).to_owned();
    let man = Man::new(command.clone().disable_help_subcommand(true)).title(name);
    man.source(concat!("cync ", env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    Ok(page)
}

fn all(command: &Command, dir: &Path) -> io::Result<()> {
    fs::write(dir.join(format!("{}.1", name(command))), page(command)?)?;
    subcommands(command).try_for_each(|sub| all(sub, dir))
}
