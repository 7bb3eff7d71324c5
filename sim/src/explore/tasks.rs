//! What is asked of them.

use super::Dice;
use crate::Scenario;
use crate::scenario::{Act, Op, Set};
use cync_core::Stage;
use std::time::Duration;

/// The work begins when everybody has had the time to greet.
pub(super) const BEGIN: u64 = 3_000;

pub(super) fn draw(dice: &mut Dice, scenario: &mut Scenario) {
    let count = 4 + dice.below(40);
    // From all at once to one a second; mostly near each other.
    let gap = [0, 3, 30, 120, 400, 1_000][dice.below(6) as usize];
    let chatty = dice.below(4);
    let lamps = u64::from(scenario.topology.lamps);
    let links = u64::from(scenario.topology.controllers) * u64::from(scenario.topology.devices);
    let same = dice.once_in(3);
    let mut at = BEGIN;
    for number in 0..count as u32 {
        at += dice.below(gap + 1);
        let mut link = dice.below(links) as u16;
        let sent = scenario.work.ops.get(dice.below(number.into()) as usize);
        let sent = sent.filter(|op| matches!(op.act, Act::Send { .. })).copied();
        let act = match (dice.below(16), sent) {
            (0, Some(sent)) => {
                link = sent.link;
                Act::Cancel(sent.number)
            }
            (1, _) => Act::Ping,
            (2 | 3, _) if chatty > 0 => Act::Announce,
            (4 | 5, _) if chatty > 1 => Act::Info(1 + dice.below(60) as u16),
            _ => send(dice, if same { 1 } else { lamps }, same),
        };
        scenario.work.ops.push(Op { number, at: Duration::from_millis(at), link, act });
    }
}

fn send(dice: &mut Dice, lamps: u64, same: bool) -> Act {
    let lamp = if dice.once_in(8) { 0 } else { 1 + dice.below(lamps) as u8 };
    let value = dice.below(101) as u8;
    let set = match dice.below(if same { 5 } else { 11 }) {
        0..=2 => Set::Power(value.is_multiple_of(2)),
        3 => Set::Relayed(value.is_multiple_of(2)),
        4..=6 => Set::Brightness(value),
        7 => Set::Temperature(value),
        8 | 9 => Set::Rgb([value, 3, 100 - value]),
        _ => Set::Probe,
    };
    Act::Send {
        lamp,
        set,
        until: [Stage::Acked, Stage::Executed, Stage::Executed][dice.below(3) as usize],
        once: dice.once_in(8),
        deadline: match dice.below(16) {
            0..=3 => Some(Duration::from_millis(1_500)),
            4 => Some(Duration::ZERO),
            _ => None,
        },
    }
}
