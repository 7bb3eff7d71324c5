//! Keeps so many requests in flight on every connection, and times each.

use crate::Outcome;
use cync_runtime::Runtime;
use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// One connection of a client.
pub(crate) trait Caller: Send + Sized + 'static {
    type Runtime: Runtime + Default;

    /// Connects, ready for so many requests in flight.
    fn open(server: SocketAddr, depth: usize) -> impl Future<Output = Outcome<Self>>;

    /// Begins requests until `until`, as many in flight as asked, and awaits all.
    fn turn(
        self,
        depth: usize,
        until: Instant,
    ) -> impl Future<Output = Outcome<(Self, Trips)>> + Send;
}

/// Round trips.
#[derive(Default)]
pub(crate) struct Trips {
    /// How long they took, in nanoseconds.
    nanos: Vec<u64>,
    /// Requests that were transmitted again, because their answer was late.
    pub(crate) again: u64,
}

impl Trips {
    /// Notes a trip that ends now, which is when the next can begin.
    pub(crate) fn ended(&mut self, began: Instant) -> Instant {
        let now = Instant::now();
        self.nanos.push(u64::try_from((now - began).as_nanos()).unwrap_or(u64::MAX));
        now
    }

    pub(crate) fn add(&mut self, mut other: Self) {
        self.nanos.append(&mut other.nanos);
        self.again += other.again;
    }

    /// The time that this share of the trips did not exceed.
    fn percentile(&mut self, percent: usize) -> u64 {
        self.nanos.sort_unstable();
        let at = (self.nanos.len() * percent).div_ceil(100).saturating_sub(1);
        self.nanos.get(at).copied().unwrap_or_default()
    }
}

/// What came of one turn, with all connections.
#[derive(Clone, Copy)]
pub(crate) struct Turn {
    pub(crate) messages: u64,
    pub(crate) nanos: u64,
    /// Nanoseconds.
    pub(crate) p50: u64,
    /// Nanoseconds.
    pub(crate) p99: u64,
    /// Requests that were transmitted again.
    pub(crate) again: u64,
    /// Nanoseconds for which both processes ran; only who runs them knows.
    pub(crate) cpu: u64,
}

impl Turn {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 * 1e9 / self.nanos as f64
    }

    /// For the pipe from a client to who runs it.
    pub(crate) fn to_line(self) -> String {
        let Self { messages, nanos, p50, p99, again, .. } = self;
        format!("{messages} {nanos} {p50} {p99} {again}")
    }

    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let mut numbers = line.split(' ').map(|number| number.parse().ok());
        let mut next = || numbers.next().flatten();
        let (messages, nanos, p50, p99, again) = (next()?, next()?, next()?, next()?, next()?);
        Some(Self { messages, nanos, p50, p99, again, cpu: 0 })
    }
}

/// All connections of one client.
pub(crate) struct Load<C>(Vec<C>);

impl<C: Caller> Load<C> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) async fn open(
        &mut self,
        server: SocketAddr,
        depth: usize,
        count: usize,
    ) -> Outcome<()> {
        for _ in 0..count {
            self.0.push(C::open(server, depth).await?);
        }
        Ok(())
    }

    pub(crate) async fn turn(&mut self, depth: usize, length: Duration) -> Outcome<Turn> {
        let runtime = C::Runtime::default();
        let (done, mut all_done) = mpsc::unbounded_channel();
        let began = Instant::now();
        for caller in self.0.drain(..) {
            let done = done.clone();
            runtime.spawn(async move {
                // Nobody listens any more if another connection failed.
                let _ = done.send((caller.turn(depth, began + length).await, Instant::now()));
            });
        }
        drop(done);
        let (mut trips, mut ended) = (Trips::default(), began);
        while let Some((result, at)) = all_done.recv().await {
            let (caller, its) = result?;
            self.0.push(caller);
            trips.add(its);
            ended = ended.max(at);
        }
        Ok(Turn {
            messages: trips.nanos.len() as u64,
            nanos: u64::try_from((ended - began).as_nanos()).unwrap_or(u64::MAX),
            p50: trips.percentile(50),
            p99: trips.percentile(99),
            again: trips.again,
            cpu: 0,
        })
    }
}
