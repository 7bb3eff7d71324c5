//! Colours, on terminals that want them.

use clap::ValueEnum;
use std::env;
use std::io::IsTerminal;

/// When to use colours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Colour {
    /// On terminals, unless NO_COLOR is set
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Whether this stream gets colours.
    pub(crate) fn on(self, stream: &impl IsTerminal) -> bool {
        let unwanted = || env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let dumb = || env::var_os("TERM").is_some_and(|it| it == "dumb");
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => stream.is_terminal() && !unwanted() && !dumb(),
        }
    }
}
