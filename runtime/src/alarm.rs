//! Waiting until an instant: one that keeps moving, or one that ends something.

use crate::runtime::Timer;
use cync_core::Instant;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How much too early a sleep may end that is looked at still: the clocks of some systems tick 64 times a second.
const EARLY: Duration = Duration::from_millis(20);

/// Rings no later than asked. One that rings early does no harm to those who use it, so it is not set anew for a later instant:
/// deadlines move with every message, and the runtime's timers are touched a few times a second.
pub(crate) struct Alarm<T: Timer>(Option<Set<T>>);

struct Set<T: Timer> {
    at: Instant,
    sleep: T::Sleep,
    /// Whom it wakes.
    waker: Waker,
}

impl<T: Timer> Set<T> {
    /// The sleep cannot have ended.
    fn is_far(&self, now: Instant) -> bool {
        self.at.since(now) > EARLY
    }
}

impl<T: Timer> fmt::Debug for Alarm<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alarm").field(&self.0.as_ref().map(|set| set.at)).finish()
    }
}

impl<T: Timer> Alarm<T> {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Whether it rings; if not, this task is woken at `at` or before. `now` is a time that was read since the task was woken:
    /// a sleep ends at its instant or later, or a little earlier, so that there is no need to look at it long before.
    pub(crate) fn poll_ring(
        &mut self,
        timer: &T,
        now: Instant,
        at: Instant,
        context: &mut Context<'_>,
    ) -> bool {
        let stays = |set: &&mut Set<T>| set.at <= at;
        let rang = match self.0.as_mut().filter(stays) {
            Some(set) if set.at <= now => true,
            Some(set) if set.is_far(now) && set.waker.will_wake(context.waker()) => false,
            Some(set) => {
                set.waker.clone_from(context.waker());
                Pin::new(&mut set.sleep).poll(context).is_ready()
            }
            None => {
                let mut sleep = timer.sleep_until(at);
                let rang = Pin::new(&mut sleep).poll(context).is_ready();
                self.0 = Some(Set { at, sleep, waker: context.waker().clone() });
                rang
            }
        };
        if rang {
            self.0 = None;
        }
        rang
    }
}

/// What comes of some work, if it does until this instant.
pub(crate) async fn until<T: Timer, R>(
    timer: &T,
    at: Instant,
    work: impl Future<Output = R>,
) -> Option<R> {
    let mut sleep = timer.sleep_until(at);
    let mut work = pin!(work);
    poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        Pin::new(&mut sleep).poll(context).map(|()| None)
    })
    .await
}
