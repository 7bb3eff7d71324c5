//! A simulated Cync device, and links that misbehave on demand, the same way every time.
//!
//! [`Device`] is the model: what a lamp remembers and how it reacts. [`Chaos`] decides the fate of every packet as a hash of
//! what the packet is, so that neither time nor the order of other packets changes it. Feature `net` puts both behind a real
//! socket.

mod chaos;
mod device;
#[cfg(feature = "net")]
pub mod net;

pub use chaos::{Chaos, Copies, Direction, Label, Ppm, RateError};
pub use device::{Device, DeviceState, Reaction};
