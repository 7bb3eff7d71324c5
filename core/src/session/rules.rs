use crate::config::{Acknowledge, Config, Greeting};
use crate::queue::Queue;
use crate::retry::RetryPolicy;
use crate::time::micros;
use crate::wire::{ChecksumMode, Endpoint};
use core::time::Duration;

/// What of a configuration is asked at every turn, and is not in the parts that it is the business of; times in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) endpoint: Endpoint,
    pub(super) window: u16,
    pub(super) queue: Queue,
    pub(super) id_window: u16,
    pub(super) checksum: ChecksumMode,
    pub(super) acknowledge: Acknowledge,
    pub(super) ride_through: bool,
    /// As it was given, to be told.
    pub(super) longest: Duration,
    pub(super) deadline: u64,
    /// The latest after its first transmission that another copy of a message is handed over.
    pub(super) span: u64,
    pub(super) drain_timeout: u64,
    pub(super) retry: RetryPolicy,
    pub(super) greeting: Greeting,
}

impl Rules {
    pub(super) fn new(config: Config) -> Self {
        Self {
            endpoint: config.endpoint,
            window: config.window,
            queue: config.queue,
            id_window: config.id_window,
            checksum: config.checksum,
            acknowledge: config.acknowledge,
            ride_through: config.ride_through,
            longest: config.deadline,
            deadline: micros(config.deadline),
            span: micros(config.span()),
            drain_timeout: micros(config.drain_timeout),
            retry: config.retry,
            greeting: config.greeting,
        }
    }
}
