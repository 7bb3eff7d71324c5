//! Time that stands still while anything can run.

use cync_core::Instant;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a test takes at most, unless it says otherwise.
const LIMIT: Duration = Duration::from_secs(100 * 24 * 3600);
/// Polls at one instant after which something is taken to spin.
const MOST_POLLS: u64 = 4_000_000;

/// The time, those who wait for it, and the tasks for which it waits.
pub(super) struct Clock(Mutex<Inner>);

/// Which task.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TaskId(u64);

/// A task that has not ended. It can run, and holds the time, if it was woken or runs.
struct Task {
    woken: bool,
    running: bool,
    /// Has the executor poll it.
    waker: Option<Waker>,
}

struct Inner {
    now: Instant,
    limit: Instant,
    /// Tasks that can run, and those who are about to wake some.
    busy: usize,
    tasks: BTreeMap<TaskId, Task>,
    /// The task that is told of trouble. Time passes for it alone.
    root: Option<TaskId>,
    trouble: Option<String>,
    /// Those who sleep, by instant and then in the order in which they began to.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    polls: u64,
    polls_before: u64,
    ids: u64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl Clock {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner {
            now: Instant::ZERO,
            limit: Instant::ZERO + LIMIT,
            busy: 0,
            tasks: BTreeMap::new(),
            root: None,
            trouble: None,
            sleepers: BTreeMap::new(),
            polls: 0,
            polls_before: 0,
            ids: 0,
        }))
    }

    /// Wakers must not be dropped while it is locked: tasks may go with them.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Instant {
        self.lock().now
    }

    pub(super) fn limit(&self, limit: Instant) {
        self.lock().limit = limit;
    }

    pub(super) fn polls(&self) -> u64 {
        self.lock().polls
    }

    /// Tasks alive, without the root.
    pub(super) fn tasks(&self) -> usize {
        let inner = self.lock();
        inner.tasks.len() - usize::from(inner.root.is_some())
    }

    /// A new task, which can run.
    pub(super) fn enter(&self, root: bool) -> TaskId {
        let mut inner = self.lock();
        let id = TaskId(inner.next_id());
        if root {
            if inner.root.is_some() {
                drop(inner);
                panic!("one future is run already");
            }
            (inner.root, inner.trouble) = (Some(id), None);
        }
        inner.tasks.insert(id, Task { woken: true, running: false, waker: None });
        inner.busy += 1;
        id
    }

    /// What the root has to be told.
    pub(super) fn trouble(&self, id: TaskId) -> Option<String> {
        let mut inner = self.lock();
        if inner.root == Some(id) { inner.trouble.take() } else { None }
    }

    /// A task is being polled.
    pub(super) fn begin(&self, id: TaskId, context: &Context<'_>) {
        let mut inner = self.lock();
        let held = inner.hold(id);
        let replaced = inner.tasks.get_mut(&id).and_then(|task| {
            (task.woken, task.running) = (false, true);
            task.waker.replace(context.waker().clone())
        });
        inner.polls += 1;
        let spins = inner.polls - inner.polls_before > MOST_POLLS;
        let root = if spins { inner.fail("something is polled for ever") } else { None };
        drop(inner);
        drop((held, replaced));
        root.into_iter().for_each(Waker::wake);
    }

    /// A task was polled, and is not done.
    pub(super) fn end(&self, id: TaskId) {
        let mut inner = self.lock();
        if let Some(task) = inner.tasks.get_mut(&id) {
            task.running = false;
            if !task.woken {
                inner.busy -= 1;
            }
        }
        drop(inner);
        self.pass();
    }

    /// A task can run again.
    pub(super) fn wake(&self, id: TaskId) {
        let waker = self.lock().hold(id);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Keeps the time while a task is dropped. Returns whether it was being polled: it panicked.
    pub(super) fn hold(&self, id: TaskId) -> bool {
        let mut inner = self.lock();
        let waker = inner.hold(id);
        let running = inner.tasks.get(&id).is_some_and(|task| task.running);
        drop(inner);
        drop(waker);
        running
    }

    /// A task has ended.
    pub(super) fn leave(&self, id: TaskId, panicked: bool) {
        let mut inner = self.lock();
        let task = inner.tasks.remove(&id);
        if task.as_ref().is_some_and(|task| task.woken || task.running) {
            inner.busy -= 1;
        }
        let root = if inner.root == Some(id) {
            inner.root = None;
            None
        } else if panicked {
            inner.fail("a task panicked")
        } else {
            None
        };
        drop(inner);
        drop(task);
        root.into_iter().for_each(Waker::wake);
        self.pass();
    }

    /// Lets time pass as long as nothing can run.
    fn pass(&self) {
        loop {
            let Some(woken) = self.lock().pass() else { return };
            woken.into_iter().for_each(Waker::wake);
            self.lock().busy -= 1;
        }
    }
}

impl Inner {
    const fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// The task can run. Returns what makes the executor poll it, unless it will.
    fn hold(&mut self, id: TaskId) -> Option<Waker> {
        let task = self.tasks.get_mut(&id)?;
        if std::mem::replace(&mut task.woken, true) {
            return None;
        }
        if !task.running {
            self.busy += 1;
        }
        task.waker.clone()
    }

    /// The root has to be told, which this waker does.
    fn fail(&mut self, what: &str) -> Option<Waker> {
        let root = self.root?;
        let (at, tasks) = (self.now.since(Instant::ZERO), self.tasks.len() - 1);
        self.trouble.get_or_insert_with(|| format!("{what} (after {at:?}, with {tasks} tasks)"));
        self.hold(root)
    }

    /// If nothing can run, the next instant that is waited for is now. Returns whom to wake; meanwhile they count as one that can
    /// run.
    fn pass(&mut self) -> Option<Vec<Waker>> {
        if self.busy > 0 || self.root.is_none() {
            return None;
        }
        self.busy += 1;
        let Some((&(at, _), _)) = self.sleepers.first_key_value() else {
            let root = self.fail("everything waits for something that never comes");
            return Some(root.into_iter().collect());
        };
        if at > self.limit {
            let root = self.fail("the limit of virtual time is reached");
            return Some(root.into_iter().collect());
        }
        (self.now, self.polls_before) = (at, self.polls);
        let later = self.sleepers.split_off(&(at, u64::MAX));
        Some(std::mem::replace(&mut self.sleepers, later).into_values().collect())
    }
}

/// Ends at an instant of virtual time. Only what is [run](super::Virtual::run) or spawned can wait for it.
#[must_use = "it does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Sleep {
    clock: Arc<Clock>,
    at: Instant,
    place: Option<u64>,
}

impl Sleep {
    pub(super) const fn new(clock: Arc<Clock>, at: Instant) -> Self {
        Self { clock, at, place: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { clock, at, place } = self.get_mut();
        let mut inner = clock.lock();
        if inner.now >= *at {
            return Poll::Ready(());
        }
        if *at != Instant::MAX {
            let place = *place.get_or_insert_with(|| inner.next_id());
            let replaced = inner.sleepers.insert((*at, place), context.waker().clone());
            drop(inner);
            drop(replaced);
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let waker = self.clock.lock().sleepers.remove(&(self.at, place));
            drop(waker);
        }
    }
}
