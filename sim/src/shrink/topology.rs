//! Fewer controllers, devices and lamps.

use super::Shrinking;
use super::list::{link_of, link_of_mut, without_empty_cancels};
use crate::Scenario;
use crate::scenario::{Act, Topology};
use std::collections::BTreeSet;

/// Keeps these controllers and devices, in the order they have.
fn keep(scenario: &mut Scenario, controllers: &[u16], devices: &[u16]) {
    let all = scenario.topology.devices.max(1);
    let renumbered = |link: u16| {
        let of = |kept: &[u16], number: u16| kept.iter().position(|it| *it == number);
        let (controller, device) = (of(controllers, link / all)?, of(devices, link % all)?);
        u16::try_from(controller * devices.len() + device).ok()
    };
    scenario.work.ops.retain_mut(|op| {
        let link = renumbered(op.link);
        op.link = link.unwrap_or(0);
        link.is_some()
    });
    scenario.faults.retain_mut(|fault| {
        let link = renumbered(link_of(fault));
        *link_of_mut(fault) = link.unwrap_or(0);
        link.is_some()
    });
    scenario.topology.controllers = controllers.len() as u16;
    scenario.topology.devices = devices.len() as u16;
    without_empty_cancels(scenario);
}

fn everyone_but(number: u16, count: u16) -> Vec<u16> {
    (0..count).filter(|it| *it != number).collect()
}

/// Joins all controllers, or all devices, or both, so that what happens on any of their links happens on one.
fn join(scenario: &mut Scenario, controllers: bool, devices: bool) {
    let all = scenario.topology.devices.max(1);
    let left = if devices { 1 } else { all };
    let joined = |link: &mut u16| {
        let controller = if controllers { 0 } else { *link / all };
        let device = if devices { 0 } else { *link % all };
        *link = controller * left + device;
    };
    scenario.work.ops.iter_mut().for_each(|op| joined(&mut op.link));
    scenario.faults.iter_mut().map(link_of_mut).for_each(joined);
    scenario.topology.devices = left;
    if controllers {
        scenario.topology.controllers = 1;
    }
}

fn lamp_of(act: &mut Act) -> Option<&mut u8> {
    match act {
        Act::Send { lamp, .. } => Some(lamp),
        _ => None,
    }
}

impl Shrinking<'_> {
    /// One controller and one device, if one link is enough.
    pub(super) fn only_one_link(&mut self) {
        let Topology { controllers, devices, .. } = self.best.topology;
        if u32::from(controllers) * u32::from(devices) < 2 {
            return;
        }
        let used: BTreeSet<u16> = self.best.work.ops.iter().map(|op| op.link).collect();
        let used = if used.is_empty() { BTreeSet::from([0]) } else { used };
        for link in used {
            let (controller, device) = (link / devices, link % devices);
            if self.change(|scenario| keep(scenario, &[controller], &[device])) {
                return;
            }
        }
    }

    pub(super) fn smaller_topology(&mut self) {
        let usual = Topology::default();
        self.only_one_link();
        for number in (0..self.best.topology.controllers).rev() {
            let Topology { controllers, devices, .. } = self.best.topology;
            let all: Vec<u16> = (0..devices).collect();
            if controllers > 1 {
                self.change(|it| keep(it, &everyone_but(number, controllers), &all));
            }
        }
        for number in (0..self.best.topology.devices).rev() {
            let Topology { controllers, devices, .. } = self.best.topology;
            let all: Vec<u16> = (0..controllers).collect();
            if devices > 1 {
                self.change(|it| keep(it, &all, &everyone_but(number, devices)));
            }
        }
        for (controllers, devices) in [(true, true), (true, false), (false, true)] {
            self.change(|scenario| join(scenario, controllers, devices));
        }
        self.fewer_lamps();
        self.change(|scenario| scenario.topology.round_trip = usual.round_trip);
        self.change(|scenario| scenario.topology.dials = usual.dials);
    }

    fn fewer_lamps(&mut self) {
        let change_all = |scenario: &mut Scenario, change: &dyn Fn(&mut u8)| {
            scenario.work.ops.iter_mut().filter_map(|op| lamp_of(&mut op.act)).for_each(change);
        };
        self.change(|scenario| {
            change_all(scenario, &|lamp| *lamp = 1);
            scenario.topology.lamps = 1;
        });
        let used: BTreeSet<u8> = self
            .best
            .work
            .ops
            .iter_mut()
            .filter_map(|op| lamp_of(&mut op.act))
            .map(|it| *it)
            .collect();
        let used: Vec<u8> = used.into_iter().filter(|lamp| *lamp > 0).collect();
        self.change(|scenario| {
            change_all(scenario, &|lamp| {
                let nth = used.iter().position(|it| it == lamp);
                *lamp = nth.map_or(0, |nth| nth as u8 + 1);
            });
            scenario.topology.lamps = (used.len() as u8).max(1);
        });
        for fewer in 1..self.best.topology.lamps {
            if self.change(|scenario| scenario.topology.lamps = fewer) {
                return;
            }
        }
    }
}
