//! Every interleaving of a few messages between two sessions, breadth first. With the bounds that the configuration asks for
//! no promise is broken in any state that can be reached (`holds.rs`); with one of them a step lower a broken promise is found,
//! and a shortest way to it (`breaks.rs`). So the bounds suffice, and each of them is needed.
//!
//! Both ends are real sessions. Between them is a model:
//!
//! - Time passes in whole steps, of which every timer is a multiple. Within one instant things happen in any order.
//! - The application sends its messages at any time, and takes what is delivered at once.
//! - A copy arrives in less than the lifetime of copies after it was handed over, at any time and in any order, or never. The
//!   answer to it arrives in less than that time after the copy was handed over, too, or never. The network repeats nothing.
//! - The receiver answers at once. Ticks come when they are due, and the connection takes what it is given, except where a test
//!   says otherwise.
//! - When the sender loses its connection, what it was sent is lost; what it has handed over may arrive until the next one.
//!
//! In every state: nothing is delivered twice, no answer resolves a message that it is not about, no number is given to a
//! message while copies of another one with it are under way, and how a message ends is true. Where nothing can happen any
//! more, every message has ended; none ends twice.
//!
//! A session's state is what its `Debug` shows, but for what decides nothing (`fingerprint.rs`), hashed to 64 bits: among as
//! many states as there are here, that two share a hash is less likely than one in a billion.

mod breaks;
mod ends;
mod fingerprint;
mod holds;
mod memory;
mod search;
mod world;

use cync_core::{AckTimer, Queue, QueuePolicy, RetryBudget, RetryPolicy};
use cync_tests::solo::{greeter, listener};
use ends::STEP;
use std::num::NonZeroU16;
use std::time::Duration;
use world::Rules;

/// Three messages: two in the window, two attempts a step apart, and copies that last less than two steps.
fn rules() -> Rules {
    let mut sender = listener();
    (sender.window, sender.queue) = (2, Queue::new(2, QueuePolicy::Block));
    sender.ack_timer = AckTimer::fixed(STEP);
    sender.deadline = 2 * STEP;
    sender.retry = RetryPolicy { max_attempts: NonZeroU16::new(2), ..RetryPolicy::default() };
    // More than can be used.
    sender.retry_budget = RetryBudget { percent: 0, per_second: 0, burst: 1_000 };
    let mut receiver = greeter();
    (receiver.window, receiver.queue.limit) = (1, 0);
    for config in [&mut sender, &mut receiver] {
        (config.inbox_states.limit, config.inbox_messages.limit) = (1, 1);
        (config.id_window, config.counters) = (2, 1);
    }
    let rules = Rules {
        sender,
        receiver,
        messages: 3,
        numbers: None,
        endpoints: 1,
        copies_last: 0,
        answers_last: 0,
        copies_repeat: false,
        held_up: false,
        ticks_late: 0,
        cuts: 0,
    };
    rules.agreed(2)
}

/// Nobody is late by less than a step.
fn whole_steps(span: Duration) -> Duration {
    STEP * u32::try_from(span.as_micros() / STEP.as_micros()).expect("a few steps")
}

impl Rules {
    /// Both ends know that copies last for less than so many steps, and the receiver how long the sender repeats them.
    #[must_use]
    fn agreed(mut self, steps: u8) -> Self {
        let lifetime = STEP * u32::from(steps);
        (self.copies_last, self.answers_last) = (steps, steps);
        (self.sender.copy_lifetime, self.receiver.peer_copy_lifetime) = (lifetime, lifetime);
        self.receiver.peer_span = whole_steps(self.sender.span());
        self.receiver.dedup_ttl = self.receiver.peer_span + lifetime;
        self
    }

    /// Both ends know that the receiver has to remember so many messages.
    #[must_use]
    const fn within(mut self, id_window: u16) -> Self {
        (self.sender.id_window, self.receiver.id_window) = (id_window, id_window);
        self
    }

    /// Three endpoints, of which the receiver remembers two at a time, and for longer than it has to.
    #[must_use]
    fn endpoints(self) -> Self {
        let mut rules = Self { endpoints: 3, ..self.agreed(1).within(4) };
        rules.receiver.counters = 2;
        rules.receiver.dedup_ttl = 3 * STEP;
        rules
    }

    /// The connection goes, and messages ride through.
    #[must_use]
    fn riding(mut self, deadline: u32, cuts: u8) -> Self {
        self.sender.ride_through = true;
        self.sender.deadline = STEP * deadline;
        Self { cuts, ..self.agreed(2) }
    }
}
