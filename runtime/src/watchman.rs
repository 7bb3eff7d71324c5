//! Time, for sessions that nobody drives.

use crate::alarm::Alarm;
use crate::runtime::Timer;
use crate::shared::Shared;
use std::task::Context;

/// Keeps a session's time for as long as nobody else does: while it has no connection and nobody dials, whoever waits for one
/// of its messages, or for its events.
#[derive(Debug)]
pub(crate) struct Watchman<T: Timer>(Alarm<T>);

impl<T: Timer> Watchman<T> {
    pub(crate) const fn new() -> Self {
        Self(Alarm::new())
    }

    pub(crate) fn watch(&mut self, shared: &Shared<T>, context: &mut Context<'_>) {
        let due = || {
            shared.with(|inner, now| {
                if inner.is_attended() { None } else { inner.tick(now).map(|due| (now, due)) }
            })
        };
        while let Some((now, due)) = due()
            && self.0.poll_ring(&shared.timer, now, due, context)
        {}
    }
}
