//! Which session sits where.

use crate::CANARY;
use crate::scenario::{Overrides, Scenario};
use crate::{Side, Size};
use cync_core::wire::Endpoint;
use cync_core::{AuthCode, Config, ConfigError, mix};

/// The sessions of a scenario: how they are configured, and where their numbers start.
#[derive(Debug)]
pub(crate) struct Seating {
    controllers: usize,
    devices: usize,
    sizes: [Size; 2],
    configs: [Config; 2],
    seed: u64,
}

impl Seating {
    pub(crate) fn new(scenario: &Scenario) -> Result<Self, ConfigError> {
        let of = |side: Side, overrides: &Overrides| {
            let config = if side == scenario.topology.dials {
                Config::greeter(Endpoint(0), AuthCode::new(CANARY)?)
            } else {
                Config::listener(Endpoint(0))
            };
            Ok(overrides.apply(config))
        };
        let mut controller = of(Side::Controller, &scenario.controller)?;
        let mut device = of(Side::Device, &scenario.device)?;
        scenario.controller.meet(&mut controller, &device);
        scenario.device.meet(&mut device, &controller);
        Ok(Self {
            controllers: scenario.topology.controllers.max(1).into(),
            devices: scenario.topology.devices.max(1).into(),
            sizes: [scenario.controller.size(), scenario.device.size()],
            configs: [controller, device],
            seed: scenario.seed,
        })
    }

    /// Every controller has one to every device.
    pub(crate) const fn links(&self) -> usize {
        self.controllers * self.devices
    }

    pub(super) const fn config(&self, side: Side) -> &Config {
        let [controller, device] = &self.configs;
        match side {
            Side::Controller => controller,
            Side::Device => device,
        }
    }

    /// What to make a session of: at this end of this link, in this life of the device.
    pub(crate) fn of(&self, link: usize, side: Side, life: u32) -> (Size, Config, u64) {
        let [controller, device] = self.sizes;
        let size = match side {
            Side::Controller => controller,
            Side::Device => device,
        };
        let mut config = self.config(side).clone();
        config.endpoint = Endpoint(0x1000_0001 + (link % self.devices) as u32);
        let end = (link as u64) << 33 ^ (side as u64) << 32 ^ u64::from(life);
        (size, config, mix(mix(self.seed) ^ end))
    }
}
