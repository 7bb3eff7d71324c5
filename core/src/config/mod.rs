//! How a session behaves. Every rule about it is checked once, when the session is made.

mod error;
mod greeting;
#[cfg(test)]
mod tests;

pub use error::ConfigError;
pub(crate) use greeting::MAX_AUTH;
pub use greeting::{AuthCode, Greeting};

use crate::dedup::Limits;
use crate::queue::{Queue, QueuePolicy};
use crate::retry::{RetryBudget, RetryPolicy};
use crate::rto::AckTimer;
use crate::time::micros;
use crate::wire::{ChecksumMode, Endpoint};
use core::time::Duration;

/// Who acknowledges a request of the peer, a `0x73`. What is no request, the session does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Acknowledge {
    /// The session, when it accepts it.
    Automatically,
    /// The application, by [`Session::respond`](crate::Session::respond). Until then its repetitions are dropped silently.
    ///
    /// What the application never sees is not left to it. A `0x73` that cannot be decoded is acknowledged as devices do, who say by
    /// that only that something came; and one for which there is no room is refused.
    Manually,
}

/// How a connection that was lost, or could not be opened, is asked for again.
///
/// The n-th wait in a row is a random time up to `min(base * 2^n, cap)`: the many that were cut off at once do not come back at
/// once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Redial {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
    /// A connection that was ready for so long makes waits start at `base` again.
    pub stable: Duration,
    /// Connections that a first [`Session::connect`](crate::Session::connect) tries before it gives up. Once the session was
    /// ready it never does.
    pub first_attempts: u8,
}

impl Default for Redial {
    /// 0.25 s, 30 s, 60 s, 3.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(250),
            cap: Duration::from_secs(30),
            stable: Duration::from_secs(60),
            first_attempts: 3,
        }
    }
}

/// Where a session is used, for [`Config::preset`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Preset {
    /// A simulated device on the same machine, with the specification's own values: exponential retries, three of them, after a
    /// fixed timer of 2 s.
    Lab,
    /// Devices in the same house: the defaults.
    Lan,
    /// Devices or a cloud across the internet: longer timers, deadlines and lifetimes.
    Cloud,
    /// A microcontroller: fits `Session<16, 128, 1100>`.
    Constrained,
}

/// The configuration of a [`Session`](crate::Session).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What own packets carry in their prefix.
    pub endpoint: Endpoint,
    /// Who greets.
    pub greeting: Greeting,
    /// Messages handed over and not done, at most.
    pub window: u16,
    /// Messages waiting for room in the window.
    pub queue: Queue,
    /// How many messages the peer has to remember of this side, and this side of each of the peer's counters: so many, the
    /// newest included, may have been accepted since one of which copies may be under way. First transmissions wait for that.
    pub id_window: u16,
    /// How long a message may take, from `send` to its end.
    pub deadline: Duration,
    /// When a message is transmitted again.
    pub retry: RetryPolicy,
    /// How many re-transmissions there may be.
    pub retry_budget: RetryBudget,
    /// How long one attempt waits for its answer.
    pub ack_timer: AckTimer,
    /// A copy that was handed over arrives, and so does the answer to it, in less than this time after that, or never. If an
    /// application answers ([`Acknowledge::Manually`]), the time that it takes counts as well.
    pub copy_lifetime: Duration,
    /// Keep messages when the connection goes, and hand them over on the next one, within their deadline.
    pub ride_through: bool,
    /// How connections are asked for, after [`Session::connect`](crate::Session::connect).
    pub redial: Redial,
    /// Send a sign of life after this long without any packet of our own; `None` for the side that only answers.
    pub heartbeat: Option<Duration>,
    /// Take the peer for dead after this long without a byte from it.
    pub silence: Duration,
    /// How long the greeting may take.
    pub greeting_timeout: Duration,
    /// How long one packet may take from its first byte to its last.
    pub packet_timeout: Duration,
    /// How long `close` lets what is under way come to its end.
    pub drain_timeout: Duration,
    /// What to do with a wrong checksum in a `0x83`; see [`FrameHeader::checksum_valid`](crate::FrameHeader::checksum_valid). In a
    /// `0x73` it is always an error: a damaged request is not executed, and a damaged result not believed.
    pub checksum: ChecksumMode,
    /// Who acknowledges requests.
    pub acknowledge: Acknowledge,
    /// States (`0x43`, `0x83`) that wait for `recv`.
    pub inbox_states: Queue,
    /// Everything else that waits for `recv`.
    pub inbox_messages: Queue,
    /// How long an accepted message is remembered, so that its repetition is recognised.
    pub dedup_ttl: Duration,
    /// The latest after a first transmission that the peer may hand over another copy: its [`Config::span`].
    pub peer_span: Duration,
    /// The peer's `copy_lifetime`.
    pub peer_copy_lifetime: Duration,
    /// Counters of message numbers that are remembered at a time: one for each endpoint and type that the peer sends.
    pub counters: u8,
}

impl Config {
    /// The defaults for a side that greets.
    pub fn greeter(endpoint: Endpoint, auth: AuthCode) -> Self {
        Self {
            greeting: Greeting::Send { auth, keepalive_s: 60 },
            heartbeat: Some(Duration::from_secs(21)),
            ..Self::listener(endpoint)
        }
    }

    /// The defaults for a side that is greeted.
    pub fn listener(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            greeting: Greeting::Expect,
            window: 16,
            queue: Queue::new(100, QueuePolicy::Block),
            id_window: 256,
            deadline: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            retry_budget: RetryBudget::default(),
            ack_timer: AckTimer::default(),
            copy_lifetime: Duration::from_secs(2),
            ride_through: false,
            redial: Redial::default(),
            heartbeat: None,
            silence: Duration::from_secs(60),
            greeting_timeout: Duration::from_secs(5),
            packet_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(5),
            checksum: ChecksumMode::Strict,
            acknowledge: Acknowledge::Automatically,
            inbox_states: Queue::new(50, QueuePolicy::DropOldest),
            inbox_messages: Queue::new(50, QueuePolicy::Block),
            dedup_ttl: Duration::from_secs(300),
            peer_span: Duration::from_secs(5),
            peer_copy_lifetime: Duration::from_secs(2),
            counters: 4,
        }
    }

    /// The values for one place of use; both ends should have the same. What it says nothing of stays.
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        let seconds = Duration::from_secs;
        match preset {
            Preset::Lan => self.bound(seconds(5), seconds(2)),
            Preset::Lab => {
                self.retry = RetryPolicy::exponential();
                self.ack_timer = AckTimer::fixed(seconds(2));
                self.bound(seconds(12), seconds(2));
            }
            Preset::Cloud => {
                self.ack_timer = AckTimer {
                    initial: seconds(2),
                    floor: Duration::from_millis(500),
                    ceiling: seconds(10),
                };
                self.bound(seconds(15), seconds(5));
            }
            Preset::Constrained => {
                (self.window, self.queue.limit) = (4, 8);
                (self.inbox_states.limit, self.inbox_messages.limit) = (8, 8);
                (self.id_window, self.counters) = (64, 2);
                self.bound(seconds(5), seconds(2));
            }
        }
        self
    }

    /// Sets the deadline and the lifetime of copies, of both ends.
    fn bound(&mut self, deadline: Duration, copy_lifetime: Duration) {
        (self.deadline, self.peer_span) = (deadline, deadline);
        (self.copy_lifetime, self.peer_copy_lifetime) = (copy_lifetime, copy_lifetime);
    }

    /// The latest after a first transmission that another copy may be handed over: the peer has to remember a message for so
    /// long, and for `copy_lifetime` more.
    ///
    /// It is the deadline, or with a limit on attempts the time they take if every timer is at its ceiling and every tick 0.1 s
    /// late; a copy that is held up for longer is not handed over.
    pub fn span(&self) -> Duration {
        match self.retry.span(self.ack_timer.ceiling) {
            Some(span) if !self.ride_through => span.min(self.deadline),
            _ => self.deadline,
        }
    }

    /// What is remembered of accepted messages.
    pub(crate) fn memory(&self) -> Limits {
        Limits {
            ttl: self.dedup_ttl,
            live_for: self.peer_span.saturating_add(self.peer_copy_lifetime),
            counters: self.counters,
        }
    }

    pub(crate) fn check(&self, slots: usize, seen: usize) -> Result<(), ConfigError> {
        self.check_times()?;
        self.check_counts(slots, seen)
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let Self { deadline, ack_timer, heartbeat, silence, redial, .. } = *self;
        let AckTimer { initial, floor, ceiling } = ack_timer;
        // Time is counted in microseconds: less than one is none, and what is due after none is due again at once.
        let times = [
            (floor, "ack_timer.floor"),
            (self.copy_lifetime, "copy_lifetime"),
            (self.peer_copy_lifetime, "peer_copy_lifetime"),
            (silence, "silence"),
            (heartbeat.unwrap_or(silence), "heartbeat"),
            (self.greeting_timeout, "greeting_timeout"),
            (self.packet_timeout, "packet_timeout"),
            (self.drain_timeout, "drain_timeout"),
            (redial.base, "redial.base"),
        ];
        if let Some((_, field)) = times.into_iter().find(|(time, _)| micros(*time) == 0) {
            return Err(ConfigError::Zero { field });
        }
        if floor > ceiling || initial > ceiling {
            return Err(ConfigError::TimerBounds { initial, floor, ceiling });
        }
        if deadline < initial.max(floor) {
            return Err(ConfigError::DeadlineTooShort { deadline, timer: initial.max(floor) });
        }
        if redial.base > redial.cap {
            return Err(ConfigError::Redial { base: redial.base, cap: redial.cap });
        }
        match (heartbeat, &self.greeting) {
            (Some(heartbeat), _) if heartbeat >= silence => {
                return Err(ConfigError::Heartbeat { heartbeat, silence });
            }
            (Some(heartbeat), Greeting::Send { keepalive_s, .. })
                if heartbeat >= Duration::from_secs(u64::from(*keepalive_s)) =>
            {
                return Err(ConfigError::Keepalive { heartbeat, keepalive_s: *keepalive_s });
            }
            _ => {}
        }
        let Self { dedup_ttl, peer_span, peer_copy_lifetime, .. } = *self;
        if dedup_ttl < peer_span.saturating_add(peer_copy_lifetime) {
            return Err(ConfigError::TimeToLive { dedup_ttl, peer_span, peer_copy_lifetime });
        }
        Ok(())
    }

    fn check_counts(&self, slots: usize, seen: usize) -> Result<(), ConfigError> {
        let Self { window, queue, id_window, inbox_states, inbox_messages, counters, .. } = *self;
        let counts = [
            (window, "window"),
            (inbox_states.limit, "inbox_states.limit"),
            (inbox_messages.limit, "inbox_messages.limit"),
            (u16::from(counters), "counters"),
            (u16::from(self.redial.first_attempts), "redial.first_attempts"),
        ];
        if let Some((_, field)) = counts.into_iter().find(|(count, _)| *count == 0) {
            return Err(ConfigError::Zero { field });
        }
        let spare = u16::from(queue.policy == QueuePolicy::DropOldest);
        let held = usize::from(window) + usize::from(queue.limit) + usize::from(spare);
        if held > slots {
            return Err(ConfigError::TooFewSlots { slots, window, queue: queue.limit, spare });
        }
        let (states, messages) = (inbox_states.limit, inbox_messages.limit);
        if usize::from(states) + usize::from(messages) > slots {
            return Err(ConfigError::InboxTooLarge { slots, states, messages });
        }
        if id_window < window || id_window >= 1 << 15 {
            return Err(ConfigError::IdWindow { id_window, window });
        }
        if counters > Limits::MAX_COUNTERS {
            return Err(ConfigError::TooManyCounters { counters, max: Limits::MAX_COUNTERS });
        }
        // A counter that there is no entry for is not remembered at all.
        let places = if usize::from(counters) > seen { 0 } else { self.memory().places(seen) };
        if places < id_window {
            return Err(ConfigError::TooFewSeen { seen, counters, places, id_window });
        }
        Ok(())
    }
}
