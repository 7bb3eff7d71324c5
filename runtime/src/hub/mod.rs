//! The sessions of those who dial in.

mod greeting;
mod limits;
mod place;
mod sessions;

use crate::builder::Builder;
use crate::client::Client;
use crate::driver::Driver;
use crate::error::AdmitError;
use crate::runtime::Timer;
use cync_core::wire::{Endpoint, StatusCode};
use cync_core::{Config, Hello};
use futures_io::{AsyncRead, AsyncWrite};
pub use limits::Limits;
pub(crate) use place::Place;
use place::Places;
use sessions::Sessions;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU8;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::Span;

/// What a greeting that is refused is answered with, if its admission says 0, which would mean success.
const REFUSED: NonZeroU8 = NonZeroU8::MIN;

type Admit = dyn Fn(&Hello<'_>) -> Result<Config, StatusCode> + Send + Sync;
type Shape<T> = dyn Fn(Builder<T>) -> Builder<T> + Send + Sync;
type Name = dyn Fn(Endpoint) -> String + Send + Sync;

/// The sessions of those who dial in, each kept by its endpoint.
///
/// A session outlives its connections: what it remembers of a device's messages, and the numbers that it gives its own, hold for
/// the next connection of the same endpoint, however soon that comes. If it comes before the old one has ended, it replaces it.
///
/// [`Hub::greet`] takes any byte stream; a [`Listener`](crate::Listener) feeds a hub with TCP connections. Clones are the same
/// hub. When the last is dropped, the sessions are cut that no client is held of.
pub struct Hub<T: Timer> {
    shared: Arc<HubShared<T>>,
    limits: Limits,
    alive: Arc<Alive<T>>,
}

pub(crate) struct HubShared<T: Timer> {
    state: Mutex<State<T>>,
    timer: T,
    limits: Limits,
    admit: Box<Admit>,
    shape: Box<Shape<T>>,
    name: Box<Name>,
}

struct State<T: Timer> {
    places: Places,
    sessions: Sessions<T>,
    rejected: u64,
}

impl<T: Timer> HubShared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is logged of a session belongs here.
    fn span(&self, endpoint: Endpoint) -> Span {
        let device_id = (self.name)(endpoint);
        tracing::error_span!("session", device_id, %endpoint)
    }
}

/// The clones of one hub.
struct Alive<T: Timer>(Arc<HubShared<T>>);

impl<T: Timer> Drop for Alive<T> {
    fn drop(&mut self) {
        // Dropping a session may wake someone who asks the hub.
        let sessions = self.0.lock().sessions.take();
        drop(sessions);
    }
}

impl<T: Timer> Clone for Hub<T> {
    fn clone(&self) -> Self {
        let Self { shared, limits, alive } = self;
        Self { shared: Arc::clone(shared), limits: *limits, alive: Arc::clone(alive) }
    }
}

impl<T: Timer> fmt::Debug for Hub<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("connections", &self.connections())
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}

/// A hub to be made, and how.
#[must_use = "there is no hub until it is built"]
pub struct HubBuilder<T: Timer> {
    timer: T,
    limits: Limits,
    admit: Box<Admit>,
    shape: Box<Shape<T>>,
    name: Box<Name>,
}

impl<T: Timer> fmt::Debug for HubBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl<T: Timer> HubBuilder<T> {
    /// What those may use who dial in.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How sessions are made beyond their configuration: their size, who tells the time.
    pub fn sessions(
        mut self,
        shape: impl Fn(Builder<T>) -> Builder<T> + Send + Sync + 'static,
    ) -> Self {
        self.shape = Box::new(shape);
        self
    }

    /// What logs call the device of an endpoint: the `device_id` of all that is logged of its connections once they have greeted.
    /// The default is the endpoint, as eight hex digits.
    pub fn device_ids(mut self, name: impl Fn(Endpoint) -> String + Send + Sync + 'static) -> Self {
        self.name = Box::new(name);
        self
    }

    /// The hub.
    pub fn build(self) -> Hub<T> {
        let Self { timer, limits, admit, shape, name } = self;
        let state = State { places: Places::default(), sessions: Sessions::default(), rejected: 0 };
        let state = Mutex::new(state);
        let shared = Arc::new(HubShared { state, timer, limits, admit, shape, name });
        Hub { alive: Arc::new(Alive(Arc::clone(&shared))), limits, shared }
    }
}

/// A connection that greeted, and the session that it is for.
#[must_use = "the connection is closed unless its driver is run"]
#[derive(Debug)]
pub struct Admitted<IO, T: Timer> {
    /// Who greeted.
    pub endpoint: Endpoint,
    /// The session.
    pub client: Client<T>,
    /// Whether the session was made for this connection. If not, others hold clients of it already.
    pub is_new: bool,
    /// Has to be run (usually spawned).
    pub driver: Driver<IO, T>,
}

impl<T: Timer> Hub<T> {
    /// A hub whose sessions have this timer's time. `admit` says which configuration the session of who greets is to have
    /// ([`Config::listener`] of its endpoint, if there is nothing special about it), or refuses the greeting with a status.
    pub fn builder(
        timer: T,
        admit: impl Fn(&Hello<'_>) -> Result<Config, StatusCode> + Send + Sync + 'static,
    ) -> HubBuilder<T> {
        let (admit, shape) = (Box::new(admit), Box::new(|builder| builder));
        let name = Box::new(|endpoint: Endpoint| endpoint.to_string());
        HubBuilder { timer, limits: Limits::default(), admit, shape, name }
    }

    /// Waits for the greeting of a connection, and gives it to the session of the endpoint that greets.
    ///
    /// # Errors
    /// Why it got none. The connection has been closed.
    pub async fn greet<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: IO,
        from: Option<IpAddr>,
    ) -> Result<Admitted<IO, T>, AdmitError> {
        let place = self.enter(from)?;
        self.admit(place, async { Ok(io) }).await
    }

    /// A place for a connection that was made, before anything is done with it.
    pub(crate) fn enter(&self, from: Option<IpAddr>) -> Result<Place<T>, AdmitError> {
        self.counted(Place::new(&self.shared, from))
    }

    /// Opens a stream, waits for its greeting, and finds its session.
    pub(crate) async fn admit<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        place: Place<T>,
        open: impl Future<Output = io::Result<IO>>,
    ) -> Result<Admitted<IO, T>, AdmitError> {
        self.counted(greeting::admit(&self.shared, place, open).await)
    }

    /// What is logged of a session belongs here.
    pub(crate) fn span(&self, endpoint: Endpoint) -> Span {
        self.shared.span(endpoint)
    }

    fn counted<R>(&self, result: Result<R, AdmitError>) -> Result<R, AdmitError> {
        if result.is_err() {
            self.shared.lock().rejected += 1;
        }
        result
    }

    /// What those may use who dial in.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The session of an endpoint, if there is one.
    pub fn client(&self, endpoint: Endpoint) -> Option<Client<T>> {
        self.shared.lock().sessions.get(endpoint)
    }

    /// All sessions, connected or not, by their endpoints.
    pub fn clients(&self) -> Vec<(Endpoint, Client<T>)> {
        self.shared.lock().sessions.all()
    }

    /// Forgets the session of an endpoint, and what it remembers: a message that the device repeats is a new one then. If no
    /// client is held of it, its connection is cut.
    pub fn forget(&self, endpoint: Endpoint) {
        let forgotten = self.shared.lock().sessions.remove(endpoint);
        drop(forgotten);
    }

    /// Connections, greeted or not.
    pub fn connections(&self) -> usize {
        self.shared.lock().places.connections()
    }

    /// Connections that have not greeted yet.
    pub fn greeting(&self) -> usize {
        self.shared.lock().places.greeting()
    }

    /// Connections that got no session, so far.
    pub fn rejected(&self) -> u64 {
        self.shared.lock().rejected
    }
}
