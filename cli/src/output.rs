//! Standard output, for whatever is written in one piece.

use crate::complain;
use crate::exit::Exit;
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
