//! The Cync (xlink) protocol as a pure state machine.
//!
//! A [`Session`] takes bytes and clock ticks and returns packets to send, deadlines, events and delivered messages. It never
//! opens a socket, reads a clock, allocates, or calls back, so that any runtime can drive it and any run can be repeated.
//! [`Session`] shows the loop. [`wire`] is the codec, of use on its own. A [`Greeter`] finds out whose session an accepted
//! connection is for. [`lab`] is a protocol of its own, for test beds.
//!
//! What a session promises of a message is its [`Outcome`]: reached the [`Stage`] that was asked for, refused, not sent (no
//! byte left), or unknown (a byte left, and the answer did not come in time).
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::float_arithmetic)]

#[cfg(test)]
extern crate std;

#[cfg(planted)]
#[macro_use]
pub mod planted;

/// Whether a defect is planted ([`planted`]), which it is in no build that is used for anything else: a constant.
#[cfg(not(planted))]
macro_rules! planted {
    ($defect:ident) => {
        false
    };
}

pub mod dedup;
pub mod lab;
pub mod wire;

mod answers;
mod config;
mod dial;
mod error;
mod event;
mod greeter;
mod inbox;
mod link;
mod outbox;
mod queue;
mod request;
mod retry;
mod rng;
mod rto;
mod session;
mod stats;
mod time;

pub use config::{Acknowledge, AuthCode, Config, ConfigError, Greeting, Preset, Redial};
pub use error::{DecodeError, EncodeError, RespondError, SendError, TooSmall};
pub use event::{
    ConnectError, Deadline, Disconnect, Event, HandshakeError, HangupReason, MessageId, NotSent,
    Outcome, Receipt, State, Timer, Transmit, Unknown,
};
pub use greeter::{GreetError, Greeter, Hello};
pub use inbox::{Delivery, DeliveryId, FrameHeader};
pub use queue::{Queue, QueuePolicy};
pub use request::{Request, Stage};
pub use retry::{Backoff, RetryBudget, RetryPolicy};
pub use rng::mix;
pub use rto::AckTimer;
pub use session::Session;
pub use stats::{Abandoned, Acks, DecodeErrors, Disconnections, Greetings, Retransmissions, Stats};
pub use time::{CivilTime, Instant};
