use crate::dial::{self, Dialling};
use crate::driver::Driver;
use crate::error::{ConnectError, SendError};
use crate::message::Message;
use crate::shared::{Done, Shared, Status};
use cync_core::wire::StatusCode;
use cync_core::{
    Config, ConfigError, DeliveryId, MessageId, Outcome, Receipt, Request, RespondError, State,
    Stats,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::ToSocketAddrs;

/// How long a driver may take, beyond the session's time for draining, to flush and to end. One that is not run never does.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// A session to talk to: cheap to clone, every clone is the same session. Dropping the last one cuts the connection;
/// [`Client::close`] ends it in order.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

/// The clones of one client; when the last one goes, the connection is cut.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Client {
    /// A session without a connection; [`Client::drive`] gives it one.
    ///
    /// `seed` decides where message numbers start. A peer remembers messages for minutes: take a different one each time,
    /// unless the peer is as new as the session.
    ///
    /// # Errors
    /// The rule that `config` breaks.
    pub fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let shared = Arc::new(Shared::new(config, seed)?);
        Ok(Self { _alive: Arc::new(Alive(Arc::clone(&shared))), shared })
    }

    /// Dials `addr`, spawns the driver, and waits until the greeting is done.
    ///
    /// # Errors
    /// What kept the session from becoming ready.
    pub async fn connect(
        addr: impl ToSocketAddrs,
        config: Config,
        seed: u64,
    ) -> Result<Self, ConnectError> {
        let client = Self::new(config, seed)?;
        let stream = dial::open(addr).await?;
        tokio::spawn(client.drive(stream).run());
        client.ready().await?;
        Ok(client)
    }

    /// Gives the session this connection. Its driver has to be run (usually spawned); a connection that the session had
    /// before is replaced, and its driver ends.
    pub fn drive<IO: AsyncRead + AsyncWrite>(&self, io: IO) -> Driver<IO> {
        Driver::new(Arc::clone(&self.shared), io)
    }

    /// Keeps the session connected to `addr`: dials now, and again after every connection that went, when the session asks
    /// for it ([`Config::redial`](cync_core::Config)). The future has to be run (usually spawned); it ends when the session is
    /// closed, or every client of it was dropped. Dropping the future cuts the connection.
    ///
    /// # Errors
    /// Why the first connection was given up. Once there was one, it never is.
    ///
    /// ```no_run
    /// # async fn f(config: cync_core::Config) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = cync_tokio::Client::new(config, 42)?;
    /// tokio::spawn(client.keep_connected("192.168.1.50:9000"));
    /// client.ready().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_connected<A: ToSocketAddrs>(
        &self,
        addr: A,
    ) -> impl Future<Output = Result<(), ConnectError>> + use<A> {
        dial::keep_connected(Dialling::new(Arc::clone(&self.shared)), addr)
    }

    /// Waits until the session is in this state. One that it is in for a moment only may be missed.
    pub async fn reached(&self, state: State) {
        let mut status = self.shared.status();
        // The sender is here: it does not go.
        let _ = status.wait_for(|status| status.state == state).await;
    }

    /// Waits until messages can be sent.
    ///
    /// # Errors
    /// What ended the connection before, unless the session is [kept connected](Client::keep_connected); then, why that was
    /// given up.
    pub async fn ready(&self) -> Result<(), ConnectError> {
        let mut status = self.shared.status();
        let settled = |status: &Status| status.state == State::Ready || !status.goes_on();
        match status.wait_for(settled).await.map(|status| *status) {
            Ok(Status { state: State::Ready, driven: true, .. }) => Ok(()),
            Ok(Status { gave_up: Some(why), .. }) => Err(why.into()),
            Ok(Status { hangup: Some(why), .. }) => Err(why.into()),
            _ => Err(ConnectError::Closed),
        }
    }

    /// Sends a message and waits until the stage it asks for is reached. Waits for room first if the queue is full; those
    /// who wait are served in turn.
    ///
    /// Dropping the future ends the waiting, not the message: the peer may still execute it.
    ///
    /// # Errors
    /// How the message ended otherwise.
    pub async fn send(&self, request: impl Into<Request<'_>>) -> Result<Receipt, SendError> {
        let request = request.into();
        let wait = {
            let _turn = self.shared.turn.lock().await;
            loop {
                let room = self.shared.writable.notified();
                tokio::pin!(room);
                room.as_mut().enable();
                match self.start(request)? {
                    Some(wait) => break wait,
                    None => room.await,
                }
            }
        };
        let Ok((outcome, receipt)) = wait.await else {
            return Err(cync_core::SendError::NotConnected(self.state()).into());
        };
        match outcome {
            Outcome::Reached(_) => Ok(receipt),
            Outcome::Nacked(status) => Err(SendError::Nacked { status, receipt }),
            Outcome::NotSent(why) => Err(SendError::NotSent { why, receipt }),
            Outcome::Unknown(why) => Err(SendError::Unknown { why, receipt }),
        }
    }

    /// Gives a message to the session; `None` if there is no room for it.
    fn start(&self, request: Request<'_>) -> Result<Option<Done>, cync_core::SendError> {
        let mut inner = self.shared.lock();
        match inner.session.send(self.shared.now(), request) {
            Ok(id) => {
                inner.wake();
                Ok(Some(inner.wait_for(id)))
            }
            Err(cync_core::SendError::Full) => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    /// Sends a message without waiting for anything.
    ///
    /// # Errors
    /// If the session does not take it.
    pub fn post<'a>(&self, request: impl Into<Request<'a>>) -> Result<MessageId, SendError> {
        let request = request.into();
        let mut inner = self.shared.lock();
        let id = inner.session.send(self.shared.now(), request)?;
        inner.wake();
        Ok(id)
    }

    /// Sends a sign of life now. The peer's answer shows in [`Client::stats`] only.
    ///
    /// # Errors
    /// If the session is not ready.
    pub fn ping(&self) -> Result<(), SendError> {
        let mut inner = self.shared.lock();
        inner.session.ping(self.shared.now())?;
        inner.wake();
        Ok(())
    }

    /// The next message from the peer; `None` once the connection is gone, for good if the session is
    /// [kept connected](Client::keep_connected), and all have been taken.
    pub async fn recv(&self) -> Option<Message> {
        loop {
            let readable = self.shared.readable.notified();
            tokio::pin!(readable);
            readable.as_mut().enable();
            let goes_on = self.shared.status().borrow().goes_on();
            if let Some(message) = self.try_recv() {
                return Some(message);
            }
            if !goes_on {
                return None;
            }
            readable.await;
        }
    }

    fn try_recv(&self) -> Option<Message> {
        let mut inner = self.shared.lock();
        let message = inner.session.recv(self.shared.now()).map(Message::from);
        if inner.session.inbox_len() > 0 {
            self.shared.readable.notify_one();
        }
        if message.is_some() {
            inner.wake();
        }
        message
    }

    /// Acknowledges a request from the peer (status 0), or refuses it, if
    /// [`Config::acknowledge`](cync_core::Config) leaves that to the application.
    ///
    /// # Errors
    /// If it was answered already, or too many answers are owed to send this one now.
    pub fn respond(&self, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError> {
        let mut inner = self.shared.lock();
        let result = inner.session.respond(self.shared.now(), delivery, status);
        inner.wake();
        result
    }

    /// Reports a request from the peer as executed (status 0) or failed.
    ///
    /// # Errors
    /// If too many answers are owed to send this one now; a repetition of the request will be answered with it.
    pub fn report(&self, delivery: DeliveryId, status: StatusCode) -> Result<(), RespondError> {
        let mut inner = self.shared.lock();
        let result = inner.session.report(self.shared.now(), delivery, status);
        inner.wake();
        result
    }

    /// How far the session is.
    pub fn state(&self) -> State {
        self.shared.lock().session.state()
    }

    /// What the session counted.
    pub fn stats(&self) -> Stats {
        *self.shared.lock().session.stats()
    }

    /// Brings what is under way to its end, then closes the connection. It takes at most
    /// [`Config::drain_timeout`](cync_core::Config) and two seconds more.
    pub async fn close(&self) {
        {
            let mut inner = self.shared.lock();
            inner.session.close(self.shared.now());
            inner.wake();
        }
        let mut status = self.shared.status();
        let ended = status.wait_for(|status| !status.driven);
        let limit = self.shared.drain_timeout.saturating_add(END_TIMEOUT);
        if tokio::time::timeout(limit, ended).await.is_err() {
            self.shared.cut();
        }
    }
}
