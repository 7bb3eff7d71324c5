//! Logs, on standard error.

use clap::ValueEnum;
use tracing::Level;

/// How much to log.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// Starts logging; once a process.
    pub(crate) fn start(self) {
        let level = match self {
            Self::Error => Level::ERROR,
            Self::Warn => Level::WARN,
            Self::Info => Level::INFO,
            Self::Debug => Level::DEBUG,
            Self::Trace => Level::TRACE,
        };
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(std::io::stderr)
            // It would complain about a closed standard error on standard error, and panic.
            .log_internal_errors(false)
            .init();
    }
}
