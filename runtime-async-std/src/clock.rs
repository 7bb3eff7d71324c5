//! Time.

use cync_core::Instant;
use futures_timer::Delay;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Later than anything is waited for; the operating system's clock cannot tell much later instants.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// The time since it was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: std::time::Instant,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock {
    pub(crate) fn now(self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    pub(crate) fn sleep_until(self, at: Instant) -> Sleep {
        let never = at.since(Instant::ZERO) >= NEVER;
        Sleep((!never).then(|| Delay::new(at.since(self.now()))))
    }
}

/// Ends at an instant, or never.
///
/// It is kept by a thread of its own and not by the reactor that async-std and smol share: as long as any timer of that is pending, each
/// wait for a connection costs two more system calls. Alarms are set a few times a second, and connections waited for with every message.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep(Option<Delay>);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(delay) => Pin::new(delay).poll(context),
            None => Poll::Pending,
        }
    }
}
