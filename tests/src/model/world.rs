//! Two sides, the links between them, and what the operations do.

use super::end::End;
use super::op::{Ask, Op, Reply, What};
use super::setup::{Setup, Side};
use super::transcript::{Notes, Shown};
use super::wires::Wires;
use super::wires::corrupt;
use super::{Case, Manner, Violation, ensure};
use cync_core::wire::StatusCode;
use cync_core::{CivilTime, Disconnect, Event, Instant, State};
use std::time::Duration;

/// More rounds than any exchange at one instant needs.
const MANY: usize = 10_000;

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) manner: Manner,
    pub(super) now: Instant,
    pub(super) step: usize,
    pub(super) ends: [End; 2],
    pub(super) wires: Wires,
    pub(super) notes: Notes,
    /// Room for a packet.
    pub(super) out: Vec<u8>,
    /// What is done is printed, for whoever sets `TRACE`.
    traced: bool,
}

impl World {
    /// Connects two sessions, lets them greet, and performs a case.
    pub(super) fn performed(case: &Case, manner: Manner, notes: Notes) -> Result<Self, Violation> {
        let watched = manner == Manner::Watched;
        let ends = Side::BOTH.map(|side| End::new(&case.setup, side, watched));
        let mut world = Self {
            setup: case.setup.clone(),
            manner,
            now: Instant::from_micros(1_000_000),
            step: 0,
            ends,
            wires: Wires::default(),
            notes,
            out: Vec::new(),
            traced: std::env::var_os("TRACE").is_some(),
        };
        world.open(Side::Hub, true)?;
        world.exchange()?;
        for (step, op) in case.ops.iter().enumerate() {
            world.step = step;
            let done = world.perform(*op).and_then(|()| world.look());
            done.map_err(|violation| Violation { step, ..violation })?;
        }
        world.step = case.ops.len();
        Ok(world)
    }

    pub(super) const fn watched(&self) -> bool {
        matches!(self.manner, Manner::Watched)
    }

    pub(super) const fn end(&mut self, side: Side) -> &mut End {
        let [hub, lamp] = &mut self.ends;
        match side {
            Side::Hub => hub,
            Side::Lamp => lamp,
        }
    }

    /// A session is told the time. Whatever it is told does not matter if it has been told a later one.
    pub(super) fn tell(&mut self, side: Side) -> Instant {
        let (now, back) = (self.now, self.manner == Manner::TimeGoesBack);
        let end = self.end(side);
        let known = end.told == now;
        end.told = now;
        if back && known { Instant::from_micros(now.as_micros() / 2) } else { now }
    }

    pub(super) fn note(&mut self, side: Side, what: Shown) {
        if self.traced {
            let shown = format!("{what:?}");
            eprintln!("{:?} {} {side:?} {}", self.now, self.step, &shown[..shown.len().min(250)]);
        }
        self.notes.push(self.step, side, what);
    }

    /// What can be seen of the sessions after a step.
    fn look(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            self.end(side).witness.check()?;
            let session = self.end(side).witness.session();
            let (state, next) = (session.state(), session.poll_timeout());
            let levels = [session.queued(), session.in_flight(), session.inbox_len()];
            self.note(side, Shown::Levels(state, next, levels));
        }
        Ok(())
    }

    fn perform(&mut self, op: Op) -> Result<(), Violation> {
        if self.manner == Manner::NeedlessTicks {
            self.tick_needlessly()?;
        }
        match op {
            Op::Exchange => self.exchange()?,
            Op::Wait(ms) => self.wait(Duration::from_millis(ms))?,
            Op::Tick(side) => self.tick(side, None)?,
            Op::TickDue(side, most) => {
                let now = self.now;
                let due = self
                    .end(side)
                    .witness
                    .session()
                    .poll_timeout()
                    .map_or(Instant::MAX, |it| it.at);
                self.wait(due.since(now).min(Duration::from_millis(most)))?;
                self.tick(side, None)?;
            }
            Op::TickBack(side, ms) => {
                let earlier = self.now.as_micros().saturating_sub(ms * 1_000);
                self.tick(side, Some(Instant::from_micros(earlier)))?;
            }
            Op::Send(side, ask) => self.send(side, &ask)?,
            Op::Cancel(side, nth) => self.cancel(side, nth)?,
            Op::HandOver(side, most) => {
                self.hand_over(side, most.into(), true)?;
            }
            Op::Events(side, most) => {
                self.events(side, most.into())?;
                self.send_again(side)?;
            }
            Op::Drive(side) => {
                self.drive(side)?;
            }
            Op::Arrive(side, most) => self.arrive(side, most.into()),
            Op::Offer(side, bytes) => {
                self.end(side).arrived.read(bytes.into());
                self.feed(side)?;
            }
            Op::Hear(side) => {
                self.hear(side)?;
            }
            Op::Lose(side, nth) => {
                self.pick(side, nth);
            }
            Op::Duplicate(side, nth) => {
                if let Some((at, packet)) = self.pick(side, nth) {
                    self.under_way(side, |packets| {
                        packets.insert(at, packet.clone());
                        packets.push_back(packet);
                    });
                }
            }
            Op::Reorder(side, nth) => {
                if let Some((_, packet)) = self.pick(side, nth) {
                    self.under_way(side, |packets| packets.push_back(packet));
                }
            }
            Op::Corrupt(side, nth) => {
                if let Some((at, mut packet)) = self.pick(side, nth) {
                    corrupt(&mut packet);
                    self.under_way(side, |packets| packets.insert(at, packet));
                }
            }
            Op::Forge(side, forged) => self.forge(side, forged),
            Op::Recv(side, reply) => {
                self.recv(side, reply)?;
            }
            Op::Answer(side, nth, reply) => {
                let taken = self.end(side).taken.len();
                if let Some(at) = usize::from(nth).checked_rem(taken) {
                    self.reply(side, at, reply)?;
                }
            }
            Op::Cut(side, why) => self.cut(side, why)?,
            Op::Connect { side, both } => self.open(side, both)?,
            Op::Accept(side) => {
                if let Some(newest) = self.wires.newest()
                    && self.end(side).last_wire < Some(newest)
                {
                    self.attach(side, newest)?;
                }
            }
            Op::Dial(side) => {
                let now = self.tell(side);
                let end = self.end(side);
                let state = end.witness.session().state();
                end.dials |= !matches!(state, State::Closed | State::Draining);
                end.witness.connect(now);
            }
            Op::Fail(side, most) => self.end(side).unreachable = most,
            Op::Ping(side) => {
                let now = self.tell(side);
                let pinged = self.end(side).witness.ping(now);
                self.note(side, Shown::Pinged(pinged));
            }
            Op::WallClock(side) => self.tell_wall_clock(side),
            Op::Purge(side) => {
                let now = self.tell(side);
                let purged = self.end(side).witness.purge(now);
                self.note(side, Shown::Purged(purged));
            }
            Op::Close(side) => self.close(side),
        }
        Ok(())
    }

    /// Time passes. What travels longer than a copy can is lost; what has arrived by then is taken.
    pub(super) fn wait(&mut self, time: Duration) -> Result<(), Violation> {
        let until = self.now + time;
        // It arrives sooner than that.
        let lifetime = Duration::from_millis(self.setup.copy_lifetime) - Duration::from_micros(1);
        loop {
            let handed_at = |end: &End| end.arrived.packets.iter().map(|it| it.1.handed_at).min();
            let oldest = self.ends.iter().filter_map(handed_at).min();
            let Some(at) = oldest.map(|at| at + lifetime).filter(|at| *at < until) else { break };
            self.now = self.now.max(at);
            self.make_room()?;
        }
        self.now = until;
        let before = until.as_micros().saturating_sub(lifetime.as_micros() as u64);
        self.wires.lose_old(Instant::from_micros(before));
        Ok(())
    }

    /// Both sides take what has arrived, whatever it takes.
    fn make_room(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            for round in 0.. {
                self.end(side).arrived.read(usize::MAX);
                self.feed(side)?;
                if self.end(side).arrived.packets.is_empty() {
                    break;
                }
                let took = self.recv_all(side)? | (self.hand_over(side, usize::MAX, false)? > 0);
                // Half a packet, or a connection that takes nothing any more.
                if !took {
                    let end = self.end(side);
                    end.arrived = super::wires::Arrived::default();
                    self.cut(side, Disconnect::Error)?;
                    break;
                }
                ensure!(round < MANY, "S6", "nothing is taken by {side:?}");
            }
        }
        Ok(())
    }

    fn tick_needlessly(&mut self) -> Result<(), Violation> {
        for side in Side::BOTH {
            let now = self.now;
            let end = self.end(side);
            if end.witness.session().poll_timeout().is_none_or(|deadline| deadline.at > now) {
                end.told = now;
                end.witness.timeout(now)?;
            }
        }
        Ok(())
    }

    pub(super) fn tick(&mut self, side: Side, at: Option<Instant>) -> Result<(), Violation> {
        let (now, before) = (self.now, self.end(side).told);
        let told = match at {
            Some(earlier) if earlier < before && self.manner == Manner::TimeGoesBack => before,
            Some(earlier) => {
                self.end(side).told = before.max(earlier);
                earlier
            }
            None => self.tell(side),
        };
        ensure!(self.end(side).told <= now, "C5", "the model's own time");
        Ok(self.end(side).witness.timeout(told)?)
    }

    pub(super) fn send(&mut self, side: Side, ask: &Ask) -> Result<(), Violation> {
        let time = self.tell(side);
        let end = self.end(side);
        let asked = ask.asked(side, end.witness.accepted());
        let result = end.witness.send(time, &asked)?.map(|(id, _)| id);
        end.ids.extend(result);
        self.note(side, Shown::Sent(*ask, result));
        Ok(())
    }

    fn cancel(&mut self, side: Side, nth: u8) -> Result<(), Violation> {
        let ids = self.end(side).ids.len();
        let Some(at) = usize::from(nth).checked_rem(ids) else { return Ok(()) };
        let time = self.tell(side);
        let end = self.end(side);
        let id = end.ids[end.ids.len() - 1 - at];
        // `cancel` is not told the time.
        end.witness.purge(time);
        let cancelled = end.witness.cancel(time, id)?;
        self.note(side, Shown::Cancelled(id, cancelled));
        Ok(())
    }

    /// Takes events; returns how many there were. What they ask of a driver is done.
    pub(super) fn events(&mut self, side: Side, most: usize) -> Result<usize, Violation> {
        let mut count = 0;
        while count < most
            && let Some((event, _)) = self.end(side).witness.event()?
        {
            count += 1;
            self.event(side, event)?;
        }
        if self.end(side).witness.hangup().is_some() {
            // A session that has hung up hands nothing over, whatever its driver does.
            let handed_over = self.hand_over(side, usize::MAX, false)?;
            ensure!(handed_over == 0, "S10", "{handed_over} packets after a hang-up");
            self.cut(side, Disconnect::Hangup)?;
        }
        Ok(count)
    }

    fn event(&mut self, side: Side, event: Event) -> Result<(), Violation> {
        self.note(side, Shown::Told(event));
        match event {
            Event::Done { id, outcome, receipt } => {
                self.end(side).done.insert(id, (outcome, receipt));
            }
            Event::Dial => {
                let end = self.end(side);
                end.dial_asked = end.unreachable == 0;
                if end.unreachable > 0 {
                    end.unreachable -= 1;
                    self.cut(side, Disconnect::Error)?;
                }
            }
            Event::ConnectFailed(_) => self.end(side).dials = false,
            Event::Writable => {
                let end = self.end(side);
                end.writable = end.witness.room();
            }
            _ => {}
        }
        Ok(())
    }

    /// S6: what was refused is sent once there is said to be room; whether there was anything.
    fn send_again(&mut self, side: Side) -> Result<bool, Violation> {
        let Some(len) = self.end(side).writable.take() else { return Ok(false) };
        let before = self.end(side).ids.len();
        // It needs no more room than what was refused.
        self.send(side, &Ask::of(What::Frame(len.min(2_000) as u16)))?;
        let taken = self.end(side).ids.len() > before;
        ensure!(taken, "S6", "{len} bytes are refused though there is room");
        Ok(true)
    }

    /// Hands everything over and takes all events, or the other way round; whether there was anything.
    pub(super) fn drive(&mut self, side: Side) -> Result<bool, Violation> {
        for round in 0.. {
            let first = match self.manner {
                Manner::EventsFirst => self.events(side, usize::MAX)?,
                _ => 0,
            };
            let handed_over = self.hand_over(side, usize::MAX, false)?;
            let busy = first + handed_over + self.events(side, usize::MAX)?;
            if busy == 0 && !self.send_again(side)? {
                return Ok(round > 0);
            }
            ensure!(round < MANY, "L3", "{side:?} never falls silent");
        }
        Ok(false)
    }

    /// A good moment.
    pub(super) fn exchange(&mut self) -> Result<(), Violation> {
        for round in 0.. {
            let mut busy = false;
            for side in Side::BOTH {
                if self.end(side).dial_asked {
                    self.open(side, true)?;
                }
                busy |= self.turn(side)?;
                busy |= self.end(side).dial_asked;
            }
            if !busy {
                break;
            }
            ensure!(round < MANY, "L3", "the two never fall silent");
        }
        Ok(())
    }

    /// Everything that a prompt driver and a prompt application do at one instant.
    pub(super) fn turn(&mut self, side: Side) -> Result<bool, Violation> {
        self.notice_end(side)?;
        let mut busy = self.hear(side)?;
        busy |= self.recv_all(side)?;
        let now = self.now;
        if self
            .end(side)
            .witness
            .session()
            .poll_timeout()
            .is_some_and(|deadline| deadline.at <= now)
        {
            self.tick(side, None)?;
            busy = true;
        }
        Ok(busy | self.drive(side)?)
    }

    /// A connection that the other side has left is closed, once everything arrived.
    fn notice_end(&mut self, side: Side) -> Result<(), Violation> {
        let Some(wire) = self.end(side).wire else { return Ok(()) };
        let left = self.end(side.other()).wire != Some(wire);
        // It may not have accepted it yet.
        let gone = left
            && self.end(side.other()).wire.is_none_or(|other| other > wire)
            && self.wires.newest() != Some(wire);
        if gone && self.wires.to(wire, side).is_empty() {
            self.cut(side, Disconnect::Peer)?;
        }
        Ok(())
    }

    /// Takes every message, executes and reports what is a request.
    pub(super) fn recv_all(&mut self, side: Side) -> Result<bool, Violation> {
        for count in 0.. {
            if !self.recv(side, Reply::Report(0))? {
                return Ok(count > 0);
            }
        }
        Ok(false)
    }

    fn tell_wall_clock(&mut self, side: Side) {
        let now = self.tell(side);
        let civil = CivilTime {
            year: 2025,
            month: 6,
            day: 1,
            weekday_sunday1: 1,
            hour: 12,
            minute: 30,
            second: 0,
            utc_offset_centihours: -600,
        };
        self.end(side).witness.set_wall_clock(now, civil);
    }

    /// A new connection.
    pub(super) fn open(&mut self, side: Side, both: bool) -> Result<(), Violation> {
        let in_use = self.ends.each_ref().map(|end| end.wire);
        let wire = self.wires.open(in_use);
        self.attach(side, wire)?;
        if both {
            self.attach(side.other(), wire)?;
        }
        Ok(())
    }

    fn attach(&mut self, side: Side, wire: u32) -> Result<(), Violation> {
        let time = self.tell(side);
        let end = self.end(side);
        end.witness.connected(time, wire)?;
        end.reset(Some(wire));
        Ok(())
    }

    /// The connection is gone, for this side.
    pub(super) fn cut(&mut self, side: Side, why: Disconnect) -> Result<(), Violation> {
        let time = self.tell(side);
        let end = self.end(side);
        end.witness.disconnected(time, why)?;
        end.reset(None);
        self.note(side, Shown::Disconnected(why));
        Ok(())
    }

    fn close(&mut self, side: Side) {
        let time = self.tell(side);
        let end = self.end(side);
        end.witness.close(time);
        end.dials = false;
        end.dial_asked = false;
    }

    /// The packet of the message that `side` handed over so many messages ago.
    pub(super) fn sent_ago(&mut self, side: Side, ago: u8) -> Option<&[u8]> {
        self.end(side).sent.values().rev().nth(ago.into()).map(Vec::as_slice)
    }
}

/// A status as it is reported.
pub(super) const fn status(reply: Reply) -> Option<(StatusCode, bool)> {
    match reply {
        Reply::None => None,
        Reply::Report(status) => Some((StatusCode(status), true)),
        Reply::Respond(status) => Some((StatusCode(status), false)),
    }
}
