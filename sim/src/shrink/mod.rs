//! From a scenario that breaks an invariant to the smallest one that breaks the same invariant.
//!
//! Every pass proposes scenarios that weigh less (`weight.rs`); one that still breaks the invariant takes the place of the best
//! so far. Passes repeat until none of them finds anything. A proposal is never tried twice, nothing depends on chance or on
//! the clock, and the weight only falls: equal input, equal result, and always an end.

mod bulk;
mod explicit;
mod list;
mod regression;
mod settings;
#[cfg(test)]
mod tests;
mod times;
mod topology;
mod values;
mod weight;

pub use regression::to_test;

use crate::Scenario;
use crate::explore;
use crate::world::{Recording, Stop};
use list::without_empty_cancels;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::hash::Hasher;
use weight::Weight;

/// Enough runs for anything that was seen so far, by far; the bound keeps a scenario in which everything matters from taking
/// hours.
pub const MOST_RUNS: u64 = 20_000;

/// A scenario broke an invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Which one.
    pub invariant: &'static str,
    /// What was wrong.
    pub message: String,
    /// What was done and what went wrong, if it was recorded: it makes draws explicit.
    pub recording: Option<Recording>,
}

/// How far shrinking is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Scenarios that were tried.
    pub runs: u64,
    /// Those that took the place of a larger one.
    pub steps: u64,
    /// Commands that the smallest one draws, and explicit operations.
    pub ops: u64,
    /// Its explicit faults.
    pub faults: u64,
}

/// What is left of a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shrunk {
    /// The smallest scenario that still breaks the invariant.
    pub scenario: Scenario,
    /// The invariant.
    pub invariant: &'static str,
    /// What is wrong in the smallest scenario.
    pub message: String,
    /// Scenarios that were tried.
    pub runs: u64,
    /// Those that took the place of a larger one.
    pub steps: u64,
    /// Nothing in it is left to draws: it has neither a workload nor chaos.
    pub explicit: bool,
    /// The bound on runs was reached: there may be a smaller one.
    pub exhausted: bool,
}

/// Runs a scenario, with a record; what it breaks, if it does. One whose configuration is refused breaks nothing.
pub fn breaks(scenario: &Scenario) -> Option<Found> {
    breaks_until(scenario, Stop::default())
}

/// As [`breaks()`], and ends early when it is to: then nothing is known to break, unless it did by then.
pub fn breaks_until(scenario: &Scenario, stop: Stop) -> Option<Found> {
    let outcome = explore::check_until(scenario, true, stop).ok()?;
    let violation = outcome.broken?.violation;
    let recording = Some(outcome.recording);
    Some(Found { invariant: violation.invariant, message: violation.what, recording })
}

/// The smallest scenario that breaks what this one does; `None` if it breaks nothing. It is one that [`Scenario::check`] finds
/// nothing wrong with, unless that finds something wrong with the given one, and without what is wrong nothing breaks.
///
/// `breaks` says what a scenario breaks, and the same of the same scenario every time; [`breaks()`] runs it. `progress` is told
/// after each of the runs, of which there are `most_runs` at most.
pub fn shrink(
    scenario: &Scenario,
    most_runs: u64,
    breaks: &mut dyn FnMut(&Scenario) -> Option<Found>,
    progress: &mut dyn FnMut(&Progress),
) -> Option<Shrunk> {
    let found = breaks(scenario)?;
    let best = scenario.clone();
    let weight = Weight::of(&best);
    let sound = best.check().is_ok();
    let tried = BTreeSet::new();
    let (runs, steps) = (1, 0);
    let mut shrinking =
        Shrinking { breaks, progress, best, weight, sound, found, tried, runs, steps, most_runs };
    while shrinking.all_passes() {}
    let Shrinking { best, weight, found, runs, steps, .. } = shrinking;
    Some(Shrunk {
        scenario: best,
        invariant: found.invariant,
        message: found.message,
        runs,
        steps,
        explicit: weight.is_explicit(),
        exhausted: runs >= most_runs,
    })
}

/// Shrinking, under way.
struct Shrinking<'a> {
    breaks: &'a mut dyn FnMut(&Scenario) -> Option<Found>,
    progress: &'a mut dyn FnMut(&Progress),
    /// The smallest so far, what it weighs, and what it breaks.
    best: Scenario,
    weight: Weight,
    /// Nothing is wrong with it, and nothing must be with any that takes its place.
    sound: bool,
    found: Found,
    /// Hashes of what was tried.
    tried: BTreeSet<u64>,
    runs: u64,
    steps: u64,
    most_runs: u64,
}

impl Shrinking<'_> {
    /// Whether anything was found.
    fn all_passes(&mut self) -> bool {
        let before = self.steps;
        self.change(without_empty_cancels);
        self.make_explicit();
        self.in_bulk();
        self.drop_without_effect();
        self.fewer_faults();
        self.fewer_ops();
        self.drop_without_effect();
        self.plainer_chaos();
        self.plainer_settings();
        self.smaller_topology();
        self.plainer_ops();
        self.plainer_faults();
        self.rounder_durations();
        self.rounder_times();
        self.plainer_numbers();
        self.fewer_pairs();
        self.steps > before
    }

    /// Tries a scenario; whether it is the best one now.
    fn offer(&mut self, candidate: Scenario) -> bool {
        let weight = Weight::of(&candidate);
        if weight >= self.weight
            || self.runs >= self.most_runs
            || !self.tried.insert(print(&candidate))
        {
            return false;
        }
        let sound = candidate.check().is_ok();
        if self.sound && !sound {
            return false;
        }
        self.runs += 1;
        let found = (self.breaks)(&candidate).filter(|it| it.invariant == self.found.invariant);
        let better = found.is_some();
        if let Some(found) = found {
            self.steps += 1;
            (self.best, self.weight, self.sound, self.found) = (candidate, weight, sound, found);
        }
        let best = &self.best;
        (self.progress)(&Progress {
            runs: self.runs,
            steps: self.steps,
            ops: best.work.commands + best.work.ops.len() as u64,
            faults: best.faults.len() as u64,
        });
        better
    }

    /// Tries the best scenario with a change.
    fn change(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        self.offer(candidate)
    }
}

/// A hash of all of a scenario.
fn print(scenario: &Scenario) -> u64 {
    struct Print(std::hash::DefaultHasher);
    impl Write for Print {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut print = Print(std::hash::DefaultHasher::new());
    // Writing into a hash does not fail.
    let _ = write!(print, "{scenario:?}");
    print.0.finish()
}
