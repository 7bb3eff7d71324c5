//! The simulated device on a real socket: it listens, or dials a hub as bulbs do. [`LabDevice`] is the laboratory's, which speaks
//! a protocol of its own.
//!
//! Between the socket and the device a [`Link`] does to whole packets what its two [`ChaosConfig`](crate::ChaosConfig)s say. TCP
//! loses nothing: a packet that is lost here was taken from the socket and never reached the device, or the other way round. What
//! happens to a packet is a hash of the seed, its sender, and which copy of which message it is; how busy the machine is changes
//! nothing of it, but may make a client repeat itself more often. Commands for a [`DropPattern`](crate::DropPattern) are the
//! requests (`0x73`) of one endpoint, counted from 1 by their first transmissions, over all of its connections. An [`ImpairedPath`]
//! does the same between a controller and a device that are both somebody else's.
//!
//! ```
//! use cync_core::wire::{Command, Destination, Endpoint};
//! use cync_core::{AuthCode, Config};
//! use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
//! use cync_sim::{ChaosConfig, DropPattern};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let first = Some(DropPattern::List([1].into()));
//! let link = Link::both(7, ChaosConfig { drop_pattern: first, ..ChaosConfig::NONE });
//! let device = SimulatedDevice::start(DeviceOptions { link, ..DeviceOptions::default() }).await?;
//!
//! let config = Config::greeter(Endpoint(1), AuthCode::new(b"0123456789abcdef")?);
//! let client = cync_tokio::Client::connect(device.local_addr(), config).await?;
//! let to = Destination::device(1).ok_or("1 to 254")?;
//! let receipt = client.send(Command::Power { to, on: true }).await?;
//! assert_eq!((receipt.attempts, device.applied_count()), (2, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod device;
mod dial;
mod greet;
mod impair;
mod lab;
mod parties;
mod path;
mod serve;
mod weather;

pub use device::{DeviceOptions, HelloAnswer, SimulatedDevice};
pub use lab::{LabDevice, LabMode, LabOptions};
pub use path::ImpairedPath;
pub use weather::{Counts, Link, LinkCounts};
