//! Clients and simulated devices over real TCP, each on a free port, so that tests run side by side.

#![allow(dead_code, reason = "every test target uses its part")]

use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AckTimer, Config};
use cync_sim::net::{DeviceOptions, Link, SimulatedDevice};
use cync_sim::{ChaosConfig, Ppm};
use cync_tests::solo;
use cync_tokio::Client;
use std::time::Duration;

/// A millisecond.
pub(crate) const MS: Duration = Duration::from_millis(1);
/// Longer than anything here takes on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A device behind this link.
pub(crate) async fn device(link: Link) -> SimulatedDevice {
    let options = DeviceOptions { link, ..DeviceOptions::default() };
    SimulatedDevice::start(options).await.expect("any free port will do")
}

/// A device behind a link on which nothing goes wrong.
pub(crate) async fn calm_device() -> SimulatedDevice {
    device(Link::default()).await
}

/// So many percent.
pub(crate) fn percent(percent: u32) -> Ppm {
    Ppm::new(percent * 10_000).expect("100 at most")
}

/// A link on which packets to the device have this chaos, and those from it have none.
pub(crate) fn to_device(chaos: ChaosConfig) -> Link {
    Link { seed: 1, to_device: chaos, from_device: ChaosConfig::NONE }
}

/// A link on which packets from the device have this chaos, and those to it have none.
pub(crate) fn from_device(chaos: ChaosConfig) -> Link {
    Link { seed: 1, to_device: ChaosConfig::NONE, from_device: chaos }
}

/// The configuration of a client whose timer is this, and longer only if round trips are.
pub(crate) fn config(timer: Duration) -> Config {
    let mut config = solo::greeter();
    config.ack_timer = AckTimer { initial: timer, floor: timer, ceiling: config.ack_timer.ceiling };
    config
}

/// The default configuration of a client that dials again at once.
pub(crate) fn impatient() -> Config {
    let mut config = solo::greeter();
    (config.redial.base, config.redial.cap) = (MS, 10 * MS);
    config
}

/// A client that is ready, on the only connection that it dials.
pub(crate) async fn connect(device: &SimulatedDevice, mut config: Config) -> Client {
    config.redial.first_attempts = 1;
    let builder = Client::builder(config).seed(1).reconnect(false);
    soon(builder.connect(device.local_addr())).await.expect("the device answers")
}

/// A client that dials again whenever its connection goes, and is ready.
pub(crate) async fn keep_connected(device: &SimulatedDevice, config: Config) -> Client {
    let builder = Client::builder(config).seed(1);
    soon(builder.connect(device.local_addr())).await.expect("the device answers")
}

/// The configuration with another endpoint.
pub(crate) fn at(endpoint: u32, mut config: Config) -> Config {
    config.endpoint = Endpoint(endpoint);
    config
}

/// Switches the lamp of a device.
pub(crate) fn power(on: bool) -> Command {
    Command::Power { to: Destination::device(1).expect("1 to 254"), on }
}

/// The future's value; it fails where the future hangs.
#[track_caller]
pub(crate) fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        let in_time = tokio::time::timeout(PATIENCE, future).await;
        in_time.unwrap_or_else(|_| panic!("it hangs at {place}"))
    }
}

/// Waits until this is so.
#[track_caller]
pub(crate) fn until(condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    soon(async move {
        while !condition() {
            tokio::time::sleep(MS).await;
        }
    })
}
