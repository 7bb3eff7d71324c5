//! The fields of operations and faults, for reading and for writing.

use super::fields::Fields;
use super::value::{Hex, Value, choice, names, quote};
use crate::scenario::{Act, Op, Set, Side};
use crate::{Copy, Direction, Fault, FaultKind, Label, Place, What};
use cync_core::Stage;
use std::time::Duration;
use toml::de::DeValue;

/// What kind of operation one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ActKind {
    Power,
    Brightness,
    Temperature,
    Rgb,
    Relayed,
    Probe,
    Cancel,
    Ping,
    Announce,
    Info,
}

names!(ActKind:
    Self::Power => "power",
    Self::Brightness => "brightness",
    Self::Temperature => "temperature",
    Self::Rgb => "rgb",
    Self::Relayed => "relayed",
    Self::Probe => "probe",
    Self::Cancel => "cancel",
    Self::Ping => "ping",
    Self::Announce => "announce",
    Self::Info => "info",
);

impl ActKind {
    const fn of(act: Act) -> Self {
        match act {
            Act::Send { set, .. } => match set {
                Set::Power(_) => Self::Power,
                Set::Brightness(_) => Self::Brightness,
                Set::Temperature(_) => Self::Temperature,
                Set::Rgb(_) => Self::Rgb,
                Set::Relayed(_) => Self::Relayed,
                Set::Probe => Self::Probe,
            },
            Act::Cancel(_) => Self::Cancel,
            Act::Ping => Self::Ping,
            Act::Announce => Self::Announce,
            Act::Info(_) => Self::Info,
        }
    }

    const fn blank(self) -> Act {
        let set = match self {
            Self::Power => Set::Power(false),
            Self::Brightness => Set::Brightness(0),
            Self::Temperature => Set::Temperature(0),
            Self::Rgb => Set::Rgb([0; 3]),
            Self::Relayed => Set::Relayed(false),
            Self::Probe => Set::Probe,
            Self::Cancel => return Act::Cancel(0),
            Self::Ping => return Act::Ping,
            Self::Announce => return Act::Announce,
            Self::Info => return Act::Info(0),
        };
        Act::Send { lamp: 1, set, until: Stage::Acked, once: false, deadline: None }
    }
}

/// An operation of the same kind that says nothing that is not required.
pub(super) const fn blank_op(act: Act) -> Op {
    Op { number: 0, at: Duration::ZERO, link: 0, act: ActKind::of(act).blank() }
}

pub(super) fn op<F: Fields>(f: &mut F, op: &mut Op) -> Result<(), F::Error> {
    let mut kind = ActKind::of(op.act);
    f.tag("act", &mut kind)?;
    if ActKind::of(op.act) != kind {
        op.act = kind.blank();
    }
    f.required("number", &mut op.number)?;
    f.required("at_ms", &mut op.at)?;
    f.field("link", &mut op.link)?;
    match &mut op.act {
        Act::Send { lamp, set, until, once, deadline } => {
            f.field("lamp", lamp)?;
            match set {
                Set::Power(on) | Set::Relayed(on) => f.required("on", on)?,
                Set::Brightness(value) | Set::Temperature(value) => f.required("value", value)?,
                Set::Rgb(value) => f.required("value", value)?,
                Set::Probe => {}
            }
            f.field("until", until)?;
            f.field("once", once)?;
            f.field("deadline_ms", deadline)
        }
        Act::Cancel(command) => f.required("command", command),
        Act::Info(bytes) => f.required("bytes", bytes),
        Act::Ping | Act::Announce => Ok(()),
    }
}

const fn blank_what(kind: FaultKind) -> What {
    let time = Duration::ZERO;
    let (side, way) = (Side::Controller, Direction::ToDevice);
    match kind {
        FaultKind::Drop => What::Drop,
        FaultKind::Duplicate => What::Duplicate,
        FaultKind::Delay => What::Delay(time),
        FaultKind::Reorder => What::Reorder(time),
        FaultKind::Corrupt => What::Corrupt(1),
        FaultKind::Split => What::Split(1),
        FaultKind::Coalesce => What::Coalesce(time),
        FaultKind::Nack => What::Nack(1),
        FaultKind::Slow => What::Slow(time),
        FaultKind::LateTick => What::LateTick(time),
        FaultKind::EarlyTick => What::EarlyTick,
        FaultKind::Stall => What::Stall(way, time),
        FaultKind::Reset => What::Reset,
        FaultKind::HalfOpen => What::HalfOpen(side),
        FaultKind::Partition => What::Partition(time),
        FaultKind::Silent => What::Silent(side, time),
        FaultKind::RefuseHello => What::RefuseHello(time),
        FaultKind::SlowReader => What::SlowReader(side, time),
        FaultKind::Deaf => What::Deaf(side, time),
        FaultKind::Reboot => What::Reboot(time),
        FaultKind::Amnesia => What::Amnesia(time),
    }
}

/// Where a fault of this kind happens, as [`Place`] has it.
const fn blank_place(kind: FaultKind) -> Place {
    let label = Label { kind: 0, frame: 0, number: 0 };
    match kind {
        FaultKind::Drop
        | FaultKind::Duplicate
        | FaultKind::Delay
        | FaultKind::Reorder
        | FaultKind::Corrupt
        | FaultKind::Split
        | FaultKind::Coalesce
        | FaultKind::Nack
        | FaultKind::Slow => {
            Place::Packet(Copy { link: 0, way: Direction::ToDevice, label, attempt: 1 })
        }
        FaultKind::LateTick | FaultKind::EarlyTick => {
            Place::Tick { link: 0, side: Side::Controller, nth: 0 }
        }
        FaultKind::Stall
        | FaultKind::Reset
        | FaultKind::HalfOpen
        | FaultKind::Partition
        | FaultKind::Silent
        | FaultKind::RefuseHello
        | FaultKind::SlowReader
        | FaultKind::Deaf
        | FaultKind::Reboot
        | FaultKind::Amnesia => Place::At { link: 0, time: Duration::ZERO },
    }
}

/// A fault of this kind that says nothing that is not required.
pub(in super::super) const fn blank_fault(kind: FaultKind) -> Fault {
    Fault { place: blank_place(kind), what: blank_what(kind) }
}

pub(super) fn fault<F: Fields>(f: &mut F, fault: &mut Fault) -> Result<(), F::Error> {
    let mut kind = fault.what.kind();
    f.tag("kind", &mut kind)?;
    if fault.what.kind() != kind {
        *fault = blank_fault(kind);
    }
    match &mut fault.place {
        Place::Packet(Copy { link, way, label, attempt }) => {
            f.field("link", link)?;
            f.required("way", way)?;
            let (mut packet, mut frame) = (Hex(label.kind), Hex(label.frame));
            f.required("packet", &mut packet)?;
            f.field("frame", &mut frame)?;
            (label.kind, label.frame) = (packet.0, frame.0);
            f.field("number", &mut label.number)?;
            f.field("attempt", attempt)?;
        }
        Place::Tick { link, side, nth } => {
            f.field("link", link)?;
            f.required("side", side)?;
            f.required("tick", nth)?;
        }
        Place::At { link, time } => {
            f.field("link", link)?;
            f.required("at_ms", time)?;
        }
    }
    match &mut fault.what {
        What::Drop | What::Duplicate | What::EarlyTick | What::Reset => Ok(()),
        What::Delay(time)
        | What::Reorder(time)
        | What::Coalesce(time)
        | What::Slow(time)
        | What::LateTick(time)
        | What::Partition(time)
        | What::RefuseHello(time)
        | What::Reboot(time)
        | What::Amnesia(time) => f.required("for_ms", time),
        What::Corrupt(bits) | What::Split(bits) => {
            let mut given = Hex(*bits);
            f.field("bits", &mut given)?;
            *bits = given.0;
            Ok(())
        }
        What::Nack(status) => {
            let mut given = Hex(*status);
            f.field("status", &mut given)?;
            *status = given.0;
            Ok(())
        }
        What::Stall(way, time) => {
            f.required("way", way)?;
            f.required("for_ms", time)
        }
        What::HalfOpen(side) => f.required("side", side),
        What::Silent(side, time) | What::SlowReader(side, time) | What::Deaf(side, time) => {
            f.required("side", side)?;
            f.required("for_ms", time)
        }
    }
}
