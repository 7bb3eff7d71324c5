use super::weather::Track;
use cync_core::wire::Endpoint;
use cync_core::{Acknowledge, Config, ConfigError};
use cync_tokio::Client;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Parties whose messages are remembered.
const MOST: usize = 256;

/// Everyone who dialled, each with a session that is kept from connection to connection.
pub(super) struct Parties {
    known: BTreeMap<Endpoint, Known>,
    #[cfg(feature = "metrics")]
    metrics: Option<cync_tokio::metrics::Metrics>,
    seed: u64,
    acknowledge: Acknowledge,
}

/// What is kept of a party from connection to connection.
#[derive(Clone)]
pub(super) struct Party {
    pub(super) client: Client,
    pub(super) track: Arc<Track>,
    /// Held by whoever takes a message of the party, until the device has acted on it: messages are acted on in order.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

struct Known {
    party: Party,
    connections: usize,
    /// When the last connection ended.
    left: Instant,
    #[cfg(feature = "metrics")]
    watched: Option<cync_tokio::metrics::Watched>,
}

impl Parties {
    pub(super) const fn new(seed: u64, acknowledge: Acknowledge) -> Self {
        Self {
            known: BTreeMap::new(),
            #[cfg(feature = "metrics")]
            metrics: None,
            seed,
            acknowledge,
        }
    }

    /// A connection of a party, or `None` if there are too many parties. [`Parties::leave`] ends it.
    pub(super) fn join(&mut self, endpoint: Endpoint, now: Instant) -> Option<Party> {
        if let Some(known) = self.known.get_mut(&endpoint) {
            known.connections += 1;
            return Some(known.party.clone());
        }
        let mut config = Config::listener(endpoint);
        config.acknowledge = self.acknowledge;
        if self.known.len() >= MOST {
            // A session that long without a connection has forgotten every message itself.
            self.known.retain(|_, known| {
                known.connections > 0 || now.duration_since(known.left) < config.dedup_ttl
            });
        }
        if self.known.len() >= MOST {
            return None;
        }
        self.meet(config, now).ok()
    }

    /// The party that the device dials itself, and never leaves.
    ///
    /// # Errors
    /// The rule that the configuration breaks.
    pub(super) fn dial(&mut self, mut config: Config, now: Instant) -> Result<Party, ConfigError> {
        config.acknowledge = self.acknowledge;
        self.meet(config, now)
    }

    fn meet(&mut self, config: Config, now: Instant) -> Result<Party, ConfigError> {
        let endpoint = config.endpoint;
        let seed = self.seed ^ u64::from(endpoint.0);
        let client = Client::builder(config).seed(seed).build()?;
        let party = Party { client, track: Arc::new(Track::new(endpoint)), turn: Arc::default() };
        let known = Known {
            party: party.clone(),
            connections: 1,
            left: now,
            #[cfg(feature = "metrics")]
            watched: self.metrics.as_ref().map(|metrics| watch(metrics, endpoint, &party.client)),
        };
        self.known.insert(endpoint, known);
        Ok(party)
    }

    /// Every session is watched from now on, by its endpoint.
    #[cfg(feature = "metrics")]
    pub(super) fn record(&mut self, metrics: &cync_tokio::metrics::Metrics) {
        for (endpoint, known) in &mut self.known {
            known.watched = Some(watch(metrics, *endpoint, &known.party.client));
        }
        self.metrics = Some(metrics.clone());
    }

    /// A connection of a party has ended.
    pub(super) fn leave(&mut self, endpoint: Endpoint, now: Instant) {
        if let Some(known) = self.known.get_mut(&endpoint) {
            known.connections = known.connections.saturating_sub(1);
            known.left = now;
        }
    }

    /// The sessions that have a connection.
    pub(super) fn connected(&self) -> Vec<Client> {
        let connected = self.known.values().filter(|known| known.connections > 0);
        connected.map(|known| known.party.client.clone()).collect()
    }
}

#[cfg(feature = "metrics")]
fn watch(
    metrics: &cync_tokio::metrics::Metrics,
    endpoint: Endpoint,
    client: &Client,
) -> cync_tokio::metrics::Watched {
    metrics.watch(&endpoint.to_string(), client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_party_is_forgotten_only_when_another_needs_the_room_and_its_messages_have_expired() {
        let start = Instant::now();
        let mut parties = Parties::new(1, Acknowledge::Automatically);
        for endpoint in 0..256 {
            assert!(parties.join(Endpoint(endpoint), start).is_some());
        }
        assert!(parties.join(Endpoint(7), start).is_some(), "a known party");
        parties.leave(Endpoint(7), start);
        parties.leave(Endpoint(8), start + MINUTE);
        let newcomer = Endpoint(1000);
        assert!(parties.join(newcomer, start + 6 * MINUTE - MINUTE / 60).is_none());
        assert!(parties.join(newcomer, start + 6 * MINUTE).is_some(), "8 has gone");
        assert!(parties.join(Endpoint(1001), start + 60 * MINUTE).is_none(), "7 is connected");
    }
}
