//! Whether and when a message that was not answered in time is transmitted again.

use crate::rng::mix;
use crate::time::micros;
use crate::wire::StatusCode;
use core::num::NonZeroU16;
use core::time::Duration;

/// How late a driver may be with each tick, in microseconds, without costing a message its last copy: no real timer is exact.
const LATE: u64 = 100_000;

/// How long after its timer has run out a message is transmitted again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backoff {
    /// At once: the timer alone spaces the attempts.
    Flat,
    /// The n-th re-transmission, counted from 0, waits `min(base * 2^n, cap)`.
    Exponential {
        /// The first wait.
        base: Duration,
        /// The longest wait.
        cap: Duration,
    },
}

impl Backoff {
    /// Microseconds, without the jitter.
    fn wait(&self, retry: u16) -> u64 {
        match *self {
            Self::Flat => 0,
            Self::Exponential { base, cap } => {
                let factor = 1_u64.checked_shl(u32::from(retry)).unwrap_or(u64::MAX);
                micros(base).saturating_mul(factor).min(micros(cap))
            }
        }
    }
}

/// How often a message is transmitted, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Transmissions at most, the first included; `None` leaves it to the deadline.
    pub max_attempts: Option<NonZeroU16>,
    /// The wait after an attempt's timer.
    pub backoff: Backoff,
    /// The wait is longer by a random time below this.
    pub jitter: Duration,
    /// Refusals that do not end a message, which goes on as if it had not been answered. `0xb5` (busy) is always one.
    pub retry_on: &'static [StatusCode],
}

impl Default for RetryPolicy {
    /// Flat, until the deadline: three retries give 98.3 % at 20 % loss each way, and doubling waits come too late.
    fn default() -> Self {
        Self { max_attempts: None, backoff: Backoff::Flat, jitter: Duration::ZERO, retry_on: &[] }
    }
}

impl RetryPolicy {
    /// The specified policy: waits of 0.25 s that double up to 5 s, each longer by up to 0.1 s, and three re-transmissions.
    pub const fn exponential() -> Self {
        Self {
            max_attempts: NonZeroU16::new(4),
            backoff: Backoff::Exponential {
                base: Duration::from_millis(250),
                cap: Duration::from_secs(5),
            },
            jitter: Duration::from_millis(100),
            retry_on: &[],
        }
    }
}

/// What to do when the timer of an attempt runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// Transmit again after so many microseconds.
    Again(u64),
    /// No further copy, but a late answer counts until the deadline.
    Wait,
    /// The allowed attempts are used up.
    GiveUp,
}

impl RetryPolicy {
    /// After `attempts` transmissions; `once` is a message that must not be repeated, `draw` a random number.
    pub(crate) fn next(&self, attempts: u16, once: bool, draw: u64) -> Next {
        match self.max_attempts {
            _ if once => Next::Wait,
            Some(max) if attempts >= max.get() => Next::GiveUp,
            _ => {
                let wait = self.backoff.wait(attempts.saturating_sub(1));
                Next::Again(wait.saturating_add(below(draw, micros(self.jitter))))
            }
        }
    }

    pub(crate) fn retries(&self, status: StatusCode) -> bool {
        self.retry_on.contains(&status)
    }

    /// The latest that the last of all copies can follow the first, if every timer took `ceiling` and every driver was as late
    /// as one may be; `None` without a limit on attempts.
    pub(crate) fn span(&self, ceiling: Duration) -> Option<Duration> {
        let retries = self.max_attempts?.get().saturating_sub(1);
        let each = micros(ceiling).saturating_add(micros(self.jitter)).saturating_add(LATE);
        let waits = (0..retries).fold(0_u64, |sum, n| sum.saturating_add(self.backoff.wait(n)));
        Some(Duration::from_micros(waits.saturating_add(each.saturating_mul(u64::from(retries)))))
    }
}

/// A number from 0 to `limit` - 1, spread by `draw`; 0 if there is none.
pub(crate) const fn below(draw: u64, limit: u64) -> u64 {
    ((mix(draw) as u128 * limit as u128) >> 64) as u64
}

/// How many re-transmissions there may be beside first transmissions, so that trouble is not answered with a storm.
///
/// Tokens come with time and with every first transmission, up to `burst`; a re-transmission takes one, or waits for one. A
/// copy that waits uses up no attempt, and never outlives its message's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryBudget {
    /// Tokens a hundred first transmissions bring.
    pub percent: u16,
    /// Tokens a second brings.
    pub per_second: u16,
    /// Tokens at most, and at the start.
    pub burst: u16,
}

impl Default for RetryBudget {
    /// One a first transmission, 10 a second, 10 at most.
    fn default() -> Self {
        Self { percent: 100, per_second: 10, burst: 10 }
    }
}

/// Parts of a token, so that every rate is a whole number of parts a microsecond or a message.
const TOKEN: u64 = 1_000_000;

/// A token bucket in whole numbers.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rules: RetryBudget,
    /// Parts that there are fewer than at most.
    missing: u64,
    /// Up to when time has brought its tokens, in microseconds.
    filled: u64,
}

impl Bucket {
    pub(crate) const fn new(rules: RetryBudget) -> Self {
        Self { rules, missing: 0, filled: 0 }
    }

    /// Parts at most.
    fn most(&self) -> u64 {
        u64::from(self.rules.burst) * TOKEN
    }

    fn missing_at(&self, now: u64) -> u64 {
        let rate = u64::from(self.rules.per_second);
        let brought = now.saturating_sub(self.filled).saturating_mul(rate);
        self.missing.saturating_sub(brought)
    }

    /// Whether there is a token.
    pub(crate) fn has(&self, now: u64) -> bool {
        self.missing_at(now) + TOKEN <= self.most()
    }

    /// Takes a token; false if there is none.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        let taken = self.has(now);
        self.missing = self.missing_at(now) + if taken { TOKEN } else { 0 };
        self.filled = self.filled.max(now);
        taken
    }

    /// A transmission brings its share.
    #[inline]
    pub(crate) fn bring(&mut self, now: u64) {
        if self.missing == 0 {
            // As nearly always: there is no room for more, and no time has to be remembered that could bring any.
            return;
        }
        let share = u64::from(self.rules.percent) * (TOKEN / 100);
        self.missing = self.missing_at(now).saturating_sub(share);
        self.filled = self.filled.max(now);
    }

    /// When time will have brought the next token; `None` if it never does.
    pub(crate) fn next(&self) -> Option<u64> {
        let rate = u64::from(self.rules.per_second);
        let missing = (self.missing + TOKEN).saturating_sub(self.most());
        let wait = missing.checked_add(rate.checked_sub(1)?)?.checked_div(rate)?;
        (self.rules.burst > 0).then_some(self.filled.saturating_add(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn again(next: Next) -> u64 {
        match next {
            Next::Again(wait) => wait,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn attempts_count_the_first_transmission() {
        let policy = RetryPolicy { max_attempts: NonZeroU16::new(3), ..RetryPolicy::default() };
        assert_eq!(policy.next(2, false, 0), Next::Again(0));
        assert_eq!(policy.next(3, false, 0), Next::GiveUp);
    }

    #[test]
    fn without_a_cap_only_the_deadline_ends_it() {
        assert_eq!(RetryPolicy::default().next(u16::MAX, false, 0), Next::Again(0));
        assert_eq!(RetryPolicy::default().span(Duration::from_secs(5)), None);
    }

    #[test]
    fn a_message_sent_once_is_waited_for() {
        assert_eq!(RetryPolicy::default().next(1, true, 0), Next::Wait);
    }

    #[test]
    fn exponential_waits_double_from_a_quarter_of_a_second_up_to_five() {
        let policy = RetryPolicy {
            jitter: Duration::ZERO,
            max_attempts: None,
            ..RetryPolicy::exponential()
        };
        let waits = [1, 2, 3, 4, 5, 6, 7, 100, u16::MAX].map(|n| again(policy.next(n, false, 9)));
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000].map(|ms| ms * MS));
    }

    #[test]
    fn the_exponential_policy_re_transmits_three_times() {
        let policy = RetryPolicy::exponential();
        assert!(matches!(policy.next(3, false, 0), Next::Again(_)));
        assert_eq!(policy.next(4, false, 0), Next::GiveUp);
    }

    #[test]
    fn jitter_is_added_spread_over_its_range_and_below_its_limit() {
        let policy = RetryPolicy::exponential();
        let jitters: std::vec::Vec<_> =
            (0..1000).map(|draw| again(policy.next(1, false, draw)) - 250 * MS).collect();
        assert!(jitters.iter().all(|jitter| *jitter < 100 * MS));
        for tenth in 0..10 {
            let range = tenth * 10 * MS..(tenth + 1) * 10 * MS;
            assert!(jitters.iter().filter(|jitter| range.contains(jitter)).count() > 60);
        }
        assert_eq!((below(7, 0), below(7, 1)), (0, 0));
    }

    #[test]
    fn the_span_is_the_sum_of_all_timers_waits_and_jitters() {
        let span = RetryPolicy::exponential().span(Duration::from_secs(1));
        // Three timers, waits of 250, 500 and 1000 ms, three jitters, and three ticks that are late.
        assert_eq!(span, Some(Duration::from_millis(3_000 + 1_750 + 300 + 300)));
    }

    #[test]
    fn a_budget_lets_a_burst_pass_and_then_ten_a_second() {
        let mut bucket = Bucket::new(RetryBudget::default());
        assert_eq!((0..20).filter(|_| bucket.take(0)).count(), 10);
        assert_eq!(bucket.next(), Some(100 * MS));
        assert!(!bucket.has(100 * MS - 1) && bucket.has(100 * MS));
        assert_eq!((0..20).filter(|_| bucket.take(1_000 * MS)).count(), 10);
        assert!(!bucket.take(0), "time that goes back brings nothing");
    }

    #[test]
    fn first_transmissions_bring_their_share() {
        let rules = RetryBudget { percent: 50, per_second: 0, burst: 2 };
        let mut bucket = Bucket::new(rules);
        assert!(bucket.take(0) && bucket.take(0) && !bucket.take(u64::MAX));
        assert_eq!(bucket.next(), None);
        bucket.bring(0);
        assert!(!bucket.has(0));
        bucket.bring(0);
        assert!(bucket.take(0) && !bucket.take(0));
        (0..100).for_each(|_| bucket.bring(0));
        assert_eq!((0..9).filter(|_| bucket.take(0)).count(), 2);
    }
}
