//! What is asked of a runtime.

use crate::address::Address;
use cync_core::Instant;
use futures_io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// A clock that can be waited for: all that a [`Client`](crate::Client) and its [`Driver`](crate::Driver) ask of a runtime.
///
/// ```
/// use cync_core::Instant;
/// use cync_runtime::Timer;
/// use std::future::Future;
/// use std::pin::Pin;
///
/// #[derive(Clone)]
/// struct Clock(std::time::Instant);
///
/// impl Timer for Clock {
///     type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;
///
///     fn now(&self) -> Instant {
///         Instant::ZERO + self.0.elapsed()
///     }
///
///     fn sleep_until(&self, at: Instant) -> Self::Sleep {
///         let left = at.since(self.now());
///         // Here the runtime's own way to sleep.
/// #       let _ = left;
///         Box::pin(std::future::pending())
///     }
/// }
/// ```
pub trait Timer: Clone + Send + Sync + 'static {
    /// Ends at an instant, or some time after.
    type Sleep: Future<Output = ()> + Send + Unpin + 'static;

    /// The time since a start of the timer's own, the same for all its clones. It does not go back.
    fn now(&self) -> Instant;

    /// Sleeps until this instant, by this timer's own time, as exactly as may be: up to 20 ms less is made up for, and a sleep that
    /// ends sooner may leave a deadline unnoticed. [`Instant::MAX`] never comes.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
}

/// A runtime that has tasks and TCP: what [`Client::connect`](crate::Client::connect) and
/// [`Listener`](crate::Listener) need beyond a [`Timer`].
pub trait Runtime: Timer {
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// A TCP socket that listens.
    type Acceptor: Send + Sync + 'static;

    /// Runs a task to its end, whatever becomes of the caller.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// The socket addresses of a host and port.
    fn resolve(
        &self,
        address: &Address,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Opens a connection. What it may take is limited by the caller, who drops the future.
    fn dial(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens on an address; port 0 is any free one.
    fn bind(&self, on: SocketAddr) -> impl Future<Output = io::Result<Self::Acceptor>> + Send;

    /// Where it listens.
    ///
    /// # Errors
    /// Those of the operating system.
    fn local_addr(&self, acceptor: &Self::Acceptor) -> io::Result<SocketAddr>;

    /// The next connection, and who opened it. Dropping the future loses none.
    ///
    /// # Errors
    /// Those of the operating system. One that concerns a single connection is to have a kind that says so, as
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted) does: after any other a [`Listener`](crate::Listener) waits a while.
    fn accept(
        &self,
        acceptor: &Self::Acceptor,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr)>> + Send;
}
