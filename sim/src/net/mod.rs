//! The simulated device on a real socket.

mod device;
mod greet;
mod impair;
mod parties;

pub use device::{DeviceOptions, Link, SimulatedDevice};
pub use impair::{Counts, LinkCounts};
