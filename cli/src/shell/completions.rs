//! `cync completions`: what a shell needs to complete command lines.

use crate::exit::Exit;
use crate::output;
use clap::Command;
use clap_complete::Shell;

/// Write the completions for a shell to standard output
///
/// Where they go depends on the shell. For bash: `cync completions bash > ~/.local/share/bash-completion/completions/cync`;
/// for zsh: a file `_cync` in a folder of $fpath; for fish: ~/.config/fish/completions/cync.fish.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  cync completions bash > cync.bash
  cync completions zsh > _cync
  cync completions fish > cync.fish
";

/// Runs `cync completions`.
pub(crate) fn run(args: &Args, mut root: Command) -> Exit {
    // It panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut root, "cync", &mut script);
    output::write(&script)
}
