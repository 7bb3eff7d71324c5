//! Whether a message that was not answered in time may be transmitted again.

use core::num::NonZeroU16;

/// How often a message is transmitted.
///
/// The schedule is flat: every attempt waits for its own timer, and the message's deadline ends it all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RetryPolicy {
    /// Transmissions at most, the first included; `None` leaves it to the deadline.
    pub max_attempts: Option<NonZeroU16>,
}

/// What to do when the timer of an attempt runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Transmit again.
    Again,
    /// No further copy, but a late answer counts until the deadline.
    Wait,
    /// The allowed attempts are used up.
    GiveUp,
}

impl RetryPolicy {
    /// After `attempts` transmissions; `once` is a message that must not be repeated.
    pub(crate) fn next(&self, attempts: u16, once: bool) -> Next {
        match self.max_attempts {
            _ if once => Next::Wait,
            Some(max) if attempts >= max.get() => Next::GiveUp,
            _ => Next::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_count_the_first_transmission() {
        let policy = RetryPolicy { max_attempts: NonZeroU16::new(3) };
        assert_eq!(policy.next(2, false), Next::Again);
        assert_eq!(policy.next(3, false), Next::GiveUp);
    }

    #[test]
    fn without_a_cap_only_the_deadline_ends_it() {
        assert_eq!(RetryPolicy::default().next(u16::MAX, false), Next::Again);
    }

    #[test]
    fn a_message_sent_once_is_waited_for() {
        assert_eq!(RetryPolicy::default().next(1, true), Next::Wait);
    }
}
