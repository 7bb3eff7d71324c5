//! How much of a scenario there is to understand.

use super::settings;
use super::times::{durations, moments, roughness};
use super::values::{is_sorted, oddness_of_fault, oddness_of_op};
use crate::Scenario;
use crate::scenario::{Topology, Workload};

/// Scenarios are compared by the first field in which they differ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Weight {
    /// What is left to draws: the workload, the phases of chaos, and the fields of their settings.
    drawn: u64,
    /// Commands that are drawn.
    commands: u64,
    /// Explicit operations and faults.
    happenings: u64,
    /// What differs from the default configuration, and from the usual frame of a run.
    settings: u64,
    /// Links, then lamps, then how the rest of the topology differs.
    topology: [u64; 3],
    /// What is peculiar about operations and faults.
    odd: u128,
    /// How far from being round times are; then the times.
    times: [u128; 2],
    /// Numbers of operations, and whether they are in order.
    numbers: u128,
    /// Where draws start; 1 is the least.
    seed: u64,
}

impl Weight {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let Scenario { seed, topology, controller, device, work, chaos, faults, duration, .. } =
            scenario;
        let Topology { controllers, devices, lamps, round_trip, dials } = *topology;
        let usual = Topology::default();
        let phases = chaos.iter().map(|phase| {
            1 + settings::chaos_fields(&phase.to_device)
                + settings::chaos_fields(&phase.from_device)
        });
        let settings = settings::overridden(controller) + settings::overridden(device);
        let mut copy = scenario.clone();
        let times = moments(scenario).chain(durations(&mut copy).map(|time| *time));
        let times = times.fold([0, 0], |[rough, sum], time| {
            [rough + u128::from(roughness(time)), sum + time.as_micros()]
        });
        Self {
            drawn: phases.sum::<u64>() + work.workload.map_or(0, workload),
            commands: work.commands,
            happenings: (work.ops.len() + faults.len()) as u64,
            settings: settings
                + u64::from(duration.is_some())
                + u64::from(work.until.is_some())
                + u64::from(scenario.limits != Default::default()),
            topology: [
                u64::from(controllers.max(1)) * u64::from(devices.max(1)),
                u64::from(lamps.max(1)),
                u64::from(round_trip != usual.round_trip) + u64::from(dials != usual.dials),
            ],
            odd: work.ops.iter().map(oddness_of_op).sum::<u128>()
                + faults.iter().map(oddness_of_fault).sum::<u128>(),
            times,
            numbers: work.ops.iter().map(|op| u128::from(op.number)).sum::<u128>() * 2
                + u128::from(!is_sorted(&work.ops)),
            seed: seed.wrapping_sub(1),
        }
    }

    /// Whether nothing is left to draws.
    pub(super) const fn is_explicit(&self) -> bool {
        self.drawn == 0
    }
}

/// A workload of one worker is the plainest; others are told by what they need.
const fn workload(workload: Workload) -> u64 {
    match workload {
        Workload::Closed { workers } => workers as u64,
        Workload::Steady { .. } => 300,
        Workload::Burst { size, .. } => 400 + size as u64,
        Workload::Group => 300,
        Workload::Random { .. } => 100_000,
    }
}
