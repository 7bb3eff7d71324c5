//! Fewer of a list: delta debugging.

use super::Shrinking;
use crate::scenario::{Act, Op, Scenario};
use crate::{Fault, Place};
use std::collections::BTreeSet;

/// So many operations and faults together are tried without every two of them.
const PAIRS: usize = 16;
/// The least number of neighbours that are worth a run while runs are long.
const COARSE: usize = 8;

/// A list in a scenario from which things can be taken.
pub(super) trait List {
    /// What is in it.
    type Item: Copy;
    /// The list.
    fn of(scenario: &mut Scenario) -> &mut Vec<Self::Item>;
}

/// The explicit faults.
pub(super) struct Faults;
/// The explicit operations.
pub(super) struct Ops;

impl List for Faults {
    type Item = Fault;

    fn of(scenario: &mut Scenario) -> &mut Vec<Fault> {
        &mut scenario.faults
    }
}

impl List for Ops {
    type Item = Op;

    fn of(scenario: &mut Scenario) -> &mut Vec<Op> {
        &mut scenario.work.ops
    }
}

/// Nobody cancels what nobody sends, or sends on another link.
pub(super) fn without_empty_cancels(scenario: &mut Scenario) {
    let ops = &mut scenario.work.ops;
    if !ops.iter().any(|op| matches!(op.act, Act::Cancel(_))) {
        return;
    }
    let sends = ops.iter().filter(|op| matches!(op.act, Act::Send { .. }));
    let sent: BTreeSet<(u32, u16)> = sends.map(|op| (op.number, op.link)).collect();
    ops.retain(|op| match op.act {
        Act::Cancel(number) => sent.contains(&(number, op.link)),
        _ => true,
    });
}

impl Shrinking<'_> {
    /// Takes whatever does not pass.
    pub(super) fn keep<L: List>(&mut self, mut passes: impl FnMut(&L::Item) -> bool) -> bool {
        self.change(|scenario| {
            L::of(scenario).retain(|item| passes(item));
            without_empty_cancels(scenario);
        })
    }

    /// Takes so many neighbours at a time, the last ones first.
    fn thin_out<L: List>(&mut self, size: usize) -> bool {
        let before = self.steps;
        let mut end = L::of(&mut self.best).len();
        while end > 0 {
            let start = end.saturating_sub(size);
            self.change(|scenario| {
                let list = L::of(scenario);
                list.drain(start.min(list.len())..end.min(list.len()));
                without_empty_cancels(scenario);
            });
            end = start.min(L::of(&mut self.best).len());
        }
        self.steps > before
    }

    /// All at once, halves, quarters, and so on, and one by one until none can be spared.
    fn delta_debug<L: List>(&mut self, least: usize) {
        let mut size = L::of(&mut self.best).len();
        while size > least {
            self.thin_out::<L>(size);
            size = size.min(L::of(&mut self.best).len()).div_ceil(2);
        }
        while least <= 1 && self.thin_out::<L>(1) {}
    }

    pub(super) fn fewer_faults(&mut self) {
        self.delta_debug::<Faults>(1);
    }

    pub(super) fn fewer_ops(&mut self) {
        self.delta_debug::<Ops>(1);
    }

    /// Large parts of the operations only: it makes runs shorter.
    pub(super) fn many_fewer_ops(&mut self) {
        let least = COARSE.max(self.best.work.ops.len() / 16);
        self.delta_debug::<Ops>(least);
    }

    /// Every two of a few operations and faults, which may make up for each other.
    pub(super) fn fewer_pairs(&mut self) {
        let count = |scenario: &Scenario| scenario.work.ops.len() + scenario.faults.len();
        let mut first = 0;
        while first < count(&self.best) && count(&self.best) <= PAIRS {
            let mut second = first + 1;
            let mut found = false;
            while second < count(&self.best) && !found {
                found = self.change(|scenario| {
                    for nth in [second, first] {
                        let ops = scenario.work.ops.len();
                        if nth < ops {
                            scenario.work.ops.remove(nth);
                        } else {
                            scenario.faults.remove(nth - ops);
                        }
                    }
                    without_empty_cancels(scenario);
                });
                second += 1;
            }
            first = if found { 0 } else { first + 1 };
        }
    }
}

/// The link of a fault.
pub(super) const fn link_of(fault: &Fault) -> u16 {
    match fault.place {
        Place::Packet(copy) => copy.link,
        Place::Tick { link, .. } | Place::At { link, .. } => link,
    }
}

/// The link of a fault, to be changed.
pub(super) const fn link_of_mut(fault: &mut Fault) -> &mut u16 {
    match &mut fault.place {
        Place::Packet(copy) => &mut copy.link,
        Place::Tick { link, .. } | Place::At { link, .. } => link,
    }
}
