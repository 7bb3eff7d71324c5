//! A TCP socket whose connections a hub takes.

use crate::address::Address;
use crate::client::Client;
use crate::hub::{Admitted, Hub, Place};
use crate::runtime::Runtime;
use crate::wakers::{Line, Ticket, seat};
use crate::weak::Weak;
use cync_core::wire::{Endpoint, StatusCode};
use cync_core::{Config, Hello};
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tracing::Instrument;

/// How long to wait when the system has no more connections to give.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections in a row, after which others have their turn.
const TURN: u32 = 32;

/// A TCP socket that devices dial. Their connections greet and are driven in tasks of their own.
///
/// Dropping it stops listening. What is connected stays, as long as its [`Hub`] or a client is held.
pub struct Listener<R: Runtime> {
    hub: Hub<R>,
    local_addr: SocketAddr,
    line: Arc<Accepting<R>>,
}

/// A connection that greeted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Accepted<R: Runtime> {
    /// Who greeted.
    pub endpoint: Endpoint,
    /// Where it dialled from.
    pub peer: SocketAddr,
    /// Its session.
    pub client: Client<R>,
    /// Whether the session was made for this connection. If not, it was returned before.
    pub is_new: bool,
}

impl<R: Runtime> fmt::Debug for Listener<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local_addr", &self.local_addr)
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime + Default> Listener<R> {
    /// Listens on an address; port 0 is any free one. `admit` decides about greetings, as [`Hub::builder`] says.
    ///
    /// # Errors
    /// If it is not an address of this machine, or is taken.
    pub async fn bind(
        address: impl Into<Address>,
        admit: impl Fn(&Hello<'_>) -> Result<Config, StatusCode> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let runtime = R::default();
        let hub = Hub::builder(runtime.clone(), admit).build();
        Self::with_hub(runtime, address, hub).await
    }
}

impl<R: Runtime> Listener<R> {
    /// Listens on an address, for this hub.
    ///
    /// # Errors
    /// If it is not an address of this machine, or is taken.
    pub async fn with_hub(
        runtime: R,
        address: impl Into<Address>,
        hub: Hub<R>,
    ) -> io::Result<Self> {
        Self::wrapped(runtime, address, hub, |stream| async { Ok(stream) }).await
    }

    /// Listens on an address, for this hub; `wrap` makes of a connection the stream that is spoken on, by a TLS handshake for
    /// instance. What it takes counts as a part of the greeting.
    ///
    /// Of the addresses of a name the first that can be listened at is taken.
    ///
    /// # Errors
    /// If it is not an address of this machine, or is taken.
    pub async fn wrapped<IO, F>(
        runtime: R,
        address: impl Into<Address>,
        hub: Hub<R>,
        wrap: impl Fn(R::Stream) -> F + Send + Sync + 'static,
    ) -> io::Result<Self>
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<IO>> + Send + 'static,
    {
        let address = address.into();
        let acceptor = bind(&runtime, &address).await?;
        let local_addr = runtime.local_addr(&acceptor)?;
        let line = Arc::new(Accepting::default());
        let accepting = accept(runtime.clone(), acceptor, hub.clone(), Arc::clone(&line), wrap);
        runtime.spawn(accepting.in_current_span());
        Ok(Self { hub, local_addr, line })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The sessions of those who dialled in.
    pub const fn hub(&self) -> &Hub<R> {
        &self.hub
    }

    /// The next connection that greeted; those that did not are logged, and counted by [`Hub::rejected`]. Dropping the future
    /// loses none. While nobody asks, connections are served all the same; of each endpoint the newest is kept to be told, and of
    /// so many endpoints as there may be sessions; one whose session is gone by then ([`Hub::forget`]) is not told.
    pub async fn accept(&self) -> Accepted<R> {
        let mut taker = Taker { line: &self.line, ticket: None };
        poll_fn(|context| taker.poll(context)).await
    }
}

impl<R: Runtime> Drop for Listener<R> {
    fn drop(&mut self) {
        self.line.stop();
    }
}

/// Listens on the first of the addresses that can be listened at.
async fn bind<R: Runtime>(runtime: &R, address: &Address) -> io::Result<R::Acceptor> {
    let candidates = match address.socket_addr() {
        Some(on) => vec![on],
        None => runtime.resolve(address).await?,
    };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for candidate in candidates {
        match runtime.bind(candidate).await {
            Ok(acceptor) => return Ok(acceptor),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Whether an error of accepting is about the connection that would have come, and says nothing of the next one.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::ConnectionRefused
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

/// Lets others have their turn.
async fn pass() {
    let mut passed = false;
    poll_fn(|context| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Takes connections until the listener is dropped.
async fn accept<R: Runtime, IO, F>(
    runtime: R,
    acceptor: R::Acceptor,
    hub: Hub<R>,
    line: Arc<Accepting<R>>,
    wrap: impl Fn(R::Stream) -> F + Send + Sync + 'static,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<IO>> + Send + 'static,
{
    let wrap = Arc::new(wrap);
    loop {
        for _ in 0..TURN {
            match line.meanwhile(runtime.accept(&acceptor)).await {
                None => return,
                Some(Err(error)) => {
                    tracing::warn!(event = "accept", %error);
                    if !concerns_one_connection(&error) {
                        let pause = runtime.sleep_until(runtime.now() + PAUSE);
                        if line.meanwhile(pause).await.is_none() {
                            return;
                        }
                    }
                }
                Some(Ok((stream, peer))) => match hub.enter(Some(peer.ip())) {
                    Err(error) => tracing::warn!(event = "refused", %peer, %error),
                    Ok(place) => {
                        // The application is called in the connection's own task: what becomes of it is no other's affair.
                        let wrap = Arc::clone(&wrap);
                        let open = async move { wrap(stream).await };
                        let serving = serve(hub.clone(), place, open, peer, Arc::clone(&line));
                        let span = tracing::error_span!("connection", %peer);
                        runtime.spawn(serving.instrument(span));
                    }
                },
            }
        }
        pass().await;
    }
}

/// One connection, from its first byte to its end.
async fn serve<R: Runtime, IO: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    hub: Hub<R>,
    place: Place<R>,
    open: impl Future<Output = io::Result<IO>> + Send,
    peer: SocketAddr,
    line: Arc<Accepting<R>>,
) {
    let most = hub.limits().sessions;
    match hub.admit(place, open).await {
        Err(error) => tracing::warn!(event = "no_greeting", %peer, %error),
        Ok(Admitted { endpoint, client, is_new, driver }) => {
            let session = hub.span(endpoint);
            // From here on whoever holds the hub or a client decides.
            drop(hub);
            session.in_scope(|| tracing::info!(event = "connected", %peer, %endpoint));
            line.put(Untold { endpoint, peer, client: Weak::new(&client), is_new }, most);
            drop((line, client));
            let end = driver.run().instrument(session.clone()).await;
            session.in_scope(|| tracing::info!(event = "disconnected", %peer, %endpoint, ?end));
        }
    }
}

/// A connection that greeted and was not told yet. Its session is the hub's to keep.
struct Untold<R: Runtime> {
    endpoint: Endpoint,
    peer: SocketAddr,
    client: Weak<R>,
    is_new: bool,
}

impl<R: Runtime> Untold<R> {
    /// What is told; nothing if the session is gone.
    fn told(self) -> Option<Accepted<R>> {
        let Self { endpoint, peer, client, is_new } = self;
        Some(Accepted { endpoint, peer, client: client.upgrade()?, is_new })
    }
}

/// Connections that greeted, and those who wait for one.
struct Accepting<R: Runtime>(Mutex<Untaken<R>>);

struct Untaken<R: Runtime> {
    greeted: VecDeque<Untold<R>>,
    takers: Line,
    /// The task that accepts.
    acceptor: Option<Waker>,
    /// The listener was dropped.
    stopped: bool,
}

impl<R: Runtime> Default for Accepting<R> {
    fn default() -> Self {
        Self(Mutex::new(Untaken {
            greeted: VecDeque::new(),
            takers: Line::default(),
            acceptor: None,
            stopped: false,
        }))
    }
}

impl<R: Runtime> Accepting<R> {
    fn lock(&self) -> MutexGuard<'_, Untaken<R>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes of it, unless the listener goes before.
    async fn meanwhile<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|context| match self.goes_on(context) {
            true => work.as_mut().poll(context).map(Some),
            false => Poll::Ready(None),
        })
        .await
    }

    /// Whether the listener is there; if so, this task is woken when it goes.
    fn goes_on(&self, context: &Context<'_>) -> bool {
        let replaced = {
            let mut state = self.lock();
            if state.stopped {
                return false;
            }
            seat(&mut state.acceptor, context)
        };
        drop(replaced);
        true
    }

    /// Keeps a connection for whoever takes it: of each endpoint the newest, and of `most` endpoints.
    fn put(&self, mut untold: Untold<R>, most: usize) {
        let taker = {
            let mut state = self.lock();
            let same = |it: &Untold<R>| it.endpoint == untold.endpoint;
            let spent = match state.greeted.iter().position(same) {
                Some(at) => state.greeted.remove(at),
                None if state.greeted.len() >= most => state.greeted.pop_front(),
                None => None,
            };
            untold.is_new |= spent.is_some_and(|it| same(&it) && it.is_new);
            state.greeted.push_back(untold);
            state.takers.first().cloned()
        };
        taker.into_iter().for_each(Waker::wake);
    }

    fn stop(&self) {
        let acceptor = {
            let mut state = self.lock();
            state.stopped = true;
            state.acceptor.take()
        };
        acceptor.into_iter().for_each(Waker::wake);
    }
}

/// Waits for a connection, in line.
struct Taker<'a, R: Runtime> {
    line: &'a Accepting<R>,
    ticket: Option<Ticket>,
}

impl<R: Runtime> Taker<'_, R> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<Accepted<R>> {
        let Self { line, ticket } = self;
        let mut state = line.lock();
        if state.takers.is_turn(*ticket) {
            while let Some(untold) = state.greeted.pop_front() {
                if let Some(told) = untold.told() {
                    return Poll::Ready(told);
                }
            }
        }
        let replaced = state.takers.wait(ticket, context);
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

/// The next has its turn; what woke this one may be for it.
impl<R: Runtime> Drop for Taker<'_, R> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        let (next, spent) = {
            let mut state = self.line.lock();
            let spent = state.takers.leave(ticket);
            let next = if state.greeted.is_empty() { None } else { state.takers.first() };
            (next.cloned(), spent)
        };
        drop(spent);
        next.into_iter().for_each(Waker::wake);
    }
}
