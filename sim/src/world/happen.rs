//! Faults that happen at a time.

use super::agenda::NEVER;
use super::{Source, World};
use crate::chaos::micros;
use crate::{FaultKind, Side, Violation, What};
use cync_core::Disconnect;

impl World<'_> {
    pub(super) fn schedule_timed(&mut self) {
        let next = self.plan.next_timed().unwrap_or(NEVER);
        let source = self.timed_source();
        self.agenda.set(source, next);
    }

    /// Whatever is due happens.
    pub(super) fn happen(&mut self) -> Result<(), Violation> {
        while self.plan.next_timed().is_some_and(|next| next <= self.now) {
            if let Some((time, link, what)) = self.plan.pop_timed()
                && usize::from(link) < self.links.len()
            {
                self.plan.note_timed(link, time, what);
                self.befall(link.into(), what)?;
            }
        }
        self.schedule_timed();
        Ok(())
    }

    fn befall(&mut self, index: usize, what: What) -> Result<(), Violation> {
        let now = self.now;
        let link = &mut self.links[index];
        match what {
            What::Stall(way, time) => {
                let side = match way {
                    crate::Direction::ToDevice => Side::Device,
                    crate::Direction::FromDevice => Side::Controller,
                };
                let pipe = &mut link.end(side).pipe;
                if !pipe.is_empty() {
                    self.plan.effects.count(FaultKind::Stall);
                }
                pipe.stalled_until = now + micros(time);
                self.schedule_arrival(index, side);
            }
            What::Reset => self.reset(index)?,
            What::HalfOpen(side) => {
                if link.end(side).epoch.is_some() {
                    self.plan.effects.count(FaultKind::HalfOpen);
                }
                self.disconnect(index, side, Disconnect::Error)?;
                self.drive(index, side)?;
            }
            What::Partition(time) => {
                link.partitioned_until = now + micros(time);
            }
            What::Silent(side, time) => link.end(side).silent_until = now + micros(time),
            What::RefuseHello(time) => link.refusing_until = now + micros(time),
            What::SlowReader(side, time) => link.end(side).slow_until = now + micros(time),
            What::Deaf(side, time) => link.end(side).deaf_until = now + micros(time),
            What::Reboot(time) => self.power_off(index, now + micros(time), false),
            What::Amnesia(time) => self.power_off(index, now + micros(time), true),
            _ => {}
        }
        self.schedule_wake(index);
        Ok(())
    }

    /// Half of what travels arrives, then both sides learn that the connection is broken.
    pub(super) fn reset(&mut self, index: usize) -> Result<(), Violation> {
        let mut torn = self.links[index].controller.epoch.is_some();
        for side in Side::BOTH {
            if self.links[index].end(side).pipe.tear() {
                torn = true;
                self.drive(index, side)?;
            }
        }
        if torn {
            self.plan.effects.count(FaultKind::Reset);
        }
        for side in Side::BOTH {
            self.disconnect(index, side, Disconnect::Error)?;
        }
        for side in Side::BOTH {
            self.drive(index, side)?;
        }
        Ok(())
    }

    /// The device is off: nothing that travels to it or from it arrives, and nobody is told.
    fn power_off(&mut self, index: usize, until: u64, forgets: bool) {
        let link = &mut self.links[index];
        link.off_until = until;
        link.forgets |= forgets;
        if link.device.dials {
            link.dialling = None;
            self.set(index, Source::Dial, NEVER);
        }
        self.clear(index, Side::Device);
        let kind = if forgets { FaultKind::Amnesia } else { FaultKind::Reboot };
        self.plan.effects.count(kind);
    }

    /// The device is back, if it was off for long enough.
    pub(super) fn power_on(&mut self, index: usize) -> Result<(), Violation> {
        let (now, time) = (self.now, self.time());
        let link = &mut self.links[index];
        if link.off_until == 0 || now < link.off_until {
            return Ok(());
        }
        link.off_until = 0;
        let forgets = std::mem::take(&mut link.forgets);
        self.disconnect(index, Side::Device, Disconnect::Error)?;
        if !forgets {
            // A driver that was about to open a connection has lost it.
            let link = &mut self.links[index];
            if link.device.dials && link.device.epoch.is_none() && link.dialling.is_none() {
                link.device.witness.disconnected(time, Disconnect::Error)?;
            }
            return Ok(());
        }
        let link = &mut self.links[index];
        link.life += 1;
        self.values.unordered = true;
        let link = &mut self.links[index];
        link.reactions.clear();
        let life = link.life;
        let accepted = link.device.witness.accepted();
        self.set(index, Source::React, NEVER);
        let fresh = self.new_end(index, Side::Device, life, accepted);
        let Ok(mut fresh) = fresh else { return Ok(()) };
        if fresh.dials {
            fresh.witness.connect(time);
        }
        let device = &mut self.links[index].device;
        fresh.others = device.others;
        fresh.ticks = device.ticks;
        *device = fresh;
        Ok(())
    }

    /// What has arrived must be taken before it is older than any copy can be: slow sides take it now, or lose their
    /// connection.
    pub(super) fn take_in_time(&mut self, index: usize) -> Result<(), Violation> {
        for side in Side::BOTH {
            if !self.is_overdue(index, side) {
                continue;
            }
            let end = self.links[index].end(side);
            (end.slow_until, end.deaf_until) = (0, 0);
            self.drive(index, side)?;
            if self.is_overdue(index, side) {
                self.check_room(self.links[index].end_ref(side))?;
                for side in Side::BOTH {
                    self.disconnect(index, side, Disconnect::Error)?;
                }
            }
        }
        Ok(())
    }

    fn is_overdue(&mut self, index: usize, side: Side) -> bool {
        let (now, lifetime) = (self.now, self.lifetime(side.other()));
        let oldest = self.links[index].end(side).pipe.arrived.front();
        oldest.is_some_and(|it| now >= it.parcel.flight.handed_at.as_micros() + lifetime - 1)
    }
}
