//! What a driver does: it moves bytes and events, and looks at the clock.

use super::agenda::NEVER;
use super::link::Tick;
use super::{Manner, Source, World};
use crate::{FaultKind, Side, Violation, What};
use cync_core::{CivilTime, Disconnect, Event, State};
use std::time::Duration;

/// How long it takes to find out that nobody can be reached.
const UNREACHABLE: u64 = 1_000_000;

const SITE_TIME: CivilTime = CivilTime {
    year: 2025,
    month: 6,
    day: 1,
    weekday_sunday1: 1,
    hour: 12,
    minute: 30,
    second: 0,
    utc_offset_centihours: -600,
};

impl World<'_> {
    /// Everything that an end can do now; then it is known when its timer is due.
    pub(super) fn drive(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        if side == Side::Device && self.now < self.links[index].off_until {
            return Ok(());
        }
        self.tick_needlessly(index, side)?;
        loop {
            self.feed(index, side)?;
            // A message that is taken makes room for input, and so does an answer that leaves; what is told may change
            // anything.
            let mut room = self.take(index, side)?;
            let mut busy =
                self.options.manner == Manner::EventsFirst && self.events(index, side)?;
            room |= self.hand_over(index, side)?;
            busy |= room && !self.links[index].end(side).pipe.arrived.is_empty();
            busy |= self.events(index, side)?;
            if !busy && !self.write(index, side)? {
                break;
            }
        }
        if self.options.watched {
            self.links[index].end(side).witness.check()?;
            let end = self.links[index].end_ref(side);
            self.check_sign_of_life(side, end)?;
        }
        let (end, peer) = self.links[index].both(side);
        if peer.congested && end.pipe.has_room() {
            peer.congested = false;
            self.set(index, Source::Wake, self.now);
        }
        self.schedule_tick(index, side);
        self.schedule_arrival(index, side);
        self.schedule_wake(index);
        Ok(())
    }

    /// There is room for what waits; the application uses it when nothing else is left to do.
    fn write(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let writable = std::mem::take(&mut self.links[index].end(side).writable);
        if writable && side == Side::Controller {
            self.send_waiting(index)?;
        }
        Ok(writable)
    }

    fn tick_needlessly(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        if self.options.manner != Manner::NeedlessTicks {
            return Ok(());
        }
        let time = self.time();
        let witness = &mut self.links[index].end(side).witness;
        if witness.session().poll_timeout().is_none_or(|next| next.at > time) {
            witness.timeout(time)?;
        }
        Ok(())
    }

    fn schedule_tick(&mut self, index: usize, side: Side) {
        let (time, now) = (self.time(), self.now);
        let off_until = if side == Side::Device { self.links[index].off_until } else { 0 };
        let end = self.links[index].end(side);
        let deadline = end.witness.rest(time).map(|deadline| deadline.at.as_micros());
        let Some(deadline) = deadline else {
            self.forget_tick(index, side);
            self.set(index, Source::tick(side), NEVER);
            return;
        };
        let (late, missed) = match end.tick {
            Some(tick) => (tick.late, tick.matters(now)),
            None => {
                let (late, early) = self.plan.tick(index as u16, side, end.ticks);
                if early && deadline > now + 1 {
                    end.early_at = Some(now + (deadline - now) / 2);
                }
                (late, false)
            }
        };
        end.tick = Some(Tick { deadline, late, missed });
        let due = deadline.saturating_add(late).max(off_until);
        let due = end.early_at.map_or(due, |early| early.max(off_until).min(due));
        self.set(index, Source::tick(side), due.max(now));
    }

    /// A session is told the time: because its timer is due, or without need.
    pub(super) fn tick(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        let (time, now) = (self.time(), self.now);
        let off_until = self.links[index].off_until;
        if side == Side::Device && now < off_until {
            self.set(index, Source::tick(side), off_until);
            return Ok(());
        }
        let end = self.links[index].end(side);
        let nth = end.ticks;
        if end.tick.is_some_and(|tick| tick.deadline <= now) {
            self.forget_tick(index, side);
            let end = self.links[index].end(side);
            end.ticks += 1;
            end.early_at = None;
        } else if end.early_at.is_some_and(|early| early <= now) {
            end.early_at = None;
            self.plan.note_tick(index as u16, side, nth, What::EarlyTick);
        }
        self.links[index].end(side).witness.timeout(time)?;
        self.drive(index, side)
    }

    /// The next tick is another one; if this one is late, it has been.
    pub(super) fn forget_tick(&mut self, index: usize, side: Side) {
        let now = self.now;
        let end = self.links[index].end(side);
        if let Some(tick) = end.tick.take()
            && tick.matters(now)
        {
            let what = What::LateTick(Duration::from_micros(tick.late));
            self.plan.note_tick(index as u16, side, end.ticks, what);
        }
    }

    /// Offers what has arrived; whether anything was dealt with.
    fn feed(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let (time, now) = (self.time(), self.now);
        let mut busy = false;
        loop {
            let end = self.links[index].end(side);
            if end.epoch.is_none() || !end.witness.wants_input() {
                return Ok(busy);
            }
            if now < end.slow_until {
                if !end.pipe.arrived.is_empty() {
                    self.plan.effects.count(FaultKind::SlowReader);
                }
                return Ok(busy);
            }
            let Some(first) = end.pipe.arrived.front_mut() else {
                return Ok(busy | self.notice_end(index, side)?);
            };
            let (from, mut to) = (first.taken, first.read);
            if let Manner::Pieces(len) = self.options.manner {
                to = to.min(from + usize::from(len));
            }
            if from == to && !end.stalled {
                return Ok(busy);
            }
            let taken = end.witness.input(time, &first.parcel.flight, from, to)?;
            end.stalled = !end.witness.wants_input();
            end.manners.heard_at = now;
            first.taken += taken.bytes;
            if taken.dealt_with {
                busy = true;
                if let Some(parcel) = end.pipe.dealt_with() {
                    self.dealt_with(index, side, parcel);
                }
            } else if !end.stalled && first.taken < to {
                // A session that hangs up takes no more.
                return Ok(busy);
            }
        }
    }

    /// The other side has closed, and everything it sent was read.
    fn notice_end(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let end = self.links[index].end(side);
        let Some(why) = end.pipe.end.take_if(|_| end.pipe.arrived.is_empty()) else {
            return Ok(false);
        };
        self.disconnect(index, side, why)?;
        Ok(true)
    }

    /// Hands packets over while the connection takes them.
    fn hand_over(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let time = self.time();
        let mut busy = false;
        loop {
            let (end, peer) = self.links[index].both(side);
            if end.epoch.is_none() {
                return Ok(busy);
            }
            if !peer.pipe.has_room() && peer.epoch == end.epoch {
                end.congested = true;
                return Ok(busy);
            }
            let Some(handed) = end.witness.transmit(time, &mut self.out)? else {
                return Ok(busy);
            };
            busy = true;
            end.manners.sent_at = self.now;
            self.depart(index, side, &handed)?;
        }
    }

    fn events(&mut self, index: usize, side: Side) -> Result<bool, Violation> {
        let mut busy = false;
        let (time, place) = (self.time(), self.place(index, side));
        while let Some((event, message)) = self.links[index].end(side).witness.event(time)? {
            busy = true;
            self.tap.event(place, &event);
            self.event(index, side, &event, message)?;
        }
        Ok(busy)
    }

    fn event(
        &mut self,
        index: usize,
        side: Side,
        event: &Event,
        message: Option<u32>,
    ) -> Result<(), Violation> {
        let (time, now) = (self.time(), self.now);
        match event {
            Event::Dial => {
                self.check_wait(index, side)?;
                self.dial(index);
            }
            Event::StateChanged(State::Ready) => self.links[index].end(side).manners.ready(now),
            Event::ConnectFailed(_) => {
                // The application does not give up, and its first wait is none.
                let end = self.links[index].end(side);
                end.manners.asked_again();
                end.witness.connect(time);
            }
            Event::Hangup(why) => {
                self.check_patience(side, self.links[index].end_ref(side), *why)?;
                self.hang_up(index, side)?;
            }
            Event::Readable => self.links[index].end(side).readable = true,
            Event::Writable => self.links[index].end(side).writable = true,
            Event::ClockAsked => {
                self.links[index].end(side).witness.set_wall_clock(time, SITE_TIME);
            }
            Event::Executed { .. } | Event::Acked { .. } | Event::Done { .. } => {
                let record = message.and_then(|it| self.links[index].end(side).records.get(it));
                let Some(record) = record else { return Ok(()) };
                record.done |= matches!(event, Event::Done { .. });
                let record = *record;
                if side == Side::Controller && !record.is_trial {
                    self.tell_event(index, &record, event);
                }
                if let (Event::Done { outcome, receipt, .. }, Side::Controller) = (event, side) {
                    self.command_ended(index, &record, outcome, receipt, now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn dial(&mut self, index: usize) {
        let now = self.now;
        let link = &mut self.links[index];
        let reachable = now >= link.partitioned_until && now >= link.off_until;
        let takes = if reachable { (2 * self.transit).max(1) } else { UNREACHABLE };
        let due = now.saturating_add(takes);
        link.dialling = Some((due, reachable));
        self.set(index, Source::Dial, due);
    }

    /// A connection was made, or could not be.
    pub(super) fn dialled(&mut self, index: usize) -> Result<(), Violation> {
        let (time, now) = (self.time(), self.now);
        self.set(index, Source::Dial, NEVER);
        let dials = self.scenario.topology.dials;
        let link = &mut self.links[index];
        let Some((_, reachable)) = link.dialling.take() else { return Ok(()) };
        if now < link.off_until && dials == Side::Device {
            return Ok(());
        }
        if !reachable || now < link.partitioned_until || now < link.off_until {
            link.end(dials).witness.disconnected(time, Disconnect::Error)?;
            link.end(dials).manners.ended(now, false, 0);
            return self.drive(index, dials);
        }
        link.epoch += 1;
        let epoch = link.epoch;
        for side in [dials, dials.other()] {
            self.clear(index, side);
            let end = self.links[index].end(side);
            end.epoch = Some(epoch);
            end.stalled = false;
            end.congested = false;
            (end.manners.sent_at, end.manners.heard_at) = (now, now);
            end.witness.connected(time, epoch)?;
        }
        for side in [dials, dials.other()] {
            self.drive(index, side)?;
        }
        Ok(())
    }

    /// A session asked for its connection to be closed.
    fn hang_up(&mut self, index: usize, side: Side) -> Result<(), Violation> {
        let due = self.now.saturating_add(self.transit);
        let (end, peer) = self.links[index].both(side);
        let Some(epoch) = end.epoch else { return Ok(()) };
        if peer.epoch == Some(epoch) {
            peer.pipe.close(due, Disconnect::Peer);
        }
        self.schedule_arrival(index, side.other());
        self.disconnect(index, side, Disconnect::Hangup)
    }

    /// The connection is gone, for this side.
    pub(super) fn disconnect(
        &mut self,
        index: usize,
        side: Side,
        why: Disconnect,
    ) -> Result<(), Violation> {
        let time = self.time();
        self.clear(index, side);
        let (now, stable) = (self.now, crate::chaos::micros(self.config(side).redial.stable));
        let end = self.links[index].end(side);
        if end.epoch.take().is_some() {
            let was_ready = end.witness.session().state() == State::Ready;
            end.manners.ended(now, was_ready, stable);
            end.stalled = false;
            end.congested = false;
            end.witness.disconnected(time, why)?;
        }
        Ok(())
    }

    /// Something has changed that no session knows of.
    pub(super) fn wake(&mut self, index: usize) -> Result<(), Violation> {
        self.set(index, Source::Wake, NEVER);
        self.power_on(index)?;
        self.take_in_time(index)?;
        for side in Side::BOTH {
            self.drive(index, side)?;
        }
        Ok(())
    }

    /// When a wake-up is due: an end reads again, or takes messages again, or the device is back, or something that has arrived
    /// must be taken lest it becomes too old.
    pub(super) fn schedule_wake(&mut self, index: usize) {
        let now = self.now;
        let place = index * Source::EACH + Source::Wake as usize;
        if self.agenda.time(place) == now {
            return;
        }
        let link = &self.links[index];
        let mut wake = if link.off_until > now { link.off_until } else { NEVER };
        for (end, lifetime) in [
            (&link.controller, self.lifetime(Side::Device)),
            (&link.device, self.lifetime(Side::Controller)),
        ] {
            for until in [end.slow_until, end.deaf_until] {
                if until > now {
                    wake = wake.min(until);
                }
            }
            if let Some(oldest) = end.pipe.arrived.front() {
                let at = oldest.parcel.flight.handed_at.as_micros() + lifetime - 1;
                wake = wake.min(at.max(now + 1));
            }
        }
        self.agenda.set(place, wake);
    }

    /// How long a copy that this side hands over may travel.
    pub(super) fn lifetime(&self, side: Side) -> u64 {
        crate::chaos::micros(self.config(side).copy_lifetime)
    }
}
