//! What happens in a session, for those who subscribe to it.

use crate::runtime::Timer;
use crate::shared::{Inner, Shared};
use crate::wakers::{Wakes, seat};
use crate::watchman::Watchman;
use cync_core::{Event, Outcome, Stage, State};
use futures_core::Stream;
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use thiserror::Error;

/// Events that wait for one subscriber, at most.
const MOST: usize = 256;

/// So many events were missed, because the subscriber did not take them in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{0} events were missed")]
pub struct Missed(pub u64);

/// An outcome as logs name it.
pub(crate) const fn label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Reached(Stage::Sent) => "sent",
        Outcome::Reached(Stage::Acked) => "acked",
        Outcome::Reached(Stage::Executed) => "executed",
        Outcome::Nacked(_) => "nack",
        Outcome::NotSent(_) => "not_sent",
        Outcome::Unknown(_) => "unknown",
    }
}

#[derive(Default, Debug)]
pub(crate) struct Subscribers {
    all: BTreeMap<u64, Subscriber>,
    next: u64,
}

#[derive(Default, Debug)]
struct Subscriber {
    waiting: VecDeque<Event>,
    missed: u64,
    waker: Option<Waker>,
}

impl Subscribers {
    fn subscribe(&mut self) -> u64 {
        self.next += 1;
        self.all.insert(self.next, Subscriber::default());
        self.next
    }

    pub(crate) fn tell(&mut self, event: &Event, wakes: &mut Wakes) {
        // These are between the session and its driver.
        if matches!(event, Event::Dial | Event::Readable | Event::Writable) {
            return;
        }
        for subscriber in self.all.values_mut() {
            if subscriber.waiting.len() >= MOST {
                subscriber.waiting.pop_front();
                subscriber.missed += 1;
            }
            subscriber.waiting.push_back(*event);
            subscriber.waker.take().into_iter().for_each(|waker| wakes.add(waker));
        }
    }

    pub(crate) fn wake(&mut self, wakes: &mut Wakes) {
        let wakers = self.all.values_mut().filter_map(|subscriber| subscriber.waker.take());
        wakers.for_each(|waker| wakes.add(waker));
    }
}

/// The events of a session from a point in time, in order, as a stream. It ends when the session has.
///
/// A subscriber that does not take them in time misses the oldest, and is told how many.
#[derive(Debug)]
pub struct Events<T: Timer> {
    shared: Arc<Shared<T>>,
    number: u64,
    watchman: Watchman<T>,
}

impl<T: Timer> Events<T> {
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        let number = shared.aside(|inner| inner.subscribers.subscribe());
        Self { shared, number, watchman: Watchman::new() }
    }

    /// The next event.
    ///
    /// # Errors
    /// How many events were missed before the next.
    pub async fn next(&mut self) -> Option<Result<Event, Missed>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Event, Missed>>> {
        let Self { shared, number, watchman } = self;
        let (polled, attended) =
            shared.aside(|inner| (poll(inner, *number, context), inner.is_attended()));
        if polled.is_pending() && !attended {
            watchman.watch(shared, context);
        }
        polled
    }
}

fn poll(
    inner: &mut Inner,
    number: u64,
    context: &Context<'_>,
) -> Poll<Option<Result<Event, Missed>>> {
    let over = inner.session.state() == State::Closed;
    let Some(subscriber) = inner.subscribers.all.get_mut(&number) else {
        return Poll::Ready(None);
    };
    match std::mem::take(&mut subscriber.missed) {
        0 => {}
        missed => return Poll::Ready(Some(Err(Missed(missed)))),
    }
    match subscriber.waiting.pop_front() {
        Some(event) => Poll::Ready(Some(Ok(event))),
        None if over => Poll::Ready(None),
        None => {
            let replaced = seat(&mut subscriber.waker, context);
            inner.discard(replaced);
            Poll::Pending
        }
    }
}

impl<T: Timer> Stream for Events<T> {
    type Item = Result<Event, Missed>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(context)
    }
}

impl<T: Timer> Drop for Events<T> {
    fn drop(&mut self) {
        // Dropped behind the lock.
        let gone = self.shared.aside(|inner| inner.subscribers.all.remove(&self.number));
        drop(gone);
    }
}
