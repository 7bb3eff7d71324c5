//! What few scenarios have, each now and then: drawn behind everything else, so that the rest of a seed is as it is without.

use super::Dice;
use super::tasks::BEGIN;
use crate::scenario::{Act, Op, Phase, Work, Workload};
use crate::{
    ChaosConfig, Copy, Direction, DropPattern, Fault, Label, LatencyProfile, Place, Scenario, Side,
    What,
};
use std::time::Duration;

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(super) fn draw(dice: &mut Dice, scenario: &mut Scenario) {
    if dice.once_in(4) {
        // A connection lasts, and the waits behind it begin again.
        let stable = Some(ms([400, 2_000][dice.below(2) as usize]));
        (scenario.controller.redial_stable, scenario.device.redial_stable) = (stable, stable);
    }
    if dice.once_in(6) {
        let longest = 20 + dice.below(800);
        for op in &mut scenario.work.ops {
            if let Act::Info(bytes) = &mut op.act {
                *bytes = 1 + dice.below(longest) as u16;
            }
        }
    }
    if dice.once_in(4) {
        (0..1 + dice.below(6)).for_each(|_| single(dice, scenario));
    }
    if dice.once_in(10) {
        workload(dice, scenario);
    }
    if dice.once_in(8) {
        other_chaos(dice, scenario);
    }
    if dice.once_in(8) {
        // The end comes in the middle of everything.
        let last = scenario.work.ops.iter().map(|op| op.at).max().unwrap_or(ms(BEGIN));
        let end = last + ms(1 + dice.below(60));
        scenario
            .faults
            .retain(|fault| !matches!(fault.place, Place::At { time, .. } if time >= end));
        scenario.duration = Some(end);
    }
}

/// One fault of one copy of a command or of the answers to it, or of one tick.
fn single(dice: &mut Dice, scenario: &mut Scenario) {
    let op = scenario.work.ops.get(dice.below(scenario.work.ops.len() as u64) as usize).copied();
    let Some(Op { number, link, act: Act::Send { .. }, .. }) = op else { return };
    let time = Duration::from_micros(1 + dice.below(400_000));
    let bits = dice.bits() | 1;
    if dice.once_in(5) {
        let side = Side::BOTH[dice.below(2) as usize];
        let place = Place::Tick { link, side, nth: dice.below(40) };
        let what = [What::LateTick(time), What::EarlyTick][dice.below(2) as usize];
        return scenario.faults.push(Fault { place, what });
    }
    let (way, kind, frame) = [
        (Direction::ToDevice, 0x73, 0xf8),
        (Direction::ToDevice, 0x73, 0xf8),
        (Direction::FromDevice, 0x7b, 0),
        (Direction::FromDevice, 0x73, 0xf9),
        (Direction::FromDevice, 0x83, 0xfa),
        (Direction::ToDevice, 0x88, 0),
    ][dice.below(6) as usize];
    let label = Label { kind, frame, number };
    let copy = Copy { link, way, label, attempt: 1 + dice.below(3) as u32 };
    // For good, for another reason, and for the time being: busy.
    let status = [1, 2, 0xb5][dice.below(3) as usize];
    let what = [
        What::Drop,
        What::Duplicate,
        What::Delay(time),
        What::Reorder(time),
        What::Corrupt(bits),
        What::Split(bits),
        What::Coalesce(time),
        What::Nack(status),
        What::Slow(time),
    ][dice.below(9) as usize];
    scenario.faults.push(Fault { place: Place::Packet(copy), what });
}

/// Commands as somebody sends them, besides the operations.
fn workload(dice: &mut Dice, scenario: &mut Scenario) {
    let every = ms(1 + dice.below(400));
    let size = 1 + dice.below(60) as u16;
    let workers = 1 + dice.below(scenario.topology.lamps.into()) as u8;
    let workload = [
        Workload::Closed { workers },
        Workload::Steady { every },
        Workload::Burst { size, every },
        Workload::Group,
        Workload::Random { gap: every },
    ][dice.below(5) as usize];
    let commands = 1 + dice.below(80);
    let ops = std::mem::take(&mut scenario.work.ops);
    scenario.work = Work { workload: Some(workload), commands, ops, ..Work::default() };
}

/// Losses by a pattern, times of real devices, or none of it from some command on.
fn other_chaos(dice: &mut Dice, scenario: &mut Scenario) {
    let sends = scenario.work.ops.iter().filter(|op| matches!(op.act, Act::Send { .. })).count();
    let commands = scenario.work.commands + sends as u64;
    let (first, every) = (1 + dice.below(5), 1 + dice.below(6));
    let (choice, after_commands) = (dice.below(3), 1 + dice.below(commands.max(2) - 1));
    let Some(begin) = scenario.chaos.first_mut() else { return };
    match choice {
        0 => begin.to_device.drop_pattern = Some(DropPattern::Every { first, every }),
        1 => {
            let to = &mut begin.to_device;
            to.latency_profile = Some(LatencyProfile::Captured);
            (to.latency, to.latency_variance) = (Duration::ZERO, Duration::ZERO);
        }
        _ if after_commands < commands => {
            let (to_device, from_device) = (ChaosConfig::NONE, ChaosConfig::NONE);
            scenario.chaos.push(Phase { after_commands, to_device, from_device });
        }
        _ => {}
    }
}
