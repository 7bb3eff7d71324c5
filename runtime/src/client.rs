//! A session to talk to.

use crate::address::Address;
use crate::alarm::until;
use crate::builder::Builder;
use crate::driver::Driver;
use crate::error::{ConnectError, DialError, DialStage, SendError};
use crate::events::Events;
use crate::keeper::{self, Duty};
use crate::latencies::Latencies;
use crate::message::Message;
use crate::runtime::{Runtime, Timer};
use crate::sending::{Sending, Sent};
use crate::shared::{Inner, Shared};
use crate::states::{States, Watch};
use crate::wakers::Ticket;
use cync_core::wire::StatusCode;
use cync_core::{
    CivilTime, Config, ConfigError, DeliveryId, Disconnect, Instant, MessageId, Request,
    RespondError, State, Stats,
};
use futures_io::{AsyncRead, AsyncWrite};
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a driver may take, beyond the session's time for draining, to flush and to end. One that is not run never does.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A session to talk to: cheap to clone, every clone is the same session. Dropping the last one cuts the connection at once;
/// [`Client::close`] ends it in order.
pub struct Client<T: Timer> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) alive: Arc<Alive<T>>,
}

/// The clones of one client; when the last one goes, the connection is cut.
pub(crate) struct Alive<T: Timer>(pub(crate) Arc<Shared<T>>);

impl<T: Timer> Drop for Alive<T> {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl<T: Timer> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), alive: Arc::clone(&self.alive) }
    }
}

impl<T: Timer> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl<T: Timer + Default> Client<T> {
    /// A session without a connection; [`Client::drive`] gives it one.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::builder(config).build()
    }

    /// How a session is made, to be changed before it is.
    pub fn builder(config: Config) -> Builder<T> {
        Builder::new(config, T::default())
    }
}

impl<R: Runtime + Default> Client<R> {
    /// Dials `address`, waits until the greeting is done, and from then on keeps the session connected: [`Builder::connect`] with
    /// the defaults.
    ///
    /// # Errors
    /// What kept the session from becoming ready.
    pub async fn connect(
        address: impl Into<Address>,
        config: Config,
    ) -> Result<Self, ConnectError> {
        Self::builder(config).connect(address).await
    }
}

impl<T: Timer> Client<T> {
    pub(crate) fn of(shared: Shared<T>) -> Self {
        let shared = Arc::new(shared);
        Self { alive: Arc::new(Alive(Arc::clone(&shared))), shared }
    }

    /// Gives the session this connection. Its driver has to be run (usually spawned); a connection that the session had
    /// before is replaced, and its driver ends.
    pub fn drive<IO: AsyncRead + AsyncWrite>(&self, io: IO) -> Driver<IO, T> {
        Driver::new(Arc::clone(&self.shared), io, Vec::new())
    }

    /// Keeps the session connected: calls `dial` now, and again after every connection that went, when the session asks for
    /// it ([`Config::redial`](cync_core::Config)). The future has to be run (usually spawned); it ends when the session is
    /// closed, or every client of it was dropped. Dropping the future cuts the connection that it opened. A later call takes the
    /// place of an earlier, whose future ends with the connection that it opened.
    ///
    /// What `dial` opens may be anything that bytes go through: TCP, TLS, a serial line.
    ///
    /// # Errors
    /// Why the first connection was given up. Once the session was ready, it never is.
    pub fn keep_connected<IO, F, E, D>(
        &self,
        dial: D,
    ) -> impl Future<Output = Result<(), ConnectError>> + use<IO, F, E, D, T>
    where
        IO: AsyncRead + AsyncWrite,
        F: Future<Output = Result<IO, E>>,
        E: Into<DialError>,
        D: FnMut() -> F,
    {
        let duty = Duty::new(Arc::clone(&self.shared));
        keeper::keep_connected(duty, dial, || DialStage::Connect)
    }

    /// Whether a session that is [kept connected](Client::keep_connected) dials again after it was ready once. It does, unless
    /// told otherwise.
    pub fn reconnect(&self, on: bool) {
        self.shared.with(|inner, now| {
            inner.session.reconnect(on);
            if on && inner.upkeep.dialler {
                inner.session.connect(now);
            }
            if !inner.session.is_dialling() {
                inner.ask = None;
            }
            inner.wake_everybody();
        });
    }

    /// How far the session is.
    pub fn state(&self) -> State {
        self.shared.look(|inner| inner.session.state())
    }

    /// The states of the session, the present one first.
    pub fn states(&self) -> States<T> {
        States::new(Arc::clone(&self.shared))
    }

    /// Waits until the session is in this state. One that it is in for a moment only may be missed.
    pub async fn reached(&self, state: State) {
        self.watch(move |inner| (inner.session.state() == state).then_some(())).await;
    }

    /// Waits until messages can be sent.
    ///
    /// # Errors
    /// What ended the connection before, unless there may be another one; then, why the first was given up.
    pub async fn ready(&self) -> Result<(), ConnectError> {
        self.ready_at(None).await
    }

    pub(crate) async fn ready_at(&self, address: Option<Address>) -> Result<(), ConnectError> {
        let answer = self.watch(|inner| {
            if inner.session.state() == State::Ready {
                return Some(Ok(()));
            }
            let given_up = inner.gave_up.map(|why| (why, inner.last_failure.clone()));
            (given_up.is_some() || !inner.goes_on()).then_some(Err((given_up, inner.hangup)))
        });
        answer.await.map_err(|cause| match cause {
            (Some((why, last)), _) => ConnectError::GaveUp { address, why, last },
            (None, Some(why)) => ConnectError::Hangup { address, why },
            (None, None) => ConnectError::Closed { address },
        })
    }

    fn watch<F: FnMut(&mut Inner) -> Option<R> + Unpin, R>(&self, ask: F) -> Watch<T, F> {
        Watch::new(Arc::clone(&self.shared), ask)
    }

    /// Sends a message and waits until the stage it asks for is reached ([`Stage::Acked`](cync_core::Stage) unless it says
    /// otherwise). Waits for room first if the queue is full; those who wait are served in turn.
    ///
    /// # Errors
    /// How the message ended otherwise.
    pub fn send<'a>(&'a self, request: impl Into<Request<'a>>) -> Sending<'a, T> {
        Sending::new(&self.shared, request.into())
    }

    /// Sends a message and waits for room in the queue for so long at most: [`Sending::timeout`].
    pub fn send_timeout<'a>(
        &'a self,
        request: impl Into<Request<'a>>,
        timeout: Duration,
    ) -> Sending<'a, T> {
        self.send(request).timeout(timeout)
    }

    /// Gives a message to the session now. What comes of it can be awaited, or not: it goes on all the same.
    ///
    /// # Errors
    /// If the session does not take it, or if others wait for room already.
    pub fn try_send<'a>(&self, request: impl Into<Request<'a>>) -> Result<Sent<T>, SendError> {
        let request = request.into();
        self.shared.with(|inner, now| {
            if !inner.senders.is_turn(None) {
                return Err(cync_core::SendError::Full.into());
            }
            if !inner.is_attended() {
                // Nobody else ends what is over, and takes up room.
                inner.tick(now);
                inner.settle();
            }
            let id = inner.session.send(now, request)?;
            inner.wake_driver();
            Ok(Sent::new(&self.shared, inner, id, None))
        })
    }

    /// Ends a message now; true if it had not ended. Whoever awaits it is told, and whether the peer may still act on it.
    pub fn cancel(&self, id: MessageId) -> bool {
        self.shared.with_driver(|inner, now| {
            // The session knows the time of its last call, and the end is now.
            inner.session.handle_timeout(now);
            inner.session.cancel(id)
        })
    }

    /// Sends a sign of life now. The peer's answer shows in [`Client::stats`] only.
    ///
    /// # Errors
    /// If the session is not ready.
    pub fn ping(&self) -> Result<(), SendError> {
        Ok(self.shared.with_driver(|inner, now| inner.session.ping(now))?)
    }

    /// The next message from the peer; `None` when there is none, and no connection that could bring one: neither now nor by
    /// anybody who dials.
    ///
    /// Dropping the future loses no message. Of several that wait, each message goes to one.
    pub async fn recv(&self) -> Option<Message> {
        let mut reader = Reader { shared: &self.shared, ticket: None };
        poll_fn(|context| reader.poll(context)).await
    }

    /// The next message from the peer, if one is there.
    pub fn try_recv(&self) -> Option<Message> {
        self.shared.with(take)
    }

    /// What happens in the session from now on.
    pub fn events(&self) -> Events<T> {
        Events::new(Arc::clone(&self.shared))
    }

    /// Acknowledges a request from the peer (status 0), or refuses it, if
    /// [`Config::acknowledge`](cync_core::Config) leaves that to the application.
    ///
    /// # Errors
    /// If it was answered already, or too many answers are owed to send this one now.
    pub fn respond(&self, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError> {
        self.shared.with_driver(|inner, now| inner.session.respond(now, delivery, status))
    }

    /// Reports a request from the peer as executed (status 0) or failed.
    ///
    /// # Errors
    /// If too many answers are owed to send this one now; a repetition of the request will be answered with it.
    pub fn report(&self, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError> {
        self.shared.with_driver(|inner, now| inner.session.report(now, delivery, status))
    }

    /// Tells the peer the local time of the site, after [`Event::ClockAsked`](cync_core::Event::ClockAsked);
    /// [`Builder::local_time`] does so by itself.
    pub fn set_wall_clock(&self, civil: CivilTime) {
        self.shared.with_driver(|inner, now| {
            inner.clock_asked = false;
            inner.session.set_wall_clock(now, civil);
        });
    }

    /// What the session counted.
    pub fn stats(&self) -> Stats {
        self.shared.count(|inner| *inner.session.stats())
    }

    /// Messages that wait for their first transmission.
    pub fn queued(&self) -> usize {
        self.shared.count(|inner| inner.session.queued())
    }

    /// Messages handed over and not done.
    pub fn in_flight(&self) -> usize {
        self.shared.count(|inner| inner.session.in_flight())
    }

    /// Accepted messages that wait for [`Client::recv`].
    pub fn inbox_len(&self) -> usize {
        self.shared.look(|inner| inner.session.inbox_len())
    }

    /// Accepted messages that are remembered, to recognise repetitions.
    pub fn remembered(&self) -> usize {
        self.shared.look(|inner| inner.session.remembered())
    }

    /// How long the messages took that reached the stage they were sent for; as many as [`Stats::reached`].
    pub fn latencies(&self) -> Latencies {
        self.shared.count(|inner| inner.latencies)
    }

    /// Cuts the connection, in mid-packet if need be. The session stays: it takes the next connection, and asks for one if it
    /// is [kept connected](Client::keep_connected).
    pub fn disconnect(&self) {
        self.shared.with(|inner, now| {
            if inner.is_driven() {
                inner.session.handle_disconnected(now, Disconnect::Hangup);
                inner.wake_driver();
                inner.undriven();
            }
        });
    }

    /// Whether the peer may dial in again when the connection goes.
    pub(crate) fn expect_dial_in(&self, on: bool) {
        self.shared.aside(|inner| {
            inner.upkeep.hub = on;
            inner.wake_everybody();
        });
    }

    pub(crate) fn has_connection(&self) -> bool {
        self.shared.look(Inner::is_driven)
    }

    /// Brings what is under way to its end, then closes the connection. It takes at most
    /// [`Config::drain_timeout`](cync_core::Config) and two seconds more.
    pub async fn close(&self) {
        self.shared.with_driver(|inner, now| inner.session.close(now));
        let ended = self.watch(|inner| (!inner.is_driven()).then_some(()));
        let limit = self.shared.settings.drain_timeout.saturating_add(END_TIMEOUT);
        if until(&self.shared.timer, self.shared.now() + limit, ended).await.is_none() {
            self.shared.cut();
        }
    }
}

fn take(inner: &mut Inner, now: Instant) -> Option<Message> {
    let wanted_input = inner.session.wants_input();
    let message = inner.session.recv(now).map(Message::from);
    if !wanted_input {
        // There may be room for what the driver holds.
        inner.wake_driver();
    }
    message
}

/// Waits for a message, in line.
struct Reader<'a, T: Timer> {
    shared: &'a Shared<T>,
    ticket: Option<Ticket>,
}

impl<T: Timer> Reader<'_, T> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<Message>> {
        let Self { shared, ticket } = self;
        shared.with(|inner, now| {
            if inner.readers.is_turn(*ticket) {
                let message = take(inner, now);
                if message.is_some() || !inner.goes_on() {
                    return Poll::Ready(message);
                }
            } else if inner.session.inbox_len() == 0 && !inner.goes_on() {
                // The end is for all, whatever the first is about.
                return Poll::Ready(None);
            }
            inner.wait(|inner| &mut inner.readers, ticket, context);
            Poll::Pending
        })
    }
}

/// The next has its turn; what woke this one may be for it.
impl<T: Timer> Drop for Reader<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.aside(|inner| {
                inner.leave(|inner| &mut inner.readers, ticket);
                if inner.session.inbox_len() > 0 || !inner.goes_on() {
                    inner.wake_reader();
                }
            });
        }
    }
}
