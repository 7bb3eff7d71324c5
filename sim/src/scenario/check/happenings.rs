//! Operations and faults that cannot be.

use super::{Checked, Contradiction, Step};
use crate::scenario::file::blank_fault;
use crate::scenario::{Act, Op, Set};
use crate::{Copy, Fault, Place, Scenario, What};
use cync_core::wire::PacketType;
use std::collections::BTreeMap;
use std::mem::discriminant;
use std::time::Duration;

impl Scenario {
    fn check_link(&self, list: &'static str, nth: usize, link: u16) -> Checked {
        let links = self.links();
        demand!(
            u32::from(link) < links,
            [list, nth, "link"],
            "link is {link}: the topology has {links}, numbered from 0"
        );
        Ok(())
    }

    pub(super) fn check_ops(&self) -> Checked {
        let ops = &self.work.ops;
        let mut numbers: BTreeMap<u32, &Op> = BTreeMap::new();
        for (nth, op) in ops.iter().enumerate() {
            let number = op.number;
            demand!(
                numbers.insert(number, op).is_none(),
                ["op", nth, "number"],
                "number is {number}, as of an operation before: no two are alike"
            );
        }
        if self.work.workload.is_some()
            && let Some((most, last)) = numbers.last_key_value()
        {
            let commands = self.work.commands;
            let nth = ops.iter().position(|op| op.number == last.number).unwrap_or(0);
            demand!(
                u64::from(*most).saturating_add(commands) <= u32::MAX.into(),
                ["op", nth, "number"],
                "number is {most}: the {commands} commands of the workload have the numbers behind it, up to 4294967295"
            );
        }
        let [controller, _] = self.configs()?;
        for (nth, op) in ops.iter().enumerate() {
            self.check_link("op", nth, op.link)?;
            demand!(
                self.duration.is_none_or(|end| op.at < end),
                ["op", nth, "at_ms"],
                "at_ms is not before the end: duration_ms is shorter"
            );
            match op.act {
                Act::Send { lamp, set, deadline, .. } => {
                    let lamps = self.topology.lamps;
                    demand!(
                        lamp <= lamps,
                        ["op", nth, "lamp"],
                        "lamp is {lamp}: each device has {lamps}, numbered from 1, and 0 means all"
                    );
                    if let Set::Brightness(value) | Set::Temperature(value) = set {
                        demand!(
                            value <= 100,
                            ["op", nth, "value"],
                            "value is {value}: it is from 0 to 100"
                        );
                    }
                    demand!(
                        deadline.is_none_or(|deadline| deadline <= controller.deadline),
                        ["op", nth, "deadline_ms"],
                        "deadline_ms is longer than the controller's own, {:?}",
                        controller.deadline
                    );
                }
                Act::Cancel(command) => {
                    let meant = numbers.get(&command);
                    demand!(
                        meant.is_some_and(|meant| matches!(meant.act, Act::Send { .. })),
                        ["op", nth, "command"],
                        "command is {command}: no operation of this number is a command"
                    );
                    demand!(
                        meant.is_some_and(|meant| meant.link == op.link),
                        ["op", nth, "link"],
                        "command {command}, which is to be cancelled, is sent on another link"
                    );
                }
                Act::Ping | Act::Announce | Act::Info(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn check_faults(&self) -> Checked {
        for (nth, fault) in self.faults.iter().enumerate() {
            if let Err((field, rule)) = self.check_fault(fault) {
                return Err(Contradiction::new(at!["fault", nth, field], rule));
            }
            let (Place::Packet(Copy { link, .. })
            | Place::Tick { link, .. }
            | Place::At { link, .. }) = fault.place;
            self.check_link("fault", nth, link)?;
        }
        Ok(())
    }

    fn check_fault(&self, fault: &Fault) -> Result<(), (&'static str, String)> {
        let kind = fault.what.kind();
        let usual = blank_fault(kind).place;
        if discriminant(&usual) != discriminant(&fault.place) {
            return Err(("kind", format!("{kind} does not happen at such a place")));
        }
        if let Place::Packet(Copy { label, attempt, .. }) = fault.place {
            let byte = label.kind;
            let Some(packet) = PacketType::from_byte(byte) else {
                return Err((
                    "packet",
                    format!("packet is {byte:#04x}: no packet is of this type"),
                ));
            };
            let greetings = [
                PacketType::AppLogin,
                PacketType::AppLoginAck,
                PacketType::Handshake,
                PacketType::HelloAck,
            ];
            if greetings.contains(&packet) {
                let rule = format!("packet is {byte:#04x}: greetings are never tampered with");
                return Err(("packet", rule));
            }
            let framed = matches!(packet, PacketType::DataChannel | PacketType::StatusBroadcast);
            match (framed, label.frame) {
                (true, 0) => {
                    let rule = "a 0x73 or 0x83 is told by the direction of its inner frame: frame is 0xf8 (a request), 0xf9 \
                                (a result) or 0xfa (an announcement)";
                    return Err(("frame", rule.to_owned()));
                }
                (false, 1..) => {
                    let rule =
                        format!("frame is {:#04x}: a {byte:#04x} has no inner frame", label.frame);
                    return Err(("frame", rule));
                }
                _ => {}
            }
            if attempt == 0 {
                return Err(("attempt", "attempt is 0: copies are counted from 1".to_owned()));
            }
        }
        if let (Place::At { time, .. }, Some(end)) = (fault.place, self.duration)
            && time >= end
        {
            return Err((
                "at_ms",
                "at_ms is not before the end: duration_ms is shorter".to_owned(),
            ));
        }
        match fault.what {
            What::Delay(Duration::ZERO)
            | What::Reorder(Duration::ZERO)
            | What::Coalesce(Duration::ZERO)
            | What::Slow(Duration::ZERO)
            | What::LateTick(Duration::ZERO)
            | What::Stall(_, Duration::ZERO)
            | What::Partition(Duration::ZERO)
            | What::Silent(_, Duration::ZERO)
            | What::RefuseHello(Duration::ZERO)
            | What::SlowReader(_, Duration::ZERO)
            | What::Deaf(_, Duration::ZERO)
            | What::Reboot(Duration::ZERO)
            | What::Amnesia(Duration::ZERO) => {
                Err(("for_ms", "for_ms is 0: that would be no fault".to_owned()))
            }
            What::Corrupt(0) | What::Split(0) => {
                Err(("bits", "bits is 0: they say how, and one at least is set".to_owned()))
            }
            What::Nack(0) => Err(("status", "status is 0: that is no refusal".to_owned())),
            _ => Ok(()),
        }
    }
}
