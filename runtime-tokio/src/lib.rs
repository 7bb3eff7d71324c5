//! Drives [`cync_core`] over tokio: a [`Client`] to call, a [`Driver`] that moves bytes and sleeps.
//!
//! Everything that could be decided without a socket is decided in the core. [`Client::connect`] dials and spawns the driver;
//! [`Client::keep_connected`] dials again whenever the connection goes; [`Client::drive`] takes any byte stream, so that TLS, a
//! serial line or an in-memory pipe fits.

mod client;
mod dial;
mod driver;
mod error;
mod message;
mod shared;

pub use client::Client;
pub use driver::{Driver, End};
pub use error::{ConnectError, SendError};
pub use message::Message;
