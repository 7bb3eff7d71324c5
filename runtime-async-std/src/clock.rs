//! Time, which async-std and smol take from the same reactor.

use async_io::Timer;
use cync_core::Instant;
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
        let at = at.since(Instant::ZERO);
        Sleep(if at < NEVER { Timer::at(self.start + at) } else { Timer::never() })
    }
}

/// Ends at an instant.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are awaited"]
pub struct Sleep(Timer);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(|_| ())
    }
}
