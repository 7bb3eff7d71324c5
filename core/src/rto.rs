//! How long to wait for an answer.

use core::time::Duration;

/// Bounds of the adaptive timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckTimer {
    /// The timer before anything was measured.
    pub initial: Duration,
    /// The timer is never shorter.
    pub floor: Duration,
    /// The timer is never longer.
    pub ceiling: Duration,
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

/// The round-trip estimator of RFC 6298 in whole microseconds, with a timer that is also never below 1.25 round trips.
#[derive(Clone, Debug)]
pub(crate) struct Estimator {
    bounds: AckTimer,
    /// Smoothed round trip and its variation, in microseconds; `None` before the first sample.
    smoothed: Option<(u64, u64)>,
}

impl Estimator {
    pub(crate) const fn new(bounds: AckTimer) -> Self {
        Self { bounds, smoothed: None }
    }

    /// Takes a measured round trip. By Karn's rule only of a message that was transmitted once.
    pub(crate) fn sample(&mut self, round_trip: Duration) {
        let sample =
            u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX / 16).min(u64::MAX / 16);
        self.smoothed = Some(match self.smoothed {
            None => (sample, sample / 2),
            Some((srtt, rttvar)) => {
                ((7 * srtt + sample) / 8, (3 * rttvar + srtt.abs_diff(sample)) / 4)
            }
        });
    }

    /// As [`Estimator::timer`], of a message that has `left` until its deadline. As long as nothing was measured, attempts come
    /// closer together as the deadline nears: better a needless copy than one too few.
    pub(crate) fn timer_within(&self, left: Duration) -> Duration {
        let timer = self.timer();
        match self.smoothed {
            Some(_) => timer,
            None => timer.min(left / 4).max(self.bounds.floor),
        }
    }

    /// How long to wait for an answer before the next copy.
    pub(crate) fn timer(&self) -> Duration {
        let AckTimer { initial, floor, ceiling } = self.bounds;
        let wanted = self.smoothed.map_or(initial, |(srtt, rttvar)| {
            Duration::from_micros((srtt + 4 * rttvar).max(srtt + srtt / 4))
        });
        wanted.max(floor).min(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn the_timer_starts_at_its_initial_value() {
        assert_eq!(Estimator::new(AckTimer::default()).timer(), MS(1000));
    }

    #[test]
    fn the_first_sample_sets_three_round_trips() {
        let mut estimator = Estimator::new(AckTimer::default());
        estimator.sample(MS(200));
        assert_eq!(estimator.timer(), MS(200 + 4 * 100));
    }

    #[test]
    fn a_steady_round_trip_brings_the_timer_to_five_quarters_of_it() {
        let mut estimator = Estimator::new(AckTimer::default());
        (0..200).for_each(|_| estimator.sample(MS(800)));
        assert_eq!(estimator.timer(), MS(1000));
    }

    #[test]
    fn attempts_come_closer_together_towards_the_deadline_until_something_was_measured() {
        let mut estimator = Estimator::new(AckTimer::default());
        let timers = [8000, 4000, 2000, 1000, 0].map(|left| estimator.timer_within(MS(left)));
        assert_eq!(timers, [1000, 1000, 500, 250, 250].map(MS));
        estimator.sample(MS(200));
        assert_eq!(estimator.timer_within(MS(0)), estimator.timer());
    }

    #[test]
    fn the_timer_stays_within_its_bounds() {
        let mut estimator = Estimator::new(AckTimer::default());
        estimator.sample(MS(1));
        assert_eq!(estimator.timer(), MS(250));
        estimator.sample(Duration::MAX);
        assert_eq!(estimator.timer(), MS(5000));
    }
}
