//! The simulated device on a real socket.

mod device;
mod greet;
mod impair;

pub use device::{DeviceOptions, Link, SimulatedDevice};
pub use impair::{Counts, LinkCounts};
