use cync_core::{
    Config, ConfigError, Disconnect, Event, HangupReason, Instant, MessageId, Outcome, Receipt,
    Session, State,
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
}

pub(crate) struct Inner {
    pub(crate) session: Box<Session>,
    waiting: BTreeMap<MessageId, oneshot::Sender<(Outcome, Receipt)>>,
    /// The driver that has the session, to be woken when it has something to do.
    driver: Seat,
}

/// What tells drivers apart, and wakes one of them and no other.
pub(crate) type Seat = Arc<Notify>;

impl Shared {
    pub(crate) fn new(config: Config, seed: u64) -> Result<Self, ConfigError> {
        let drain_timeout = config.drain_timeout;
        let session = Box::new(Session::new(config, seed)?);
        let status = Status { state: session.state(), driven: false, hangup: None };
        Ok(Self {
            inner: Mutex::new(Inner { session, waiting: BTreeMap::new(), driver: Seat::default() }),
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
        if inner.session.state() != State::Disconnected {
            inner.session.handle_disconnected(now, Disconnect::Replaced);
        }
        inner.session.handle_connected(now);
        self.status.send_modify(|status| {
            *status = Status { state: inner.session.state(), driven: true, hangup: None };
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

    /// Takes the session from its driver.
    pub(crate) fn cut(&self) {
        let mut inner = self.lock();
        inner.reseat();
        self.end(&mut inner, Disconnect::Hangup);
    }

    fn end(&self, inner: &mut Inner, why: Disconnect) {
        inner.session.handle_disconnected(self.now(), why);
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
