//! What is asked of controllers and devices.

use cync_core::Stage;
use std::time::Duration;

/// What a command sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Set {
    /// On or off.
    Power(bool),
    /// 0 to 100.
    Brightness(u8),
    /// 0 to 100.
    Temperature(u8),
    /// Red, green, blue.
    Rgb([u8; 3]),
    /// On or off, in a packet that names another endpoint.
    Relayed(bool),
    /// Nothing: a probe, a `0xa3`.
    Probe,
}

/// What somebody does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Act {
    /// The controller sends a command.
    Send {
        /// The mesh address of the lamp; 0 for all.
        lamp: u8,
        /// What it sets.
        set: Set,
        /// When it is done.
        until: Stage,
        /// It is handed over once at most.
        once: bool,
        /// Its own deadline.
        deadline: Option<Duration>,
    },
    /// The controller cancels the command of this number.
    Cancel(u32),
    /// The controller sends a sign of life.
    Ping,
    /// The device announces its state, a `0x83`.
    Announce,
    /// The device reports so many bytes of information, a `0x43`.
    Info(u16),
}

/// One thing that is done at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Op {
    /// What it is called, also by the faults of its packets; no two are alike.
    pub number: u32,
    /// When, since the start.
    pub at: Duration,
    /// On which link: `controller * devices + device`.
    pub link: u16,
    /// What.
    pub act: Act,
}

/// Commands as somebody sends them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    /// Workers that send one command after the other, each to a lamp of its own on every link.
    Closed {
        /// How many, on each link.
        workers: u8,
    },
    /// One command after the other at this distance, in turn on every link.
    Steady {
        /// The distance.
        every: Duration,
    },
    /// Many at once, again and again.
    Burst {
        /// How many.
        size: u16,
        /// How far apart.
        every: Duration,
    },
    /// One to every device at once; when all have ended, the next.
    Group,
    /// Random commands at random times.
    Random {
        /// The longest time between two.
        gap: Duration,
    },
}

/// All the work.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Work {
    /// How commands come; nobody sends any if there is none.
    pub workload: Option<Workload>,
    /// How many commands, in all.
    pub commands: u64,
    /// When they are done.
    pub until: Option<Stage>,
    /// What is done besides.
    pub ops: Vec<Op>,
}
