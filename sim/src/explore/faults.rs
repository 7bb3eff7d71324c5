//! What goes wrong.

use super::Dice;
use super::tasks::BEGIN;
use crate::scenario::{Act, Op, Phase, QueueOverride};
use crate::{ChaosConfig, Direction, Fault, FaultKind, Place, Ppm, Scenario, Side, What};
use cync_core::QueuePolicy;
use std::time::Duration;

pub(super) fn draw(dice: &mut Dice, scenario: &mut Scenario) {
    let on = FaultKind::ALL.map(|_| dice.once_in(2));
    // Now and then one kind alone.
    let on = if dice.once_in(8) {
        let only = dice.below(on.len() as u64) as usize;
        let mut alone = on.map(|_| false);
        alone.iter_mut().skip(only).take(1).for_each(|kind| *kind = true);
        alone
    } else {
        on
    };
    let on = |kind: FaultKind| on.get(kind as usize).copied().unwrap_or(false);
    let to_device = chaos(dice, &on);
    let from_device = if dice.once_in(4) { ChaosConfig::NONE } else { chaos(dice, &on) };
    scenario.chaos = vec![Phase { after_commands: 0, to_device, from_device }];
    if on(FaultKind::Reset) && dice.once_in(4) {
        storm(dice, scenario);
    }
    if on(FaultKind::Deaf) && dice.once_in(2) {
        neglect(dice, scenario);
    }
    let end = scenario.work.ops.last().map_or(0, |op| op.at.as_millis() as u64);
    let links = scenario.topology.controllers * scenario.topology.devices;
    for kind in FaultKind::ALL.into_iter().filter(|kind| on(*kind)) {
        for _ in 0..1 + dice.below(2) {
            let link = dice.below(links.into()) as u16;
            // Also shortly before and after.
            let time = BEGIN - 500 + dice.below(end - BEGIN + 2_000);
            let Some(what) = timed(dice, kind) else { continue };
            let place = Place::At { link, time: Duration::from_millis(time) };
            scenario.faults.push(Fault { place, what });
        }
    }
}

/// A connection that is cut again and again, sooner than it is stable.
fn storm(dice: &mut Dice, scenario: &mut Scenario) {
    for nth in 0..30 {
        let time = Duration::from_millis(BEGIN + nth * 1_500 + dice.below(900));
        scenario.faults.push(Fault { place: Place::At { link: 0, time }, what: What::Reset });
    }
    // Somebody looks on.
    let at = Duration::from_millis(BEGIN + 50_000);
    let number = scenario.work.ops.len() as u32;
    scenario.work.ops.push(Op { number, at, link: 0, act: Act::Ping });
}

/// An application that leaves a small inbox full for longer than a silent peer is borne.
fn neglect(dice: &mut Dice, scenario: &mut Scenario) {
    let side = Side::BOTH[dice.below(2) as usize];
    let ms = Duration::from_millis;
    for one in [&mut scenario.controller, &mut scenario.device] {
        (one.heartbeat, one.silence) = (Some(ms(900)), Some(ms(2_500)));
    }
    let deaf = match side {
        Side::Controller => &mut scenario.controller,
        Side::Device => &mut scenario.device,
    };
    let limit = Some(1 + dice.below(2) as u16);
    let lane = QueueOverride { limit, policy: Some(QueuePolicy::Block) };
    (deaf.inbox_messages, deaf.inbox_states) = (lane, lane);
    let place = Place::At { link: 0, time: ms(BEGIN - 100) };
    let what = What::Deaf(side, ms(5_000 + dice.below(5_000)));
    scenario.faults.push(Fault { place, what });
}

fn chaos(dice: &mut Dice, on: &impl Fn(FaultKind) -> bool) -> ChaosConfig {
    let mut rate = |kind: FaultKind| {
        let percent = [1, 5, 20, 50][dice.below(4) as usize];
        if on(kind) { Ppm::new(percent * 10_000).unwrap_or(Ppm::ZERO) } else { Ppm::ZERO }
    };
    let mut chaos = ChaosConfig {
        packet_loss_rate: rate(FaultKind::Drop),
        duplicate_rate: rate(FaultKind::Duplicate),
        reorder_rate: rate(FaultKind::Reorder),
        corruption_rate: rate(FaultKind::Corrupt),
        split_rate: rate(FaultKind::Split),
        coalesce_rate: rate(FaultKind::Coalesce),
        nack_rate: rate(FaultKind::Nack),
        slow_rate: rate(FaultKind::Slow),
        late_tick_rate: rate(FaultKind::LateTick),
        early_tick_rate: rate(FaultKind::EarlyTick),
        ..ChaosConfig::NONE
    };
    let ms = Duration::from_millis;
    if on(FaultKind::Delay) {
        chaos.latency = ms([5, 80, 300][dice.below(3) as usize]);
        chaos.latency_variance = ms([0, 5, 80, 300][dice.below(4) as usize]);
    }
    chaos.reorder_delay = ms([20, 100, 400][dice.below(3) as usize]);
    chaos.slow = ms([5, 200, 1_500][dice.below(3) as usize]);
    chaos.late_tick = ms([1, 50, 700][dice.below(3) as usize]);
    chaos.pause = ms([2, 50, 300][dice.below(3) as usize]);
    chaos.corruption_bytes = 1 + dice.below(3) as u8;
    chaos
}

/// One fault of a kind that happens at a time.
fn timed(dice: &mut Dice, kind: FaultKind) -> Option<What> {
    let mut ms = |most: &[u64]| {
        let most = dice.pick(most).unwrap_or(1);
        Duration::from_millis(1 + dice.below(most))
    };
    let short = ms(&[20, 200, 600]);
    let long = ms(&[100, 1_000, 5_000]);
    let side = Side::BOTH[dice.below(2) as usize];
    let way = [Direction::ToDevice, Direction::FromDevice][dice.below(2) as usize];
    Some(match kind {
        FaultKind::Stall => What::Stall(way, short),
        FaultKind::Reset => What::Reset,
        FaultKind::HalfOpen => What::HalfOpen(side),
        FaultKind::Partition => What::Partition(long),
        FaultKind::Silent => What::Silent(side, long),
        FaultKind::RefuseHello => What::RefuseHello(long),
        FaultKind::SlowReader => What::SlowReader(side, short),
        FaultKind::Deaf => What::Deaf(side, long),
        FaultKind::Reboot => What::Reboot(long),
        FaultKind::Amnesia => What::Amnesia(long),
        _ => return None,
    })
}
