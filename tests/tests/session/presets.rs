//! The presets, in use.

use crate::*;
use cync_core::{Preset, QueuePolicy};

const PRESETS: [Preset; 4] = [Preset::Lab, Preset::Lan, Preset::Cloud, Preset::Constrained];

#[test]
fn two_sessions_of_each_preset_exchange_a_command_its_result_and_a_state() {
    for preset in PRESETS {
        let mut pair = Pair::new(listener().preset(preset), greeter().preset(preset), LATENCY);
        pair.connect();
        lose(&mut pair, Direction::ToDevice, PacketType::DataChannel, &[0]);
        let id = pair.send(executed());
        let (outcome, receipt) = pair.outcome(id);
        assert_eq!(
            (outcome, receipt.attempts),
            (Outcome::Reached(Stage::Executed), 2),
            "{preset:?}"
        );
        assert!(pair.handed(Direction::FromDevice).any(|it| it.bytes[0] == 0x83));
        assert_eq!(pair.device.applied_count(), 1);
    }
}

#[test]
fn the_constrained_preset_fits_a_small_session_and_fills_it() {
    let config = listener().preset(Preset::Constrained);
    let mut hub = Solo::<16, 128, 1100>::greeted(config);
    let sent = (0..20).filter(|_| hub.session.send(hub.now, power(true)).is_ok()).count();
    assert_eq!((sent, hub.out().len()), (12, 4));
}

#[test]
fn the_laboratory_retries_as_specified() {
    let mut hub: Solo = Solo::greeted(listener().preset(Preset::Lab));
    hub.session.send(hub.now, power(true)).unwrap();
    let times = times_until(&mut hub, at(12_000));
    // A fixed timer of two seconds, waits of 250, 500 and 1000 ms, and up to 100 ms of jitter each.
    assert_eq!(times.len(), 4);
    for (pair, wait) in times.windows(2).zip([2_250, 2_500, 3_000]) {
        assert!((wait..wait + 100).contains(&(pair[1] - pair[0])), "{times:?}");
    }
    assert_eq!(done(&mut hub), [Outcome::Unknown(Unknown::Timeout)]);
}

#[test]
fn every_preset_makes_messages_wait_and_drops_old_states() {
    for preset in PRESETS {
        let config = listener().preset(preset);
        assert_eq!(config.queue.policy, QueuePolicy::Block);
        assert_eq!(config.inbox_messages.policy, QueuePolicy::Block);
        assert_eq!(config.inbox_states.policy, QueuePolicy::DropOldest);
    }
}
