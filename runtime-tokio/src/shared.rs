use cync_core::{
    Config, ConfigError, ConnectError, Disconnect, Event, HangupReason, Instant, MessageId,
    Outcome, Receipt, Session, State,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};

/// What a client and its driver share.
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    origin: tokio::time::Instant,
    pub(crate) drain_timeout: Duration,
    /// There may be a message, or none will come any more.
    pub(crate) readable: Notify,
    /// There may be room for a message, or there never will be.
    pub(crate) writable: Notify,
    /// Held by the sender whose turn it is to wait for room: first come, first served.
    pub(crate) turn: tokio::sync::Mutex<()>,
    status: watch::Sender<Status>,
}

/// The end of a message, when it comes.
pub(crate) type Done = oneshot::Receiver<(Outcome, Receipt)>;

/// How far the session is, for those who wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Status {
    pub(crate) state: State,
    /// Whether a driver has the session.
    pub(crate) driven: bool,
    pub(crate) hangup: Option<HangupReason>,
    /// Whether somebody dials when the session asks for it.
    pub(crate) dialled_for: bool,
    /// Why a first connection was given up.
    pub(crate) gave_up: Option<ConnectError>,
}

impl Status {
    /// Whether there is a connection, or may be another one.
    pub(crate) const fn goes_on(&self) -> bool {
        self.driven || self.dialled_for
    }
}

/// What a session without a connection wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// A connection.
    Dial,
    /// No more connections: the first one did not come about.
    GiveUp(ConnectError),
    /// Nothing more: it has ended.
    Nothing,
}

pub(crate) struct Inner {
    pub(crate) session: Box<Session>,
    waiting: BTreeMap<MessageId, oneshot::Sender<(Outcome, Receipt)>>,
    /// The driver that has the session, to be woken when it has something to do. Without one, whoever dials listens.
    driver: Seat,
    /// What the session asked whoever dials for.
    ask: Option<Ask>,
}

/// What tells drivers apart, and wakes one of them and no other.
pub(crate) type Seat = Arc<Notify>;

impl Shared {
    pub(crate) fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let drain_timeout = config.drain_timeout;
        let session = Box::new(Session::new(config, seed)?);
        let status = Status {
            state: session.state(),
            driven: false,
            hangup: None,
            dialled_for: false,
            gave_up: None,
        };
        Ok(Self {
            inner: Mutex::new(Inner {
                session,
                waiting: BTreeMap::new(),
                driver: Seat::default(),
                ask: None,
            }),
            origin: tokio::time::Instant::now(),
            drain_timeout,
            readable: Notify::new(),
            writable: Notify::new(),
            turn: tokio::sync::Mutex::new(()),
            status: watch::Sender::new(status),
        })
    }

    /// The time on the session's timeline.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_micros(u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// When an instant of the session's timeline comes.
    pub(crate) fn when(&self, at: Instant) -> Option<tokio::time::Instant> {
        self.origin.checked_add(at.since(Instant::ZERO))
    }

    /// The session is whole even if another thread panicked with it: it has no code that can be interrupted half-way.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Gives the session to a new driver; the one that had it ends.
    pub(crate) fn take_over(&self) -> Seat {
        let mut inner = self.lock();
        let driver = inner.reseat();
        let now = self.now();
        // A connection that was asked for replaces none.
        if !matches!(inner.session.state(), State::Disconnected | State::Connecting) {
            inner.session.handle_disconnected(now, Disconnect::Replaced);
        }
        inner.session.handle_connected(now);
        self.status.send_modify(|status| {
            let state = inner.session.state();
            *status = Status { state, driven: true, hangup: None, gave_up: None, ..*status };
        });
        self.tell(&mut inner);
        driver
    }

    /// The connection of this driver is gone.
    pub(crate) fn give_up(&self, driver: &Seat, why: Disconnect) {
        let mut inner = self.lock();
        if inner.is_driven_by(driver) {
            self.end(&mut inner, why);
        }
    }

    /// Takes the session from its driver, for good.
    pub(crate) fn cut(&self) {
        let mut inner = self.lock();
        inner.reseat();
        inner.session.handle_disconnected(self.now(), Disconnect::Hangup);
        inner.session.close(self.now());
        self.ended(&mut inner);
    }

    /// The session may ask for connections from now on; somebody listens.
    pub(crate) fn start_dialling(&self) {
        let mut inner = self.lock();
        inner.session.connect(self.now());
        self.status.send_modify(|status| (status.dialled_for, status.gave_up) = (true, None));
        self.tell(&mut inner);
    }

    /// Nobody listens any more when the session asks for connections.
    pub(crate) fn stop_dialling(&self) {
        self.status.send_modify(|status| status.dialled_for = false);
        self.readable.notify_waiters();
        self.writable.notify_waiters();
    }

    /// A connection could not be opened.
    pub(crate) fn unreachable(&self) {
        let mut inner = self.lock();
        if !self.status.borrow().driven {
            inner.session.handle_disconnected(self.now(), Disconnect::Error);
            self.tell(&mut inner);
        }
    }

    /// Waits until the session, while it has no connection, asks for something; until then keeps its time.
    pub(crate) async fn asked(&self) -> Ask {
        loop {
            let mut status = self.status.subscribe();
            // The sender is here: it does not go.
            let _ = status.wait_for(|status| !status.driven).await;
            let (deadline, seat) = {
                let mut inner = self.lock();
                if self.status.borrow().driven {
                    continue;
                }
                let now = self.now();
                if inner.session.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                    inner.session.handle_timeout(now);
                }
                self.tell(&mut inner);
                if inner.session.state() == State::Closed {
                    return Ask::Nothing;
                }
                if let Some(ask) = inner.ask.take() {
                    return ask;
                }
                (inner.session.poll_timeout(), Arc::clone(&inner.driver))
            };
            let sleep = async {
                match deadline.and_then(|deadline| self.when(deadline.at)) {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = seat.notified() => {}
            }
        }
    }

    fn end(&self, inner: &mut Inner, why: Disconnect) {
        inner.session.handle_disconnected(self.now(), why);
        self.ended(inner);
    }

    /// The connection has ended, as the session knows.
    fn ended(&self, inner: &mut Inner) {
        self.tell(inner);
        self.status.send_modify(|status| status.driven = false);
        self.readable.notify_waiters();
        self.writable.notify_waiters();
    }

    /// Passes the session's events on.
    pub(crate) fn tell(&self, inner: &mut Inner) {
        while let Some(event) = inner.session.poll_event() {
            match event {
                Event::Done { id, outcome, receipt } => {
                    tracing::debug!(event = "done", msg_id = %id, ?outcome, attempts = receipt.attempts);
                    if let Some(waiter) = inner.waiting.remove(&id) {
                        // A sender that no longer waits has cancelled.
                        let _ = waiter.send((outcome, receipt));
                    }
                }
                Event::StateChanged(state) => {
                    tracing::debug!(event = "state", %state);
                    self.status.send_modify(|status| status.state = state);
                }
                Event::Hangup(why) => {
                    tracing::debug!(event = "hangup", %why);
                    self.status.send_modify(|status| status.hangup = Some(why));
                }
                Event::Dial => inner.ask = Some(Ask::Dial),
                Event::ConnectFailed(why) => {
                    tracing::debug!(event = "gave_up", %why);
                    inner.ask = Some(Ask::GiveUp(why));
                    self.status.send_modify(|status| status.gave_up = Some(why));
                }
                Event::Readable => self.readable.notify_one(),
                Event::Writable => self.writable.notify_one(),
                _ => {}
            }
        }
    }

    /// Why the session hung up on its present connection, if it did.
    pub(crate) fn hangup(&self) -> Option<HangupReason> {
        self.status.borrow().hangup
    }
}

impl Inner {
    pub(crate) fn is_driven_by(&self, driver: &Seat) -> bool {
        Arc::ptr_eq(&self.driver, driver)
    }

    /// The driver has something to do.
    pub(crate) fn wake(&self) {
        self.driver.notify_one();
    }

    /// Takes the session from the driver that has it, and tells that one.
    fn reseat(&mut self) -> Seat {
        let driver = Seat::default();
        std::mem::replace(&mut self.driver, Arc::clone(&driver)).notify_one();
        driver
    }

    /// Waits for the end of a message.
    pub(crate) fn wait_for(&mut self, id: MessageId) -> Done {
        let (done, wait) = oneshot::channel();
        self.waiting.insert(id, done);
        wait
    }
}
