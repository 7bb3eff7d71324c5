//! Contenders that do the same work, and how long each takes when they take turns.

use crate::alloc::allocations;
use std::time::{Duration, Instant};

/// How long one turn of most contenders takes, about.
pub const TURN: Duration = Duration::from_millis(1);

/// The name this library's contenders begin with.
pub const OURS: &str = "cync";

/// One that does the work.
pub struct Contender {
    /// Who.
    pub name: &'static str,
    /// Does the work so many times.
    pub work: Box<dyn FnMut(u64)>,
}

impl Contender {
    /// A contender by name and work.
    pub fn new(name: &'static str, work: impl FnMut(u64) + 'static) -> Self {
        Self { name, work: Box::new(work) }
    }
}

/// The same work for all contenders. They are made when their turn comes: some need a gigabyte.
pub struct Contest {
    /// What is done, and under which circumstances.
    pub name: &'static str,
    /// How long one turn takes, about: long enough that what comes before and after the work does not count.
    pub turn: Duration,
    /// Makes the contenders.
    pub contenders: fn() -> Vec<Contender>,
}

/// What was measured of a contender.
pub struct Measured {
    /// Who.
    pub name: &'static str,
    /// Nanoseconds of one work, of every turn.
    pub nanos: Vec<f64>,
    /// Allocations of one work.
    pub allocations: f64,
}

impl Measured {
    /// Nanoseconds that `percent` of the turns did not exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        percentile(self.nanos.clone(), percent)
    }

    /// How many times as long as `other` it took: the median over the turns, in each of which both had the same machine.
    pub fn ratio(&self, other: &Self) -> f64 {
        let turns = self.nanos.iter().zip(&other.nanos);
        percentile(turns.map(|(ours, theirs)| ours / theirs).collect(), 50)
    }
}

impl Contest {
    /// Lets the contenders take so many turns each, one after the other.
    ///
    /// # Panics
    /// If a contender of this library allocates.
    pub fn run(&self, turns: usize) -> Vec<Measured> {
        let mut contenders: Vec<_> = (self.contenders)()
            .into_iter()
            .map(|mut contender| {
                let works = works_per_turn(&mut contender, self.turn);
                let counted = allocations(|| (contender.work)(works)) as f64 / works as f64;
                assert!(counted == 0.0 || !contender.name.starts_with(OURS), "{}", self.name);
                let nanos = Vec::with_capacity(turns);
                (
                    contender.work,
                    works,
                    Measured { name: contender.name, nanos, allocations: counted },
                )
            })
            .collect();
        for _ in 0..turns {
            for (work, works, measured) in &mut contenders {
                let start = Instant::now();
                work(*works);
                measured.nanos.push(start.elapsed().as_nanos() as f64 / *works as f64);
            }
        }
        contenders.into_iter().map(|(_, _, measured)| measured).collect()
    }
}

fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * percent / 100]
}

/// Finds how often the work is done in one turn, and warms up on the way.
fn works_per_turn(contender: &mut Contender, turn: Duration) -> u64 {
    let mut works = 1;
    loop {
        let start = Instant::now();
        (contender.work)(works);
        if start.elapsed() >= turn {
            return works;
        }
        works *= 2;
    }
}
