use super::{HubShared, Limits};
use crate::alarm::Alarm;
use crate::error::AdmitError;
use crate::runtime::Timer;
use crate::shared::Shared;
use crate::wakers::{Line, Ticket};
use cync_core::wire::Endpoint;
use cync_core::{GreetError, Instant};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Who is connected.
#[derive(Default, Debug)]
pub(super) struct Places {
    connections: usize,
    by_address: BTreeMap<IpAddr, usize>,
    greeting: Line,
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
        if self.connections >= limits.connections {
            return Err(AdmitError::TooManyConnections { most: limits.connections });
        }
        if let Some(from) = from {
            let most = limits.per_address;
            let count = self.by_address.entry(from).or_default();
            if *count >= most {
                return Err(AdmitError::TooManyFromAddress { from, most });
            }
            *count += 1;
        }
        self.connections += 1;
        let has_to_go = self.greeting.len() >= limits.greeting;
        let oldest = if has_to_go { self.greeting.take_first() } else { None };
        Ok((self.greeting.enter(), oldest))
    }

    /// Returns the waker that is not needed any more.
    fn leave(&mut self, from: Option<IpAddr>, greeting: Option<Ticket>) -> Option<Waker> {
        self.connections = self.connections.saturating_sub(1);
        if let Some(from) = from
            && let Some(count) = self.by_address.get_mut(&from)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&from);
            }
        }
        greeting.and_then(|ticket| self.greeting.leave(ticket))
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
            let waits = self
                .greeting
                .and_then(|ticket| self.hub.lock().places.greeting.wait_on(ticket, context));
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

    /// It has greeted, and has this session. Returns the waker that is not needed any more.
    pub(super) fn greeted(
        &mut self,
        places: &mut Places,
        endpoint: Endpoint,
        session: &Arc<Shared<T>>,
    ) -> Option<Waker> {
        self.session = Some((endpoint, Arc::clone(session)));
        self.greeting.take().and_then(|ticket| places.greeting.leave(ticket))
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
