//! Those who wait for something, and are woken when it may have come.

use std::collections::BTreeMap;
use std::task::{Context, Waker};

/// A place in a [`Line`]; a later one has a greater number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

/// A line of tasks, in the order in which they came.
#[derive(Default, Debug)]
pub(crate) struct Line {
    waiting: BTreeMap<Ticket, Option<Waker>>,
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

    /// Waits, at the end of the line or where the ticket is. Returns the waker that this one replaces.
    pub(crate) fn wait(
        &mut self,
        ticket: &mut Option<Ticket>,
        context: &Context<'_>,
    ) -> Option<Waker> {
        let ticket = *ticket.get_or_insert_with(|| {
            self.next += 1;
            Ticket(self.next)
        });
        seat(self.waiting.entry(ticket).or_default(), context)
    }

    /// Leaves the line, served or not. Returns the waker that is not needed any more.
    #[must_use = "it is not to be dropped under a lock"]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        self.waiting.remove(&ticket).flatten()
    }

    /// The first, who keeps the place until leaving.
    pub(crate) fn first(&self) -> Option<&Waker> {
        self.waiting.values().next()?.as_ref()
    }

    /// Everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Waker> {
        self.waiting.values().flatten()
    }
}

/// Tasks to wake once the lock is released, and wakers that have to be dropped then: the last waker of a task may be all that
/// keeps it, and what goes with it may want the lock.
#[derive(Default, Debug)]
pub(crate) struct Wakes {
    /// One is what most packets cause.
    first: Option<Waker>,
    more: Vec<Waker>,
    spent: Vec<Waker>,
}

impl Wakes {
    pub(crate) fn add(&mut self, waker: Waker) {
        if self.first.is_none() {
            self.first = Some(waker);
        } else {
            self.more.push(waker);
        }
    }

    /// Drops a waker, later.
    pub(crate) fn discard(&mut self, waker: Option<Waker>) {
        self.spent.extend(waker);
    }

    /// All of them, if there are any.
    pub(crate) fn take(&mut self) -> Option<Self> {
        let is_empty = self.first.is_none() && self.spent.is_empty();
        (!is_empty).then(|| std::mem::take(self))
    }

    pub(crate) fn wake(self) {
        let Self { first, more, spent } = self;
        first.into_iter().chain(more).for_each(Waker::wake);
        drop(spent);
    }
}

/// Puts the waker of this task into a place; returns the one that it replaces.
pub(crate) fn seat(place: &mut Option<Waker>, context: &Context<'_>) -> Option<Waker> {
    match place {
        Some(waker) if waker.will_wake(context.waker()) => None,
        _ => place.replace(context.waker().clone()),
    }
}
