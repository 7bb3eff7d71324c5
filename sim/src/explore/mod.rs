//! Scenarios drawn from a seed, each with some kinds of faults turned off and the others weighted wildly.
//!
//! A schedule in which everything goes wrong a little is like every other one. What is off lets what is on go far: a swarm of
//! such schedules reaches states that no single setting does.

mod check;
mod extras;
mod faults;
mod sessions;
mod sweep;
mod tasks;

pub use check::{RUNS, check, check_until};
pub use sweep::{Hit, Sweep};

use crate::Scenario;
use crate::chaos::below;
use cync_core::mix;

/// The scenario of this seed. Equal seeds give equal scenarios, in every build of one version.
pub fn draw(seed: u64) -> Scenario {
    let mut dice = Dice::new(seed);
    let mut scenario = Scenario {
        name: format!("seed {seed}"),
        about: "Drawn by cync explore.".into(),
        seed,
        ..Scenario::default()
    };
    sessions::draw(&mut dice, &mut scenario);
    tasks::draw(&mut dice, &mut scenario);
    faults::draw(&mut dice, &mut scenario);
    extras::draw(&mut dice, &mut scenario);
    scenario
}

/// Draws in a row: each depends on the seed and on how many there were before.
struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    const fn new(seed: u64) -> Self {
        Self { seed: mix(seed ^ 0x0065_7870_6c6f_7265), thrown: 0 }
    }

    const fn bits(&mut self) -> u64 {
        self.thrown += 1;
        mix(self.seed ^ mix(self.thrown))
    }

    /// Below `limit`.
    fn below(&mut self, limit: u64) -> u64 {
        below(self.bits(), limit)
    }

    /// True once in `times`.
    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.below(all.len() as u64);
        all.get(at as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_gives_a_scenario_that_can_be_run_and_breaks_nothing() {
        for seed in 0..300 {
            let scenario = draw(seed);
            assert_eq!(Scenario::parse(&scenario.to_toml()).as_ref(), Ok(&scenario), "seed {seed}");
            let outcome = check(&scenario, false);
            let outcome = outcome.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(outcome.broken, None, "seed {seed}");
        }
    }
}
