//! Standard output and standard error, for whatever is written in one piece.

use crate::complain;
use crate::exit::Exit;
use std::fmt::Display;
use std::io::{self, Write};

/// Prints this text.
pub(crate) fn print(text: &str) -> Exit {
    write(text.as_bytes())
}

/// Writes these bytes. Whoever closes standard output does not want them.
pub(crate) fn write(bytes: &[u8]) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ => Exit::Done,
    }
}

/// Writes to standard error. A closed one is nobody's problem.
pub(crate) fn say_aside(text: impl Display) {
    let _ = write!(io::stderr(), "{text}");
}
