use super::Limits;
use crate::client::Client;
use crate::error::AdmitError;
use crate::runtime::Timer;
use crate::shared::Shared;
use cync_core::wire::Endpoint;
use cync_core::{Instant, State};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The sessions by their endpoints.
pub(super) struct Sessions<T: Timer>(BTreeMap<Endpoint, Kept<T>>);

impl<T: Timer> Default for Sessions<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// A session that outlives its connections.
pub(super) struct Kept<T: Timer> {
    client: Client<T>,
    connections: usize,
    /// When the last connection ended.
    left: Instant,
    /// How long it is needed without a connection: as long as it remembers messages.
    needed: Duration,
}

impl<T: Timer> Drop for Kept<T> {
    fn drop(&mut self) {
        self.client.expect_dial_in(false);
    }
}

/// The session that a connection is for.
pub(super) struct Joined<T: Timer> {
    pub(super) client: Client<T>,
    pub(super) is_new: bool,
    /// What made room; not to be dropped while the hub is locked.
    _out: Option<Kept<T>>,
}

impl<T: Timer> Sessions<T> {
    pub(super) fn get(&self, endpoint: Endpoint) -> Option<Client<T>> {
        self.0.get(&endpoint).map(|kept| kept.client.clone())
    }

    pub(super) fn all(&self) -> Vec<(Endpoint, Client<T>)> {
        self.0.iter().map(|(endpoint, kept)| (*endpoint, kept.client.clone())).collect()
    }

    pub(super) fn remove(&mut self, endpoint: Endpoint) -> Option<Kept<T>> {
        self.0.remove(&endpoint)
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The session that a connection of this endpoint is for, if there is one. [`Sessions::left`] ends the connection.
    pub(super) fn rejoin(&mut self, endpoint: Endpoint) -> Option<Joined<T>> {
        let kept = self.0.get_mut(&endpoint)?;
        if kept.client.state() == State::Closed {
            return None;
        }
        kept.connections += 1;
        Some(Joined { client: kept.client.clone(), is_new: false, _out: None })
    }

    /// The same, with a fresh session if there is none, which is needed for so long without a connection.
    ///
    /// # Errors
    /// If there are too many sessions.
    pub(super) fn join(
        &mut self,
        endpoint: Endpoint,
        fresh: &Client<T>,
        needed: Duration,
        limits: &Limits,
        now: Instant,
    ) -> Result<Joined<T>, AdmitError> {
        // Another connection of the endpoint may have come first.
        if let Some(joined) = self.rejoin(endpoint) {
            return Ok(joined);
        }
        let mut out = self.0.remove(&endpoint);
        if self.0.len() >= limits.sessions {
            let oldest = self.0.iter().filter(|(_, kept)| kept.is_over(now));
            let oldest = oldest.min_by_key(|(_, kept)| kept.left).map(|(endpoint, _)| *endpoint);
            let Some(oldest) = oldest else {
                return Err(AdmitError::TooManySessions { most: limits.sessions });
            };
            out = self.0.remove(&oldest);
        }
        fresh.expect_dial_in(true);
        let kept = Kept { client: fresh.clone(), connections: 1, left: now, needed };
        self.0.insert(endpoint, kept);
        Ok(Joined { client: fresh.clone(), is_new: true, _out: out })
    }

    /// A connection of this endpoint and session has ended.
    pub(super) fn left(&mut self, endpoint: Endpoint, session: &Arc<Shared<T>>, now: Instant) {
        if let Some(kept) = self.0.get_mut(&endpoint)
            // A session that was forgotten may have a successor.
            && Arc::ptr_eq(&kept.client.shared, session)
        {
            kept.connections = kept.connections.saturating_sub(1);
            kept.left = now;
        }
    }
}

impl<T: Timer> Kept<T> {
    /// Nothing that it remembers can matter any more.
    fn is_over(&self, now: Instant) -> bool {
        self.connections == 0
            && (self.client.state() == State::Closed || now.since(self.left) >= self.needed)
    }
}
