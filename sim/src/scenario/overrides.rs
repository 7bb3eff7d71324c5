//! How the sessions of a scenario differ from the defaults.

use crate::sized::Size;
use cync_core::{AckTimer, Acknowledge, Config, Preset, Queue, QueuePolicy, RetryPolicy};
use std::num::NonZeroU16;
use std::time::Duration;

/// How a queue differs from the default.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct QueueOverride {
    /// How many wait, at most.
    pub limit: Option<u16>,
    /// What happens to one more.
    pub policy: Option<QueuePolicy>,
}

impl QueueOverride {
    fn apply(self, queue: &mut Queue) {
        queue.limit = self.limit.unwrap_or(queue.limit);
        queue.policy = self.policy.unwrap_or(queue.policy);
    }
}

/// How a session differs from the default: the fields of [`Config`], and how large it is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[allow(missing_docs, reason = "they are the fields of `Config`")]
pub struct Overrides {
    /// How large the session is; [`Size::Full`] if not given.
    pub size: Option<Size>,
    /// Applied before everything else.
    pub preset: Option<Preset>,
    /// The specified exponential retries instead of flat ones.
    pub exponential: bool,
    pub window: Option<u16>,
    pub queue: QueueOverride,
    pub id_window: Option<u16>,
    pub deadline: Option<Duration>,
    pub max_attempts: Option<NonZeroU16>,
    pub jitter: Option<Duration>,
    pub ack_timer_initial: Option<Duration>,
    pub ack_timer_floor: Option<Duration>,
    pub ack_timer_ceiling: Option<Duration>,
    pub copy_lifetime: Option<Duration>,
    pub ride_through: bool,
    pub redial_base: Option<Duration>,
    pub redial_cap: Option<Duration>,
    pub redial_stable: Option<Duration>,
    pub heartbeat: Option<Duration>,
    pub silence: Option<Duration>,
    pub packet_timeout: Option<Duration>,
    /// The device's application acknowledges, instead of its session.
    pub manual: bool,
    pub inbox_states: QueueOverride,
    pub inbox_messages: QueueOverride,
    pub dedup_ttl: Option<Duration>,
    pub counters: Option<u8>,
}

impl Overrides {
    /// How large the session is.
    pub fn size(&self) -> Size {
        self.size.unwrap_or(Size::Full)
    }

    /// The configuration with these differences; what depends on the peer is left to [`Overrides::meet`].
    pub fn apply(&self, mut config: Config) -> Config {
        if let Some(preset) = self.preset {
            config = config.preset(preset);
        }
        if self.exponential {
            config.retry = RetryPolicy::exponential();
        }
        config.window = self.window.unwrap_or(config.window);
        self.queue.apply(&mut config.queue);
        config.id_window = self.id_window.unwrap_or(config.id_window);
        config.deadline = self.deadline.unwrap_or(config.deadline);
        config.retry.max_attempts = self.max_attempts.or(config.retry.max_attempts);
        config.retry.jitter = self.jitter.unwrap_or(config.retry.jitter);
        let AckTimer { initial, floor, ceiling } = config.ack_timer;
        config.ack_timer = AckTimer {
            initial: self.ack_timer_initial.unwrap_or(initial),
            floor: self.ack_timer_floor.unwrap_or(floor),
            ceiling: self.ack_timer_ceiling.unwrap_or(ceiling),
        };
        config.copy_lifetime = self.copy_lifetime.unwrap_or(config.copy_lifetime);
        config.ride_through |= self.ride_through;
        config.redial.base = self.redial_base.unwrap_or(config.redial.base);
        config.redial.cap = self.redial_cap.unwrap_or(config.redial.cap);
        config.redial.stable = self.redial_stable.unwrap_or(config.redial.stable);
        config.heartbeat = config.heartbeat.map(|default| self.heartbeat.unwrap_or(default));
        config.silence = self.silence.unwrap_or(config.silence);
        config.packet_timeout = self.packet_timeout.unwrap_or(config.packet_timeout);
        if self.manual {
            config.acknowledge = Acknowledge::Manually;
        }
        self.inbox_states.apply(&mut config.inbox_states);
        self.inbox_messages.apply(&mut config.inbox_messages);
        config.counters = self.counters.unwrap_or(config.counters);
        config
    }

    /// Makes a configuration remember what `peer` may repeat, for as long as it may, and `dedup_ttl` if that is longer.
    pub fn meet(&self, config: &mut Config, peer: &Config) {
        config.peer_span = peer.span();
        config.peer_copy_lifetime = peer.copy_lifetime;
        let least = config.peer_span.saturating_add(config.peer_copy_lifetime);
        config.dedup_ttl = self.dedup_ttl.unwrap_or(config.dedup_ttl).max(least);
    }
}
