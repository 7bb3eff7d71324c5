use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// The waker that a connection is given: it tells the connection's wakes from the session's, so that a message that is sent costs
/// no look at a connection on which nothing came. On some runtimes that is a system call.
pub(super) struct Bell {
    shared: Arc<Shared>,
    /// Rings it.
    waker: Waker,
    /// The task that it wakes, as it is known to.
    task: Waker,
}

struct Shared {
    rang: AtomicBool,
    task: Mutex<Waker>,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

impl Bell {
    /// One that rings at first: the connection has to be looked at.
    pub(super) fn new() -> Self {
        let task = Waker::noop().clone();
        let (rang, shared_task) = (AtomicBool::new(true), Mutex::new(task.clone()));
        let shared = Arc::new(Shared { rang, task: shared_task });
        Self { waker: Waker::from(Arc::clone(&shared)), shared, task }
    }

    /// Whether it rang since the last time; it wakes this task from now on.
    pub(super) fn answer(&mut self, context: &Context<'_>) -> bool {
        if !self.task.will_wake(context.waker()) {
            self.task.clone_from(context.waker());
            let mut task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner);
            task.clone_from(&self.task);
        }
        self.shared.rang.swap(false, Ordering::AcqRel)
    }

    /// What the connection is polled with.
    pub(super) const fn waker(&self) -> &Waker {
        &self.waker
    }
}
