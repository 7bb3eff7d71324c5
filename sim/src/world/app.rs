//! What the applications do: devices execute commands, and say so.

use super::agenda::NEVER;
use super::link::Reaction;
use super::records::Record;
use super::{Source, World};
use crate::witness::{Asked, Got, What};
use crate::{Copy, Direction, FaultKind, Label, Side, Violation};
use cync_core::Acknowledge;
use cync_core::wire::{self, Command, Destination, StatusAnnouncement, StatusCode, op};

impl World<'_> {
    /// Takes messages from the inbox, if there are any and the application is not deaf.
    pub(super) fn take(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let (time, now, place) = (self.time(), self.now, self.place(index, side));
        let end = self.links[index].end(side);
        if !end.readable {
            return Ok(false);
        }
        if now < end.deaf_until {
            self.plan.effects.count(FaultKind::Deaf);
            return Ok(false);
        }
        let mut busy = false;
        while let Some(got) = self.links[index].end(side).witness.recv(time)? {
            busy = true;
            self.tap.delivered(place, &(&got).into());
            if side == Side::Device {
                self.requested(index, got)?;
            }
        }
        self.links[index].end(side).readable = false;
        Ok(busy)
    }

    /// The device got a message.
    fn requested(&mut self, index: usize, got: Got) -> Result<(), Violation> {
        let (Some(id), Some((op, counter))) = (got.id, got.frame) else { return Ok(()) };
        let (time, now) = (self.time(), self.now);
        let manual = self.config(Side::Device).acknowledge == Acknowledge::Manually;
        let link = &mut self.links[index];
        // Whether the session is watched, and knows it, makes no difference.
        let message = link.controller.records.by_counter(counter);
        let record = message.and_then(|message| link.controller.records.get(message));
        let (number, attempt) = record.map_or((0, 1), |record| {
            record.delivered += 1;
            (record.op, record.delivered)
        });
        let life = link.life;
        let label = Label { kind: 0x73, frame: wire::Direction::REQUEST.0, number };
        let copy = Copy { link: index as u16, way: Direction::ToDevice, label, attempt };
        let refusal = self.plan.refusal(&copy).map(StatusCode);
        let service = self.plan.service(&copy);
        if manual {
            let status = refusal.unwrap_or(StatusCode::OK);
            // Without room for the answer the repetition of the request will ask for it again.
            let _ = self.links[index].device.witness.respond(time, id, status)?;
            if refusal.is_some() {
                return Ok(());
            }
        }
        let reactions = &mut self.links[index].reactions;
        let due = now.saturating_add(service);
        let due = reactions.back().map_or(due, |last| last.due.max(due));
        let reaction = Reaction { due, id, message, op, data: got.data, refusal, life };
        if due > now {
            reactions.push_back(reaction);
            let first = reactions.front().map_or(NEVER, |first| first.due);
            self.set(index, Source::React, first);
            return Ok(());
        }
        self.react(index, &reaction)
    }

    pub(super) fn react_later(&mut self, index: usize) -> Result<(), Violation> {
        let now = self.now;
        let link = &mut self.links[index];
        if now < link.off_until {
            let until = link.off_until;
            self.set(index, Source::React, until);
            return Ok(());
        }
        while let Some(reaction) = self.links[index].reactions.pop_front_if(|it| it.due <= now) {
            self.react(index, &reaction)?;
        }
        let next = self.links[index].reactions.front().map_or(NEVER, |next| next.due);
        self.set(index, Source::React, next);
        self.drive(index, Side::Device)
    }

    fn react(&mut self, index: usize, reaction: &Reaction) -> Result<(), Violation> {
        let time = self.time();
        let link = &mut self.links[index];
        if reaction.life != link.life {
            return Ok(());
        }
        if let Some(status) = reaction.refusal {
            let _ = link.device.witness.report(time, reaction.id, status)?;
            return Ok(());
        }
        let (mut number, mut before, mut is_trial) = (0, 0, false);
        if let Some(record) =
            reaction.message.and_then(|message| link.controller.records.get(message))
        {
            (number, is_trial) = (record.op, record.is_trial);
            let again = record.executed > 0;
            let same_life = again && record.executed_in == link.life;
            before = record.executed;
            record.executed += 1;
            record.executed_in = link.life;
            self.tally.applied_twice += u64::from(again);
            if same_life || again && record.once {
                let what = format!("command {number} is executed again");
                return Err(Violation::new("S11", what));
            }
        }
        let device = index % self.devices.len();
        let crate::Reaction { status, announce } =
            self.devices[device].handle(reaction.op, &reaction.data);
        self.tally.executed += u64::from(!is_trial);
        self.tell_applied(index, number);
        let _ = self.links[index].device.witness.report(time, reaction.id, status)?;
        if let Some(announcement) = announce {
            self.announce(index, (number, before), announcement)?;
        }
        Ok(())
    }

    /// A device announces its state to all who are connected. The announcement's name is a number, and how many of that number
    /// there were before.
    fn announce(
        &mut self,
        index: usize,
        name: (u32, u32),
        announcement: StatusAnnouncement,
    ) -> Result<(), Violation> {
        let count = self.devices.len();
        let data = self.devices[index % count].announce(&announcement).to_vec();
        let asked = Asked::new(What::Announce(op::STATUS, data));
        for other in (index % count..self.links.len()).step_by(count) {
            self.post(other, name, &asked)?;
            if other != index {
                self.set(other, Source::Wake, self.now);
            }
        }
        Ok(())
    }

    /// The device sends a message of its own; if there is no room for it, it does not.
    pub(super) fn post(
        &mut self,
        index: usize,
        name: (u32, u32),
        asked: &Asked,
    ) -> Result<(), Violation> {
        let time = self.time();
        let end = &mut self.links[index].device;
        if end.witness.send(time, asked)?.is_ok() {
            let mut record = Record::new(name.0, 0, None, time);
            record.namesakes = name.1;
            end.records.push(record, |oldest| oldest.is_settled(time));
        }
        Ok(())
    }

    /// Announces the state of its first lamp.
    pub(super) fn announce_now(&mut self, index: usize, number: u32) -> Result<(), Violation> {
        let count = self.devices.len();
        let lamp = self.devices[index % count].lamps().first();
        let Some(announcement) = lamp.map(crate::Device::announcement) else { return Ok(()) };
        self.announce(index, (number, 0), announcement)
    }
}

/// A command for one lamp, or for all.
pub(super) fn command(lamp: u8, set: crate::scenario::Set) -> Option<Command> {
    use crate::scenario::Set;
    use cync_core::wire::{Brightness, Rgb, Temperature};
    let to = if lamp == 0 { Destination::ALL } else { Destination::device(lamp)? };
    Some(match set {
        Set::Power(on) | Set::Relayed(on) => Command::Power { to, on },
        Set::Brightness(value) => {
            Command::Brightness { to, brightness: Brightness::new(value).ok()? }
        }
        Set::Temperature(value) => {
            Command::Temperature { to, temperature: Temperature::new(value).ok()? }
        }
        Set::Rgb(rgb) => Command::Rgb { to, rgb: Rgb(rgb) },
        Set::Probe => return None,
    })
}
