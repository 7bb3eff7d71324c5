//! When a connection is asked for.

use crate::config::Redial;
use crate::event::{ConnectError, HandshakeError};
use crate::retry::below;
use crate::time::{Instant, micros};

/// How a connection ended, or did not come about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    /// It could not be opened.
    Unreachable,
    /// It was opened, and the greeting failed.
    NotGreeted,
    /// Messages were exchanged; `stable` for so long that trouble counts anew.
    Ready { stable: bool },
}

/// Asks for connections once it was switched on: at once the first time, after a random wait each time one failed.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    rules: Redial,
    seed: u64,
    on: bool,
    /// A connection was ready once, so that this never gives up.
    established: bool,
    /// Connections that failed in a row.
    failures: u32,
    due: Option<Instant>,
    dials: u64,
}

impl Dialler {
    pub(crate) const fn new(rules: Redial, seed: u64) -> Self {
        Self { rules, seed, on: false, established: false, failures: 0, due: None, dials: 0 }
    }

    /// Asks for connections from now on: at once, unless there is one or it has been asked for.
    pub(crate) fn start(&mut self, now: Instant, connected: bool) {
        self.on = true;
        self.failures = 0;
        self.due = Some(now).filter(|_| !connected);
    }

    /// Asks for no more connections.
    pub(crate) fn stop(&mut self) {
        self.on = false;
        self.due = None;
    }

    /// A connection is ready.
    pub(crate) fn established(&mut self) {
        self.established = true;
    }

    /// A connection came, asked for or not.
    pub(crate) fn connected(&mut self) {
        self.due = None;
    }

    /// A connection ended, or did not come about. Returns why the first one is given up, if it is.
    pub(crate) fn ended(&mut self, now: Instant, attempt: Attempt) -> Option<ConnectError> {
        if !self.on {
            return None;
        }
        if attempt == (Attempt::Ready { stable: true }) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if !self.established && self.failures >= u32::from(self.rules.first_attempts) {
            self.stop();
            return Some(match attempt {
                Attempt::Unreachable => ConnectError::Unreachable,
                _ => ConnectError::Handshake(HandshakeError::InvalidResponse),
            });
        }
        let doubled = 1_u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX);
        let longest = micros(self.rules.base).saturating_mul(doubled).min(micros(self.rules.cap));
        let wait = below(self.seed ^ self.dials, longest.saturating_add(1));
        self.due = Some(now.plus_micros(wait));
        None
    }

    /// When the next connection is asked for.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a connection is to be asked for now; once.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|at| at <= now);
        if due {
            self.due = None;
            self.dials = self.dials.wrapping_add(1);
        }
        due
    }
}
