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
        // What lasts until later already does so.
        let last = |until: &mut u64, time| *until = (*until).max(now.saturating_add(micros(time)));
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
                last(&mut pipe.stalled_until, time);
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
            What::Partition(time) => last(&mut link.partitioned_until, time),
            What::Silent(side, time) => last(&mut link.end(side).silent_until, time),
            What::RefuseHello(time) => last(&mut link.refusing_until, time),
            What::SlowReader(side, time) => last(&mut link.end(side).slow_until, time),
            What::Deaf(side, time) => last(&mut link.end(side).deaf_until, time),
            What::Reboot(time) | What::Amnesia(time) => {
                last(&mut link.off_until, time);
                self.power_off(index, matches!(what, What::Amnesia(_)));
            }
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
    fn power_off(&mut self, index: usize, forgets: bool) {
        let link = &mut self.links[index];
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
        self.forget_tick(index, Side::Device);
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

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use crate::world::{Options, Outcome, run};

    /// Ten seconds of commands, with one fault from 2 s to 5 s, and these.
    fn outcome(fault: &str, more: &str) -> Outcome {
        let text = format!(
            "schema = 1\nname = \"\"\nduration_ms = 12000\n[config.device]\ninbox_messages_limit = 2\n\
             [workload]\nkind = \"steady\"\nevery_ms = 90\ncommands = 100\nuntil = \"executed\"\n\
             [[fault]]\nkind = \"reset\"\nat_ms = 2500\n\
             [[fault]]\n{fault}\nat_ms = 2000\nfor_ms = 3000\n{more}"
        );
        let scenario = Scenario::parse(&text).unwrap();
        run(&scenario, Options::default()).unwrap()
    }

    #[test]
    fn a_fault_that_begins_and_ends_within_one_of_its_kind_shortens_nothing() {
        for fault in [
            "kind = \"partition\"",
            "kind = \"silent\"\nside = \"device\"",
            "kind = \"refuse-hello\"",
            "kind = \"slow-reader\"\nside = \"device\"",
            "kind = \"deaf\"\nside = \"device\"",
            "kind = \"stall\"\nway = \"to-device\"",
            "kind = \"reboot\"",
            "kind = \"amnesia\"",
        ] {
            let alone = outcome(fault, "");
            let within =
                outcome(fault, &format!("[[fault]]\n{fault}\nat_ms = 2400\nfor_ms = 100\n"));
            assert_eq!((&alone.broken, &within.broken), (&None, &None), "{fault}");
            assert_eq!(within.hash, alone.hash, "{fault}");
        }
    }

    #[test]
    fn a_fault_that_would_last_for_ever_lasts_to_the_end() {
        for fault in ["partition", "reboot"] {
            let fault = format!("kind = \"{fault}\"");
            let most = "for_ms = 18446744073709551.615";
            let long = outcome(&fault, &format!("[[fault]]\n{fault}\nat_ms = 2100\n{most}\n"));
            let until_the_end = "for_ms = 9900";
            let end =
                outcome(&fault, &format!("[[fault]]\n{fault}\nat_ms = 2100\n{until_the_end}\n"));
            assert_eq!((long.hash, &long.broken), (end.hash, &None), "{fault}");
        }
    }
}
