//! Logs, on standard error: one record one line, for people or for programs.

mod json;
mod pretty;
mod queue;
mod record;
mod writer;

use clap::ValueEnum;
use queue::Rank;
use record::{Fields, Record};
use std::io;
use std::time::{Duration, SystemTime};
use tracing::level_filters::LevelFilter;
use tracing::span::{self, Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use writer::{LogGuard, LogWriter};

/// How much to log.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum LogLevel {
    /// What could not be done
    Error,
    /// What went wrong
    Warn,
    /// Every command and every change of a connection
    Info,
    /// Every packet
    Debug,
    /// Everything
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum LogFormat {
    /// For people
    Pretty,
    /// One JSON object a line
    Json,
}

impl LogLevel {
    /// Starts logging; once a process. What is logged is written by a thread of its own; dropping the guard waits for it.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub(crate) fn start(self, format: LogFormat) -> io::Result<LogGuard> {
        let level = match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        };
        let (writer, guard) =
            LogWriter::start(io::stderr(), move |count| format.line(&dropped(count)).into_bytes())?;
        let subscriber = Registry::default().with(level).with(Log { format, writer });
        // A second start keeps the first one's log.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(guard)
    }
}

impl LogFormat {
    fn line(self, record: &Record) -> String {
        match self {
            Self::Pretty => pretty::line(record),
            Self::Json => json::line(record),
        }
    }
}

/// Says that records were dropped.
fn dropped(count: u64) -> Record {
    let mut fields = Fields::default();
    fields.set(
        "message",
        "records of DEBUG and TRACE were dropped: standard error is too slow".into(),
    );
    fields.set("event", "log_dropped".into());
    fields.set("count", count.into());
    Record {
        at: SystemTime::now(),
        level: Level::WARN,
        module: module_path!(),
        line: line!(),
        fields,
    }
}

/// Turns events into lines.
struct Log {
    format: LogFormat,
    writer: LogWriter,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span);
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        let record = Record {
            at: SystemTime::now(),
            level: *metadata.level(),
            module: metadata.module_path().unwrap_or_else(|| metadata.target()),
            line: metadata.line().unwrap_or_default(),
            fields,
        };
        let rank = if record.level <= Level::INFO { Rank::Essential } else { Rank::Disposable };
        self.writer.put(rank, self.format.line(&record).into_bytes());
    }
}

/// A length of time as logs give it: in milliseconds, to the microsecond.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    u32::try_from(time.as_micros()).map_or(f64::INFINITY, f64::from) / 1000.0
}
