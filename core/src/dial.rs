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
    /// The longest first wait and the longest of all, in microseconds.
    base: u64,
    cap: u64,
    seed: u64,
    /// When the next connection is asked for; `MAX` if none is.
    due: Instant,
    /// Connections asked for, wrapping.
    dials: u32,
    /// Connections that failed in a row.
    failures: u32,
    /// So many of the first ones are tried.
    first_attempts: u8,
    on: bool,
    /// Goes on asking once a connection was ready.
    again: bool,
    /// A connection was ready once, so that this never gives up.
    established: bool,
}

impl Dialler {
    pub(crate) const fn new(rules: Redial, seed: u64) -> Self {
        Self {
            base: micros(rules.base),
            cap: micros(rules.cap),
            seed,
            due: Instant::MAX,
            dials: 0,
            failures: 0,
            first_attempts: rules.first_attempts,
            on: false,
            again: true,
            established: false,
        }
    }

    /// Asks for connections from now on: at once, unless there is one or it has been asked for.
    pub(crate) fn start(&mut self, now: Instant, connected: bool) {
        self.on = true;
        self.failures = 0;
        self.due = if connected { Instant::MAX } else { now };
    }

    /// Asks for no more connections.
    pub(crate) fn stop(&mut self) {
        self.on = false;
        self.due = Instant::MAX;
    }

    /// A connection is ready.
    pub(crate) fn established(&mut self) {
        self.established = true;
        if !self.again {
            self.stop();
        }
    }

    /// Whether to go on asking once a connection was ready; if one was, that is decided now.
    pub(crate) fn ask_again(&mut self, again: bool) {
        self.again = again;
        if self.established && !again {
            self.stop();
        }
    }

    /// Whether it asks for connections.
    pub(crate) const fn is_on(&self) -> bool {
        self.on
    }

    /// A connection came, asked for or not.
    pub(crate) fn connected(&mut self) {
        self.due = Instant::MAX;
    }

    /// A connection ended, or did not come about. Returns why the first one is given up, if it is.
    pub(crate) fn ended(&mut self, now: Instant, attempt: Attempt) -> Option<ConnectError> {
        if !self.on {
            return None;
        }
        if planted!(BackOffResetEarly) && matches!(attempt, Attempt::Ready { .. }) {
            self.failures = 0;
        }
        if attempt == (Attempt::Ready { stable: true }) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if !self.established && self.failures >= u32::from(self.first_attempts) {
            self.stop();
            return Some(match attempt {
                Attempt::Unreachable => ConnectError::Unreachable,
                _ => ConnectError::Handshake(HandshakeError::InvalidResponse),
            });
        }
        let doubled = 1_u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX);
        let longest = self.base.saturating_mul(doubled).min(self.cap);
        let wait = below(self.seed ^ u64::from(self.dials), longest.saturating_add(1));
        self.due = now.plus_micros(wait);
        None
    }

    /// When the next connection is asked for; `MAX` if none is.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Whether a connection is to be asked for now; once.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let due = self.due <= now && self.due != Instant::MAX;
        if due {
            self.due = Instant::MAX;
            self.dials = self.dials.wrapping_add(1);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    const RULES: Redial = Redial {
        base: Duration::from_millis(100),
        cap: Duration::from_millis(350),
        stable: Duration::from_secs(60),
        first_attempts: 2,
    };

    fn dialler(seed: u64) -> Dialler {
        let mut dialler = Dialler::new(RULES, seed);
        dialler.start(Instant::ZERO, false);
        assert!(dialler.poll(Instant::ZERO) && !dialler.poll(Instant::MAX));
        dialler
    }

    /// The wait after a failure, in microseconds.
    fn wait(dialler: &mut Dialler, attempt: Attempt) -> u64 {
        assert_eq!(dialler.ended(Instant::ZERO, attempt), None);
        let due = dialler.due();
        assert!(dialler.poll(due));
        due.as_micros()
    }

    #[test]
    fn the_nth_wait_is_at_most_the_base_doubled_and_never_above_the_cap() {
        let mut longest = [0; 6];
        for seed in 0..300 {
            let mut dialler = dialler(seed);
            dialler.established();
            for longest in &mut longest {
                *longest = wait(&mut dialler, Attempt::Unreachable).max(*longest);
            }
        }
        for (longest, limit) in longest.into_iter().zip([100, 200, 350, 350, 350, 350]) {
            assert!((limit * 970..=limit * 1_000).contains(&longest), "{longest} of {limit} ms");
        }
    }

    #[test]
    fn any_number_of_failures_in_a_row_is_survived() {
        let mut dialler = dialler(1);
        dialler.established();
        dialler.failures = u32::MAX - 1;
        for _ in 0..3 {
            assert!(wait(&mut dialler, Attempt::NotGreeted) <= 350_000);
        }
    }

    #[test]
    fn what_the_last_of_the_first_attempts_failed_of_is_told() {
        let cases = [
            (Attempt::Unreachable, ConnectError::Unreachable),
            (Attempt::NotGreeted, ConnectError::Handshake(HandshakeError::InvalidResponse)),
        ];
        for (attempt, error) in cases {
            let mut dialler = dialler(1);
            wait(&mut dialler, Attempt::Unreachable);
            assert_eq!(dialler.ended(Instant::ZERO, attempt), Some(error));
            assert_eq!(dialler.due(), Instant::MAX);
            assert_eq!(dialler.ended(Instant::ZERO, attempt), None);
        }
    }

    #[test]
    fn who_was_not_asked_to_dial_does_not() {
        let mut dialler = Dialler::new(RULES, 1);
        assert_eq!(dialler.ended(Instant::ZERO, Attempt::Unreachable), None);
        assert_eq!(dialler.due(), Instant::MAX);
        dialler.start(Instant::ZERO, true);
        assert_eq!(dialler.due(), Instant::MAX, "there is a connection");
    }
}
