//! L4: a connection is asked for again, after a wait that is no longer than the policy says.

use super::{Violation, ensure};
use cync_core::{Event, Instant, Redial, State};

/// When the next connection is asked for.
#[derive(Debug)]
pub(super) struct Dials {
    rules: Redial,
    /// Somebody wants connections.
    on: bool,
    /// A connection was ready once.
    established: bool,
    ready_at: Instant,
    /// Connections in a row that could not be made, or did not last.
    failures: u32,
    /// By this time, if none is asked for or made before.
    by: Option<Instant>,
}

impl Dials {
    pub(super) const fn new(rules: Redial) -> Self {
        let (on, established, ready_at, failures, by) = (false, false, Instant::ZERO, 0, None);
        Self { rules, on, established, ready_at, failures, by }
    }

    /// A connection is wanted; the session is in this state.
    pub(super) fn on_connect(&mut self, now: Instant, state: State) {
        if matches!(state, State::Draining | State::Closed) {
            return;
        }
        (self.on, self.failures) = (true, 0);
        self.by = (state == State::Disconnected).then_some(now);
    }

    /// A connection was made.
    pub(super) const fn on_connected(&mut self) {
        self.by = None;
    }

    pub(super) const fn on_ready(&mut self, now: Instant) {
        (self.established, self.ready_at) = (true, now);
    }

    pub(super) const fn on_close(&mut self) {
        (self.on, self.by) = (false, None);
    }

    /// A connection is gone, or could not be made; the session was in this state.
    pub(super) fn on_disconnected(&mut self, now: Instant, state: State) {
        let Redial { base, cap, stable, first_attempts } = self.rules;
        if matches!(state, State::Disconnected | State::Closed) || !self.on {
            return;
        }
        let was_ready = matches!(state, State::Ready | State::Draining);
        if was_ready && now >= self.ready_at + stable {
            self.failures = 0;
        }
        self.failures += 1;
        if !self.established && self.failures >= first_attempts.into() {
            return self.on_close();
        }
        let longest =
            (1..self.failures.min(40)).fold(base, |wait, _| wait.saturating_mul(2).min(cap));
        self.by = Some(now + longest.min(cap));
    }

    pub(super) fn on_event(&mut self, event: &Event) {
        if matches!(event, Event::Dial) {
            self.by = None;
        }
    }

    /// All events were taken behind a tick at this time.
    pub(super) fn check(&self, ticked: Instant) -> Result<(), Violation> {
        let overdue = self.by.is_some_and(|by| by <= ticked);
        ensure!(!overdue, "L4", "no connection is asked for at {ticked:?}: {self:?}");
        Ok(())
    }
}
