//! Rules that a configuration may break.

use core::time::Duration;
use thiserror::Error;

/// Which rule a [`Config`](super::Config) breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field that must not be zero is zero; of a time, less than a microsecond.
    #[error("{field} must not be zero")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// More messages than the session has slots.
    #[error(
        "window ({window}) and queue.limit ({queue}), and {spare} to spare for dropping, need more than the {slots} slots there \
         are"
    )]
    TooFewSlots {
        /// The session's slots.
        slots: usize,
        /// `window`.
        window: u16,
        /// `queue.limit`.
        queue: u16,
        /// One if the queue drops its oldest message, which keeps its slot until its end was told.
        spare: u16,
    },
    /// More waiting messages than the session has slots.
    #[error(
        "inbox_states.limit ({states}) and inbox_messages.limit ({messages}) need more than the {slots} slots there are"
    )]
    InboxTooLarge {
        /// The session's slots.
        slots: usize,
        /// `inbox_states.limit`.
        states: u16,
        /// `inbox_messages.limit`.
        messages: u16,
    },
    /// Message numbers could not be told from those of a round earlier, or not be used.
    #[error("id_window ({id_window}) must be at least window ({window}) and less than 32768")]
    IdWindow {
        /// `id_window`.
        id_window: u16,
        /// `window`.
        window: u16,
    },
    /// More counters than can be told apart.
    #[error("counters ({counters}) must be at most {max}")]
    TooManyCounters {
        /// `counters`.
        counters: u8,
        /// The most there can be.
        max: u8,
    },
    /// What a conforming peer may still repeat would not be remembered.
    #[error(
        "id_window ({id_window}) is more than the {places} messages that are remembered of each of the counters ({counters}) \
         when {seen} are in all"
    )]
    TooFewSeen {
        /// Messages that the session remembers.
        seen: usize,
        /// `counters`.
        counters: u8,
        /// Messages of each counter: its share, rounded down to a power of two.
        places: u16,
        /// `id_window`.
        id_window: u16,
    },
    /// A message would be forgotten while the peer may still repeat it.
    #[error(
        "dedup_ttl ({dedup_ttl:?}) is shorter than peer_span ({peer_span:?}) and peer_copy_lifetime ({peer_copy_lifetime:?}) \
         together"
    )]
    TimeToLive {
        /// `dedup_ttl`.
        dedup_ttl: Duration,
        /// `peer_span`.
        peer_span: Duration,
        /// `peer_copy_lifetime`.
        peer_copy_lifetime: Duration,
    },
    /// The bounds of the timer contradict each other.
    #[error(
        "ack_timer: initial ({initial:?}) and floor ({floor:?}) must not exceed ceiling ({ceiling:?})"
    )]
    TimerBounds {
        /// `ack_timer.initial`.
        initial: Duration,
        /// `ack_timer.floor`.
        floor: Duration,
        /// `ack_timer.ceiling`.
        ceiling: Duration,
    },
    /// A message could not even wait for one answer.
    #[error("deadline ({deadline:?}) is shorter than one timer ({timer:?})")]
    DeadlineTooShort {
        /// `deadline`.
        deadline: Duration,
        /// The longer of the timer's initial value and its floor.
        timer: Duration,
    },
    /// The bounds of the wait before a connection is asked for contradict each other.
    #[error("redial.base ({base:?}) must not exceed redial.cap ({cap:?})")]
    Redial {
        /// `redial.base`.
        base: Duration,
        /// `redial.cap`.
        cap: Duration,
    },
    /// Signs of life would come too late for this side's own idea of silence.
    #[error("heartbeat ({heartbeat:?}) must be shorter than silence ({silence:?})")]
    Heartbeat {
        /// `heartbeat`.
        heartbeat: Duration,
        /// `silence`.
        silence: Duration,
    },
    /// Signs of life would come later than the greeting announces.
    #[error("heartbeat ({heartbeat:?}) must be shorter than greeting.keepalive_s ({keepalive_s})")]
    Keepalive {
        /// `heartbeat`.
        heartbeat: Duration,
        /// `greeting.keepalive_s`.
        keepalive_s: u16,
    },
    /// The authentication code is too long.
    #[error("an authentication code of {len} bytes is longer than the {max} that fit")]
    AuthCodeTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest that fits.
        max: usize,
    },
}
