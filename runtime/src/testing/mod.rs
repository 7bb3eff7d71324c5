//! A runtime for tests: virtual time and a network in memory, over any executor.
//!
//! [`Virtual`] is a [`Runtime`] whose tasks are run by the executor that is tested. Its time stands still while any of them can
//! run; when all wait, it jumps to the next instant that one of them waits for. Hours pass at once, and instants
//! are exact, however many threads the executor has.
//!
//! What wakes a task must be a task itself, or the clock: time does not wait for a thread, a socket or a timer of the
//! executor's. When all wait for something that never comes, [`Virtual::run`] panics instead of waiting, too.
//!
//! ```
//! use cync_core::wire::{Command, Destination, Endpoint};
//! use cync_core::{AuthCode, Config, Instant};
//! use cync_runtime::testing::{Spawn, Virtual};
//! use cync_runtime::{Builder, Runtime, Timer};
//! use std::time::Duration;
//!
//! #[derive(Clone)]
//! struct Pool(futures_executor::ThreadPool);
//!
//! impl Spawn for Pool {
//!     fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
//!         self.0.spawn_ok(task);
//!     }
//! }
//!
//! let world = Virtual::new(Pool(futures_executor::ThreadPool::new()?));
//! let endpoint = Endpoint(0x0102_0304);
//!
//! futures_executor::block_on(world.run(async {
//!     let acceptor = world.bind(([10, 0, 0, 1], 9000).into()).await?;
//!     world.network().name("hub.local:9000", [acceptor.local_addr()]);
//!     let hub = Builder::new(Config::listener(endpoint), world.clone()).build()?;
//!     let (accepting, driven) = (world.clone(), hub.clone());
//!     world.spawn(async move {
//!         while let Ok((stream, _)) = accepting.accept(&acceptor).await {
//!             driven.drive(stream).run().await;
//!         }
//!     });
//!
//!     let config = Config::greeter(endpoint, AuthCode::new(b"0123456789abcdef")?);
//!     let device = Builder::new(config, world.clone()).connect("hub.local:9000").await?;
//!     world.sleep(Duration::from_secs(3600)).await;
//!     assert_eq!(world.now(), Instant::ZERO + Duration::from_secs(3600));
//!
//!     hub.send(Command::Power { to: Destination::ALL, on: true }).await?;
//!     assert!(device.try_recv().is_some());
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! }))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod network;
mod pipe;
mod task;

pub use clock::Sleep;
pub use network::{Acceptor, Network};
pub use pipe::{Cable, Counts, Pipe, pipe};

use crate::address::Address;
use crate::runtime::{Runtime, Timer};
use clock::Clock;
use cync_core::Instant;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use task::Tracked;

/// A task in a box, as functions take it that spawn.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An executor, of which only this is asked. Functions that take a [`Task`] are one.
pub trait Spawn: Clone + Send + Sync + 'static {
    /// Runs a task to its end.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

impl<F: Fn(Task) + Clone + Send + Sync + 'static> Spawn for F {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self(Box::pin(task));
    }
}

/// An executor with virtual time and a network in memory. Clones have the same time and network.
#[derive(Clone)]
pub struct Virtual<S> {
    clock: Arc<Clock>,
    network: Arc<Network>,
    spawner: S,
    ip: IpAddr,
}

impl<S: Spawn> Virtual<S> {
    /// A world of its own, whose tasks `spawner` runs. Its time is [`Instant::ZERO`], and passes during [`Virtual::run`] only.
    pub fn new(spawner: S) -> Self {
        let (clock, network) = (Arc::new(Clock::new()), Arc::new(Network::new()));
        Self { clock, network, spawner, ip: Ipv4Addr::LOCALHOST.into() }
    }

    /// Runs a test to its end, and lets time pass meanwhile. The future that it returns may be polled by any executor.
    ///
    /// # Panics
    /// If another one runs. The future panics
    /// - if everything waits for something that never comes;
    /// - if time would pass its [limit](Virtual::limit), or does not pass because something is polled over and over;
    /// - if a task panics.
    pub fn run<F: Future>(&self, test: F) -> impl Future<Output = F::Output> + use<F, S> {
        Tracked::new(&self.clock, test, true)
    }

    /// The longest that all may take, from [`Instant::ZERO`]. It is 100 days at first.
    pub fn limit(&self, limit: Duration) {
        self.clock.limit(Instant::ZERO + limit);
    }

    /// Waits for so long. Everything else has come to rest then, if it is longer than nothing: a microsecond is the shortest.
    pub fn sleep(&self, time: Duration) -> Sleep {
        self.sleep_until(self.now() + time)
    }

    /// Tasks that were spawned and have not ended.
    pub fn tasks(&self) -> usize {
        self.clock.tasks()
    }

    /// How often tasks were polled so far, what is [run](Virtual::run) included.
    pub fn wakes(&self) -> u64 {
        self.clock.polls()
    }

    /// The network, to name addresses and to do harm to them.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The same world, as seen from another machine: connections come from this address instead of 127.0.0.1.
    #[must_use]
    pub fn at(&self, ip: impl Into<IpAddr>) -> Self {
        Self { ip: ip.into(), ..self.clone() }
    }
}

impl<S> fmt::Debug for Virtual<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clock, network, ip, .. } = self;
        f.debug_struct("Virtual")
            .field("clock", clock)
            .field("network", network)
            .field("ip", ip)
            .finish_non_exhaustive()
    }
}

impl<S: Spawn> Timer for Virtual<S> {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep::new(Arc::clone(&self.clock), at)
    }
}

impl<S: Spawn> Runtime for Virtual<S> {
    type Stream = Pipe;
    type Acceptor = Acceptor;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawner.spawn(Tracked::new(&self.clock, task, false));
    }

    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        self.network.resolve(address)
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Pipe> {
        match self.network.dial(self.ip, to)? {
            Some(stream) => Ok(stream),
            None => std::future::pending().await,
        }
    }

    async fn bind(&self, on: SocketAddr) -> io::Result<Acceptor> {
        self.network.bind(on)
    }

    fn local_addr(&self, acceptor: &Acceptor) -> io::Result<SocketAddr> {
        Ok(acceptor.local_addr())
    }

    async fn accept(&self, acceptor: &Acceptor) -> io::Result<(Pipe, SocketAddr)> {
        Ok(poll_fn(|context| acceptor.poll_accept(context)).await)
    }
}
