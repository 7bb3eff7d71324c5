//! Settings back to their defaults: chaos that is still drawn, configurations, and the frame of the run.

use super::Shrinking;
use crate::scenario::{Limits, Overrides, QueueOverride, Workload};
use crate::{ChaosConfig, Scenario, Side};
use std::time::Duration;

/// What of a struct differs from another one. The pattern names every field, so that none is forgotten.
macro_rules! fields {
    ($resets:ident, $count:ident, $type:ident { $($field:ident),* $(,)? }) => {
        /// Set one field as it is in the second.
        const $resets: &[fn(&mut $type, &$type)] =
            &[$(|one, usual| one.$field = usual.$field.clone()),*];

        /// How many fields differ.
        fn $count(one: &$type, usual: &$type) -> u64 {
            let $type { $($field),* } = one;
            0 $(+ u64::from(*$field != usual.$field))*
        }
    };
}

fields!(
    OVERRIDES,
    overrides_that_differ,
    Overrides {
        size,
        preset,
        exponential,
        window,
        queue,
        id_window,
        deadline,
        max_attempts,
        jitter,
        ack_timer_initial,
        ack_timer_floor,
        ack_timer_ceiling,
        copy_lifetime,
        ride_through,
        redial_base,
        redial_cap,
        redial_stable,
        heartbeat,
        silence,
        packet_timeout,
        manual,
        inbox_states,
        inbox_messages,
        dedup_ttl,
        counters,
    }
);

fields!(
    CHAOS,
    chaos_that_differs,
    ChaosConfig {
        latency,
        latency_variance,
        latency_profile,
        packet_loss_rate,
        drop_pattern,
        duplicate_rate,
        reorder_rate,
        reorder_delay,
        reorder_buffer_size,
        corruption_rate,
        corruption_bytes,
        split_rate,
        coalesce_rate,
        pause,
        nack_rate,
        slow_rate,
        slow,
        late_tick_rate,
        late_tick,
        early_tick_rate,
    }
);

/// How many fields of a chaos say that something goes wrong, or how.
pub(super) fn chaos_fields(chaos: &ChaosConfig) -> u64 {
    chaos_that_differs(chaos, &ChaosConfig::NONE)
}

/// How much of a configuration is not the default; a queue has two fields of its own.
pub(super) fn overridden(overrides: &Overrides) -> u64 {
    let both = |queue: QueueOverride| u64::from(queue.limit.is_some() && queue.policy.is_some());
    let Overrides { queue, inbox_states, inbox_messages, .. } = *overrides;
    overrides_that_differ(overrides, &Overrides::default())
        + both(queue)
        + both(inbox_states)
        + both(inbox_messages)
}

fn overrides_of(scenario: &mut Scenario, side: Side) -> &mut Overrides {
    match side {
        Side::Controller => &mut scenario.controller,
        Side::Device => &mut scenario.device,
    }
}

fn queues(overrides: &mut Overrides) -> [&mut QueueOverride; 3] {
    [&mut overrides.queue, &mut overrides.inbox_states, &mut overrides.inbox_messages]
}

impl Shrinking<'_> {
    /// What is still left to draws.
    pub(super) fn plainer_chaos(&mut self) {
        if self.weight.is_explicit() {
            return;
        }
        for nth in (0..self.best.chaos.len()).rev() {
            self.change(|scenario| {
                scenario.chaos.remove(nth);
                scenario.chaos.iter_mut().take(1).for_each(|first| first.after_commands = 0);
            });
        }
        for nth in 0..self.best.chaos.len() {
            self.change(|scenario| scenario.chaos[nth].to_device = ChaosConfig::NONE);
            self.change(|scenario| scenario.chaos[nth].from_device = ChaosConfig::NONE);
            for reset in CHAOS {
                self.change(|scenario| {
                    reset(&mut scenario.chaos[nth].to_device, &ChaosConfig::NONE)
                });
                self.change(|scenario| {
                    reset(&mut scenario.chaos[nth].from_device, &ChaosConfig::NONE);
                });
            }
        }
        self.plainer_workload();
    }

    fn plainer_workload(&mut self) {
        for workers in [1, 2, 4, 8] {
            let workload = Some(Workload::Closed { workers });
            self.change(|scenario| scenario.work.workload = workload);
        }
        while let commands @ 1.. = self.best.work.commands {
            let fewer = [1, commands / 2, commands - commands / 4, commands - 1];
            if !fewer.into_iter().any(|it| it > 0 && self.change(|best| best.work.commands = it)) {
                return;
            }
        }
    }

    pub(super) fn plainer_settings(&mut self) {
        self.change(|scenario| scenario.limits = Limits::default());
        self.change(|scenario| scenario.duration = None);
        for side in Side::BOTH {
            self.change(|scenario| *overrides_of(scenario, side) = Overrides::default());
        }
        for side in Side::BOTH {
            for reset in OVERRIDES {
                self.change(|it| reset(overrides_of(it, side), &Overrides::default()));
            }
            for nth in 0..3 {
                self.change(|scenario| queues(overrides_of(scenario, side))[nth].limit = None);
                self.change(|scenario| queues(overrides_of(scenario, side))[nth].policy = None);
            }
        }
    }
}

/// The durations of a chaos.
pub(super) const fn chaos_durations(chaos: &mut ChaosConfig) -> [&mut Duration; 6] {
    let ChaosConfig { latency, latency_variance, reorder_delay, pause, slow, late_tick, .. } =
        chaos;
    [latency, latency_variance, reorder_delay, pause, slow, late_tick]
}

/// The durations of a configuration.
pub(super) const fn overridden_durations(overrides: &mut Overrides) -> [&mut Option<Duration>; 13] {
    let Overrides {
        deadline,
        jitter,
        ack_timer_initial,
        ack_timer_floor,
        ack_timer_ceiling,
        copy_lifetime,
        redial_base,
        redial_cap,
        redial_stable,
        heartbeat,
        silence,
        packet_timeout,
        dedup_ttl,
        ..
    } = overrides;
    [
        deadline,
        jitter,
        ack_timer_initial,
        ack_timer_floor,
        ack_timer_ceiling,
        copy_lifetime,
        redial_base,
        redial_cap,
        redial_stable,
        heartbeat,
        silence,
        packet_timeout,
        dedup_ttl,
    ]
}
