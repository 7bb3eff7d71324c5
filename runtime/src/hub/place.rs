use super::sessions::{Joined, Sessions};
use super::{HubShared, Limits};
use crate::address::network;
use crate::alarm::Alarm;
use crate::error::AdmitError;
use crate::runtime::Timer;
use crate::shared::Shared;
use crate::wakers::seat;
use cync_core::wire::Endpoint;
use cync_core::{GreetError, Instant};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A connection that has not greeted; a later one has a greater number.
type Ticket = u64;

/// Who is connected.
#[derive(Default, Debug)]
pub(super) struct Places {
    connections: usize,
    by_network: BTreeMap<IpAddr, usize>,
    greeting: BTreeMap<Ticket, Greeting>,
    next: Ticket,
    /// Connections that made room, and are there still.
    going: usize,
}

/// A connection that has not greeted.
#[derive(Debug)]
struct Greeting {
    network: Option<IpAddr>,
    /// The task that waits for its greeting.
    task: Option<Waker>,
}

impl Places {
    pub(super) const fn connections(&self) -> usize {
        self.connections
    }

    pub(super) fn greeting(&self) -> usize {
        self.greeting.len()
    }

    /// Takes one more connection. The task of the one that has to make room is to be woken.
    fn enter(
        &mut self,
        from: Option<IpAddr>,
        limits: &Limits,
    ) -> Result<(Ticket, Option<Waker>), AdmitError> {
        let network = from.map(network);
        let too_many = AdmitError::TooManyConnections { most: limits.connections };
        // Those that made room are there still, and no more of them than may be.
        if self.going >= limits.connections {
            return Err(too_many);
        }
        let most = limits.per_address;
        if let (Some(from), Some(network)) = (from, network)
            && self.by_network.get(&network).is_some_and(|count| *count >= most)
        {
            return Err(AdmitError::TooManyFromAddress { from, most });
        }
        let is_full = self.connections - self.going >= limits.connections;
        let mut oldest = None;
        if is_full || self.greeting.len() >= limits.greeting {
            match self.expel(network) {
                Some(task) => oldest = task,
                None if is_full => return Err(too_many),
                None => {}
            }
        }
        self.connections += 1;
        if let Some(network) = network {
            *self.by_network.entry(network).or_default() += 1;
        }
        self.next += 1;
        self.greeting.insert(self.next, Greeting { network, task: None });
        Ok((self.next, oldest))
    }

    /// The oldest that has not greeted has to go: of those of this network, so that a flood from one pushes itself out, and if it
    /// has none of all.
    fn expel(&mut self, network: Option<IpAddr>) -> Option<Option<Waker>> {
        let kin = self.greeting.iter().find(|(_, it)| it.network == network);
        let ticket = *kin.or_else(|| self.greeting.first_key_value())?.0;
        self.going += 1;
        self.greeting.remove(&ticket).map(|it| it.task)
    }

    /// Whether this connection has its place still; if so, this task is woken when it may have lost it, and the waker that this one
    /// replaces is returned.
    fn wait(&mut self, ticket: Ticket, context: &Context<'_>) -> Option<Option<Waker>> {
        self.greeting.get_mut(&ticket).map(|it| seat(&mut it.task, context))
    }

    /// A connection is gone. Returns the waker that is not needed any more.
    fn leave(&mut self, from: Option<IpAddr>, greeting: Option<Ticket>) -> Option<Waker> {
        self.connections -= 1;
        if let Some(network) = from.map(network)
            && let Some(count) = self.by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&network);
            }
        }
        let left = self.greeting.remove(&greeting?);
        if left.is_none() {
            self.going -= 1;
        }
        left?.task
    }
}

/// What a connection takes up of a hub, given up on drop.
pub(crate) struct Place<T: Timer> {
    hub: Arc<HubShared<T>>,
    from: Option<IpAddr>,
    /// Until it has greeted.
    greeting: Option<Ticket>,
    deadline: Instant,
    /// Which session it is for, and whose, once it has greeted.
    session: Option<(Endpoint, Arc<Shared<T>>)>,
}

impl<T: Timer> fmt::Debug for Place<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, session, .. } = self;
        f.debug_struct("Place")
            .field("from", from)
            .field("endpoint", &session.as_ref().map(|(endpoint, _)| endpoint))
            .finish_non_exhaustive()
    }
}

impl<T: Timer> Place<T> {
    /// # Errors
    /// If there is none.
    pub(super) fn new(hub: &Arc<HubShared<T>>, from: Option<IpAddr>) -> Result<Self, AdmitError> {
        let (ticket, oldest) = hub.lock().places.enter(from, &hub.limits)?;
        if let Some(oldest) = oldest {
            oldest.wake();
        }
        let deadline = hub.timer.now() + hub.limits.greeting_timeout;
        let hub = Arc::clone(hub);
        Ok(Self { hub, from, greeting: Some(ticket), deadline, session: None })
    }

    /// When it has to have greeted.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Does something that has to be done before the greeting is whole.
    ///
    /// # Errors
    /// If it takes too long, or a newer connection needs the place.
    pub(super) async fn meanwhile<R>(
        &self,
        work: impl Future<Output = R>,
    ) -> Result<R, AdmitError> {
        let mut work = pin!(work);
        let mut alarm = Alarm::new();
        poll_fn(|context| {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(result));
            }
            let waits =
                self.greeting.and_then(|ticket| self.hub.lock().places.wait(ticket, context));
            if waits.is_none() {
                return Poll::Ready(Err(AdmitError::MadeRoom));
            }
            if alarm.poll_ring(&self.hub.timer, self.hub.timer.now(), self.deadline, context) {
                return Poll::Ready(Err(GreetError::Timeout.into()));
            }
            Poll::Pending
        })
        .await
    }

    /// It has greeted, and has the session that is found.
    ///
    /// # Errors
    /// Those of finding it, and if a newer connection needed the place.
    pub(super) fn join<E: From<AdmitError>>(
        &mut self,
        endpoint: Endpoint,
        find: impl FnOnce(&mut Sessions<T>) -> Result<Joined<T>, E>,
    ) -> Result<Joined<T>, E> {
        let Self { hub, greeting, session, .. } = self;
        let mut state = hub.lock();
        let is_there = |ticket: &Ticket| state.places.greeting.contains_key(ticket);
        let ticket = greeting.filter(is_there).ok_or(AdmitError::MadeRoom)?;
        let joined = find(&mut state.sessions)?;
        let spent = state.places.greeting.remove(&ticket);
        drop(state);
        drop(spent);
        (*greeting, *session) = (None, Some((endpoint, Arc::clone(&joined.client.shared))));
        Ok(joined)
    }
}

impl<T: Timer> Drop for Place<T> {
    fn drop(&mut self) {
        let Self { hub, from, greeting, session, .. } = self;
        let now = hub.timer.now();
        let mut state = hub.lock();
        let spent = state.places.leave(*from, greeting.take());
        if let Some((endpoint, session)) = session {
            state.sessions.left(*endpoint, session, now);
        }
        drop(state);
        drop(spent);
    }
}
