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
//! [`Collector`]: prometheus_client::collector::Collector

mod expose;
mod family;
mod ledger;
mod snapshot;
mod totals;

#[cfg(test)]
mod tests;

pub use family::{FAMILIES, Family, Kind};

use crate::client::Client;
use crate::runtime::Timer;
use ledger::Ledger;
use snapshot::Source;
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
        let source: Arc<dyn Source> = Arc::clone(&client.shared) as _;
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
