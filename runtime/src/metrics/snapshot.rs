//! What a session says of itself at one instant.

use crate::latencies::Latencies;
use crate::runtime::Timer;
use crate::shared::Shared;
use cync_core::{State, Stats};

/// All of it was read under one lock, so that it adds up.
pub(super) struct Snapshot {
    pub(super) stats: Stats,
    pub(super) latencies: Latencies,
    pub(super) queued: u64,
    pub(super) inbox_len: u64,
    pub(super) remembered: u64,
    pub(super) state: State,
}

/// A session, whatever its runtime is.
pub(super) trait Source: Send + Sync {
    /// Ends what is over. Whom it wakes may come for a snapshot.
    fn catch_up(&self);
    fn snapshot(&self) -> Snapshot;
}

impl<T: Timer> Source for Shared<T> {
    fn catch_up(&self) {
        self.catch_up();
    }

    fn snapshot(&self) -> Snapshot {
        self.look(|inner| Snapshot {
            stats: *inner.session.stats(),
            latencies: inner.latencies,
            queued: inner.session.queued() as u64,
            inbox_len: inner.session.inbox_len() as u64,
            remembered: inner.session.remembered() as u64,
            state: inner.session.state(),
        })
    }
}
