//! The simulated device on a real socket.

mod device;
mod greet;
mod impair;
mod parties;
mod serve;
mod weather;

pub use device::{DeviceOptions, HelloAnswer, SimulatedDevice};
pub use weather::{Counts, Link, LinkCounts};
