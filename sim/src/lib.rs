//! A simulated Cync device, and links that misbehave on demand, the same way every time.
//!
//! [`Device`] is the model: what a lamp remembers and how it reacts. A [`Scenario`] is everything that decides a run, as data.
//! [`ChaosConfig`] says how often what goes wrong: the fate of every packet is a hash of what the packet is, so that neither
//! time nor the order of other packets changes it. Feature `net` puts the device behind a real socket.

#![warn(clippy::float_arithmetic)]

mod attempts;
mod chaos;
mod corrupt;
mod device;
pub mod explore;
mod fault;
mod label;
mod lamps;
mod lane;
#[cfg(feature = "net")]
pub mod net;
mod profile;
mod rate;
pub mod scenario;
pub mod shrink;
mod sized;
pub mod trace;
mod verdict;
mod violation;
pub mod witness;
pub mod world;

pub use attempts::Attempts;
pub use chaos::{ChaosConfig, Copy, DropPattern, Fate};
pub use corrupt::corrupt;
pub use device::{Device, DeviceState, Reaction};
pub use fault::{Fault, FaultKind, Place, What};
pub use label::{Direction, Label};
pub use lamps::Lamps;
pub use lane::{Arrival, Lane};
pub use profile::LatencyProfile;
pub use rate::{Ppm, RateError};
pub use scenario::{Scenario, Side};
pub use sized::{AnySession, Size};
pub use verdict::Missed;
pub use violation::Violation;

/// The authentication code of all that is simulated: looked for wherever it must not be.
pub const CANARY: &[u8; 16] = b"c4n4ry-auth-c0de";
