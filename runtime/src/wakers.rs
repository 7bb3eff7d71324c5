//! Those who wait for something, and are woken when it may have come.

use std::collections::BTreeMap;
use std::task::{Context, Waker};

/// A place in a [`Line`]; a later one has a greater number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

/// A line of tasks, in the order in which they came.
#[derive(Default, Debug)]
pub(crate) struct Line {
    waiting: BTreeMap<Ticket, Waker>,
    next: u64,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether whoever has this ticket, or has none yet, is the first.
    pub(crate) fn is_turn(&self, ticket: Option<Ticket>) -> bool {
        self.waiting.keys().next().is_none_or(|first| ticket == Some(*first))
    }

    /// Waits, at the end of the line or where the ticket is.
    pub(crate) fn wait(&mut self, ticket: Option<Ticket>, context: &Context<'_>) -> Ticket {
        let ticket = ticket.unwrap_or_else(|| {
            self.next += 1;
            Ticket(self.next)
        });
        self.waiting
            .entry(ticket)
            .and_modify(|waker| waker.clone_from(context.waker()))
            .or_insert_with(|| context.waker().clone());
        ticket
    }

    /// A place at the end of the line, before there is a task to be woken.
    pub(crate) fn enter(&mut self) -> Ticket {
        self.wait(None, &Context::from_waker(Waker::noop()))
    }

    /// Whether this ticket has a place still; if so, this task is woken when it may have lost it.
    pub(crate) fn wait_on(&mut self, ticket: Ticket, context: &Context<'_>) -> bool {
        let place = self.waiting.get_mut(&ticket);
        place.map(|waker| waker.clone_from(context.waker())).is_some()
    }

    /// The first, who has lost the place.
    pub(crate) fn take_first(&mut self) -> Option<Waker> {
        self.waiting.pop_first().map(|(_, waker)| waker)
    }

    /// Leaves the line, served or not.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// The first, who keeps the place until leaving.
    pub(crate) fn first(&self) -> Option<&Waker> {
        self.waiting.values().next()
    }

    /// Everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Waker> {
        self.waiting.values()
    }
}

/// Tasks to wake once the lock is released.
#[derive(Default, Debug)]
pub(crate) struct Wakes {
    few: [Option<Waker>; Wakes::FEW],
    len: usize,
}

impl Wakes {
    /// Enough for all that one packet causes. More are woken at once, with the lock held, which does no harm.
    const FEW: usize = 16;

    pub(crate) fn add(&mut self, waker: Waker) {
        match self.few.get_mut(self.len) {
            Some(place) => {
                *place = Some(waker);
                self.len += 1;
            }
            None => waker.wake(),
        }
    }

    /// All of them, if there are any.
    pub(crate) fn take(&mut self) -> Option<Self> {
        (self.len > 0).then(|| std::mem::take(self))
    }

    pub(crate) fn wake(self) {
        self.few.into_iter().take(self.len).flatten().for_each(Waker::wake);
    }
}
