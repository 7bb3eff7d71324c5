//! What is peculiar about operations, faults and numbers.

use super::Shrinking;
use crate::scenario::{Act, Op, Set};
use crate::{Fault, Place, Scenario, Side, What};
use cync_core::Stage;
use cync_core::wire::PacketType;
use std::collections::BTreeMap;
use std::time::Duration;

/// Anything that needs another explanation counts more than any value.
const KIND: u128 = 1 << 72;
/// Seeds that are tried.
const SEEDS: u64 = 4;

const fn set_oddness(set: Set) -> u128 {
    match set {
        Set::Power(true) => 0,
        Set::Power(false) => 1,
        Set::Brightness(value) => KIND + value as u128,
        Set::Temperature(value) => 2 * KIND + value as u128,
        Set::Rgb([red, green, blue]) => 3 * KIND + red as u128 + green as u128 + blue as u128,
        Set::Probe => 4 * KIND,
        Set::Relayed(on) => 5 * KIND + !on as u128,
    }
}

/// How much about an operation is unusual.
pub(super) fn oddness_of_op(op: &Op) -> u128 {
    match op.act {
        Act::Send { lamp, set, until, once, deadline } => {
            let fields = u128::from(once) + u128::from(deadline.is_some());
            let lamp = if lamp == 0 { 1 << 8 } else { u128::from(lamp) - 1 };
            let until = u128::from(until != Stage::Acked);
            8 * KIND * (fields + until) + set_oddness(set) + lamp
        }
        Act::Cancel(_) | Act::Ping | Act::Announce => 0,
        Act::Info(len) => u128::from(len),
    }
}

/// How much about a fault is unusual, besides times.
pub(super) fn oddness_of_fault(fault: &Fault) -> u128 {
    let value = match fault.what {
        What::Corrupt(bits) | What::Split(bits) => bits.into(),
        What::Nack(status) => status.into(),
        What::Stall(way, _) => way as u128,
        What::HalfOpen(side)
        | What::Silent(side, _)
        | What::SlowReader(side, _)
        | What::Deaf(side, _) => u128::from(side == Side::Device),
        _ => 0,
    };
    KIND * fault.what.kind() as u128 + value
}

/// Whether operations are in the order of their times.
pub(super) fn is_sorted(ops: &[Op]) -> bool {
    ops.is_sorted_by_key(|op| op.at)
}

/// Plainer things to do.
fn plainer_acts(act: Act) -> Vec<Act> {
    match act {
        Act::Send { lamp, set, until, once, deadline } => {
            let with_set = |set| Act::Send { lamp, set, until, once, deadline };
            let mut all = vec![
                Act::Send { lamp, set, until, once: false, deadline },
                Act::Send { lamp, set, until, once, deadline: None },
                Act::Send { lamp, set, until: Stage::Acked, once, deadline },
                Act::Send { lamp: 1, set, until, once, deadline },
            ];
            let values = |value: u8| [0, 1, value / 2];
            let sets: Vec<Set> = match set {
                Set::Brightness(value) => values(value).map(Set::Brightness).into(),
                Set::Temperature(value) => values(value).map(Set::Temperature).into(),
                Set::Rgb(_) => vec![Set::Rgb([0; 3]), Set::Rgb([1, 0, 0])],
                Set::Relayed(_) => vec![Set::Relayed(true)],
                Set::Power(_) | Set::Probe => Vec::new(),
            };
            all.extend([Set::Power(true), Set::Power(false)].into_iter().chain(sets).map(with_set));
            all
        }
        Act::Info(len) => {
            [0, 1, len / 2, len - len / 4, len.saturating_sub(1)].map(Act::Info).into()
        }
        Act::Cancel(_) | Act::Ping | Act::Announce => Vec::new(),
    }
}

/// Plainer things to go wrong at the same place.
fn plainer_whats(fault: &Fault) -> Vec<What> {
    let mut all = match fault.place {
        Place::Packet(_) => vec![What::Drop, What::Duplicate],
        Place::Tick { .. } => Vec::new(),
        Place::At { .. } => vec![What::Reset],
    };
    let side = Side::Controller;
    match fault.what {
        What::Corrupt(_) => all.extend([1, 2, 3].map(What::Corrupt)),
        What::Split(_) => all.extend((1..=4).map(|place| What::Split(place << 32 | 1_000))),
        What::Nack(_) => all.push(What::Nack(1)),
        What::Amnesia(time) => all.push(What::Reboot(time)),
        What::Stall(_, time) => all.push(What::Stall(crate::Direction::ToDevice, time)),
        What::HalfOpen(_) => all.push(What::HalfOpen(side)),
        What::Silent(_, time) => all.push(What::Silent(side, time)),
        What::SlowReader(_, time) => all.push(What::SlowReader(side, time)),
        What::Deaf(_, time) => all.push(What::Deaf(side, time)),
        _ => {}
    }
    all
}

/// Numbers operations from 0 in the order of their times, and names their packets' faults after them.
fn renumber(scenario: &mut Scenario) {
    let mut next = 0..;
    let numbers: BTreeMap<u32, u32> =
        scenario.work.ops.iter().map(|op| op.number).zip(&mut next).collect();
    let renumbered = |number: &mut u32| {
        if let Some(new) = numbers.get(number) {
            *number = *new;
        }
    };
    for op in &mut scenario.work.ops {
        renumbered(&mut op.number);
        if let Act::Cancel(number) = &mut op.act {
            renumbered(number);
        }
    }
    for fault in &mut scenario.faults {
        if let Place::Packet(copy) = &mut fault.place {
            // Signs of life have a count of their own.
            let heartbeats = [PacketType::HeartbeatDev, PacketType::HeartbeatCloud];
            if !copy.label.kind().is_some_and(|kind| heartbeats.contains(&kind)) {
                renumbered(&mut copy.label.number);
            }
        }
    }
}

impl Shrinking<'_> {
    pub(super) fn plainer_ops(&mut self) {
        let all = |scenario: &mut Scenario, change: fn(&mut Act)| {
            scenario.work.ops.iter_mut().for_each(|op| change(&mut op.act));
        };
        self.change(|scenario| {
            all(scenario, |act| {
                if let Act::Send { once, deadline, until, .. } = act {
                    (*once, *deadline, *until) = (false, None::<Duration>, Stage::Acked);
                }
            });
        });
        self.change(|scenario| {
            all(scenario, |act| {
                if let Act::Send { set, .. } = act {
                    *set = Set::Power(true);
                }
            });
        });
        for nth in 0..self.best.work.ops.len() {
            while let Some(act) = self.best.work.ops.get(nth).map(|op| op.act)
                && plainer_acts(act)
                    .into_iter()
                    .any(|act| self.change(|scenario| scenario.work.ops[nth].act = act))
            {
            }
        }
        self.change(|scenario| scenario.work.until = None);
    }

    pub(super) fn plainer_faults(&mut self) {
        for nth in 0..self.best.faults.len() {
            while let Some(fault) = self.best.faults.get(nth).copied()
                && plainer_whats(&fault)
                    .into_iter()
                    .any(|what| self.change(|scenario| scenario.faults[nth].what = what))
            {
            }
        }
    }

    pub(super) fn plainer_numbers(&mut self) {
        self.change(|scenario| scenario.work.ops.sort_by_key(|op| op.at));
        self.change(renumber);
        for seed in 1..=SEEDS {
            self.change(|scenario| scenario.seed = seed);
        }
    }
}
