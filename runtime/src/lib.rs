//! Drives [`cync_core`] over any async runtime.
//!
//! Most applications want a package for their runtime (`cync-tokio`, `cync-async-std`), which is this one with a runtime's own
//! TCP and time. What is asked of a runtime is small: a [`Timer`], and for TCP a [`Runtime`].
//!
//! - [`Client`]: a session to talk to. [`Client::connect`] dials and keeps it connected.
//! - [`Listener`]: a TCP socket that devices dial, and a [`Hub`] of their sessions, which outlive their connections.
//! - [`Driver`]: moves bytes between a session and any byte stream, so that TLS, a serial line or an in-memory pipe fits.
//! - `metrics`, with the feature of this name: what sessions count, in the text format of Prometheus.
//!
//! Everything that can be decided without a socket is decided in the core: here bytes are moved, deadlines slept until,
//! connections dialled and those who wait woken.

mod address;
mod alarm;
mod builder;
mod client;
mod driver;
mod error;
mod events;
mod hub;
mod keeper;
mod latencies;
mod listener;
mod message;
#[cfg(feature = "metrics")]
pub mod metrics;
mod names;
mod runtime;
mod sending;
mod session;
mod shared;
pub mod socket;
mod states;
#[cfg(feature = "testing")]
pub mod testing;
mod wakers;
mod watchman;
mod weak;

pub use address::Address;
pub use builder::Builder;
pub use client::Client;
pub use driver::{Driver, End};
pub use error::{AdmitError, ConnectError, DialError, DialStage, LastFailure, SendError};
pub use events::{Events, Missed};
pub use hub::{Admitted, Hub, HubBuilder, Limits};
pub use latencies::Latencies;
pub use listener::{Accepted, Listener};
pub use message::Message;
pub use runtime::{Runtime, Timer};
pub use sending::{Sending, Sent};
pub use states::States;
