//! One runtime, number in flight and number of connections: contenders taking turns.

use crate::Outcome;
use crate::load::Turn;
use crate::options::{Contender, RuntimeName};
use crate::pair::Pair;
use std::time::Duration;

/// Ours, the yardstick, and another for information.
pub(crate) const CONTENDERS: [Contender; 3] =
    [Contender::Cync, Contender::Echo, Contender::Coalescing];

/// What is measured.
#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) runtime: RuntimeName,
    /// Requests in flight on each connection.
    pub(crate) depth: usize,
    pub(crate) connections: usize,
}

/// How often, and for how long each time.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) turns: usize,
    pub(crate) length: Duration,
}

/// The turns of a contender.
pub(crate) struct Measured(pub(crate) Contender, pub(crate) Vec<Turn>);

impl Measured {
    /// The median over the turns.
    pub(crate) fn median(&self, of: fn(&Turn) -> f64) -> f64 {
        median(self.1.iter().map(of).collect())
    }

    /// How many times as much as `other`: the median over the turns of one pair, which had the same machine.
    pub(crate) fn ratio(&self, other: &Self, of: fn(&Turn) -> f64) -> f64 {
        median(self.1.iter().zip(&other.1).map(|(a, b)| of(a) / of(b)).collect())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

impl Cell {
    /// Lets the contenders take turns, in the opposite order each time.
    pub(crate) fn measure(self, effort: Effort) -> Outcome<Vec<Measured>> {
        let mut pairs = Vec::new();
        for contender in CONTENDERS {
            let mut pair = Pair::start(self.runtime, contender, self.depth)?;
            pair.open(self.connections)?;
            // Not counted: what is done for the first time takes longer.
            pair.turn(effort.length)?;
            pairs.push((pair, Measured(contender, Vec::new())));
        }
        for _ in 0..effort.turns {
            for (pair, Measured(_, turns)) in &mut pairs {
                turns.push(pair.turn(effort.length)?);
            }
            pairs.reverse();
        }
        if effort.turns % 2 == 1 {
            pairs.reverse();
        }
        Ok(pairs.into_iter().map(|(_, measured)| measured).collect())
    }
}
