//! What a client, its drivers and those who wait share: one session behind one lock.

mod inner;

use crate::error::LastFailure;
use crate::runtime::Timer;
use crate::session::AnySession;
use crate::wakers::Wakes;
use cync_core::{CivilTime, Disconnect, Instant, State};
pub(crate) use inner::{Ask, End, Inner, Seat, Shift};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells the local time of a site.
pub(crate) type LocalTime = Arc<dyn Fn() -> CivilTime + Send + Sync>;

/// What does not change while there are clients.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) drain_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) most_waiting: usize,
    pub(crate) local_time: Option<LocalTime>,
}

pub(crate) struct Shared<T> {
    inner: Mutex<Inner>,
    pub(crate) timer: T,
    pub(crate) settings: Settings,
}

/// Leaves the session out.
impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.look(|inner| inner.session.state())).finish()
    }
}

impl<T: Timer> Shared<T> {
    pub(crate) fn new(session: Box<dyn AnySession>, timer: T, settings: Settings) -> Self {
        Self { inner: Mutex::new(Inner::new(session)), timer, settings }
    }

    pub(crate) fn now(&self) -> Instant {
        self.timer.now()
    }

    /// Does something beside the session: without its time, and without anything coming of it.
    pub(crate) fn aside<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.lock();
        let result = act(&mut inner);
        Self::release(inner);
        result
    }

    /// Does something with the session, and passes on what comes of it.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Inner, Instant) -> R) -> R {
        self.with_events(|inner, now| {
            let result = act(inner, now);
            inner.settle();
            result
        })
    }

    /// Ends what is over, if nobody keeps the session's time.
    pub(crate) fn catch_up(&self) {
        self.with(|inner, now| {
            if !inner.is_attended() {
                inner.tick(now);
            }
        });
    }

    /// Looks at what has become of messages.
    pub(crate) fn count<R>(&self, look: impl FnOnce(&Inner) -> R) -> R {
        self.catch_up();
        self.look(look)
    }

    /// Does something with the session that also passes on what comes of it.
    pub(crate) fn with_events<R>(&self, act: impl FnOnce(&mut Inner, Instant) -> R) -> R {
        let mut inner = self.lock();
        let now = self.now();
        let result = act(&mut inner, now);
        // Asked once, of whoever comes first: what the application does meanwhile comes here, too.
        let local_time = self.settings.local_time.as_ref();
        let asked = local_time.filter(|_| std::mem::take(&mut inner.clock_asked));
        Self::release(inner);
        if let Some(local_time) = asked {
            self.tell(local_time);
        }
        result
    }

    /// Answers the peer's question. The application is not called with the lock held: it may use the client.
    fn tell(&self, local_time: &LocalTime) {
        let civil = local_time();
        self.with_driver(|inner, now| inner.session.set_wall_clock(now, civil));
    }

    /// Unlocks; whoever is woken then finds the lock free.
    fn release(mut inner: MutexGuard<'_, Inner>) {
        let wakes = inner.wakes.take();
        drop(inner);
        wakes.into_iter().for_each(Wakes::wake);
    }

    /// The same, of something that may give the driver something to do.
    pub(crate) fn with_driver<R>(&self, act: impl FnOnce(&mut Inner, Instant) -> R) -> R {
        self.with(|inner, now| {
            let result = act(inner, now);
            inner.wake_driver();
            result
        })
    }

    /// Gives the session to a new driver, which begins with this; the one that had it ends.
    pub(crate) fn take_over(&self, begin: impl FnOnce(&mut Inner, Instant)) -> Seat {
        self.with(|inner, now| {
            inner.wake_driver();
            // One that had not greeted, or was only asked for, did not fail: the first connection is not given up for it.
            if matches!(inner.session.state(), State::Ready | State::Draining) {
                inner.session.handle_disconnected(now, Disconnect::Replaced);
            }
            inner.session.handle_connected(now);
            let seat = inner.new_driver();
            begin(inner, now);
            seat
        })
    }

    /// The connection of this driver is gone.
    pub(crate) fn give_up(&self, seat: Seat, why: Disconnect, failure: Option<LastFailure>) {
        self.with(|inner, now| {
            if inner.is_driven_by(seat) {
                inner.session.handle_disconnected(now, why);
                inner.last_failure = failure;
                inner.settle();
                inner.undriven();
            }
        });
    }

    /// Takes the session from its driver, for good.
    pub(crate) fn cut(&self) {
        self.with(|inner, now| {
            inner.session.handle_disconnected(now, Disconnect::Hangup);
            inner.session.close(now);
            inner.settle();
            inner.wake_driver();
            inner.undriven();
        });
    }
}

impl<T> Shared<T> {
    /// Looks at something.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Inner) -> R) -> R {
        look(&self.lock())
    }

    /// The session is whole even if another thread panicked with it: it has no code that can be interrupted half-way.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
