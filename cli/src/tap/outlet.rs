use crate::complain;
use std::io::{self, Write};

/// Something that is written to until it fails, and then no more.
pub(super) struct Outlet {
    name: String,
    to: Option<Box<dyn Write + Send>>,
}

impl Outlet {
    pub(super) fn new(name: impl Into<String>, to: impl Write + Send + 'static) -> Self {
        Self { name: name.into(), to: Some(Box::new(to)) }
    }

    /// Writes a whole line, or several. The first failure is told on standard error.
    pub(super) fn write(&mut self, lines: &str) {
        let Some(to) = &mut self.to else { return };
        if let Err(error) = to.write_all(lines.as_bytes()).and_then(|()| to.flush()) {
            let name = &self.name;
            let why = match error.kind() {
                io::ErrorKind::BrokenPipe => "nobody reads it any more".to_owned(),
                _ => error.to_string(),
            };
            complain(format_args!(
                "cannot write to {name}: {why}; nothing more is written there, relaying goes on"
            ));
            self.to = None;
        }
    }

    /// Whether anything could not be written.
    pub(super) const fn has_failed(&self) -> bool {
        self.to.is_none()
    }
}
