//! What sessions count, in the text format of Prometheus: recorded without a port, a task, or anything global.
//!
//! A [`Metrics`] reads the sessions that it [watches](Metrics::watch) when it is asked for its text, so that its counters are the
//! sessions' own counts. Whoever has a port serves [`Metrics::encode`]; it is a [`Collector`] too, for programs that have a registry
//! of their own. The metrics are [`FAMILIES`].
//!
//! ```
//! # async fn f<T: cync_runtime::Timer>(client: cync_runtime::Client<T>) {
//! use cync_runtime::metrics::Metrics;
//!
//! let metrics = Metrics::default();
//! let watched = metrics.watch("kitchen", &client);
//! let text = metrics.encode();
//! assert!(text.contains("tcp_comm_ack_timeout_total{device_id=\"kitchen\"} 0\n"));
//! # }
//! ```
//!
//! What has no [`Client`], as a session that a program drives by hand, is [counted](Metrics::counted) by whoever drives it.
//!
//! [`Collector`]: prometheus_client::collector::Collector

mod counts;
mod expose;
mod family;
mod ledger;
mod totals;

#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use family::{FAMILIES, Family, Kind};

use crate::client::Client;
use crate::runtime::Timer;
use counts::{Shelf, Source};
use ledger::Ledger;
use std::fmt;
use std::sync::Arc;

/// The content type of [`Metrics::encode`].
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The content type of [`Metrics::encode_openmetrics`].
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Devices that have a label of their own.
const MOST_DEVICES: usize = 100;

/// What sessions count, in the text format of Prometheus. Cheap to clone; every clone watches the same sessions.
#[derive(Clone)]
pub struct Metrics {
    ledger: Arc<Ledger>,
}

impl Default for Metrics {
    /// With a limit of 100 devices.
    fn default() -> Self {
        Self::with_limit(MOST_DEVICES)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("watched", &self.ledger.watched()).finish_non_exhaustive()
    }
}

impl Metrics {
    /// So many different `device_id`s have series of their own at most; those that come later share the value `other`.
    pub fn with_limit(most_devices: usize) -> Self {
        Self { ledger: Arc::new(Ledger::new(most_devices)) }
    }

    /// Counts what this session counts, and has counted so far, under this `device_id`, together with whatever else is counted
    /// under it. A session that is watched twice counts twice. Of an id the first 128 bytes count.
    ///
    /// What is returned ends the watching when it is dropped; so does the end of the last client and of whoever drives the
    /// session. The counts stay, since counters never go back. Watching keeps no connection up.
    pub fn watch<T: Timer>(&self, device_id: &str, client: &Client<T>) -> Watched {
        self.begin(device_id, Arc::clone(&client.shared) as _)
    }

    /// Counts under this `device_id` what is no [`Client`]'s: of a session that is driven by hand, or of another protocol. It
    /// begins with nothing, and is added to whatever else is counted under this id; of which the first 128 bytes count.
    ///
    /// ```
    /// use cync_core::wire::Endpoint;
    /// use cync_core::{Config, Event, Instant, Outcome, Session};
    /// use cync_runtime::metrics::Metrics;
    ///
    /// let metrics = Metrics::default();
    /// let mut counted = metrics.counted("kitchen");
    /// let mut session: Session = Session::new(Config::listener(Endpoint(1)), 1)?;
    /// session.handle_connected(Instant::ZERO);
    ///
    /// // In the loop that drives it, whenever something happened:
    /// counted.update(|counts| {
    ///     while let Some(event) = session.poll_event() {
    ///         if let Event::Done { outcome: Outcome::Reached(_), receipt, .. } = event {
    ///             counts.latencies.record(receipt.done_at.since(receipt.queued_at));
    ///         }
    ///     }
    ///     counts.read(&session);
    /// });
    /// let text = metrics.encode();
    /// assert!(text.contains("tcp_comm_connection_state{device_id=\"kitchen\",state=\"greeting\"} 1\n"));
    /// # Ok::<(), cync_core::ConfigError>(())
    /// ```
    pub fn counted(&self, device_id: &str) -> Counted {
        let shelf = Arc::new(Shelf::default());
        Counted { _watched: self.begin(device_id, Arc::clone(&shelf) as _), shelf }
    }

    fn begin(&self, device_id: &str, source: Arc<dyn Source>) -> Watched {
        let number = self.ledger.begin(device_id, source);
        Watched { ledger: Arc::clone(&self.ledger), number: Some(number) }
    }

    /// The text format of Prometheus, version 0.0.4, whose content type is [`PROMETHEUS`].
    pub fn encode(&self) -> String {
        expose::prometheus(&self.encode_openmetrics())
    }

    /// The OpenMetrics text format, version 1.0.0, whose content type is [`OPENMETRICS`].
    pub fn encode_openmetrics(&self) -> String {
        expose::openmetrics(self)
    }
}

/// A session that is watched, until this is dropped.
#[must_use = "a session is watched for as long as this is kept"]
pub struct Watched {
    ledger: Arc<Ledger>,
    number: Option<u64>,
}

impl Watched {
    /// Watches until the session's end.
    pub fn until_the_end(mut self) {
        self.number = None;
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.ledger.end(number);
        }
    }
}

/// What is counted by hand, until this is dropped. Then its levels go, and what it counted stays: counters never go back.
#[must_use = "what is counted by hand has levels for as long as this is kept"]
pub struct Counted {
    /// Ends before the counts are gone.
    _watched: Watched,
    shelf: Arc<Shelf>,
}

impl Counted {
    /// Changes the counts. A scrape sees all of a change or nothing of it, and waits for none; of one that panics it sees nothing.
    pub fn update(&mut self, change: impl FnOnce(&mut Counts)) {
        // The application is not called with the lock held: it may use these metrics.
        let mut counts = self.shelf.counts();
        change(&mut counts);
        self.shelf.put(counts);
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}
