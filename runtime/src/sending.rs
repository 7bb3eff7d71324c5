//! A message on its way: to the queue, and to its end.

use crate::alarm::Alarm;
use crate::error::SendError;
use crate::runtime::Timer;
use crate::shared::{End, Inner, Shared};
use crate::wakers::Ticket;
use crate::watchman::Watchman;
use cync_core::{Instant, MessageId, Outcome, Receipt, Request, Stage};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A message that is sent: resolves when its end is known. Nothing is sent before it is polled.
///
/// It waits for room first, if the queue is full; those who wait are served in turn, and there is a bound to their number.
///
/// Dropping it while it waits for room takes the message back: it never leaves. Dropping it later ends the waiting only: the
/// message goes on, and the peer may still act on it. Who wants to end the message uses [`Client::try_send`] and
/// [`Client::cancel`].
///
/// [`Client::try_send`]: crate::Client::try_send
/// [`Client::cancel`]: crate::Client::cancel
#[must_use = "nothing is sent unless it is awaited"]
#[derive(Debug)]
pub struct Sending<'a, T: Timer> {
    shared: &'a Arc<Shared<T>>,
    request: Request<'a>,
    timeout: Option<Duration>,
    step: Step<'a, T>,
}

#[derive(Debug)]
enum Step<'a, T: Timer> {
    New,
    Waiting(Place<'a, T>),
    Sent(Sent<T>),
    /// It was not accepted.
    Over,
}

impl<'a, T: Timer> Sending<'a, T> {
    pub(crate) const fn new(shared: &'a Arc<Shared<T>>, request: Request<'a>) -> Self {
        Self { shared, request, timeout: None, step: Step::New }
    }

    /// Sends until this stage is reached; see [`Request::until`].
    pub const fn until(mut self, stage: Stage) -> Self {
        self.request = self.request.until(stage);
        self
    }

    /// Never hands over a second copy; see [`Request::once`].
    pub const fn once(mut self) -> Self {
        self.request = self.request.once();
        self
    }

    /// Gives the message up this long after the queue took it; see [`Request::deadline`].
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.request = self.request.deadline(deadline);
        self
    }

    /// Waits for room in the queue for this long at most.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl<T: Timer> Future for Sending<'_, T> {
    type Output = Result<Receipt, SendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.step {
                Step::New => this.step = Step::Waiting(Place::new(this.shared, this.timeout)),
                Step::Waiting(place) => match place.poll_accepted(this.request, context) {
                    Poll::Ready(Ok((sent, attended))) => {
                        this.step = Step::Sent(sent);
                        if attended {
                            return Poll::Pending;
                        }
                    }
                    Poll::Ready(Err(error)) => {
                        // Whoever keeps this keeps no place in the line.
                        this.step = Step::Over;
                        return Poll::Ready(Err(error));
                    }
                    Poll::Pending => return Poll::Pending,
                },
                Step::Sent(sent) => return Pin::new(sent).poll(context),
                Step::Over => return Poll::Pending,
            }
        }
    }
}

/// A sender's place among those who wait for room, given up on drop.
#[derive(Debug)]
struct Place<'a, T: Timer> {
    shared: &'a Arc<Shared<T>>,
    ticket: Option<Ticket>,
    timeout: Option<Duration>,
    /// When it began to wait.
    since: Option<Instant>,
    patience: Alarm<T>,
    watchman: Watchman<T>,
}

impl<'a, T: Timer> Place<'a, T> {
    const fn new(shared: &'a Arc<Shared<T>>, timeout: Option<Duration>) -> Self {
        Self {
            shared,
            ticket: None,
            timeout,
            since: None,
            patience: Alarm::new(),
            watchman: Watchman::new(),
        }
    }

    /// The message once it is taken, whose end wakes this task, and whether somebody keeps the session's time.
    fn poll_accepted(
        &mut self,
        request: Request<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(Sent<T>, bool), SendError>> {
        let Self { shared, ticket, .. } = self;
        let accepted = shared.with(|inner, now| {
            // Whoever waits already comes first; that there will be no room is for all of them.
            if inner.senders.is_turn(*ticket) || inner.is_closing() {
                match inner.session.send(now, request) {
                    Err(cync_core::SendError::Full) => {}
                    Err(refused) => return Poll::Ready(Err(refused.into())),
                    Ok(id) => {
                        leave(inner, ticket.take());
                        inner.wake_driver();
                        let sent = Sent::new(shared, inner, id, Some(context.waker().clone()));
                        return Poll::Ready(Ok((sent, inner.is_attended())));
                    }
                }
            }
            let most = shared.settings.most_waiting;
            if ticket.is_none() && inner.senders.len() >= most {
                return Poll::Ready(Err(SendError::TooManyWaiting { most }));
            }
            inner.wait(|inner| &mut inner.senders, ticket, context);
            Poll::Pending
        });
        if accepted.is_ready() {
            return accepted;
        }
        self.watchman.watch(self.shared, context);
        self.poll_patience(context).map(Err)
    }

    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<SendError> {
        let Some(timeout) = self.timeout else { return Poll::Pending };
        let timer = &self.shared.timer;
        let now = timer.now();
        let since = *self.since.get_or_insert(now);
        let rang = self.patience.poll_ring(timer, now, since + timeout, context);
        if rang {
            let waited = now.since(since).max(timeout);
            Poll::Ready(SendError::QueueTimeout { waited })
        } else {
            Poll::Pending
        }
    }
}

impl<T: Timer> Drop for Place<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.aside(|inner| leave(inner, Some(ticket)));
        }
    }
}

/// Leaves the line of senders; the next has its turn, whose waking may have been for this one.
fn leave(inner: &mut Inner, ticket: Option<Ticket>) {
    if let Some(ticket) = ticket {
        inner.leave(|inner| &mut inner.senders, ticket);
    }
    inner.wake_sender();
}

/// A message that the session took: resolves when its end is known.
///
/// Dropping it ends the waiting, not the message: the peer may still act on it.
#[derive(Debug)]
pub struct Sent<T: Timer> {
    shared: Arc<Shared<T>>,
    id: MessageId,
    watchman: Watchman<T>,
    /// Its end was told, so that nobody waits for it any more.
    told: bool,
}

impl<T: Timer> Sent<T> {
    /// Waits for the end of a message that was just sent, which wakes this task.
    pub(crate) fn new(
        shared: &Arc<Shared<T>>,
        inner: &mut Inner,
        id: MessageId,
        task: Option<Waker>,
    ) -> Self {
        inner.ends.insert(id, End::Expected(task));
        inner.note_span(id);
        Self { shared: Arc::clone(shared), id, watchman: Watchman::new(), told: false }
    }

    /// The message, as events name it.
    pub const fn id(&self) -> MessageId {
        self.id
    }
}

impl<T: Timer> Future for Sent<T> {
    type Output = Result<Receipt, SendError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, id, watchman, told } = self.get_mut();
        let (end, attended) =
            shared.aside(|inner| (inner.wait_for_end(*id, context), inner.is_attended()));
        *told |= end.is_some();
        let Some((outcome, receipt)) = end else {
            if !attended {
                watchman.watch(shared, context);
            }
            return Poll::Pending;
        };
        Poll::Ready(match outcome {
            Outcome::Reached(_) => Ok(receipt),
            Outcome::Nacked(status) => Err(SendError::Nacked { status, receipt }),
            Outcome::NotSent(why) => Err(SendError::NotSent { why, receipt }),
            Outcome::Unknown(why) => Err(SendError::Unknown { why, receipt }),
        })
    }
}

impl<T: Timer> Drop for Sent<T> {
    fn drop(&mut self) {
        if !self.told {
            self.shared.aside(|inner| inner.forget_end(self.id));
        }
    }
}
