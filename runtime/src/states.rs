//! How far a session is, for those who watch it.

use crate::runtime::Timer;
use crate::shared::{Inner, Shared};
use crate::wakers::Ticket;
use cync_core::State;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Waits until something that is asked about a session is answered.
#[derive(Debug)]
pub(crate) struct Watch<T: Timer, F> {
    shared: Arc<Shared<T>>,
    ticket: Option<Ticket>,
    /// The answer, if there is one yet.
    ask: F,
}

impl<T: Timer, F> Watch<T, F> {
    pub(crate) const fn new(shared: Arc<Shared<T>>, ask: F) -> Self {
        Self { shared, ticket: None, ask }
    }
}

impl<T: Timer, F: FnMut(&mut Inner) -> Option<R> + Unpin, R> Watch<T, F> {
    fn poll_answer(&mut self, context: &Context<'_>) -> Poll<R> {
        let Self { shared, ticket, ask } = self;
        shared.aside(|inner| match ask(inner) {
            Some(answer) => Poll::Ready(answer),
            None => {
                inner.wait(|inner| &mut inner.watchers, ticket, context);
                Poll::Pending
            }
        })
    }
}

impl<T: Timer, F: FnMut(&mut Inner) -> Option<R> + Unpin, R> Future for Watch<T, F> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        self.get_mut().poll_answer(context)
    }
}

impl<T: Timer, F> Drop for Watch<T, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.aside(|inner| inner.leave(|inner| &mut inner.watchers, ticket));
        }
    }
}

/// The states of a session, the present one first, as a stream. One that it was in for a moment only may be left out. It ends
/// behind [`State::Closed`].
#[derive(Debug)]
pub struct States<T: Timer> {
    shared: Arc<Shared<T>>,
    ticket: Option<Ticket>,
    told: Option<State>,
}

impl<T: Timer> States<T> {
    pub(crate) const fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, ticket: None, told: None }
    }

    /// The present state, once it is another than the one that was told last.
    pub async fn next(&mut self) -> Option<State> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &Context<'_>) -> Poll<Option<State>> {
        if self.told == Some(State::Closed) {
            return Poll::Ready(None);
        }
        let Self { shared, ticket, told } = self;
        shared.aside(|inner| {
            let state = inner.session.state();
            if told.replace(state) != Some(state) {
                return Poll::Ready(Some(state));
            }
            inner.wait(|inner| &mut inner.watchers, ticket, context);
            Poll::Pending
        })
    }
}

impl<T: Timer> Stream for States<T> {
    type Item = State;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<State>> {
        self.get_mut().poll(context)
    }
}

impl<T: Timer> Drop for States<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.aside(|inner| inner.leave(|inner| &mut inner.watchers, ticket));
        }
    }
}
