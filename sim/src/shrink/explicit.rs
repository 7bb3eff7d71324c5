//! Draws become explicit faults, and the workload explicit operations.

use super::Shrinking;
use super::list::without_empty_cancels;
use crate::scenario::Work;
use crate::world::Recording;
use crate::{Fault, Scenario};
use std::collections::BTreeSet;

/// What went wrong, each of it once.
fn faults(recording: &Recording) -> Vec<Fault> {
    let mut known = BTreeSet::new();
    recording.faults.iter().filter(|fault| known.insert(**fault)).copied().collect()
}

fn without_chaos(scenario: &mut Scenario, recording: Option<&Recording>) {
    scenario.chaos.clear();
    if let Some(recording) = recording {
        scenario.faults = faults(recording);
    }
}

fn without_workload(scenario: &mut Scenario, recording: Option<&Recording>) {
    let ops = recording.map_or(&scenario.work.ops, |recording| &recording.ops).clone();
    scenario.work = Work { ops, ..Work::default() };
    without_empty_cancels(scenario);
}

/// A run without draws, as it was recorded.
#[cfg(test)]
pub(super) fn explicit(scenario: &Scenario, recording: &Recording) -> Scenario {
    let mut scenario = scenario.clone();
    without_chaos(&mut scenario, Some(recording));
    without_workload(&mut scenario, Some(recording));
    scenario
}

impl Shrinking<'_> {
    /// Replaces what is drawn by what was drawn: all of it, or else as much as still breaks the invariant.
    pub(super) fn make_explicit(&mut self) {
        if self.weight.is_explicit() {
            return;
        }
        let recording = self.found.recording.clone();
        let recording = recording.as_ref();
        let all = self.change(|scenario| {
            without_chaos(scenario, recording);
            without_workload(scenario, recording);
        });
        if !all {
            self.change(|scenario| without_workload(scenario, recording));
            let recording = self.found.recording.clone();
            self.change(|scenario| without_chaos(scenario, recording.as_ref()));
        }
    }

    /// Drops the operations and the faults to which the run never came.
    pub(super) fn drop_without_effect(&mut self) {
        let Some(recording) = &self.found.recording else { return };
        let done: BTreeSet<u32> = recording.ops.iter().map(|op| op.number).collect();
        let happened: BTreeSet<Fault> = recording.faults.iter().copied().collect();
        self.change(|scenario| {
            scenario.work.ops.retain(|op| done.contains(&op.number));
            scenario.faults.retain(|fault| happened.contains(fault));
            without_empty_cancels(scenario);
        });
    }
}
