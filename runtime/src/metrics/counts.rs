//! What is counted, as it is at one instant.

use crate::latencies::Latencies;
use crate::runtime::Timer;
use crate::session::AnySession;
use crate::shared::Shared;
use cync_core::{Session, State, Stats};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a session, or whatever else sends messages and receives answers, says of itself at one instant.
///
/// A scrape shows it as it is. What always holds of the metrics (`docs/metrics.md`) holds if it holds of this after every
/// [`Counted::update`](super::Counted::update): a message that is handed over is counted together with its copy, one that
/// reached its stage together with its latency.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// What it has counted from its start. None of it may become less: counters never go back.
    pub stats: Stats,
    /// How long those messages took that reached their stage: one for each of [`Stats::reached`].
    pub latencies: Latencies,
    /// Messages waiting for their first transmission.
    pub queued: u64,
    /// Messages received and accepted, waiting for the application.
    pub inbox_len: u64,
    /// Accepted messages that are remembered, to recognise repetitions.
    pub remembered: u64,
    /// How far it is.
    pub state: State,
}

impl Default for Counts {
    /// Nothing, and no connection.
    fn default() -> Self {
        let (stats, latencies) = (Stats::default(), Latencies::default());
        let (queued, inbox_len, remembered) = (0, 0, 0);
        Self { stats, latencies, queued, inbox_len, remembered, state: State::Disconnected }
    }
}

impl Counts {
    /// Takes over all that this session says of itself now. That is everything but the latencies: whoever drives it
    /// [records](Latencies::record) them.
    pub fn read<const SLOTS: usize, const SEEN: usize, const MTU: usize>(
        &mut self,
        session: &Session<SLOTS, SEEN, MTU>,
    ) {
        *self = Self::of(session, self.latencies);
    }

    fn of(session: &dyn AnySession, latencies: Latencies) -> Self {
        Self {
            stats: *session.stats(),
            latencies,
            queued: session.queued() as u64,
            inbox_len: session.inbox_len() as u64,
            remembered: session.remembered() as u64,
            state: session.state(),
        }
    }
}

/// What has counts.
pub(super) trait Source: Send + Sync {
    /// Ends what is over. Whom it wakes may come for the counts.
    fn catch_up(&self) {}
    /// All of it is read under one lock, so that it adds up.
    fn counts(&self) -> Counts;
}

impl<T: Timer> Source for Shared<T> {
    fn catch_up(&self) {
        self.catch_up();
    }

    fn counts(&self) -> Counts {
        self.look(|inner| Counts::of(&*inner.session, inner.latencies))
    }
}

/// What is counted by hand.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Counts>);

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, counts: Counts) {
        *self.lock() = counts;
    }
}

impl Source for Shelf {
    fn counts(&self) -> Counts {
        self.lock().clone()
    }
}
