//! How a session behaves. Every rule about it is checked once, when the session is made.

use crate::retry::RetryPolicy;
use crate::rto::AckTimer;
use crate::wire::{ChecksumMode, Endpoint, Secret};
use core::fmt;
use core::time::Duration;
use heapless::Vec;
use thiserror::Error;

/// The longest authentication code, in bytes; devices use 16.
pub(crate) const MAX_AUTH: usize = 64;

/// An authentication code of one's own. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthCode(Vec<u8, MAX_AUTH>);

impl AuthCode {
    /// Takes a code.
    ///
    /// # Errors
    /// If it is longer than 64 bytes; the error does not show it.
    pub fn new(code: &[u8]) -> Result<Self, ConfigError> {
        Vec::from_slice(code)
            .map(Self)
            .map_err(|_| ConfigError::AuthCodeTooLong { len: code.len(), max: MAX_AUTH })
    }

    pub(crate) fn secret(&self) -> Secret<'_> {
        Secret::new(&self.0)
    }
}

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthCode({} bytes)", self.0.len())
    }
}

/// Who greets. It does not depend on who opened the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Greeting {
    /// Send `0x23` and wait for `0x28`, as devices do (and the laboratory's client).
    Send {
        /// The code to send.
        auth: AuthCode,
        /// The keep-alive to announce, in seconds.
        keepalive_s: u16,
    },
    /// Wait for `0x23` and answer it with `0x28`, as the cloud does (and the laboratory's device).
    Expect,
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
    /// Messages waiting for room in the window, at most.
    pub queue: u16,
    /// How long a message may take, from `send` to its end.
    pub deadline: Duration,
    /// When a message is transmitted again.
    pub retry: RetryPolicy,
    /// How long one attempt waits for its answer.
    pub ack_timer: AckTimer,
    /// Send a sign of life after this long without any packet of our own; `None` for the side that only answers.
    pub heartbeat: Option<Duration>,
    /// Take the peer for dead after this long without a byte from it.
    pub silence: Duration,
    /// How long the greeting may take.
    pub greeting_timeout: Duration,
    /// How long one packet may take from its first byte to its last.
    pub packet_timeout: Duration,
    /// What to do with a wrong checksum.
    pub checksum: ChecksumMode,
    /// Messages that wait for `recv`, at most, of states and of everything else each.
    pub inbox: u16,
    /// How long an accepted message is remembered, so that its repetition is recognised.
    pub dedup_ttl: Duration,
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
            queue: 100,
            deadline: Duration::from_secs(5),
            retry: RetryPolicy::default(),
            ack_timer: AckTimer::default(),
            heartbeat: None,
            silence: Duration::from_secs(60),
            greeting_timeout: Duration::from_secs(5),
            packet_timeout: Duration::from_secs(10),
            checksum: ChecksumMode::Strict,
            inbox: 100,
            dedup_ttl: Duration::from_secs(300),
        }
    }

    pub(crate) fn check(&self, slots: usize) -> Result<(), ConfigError> {
        let Self { window, queue, deadline, ack_timer, heartbeat, silence, inbox, .. } = *self;
        let AckTimer { initial, floor, ceiling } = ack_timer;
        if window == 0 {
            return Err(ConfigError::Zero { field: "window" });
        }
        if inbox == 0 {
            return Err(ConfigError::Zero { field: "inbox" });
        }
        // Time is counted in microseconds: less than one is none, and what is due after none is due again at once.
        let times = [
            (floor, "ack_timer.floor"),
            (silence, "silence"),
            (heartbeat.unwrap_or(silence), "heartbeat"),
            (self.greeting_timeout, "greeting_timeout"),
            (self.packet_timeout, "packet_timeout"),
        ];
        if let Some((_, field)) = times.into_iter().find(|(time, _)| time.as_micros() == 0) {
            return Err(ConfigError::Zero { field });
        }
        if usize::from(window) + usize::from(queue) > slots {
            return Err(ConfigError::TooFewSlots { slots, window, queue });
        }
        if floor > ceiling || initial > ceiling {
            return Err(ConfigError::TimerBounds { initial, floor, ceiling });
        }
        if deadline < initial.max(floor) {
            return Err(ConfigError::DeadlineTooShort { deadline, timer: initial.max(floor) });
        }
        match heartbeat {
            Some(heartbeat) if heartbeat >= silence => {
                Err(ConfigError::Heartbeat { heartbeat, silence })
            }
            _ => Ok(()),
        }
    }
}

/// Which rule a [`Config`] breaks.
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
    #[error("window ({window}) and queue ({queue}) need more than the {slots} slots there are")]
    TooFewSlots {
        /// The session's slots.
        slots: usize,
        /// `window`.
        window: u16,
        /// `queue`.
        queue: u16,
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
    /// Signs of life would come too late.
    #[error("heartbeat ({heartbeat:?}) must be shorter than silence ({silence:?})")]
    Heartbeat {
        /// `heartbeat`.
        heartbeat: Duration,
        /// `silence`.
        silence: Duration,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    fn base() -> Config {
        Config::listener(Endpoint(1))
    }

    #[test]
    fn the_defaults_obey_every_rule() {
        assert_eq!(base().check(128), Ok(()));
        let auth = AuthCode::new(b"0123456789abcdef").unwrap();
        assert_eq!(Config::greeter(Endpoint(1), auth).check(128), Ok(()));
    }

    #[test]
    fn every_broken_rule_is_named() {
        let second = Duration::from_secs(1);
        let nanosecond = Duration::from_nanos(1);
        let busy = AckTimer { floor: nanosecond, ..AckTimer::default() };
        let bounds = AckTimer { ceiling: second / 2, ..AckTimer::default() };
        let broken = [
            (Config { window: 0, ..base() }, "window must not"),
            (Config { inbox: 0, ..base() }, "inbox must not"),
            (Config { window: 29, ..base() }, "window (29) and queue (100)"),
            (Config { ack_timer: bounds, ..base() }, "ack_timer: initial (1s)"),
            (Config { deadline: second / 2, ..base() }, "deadline (500ms)"),
            (Config { heartbeat: Some(second * 60), ..base() }, "heartbeat (60s)"),
            (Config { heartbeat: Some(nanosecond), ..base() }, "heartbeat must not"),
            (Config { ack_timer: busy, ..base() }, "ack_timer.floor must not"),
            (Config { silence: Duration::ZERO, ..base() }, "silence must not"),
            (Config { greeting_timeout: nanosecond, ..base() }, "greeting_timeout must not"),
            (Config { packet_timeout: nanosecond, ..base() }, "packet_timeout must not"),
        ];
        for (config, says) in broken {
            let error = config.check(128).unwrap_err();
            assert!(format!("{error}").starts_with(says), "{error}");
        }
    }

    #[test]
    fn a_code_is_not_shown() {
        let code = AuthCode::new(b"canary-canary").unwrap();
        assert!(!format!("{code:?}").contains("canary"));
        assert!(AuthCode::new(&[0; 65]).is_err());
    }
}
