//! How long to wait for an answer.

use crate::time::micros;
use core::hint::cold_path;
use core::time::Duration;

/// The timer of one attempt, learnt from the round trips within these bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckTimer {
    /// The timer before anything was measured.
    pub initial: Duration,
    /// The timer is never shorter.
    pub floor: Duration,
    /// The timer is never longer.
    pub ceiling: Duration,
}

impl AckTimer {
    /// A timer that learns nothing: always `time`.
    pub const fn fixed(time: Duration) -> Self {
        Self { initial: time, floor: time, ceiling: time }
    }

    /// The specified formula: a fixed timer of 2.5 times the 99th percentile of the measured round trips.
    pub const fn from_p99(p99: Duration) -> Self {
        let p99 = micros(p99);
        Self::fixed(Duration::from_micros(p99.saturating_mul(2).saturating_add(p99 / 2)))
    }
}

impl Default for AckTimer {
    /// 1 s, 250 ms, 5 s.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            floor: Duration::from_millis(250),
            ceiling: Duration::from_secs(5),
        }
    }
}

/// How long the first answer to a message took, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RoundTrip {
    /// So long.
    Exactly(u64),
    /// Not less than the first, and not more than the second: the answer may have lain among the input that was refused, and
    /// nothing tells since when.
    Between(u64, u64),
}

/// The round-trip estimator of RFC 6298 in whole microseconds, with a timer that is also never below 1.25 round trips.
#[derive(Clone, Debug)]
pub(crate) struct Estimator {
    floor: u64,
    ceiling: u64,
    timer: u64,
    /// Smoothed round trip and its variation; `None` before the first sample.
    smoothed: Option<(u64, u64)>,
}

/// No round trip is longer; sums of it do not overflow.
const LONGEST: u64 = u64::MAX / 16;

impl Estimator {
    pub(crate) const fn new(bounds: AckTimer) -> Self {
        let AckTimer { initial, floor, ceiling } = bounds;
        Self {
            floor: micros(floor),
            ceiling: micros(ceiling),
            timer: if micros(initial) < micros(floor) { micros(floor) } else { micros(initial) },
            smoothed: None,
        }
    }

    /// Takes a round trip as far as it is known: of what it may have been, that which is nearest to what was expected. If it may have
    /// been that, it tells nothing.
    #[inline]
    pub(crate) fn measured(&mut self, round_trip: RoundTrip) {
        match round_trip {
            RoundTrip::Exactly(time) => self.sample(time),
            RoundTrip::Between(least, most) => {
                cold_path();
                // A first sample makes the timer three of it.
                let expected = self.round_trip().unwrap_or(self.timer / 3);
                if !(least..=most).contains(&expected) {
                    self.sample(if least > expected { least } else { most });
                }
            }
        }
    }

    /// Takes a measured round trip in microseconds: from the first transmission of a message to the first answer, if it is
    /// sure that this answers that. By Karn's rule it is when there was one transmission; and when every one of several
    /// was answered.
    pub(crate) fn sample(&mut self, round_trip: u64) {
        let sample = round_trip.min(LONGEST);
        let (srtt, rttvar) = match self.smoothed {
            None => (sample, sample / 2),
            Some((srtt, rttvar)) => {
                ((7 * srtt + sample) / 8, (3 * rttvar + srtt.abs_diff(sample)) / 4)
            }
        };
        self.smoothed = Some((srtt, rttvar));
        self.timer = (srtt + (4 * rttvar).max(srtt / 4)).max(self.floor).min(self.ceiling);
    }

    /// How long to wait for an answer before the next copy, in microseconds.
    pub(crate) const fn timer(&self) -> u64 {
        self.timer
    }

    /// As [`Estimator::timer`], of a message that has `left` microseconds until its deadline. As long as nothing was
    /// measured, attempts come closer together as the deadline nears: better a needless copy than one too few.
    pub(crate) fn timer_within(&self, left: u64) -> u64 {
        match self.smoothed {
            Some(_) => self.timer,
            None => self.timer.min(left / 4).max(self.floor),
        }
    }

    /// The smoothed round trip in microseconds, once there was a sample.
    pub(crate) fn round_trip(&self) -> Option<u64> {
        self.smoothed.map(|(srtt, _)| srtt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    #[test]
    fn the_timer_starts_at_its_initial_value() {
        assert_eq!(Estimator::new(AckTimer::default()).timer(), 1_000 * MS);
    }

    #[test]
    fn the_first_sample_sets_three_round_trips() {
        let mut estimator = Estimator::new(AckTimer::default());
        estimator.sample(200 * MS);
        assert_eq!(estimator.timer(), (200 + 4 * 100) * MS);
        assert_eq!(estimator.round_trip(), Some(200 * MS));
    }

    #[test]
    fn a_steady_round_trip_brings_the_timer_to_five_quarters_of_it() {
        let mut estimator = Estimator::new(AckTimer::default());
        (0..200).for_each(|_| estimator.sample(800 * MS));
        assert_eq!(estimator.timer(), 1_000 * MS);
    }

    #[test]
    fn attempts_come_closer_together_towards_the_deadline_until_something_was_measured() {
        let mut estimator = Estimator::new(AckTimer::default());
        let timers = [8000, 4000, 2000, 1000, 0].map(|left| estimator.timer_within(left * MS));
        assert_eq!(timers, [1000, 1000, 500, 250, 250].map(|ms| ms * MS));
        estimator.sample(200 * MS);
        assert_eq!(estimator.timer_within(0), estimator.timer());
    }

    #[test]
    fn the_timer_stays_within_its_bounds() {
        let mut estimator = Estimator::new(AckTimer::default());
        estimator.sample(MS);
        assert_eq!(estimator.timer(), 250 * MS);
        estimator.sample(u64::MAX);
        assert_eq!(estimator.timer(), 5_000 * MS);
    }

    #[test]
    fn bounds_teach_only_that_what_was_expected_is_beyond_them() {
        let mut estimator = Estimator::new(AckTimer::default());
        let mut learnt = |least, most| {
            estimator.measured(RoundTrip::Between(least * MS, most * MS));
            (estimator.round_trip().map(|time| time / MS), estimator.timer() / MS)
        };
        assert_eq!(learnt(0, 900), (None, 1_000));
        assert_eq!(learnt(400, 900), (Some(400), 1_200), "more than a third of the timer");
        assert_eq!(learnt(0, 400), (Some(400), 1_200));
        assert_eq!(learnt(400, 9_000), (Some(400), 1_200));
        assert_eq!(learnt(800, 9_000), (Some(450), 1_450));
        assert_eq!(learnt(0, 50), (Some(400), 1_550));
        let mut estimator = Estimator::new(AckTimer::default());
        estimator.measured(RoundTrip::Between(0, 300 * MS));
        assert_eq!((estimator.round_trip(), estimator.timer()), (Some(300 * MS), 900 * MS));
    }

    #[test]
    fn a_fixed_timer_learns_nothing() {
        let mut estimator = Estimator::new(AckTimer::fixed(Duration::from_millis(700)));
        estimator.sample(MS);
        estimator.sample(9_000 * MS);
        assert_eq!((estimator.timer(), estimator.timer_within(0)), (700 * MS, 700 * MS));
    }

    #[test]
    fn the_specified_timer_is_two_and_a_half_times_the_99th_percentile() {
        let timer = AckTimer::from_p99(Duration::from_millis(1_200));
        assert_eq!(timer, AckTimer::fixed(Duration::from_millis(3_000)));
    }
}
