//! Dials when a session asks for it.

use crate::alarm::Alarm;
use crate::driver::Driver;
use crate::error::{ConnectError, DialError, DialStage, LastFailure};
use crate::runtime::Timer;
use crate::shared::{Ask, Inner, Shared, Shift};
use cync_core::{Disconnect, State};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

/// The duty to dial for a session and to keep its time while it has no connection, given up on drop.
pub(crate) struct Duty<T: Timer> {
    shared: Arc<Shared<T>>,
    shift: Shift,
    alarm: Alarm<T>,
}

impl<T: Timer> Duty<T> {
    /// From now on the session asks for connections.
    pub(crate) fn new(shared: Arc<Shared<T>>) -> Self {
        let shift = shared.with(|inner, now| {
            inner.session.connect(now);
            inner.begin_shift()
        });
        Self { shared, shift, alarm: Alarm::new() }
    }

    /// Looks at the session each time that something may have changed or one of its deadlines has come; `None` when it has
    /// ended, or somebody else dials for it.
    fn poll<R>(
        &mut self,
        context: &mut Context<'_>,
        mut look: impl FnMut(&mut Inner) -> Poll<Option<R>>,
    ) -> Poll<Option<R>> {
        loop {
            let (looked, due, now) = self.shared.with(|inner, now| {
                if inner.session.state() == State::Closed || !inner.is_on_shift(self.shift) {
                    return (Poll::Ready(None), None, now);
                }
                inner.seat_dialler(context);
                // Whoever drives keeps the time.
                let due = if inner.is_driven() { None } else { inner.tick(now) };
                inner.settle();
                (look(inner), due, now)
            });
            if looked.is_ready() {
                return looked;
            }
            let Some(due) = due else { return Poll::Pending };
            if !self.alarm.poll_ring(&self.shared.timer, now, due, context) {
                return Poll::Pending;
            }
        }
    }

    /// What the session asks for; `None` when there is nothing left to dial for.
    async fn asked(&mut self) -> Option<Ask> {
        poll_fn(|context| {
            self.poll(context, |inner| {
                if inner.is_driven() {
                    return Poll::Pending;
                }
                inner.ask.take().map_or(Poll::Pending, |ask| Poll::Ready(Some(ask)))
            })
        })
        .await
    }

    /// A connection; `None` if it is not needed any more.
    async fn dial<IO, E: Into<DialError>>(
        &mut self,
        dial: impl Future<Output = Result<IO, E>>,
        stage: impl Fn() -> DialStage,
    ) -> Option<Result<IO, DialError>> {
        let limit = self.shared.settings.connect_timeout;
        let mut sleep = self.shared.timer.sleep_until(self.shared.now() + limit);
        let mut dial = pin!(dial);
        poll_fn(|context| {
            let needed = self.poll(context, |inner| match inner.session.state() {
                State::Connecting => Poll::Pending,
                _ => Poll::Ready(None),
            });
            if needed.is_ready() {
                return needed;
            }
            if let Poll::Ready(dialled) = dial.as_mut().poll(context) {
                return Poll::Ready(Some(dialled.map_err(Into::into)));
            }
            if Pin::new(&mut sleep).poll(context).is_ready() {
                let timeout = format!("not within {limit:?}");
                let source = io::Error::new(io::ErrorKind::TimedOut, timeout);
                return Poll::Ready(Some(Err(DialError { stage: stage(), source })));
            }
            Poll::Pending
        })
        .await
    }

    /// A connection could not be opened.
    fn failed(&self, why: DialError) {
        tracing::debug!(event = "unreachable", error = %why);
        self.shared.with(|inner, now| {
            if !inner.is_driven() && inner.is_on_shift(self.shift) {
                inner.last_failure = Some(LastFailure::Dial(Arc::new(why)));
                inner.session.handle_disconnected(now, Disconnect::Error);
            }
        });
    }
}

impl<T: Timer> Drop for Duty<T> {
    fn drop(&mut self) {
        self.shared.with(|inner, _| inner.end_shift(self.shift));
    }
}

/// Dials whenever the session asks for it, until it is closed or given up. `stage` tells how far dialling is.
pub(crate) async fn keep_connected<T, IO, F, E>(
    mut duty: Duty<T>,
    mut dial: impl FnMut() -> F,
    stage: impl Fn() -> DialStage,
) -> Result<(), ConnectError>
where
    T: Timer,
    IO: AsyncRead + AsyncWrite,
    F: Future<Output = Result<IO, E>>,
    E: Into<DialError>,
{
    loop {
        match duty.asked().await {
            None => return Ok(()),
            Some(Ask::GiveUp(why)) => {
                let last = duty.shared.look(|inner| inner.last_failure.clone());
                return Err(ConnectError::GaveUp { address: None, why, last });
            }
            Some(Ask::Dial) => {}
        }
        match duty.dial(dial(), &stage).await {
            None => {}
            Some(Err(why)) => duty.failed(why),
            Some(Ok(io)) => {
                let driver = Driver::new(Arc::clone(&duty.shared), io, Vec::new());
                let end = driver.run().await;
                tracing::info!(event = "disconnected", ?end);
            }
        }
    }
}
