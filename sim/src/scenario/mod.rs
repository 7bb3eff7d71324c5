//! A scenario: everything that decides a run, as data.

mod check;
mod file;
mod library;
mod overrides;
mod work;

pub use check::Contradiction;
pub use file::ScenarioError;
pub use overrides::{Overrides, QueueOverride};
pub use work::{Act, Op, Set, Work, Workload};

use crate::{ChaosConfig, Fault, Ppm};
use std::time::Duration;

/// One end of a link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The one that sends commands.
    Controller,
    /// The one that executes them.
    Device,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Controller, Self::Device];

    /// The one at the other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Controller => Self::Device,
            Self::Device => Self::Controller,
        }
    }
}

/// Who there is, and what joins them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Topology {
    /// Controllers, each with a link of its own to every device.
    pub controllers: u16,
    /// Devices that have a connection.
    pub devices: u16,
    /// Lamps behind each of them, at the mesh addresses 1 and up.
    pub lamps: u8,
    /// A packet and its answer travel so long together, half of it each, before any chaos.
    pub round_trip: Duration,
    /// Who opens connections, and greets.
    pub dials: Side,
}

impl Default for Topology {
    /// One of each, 45 ms apart; the device dials.
    fn default() -> Self {
        Self {
            controllers: 1,
            devices: 1,
            lamps: 1,
            round_trip: Duration::from_millis(45),
            dials: Side::Device,
        }
    }
}

/// The chaos from one command on.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Phase {
    /// It begins when so many commands have been sent.
    pub after_commands: u64,
    /// What happens on the way to devices.
    pub to_device: ChaosConfig,
    /// What happens on the way back.
    pub from_device: ChaosConfig,
}

/// What a run must keep; it fails otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Limits {
    /// Half of the commands are faster than this. A command that fails is slower than any.
    pub p50: Option<Duration>,
    /// 95 % are.
    pub p95: Option<Duration>,
    /// 99 % are.
    pub p99: Option<Duration>,
    /// So many commands reach their stage, at least.
    pub success: Option<Ppm>,
    /// Needless copies per first transmission, below this.
    pub spurious: Option<Ppm>,
    /// As `spurious`, counted only from this command on.
    pub spurious_after: u64,
    /// Executions beyond the first of a command, at most.
    pub applied_twice: Option<u64>,
}

/// Everything that decides a run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub about: String,
    /// What all draws depend on, and where message numbers start.
    pub seed: u64,
    /// Who there is.
    pub topology: Topology,
    /// How controllers' sessions differ from the defaults.
    pub controller: Overrides,
    /// How devices' sessions differ from the defaults.
    pub device: Overrides,
    /// What is asked of them.
    pub work: Work,
    /// What goes wrong at random: phases in the order of their beginning; the first begins at once.
    pub chaos: Vec<Phase>,
    /// What goes wrong for certain.
    pub faults: Vec<Fault>,
    /// The faults and the work end after this time; without it, when the work is done.
    pub duration: Option<Duration>,
    /// What it must keep.
    pub limits: Limits,
}
