//! Faults as data: what goes wrong, and where.

use crate::chaos::Copy;
use crate::{Direction, Side};
use std::fmt;
use std::time::Duration;

/// Something that goes wrong once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What.
    pub what: What,
}

/// Where a fault happens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// At one copy of a packet.
    Packet(Copy),
    /// At the nth tick of an end of a link, from 0.
    Tick {
        /// The link.
        link: u16,
        /// Its end.
        side: Side,
        /// Which tick.
        nth: u64,
    },
    /// At this time since the start.
    At {
        /// The link.
        link: u16,
        /// The time.
        time: Duration,
    },
}

/// What goes wrong. Packets first, then ticks, then what happens at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// The packet is lost.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It travels longer.
    Delay(Duration),
    /// It is held back, and overtaken.
    Reorder(Duration),
    /// Bytes that its checksum covers are changed, as these bits say: the lowest eight how many (one at least), the others which,
    /// and to what. Not zero.
    Corrupt(u64),
    /// It arrives in two pieces, as these bits say; not zero.
    Split(u64),
    /// It waits for the next one, so long at most.
    Coalesce(Duration),
    /// The device refuses the command with this status.
    Nack(u8),
    /// The device takes its time for the command.
    Slow(Duration),
    /// The session is told the time late.
    LateTick(Duration),
    /// The session is told the time without need, half-way to the tick.
    EarlyTick,
    /// Nothing arrives in one direction for a while; then all of it does.
    Stall(Direction, Duration),
    /// The connection breaks in the middle of a packet, for both sides.
    Reset,
    /// The connection breaks, and only this side notices.
    HalfOpen(Side),
    /// What sets out in either direction is lost for a while, and no connection can be made.
    Partition(Duration),
    /// What this side sends is lost for a while.
    Silent(Side, Duration),
    /// Greetings are refused for a while.
    RefuseHello(Duration),
    /// This side does not read from its connection for a while.
    SlowReader(Side, Duration),
    /// The application of this side takes no messages for a while.
    Deaf(Side, Duration),
    /// The device is gone for a while, and remembers everything.
    Reboot(Duration),
    /// The device is gone for a while, and remembers none of the messages that it had taken.
    Amnesia(Duration),
}

/// What kind of fault one is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "they are named as the faults are")]
pub enum FaultKind {
    Drop,
    Duplicate,
    Delay,
    Reorder,
    Corrupt,
    Split,
    Coalesce,
    Nack,
    Slow,
    LateTick,
    EarlyTick,
    Stall,
    Reset,
    HalfOpen,
    Partition,
    Silent,
    RefuseHello,
    SlowReader,
    Deaf,
    Reboot,
    Amnesia,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Drop,
        Self::Duplicate,
        Self::Delay,
        Self::Reorder,
        Self::Corrupt,
        Self::Split,
        Self::Coalesce,
        Self::Nack,
        Self::Slow,
        Self::LateTick,
        Self::EarlyTick,
        Self::Stall,
        Self::Reset,
        Self::HalfOpen,
        Self::Partition,
        Self::Silent,
        Self::RefuseHello,
        Self::SlowReader,
        Self::Deaf,
        Self::Reboot,
        Self::Amnesia,
    ];

    /// Its name in scenario files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::Corrupt => "corrupt",
            Self::Split => "split",
            Self::Coalesce => "coalesce",
            Self::Nack => "nack",
            Self::Slow => "slow",
            Self::LateTick => "late-tick",
            Self::EarlyTick => "early-tick",
            Self::Stall => "stall",
            Self::Reset => "reset",
            Self::HalfOpen => "half-open",
            Self::Partition => "partition",
            Self::Silent => "silent",
            Self::RefuseHello => "refuse-hello",
            Self::SlowReader => "slow-reader",
            Self::Deaf => "deaf",
            Self::Reboot => "reboot",
            Self::Amnesia => "amnesia",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl What {
    /// What kind it is.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::Drop => FaultKind::Drop,
            Self::Duplicate => FaultKind::Duplicate,
            Self::Delay(_) => FaultKind::Delay,
            Self::Reorder(_) => FaultKind::Reorder,
            Self::Corrupt(_) => FaultKind::Corrupt,
            Self::Split(_) => FaultKind::Split,
            Self::Coalesce(_) => FaultKind::Coalesce,
            Self::Nack(_) => FaultKind::Nack,
            Self::Slow(_) => FaultKind::Slow,
            Self::LateTick(_) => FaultKind::LateTick,
            Self::EarlyTick => FaultKind::EarlyTick,
            Self::Stall(..) => FaultKind::Stall,
            Self::Reset => FaultKind::Reset,
            Self::HalfOpen(_) => FaultKind::HalfOpen,
            Self::Partition(_) => FaultKind::Partition,
            Self::Silent(..) => FaultKind::Silent,
            Self::RefuseHello(_) => FaultKind::RefuseHello,
            Self::SlowReader(..) => FaultKind::SlowReader,
            Self::Deaf(..) => FaultKind::Deaf,
            Self::Reboot(_) => FaultKind::Reboot,
            Self::Amnesia(_) => FaultKind::Amnesia,
        }
    }
}
