//! Topologies and configurations, all of which keep the rules of a session.

use super::Dice;
use crate::scenario::{Overrides, QueueOverride, Topology};
use crate::sized::Size;
use crate::{Scenario, Side};
use cync_core::QueuePolicy;
use std::num::NonZeroU16;
use std::time::Duration;

const fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

pub(super) fn draw(dice: &mut Dice, scenario: &mut Scenario) {
    scenario.topology = Topology {
        controllers: if dice.once_in(10) { 2 } else { 1 },
        devices: [1, 1, 1, 2, 3][dice.below(5) as usize],
        lamps: [1, 2, 4][dice.below(3) as usize],
        // No timer runs out before an answer can come.
        round_trip: ms([45, 2, 200][dice.below(3) as usize]),
        dials: Side::BOTH[dice.below(2) as usize],
    };
    let counters = [2, 4, 1][dice.below(3) as usize];
    let copy_lifetime = dice.pick(&[None, Some(ms(700)), Some(ms(4_000))]).flatten();
    let liveness = dice.pick(&[None, None, Some((ms(900), ms(2_500)))]).flatten();
    let sizes = [Size::Small, Size::Compact, Size::Full];
    let sizes = [sizes[dice.below(3) as usize], sizes[dice.below(3) as usize]];
    // Either side remembers what the other has in use.
    let smallest = sizes.iter().map(|size| size.seen()).min().unwrap_or(0);
    let places = 1 << (smallest / counters).ilog2();
    let tight = dice.once_in(2);
    for (side, size) in Side::BOTH.into_iter().zip(sizes) {
        let mut one = own(dice, size, places);
        one.counters = Some(counters as u8);
        one.copy_lifetime = copy_lifetime;
        one.dedup_ttl = tight.then_some(Duration::ZERO);
        one.redial_cap = Some(ms(2_000));
        if let Some((heartbeat, silence)) = liveness {
            (one.heartbeat, one.silence) = (Some(heartbeat), Some(silence));
        }
        match side {
            Side::Controller => scenario.controller = one,
            Side::Device => scenario.device = one,
        }
    }
    scenario.device.manual = dice.once_in(3);
}

fn own(dice: &mut Dice, size: Size, places: u16) -> Overrides {
    let window = 1 + dice.below(u64::from(places.min(4))) as u16;
    let policies = [QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject];
    let mut lane = |most: u64| {
        let limit = Some(1 + dice.below(most) as u16);
        QueueOverride { limit, policy: Some(policies[dice.below(3) as usize]) }
    };
    let (mut queue, states, messages) = (lane(3), lane(3), lane(3));
    // One slot is to spare for dropping.
    queue.limit = queue.limit.map(|limit| limit.min(size.slots() - window - 1));
    let (initial, floor, ceiling) = match dice.below(4) {
        0 => (300, 300, 300),
        1 => (400, 60, 1_000),
        _ => (1_000, 250, 5_000),
    };
    Overrides {
        size: Some(size),
        window: Some(window),
        queue,
        id_window: Some([places, window, window + 2][dice.below(3) as usize].min(places)),
        deadline: Some(ms([5_000, 2_000, 12_000][dice.below(3) as usize])),
        exponential: dice.once_in(3),
        max_attempts: NonZeroU16::new([0, 0, 1, 2, 4][dice.below(5) as usize]),
        jitter: [None, Some(ms(60))][dice.below(2) as usize],
        ack_timer_initial: Some(ms(initial)),
        ack_timer_floor: Some(ms(floor)),
        ack_timer_ceiling: Some(ms(ceiling)),
        ride_through: dice.once_in(2),
        packet_timeout: [None, Some(ms(700))][dice.below(2) as usize],
        inbox_states: states,
        inbox_messages: messages,
        ..Overrides::default()
    }
}
