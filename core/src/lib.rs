//! The Cync (xlink) protocol as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]

pub mod wire;

mod error;
mod time;

pub use error::{DecodeError, EncodeError, TooSmall};
pub use time::{CivilTime, Instant};
