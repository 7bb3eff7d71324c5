//! A task of which the clock knows whether it can run.

use super::clock::{Clock, TaskId};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A future with a waker of its own, so that the clock sees it woken.
pub(super) struct Tracked<F> {
    clock: Arc<Clock>,
    id: TaskId,
    waker: Waker,
    /// Until it is done.
    future: Option<Pin<Box<F>>>,
}

impl<F: Future> Tracked<F> {
    /// A task that was spawned, or the root, which panics if there is trouble.
    pub(super) fn new(clock: &Arc<Clock>, future: F, root: bool) -> Self {
        let id = clock.enter(root);
        let waker = Waker::from(Arc::new(Bell { clock: Arc::clone(clock), id }));
        Self { clock: Arc::clone(clock), id, waker, future: Some(Box::pin(future)) }
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { clock, id, waker, future } = self.get_mut();
        let Some(polled) = future else { return Poll::Pending };
        if let Some(trouble) = clock.trouble(*id) {
            panic!("{trouble}");
        }
        clock.begin(*id, context);
        let done = polled.as_mut().poll(&mut Context::from_waker(waker));
        if done.is_pending() {
            clock.end(*id);
        } else {
            // Whom it wakes by going can run before the clock looks.
            *future = None;
            clock.leave(*id, false);
        }
        done
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            let panicked = self.clock.hold(self.id);
            drop(future);
            self.clock.leave(self.id, panicked);
        }
    }
}

struct Bell {
    clock: Arc<Clock>,
    id: TaskId,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.clock.wake(self.id);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.clock.wake(self.id);
    }
}
