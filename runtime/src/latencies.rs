//! How long messages took.

use std::time::Duration;

/// The longest time of each bucket but the last, in milliseconds: finer where the targets are.
const BOUNDS_MS: [u16; 18] =
    [1, 2, 5, 10, 20, 50, 100, 200, 300, 500, 800, 900, 1000, 1200, 1500, 2000, 3000, 5000];

/// How long messages took that reached the stage they were sent for, from `send` to their end: counts in buckets that resolve
/// 1 ms to 5 s.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Latencies {
    counts: [u64; BOUNDS_MS.len()],
    longer: u64,
    micros: u64,
}

impl Latencies {
    /// Counts a message that took so long.
    pub fn record(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MS.partition_point(|bound| u64::from(*bound) * 1_000 < micros);
        *self.counts.get_mut(bucket).unwrap_or(&mut self.longer) += 1;
        self.micros = self.micros.saturating_add(micros);
    }

    /// How many they were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.longer
    }

    /// All their times together.
    pub const fn sum(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// For each bucket the longest time that belongs to it, and how many messages do; the last bucket has no longest.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = BOUNDS_MS.iter().map(|bound| Some(Duration::from_millis((*bound).into())));
        let counts = self.counts.iter().copied().chain([self.longer]);
        bounds.chain([None]).zip(counts)
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn add(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count += more;
        }
        self.longer += more.longer;
        self.micros = self.micros.saturating_add(more.micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_belongs_to_the_first_bucket_that_is_long_enough_for_it() {
        let mut latencies = Latencies::default();
        let times = [0, 1_000, 1_001, 800_000, 800_001, 5_000_000, 5_000_001, u64::MAX / 2];
        times.into_iter().for_each(|micros| latencies.record(Duration::from_micros(micros)));
        let filled: Vec<_> = latencies.buckets().filter(|(_, count)| *count > 0).collect();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(
            filled,
            [(ms(1), 2), (ms(2), 1), (ms(800), 1), (ms(900), 1), (ms(5_000), 1), (None, 2)]
        );
        let sum: u64 = times.into_iter().sum();
        assert_eq!((latencies.count(), latencies.sum()), (8, Duration::from_micros(sum)));
    }

    #[test]
    fn the_sum_stays_at_what_it_can_hold() {
        let mut latencies = Latencies::default();
        (0..3).for_each(|_| latencies.record(Duration::MAX));
        assert_eq!((latencies.count(), latencies.sum()), (3, Duration::from_micros(u64::MAX)));
    }
}
