//! The values of one device.

use super::counts::Counts;
use super::family::{FAMILIES, Read};
use crate::latencies::Latencies;

/// The values of sessions, added up.
#[derive(Clone, Debug)]
pub(super) struct Totals {
    /// For each metric those of its series; none for a histogram.
    values: [Vec<u64>; FAMILIES.len()],
    latencies: Latencies,
}

impl Default for Totals {
    fn default() -> Self {
        let mut values = [const { Vec::new() }; FAMILIES.len()];
        for (values, family) in values.iter_mut().zip(&FAMILIES) {
            let series = match family.read {
                Read::Counts(series) => series.len(),
                Read::Levels(series) => series.len(),
                Read::Latencies => 0,
            };
            values.resize(series, 0);
        }
        Self { values, latencies: Latencies::default() }
    }
}

impl Totals {
    /// Adds the counts of a session, which stay when it is gone.
    pub(super) fn add_counts(&mut self, session: &Counts) {
        for (values, family) in self.values.iter_mut().zip(&FAMILIES) {
            if let Read::Counts(series) = family.read {
                for (value, (_, read)) in values.iter_mut().zip(series) {
                    *value += read(&session.stats);
                }
            }
        }
        self.latencies.add(&session.latencies);
    }

    /// Adds the levels of a session, which go with it.
    pub(super) fn add_levels(&mut self, session: &Counts) {
        for (values, family) in self.values.iter_mut().zip(&FAMILIES) {
            if let Read::Levels(series) = family.read {
                for (value, (_, read)) in values.iter_mut().zip(series) {
                    *value += read(session);
                }
            }
        }
    }

    /// Adds what other sessions have.
    pub(super) fn add(&mut self, others: &Self) {
        for (values, others) in self.values.iter_mut().zip(&others.values) {
            for (value, other) in values.iter_mut().zip(others) {
                *value += other;
            }
        }
        self.latencies.add(&others.latencies);
    }

    /// The values of the series of a metric.
    pub(super) fn of(&self, family: usize) -> &[u64] {
        self.values.get(family).map_or(&[], Vec::as_slice)
    }

    pub(super) const fn latencies(&self) -> &Latencies {
        &self.latencies
    }
}
