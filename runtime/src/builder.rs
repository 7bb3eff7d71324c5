//! How a session is made.

use crate::address::Address;
use crate::alarm::until;
use crate::client::Client;
use crate::error::{ConnectError, DialError, DialStage};
use crate::keeper::{self, Duty};
use crate::runtime::{Runtime, Timer};
use crate::session::{self, Make};
use crate::shared::{Settings, Shared};
use cync_core::wire::MAX_PACKET;
use cync_core::{CivilTime, Config, ConfigError};
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tracing::Instrument;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take no byte of what waits. The session cannot know: a peer that talks is alive to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Senders that wait for room in the queue.
const MOST_WAITING: usize = 4096;

/// A session to be made, and how.
#[derive(Clone)]
#[must_use = "nothing is made until it is built or connected"]
pub struct Builder<T: Timer> {
    config: Config,
    timer: T,
    make: Make,
    seed: Option<u64>,
    redial: bool,
    settings: Settings,
    #[cfg(feature = "metrics")]
    metrics: Option<(crate::metrics::Metrics, String)>,
}

impl<T: Timer> fmt::Debug for Builder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<T: Timer> Builder<T> {
    /// A session of this configuration, whose time is this timer's.
    pub fn new(config: Config, timer: T) -> Self {
        let settings = Settings {
            drain_timeout: config.drain_timeout,
            connect_timeout: CONNECT_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            most_waiting: MOST_WAITING,
            local_time: None,
        };
        let make = session::make::<128, 1024, MAX_PACKET>;
        Self {
            config,
            timer,
            make,
            seed: None,
            redial: true,
            settings,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }

    /// Decides where message numbers start. A peer remembers messages for minutes: take a different one each time, unless the
    /// peer is as new as the session. The default is a random one.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// A session of another size than the default, which is `128, 1024, 4101`: messages under way or queued, accepted messages
    /// remembered, bytes of the longest packet. See [`Session`](cync_core::Session).
    pub fn size<const SLOTS: usize, const SEEN: usize, const MTU: usize>(mut self) -> Self {
        self.make = session::make::<SLOTS, SEEN, MTU>;
        self
    }

    /// The size that [`Preset::Constrained`](cync_core::Preset::Constrained) fits: 10 KB instead of 70.
    pub fn compact(self) -> Self {
        self.size::<16, 128, 1100>()
    }

    /// How long one attempt to open a connection may take, name resolution included. The default is 5 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// How long a connection may take no byte of what waits to be written, or not flush what it took, before it is given up. The
    /// default is 60 s. How long it may bring none is [`Config::silence`](cync_core::Config).
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.settings.write_timeout = timeout;
        self
    }

    /// How many senders may wait for room in the queue. The default is 4096.
    pub const fn most_waiting(mut self, most: usize) -> Self {
        self.settings.most_waiting = most;
        self
    }

    /// Answers the peer's questions for the local time of the site.
    pub fn local_time(mut self, tell: impl Fn() -> CivilTime + Send + Sync + 'static) -> Self {
        self.settings.local_time = Some(Arc::new(tell));
        self
    }

    /// Whether to dial again when a connection goes after the session was ready; see [`Client::reconnect`]. The default is yes.
    pub const fn reconnect(mut self, on: bool) -> Self {
        self.redial = on;
        self
    }

    /// Counts what the session counts under this `device_id`, from its first connection to its end, be it that none comes about;
    /// see [`Metrics::watch`](crate::metrics::Metrics::watch).
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: &crate::metrics::Metrics, device_id: &str) -> Self {
        self.metrics = Some((metrics.clone(), device_id.to_owned()));
        self
    }

    /// The session, without a connection.
    ///
    /// # Errors
    /// The rule that the configuration breaks.
    pub fn build(self) -> Result<Client<T>, ConfigError> {
        let Self { config, timer, make, seed, redial, settings, .. } = self;
        let session = make(config, seed.unwrap_or_else(random))?;
        let client = Client::of(Shared::new(session, timer, settings));
        #[cfg(feature = "metrics")]
        if let Some((metrics, device_id)) = self.metrics {
            metrics.watch(&device_id, &client).until_the_end();
        }
        client.reconnect(redial);
        Ok(client)
    }
}

impl<R: Runtime> Builder<R> {
    /// Dials `address`, waits until the greeting is done, and from then on keeps the session connected. A first connection is
    /// tried [`Redial::first_attempts`](cync_core::Redial) times.
    ///
    /// # Errors
    /// What kept the session from becoming ready.
    pub async fn connect(self, address: impl Into<Address>) -> Result<Client<R>, ConnectError> {
        let (runtime, address) = (self.timer.clone(), address.into());
        let connect_timeout = self.settings.connect_timeout;
        let client = self.build()?;
        let dialling = Arc::new(Dialling {
            runtime: runtime.clone(),
            address: address.clone(),
            connect_timeout,
            resolved: AtomicBool::new(false),
        });
        let duty = Duty::new(Arc::clone(&client.shared));
        let stage = {
            let dialling = Arc::clone(&dialling);
            move || dialling.stage()
        };
        let kept = keeper::keep_connected(duty, move || Arc::clone(&dialling).dial(), stage);
        let kept = async move {
            if let Err(error) = kept.await {
                tracing::debug!(event = "gave_up", %error);
            }
        };
        runtime.spawn(kept.in_current_span());
        client.ready_at(Some(address)).await?;
        Ok(client)
    }
}

/// How an address is dialled.
struct Dialling<R> {
    runtime: R,
    address: Address,
    connect_timeout: Duration,
    /// Its socket addresses are known, this time.
    resolved: AtomicBool,
}

impl<R: Runtime> Dialling<R> {
    fn stage(&self) -> DialStage {
        if self.resolved.load(Ordering::Relaxed) { DialStage::Connect } else { DialStage::Resolve }
    }

    /// A connection to the first of the host's addresses that takes one.
    async fn dial(self: Arc<Self>) -> Result<R::Stream, DialError> {
        let Self { runtime, address, connect_timeout, resolved } = &*self;
        let unresolved = |source| DialError { stage: DialStage::Resolve, source };
        resolved.store(false, Ordering::Relaxed);
        let candidates = match address.socket_addr() {
            Some(addr) => vec![addr],
            None => runtime.resolve(address).await.map_err(unresolved)?,
        };
        resolved.store(true, Ordering::Relaxed);
        let mut failure = unresolved(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
        // None takes the time of those behind it.
        let share = *connect_timeout / u32::try_from(candidates.len()).unwrap_or(u32::MAX).max(1);
        for candidate in candidates {
            match until(runtime, runtime.now() + share, runtime.dial(candidate)).await {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = error.into(),
                None => {
                    let late = format!("{candidate} did not answer within {share:?}");
                    failure = io::Error::new(io::ErrorKind::TimedOut, late).into();
                }
            }
        }
        Err(failure)
    }
}

/// A random number from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
